"""Requests and forms that others may send without a token.

Source: https://docs.openstack.org/swift/latest/api/temporary_url_middleware.html,
https://docs.openstack.org/swift/latest/api/form_post_middleware.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aiostorage._http.headers import header_text
from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.models import PresignedPost, PresignedRequest, check_lifetime
from aiostorage.providers.swift import requests
from aiostorage.providers.swift.signing import Form, TempURL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from aiostorage._http.client import HTTPClient
    from aiostorage._http.credentials import CredentialCache
    from aiostorage.models import PresignOptions
    from aiostorage.providers.swift.config import Settings
    from aiostorage.providers.swift.tokens import SwiftToken

METHODS: Final = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
KEY_NAMES: Final = ("temp-url-key", "temp-url-key-2")

_KEY_LASTS_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPost:
    """What a form may store; see :meth:`~aiostorage.providers.swift.backend.SwiftBackend.form_post`.

    Attributes:
        expires_in_s: How long it shall work.
        max_bytes: The most bytes of the file.
        redirect: Where the browser goes afterwards; empty for nowhere.
    """

    expires_in_s: float = 3600
    max_bytes: int = 5 << 30
    redirect: str = ""


class Presigner:
    """Signs with the key of the options, else that of the account or the container, which is asked for once a minute.

    Args:
        http: Sends requests.
        credentials: Where the account is.
        settings: The options.
        digests: The digests that the cluster takes, the best one first; empty if it knows of no signatures.
    """

    def __init__(
        self,
        http: HTTPClient[SwiftToken],
        credentials: CredentialCache[SwiftToken],
        settings: Settings,
        digests: Callable[[], Sequence[str]],
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._settings = settings
        self._digests = digests
        self._keys: dict[str | None, tuple[str, float]] = {}

    async def request(
        self,
        method: str,
        container: str,
        key: str,
        options: PresignOptions,
        *,
        prefix: str | None = None,
        ip_range: str | None = None,
        filename: str | None = None,
        is_inline: bool = False,
    ) -> PresignedRequest:
        """A signed request."""
        if method not in METHODS:
            raise InvalidArgumentError(f"{method} requests cannot be presigned", provider="swift")
        if prefix is not None and not key.startswith(prefix):
            raise InvalidArgumentError("the key does not begin with the prefix", provider="swift")
        if options.version_id is not None:  # the cluster drops the parameter, and serves the latest
            raise UnsupportedError("a version cannot be presigned", provider="swift", operation="presign")
        for name, value in options.response_headers.items():
            if (name.lower(), value) != ("content-disposition", "inline"):  # a filename the cluster would rewrite
                raise UnsupportedError(f"{name} of an answer cannot be chosen here", provider="swift")
            filename, is_inline = None, True
        parameters = [("inline", "")] if is_inline else []
        if filename is not None:
            parameters.append(("filename", filename))
        digest, expires_at = self._digest(), self._end(options.expires_in_s)
        url = TempURL(
            method=method,
            url=await self._url(container, key),
            expires=int(expires_at.timestamp()),
            prefix=prefix,
            ip_range=ip_range,
            parameters=tuple(parameters),
        )
        signed = url.signed(await self._key(container), digest)
        sent = {name.lower(): header_text(name, value) for name, value in options.headers.items()}
        return PresignedRequest(method=method, url=signed, headers=sent, expires_at=expires_at)

    async def form(self, container: str, prefix: str, form: FormPost) -> PresignedPost:
        """A signed form."""
        expires_at = self._end(form.expires_in_s)
        url = await self._url(container, prefix)
        signed = Form(url=url, expires=int(expires_at.timestamp()), max_bytes=form.max_bytes, redirect=form.redirect)
        fields = signed.signed(await self._key(container), self._digest())
        return PresignedPost(url=url, fields=fields, expires_at=expires_at)

    def forget_keys(self) -> None:
        """A key was changed."""
        self._keys.clear()

    def _digest(self) -> str:
        digests = self._digests()
        if not digests:
            raise UnsupportedError("the cluster has no signed requests", provider="swift", operation="presign")
        return self._settings.temp_url_digest or digests[0]

    def _end(self, expires_in_s: float) -> datetime:
        check_lifetime(expires_in_s)
        return self._http.now().replace(microsecond=0) + timedelta(seconds=int(expires_in_s))

    async def _url(self, container: str, key: str) -> str:
        return (await self._credentials.get()).storage_url + requests.path_of(container, key)

    async def _key(self, container: str) -> str:
        if self._settings.temp_url_key is not None:
            return self._settings.temp_url_key
        for of, request in ((None, requests.head_account()), (container, requests.head_container(container))):
            found, until = self._keys.get(of, ("", 0.0))
            if time.monotonic() >= until:
                found = _key_in((await self._http.send(request)).headers)
                self._keys[of] = found, time.monotonic() + _KEY_LASTS_S
            if found:
                return found
        raise UnsupportedError(
            "neither the account nor the container has a key to sign with; set_temp_url_key() sets one",
            provider="swift",
            operation="presign",
        )


def _key_in(headers: Mapping[str, str]) -> str:
    named = [headers.get(f"x-{of}-meta-{name}", "") for of in ("account", "container") for name in KEY_NAMES]
    return next((key for key in named if key), "")

"""Signed requests (TempURL), and the token on all others. Pure: no clock, no I/O.

Source: https://docs.openstack.org/swift/latest/api/temporary_url_middleware.html
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlencode, urlsplit

from aiostorage._http.messages import Wire
from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.providers.swift.requests import ACCOUNT, DELIVERY

if TYPE_CHECKING:
    from datetime import datetime

    from aiostorage._http.messages import Request
    from aiostorage.providers.swift.tokens import SwiftToken


def sign(request: Request, token: SwiftToken | None, _now: datetime) -> Wire:
    """The request at the account's URL, or that of its CDN, with the token. What is neither gets none.

    Raises:
        UnsupportedError: The account has no CDN that the token may be sent to.
    """
    if token is None or not request.url.startswith((ACCOUNT, DELIVERY)):
        return Wire(request.url, request.headers)
    headers = {**request.headers, "x-auth-token": token.value} if token.value else request.headers
    if request.url.startswith(DELIVERY):
        if token.cdn_url is None:
            why = "the account has no CDN, or none by https; cdn_management_url names one"
            raise UnsupportedError(why, provider="swift", operation="cdn")
        return Wire(token.cdn_url + request.url.removeprefix(DELIVERY), headers)
    below = request.url.removeprefix(ACCOUNT)
    return Wire(token.storage_url + (below[1:] if below[1:2] in {"", "?"} else below), headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class TempURL:
    """What is allowed to whoever holds a signed URL.

    Attributes:
        method: HTTP method. Who may ``GET`` or ``PUT`` may also ``HEAD``.
        url: The URL of the object, encoded.
        expires: Unix time until which it works.
        prefix: A beginning of keys: the signature holds for all that begin so. None for one object.
        ip_range: An address, or a range like ``10.0.0.0/8``, from which alone it works.
        parameters: Further parameters: ``filename`` and ``inline`` say what browsers do with the object.
    """

    method: str
    url: str
    expires: int
    prefix: str | None = None
    ip_range: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()

    def signed(self, key: str, digest: str) -> str:
        """The URL, signed.

        Args:
            key: The account's or the container's key.
            digest: ``sha1``, ``sha256`` or ``sha512``.
        """
        query = [("temp_url_sig", _signature(key, self.text(), digest)), ("temp_url_expires", str(self.expires))]
        if self.prefix is not None:
            query.append(("temp_url_prefix", self.prefix))
        if self.ip_range is not None:
            query.append(("temp_url_ip_range", self.ip_range))
        return f"{self.url}?{urlencode([*query, *self.parameters])}"

    def text(self) -> str:
        """What the signature covers: the path is not encoded there.

        Raises:
            InvalidArgumentError: The URL is no object's.
        """
        path = unquote(urlsplit(self.url).path)
        parts = path.split("/", 4)
        if len(parts) != 5:
            raise InvalidArgumentError("the account's URL does not look like https://host/v1/account", provider="swift")
        if self.prefix is not None:
            path = f"prefix:{'/'.join(parts[:4])}/{self.prefix}"
        address = "" if self.ip_range is None else f"ip={self.ip_range}\n"
        return f"{address}{self.method}\n{self.expires}\n{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a browser may post.

    Attributes:
        url: Where to; the name of the user's file is added to it.
        expires: Unix time until which it works.
        max_bytes: The most bytes of the file.
        redirect: Where the browser goes afterwards; empty for nowhere.

    Source: https://docs.openstack.org/swift/latest/api/form_post_middleware.html
    """

    url: str
    expires: int
    max_bytes: int
    redirect: str = ""

    def signed(self, key: str, digest: str) -> dict[str, str]:
        """The fields of the form."""
        path = unquote(urlsplit(self.url).path)
        text = f"{path}\n{self.redirect}\n{self.max_bytes}\n1\n{self.expires}"
        fields = {"redirect": self.redirect} if self.redirect else {}
        return {
            **fields,
            "max_file_size": str(self.max_bytes),
            "max_file_count": "1",
            "expires": str(self.expires),
            "signature": _signature(key, text, digest),
        }


def _signature(key: str, text: str, digest: str) -> str:
    """Hexadecimal for the shorter ones: servers have known it the longest."""
    mac = hmac.new(key.encode(), text.encode(), digest)
    if digest != "sha512":
        return mac.hexdigest()
    return f"sha512:{urlsafe_b64encode(mac.digest()).decode().rstrip('=')}"

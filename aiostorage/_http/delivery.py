"""Content delivery that every provider can have: a public URL in front of a container."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from aiostorage._http.canonical import quote_key, quote_text
from aiostorage.errors import InvalidArgumentError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiostorage.models import CDNPolicy, PresignedRequest, SignedCookies

CONTAINER = "{container}"

_BASE_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~%+-]+)*")


def check_base_url(base_url: str) -> str:
    """A URL that the names of objects can follow, without a slash at its end.

    ``{container}`` in it stands for the name of the container.

    Raises:
        InvalidArgumentError: It is none, or has a query, a user or something else that does not belong there.
    """
    base_url = base_url.rstrip("/")
    if not _BASE_URL.fullmatch(base_url.replace(CONTAINER, "x")):  # which is left out of the message for a password
        raise InvalidArgumentError("the URL of a CDN looks like https://host/path, and no more")
    return base_url


class PublicCDN:
    """A CDN, or whatever else serves the container in public, of which only the URL is known.

    Args:
        provider: Name for errors.
        container: Name of the container.
        base_url: From :func:`check_base_url`.
    """

    def __init__(self, provider: str, container: str, base_url: str) -> None:
        self._provider = provider
        self.base_url: str = base_url.replace(CONTAINER, quote_text(container))

    def url(self, key: str) -> str:
        """The public URL of an object."""
        return f"{self.base_url}/{quote_key(key)}"

    async def signed_url(self, key: str, policy: CDNPolicy) -> PresignedRequest:
        """Refused: there is nothing to sign with."""
        self._refuse("signed_url", "signed URLs")

    async def signed_cookies(self, key: str | None, policy: CDNPolicy) -> SignedCookies:
        """Refused: there is nothing to sign with."""
        self._refuse("signed_cookies", "signed cookies")

    async def purge(self, keys: Sequence[str], *, prefixes: Sequence[str]) -> None:
        """Refused: there is nobody to ask."""
        self._refuse("purge", "purging")

    def _refuse(self, operation: str, what: str) -> NoReturn:
        raise UnsupportedError(f"the CDN is not set up for {what}", provider=self._provider, operation=operation)

"""Cloud CDN in front of containers: its URLs, signed by a key that both know, and purging.

Source: https://cloud.google.com/cdn/docs/using-signed-urls
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aiostorage._http.canonical import quote_key, quote_text
from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.models import PresignedRequest
from aiostorage.providers.gcs.requests import JSON_TYPE, json_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiostorage.providers.gcs.config import Settings

COMPUTE_URL = "https://compute.googleapis.com"


class CloudCDN:
    """Content delivery for one container.

    Args:
        settings: URL and key.
        container: Name of the container.
        now: The time.
        purge: Sends the requests that purge; it gets a function from a project to a request.
    """

    def __init__(
        self,
        settings: Settings,
        container: str,
        *,
        now: Callable[[], datetime],
        purge: Callable[[Callable[[str], Request]], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._now = now
        self._purge = purge
        self._base = (settings.cdn_url or "").rstrip("/").replace("{container}", quote_text(container))

    def url(self, key: str) -> str:
        """The public URL of an object."""
        return f"{self._base}/{quote_key(key)}"

    async def signed_url(self, key: str, *, expires_in_s: float) -> PresignedRequest:
        """A URL that works for whoever holds it, for a while; it takes effect where the CDN demands signatures.

        Raises:
            UnsupportedError: There is no key to sign with.
        """
        name, secret = self._settings.cdn_key_name, self._settings.cdn_key
        if name is None or secret is None:
            raise UnsupportedError("signed URLs need cdn_key and cdn_key_name", provider="gcs", operation="cdn")
        if not expires_in_s >= 1:
            raise InvalidArgumentError("a signed URL lives for a second at least", provider="gcs")
        expires_at = self._now() + timedelta(seconds=int(expires_in_s))
        url = sign_url(self.url(key), name, secret, int(expires_at.timestamp()))
        return PresignedRequest(
            method="GET", url=url, expires_at=datetime.fromtimestamp(int(expires_at.timestamp()), UTC)
        )

    async def purge(self, keys: Sequence[str]) -> None:
        """Drop cached copies of these objects at the edge. It takes effect within about ten seconds.

        Raises:
            UnsupportedError: The load balancer's URL map is not known.
        """
        if self._settings.cdn_url_map is None:
            raise UnsupportedError("purging needs cdn_url_map and a project", provider="gcs", operation="cdn")
        for key in keys:
            await self._purge(self._purging(key, self._settings.cdn_url_map))

    def _purging(self, key: str, url_map: str) -> Callable[[str], Request]:
        path = "/" + self.url(key).partition("://")[2].partition("/")[2]

        def request(project: str) -> Request:
            return Request(
                operation="purge",
                method="POST",
                url=f"{COMPUTE_URL}/compute/v1/projects/{quote_text(project)}/global/urlMaps/{quote_text(url_map)}"
                "/invalidateCache",
                headers={"content-type": JSON_TYPE},
                body=json_body({"path": path}),
                key=key,
            )

        return request


def sign_url(url: str, key_name: str, key: str, expires_at_s: int) -> str:
    """A URL signed with a key of Cloud CDN.

    Args:
        url: Absolute, and encoded.
        key_name: Name of the key.
        key: The key, 16 bytes as base64url.
        expires_at_s: When it stops to work, in seconds since 1970.

    Raises:
        InvalidArgumentError: The key is none.

    Source: https://cloud.google.com/cdn/docs/using-signed-urls#programmatically_creating_signed_urls
    """
    try:
        secret = urlsafe_b64decode(key + "=" * (-len(key) % 4))
    except ValueError:
        secret = b""
    if not secret:
        raise InvalidArgumentError("cdn_key is a key in base64url", provider="gcs")
    unsigned = f"{url}{'&' if '?' in url else '?'}Expires={expires_at_s}&KeyName={quote_text(key_name)}"
    signature = urlsafe_b64encode(hmac.digest(secret, unsigned.encode(), "sha1")).decode()
    return f"{unsigned}&Signature={signature}"

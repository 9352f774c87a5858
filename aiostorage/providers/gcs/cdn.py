"""Cloud CDN in front of containers: its URLs and cookies, signed by a key that both know, and purging.

Source: https://cloud.google.com/cdn/docs/using-signed-urls,
https://cloud.google.com/cdn/docs/using-signed-cookies
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiostorage._http.canonical import quote_text
from aiostorage._http.delivery import PublicCDN
from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.models import PresignedRequest, SignedCookies
from aiostorage.providers.gcs.distribution import COMPUTE_URL
from aiostorage.providers.gcs.requests import JSON_TYPE, json_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiostorage.models import CDNPolicy
    from aiostorage.providers.gcs.distribution import CloudCDN


class CloudCDNDelivery(PublicCDN):
    """Cloud CDN in front of one container.

    Args:
        container: Name of the container.
        distribution: The load balancer.
        now: The time.
        purge: Sends a request that it makes from the project.
    """

    def __init__(
        self,
        container: str,
        distribution: CloudCDN,
        *,
        now: Callable[[], datetime],
        purge: Callable[[Callable[[str], Request]], Awaitable[None]],
    ) -> None:
        super().__init__("gcs", container, distribution.base_url)
        self._distribution = distribution
        self._now = now
        self._send = purge

    async def signed_url(self, key: str, policy: CDNPolicy) -> PresignedRequest:
        """A URL that works for a while, where the CDN demands signatures."""
        name, secret = self._distribution.key_name, self._distribution.key
        if name is None or secret is None:
            return await super().signed_url(key, policy)
        until = self._until(policy)
        url = self.url(key)
        if policy.prefix is None:
            signed = sign_url(url, name, secret, until)
        else:
            signed = f"{url}?{_signed(_prefix(self.url(policy.prefix), name, until), secret, '&')}"
        return PresignedRequest(method="GET", url=signed, expires_at=datetime.fromtimestamp(until, UTC))

    async def signed_cookies(self, key: str | None, policy: CDNPolicy) -> SignedCookies:
        """A cookie that opens all URLs that begin with one: also what follows the name of a single object."""
        name, secret = self._distribution.key_name, self._distribution.key
        if name is None or secret is None:
            return await super().signed_cookies(key, policy)
        until = self._until(policy)
        url = self.url((policy.prefix or "") if key is None else key)
        parts = urlsplit(url)
        value = _signed(_prefix(url, name, until).replace("&", ":"), secret, ":")
        return SignedCookies(
            cookies={"Cloud-CDN-Cookie": value},
            host=parts.hostname or "",
            path=parts.path[: parts.path.rindex("/") + 1] if key is None else parts.path,
            is_secure=parts.scheme == "https",
            expires_at=datetime.fromtimestamp(until, UTC),
        )

    async def purge(self, keys: Sequence[str], *, prefixes: Sequence[str]) -> None:
        """Have copies dropped, with one request for each; about 500 in a minute are allowed."""
        url_map = self._distribution.url_map
        if url_map is None:
            await super().purge(keys, prefixes=prefixes)
            return
        for name, end in [*((key, "") for key in keys), *((prefix, "*") for prefix in prefixes)]:
            await self._send(self._purging(url_map, urlsplit(self.url(name)).path + end))

    def _purging(self, url_map: str, path: str) -> Callable[[str], Request]:
        endpoint = (self._distribution.endpoint or COMPUTE_URL).rstrip("/")

        def request(project: str) -> Request:
            return Request(
                operation="purge",
                method="POST",
                url=f"{endpoint}/compute/v1/projects/{quote_text(project)}/global/urlMaps/{url_map}/invalidateCache",
                headers={"content-type": JSON_TYPE},
                body=json_body({"path": path}),
            )

        return request

    def _until(self, policy: CDNPolicy) -> int:
        if policy.starts_at is not None or policy.ip_range is not None:
            raise UnsupportedError(
                "Cloud CDN signs neither a beginning nor addresses", provider="gcs", operation="signed_url"
            )
        return int(self._now().timestamp()) + int(policy.expires_in_s)


def sign_url(url: str, key_name: str, key: str, until_s: int) -> str:
    """A URL signed with a key of Cloud CDN.

    Args:
        url: Absolute, and encoded.
        key_name: Name of the key.
        key: The key, 16 bytes as base64url.
        until_s: When it stops to work, in seconds since 1970.

    Raises:
        InvalidArgumentError: The key is none.

    Source: https://cloud.google.com/cdn/docs/using-signed-urls#programmatically_creating_signed_urls
    """
    return _signed(f"{url}{'&' if '?' in url else '?'}Expires={until_s}&KeyName={key_name}", key, "&")


def _prefix(url: str, key_name: str, until_s: int) -> str:
    return f"URLPrefix={urlsafe_b64encode(url.encode()).decode()}&Expires={until_s}&KeyName={key_name}"


def _signed(text: str, key: str, separator: str) -> str:
    try:
        secret = urlsafe_b64decode(key + "=" * (-len(key) % 4))
    except ValueError:
        secret = b""
    if not secret:
        raise InvalidArgumentError("the key of Cloud CDN is none in base64url", provider="gcs")
    signature = urlsafe_b64encode(hmac.digest(secret, text.encode(), "sha1")).decode()
    return f"{text}{separator}Signature={signature}"

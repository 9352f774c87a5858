"""Content delivery for the containers of an account: any public URL, or the CDN of the account itself.

Swift has none. Some providers put one beside it, which is told what to deliver, and says where, in
headers of containers at a URL of its own.

Source: https://docs-ospc.rackspace.com/cloud-files/v1/cdn-api-reference/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiostorage._http.delivery import PublicCDN, check_base_url
from aiostorage.errors import NotFoundError, UnsupportedError
from aiostorage.providers.swift import requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiostorage._http.client import HTTPClient
    from aiostorage.backend import CDN
    from aiostorage.providers.swift.tokens import SwiftToken


class AccountCDN(PublicCDN):
    """The CDN of an account, for a container that it delivers.

    Args:
        http: Sends requests.
        container: Name of the container.
        base_url: What the CDN calls it.
    """

    def __init__(self, http: HTTPClient[SwiftToken], container: str, base_url: str) -> None:
        super().__init__("swift", container, base_url)
        self._http = http
        self._container = container

    async def purge(self, keys: Sequence[str], *, prefixes: Sequence[str]) -> None:
        """Have the edges drop their copies of objects; few in a day, the provider counts them."""
        if prefixes:
            self._refuse("purge", "purging all objects of a prefix")
        for key in keys:
            await self._http.send(requests.purge(self._container, key))


class Delivery:
    """The CDNs of an account.

    Args:
        http: Sends requests.
        option: As in :class:`~aiostorage.providers.swift.config.SwiftOptions`.
    """

    def __init__(self, http: HTTPClient[SwiftToken], option: str | Mapping[str, str] | None) -> None:
        self._http = http
        self._named = dict(option) if isinstance(option, Mapping) else {}
        self._other = option if isinstance(option, str) else None
        self._enabled: dict[str, str] = {}
        for base_url in [*self._named.values(), self._other]:
            if base_url is not None:
                check_base_url(base_url)

    @property
    def is_configured(self) -> bool:
        """Whether any container has a public URL by the options."""
        return bool(self._named) or self._other is not None

    def of(self, container: str) -> CDN:
        """The CDN of a container.

        Raises:
            UnsupportedError: It has none, as far as is known.
        """
        base_url = self._named.get(container, self._other)
        if base_url is not None:
            return PublicCDN("swift", container, check_base_url(base_url))
        if container in self._enabled:
            return AccountCDN(self._http, container, self._enabled[container])
        raise UnsupportedError(
            "no CDN is configured for the container; read_cdn() asks that of the account, where it has one",
            provider="swift",
            operation="cdn",
        )

    async def enable(self, container: str, ttl_s: int | None) -> CDN:
        """Have a container delivered, and say where."""
        await self._http.send(requests.enable_cdn(container, ttl_s=ttl_s))
        return await self.read(container)

    async def disable(self, container: str) -> None:
        """Have a container delivered no more."""
        await self._http.send(requests.disable_cdn(container))
        self._enabled.pop(container, None)

    async def read(self, container: str) -> CDN:
        """Ask whether a container is delivered, and where."""
        self._enabled.pop(container, None)
        try:
            headers = (await self._http.send(requests.head_cdn(container))).headers
        except NotFoundError:
            return self.of(container)
        base_url = headers.get("x-cdn-ssl-uri") or headers.get("x-cdn-uri")
        if headers.get("x-cdn-enabled", "").lower() == "true" and base_url:
            self._enabled[container] = check_base_url(base_url)
        return self.of(container)

"""Links: requests that others may send, and content delivery."""

from __future__ import annotations

import asyncio
import http.client
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from aiostorage.errors import UnsupportedError
from aiostorage.testing._themes.base import ContractBase, Deviation
from aiostorage.testing._themes.watch import at_once

if TYPE_CHECKING:
    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.models import PresignedRequest
    from aiostorage.testing.witness import Witness

KEY = "a b/é+%41&=?#.txt"


class Links(ContractBase):
    """Links: requests that others may send, and content delivery."""

    async def test_where_requests_cannot_be_signed(self, driver: Driver, container: Container) -> None:
        """That is said at once."""
        if not driver.capabilities.presign:
            for method in ("GET", "PUT"):
                with pytest.raises(UnsupportedError):
                    at_once(container.object("key").presign(method))

    async def test_a_request_to_read(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Whoever holds it can read this object, and no other."""
        if not driver.capabilities.presign:
            return
        await witness.put(container.name, KEY, b"content")
        await witness.put(container.name, "other", b"secret")
        request = await container.object(KEY).presign()
        assert request.method == "GET"
        assert await send(request) == (200, b"content")
        assert request.url not in repr(request)
        assert request.expires_at - datetime.now(UTC) <= timedelta(hours=1)
        other = urlsplit((await container.object("other").presign()).url).path
        status, body = await send(request, url=urlsplit(request.url)._replace(path=other).geturl())
        if self.deviates(Deviation.UNCHECKED_LINKS):
            assert (status, body) == (200, b"secret")
            return
        assert status >= 400
        assert b"secret" not in body
        assert (await send(request, method="DELETE"))[0] >= 400
        assert await witness.get(container.name, KEY) == b"content"

    async def test_a_request_to_write(self, driver: Driver, container: Container, witness: Witness) -> None:
        """The headers that were signed must be sent, and then hold."""
        if not driver.capabilities.presign:
            return
        headers = {"Content-Type": "text/x-own"}
        request = await container.object(KEY).presign("PUT", expires_in_s=60, headers=headers)
        assert (await send(request, body=b"content"))[0] in {200, 201}
        assert await witness.get(container.name, KEY) == b"content"
        seen = await witness.head(container.name, KEY)
        assert seen is not None
        assert seen.content_type == "text/x-own"

    async def test_requests_to_look_and_to_delete(self, driver: Driver, container: Container, witness: Witness) -> None:
        """The other methods that there are."""
        if not driver.capabilities.presign:
            return
        await witness.put(container.name, KEY, b"content")
        assert (await send(await container.object(KEY).presign("HEAD")))[0] == 200
        assert (await send(await container.object(KEY).presign("DELETE")))[0] in {200, 202, 204}
        assert await witness.get(container.name, KEY) is None

    async def test_content_delivery(self, driver: Driver, container: Container) -> None:
        """It is there, or it is refused."""
        if driver.capabilities.cdn:
            assert container.cdn.url("a key").startswith("http")
        else:
            with pytest.raises(UnsupportedError):
                _ = container.cdn


async def send(
    request: PresignedRequest, *, method: str | None = None, url: str | None = None, body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and body of the answer to a request that is sent by somebody without credentials."""

    def exchange() -> tuple[int, bytes]:
        parts = urlsplit(url or request.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc)
        try:
            target = parts._replace(scheme="", netloc="", fragment="").geturl()
            connection.request(method or request.method, target, body, dict(request.headers))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    return await asyncio.to_thread(exchange)

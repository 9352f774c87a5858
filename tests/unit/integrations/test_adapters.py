"""What the adapters add to the answers: headers of the application's own, and what comes after."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.routing import Route

from aiostorage import ClosedError, MemoryDriver, Object, S3Driver
from aiostorage.integrations.aiohttp import send_object
from aiostorage.integrations.starlette import ObjectResponse
from tests.scripted import Answer, ScriptedServer, Seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping

    from starlette.requests import Request
    from starlette.responses import Response

pytestmark = pytest.mark.anyio

OWN = {"Content-Type": "text/plain", "X-Own": "yes"}


@pytest.fixture
async def obj() -> AsyncIterator[Object]:
    async with MemoryDriver() as driver:
        await driver.create_container("box")
        yield await driver.upload_object(b"0123456789", "box", "a", content_type="text/css")


async def test_starlette(obj: Object) -> None:
    done: list[str] = []

    async def endpoint(request: Request) -> Response:
        response = ObjectResponse(obj, headers=OWN, background=BackgroundTask(done.append, "background"))
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    app = Starlette(routes=[Route("/", endpoint)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.get("/", headers={"Range": "bytes=2-3"})
        assert (answer.status_code, answer.content) == (206, b"23")
        assert answer.headers.get_list("content-type") == ["text/plain"]
        assert answer.headers["x-own"] == "yes"
        assert len(answer.headers.get_list("set-cookie")) == 2
        answer = await client.get("/", headers={"If-None-Match": "*"})
        assert (answer.status_code, answer.content) == (304, b"")
    assert done == ["background", "background"]


async def test_aiohttp(obj: Object) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await send_object(request, obj, headers=OWN)

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/", headers={"Range": "bytes=2-3"})
        assert (answer.status, await answer.read()) == (206, b"23")
        assert answer.headers.getall("content-type") == ["text/plain"]
        assert answer.headers["x-own"] == "yes"
        answer = await client.head("/")
        assert (answer.status, answer.headers["content-length"]) == (200, "10")


SIZE = 300_000


def stored(_seen: Seen) -> Answer:
    return Answer(headers={"ETag": '"e"'}, body=bytes(SIZE))


def driver_of(server: ScriptedServer) -> S3Driver:
    return S3Driver(endpoint=server.url, region="r", anonymous=True, max_connections=1, pool_timeout_s=5)


async def test_a_response_closes_the_driver_that_was_made_for_it_when_it_has_been_sent() -> None:
    drivers: list[S3Driver] = []

    async def endpoint(_request: Request) -> Response:
        driver = driver_of(server)
        drivers.append(driver)
        return ObjectResponse(driver.container("bucket").object("key"), closing=driver)

    app = Starlette(routes=[Route("/", endpoint)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        ScriptedServer(answer=lambda seen: stored(seen) if len(server.seen) < 2 else Answer(status=404)) as server,
        httpx.AsyncClient(transport=transport, base_url="http://x") as client,
    ):
        assert (await client.get("/")).content == bytes(SIZE)
        assert (await client.get("/")).status_code == 500
        for driver in drivers:
            with pytest.raises(ClosedError):
                await driver.container("bucket").object("key").read()


async def test_a_response_that_is_sent_too_late_says_that_its_driver_is_closed() -> None:
    """The block in which it was made is over before the server sends it; nothing hangs, and nothing is half sent."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async with ScriptedServer(answer=stored) as server:
        async with driver_of(server) as driver:
            response = ObjectResponse(driver.container("bucket").object("key"))
        with pytest.raises(ClosedError, match="the driver is closed"):
            await response({"type": "http", "method": "GET", "headers": []}, receive, send)
    assert sent == []


@pytest.mark.parametrize("when", ["before", "in the middle"])
async def test_a_client_that_leaves_costs_no_connection_and_closes_what_is_to_be_closed(when: str) -> None:
    """The driver has one connection; whoever comes next gets it."""
    closed: list[str] = []

    class Closing:
        async def aclose(self) -> None:
            await asyncio.sleep(0)
            closed.append("closed")

    async def receive() -> MutableMapping[str, Any]:
        await started.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        started.set()
        await asyncio.sleep(0)  # what the client does is noticed

    async with ScriptedServer(answer=stored) as server, driver_of(server) as driver:
        obj = driver.container("bucket").object("key")
        for _ in range(3):
            started = asyncio.Event()
            if when == "before":
                started.set()
            response = ObjectResponse(obj, closing=Closing())
            await response({"type": "http", "method": "GET", "headers": []}, receive, send)
        assert len(await obj.read()) == SIZE
    assert closed == ["closed"] * 3

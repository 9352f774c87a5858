"""What the adapters add to the answers: headers of the application's own, and what comes after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.routing import Route

from aiostorage import MemoryDriver, Object
from aiostorage.integrations.aiohttp import send_object
from aiostorage.integrations.starlette import ObjectResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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

"""What the storage is asked for, and what becomes of its answers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from aiostorage import ObjectChangedError, ObjectNotFoundError, S3Driver
from aiostorage.integrations.http import open_answer
from tests.scripted import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiostorage import Object

pytestmark = pytest.mark.anyio

HEAD = Answer(headers={"ETag": '"v1"'}, length=10)
WHOLE = Answer(headers={"ETag": '"v1"'}, body=b"0123456789")
PART = Answer(status=206, headers={"ETag": '"v1"', "Content-Range": "bytes 2-4/10"}, body=b"234")
NO_RANGE = Answer(status=416, headers={"Content-Range": "bytes */10"})


@asynccontextmanager
async def serving(*answers: Answer) -> AsyncIterator[tuple[Object, list[str]]]:
    """An object on a server that answers so, and the methods and ranges that it was asked for."""
    asked: list[str] = []
    async with (
        ScriptedServer(*answers) as server,
        S3Driver(endpoint=server.url, region="x", access_key_id="key", secret_access_key="secret") as driver,
    ):
        yield driver.container("box").object("a"), asked
        asked += [f"{seen.method} {seen.headers.get('range', '')}".strip() for seen in server.seen]


async def get(obj: Object, **fields: str) -> tuple[int, bytes]:
    found, reader = await open_answer(obj, "GET", [(name.replace("_", "-"), value) for name, value in fields.items()])
    if reader is None:
        return found.status, b""
    async with reader:
        return found.status, await reader.read()


async def test_without_conditions_one_request_will_do() -> None:
    async with serving(WHOLE, PART) as (obj, asked):
        assert await get(obj) == (200, b"0123456789")
        assert await get(obj, Range="bytes=2-4") == (206, b"234")
    assert asked == ["GET", "GET bytes=2-4"]


async def test_conditions_are_decided_before_the_content_is_asked_for() -> None:
    async with serving(HEAD, HEAD, PART) as (obj, asked):
        assert await get(obj, If_None_Match='"v1"') == (304, b"")
        assert await get(obj, If_Range='"v1"', Range="bytes=2-4") == (206, b"234")
    assert asked == ["HEAD", "HEAD", "GET bytes=2-4"]


async def test_a_range_that_is_not_there() -> None:
    async with serving(NO_RANGE, HEAD) as (obj, _):
        found, reader = await open_answer(obj, "GET", [("Range", "bytes=10-")])
    assert (found.status, found.headers["content-range"], reader) == (416, "bytes */10", None)


async def test_storage_that_ignores_ranges() -> None:
    async with serving(WHOLE) as (obj, _):
        assert await get(obj, Range="bytes=2-4") == (206, b"234")


async def test_storage_that_does_not_tell_the_size() -> None:
    chunked = b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n'
    unsized = Answer(raw=chunked)
    headless = Answer(raw=b'HTTP/1.1 200 OK\r\nETag: "v1"\r\n\r\n', then="close")
    async with serving(unsized, headless, unsized) as (obj, _):
        assert await get(obj, Range="bytes=2-4") == (200, b"0123456789")


async def test_an_object_that_is_replaced_while_it_is_opened() -> None:
    async with serving(HEAD, Answer(headers={"ETag": '"v2"'}, body=b"others")) as (obj, _):
        with pytest.raises(ObjectChangedError):
            await get(obj, If_None_Match='"v0"')


async def test_an_object_that_is_not_there() -> None:
    async with serving(Answer(status=404), Answer(status=404)) as (obj, _):
        with pytest.raises(ObjectNotFoundError):
            await get(obj)
        with pytest.raises(ObjectNotFoundError):
            await open_answer(obj, "HEAD", [])

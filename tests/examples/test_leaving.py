"""Clients that leave in the middle, and storage that fails in the middle, leave nothing open and nothing half-done.

The applications run in the loop of the test, so that their tasks and files can be counted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
import uvicorn
from aiohttp import web

from aiostorage import LocalDriver
from aiostorage._tasks import all_tasks
from examples import aiohttp_app, fastapi_app
from tests.examples.apps import APPS, MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="open files are counted as Linux tells them"),
]

LARGE = 64 * MIB  # more than the buffers of two sockets and a server hold


@asynccontextmanager
async def serving_fastapi() -> AsyncIterator[int]:
    config = uvicorn.Config(fastapi_app.app, port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.serve())
        await until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True
        await task


@asynccontextmanager
async def serving_aiohttp() -> AsyncIterator[int]:
    runner = web.AppRunner(aiohttp_app.make_app(), auto_decompress=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[LocalDriver]:
    """Another driver for the storage of the application, to see what it has done."""
    async with LocalDriver(tmp_path / "store") as driver:
        yield driver


@pytest.fixture(params=APPS)
async def port(
    request: pytest.FixtureRequest, driver: LocalDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[int]:
    store = (tmp_path / "store").as_uri()
    monkeypatch.setenv("AIOSTORAGE_URL", f"{store}?part_size_bytes={MIB}&concurrency=2")
    async with serving_fastapi() if request.param == "fastapi_app" else serving_aiohttp() as port:
        yield port


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    with anyio.fail_after(20):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await anyio.sleep(0.01)


def open_files(folder: Path) -> list[str]:
    """What is open below a folder, in this process."""
    found: list[str] = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(os.readlink(descriptor))
    return [path for path in found if path.startswith(f"{folder}/")]


def files(folder: Path) -> set[str]:
    """The files below a folder, other than those that keep headers and locks."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


async def uploads(driver: LocalDriver) -> int:
    return len((await driver.backend.list_uploads("files", prefix="", token=None)).items)


@pytest.fixture
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """That a client leaves is nothing to make a noise about."""
    yield
    assert not [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.WARNING]


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_client_that_leaves_a_download(port: int, how: str, driver: LocalDriver, tmp_path: Path) -> None:
    store = tmp_path / "store"
    await driver.upload_object(bytes(LARGE), "files", "large")
    before = all_tasks()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(MIB)
    assert open_files(store)

    writer.close() if how == "close" else writer.transport.abort()
    await until(lambda: not open_files(store))
    await until(lambda: not all_tasks() - before)


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("framing", [f"Content-Length: {LARGE}", "Transfer-Encoding: chunked"])
async def test_a_client_that_leaves_an_upload(
    port: int, how: str, framing: str, driver: LocalDriver, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    await driver.upload_object(b"old", "files", "large")
    were, before = files(store), all_tasks()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"PUT /files/large HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
    body = bytes(5 * MIB)
    writer.write(b"%x\r\n%b\r\n" % (len(body), body) if "chunked" in framing else body)
    await writer.drain()

    async def has_begun() -> bool:
        return await uploads(driver) == 1

    async def is_over() -> bool:
        return await uploads(driver) == 0

    await until(has_begun)
    writer.close() if how == "close" else writer.transport.abort()
    await until(is_over)
    await until(lambda: not open_files(store))
    await until(lambda: not all_tasks() - before)
    assert await driver.container("files").object("large").read() == b"old"
    assert files(store) == were


async def test_storage_that_fails_in_the_middle(port: int, driver: LocalDriver, tmp_path: Path) -> None:
    """The client sees that the answer is not complete, and no second answer in the middle of the first."""
    store = tmp_path / "store"
    await driver.upload_object(b"\x01" * LARGE, "files", "large")
    before = all_tasks()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert f"content-length: {LARGE}".encode() in head.lower()
    os.truncate(store / "files" / "large", 2 * MIB)

    received = bytearray()
    with anyio.fail_after(20), suppress(ConnectionResetError):
        while chunk := await reader.read(MIB):
            received += chunk
    assert len(received) < LARGE
    assert received == b"\x01" * len(received)
    writer.close()
    await until(lambda: not open_files(store))
    await until(lambda: not all_tasks() - before)

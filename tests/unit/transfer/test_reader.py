"""An object as a file: where it stands, and what it reads, after whatever has come between."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aiostorage import ChecksumMismatchError, ObjectHash
from aiostorage.checksums import INLINE_BYTES
from aiostorage.driver import Driver
from aiostorage.providers._semantics import BytesBody
from aiostorage.providers.memory.backend import MemoryBackend
from tests.cancelling import WAYS, cancelled_at

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
    from pathlib import Path

    from aiostorage import Object, ReadOptions
    from aiostorage._transfer.reader import ObjectReader

pytestmark = pytest.mark.anyio

DATA = bytes(range(100))


class Body(BytesBody):
    """A body that flows chunk by chunk, or sets ``stalled`` and says no more from a byte on."""

    def __init__(self, whole: BytesBody, data: bytes, backend: Backend) -> None:
        super().__init__(whole.info, data, whole.start)
        self._backend = backend
        if not backend.says_size:
            self.info, self.stop = replace(self.info, size=None), None
        if backend.says_hash is not None:
            self.info = replace(self.info, object_hash=backend.says_hash)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        position, stop = self.start, self._backend.stall_at
        while chunk := self._take(self._backend.chunk):
            if stop is not None and position >= stop:
                self._backend.stall_at = None  # the next body is well
                self._backend.stalled.set()
                await asyncio.Event().wait()
            position += len(chunk)
            await asyncio.sleep(0)
            yield chunk

    async def aclose(self) -> None:
        await super().aclose()
        await asyncio.sleep(0)


class Backend(MemoryBackend):
    """Memory whose bodies come in chunks of a size, may stall, and may not say the object's size, or a wrong hash."""

    def __init__(self, *, chunk: int = 10, stall_at: int | None = None, says_size: bool = True) -> None:
        super().__init__()
        self.chunk = chunk
        self.stall_at = stall_at
        self.says_size = says_size
        self.says_hash: ObjectHash | None = None
        self.stalled = asyncio.Event()

    async def get_object(self, container: str, key: str, options: ReadOptions) -> Body:
        whole = await super().get_object(container, key, options)
        return Body(whole, await whole.read(), self)


@asynccontextmanager
async def stored(backend: MemoryBackend, data: bytes = DATA) -> AsyncGenerator[Object, None]:
    async with Driver(backend) as driver:
        container = await driver.create_container("bucket")
        yield await container.upload_object(data, "key")


async def cancel_in(backend: Backend, work: Awaitable[object]) -> None:
    """Cancel what is under way, as soon as its body has stalled."""

    async def run() -> None:
        await work

    task = asyncio.create_task(run())
    await backend.stalled.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# What goes through several chunks, so that it can be cut off between two.
ACTIONS: dict[str, Callable[[ObjectReader], Awaitable[object]]] = {
    "read": lambda stream: stream.read(60),
    "read all": lambda stream: stream.read(),
    "readinto": lambda stream: stream.readinto(bytearray(60)),
    "readline": lambda stream: stream.readline(),
    "seek": lambda stream: stream.seek(60),
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_is_cancelled_in_the_middle_has_not_moved(action: str) -> None:
    backend = Backend(stall_at=30)
    async with stored(backend, DATA[11:]) as obj, obj.as_file() as stream:  # byte 10 is a line's end
        assert await stream.read(1) == DATA[11:12]
        await cancel_in(backend, ACTIONS[action](stream))
        assert stream.tell() == 1
        assert await stream.read(3) == DATA[12:15]
        assert stream.tell() == 4
        assert await stream.read() == DATA[15:]


@pytest.mark.parametrize("says_size", [True, False], ids=["known", "unknown"])
async def test_a_read_that_timed_out_is_not_taken_for_the_end(says_size: bool) -> None:
    backend = Backend(stall_at=30, says_size=says_size)
    async with stored(backend) as obj, obj.as_file() as stream:
        assert await stream.read(30) == DATA[:30]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await stream.read(5)
        assert await stream.read() == DATA[30:]
        assert stream.tell() == len(DATA)


@pytest.mark.parametrize("chunk", [10, 60, 200])
async def test_seeking_past_the_end_and_back(chunk: int) -> None:
    async with stored(Backend(chunk=chunk)) as obj, obj.as_file() as stream:
        await stream.read(15)
        assert await stream.seek(200) == stream.tell() == 200
        assert await stream.seek(195) == stream.tell() == 195
        assert await stream.read() == b""
        assert stream.tell() == 195
        await stream.seek(-99, 1)
        assert await stream.read(10) == DATA[96:]
        await stream.seek(50, 1)
        await stream.seek(20)
        assert await stream.read(10) == DATA[20:30]


async def test_past_the_end_of_an_object_of_unknown_size_there_is_nothing() -> None:
    async with stored(Backend(says_size=False)) as obj, obj.as_file() as stream:
        assert await stream.seek(1000) == 1000
        assert await stream.read(1) == b""
        await stream.seek(95)
        assert await stream.read() == DATA[95:]


async def test_reading_none_reads_all() -> None:
    async with stored(Backend()) as obj, obj.as_file() as stream:
        await stream.read(5)
        assert await stream.read(None) == DATA[5:]


async def test_thousands_of_tiny_chunks_go_to_a_file(tmp_path: Path) -> None:
    """More than the system writes with one call (IOV_MAX is 1024 on Linux)."""
    data = bytes(range(256)) * 5000
    async with stored(Backend(chunk=256), data) as obj:
        path = await obj.download(tmp_path / "file")
    assert path.read_bytes() == data


async def next_chunk(stream: ObjectReader) -> bytes:
    return await anext(stream, b"")


# What is read with one chunk at a time; nothing at the end.
STEPS: dict[str, Callable[[ObjectReader], Coroutine[None, None, bytes]]] = {
    "read1": lambda stream: stream.read1(),
    "async for": next_chunk,
}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("says_size", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_chunk_that_nobody_got_comes_again_wherever_its_reading_was_cancelled(
    step: str, says_size: bool, how: str
) -> None:
    data = bytes(range(256)) * 2000
    backend = Backend(chunk=INLINE_BYTES + 1, says_size=says_size)  # chunks are hashed in threads
    async with stored(backend, data) as obj:
        for begun in range(4):
            for number in itertools.count():
                async with obj.as_file() as stream:
                    pieces = [await stream.read1() for _ in range(begun)]
                    piece = await cancelled_at(how, number, STEPS[step](stream))
                    assert stream.tell() == sum(map(len, pieces)) + len(piece or b"")
                    pieces += [piece or b"", *[chunk async for chunk in stream]]
                    assert b"".join(pieces) == data
                if piece is not None:
                    break


@pytest.mark.parametrize("size", [0, 10, 100])
@pytest.mark.parametrize("says_size", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("action", ["read", "read1", "readline", "async for"])
async def test_bytes_that_were_not_stored_are_so_for_whoever_reads_on(action: str, says_size: bool, size: int) -> None:
    backend = Backend(says_size=says_size)
    backend.says_hash = ObjectHash(algorithm="crc32", value="12345678", scope="object")

    async def read_to_the_end(stream: ObjectReader) -> None:
        while await {**STEPS, **ACTIONS}[action](stream):
            pass

    async with stored(backend, DATA[:size]) as obj, obj.as_file() as stream:
        for _ in range(3):
            with pytest.raises(ChecksumMismatchError):
                await read_to_the_end(stream)

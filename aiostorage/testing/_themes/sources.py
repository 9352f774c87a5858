"""Everything that may be uploaded, made from the same bytes."""

from __future__ import annotations

import asyncio
import gzip
import io
import tempfile
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import aiofiles
import aiohttp
from aiohttp.base_protocol import BaseProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
    from pathlib import Path

    from aiostorage.body import Readable, Source
    from aiostorage.models import Buffer

    MakeSource: TypeAlias = "Callable[[bytes, Path], AbstractAsyncContextManager[Source]]"

CHUNK_BYTES = 100_003
"""How much an iterator yields at once: a divisor of nothing."""

BEFORE = b"what was read already"


class UploadFile:
    """What web frameworks hand over: an asynchronous ``read`` around a file of their own."""

    def __init__(self, file: Readable) -> None:
        self.file = file
        self.filename = "a name that the client has made up"

    async def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes."""
        return await asyncio.to_thread(self.file.read, size)


def chunks(data: bytes) -> Iterator[bytes]:
    """The data in pieces, with an empty one among them, which is not the end."""
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]
        yield b""


async def async_chunks(data: bytes) -> AsyncGenerator[bytes, None]:
    """The same, asynchronously."""
    for chunk in chunks(data):
        yield chunk


class Chunks:
    """An asynchronous iterable that is no generator."""

    def __init__(self, data: bytes) -> None:
        self._chunks = chunks(data)

    def __aiter__(self) -> AsyncIterator[Buffer]:
        """Itself."""
        return self

    async def __anext__(self) -> Buffer:
        """The next piece; not every kind of buffer is ``bytes``."""
        chunk = next(self._chunks, None)
        if chunk is None:
            raise StopAsyncIteration
        return bytearray(chunk)


@asynccontextmanager
async def _path(data: bytes, folder: Path) -> AsyncGenerator[Source, None]:
    path = folder / "source"
    await asyncio.to_thread(path.write_bytes, data)
    yield path


@asynccontextmanager
async def _text_path(data: bytes, folder: Path) -> AsyncGenerator[Source, None]:
    path = folder / "source"
    await asyncio.to_thread(path.write_bytes, data)
    yield str(path)


@asynccontextmanager
async def _file(data: bytes, folder: Path) -> AsyncGenerator[Source, None]:
    """An open file is read from where it is."""
    path = folder / "source"
    await asyncio.to_thread(path.write_bytes, BEFORE + data)
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, len(BEFORE))
        yield file
        assert not file.closed  # it is the caller's
    finally:
        file.close()


@asynccontextmanager
async def _raw_file(data: bytes, folder: Path) -> AsyncGenerator[Source, None]:
    path = folder / "source"
    await asyncio.to_thread(path.write_bytes, BEFORE + data)
    with await asyncio.to_thread(io.FileIO, path) as file:
        await asyncio.to_thread(file.read, len(BEFORE))
        yield file


@asynccontextmanager
async def _gzip_file(data: bytes, folder: Path) -> AsyncGenerator[Source, None]:
    """It has the descriptor of the compressed file, and yields what was compressed."""
    path = folder / "source.gz"
    await asyncio.to_thread(path.write_bytes, gzip.compress(data, 1))
    with await asyncio.to_thread(gzip.GzipFile, path) as file:
        yield file


@asynccontextmanager
async def _spooled_file(data: bytes, folder: Path) -> AsyncGenerator[Source, None]:
    with tempfile.SpooledTemporaryFile(max_size=100_000, dir=str(folder)) as file:
        await asyncio.to_thread(file.write, data)
        await asyncio.to_thread(file.seek, 0)
        yield file


@asynccontextmanager
async def _aiofiles_file(data: bytes, folder: Path) -> AsyncGenerator[Source, None]:
    path = folder / "source"
    await asyncio.to_thread(path.write_bytes, BEFORE + data)
    async with aiofiles.open(path, "rb") as file:
        await file.seek(len(BEFORE))
        yield file


@asynccontextmanager
async def _upload_file(data: bytes, folder: Path) -> AsyncGenerator[Source, None]:
    with tempfile.SpooledTemporaryFile(max_size=100_000, dir=str(folder)) as file:
        await asyncio.to_thread(file.write, data)
        await asyncio.to_thread(file.seek, 0)
        yield UploadFile(file)


@asynccontextmanager
async def _asyncio_stream(data: bytes, _: Path) -> AsyncGenerator[Source, None]:
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    yield stream


@asynccontextmanager
async def _aiohttp_stream(data: bytes, _: Path) -> AsyncGenerator[Source, None]:
    loop = asyncio.get_running_loop()
    stream = aiohttp.StreamReader(BaseProtocol(loop), len(data) + 1, loop=loop)
    for chunk in chunks(data):
        stream.feed_data(chunk)
    stream.feed_eof()
    yield stream


def _plain(make: Callable[[bytes], Source]) -> MakeSource:
    @asynccontextmanager
    async def source(data: bytes, _: Path) -> AsyncGenerator[Source, None]:
        yield make(data)

    return source


def _bytes_io(data: bytes) -> io.BytesIO:
    file = io.BytesIO(BEFORE + data)
    file.seek(len(BEFORE))
    return file


SOURCES: dict[str, MakeSource] = {
    "path": _path,
    "path as text": _text_path,
    "bytes": _plain(bytes),
    "bytearray": _plain(bytearray),
    "memoryview": _plain(lambda data: memoryview(BEFORE + data)[len(BEFORE) :]),
    "BytesIO": _plain(_bytes_io),
    "file": _file,
    "raw file": _raw_file,
    "GzipFile": _gzip_file,
    "SpooledTemporaryFile": _spooled_file,
    "aiofiles file": _aiofiles_file,
    "UploadFile": _upload_file,
    "list": _plain(lambda data: list(chunks(data))),
    "iterator": _plain(lambda data: iter(list(chunks(data)))),
    "generator": _plain(chunks),
    "async iterator": _plain(Chunks),
    "async generator": _plain(async_chunks),
    "asyncio.StreamReader": _asyncio_stream,
    "aiohttp.StreamReader": _aiohttp_stream,
}
"""By kind: a context manager that makes a source of the data, with a folder to put files into."""

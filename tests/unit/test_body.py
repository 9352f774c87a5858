from __future__ import annotations

import asyncio
import gzip
import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiofiles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage import InvalidArgumentError
from aiostorage.body import FileBody, MemoryBody, StreamBody, open_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from aiostorage.body import Body, Source

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 40


async def content(body: Body, piece: int = 1000) -> bytes:
    """All of a body, read by pieces."""
    try:
        if isinstance(body, StreamBody):
            pieces = []
            while got := await body.read(piece):
                pieces.append(bytes(got))
            assert all(len(got) == piece for got in pieces[:-1])
            return b"".join(pieces)
        offsets = range(0, body.size, piece)
        return b"".join([bytes(await body.read_at(at, min(piece, body.size - at))) for at in offsets])
    finally:
        await body.aclose()


def generator() -> Iterator[bytes]:
    for start in range(0, len(DATA), 700):
        yield DATA[start : start + 700]


async def async_generator() -> AsyncIterator[bytes]:
    for start in range(0, len(DATA), 700):
        yield DATA[start : start + 700]


@pytest.mark.parametrize(
    "source",
    [DATA, bytearray(DATA), memoryview(DATA), memoryview(DATA).cast("I"), io.BytesIO(DATA)],
    ids=["bytes", "bytearray", "memoryview", "memoryview of ints", "BytesIO"],
)
async def test_what_is_in_memory_stays_where_it_is(source: Source) -> None:
    body = await open_body(source)
    assert isinstance(body, MemoryBody)
    assert body.size == len(DATA)
    assert await content(body) == DATA


@pytest.mark.parametrize("kind", [str, Path])
async def test_a_path_is_read_by_position(kind: type[str] | type[Path], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    body = await open_body(kind(path))
    assert isinstance(body, FileBody)
    assert body.size == len(DATA)
    assert await content(body) == DATA


async def test_a_path_that_is_renamed_over_is_read_as_it_was(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(DATA)
    other.write_bytes(b"new")
    body = await open_body(path)
    os.replace(other, path)
    assert await content(body) == DATA


@pytest.mark.parametrize("change", ["longer", "shorter", "same"])
async def test_a_file_that_is_written_to_meanwhile_is_noticed(change: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    os.utime(path, ns=(1, 1))
    body = await open_body(path)
    path.write_bytes({"longer": DATA + b"x", "shorter": DATA[:-1], "same": DATA[::-1]}[change])
    with pytest.raises(InvalidArgumentError, match="changed"):
        await content(body)


async def test_an_open_file_is_read_from_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    with path.open("rb") as file:
        file.seek(100)
        body = await open_body(file)
        assert isinstance(body, FileBody)
        assert await content(body) == DATA[100:]
        assert not file.closed, "it is the caller's"
    buffer = io.BytesIO(DATA)
    buffer.seek(100)
    assert await content(await open_body(buffer)) == DATA[100:]


async def test_a_gzip_file_is_read_as_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    with gzip.open(path, "wb") as file:
        file.write(DATA)
    with gzip.open(path, "rb") as file:
        assert await content(await open_body(file)) == DATA


async def test_file_likes_of_all_sorts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    async with aiofiles.open(path, "rb") as file:
        assert await content(await open_body(file)) == DATA
    with tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(DATA)
        spooled.seek(0)
        assert await content(await open_body(spooled)) == DATA
    stream = asyncio.StreamReader()
    stream.feed_data(DATA)
    stream.feed_eof()
    assert await content(await open_body(stream)) == DATA


async def test_a_pipe_has_no_length_and_is_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writing = asyncio.create_task(asyncio.to_thread(path.write_bytes, DATA))
    body = await open_body(path)
    assert isinstance(body, StreamBody)
    assert body.size is None
    assert await content(body) == DATA
    await writing


async def test_iterables_of_all_sorts() -> None:
    for source in (generator(), list(generator()), async_generator(), (bytearray(piece) for piece in generator())):
        body = await open_body(source)
        assert isinstance(body, StreamBody)
        assert await content(body) == DATA


@given(chunks=st.lists(st.binary(max_size=50), max_size=20), piece=st.integers(1, 60))
async def test_pieces_are_exact_whatever_the_chunks(chunks: list[bytes], piece: int) -> None:
    assert await content(await open_body(iter(chunks)), piece) == b"".join(chunks)


@pytest.mark.parametrize("items", [["text"], [1], [None, b"x"], [b"x", None, b"y"]])
async def test_what_yields_no_bytes_is_refused(items: list[Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        await content(await open_body(iter(items)))


async def test_a_file_in_text_mode_is_refused() -> None:
    text: Any = io.StringIO("text")
    with pytest.raises(InvalidArgumentError, match="'rb'"):
        await open_body(text)


async def test_what_is_no_source_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="int"):
        await open_body(7)  # type: ignore[arg-type]  # what a user without a type checker may do


async def test_a_missing_path_is_the_systems_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await open_body(tmp_path / "none")


async def test_a_generator_is_closed_with_its_body() -> None:
    ended: list[str] = []

    def plain() -> Iterator[bytes]:
        try:
            yield from generator()
        finally:
            ended.append("plain")

    async def asynchronous() -> AsyncIterator[bytes]:
        try:
            async for piece in async_generator():
                yield piece
        finally:
            ended.append("asynchronous")

    for source in (plain(), asynchronous()):
        body = await open_body(source)
        assert isinstance(body, StreamBody)
        await body.read(10)
        await body.aclose()
    assert ended == ["plain", "asynchronous"]

from __future__ import annotations

import asyncio
import gc
import gzip
import io
import os
import tarfile
import tempfile
import threading
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiofiles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage import InvalidArgumentError, MemoryDriver
from aiostorage._tasks import in_thread
from aiostorage.body import FileBody, MemoryBody, StreamBody, open_body
from tests.waiting import settles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from aiostorage.body import Body, Source

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 40

PROC = Path("/proc/self/cmdline")


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


@pytest.mark.parametrize("is_view", [False, True], ids=["bytearray", "memoryview"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("piece", [5, 8, 13])
async def test_an_iterator_may_use_one_buffer_again_and_again(is_async: bool, is_view: bool, piece: int) -> None:
    buffer = bytearray(8)

    def refill() -> Iterator[bytearray | memoryview]:
        for number in range(6):
            buffer[:] = bytes([number]) * 8
            yield memoryview(buffer) if is_view else buffer

    async def refill_async() -> AsyncIterator[bytearray | memoryview]:
        for filled in refill():
            yield filled

    body = await open_body(refill_async() if is_async else refill())
    assert isinstance(body, StreamBody)
    pieces = []
    while got := await body.read(piece):
        pieces.append(got)  # not copied: parts are sent while later ones are read
    await body.aclose()
    assert b"".join(pieces) == b"".join(bytes([number]) * 8 for number in range(6))


async def test_a_buffered_reader_is_read_as_what_it_gives(tmp_path: Path) -> None:
    """It has the descriptor of what it reads from, if any: that of the compressed file, or of the archive."""
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(DATA))
    with gzip.open(path, "rb") as unpacked, io.BufferedReader(unpacked) as buffered:
        assert await content(await open_body(buffered)) == DATA
    with io.BufferedReader(io.BytesIO(DATA)) as buffered:
        assert await content(await open_body(buffered)) == DATA


async def test_a_member_of_an_archive_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "file.tar"
    (tmp_path / "file").write_bytes(DATA)
    with tarfile.open(path, "w") as archive:
        for name in ("before", "member", "after"):
            archive.add(tmp_path / "file", name)
    with tarfile.open(path) as archive:
        member = archive.extractfile("member")
        assert member is not None
        with member:
            assert await content(await open_body(member)) == DATA


@pytest.mark.skipif(not PROC.exists(), reason="there is no /proc here")
async def test_a_file_that_says_it_is_empty_and_is_not() -> None:
    assert PROC.stat().st_size == 0
    assert await content(await open_body(PROC)) == PROC.read_bytes() != b""
    with io.FileIO(PROC) as file:
        assert await content(await open_body(file)) == PROC.read_bytes()


async def test_a_file_that_is_empty(tmp_path: Path) -> None:
    path, checkpoint = tmp_path / "file", tmp_path / "checkpoint"
    path.touch()
    with path.open("rb") as file:
        for source in (path, file):
            body = await open_body(source)
            assert isinstance(body, FileBody)
            assert await content(body) == b""
    async with MemoryDriver() as driver:
        container = await driver.create_container("bucket")
        obj = await container.upload_object(path, "key", checkpoint=checkpoint)
        assert await obj.read() == b""
    assert not checkpoint.exists()


async def test_a_file_that_does_not_wait_for_its_data_is_refused() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(writing, "wb"), os.fdopen(reading, "rb", buffering=0) as file:
        os.write(writing, b"some, and more to come")
        with pytest.raises(InvalidArgumentError, match="non-blocking"):
            await content(await open_body(file))


async def test_memory_with_gaps_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="contiguous"):
        await open_body(memoryview(b"abcdef")[::2])


async def test_a_file_that_is_opened_when_its_caller_has_gone_is_closed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    asked, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    class Slow(os.PathLike[str]):
        def __fspath__(self) -> str:
            loop.call_soon_threadsafe(asked.set)
            go_on.wait(10)
            return str(tmp_path / "file")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        task = asyncio.create_task(open_body(Slow()))
        await asked.wait()
        task.cancel()
        loop.call_soon(go_on.set)
        await asyncio.wait({task})
        assert task.cancelled()
        del task
        gc.collect()
    assert caught == []


class BadlyClosed:
    """An iterator that cannot be closed, and may fail after its first chunk."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.chunks = iter([b"first"])

    def __aiter__(self) -> BadlyClosed:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self.chunks:
            return chunk
        raise self.error

    async def aclose(self) -> None:
        raise RuntimeError("it cannot be closed")


async def test_an_iterator_that_cannot_be_closed_hides_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with MemoryDriver() as driver:
        container = await driver.create_container("bucket")
        with pytest.raises(KeyError, match="mine") as raised:
            await container.upload_object(BadlyClosed(KeyError("mine")), "key")
        assert raised.value.__context__ is None
        obj = await container.upload_object(BadlyClosed(StopAsyncIteration()), "key")
        assert await obj.read() == b"first"
    assert "could not be closed" in caplog.text


def threads_of_sources() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "aiostorage source"]


class Silent:
    """A pipe to which nobody writes, and a timer that ends it at last, for tests that fail."""

    def __init__(self, end_s: float = 5.0) -> None:
        reading, self._writing = os.pipe()
        self.file = os.fdopen(reading, "rb", buffering=0)
        self._timer = threading.Timer(end_s, os.close, [self._writing])

    def __enter__(self) -> io.FileIO:
        self._timer.start()
        assert isinstance(self.file, io.FileIO)
        return self.file

    def __exit__(self, *_: object) -> None:
        if self._timer.is_alive():
            self._timer.cancel()
            self._timer.join()
            os.close(self._writing)


async def left(body: Body) -> None:
    """What is read of a body by somebody who is cancelled then; both take no time."""
    assert isinstance(body, StreamBody)
    began = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await body.read(1)
    await body.aclose()
    assert asyncio.get_running_loop().time() - began < 2


async def test_sources_that_say_nothing_hold_nobody_up() -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(Silent()) for _ in range(40)]  # a loop has 32 threads at most for all it does
        bodies = [await open_body(file) for file in silent]
        async with asyncio.TaskGroup() as group:
            for body in bodies:
                group.create_task(left(body))
            await asyncio.sleep(0.01)
            began = asyncio.get_running_loop().time()
            await in_thread(os.getpid)
            assert asyncio.get_running_loop().time() - began < 2
    assert await settles(lambda: not threads_of_sources())
    for file in silent:
        file.close()


async def test_a_pipe_that_nobody_opens_at_the_other_end_holds_nobody_up(tmp_path: Path) -> None:
    """When somebody does, it is closed."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    timer = threading.Timer(5, path.write_bytes, [b""])
    timer.start()
    try:
        await left(await open_body(path))
    finally:
        timer.cancel()
    assert threads_of_sources()
    writing = os.open(path, os.O_WRONLY)
    try:
        os.write(writing, DATA)
        assert await settles(lambda: not threads_of_sources())
        with pytest.raises(BrokenPipeError):
            os.write(writing, DATA)
    finally:
        os.close(writing)


async def test_a_generator_that_is_left_behind_is_closed_when_it_goes_on() -> None:
    go_on, events = threading.Event(), []

    def plain() -> Iterator[bytes]:
        try:
            yield b"first"
            go_on.wait(5)
            yield bytes(1 << 20)
            events.append("goes on")
        finally:
            events.append("closed")

    body = await open_body(plain())
    await left(body)
    assert events == []
    go_on.set()
    assert await settles(lambda: not threads_of_sources())
    assert events == ["closed"]


async def test_the_thread_of_a_source_ends_with_it() -> None:
    for is_closed in (True, False):
        body = await open_body(generator())
        assert isinstance(body, StreamBody)
        await body.read(10)
        assert len(threads_of_sources()) == 1
        if is_closed:
            await body.aclose()
        del body
        gc.collect()
        assert await settles(lambda: not threads_of_sources())


async def test_a_file_that_stops_an_iteration_has_failed() -> None:
    """No future can hold that, and before Python 3.12 nobody is told."""

    class Stopping:
        def read(self, _: int, /) -> bytes:
            raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        async with asyncio.timeout(5):
            await content(await open_body(Stopping()))

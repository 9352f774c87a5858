"""What may be uploaded, brought to three forms: memory, a file on disk, a stream.

Memory and files have a length and can be read anywhere, so their parts are read where they lie. A
stream is read once, in order.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import logging
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeGuard, TypeVar

from aiostorage._tasks import in_thread, run_to_end
from aiostorage._threads import OwnThread, call_in
from aiostorage.checksums import digest
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import Buffer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Close: TypeAlias = Callable[[], Awaitable[None]]
    DiskFile: TypeAlias = io.BufferedReader | io.BufferedRandom | io.FileIO

log: logging.Logger = logging.getLogger("aiostorage")

READ_BYTES = 1024 * 1024
"""How much is asked of a file-like source at once."""

_BATCH_BYTES = 64 * 1024

_FIRST_BYTES = 1024 * 1024

_OPEN_GRACE_S = 1.0

_MAX_READ_BYTES = 1 << 30  # Linux gives at most 2 GiB - 4 KiB for one read(2)

T = TypeVar("T")


class AsyncReadable(Protocol):
    """An asynchronous file: an aiofiles file, an ``UploadFile``, an aiohttp or asyncio ``StreamReader``."""

    async def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; empty at the end."""
        ...


class Readable(Protocol):
    """A synchronous file, opened for bytes. It is read in a thread of its own.

    A read that blocks when the upload is cancelled goes on in that thread, and the upload does not wait for it.
    """

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; empty at the end."""
        ...


Source: TypeAlias = (
    str | os.PathLike[str] | Buffer | AsyncReadable | Readable | AsyncIterable[Buffer] | Iterable[Buffer]
)
"""What may be uploaded: a path (a ``str`` is a path), bytes, a file, or an iterable of bytes."""


class MemoryBody:
    """Bytes that are in memory already."""

    def __init__(self, data: Buffer) -> None:
        self._data = data if isinstance(data, bytes) else _view_of(data)
        self.size: int = len(self._data)

    async def read_at(self, offset: int, size: int) -> Buffer:
        """``size`` bytes from ``offset``, not copied."""
        if offset == 0 and size == self.size:
            return self._data
        return memoryview(self._data)[offset : offset + size]

    async def fingerprint(self) -> str:
        """What tells these bytes from others: their SHA-256."""
        return f"sha256:{(await digest('sha256', self._data)).hex()}"

    async def aclose(self) -> None:
        """Nothing to give up."""


class FileBody:
    """A regular file on disk, from a position to its end as it is now. Read in threads.

    The file is opened once and read by position, so that a file that is renamed over the path while
    the upload runs does not get into it; one that is written to meanwhile is noticed.
    """

    def __init__(self, file: DiskFile, *, start: int = 0, is_ours: bool) -> None:
        self._file = file
        self._is_ours = is_ours
        self._start = start
        status = os.fstat(file.fileno())
        self._version = (status.st_size, status.st_mtime_ns)
        self.size: int = max(0, status.st_size - start)

    async def read_at(self, offset: int, size: int) -> Buffer:
        """``size`` bytes from ``offset``.

        Raises:
            InvalidArgumentError: The file was changed since it was opened.
        """
        return await in_thread(self._read_at, self._start + offset, bytearray(size))

    async def fingerprint(self) -> str:
        """What tells this file from what it becomes when it is written to: its size and modification time."""
        size, modified_ns = self._version
        return f"file:{size}:{modified_ns}:{self._start}"

    async def aclose(self) -> None:
        """Close the file, if it was opened here."""
        if self._is_ours:
            await in_thread(self._file.close)

    def _read_at(self, position: int, buffer: bytearray) -> bytearray:
        """Fill the buffer, which the event loop's thread has allocated: others' arenas are never given back."""
        view = memoryview(buffer)
        while view and (count := os.preadv(self._file.fileno(), [view[:_MAX_READ_BYTES]], position)):
            position += count
            view = view[count:]
        status = os.fstat(self._file.fileno())
        if view or self._version != (status.st_size, status.st_mtime_ns):
            raise InvalidArgumentError("the source file was changed while it was uploaded")
        return buffer


class StreamBody:
    """Bytes that come once, in order. ``size`` is None where nobody knows it before the end."""

    def __init__(
        self, chunks: AsyncIterator[Buffer], *, size: int | None = None, on_close: Close | None = None
    ) -> None:
        self._chunks = chunks
        self._on_close = on_close
        self._rest: Buffer = b""
        self._position = 0
        self.size = size

    async def read(self, size: int) -> Buffer:
        """Exactly ``size`` bytes, or less at the end of the stream; more than a copy of that is never held.

        Raises:
            InvalidArgumentError: The source yields something else than bytes, or not as many as announced.
        """
        if self.size is not None:
            size = min(size, self.size - self._position + 1)  # one too many tells that there are too many
        piece = await self._fill(size)
        self._position += len(piece)
        if self.size is not None:
            is_over = len(piece) < size
            if self._position > self.size or (is_over and self._position < self.size):
                many = "more" if self._position > self.size else f"only {self._position}"
                raise InvalidArgumentError(f"the source yields {many} bytes, not the {self.size} that were announced")
        return piece

    async def _fill(self, size: int) -> Buffer:
        if len(self._rest) > size:
            view = memoryview(self._rest)
            self._rest = view[size:]
            return view[:size]
        buffer = bytearray(min(size, _FIRST_BYTES))  # a short stream need not pay for a whole part
        filled = 0
        view = memoryview(self._rest)
        self._rest = b""
        while True:
            if not filled and len(view) >= size:
                self._rest = view[size:]
                return view[:size]
            taken = min(len(view), size - filled)
            if filled + taken > len(buffer):
                larger = bytearray(size)
                larger[:filled] = memoryview(buffer)[:filled]
                buffer = larger
            buffer[filled : filled + taken] = view[:taken]
            filled += taken
            if filled == size:
                self._rest = view[taken:]
                return buffer
            try:
                view = memoryview(_own(await anext(self._chunks)))
            except StopAsyncIteration:
                return memoryview(buffer)[:filled]

    async def aclose(self) -> None:
        """Close the iterator, so that a generator's ``finally`` runs now.

        What that raises is only logged: the object is stored by now, or there is a better error.
        """
        self._rest = b""
        close: Close | None = getattr(self._chunks, "aclose", None)
        for action in (close, self._on_close):
            try:
                if action is not None:
                    await action()
            except Exception:
                log.warning("the source of an upload could not be closed", exc_info=True)


def _view_of(data: Buffer) -> memoryview:
    try:
        return memoryview(data).cast("B")
    except TypeError:
        raise InvalidArgumentError("the memory to upload is not contiguous") from None


def _own(chunk: Buffer) -> bytes:
    """What an iterator yielded, copied unless it is bytes: many iterators fill one buffer again and again.

    It is not known to be of the type that it should be.
    """
    if type(chunk) is bytes:
        return chunk
    try:
        return memoryview(chunk).tobytes()
    except TypeError:
        kind = type(chunk).__name__
        raise InvalidArgumentError(f"the source yields {kind}, not bytes (is it in text mode?)") from None


Body: TypeAlias = MemoryBody | FileBody | StreamBody


async def open_body(source: Source, *, size: int | None = None) -> Body:
    """What the source holds, ready to be read. Whoever gets it closes it.

    Args:
        source: See :data:`Source`.
        size: How many bytes a stream will yield, where the caller knows.

    Raises:
        InvalidArgumentError: The source is of no known kind, or holds text.
        OSError: The path cannot be opened.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        # For all pyright knows, an Iterable[Buffer] may be a memoryview of buffers.
        return MemoryBody(source)  # pyright: ignore[reportArgumentType]
    if isinstance(source, str | os.PathLike):
        # A file that is opened too late, as where a network is slow, is closed.
        return await run_to_end(asyncio.to_thread(_open_path, source), grace_s=_OPEN_GRACE_S, undo=_close)
    if isinstance(source, io.BytesIO):
        return MemoryBody(memoryview(source.getvalue())[source.tell() :])
    if _is_disk_file(source):
        body = await asyncio.to_thread(_open_file, source)
        if body is not None:
            return body
    if isinstance(source, io.TextIOBase):
        raise InvalidArgumentError("the source file is in text mode; open it with 'rb'")
    # StreamReader is both readable and iterable: reading it by size avoids a line at a time.
    if _has_read(source):
        return _open_stream(partial(_read_chunks, source.read), size=size)
    if isinstance(source, AsyncIterable):
        return StreamBody(aiter(source), size=size)
    if isinstance(source, Iterable):
        iterator = iter(source)
        close = iterator.close if inspect.isgenerator(iterator) else None
        return _open_stream(partial(_take_chunks, iterator), size=size, close=close)
    raise InvalidArgumentError(f"a {type(source).__name__} cannot be uploaded")


def _is_disk_file(source: object) -> TypeGuard[DiskFile]:
    """A file of the system itself; a ``GzipFile`` has a descriptor too, but that of the compressed file."""
    raw: object = getattr(source, "raw", source)
    return type(raw) is io.FileIO and isinstance(source, io.BufferedReader | io.BufferedRandom | io.FileIO)


class _Pipe:
    """A pipe or a device, which is opened when it is first read: that may take for ever, too."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._file: io.FileIO | None = None

    def read(self, size: int, /) -> bytes | None:
        if self._file is None:
            self._file = open(self._path, "rb", buffering=0)  # noqa: SIM115 - closed by the body
        return self._file.read(size)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _open_path(path: str | os.PathLike[str]) -> Body:
    mode = os.stat(path).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        pipe = _Pipe(path)
        return _open_stream(partial(_read_chunks, pipe.read), close=pipe.close)
    file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by the body
    try:
        body = _open_file(file, is_ours=True)
    except BaseException:
        file.close()
        raise
    if body is None:
        return _open_stream(partial(_read_chunks, file.read), close=file.close)
    return body


def _open_file(file: DiskFile, *, is_ours: bool = False) -> FileBody | None:
    """The file by position; None where it has none, or no length that tells anything, as in ``/proc``."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or not hasattr(os, "preadv"):
        return None
    if not status.st_size and (not file.seekable() or os.preadv(file.fileno(), [bytearray(1)], 0)):
        return None
    return FileBody(file, start=file.tell(), is_ours=is_ours)


def _open_stream(
    chunks: Callable[[OwnThread], AsyncIterator[Buffer]],
    *,
    size: int | None = None,
    close: Callable[[], None] | None = None,
) -> StreamBody:
    """What may block when it is read, and when it is closed: it does so in a thread that nobody else needs."""
    thread = OwnThread()
    return StreamBody(chunks(thread), size=size, on_close=partial(thread.aclose, close))


async def _close(body: Body) -> None:
    await body.aclose()


async def _take_chunks(iterator: Iterator[Buffer], thread: OwnThread) -> AsyncIterator[Buffer]:
    """Chunks of an iterator, whose own code runs in the thread."""
    while batch := await call_in(thread, _take, iterator):
        for chunk in batch:
            yield chunk


def _take(iterator: Iterator[Buffer]) -> list[bytes]:
    """The next chunks, as many as are worth a trip to a thread; none at the end. Blocks."""
    batch: list[bytes] = []
    size = 0
    for chunk in iterator:
        batch.append(_own(chunk))
        size += len(batch[-1]) + 1  # empty ones count, too
        if size >= _BATCH_BYTES:
            break
    return batch


async def _read_chunks(
    read: Callable[[int], bytes | Awaitable[bytes | None] | None], thread: OwnThread
) -> AsyncIterator[Buffer]:
    """Chunks of a file-like source. A plain function is called in the thread; what is awaitable is awaited."""
    is_async = inspect.iscoroutinefunction(read)
    while True:
        chunk = read(READ_BYTES) if is_async else await call_in(thread, read, READ_BYTES)
        if inspect.isawaitable(chunk):
            chunk = await chunk
        if chunk is None:
            raise InvalidArgumentError("the source file does not wait for its data: it is in non-blocking mode")
        if not chunk:
            return
        yield chunk


def _has_read(
    source: AsyncReadable | Readable | AsyncIterable[Buffer] | Iterable[Buffer],
) -> TypeGuard[AsyncReadable | Readable]:
    return callable(getattr(source, "read", None))

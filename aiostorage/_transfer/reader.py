"""An object as an asynchronous file to read from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from aiostorage._tasks import in_thread
from aiostorage._transfer.source import Verifier
from aiostorage.checksums import INLINE_BYTES
from aiostorage.errors import ClosedError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from aiostorage._transfer.source import ObjectSource, RangeReader
    from aiostorage.models import ByteRange, ObjectHash, ObjectInfo

_SKIP_BYTES = 256 * 1024
"""Seeking forward by no more than this reads on; beyond it a new request is cheaper."""


class ObjectReader:
    """The content of an object, as an asynchronous file.

    Nothing is requested before the first read. The first answer pins the version: if the object is
    replaced later, reading raises ``ObjectChangedError`` rather than mixing two versions. A broken
    connection is mended at the byte that was reached. The last byte of an object that was read from its
    first one on comes only if all are those that were stored: else reading it raises
    ``ChecksumMismatchError``, until it is read anew from the first. No more is read ahead than one chunk and what
    the network buffers hold.

    Use it as ``async with obj.as_file() as stream``. Leaving the block frees the connection, read to
    the end or not; so does reading to the end. ``await container.open_object(name)`` opens it at
    once, for errors to come early.

    One task at a time may read from it.
    """

    def __init__(self, source: ObjectSource, *, name: str, byte_range: ByteRange | None = None) -> None:
        self._source = source
        self._name = name
        self._range = byte_range
        self._start = 0
        self._stop: int | None = None
        self._reader: RangeReader | None = None
        self._buffer = b""
        self._taken: int = 0
        self._position: int = 0
        self._expected: ObjectHash | None = None
        self._verifier = Verifier(None)
        self._hashed: int = 0
        self._is_open = False
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __await__(self) -> Generator[None, None, Self]:
        return self._opened().__await__()

    def __repr__(self) -> str:
        return f"<ObjectReader {self._name!r} at {self._position}{', closed' if self._is_closed else ''}>"

    @property
    def name(self) -> str:
        """The object's name."""
        return self._name

    @property
    def info(self) -> ObjectInfo | None:
        """What is known of the version that is read; None before the first read."""
        return self._source.info

    @property
    def size(self) -> int | None:
        """Bytes to read in all, from the start; None as long as it is not known."""
        return self._stop - self._start if self._is_open and self._stop is not None else None

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._is_closed

    async def open(self) -> None:
        """Make the first request, if none was made yet.

        Raises:
            ObjectNotFoundError: There is no such object.
        """
        self._check_open()
        if self._is_open:
            return
        body = await self._source.open(self._range)
        try:
            self._start, self._stop = self._source.resolve(self._range, body)
        except BaseException:
            await body.aclose()
            raise
        if self._stop is None:
            self._stop = body.info.size
        if (self._start, self._stop) == (0, body.info.size):  # and not a part, or a range
            self._expected = body.info.object_hash
        if self._position:  # somebody went elsewhere before the first read
            await body.aclose()
        else:
            self._reader = self._source.read_range(self._start, self._stop, body=body)
        self._is_open = True

    async def read(self, size: int | None = -1) -> bytes:
        """Exactly ``size`` bytes, fewer at the end; all that is left where it is negative or None.

        A read that fails or is cancelled has read nothing: the next one begins where it began. So it is
        with all that read, and with iteration.
        """
        left = -1 if size is None else size
        pieces: list[bytes] = []
        start = self._position
        try:
            while left and (chunk := await self._take(left if left > 0 else None)):
                pieces.append(chunk)
                if left > 0:
                    left -= len(chunk)
        except BaseException:
            await self._reset(start)
            raise
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def read1(self, size: int = -1) -> bytes:
        """What can be had without waiting twice: at least one byte, at most ``size``; empty at the end."""
        return b"" if size == 0 else await self._take(size if size > 0 else None)

    async def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill ``buffer`` and return how many bytes were put into it: fewer only at the end."""
        view = memoryview(buffer).cast("B")
        filled = 0
        start = self._position
        try:
            while filled < len(view) and (chunk := await self._take(len(view) - filled)):
                view[filled : filled + len(chunk)] = chunk
                filled += len(chunk)
        except BaseException:
            await self._reset(start)
            raise
        return filled

    async def readline(self, limit: int | None = -1) -> bytes:
        r"""Bytes up to and with the next ``\n``, at most ``limit`` of them; empty at the end."""
        left = -1 if limit is None else limit
        pieces: list[bytes] = []
        start = self._position
        try:
            while left and await self._fill():
                end = self._buffer.find(b"\n", self._taken) + 1
                wanted = (end or len(self._buffer)) - self._taken
                piece = await self._take(wanted if left < 0 else min(wanted, left))
                pieces.append(piece)
                if left > 0:
                    left -= len(piece)
                if piece.endswith(b"\n"):
                    break
        except BaseException:
            await self._reset(start)
            raise
        return b"".join(pieces)

    def __aiter__(self) -> Self:
        """Chunks as they arrive, to the end."""
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._take(None)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position and return it. Seeking past the end is allowed; reading there yields nothing.

        Raises:
            InvalidArgumentError: The position is negative, or ``whence`` unknown.
        """
        self._check_open()
        match whence:
            case os.SEEK_SET:
                target = offset
            case os.SEEK_CUR:
                target = self._position + offset
            case os.SEEK_END:
                if self.size is None:
                    await self.open()
                if self.size is None:
                    raise InvalidArgumentError("the server does not say how large the object is")
                target = self.size + offset
            case _:
                raise InvalidArgumentError(f"whence is {whence}, not 0, 1 or 2")
        if target < 0:
            raise InvalidArgumentError(f"cannot seek to {target}")
        await self._go_to(target)
        return target

    def tell(self) -> int:
        """The position of the next byte to be read."""
        return self._position

    async def aclose(self) -> None:
        """Give up the connection. Closing twice is fine; reading afterwards is not."""
        self._is_closed = True
        self._buffer, self._taken = b"", 0
        await self._drop()

    async def _opened(self) -> Self:
        await self.open()
        return self

    async def _go_to(self, target: int) -> None:
        first = self._position - self._taken  # where the buffer begins
        last = first + len(self._buffer)
        if not first <= target <= last:
            if self._reader is None or not 0 < target - last <= _SKIP_BYTES:
                await self._reset(target)
                return
            before, self._position, self._taken = self._position, last, len(self._buffer)
            try:
                while target > last and await self._fill():
                    first, last = last, last + len(self._buffer)
                    self._position, self._taken = last, len(self._buffer)
            except BaseException:
                await self._reset(before)
                raise
            if target > last:  # past the end
                await self._reset(target)
                return
        self._position, self._taken = target, target - first

    async def _reset(self, position: int) -> None:
        """Go to a position with nothing in hand."""
        self._buffer, self._taken, self._position = b"", 0, position
        await self._drop()

    async def _fill(self) -> bool:
        """Have at least one byte in the buffer; False at the end. If it fails or is cancelled, nothing has moved."""
        self._check_open()
        if self._taken < len(self._buffer):
            return True
        try:
            chunk = await self._next()
            await self._verify(chunk)
        except BaseException:
            await self._reset(self._position)  # what has come, and was not taken, must come again
            raise
        self._buffer, self._taken = chunk, 0
        return bool(chunk)

    async def _next(self) -> bytes:
        await self.open()
        if self._reader is None:
            at = self._start + self._position
            if self._stop is not None and at >= self._stop:
                return b""
            self._reader = self._source.read_range(at, self._stop)
        return await self._reader.chunk()

    async def _verify(self, chunk: bytes) -> None:
        """Hash what comes in order from the first byte on, and compare when the last is there.

        Raises:
            ChecksumMismatchError: These are not the bytes that were stored.
        """
        if not self._position:
            self._verifier, self._hashed = Verifier(self._expected), 0
        if not self._verifier.is_needed:
            return
        end = self._position + len(chunk)
        if self._position <= self._hashed < end:
            fresh = chunk[self._hashed - self._position :]
            self._hashed = end
            if len(fresh) <= INLINE_BYTES:
                self._verifier.update_now(fresh)
            else:  # to its end, also when this is cancelled: what is hashed is hashed once, and in order
                await in_thread(self._verifier.update_now, fresh)
        if end == self._hashed and (end == self.size or not chunk):
            self._verifier.check()

    async def _take(self, most: int | None) -> bytes:
        if not await self._fill():
            return b""
        end = len(self._buffer) if most is None else min(len(self._buffer), self._taken + most)
        piece = self._buffer[self._taken : end]
        self._taken = end
        self._position += len(piece)
        return piece

    async def _drop(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.aclose()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClosedError("the reader is closed", operation="read", key=self._name)

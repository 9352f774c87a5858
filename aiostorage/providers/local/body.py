"""The content of a large object, from an open file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiofiles.threadpool.binary import AsyncFileIO

from aiostorage._tasks import run_to_end
from aiostorage.errors import ClosedError, StorageConnectionError
from aiostorage.providers.local.errors import operation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from io import FileIO

    from aiostorage.models import ObjectInfo

_CHUNK_BYTES = 1 << 20
_MAX_READ_BYTES = 1 << 30  # Linux gives at most 2 GiB - 4 KiB for one read(2)


class FileBody:
    """An :class:`~aiostorage.backend.ObjectBody` that is read from a file as it is asked for."""

    def __init__(self, container: str, info: ObjectInfo, file: FileIO, start: int, stop: int) -> None:
        self._container = container
        self.info = info
        self.start = start
        self.stop: int | None = stop
        self._end = stop
        self._at = start
        self._file = AsyncFileIO(file, loop=None, executor=None)
        self._file_at = -1

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunks of a size that is good to handle."""
        while chunk := await self._take(_CHUNK_BYTES):
            yield chunk

    async def read(self) -> bytes:
        """All that is left."""
        pieces: list[bytes] = []
        while piece := await self._take(_MAX_READ_BYTES):
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def aclose(self) -> None:
        """Close the file. Twice is fine."""
        if not self._file.closed:
            await run_to_end(self._file.close())

    async def _take(self, most: int) -> bytes:
        if self._file.closed:
            raise ClosedError("the body was closed")
        size = min(most, self._end - self._at)
        if size == 0:
            return b""
        with operation("get_object", self._container, self.info.key):
            # To the end, also when we are cancelled: a thread that was left behind would read while
            # somebody closes the file.
            chunk = await run_to_end(self._read(size))
            if not chunk:
                raise StorageConnectionError("the file was cut short while it was read", retryable=True)
        self._at += len(chunk)
        return chunk

    async def _read(self, size: int) -> bytes:
        if self._file_at != self._at:  # at first, and after a read whose caller was cancelled
            await self._file.seek(self._at)
        chunk = await self._file.read(size)
        self._file_at = self._at + len(chunk)
        return chunk

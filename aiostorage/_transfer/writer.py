"""An object as an asynchronous file to write to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from aiostorage._transfer.parts import growing_part_size
from aiostorage._transfer.upload import PartsUpload
from aiostorage.errors import ClosedError

if TYPE_CHECKING:
    from types import TracebackType

    from aiostorage._transfer.budget import MemoryBudget
    from aiostorage.backend import Backend
    from aiostorage.models import Buffer, ObjectInfo, WriteOptions


class ObjectWriter:
    """An asynchronous file whose content becomes an object, whole, when the block is left cleanly.

    Use it as ``async with container.open_writer(name) as writer: await writer.write(data)``. Leaving
    the block by an exception or a cancellation publishes nothing and leaves nothing behind. So does
    forgetting to leave it: only :meth:`commit` and a clean exit publish.

    At most ``part_size_bytes * (concurrency + 1)`` bytes are held in memory: ``write`` waits while
    parts are on their way. When a part fails for good, the block is cancelled and its error comes out.

    A ``write`` that fails or is cancelled may have taken some of its bytes. Nothing is published then, and
    leaving the block raises ``ClosedError``, whoever has caught what the ``write`` has raised.

    A writer is for one object, and is not opened again.
    """

    def __init__(
        self,
        backend: Backend,
        container: str,
        key: str,
        options: WriteOptions,
        *,
        part_size: int,
        concurrency: int,
        budget: MemoryBudget,
    ) -> None:
        self._backend = backend
        self._container = container
        self._key = key
        self._options = options
        self._part_size = part_size
        self._parts = PartsUpload(
            backend, container, key, options, part_size=part_size, concurrency=concurrency, budget=budget, on_sent=None
        )
        self._buffer = bytearray()
        self._position = 0
        self._lock = asyncio.Lock()
        self._is_open = False
        self._was_opened = False
        self._info: ObjectInfo | None = None

    async def __aenter__(self) -> Self:
        if self._was_opened:
            raise ClosedError("a writer is for one object: open another", key=self._key)
        self._was_opened = True
        await self._parts.__aenter__()
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        failure: BaseException | None = error
        if error is None and self._is_open:
            try:
                await self.commit()
            except BaseException as caught:  # noqa: BLE001 - it is raised below, once the parts are gone
                failure = caught
        self._is_open = False
        self._buffer = bytearray()
        await self._parts.__aexit__(None if failure is None else type(failure), failure, traceback)
        if failure is not None and failure is not error:
            raise failure

    @property
    def name(self) -> str:
        """The name of the object to be."""
        return self._key

    @property
    def info(self) -> ObjectInfo | None:
        """What was published; None before."""
        return self._info

    async def write(self, data: Buffer) -> int:
        """Append bytes, and return how many. They are copied: the buffer may be used again.

        Raises:
            ClosedError: The writer was committed, aborted or left, or a write has failed or was cancelled: that is the
                cause.
        """
        try:
            async with self._lock:  # tasks that write at once write one after the other
                self._check_open()
                return await self._append(memoryview(data).cast("B"))
        except BaseException as error:
            if self._is_open:
                reason = ClosedError("a write has failed or was cancelled: bytes may be missing", key=self._key)
                reason.__cause__ = error
                self._parts.fail(reason)
            raise

    def tell(self) -> int:
        """How many bytes were written."""
        return self._position

    async def commit(self) -> ObjectInfo:
        """Publish what was written, and close. What fits into one part is one request.

        Raises:
            ClosedError: It was committed or aborted before, or a write has failed or was cancelled: that is the cause.
        """
        async with self._lock:
            self._check_open()
            self._is_open = False
            if self._parts.count:
                if self._buffer:
                    await self._send()
                self._info = await self._parts.complete()
            else:
                self._info = await self._backend.put_object(self._container, self._key, self._buffer, self._options)
            return self._info

    async def abort(self) -> None:
        """Publish nothing, remove what was sent already, and close."""
        self._is_open = False
        self._buffer = bytearray()
        await self._parts.give_up()

    async def _append(self, view: memoryview) -> int:
        written = len(view)
        while True:
            size = growing_part_size(self._parts.count + 1, self._part_size, self._backend.capabilities.limits)
            await self._parts.make_room(size)
            room = size - len(self._buffer)
            self._buffer += view[:room]
            self._position += min(room, len(view))
            view = view[room:]
            if len(self._buffer) < size or not view:
                return written
            await self._send()

    async def _send(self) -> None:
        piece, self._buffer = self._buffer, bytearray()
        await self._parts.add_buffer(piece)

    def _check_open(self) -> None:
        if not self._was_opened:
            raise ClosedError("the writer is not open: use it in an 'async with' block", key=self._key)
        if not self._is_open:
            raise ClosedError("the writer is closed", key=self._key)
        self._parts.check()

"""The chunk pipeline: a body goes to a provider in one request, or in parts sent concurrently.

Memory held for parts is at most ``part_size * (concurrency + 1)``: those on their way, and the one
that a stream is filling. Where the provider's limits make parts larger than that size, fewer are on
their way at once; only a part that is larger than all of it goes beyond it, alone. Parts of memory and
files are read where they lie, each by its own task. All uploads of a driver share one budget, too, for
those on their way.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
from typing import TYPE_CHECKING, Self, TypeAlias

from aiostorage._tasks import Group, clean_up, run_to_end
from aiostorage._transfer.budget import MemoryBudget
from aiostorage._transfer.parts import growing_part_size, memory_for, part_size_for
from aiostorage.body import FileBody, MemoryBody, StreamBody
from aiostorage.errors import ClosedError, StorageError, UploadNotFoundError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import TracebackType

    from aiostorage._transfer.resume import Journal
    from aiostorage.backend import Backend, OnSent
    from aiostorage.body import Body
    from aiostorage.models import Buffer, Limits, ObjectInfo, Part, Upload, WriteOptions

SendPart: TypeAlias = "Callable[[Upload, int, int], Awaitable[Part]]"
"""Stores part ``number``, which begins at ``offset``, of an upload."""

log = logging.getLogger("aiostorage")

_ABORT_AGAIN_AFTER_S = 0.2


async def upload(
    backend: Backend,
    container: str,
    key: str,
    body: Body,
    options: WriteOptions,
    *,
    part_size: int,
    concurrency: int,
    budget: MemoryBudget,
    on_sent: OnSent | None,
) -> ObjectInfo:
    """Store a body, whole or not at all, and say what is there.

    What fits into one part is one request. A failure or a cancellation aborts the upload: no part
    stays behind, and no task.

    Args:
        backend: Where to.
        container: Name of the container.
        key: Name of the object.
        body: What to store; it is not closed here.
        options: How to store it.
        part_size: Bytes of a part, unless the provider's limits ask for more.
        concurrency: Parts on their way at once, and fewer of those that are larger.
        budget: Memory for parts on their way, of all uploads together.
        on_sent: Told how many bytes have moved.

    Raises:
        InvalidArgumentError: The body does not fit the provider, or is not as long as it said.
    """
    limits = backend.capabilities.limits
    sizes = _part_sizes(body.size, part_size, limits)
    first_size = next(sizes)
    if isinstance(body, StreamBody):
        first = await body.read(first_size)
        is_whole = len(first) < first_size or (len(first) == body.size and not await body.read(1))
    else:
        is_whole = body.size <= first_size
        first = await body.read_at(0, body.size) if is_whole else b""
    if is_whole:
        return await backend.put_object(container, key, first, options, on_sent=on_sent)
    async with PartsUpload(
        backend, container, key, options, part_size=part_size, concurrency=concurrency, budget=budget, on_sent=on_sent
    ) as parts:
        match body:
            case MemoryBody() | FileBody():
                while parts.size < body.size:
                    await parts.add_range(min(first_size, body.size - parts.size), body)
            case StreamBody():
                while first:
                    await parts.add_buffer(first)
                    if parts.count == limits.max_parts and not await body.read(1):
                        break  # it fits; a byte more is refused with its part
                    await parts.make_room(size := next(sizes))
                    first = await body.read(size)
        return await parts.complete()


def _part_sizes(size: int | None, wanted: int, limits: Limits) -> Iterator[int]:
    """The sizes of the parts, from the first; all equal where the size of the whole is known."""
    if size is not None:
        return itertools.repeat(part_size_for(size, wanted, limits))
    return (growing_part_size(number, wanted, limits) for number in itertools.count(1))


class PartsUpload:
    """An upload by parts, as an async context manager: left without :meth:`complete`, it is aborted.

    The first part that fails cancels the others, and the caller, at once; its error comes out of
    the context manager.

    With a ``journal`` it is not aborted, but left for a later process to go on with.

    ``part_size`` is what was asked for: so many bytes, times ``concurrency + 1``, may be held.
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
        on_sent: OnSent | None,
        journal: Journal | None = None,
    ) -> None:
        self._backend = backend
        self._container = container
        self._key = key
        self._options = options
        self._on_sent = on_sent
        self._journal = journal
        self._concurrency = concurrency
        self._budget = budget
        self._slots = asyncio.Semaphore(concurrency)
        self._room = MemoryBudget(memory_for(part_size, concurrency, backend.capabilities.limits))
        self._reserved = 0
        self._group = Group()
        self._failure: BaseException | None = None
        self._is_given_up = False
        self._upload: Upload | None = None if journal is None else journal.upload
        self._parts: list[Part] = []
        self.count = 0
        self.size = 0

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._group.__aexit__(kind, error, traceback)
        except StorageError:
            if not self._is_given_up:
                raise
        finally:
            if self._upload is not None and self._journal is None:
                await self._abort(self._upload)

    async def make_room(self, size: int) -> None:
        """Wait until so many bytes may be held for the next part, which is about to be filled.

        Asking again before that part is added changes nothing.
        """
        if not self._reserved:
            await self._room.take(size)
            self._reserved = size

    async def add(self, size: int, send: SendPart, *, memory: int = 0) -> None:
        """Have ``send`` store the next part as soon as there is a slot, and room for the memory it takes."""
        upload = await self._begin()
        await self.make_room(memory)
        await self._acquire_slot()
        try:
            await self._budget.take(memory)
        except BaseException:
            self._slots.release()
            raise
        self.count += 1
        room, self._reserved = self._reserved, 0
        self._group.start(
            self._run(send, upload, self.count, self.size), finish=functools.partial(self._give_back, memory, room)
        )
        self.size += size

    async def add_range(self, size: int, body: MemoryBody | FileBody) -> None:
        """Send the next part, whose bytes are read only when there is a slot for it."""

        async def send(upload: Upload, number: int, offset: int) -> Part:
            piece = await body.read_at(offset, size)
            return await self._backend.upload_part(upload, number, offset, piece, on_sent=self._on_sent)

        await self.add(size, send, memory=size if isinstance(body, FileBody) else 0)

    async def add_buffer(self, piece: Buffer) -> None:
        """Send the next part."""

        async def send(upload: Upload, number: int, offset: int) -> Part:
            return await self._backend.upload_part(upload, number, offset, piece, on_sent=self._on_sent)

        await self.add(len(piece), send, memory=len(piece))

    def hold(self, part: Part) -> None:
        """Take the next part as sent: the provider has it from an earlier time."""
        self._parts.append(part)
        self.count += 1
        self.size += part.size

    async def join(self) -> None:
        """Wait for the parts that are on their way."""
        for _ in range(self._concurrency):  # all slots free: no part is on its way, and none has failed
            await self._acquire_slot()
        for _ in range(self._concurrency):
            self._slots.release()

    async def complete(self) -> ObjectInfo:
        """Wait for all parts and publish the object."""
        await self.join()
        # Cut off in the middle, a completion may or may not happen: wait, to know whether to abort.
        return await run_to_end(self._complete(await self._begin()))

    async def _complete(self, upload: Upload) -> ObjectInfo:
        parts = sorted(self._parts, key=lambda part: part.number)
        try:
            info = await self._backend.complete_upload(upload, parts, self._options)
        except BaseException as error:
            if _may_be_under_way(error) and not self._backend.capabilities.atomic_completion:
                self._upload = None
                log.warning(
                    "an upload of %r in %r is left behind, for it may become an object yet: %s",
                    self._key,
                    self._container,
                    str(error) or "it was cut off",
                )
            raise
        self._upload = None  # from here on there is an object, and nothing to abort
        return info

    async def _begin(self) -> Upload:
        if self._upload is None:
            self._upload = await run_to_end(
                self._backend.create_upload(self._container, self._key, self._options), undo=self._abort
            )
            if self._journal is not None:
                await self._note(self._journal, self._upload)
        return self._upload

    async def _note(self, journal: Journal, upload: Upload) -> None:
        try:
            await journal.begun(upload)
        except BaseException:  # nobody will find it again
            await self._abort(upload)
            raise

    def check(self) -> None:
        """Raise what the upload has failed of, if it has: also again, where that was caught before."""
        if self._failure is not None:
            raise self._failure

    def fail(self, reason: StorageError) -> None:
        """Have nothing more sent, and nothing published; the reason is that, unless the upload has failed before."""
        self._failure = self._failure or reason

    async def give_up(self) -> None:
        """Abort now, quietly: also where a part has failed meanwhile. No part is on its way any more, then."""
        self._is_given_up = True
        self.fail(ClosedError("the upload was aborted", key=self._key))
        await self._group.cancel()  # a part that arrives later may bring the upload back
        if self._upload is not None:
            await self._abort(self._upload)

    async def _acquire_slot(self) -> None:
        await self._slots.acquire()
        self.check()  # a part that fails cancels the caller, but once only, and the caller may have caught that

    async def _run(self, send: SendPart, upload: Upload, number: int, offset: int) -> None:
        try:
            self._parts.append(await send(upload, number, offset))
        except BaseException as error:
            self._failure = self._failure or error
            if not (self._is_given_up and isinstance(error, StorageError)):
                raise

    def _give_back(self, memory: int, room: int) -> None:
        self._budget.give_back(memory)
        self._room.give_back(room)
        self._slots.release()

    async def _abort(self, upload: Upload) -> None:
        self._upload = None
        failure = await clean_up(_abort_until_gone(self._backend, upload))
        if failure is not None:
            log.warning("an unfinished upload of %r in %r may be left behind: %s", self._key, self._container, failure)


def _may_be_under_way(error: BaseException) -> bool:
    """Whether the service may still be busy with the completion that has ended so for us."""
    if isinstance(error, StorageError):
        return error.may_be_done and not isinstance(error, UploadNotFoundError)
    return True  # it was cut off


async def _abort_until_gone(backend: Backend, upload: Upload) -> None:
    """Abort, and look whether a part that was still on its way has outlived it.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html ("it might be
    necessary to abort a given multipart upload multiple times")
    """
    while True:
        try:
            await backend.abort_upload(upload)
            if not (await backend.list_parts(upload, token=None)).items:
                return
        except UploadNotFoundError:
            return
        await asyncio.sleep(_ABORT_AGAIN_AFTER_S)

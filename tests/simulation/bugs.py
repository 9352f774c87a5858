"""Bugs that others have, to be put in on purpose: each takes away one rule of the package, and must be found."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiostorage._http.client import HTTPClient
from aiostorage._http.slots import Gate
from aiostorage._tasks import Group
from aiostorage._transfer.budget import MemoryBudget
from aiostorage._transfer.paths import FileWriter
from aiostorage._transfer.source import ObjectSource, RangeReader, Verifier
from aiostorage._transfer.upload import PartsUpload
from aiostorage._transfer.writer import ObjectWriter
from aiostorage.errors import ObjectNotFoundError, StorageError
from aiostorage.models import ObjectInfo
from aiostorage.providers.s3 import errors as s3_errors
from aiostorage.providers.s3.backend import S3Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import pytest

    from aiostorage._http.messages import Request, Response
    from aiostorage.backend import Backend
    from aiostorage.models import Upload

_start = Group.start
_open = ObjectSource.open
_send = HTTPClient.send
_read_error = s3_errors.read_error
_delete_object = S3Backend.delete_object


async def complete_before_the_last_part(self: PartsUpload) -> ObjectInfo:
    return await self._complete(await self._begin())


async def acknowledge_without_completing(self: PartsUpload, upload: Upload) -> ObjectInfo:
    self._upload = None
    return ObjectInfo(key=upload.key, size=self.size)


async def forget_to_abort(self: PartsUpload, upload: Upload) -> None:
    self._upload = None


async def abort_once(backend: Backend, upload: Upload) -> None:
    await backend.abort_upload(upload)


async def send_parts_without_a_bound(self: PartsUpload) -> None:
    if self._failure is not None:
        raise self._failure


def splice(self: RangeReader, chunk: bytes) -> bytes:
    """A 200 is taken for the range that was asked for."""
    return chunk[: None if self._stop is None else self._stop - self.position]


async def open_any_version(self: ObjectSource, byte_range: Any = None) -> Any:
    self.info = None
    return await _open(self, byte_range)


def overlook_errors_behind_200(request: Request, response: Response, **more: Any) -> StorageError | None:
    return None if response.status < 300 else _read_error(request, response, **more)


async def be_refused_for_an_own_success(write_id: str | None, error: StorageError, look: Any) -> ObjectInfo:
    raise error


async def take_another_write_for_ones_own(write_id: str | None, error: StorageError, look: Any) -> ObjectInfo:
    """The mark is not looked at: what is there must be what was sent."""
    if error.attempts > 1:
        with suppress(ObjectNotFoundError):
            info: ObjectInfo = (await look())[0]
            return info
    raise error


async def send_again_after_a_lost_look(self: HTTPClient[Any], request: Request) -> Response:
    """What a caller does that makes certain."""
    if request.method == "PUT":
        await _send(self, request)
    return await _send(self, request)


async def forgive_failed_deletions(self: S3Backend, container: str, key: str, **options: Any) -> None:
    with suppress(StorageError):
        await _delete_object(self, container, key, **options)


async def publish_whatever_happens(self: ObjectWriter, *error: object) -> None:
    """What a writer does that commits when it is closed."""
    if self._is_open:
        await self.commit()
    await self._parts.__aexit__(None, None, None)


def keep_the_temporary_file(self: FileWriter) -> None:
    self._close()


async def end_at_an_empty_page(fetch: Any) -> Any:
    token = None
    while (page := await fetch(token)).items:
        for item in page.items:
            yield item
        token = page.next_token
        if token is None:
            return


def start_and_forget(
    self: Group, work: Coroutine[None, None, None], *, finish: Callable[[], None] | None = None
) -> None:
    """What is given back at the end of a task is lost where the task has not begun."""

    async def run_and_finish() -> None:
        try:
            await work
        finally:
            if finish is not None:
                finish()

    _start(self, run_and_finish())


async def enter_and_lose_it(self: Gate) -> None:
    """Who is cancelled when it has been let in takes the room along."""
    if self.try_enter():
        return
    waiter = asyncio.get_running_loop().create_future()
    self._waiters.append(waiter)
    await waiter


async def take_and_lose_it(self: MemoryBudget, size: int) -> None:
    """Who is cancelled when it has been served takes the memory along."""
    if not self._waiters and self._fits(size):
        self.held += size
        return
    waiter = asyncio.get_running_loop().create_future()
    self._waiters.append((size, waiter))
    await waiter


def wake_the_last(self: MemoryBudget) -> None:
    """Only one of those who wait is looked at, and then they are forgotten."""
    if self._waiters and self._fits(self._waiters[0][0]):
        size, waiter = self._waiters.popleft()
        self._waiters = deque()
        if not waiter.done():
            self.held += size
            waiter.set_result(None)


async def cut_off_in_the_middle(work: Coroutine[Any, Any, Any], **options: Any) -> Any:
    return await work


async def swallow_a_cancellation(work: Coroutine[Any, Any, Any], **options: Any) -> Any:
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task})
    return task.result()


async def let_the_slower_one_go_on(attempt: Any, request: Request, call: Any, hedging: Any, delay_s: float) -> Any:
    tasks = {asyncio.create_task(attempt(request, call))}
    done, _ = await asyncio.wait(tasks, timeout=delay_s)
    if not done:
        tasks.add(asyncio.create_task(attempt(request, call.second())))
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done.pop().result()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """What is put in the place of what.

    Attributes:
        where: An object, or the name of a module.
        name: What is replaced in it.
        by: The bug.
        only: Calls that may show it; none means all.
    """

    where: object
    name: str
    by: object
    only: tuple[str, ...] = ()

    def put_into(self, patch: pytest.MonkeyPatch) -> None:
        """Have it until the patch is taken away."""
        if isinstance(self.where, str):
            patch.setattr(f"{self.where}.{self.name}", self.by)
        else:
            patch.setattr(self.where, self.name, self.by)


_WRITES = ("stream", "file", "writer")

BUGS = {
    "publish before the last part is there": Bug(where=PartsUpload, name="complete", by=complete_before_the_last_part),
    "acknowledge what is not complete": Bug(where=PartsUpload, name="_complete", by=acknowledge_without_completing),
    "forget to abort": Bug(where=PartsUpload, name="_abort", by=forget_to_abort),
    "abort once, and do not look": Bug(
        where="aiostorage._transfer.upload",
        name="_abort_until_gone",
        by=abort_once,
        only=_WRITES,
    ),
    "abort what may be completed yet": Bug(
        where="aiostorage._transfer.upload",
        name="_may_be_under_way",
        by=lambda _: False,
        only=_WRITES,
    ),
    "cut a completion off": Bug(where="aiostorage._transfer.upload", name="run_to_end", by=cut_off_in_the_middle),
    "swallow a cancellation": Bug(where="aiostorage._transfer.upload", name="run_to_end", by=swallow_a_cancellation),
    "send parts without a bound": Bug(where=PartsUpload, name="_acquire_slot", by=send_parts_without_a_bound),
    "take another's write for one's own": Bug(
        where="aiostorage._http.write_ids",
        name="written_before",
        by=take_another_write_for_ones_own,
        only=("create", "replace"),
    ),
    "do not know one's own write": Bug(
        where="aiostorage._http.write_ids",
        name="written_before",
        by=be_refused_for_an_own_success,
        only=("create", "replace"),
    ),
    "write twice": Bug(where=HTTPClient, name="send", by=send_again_after_a_lost_look),
    "forgive failed deletions": Bug(
        where=S3Backend,
        name="delete_object",
        by=forgive_failed_deletions,
        only=("delete", "upload"),
    ),
    "take a 200 for the range": Bug(
        where=RangeReader,
        name="_wanted",
        by=splice,
        only=("read range", "reader", "download"),
    ),
    "mix versions": Bug(where=ObjectSource, name="open", by=open_any_version, only=("reader", "download", "upload")),
    "overlook an error behind a 200": Bug(
        where="aiostorage.providers.s3.routes",
        name="read_error",
        by=overlook_errors_behind_200,
    ),
    "do not compare checksums": Bug(where=Verifier, name="check", by=lambda _: None, only=("read", "download")),
    "publish what a writer was left with": Bug(where=ObjectWriter, name="__aexit__", by=publish_whatever_happens),
    "leave the temporary file": Bug(where=FileWriter, name="discard", by=keep_the_temporary_file),
    "end a listing at an empty page": Bug(where="aiostorage._transfer.listing", name="items", by=end_at_an_empty_page),
    "lose what a task holds that never began": Bug(where=Group, name="start", by=start_and_forget),
    "lose room in a cancellation": Bug(where=Gate, name="enter", by=enter_and_lose_it, only=("head", "read", "stream")),
    "lose memory in a cancellation": Bug(where=MemoryBudget, name="take", by=take_and_lose_it, only=_WRITES),
    "forget who waits for memory": Bug(where=MemoryBudget, name="_serve", by=wake_the_last),
    "let the slower of two requests go on": Bug(
        where="aiostorage._http.hedging",
        name="_race",
        by=let_the_slower_one_go_on,
        only=("head", "read"),
    ),
}

"""Many deletions at once, and a container with everything in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from aiostorage._tasks import Group
from aiostorage._transfer import listing
from aiostorage.errors import (
    ContainerNotEmptyError,
    ContainerNotFoundError,
    NotFoundError,
    PreconditionFailedError,
    StorageError,
    UploadNotFoundError,
)
from aiostorage.models import DeleteOutcome, ListQuery, ObjectRef, Prefix

if TYPE_CHECKING:
    from aiostorage.backend import Backend
    from aiostorage.models import Upload

Job: TypeAlias = Callable[[], Awaitable[None]]

_PASSES = 5
"""How often a container is emptied before what keeps appearing in it is reported."""

_NEXT_PASS_AFTER_S = 0.5


async def delete_many(
    backend: Backend,
    container: str,
    refs: AsyncIterable[ObjectRef],
    *,
    concurrency: int,
    bypass_retention: bool = False,
) -> list[DeleteOutcome]:
    """Delete objects of one container in batches, some at once; one outcome for each, in order."""
    outcomes: dict[int, Sequence[DeleteOutcome]] = {}
    await _delete(backend, container, refs, concurrency, outcomes.__setitem__, bypass_retention=bypass_retention)
    return [outcome for number in sorted(outcomes) for outcome in outcomes[number]]


async def _delete(
    backend: Backend,
    container: str,
    refs: AsyncIterable[ObjectRef],
    concurrency: int,
    note: Callable[[int, Sequence[DeleteOutcome]], None],
    *,
    bypass_retention: bool,
) -> None:
    """Delete in batches; ``note`` gets the number of each batch, and its outcomes, as they come."""

    async def jobs() -> AsyncGenerator[Job, None]:
        number = 0
        batches = _batches(refs, backend.capabilities.limits.max_delete_batch)
        try:
            async for batch in batches:
                yield partial(run, number, batch)
                number += 1
        finally:
            await batches.aclose()

    async def run(number: int, batch: list[ObjectRef]) -> None:
        try:
            note(number, await backend.delete_objects(container, batch, bypass_retention=bypass_retention))
        except StorageError as error:
            note(number, [DeleteOutcome(key=ref.key, version_id=ref.version_id, error=error) for ref in batch])

    await _run_all(jobs(), concurrency)


async def delete_container(
    backend: Backend, container: str, *, concurrency: int, bypass_retention: bool = False
) -> None:
    """Remove a container with its objects, their versions, and its unfinished uploads.

    Raises:
        ContainerNotFoundError: There is none of this name.
        ContainerNotEmptyError: Something keeps appearing in it, or cannot be deleted; the error of
            the first object that could not be is its cause.
    """
    for attempt in range(_PASSES):
        if attempt:
            await asyncio.sleep(_NEXT_PASS_AFTER_S)
        await abort_uploads(backend, container, concurrency=concurrency)
        failures: list[StorageError] = []

        def note(_: int, outcomes: Sequence[DeleteOutcome], failures: list[StorageError] = failures) -> None:
            failures.extend([outcome.error for outcome in outcomes if outcome.error is not None][:1])

        everything = _everything(backend, container)
        await _delete(backend, container, everything, concurrency, note, bypass_retention=bypass_retention)
        try:
            await delete_empty_container(backend, container)
        except ContainerNotEmptyError as error:
            lasting = [failure for failure in failures if not _may_pass_soon(failure)]
            if lasting or attempt == _PASSES - 1:
                raise error from next(iter([*lasting, *failures]), None)
        else:
            return


def _may_pass_soon(failure: StorageError) -> bool:
    """Whether it makes sense to try again in the next pass: not where the service has asked for a longer pause.

    It does where something else must go first, such as the snapshots of an object; no other condition was made.
    """
    may_pass = failure.retryable or isinstance(failure, PreconditionFailedError)
    return may_pass and (failure.retry_after_s or 0) <= _NEXT_PASS_AFTER_S


async def delete_empty_container(backend: Backend, container: str) -> None:
    """Remove a container that nothing is in.

    Raises:
        ContainerNotFoundError: There is none of this name.
        ContainerNotEmptyError: Something is in it.
    """
    with _removed_before(ContainerNotFoundError):
        await backend.delete_container(container)


async def abort_upload(backend: Backend, upload: Upload) -> None:
    """Drop an upload and all its parts.

    Raises:
        UploadNotFoundError: There is no such upload (any more).
    """
    with _removed_before(UploadNotFoundError):
        await backend.abort_upload(upload)


@contextmanager
def _removed_before(missing: type[NotFoundError]) -> Generator[None]:
    """Pass over that there is nothing to remove, where an earlier attempt has removed it and its answer was lost."""
    try:
        yield
    except missing as error:
        if error.attempts < 2:
            raise


async def _everything(backend: Backend, container: str) -> AsyncGenerator[ObjectRef, None]:
    query = ListQuery(versions=backend.capabilities.versioning)
    found = listing.items(lambda token: backend.list_objects(container, query, token=token))
    try:
        async for item in found:
            if not isinstance(item, Prefix):
                version_id = item.version_id if query.versions else None
                yield ObjectRef(container=container, key=item.key, version_id=version_id)
    finally:
        await found.aclose()


async def abort_uploads(
    backend: Backend,
    container: str,
    *,
    concurrency: int,
    prefix: str = "",
    choose: Callable[[Upload], bool] = lambda _: True,
) -> int:
    """Drop the unfinished uploads of a container that ``choose`` approves of, and say how many there were."""
    aborted = 0

    async def jobs() -> AsyncGenerator[Job, None]:
        uploads = listing.items(lambda token: backend.list_uploads(container, prefix=prefix, token=token))
        try:
            async for upload in uploads:
                if choose(upload):
                    yield partial(abort, upload)
        finally:
            await uploads.aclose()

    async def abort(upload: Upload) -> None:
        nonlocal aborted
        with suppress(UploadNotFoundError):
            await backend.abort_upload(upload)
            aborted += 1

    await _run_all(jobs(), concurrency)
    return aborted


async def _batches(refs: AsyncIterable[ObjectRef], size: int) -> AsyncGenerator[list[ObjectRef], None]:
    batch: list[ObjectRef] = []
    try:
        async for ref in refs:
            batch.append(ref)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch
    finally:
        if isinstance(refs, AsyncGenerator):
            await refs.aclose()


async def _run_all(jobs: AsyncGenerator[Job, None], concurrency: int) -> None:
    """Run jobs as they come, at most ``concurrency`` at once: a sliding window, not batches."""
    slots = asyncio.Semaphore(concurrency)

    async def run(job: Job) -> None:
        try:
            await job()
        finally:
            slots.release()

    async with aclosing(jobs), Group() as group:
        async for job in jobs:
            await slots.acquire()
            group.start(run(job))

"""Many deletions with one request for each, where no request removes many."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiostorage.errors import StorageError
from aiostorage.models import DeleteOutcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from aiostorage.models import ObjectRef

AT_ONCE = 16
"""Few, because the caller has a limit of its own on batches."""


async def delete_singly(
    delete: Callable[[ObjectRef], Awaitable[None]], refs: Iterable[ObjectRef]
) -> dict[ObjectRef, DeleteOutcome]:
    """What became of each deletion; an error of one does not end the others."""
    room = asyncio.Semaphore(AT_ONCE)

    async def attempt(ref: ObjectRef) -> DeleteOutcome:
        error = None
        async with room:
            try:
                await delete(ref)
            except StorageError as failure:
                error = failure
        return DeleteOutcome(key=ref.key, version_id=ref.version_id, error=error)

    async with asyncio.TaskGroup() as group:
        tasks = {ref: group.create_task(attempt(ref)) for ref in dict.fromkeys(refs)}
    return {ref: task.result() for ref, task in tasks.items()}

"""Many deletions with one request for each, where no request removes many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage._tasks import each
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

    async def attempt(ref: ObjectRef) -> DeleteOutcome:
        error = None
        try:
            await delete(ref)
        except StorageError as failure:
            error = failure
        return DeleteOutcome(key=ref.key, version_id=ref.version_id, error=error)

    wanted = list(dict.fromkeys(refs))
    return dict(zip(wanted, await each(attempt, wanted, at_once=AT_ONCE), strict=True))

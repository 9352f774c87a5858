"""Structured concurrency: errors come out one at a time, and clean-up outlasts a cancellation."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeGuard, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine

T = TypeVar("T")
P = ParamSpec("P")

CLEANUP_S = 30.0
"""How long clean-up may go on after the caller has gone."""


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that happened first in a task group; the others followed from it."""
    leaf: BaseException = group.exceptions[0]
    return first_error(leaf) if _is_group(leaf) else leaf


def _is_group(error: BaseException) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    return isinstance(error, BaseExceptionGroup)


@asynccontextmanager
async def task_group() -> AsyncGenerator[asyncio.TaskGroup, None]:
    """A task group that raises the first error itself, with no group around it."""
    error: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        error = first_error(failures)
    if error is not None:
        raise error


async def run_to_end(
    work: Coroutine[None, None, T],
    *,
    grace_s: float = CLEANUP_S,
    undo: Callable[[T], Awaitable[None]] | None = None,
) -> T:
    """The result of ``work``, which goes on for up to ``grace_s`` after its caller is cancelled.

    For requests whose effect must be known before anything else is done. When the caller is cancelled
    and the work has succeeded all the same, ``undo`` gets its result. The cancellation then goes on.
    It does not matter whether a task, an ``asyncio.timeout`` or an anyio scope was cancelled.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await _settle(task, grace_s)
        if undo is not None and not task.cancelled() and task.exception() is None:
            await _settle(asyncio.ensure_future(_run(undo(task.result()))), grace_s)
        raise
    return task.result()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a short blocking function, run in a thread.

    A thread cannot be stopped: when the caller is cancelled, this waits for the function to return, so
    that nobody closes a file under it.
    """
    return await run_to_end(asyncio.to_thread(function, *args, **kwargs))


async def clean_up(work: Coroutine[None, None, None], *, grace_s: float = CLEANUP_S) -> BaseException | None:
    """Run ``work`` although the caller is being cancelled; the error that it ended in, if any."""
    task = asyncio.create_task(work)
    cancelled = await _settle(task, grace_s)
    if cancelled is not None:
        raise cancelled
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def _settle(task: asyncio.Task[T], grace_s: float) -> asyncio.CancelledError | None:
    """Wait for a task whatever happens, and end it when the time is over.

    Returns a cancellation that came while waiting: the caller's to raise, once it has cleaned up.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_s
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            left = deadline - loop.time()
            if left <= 0:
                task.cancel()
            try:
                await asyncio.wait({task}, timeout=left if left > 0 else 1.0)
            except asyncio.CancelledError as error:
                cancelled = error
    if not task.cancelled():
        task.exception()  # seen; or asyncio reports it as never retrieved
    return cancelled


async def _run(work: Awaitable[None]) -> None:
    await work

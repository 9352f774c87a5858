"""Structured concurrency: errors come out one at a time, and clean-up outlasts a cancellation."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar
from weakref import WeakSet

import anyio

from aiostorage._threads import call_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from types import TracebackType

A = TypeVar("A")
T = TypeVar("T")
P = ParamSpec("P")

CLEANUP_S = 30.0
"""How long clean-up may go on after the caller has gone."""


class Group:
    """A task group that raises one error, not a group of them, and never loses a cancellation.

    The first task that fails cancels the others and the block, and its error comes out. An error that
    the block itself raises goes before it, and so does a cancellation from outside.
    (``asyncio.TaskGroup`` forgets the latter before Python 3.13.)
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._parent: asyncio.Task[object] | None = None
        self._failure: BaseException | None = None
        self._is_exiting = False
        self._has_cancelled_parent = False
        self._cancelling = 0

    async def __aenter__(self) -> Self:
        self._parent = asyncio.current_task()
        self._cancelling = 0 if self._parent is None else self._parent.cancelling()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_exiting = True
        outside = error if isinstance(error, asyncio.CancelledError) else None
        if self._has_cancelled_parent and self._parent is not None and self._parent.uncancel() <= self._cancelling:
            outside = None  # that was us
        if error is not None:
            self._cancel_all()
        while self._tasks:
            # A scope of anyio cancels whoever is in it at each turn of the loop, and once is enough.
            with anyio.CancelScope(shield=outside is not None):
                try:
                    await asyncio.wait(self._tasks)
                except asyncio.CancelledError as cancelled:
                    outside = cancelled
                    self._cancel_all()
        if error is not None and not isinstance(error, asyncio.CancelledError):
            return  # it goes on
        if outside is not None:
            raise outside
        if self._failure is not None:
            raise self._failure

    def start(self, work: Coroutine[None, None, None], *, finish: Callable[[], None] | None = None) -> None:
        """Start a task, which ends with the group at the latest.

        ``finish`` is called when it has ended, also where it was cancelled before its first step: then no
        ``finally`` of ``work`` runs.
        """
        task = _start_kept(work) if self._parent in _kept else asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        if finish is not None:
            task.add_done_callback(lambda _: finish())

    async def cancel(self) -> None:
        """Cancel the tasks, and wait until they have ended. The block goes on."""
        self._cancel_all()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None or self._failure is not None:
            return
        self._failure = error
        self._cancel_all()
        if not self._is_exiting and self._parent is not None:
            self._has_cancelled_parent = True
            self._parent.cancel()

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()


async def each(work: Callable[[A], Awaitable[T]], items: Sequence[A], *, at_once: int) -> list[T]:
    """What ``work`` makes of each item, in order, with so many under way; the first error ends all of it."""
    room = asyncio.Semaphore(at_once)
    results: dict[int, T] = {}

    async def run(number: int, item: A) -> None:
        async with room:
            results[number] = await work(item)

    async with Group() as group:
        for number, item in enumerate(items):
            group.start(run(number, item))
    return [results[number] for number in range(len(items))]


async def run_to_end(
    work: Coroutine[None, None, T],
    *,
    grace_s: float = CLEANUP_S,
    undo: Callable[[T], Awaitable[None]] | None = None,
) -> T:
    """The result of ``work``, which goes on for up to ``grace_s`` after its caller is cancelled.

    For requests whose effect must be known before anything else is done. When the caller is cancelled
    and the work has succeeded all the same, ``undo`` gets its result. The cancellation then goes on.
    It does not matter whether a task, an ``asyncio.timeout`` or an anyio scope was cancelled, or all tasks
    because the program ends. But what the work waits for is only safe then where it is no task, or one of
    a :class:`Group`: a connection that is just being made breaks off, and the work ends in that.
    """
    task = _start_kept(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await _settle(task, grace_s)
        if undo is not None and not task.cancelled() and task.exception() is None:
            await _settle(_start_kept(_run(undo(task.result()))), grace_s)
        raise
    return task.result()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a short blocking function, run in a thread.

    A thread cannot be stopped: when the caller is cancelled, this waits for the function to return,
    however long that takes, so that nobody closes a file under it.
    """
    future = call_in(None, function, *args, **kwargs)
    try:
        await asyncio.wait({future})
    except asyncio.CancelledError:
        await _settle(future, math.inf)
        raise
    return future.result()


async def clean_up(work: Coroutine[None, None, None], *, grace_s: float = CLEANUP_S) -> BaseException | None:
    """Run ``work`` although the caller is being cancelled; the error that it ended in, if any.

    It has ``grace_s`` seconds; what is not done then is ended, and the error is a ``TimeoutError``. The end
    of the program is as for :func:`run_to_end`.
    """
    task = _start_kept(work)
    cancelled = await _settle(task, grace_s)
    if cancelled is not None:
        raise cancelled
    return TimeoutError(f"not done within {grace_s:g} s") if task.cancelled() else task.exception()


async def end(task: asyncio.Task[T]) -> None:
    """Cancel a task and wait until it has ended, although the caller is being cancelled. Its error is nobody's."""
    task.cancel()
    cancelled = await _settle(task, CLEANUP_S)
    if cancelled is not None:
        raise cancelled


_kept: WeakSet[asyncio.Task[object]] = WeakSet()


def _start_kept(work: Coroutine[None, None, T]) -> asyncio.Task[T]:
    """A task that is ended by who began it, and by nobody else.

    ``asyncio.run`` cancels all tasks in the end, and many programs do so themselves when they are told to end.
    Who began this one is among them, and waits for it.

    Source: https://docs.python.org/3/library/asyncio-extending.html#task-lifetime-support
    """
    task = asyncio.create_task(work)
    asyncio._unregister_task(task)  # pyright: ignore[reportPrivateUsage] # documented, by this name
    _kept.add(task)
    return task


def all_tasks() -> set[asyncio.Task[object]]:
    """The tasks of the loop that runs, those included that :func:`asyncio.all_tasks` does not tell."""
    loop = asyncio.get_running_loop()
    return asyncio.all_tasks() | {task for task in _kept if not task.done() and task.get_loop() is loop}


async def _settle(task: asyncio.Future[T], grace_s: float) -> asyncio.CancelledError | None:
    """Wait for a task or a thread whatever happens, and end it when the time is over.

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
                await asyncio.wait({task}, timeout=None if math.isinf(left) else left if left > 0 else 1.0)
            except asyncio.CancelledError as error:
                cancelled = error
    if not task.cancelled():
        task.exception()  # seen; or asyncio reports it as never retrieved
    return cancelled


async def _run(work: Awaitable[None]) -> None:
    await work

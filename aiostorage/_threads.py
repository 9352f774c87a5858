"""Functions that are called in threads."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import sys
import threading
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
P = ParamSpec("P")


def call_in(
    executor: Executor | None, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> asyncio.Future[T]:
    """Have a function called in a thread, with the context of now; None is the loop's own executor.

    What is returned is no task: nobody finds it and cancels it, but who has it. It raises a ``RuntimeError`` where the
    function raises ``StopIteration``.
    """

    def call() -> T:
        try:
            return function(*args, **kwargs)
        except StopIteration as error:  # no future holds it: before Python 3.12 nobody is told, and all wait for ever
            raise RuntimeError("a function that was called in a thread raised StopIteration") from error

    return asyncio.get_running_loop().run_in_executor(executor, contextvars.copy_context().run, call)


class OwnThread(Executor):
    """A thread for calls that may block for as long as they like, one after the other.

    It begins with the first call. Nobody waits for it: neither who is cancelled while a call blocks, nor
    other work, nor the end of the process. Then it stays behind until the call returns.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._is_begun = False
        self._under_way: set[object] = set()

    def __del__(self) -> None:
        self._calls.put(None)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a function called when the earlier calls have returned."""
        future: Future[T] = Future()
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        self._calls.put(functools.partial(_fulfil, future, functools.partial(fn, *args, **kwargs)))
        if not self._is_begun:
            self._is_begun = True
            # The end of a process closes its standard input, which is fatal while a thread is reading it, unless
            # somebody has that as well. Source: https://github.com/python/cpython/issues/86883
            threading.Thread(
                target=_serve, args=(self._calls, sys.stdin), name="aiostorage source", daemon=True
            ).start()
        return future

    async def aclose(self, last: Callable[[], object] | None = None) -> None:
        """Let the thread end after a last call, which is waited for unless an earlier one still blocks."""
        try:
            if last is not None and self._under_way:
                self.submit(last)
            elif last is not None:
                call = call_in(self, last)
                await asyncio.wait({call})  # it is made also when we are cancelled
                call.result()
        finally:
            self._calls.put(None)


def _serve(calls: SimpleQueue[Callable[[], None] | None], _: object) -> None:
    """Make the calls, up to the end; whoever has the :class:`OwnThread` is not kept alive by this."""
    while (call := calls.get()) is not None:
        call()
        del call


def _fulfil(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it goes to who waits
        future.set_exception(error)
        del future  # it has the error, which has this frame
    else:
        future.set_result(result)

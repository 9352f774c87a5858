"""Functions that are called in threads."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

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

"""An event loop whose time is made up: it jumps to the next timer, so that an hour of waiting takes no time.

Nothing in it depends on the machine: threads run at a moment that the dice choose, and tasks have a hash of
their own, so that sets of them have the same order in every run.
"""

from __future__ import annotations

import asyncio
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

_MANY_TURNS = 10_000
"""Turns of the loop at one moment that are more than any call needs: a real loop would burn a processor."""


class HangError(AssertionError):
    """Somebody waits for what will never happen."""


class NumberedTask(asyncio.Task[Any]):
    """A task whose hash is its number: that of others is where they lie in memory."""

    def __init__(self, work: Coroutine[Any, Any, Any], *, number: int, origin: object, **options: Any) -> None:
        self.number = number
        self.origin = origin
        super().__init__(work, **options)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs what is ready; when nothing is, it is the time of the next timer.

    Args:
        dice: Decides how long threads take.
        end_s: No run lasts longer, by the loop's own clock.
    """

    def __init__(self, dice: random.Random, *, end_s: float) -> None:
        super().__init__()
        self._dice = dice
        self._end_s = end_s
        self._now = 0.0
        self._selector = self  # what waits for sockets elsewhere
        self._clock_resolution = 1e-9  # that of the machine's clock is another everywhere
        self._turns = 0
        self.steps = 0
        self.tasks: list[NumberedTask] = []
        self.origin_of_tasks: Callable[[], object] = lambda: None
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]  # only options of tasks come

    def time(self) -> float:
        """Seconds since the run began."""
        return self._now

    def select(self, timeout: float | None) -> list[object]:
        """What the base class calls when nothing is ready: the time passes."""
        if timeout is None:
            raise HangError(f"at {self._now:.3f} s nothing will ever happen again")
        self._turns = 0 if timeout else self._turns + 1
        if self._turns > _MANY_TURNS:
            raise HangError(f"at {self._now:.3f} s somebody works and works while no time passes")
        self._now += timeout
        if self._now > self._end_s:
            raise HangError(f"it is not over after {self._end_s} s")
        return []

    def forget_tasks(self) -> None:
        """Take the tasks off asyncio's list of all: those of the next run have the same numbers.

        What a broken run has left is ended here, as far as that goes without a loop: the garbage collector would do it
        later, when another loop runs, and it would clean up there.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for task in self.tasks:
                setattr(task, "_log_destroy_pending", False)  # noqa: B010 - no stub knows it
                asyncio._unregister_task(task)
                left = task.get_coro()
                if left is not None and not task.done():
                    with suppress(Exception):
                        left.close()

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """Run a function as a thread would: some time later, whether anybody still waits or not."""
        future: asyncio.Future[T] = self.create_future()

        def run() -> None:
            asyncio._set_running_loop(None)  # it is in a thread, and may block
            try:
                result = func(*args)
            except BaseException as error:  # noqa: BLE001 - it goes to who waits
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)
            finally:
                asyncio._set_running_loop(self)

        self.call_later(self._dice.choice((0.0, 0.0001, 0.01)), run)
        return future

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], **options: Any
    ) -> asyncio.Task[T]:
        task = NumberedTask(work, loop=loop, number=len(self.tasks), origin=self.origin_of_tasks(), **options)
        self.tasks.append(task)
        return task

    def _run_once(self) -> None:
        super()._run_once()  # type: ignore[misc]  # no stub knows it
        self.steps += 1

    def _process_events(self, events: object) -> None: ...

    def _write_to_self(self) -> None: ...

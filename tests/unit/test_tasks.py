from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import pytest

from aiostorage._tasks import Group, clean_up, each, end, in_thread, run_to_end
from tests.cancelling import WAYS, cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

pytestmark = pytest.mark.anyio


class Work:
    """Something that takes until it is let go on, and notes what became of it."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.began = asyncio.Event()
        self.ended = False

    async def __call__(self) -> str:
        self.began.set()
        await self.gate.wait()
        self.ended = True
        return "result"


async def test_a_group_raises_the_first_error_itself() -> None:
    async def fail() -> None:
        raise KeyError("first")

    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(KeyError) as caught:
        async with Group() as group:
            group.start(wait())
            group.start(fail())
    assert caught.value.args == ("first",)


async def test_work_runs_to_its_end_when_its_task_is_cancelled() -> None:
    work, undone = Work(), []

    async def undo(result: str) -> None:
        undone.append(result)

    task = asyncio.create_task(run_to_end(work(), undo=undo))
    await work.began.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    work.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.ended
    assert undone == ["result"]


async def test_work_runs_to_its_end_in_a_cancelled_anyio_scope() -> None:
    work = Work()
    with anyio.CancelScope() as scope:
        asyncio.get_running_loop().call_soon(scope.cancel)
        asyncio.get_running_loop().call_later(0.01, work.gate.set)
        await run_to_end(work())
    assert scope.cancelled_caught
    assert work.ended


async def test_work_runs_to_its_end_in_a_timeout() -> None:
    work = Work()
    asyncio.get_running_loop().call_later(0.02, work.gate.set)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await run_to_end(work())
    assert work.ended


async def test_grace_is_not_endless() -> None:
    work = Work()
    task = asyncio.create_task(run_to_end(work(), grace_s=0.01))
    await work.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not work.ended


async def test_the_error_of_the_work_comes_out() -> None:
    async def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        await run_to_end(fail())
    assert isinstance(await clean_up(fail()), KeyError)


async def test_what_is_not_done_in_time_is_ended_and_says_so() -> None:
    was_ended = False

    async def wait() -> None:
        nonlocal was_ended
        try:
            await asyncio.Event().wait()
        finally:
            was_ended = True

    assert str(await clean_up(wait(), grace_s=0.01)) == "not done within 0.01 s"
    assert was_ended


@pytest.mark.parametrize("how", WAYS)
async def test_a_task_that_is_ended_has_ended_although_its_caller_is_cancelled(how: str) -> None:
    has_ended = False

    async def wait() -> None:
        nonlocal has_ended
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.03)
            has_ended = True
            raise KeyError("nobody's")

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await cancelled(how, end(task))
    assert has_ended
    await end(task)  # again, which changes nothing


async def test_a_thread_is_waited_for() -> None:
    started, go_on, ended = asyncio.Event(), threading.Event(), []
    loop = asyncio.get_running_loop()

    def block() -> None:
        loop.call_soon_threadsafe(started.set)
        go_on.wait(10)
        ended.append(True)

    task = asyncio.create_task(in_thread(block))
    await started.wait()
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


ENDS = ["asyncio.run", "anyio.run", "cancel all"]


def run_and_leave(how: str, begin: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a program that ends while something is under way: all tasks are cancelled then, whoever began them."""

    async def main() -> None:
        await begin()
        if how == "cancel all":  # as many programs do by themselves
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    if how == "anyio.run":
        anyio.run(main)
    else:
        asyncio.run(main())


@pytest.mark.parametrize("how", ENDS)
def test_work_runs_to_its_end_when_the_program_ends(how: str) -> None:
    work, undone, tasks = Work(), [], []

    async def undo(result: str) -> None:
        await asyncio.sleep(0)
        undone.append(result)

    async def begin() -> None:
        tasks.append(asyncio.create_task(run_to_end(work(), undo=undo)))
        await work.began.wait()
        asyncio.get_running_loop().call_later(0.01, work.gate.set)

    run_and_leave(how, begin)
    assert work.ended
    assert undone == ["result"]
    assert tasks[0].cancelled()


@pytest.mark.parametrize("how", ENDS)
def test_clean_up_runs_to_its_end_when_the_program_ends(how: str) -> None:
    """So do the tasks of a group in it."""
    work, results, tasks = Work(), [], []

    async def part(_: int) -> str:
        return await work()

    async def clean() -> None:
        results.append(await each(part, range(3), at_once=2))

    async def begin() -> None:
        tasks.append(asyncio.create_task(clean_up(clean())))
        await work.began.wait()
        asyncio.get_running_loop().call_later(0.01, work.gate.set)

    run_and_leave(how, begin)
    assert results == [["result"] * 3]
    assert tasks[0].cancelled()


@pytest.mark.parametrize("how", ENDS)
def test_a_thread_is_waited_for_when_the_program_ends(how: str) -> None:
    started, events, tasks = asyncio.Event(), [], []

    def block(loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(started.set)
        time.sleep(0.05)
        events.append("the thread")

    async def call() -> None:
        try:
            await in_thread(block, asyncio.get_running_loop())
        finally:
            events.append("its caller")

    async def begin() -> None:
        tasks.append(asyncio.create_task(call()))
        await started.wait()

    run_and_leave(how, begin)
    assert events == ["the thread", "its caller"]
    assert tasks[0].cancelled()


def test_a_group_ends_with_the_program() -> None:
    """Its tasks are no clean-up."""
    ended = []

    async def run() -> None:
        async with Group() as group:
            group.start(wait())

    async def wait() -> None:
        try:
            await forever()
        finally:
            ended.append(True)

    async def main() -> None:
        task = asyncio.create_task(run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()

    asyncio.run(main())
    assert ended


async def test_a_function_that_stops_an_iteration_has_failed() -> None:
    """No future can hold that, and before Python 3.12 nobody is told."""

    def stop() -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        async with asyncio.timeout(5):
            await in_thread(stop)


async def fail(error: Exception | None = None) -> None:
    raise error or KeyError("failed")


async def forever() -> None:
    await asyncio.Event().wait()


def cancelling() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def fail_when_cancelled() -> None:
    try:
        await forever()
    finally:
        raise KeyError("what followed")


@pytest.mark.parametrize("order", ["cancelled first", "failed first"])
async def test_a_cancellation_from_outside_goes_before_a_failure_of_the_same_moment(order: str) -> None:
    async def cancel_and_fail() -> None:
        if order == "cancelled first":
            task.cancel()
        else:  # when the group learns of the failure, the task has not yet been told of the cancellation
            asyncio.get_running_loop().call_soon(task.cancel)
        raise KeyError("failed")

    async def run() -> None:
        async with Group() as group:
            group.start(cancel_and_fail())
            await forever()

    task = asyncio.create_task(run())
    await asyncio.wait({task})
    assert task.cancelled()


async def test_a_timeout_from_outside_is_a_timeout_although_a_task_fails_then() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            async with Group() as group:
                group.start(fail_when_cancelled())
                await forever()
    assert cancelling() == 0


async def test_a_group_of_errors_of_the_block_or_of_a_task_comes_out_as_it_is() -> None:
    mine = ExceptionGroup("mine", [ValueError(1), KeyError(2)])
    for in_task in (True, False):
        with pytest.raises(ExceptionGroup) as caught:
            async with Group() as group:
                group.start(fail(mine) if in_task else forever())
                if not in_task:
                    raise mine
        assert caught.value is mine


async def test_the_error_of_the_block_goes_before_those_of_the_tasks() -> None:
    with pytest.raises(ValueError, match="mine"):
        async with Group() as group:
            group.start(fail_when_cancelled())
            await asyncio.sleep(0)
            raise ValueError("mine")


async def test_a_block_that_swallows_its_cancellation_gets_the_failure_and_owes_nothing() -> None:
    with pytest.raises(KeyError, match="failed"):
        async with Group() as group:
            group.start(fail())
            with suppress(asyncio.CancelledError):
                await forever()
    assert cancelling() == 0
    await asyncio.sleep(0)  # no cancellation is still to come


async def test_the_tasks_of_a_group_end_before_its_block_does() -> None:
    """And what one of them does in the end is done when the block goes on."""
    work = Work()
    is_clean = False

    async def run() -> None:
        nonlocal is_clean
        try:
            await work()
        finally:
            await asyncio.sleep(0)
            is_clean = True

    async with Group() as group:
        group.start(run())
        await work.began.wait()
        await group.cancel()
        assert is_clean
        assert not work.ended
        await group.cancel()  # of nothing


async def test_tasks_that_take_time_to_end_are_cancelled_once() -> None:
    """A scope of anyio cancels again at each turn of the loop; all would turn as fast as they can until the end."""
    cancellations = 0

    async def slow() -> None:
        nonlocal cancellations
        deadline = asyncio.get_running_loop().time() + 0.05
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                cancellations += 1

    with anyio.CancelScope() as scope:
        async with Group() as group:
            group.start(slow())
            await asyncio.sleep(0)
            scope.cancel()
    assert scope.cancelled_caught
    assert cancellations == 1

"""The three ways in which a caller is cancelled: its task, a timeout, a scope of anyio."""

from __future__ import annotations

import asyncio
import types
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

T = TypeVar("T")

WAYS = ("task", "timeout", "scope")


async def cancelled(how: str, work: Awaitable[object], *, after_s: float = 0.01) -> None:
    """Wait for what does not end by itself until it is cancelled; whoever waited goes on."""
    match how:
        case "task":
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_later(after_s, task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await work
            task.uncancel()
        case "timeout":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(after_s):
                    await work
        case _:
            with anyio.CancelScope() as scope:
                asyncio.get_running_loop().call_later(after_s, scope.cancel)
                await work
                await asyncio.sleep(0)  # where a shield has kept it from what was waited for
            assert scope.cancelled_caught


async def cancelled_at(how: str, number: int, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes out of something that is cancelled when it waits for the n-th time; None where that ends it."""
    match how:
        case "task":
            task = asyncio.current_task()
            assert task is not None
            try:
                return await _stepping(work, number, task.cancel)
            except asyncio.CancelledError:
                task.uncancel()
        case "timeout":
            try:
                async with asyncio.timeout(None) as limit:
                    return await _stepping(work, number, lambda: limit.reschedule(0))
            except TimeoutError:
                pass
        case _:
            with anyio.CancelScope() as scope:
                return await _stepping(work, number, scope.cancel)
    return None


@types.coroutine
def _stepping(work: Coroutine[Any, Any, T], number: int, cancel: Callable[[], object]) -> Generator[Any, Any, T]:
    step: Callable[[], Any] = partial(work.send, None)
    count = 0
    while True:
        try:
            waited_for = step()
        except StopIteration as end:
            result: T = end.value
            return result
        if count == number:
            cancel()
        count += 1
        try:
            yield waited_for
            step = partial(work.send, None)
        except BaseException as error:  # noqa: BLE001 - it goes on inside
            step = partial(work.throw, error)

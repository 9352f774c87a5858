"""The three ways in which a caller is cancelled: its task, a timeout, a scope of anyio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable

WAYS = ("task", "timeout", "scope")

_AFTER_S = 0.01


async def cancelled(how: str, work: Awaitable[object]) -> None:
    """Wait for what does not end by itself until it is cancelled; whoever waited goes on."""
    match how:
        case "task":
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_later(_AFTER_S, task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await work
            task.uncancel()
        case "timeout":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(_AFTER_S):
                    await work
        case _:
            with anyio.CancelScope() as scope:
                asyncio.get_running_loop().call_later(_AFTER_S, scope.cancel)
                await work
            assert scope.cancelled_caught

"""Tells a callback how far a transfer has come."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from aiostorage._tasks import Group

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    ProgressCallback: TypeAlias = Callable[[int, int | None], Awaitable[None] | None]


class Progress:
    """Bytes done, of a total that may be unknown."""

    def __init__(self, total: int | None) -> None:
        self.done = 0
        self.total = total
        self._moved = asyncio.Event()
        self._is_over = False

    def add(self, count: int) -> None:
        """Note that bytes have moved; a negative count takes back what has to be done again."""
        self.done += count
        self._moved.set()

    async def report(self, callback: ProgressCallback) -> None:
        """Call back whenever bytes have moved since the last call, until the end."""
        reported = -1
        while True:
            if self.done != reported:
                reported = self.done
                answer = callback(reported, self.total)
                if inspect.isawaitable(answer):
                    await answer
            elif self._is_over:
                return
            else:
                await self._moved.wait()
                self._moved.clear()

    def end(self) -> None:
        """No more bytes will move."""
        self._is_over = True
        self._moved.set()


@asynccontextmanager
async def reporting(callback: ProgressCallback | None, total: int | None) -> AsyncGenerator[Progress, None]:
    """Progress that is reported to ``callback`` while the block runs, in a task of its own.

    A slow callback slows nothing but itself: it is next told the latest count. One that raises ends
    the transfer with its error. After the block it has been told the final count.
    """
    progress = Progress(total)
    if callback is None:
        yield progress
        return
    async with Group() as group:
        group.start(progress.report(callback))
        yield progress  # an error in the block ends the reporter, too
        progress.end()

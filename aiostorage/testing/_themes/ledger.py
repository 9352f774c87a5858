"""Notes what a progress callback is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiostorage._transfer.progress import ProgressCallback


class Ledger:
    """What was told, in order. The callback is a plain function, or a coroutine function that takes its time."""

    def __init__(self, *, is_async: bool = False) -> None:
        self.told: list[tuple[int, int | None]] = []
        self.callback: ProgressCallback = self._later if is_async else self._now

    def is_monotone(self) -> bool:
        """Whether the count never went back, as it may only where something had to be sent again."""
        done = [count for count, _ in self.told]
        return done == sorted(done)

    def _now(self, done: int, total: int | None) -> None:
        self.told.append((done, total))

    async def _later(self, done: int, total: int | None) -> None:
        await asyncio.sleep(0)
        self.told.append((done, total))

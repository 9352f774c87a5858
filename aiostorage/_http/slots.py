"""A bound on the requests of a driver that are under way at once."""

from __future__ import annotations

import asyncio
from collections import Counter

from aiostorage.errors import StorageTimeoutError


class Slots:
    """Room for ``limit`` requests; an open response body keeps its room.

    Whoever waits too long is told which operations hold the room, because that is nearly always a
    body that somebody forgot to close.
    """

    def __init__(self, limit: int, timeout_s: float | None) -> None:
        self._semaphore = asyncio.Semaphore(limit)
        self._limit = limit
        self._timeout_s = timeout_s
        self._holders: Counter[str] = Counter()

    async def acquire(self, holder: str) -> None:
        """Wait for room.

        Raises:
            StorageTimeoutError: There was none in time.
        """
        if self._semaphore.locked():
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._semaphore.acquire()
            except TimeoutError:
                held = ", ".join(f"{count} by {name}" for name, count in self._holders.most_common(5))
                raise StorageTimeoutError(
                    f"no connection became free within {self._timeout_s} s; all {self._limit} are held: {held}"
                ) from None
        else:
            await self._semaphore.acquire()
        self._holders[holder] += 1

    def release(self, holder: str) -> None:
        """Give the room back."""
        self._holders[holder] -= 1
        if not self._holders[holder]:
            del self._holders[holder]
        self._semaphore.release()

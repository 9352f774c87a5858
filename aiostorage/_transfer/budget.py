"""Memory for the parts of all uploads of a driver together."""

from __future__ import annotations

import asyncio
from collections import deque


class MemoryBudget:
    """Bytes that may be held at once. Who asks first is served first; what is larger than all goes alone.

    Args:
        limit: Bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.held: int = 0

    async def take(self, size: int) -> None:
        """Wait until there is room for ``size`` bytes."""
        if not self._waiters and self._fits(size):
            self.held += size
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((size, waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.give_back(size)  # it had been served already
            elif (size, waiter) in self._waiters:  # or it was passed over, since it was cancelled
                self._waiters.remove((size, waiter))
                self._serve()  # who comes next may need less
            raise

    def give_back(self, size: int) -> None:
        """Note that ``size`` bytes are held no more."""
        self.held -= size
        self._serve()

    def _fits(self, size: int) -> bool:
        return not self.held or self.held + size <= self._limit

    def _serve(self) -> None:
        while self._waiters and self._fits(self._waiters[0][0]):
            size, waiter = self._waiters.popleft()
            if not waiter.done():
                self.held += size
                waiter.set_result(None)

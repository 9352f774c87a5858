"""A rate that is not exceeded: requests or bytes per second."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Pace:
    """Lets things pass one after the other, each at its time; what was unused for a moment is not made up for.

    Args:
        rate: How many per second.
        monotonic: The clock.
        sleep: Waits for a number of seconds.
    """

    def __init__(self, rate: float, monotonic: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._interval_s = 1 / rate
        self._monotonic = monotonic
        self._sleep = sleep
        self._free_at = float("-inf")

    async def take(self, count: int = 1) -> None:
        """Wait until it is the turn of ``count`` more. Who gives up waiting has had its turn."""
        now = self._monotonic()
        turn = max(now, self._free_at)
        self._free_at = turn + count * self._interval_s
        if turn > now:
            await self._sleep(turn - now)

"""Bounds on the requests of a driver that are under way at once: one for all, and one for each endpoint.

That of an endpoint gives way while the service says that it is too much: it is halved, at most once
a second, and grows by one for each round of successes ("additive increase, multiplicative decrease").

Source: https://www.rfc-editor.org/rfc/rfc5681 (section 3.1), as applied to requests
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING

from aiostorage.errors import StorageTimeoutError

if TYPE_CHECKING:
    from aiostorage._http.messages import Subject

HALVED_AT_MOST_EVERY_S = 1.0
"""Requests that were under way together fail together; they count as one sign."""

_MAX_IDLE_GATES = 256

_NAMED = 5
"""How many holders a message names."""


class Gate:
    """Room for ``limit`` requests at once, first come, first served. The limit may change at any time."""

    __slots__ = ("_halved_at", "_most", "_waiters", "count", "limit")

    def __init__(self, limit: int) -> None:
        self._most = limit
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._halved_at = float("-inf")
        self.limit: float = limit
        self.count: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether nobody would miss it."""
        return not self.count and not self._waiters and self.limit >= self._most

    def try_enter(self) -> bool:
        """Take room, if there is any and nobody waits for it."""
        if self.count >= int(self.limit) or self._waiters:
            return False
        self.count += 1
        return True

    async def enter(self) -> None:
        """Wait for room, and take it."""
        if self.try_enter():
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.leave()  # it had been let in already
            elif waiter in self._waiters:  # or it was passed over, since it was cancelled
                self._waiters.remove(waiter)
            raise

    def leave(self) -> None:
        """Give room back."""
        self.count -= 1
        self._let_in()

    def succeeded(self) -> None:
        """Note a request that the service has answered."""
        if self.limit < self._most:
            self.limit = min(self._most, self.limit + 1 / self.limit)
            self._let_in()

    def throttled(self, now: float) -> None:
        """Note an answer that it is too much; ``now`` is a monotonic time in seconds."""
        if now - self._halved_at >= HALVED_AT_MOST_EVERY_S:
            self._halved_at = now
            self.limit = max(1.0, min(self.limit, self.count) / 2)

    def _let_in(self) -> None:
        while self._waiters and self.count < int(self.limit):
            waiter = self._waiters.popleft()
            if not waiter.done():
                self.count += 1
                waiter.set_result(None)


class Slots:
    """Room for the requests of a driver; an open response body keeps its room.

    Whoever waits too long is told which operations hold the room, because that is nearly always a
    body that somebody forgot to close.

    Args:
        limit: Requests at once, to all endpoints together and to each.
        timeout_s: How long to wait for room.
    """

    def __init__(self, limit: int, timeout_s: float | None) -> None:
        self._limit = limit
        self._timeout_s = timeout_s
        self._all = Gate(limit)
        self._gates: dict[str, Gate] = {}
        self._holders: Counter[Subject] = Counter()

    def gate(self, endpoint: str) -> Gate:
        """The bound of one endpoint, a scheme and a host."""
        gate = self._gates.get(endpoint)
        if gate is None:
            if len(self._gates) >= _MAX_IDLE_GATES:
                self._gates = {name: each for name, each in self._gates.items() if not each.is_idle}
            gate = self._gates[endpoint] = Gate(self._limit)
        return gate

    async def acquire(self, gate: Gate, holder: Subject) -> None:
        """Wait for room.

        Raises:
            StorageTimeoutError: There was none in time.
        """
        if gate.try_enter():
            if self._all.try_enter():
                self._holders[holder] += 1
                return
            gate.leave()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._enter(gate)
        except TimeoutError:
            raise StorageTimeoutError(
                f"no connection became free within {self._timeout_s} s; "
                f"all {min(self._limit, int(gate.limit))} are held: {self._held()}"
            ) from None
        self._holders[holder] += 1

    def release(self, gate: Gate, holder: Subject) -> None:
        """Give the room back."""
        self._holders[holder] -= 1
        if not self._holders[holder]:
            del self._holders[holder]
        self._all.leave()
        gate.leave()

    def _held(self) -> str:
        named = self._holders.most_common(_NAMED)
        others = self._holders.total() - sum(count for _, count in named)
        shown = [f"{count} by {holder}" for holder, count in named]
        return ", ".join([*shown, f"{others} by others"] if others else shown)

    async def _enter(self, gate: Gate) -> None:
        await gate.enter()
        try:
            await self._all.enter()
        except BaseException:
            gate.leave()
            raise

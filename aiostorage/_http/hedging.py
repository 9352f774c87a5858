"""When to ask a second time for what is slow to come: the rule, which is pure, and the two requests.

Source: https://research.google/pubs/the-tail-at-scale/ ("hedged requests")
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from aiostorage._http.call import ResponseStream
from aiostorage._tasks import clean_up
from aiostorage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from aiostorage._http.call import Call
    from aiostorage._http.credentials import C
    from aiostorage._http.messages import Request

T = TypeVar("T")

if TYPE_CHECKING:
    Attempt: TypeAlias = Callable[[Request, Call[C]], Awaitable[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgePolicy:
    """A read whose answer takes longer than most is asked for once more, and the first answer counts.

    Hedging adds load, which hurts when the service is in trouble, so it is bounded and stops while
    requests fail.

    Attributes:
        quantile: Which share of the answers seen lately had begun by then.
        budget: The most hedges, as a share of the requests.
        min_samples: Answers to have seen before the first hedge.
        max_failures: The share of failed requests, of those seen lately, above which there is no hedge.
    """

    quantile: float = 0.95
    budget: float = 0.05
    min_samples: int = 20
    max_failures: float = 0.1


class Hedging:
    """What a driver has seen of its reads, and what follows from it.

    Attributes:
        hedges: How many reads were asked for a second time.
        wins: How many of these second times were answered first.
    """

    WINDOW = 200
    _MOST_SAVED = 10

    def __init__(self, policy: HedgePolicy) -> None:
        self._policy = policy
        self._latencies: deque[float] = deque(maxlen=self.WINDOW)
        self._failures: deque[bool] = deque(maxlen=self.WINDOW)
        self._saved = 0.0
        self._cost = 1 / policy.budget
        self._delay_s: float | None = None
        self._age = 0
        self.hedges: int = 0
        self.wins: int = 0

    def succeeded(self, latency_s: float) -> None:
        """Note how long the head of an answer took to come."""
        self._latencies.append(latency_s)
        self._failures.append(False)
        self._saved = min(self._MOST_SAVED * self._cost, self._saved + 1)
        self._age += 1
        if self._delay_s is None or self._age >= 20:
            self._age = 0
            self._delay_s = self._quantile()

    def failed(self) -> None:
        """Note a request that failed."""
        self._failures.append(True)

    def delay_s(self) -> float | None:
        """How long to wait before a second request; None for no second one."""
        if self._saved < self._cost or sum(self._failures) > self._policy.max_failures * len(self._failures):
            return None
        return self._delay_s

    def take(self) -> None:
        """Note a hedge."""
        self._saved -= self._cost
        self.hedges += 1

    def _quantile(self) -> float | None:
        if len(self._latencies) < self._policy.min_samples:
            return None
        ordered = sorted(self._latencies)
        return ordered[min(len(ordered) - 1, int(self._policy.quantile * len(ordered)))]


async def hedged(
    attempt: Attempt[C, T], request: Request, call: Call[C], *, hedging: Hedging, monotonic: Callable[[], float]
) -> T:
    """One attempt, or two that overlap where the first is slow. The other ends before this returns."""
    began = monotonic()
    delay_s = hedging.delay_s()
    try:
        if delay_s is None:
            result = await attempt(request, call)
        else:
            result = await _race(attempt, request, call, hedging, delay_s)
    except StorageError:
        hedging.failed()
        raise
    hedging.succeeded(monotonic() - began)
    return result


async def _race(attempt: Attempt[C, T], request: Request, call: Call[C], hedging: Hedging, delay_s: float) -> T:
    async def run(number: Call[C]) -> T:
        return await attempt(request, number)

    calls = {asyncio.create_task(run(call)): call}
    winner: asyncio.Task[T] | None = None
    try:
        done, _ = await asyncio.wait(calls, timeout=delay_s)
        if not done:
            hedging.take()
            second = call.second()
            calls[asyncio.create_task(run(second))] = second
        pending = set(calls)
        while pending and winner is None:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            winner = next((task for task in done if task.exception() is None), None)
        if winner is None:  # all have failed; the first tells why
            winner = next(iter(calls))
        elif calls[winner] is not call:
            hedging.wins += 1
            call.status = calls[winner].status
            call.received = calls[winner].received
        return winner.result()
    finally:
        for task, each in calls.items():
            if task is not winner:
                each.is_silent = True
                task.cancel()
        try:
            await clean_up(_end([task for task in calls if task is not winner]))
        except asyncio.CancelledError:
            if winner is not None:  # nobody gets its answer any more
                calls[winner].is_silent = True
                await _close(winner)
            raise
        finally:
            call.is_silent = False


async def _end(tasks: list[asyncio.Task[T]]) -> None:
    """Wait for tasks that were cancelled, and close what they have opened all the same."""
    for task in tasks:
        await asyncio.wait({task})
        await _close(task)


async def _close(task: asyncio.Task[T]) -> None:
    if not task.cancelled() and task.exception() is None and isinstance(stream := task.result(), ResponseStream):
        await stream.aclose()

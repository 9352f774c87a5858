"""Who waits for room: nobody is forgotten, passed over or let in beyond the limit, whenever somebody gives up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiostorage import HedgePolicy, RetryPolicy
from aiostorage._http.hedging import Hedging
from aiostorage._http.pace import Pace
from aiostorage._http.retry import RetryBudget, parse_retry_after
from aiostorage._http.slots import Gate
from aiostorage._transfer.budget import MemoryBudget
from aiostorage.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STEP = st.one_of(
    st.tuples(st.just("come"), st.integers(1, 5)),
    st.tuples(st.sampled_from(["leave", "cancel", "leave and cancel"]), st.integers(0, 20)),
    st.tuples(st.sampled_from(["let the loop run", "throttle", "succeed"]), st.integers(0, 3)),
)


class Crowd:
    """Those who came, in order: each waits, then is inside until it leaves."""

    def __init__(self, enter: Callable[[int], Awaitable[None]], leave: Callable[[int], None]) -> None:
        self._enter = enter
        self._leave = leave
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.sizes: list[int] = []
        self.entered: list[int] = []
        self.inside: list[int] = []
        self.waiting: list[int] = []

    def come(self, size: int) -> None:
        number = len(self.sizes)
        self.sizes.append(size)
        self._tasks[number] = asyncio.create_task(self._wait(number))

    async def _wait(self, number: int) -> None:
        self.waiting.append(number)
        try:
            await self._enter(self.sizes[number])
        finally:
            self.waiting.remove(number)
        self.entered.append(number)
        self.inside.append(number)

    def leave(self, which: int) -> None:
        if self.inside:
            self._leave(self.sizes[self.inside.pop(which % len(self.inside))])

    def cancel(self, which: int) -> None:
        if self.waiting:
            self._tasks[self.waiting[which % len(self.waiting)]].cancel()

    async def settle(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)
        # Of two that are let in together either may notice first.
        assert max(self.entered, default=-1) < min(self.waiting, default=len(self.sizes)), "first come, first served"

    async def play(self, steps: list[tuple[str, int]], check: Callable[[], None], gate: Gate | None = None) -> None:
        now = 0.0
        for step, number in steps:
            match step:
                case "come":
                    self.come(number)
                case "leave":
                    self.leave(number)
                case "cancel":
                    self.cancel(number)
                case "leave and cancel":  # who comes next is let in, and gives up before it has noticed
                    self.leave(number)
                    self.cancel(number)
                case "throttle" if gate is not None:
                    now += number
                    gate.throttled(now)
                case "succeed" if gate is not None:
                    gate.succeeded()
                case _:
                    await self.settle()
            check()
        await self.settle()
        check()

    async def go_home(self) -> None:
        """All leave, until nobody waits: or somebody was forgotten."""
        while self.inside or self.waiting:
            before = len(self.entered), len(self.inside)
            self.leave(0)
            await self.settle()
            assert (len(self.entered), len(self.inside)) != before, "nobody is let in although there is room"
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@given(st.integers(1, 4), st.lists(STEP, max_size=40))
def test_a_gate_forgets_nobody(limit: int, steps: list[tuple[str, int]]) -> None:
    async def scenario() -> None:
        gate = Gate(limit)
        crowd = Crowd(lambda _: gate.enter(), lambda _: gate.leave())

        def check() -> None:
            assert 1 <= gate.limit <= limit
            assert len(crowd.inside) <= gate.count <= limit

        await crowd.play(steps, check, gate)
        assert not (crowd.waiting and gate.count < int(gate.limit)), "there is room, and somebody waits"
        await crowd.go_home()
        assert (gate.count, len(gate._waiters)) == (0, 0)

    asyncio.run(scenario())


@given(st.integers(1, 8), st.lists(STEP, max_size=40))
@example(3, [("come", 2), ("come", 1), ("come", 1), ("let the loop run", 0), ("come", 1), ("leave", 0)])
def test_a_memory_budget_forgets_nobody(limit: int, steps: list[tuple[str, int]]) -> None:
    async def scenario() -> None:
        budget = MemoryBudget(limit)
        crowd = Crowd(budget.take, budget.give_back)

        def check() -> None:
            held = [crowd.sizes[number] for number in crowd.inside]
            assert sum(held) <= budget.held
            assert sum(held) <= limit or len(held) == 1

        await crowd.play(steps, check)
        assert budget.held == sum(crowd.sizes[number] for number in crowd.inside)
        await crowd.go_home()
        assert (budget.held, len(budget._waiters)) == (0, 0)

    asyncio.run(scenario())


@given(st.floats(0.1, 1000), st.lists(st.tuples(st.integers(1, 50), st.floats(0, 5)), min_size=1, max_size=30))
def test_a_pace_is_never_exceeded(rate: float, takes: list[tuple[int, float]]) -> None:
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def scenario() -> None:
        nonlocal now
        pace, earlier = Pace(rate, lambda: now, sleep), 0
        for count, pause_s in takes:
            now += pause_s
            await pace.take(count)
            assert now * rate >= earlier - 1e-6 * (1 + earlier), "all before this have had their time"
            earlier += count

    asyncio.run(scenario())


@given(
    st.integers(1, 8), st.integers(1, 40), st.floats(0, 400), st.floats(0, 1, exclude_max=True),
    st.none() | st.floats(0, 200), st.none() | st.floats(1, 300), st.booleans(),
)  # fmt: skip
def test_what_a_wait_may_be(
    most: int,
    attempt: int,
    elapsed_s: float,
    chance: float,
    retry_after_s: float | None,
    deadline_s: float | None,
    is_retryable: bool,
) -> None:
    policy = RetryPolicy(max_attempts=most, deadline_s=deadline_s)
    error = ServiceUnavailableError("busy", retryable=is_retryable)
    error.retry_after_s = retry_after_s
    wait_s = policy.wait_s(error, attempt=attempt, elapsed_s=elapsed_s, chance=chance)
    asked_s = retry_after_s or 0.0
    jitter_s = chance * min(policy.cap_s, policy.base_s * 2 ** (attempt - 1))
    is_too_late = deadline_s is not None and elapsed_s + max(asked_s, jitter_s) > deadline_s
    if not is_retryable or attempt >= most or asked_s > policy.max_retry_after_s or is_too_late:
        assert wait_s is None
    else:
        assert wait_s == max(asked_s, jitter_s)


@given(st.integers(0, 10**6), st.integers(-(10**6), 10**6))
def test_a_time_to_wait_is_seconds_or_a_date(seconds: int, later_s: int) -> None:
    now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    assert parse_retry_after(str(seconds), now) == seconds
    date = (now + timedelta(seconds=later_s)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert parse_retry_after(date, now) == max(0, later_s)


@given(st.lists(st.booleans(), max_size=400))
def test_an_outage_is_not_multiplied(outcomes: list[bool]) -> None:
    budget, retries, successes = RetryBudget(), 0, 0
    for is_success in outcomes:
        if is_success:
            successes += 1
            budget.give_back()
        else:
            retries += budget.take()
        assert 0 <= budget.left <= budget.CAPACITY
        assert retries * budget.COST <= budget.CAPACITY + successes


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@given(outcomes=st.lists(st.sampled_from(["fast", "slow", "failed"]), max_size=400))
def test_hedges_are_a_share_of_the_reads(share: float, outcomes: list[str]) -> None:
    hedging, lately = Hedging(HedgePolicy(budget=share)), list[bool]()
    for reads, outcome in enumerate(outcomes):
        delay_s = hedging.delay_s()
        lately = lately[-Hedging.WINDOW :]
        if delay_s is not None:
            assert reads >= 20
            assert sum(lately) <= 0.1 * len(lately), "not while reads fail"
            if outcome == "slow":
                hedging.take()
        lately.append(outcome == "failed")
        if outcome == "failed":
            hedging.failed()
        else:
            hedging.succeeded(0.01 if outcome == "fast" else 1.0)
        assert hedging.hedges <= share * (reads + 1)

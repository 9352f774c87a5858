"""A second request for what is slow: when, how often, and what becomes of the first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiostorage import (
    HedgePolicy,
    InvalidArgumentError,
    RequestEnded,
    RequestStarted,
    S3Driver,
    ServiceUnavailableError,
)
from aiostorage._http.asking import Nothing
from aiostorage._http.call import Call, ResponseStream
from aiostorage._http.hedging import Hedging, hedged
from aiostorage._http.messages import Request
from aiostorage._http.pace import Pace
from tests.scripted import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiostorage import Event
    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

REQUEST = Request(operation="get_object", method="GET", url="http://x/")


def warmed(samples: int = 100, policy: HedgePolicy | None = None) -> Hedging:
    hedging = Hedging(policy or HedgePolicy())
    for number in range(samples):
        hedging.succeeded(number / 1000)
    return hedging


def test_nothing_is_asked_twice_before_enough_was_seen() -> None:
    assert warmed(19).delay_s() is None
    delay_s = warmed(100).delay_s()
    assert delay_s is not None
    assert 0.09 <= delay_s < 0.1


def test_one_in_twenty_at_most() -> None:
    hedging = warmed(100)
    taken = 0
    while hedging.delay_s() is not None:
        hedging.take()
        taken += 1
    assert taken == 5
    for _ in range(20):
        hedging.succeeded(0.01)
    assert hedging.delay_s() is not None


def test_none_while_requests_fail() -> None:
    hedging = warmed(100)
    for _ in range(12):
        hedging.failed()
    assert hedging.delay_s() is None
    for _ in range(Hedging.WINDOW):
        hedging.succeeded(0.01)
    assert hedging.delay_s() is not None


def slow_first(answers: list[str], ended: list[int]) -> Callable[[Request, Call[Nothing]], Awaitable[str]]:
    async def attempt(_request: Request, _call: Call[Nothing]) -> str:
        answers.append("asked")
        number = len(answers)
        try:
            if number == 1:
                await asyncio.Event().wait()
            return f"answer {number}"
        finally:
            ended.append(number)

    return attempt


async def test_the_first_answer_counts_and_the_other_request_ends() -> None:
    hedging, answers, ended = warmed(), list[str](), list[int]()
    result = await hedged(
        slow_first(answers, ended),
        REQUEST,
        Call[Nothing](0.0),
        hedging=hedging,
        monotonic=lambda: 0.0,
    )
    assert result == "answer 2"
    assert sorted(ended) == [1, 2]
    assert (hedging.hedges, hedging.wins) == (1, 1)


async def test_both_end_when_the_caller_goes() -> None:
    hedging, ended = warmed(), list[int]()
    both = asyncio.Event()

    async def attempt(_request: Request, _call: Call[Nothing]) -> str:
        ended.append(0)
        if len(ended) == 2:
            both.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)
        return ""

    task = asyncio.create_task(hedged(attempt, REQUEST, Call[Nothing](0.0), hedging=hedging, monotonic=lambda: 0.0))
    await both.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [0, 0, 1, 1]


class Opened:
    """An answer whose body is open until it is closed."""

    status = 200

    def headers(self) -> dict[str, str]:
        return {}

    async def read_chunk(self) -> bytes:
        return b""

    async def read(self) -> bytes:
        return b""

    async def read_at_most(self, limit: int) -> bytes:
        return b""

    def close(self) -> None: ...


@pytest.mark.parametrize("delay", [0, 3])
@pytest.mark.parametrize("steps", range(16))
async def test_no_answer_stays_open_whenever_the_caller_goes(steps: int, delay: int) -> None:
    hedging, asked, held = warmed(), 0, 0
    both = asyncio.Event()
    loop = asyncio.get_running_loop()

    def close(_received: int, _error: BaseException | None) -> None:
        nonlocal held
        held -= 1

    async def attempt(_request: Request, _call: Call[Nothing]) -> ResponseStream:
        nonlocal asked, held
        asked += 1
        if asked == 2:
            both.set()
        elif delay:
            await both.wait()
        for _ in range(delay):
            await asyncio.sleep(0)
        held += 1
        return ResponseStream(Opened(), REQUEST, close, pace=None, loop=loop)

    task = asyncio.create_task(hedged(attempt, REQUEST, Call[Nothing](0.0), hedging=hedging, monotonic=lambda: 0.0))
    if delay:
        await both.wait()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        assert held == 1
        await task.result().aclose()
    assert held == 0


async def test_a_failure_of_both_is_that_of_the_first() -> None:
    hedging, calls, both = warmed(), list[Call[Nothing]](), asyncio.Event()

    async def attempt(_request: Request, call: Call[Nothing]) -> str:
        calls.append(call)
        number = len(calls)
        if number == 2:
            both.set()
        await both.wait()
        raise ServiceUnavailableError(f"no {number}")

    with pytest.raises(ServiceUnavailableError, match="no 1"):
        await hedged(attempt, REQUEST, Call[Nothing](0.0), hedging=hedging, monotonic=lambda: 0.0)


async def test_a_driver_asks_twice_and_tells_of_one_request() -> None:
    events: list[Event] = []
    asked = 0

    def answer(_seen: Seen) -> Answer:
        nonlocal asked
        asked += 1
        return Answer(raw=b"", then="stall") if asked == 41 else Answer(headers={"ETag": '"e"'}, body=b"hello")

    async with (
        ScriptedServer(answer=answer) as server,
        S3Driver(
            endpoint=server.url,
            region="us-east-1",
            access_key_id="key",
            secret_access_key="secret",
            hedge=HedgePolicy(),
            on_event=events.append,
        ) as driver,
    ):
        obj = driver.container("bucket").object("k")
        for _ in range(41):
            assert await obj.read() == b"hello"
    assert asked == 42
    assert len([event for event in events if isinstance(event, RequestStarted)]) == 41
    ends = [event for event in events if isinstance(event, RequestEnded)]
    assert [(end.status, end.received_bytes, end.error) for end in ends] == [(200, 5, None)] * 41
    assert len({end.call for end in ends}) == 41


async def test_a_pace_is_kept() -> None:
    now, waits = 100.0, list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    pace = Pace(10, lambda: now, sleep)
    for _ in range(4):
        await pace.take()
    assert waits == pytest.approx([0.1, 0.2, 0.3])
    now = 200.0
    await pace.take(5)  # what was not used meanwhile is not made up for
    await pace.take()
    assert waits[3:] == pytest.approx([0.5])


async def test_a_pace_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="rate"):
        S3Driver(max_requests_per_s=0)

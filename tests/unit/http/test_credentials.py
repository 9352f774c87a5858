"""Credentials: fetched once for all who wait, renewed early, dropped when they are refused."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from aiostorage import AuthenticationError
from aiostorage._http.credentials import CredentialCache, given_by

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@dataclass
class Token:
    value: str
    expires_at: datetime | None = None


class Source:
    """Gives ``t1``, ``t2`` and so on, each good for an hour, once the gate is open; or fails."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = 0
        self.is_broken = False
        self.gate = asyncio.Event()
        self.now = NOW
        self.cache = CredentialCache(self.fetch, now=lambda: self.now)

    async def fetch(self) -> Token:
        self.calls += 1
        number = self.calls
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.is_broken:
            raise AuthenticationError("no")
        return Token(f"t{number}", self.now + timedelta(hours=1))

    async def waiters(self, count: int) -> list[asyncio.Task[Token]]:
        tasks = [asyncio.create_task(self.cache.get()) for _ in range(count)]
        await asyncio.sleep(0)  # they have begun to wait
        return tasks


async def test_what_a_function_gives_ends_in_utc() -> None:
    ends = [None, NOW, NOW.replace(tzinfo=None), NOW.astimezone(timezone(timedelta(hours=5)))]
    given = iter([Token("t", end) for end in ends])

    async def function() -> Token:
        return next(given)

    found = [(await given_by(function, Token, provider="s3")).expires_at for _ in ends]
    assert found == [None, NOW, NOW, NOW]


async def test_one_fetch_serves_all_who_wait() -> None:
    source = Source()
    tasks = await source.waiters(5)
    source.gate.set()
    assert {token.value for token in await asyncio.gather(*tasks)} == {"t1"}
    assert (await source.cache.get()).value == "t1"
    assert source.calls == 1


async def test_one_failing_fetch_fails_all_who_wait() -> None:
    source = Source()
    source.is_broken = True
    tasks = await source.waiters(5)
    source.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [AuthenticationError] * 5
    assert source.calls == 1
    source.is_broken = False
    assert (await source.cache.get()).value == "t2", "whoever comes later has it tried again"


async def test_a_waiter_that_leaves_takes_the_fetch_from_nobody() -> None:
    source = Source()
    first, second = await source.waiters(2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.gate.set()
    assert (await second).value == "t1"
    assert source.calls == 1


async def test_the_fetch_ends_with_the_last_waiter() -> None:
    source = Source()
    tasks = await source.waiters(2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.sleep(0)
    assert source.cancelled == 1
    source.gate.set()
    assert (await source.cache.get()).value == "t2"


async def test_who_comes_when_the_last_waiter_has_just_left_gets_a_fetch_of_its_own() -> None:
    source = Source()
    tasks = await source.waiters(2)
    for task in tasks:
        task.cancel()
    newcomer = asyncio.create_task(source.cache.get())  # begins when the others have left, and the fetch has not
    await asyncio.wait(tasks)
    source.gate.set()
    [result] = await asyncio.gather(newcomer, return_exceptions=True)
    assert result == Token("t2", NOW + timedelta(hours=1))


async def test_it_is_renewed_early_and_a_renewal_that_fails_can_wait() -> None:
    source = Source()
    source.gate.set()
    await source.cache.get()
    source.now += timedelta(minutes=56)
    source.is_broken = True
    assert (await source.cache.get()).value == "t1"
    assert (await source.cache.get()).value == "t1"
    assert source.calls == 2, "not tried at every request"
    source.now += timedelta(minutes=4)
    with pytest.raises(AuthenticationError):
        await source.cache.get()
    source.is_broken = False
    assert (await source.cache.get()).value == "t4"


async def test_many_who_were_refused_have_it_renewed_once() -> None:
    source = Source()
    source.gate.set()
    refused = await source.cache.get()
    assert [source.cache.forget(refused) for _ in range(4)] == [True] * 4, "another one may be had"
    assert {token.value for token in await asyncio.gather(*await source.waiters(4))} == {"t2"}
    assert source.cache.forget(refused), "it was replaced meanwhile"
    assert (await source.cache.get()).value == "t2"


async def test_what_never_expires_is_not_fetched_again() -> None:
    async def fetch() -> Token:
        return Token("for ever")

    cache = CredentialCache(fetch)
    assert await cache.get() is await cache.get()


async def test_what_does_not_say_when_it_expires_is_asked_for_once_more_when_it_is_refused() -> None:
    given = [Token("first"), Token("second"), Token("second"), Token("third")]
    calls = 0

    async def fetch() -> Token:
        nonlocal calls
        calls += 1
        return given.pop(0)

    cache = CredentialCache(fetch)
    first = await cache.get()
    assert cache.forget(first), "whoever gave it may have another one by now"
    second = await cache.get()
    assert second.value == "second"
    assert cache.forget(second)
    again = await cache.get()
    assert (again.value, calls) == ("second", 3)
    assert not cache.forget(again), "it has not"
    assert await cache.get() is again
    assert calls == 3

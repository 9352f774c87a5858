from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from aiostorage.errors import AuthenticationError, ServiceUnavailableError, StorageError
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.credentials.cache import SharedCache, renewing, shared_cache
from tests.unit.s3.aws import LATER, NOW

pytestmark = pytest.mark.anyio

FIRST = S3Credentials(access_key_id="1", secret_access_key="s", session_token="t", expires_at=LATER)
SECOND = replace(FIRST, access_key_id="2", expires_at=LATER + timedelta(hours=1))


class Clock:
    """Both clocks of a cache."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.chance = 0.0
        self.cache = SharedCache[S3Credentials](
            now=self.now,
            monotonic=lambda: self.seconds,
            chance=lambda: self.chance,
        )

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Scripted:
    """A source that answers by a script, each answer after a turn of the loop."""

    name: str = ""
    answers: list[S3Credentials | StorageError | None] = field(default_factory=list, compare=False)
    asked: list[int] = field(default_factory=list, compare=False)

    async def fetch(self, now: object) -> S3Credentials | None:
        self.asked.append(1)
        await asyncio.sleep(0)
        answer = self.answers.pop(0)
        if isinstance(answer, StorageError):
            raise answer
        return answer


async def test_all_who_wait_share_one_fetch() -> None:
    clock, source = Clock(), Scripted(answers=[FIRST, SECOND])
    got = await asyncio.gather(*(clock.cache.get(source) for _ in range(100)))
    assert all(found is FIRST for found in got)
    got = await asyncio.gather(*(clock.cache.get(source, other_than=FIRST) for _ in range(100)))
    assert all(found is SECOND for found in got)
    assert await clock.cache.get(source, other_than=FIRST) is SECOND
    assert len(source.asked) == 2


async def test_equal_sources_share_and_others_do_not() -> None:
    clock, one, other = Clock(), Scripted("one", [FIRST]), Scripted("other", [SECOND])
    assert await clock.cache.get(one) is FIRST
    assert await clock.cache.get(Scripted("one")) is FIRST
    assert await clock.cache.get(other) is SECOND


async def test_a_failure_is_shared_too_for_a_moment() -> None:
    clock, source = Clock(), Scripted(answers=[ServiceUnavailableError("no", status=503, retryable=True), FIRST])

    async def attempt() -> StorageError:
        with pytest.raises(ServiceUnavailableError) as caught:
            await clock.cache.get(source)
        return caught.value

    errors = await asyncio.gather(*(attempt() for _ in range(10)))
    assert len(set(map(id, errors))) == 10  # each can be written into
    assert {(error.status, error.retryable) for error in errors} == {(503, True)}
    assert len(source.asked) == 1
    clock.seconds = 1.5
    assert await clock.cache.get(source) is FIRST


async def test_a_machine_that_has_nothing_is_not_asked_by_everybody() -> None:
    clock, source = Clock(), Scripted(answers=[None, None])
    assert [await clock.cache.get(source) for _ in range(5)] == [None] * 5
    assert len(source.asked) == 1
    clock.seconds = 1.5
    assert await clock.cache.get(source) is None
    assert len(source.asked) == 2


async def test_while_there_is_nothing_newer_the_source_is_left_alone() -> None:
    clock, source = Clock(), Scripted(answers=[FIRST, replace(FIRST), replace(FIRST), SECOND])
    await clock.cache.get(source)
    clock.seconds = 3600 - 8 * 60
    assert [await clock.cache.get(source, other_than=FIRST) for _ in range(50)] == [FIRST] * 50
    assert len(source.asked) == 2
    clock.seconds += 20
    await clock.cache.get(source, other_than=FIRST)
    assert len(source.asked) == 2
    clock.chance = 0.9
    clock.seconds += 20
    await clock.cache.get(source, other_than=FIRST)
    clock.seconds += 50
    await clock.cache.get(source, other_than=FIRST)
    assert len(source.asked) == 3  # the pause is as long as chance has it
    clock.seconds += 20
    assert await clock.cache.get(source, other_than=FIRST) is SECOND


async def test_the_same_credentials_may_get_another_end_when_theirs_has_come() -> None:
    later = replace(FIRST, expires_at=LATER + timedelta(minutes=15))
    clock, source = Clock(), Scripted(answers=[FIRST, later])
    await clock.cache.get(source)
    clock.seconds = 3600
    assert [await clock.cache.get(source) for _ in range(9)] == [later] * 9
    assert len(source.asked) == 2


async def test_a_pause_ends_with_what_it_gives_out() -> None:
    clock, source = Clock(), Scripted(answers=[FIRST, replace(FIRST), SECOND])
    await clock.cache.get(source)
    clock.seconds = 3600 - 65
    assert await clock.cache.get(source, other_than=FIRST) is FIRST
    clock.seconds += 10
    assert await clock.cache.get(source, other_than=FIRST) is SECOND


async def test_short_lives_are_not_fetched_for_every_request() -> None:
    short = replace(FIRST, expires_at=NOW + timedelta(minutes=4))
    clock, source = Clock(), Scripted(answers=[short, SECOND])
    view = renewing(lambda last: _get(clock.cache, source, last), now=clock.now)
    for _ in range(10):
        assert await view.get() is short
    clock.seconds = 125
    assert await view.get() is SECOND
    assert len(source.asked) == 2


async def test_what_has_no_end_is_not_kept() -> None:
    keys = S3Credentials(access_key_id="1", secret_access_key="s")
    clock, source = Clock(), Scripted(answers=[keys, replace(keys, access_key_id="2")])
    assert await clock.cache.get(source) is keys
    clock.seconds = 2.5
    assert (await clock.cache.get(source) or keys).access_key_id == "2"


async def test_what_is_nearly_over_is_given_to_nobody_new() -> None:
    clock, source = Clock(), Scripted(answers=[FIRST, SECOND])
    await clock.cache.get(source)
    clock.seconds = 3600 - 50
    assert await clock.cache.get(source) is SECOND


async def test_a_renewal_that_fails_leaves_what_still_works() -> None:
    clock, source = Clock(), Scripted(answers=[FIRST, AuthenticationError("no"), SECOND])
    await clock.cache.get(source)
    clock.seconds = 3600 - 8 * 60
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            await clock.cache.get(source, other_than=FIRST)
    assert await clock.cache.get(source) is FIRST
    assert len(source.asked) == 2
    clock.seconds += 31
    assert await clock.cache.get(source, other_than=FIRST) is SECOND


async def test_a_cancelled_fetch_is_taken_over() -> None:
    clock, source = Clock(), Scripted(answers=[FIRST])
    first, second = (asyncio.create_task(clock.cache.get(source)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is FIRST
    assert first.cancelled()
    assert len(source.asked) == 2


async def test_drivers_renew_once_at_moments_of_their_own() -> None:
    clock, source = Clock(), Scripted(answers=[FIRST, SECOND])
    early = renewing(lambda last: _get(clock.cache, source, last), now=clock.now, chance=lambda: 0.9)
    late = renewing(lambda last: _get(clock.cache, source, last), now=clock.now, chance=lambda: 0.1)
    assert await early.get() is await late.get() is FIRST
    clock.seconds = 3600 - 9 * 60
    assert (await late.get(), await early.get(), await late.get()) == (FIRST, SECOND, FIRST)
    clock.seconds = 3600 - 5 * 60
    assert await late.get() is await early.get() is SECOND
    assert len(source.asked) == 2


async def test_a_refused_one_is_replaced_for_all() -> None:
    clock, source = Clock(), Scripted(answers=[FIRST, SECOND])
    one, other = (renewing(lambda last: _get(clock.cache, source, last)) for _ in range(2))
    refused = await one.get()
    assert await other.get() is refused
    assert one.forget(refused)
    assert other.forget(refused)
    assert await one.get() is await other.get() is SECOND
    assert len(source.asked) == 2


async def test_there_is_one_for_each_loop() -> None:
    async def other() -> SharedCache[S3Credentials]:
        return shared_cache()

    assert shared_cache() is shared_cache()
    assert await asyncio.to_thread(lambda: asyncio.run(other())) is not shared_cache()


async def _get(cache: SharedCache[S3Credentials], source: Scripted, last: S3Credentials | None) -> S3Credentials:
    found = await cache.get(source, other_than=last)
    assert found is not None
    return found

"""Room for requests: first come, first served, less of it while a service is in trouble."""

from __future__ import annotations

import asyncio

import pytest

from aiostorage import StorageTimeoutError
from aiostorage._http.messages import Subject
from aiostorage._http.slots import Gate, Slots

pytestmark = pytest.mark.anyio


async def test_who_comes_first_is_let_in_first() -> None:
    gate, order = Gate(1), list[int]()

    async def visit(number: int) -> None:
        await gate.enter()
        order.append(number)
        gate.leave()

    await gate.enter()
    visits = [asyncio.create_task(visit(number)) for number in range(5)]
    await asyncio.sleep(0)
    gate.leave()
    assert not gate.try_enter()  # they wait; nobody gets past them
    await asyncio.gather(*visits)
    assert order == [0, 1, 2, 3, 4]
    assert gate.count == 0


async def test_who_leaves_the_queue_loses_no_room() -> None:
    gate = Gate(1)
    await gate.enter()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # while it waits
    gate.leave()
    waiting[1].cancel()  # when it has been let in, and does not know yet
    await asyncio.gather(waiting[0], waiting[1], return_exceptions=True)
    await waiting[2]
    assert gate.count == 1


async def test_who_is_passed_over_before_noticing_the_cancellation_is_merely_cancelled() -> None:
    gate = Gate(1)
    await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    gate.leave()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.count == 0


async def test_throttling_halves_the_room_once_a_second_and_success_gives_it_back() -> None:
    gate = Gate(64)
    gate.count = 40  # what was under way when it became too much
    gate.throttled(100.0)
    gate.throttled(100.5)
    assert gate.limit == 20
    gate.throttled(101.0)
    assert gate.limit == 10
    for _ in range(10):
        gate.succeeded()
    assert 10.9 < gate.limit < 11.1
    for _ in range(5000):
        gate.succeeded()
    assert gate.limit == 64


async def test_the_room_never_vanishes() -> None:
    gate = Gate(8)
    for second in range(20):
        gate.throttled(float(second))
    assert gate.limit == 1
    assert gate.try_enter()
    assert not gate.try_enter()


async def test_success_lets_in_who_waits() -> None:
    gate = Gate(8)
    gate.throttled(0.0)
    await gate.enter()
    waiter = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gate.succeeded()
    await waiter
    assert gate.count == 2


async def test_one_endpoint_in_trouble_does_not_hold_up_another() -> None:
    slots = Slots(8, 0.01)
    bad, good = slots.gate("http://bad"), slots.gate("http://good")
    bad.throttled(0.0)
    await slots.acquire(bad, Subject("get"))
    with pytest.raises(StorageTimeoutError, match="all 1 are held: 1 by get"):
        await slots.acquire(bad, Subject("get"))
    for _ in range(7):
        await slots.acquire(good, Subject("put"))
    with pytest.raises(StorageTimeoutError, match="7 by put, 1 by get"):
        await slots.acquire(good, Subject("put"))
    for _ in range(7):
        slots.release(good, Subject("put"))
    slots.release(bad, Subject("get"))
    assert (bad.count, good.count) == (0, 0)


async def test_endpoints_that_nobody_uses_are_forgotten() -> None:
    slots = Slots(8, None)
    kept = slots.gate("http://kept")
    await slots.acquire(kept, Subject("get"))
    for number in range(2000):
        slots.gate(f"http://{number}")
    assert slots.gate("http://kept") is kept
    assert len(slots._gates) <= 257  # pyright: ignore[reportPrivateUsage]
    slots.release(kept, Subject("get"))


async def test_a_message_names_who_holds_the_most_and_counts_the_others() -> None:
    slots = Slots(8, 0.01)
    gate = slots.gate("https://x")
    for number in (1, 1, 2, 3, 4, 5, 6, 7):
        await slots.acquire(gate, Subject("get_object", "photos", f"{number}.jpg"))
    with pytest.raises(StorageTimeoutError) as caught:
        await slots.acquire(gate, Subject("list_containers"))
    assert "all 8 are held: 2 by get_object of '1.jpg' in 'photos', 1 by" in str(caught.value)
    assert str(caught.value).endswith(", 2 by others")

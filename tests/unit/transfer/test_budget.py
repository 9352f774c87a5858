"""Memory for parts: in turn, whatever is cancelled, and shared by all uploads of a driver."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiostorage import Driver, InvalidArgumentError, MemoryDriver
from aiostorage._transfer.budget import MemoryBudget
from aiostorage.providers.memory.backend import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiostorage import Buffer, Part, Upload
    from aiostorage.backend import OnSent

pytestmark = pytest.mark.anyio


async def test_who_asks_first_is_served_first_though_a_later_one_would_fit() -> None:
    budget, served = MemoryBudget(10), list[str]()

    async def take(name: str, size: int) -> None:
        await budget.take(size)
        served.append(name)

    await budget.take(6)
    waiting = [asyncio.create_task(take("large", 8)), asyncio.create_task(take("small", 1))]
    await asyncio.sleep(0)
    assert served == []
    budget.give_back(6)
    await asyncio.gather(*waiting)
    assert served == ["large", "small"]
    assert budget.held == 9


async def test_what_is_larger_than_all_goes_alone() -> None:
    budget = MemoryBudget(10)
    await budget.take(100)
    waiting = asyncio.create_task(budget.take(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    budget.give_back(100)
    await waiting


async def test_who_gives_up_waiting_holds_nobody_up_and_nothing_back() -> None:
    budget = MemoryBudget(10)
    await budget.take(6)
    large, small = asyncio.create_task(budget.take(8)), asyncio.create_task(budget.take(4))
    await asyncio.sleep(0)
    large.cancel()
    await small
    assert budget.held == 10
    late = asyncio.create_task(budget.take(5))
    await asyncio.sleep(0)
    budget.give_back(6)
    late.cancel()  # when it has been served, and does not know yet
    with pytest.raises(asyncio.CancelledError):
        await late
    assert budget.held == 4


async def test_who_is_passed_over_before_noticing_the_cancellation_is_merely_cancelled() -> None:
    budget = MemoryBudget(10)
    await budget.take(10)
    waiting = asyncio.create_task(budget.take(8))
    await asyncio.sleep(0)
    waiting.cancel()
    budget.give_back(10)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert budget.held == 0


class Measured(MemoryBackend):
    """Memory that notes how many bytes of parts are on their way at once."""

    held = most = 0

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        self.held += len(body)
        self.most = max(self.most, self.held)
        await asyncio.sleep(0)
        try:
            return await super().upload_part(upload, number, offset, body, on_sent=on_sent)
        finally:
            self.held -= len(body)


async def test_all_uploads_of_a_driver_share_it() -> None:
    async def source() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 1000

    backend = Measured()
    async with Driver(backend, part_size_bytes=1000, concurrency=8, memory_limit_bytes=3000) as driver:
        container = await driver.create_container("box")
        await asyncio.gather(*[container.upload_object(source(), f"{number}") for number in range(10)])
        assert [obj.size async for obj in container.list_objects()] == [10_000] * 10
    assert 2000 <= backend.most <= 3000


async def test_a_part_that_was_cancelled_before_it_began_gives_its_memory_back() -> None:
    class SourceError(Exception):
        pass

    async def source() -> AsyncIterator[bytes]:
        yield b"12345678"
        raise SourceError

    async with Driver(MemoryBackend(), part_size_bytes=4, memory_limit_bytes=8) as driver:
        container = await driver.create_container("box")
        for _ in range(3):  # the third would wait for ever
            with pytest.raises(SourceError):
                await container.upload_object(source(), "name")
        assert driver._budget.held == 0


async def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="memory_limit_bytes"):
        Driver(MemoryBackend(), memory_limit_bytes=0)
    async with MemoryDriver() as driver:
        assert driver.name == "memory"

"""What a progress callback is told, and what it can do to the transfer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiostorage import MemoryDriver
from aiostorage._transfer.progress import reporting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 4
        await asyncio.sleep(0)


async def test_the_last_count_is_told_before_the_block_is_left() -> None:
    told: list[tuple[int, int | None]] = []
    async with reporting(lambda done, total: told.append((done, total)), 10) as progress:
        progress.add(4)
        await asyncio.sleep(0)
        progress.add(-4)
        progress.add(10)
    assert told[-1] == (10, 10)


async def test_a_slow_callback_is_told_the_latest_count_only() -> None:
    told: list[int] = []
    called, go_on = asyncio.Event(), asyncio.Event()

    async def slow(done: int, _total: int | None) -> None:
        told.append(done)
        called.set()
        await go_on.wait()

    async with reporting(slow, None) as progress:
        progress.add(1)
        await called.wait()
        for _ in range(5):
            progress.add(1)
        go_on.set()
    assert told == [1, 6]


@pytest.mark.parametrize("error", [KeyError("mine"), ExceptionGroup("mine", [ValueError(1), KeyError(2)])])
async def test_what_a_callback_raises_ends_the_transfer_and_comes_out_as_it_is(error: Exception) -> None:
    def fail(done: int, _total: int | None) -> None:
        if done:
            raise error

    async with MemoryDriver(part_size_bytes=4, concurrency=2) as driver:
        container = await driver.create_container("bucket")
        with pytest.raises(type(error)) as caught:
            await container.upload_object(endless(), "key", progress=fail)
        assert caught.value is error
        assert [obj.name async for obj in container.list_objects()] == []
        assert (await driver.backend.list_uploads("bucket", prefix="", token=None)).items == []


async def test_what_the_source_raises_comes_out_as_it_is_past_a_callback() -> None:
    mine = ExceptionGroup("mine", [ValueError(1), KeyError(2)])

    async def source() -> AsyncIterator[bytes]:
        yield b"x" * 9
        raise mine

    async with MemoryDriver(part_size_bytes=4) as driver:
        await driver.create_container("bucket")
        with pytest.raises(ExceptionGroup) as caught:
            await driver.upload_object(source(), "bucket", "key", progress=lambda *_: None)
    assert caught.value is mine


async def test_a_timeout_is_a_timeout_past_a_callback() -> None:
    async with MemoryDriver(part_size_bytes=4) as driver:
        await driver.create_container("bucket")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await driver.upload_object(endless(), "bucket", "key", progress=lambda *_: None)
        assert (await driver.backend.list_uploads("bucket", prefix="", token=None)).items == []
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0

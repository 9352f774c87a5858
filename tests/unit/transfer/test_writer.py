"""Uploads by parts that fail, are cancelled or given up: which error comes out, and that nothing stays."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from aiostorage import ClosedError, ServiceUnavailableError, StorageConnectionError, StorageError
from aiostorage.driver import Driver
from aiostorage.providers.memory.backend import MemoryBackend
from tests.cancelling import WAYS, cancelled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiostorage import Part, Upload, WriteOptions
    from aiostorage.backend import OnSent
    from aiostorage.models import Buffer

pytestmark = pytest.mark.anyio


class Backend(MemoryBackend):
    """Memory that does something first when a part comes, such as to fail."""

    def __init__(self, before_part: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._before_part = before_part

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        await asyncio.sleep(0)  # other tasks have their turn
        return await super().create_upload(container, key, options)

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        await self._before_part()
        return await super().upload_part(upload, number, offset, body, on_sent=on_sent)


async def nothing() -> None:
    pass


async def boom() -> None:
    await asyncio.sleep(0)
    raise ServiceUnavailableError("boom")


async def new_driver(before_part: Callable[[], Awaitable[None]] = nothing) -> Driver:
    driver = Driver(Backend(before_part), part_size_bytes=4, concurrency=2)
    await driver.create_container("bucket")
    return driver


async def what_is_left(driver: Driver) -> tuple[list[str], int]:
    """The names of the objects, and how many uploads are unfinished."""
    objects = [obj.name async for obj in driver.list_objects("bucket")]
    return objects, len((await driver.backend.list_uploads("bucket", prefix="", token=None)).items)


@pytest.mark.parametrize("more", [b"", b"y", b"y" * 40], ids=["nothing", "a little", "parts"])
async def test_a_block_that_swallows_the_cancellation_of_a_failed_part_ends_with_its_error(more: bytes) -> None:
    driver = await new_driver(boom)
    async with asyncio.timeout(2) as limit:  # once it waited for ever
        with pytest.raises(ServiceUnavailableError, match="boom"):
            async with driver.open_writer("bucket", "key") as writer:
                await writer.write(b"x" * 9)
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                await writer.write(more)
    assert not limit.expired()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert await what_is_left(driver) == ([], 0)


async def test_a_block_that_swallows_an_error_that_is_not_ours_publishes_nothing_short() -> None:
    count = 0

    async def fail_but_the_first() -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise ValueError("no error of a provider")

    driver = await new_driver(fail_but_the_first)
    with pytest.raises(ValueError, match="no error of a provider"):
        async with driver.open_writer("bucket", "key") as writer:
            await writer.write(b"x" * 9)
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    assert await what_is_left(driver) == ([], 0)


async def test_a_part_that_ends_in_a_cancellation_of_its_own_is_missed() -> None:
    """As when what it waited for, and shared with others, was cancelled."""
    count = 0

    async def cancel_but_the_first() -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise asyncio.CancelledError

    driver = await new_driver(cancel_but_the_first)
    with pytest.raises((StorageError, asyncio.CancelledError)):
        await driver.upload_object(b"x" * 9, "bucket", "key")
    assert await what_is_left(driver) == ([], 0)


async def test_a_group_of_errors_that_the_block_raises_comes_out_as_it_is() -> None:
    driver = await new_driver()
    mine = ExceptionGroup("mine", [ValueError(1), KeyError(2)])
    with pytest.raises(ExceptionGroup) as caught:
        async with driver.open_writer("bucket", "key") as writer:
            await writer.write(b"x" * 9)
            raise mine
    assert caught.value is mine
    assert await what_is_left(driver) == ([], 0)


async def test_a_group_of_errors_that_the_source_raises_comes_out_as_it_is() -> None:
    driver = await new_driver()
    mine = ExceptionGroup("mine", [ValueError(1), KeyError(2)])

    async def source() -> AsyncIterator[bytes]:
        yield b"x" * 20
        raise mine

    with pytest.raises(ExceptionGroup) as caught:
        await driver.upload_object(source(), "bucket", "key")
    assert caught.value is mine
    assert await what_is_left(driver) == ([], 0)


async def test_an_error_of_the_source_goes_before_those_of_the_parts_that_it_cancels() -> None:
    began = asyncio.Event()

    async def fail_when_cancelled() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise StorageConnectionError("what followed")

    driver = await new_driver(fail_when_cancelled)

    async def source() -> AsyncIterator[bytes]:
        yield b"x" * 5
        await began.wait()
        raise KeyError("the first")

    with pytest.raises(KeyError, match="the first"):
        await driver.upload_object(source(), "bucket", "key")
    assert await what_is_left(driver) == ([], 0)


@pytest.mark.parametrize("how", ["upload", "writer"])
async def test_a_cancellation_in_the_moment_of_a_failure_is_not_lost(how: str) -> None:
    async def cancel_and_fail() -> None:
        await asyncio.sleep(0)
        task.cancel()
        raise ServiceUnavailableError("boom")

    driver = await new_driver(cancel_and_fail)

    async def run() -> None:
        if how == "upload":
            await driver.upload_object(b"x" * 40, "bucket", "key")
        else:
            async with driver.open_writer("bucket", "key") as writer:
                await writer.write(b"x" * 40)

    task = asyncio.create_task(run())
    await asyncio.wait({task})
    assert task.cancelled()
    assert await what_is_left(driver) == ([], 0)


async def test_giving_up_is_quiet_although_parts_fail_afterwards() -> None:
    gate = asyncio.Event()

    async def fail_later() -> None:
        await gate.wait()
        raise ServiceUnavailableError("boom")

    driver = await new_driver(fail_later)
    async with driver.open_writer("bucket", "key") as writer:
        await writer.write(b"x" * 9)
        await asyncio.sleep(0)  # the parts are on their way
        await writer.abort()
        gate.set()
    assert await what_is_left(driver) == ([], 0)


async def test_giving_up_because_parts_have_failed_is_quiet() -> None:
    driver = await new_driver(boom)
    async with driver.open_writer("bucket", "key") as writer:
        await writer.write(b"x" * 9)
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await writer.abort()
    assert await what_is_left(driver) == ([], 0)


async def test_tasks_that_write_at_once_write_one_after_the_other() -> None:
    driver = await new_driver()
    async with driver.open_writer("bucket", "key") as writer:
        await asyncio.gather(writer.write(b"a" * 9), writer.write(b"b" * 9))
        assert writer.tell() == 18
    content = await driver.container("bucket").object("key").read()
    assert content in {b"a" * 9 + b"b" * 9, b"b" * 9 + b"a" * 9}
    assert await what_is_left(driver) == (["key"], 0)


async def test_no_part_is_on_its_way_when_an_upload_is_aborted() -> None:
    """Or it would arrive afterwards: not every provider knows that there was an upload."""
    on_their_way = 0
    began = asyncio.Event()

    async def wait() -> None:
        nonlocal on_their_way
        on_their_way += 1
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            on_their_way -= 1

    driver = await new_driver(wait)
    abort = driver.backend.abort_upload
    seen: list[int] = []

    async def noting(upload: Upload) -> None:
        seen.append(on_their_way)
        await abort(upload)

    driver.backend.abort_upload = noting  # type: ignore[method-assign]
    async with driver.open_writer("bucket", "key") as writer:
        await writer.write(b"x" * 9)
        await began.wait()
        await writer.abort()
    assert seen == [0]
    assert await what_is_left(driver) == ([], 0)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("then", ["nothing", "write", "commit"])
async def test_what_a_cancelled_write_may_have_lost_is_never_missing_in_an_object(how: str, then: str) -> None:
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    driver = await new_driver(wait)
    writer = driver.open_writer("bucket", "key")
    with pytest.raises(ClosedError, match="a write has failed or was cancelled") as caught:
        async with writer:
            await writer.write(b"x" * 12)  # two parts on their way, and one in hand
            await cancelled(how, writer.write(b"y" * 4))
            gate.set()
            if then != "nothing":
                with pytest.raises(ClosedError, match="a write has failed or was cancelled"):
                    await (writer.write(b"y" * 4) if then == "write" else writer.commit())
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert writer.info is None
    assert await what_is_left(driver) == ([], 0)


@pytest.mark.parametrize("then", ["nothing", "write", "commit"])
async def test_what_a_failed_write_may_have_lost_is_never_missing_in_an_object(then: str) -> None:
    driver = await new_driver()
    create = driver.backend.create_upload
    failure = ServiceUnavailableError("later", retryable=True)
    failures = [failure]

    async def fail_once(container: str, key: str, options: WriteOptions) -> Upload:
        if failures:
            raise failures.pop()
        return await create(container, key, options)

    driver.backend.create_upload = fail_once  # type: ignore[method-assign]
    with pytest.raises(ClosedError, match="a write has failed or was cancelled") as caught:
        async with driver.open_writer("bucket", "key") as writer:
            await writer.write(b"x" * 4)
            with pytest.raises(ServiceUnavailableError):
                await writer.write(b"y" * 4)
            if then != "nothing":
                with pytest.raises(ClosedError, match="a write has failed or was cancelled"):
                    await (writer.write(b"y" * 4) if then == "write" else writer.commit())
    assert caught.value.__cause__ is failure
    assert await what_is_left(driver) == ([], 0)


async def test_a_write_that_was_cancelled_before_its_turn_is_missed_too() -> None:
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    driver = await new_driver(wait)
    with pytest.raises(ClosedError, match="a write has failed or was cancelled"):
        async with driver.open_writer("bucket", "key") as writer:
            first = asyncio.create_task(writer.write(b"x" * 16))
            await asyncio.sleep(0)
            await cancelled("timeout", writer.write(b"y"))
            gate.set()
            with pytest.raises(ClosedError):
                await first
    assert await what_is_left(driver) == ([], 0)


async def test_a_part_that_failed_is_the_reason_although_a_write_was_cancelled_for_it() -> None:
    driver = await new_driver(boom)
    with pytest.raises(ServiceUnavailableError, match="boom"):
        async with driver.open_writer("bucket", "key") as writer:
            with suppress(asyncio.CancelledError):
                await writer.write(b"x" * 40)
    assert await what_is_left(driver) == ([], 0)


async def test_giving_up_because_a_write_was_cancelled_is_quiet() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    driver = await new_driver(wait)
    async with driver.open_writer("bucket", "key") as writer:
        await cancelled("timeout", writer.write(b"x" * 16))
        await writer.abort()
    assert await what_is_left(driver) == ([], 0)


async def test_a_write_to_a_closed_writer_changes_nothing() -> None:
    driver = await new_driver()
    writer = driver.open_writer("bucket", "key")
    with pytest.raises(ClosedError, match="not open"):
        await writer.write(b"x")
    async with writer:
        await writer.write(b"x" * 9)
        await writer.commit()
        with pytest.raises(ClosedError, match="is closed"):
            await writer.write(b"x")
    assert await what_is_left(driver) == (["key"], 0)


@pytest.mark.parametrize("size", [3, 9], ids=["whole", "parts"])
@pytest.mark.parametrize("end", ["left", "committed", "aborted"])
async def test_a_writer_is_used_once(size: int, end: str) -> None:
    driver = await new_driver()
    async with driver.open_writer("bucket", "key") as writer:
        await writer.write(b"x" * size)
        if end == "committed":
            await writer.commit()
        elif end == "aborted":
            await writer.abort()
    info = writer.info
    with pytest.raises(ClosedError, match="open another"):
        async with writer:
            pass
    with pytest.raises(ClosedError, match="is closed"):
        await writer.write(b"x")
    assert writer.info is info
    assert await what_is_left(driver) == ([] if end == "aborted" else ["key"], 0)


async def test_a_writer_that_is_entered_again_is_still_that_of_its_block() -> None:
    driver = await new_driver()
    async with driver.open_writer("bucket", "key") as writer:
        await writer.write(b"x" * 9)
        with pytest.raises(ClosedError, match="open another"):
            await writer.__aenter__()
        await writer.write(b"x")
    assert writer.info is not None
    assert writer.info.size == 10

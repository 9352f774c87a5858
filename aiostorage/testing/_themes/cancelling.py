"""Cancellation: whoever cancels, however and whenever, finds nothing half done and nothing going on."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import pytest

from aiostorage._tasks import all_tasks
from aiostorage.drivers import MemoryDriver
from aiostorage.errors import ContainerNotFoundError
from aiostorage.testing._themes.base import ContractBase, tasks_left
from aiostorage.testing._themes.data import content
from aiostorage.testing._themes.downloads import RANGE_BYTES, in_folder
from aiostorage.testing._themes.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path
    from typing import TypeAlias

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.testing._themes.watch import Side
    from aiostorage.testing.witness import Witness

    Cancel: TypeAlias = Callable[[], None]
    Work: TypeAlias = Callable[[Cancel], Coroutine[None, None, None]]

WAYS = ["task.cancel", "asyncio.timeout", "CancelScope", "move_on_after"]

MOMENTS = [
    ("before", "create_upload", 1),
    ("after", "create_upload", 1),
    ("before", "upload_part", 1),
    ("before", "upload_part", 2),
    ("after", "upload_part", 1),
    ("after", "upload_part", 3),
    ("before", "complete_upload", 1),
    ("after", "complete_upload", 1),
]
"""Around a request of an upload of three parts: ``before`` lands while it is on its way, or earlier."""


class Cancelling(ContractBase):
    """Cancellation: nothing half done, and nothing going on."""

    @pytest.mark.parametrize(("side", "request_", "nth"), MOMENTS)
    async def test_an_upload_by_parts(
        self,
        driver: Driver,
        container: Container,
        witness: Witness,
        part_size: int,
        side: Side,
        request_: str,
        nth: int,
    ) -> None:
        """No part stays, no task, and no object unless it is whole."""
        data = content(2 * part_size + 100)
        for way in WAYS:
            with Watch(driver) as watch:

                async def work(cancel: Cancel, watch: Watch = watch) -> None:
                    watch.at(side, request_, cancel, nth=nth)
                    await container.upload_object(data, "key", part_size_bytes=part_size, concurrency=2)

                is_cancelled = await run(way, work)
            assert is_cancelled or request_ == "complete_upload"
            await self._check_clean(watch, witness, container, data)
        await self._check_works(container)

    @pytest.mark.parametrize("parts", [0, 1, 2])
    async def test_a_source_that_keeps_us_waiting(
        self, container: Container, witness: Witness, part_size: int, parts: int
    ) -> None:
        """While nothing comes, with some parts sent already; the source is closed."""
        for way in WAYS:
            sent = asyncio.Event()
            closed = asyncio.Event()

            def progress(done: int, _: int | None, sent: asyncio.Event = sent) -> None:
                if done >= parts * part_size:
                    sent.set()

            async def source(
                cancel: Cancel, sent: asyncio.Event = sent, closed: asyncio.Event = closed
            ) -> AsyncIterator[bytes]:
                try:
                    yield content(parts * part_size + 10)
                    if parts:
                        await sent.wait()
                    cancel()
                    await asyncio.Event().wait()  # for ever
                finally:
                    closed.set()

            async def work(cancel: Cancel) -> None:
                await container.upload_object(source(cancel), "key", part_size_bytes=part_size, progress=progress)

            assert await run(way, work)
            assert closed.is_set()
            assert await witness.get(container.name, "key") is None
            assert await witness.open_uploads(container.name) == []

    @pytest.mark.parametrize("side", ["before", "after"])
    async def test_an_upload_at_once(self, driver: Driver, container: Container, witness: Witness, side: Side) -> None:
        """There is the object, whole, or what was there."""
        for way in WAYS:
            await witness.put(container.name, "key", b"old")
            with Watch(driver) as watch:

                async def work(cancel: Cancel, watch: Watch = watch) -> None:
                    watch.at(side, "put_object", cancel)
                    await container.upload_object(content(1000), "key")

                await run(way, work)
            assert await witness.get(container.name, "key") in {b"old", content(1000)}
        await self._check_works(container)

    @pytest.mark.parametrize(
        ("side", "request_"), [("before", "upload_part"), ("after", "upload_part"), ("before", "complete_upload")]
    )
    async def test_a_writer(
        self, driver: Driver, container: Container, witness: Witness, part_size: int, side: Side, request_: str
    ) -> None:
        """The block of a writer may be cancelled as well as an upload."""
        data = content(part_size + 100)
        for way in WAYS:
            with Watch(driver) as watch:

                async def work(cancel: Cancel, watch: Watch = watch) -> None:
                    watch.at(side, request_, cancel)
                    async with container.open_writer("key", part_size_bytes=part_size) as writer:
                        await writer.write(data)

                await run(way, work)
            await self._check_clean(watch, witness, container, data)

    @pytest.mark.parametrize(("side", "nth"), [("before", 1), ("after", 1), ("before", 3), ("after", 4)])
    async def test_a_download(
        self, driver: Driver, container: Container, witness: Witness, tmp_path: Path, side: Side, nth: int
    ) -> None:
        """There is no file, and no piece of one."""
        await witness.put(container.name, "key", content(4 * RANGE_BYTES))
        folder = tmp_path / "downloads"
        await anyio.Path(folder).mkdir()
        for way in WAYS:
            with Watch(driver) as watch:

                async def work(cancel: Cancel, watch: Watch = watch) -> None:
                    watch.at(side, "get_object", cancel, nth=nth)
                    await container.download_object("key", folder, part_size_bytes=RANGE_BYTES, concurrency=2)

                assert await run(way, work)
            assert await in_folder(folder) == {}
        await self._check_works(container)

    async def test_a_reader(self, container: Container, witness: Witness) -> None:
        """Its connection is given up, or another reader would wait for it."""
        await witness.put(container.name, "key", content(1_000_000))

        async def work(cancel: Cancel) -> None:
            async with container.open_object("key") as stream:
                await stream.read(10)
                cancel()
                await asyncio.Event().wait()  # for ever

        for way in WAYS:
            assert await run(way, work)
        await self._check_works(container)

    async def test_a_listing(self, driver: Driver, container: Container, witness: Witness) -> None:
        """The page that is being fetched ahead goes with it."""
        for key in "abcdef":
            await witness.put(container.name, key, b"content")

        async def work(cancel: Cancel) -> None:
            async for _ in container.list_objects(page_size=2):
                cancel()
                await asyncio.sleep(0)

        for way in WAYS:
            with Watch(driver) as watch:
                assert await run(way, work)
            assert len(watch.made) <= 2

    async def test_a_copy_from_another_driver(
        self, driver: Driver, container: Container, witness: Witness, part_size: int
    ) -> None:
        """Both ends are let go of."""
        data = content(2 * part_size + 1)
        async with MemoryDriver() as memory:
            elsewhere = await memory.create_container("elsewhere")
            original = await elsewhere.upload_object(data, "key")
            for way in WAYS:
                with Watch(driver) as watch:

                    async def work(cancel: Cancel, watch: Watch = watch) -> None:
                        watch.at("before", "upload_part", cancel, nth=2)
                        await original.copy_to(container, part_size_bytes=part_size)

                    assert await run(way, work)
                await self._check_clean(watch, witness, container, data)

    @pytest.mark.parametrize("request_", ["list_uploads", "list_objects", "delete_objects", "delete_container"])
    async def test_a_container_that_is_being_removed(
        self, driver: Driver, witness: Witness, new_name: Callable[[], str], request_: str
    ) -> None:
        """It stops where it is, and can be done again."""
        for way in WAYS:
            container = driver.container(new_name())
            await witness.make_container(container.name)
            await witness.put(container.name, "key", b"content")
            with Watch(driver) as watch:

                async def work(cancel: Cancel, watch: Watch = watch, container: Container = container) -> None:
                    watch.at("before", request_, cancel)
                    await container.delete()

                await run(way, work)
            with suppress(ContainerNotFoundError):  # what was on its way may have arrived
                await container.delete()
            assert not await witness.has_container(container.name)

    async def _check_clean(self, watch: Watch, witness: Witness, container: Container, data: bytes) -> None:
        """No part stays; and there is no object, unless it is whole and its completion was asked for."""
        assert await witness.open_uploads(container.name) == []
        found = await witness.get(container.name, "key")
        assert found in ({None, data} if "complete_upload" in watch.made else {None})
        if found is not None:
            await witness.delete(container.name, "key")

    async def _check_works(self, container: Container) -> None:
        """The driver has what it needs for further calls."""
        await container.upload_object(b"content", "afterwards")
        assert await container.object("afterwards").read() == b"content"


async def run(way: str, work: Work) -> bool:
    """Do work that is handed a function to cancel it with; whether that has ended it. No task is left then."""
    before = all_tasks()
    is_cancelled = await _run(way, work)
    assert not await tasks_left(before)
    return is_cancelled


async def _run(way: str, work: Work) -> bool:
    loop = asyncio.get_running_loop()
    match way:
        case "task.cancel":
            task: asyncio.Task[None] = loop.create_task(work(lambda: _cancel(task)))
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()
            return task.cancelled()
        case "asyncio.timeout":
            try:
                async with asyncio.timeout(None) as timeout:
                    await work(lambda: timeout.reschedule(loop.time()))
            except TimeoutError:
                return True
            return False
        case "CancelScope":
            with anyio.CancelScope() as scope:
                await work(scope.cancel)
            return scope.cancelled_caught
        case _:
            with anyio.move_on_after(math.inf) as scope:
                await work(lambda: setattr(scope, "deadline", anyio.current_time()))
            return scope.cancelled_caught


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()

"""Runs one cell of the matrix, and looks at what it has left."""

from __future__ import annotations

import asyncio
import itertools
import os
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiostorage.errors import ContainerNotEmptyError, StorageError
from aiostorage.testing.faults import Fault, FaultProxy
from tests.matrix.faults import Target
from tests.matrix.operations import contents
from tests.matrix.scene import BIG, NAMES, SMALL, Scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiostorage import Driver
    from tests.matrix.faults import Case
    from tests.matrix.operations import Operation
    from tests.matrix.providers import Provider

DAY = timedelta(days=1)
DEADLINE_S = 20.0
PATIENT_S = 10.0

_numbers = itertools.count(1)


@dataclass(slots=True, kw_only=True)
class World:
    """A provider, and what is known of its operations."""

    provider: Provider
    server: Any
    shared: str = field(default_factory=lambda: f"shared-{uuid.uuid4().hex[:8]}")
    work: str = field(default_factory=lambda: f"work-{uuid.uuid4().hex[:8]}")
    is_prepared: bool = False
    targets: dict[str, list[Target]] = field(default_factory=dict)

    def connect(self, endpoint: str, idle_s: float = PATIENT_S) -> Driver:
        return self.provider.connect(self.server, endpoint, idle_s)

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Driver]:
        """A driver without faults; the containers are there."""
        async with self.connect(self.server.endpoint) as driver:
            if not self.is_prepared:
                await driver.create_container(self.work)
                shared = await driver.create_container(self.shared)
                await shared.upload_object(SMALL, "small")
                await shared.upload_object(BIG, "big")  # whole, so that the provider has a hash of it
                for name in NAMES:
                    await shared.upload_object(name.encode(), name)
                self.is_prepared = True
            yield driver

    @asynccontextmanager
    async def scene(self, direct: Driver, operation: Operation, case: Case | None, folder: Path) -> AsyncIterator[tuple[Scene, FaultProxy]]:
        """A place of its own for one run, set up; whatever the run has left there is found at the end."""
        number = next(_numbers)
        folder = folder / str(number)
        folder.mkdir()
        proxy = FaultProxy(self.server.endpoint, dialect=self.provider.dialect)
        async with proxy:
            async with self.connect(proxy.url, PATIENT_S if case is None else case.idle_s) as driver:
                scene = Scene(
                    driver=driver,
                    direct=direct,
                    shared=self.shared,
                    work=self.work,
                    prefix=f"cell-{number}-",
                    folder=folder,
                    part_size=self.provider.part_size,
                )
                work = direct.container(self.work)
                for key, data in contents(operation.before, scene).items():
                    await work.upload_object(data or b"", scene.prefix + key)
                await operation.arrange(scene)
                yield scene, proxy
                assert await settles(lambda: proxy.busy == 0), "a request is still under way"
            assert await settles(lambda: proxy.open_connections == 0), "a connection stays open"
        assert list(folder.iterdir()) == [], "a file is left behind"

    async def look_at(self, operation: Operation, direct: Driver, folder: Path) -> list[Target]:
        """The requests that an operation makes when nothing goes wrong, by kind."""
        if operation.name not in self.targets:
            async with self.scene(direct, operation, None, folder) as (scene, proxy):
                async with asyncio.timeout(DEADLINE_S):
                    await operation.act(scene)
                await self.check(operation, scene, is_done=True, may_lose_id=False)
                exchanges = list(proxy.exchanges)
                counts = Counter(scene.kind(exchange.request) for exchange in exchanges)
                first = {scene.kind(exchange.request): exchange for exchange in reversed(exchanges)}
            self.targets[operation.name] = [
                Target(
                    kind=kind,
                    method=exchange.request.method,
                    count=counts[kind],
                    status=exchange.status or 0,
                    length=exchange.length,
                    sent=int(exchange.request.header("content-length") or "0"),
                )
                for kind, exchange in first.items()
            ]
        return self.targets[operation.name]

    async def cell(self, operation: Operation, case: Case, target: Target, nth: int, direct: Driver, folder: Path) -> str:
        """Run an operation with a fault on the nth of its requests of a kind; returns how it ended."""
        async with self.scene(direct, operation, case, folder) as (scene, proxy):
            fault = Fault(
                what=case.what, times=case.times, nth=nth, where=lambda request: scene.kind(request) == target.kind
            )
            proxy.inject(fault)
            outcome = "right result"
            try:
                async with asyncio.timeout(DEADLINE_S):
                    await operation.act(scene)
            except StorageError as error:
                allowed = (*case.allowed, *((*operation.allowed, *self.provider.lost) if case.loses_id else ()))
                # Of a container that cannot be emptied the reason is the cause.
                reason = error.__cause__ if isinstance(error, ContainerNotEmptyError) else error
                assert isinstance(reason, allowed), f"{type(error).__name__} is not what comes of this: {error}"
                outcome = type(error).__name__
            is_done = outcome == "right result"
            assert proxy.count(fault), "the fault has not happened"
            assert not (is_done and case.must_fail), "it says that it has succeeded"
            proxy.heal()
            await settles(lambda: proxy.busy == 0 and not proxy.is_refusing)
            await self.check(operation, scene, is_done=is_done, may_lose_id=case.loses_id)
            assert (await scene.driver.get_container(self.work)).name == self.work, "the driver is of no more use"
        return outcome

    async def check(self, operation: Operation, scene: Scene, *, is_done: bool, may_lose_id: bool) -> None:
        """Compare what is there with what should be, on a way without faults."""
        before, after = contents(operation.before, scene), contents(operation.after, scene)
        for key in {**before, **after}:
            found = await scene.content_of(key)
            right = [after[key] if key in after else before[key]]
            if not is_done:
                right.append(before.get(key))
            assert found in right, f"{key!r} has {None if found is None else len(found)} bytes, and not the right ones"
        await operation.settle(scene, is_done)
        uploads = [upload.key async for upload in scene.direct.list_uploads(scene.work, prefix=scene.prefix)]
        if uploads and may_lose_id:
            await scene.direct.abort_stale_uploads(scene.work, older_than=-DAY, prefix=scene.prefix)
        else:
            assert uploads == [], "an upload is left behind"


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def settles(is_so: Any) -> bool:
    """Whether it becomes so within the second that the proxy may take to notice."""
    for _ in range(200):
        if is_so():
            return True
        await asyncio.sleep(0.005)
    return False

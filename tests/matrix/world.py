"""Runs the cells of one operation on one provider, and looks at what each has left."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import os
import uuid
import weakref
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from aiostorage import RetryPolicy, retrying
from aiostorage.errors import (
    AuthenticationError,
    ContainerNotEmptyError,
    InvalidArgumentError,
    NotFoundError,
    StorageError,
)
from aiostorage.testing.faults import CloseIdle, Corrupt, Fault, FaultProxy, Refuse, Truncate
from tests.matrix.faults import ANY, BROKEN, LATER, SILENCE, Target, kind_of
from tests.matrix.operation import contents
from tests.matrix.providers import PART, RETRY
from tests.matrix.scene import BIG, NAMES, SMALL, Scene
from tests.waiting import settles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from pathlib import Path

    from aiostorage import Driver
    from aiostorage.testing import Witness
    from tests.matrix.faults import Case
    from tests.matrix.operation import Operation
    from tests.matrix.providers import Provider

DEADLINE_S = 60.0
"""How long a call may take, whatever happens; the machine may be busy."""

PATIENT_S = 10.0
AT_ONCE = 8

SESSION = {"authenticate", "info"}
"""Requests that come before those of any operation; faults strike them in one operation only."""

NOT_OFFERED = "the provider does not offer it"

_numbers = itertools.count(1)
_born: contextvars.ContextVar[weakref.WeakSet[asyncio.Task[Any]] | None] = contextvars.ContextVar("_born", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a fault strikes: the nth request of a kind."""

    case: Case
    target: Target
    nth: int

    def __str__(self) -> str:
        return f"{self.case.name} at request {self.nth} of {self.target.count}, {self.target.kind}"


@dataclass(slots=True, kw_only=True)
class World:
    """A provider, and what is there to be read."""

    provider: Provider
    server: Any
    client: Any
    shared: str = field(default_factory=lambda: f"shared-{uuid.uuid4().hex[:8]}")
    is_prepared: bool = False

    async def prepare(self, witness: Witness) -> None:
        if self.is_prepared:
            return
        await witness.make_container(self.shared)
        await witness.put(self.shared, "small", SMALL)
        await witness.put(self.shared, "big", BIG)
        for name in NAMES:
            await witness.put(self.shared, name, name.encode())
        self.is_prepared = True

    def connect(self, endpoint: str, idle_s: float = PATIENT_S) -> Driver:
        return self.provider.connect(self.server, endpoint, {"retry": RETRY, "idle_timeout_s": idle_s})


class Stage:
    """One operation on one provider: a container to write into, and a driver without faults."""

    def __init__(self, world: World, operation: Operation, folder: Path) -> None:
        self.world = world
        self.operation = operation
        self.folder = folder
        self.work = f"work-{uuid.uuid4().hex[:8]}"
        self.requests: set[str] = set()
        self.lost: set[str] = set()
        self.runs: dict[str, str] = {}
        self.witness = world.provider.witness(world.server, world.client)
        self.direct: Driver = world.connect(world.server.endpoint)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Make the container; at the end it holds no upload that nobody has accounted for."""
        witness = self.witness
        await self.world.prepare(witness)
        await witness.make_container(self.work)
        try:
            async with self.direct:
                yield
                if not self.world.provider.keeps_parts:
                    left = {key.partition("key")[0] for key in await witness.open_uploads(self.work)} - self.lost
                    assert not left, f"uploads are left behind: {[self.runs.get(prefix, prefix) for prefix in left]}"
        finally:
            await witness.remove_container(self.work)

    @asynccontextmanager
    async def scene(self, idle_s: float = PATIENT_S) -> AsyncIterator[tuple[Scene, FaultProxy]]:
        """A place for one run, set up; whatever the run has left there is found at the end."""
        world = self.world
        number = next(_numbers)
        folder = self.folder / str(number)
        folder.mkdir()
        async with FaultProxy(world.server.endpoint, dialect=world.provider.dialect) as proxy:
            async with world.connect(proxy.url, idle_s) as driver:
                scene = Scene(
                    driver=driver,
                    direct=self.direct,
                    witness=self.witness,
                    shared=world.shared,
                    work=self.work,
                    prefix=f"cell-{number}-",
                    folder=folder,
                    part_size=PART,
                    cors=world.provider.cors,
                )
                for key, data in contents(self.operation.before, scene).items():
                    await self.witness.put(self.work, scene.prefix + key, data or b"")
                await self.operation.arrange(scene)
                yield scene, proxy
                assert await settles(lambda: proxy.busy == 0), "a request is still under way"
            assert await settles(lambda: proxy.open_connections == 0), "a connection stays open"
        assert list(folder.iterdir()) == [], "a file is left behind"
        assert not open_below(folder), "a file is left open"

    async def look_at(self) -> list[Target]:
        """The requests that the operation makes when nothing goes wrong, by kind."""
        async with self.scene() as (scene, proxy):
            async with asyncio.timeout(DEADLINE_S):
                await self.operation.act(scene)
            exchanges = list(proxy.exchanges)
            await self._check(scene, is_done=True)
        self.requests = {exchange.request.asked.operation for exchange in exchanges}
        counts = Counter(kind_of(exchange.request) for exchange in exchanges)
        first = {kind_of(exchange.request): exchange for exchange in reversed(exchanges)}
        return [
            Target(
                kind=kind,
                operation=exchange.request.asked.operation,
                method=exchange.request.method,
                count=counts[kind],
                status=exchange.status or 0,
                length=exchange.length,
                sent=int(exchange.request.header("content-length") or "0"),
            )
            for kind, exchange in first.items()
            if exchange.request.asked.operation not in SESSION or self.operation.name == "get_container"
        ]

    def places(self, case: Case, targets: list[Target]) -> list[Place] | str:
        """Where a fault can strike: the first and the last request of each kind; or why it can nowhere."""
        found = [
            Place(case=case, target=target, nth=nth)
            for target in targets
            if case.rule.holds(target, self.operation)
            for nth in sorted({1, target.count} if case.times == 1 else {1})
        ]
        return found or (case.rule if targets else ANY).otherwise

    async def run(self, place: Place) -> str:
        """Run the operation with a fault; returns how it ended.

        Where the driver bears little silence, a machine that is very busy may be the first to be silent, and the
        fault has no time to happen. That proves nothing, and is done again with more patience.
        """
        idle_s = place.case.idle_s
        while True:
            outcome = await self._try(place, idle_s)
            if outcome is not None:
                return outcome
            assert idle_s < PATIENT_S, "the fault has not happened"
            idle_s *= 4

    async def _try(self, place: Place, idle_s: float) -> str | None:
        case, operation = place.case, self.operation
        async with self.scene(idle_s) as (scene, proxy):
            fault = Fault(
                what=case.what,
                times=case.times,
                nth=place.nth,
                where=lambda request: kind_of(request) == place.target.kind,
            )
            proxy.inject(fault)
            self.runs[scene.prefix] = str(place)
            if operation.leaves_upload or (case.loses_reply and place.target.operation == "create_upload"):
                self.lost.add(scene.prefix)
            if case.times is None and place.target.operation in self.world.provider.aborts_after:
                self.lost.add(scene.prefix)
            outcome = "right result"
            try:
                async with asyncio.timeout(DEADLINE_S):
                    outcome = await _perform(case, lambda: operation.act(scene), lambda: proxy.happened(fault))
            except StorageError as error:
                self._check_error(place, error)
                outcome = type(error).__name__
            is_done = outcome == "right result"
            has_happened = bool(proxy.count(fault))
            if case.must_fail and has_happened and not self._is_spared(place.target):
                assert not is_done, "it says that it has succeeded"
            proxy.heal()
            await settles(lambda: proxy.busy == 0 and not proxy.is_refusing)
            asked = Counter(exchange.request.asked.operation for exchange in proxy.exchanges)
            # Its completion may go on at the server, which an abort may not meet there.
            if asked["complete_upload"] and not is_done and not self.direct.capabilities.atomic_completion:
                self.lost.add(scene.prefix)
            # On a busy machine the driver may begin again before the reply comes, or find nobody to tell of the end.
            if asked["create_upload"] > 1 or (isinstance(case.what, Refuse) and not asked["abort_upload"]):
                self.lost.add(scene.prefix)
            await self._check(scene, is_done=is_done)
            with retrying(RetryPolicy(max_attempts=20, base_s=0.02)):  # the driver bears little silence
                container = await scene.driver.get_container(self.work)
            assert container.name == self.work, "the driver is of no more use"
        return outcome if has_happened else None

    def _is_spared(self, target: Target) -> bool:
        """Whether a write looks at what it has written: it is written, whatever becomes of that."""
        return target.operation == "head_object" and bool(self.operation.after)

    def _check_error(self, place: Place, error: StorageError) -> None:
        case, provider = place.case, self.world.provider
        allowed = case.allowed
        if case.loses_reply:
            allowed += (*self.operation.allowed, *provider.lost.get(self.operation.name, ()))
        # A connection that was closed when idle fails the request after the one that is struck.
        struck = self.requests if isinstance(case.what, CloseIdle) else {place.target.operation}
        if struck & provider.sent_once:
            allowed += (*BROKEN, *LATER, *SILENCE)
        if case.is_misread and self.operation.reads_again:
            allowed = ()
        if place.target.status == 404 and isinstance(case.what, Corrupt | Truncate):
            allowed += (NotFoundError,)  # the status is left of an error of which the document cannot be read
        if place.target.operation == "authenticate":  # a login that is refused, or not at this address
            allowed += (AuthenticationError, InvalidArgumentError)
        # Of a container that cannot be emptied the reason is the cause.
        reason = (isinstance(error, ContainerNotEmptyError) and error.__cause__) or error
        assert isinstance(reason, allowed), f"{type(error).__name__} is not right here: {error}"

    async def _check(self, scene: Scene, *, is_done: bool) -> None:
        """Compare what is there with what should be, through another client."""
        before, after = contents(self.operation.before, scene), contents(self.operation.after, scene)
        for key in {**before, **after}:
            found = await scene.witness.get(self.work, scene.prefix + key)
            right = [after[key] if key in after else before[key]]
            if not is_done:
                right.append(before.get(key))
            assert found in right, f"{key!r} has {None if found is None else len(found)} bytes, and not the right ones"
        await self.operation.settle(scene, is_done)


@asynccontextmanager
async def outlived() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]]:
    """Begins tasks; at the end neither they nor any that they have begun may be running."""
    born = weakref.WeakSet[asyncio.Task[Any]]()

    async def run(work: Coroutine[Any, Any, None]) -> None:
        _born.set(born)  # in the context of this task, and so of those that it begins
        await work

    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    loop.set_task_factory(_note_birth)
    try:
        yield lambda work: loop.create_task(run(work))
    finally:
        loop.set_task_factory(before)
        await asyncio.sleep(0)
        left = [task for task in born if not task.done()]
        assert not left, f"tasks are left: {left}"


async def _perform(
    case: Case, act: Callable[[], Coroutine[Any, Any, None]], happened: Callable[[], Awaitable[None]]
) -> str:
    """Make the call; where the caller is to leave, it does when the fault has happened. No task may outlive it."""
    outcome = "right result"

    async def call() -> None:
        nonlocal outcome
        match case.cancel:
            case None:
                await act()
            case "task":
                current = asyncio.current_task()
                assert current is not None
                async with _when(happened, current.cancel):
                    await act()
            case "timeout":
                timeout = asyncio.timeout(None)
                try:
                    async with timeout, _when(happened, lambda: timeout.reschedule(0)):
                        await act()
                except TimeoutError:
                    if not timeout.expired():
                        raise
                    outcome = "cancelled"
            case "scope":
                with anyio.CancelScope() as scope:
                    async with _when(happened, scope.cancel):
                        await act()
                if scope.cancelled_caught:
                    outcome = "cancelled"

    async with outlived() as begin:
        task = begin(call())
        await asyncio.wait({task})
    if task.cancelled() and case.cancel == "task":
        return "cancelled"
    task.result()
    return outcome


@asynccontextmanager
async def _when(happened: Callable[[], Awaitable[None]], leave: Callable[[], object]) -> AsyncIterator[None]:
    async def wait() -> None:
        await happened()
        leave()

    waiting = asyncio.create_task(wait())
    try:
        yield
    finally:
        waiting.cancel()
        await asyncio.wait({waiting})


def _note_birth(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    task = asyncio.Task(coroutine, loop=loop, **options)
    born = _born.get()
    if born is not None:
        born.add(task)
    return task


def open_below(folder: Path) -> list[str]:
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:  # it was that of the listing
            continue
    return [name for name in found if name.startswith(f"{folder}/")]

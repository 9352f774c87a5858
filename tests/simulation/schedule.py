"""One schedule: some tasks that use a driver at once, on a network that does harm, all of it from one seed."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import random
import shutil
import warnings
import zlib
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from aiostorage import Driver, HedgePolicy, RetryPolicy, hashing, retrying
from aiostorage._http.client import Timing
from aiostorage._http.credentials import CredentialCache
from aiostorage._http.oauth import AccessToken
from aiostorage.errors import StorageError
from aiostorage.providers.gcs.backend import GCSBackend
from aiostorage.providers.s3.backend import S3Backend
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.profiles import AWS, GENERIC
from tests.simulation.calls import KINDS, Calls
from tests.simulation.gcs import GCSStore
from tests.simulation.ledger import KEYS, BrokenRuleError, Ledger, Operation, current
from tests.simulation.loop import HangError, VirtualLoop
from tests.simulation.network import AFTER, BEFORE, BODY, Network, Weather
from tests.simulation.s3 import S3Store
from tests.simulation.store import BUCKET, LIMITS, OTHERS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from aiostorage.backend import Backend
    from tests.simulation.loop import NumberedTask
    from tests.simulation.store import Store

T = TypeVar("T")

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)
FAULTS = BEFORE + AFTER + BODY
END_S = 4 * 3600.0

# All that this service offers, and as little as a stranger's does.
FULL = dataclasses.replace(AWS, addressing="path", amazon_names=False, versioning=False, limits=LIMITS)
PLAIN = dataclasses.replace(GENERIC, url_encoded_lists=True, copy_part=True, limits=LIMITS)


@dataclass(slots=True)
class Outcome:
    """What became of a schedule.

    Attributes:
        seed: What it was made of.
        failure: The rule that was broken, if any.
        trace: All that happened.
        checks: How often each rule was checked.
        faults: How often each fault was done.
        outcomes: How often each kind of call ended how.
        requests: How many there were.
        steps: How many callbacks the loop has run.
        virtual_s: How long it would have taken.
    """

    seed: int
    failure: BaseException | None = None
    trace: list[str] = field(default_factory=list)
    checks: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    steps: int = 0
    virtual_s: float = 0.0


def run(seed: int, folder: Path, *, only: Collection[str] = ()) -> Outcome:
    """Run the schedule of a seed.

    Args:
        seed: Everything follows from it.
        folder: An empty one, to be used.
        only: Make no other calls than these.
    """
    outcome = Outcome(seed)
    was_enabled = gc.isenabled()
    gc.collect(0)
    gc.disable()  # what is dropped unclosed is noticed at the same moment in every run
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            _run(outcome, folder, only)
            gc.collect(0)
        if warned and outcome.failure is None:
            outcome.failure = BrokenRuleError(f"no complaints: {[str(each.message) for each in warned]}")
    finally:
        if was_enabled:
            gc.enable()
    return outcome


def _run(outcome: Outcome, folder: Path, only: Collection[str]) -> None:
    hashing._loaded = {"crc32": zlib.crc32}  # as in a process that has computed nothing yet
    dice = random.Random(outcome.seed)
    loop = VirtualLoop(dice, end_s=END_S)
    ledger = Ledger(loop.time, outcome.trace)
    loop.origin_of_tasks = current.get
    loop.set_exception_handler(lambda _, context: ledger.complaints.append(str(context)))
    schedule = Schedule(dice, loop, ledger, folder, only)
    try:
        loop.run_until_complete(schedule.run())
        loop.run_until_complete(loop.shutdown_asyncgens())
        ledger.check("no complaints", not ledger.complaints, str(ledger.complaints))
        outcome.failure = ledger.broken  # also where it was raised in the middle of the package, and kept there
    except (BrokenRuleError, HangError) as error:
        outcome.failure = ledger.broken or error
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    finally:
        loop.forget_tasks()
        loop.close()
    outcome.checks, outcome.outcomes = ledger.checks, ledger.outcomes
    outcome.faults = sum((operation.faults for operation in ledger.operations), Counter())
    outcome.requests = schedule.network.requests
    outcome.steps = loop.steps
    outcome.virtual_s = loop.time()


class Schedule:
    """What the tasks of one seed do."""

    def __init__(
        self, dice: random.Random, loop: VirtualLoop, ledger: Ledger, folder: Path, only: Collection[str]
    ) -> None:
        self._dice = dice
        self._loop = loop
        self._ledger = ledger
        self._folder = folder
        self._part_size = dice.choice((4, 7, 16))
        self._memory_limit = dice.choice((8, 40, 400))
        self._concurrency = dice.randint(1, 4)
        weather = Weather(
            faults=dice.choice((0.0, 0.05, 0.2, 0.4)),
            kinds=frozenset(_some(dice, FAULTS)),
            latency_s=dice.choice((0.0, 0.05, 1.0)),
            is_signed=dice.random() < 0.2,
        )
        kind = dice.choice(("s3 in full", "s3 in full", "plain s3", "gcs"))
        store = ledger.store = self._store = self._make_store(kind)
        self.network = Network(
            store, dice, weather, ledger, concurrency=self._concurrency, memory_limit=self._memory_limit
        )
        ledger.max_attempts = dice.choice((2, 4))
        self._backend = self._make_backend(kind, is_signed=weather.is_signed)
        self._driver = self._make_driver()
        other_driver = self._make_driver()
        self._kinds = [kind for kind in KINDS if kind.name in only] or _some(dice, KINDS)
        self._conditional_size = self._part_size - 1 if kind == "gcs" else None  # uploads by parts take no conditions
        self._calls = Calls(
            dice,
            ledger,
            self._driver,
            other_driver,
            folder,
            part_size=self._part_size,
            concurrency=self._concurrency,
        )

    def _make_store(self, kind: str) -> Store:
        if kind == "gcs":
            return GCSStore(self._dice, self._loop.time, self._ledger.effect)
        return S3Store(
            self._dice,
            tells_checksums=kind == "s3 in full",
            parts_outlive_abort=self._dice.random() < 0.5,
            completes_twice=self._dice.random() < 0.5,
            completes_aborted=kind == "plain s3",
            on_effect=self._ledger.effect,
        )

    def _make_backend(self, kind: str, *, is_signed: bool) -> Backend:
        dice = self._dice
        options: dict[str, Any] = {
            "endpoint": "https://store.invalid",
            "retry": RetryPolicy(max_attempts=self._ledger.max_attempts),
            "max_connections": dice.choice((1, 2, 3, 8)),
            "max_requests_per_s": dice.choice((None, None, 20)),
            "max_bytes_per_s": dice.choice((None, None, 100)),
            "hedge": HedgePolicy(min_samples=3, budget=0.5) if dice.random() < 0.3 else None,
            "timing": Timing(now=lambda: NOW, monotonic=self._loop.time, chance=dice.random),
            "transport": self.network,  # the shell's own arguments: the backend hands on what it does not know
        }
        if not is_signed:
            options["anonymous"] = True
        if kind == "gcs":
            if is_signed:
                options["credentials"] = self._token
            gcs = GCSBackend(project="p", **options)
            limits = dataclasses.replace(LIMITS, max_copy_size_bytes=LIMITS.max_object_size_bytes)
            capabilities = dataclasses.replace(gcs.capabilities, limits=limits, versioning=False)
            gcs._site = dataclasses.replace(gcs._site, capabilities=capabilities)
            return gcs
        if is_signed:
            options["credentials"] = self._credentials
        return S3Backend(vendor=FULL if kind == "s3 in full" else PLAIN, region="r", **options)

    def _make_driver(self) -> Driver:
        return Driver(
            self._backend,
            part_size_bytes=self._part_size,
            concurrency=self._concurrency,
            memory_limit_bytes=self._memory_limit,
        )

    async def run(self) -> None:
        """Run everything to its end, and look whether anything is left."""
        dice = self._dice
        for key in KEYS[: dice.randint(0, len(KEYS))]:
            self._put(key)
        actors = [self._loop.create_task(self._act(dice.randint(1, 4))) for _ in range(dice.randint(1, 4))]
        if dice.random() < 0.5:
            actors.append(self._loop.create_task(self._interfere()))
        for actor in actors:
            await actor
        await asyncio.sleep(200)  # what is still on its way arrives
        for operation in self._ledger.operations:
            self._ledger.check_uploads(operation)
        await self._tidy_up()
        await self._driver.aclose()
        await self._check_nothing_left()

    async def _act(self, count: int) -> None:
        for _ in range(count):
            await self._call()
            await asyncio.sleep(self._dice.random() * 0.2)

    async def _interfere(self) -> None:
        """Another writer, which needs no network."""
        for _ in range(self._dice.randint(1, 6)):
            await asyncio.sleep(self._dice.random() * 2)
            key = self._dice.choice(KEYS)
            if self._dice.random() < 0.2:
                self._store.delete(OTHERS, key)
            else:
                self._put(key)

    def _put(self, key: str) -> None:
        payload = self._payload()
        self._ledger.whole.add(payload)
        self._store.put(OTHERS, key, payload)

    async def _call(self) -> None:
        """One call, perhaps cancelled in the middle: at some time, or after some steps of the loop."""
        dice = self._dice
        kind = dice.choice(self._kinds)
        payload = self._payload() if kind.writes else None
        if payload is not None and kind.is_conditional:
            payload = payload[: self._conditional_size]
        operation = self._ledger.begin(kind.name, dice.choice(KEYS), payload)
        patience = dice.choice((0.0, dice.random() * 0.3, dice.random() * 5, dice.random() * 100))
        manner = dice.choice((None,) * 12 + ("cancel", "cancel", "steps", "steps", "timeout", "scope"))
        policy = RetryPolicy(max_attempts=dice.randint(1, 3)) if dice.random() < 0.1 else None
        operation.max_attempts = self._ledger.max_attempts if policy is None else policy.max_attempts

        async def work() -> None:
            current.set(operation)
            with nullcontext() if policy is None else retrying(policy):
                if manner == "timeout":
                    async with asyncio.timeout(patience):
                        await kind.run(self._calls, operation)
                elif manner == "scope":
                    with anyio.move_on_after(patience) as scope:
                        await kind.run(self._calls, operation)
                    if scope.cancelled_caught:
                        raise TimeoutError
                else:
                    await kind.run(self._calls, operation)

        task = self._loop.create_task(work())
        if manner == "cancel":
            self._loop.call_later(patience, self._cancel, task, operation)
        elif manner == "steps":
            steps = dice.choice((0, 0, dice.randint(1, 15)))
            self.network.after(dice.randint(1, 8), lambda: self._cancel_in(steps, task, operation))
        await asyncio.wait({task})
        result = None if task.cancelled() else task.exception()
        if isinstance(result, BrokenRuleError):
            raise result
        outcome = asyncio.CancelledError() if task.cancelled() else result
        self._ledger.end(operation, outcome, self._tasks_of(operation), self._answers_of(operation))

    def _cancel_in(self, steps: int, task: asyncio.Task[None], operation: Operation) -> None:
        """Cancel a task after so many rounds of the loop."""
        if steps:
            self._loop.call_soon(self._cancel_in, steps - 1, task, operation)
        else:
            self._cancel(task, operation)

    def _cancel(self, task: asyncio.Task[None], operation: Operation) -> None:
        if task.cancel():
            self._ledger.note(f"#{operation.number} is cancelled")
            operation.cancelled_s = self._ledger.clock()

    def _tasks_of(self, operation: Operation) -> list[NumberedTask]:
        """The tasks that a call has begun; the renewal of a credential is for all who wait for it."""
        left = [task for task in self._loop.tasks if not task.done()]
        renew = CredentialCache._renew.__qualname__
        return [
            task for task in left if task.origin is operation and getattr(task.get_coro(), "__qualname__", "") != renew
        ]

    def _answers_of(self, operation: Operation) -> int:
        return sum(answer.operation is operation for answer in self.network.open_answers)

    async def _tidy_up(self) -> None:
        """With a network that does no harm, the container goes with whatever is in it."""
        self.network.weather = dataclasses.replace(self.network.weather, faults=0.0)
        try:
            await self._driver.container(BUCKET).delete()
        except StorageError as error:
            self._ledger.check("tidy", False, repr(error))
        self._ledger.check("tidy", not self._store.has_bucket(), "the container is still there")
        self._ledger.check("tidy", not self._store.open_uploads(), "uploads outlive the container")

    async def _check_nothing_left(self) -> None:
        check = self._ledger.check
        await asyncio.sleep(0)
        left = [task for task in self._loop.tasks if not task.done() and task is not asyncio.current_task()]
        check("nothing left", not left, f"tasks: {left}")
        check("nothing left", not self.network.open_answers, "open answers")
        check("nothing left", not self.network.under_way, "requests under way")
        check("nothing left", self._driver._budget.held == 0, "memory of the budget")
        assert isinstance(self._backend, S3Backend | GCSBackend)
        slots = self._backend._http._slots
        gates = [slots._all, *slots._gates.values()]
        check("nothing left", all(not gate.count and not gate._waiters for gate in gates), "slots")
        check("nothing left", not list(self._folder.iterdir()), "files")
        check("nothing left", self.network.is_closed, "the transport is open")

    async def _credentials(self) -> S3Credentials:
        await asyncio.sleep(self._dice.random())
        return S3Credentials(
            access_key_id=f"id{self._dice.randrange(1 << 20)}", secret_access_key="s", expires_at=NEVER
        )

    async def _token(self) -> AccessToken:
        await asyncio.sleep(self._dice.random())
        return AccessToken(token=f"t{self._dice.randrange(1 << 20)}", expires_at=NEVER)

    def _payload(self) -> bytes:
        part = self._part_size
        size = self._dice.choice((0, 1, part - 1, part, part + 1, 2 * part, 3 * part + 2, 5 * part, 9 * part + 1))
        return self._dice.randbytes(size)


def _some(dice: random.Random, things: Sequence[T]) -> list[T]:
    """All of them, or a few."""
    return dice.sample(things, dice.choice((2, 4, len(things), len(things))))

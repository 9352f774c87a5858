"""One schedule: some tasks that use a driver at once, on a network that does harm, all of it from one seed."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio

from aiostorage import Driver, HedgePolicy, RetryPolicy
from aiostorage._http.client import Timing
from aiostorage._http.credentials import CredentialCache
from aiostorage.errors import StorageError
from aiostorage.models import Limits, Prefix
from aiostorage.providers.s3.backend import S3Backend
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.profiles import AWS, GENERIC
from tests.simulation.ledger import (
    KEYS,
    OTHERS,
    BrokenRuleError,
    Ledger,
    Operation,
    SourceBrokeError,
    current,
)
from tests.simulation.loop import HangError, NumberedTask, VirtualLoop
from tests.simulation.network import Network, Weather
from tests.simulation.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

LIMITS = Limits(
    max_object_size_bytes=1 << 20,
    max_put_size_bytes=1 << 20,
    max_copy_size_bytes=48,
    min_part_size_bytes=4,
    max_part_size_bytes=32,
    max_parts=40,
    max_delete_batch=2,
    max_page_size=2,
)
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
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
        virtual_s: How long it would have taken.
    """

    seed: int
    failure: BaseException | None = None
    trace: list[str] = field(default_factory=list)
    checks: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    virtual_s: float = 0.0


def run(seed: int, folder: Path) -> Outcome:
    """Run the schedule of a seed; ``folder`` is an empty one that it may use."""
    outcome = Outcome(seed)
    dice = random.Random(seed)
    loop = VirtualLoop(dice, end_s=END_S)
    ledger = Ledger(loop.time, outcome.trace)
    loop.origin_of_tasks = current.get
    loop.set_exception_handler(lambda _, context: ledger.complaints.append(str(context)))
    schedule = Schedule(dice, loop, ledger, folder)
    try:
        loop.run_until_complete(schedule.run())
        loop.run_until_complete(loop.shutdown_asyncgens())
        ledger.check("no complaints", not ledger.complaints, str(ledger.complaints))
        outcome.failure = ledger.broken  # also where it was raised in the middle of the package, and kept there
    except (BrokenRuleError, HangError) as error:
        outcome.failure = ledger.broken or error
        for task in loop.tasks:
            task._log_destroy_pending = False
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    finally:
        loop.close()
    outcome.checks, outcome.outcomes = ledger.checks, ledger.outcomes
    outcome.faults = sum((operation.faults for operation in ledger.operations), Counter())
    outcome.requests = schedule.network.requests
    outcome.virtual_s = loop.time()
    return outcome


class Schedule:
    """What the tasks of one seed do."""

    def __init__(self, dice: random.Random, loop: VirtualLoop, ledger: Ledger, folder: Path) -> None:
        self._dice = dice
        self._loop = loop
        self._ledger = ledger
        self._folder = folder
        is_full = dice.random() < 0.7
        self._vendor = FULL if is_full else PLAIN
        self._part_size = dice.choice((4, 7, 16))
        self._concurrency = dice.randint(1, 4)
        memory_limit = dice.choice((8, 40, 400))
        weather = Weather(
            faults=dice.choice((0.0, 0.02, 0.1, 0.3)),
            latency_s=dice.choice((0.0, 0.05, 1.0)),
            is_signed=dice.random() < 0.2,
        )
        store = Store(
            dice,
            limits=LIMITS,
            tells_checksums=is_full,
            parts_outlive_abort=dice.random() < 0.5,
            completes_twice=dice.random() < 0.5,
            on_effect=ledger.effect,
        )
        store.buckets["box"] = {}
        self._store = ledger.store = store
        self.network = Network(store, dice, weather, ledger, concurrency=self._concurrency, memory_limit=memory_limit)
        ledger.max_attempts = dice.choice((2, 4))
        options: dict[str, Any] = {
            "retry": RetryPolicy(max_attempts=ledger.max_attempts),
            "max_connections": dice.choice((3, 8)),
            "hedge": HedgePolicy(min_samples=3, budget=0.5) if dice.random() < 0.3 else None,
            "timing": Timing(now=lambda: NOW, monotonic=loop.time, chance=dice.random),
            "transport": self.network,  # the shell's own arguments: the backend hands on what it does not know
        }
        if weather.is_signed:
            options["credentials"] = self._credentials
        else:
            options["anonymous"] = True
        self._backend = S3Backend(endpoint="https://store.invalid", vendor=self._vendor, region="r", **options)
        self._driver = Driver(
            self._backend,
            part_size_bytes=self._part_size,
            concurrency=self._concurrency,
            memory_limit_bytes=memory_limit,
        )
        self._box = self._driver.container("box")

    async def run(self) -> None:
        """Run everything to its end, and look whether anything is left."""
        dice = self._dice
        for key in KEYS[: dice.randint(0, len(KEYS))]:
            payload = self._payload()
            self._ledger.whole.add(payload)
            self._store.put(OTHERS, "box", key, payload)
        actors = [self._loop.create_task(self._act(dice.randint(1, 4))) for _ in range(dice.randint(1, 4))]
        if dice.random() < 0.5:
            actors.append(self._loop.create_task(self._interfere()))
        for actor in actors:
            await actor
        await asyncio.sleep(200)  # what is still on its way arrives
        await self._tidy_up()
        await self._driver.aclose()
        await self._check_nothing_left(actors)

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
                self._store.delete(OTHERS, "box", key)
            else:
                payload = self._payload()
                self._ledger.whole.add(payload)
                self._store.put(OTHERS, "box", key, payload)

    async def _call(self) -> None:
        """One call, perhaps cancelled in the middle."""
        dice = self._dice
        kind = dice.choice(KINDS)
        operation = self._ledger.begin(kind.name, dice.choice(KEYS), self._payload() if kind.writes else None)

        async def work() -> None:
            current.set(operation)
            await kind.run(self, operation)

        async def limited() -> None:
            current.set(operation)
            async with asyncio.timeout(patience):
                await kind.run(self, operation)

        async def scoped() -> None:
            current.set(operation)
            with anyio.move_on_after(patience) as scope:
                await kind.run(self, operation)
            if scope.cancelled_caught:
                raise TimeoutError

        patience = dice.choice((0.0, dice.random() * 0.3, dice.random() * 5, dice.random() * 100))
        manner = dice.random()
        if manner < 0.75:
            task = self._loop.create_task(work())
        elif manner < 0.9:
            task = self._loop.create_task(work())
            self._loop.call_later(patience, self._cancel, task, operation)
        else:
            task = self._loop.create_task(limited() if manner < 0.95 else scoped())
        await asyncio.wait({task})
        result = None if task.cancelled() else task.exception()
        if isinstance(result, BrokenRuleError):
            raise result
        outcome = asyncio.CancelledError() if task.cancelled() else result
        self._ledger.end(operation, outcome, self._tasks_of(operation), self._answers_of(operation))

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
        await self._box.delete()
        self._ledger.check("tidy", "box" not in self._store.buckets, "the container is still there")
        self._ledger.check("tidy", not self._store.open_uploads("box"), "uploads outlive the container")

    async def _check_nothing_left(self, actors: list[asyncio.Task[None]]) -> None:
        check = self._ledger.check
        await asyncio.sleep(0)
        left = [task for task in self._loop.tasks if not task.done() and task is not asyncio.current_task()]
        check("nothing left", not left, f"tasks: {left}")
        check("nothing left", not self.network.open_answers, "open answers")
        check("nothing left", not self.network.under_way, "requests under way")
        check("nothing left", self._driver._budget.held == 0, "memory of the budget")
        slots = self._backend._http._slots
        gates = [slots._all, *slots._gates.values()]
        check("nothing left", all(not gate.count and not gate._waiters for gate in gates), "slots")
        check("nothing left", not list(self._folder.iterdir()), "files")
        check("nothing left", self.network.is_closed, "the transport is open")

    async def _credentials(self) -> S3Credentials:
        await asyncio.sleep(self._dice.random())
        number = self._dice.randrange(1 << 20)
        return S3Credentials(
            access_key_id=f"id{number}", secret_access_key="s", expires_at=datetime(2100, 1, 1, tzinfo=UTC)
        )

    def _payload(self) -> bytes:
        part = self._part_size
        size = self._dice.choice((0, 1, part - 1, part, part + 1, 2 * part, 3 * part + 2, 5 * part, 9 * part + 1))
        return self._dice.randbytes(size)

    # What the calls do

    async def upload(self, operation: Operation) -> None:
        """Bytes."""
        assert operation.payload is not None
        await self._box.upload_object(operation.payload, operation.key)

    async def create(self, operation: Operation) -> None:
        """Bytes, where there are none."""
        operation.is_conditional = True
        condition = {"if_none_match": "*"} if self._vendor.create_if_absent else {}
        await self._store_conditionally(operation, **condition)

    async def replace(self, operation: Operation) -> None:
        """Bytes, in the place of what was seen."""
        there = await self._box.get_object(operation.key)
        operation.is_conditional = True
        assert there.etag is not None
        condition = {"if_match": there.etag} if self._vendor.write_if_match else {}
        await self._store_conditionally(operation, **condition)

    async def _store_conditionally(self, operation: Operation, **condition: str) -> None:
        source: Any = operation.payload if self._dice.random() < 0.5 else self._source(operation, breaks=False)
        await self._box.upload_object(source, operation.key, **condition)  # type: ignore[arg-type]  # one of two

    async def stream(self, operation: Operation) -> None:
        """A stream, which may break, or be longer or shorter than it said."""
        assert operation.payload is not None
        size: int | None = None
        breaks = False
        manner = self._dice.random()
        if manner < 0.2:
            breaks = operation.must_not_publish = True
        elif manner < 0.4:
            size = len(operation.payload)
        elif manner < 0.5:
            size = max(0, len(operation.payload) + self._dice.choice((-1, 1)))
            operation.must_not_publish = size != len(operation.payload)
        source = self._source(operation, breaks=breaks)
        await self._box.upload_object(source, operation.key, size=size)

    async def _source(self, operation: Operation, *, breaks: bool) -> AsyncGenerator[bytes, None]:
        payload = operation.payload or b""
        operation.is_budgeted = True
        largest = self._part_size * 2
        operation.most_pulled = LIMITS.max_part_size_bytes * (self._concurrency + 1) + largest
        stop = self._dice.randrange(len(payload) + 1) if breaks else len(payload)
        at = 0
        while at < stop:
            chunk = payload[at : min(stop, at + self._dice.randint(1, largest))]
            at += len(chunk)
            operation.pulled += len(chunk)
            self._ledger.check_pull(operation)
            yield chunk
            if self._dice.random() < 0.2:
                await asyncio.sleep(self._dice.random())
        if breaks:
            raise SourceBrokeError

    async def file(self, operation: Operation) -> None:
        """A file on disk."""
        assert operation.payload is not None
        operation.is_budgeted = True
        path = self._folder / f"source{operation.number}"
        path.write_bytes(operation.payload)
        try:
            await self._box.upload_object(path, operation.key)
        finally:
            path.unlink()

    async def writer(self, operation: Operation) -> None:
        """A writer: committed, aborted, or left by an exception."""
        assert operation.payload is not None
        operation.is_budgeted = True
        end = self._dice.choice(("clean", "commit", "abort", "exception", "early"))
        operation.must_not_publish = end in {"abort", "exception", "early"}
        async with self._box.open_writer(operation.key) as writer:
            at = 0
            while at < len(operation.payload):
                step = self._dice.randint(1, 3 * self._part_size)
                if end == "early" and self._dice.random() < 0.3:
                    raise SourceBrokeError
                await writer.write(operation.payload[at : at + step])
                at += step
            match end:
                case "commit":
                    await writer.commit()
                case "abort":
                    await writer.abort()
                    operation.ends_quietly = True
                case "exception" | "early":
                    raise SourceBrokeError

    async def checkpoint(self, operation: Operation) -> None:
        """Bytes, with a checkpoint, as often as it takes."""
        assert operation.payload is not None
        operation.keeps_upload = True
        kept = Kept()
        for _ in range(3):
            with suppress(StorageError):
                await self._box.upload_object(operation.payload, operation.key, checkpoint=kept)
                break
        else:
            await self._box.upload_object(operation.payload, operation.key, checkpoint=kept)

    async def read(self, operation: Operation) -> None:
        """The whole."""
        got = await self._box.object(operation.key).read()
        self._ledger.check_read(operation, operation.key, got)

    async def read_range(self, operation: Operation) -> None:
        """A range."""
        start = self._dice.randrange(40)
        stop = self._dice.choice((None, start + self._dice.randint(1, 40)))
        if self._dice.random() < 0.3:
            start, stop = -self._dice.randint(1, 40), None
        got = await self._box.object(operation.key).read(byte_range=(start, stop))
        self._ledger.check_read(operation, operation.key, got, start, stop)

    async def reader(self, operation: Operation) -> None:
        """A file to read from, with seeks."""
        pieces: list[tuple[int, bytes, bool]] = []
        async with self._box.object(operation.key).as_file() as reader:
            for _ in range(self._dice.randint(1, 6)):
                if self._dice.random() < 0.4:
                    await reader.seek(self._dice.randrange(60))
                at = reader.tell()
                size = self._dice.choice((-1, 0, 1, 7, 30))
                piece = await reader.read(size)
                if size:
                    pieces.append((at, piece, size < 0 or len(piece) < size))
                    self._ledger.check_pieces(operation, operation.key, pieces)
                if self._dice.random() < 0.3:
                    await asyncio.sleep(self._dice.random() * 3)

    async def download(self, operation: Operation) -> None:
        """To a file."""
        folder = self._folder / f"d{operation.number}"
        folder.mkdir()
        obj = self._box.object(operation.key)
        try:
            if self._dice.random() < 0.5:
                obj = await self._box.get_object(operation.key)
            path = await obj.download(folder / "file")
            self._ledger.check_read(operation, operation.key, path.read_bytes())
        except BaseException:
            self._ledger.check("files", not list(folder.iterdir()), f"#{operation.number} leaves a file")
            raise
        else:
            self._ledger.check("files", len(list(folder.iterdir())) == 1, f"#{operation.number} leaves another file")
        finally:
            shutil.rmtree(folder)

    async def head(self, operation: Operation) -> None:
        """What is known of it."""
        found = await self._box.get_object(operation.key)
        self._ledger.check_head(operation, operation.key, found.size, found.etag)

    async def delete(self, operation: Operation) -> None:
        """Delete it."""
        await self._box.object(operation.key).delete()

    async def delete_many(self, operation: Operation) -> None:
        """Delete some."""
        outcomes = await self._box.delete_objects([
            operation.key,
            *[f"none{n}" for n in range(self._dice.randint(0, 3))],
        ])
        if outcomes[0].error is not None:
            raise outcomes[0].error

    async def copy(self, operation: Operation) -> None:
        """Copy it over another."""
        source = self._dice.choice(KEYS)
        obj = self._box.object(source)
        if self._dice.random() < 0.5:
            obj = await self._box.get_object(source)
        tick = self._store.tick
        await obj.copy_to(self._box, operation.key)
        copied = [data for at, key, data in operation.landed if key == operation.key and at > tick]
        values = [each.data for each in self._ledger.versions(operation, "box", source) if each is not None]
        self._ledger.check("copies", any(data in values for data in copied), f"#{operation.number} copies {copied}")

    async def list(self, operation: Operation) -> None:
        """List all, or those below a prefix; perhaps not to the end."""
        prefix = self._dice.choice(("", "", "b/", "b"))
        delimiter = self._dice.choice(("", "", "/"))
        stops = self._dice.random() < 0.2
        names: list[tuple[str, int | None]] = []
        listing: Any = self._box.list_objects(prefix=prefix, delimiter=delimiter)
        try:
            async for item in listing:
                if not isinstance(item, Prefix):
                    names.append((item.name, item.size))
                if stops:
                    return
        finally:
            await listing.aclose()
        if not delimiter:
            self._ledger.check_listing(operation, names, prefix)


class Kept:
    """A checkpoint in memory."""

    def __init__(self) -> None:
        self.text: str | None = None

    async def load(self) -> str | None:
        """What was kept."""
        return self.text

    async def save(self, text: str) -> None:
        """Keep it."""
        self.text = text

    async def clear(self) -> None:
        """Keep it no more."""
        self.text = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of call."""

    name: str
    run: Callable[[Schedule, Operation], Awaitable[None]]
    writes: bool = False


KINDS = (
    Kind("upload", Schedule.upload, writes=True),
    Kind("upload", Schedule.upload, writes=True),
    Kind("stream", Schedule.stream, writes=True),
    Kind("stream", Schedule.stream, writes=True),
    Kind("create", Schedule.create, writes=True),
    Kind("replace", Schedule.replace, writes=True),
    Kind("file", Schedule.file, writes=True),
    Kind("writer", Schedule.writer, writes=True),
    Kind("writer", Schedule.writer, writes=True),
    Kind("checkpoint", Schedule.checkpoint, writes=True),
    Kind("read", Schedule.read),
    Kind("read", Schedule.read),
    Kind("read range", Schedule.read_range),
    Kind("reader", Schedule.reader),
    Kind("reader", Schedule.reader),
    Kind("download", Schedule.download),
    Kind("download", Schedule.download),
    Kind("head", Schedule.head),
    Kind("delete", Schedule.delete),
    Kind("delete many", Schedule.delete_many),
    Kind("copy", Schedule.copy),
    Kind("list", Schedule.list),
)

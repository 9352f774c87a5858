"""What must hold, whatever happens: each operation is written down, and compared with what the store went through.

The store counts its effects ("ticks"), so that what was true between the begin and the end of a call is known
exactly. The rules, each checked after every call or effect:

* Whole values: what appears under a key is one of the whole values that were written, and for a call that
  writes, its own value under its own key. Nothing appears from a call that published nothing by its own
  decision: a writer that was left by an exception or aborted, a source that broke or was not as long as it said.
* Acknowledged writes: a call that says it has written, copied or deleted has done so between its begin and its
  end. What is there later is from another call, or from a request of which its caller knew nothing any more
  (its answer was lost) and which landed late: the store's history tells.
* Refused writes: a call that ends in ``PreconditionFailedError`` has had no effect, or none that was still to be
  seen when it looked: its answer was lost, and somebody else has written or deleted since.
* Reads: a read gives a value, or the very range of a value, that was there at some moment while it ran; a
  reader gives ranges of one version only; an object that is "not found" was not there at some moment. A listing
  names what was there all the time, not what never was, in order and once.
* Files: a download leaves the whole file, or nothing; never a temporary file. One that fails leaves nothing;
  one that is cancelled may have been over already, and then leaves the whole.
* Uploads: none is left open of those that a call came to know of (an answer that was lost tells nobody an id),
  unless the abort itself was hit: each attempt by a fault and as many as the policy allows, or until the 30 s
  of clean-up were over; or a part landed after the call had looked that nothing was left; or nobody knows whether
  the upload is still being completed, by a store where an abort breaks the object then.
* Nothing else is left: no task, no open answer, no memory of the budget, no slot, no request under way.
* Memory: parts on their way are at most ``concurrency`` of a call, and within the driver's budget; what was
  taken from a stream and is not stored yet is at most ``part_size * (concurrency + 1)`` and one chunk.
* Errors are of the package, and there is a fault, or another call, to blame. A cancellation is not swallowed, and
  is obeyed within the time that clean-up may take.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiostorage.errors import (
    AuthenticationError,
    ChecksumMismatchError,
    InvalidArgumentError,
    NotFoundError,
    ObjectChangedError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageConnectionError,
    StorageError,
    StorageTimeoutError,
    UnexpectedResponseError,
    UploadNotFoundError,
)
from tests.simulation.store import OTHERS, folded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.simulation.loop import NumberedTask
    from tests.simulation.store import Store, Version

KEYS = ("a", "b/é +%25", "b//c", "d?#&=")

CLEANUP_S = 30.0

TRANSIENT = (StorageConnectionError, StorageTimeoutError, ServiceUnavailableError, RateLimitedError)


class BrokenRuleError(AssertionError):
    """Something that must not happen has happened."""


class SourceBrokeError(Exception):
    """A source of bytes gave up."""


@dataclass(slots=True, eq=False)
class Operation:
    """One call of the public interface."""

    number: int
    kind: str
    key: str
    payload: bytes | None = None
    max_attempts: int = 1
    is_conditional: bool = False
    must_not_publish: bool = False
    ends_quietly: bool = False
    keeps_upload: bool = False
    is_budgeted: bool = False
    most_pulled: int | None = None
    began_tick: int = 0
    began_s: float = 0.0
    cancelled_s: float | None = None
    faults: Counter[str] = field(default_factory=Counter)
    landed: list[tuple[int, str, bytes | None]] = field(default_factory=list)
    pulled: int = 0
    stored: int = 0
    parts_under_way: int = 0
    last_work_s: float = 0.0
    is_over: bool = False
    ended_s: float = 0.0
    may_haunt: bool = False
    upload_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Cleaning:
    """What a call did to be rid of an upload."""

    attempts: int = 0
    faults: int = 0
    last_fault: str = ""
    looked_at_tick: int | None = None


current: ContextVar[Operation | None] = ContextVar("operation", default=None)


class Ledger:
    """Everything that happens in one schedule, and whether it may.

    Args:
        clock: The loop's time.
        trace: Gets a line for everything that happens.
    """

    def __init__(self, clock: Callable[[], float], trace: list[str]) -> None:
        self.clock = clock
        self._trace = trace
        self.store: Store
        self.whole: set[bytes] = {b""}
        self.operations: list[Operation] = [Operation(OTHERS, "others", "")]
        self.cleaning: dict[str, Cleaning] = {}
        self.landed_parts: dict[str, int] = {}
        self.unanswered: set[str] = set()
        self.checks: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.max_attempts = 0
        self.broken: BrokenRuleError | None = None

    def note(self, text: str) -> None:
        """Write a line of the trace."""
        self._trace.append(f"{self.clock():.6f} {text}")

    def check(self, rule: str, holds: bool, why: str) -> None:
        """Insist on a rule."""
        self.checks[rule] += 1
        if not holds:
            self.note(f"BROKEN {rule}: {why}")
            error = BrokenRuleError(f"{rule}: {why}")
            self.broken = self.broken or error
            raise error

    def begin(self, kind: str, key: str, payload: bytes | None = None) -> Operation:
        """A call begins."""
        operation = Operation(len(self.operations), kind, key, payload)
        operation.began_tick = self.store.tick
        operation.began_s = operation.last_work_s = self.clock()
        self.operations.append(operation)
        if payload is not None:
            self.whole.add(payload)
        self.note(f"#{operation.number} {kind} {key!r} {'' if payload is None else len(payload)}")
        return operation

    # What the store and the network tell

    def effect(self, owner: int, key: str, data: bytes | None) -> None:
        """Something took effect."""
        operation = self.operations[owner]
        self.note(f"#{owner} lands in {key!r}: {None if data is None else data[:6].hex()}")
        operation.landed.append((self.store.tick, key, data))
        if owner == OTHERS:
            return
        who = f"#{owner} {operation.kind}"
        self.check("no ghosts", operation.may_haunt or not operation.is_over, f"{who} is over, and changes {key!r}")
        if data is None:
            return
        self.check("whole values", data in self.whole, f"{who} made {len(data)} odd bytes of {key!r}")
        self.check("nothing half", not operation.must_not_publish, f"{who} published {key!r}")
        self.check("own key", key == operation.key, f"{who} wrote to {key!r}")
        if operation.payload is not None:
            self.check("own value", data == operation.payload, f"{who} wrote another value")
        times = sum(each is not None for _, _, each in operation.landed)
        self.check("not again", times <= 1 + operation.faults.total(), f"{who} writes for the {times}. time, unharmed")

    def fault(self, operation: Operation | None, kind: str) -> None:
        """The network does harm."""
        self.note(f"#{operation.number if operation else '?'} fault: {kind}")
        if operation is not None:
            operation.faults[kind] += 1

    # What calls end in

    def end(self, operation: Operation, outcome: object, tasks: Sequence[NumberedTask], open_answers: int) -> None:
        """A call has ended, in a result or an exception."""
        operation.is_over, operation.ended_s = True, self.clock()
        name = type(outcome).__name__ if isinstance(outcome, BaseException) else "ok"
        detail = f" ({outcome})" if isinstance(outcome, StorageError) else ""
        self.note(f"#{operation.number} ends: {name}{detail}")
        self.outcomes[f"{operation.kind}: {name}"] += 1
        left = [repr(task) for task in tasks]
        self.check("no task left", not left, f"#{operation.number} {operation.kind} leaves {left}")
        self.check("no answer left open", not open_answers, f"#{operation.number} leaves {open_answers} answers open")
        operation.keeps_upload = operation.keeps_upload and isinstance(outcome, BaseException)
        self.check_uploads(operation)
        if isinstance(outcome, BaseException):
            self._check_error(operation, outcome)
        elif operation.ends_quietly:
            self.checks["decided"] += 1
        elif operation.kind in {"upload", "stream", "file", "writer", "create", "replace", "checkpoint"}:
            self.check("decided", not operation.must_not_publish, f"#{operation.number} should have failed")
            wrote = [data for _, key, data in operation.landed if key == operation.key]
            self.check(
                "acknowledged", operation.payload in wrote, f"#{operation.number} {operation.kind} wrote nothing"
            )
        elif operation.kind == "copy":
            self.check("acknowledged", bool(operation.landed), f"#{operation.number} copied nothing")
        elif operation.kind in {"delete", "delete many"}:
            is_done = None in self.versions(operation, operation.key)
            self.check("acknowledged", is_done, f"#{operation.number} {operation.kind} did nothing")
        if operation.cancelled_s is not None:
            is_swallowed = not isinstance(outcome, BaseException)
            self.check("cancelled", not is_swallowed, f"#{operation.number} {operation.kind} swallows a cancellation")
            late = self.clock() - operation.cancelled_s
            self.check("cancelled in time", late <= 3 * CLEANUP_S + 5, f"#{operation.number} goes on for {late} s")

    def check_uploads(self, operation: Operation) -> None:
        """Whether one of a call's uploads is open, although nothing excuses it: at its end, and at that of all."""
        still_open = self.store.open_uploads()
        for name in operation.upload_ids:
            if name not in still_open or operation.keeps_upload:
                self.checks["no upload left"] += 1
                continue
            cleaning = self.cleaning.get(name, Cleaning())
            is_late_part = (
                cleaning.looked_at_tick is not None and self.landed_parts.get(name, -1) >= cleaning.looked_at_tick
            )
            is_final = cleaning.last_fault in {"cut document", "expired token"}  # not worth another attempt
            is_hit = cleaning.faults > 0 and (cleaning.faults >= operation.max_attempts or is_final)
            may_be_completed = self.store.completes_aborted and name in self.unanswered
            is_out_of_time = operation.ended_s - operation.last_work_s >= CLEANUP_S - 0.001
            self.check(
                "no upload left",
                is_late_part or is_hit or is_out_of_time or may_be_completed,
                f"#{operation.number} {operation.kind} leaves {name} open, after {cleaning}",
            )

    def _check_error(self, operation: Operation, error: BaseException) -> None:
        about = f"#{operation.number} {operation.kind} ends in {error!r}"
        self.check(
            "own errors",
            isinstance(error, StorageError | SourceBrokeError | TimeoutError | asyncio.CancelledError),
            about,
        )
        if isinstance(error, PreconditionFailedError) and not isinstance(error, ObjectChangedError):
            # Whether it was itself that refused it nobody can tell where others have been at it since.
            history = self.store.history.get(operation.key, [(0, None)])
            is_gone = bool(operation.landed) and history[-1][0] > operation.landed[-1][0]
            self.check("refused writes", operation.is_conditional and (is_gone or not operation.landed), about)
        elif isinstance(error, UploadNotFoundError):
            self.check("blame", bool(operation.faults), about)
        elif isinstance(error, NotFoundError):
            keys = KEYS if operation.kind == "copy" else [operation.key]  # its source
            self.check("not found", any(None in self.versions(operation, key) for key in keys), about)
        elif isinstance(error, RangeNotSatisfiableError):
            self.checks["blame"] += 1  # the read itself compares with the versions
        elif isinstance(error, ObjectChangedError):
            self.check("changed", any(len(self.versions(operation, key)) > 1 for key in KEYS), about)
        elif isinstance(error, AuthenticationError):
            self.check("blame", "expired token" in operation.faults, about)
        elif isinstance(error, ChecksumMismatchError):
            self.check("blame", bool(operation.faults.keys() & {"corrupt body", "corrupt request"}), about)
        elif isinstance(error, UnexpectedResponseError):
            self.check("blame", bool(operation.faults.keys() & {"other range", "cut document"}), about)
        elif isinstance(error, TRANSIENT):
            is_queue = "no connection became free" in str(error)
            self.check("blame", bool(operation.faults) or is_queue, about)
        elif isinstance(error, InvalidArgumentError):
            # A copy of what was replaced by something larger meanwhile is one.
            self.check("blame", operation.must_not_publish or operation.kind == "copy", about)
        elif isinstance(error, StorageError):
            self.check("blame", False, about)

    # What reads may give

    def versions(self, operation: Operation, key: str) -> list[Version | None]:
        """What an object was since a call began: at first, and after each effect."""
        history = self.store.history.get(key, [(0, None)])
        before = [version for tick, version in history if tick <= operation.began_tick][-1:]
        return before + [version for tick, version in history if tick > operation.began_tick]

    def check_read(self, operation: Operation, key: str, got: bytes, start: int = 0, stop: int | None = None) -> None:
        """Bytes were read."""
        values = self.versions(operation, key)
        wanted = [version.data[start:stop] for version in values if version is not None]
        self.check(
            "reads", got in wanted, f"#{operation.number} reads {got[:12]!r} of {key!r}, no part of {len(wanted)}"
        )

    def check_pieces(self, operation: Operation, key: str, pieces: list[tuple[int, bytes, bool]]) -> None:
        """Pieces (position, bytes, whether the end came) were read by one reader: all of one version."""
        for version in self.versions(operation, key):
            if version is not None and all(
                version.data[at : at + len(piece)] == piece and (not is_end or at + len(piece) >= len(version.data))
                for at, piece, is_end in pieces
            ):
                self.checks["one version"] += 1
                return
        self.check("one version", not pieces, f"#{operation.number} mixes versions of {key!r}: {pieces}")

    def check_head(self, operation: Operation, key: str, size: int | None, etag: str | None) -> None:
        """The head of an object was read."""
        values = [(len(each.data), each.etag) for each in self.versions(operation, key) if each is not None]
        self.check("heads", (size, etag) in values, f"#{operation.number} sees {size} {etag} of {key!r}")

    def check_listing(self, operation: Operation, names: list[tuple[str, int | None]], prefix: str, delim: str) -> None:
        """A whole listing was read: names and sizes, and (without a size) what names have in common."""
        listed = [name for name, _ in names]
        who = f"#{operation.number} lists"
        self.check("listing order", listed == sorted(set(listed), key=str.encode), f"{who} {listed}")
        may_be: set[tuple[str, int | None]] = set()
        for key in KEYS:
            if not key.startswith(prefix):
                continue
            versions = self.versions(operation, key)
            name = folded(key, prefix, delim)
            may_be.update((name, len(each.data) if name == key else None) for each in versions if each is not None)
            if None not in versions:
                self.check("listing", name in listed, f"{who} no {name!r}")
        self.check("listing", may_be.issuperset(names), f"{who} {set(names) - may_be}")

    def check_memory(self, operation: Operation, concurrency: int) -> None:
        """A part goes on its way."""
        self.check(
            "parts under way", operation.parts_under_way <= concurrency, f"#{operation.number} sends more at once"
        )

    def check_pull(self, operation: Operation) -> None:
        """A chunk was taken from a stream."""
        if operation.most_pulled is not None:
            held = operation.pulled - operation.stored
            self.check("memory", held <= operation.most_pulled, f"#{operation.number} holds {held} bytes")

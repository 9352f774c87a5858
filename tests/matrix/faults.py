"""Every fault, with the requests that it can strike and the errors that may come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from aiostorage.errors import (
    AuthenticationError,
    ChecksumMismatchError,
    NotFoundError,
    ObjectChangedError,
    PermissionDeniedError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageConnectionError,
    StorageError,
    StorageTimeoutError,
    UnexpectedResponseError,
)
from aiostorage.testing.faults import (
    Action,
    Break,
    CloseIdle,
    Corrupt,
    Drip,
    Garbage,
    IgnoreRange,
    OldVersion,
    Refuse,
    RepeatPage,
    Reply,
    Truncate,
    WrongLength,
)
from tests.matrix.scene import BIG, content

if TYPE_CHECKING:
    from tests.matrix.operations import Operation

IDLE_S = 0.3
"""The silence that a driver bears, where the fault is silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The requests of one kind that an operation makes when nothing goes wrong.

    Attributes:
        kind: As :meth:`tests.matrix.scene.Scene.kind` has it.
        method: The method.
        count: How many there are.
        status: Of the first one's answer.
        length: Bytes of the body of the first one's answer.
        sent: Bytes of the first one's own body.
    """

    kind: str
    method: str
    count: int
    status: int
    length: int
    sent: int

    @property
    def is_range(self) -> bool:
        return self.status == 206

    @property
    def is_content(self) -> bool:
        """Whether the answer is the content of an object, not a document about something."""
        return self.method == "GET" and self.path_depth > 1 and "?" not in self.kind

    @property
    def path_depth(self) -> int:
        return self.kind.split(" ")[1].partition("?")[0].count("/")

    @property
    def is_document(self) -> bool:
        return self.length > 0 and not self.is_content

    @property
    def is_page(self) -> bool:
        return self.is_document and self.method == "GET" and self.count > 1


Rule: TypeAlias = Callable[[Target, "Operation"], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault of the matrix.

    Attributes:
        name: For the report.
        what: The fault.
        can_strike: The rule that says which requests it can strike.
        times: How often it happens; None for always.
        allowed: The errors that may come of it; without any, the operation must succeed.
        must_fail: Whether it cannot succeed.
        idle_s: The silence that the driver bears.
        loses_id: Whether the client may never learn of an upload that was made.
    """

    name: str
    what: Action
    can_strike: Rule = lambda _, __: True
    times: int | None = 1
    allowed: tuple[type[StorageError], ...] = ()
    must_fail: bool = False
    idle_s: float = 10.0
    loses_id: bool = False


def is_not_deletion(target: Target, _: Operation) -> bool:
    """What is not there need not be deleted."""
    return target.method != "DELETE"


def can_be_told(target: Target, operation: Operation) -> bool:
    """An answer that says itself how long the object is can only be wrong where there is a hash."""
    return has_body(target, operation) and (not target.is_content or target.is_range or operation.is_verified)


def has_body(target: Target, _: Operation) -> bool:
    return target.length > 10


def sends_body(target: Target, _: Operation) -> bool:
    return target.sent > 10


def is_document(target: Target, _: Operation) -> bool:
    return target.is_document


def is_not_head(target: Target, _: Operation) -> bool:
    return target.method != "HEAD"


def is_not_content(target: Target, _: Operation) -> bool:
    return not target.is_content and target.method != "HEAD"


def is_checked(target: Target, operation: Operation) -> bool:
    """The whole content of an object; a part alone cannot be checked, where the provider keeps no hash of it."""
    return target.is_content and operation.is_verified and target.length > 10


def is_range(target: Target, _: Operation) -> bool:
    return target.is_content and target.is_range


def is_one_of_many(target: Target, _: Operation) -> bool:
    return target.is_content and target.is_range and target.count > 1


def is_page(target: Target, _: Operation) -> bool:
    return target.is_page


HTML = b"<!DOCTYPE html><html><body>Please log in to the wireless network.</body></html>"
SILENCE = (StorageTimeoutError,)
BROKEN = (StorageConnectionError,)
LATER = (ServiceUnavailableError, RateLimitedError)
NONSENSE = (UnexpectedResponseError,)

CASES = [
    # The connection
    Case(name="refused", what=Refuse(for_s=0.05), allowed=BROKEN, loses_id=True),
    Case(name="reset while sending", what=Break(at="upload", after_bytes=10), can_strike=sends_body),
    Case(
        name="silence while sending",
        what=Break(at="upload", how="stall", after_bytes=10),
        can_strike=sends_body,
        idle_s=IDLE_S,
        allowed=SILENCE,
    ),
    Case(name="reset before the reply", what=Break(at="request")),
    Case(name="closed before the reply", what=Break(at="request", how="close")),
    Case(name="silence before the reply", what=Break(at="request", how="stall"), idle_s=IDLE_S, allowed=SILENCE),
    Case(name="reply lost by a reset", what=Break(at="reply"), loses_id=True),
    Case(name="reply lost by closing", what=Break(at="reply", how="close"), loses_id=True),
    Case(
        name="reply lost in silence",
        what=Break(at="reply", how="stall"),
        idle_s=IDLE_S,
        allowed=SILENCE,
        loses_id=True,
    ),
    Case(name="reset after the head", what=Break(at="head"), can_strike=has_body, loses_id=True),
    Case(
        name="silence after the head",
        what=Break(at="head", how="stall"),
        can_strike=has_body,
        idle_s=IDLE_S,
        allowed=SILENCE,
        loses_id=True,
    ),
    Case(name="reset in the body", what=Break(at="body", after_bytes=9), can_strike=has_body, loses_id=True),
    Case(
        name="closed in the body", what=Break(at="body", how="close", after_bytes=9), can_strike=has_body, loses_id=True
    ),
    Case(
        name="silence in the body",
        what=Break(at="body", how="stall", after_bytes=9),
        can_strike=has_body,
        idle_s=IDLE_S,
        allowed=SILENCE,
        loses_id=True,
    ),
    Case(
        name="a byte a second",
        what=Drip(interval_s=1.0),
        can_strike=has_body,
        idle_s=IDLE_S,
        allowed=SILENCE,
        loses_id=True,
    ),
    Case(name="closed when idle", what=CloseIdle(), times=None),
    Case(name="not HTTP", what=Garbage(), allowed=(*BROKEN, *NONSENSE)),
    # What the service says
    Case(name="500", what=Reply(status=500)),
    Case(name="502 with a page", what=Reply(status=502, body=HTML)),
    Case(name="503", what=Reply(status=503)),
    Case(name="503 with seconds", what=Reply(status=503, retry_after=0)),
    Case(name="503 with a date", what=Reply(status=503, retry_after=datetime(2026, 1, 1, tzinfo=UTC))),
    Case(name="503 for an hour", what=Reply(status=503, retry_after=3600), allowed=LATER, must_fail=True),
    Case(name="429", what=Reply(status=429)),
    Case(name="500 of what was done", what=Reply(status=500, is_done=True), loses_id=True),
    Case(name="403", what=Reply(status=403), allowed=(PermissionDeniedError,)),
    Case(name="401", what=Reply(status=401), allowed=(AuthenticationError, PermissionDeniedError)),
    Case(name="404", what=Reply(status=404), can_strike=is_not_deletion, allowed=(NotFoundError,)),
    Case(name="418", what=Reply(status=418), allowed=(StorageError,)),
    Case(name="error in a 200", what=Reply(status=200), can_strike=is_not_content, allowed=(*LATER, *NONSENSE)),
    Case(name="a page with 200", what=Reply(status=200, body=HTML), can_strike=is_document, allowed=NONSENSE),
    Case(name="nothing with 200", what=Reply(status=200, body=b""), can_strike=is_document, allowed=NONSENSE),
    # What comes of the content
    Case(
        name="first byte corrupt",
        what=Corrupt(at=0),
        can_strike=is_checked,
        allowed=(ChecksumMismatchError,),
    ),
    Case(name="last byte corrupt", what=Corrupt(at=-1), can_strike=is_checked, allowed=(ChecksumMismatchError,)),
    Case(
        name="cut short",
        what=Truncate(keep=0.5),
        can_strike=can_be_told,
        allowed=(*BROKEN, *NONSENSE, ChecksumMismatchError),
        loses_id=True,
    ),
    Case(
        name="longer than announced",
        what=WrongLength(by=-5),
        can_strike=can_be_told,
        allowed=(*BROKEN, *NONSENSE, ChecksumMismatchError),
        loses_id=True,
    ),
    Case(
        name="shorter than announced",
        what=WrongLength(by=5),
        can_strike=has_body,
        allowed=(*BROKEN, *NONSENSE),
        loses_id=True,
    ),
    Case(
        name="range ignored",
        what=IgnoreRange(content=BIG),
        can_strike=is_range,
        allowed=(*NONSENSE, ObjectChangedError),
    ),
    Case(
        name="an older version",
        what=OldVersion(content=content(len(BIG), seed=9)),
        can_strike=is_one_of_many,
        allowed=(ObjectChangedError,),
    ),
    Case(name="a page again and again", what=RepeatPage(), can_strike=is_page, times=None, allowed=NONSENSE),
    # For good
    Case(name="always reset", what=Break(at="request"), times=None, allowed=BROKEN, must_fail=True),
    Case(
        name="always silent",
        what=Break(at="request", how="stall"),
        times=None,
        idle_s=IDLE_S,
        allowed=SILENCE,
        must_fail=True,
    ),
    Case(name="always 500", what=Reply(status=500), times=None, allowed=LATER, must_fail=True),
    Case(name="always 503", what=Reply(status=503), times=None, allowed=LATER, must_fail=True),
    Case(
        name="reply always lost",
        what=Break(at="reply"),
        times=None,
        allowed=(*BROKEN, StorageError),
        loses_id=True,
    ),
]

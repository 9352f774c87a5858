"""Every fault, with the requests that it can strike and the errors that may come of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from aiostorage.errors import (
    AuthenticationError,
    ChecksumMismatchError,
    ContainerNotEmptyError,
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
    from collections.abc import Callable, Mapping

    from aiostorage.testing.faults import ProxyRequest
    from tests.matrix.operation import Operation

IDLE_S = 0.5
"""The silence that a driver bears, where the fault is silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The requests of one kind that an operation makes when nothing goes wrong.

    Attributes:
        kind: See :func:`kind_of`.
        operation: What the proxy takes them to ask for.
        method: The method.
        count: How many there are.
        status: Of the first one's answer.
        length: Bytes of the body of the first one's answer.
        sent: Bytes of the first one's own body.
    """

    kind: str
    operation: str
    method: str
    count: int
    status: int
    length: int
    sent: int

    @property
    def is_content(self) -> bool:
        """Whether the answer is the content of an object, not a document about something."""
        return self.operation == "get_object"


def kind_of(request: ProxyRequest) -> str:
    """What requests have in common that the same may happen to."""
    is_range = request.header("range") is not None or request.header("x-ms-range") is not None
    in_segments = (request.asked.container or "").endswith("_segments")
    return request.asked.operation + " range" * is_range + " of segments" * in_segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which requests a fault can strike.

    Attributes:
        otherwise: Why it strikes none, where it strikes none.
        holds: Tells.
    """

    otherwise: str
    holds: Callable[[Target, Operation], bool]


ANY = Rule(otherwise="it makes no request", holds=lambda _, __: True)
SENDS = Rule(otherwise="it sends no body", holds=lambda target, _: target.sent > 10)
ANSWERED = Rule(otherwise="no answer has a body", holds=lambda target, _: target.length > 10)
DOCUMENT = Rule(
    otherwise="no answer is a document", holds=lambda target, _: target.length > 0 and not target.is_content
)
READ = Rule(
    otherwise="nobody reads what an answer says that is content, or nothing",
    holds=lambda target, _: target.length > 0 and not target.is_content,
)
MISSED = Rule(
    otherwise="what is not there need not be deleted, and an upload without parts is not listed, nor found to be stale",
    holds=lambda target, operation: (
        target.method != "DELETE"
        and target.operation != "delete_objects"
        and not (target.operation == "list_parts" and operation.calls in {"list_uploads", "abort_stale_uploads"})
    ),
)
CHECKED = Rule(
    otherwise="nothing has a hash: a document, or a part alone",
    holds=lambda target, operation: target.is_content and operation.is_verified and target.length > 10,
)
MEASURED = Rule(
    otherwise="a length that is wrong, of content without a hash, is the length",
    holds=lambda target, operation: (
        target.length > 10 and (not target.is_content or target.status == 206 or operation.is_verified)
    ),
)
RANGED = Rule(otherwise="it asks for no range", holds=lambda target, _: target.is_content and target.status == 206)
ONE_OF_MANY = Rule(
    otherwise="only of several requests one can be out of date",
    holds=lambda target, _: target.is_content and target.status == 206 and target.count > 1,
)
PAGED = Rule(
    otherwise="it lists no second page",
    holds=lambda target, _: target.operation.startswith("list_") and target.length > 0 and target.count > 1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault of the matrix.

    Attributes:
        name: For the report.
        what: The fault.
        rule: Which requests it can strike.
        times: How often it happens; None for always.
        cancel: The caller leaves when the fault happens, and how.
        allowed: The errors that may come of it; without any, the operation must succeed.
        must_fail: Whether it cannot succeed.
        idle_s: The silence that the driver bears.
        loses_reply: Whether the client may not learn of what was done.
        is_misread: Whether reading again gives the right bytes; whoever can do that must.
    """

    name: str
    what: Action
    rule: Rule = ANY
    times: int | None = 1
    cancel: Literal["task", "timeout", "scope"] | None = None
    allowed: tuple[type[StorageError], ...] = ()
    must_fail: bool = False
    idle_s: float = 10.0
    loses_reply: bool = False
    is_misread: bool = False


HTML = b"<!DOCTYPE html><html><body>Please log in to the wireless network.</body></html>"
SILENCE = (StorageTimeoutError,)
BROKEN = (StorageConnectionError,)
LATER = (ServiceUnavailableError, RateLimitedError)
NONSENSE = (UnexpectedResponseError,)

MOMENTS: Mapping[str, tuple[Action, Rule, bool]] = {
    "while sending": (Break(at="upload", how="stall", after_bytes=10), SENDS, False),
    "before the reply": (Break(at="request", how="stall"), ANY, False),
    "when it is done": (Break(at="reply", how="stall"), ANY, True),
    "in the answer": (Break(at="body", how="stall", after_bytes=9), ANSWERED, True),
}
WAYS: Mapping[Literal["task", "timeout", "scope"], str] = {
    "task": "task.cancel",
    "timeout": "asyncio.timeout",
    "scope": "CancelScope",
}


def _leaving() -> list[Case]:
    """The caller goes, in each way at each moment."""
    return [
        Case(
            name=f"{words} {moment}",
            what=what,
            rule=rule,
            cancel=way,
            idle_s=IDLE_S,
            allowed=SILENCE,
            loses_reply=loses_reply,
        )
        for way, words in WAYS.items()
        for moment, (what, rule, loses_reply) in MOMENTS.items()
    ]


CASES = [
    # The connection
    Case(name="refused", what=Refuse(for_s=0.05), allowed=BROKEN, loses_reply=True),
    Case(name="reset while sending", what=Break(at="upload", after_bytes=10), rule=SENDS),
    Case(
        name="silence while sending",
        what=Break(at="upload", how="stall", after_bytes=10),
        rule=SENDS,
        idle_s=IDLE_S,
        allowed=SILENCE,
    ),
    Case(name="reset before the reply", what=Break(at="request")),
    Case(name="closed before the reply", what=Break(at="request", how="close")),
    Case(name="silence before the reply", what=Break(at="request", how="stall"), idle_s=IDLE_S, allowed=SILENCE),
    Case(name="reply lost by a reset", what=Break(at="reply"), loses_reply=True),
    Case(name="reply lost by closing", what=Break(at="reply", how="close"), loses_reply=True),
    Case(
        name="reply lost in silence",
        what=Break(at="reply", how="stall"),
        idle_s=IDLE_S,
        allowed=SILENCE,
        loses_reply=True,
    ),
    Case(name="reset after the head", what=Break(at="head"), rule=ANSWERED, loses_reply=True),
    Case(
        name="silence after the head",
        what=Break(at="head", how="stall"),
        rule=ANSWERED,
        idle_s=IDLE_S,
        allowed=SILENCE,
        loses_reply=True,
    ),
    Case(name="reset in the body", what=Break(at="body", after_bytes=9), rule=ANSWERED, loses_reply=True),
    Case(name="closed in the body", what=Break(at="body", how="close", after_bytes=9), rule=ANSWERED, loses_reply=True),
    Case(
        name="silence in the body",
        what=Break(at="body", how="stall", after_bytes=9),
        rule=ANSWERED,
        idle_s=IDLE_S,
        allowed=SILENCE,
        loses_reply=True,
    ),
    Case(
        name="a byte a second",
        what=Drip(interval_s=1.0),
        rule=ANSWERED,
        idle_s=IDLE_S,
        allowed=SILENCE,
        loses_reply=True,
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
    Case(name="500 of what was done", what=Reply(status=500, is_done=True), loses_reply=True),
    Case(name="403", what=Reply(status=403), allowed=(PermissionDeniedError,)),
    Case(name="401", what=Reply(status=401), allowed=(AuthenticationError, PermissionDeniedError)),
    Case(name="404", what=Reply(status=404), rule=MISSED, allowed=(NotFoundError,)),
    Case(name="400", what=Reply(status=400), allowed=(StorageError,)),
    Case(name="418", what=Reply(status=418), allowed=(StorageError,)),
    Case(name="error in a 200", what=Reply(status=200), rule=READ, allowed=(*LATER, *NONSENSE)),
    Case(name="a page with 200", what=Reply(status=200, body=HTML), rule=DOCUMENT, allowed=NONSENSE),
    Case(name="nothing with 200", what=Reply(status=200, body=b""), rule=DOCUMENT, allowed=NONSENSE),
    # What comes of the content
    Case(
        name="first byte corrupt", what=Corrupt(at=0), rule=CHECKED, allowed=(ChecksumMismatchError,), is_misread=True
    ),
    Case(
        name="last byte corrupt", what=Corrupt(at=-1), rule=CHECKED, allowed=(ChecksumMismatchError,), is_misread=True
    ),
    Case(
        name="always corrupt",
        what=Corrupt(at=1),
        rule=CHECKED,
        times=None,
        allowed=(ChecksumMismatchError,),
        must_fail=True,
    ),
    Case(name="document corrupt", what=Corrupt(at=0), rule=DOCUMENT, allowed=NONSENSE, loses_reply=True),
    Case(
        name="cut short",
        what=Truncate(keep=0.5),
        rule=MEASURED,
        allowed=(*BROKEN, *NONSENSE, ChecksumMismatchError),
        loses_reply=True,
    ),
    Case(
        name="longer than announced",
        what=WrongLength(by=-5),
        rule=MEASURED,
        allowed=(*BROKEN, *NONSENSE, ChecksumMismatchError),
        loses_reply=True,
    ),
    Case(
        name="shorter than announced",
        what=WrongLength(by=5),
        rule=ANSWERED,
        allowed=(*BROKEN, *NONSENSE),
        loses_reply=True,
    ),
    Case(
        name="range ignored",
        what=IgnoreRange(content=BIG),
        rule=RANGED,
        allowed=(*NONSENSE, ObjectChangedError),
    ),
    Case(
        name="an older version",
        what=OldVersion(content=content(len(BIG), seed=9)),
        rule=ONE_OF_MANY,
        allowed=(ObjectChangedError,),
    ),
    # What a page shows again and again seems to be there still.
    Case(
        name="a page again and again",
        what=RepeatPage(),
        rule=PAGED,
        times=None,
        allowed=(*NONSENSE, ContainerNotEmptyError),
    ),
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
        loses_reply=True,
    ),
    *_leaving(),
]

"""What can go wrong, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from aiostorage.testing.faults.wire import ProxyRequest

Moment: TypeAlias = Literal["upload", "request", "reply", "head", "body"]
"""When a connection breaks: while the body of the request comes; when the request has come, and the server knows
nothing of it; when the server has done what was asked, and nothing of its answer was sent; when the head of the answer
was sent; or in its body."""

How: TypeAlias = Literal["reset", "close", "stall"]
"""With a reset, with a proper end, or with silence for as long as the client waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The request is dropped, and for a while nobody can connect.

    Attributes:
        for_s: How long.
    """

    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The connection breaks.

    Attributes:
        at: When. ``"reply"`` is the lost answer to a write that took effect.
        how: With what.
        after_bytes: Of the body, for ``"upload"`` and ``"body"``.
    """

    at: Moment
    how: How = "reset"
    after_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Another answer than the server's.

    Attributes:
        status: The HTTP status. An error in a 200 is one as well.
        code: The provider's own word; else what it commonly says with this status.
        retry_after: Seconds, or a time, for the header of that name.
        body: What is said; else an error in the provider's own form.
        content_type: Of ``body``.
        is_done: Whether the server does what it was asked for all the same.
    """

    status: int
    code: str | None = None
    retry_after: int | datetime | None = None
    body: bytes | None = None
    content_type: str = "text/html"
    is_done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """What comes back is not HTTP."""

    data: bytes = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrupt:
    """A byte of the body of the answer is another one.

    Attributes:
        at: Which; from the end if it is negative.
    """

    at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """The body of the answer ends early, and its length says so: a document that nobody has closed.

    Attributes:
        keep: How much of it is left, from 0 to 1.
    """

    keep: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLength:
    """The answer announces more bytes than come, or fewer.

    Attributes:
        by: How many more; fewer if it is negative.
    """

    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRange:
    """A range was asked for, and all comes, with status 200.

    Attributes:
        content: All. The proxy cannot ask for it itself, since requests are signed.
    """

    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OldVersion:
    """The answer comes from a replica that lags behind: an older version of the object, whatever the conditions.

    Attributes:
        content: Of the older version.
        etag: Of the older version, in quotes.
    """

    content: bytes = field(repr=False)
    etag: str = '"0123456789abcdef0123456789abcdef"'


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatPage:
    """The first answer is given again to every later request that matches: a listing that never advances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseIdle:
    """The connection is closed after the answer, which did not announce it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """The body of the answer comes drop by drop: one byte a second, or at another rate.

    Attributes:
        interval_s: Between two drops.
        size: Bytes of a drop.
    """

    interval_s: float = 1.0
    size: int = 1


Action: TypeAlias = (
    Refuse
    | Break
    | Reply
    | Garbage
    | Corrupt
    | Truncate
    | WrongLength
    | IgnoreRange
    | OldVersion
    | RepeatPage
    | CloseIdle
    | Drip
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fault:
    """What goes wrong, when, and how often. Two that look alike are still two.

    Attributes:
        what: The fault.
        method: Only requests of this method; None for all.
        operation: Only requests that ask for this, such as ``"upload_part"``; see :class:`Asked`.
        container: Only requests that are about this container.
        key: Only requests that are about the object of this name.
        path: Only requests whose path and query, as they were sent, have this in them.
        where: Only requests that this function approves of; it sees no bodies.
        nth: The first of these requests that it strikes, counted from 1.
        every: Of those from there on it strikes each, or each second one, and so on.
        times: How many it strikes in all; None for no end.
    """

    what: Action
    method: str | None = None
    operation: str | None = None
    container: str | None = None
    key: str | None = None
    path: str = ""
    where: Callable[[ProxyRequest], bool] | None = None
    nth: int = 1
    every: int = 1
    times: int | None = 1

    def is_about(self, request: ProxyRequest) -> bool:
        """Whether a request is one of those that it counts."""
        asked = request.asked
        return (
            self.method in {None, request.method}
            and self.operation in {None, asked.operation}
            and self.container in {None, asked.container}
            and self.key in {None, asked.key}
            and self.path in request.target
            and (self.where is None or self.where(request))
        )

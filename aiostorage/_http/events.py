"""What a driver tells of its requests, to whoever wants to count, trace or log them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiostorage.errors import StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStarted:
    """A request is about to be made. It may take several attempts.

    Attributes:
        call: The same number in all events of this request.
        provider: Such as ``"s3"``.
        operation: Such as ``"get_object"``.
        container: Name, where there is one.
        key: Name of the object, where there is one.
        method: HTTP method.
        host: Where to, with the port unless it is the scheme's own.
    """

    call: int
    provider: str
    operation: str
    container: str | None
    key: str | None
    method: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """An attempt failed, and there will be another.

    Attributes:
        call: As in :class:`RequestStarted`.
        attempt: From 1.
        error: What it ended in.
        wait_s: How long the driver waits before the next.
    """

    call: int
    attempt: int
    error: StorageError
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnded:
    """A request is over; where its answer has a body that is read later, that was closed.

    Attributes:
        call: As in :class:`RequestStarted`.
        attempts: How many there were.
        status: Of the last answer; None where there was none.
        duration_s: From the first attempt to the end.
        sent_bytes: Of the body of the request, in its last attempt.
        received_bytes: Of the body of the answer.
        error: What it ended in; None for a success.
    """

    call: int
    attempts: int
    status: int | None
    duration_s: float
    sent_bytes: int
    received_bytes: int
    error: BaseException | None


Event: TypeAlias = RequestStarted | AttemptFailed | RequestEnded

if TYPE_CHECKING:
    OnEvent: TypeAlias = Callable[[Event], None]

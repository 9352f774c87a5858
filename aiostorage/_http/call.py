"""What the attempts of one call share, and the body of an answer on its way."""

from __future__ import annotations

import itertools
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, Self

from aiostorage._http.credentials import C
from aiostorage._http.messages import TransportError
from aiostorage.errors import StorageConnectionError, StorageError, StorageTimeoutError, UnexpectedResponseError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from aiostorage._http.messages import Answer, Request, Wire
    from aiostorage._http.pace import Pace

_numbers = itertools.count(1)


class Call(Generic[C]):
    """What the attempts of one call share."""

    __slots__ = (
        "_on_sent",
        "_sent",
        "attempts",
        "clock_offset",
        "credential",
        "has_new_credential",
        "is_silent",
        "knows_the_time",
        "knows_the_way",
        "may_be_done",
        "may_have_arrived",
        "number",
        "received",
        "refusal",
        "sent",
        "started",
        "status",
        "try_again_at_once",
        "wire",
    )

    def __init__(self, started: float, number: int | None = None) -> None:
        self.number = next(_numbers) if number is None else number
        self.started = started
        self.is_silent = False
        self.attempts = 0
        self.clock_offset = timedelta(0)
        self.may_have_arrived = False
        self.may_be_done = False
        self.has_new_credential = False
        self.knows_the_time = False
        self.knows_the_way = False
        self.credential: C | None = None
        self.refusal: StorageError | None = None
        self.wire: Wire | None = None
        self.try_again_at_once = False
        self.status: int | None = None
        self.sent = 0
        self.received = 0
        self._sent = 0
        self._on_sent: Callable[[int], None] | None = None

    def second(self) -> Call[C]:
        """The same call, asked for a second time."""
        twin = Call[C](self.started, self.number)
        twin.attempts = self.attempts
        return twin

    def counting(self, on_sent: Callable[[int], None] | None) -> Callable[[int], None] | None:
        """``on_sent``, with a count kept of what this attempt has reported."""
        self._sent, self._on_sent = 0, on_sent
        return None if on_sent is None else self._count

    def take_back(self) -> None:
        """Report the bytes of a failed attempt as not sent."""
        if self._sent and self._on_sent is not None:
            self._on_sent(-self._sent)
        self._sent = 0

    def _count(self, sent: int) -> None:
        self._sent += sent
        if self._on_sent is not None:
            self._on_sent(sent)


class ResponseStream:
    """The head of an answer, and its body as it arrives."""

    def __init__(
        self,
        answer: Answer,
        request: Request,
        on_close: Callable[[int, BaseException | None], None],
        *,
        pace: Pace | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.status: int = answer.status
        self.headers: Mapping[str, str] = answer.headers()
        self._answer = answer
        self._request = request
        self._on_close: Callable[[int, BaseException | None], None] | None = on_close
        self._pace = pace
        self._loop = loop
        self._received = 0
        self._error: BaseException | None = None

    def __aiter__(self) -> Self:
        """Chunks as they arrive.

        Raises:
            StorageConnectionError: The body broke off before its end.
            StorageTimeoutError: Nothing came for too long.
        """
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._answer.read_chunk()
        except TransportError as error:
            self._error = storage_error(error)
            raise self._error from None
        if not chunk:
            raise StopAsyncIteration
        self._received += len(chunk)
        if self._pace is not None:
            await self._pace.take(len(chunk))
        return chunk

    async def read(self, limit: int | None = None) -> bytes:
        """All that is left; raises as iteration does.

        Raises:
            UnexpectedResponseError: That is more than ``limit`` bytes.
        """
        try:
            content = await (self._answer.read() if limit is None else self._answer.read_at_most(limit))
        except TransportError as error:
            self._error = storage_error(error)
            raise self._error from None
        self._received += len(content)
        if self._pace is not None:
            await self._pace.take(len(content))
        return content

    async def aclose(self) -> None:
        """Give the connection up. One whose body was not read to its end is closed, not drained."""
        self._finish()

    def __del__(self) -> None:
        """Say that nobody closed it, and give the connection up all the same."""
        if self._on_close is None:
            return
        warnings.warn(
            f"the body of {self._request.subject} was not closed; it held a connection",
            ResourceWarning,
            stacklevel=2,
            source=self,
        )
        answer, on_close, self._on_close = self._answer, self._on_close, None

        def finish() -> None:
            answer.close()
            on_close(0, None)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(finish)  # nobody knows in which thread the collector runs

    def _finish(self) -> None:
        self._answer.close()
        if self._on_close is not None:
            on_close, self._on_close = self._on_close, None
            on_close(self._received, self._error)


def storage_error(error: TransportError) -> StorageError:
    """The error of the package for a request that got no usable answer."""
    match error.kind:
        case "timeout":
            return StorageTimeoutError(error.message, retryable=True)
        case "connection":
            return StorageConnectionError(error.message, retryable=True)
        case "certificate":
            return StorageConnectionError(error.message)
        case "protocol":
            return UnexpectedResponseError(error.message)


def may_have_arrived(error: StorageError) -> bool:
    """Whether the service may have seen the request that ended in this error."""
    reason = error.__context__  # not shown, but there
    return not isinstance(reason, TransportError) or reason.may_have_arrived

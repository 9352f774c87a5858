"""The one place where requests wait, are signed, sent, and sent again.

Per attempt: take a slot, get credentials, sign, send, read the error. Signing comes after queueing
and in every attempt, so that a request that waited is never too old.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, Self, TypedDict, TypeVar, Unpack

from aiostorage._http.credentials import C, CredentialCache, utc_now
from aiostorage._http.headers import parse_http_date
from aiostorage._http.messages import Request, Response, TransportError, Wire
from aiostorage._http.options import HTTPOptions
from aiostorage._http.retry import RetryBudget, RetryPolicy, parse_retry_after
from aiostorage._http.slots import Slots
from aiostorage._keywords import check_keywords
from aiostorage.errors import (
    AuthenticationError,
    ClockSkewError,
    ClosedError,
    PreconditionFailedError,
    RateLimitedError,
    StorageConnectionError,
    StorageError,
    StorageTimeoutError,
    UnexpectedResponseError,
    WrongLoopError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from aiostorage._http.session import Session, SessionResponse

T = TypeVar("T")

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""The longest document read whole: far above any page of a listing, far below a memory's size."""

MAX_ERROR_BYTES = 1024 * 1024

_SKEW_WORTH_LEARNING_S = 5.0


class Timing(TypedDict, total=False):
    """The clocks and the dice of a client, replaceable by tests."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    chance: Callable[[], float]


class HTTPClient(Generic[C]):
    """Sends the requests of one backend.

    Args:
        provider: Name for errors.
        sign: Turns a request into what goes over the wire, with a credential (None if there are
            none) and the time.
        read_error: The error in an answer, or None where it is a success. It sees every answer that
            is read whole, and of streamed ones those with a status of 300 and above.
        credentials: Where credentials come from; None for anonymous access.
        credentials_of: Where those of one request come from, if not all have the same.
        learn: Looks at an answer that is an error, and at what it answers; True where the same request
            would now be made otherwise, and so is worth one more attempt at once.
        timing: Clocks and dice, for tests.
        **options: See :class:`HTTPOptions`.

    Raises:
        TypeError: An option is unknown, also to the provider, which hands over what it does not know.
    """

    def __init__(
        self,
        *,
        provider: str,
        sign: Callable[[Request, C | None, datetime], Wire],
        read_error: Callable[[Request, Response], StorageError | None],
        credentials: CredentialCache[C] | None,
        credentials_of: Callable[[Request], CredentialCache[C] | None] | None = None,
        learn: Callable[[Request, Wire, Response], bool] | None = None,
        timing: Timing | None = None,
        **options: Unpack[HTTPOptions],
    ) -> None:
        check_keywords(f"the driver for {provider!r}", options, HTTPOptions.__optional_keys__)
        timing = timing or {}
        self._now = timing.get("now", utc_now)
        self._monotonic = timing.get("monotonic", time.monotonic)
        self._sleep = timing.get("sleep", asyncio.sleep)
        self._chance = timing.get("chance", random.random)  # noqa: S311 - it spreads waits, no secret depends on it
        self._provider = provider
        self._sign = sign
        self._read_error = read_error
        self._credentials = credentials
        self._credentials_of = credentials_of
        self._learn = learn
        self._retry = options.get("retry", RetryPolicy())
        self._slots = Slots(options.get("max_connections", 128), options.get("pool_timeout_s", 60.0))
        self._options = options
        self._session: Session | None = None
        self._budget = RetryBudget()
        self._clock_offset = timedelta(0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    async def send(self, request: Request) -> Response:
        """The answer to a request, read to its end and known to be a success.

        Raises:
            StorageError: What the last attempt ended in.
        """
        return await self._attempts(request, self._exchange)

    async def stream(self, request: Request) -> ResponseStream:
        """The answer to a request, its body still to come. Whoever gets it closes it.

        Raises:
            StorageError: What the last attempt ended in.
        """
        return await self._attempts(request, self._open)

    def now(self) -> datetime:
        """The time by the service's clock, as far as it has made itself known."""
        return self._now() + self._clock_offset

    async def aclose(self) -> None:
        """Close all connections. Open response bodies break; later calls are refused."""
        self._is_closed = True
        if self._session is not None:
            await self._session.aclose()

    async def _attempts(self, request: Request, attempt: Callable[[Request, _Call[C]], Awaitable[T]]) -> T:
        started = self._monotonic()
        call = _Call[C]()
        while True:
            self._check_usable(request)
            call.attempts += 1
            call.may_have_arrived = False
            try:
                result = await attempt(request, call)
            except StorageError as error:
                call.take_back()
                self._describe(error, request, call)
                if call.try_again_at_once:
                    call.try_again_at_once = False
                    continue
                wait_s = self._retry.wait_s(
                    error, attempt=call.attempts, elapsed_s=self._monotonic() - started, chance=self._chance()
                )
                if wait_s is None or not _may_repeat(request, error, call) or not self._budget.take():
                    raise
            else:
                self._budget.give_back()
                return result
            await self._sleep(wait_s)

    async def _exchange(self, request: Request, call: _Call[C]) -> Response:
        await self._slots.acquire(request.operation)
        try:
            answer = await self._ask(request, call)
            try:
                body = await answer.read_at_most(MAX_ANSWER_BYTES)
            except TransportError as error:
                raise _storage_error(error) from None
            finally:
                answer.close()
        finally:
            self._slots.release(request.operation)
        response = Response(status=answer.status, headers=answer.headers(), body=body)
        self._raise_error_in(request, response, call)
        return response

    async def _open(self, request: Request, call: _Call[C]) -> ResponseStream:
        await self._slots.acquire(request.operation)
        handed_over = False
        try:
            answer = await self._ask(request, call)
            try:
                if answer.status < 300:
                    handed_over = True
                    return ResponseStream(answer, lambda: self._slots.release(request.operation))
                body = await answer.read_at_most(MAX_ERROR_BYTES)
            except TransportError as error:
                raise _storage_error(error) from None
            finally:
                if not handed_over:
                    answer.close()
        finally:
            if not handed_over:
                self._slots.release(request.operation)
        response = Response(status=answer.status, headers=answer.headers(), body=body)
        self._raise_error_in(request, response, call)
        raise UnexpectedResponseError(f"an answer of status {answer.status} was not expected", status=answer.status)

    async def _ask(self, request: Request, call: _Call[C]) -> SessionResponse:
        credentials = self._cache_for(request)
        call.credential = None if credentials is None else await credentials.get()
        if self._session is None:
            # aiohttp takes a tenth of a second to import: not on the event loop's thread.
            made = await asyncio.to_thread(_make_session, self._options)
            self._session = self._session or made
        self._check_usable(request)  # it may have been closed while this waited
        call.clock_offset = self._clock_offset
        wire = call.wire = self._sign(request, call.credential, self.now())
        on_sent = call.counting(request.on_sent)
        call.may_have_arrived = True
        try:
            answer = await self._session.request(request.method, wire.url, wire.headers, request.body, on_sent)
        except TransportError as error:
            call.may_have_arrived = error.may_have_arrived
            raise _storage_error(error) from None
        except BaseException:
            call.take_back()
            raise
        return answer

    def _raise_error_in(self, request: Request, response: Response, call: _Call[C]) -> None:
        error = self._read_error(request, response)
        if error is None:
            return
        if error.retry_after_s is None:
            error.retry_after_s = parse_retry_after(response.headers.get("retry-after"), self._now())
        if error.status is None:
            error.status = response.status
        if isinstance(error, ClockSkewError):
            call.try_again_at_once = not call.knows_the_time and self._learn_the_time(response.headers, call)
            call.knows_the_time = True
        elif self._learn is not None and call.wire is not None and self._learn(request, call.wire, response):
            call.try_again_at_once = not call.knows_the_way
            call.knows_the_way = True
        elif isinstance(error, AuthenticationError) and call.credential is not None:
            credentials = self._cache_for(request)
            is_replaced = credentials is not None and credentials.forget(call.credential)
            call.try_again_at_once = not call.has_new_credential and is_replaced
            call.has_new_credential = True
        raise error

    def _cache_for(self, request: Request) -> CredentialCache[C] | None:
        return self._credentials if self._credentials_of is None else self._credentials_of(request)

    def _learn_the_time(self, headers: Mapping[str, str], call: _Call[C]) -> bool:
        """Adopt the service's clock for all requests; False where it is the one that the request went by."""
        theirs = parse_http_date(headers.get("date"))
        if theirs is None:
            return False
        offset = theirs - self._now()
        self._clock_offset = offset
        return abs((offset - call.clock_offset).total_seconds()) > _SKEW_WORTH_LEARNING_S

    def _check_usable(self, request: Request) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._is_closed or self._loop is not loop:
            kind, why = (
                (ClosedError, "the driver is closed")
                if self._is_closed
                else (WrongLoopError, "the driver belongs to another event loop; make one for each loop")
            )
            raise kind(
                why, provider=self._provider, operation=request.operation, container=request.container, key=request.key
            )

    def _describe(self, error: StorageError, request: Request, call: _Call[C]) -> None:
        error.attempts = call.attempts
        error.provider = error.provider or self._provider
        error.operation = error.operation or request.operation
        error.container = error.container or request.container
        error.key = error.key or request.key


class ResponseStream:
    """The head of an answer, and its body as it arrives."""

    def __init__(self, answer: SessionResponse, on_close: Callable[[], None]) -> None:
        self.status = answer.status
        self.headers: Mapping[str, str] = answer.headers()
        self._answer = answer
        self._on_close: Callable[[], None] | None = on_close

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
            raise _storage_error(error) from None
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def read(self) -> bytes:
        """All that is left; raises as iteration does."""
        try:
            return await self._answer.read()
        except TransportError as error:
            raise _storage_error(error) from None

    async def aclose(self) -> None:
        """Give the connection up. One whose body was not read to its end is closed, not drained."""
        self._answer.close()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None


class _Call(Generic[C]):
    """What the attempts of one call share."""

    __slots__ = (
        "_on_sent",
        "_sent",
        "attempts",
        "clock_offset",
        "credential",
        "has_new_credential",
        "knows_the_time",
        "knows_the_way",
        "may_have_arrived",
        "try_again_at_once",
        "wire",
    )

    def __init__(self) -> None:
        self.attempts = 0
        self.clock_offset = timedelta(0)
        self.may_have_arrived = False
        self.has_new_credential = False
        self.knows_the_time = False
        self.knows_the_way = False
        self.credential: C | None = None
        self.wire: Wire | None = None
        self.try_again_at_once = False
        self._sent = 0
        self._on_sent: Callable[[int], None] | None = None

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


def _make_session(options: HTTPOptions) -> Session:
    from aiostorage._http.session import Session  # noqa: PLC0415 - see where this is called

    return Session(
        session=options.get("session"),
        connect_timeout_s=options.get("connect_timeout_s", 10.0),
        idle_timeout_s=options.get("idle_timeout_s", 60.0),
        proxy=options.get("proxy"),
        ca_bundle=options.get("ca_bundle"),
        client_certificate=options.get("client_certificate"),
    )


def _may_repeat(request: Request, error: StorageError, call: _Call[C]) -> bool:
    """A write that may have taken effect is not repeated, unless repeating it does no harm.

    An answer that refuses the request for its rate, or for another write at the same time, says that
    nothing was done.
    """
    return (
        request.is_repeatable
        or not call.may_have_arrived
        or isinstance(error, RateLimitedError | PreconditionFailedError)
    )


def _storage_error(error: TransportError) -> StorageError:
    match error.kind:
        case "timeout":
            return StorageTimeoutError(error.message, retryable=True)
        case "connection":
            return StorageConnectionError(error.message, retryable=True)
        case "certificate":
            return StorageConnectionError(error.message)
        case "protocol":
            return UnexpectedResponseError(error.message)

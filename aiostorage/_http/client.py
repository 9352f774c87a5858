"""The one place where requests wait, are signed, sent, and sent again.

Per attempt: take a slot, get credentials, sign, send, read the error. Signing comes after queueing
and in every attempt, so that a request that waited is never too old.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import time
import warnings
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Generic, TypedDict, TypeVar, Unpack

from aiostorage._http.call import Call, ResponseStream, storage_error
from aiostorage._http.credentials import C, CredentialCache, utc_now
from aiostorage._http.events import AttemptFailed, RequestEnded, RequestStarted
from aiostorage._http.headers import parse_http_date
from aiostorage._http.hedging import Hedging, hedged
from aiostorage._http.messages import Request, Response, TransportError, Wire
from aiostorage._http.options import HTTPOptions
from aiostorage._http.pace import Pace
from aiostorage._http.retry import RetryBudget, RetryPolicy, chosen_policy, parse_retry_after
from aiostorage._http.slots import Slots
from aiostorage._keywords import check_keywords
from aiostorage.errors import (
    AuthenticationError,
    ClockSkewError,
    ClosedError,
    InvalidArgumentError,
    PreconditionFailedError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageConnectionError,
    StorageError,
    StorageTimeoutError,
    UnexpectedResponseError,
    WrongLoopError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from aiostorage._http.events import Event
    from aiostorage._http.hedging import Attempt
    from aiostorage._http.messages import Answer, Transport
    from aiostorage._http.session import Session
    from aiostorage._http.slots import Gate

T = TypeVar("T")

log: logging.Logger = logging.getLogger("aiostorage")

_UNSURE = StorageTimeoutError | StorageConnectionError | ServiceUnavailableError | UnexpectedResponseError
"""What says nothing of whether it was done."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""The longest document read whole: far above any page of a listing, far below a memory's size."""

MAX_ERROR_BYTES = 1024 * 1024

_SKEW_WORTH_LEARNING_S = 5.0

_PLAUSIBLE_YEARS = range(2000, 2200)
"""Of a service's clock. Near the ends of the calendar, sums of times overflow."""


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
        transport: What takes the requests away, for tests; aiohttp where it is not given.
        **options: See :class:`HTTPOptions`.

    Raises:
        TypeError: An option is unknown, also to the provider, which hands over what it does not know.
    """

    _transport: Transport | None = None
    _is_closed = False

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
        transport: Transport | None = None,
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
        self._request_pace = self._pace(options.get("max_requests_per_s"))
        self._byte_pace = self._pace(options.get("max_bytes_per_s"))
        hedge = options.get("hedge")
        self._hedging = None if hedge is None else Hedging(hedge)
        self._on_event = options.get("on_event")
        self._options = options
        self._transport = transport
        self._made_at = _caller()
        self._pid = os.getpid()
        self._budget = RetryBudget()
        self._clock_offset = timedelta(0)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(self, request: Request) -> Response:
        """The answer to a request, read to its end and known to be a success.

        Raises:
            StorageError: What the last attempt ended in.
        """
        call = self._begin(request)
        try:
            response = await self._attempts(request, call, self._exchange)
        except BaseException as error:
            self._end(call, error)
            raise
        self._end(call)
        return response

    async def stream(self, request: Request) -> ResponseStream:
        """The answer to a request, its body still to come. Whoever gets it closes it.

        Raises:
            StorageError: What the last attempt ended in.
        """
        call = self._begin(request)
        try:
            return await self._attempts(request, call, self._open)
        except BaseException as error:
            self._end(call, error)
            raise

    def now(self) -> datetime:
        """The time by the service's clock, as far as it has made itself known."""
        return self._now() + self._clock_offset

    async def aclose(self) -> None:
        """Close all connections. Open response bodies break; later calls are refused."""
        self._is_closed = True
        if self._transport is not None:
            await self._transport.aclose()

    def __del__(self) -> None:
        """Say that nobody closed it."""
        if self._transport is not None and not self._is_closed:
            warnings.warn(
                f"a driver for {self._provider!r}, made at {self._made_at}, was not closed",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )

    async def _attempts(self, request: Request, call: Call[C], attempt: Attempt[C, T]) -> T:
        policy = chosen_policy() or self._retry
        gate = self._slots.gate(request.endpoint)
        if self._hedging is not None and request.is_read:
            attempt = partial(hedged, attempt, hedging=self._hedging, monotonic=self._monotonic)
        while True:
            self._check_usable(request)
            call.attempts += 1
            call.may_have_arrived = False
            try:
                result = await attempt(request, call)
            except StorageError as error:
                call.take_back()
                self._describe(error, request, call)
                if _is_throttling(error):
                    gate.throttled(self._monotonic())
                if call.try_again_at_once:
                    call.try_again_at_once = False
                    continue
                wait_s = policy.wait_s(
                    error, attempt=call.attempts, elapsed_s=self._monotonic() - call.started, chance=self._chance()
                )
                if wait_s is None or not _may_repeat(request, error, call) or not self._budget.take():
                    raise
                self._tell_of_retry(request, call, error, wait_s)
            else:
                self._budget.give_back()
                gate.succeeded()
                return result
            await self._sleep(wait_s)

    async def _exchange(self, request: Request, call: Call[C]) -> Response:
        gate = await self._enter(request)
        try:
            answer = await self._ask(request, call)
            try:
                body = await answer.read_at_most(MAX_ANSWER_BYTES)
            except TransportError as error:
                raise storage_error(error) from None
            finally:
                answer.close()
        finally:
            self._slots.release(gate, request.subject)
        call.received = len(body)
        response = Response(status=answer.status, headers=answer.headers(), body=body)
        self._raise_error_in(request, response, call)
        return response

    async def _open(self, request: Request, call: Call[C]) -> ResponseStream:
        gate = await self._enter(request)
        handed_over = False
        try:
            answer = await self._ask(request, call)
            try:
                if answer.status < 300:

                    def on_close(received: int, error: BaseException | None) -> None:
                        self._slots.release(gate, request.subject)
                        call.received = received
                        self._end(call, error)

                    handed_over = True
                    loop = asyncio.get_running_loop()
                    return ResponseStream(answer, request, on_close, pace=self._byte_pace, loop=loop)
                body = await answer.read_at_most(MAX_ERROR_BYTES)
            except TransportError as error:
                raise storage_error(error) from None
            finally:
                if not handed_over:
                    answer.close()
        finally:
            if not handed_over:
                self._slots.release(gate, request.subject)
        response = Response(status=answer.status, headers=answer.headers(), body=body)
        self._raise_error_in(request, response, call)
        raise UnexpectedResponseError(f"an answer of status {answer.status} was not expected", status=answer.status)

    async def _enter(self, request: Request) -> Gate:
        if self._request_pace is not None:
            await self._request_pace.take()
        gate = self._slots.gate(request.endpoint)
        await self._slots.acquire(gate, request.subject)
        return gate

    async def _ask(self, request: Request, call: Call[C]) -> Answer:
        credentials = self._cache_for(request)
        credential = None if credentials is None else await credentials.get()
        refusal, call.refusal = call.refusal, None
        if refusal is not None and credential == call.credential:
            call.attempts -= 1  # whoever gave it has no other one, so there is nothing to try
            raise refusal
        call.credential = credential
        if self._transport is None:
            # aiohttp takes a tenth of a second to import: not on the event loop's thread.
            made = await asyncio.to_thread(_make_session, self._options, self._byte_pace)
            self._transport = self._transport or made
        self._check_usable(request)  # it may have been closed while this waited
        call.clock_offset = self._clock_offset
        wire = call.wire = self._sign(request, call.credential, self.now())
        on_sent = call.counting(request.on_sent)
        call.may_have_arrived = True
        call.sent = len(request.body)
        try:
            body = request.body if wire.body is None else wire.body
            answer = await self._transport.request(request.method, wire.url, wire.headers, body, on_sent)
        except TransportError as error:
            call.may_have_arrived = error.may_have_arrived
            raise storage_error(error) from None
        except BaseException:
            call.take_back()
            raise
        call.status = answer.status
        return answer

    def _begin(self, request: Request) -> Call[C]:
        call: Call[C] = Call(self._monotonic())
        if self._on_event is not None:
            self._tell(
                RequestStarted(
                    call=call.number,
                    provider=self._provider,
                    operation=request.operation,
                    container=request.container,
                    key=request.key,
                    method=request.method,
                    host=request.endpoint.partition("://")[2],
                )
            )
        return call

    def _end(self, call: Call[C], error: BaseException | None = None) -> None:
        if self._on_event is not None and not call.is_silent:
            self._tell(
                RequestEnded(
                    call=call.number,
                    attempts=call.attempts,
                    status=call.status,
                    duration_s=self._monotonic() - call.started,
                    sent_bytes=call.sent,
                    received_bytes=call.received,
                    error=error,
                )
            )

    def _tell_of_retry(self, request: Request, call: Call[C], error: StorageError, wait_s: float) -> None:
        log.info(
            "%s failed with %s in attempt %d; again in %.2f s",
            request.operation,
            type(error).__name__,
            call.attempts,
            wait_s,
            extra={
                "storage_provider": self._provider,
                "storage_container": request.container,
                "storage_status": error.status,
                "storage_code": error.code,
                "storage_request_id": error.request_id,
            },
        )
        if self._on_event is not None:
            self._tell(AttemptFailed(call=call.number, attempt=call.attempts, error=error, wait_s=wait_s))

    def _tell(self, event: Event) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception:
            log.exception("the callback for events failed")

    def _raise_error_in(self, request: Request, response: Response, call: Call[C]) -> None:
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
            call.refusal = error if call.try_again_at_once else None
        raise error

    def _cache_for(self, request: Request) -> CredentialCache[C] | None:
        return self._credentials if self._credentials_of is None else self._credentials_of(request)

    def _learn_the_time(self, headers: Mapping[str, str], call: Call[C]) -> bool:
        """Adopt the service's clock for all requests; False where it is the one that the request went by."""
        theirs = parse_http_date(headers.get("date"))
        if theirs is None or theirs.year not in _PLAUSIBLE_YEARS:
            return False
        offset = theirs - self._now()
        self._clock_offset = offset
        return abs((offset - call.clock_offset).total_seconds()) > _SKEW_WORTH_LEARNING_S

    def _pace(self, rate: float | None) -> Pace | None:
        if rate is None:
            return None
        if rate <= 0:
            raise InvalidArgumentError("a rate is more than nothing", provider=self._provider)
        return Pace(rate, self._monotonic, self._sleep)

    def _check_usable(self, request: Request) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self._pid = loop, os.getpid()
        if self._is_closed or self._loop is not loop or self._pid != os.getpid():
            kind: type[StorageError] = WrongLoopError
            why = "the driver belongs to another event loop; make one for each loop"
            if self._is_closed:
                kind, why = ClosedError, "the driver is closed"
            elif self._pid != os.getpid():
                why = "the driver belongs to the process that this one was forked from; make one for each process"
            raise kind(
                why, provider=self._provider, operation=request.operation, container=request.container, key=request.key
            )

    def _describe(self, error: StorageError, request: Request, call: Call[C]) -> None:
        call.may_be_done |= call.may_have_arrived and not request.is_read and isinstance(error, _UNSURE)
        error.may_be_done = call.may_be_done
        error.attempts = call.attempts
        error.provider = error.provider or self._provider
        error.operation = error.operation or request.operation
        error.container = error.container or request.container
        error.key = error.key or request.key


def _make_session(options: HTTPOptions, pace: Pace | None) -> Session:
    from aiostorage._http.session import Session  # noqa: PLC0415 - see where this is called

    return Session(
        session=options.get("session"),
        connect_timeout_s=options.get("connect_timeout_s", 10.0),
        idle_timeout_s=options.get("idle_timeout_s", 60.0),
        proxy=options.get("proxy"),
        ca_bundle=options.get("ca_bundle"),
        proxy_ca=options.get("proxy_ca"),
        client_certificate=options.get("client_certificate"),
        pace=pace,
    )


def _caller() -> str:
    """The line outside of this package that is running."""
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage]  # inspect takes long to import
    inside = ("aiostorage.", "typing")  # the latter calls the constructors of generic classes
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(inside):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _is_throttling(error: StorageError) -> bool:
    return isinstance(error, RateLimitedError) or (isinstance(error, ServiceUnavailableError) and error.status == 503)


def _may_repeat(request: Request, error: StorageError, call: Call[C]) -> bool:
    """A write that may have taken effect is not repeated, unless repeating it does no harm.

    An answer that refuses the request for its rate, or for another write at the same time, says that
    nothing was done.
    """
    return (
        request.is_repeatable
        or not call.may_have_arrived
        or isinstance(error, RateLimitedError | PreconditionFailedError)
    )

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import aiohttp
import pytest

from aiostorage import (
    AuthenticationError,
    ClockSkewError,
    ClosedError,
    RateLimitedError,
    RetryPolicy,
    ServiceUnavailableError,
    StorageConnectionError,
    StorageError,
    StorageTimeoutError,
    UnexpectedResponseError,
    WrongLoopError,
)
from aiostorage._http import client as client_module
from aiostorage._http.client import HTTPClient, Timing
from aiostorage._http.credentials import CredentialCache
from aiostorage._http.headers import parse_http_date
from aiostorage._http.messages import Request, Response, Wire
from tests.scripted import Answer, ScriptedServer, Seen, hang_up, reset

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@dataclass
class Token:
    value: str
    expires_at: datetime | None = None


class Harness:
    """A client of a provider as small as can be: the signature counts, statuses are errors."""

    def __init__(
        self, url: str, *, attempts: int = 3, credentials: CredentialCache[Token] | None = None, **options: object
    ) -> None:
        self.url = url
        self.waits: list[float] = []
        self.signed: list[tuple[str | None, datetime]] = []
        self.client = HTTPClient[Token](
            provider="test",
            sign=self.sign,
            read_error=self.read_error,
            credentials=credentials,
            timing=Timing(now=lambda: NOW, sleep=self.sleep, chance=lambda: 0.5),
            retry=RetryPolicy(max_attempts=attempts, base_s=0.1),
            **options,  # type: ignore[arg-type]  # whatever a test wants
        )

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def sign(self, request: Request, credential: Token | None, now: datetime) -> Wire:
        self.signed.append((None if credential is None else credential.value, now))
        return Wire(request.url, {**request.headers, "x-signature": str(len(self.signed))})

    def read_error(self, _request: Request, response: Response) -> StorageError | None:
        match response.status:
            case 401:
                return AuthenticationError("who?")
            case 403:
                return ClockSkewError("when?")
            case 429:
                return RateLimitedError("slower", retryable=True)
            case status if status >= 500:
                return ServiceUnavailableError("not now", retryable=True)
            case status if status >= 300:
                return StorageError("no")
            case _:
                return StorageError("inside a 200") if response.body == b"<Error>" else None

    def request(self, method: str = "GET", **details: object) -> Request:
        return Request(operation="op", method=method, url=f"{self.url}/x?sig=SECRET", container="c", key="k", **details)  # type: ignore[arg-type]


async def test_an_answer_comes_whole_with_lower_case_headers() -> None:
    async with ScriptedServer(Answer(headers={"ETag": '"e"', "X-Two": "1", "x-two": "2"}, body=b"hello")) as server:
        harness = Harness(server.url)
        response = await harness.client.send(harness.request())
        await harness.client.aclose()
    assert (response.status, response.body) == (200, b"hello")
    assert response.headers["etag"] == '"e"'
    assert response.headers["x-two"] == "1, 2"


async def test_the_target_and_headers_go_out_as_they_are() -> None:
    async with ScriptedServer(Answer()) as server:
        harness = Harness(server.url)
        target = "/b/a%2Fb//../%41+%20%C3%A9?x=%2F&y"
        await harness.client.send(Request(operation="op", method="GET", url=server.url + target))
        await harness.client.aclose()
    [seen] = server.seen
    assert seen.target == target
    assert set(seen.headers) == {"host", "x-signature"}


async def test_a_failure_is_tried_again_with_a_fresh_signature() -> None:
    async with ScriptedServer(Answer(status=503), reset(), Answer(body=b"ok")) as server:
        harness = Harness(server.url)
        response = await harness.client.send(harness.request())
        await harness.client.aclose()
    assert response.body == b"ok"
    assert [seen.headers["x-signature"] for seen in server.seen] == ["1", "2", "3"]
    assert harness.waits == [0.05, 0.1]


async def test_after_the_last_attempt_the_error_says_what_where_and_how_often() -> None:
    async with ScriptedServer(*[Answer(status=503)] * 3) as server:
        harness = Harness(server.url)
        with pytest.raises(ServiceUnavailableError) as caught:
            await harness.client.send(harness.request())
        await harness.client.aclose()
    error = caught.value
    assert (error.provider, error.operation, error.container, error.key) == ("test", "op", "c", "k")
    assert (error.status, error.attempts) == (503, 3)
    assert "SECRET" not in str(error)


async def test_retry_after_is_obeyed() -> None:
    async with ScriptedServer(Answer(status=429, headers={"Retry-After": "7"}), Answer()) as server:
        harness = Harness(server.url)
        await harness.client.send(harness.request())
        await harness.client.aclose()
    assert harness.waits == [7.0]


async def test_an_error_inside_a_200_is_an_error() -> None:
    async with ScriptedServer(Answer(body=b"<Error>")) as server:
        harness = Harness(server.url)
        with pytest.raises(StorageError, match="inside a 200"):
            await harness.client.send(harness.request())
        await harness.client.aclose()


@pytest.mark.parametrize("fault", [reset(), hang_up(), Answer(status=503)], ids=["reset", "hang up", "503"])
async def test_a_write_that_may_have_taken_effect_is_not_repeated(fault: Answer) -> None:
    async with ScriptedServer(fault) as server:
        harness = Harness(server.url)
        with pytest.raises(StorageError):
            await harness.client.send(harness.request("PUT", body=b"data", is_repeatable=False))
        await harness.client.aclose()
    assert len(server.seen) == 1


async def test_a_write_that_was_refused_for_its_rate_is_repeated() -> None:
    async with ScriptedServer(Answer(status=429), Answer()) as server:
        harness = Harness(server.url)
        await harness.client.send(harness.request("PUT", body=b"data", is_repeatable=False))
        await harness.client.aclose()
    assert [seen.body for seen in server.seen] == [b"data", b"data"]


async def test_a_write_that_never_left_is_repeated() -> None:
    async with ScriptedServer() as server:
        pass  # nobody listens any more
    harness = Harness(server.url)
    with pytest.raises(StorageConnectionError, match="cannot connect to 127") as caught:
        await harness.client.send(harness.request("PUT", body=b"data", is_repeatable=False))
    await harness.client.aclose()
    assert caught.value.attempts == 3


async def test_a_dead_kept_alive_connection_is_not_papered_over_below_the_retry_loop() -> None:
    """aiohttp would send the request again by itself, and nobody would know that it went twice."""
    async with ScriptedServer(Answer(), hang_up()) as server:
        harness = Harness(server.url)
        await harness.client.send(harness.request())
        with pytest.raises(StorageConnectionError):
            await harness.client.send(harness.request("PUT", body=b"data", is_repeatable=False))
        await harness.client.aclose()
    assert len(server.seen) == 2


async def test_an_expired_credential_is_renewed_once() -> None:
    made: list[Token] = []

    async def fetch() -> Token:
        made.append(Token(f"t{len(made)}", NOW + timedelta(hours=1)))
        return made[-1]

    async with ScriptedServer(Answer(status=401), Answer(), Answer(status=401), Answer(status=401)) as server:
        harness = Harness(server.url, credentials=CredentialCache(fetch, now=lambda: NOW))
        await harness.client.send(harness.request())
        assert [value for value, _ in harness.signed] == ["t0", "t1"]
        with pytest.raises(AuthenticationError):
            await harness.client.send(harness.request())
        await harness.client.aclose()
    assert len(made) == 3
    assert harness.waits == []


async def test_an_answer_that_teaches_something_is_worth_one_more_attempt_at_once() -> None:
    learned: list[tuple[str, str]] = []

    def learn(_request: Request, wire: Wire, response: Response) -> bool:
        learned.append((wire.headers["x-signature"], response.headers["x-teaches"]))
        return response.headers["x-teaches"] == "yes"

    taught, untaught = (Answer(status=404, headers={"x-teaches": text}) for text in ("yes", "no"))
    async with ScriptedServer(taught, Answer(body=b"ok"), untaught, taught, taught) as server:
        harness = Harness(server.url, attempts=1, learn=learn)
        # Whatever it was that it answered, it did not do what was asked.
        assert (await harness.client.send(harness.request("PUT", is_repeatable=False))).body == b"ok"
        for attempts in (1, 2):
            with pytest.raises(StorageError) as caught:
                await harness.client.send(harness.request())
            assert caught.value.attempts == attempts
        await harness.client.aclose()
    assert learned == [("1", "yes"), ("3", "no"), ("4", "yes"), ("5", "yes")]
    assert not harness.waits


async def test_one_request_may_go_in_another_name() -> None:
    names: list[str] = []

    def cache_of(name: str) -> CredentialCache[Token]:
        async def fetch() -> Token:
            names.append(name)
            return Token(f"{name}{len(names)}", NOW + timedelta(hours=1))

        return CredentialCache(fetch, now=lambda: NOW)

    ours, theirs = cache_of("ours"), cache_of("theirs")
    async with ScriptedServer(Answer(), Answer(status=401), Answer(), Answer()) as server:
        harness = Harness(
            server.url, credentials=ours, credentials_of=lambda request: ours if request.method == "GET" else theirs
        )
        for method in ("GET", "PUT", "GET"):  # what is refused is renewed where it came from
            await harness.client.send(harness.request(method))
        await harness.client.aclose()
    assert [value for value, _ in harness.signed] == ["ours1", "theirs2", "theirs3", "ours1"]


@pytest.mark.verifies("endpoints: a wrong clock corrected", on="fake")
async def test_the_clock_is_learned_once_and_used_by_all() -> None:
    late = Answer(status=403, headers={"Date": "Mon, 23 Nov 2026 12:30:00 GMT"})
    async with ScriptedServer(late, Answer(), Answer(), late) as server:
        harness = Harness(server.url)
        await harness.client.send(harness.request())
        await harness.client.send(harness.request())
        with pytest.raises(ClockSkewError):
            await harness.client.send(harness.request())
        await harness.client.aclose()
    assert [now for _, now in harness.signed] == [NOW, *[NOW + timedelta(minutes=30)] * 3]


async def test_progress_of_a_failed_attempt_is_taken_back() -> None:
    moved: list[int] = []
    body = bytes(600 * 1024)
    async with ScriptedServer(Answer(status=503), Answer()) as server:
        harness = Harness(server.url)
        await harness.client.send(harness.request("PUT", body=body, on_sent=moved.append))
        await harness.client.aclose()
    assert sum(moved) == len(body)
    assert -len(body) in moved
    assert max(moved) <= 256 * 1024


async def test_a_stalled_answer_times_out() -> None:
    async with ScriptedServer(*[Answer(raw=b"HTTP/1.1 200 OK\r\n", then="stall")] * 2) as server:
        harness = Harness(server.url, attempts=2, idle_timeout_s=0.05)
        with pytest.raises(StorageTimeoutError):
            await harness.client.send(harness.request())
        await harness.client.aclose()
    assert len(server.seen) == 2


async def test_a_server_that_takes_nothing_more_times_out() -> None:
    is_over = asyncio.Event()

    async def ignore(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await is_over.wait()
        writer.transport.abort()

    async with await asyncio.start_server(ignore, "127.0.0.1", 0) as server:
        harness = Harness(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", attempts=1, idle_timeout_s=0.1)
        with pytest.raises(StorageTimeoutError):
            await harness.client.send(harness.request("PUT", body=bytes(64 * 1024 * 1024)))
        is_over.set()
        await harness.client.aclose()


async def test_a_server_that_does_not_let_us_connect_times_out() -> None:
    with contextlib.ExitStack() as sockets:
        server = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # until there is no more room among those that nobody has accepted
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        harness = Harness(f"http://127.0.0.1:{server.getsockname()[1]}", attempts=2, connect_timeout_s=0.05)
        with pytest.raises(StorageTimeoutError, match="connect"):
            await harness.client.send(harness.request())
        assert len(harness.waits) == 1
        await harness.client.aclose()


async def test_a_body_that_breaks_off_is_a_storage_error() -> None:
    cut = Answer(body=b"half", length=8, then="close")
    async with ScriptedServer(cut, cut) as server:
        harness = Harness(server.url, attempts=1)
        with pytest.raises(StorageConnectionError):
            await harness.client.send(harness.request())
        stream = await harness.client.stream(harness.request())
        with pytest.raises(StorageConnectionError):
            async for _ in stream:
                pass
        await stream.aclose()
        await harness.client.aclose()


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
    ],
    ids=["no HTTP", "an endless header", "two lengths"],
)
async def test_what_is_not_http_is_an_unexpected_response(raw: bytes) -> None:
    async with ScriptedServer(Answer(raw=raw, then="close")) as server:
        harness = Harness(server.url, attempts=1)
        with pytest.raises(UnexpectedResponseError) as caught:
            await harness.client.send(harness.request())
        await harness.client.aclose()
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_document_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_ANSWER_BYTES", 1000)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + bytes(1024) + b"\r\n"
    async with ScriptedServer(Answer(raw=chunked, then="stall"), Answer(body=bytes(2000))) as server:
        harness = Harness(server.url, attempts=1)
        for _ in range(2):
            with pytest.raises(UnexpectedResponseError, match="more than 1000"):
                await harness.client.send(harness.request())
        await harness.client.aclose()


async def test_redirects_are_not_followed() -> None:
    async with ScriptedServer(Answer(status=307, headers={"Location": "http://127.0.0.1:1/"})) as server:
        harness = Harness(server.url)
        with pytest.raises(StorageError) as caught:
            await harness.client.send(harness.request())
        await harness.client.aclose()
    assert caught.value.status == 307


async def test_leaving_a_body_early_closes_its_connection_and_frees_its_slot() -> None:
    big = Answer(body=bytes(4 * 1024 * 1024))
    async with ScriptedServer(big, Answer(body=b"ok")) as server:
        harness = Harness(server.url, max_connections=1, pool_timeout_s=0.05)
        stream = await harness.client.stream(harness.request())
        assert await anext(aiter(stream))
        await stream.aclose()
        await stream.aclose()
        assert (await harness.client.send(harness.request())).body == b"ok"
        await harness.client.aclose()
    assert server.connections == 2


async def test_a_body_read_to_its_end_leaves_the_connection_to_others() -> None:
    async with ScriptedServer(Answer(body=b"one"), Answer(body=b"two")) as server:
        harness = Harness(server.url)
        stream = await harness.client.stream(harness.request())
        assert b"".join([chunk async for chunk in stream]) == b"one"
        await stream.aclose()
        assert (await harness.client.send(harness.request())).body == b"two"
        await harness.client.aclose()
    assert server.connections == 1


async def test_waiting_for_a_connection_ends_and_names_who_holds_them() -> None:
    async with ScriptedServer(Answer(body=b"x")) as server:
        harness = Harness(server.url, max_connections=1, pool_timeout_s=0.01)
        stream = await harness.client.stream(harness.request())
        with pytest.raises(StorageTimeoutError, match="all 1 are held: 1 by op of 'k' in 'c'"):
            await harness.client.send(harness.request())
        await stream.aclose()
        await harness.client.aclose()


async def test_an_error_answer_to_a_stream_frees_everything() -> None:
    async with ScriptedServer(Answer(status=404, body=b"gone"), Answer(body=b"ok")) as server:
        harness = Harness(server.url, max_connections=1, pool_timeout_s=0.01)
        with pytest.raises(StorageError):
            await harness.client.stream(harness.request())
        assert (await harness.client.send(harness.request())).body == b"ok"
        await harness.client.aclose()


async def test_a_cancelled_request_frees_its_slot() -> None:
    async with ScriptedServer(Answer(raw=b"", then="stall"), Answer(body=b"ok")) as server:
        harness = Harness(server.url, max_connections=1, pool_timeout_s=0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await harness.client.send(harness.request("PUT", body=bytes(1024 * 1024)))
        assert (await harness.client.send(harness.request())).body == b"ok"
        await harness.client.aclose()


async def test_after_closing_calls_are_refused() -> None:
    async with ScriptedServer() as server:
        harness = Harness(server.url)
        await harness.client.aclose()
        await harness.client.aclose()
        with pytest.raises(ClosedError):
            await harness.client.send(harness.request())


def test_another_event_loop_is_refused() -> None:
    async def first() -> Harness:
        async with ScriptedServer(Answer()) as server:
            harness = Harness(server.url)
            await harness.client.send(harness.request())
            await harness.client.aclose()
            harness.client._is_closed = False  # pyright: ignore[reportPrivateUsage]
            return harness

    async def second(harness: Harness) -> None:
        with pytest.raises(WrongLoopError):
            await harness.client.send(harness.request())

    harness = asyncio.run(first())
    asyncio.run(second(harness))
    harness.client._is_closed = True  # pyright: ignore[reportPrivateUsage]


class Telling(Harness):
    """A client that tells its credential and its time in the clear, and when it was refused."""

    def __init__(self, url: str, *, credentials: CredentialCache[Token] | None = None) -> None:
        super().__init__(url, credentials=credentials)
        self.refusals = asyncio.Semaphore(0)

    def sign(self, request: Request, credential: Token | None, now: datetime) -> Wire:
        return Wire(request.url, {"x-token": credential.value if credential else "", "x-time": now.isoformat()})

    def read_error(self, request: Request, response: Response) -> StorageError | None:
        if response.status == 401:
            self.refusals.release()
        return super().read_error(request, response)


class Together(ScriptedServer):
    """Answers the first four requests when all of them have come."""

    def __init__(self, answer: Callable[[Seen], Answer]) -> None:
        super().__init__(answer=answer)
        self._all_came = asyncio.Event()

    async def _send(
        self, answer: Answer, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if len(self.seen) == 4:
            self._all_came.set()
        await self._all_came.wait()
        return await super()._send(answer, seen, reader, writer)


async def test_requests_that_are_refused_together_share_one_renewal() -> None:
    made: list[Token] = []

    async def fetch() -> Token:
        if made:
            for _ in range(4):  # all of them are refused while the renewal is under way
                await harness.refusals.acquire()
        made.append(Token(f"t{len(made)}", NOW + timedelta(hours=1)))
        return made[-1]

    def answer(seen: Seen) -> Answer:
        return Answer(status=401 if seen.headers["x-token"] == "t0" else 200)

    credentials = CredentialCache(fetch, now=lambda: NOW)
    await credentials.get()
    async with Together(answer) as server:
        harness = Telling(server.url, credentials=credentials)
        await asyncio.gather(*[harness.client.send(harness.request()) for _ in range(4)])
        await harness.client.aclose()
    assert [seen.headers["x-token"] for seen in server.seen] == ["t0"] * 4 + ["t1"] * 4


async def test_requests_that_are_refused_together_learn_the_time_together() -> None:
    theirs = NOW + timedelta(minutes=30)

    def answer(seen: Seen) -> Answer:
        is_late = datetime.fromisoformat(seen.headers["x-time"]) < theirs - timedelta(minutes=5)
        return Answer(status=403 if is_late else 200, headers={"Date": format_datetime(theirs, usegmt=True)})

    async with Together(answer) as server:
        harness = Telling(server.url)
        await asyncio.gather(*[harness.client.send(harness.request()) for _ in range(4)])
        await harness.client.aclose()
    assert len(server.seen) == 8


async def test_closing_ends_the_requests_under_way_and_opens_nothing_again() -> None:
    asked = asyncio.Event()

    def answer(_seen: Seen) -> Answer:
        is_first = not asked.is_set()
        asked.set()
        return Answer(raw=b"", then="stall") if is_first else Answer(body=b"late")

    async with ScriptedServer(answer=answer) as server:
        harness = Harness(server.url)
        task = asyncio.create_task(harness.client.send(harness.request()))
        await asked.wait()
        await harness.client.aclose()
        with pytest.raises((ClosedError, StorageConnectionError)):
            await task
        assert server.connections == len(server.seen) == 1


async def test_a_session_that_was_handed_in_sends_nothing_again_by_itself() -> None:
    async with ScriptedServer(Answer(), hang_up(), Answer()) as server, aiohttp.ClientSession() as session:
        harness = Harness(server.url, session=session)
        await harness.client.send(harness.request())
        with pytest.raises(StorageConnectionError):
            await harness.client.send(harness.request("PUT", body=b"data", is_repeatable=False))
        await harness.client.aclose()
        assert len(server.seen) == 2
        assert session.connector is not None
        assert not session.connector.closed, "it is the caller's"


async def test_a_session_that_was_handed_in_does_not_say_what_an_error_is() -> None:
    async with ScriptedServer(Answer(status=404)) as server, aiohttp.ClientSession(raise_for_status=True) as session:
        harness = Harness(server.url, session=session)
        with pytest.raises(StorageError, match="no") as caught:
            await harness.client.send(harness.request())
        await harness.client.aclose()
    assert (type(caught.value), caught.value.status) == (StorageError, 404)


async def test_a_session_that_was_handed_in_closed_is_refused() -> None:
    async with ScriptedServer() as server:
        session = aiohttp.ClientSession()
        await session.close()
        harness = Harness(server.url, session=session)
        with pytest.raises(ClosedError):
            await harness.client.send(harness.request())
        await harness.client.aclose()


async def test_a_session_that_is_closed_meanwhile_is_refused() -> None:
    async with ScriptedServer(Answer()) as server:
        session = aiohttp.ClientSession()
        harness = Harness(server.url, session=session)
        await harness.client.send(harness.request())
        await session.close()
        with pytest.raises(ClosedError):
            await harness.client.send(harness.request())
        await harness.client.aclose()


@pytest.mark.parametrize(
    "fault", [Answer(body=b"x", length=100, then="close"), reset()], ids=["in the answer", "before"]
)
async def test_progress_counts_once_what_was_sent_twice(fault: Answer) -> None:
    moved: list[int] = []
    body = bytes(1000)
    async with ScriptedServer(fault, Answer()) as server:
        harness = Harness(server.url)
        await harness.client.send(harness.request("PUT", body=body, on_sent=moved.append))
        await harness.client.aclose()
    assert sum(moved) == len(body)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "Wed, 21 Oct 2015 07:28:00 +99999999999999999",
        "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
        "Wed, 99 Oct 2015 99:99:99 GMT",
        "\ud800\x00",
    ],
)
def test_a_date_that_is_none_is_none(value: str | None) -> None:
    assert parse_http_date(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 09:49:37 +0100",
    ],
)
def test_dates_are_read(value: str) -> None:
    assert parse_http_date(value) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)

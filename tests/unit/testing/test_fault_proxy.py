"""Each fault of the proxy, as it looks to a plain client: the standard library's, or a bare socket."""

from __future__ import annotations

import asyncio
import http.client
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from aiostorage.testing.faults import (
    Asked,
    Break,
    CloseIdle,
    Corrupt,
    Drip,
    Fault,
    FaultProxy,
    Garbage,
    IgnoreRange,
    OldVersion,
    Refuse,
    RepeatPage,
    Reply,
    Truncate,
    WrongLength,
)
from tests.scripted import Answer, ScriptedServer, Seen
from tests.waiting import settles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiostorage.testing.faults import Dialect

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(256)) * 8
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """What a client got."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """A connection that is kept; it blocks, and so works in threads."""

    def __init__(self, url: str, timeout_s: float = PATIENCE_S) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout_s)

    async def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Got:
        return await asyncio.to_thread(self._ask, method, target, body, headers)

    def _ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Got:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, target, body or None, named)
            answer = self._connection.getresponse()
            return Got(
                status=answer.status,
                headers={name.lower(): value for name, value in answer.getheaders()},
                body=answer.read(),
            )
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()


class Store:
    """A server that keeps what is put, and counts."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {"/bucket/key": CONTENT}
        self.asked: list[str] = []

    def answer(self, seen: Seen) -> Answer:
        path, _, query = seen.target.partition("?")
        self.asked.append(f"{seen.method} {seen.target}")
        if seen.method == "PUT":
            self.objects[path] = seen.body
            return Answer(headers={"ETag": '"new"'})
        if query.startswith("page="):
            return Answer(body=f"<page>{query}</page>".encode())
        if (content := self.objects.get(path)) is None:
            return Answer(status=404)
        if (asked := seen.headers.get("range")) is None:
            return Answer(body=content, headers={"ETag": '"e"', "Content-MD5": "x"})
        start, stop = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        stated = {"Content-Range": f"bytes {start}-{stop}/{len(content)}", "ETag": '"e"'}
        return Answer(status=206, body=content[start : stop + 1], headers=stated)


@asynccontextmanager
async def standing(
    *faults: Fault, dialect: Dialect = "s3", timeout_s: float = PATIENCE_S
) -> AsyncIterator[tuple[Client, FaultProxy, Store]]:
    """A server, the proxy before it, and a client."""
    store = Store()
    async with ScriptedServer(answer=store.answer) as server, FaultProxy(server.url, dialect=dialect) as proxy:
        proxy.inject(*faults)
        client = Client(proxy.url, timeout_s)
        try:
            yield client, proxy, store
        finally:
            client.close()


async def test_without_faults_all_goes_through() -> None:
    async with standing() as (client, proxy, store):
        put = await client.ask("PUT", "/bucket/other", b"content")
        got = await client.ask("GET", "/bucket/other")
        head = await client.ask("HEAD", "/bucket/key")
    assert (put.status, got.status, got.body, store.objects["/bucket/other"]) == (200, 200, b"content", b"content")
    assert (head.headers["content-length"], head.body) == (str(len(CONTENT)), b"")
    assert (proxy.requests, proxy.connections, proxy.count()) == (3, 1, 0)
    assert [exchange.request.asked.operation for exchange in proxy.exchanges] == [
        "put_object",
        "get_object",
        "head_object",
    ]


async def test_chunked_bodies_go_through() -> None:
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    sent = b"PUT /bucket/other HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, FaultProxy(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as proxy:
        _, got = await raw(proxy, sent)
    assert came == [sent]
    assert got.endswith(b"Content-Length: 3\r\n\r\ndef")


async def test_a_client_that_waits_to_be_told_to_go_on_is_told() -> None:
    async with standing() as (_, proxy, store):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"PUT /bucket/other HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(b"abc")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()
    assert store.objects["/bucket/other"] == b"abc"


# Which requests


@pytest.mark.parametrize(
    "choice",
    [
        {"method": "PUT"},
        {"operation": "put_object"},
        {"key": "the key"},
        {"path": "the%20key"},
        {"container": "other"},
        {"method": None, "nth": 2},
    ],
)
async def test_a_fault_chooses_its_request(choice: dict[str, object]) -> None:
    fault = Fault(what=Reply(status=503), times=None, **choice)  # type: ignore[arg-type]  # as they come
    async with standing(fault) as (client, proxy, _):
        first = await client.ask("GET", "/bucket/key")
        second = await client.ask("PUT", "/other/the%20key", b"x")
        assert (first.status, second.status, proxy.count(fault)) == (200, 503, 1)


async def test_a_function_chooses() -> None:
    fault = Fault(what=Reply(status=503), where=lambda request: request.header("x-mark") == "1")
    async with standing(fault) as (client, proxy, _):
        assert (await client.ask("GET", "/bucket/key")).status == 200
        assert (await client.ask("GET", "/bucket/key", x_mark="1")).status == 503
        assert proxy.count(fault) == 1


async def test_from_the_second_on_each_third_but_twice() -> None:
    fault = Fault(what=Reply(status=503), nth=2, every=3, times=2)
    async with standing(fault) as (client, proxy, _):
        statuses = [(await client.ask("GET", "/bucket/key")).status for _ in range(9)]
        assert statuses == [200, 503, 200, 200, 503, 200, 200, 200, 200]
        assert proxy.count(fault) == 2


async def test_two_faults_that_look_alike_are_counted_apart_until_they_are_healed() -> None:
    first, second = Fault(what=Reply(status=503)), Fault(what=Reply(status=503))
    async with standing(first, second) as (client, proxy, _):
        assert (await client.ask("GET", "/bucket/key")).status == 503
        assert (proxy.count(first), proxy.count(second), proxy.count()) == (1, 0, 1)
        proxy.heal()
        assert (await client.ask("GET", "/bucket/key")).status == 200
        assert (proxy.count(first), proxy.count(second)) == (1, 0)


async def test_one_can_wait_for_a_fault() -> None:
    fault = Fault(what=Reply(status=503), nth=2)
    async with standing(fault) as (client, proxy, _):
        waiting = asyncio.create_task(proxy.happened(fault))
        await client.ask("GET", "/bucket/key")
        await asyncio.sleep(0)
        assert not waiting.done()
        await client.ask("GET", "/bucket/key")
        await waiting


@pytest.mark.parametrize(
    ("dialect", "method", "target", "operation", "container", "key"),
    [
        ("s3", "GET", "/", "list_containers", None, None),
        ("s3", "PUT", "/b", "create_container", "b", None),
        ("s3", "GET", "/b?list-type=2&prefix=", "list_objects", "b", None),
        ("s3", "GET", "/b?versioning", "get_versioning", "b", None),
        ("s3", "POST", "/b?delete=", "delete_objects", "b", None),
        ("s3", "GET", "/b?uploads=", "list_uploads", "b", None),
        ("s3", "POST", "/b/a%2Fb?uploads=", "create_upload", "b", "a/b"),
        ("s3", "PUT", "/b/k?partNumber=1&uploadId=u", "upload_part", "b", "k"),
        ("s3", "POST", "/b/k?uploadId=u", "complete_upload", "b", "k"),
        ("s3", "GET", "/b/k?uploadId=u", "list_parts", "b", "k"),
        ("s3", "DELETE", "/b/k?uploadId=u", "abort_upload", "b", "k"),
        ("s3", "DELETE", "/b/k", "delete_object", "b", "k"),
        ("s3", "PUT", "/b/k?tagging", "put_tagging", "b", "k"),
        ("gcs", "GET", "/storage/v1/b?project=p", "list_containers", None, None),
        ("gcs", "POST", "/storage/v1/b?project=p", "create_container", None, None),
        ("gcs", "GET", "/storage/v1/b/b", "head_container", "b", None),
        ("gcs", "GET", "/storage/v1/b/b/o?prefix=", "list_objects", "b", None),
        ("gcs", "GET", "/storage/v1/b/b/o/a%2Fb", "head_object", "b", "a/b"),
        ("gcs", "GET", "/download/storage/v1/b/b/o/k?alt=media", "get_object", "b", "k"),
        ("gcs", "POST", "/upload/storage/v1/b/b/o?uploadType=multipart&name=k", "put_object", "b", "k"),
        ("gcs", "POST", "/upload/storage/v1/b/b/o?uploadType=resumable&name=k", "create_upload", "b", "k"),
        ("gcs", "PUT", "/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=u", "upload_part", "b", None),
        ("gcs", "POST", "/storage/v1/b/b/o/k/rewriteTo/b/c/o/l", "copy_object", "b", "k"),
        ("gcs", "PATCH", "/storage/v1/b/b/o/k", "update_object", "b", "k"),
        ("gcs", "DELETE", "/storage/v1/b/b/o/k", "delete_object", "b", "k"),
        ("gcs", "POST", "/batch/storage/v1", "delete_objects", None, None),
        ("gcs", "POST", "/b/k?uploads=", "create_upload", "b", "k"),
        ("azure", "GET", "/?comp=list", "list_containers", None, None),
        ("azure", "PUT", "/b?restype=container", "create_container", "b", None),
        ("azure", "GET", "/b?restype=container&comp=list", "list_objects", "b", None),
        ("azure", "GET", "/b?restype=container&comp=list&include=uncommittedblobs", "list_uploads", "b", None),
        ("azure", "POST", "/b?restype=container&comp=batch", "delete_objects", "b", None),
        ("azure", "PUT", "/b/a/b?comp=block&blockid=1", "upload_part", "b", "a/b"),
        ("azure", "PUT", "/b/k?comp=blocklist", "complete_upload", "b", "k"),
        ("azure", "GET", "/b/k?comp=blocklist&blocklisttype=all", "list_parts", "b", "k"),
        ("azure", "PUT", "/b/k?comp=metadata", "put_metadata", "b", "k"),
        ("azure", "HEAD", "/b/k", "head_object", "b", "k"),
        ("swift", "GET", "/auth/v1.0", "authenticate", None, None),
        ("swift", "GET", "/v1/AUTH_a?format=json", "list_containers", None, None),
        ("swift", "HEAD", "/v1/AUTH_a/c", "head_container", "c", None),
        ("swift", "GET", "/v1/AUTH_a/c/a/b", "get_object", "c", "a/b"),
        ("swift", "POST", "/v1/AUTH_a/c/k", "update_object", "c", "k"),
        ("swift", "POST", "/v1/AUTH_a?bulk-delete=", "delete_objects", None, None),
        ("swift", "PUT", "/v1/AUTH_a/c_segments/k/slo/u/1", "upload_part", "c_segments", "k/slo/u/1"),
        ("swift", "PUT", "/v1/AUTH_a/c/k?multipart-manifest=put", "complete_upload", "c", "k"),
    ],
)
async def test_requests_are_told_apart(
    dialect: Dialect, method: str, target: str, operation: str, container: str | None, key: str | None
) -> None:
    async with standing(dialect=dialect) as (client, proxy, _):
        await client.ask(method, target)
        asked = proxy.exchanges[0].request.asked
        assert asked == Asked(operation=operation, container=container, key=key)


async def test_what_is_copied_is_told_by_a_header() -> None:
    async with standing() as (client, proxy, _):
        await client.ask("PUT", "/b/k", x_amz_copy_source="/b/other")
        await client.ask("PUT", "/b/k?partNumber=1&uploadId=u", x_amz_copy_source="/b/other")
        assert [exchange.request.asked.operation for exchange in proxy.exchanges] == ["copy_object", "copy_part"]


async def test_the_root_of_a_service_may_be_a_path() -> None:
    store = Store()
    async with (
        ScriptedServer(answer=store.answer) as server,
        FaultProxy(f"{server.url}/account", dialect="azure") as proxy,
    ):
        client = Client(proxy.url)
        await client.ask("PUT", "/account/b/k", b"x")
        client.close()
        assert proxy.url.endswith("/account")
        assert proxy.exchanges[0].request.asked == Asked(operation="put_object", container="b", key="k")
    assert store.asked == ["PUT /account/b/k"]


# The connection


async def test_refused() -> None:
    fault = Fault(what=Refuse(for_s=0.2))
    async with standing(fault) as (client, proxy, store):
        with pytest.raises(ConnectionError):
            await client.ask("GET", "/bucket/key")
        assert proxy.is_refusing
        with pytest.raises(ConnectionRefusedError):
            await client.ask("GET", "/bucket/key")
        assert store.asked == []
        assert await settles(lambda: not proxy.is_refusing)
        assert (await client.ask("GET", "/bucket/key")).body == CONTENT
        assert proxy.count(fault) == 1


@pytest.mark.parametrize(
    ("what", "error", "is_done"),
    [
        (Break(at="request"), ConnectionResetError, False),
        (Break(at="request", how="close"), http.client.RemoteDisconnected, False),
        (Break(at="request", how="stall"), TimeoutError, False),
        (Break(at="reply"), ConnectionResetError, True),
        (Break(at="reply", how="close"), http.client.RemoteDisconnected, True),
        (Break(at="reply", how="stall"), TimeoutError, True),
    ],
)
async def test_no_answer(what: Break, error: type[Exception], is_done: bool) -> None:
    fault = Fault(what=what)
    async with standing(fault, timeout_s=0.2 if what.how == "stall" else PATIENCE_S) as (client, proxy, store):
        with pytest.raises(error) as caught:
            await client.ask("PUT", "/bucket/other", b"content")
        assert caught.type is error
        assert (store.objects.get("/bucket/other") == b"content") is is_done
        assert proxy.count(fault) == 1
        assert (await client.ask("GET", "/bucket/key")).body == CONTENT


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_break_while_the_request_is_sent(how: str) -> None:
    fault = Fault(what=Break(at="upload", how=how, after_bytes=1000))  # type: ignore[arg-type]  # one of two
    async with standing(fault) as (client, proxy, store):
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            await client.ask("PUT", "/bucket/other", bytes(50_000_000))
        assert (store.asked, proxy.count(fault)) == ([], 1)


async def test_silence_while_the_request_is_sent() -> None:
    fault = Fault(what=Break(at="upload", how="stall", after_bytes=1000))
    async with standing(fault, timeout_s=0.2) as (client, proxy, store):
        with pytest.raises(TimeoutError):
            await client.ask("PUT", "/bucket/other", bytes(50_000_000))
        assert (store.asked, proxy.count(fault)) == ([], 1)


async def raw(proxy: FaultProxy, request: bytes = b"GET /bucket/key HTTP/1.1\r\nHost: x\r\n\r\n") -> tuple[str, bytes]:
    """How the answer ends, and all of it that came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(request)
    got = b""
    try:
        async with asyncio.timeout(0.3):
            while piece := await reader.read(65536):
                got += piece
        end = "close"
    except ConnectionResetError:
        end = "reset"
    except TimeoutError:
        end = "stall"
    writer.transport.abort()
    return end, got


@pytest.mark.parametrize("how", ["reset", "close", "stall"])
@pytest.mark.parametrize(("at", "after"), [("head", 0), ("body", 0), ("body", 10), ("body", 2000)])
async def test_an_answer_that_breaks(at: str, after: int, how: str) -> None:
    fault = Fault(what=Break(at=at, how=how, after_bytes=after))  # type: ignore[arg-type]  # one of them
    async with standing(fault) as (_, proxy, _store):
        end, got = await raw(proxy)
        head, _, body = got.partition(b"\r\n\r\n")
        assert (end, proxy.count(fault)) == (how, 1)
        assert head.startswith(b"HTTP/1.1 200") or (how == "reset" and not got)  # a reset may overtake what was sent
        assert body == CONTENT[:after] or how == "reset"


async def test_not_http() -> None:
    fault = Fault(what=Garbage())
    async with standing(fault) as (client, proxy, store):
        with pytest.raises(http.client.BadStatusLine):
            await client.ask("GET", "/bucket/key")
        assert (store.asked, proxy.count(fault)) == ([], 1)


async def test_a_connection_that_is_closed_when_idle() -> None:
    fault = Fault(what=CloseIdle())
    async with standing(fault) as (client, proxy, _):
        got = await client.ask("GET", "/bucket/key")
        assert (got.body, got.headers.get("connection")) == (CONTENT, None)
        assert await settles(lambda: not proxy.open_connections)
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            await client.ask("GET", "/bucket/key")
        assert proxy.count(fault) == 1


# What the service says


FORMS = {
    "s3": (b"<Code>SlowDown</Code>", "application/xml"),
    "gcs": (b'"reason": "backendError"', "application/json; charset=UTF-8"),
    "azure": (b"<Code>ServerBusy</Code>", "application/xml"),
    "swift": (b"<h1>", "text/html; charset=UTF-8"),
}


@pytest.mark.parametrize("dialect", FORMS)
async def test_an_error_is_said_as_the_provider_says_it(dialect: Dialect) -> None:
    said, kind = FORMS[dialect]
    fault = Fault(what=Reply(status=503))
    async with standing(fault, dialect=dialect) as (client, proxy, store):
        got = await client.ask("GET", "/storage/v1/b/bucket/o/key")
        assert (got.status, got.headers["content-type"], got.headers.get("retry-after")) == (503, kind, None)
        assert said in got.body
        assert got.headers.get("x-ms-error-code") == ("ServerBusy" if dialect == "azure" else None)
        assert (store.asked, proxy.count(fault)) == ([], 1)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "Error400"), (403, "AccessDenied"), (404, "NoSuchKey"), (429, "TooManyRequests"), (500, "InternalError")],
)
async def test_every_status_has_its_code(status: int, code: str) -> None:
    async with standing(Fault(what=Reply(status=status), times=2)) as (client, _, _store):
        got = await client.ask("GET", "/bucket/key")
        assert (got.status, f"<Code>{code}</Code>".encode() in got.body) == (status, True)
        head = await client.ask("HEAD", "/bucket/key")
        assert (head.status, head.body) == (status, b"")


async def test_a_code_of_ones_own() -> None:
    async with standing(Fault(what=Reply(status=400, code="RequestTimeout"))) as (client, _, _store):
        assert b"<Code>RequestTimeout</Code>" in (await client.ask("GET", "/bucket/key")).body


@pytest.mark.parametrize(
    ("after", "said"), [(7, "7"), (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "Fri, 02 Jan 2026 03:04:05 GMT")]
)
async def test_when_to_come_again(after: int | datetime, said: str) -> None:
    async with standing(Fault(what=Reply(status=503, retry_after=after))) as (client, _, _store):
        assert (await client.ask("GET", "/bucket/key")).headers["retry-after"] == said


async def test_an_error_in_a_200() -> None:
    async with standing(Fault(what=Reply(status=200), times=2)) as (client, proxy, store):
        got = await client.ask("POST", "/bucket/key?uploadId=u", b"<x/>")
        assert (got.status, b"<Error><Code>InternalError</Code>" in got.body) == (200, True)
        batch = await client.ask("POST", "/bucket?delete", b"<Delete><Object><Key>a&amp;b</Key></Object></Delete>")
        assert batch.status == 200
        assert b"<Error><Key>a&amp;b</Key><Code>InternalError</Code>" in batch.body
        assert (store.asked, proxy.count()) == ([], 2)


async def test_swift_hides_the_errors_of_many_deletions() -> None:
    async with standing(Fault(what=Reply(status=200)), dialect="swift") as (client, _, _store):
        got = await client.ask("POST", "/v1/AUTH_a?bulk-delete=", b"/c/k")
        assert (got.status, b'"Response Status": "503 InternalError"' in got.body) == (200, True)


async def test_any_answer_and_done_all_the_same() -> None:
    page = b"<html>Welcome to our wireless network</html>"
    fault = Fault(what=Reply(status=200, body=page, is_done=True), method="PUT")
    async with standing(fault) as (client, proxy, store):
        got = await client.ask("PUT", "/bucket/other", b"content")
        assert (got.status, got.body, got.headers["content-type"]) == (200, page, "text/html")
        assert (store.objects["/bucket/other"], proxy.count(fault)) == (b"content", 1)


# What comes of the content


@pytest.mark.parametrize("at", [0, 1000, -1])
async def test_a_byte_is_another_one(at: int) -> None:
    fault = Fault(what=Corrupt(at=at))
    async with standing(fault) as (client, proxy, _):
        got = (await client.ask("GET", "/bucket/key")).body
        wrong = [position for position in range(len(CONTENT)) if got[position] != CONTENT[position]]
        assert (len(got), wrong, proxy.count(fault)) == (len(CONTENT), [at % len(CONTENT)], 1)


async def test_a_fault_that_cannot_strike_does_not_count() -> None:
    fault = Fault(what=Corrupt(at=10))
    async with standing(fault) as (client, proxy, _):
        assert (await client.ask("GET", "/bucket/nothing")).status == 404
        assert proxy.count(fault) == 0
        assert (await client.ask("GET", "/bucket/key")).body != CONTENT
        assert proxy.count(fault) == 1


async def test_cut_with_a_length_that_fits() -> None:
    async with standing(Fault(what=Truncate(keep=0.25))) as (client, _, _store):
        got = await client.ask("GET", "/bucket/key")
        assert (got.body, got.headers["content-length"]) == (CONTENT[:512], "512")


async def test_fewer_bytes_than_announced() -> None:
    async with standing(Fault(what=WrongLength(by=5))) as (client, _, _store):
        with pytest.raises(http.client.IncompleteRead) as caught:
            await client.ask("GET", "/bucket/key")
        assert caught.value.partial == CONTENT


async def test_more_bytes_than_announced() -> None:
    fault = Fault(what=WrongLength(by=-5))
    async with standing(fault) as (client, proxy, _):
        end, got = await raw(proxy)
        head, _, body = got.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(CONTENT) - 5}".encode() in head
        assert (body, end, proxy.count(fault)) == (CONTENT, "stall", 1)  # the connection stays, with what is left on it
        assert (await client.ask("GET", "/bucket/key")).body == CONTENT


async def test_a_range_that_is_ignored() -> None:
    fault = Fault(what=IgnoreRange(content=CONTENT))
    async with standing(fault) as (client, proxy, _):
        whole = await client.ask("GET", "/bucket/key")
        assert (whole.status, proxy.count(fault)) == (200, 0)  # there was no range to ignore
        got = await client.ask("GET", "/bucket/key", range="bytes=10-19")
        assert (got.status, got.body, got.headers.get("content-range")) == (200, CONTENT, None)
        assert proxy.count(fault) == 1


async def test_an_older_version() -> None:
    fault = Fault(what=OldVersion(content=b"0123456789", etag='"old"'), times=3)
    async with standing(fault) as (client, proxy, _):
        whole = await client.ask("GET", "/bucket/key")
        part = await client.ask("GET", "/bucket/key", range="bytes=2-4")
        head = await client.ask("HEAD", "/bucket/key")
        assert (whole.status, whole.body, whole.headers["etag"]) == (200, b"0123456789", '"old"')
        assert "content-md5" not in whole.headers
        assert (part.status, part.body, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
        assert (head.headers["content-length"], head.headers["etag"]) == ("10", '"old"')
        assert proxy.count(fault) == 3


async def test_a_page_again_and_again() -> None:
    fault = Fault(what=RepeatPage(), path="page=", times=None)
    async with standing(fault) as (client, proxy, _):
        pages = [(await client.ask("GET", f"/bucket?page={number}")).body for number in range(3)]
        assert pages == [b"<page>page=0</page>"] * 3
        assert proxy.count(fault) >= 2


@pytest.mark.parametrize(("size", "pieces"), [(1, 10), (4, 3)])
async def test_drop_by_drop(size: int, pieces: int) -> None:
    fault = Fault(what=Drip(interval_s=0.02, size=size))
    async with standing(fault) as (_, proxy, store):
        store.objects["/bucket/key"] = b"0123456789"
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"GET /bucket/key HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        got: list[bytes] = []
        while sum(map(len, got)) < 10:
            got.append(await reader.read(100))
        writer.close()
        await writer.wait_closed()
        assert b"".join(got) == b"0123456789"
        assert len(got) > 1
        assert len(got) <= pieces
        assert proxy.count(fault) == 1


async def test_what_drips_stops_when_the_client_leaves() -> None:
    async with standing(Fault(what=Drip(interval_s=5)), timeout_s=0.1) as (client, proxy, _):
        with pytest.raises(TimeoutError):
            await client.ask("GET", "/bucket/key")
        assert await settles(lambda: not proxy.open_connections, within_s=4)


async def test_a_server_that_is_gone_is_a_connection_that_breaks() -> None:
    async with ScriptedServer() as server:
        url = server.url
    async with FaultProxy(url) as proxy:
        client = Client(proxy.url)
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            await client.ask("GET", "/bucket/key")
        client.close()
        assert proxy.count() == 0


@pytest.mark.parametrize("rounds", range(6))
async def test_a_connection_that_is_just_being_made_is_dropped_when_it_closes(rounds: int) -> None:
    """It takes some rounds of the loop from the connection to its first line of ours."""
    async with FaultProxy("http://127.0.0.1:1") as proxy:
        client = socket.create_connection(("127.0.0.1", proxy.port))
        for _ in range(rounds):
            await asyncio.sleep(0)
    with client:
        client.settimeout(PATIENCE_S)
        with suppress(ConnectionResetError):
            assert await asyncio.to_thread(client.recv, 1) == b""


async def test_it_closes_while_nobody_can_connect() -> None:
    fault = Fault(what=Refuse(for_s=60))
    async with standing(fault) as (client, proxy, _):
        with pytest.raises(ConnectionError):
            await client.ask("GET", "/bucket/key")
        assert proxy.is_refusing


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "127.0.0.1:1"])
def test_it_stands_before_plain_http(url: str) -> None:
    with pytest.raises(ValueError, match="http://host:port"):
        FaultProxy(url)


async def test_what_it_was_told_is_kept_in_bounds() -> None:
    async with standing() as (client, proxy, _):
        await client.ask("GET", "/bucket/key")
        assert proxy.exchanges.maxlen == 10_000
        assert proxy.exchanges[0].request.body == b""

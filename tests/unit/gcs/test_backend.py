"""The backend against a server that plays a script: what goes over the wire, and in which order."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import md5
from typing import TYPE_CHECKING, Unpack
from urllib.parse import parse_qs, urlsplit

import pytest

from aiostorage import CloudCDN, GCSDriver, MemoryDriver, RetryPolicy, connect, hashing
from aiostorage._http import multipart
from aiostorage._http.oauth import AccessToken
from aiostorage.errors import (
    AuthenticationError,
    ChecksumMismatchError,
    InvalidArgumentError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitedError,
    ServiceUnavailableError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import (
    WHOLE,
    ByteRange,
    CDNPolicy,
    ContainerOptions,
    CustomerKey,
    KMSKey,
    ListQuery,
    ObjectHash,
    ObjectRef,
    Part,
    ReadOptions,
    Upload,
    WriteOptions,
)
from aiostorage.providers.gcs.backend import GCSBackend
from aiostorage.providers.gcs.values import to_base64
from tests.scripted import Answer, ScriptedServer, reset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiostorage.backend import Backend
    from aiostorage.providers.gcs.config import GCSOptions
    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

RETRY = RetryPolicy(max_attempts=3, base_s=0)
QUERY = ListQuery()


def is_a_backend(backend: GCSBackend) -> Backend:
    """The protocol, as a type checker sees it."""
    return backend


@asynccontextmanager
async def opened(server: ScriptedServer, **options: Unpack[GCSOptions]) -> AsyncIterator[GCSBackend]:
    options = {"endpoint": server.url, "project": "p", "retry": RETRY, **options}
    options.setdefault("anonymous", "credentials" not in options)
    backend = GCSBackend(**options)
    try:
        yield backend
    finally:
        await backend.aclose()


def resource(key: str = "k", generation: int = 7, **more: object) -> dict[str, object]:
    return {"name": key, "generation": str(generation), "metageneration": "1", "size": "3", **more}


def answered(document: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status=status, body=json.dumps(document).encode(), headers=headers)


def failed(status: int, reason: str, message: str = "no") -> Answer:
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return answered({"error": error}, status)


def query_of(seen: Seen) -> dict[str, list[str]]:
    return parse_qs(urlsplit(seen.target).query, keep_blank_values=True)


async def test_a_small_object_is_one_request_with_its_md5() -> None:
    digest = b64encode(md5(b"abc").digest()).decode()
    async with ScriptedServer(answered(resource("a/ü", md5Hash=digest))) as server, opened(server) as backend:
        moved: list[int] = []
        options = WriteOptions(
            content_type="text/plain", metadata={"Owner": "Grüße", "odd": "=?x?="}, storage_class="NEARLINE"
        )
        info = await backend.put_object("bucket", "a/ü", memoryview(b"abc"), options, on_sent=moved.append)
    (seen,) = server.seen
    assert (info.etag, info.version_id, info.size) == ("7", "7", 3)
    assert info.object_hash == ObjectHash(algorithm="md5", value=md5(b"abc").hexdigest())
    assert seen.target.startswith("/upload/storage/v1/b/bucket/o?")
    assert "ifGenerationMatch" not in seen.target
    description, content = multipart.parse(seen.body, seen.headers["content-type"].replace("related", "mixed"))
    assert json.loads(description.content) == {
        "name": "a/ü",
        "contentType": "text/plain",
        "storageClass": "NEARLINE",
        "metadata": {"owner": "Grüße", "odd": "=?utf-8?B?PT94Pz0=?="},
        "md5Hash": digest,
    }
    assert (content.headers["content-type"], content.content) == ("text/plain", b"abc")
    assert sum(moved) == 3


async def test_progress_counts_content_only_and_is_taken_back() -> None:
    async with ScriptedServer(reset(), answered(resource())) as server, opened(server) as backend:
        moved: list[int] = []
        await backend.put_object("bucket", "k", bytes(600_000), WriteOptions(), on_sent=moved.append)
    assert sum(moved) == 600_000


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (WriteOptions(if_none_match="*"), {"ifGenerationMatch": ["0"]}),
        (WriteOptions(if_match="17"), {"ifGenerationMatch": ["17"]}),
        (WriteOptions(if_match="*"), {"ifGenerationNotMatch": ["0"]}),
        (WriteOptions(extra={"ifMetagenerationMatch": "3"}), {"ifMetagenerationMatch": ["3"]}),
    ],
)
async def test_conditions_are_generations(options: WriteOptions, expected: dict[str, list[str]]) -> None:
    copied = answered({"done": True, "resource": resource()})
    async with ScriptedServer(answered(resource()), copied) as server, opened(server) as backend:
        await backend.put_object("bucket", "k", b"abc", options)
        await backend.copy_object(ObjectRef(container="bucket", key="s"), "bucket", "k", options)
    for seen in server.seen:
        query = query_of(seen)
        assert {name: query[name] for name in query if name.startswith("if")} == expected


async def test_what_is_no_generation_is_refused_before_any_request() -> None:
    async with ScriptedServer() as server, opened(server) as backend:
        for options in (
            WriteOptions(if_match="abc"),
            WriteOptions(if_none_match="7"),
            WriteOptions(if_match="", if_none_match="*"),
        ):
            with pytest.raises(InvalidArgumentError):
                await backend.put_object("bucket", "k", b"", options)
        for reading in (ReadOptions(version_id="x"), ReadOptions(if_match='"7"'), ReadOptions(if_none_match="*")):
            with pytest.raises(InvalidArgumentError):
                await backend.get_object("bucket", "k", reading)
        with pytest.raises(UnsupportedError):
            await backend.create_upload("bucket", "k", WriteOptions(if_none_match="*"))
        with pytest.raises(UnsupportedError):
            await backend.head_object("bucket", "k", ReadOptions(part_number=1))
    assert server.seen == []


@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_conditional_write_whose_answer_was_lost_is_recognised(is_ours: bool) -> None:
    """Sent again it is refused, because of its own success or of somebody else's; the mark tells."""
    sent: list[str] = []

    def answer(seen: Seen) -> Answer:
        if seen.method == "GET":
            mark = sent[0] if is_ours else "another"
            found = {"name": "k", "generation": "7", "metadata": {"aiostorage-write-id": mark, "a": "b"}}
            return Answer(body=json.dumps(found).encode())
        sent.extend(re.findall(r'"aiostorage-write-id": ?"([0-9a-f]{32})"', seen.body.decode()))
        return reset() if len(sent) == 1 else Answer(status=412)

    async with ScriptedServer(answer=answer) as server, opened(server) as backend:
        writing = backend.put_object("bucket", "k", b"abc", WriteOptions(if_none_match="*", metadata={"a": "b"}))
        if is_ours:
            info = await writing
            assert (info.etag, dict(info.metadata)) == ("7", {"a": "b"})
        else:
            with pytest.raises(PreconditionFailedError):
                await writing
    assert [seen.method for seen in server.seen] == ["POST", "POST", "GET"]
    assert sent[0] == sent[1]


async def test_the_mark_of_a_write_is_shown_to_nobody() -> None:
    headers = {"x-goog-generation": "9", "x-goog-meta-aiostorage-write-id": "1", "x-goog-meta-owner": "Ada"}
    async with ScriptedServer(Answer(body=b"abc", headers=headers)) as server, opened(server) as backend:
        body = await backend.get_object("bucket", "k", WHOLE)
        await body.aclose()
    assert dict(body.info.metadata) == {"owner": "Ada"}


async def test_a_read_has_metadata_and_hashes_of_what_is_stored() -> None:
    headers = {
        "Content-Type": "text/x-own",
        "Content-Encoding": "gzip",
        "x-goog-stored-content-encoding": "gzip",
        "x-goog-generation": "9",
        "x-goog-metageneration": "2",
        "x-goog-hash": "crc32c=AAAAAA==,md5=kAFQmDzST7DWlj99KOF/cg==",
        "x-goog-meta-owner": "Ada",
        "x-goog-storage-class": "STANDARD",
        "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT",
    }
    async with ScriptedServer(Answer(body=b"abc", headers=headers)) as server, opened(server) as backend:
        body = await backend.get_object("bucket", "a/b c", WHOLE)
        assert await body.read() == b"abc"
        await body.aclose()
    (seen,) = server.seen
    assert seen.target == "/bucket/a%2Fb%20c"
    assert seen.headers["accept-encoding"] == "gzip"
    assert body.info.object_hash == ObjectHash(algorithm="md5", value=md5(b"abc").hexdigest())
    assert (body.info.etag, body.info.content_encoding, dict(body.info.metadata)) == ("9", "gzip", {"owner": "Ada"})


@pytest.mark.parametrize("how", ["read", "download", "copy"])
async def test_an_object_of_parts_is_compared_with_its_only_hash(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_loaded", {})  # as in a process that has computed nothing yet
    headers = {"x-goog-hash": "crc32c=AAAAAA==", "x-goog-generation": "1"}
    async with (
        ScriptedServer(answer=lambda _: Answer(body=b"damaged", headers=headers)) as server,
        GCSDriver(endpoint=server.url, project="p", anonymous=True, retry=RETRY) as driver,
        MemoryDriver() as elsewhere,
    ):
        obj = driver.container("bucket").object("composite")
        target = await elsewhere.create_container("copies")
        with pytest.raises(ChecksumMismatchError):
            match how:
                case "read":
                    await obj.read()
                case "download":
                    await obj.download(tmp_path / "file")
                case _:
                    await obj.copy_to(target)
        assert not list(tmp_path.iterdir())
        assert [found.name async for found in target.list_objects()] == []


@pytest.mark.verifies("objects: compressed as they are stored", on="fake")
async def test_content_that_somebody_has_decompressed_is_refused() -> None:
    headers = {"x-goog-stored-content-encoding": "gzip", "x-goog-generation": "1"}
    async with ScriptedServer(Answer(body=b"abc", headers=headers)) as server, opened(server) as backend:
        with pytest.raises(UnexpectedResponseError):
            await backend.get_object("bucket", "k", WHOLE)


async def test_conditions_on_reads() -> None:
    answer = Answer(status=206, body=b"b", headers={"Content-Range": "bytes 1-1/3", "x-goog-generation": "9"})
    async with ScriptedServer(answer, answer) as server, opened(server) as backend:
        for options in (ReadOptions(if_match="9"), ReadOptions(if_none_match="8")):
            reading = ReadOptions(
                byte_range=ByteRange(1, 2), if_match=options.if_match, if_none_match=options.if_none_match
            )
            await (await backend.get_object("bucket", "k", reading)).aclose()
    xml, by_json = server.seen
    assert (xml.target, xml.headers["x-goog-if-generation-match"]) == ("/bucket/k", "9")
    assert by_json.target == "/download/storage/v1/b/bucket/o/k?alt=media&ifGenerationNotMatch=8"
    assert {seen.headers["range"] for seen in server.seen} == {"bytes=1-1"}


async def test_a_customers_key_goes_with_each_request() -> None:
    key = CustomerKey(key=bytes(32))
    upload_id = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
    done = b"<CompleteMultipartUploadResult/>"
    part = Answer(headers={"ETag": '"e"'})
    answers = [
        answered(resource()),
        Answer(body=b"abc"),
        answered(resource()),
        Answer(body=upload_id),
        part,
        Answer(body=done),
    ]
    async with ScriptedServer(*answers) as server, opened(server) as backend:
        await backend.put_object("bucket", "k", b"abc", WriteOptions(encryption=key))
        await (await backend.get_object("bucket", "k", ReadOptions(customer_key=key))).aclose()
        await backend.head_object("bucket", "k", ReadOptions(customer_key=key))
        upload = await backend.create_upload("bucket", "k", WriteOptions(encryption=key))
        sent = await backend.upload_part(upload, 1, 0, b"abc")
        await backend.complete_upload(upload, [sent], WriteOptions(encryption=key))
    for seen in server.seen:
        assert seen.headers["x-goog-encryption-algorithm"] == "AES256"
        assert seen.headers["x-goog-encryption-key"] == to_base64(bytes(32))
        assert "x-goog-encryption-key-sha256" in seen.headers


async def test_a_key_of_the_key_management_service() -> None:
    answer = answered(resource(kmsKeyName="projects/p/k/cryptoKeyVersions/3"))
    async with ScriptedServer(answer) as server, opened(server) as backend:
        info = await backend.put_object("bucket", "k", b"", WriteOptions(encryption=KMSKey(key_id="projects/p/k")))
        with pytest.raises(InvalidArgumentError):
            await backend.put_object("bucket", "k", b"", WriteOptions(encryption=KMSKey()))
    assert query_of(server.seen[0])["kmsKeyName"] == ["projects/p/k"]
    assert (info.encryption, info.kms_key_id) == ("kms", "projects/p/k")


@pytest.mark.verifies("objects: custom time and event-based hold", on="fake")
async def test_what_only_google_knows() -> None:
    async with (
        ScriptedServer(answered(resource(customTime="2026-01-01T00:00:00Z"))) as server,
        opened(server) as backend,
    ):
        extra = {"customTime": "2026-01-01T00:00:00Z", "eventBasedHold": "true"}
        info = await backend.put_object(
            "bucket", "k", b"", WriteOptions(extra=extra, legal_hold=True, acl="public-read")
        )
        for wrong in ({"custom_time": "x"}, {"eventBasedHold": "yes"}, {"ifMetagenerationMatch": "x"}):
            with pytest.raises(InvalidArgumentError):
                await backend.put_object("bucket", "k", b"", WriteOptions(extra=wrong))
        for late in (WriteOptions(legal_hold=True), WriteOptions(extra={"eventBasedHold": "true"})):
            with pytest.raises(UnsupportedError):
                await backend.create_upload("bucket", "k", late)
    (seen,) = server.seen
    described = json.loads(multipart.parse(seen.body, seen.headers["content-type"])[0].content)
    assert (described["customTime"], described["eventBasedHold"], described["temporaryHold"]) == (
        "2026-01-01T00:00:00Z",
        True,
        True,
    )
    assert query_of(seen)["predefinedAcl"] == ["publicRead"]
    assert info.extra["customTime"] == "2026-01-01T00:00:00Z"


@pytest.mark.verifies("objects: rewritten in several calls", on="fake")
async def test_a_long_copy_is_asked_for_until_it_is_done() -> None:
    steps = [answered({"done": False, "rewriteToken": token}) for token in ("one", "two")]
    last = answered({"done": True, "resource": resource("copy", 8)})
    async with ScriptedServer(*steps, reset(), last) as server, opened(server) as backend:
        source = ObjectRef(container="bucket", key="k/1", version_id="5", if_match="5")
        info = await backend.copy_object(source, "other", "copy", None)
    assert info.etag == "8"
    assert [query_of(seen).get("rewriteToken") for seen in server.seen] == [None, ["one"], ["two"], ["two"]]
    assert all(query_of(seen)["sourceGeneration"] == ["5"] for seen in server.seen)
    assert server.seen[0].target.startswith("/storage/v1/b/bucket/o/k%2F1/rewriteTo/b/other/o/copy?")


async def test_a_copy_that_goes_nowhere() -> None:
    async with ScriptedServer(answered({"done": False})) as server, opened(server) as backend:
        with pytest.raises(UnexpectedResponseError):
            await backend.copy_object(ObjectRef(container="bucket", key="k"), "bucket", "c", None)


@pytest.mark.verifies("uploads: composed", on="fake")
async def test_objects_are_composed() -> None:
    async with ScriptedServer(answered(resource("all", componentCount=2))) as server, opened(server) as backend:
        refs = [ObjectRef(container="bucket", key="a"), ObjectRef(container="bucket", key="b", version_id="3")]
        info = await backend.compose_object("bucket", "all", refs, WriteOptions(content_type="text/plain"))
        for wrong in ([], refs * 17, [ObjectRef(container="other", key="a")]):
            with pytest.raises(InvalidArgumentError):
                await backend.compose_object("bucket", "all", wrong, WriteOptions())
    assert json.loads(server.seen[0].body) == {
        "sourceObjects": [{"name": "a"}, {"name": "b", "generation": "3"}],
        "destination": {"contentType": "text/plain"},
    }
    assert info.extra["component_count"] == "2"


async def test_a_batch_has_an_outcome_for_each() -> None:
    def part(number: int, status: int, body: bytes = b"") -> tuple[dict[str, str], bytes]:
        head = {"Content-Type": "application/http", "Content-ID": f"<response-{number}>"}
        return head, b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)

    forbidden = failed(403, "forbidden", "not yours").body
    limited = failed(429, "rateLimitExceeded").body
    # Not in order, and the last one is missing.
    parts = [part(1, 404), part(0, 204), part(2, 403, forbidden), part(3, 429, limited)]
    body = multipart.build(parts, "batch_x")
    answer = Answer(body=body, headers={"Content-Type": "multipart/mixed; boundary=batch_x"})
    async with ScriptedServer(answer) as server, opened(server) as backend:
        refs = [ObjectRef(container="bucket", key=key, version_id="1") for key in ("a/b", "b", "c", "d", "e")]
        outcomes = await backend.delete_objects("bucket", refs)
    kinds = [type(outcome.error) for outcome in outcomes]
    assert kinds == [type(None), type(None), PermissionDeniedError, RateLimitedError, UnexpectedResponseError]
    asked = multipart.parse(server.seen[0].body, server.seen[0].headers["content-type"])
    assert asked[0].content.startswith(b"DELETE /storage/v1/b/bucket/o/a%2Fb?generation=1 HTTP/1.1\r\n")


async def test_a_batch_that_is_too_long() -> None:
    async with ScriptedServer() as server, opened(server) as backend:
        with pytest.raises(InvalidArgumentError):
            await backend.delete_objects("bucket", [ObjectRef(container="bucket", key="a")] * 101)
        assert await backend.delete_objects("bucket", []) == []


async def test_what_is_gone_is_deleted() -> None:
    gone = failed(404, "notFound", "No such object: bucket/k")
    bucket = failed(404, "notFound", "The specified bucket does not exist.")
    async with ScriptedServer(gone, bucket) as server, opened(server) as backend:
        await backend.delete_object("bucket", "k")
        with pytest.raises(FileNotFoundError, match="bucket"):
            await backend.delete_object("bucket", "k")


@pytest.mark.parametrize(
    ("fields", "is_deleted"),
    [
        ({"retention": {"mode": "Unlocked", "retainUntilTime": "2036-01-01T00:00:00Z"}}, True),
        ({"retention": {"mode": "Unlocked", "retainUntilTime": "2036-01-01T00:00:00Z"}, "temporaryHold": True}, False),
        ({}, False),
    ],
    ids=["retained", "held besides", "forbidden for another reason"],
)
async def test_a_retention_is_lifted_before_the_deletion(fields: dict[str, object], is_deleted: bool) -> None:
    kept = failed(403, "retentionPolicyNotMet", "Object 'bucket/k' is subject to object retention")
    described = Answer(body=json.dumps({"name": "k", "generation": "4", **fields}).encode())
    async with ScriptedServer(kept, described, described, Answer(status=204)) as server, opened(server) as backend:
        ref = ObjectRef(container="bucket", key="k", if_match="4")
        (outcome,) = await backend.delete_objects("bucket", [ref], bypass_retention=True)
    assert (outcome.error is None) is is_deleted
    assert [seen.method for seen in server.seen] == ["DELETE", "GET", *(["PATCH", "DELETE"] if is_deleted else [])]
    if is_deleted:
        lift = server.seen[2]
        query = parse_qs(urlsplit(lift.target).query)
        assert (query["overrideUnlockedRetention"], query["ifGenerationMatch"]) == (["true"], ["4"])
        assert json.loads(lift.body) == {"retention": None}


@pytest.mark.parametrize("expires_at", [None, datetime(2999, 1, 1, tzinfo=UTC)])
async def test_a_token_that_was_revoked_is_fetched_again_once(expires_at: datetime | None) -> None:
    given = iter(["first", "second", "third"])

    async def give() -> AccessToken:
        return AccessToken(token=next(given), expires_at=expires_at)

    def answer(seen: Seen) -> Answer:
        is_fine = seen.headers["authorization"] == "Bearer second"
        return answered(resource()) if is_fine else failed(401, "authError", "Invalid Credentials")

    async with ScriptedServer(answer=answer) as server, opened(server, credentials=give) as backend:
        if expires_at is None:  # it is the one that there is, so nobody is asked again
            with pytest.raises(AuthenticationError) as caught:
                await backend.head_object("bucket", "k", WHOLE)
            assert "first" not in str(caught.value)
        else:
            await backend.head_object("bucket", "k", WHOLE)
    assert len(server.seen) == (1 if expires_at is None else 2)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failed(429, "rateLimitExceeded", "slow down"), RateLimitedError),
        (failed(403, "userRateLimitExceeded"), RateLimitedError),
        (failed(503, "backendError"), ServiceUnavailableError),
        (
            failed(400, "invalid", 'Provided MD5 hash "a" doesn\'t match calculated MD5 hash "b".'),
            ChecksumMismatchError,
        ),
    ],
)
async def test_what_may_go_better_is_tried_again(answer: Answer, kind: type[Exception]) -> None:
    async with ScriptedServer(answer, answered(resource())) as server, opened(server) as backend:
        await backend.put_object("bucket", "k", b"abc", WriteOptions())
    async with ScriptedServer(*[answer] * 3) as server, opened(server) as backend:
        with pytest.raises(kind):
            await backend.put_object("bucket", "k", b"abc", WriteOptions())


async def test_an_object_that_is_written_too_often_is_waited_for() -> None:
    message = "The object bucket/k exceeded the rate limit for object mutation operations."
    limited = failed(429, "rateLimitExceeded", message)
    retry = RetryPolicy(max_attempts=1)
    async with ScriptedServer(limited) as server, opened(server, retry=retry) as backend:
        with pytest.raises(RateLimitedError) as caught:
            await backend.put_object("bucket", "k", b"abc", WriteOptions())
    assert caught.value.retry_after_s == 1.0


@pytest.mark.verifies("objects: one write at a time", on="fake")
async def test_writes_to_one_object_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while one of them waits because there were too many; those to other objects do not wait for it."""
    message = "The object bucket/k exceeded the rate limit for object mutation operations."
    under_way: list[str] = []
    most = 0
    refused = False

    class Counting(ScriptedServer):
        async def _send(
            self, answer: Answer, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> bool:
            nonlocal most
            name = "other" if b'"other"' in seen.body or "other" in seen.target else "k"
            under_way.append(name)
            most = max(most, under_way.count("k"))
            await asyncio.sleep(0)
            under_way.remove(name)
            return await super()._send(answer, seen, reader, writer)

    def answer(seen: Seen) -> Answer:
        nonlocal refused
        if b'"other"' not in seen.body and not refused:
            refused = True
            return failed(429, "rateLimitExceeded", message)
        if "/rewriteTo/" in seen.target:
            return answered({"done": True, "resource": resource()})
        return answered(resource())

    waits: list[float] = []
    others_are_done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.wait_for(others_are_done.wait(), 10)

    async with Counting(answer=answer) as server, opened(server) as backend:
        monkeypatch.setattr(backend._http, "_sleep", sleep)
        source = ObjectRef(container="bucket", key="source")
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(backend.put_object("bucket", "k", b"abc", WriteOptions()))
            group.create_task(backend.copy_object(source, "bucket", "k", None))
            group.create_task(backend.delete_object("bucket", "k"))
            await backend.put_object("bucket", "other", b"abc", WriteOptions())
            others_are_done.set()
    assert most == 1
    assert waits == [1.0]
    assert len(server.seen) == 8


@pytest.mark.parametrize(("code", "kind"), [("InternalError", None), ("AccessDenied", PermissionDeniedError)])
async def test_an_error_behind_the_200_of_a_completion(code: str, kind: type[Exception] | None) -> None:
    upload = Upload(container="bucket", key="k", upload_id="u")
    parts = [Part(number=1, offset=0, size=3, etag="1")]
    hidden = Answer(body=f"<?xml version='1.0'?>\n<Error><Code>{code}</Code></Error>".encode())
    done = Answer(body=b"<CompleteMultipartUploadResult/>", headers={"x-goog-generation": "7"})
    async with ScriptedServer(hidden, done) as server, opened(server) as backend:
        if kind is None:
            assert (await backend.complete_upload(upload, parts, WriteOptions())).etag == "7"
        else:
            with pytest.raises(kind):
                await backend.complete_upload(upload, parts, WriteOptions())


async def test_a_completion_whose_answer_was_lost_is_recognised() -> None:
    parts = [
        Part(number=1, offset=0, size=3, etag="1", checksum=ObjectHash(algorithm="crc32c", value="364b3fb7")),
        Part(number=2, offset=3, size=3, etag="2", checksum=ObjectHash(algorithm="crc32c", value="364b3fb7")),
    ]
    upload = Upload(container="bucket", key="k", upload_id="u")
    gone = Answer(status=404, body=b"<Error><Code>NoSuchUpload</Code><Message>gone</Message></Error>")
    # The CRC-32C of abcabc.
    ours = answered(resource(size="6", crc32c=to_base64(bytes.fromhex("27bf04cc"))))
    theirs = answered(resource(size="6", crc32c=to_base64(bytes(4))))
    async with ScriptedServer(reset(), gone, ours) as server, opened(server) as backend:
        assert (await backend.complete_upload(upload, parts, WriteOptions())).etag == "7"
    for answers in ([reset(), gone, theirs], [gone]):
        async with ScriptedServer(*answers) as server, opened(server) as backend:
            with pytest.raises(UploadNotFoundError):
                await backend.complete_upload(upload, parts, WriteOptions())
    done = Answer(body=b"<CompleteMultipartUploadResult/>")
    for answer, etag in ((ours, "7"), (theirs, None), (failed(403, "forbidden"), None)):
        async with ScriptedServer(done, answer) as server, opened(server) as backend:
            info = await backend.complete_upload(upload, parts, WriteOptions())
            assert (info.etag, info.version_id, info.size) == (etag, etag, 6)
    damaged = Answer(body=b"<CompleteMultipartUploadResult/>", headers={"x-goog-hash": "crc32c=AAAAAA=="})
    async with ScriptedServer(damaged) as server, opened(server) as backend:
        with pytest.raises(ChecksumMismatchError):
            await backend.complete_upload(upload, parts, WriteOptions())


async def test_an_answer_that_is_none() -> None:
    page = Answer(body=b"<html>a portal</html>")
    async with ScriptedServer(*[page] * 4) as server, opened(server) as backend:
        for call in (
            backend.list_objects("bucket", QUERY, token=None),
            backend.head_object("bucket", "k", WHOLE),
            backend.list_uploads("bucket", prefix="", token=None),
            backend.list_containers(prefix="", token=None),
        ):
            with pytest.raises(UnexpectedResponseError):
                await call


async def test_a_listing_that_begins_after_a_name() -> None:
    listed = answered({"items": [resource("a"), resource("b")], "prefixes": ["ab/"], "nextPageToken": "t"})
    async with ScriptedServer(listed, answered({})) as server, opened(server) as backend:
        query = ListQuery(start_after="a", delimiter="/", page_size=5000)
        page = await backend.list_objects("bucket", query, token=None)
        await backend.list_objects("bucket", query, token=page.next_token)
        with pytest.raises(InvalidArgumentError):
            await backend.list_objects("bucket", query, token="nonsense")
    assert [getattr(item, "key", getattr(item, "name", None)) for item in page.items] == ["ab/", "b"]
    first, second = map(query_of, server.seen)
    assert (first["startOffset"], first["maxResults"], second["pageToken"]) == (["a"], ["1000"], ["t"])


async def test_making_a_container() -> None:
    async with ScriptedServer(answered({"name": "bucket", "location": "EU"})) as server, opened(server) as backend:
        options = ContainerOptions(region="EU", object_lock=True, acl="public-read", storage_class="COLDLINE")
        info = await backend.create_container("bucket", options)
        for wrong in (ContainerOptions(ownership="x"), ContainerOptions(extra={"a": "b"})):
            with pytest.raises(UnsupportedError):
                await backend.create_container("bucket", wrong)
    (seen,) = server.seen
    query = query_of(seen)
    assert (query["project"], query["enableObjectRetention"], query["predefinedAcl"]) == (
        ["p"],
        ["true"],
        ["publicRead"],
    )
    assert json.loads(seen.body) == {"name": "bucket", "location": "EU", "storageClass": "COLDLINE"}
    assert info.extra["region"] == "EU"


async def test_containers_need_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    async def give() -> AccessToken:
        return AccessToken(token="t")

    async with (
        ScriptedServer(answered({"items": []})) as server,
        opened(server, credentials=give, project=None) as backend,
    ):
        with pytest.raises(InvalidArgumentError, match="project="):
            await backend.list_containers(prefix="", token=None)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "from-environment")
    async with (
        ScriptedServer(answered({"items": []})) as server,
        opened(server, credentials=give, project=None) as backend,
    ):
        await backend.list_containers(prefix="a", token=None)
    query = query_of(server.seen[0])
    assert (query["project"], query["prefix"]) == (["from-environment"], ["a"])


async def test_who_may_do_what_with_a_container() -> None:
    policy = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}], "etag": "CAE="}
    async with ScriptedServer(answered(policy), answered(policy)) as server, opened(server) as backend:
        found = await backend.administration().get_setting("bucket", "policy")
        assert json.loads(found or "") == policy
        await backend.administration().set_setting("bucket", "policy", json.dumps(policy))
    got, put = server.seen
    assert (got.method, got.target) == ("GET", "/storage/v1/b/bucket/iam?optionsRequestedPolicyVersion=3")
    assert (put.method, put.target, json.loads(put.body)) == ("PUT", "/storage/v1/b/bucket/iam", policy)


async def test_an_access_list_by_a_word() -> None:
    async with ScriptedServer(answered(resource())) as server, opened(server) as backend:
        await backend.administration().set_acl(ObjectRef(container="bucket", key="k"), "bucket-owner-read")
    (seen,) = server.seen
    assert (seen.method, query_of(seen)["predefinedAcl"]) == ("PATCH", ["bucketOwnerRead"])


@pytest.mark.verifies("objects: who pays", on="fake")
async def test_the_project_that_pays() -> None:
    whatever = ScriptedServer(answer=lambda _: answered(resource()))
    async with whatever as server, opened(server, user_project="paying") as backend:
        await backend.head_object("bucket", "k", WHOLE)
        await backend.put_object("bucket", "k", b"", WriteOptions())
    assert {seen.headers["x-goog-user-project"] for seen in server.seen} == {"paying"}


@pytest.mark.verifies("credentials: none for STORAGE_EMULATOR_HOST", on="fake")
async def test_an_emulator_is_told_no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(answered(resource())) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url.removeprefix("http://"))
        async with GCSDriver(retry=RETRY) as driver:
            await driver.container("bucket").get_object("k")
            with pytest.raises(UnsupportedError):
                await driver.container("bucket").object("k").presign()
    assert "authorization" not in server.seen[0].headers


def test_a_cdn_that_contradicts_itself() -> None:
    for options in ({"key": "x"}, {"key_name": "x"}, {"url_map": "a/b"}, {"endpoint": "x"}):
        with pytest.raises(InvalidArgumentError):
            CloudCDN(base_url="https://cdn.example.com", **options)
    assert "hunter2" not in repr(CloudCDN(base_url="https://cdn.example.com", key_name="a", key="hunter2"))


async def test_a_url_names_the_driver() -> None:
    async with connect("gs://?project=p&endpoint=http://localhost:1&anonymous=true&concurrency=3") as driver:
        assert isinstance(driver, GCSDriver)
        assert driver.name == "gcs"
    for url in ("gs://bucket", "gs://?region=x", "gs://?nonsense=1"):
        with pytest.raises(InvalidArgumentError):
            connect(url)


@pytest.mark.parametrize(
    "options",
    [
        {"anonymous": True, "credentials_file": "x"},
        {"anonymous": True, "service_account": "a@b"},
        {"cdn": "nonsense"},
        {"endpoint": "nonsense"},
    ],
)
def test_options_that_contradict_each_other(options: GCSOptions) -> None:
    with pytest.raises(InvalidArgumentError):
        GCSBackend(**options)


CDN_KEY = b64encode(bytes(16)).decode()


def is_signed_by(text: str, signature: str) -> bool:
    return signature == urlsafe_b64encode(hmac.new(bytes(16), text.encode(), "sha1").digest()).decode()


@pytest.mark.verifies("CDN (Cloud CDN): signed URLs and cookies", on="fake")
async def test_content_delivery() -> None:
    cdn_of: dict[str, str | CloudCDN] = {
        "public": "https://public.example.com",
        "": CloudCDN(base_url="https://cdn.example.com/{container}/", key_name="k", key=CDN_KEY),
    }
    async with ScriptedServer() as server, opened(server, cdn=cdn_of) as backend:
        assert backend.capabilities.cdn
        assert backend.cdn("public").url("a") == "https://public.example.com/a"
        cdn = backend.cdn("bucket")
        assert cdn.url("a b/é") == "https://cdn.example.com/bucket/a%20b/%C3%A9"
        signed = await cdn.signed_url("a", CDNPolicy(expires_in_s=60))
        unsigned, _, signature = signed.url.rpartition("&Signature=")
        assert unsigned.startswith("https://cdn.example.com/bucket/a?Expires=")
        assert is_signed_by(unsigned, signature)
        many = await cdn.signed_url("x/a", CDNPolicy(prefix="x/"))
        policy, _, signature = many.url.partition("?")[2].rpartition("&Signature=")
        assert is_signed_by(policy, signature)
        prefix = urlsafe_b64decode(parse_qs(policy)["URLPrefix"][0])
        assert prefix == b"https://cdn.example.com/bucket/x/"
        cookies = await cdn.signed_cookies(None, CDNPolicy(prefix="x/"))
        ((name, value),) = cookies.cookies.items()
        policy, _, signature = value.rpartition(":Signature=")
        assert (name, cookies.host, cookies.path) == ("Cloud-CDN-Cookie", "cdn.example.com", "/bucket/x/")
        assert is_signed_by(policy, signature)
        assert [part.partition("=")[0] for part in policy.split(":")] == ["URLPrefix", "Expires", "KeyName"]
        for refused in (
            cdn.signed_url("a", CDNPolicy(ip_range="192.0.2.0/24")),
            cdn.purge(["a"], prefixes=[]),
            backend.cdn("public").signed_url("a", CDNPolicy()),
        ):
            with pytest.raises(UnsupportedError):
                await refused
    async with ScriptedServer() as server, opened(server) as backend:
        with pytest.raises(UnsupportedError):
            backend.cdn("bucket")


@pytest.mark.verifies("CDN (Cloud CDN): invalidation", on="fake")
async def test_copies_at_the_edge_are_dropped() -> None:
    async with ScriptedServer(answer=lambda _: answered({})) as server:
        cdn = CloudCDN(base_url="https://cdn.example.com/b", url_map="map", endpoint=server.url)
        async with opened(server, cdn=cdn) as backend:
            await backend.cdn("bucket").purge(["a b"], prefixes=["x/"])
    assert [json.loads(seen.body) for seen in server.seen] == [{"path": "/b/a%20b"}, {"path": "/b/x/*"}]
    assert {seen.target for seen in server.seen} == {"/compute/v1/projects/p/global/urlMaps/map/invalidateCache"}


async def test_names() -> None:
    backend = GCSBackend(anonymous=True)
    for container in ("abc", "a_b-c.d", "x" * 63, ".".join(["x" * 63] * 3), "1.2.3"):
        backend.check_name(container)
    for container in ("", "ab", "Abc", "a/b", "-abc", "abc-", "1.2.3.4", "x" * 64, "x" * 64 + ".a", "a..b", "é" * 5):
        with pytest.raises(ValueError, match="container"):
            backend.check_name(container)
    for key in (".", "..", "a\nb", "\r", "", ".well-known/acme-challenge/x", "é" * 513):
        with pytest.raises(ValueError, match="object"):
            backend.check_name("bucket", key)
    for key in ("a/..", "...", ".well-known/other", "\0", "x" * 1024):
        backend.check_name("bucket", key)
    await backend.aclose()


async def test_requests_at_once_ask_for_one_token() -> None:
    calls = 0

    async def give() -> AccessToken:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return AccessToken(token="t")

    async with (
        ScriptedServer(answer=lambda _: answered(resource())) as server,
        opened(server, credentials=give) as backend,
    ):
        await asyncio.gather(*(backend.head_object("bucket", "k", WHOLE) for _ in range(8)))
    assert calls == 1
    assert {seen.headers["authorization"] for seen in server.seen} == {"Bearer t"}


async def test_errors_of_both_apis() -> None:
    xml = Answer(status=404, body=b"<Error><Code>NoSuchKey</Code><Message>x</Message></Error>")
    by_json = failed(412, "conditionNotMet")
    async with ScriptedServer(xml, by_json) as server, opened(server) as backend:
        with pytest.raises(ObjectNotFoundError) as caught:
            await backend.get_object("bucket", "k", WHOLE)
        assert caught.value.code == "NoSuchKey"
        with pytest.raises(PreconditionFailedError):
            await backend.put_object("bucket", "k", b"", WriteOptions(if_match="1"))


@pytest.mark.parametrize("body", [b'{"error": {"code": 503, "message": "busy"}}', b'{"error": "x", "items": []}'])
async def test_an_error_in_a_200_is_no_empty_listing(body: bytes) -> None:
    async with ScriptedServer(answer=lambda _: Answer(body=body)) as server, opened(server) as backend:
        with pytest.raises(UnexpectedResponseError, match="error"):
            await backend.list_objects("bucket", QUERY, token=None)
        with pytest.raises(UnexpectedResponseError, match="error"):
            await backend.list_containers(prefix="", token=None)


async def test_an_error_with_200_changes_no_container() -> None:
    answer = answered({"error": {"code": 503, "message": "busy"}})
    async with ScriptedServer(answer=lambda _: answer) as server, opened(server) as backend:
        administration = backend.administration()
        with pytest.raises(UnexpectedResponseError, match="error"):
            await administration.set_setting("bucket", "cors", "[]")
        with pytest.raises(UnexpectedResponseError, match="error"):
            await administration.get_setting("bucket", "cors")
        with pytest.raises(UnexpectedResponseError, match="error"):
            await administration.set_versioning("bucket", is_kept=True)

"""The backend against a server that plays a script: what goes over the wire, and in which order."""

from __future__ import annotations

from base64 import b64encode
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from typing import TYPE_CHECKING, Unpack
from urllib.parse import parse_qs, urlsplit

import pytest

from aiostorage import RetryPolicy
from aiostorage.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ContainerNotFoundError,
    InvalidArgumentError,
    InvalidNameError,
    PermissionDeniedError,
    StorageError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import (
    WHOLE,
    ByteRange,
    ListQuery,
    ObjectHash,
    ObjectRef,
    Part,
    PostPolicy,
    PresignOptions,
    ReadOptions,
    Upload,
    WriteOptions,
)
from aiostorage.providers.s3.backend import S3Backend
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.profiles import AWS, CEPH, GENERIC
from aiostorage.providers.s3.values import multipart_etag
from tests.scripted import Answer, ScriptedServer, reset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiostorage.backend import Backend
    from aiostorage.providers.s3.config import S3Options
    from aiostorage.providers.s3.profiles import Vendor
    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

OK = Answer(headers={"ETag": '"x"'})
UPLOAD = Upload(container="bucket", key="k", upload_id="id")


@asynccontextmanager
async def backend_of(server: ScriptedServer, **options: Unpack[S3Options]) -> AsyncIterator[S3Backend]:
    if not (options.get("anonymous") or options.get("credentials")):
        options |= {"access_key_id": "id", "secret_access_key": "secret"}
    options |= {"endpoint": server.url, "region": "r", "retry": RetryPolicy(base_s=0)}
    made = S3Backend(**options)
    try:
        yield made
    finally:
        await made.aclose()


def error(status: int, code: str) -> Answer:
    return Answer(status=status, body=f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode())


def test_it_is_a_backend() -> None:
    backend: Backend = S3Backend(anonymous=True)
    assert backend.name == "s3"
    assert backend.capabilities.versioning


async def test_keys_go_over_the_wire_as_they_are() -> None:
    keys = ["a#b?", "../x", "a//b/", "%2F+", "é\x01"]
    async with ScriptedServer(*[OK] * 5) as server, backend_of(server) as backend:
        for key in keys:
            await backend.head_object("bucket", key, WHOLE)
    assert [seen.target for seen in server.seen] == [
        "/bucket/a%23b%3F",
        "/bucket/../x",
        "/bucket/a//b/",
        "/bucket/%252F%2B",
        "/bucket/%C3%A9%01",
    ]


@pytest.mark.parametrize(("vendor", "has_md5"), [(CEPH, False), (GENERIC, True)])
async def test_over_plain_http_a_body_is_signed(vendor: Vendor, has_md5: bool) -> None:
    body = b"x" * 300_000
    moved: list[int] = []
    async with ScriptedServer(Answer(status=503), OK) as server, backend_of(server, vendor=vendor) as backend:
        info = await backend.put_object("bucket", "k", body, WriteOptions(), on_sent=moved.append)
    assert sum(moved) == len(body)
    assert info.size == len(body)
    assert len(server.seen) == 2
    for seen in server.seen:
        assert seen.body == body
        assert seen.headers["x-amz-content-sha256"] == sha256(body).hexdigest()
        expected = b64encode(md5(body).digest()).decode() if has_md5 else None
        assert seen.headers.get("content-md5") == expected


async def test_amazon_gets_a_crc_of_parts_and_of_the_whole() -> None:
    answers = [
        Answer(body=b"<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>"),
        OK,
        OK,
        Answer(body=b"<CompleteMultipartUploadResult><ETag>z-2</ETag></CompleteMultipartUploadResult>"),
    ]
    async with ScriptedServer(*answers) as server, backend_of(server, vendor=AWS, payload_signing="never") as backend:
        upload = await backend.create_upload("bucket", "k", WriteOptions())
        second = await backend.upload_part(upload, 2, 5, memoryview(b"6789"))
        first = await backend.upload_part(upload, 1, 0, b"12345")
        info = await backend.complete_upload(upload, [first, second], WriteOptions())
    # The check value that every description of CRC-32 gives for 123456789.
    assert info.object_hash == ObjectHash(algorithm="crc32", value="cbf43926")
    assert [seen.headers.get("x-amz-content-sha256") for seen in server.seen[1:3]] == ["UNSIGNED-PAYLOAD"] * 2
    assert all("x-amz-checksum-crc32" in seen.headers for seen in server.seen[1:])
    assert server.seen[3].headers["x-amz-mp-object-size"] == "9"


async def test_anonymous_requests_carry_no_signature() -> None:
    async with ScriptedServer(OK) as server, backend_of(server, anonymous=True) as backend:
        await backend.put_object("bucket", "k", b"x", WriteOptions())
        with pytest.raises(AuthenticationError):
            await backend.presign("GET", "bucket", "k", PresignOptions(expires_in_s=60, headers={}))
    assert not [name for name in server.seen[0].headers if name.startswith(("authorization", "x-amz"))]
    assert "content-md5" in server.seen[0].headers


async def test_what_cannot_be_relied_on_is_refused_before_any_request() -> None:
    create, match = WriteOptions(if_none_match="*"), WriteOptions(if_match="x")
    ref = ObjectRef(container="bucket", key="k")
    old = ObjectRef(container="bucket", key="k", version_id="v")
    async with ScriptedServer() as server, backend_of(server) as backend, backend_of(server, vendor=CEPH) as ceph:
        for refused in (
            backend.put_object("bucket", "k", b"", create),
            backend.put_object("bucket", "k", b"", match),
            backend.create_upload("bucket", "k", create),
            ceph.create_upload("bucket", "k", create),
            ceph.complete_upload(UPLOAD, [], create),
            ceph.copy_object(ref, "bucket", "k", create),
            backend.get_object("bucket", "k", ReadOptions(if_match="x")),
            backend.head_object("bucket", "k", ReadOptions(version_id="v")),
            backend.delete_object("bucket", "k", version_id="v"),
            backend.copy_object(old, "bucket", "k", None),
            backend.list_objects("bucket", ListQuery(versions=True), token=None),
            backend.copy_part(UPLOAD, 1, ref, ByteRange(0, 1)),
        ):
            with pytest.raises(UnsupportedError, match="vendor"):
                await refused
        (outcome,) = await backend.delete_objects("bucket", [old])
        assert isinstance(outcome.error, UnsupportedError)
        for wrong in (
            ceph.put_object("bucket", "k", b"", WriteOptions(if_none_match="x")),
            ceph.delete_objects("bucket", [ref] * 1001),
        ):
            with pytest.raises(InvalidArgumentError):
                await wrong
        for nameless in (
            ceph.delete_object("bucket", ""),
            ceph.delete_objects("bucket", [ObjectRef(container="bucket", key="")]),
            ceph.copy_object(ObjectRef(container="a/b", key="k"), "bucket", "k", None),
            ceph.head_container(""),
        ):
            with pytest.raises(InvalidNameError):
                await nameless
        with pytest.raises(UnsupportedError):
            backend.cdn("bucket")
    assert not server.seen


async def test_a_head_that_makes_no_sense_closes_the_connection() -> None:
    nonsense = Answer(status=206, headers={"Content-Range": "bytes 0-9/10"}, length=10, then="stall")
    async with ScriptedServer(nonsense, OK) as server, backend_of(server) as backend:
        with pytest.raises(UnexpectedResponseError):
            await backend.get_object("bucket", "k", ReadOptions(byte_range=ByteRange(5, 10)))
        await backend.head_object("bucket", "k", WHOLE)
    assert [seen.connection for seen in server.seen] == [1, 2]


async def test_a_body_is_read_in_chunks_or_at_once() -> None:
    answer = Answer(headers={"ETag": '"x"'}, body=b"0123456789")
    async with ScriptedServer(answer, answer) as server, backend_of(server) as backend:
        body = await backend.get_object("bucket", "k", WHOLE)
        assert (body.start, body.stop, body.info.size, body.info.etag) == (0, 10, 10, "x")
        assert b"".join([chunk async for chunk in body]) == b"0123456789"
        await body.aclose()
        body = await backend.get_object("bucket", "k", WHOLE)
        assert await body.read() == b"0123456789"
        await body.aclose()


async def test_deleting_what_is_not_there_is_no_error_unless_the_container_is_not() -> None:
    answers = [error(404, "NoSuchKey"), Answer(status=204), error(404, "NoSuchBucket")]
    async with ScriptedServer(*answers) as server, backend_of(server) as backend:
        await backend.delete_object("bucket", "k")
        await backend.delete_object("bucket", "k")
        with pytest.raises(ContainerNotFoundError):
            await backend.delete_object("bucket", "k")


async def test_keys_that_xml_cannot_carry_are_deleted_one_by_one() -> None:
    def answer(seen: Seen) -> Answer:
        if seen.method == "POST":
            return Answer(body=b"<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>")
        return error(403, "AccessDenied") if seen.target.endswith("%02") else Answer(status=204)

    refs = [ObjectRef(container="bucket", key=key) for key in ("x\x01", "a", "x\x02")]
    async with ScriptedServer(answer=answer) as server, backend_of(server) as backend:
        outcomes = await backend.delete_objects("bucket", refs)
    assert [outcome.key for outcome in outcomes] == ["x\x01", "a", "x\x02"]
    assert [type(outcome.error) for outcome in outcomes] == [type(None), type(None), PermissionDeniedError]
    assert b"x&" not in server.seen[0].body


async def test_without_bulk_delete_all_are_deleted_one_by_one() -> None:
    def answer(seen: Seen) -> Answer:
        return error(501, "NotImplemented") if seen.method == "POST" else Answer(status=204)

    refs = [ObjectRef(container="bucket", key=str(number)) for number in range(40)]
    async with ScriptedServer(answer=answer) as server, backend_of(server) as backend:
        outcomes = await backend.delete_objects("bucket", [*refs, refs[0]])
        assert [outcome.key for outcome in outcomes] == [*map(str, range(40)), "0"]
        assert not [outcome for outcome in outcomes if outcome.error]
        assert len(server.seen) == 41
        assert await backend.delete_objects("bucket", []) == []
    assert len(server.seen) == 41


async def test_a_container_of_ours_is_not_made_again() -> None:
    async with ScriptedServer(OK, Answer(status=404), OK) as server, backend_of(server) as backend:
        with pytest.raises(AlreadyExistsError):
            await backend.create_container("bucket")
        await backend.create_container("bucket")
    assert [seen.method for seen in server.seen] == ["HEAD", "HEAD", "PUT"]


PARTS = [Part(number=n, offset=0, size=1, etag=f"{n:032x}") for n in (1, 2)]


@pytest.mark.parametrize(("etag", "is_ours"), [(multipart_etag(PARTS), True), ("other-2", False)])
async def test_an_upload_whose_completion_was_not_heard_of(etag: str, is_ours: bool) -> None:
    lost = [reset(), error(404, "NoSuchUpload"), Answer(headers={"ETag": f'"{etag}"'}, length=2)]
    async with ScriptedServer(*lost) as server, backend_of(server) as backend:
        if is_ours:
            info = await backend.complete_upload(UPLOAD, PARTS, WriteOptions())
            assert (info.etag, info.size) == (etag, 2)
        else:
            with pytest.raises(UploadNotFoundError):
                await backend.complete_upload(UPLOAD, PARTS, WriteOptions())
    assert [seen.method for seen in server.seen] == ["POST", "POST", "HEAD"]


async def test_an_upload_that_never_was_is_not_looked_for() -> None:
    async with ScriptedServer(error(404, "NoSuchUpload")) as server, backend_of(server) as backend:
        with pytest.raises(UploadNotFoundError):
            await backend.complete_upload(UPLOAD, PARTS, WriteOptions())
    assert len(server.seen) == 1


@pytest.mark.verifies("objects: errors in a 200", on="fake")
async def test_an_error_behind_a_200_is_tried_again() -> None:
    done = Answer(body=b"<CompleteMultipartUploadResult><ETag>z-2</ETag></CompleteMultipartUploadResult>")
    async with ScriptedServer(error(200, "InternalError"), done) as server, backend_of(server) as backend:
        assert (await backend.complete_upload(UPLOAD, PARTS, WriteOptions())).etag == "z-2"


async def test_a_token_that_expired_is_renewed_once() -> None:
    made: list[S3Credentials] = []

    async def fetch() -> S3Credentials:
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        made.append(
            S3Credentials(
                access_key_id=f"id{len(made)}", secret_access_key="s", session_token="t", expires_at=expires_at
            )
        )
        return made[-1]

    async with (
        ScriptedServer(error(400, "ExpiredToken"), OK) as server,
        backend_of(server, credentials=fetch) as backend,
    ):
        await backend.head_object("bucket", "k", WHOLE)
        soon = await backend.presign("GET", "bucket", "k", PresignOptions(expires_in_s=60, headers={}))
        late = await backend.presign("GET", "bucket", "k", PresignOptions(expires_in_s=86400, headers={}))
    assert ["id0/" in server.seen[0].headers["authorization"], "id1/" in server.seen[1].headers["authorization"]] == [
        True,
        True,
    ]
    assert server.seen[1].headers["x-amz-security-token"] == "t"
    assert soon.expires_at < late.expires_at == made[1].expires_at


async def test_presigned_requests() -> None:
    async with ScriptedServer() as server, backend_of(server) as backend:
        signed = await backend.presign(
            "PUT", "bucket", "a b", PresignOptions(expires_in_s=90.9, headers={"Content-Type": "a/b"})
        )
        for seconds in (0, 0.5, 7 * 86400 + 1):
            with pytest.raises(InvalidArgumentError):
                await backend.presign("GET", "bucket", "k", PresignOptions(expires_in_s=seconds, headers={}))
        with pytest.raises(InvalidArgumentError):
            await backend.presign("POST", "bucket", "k", PresignOptions(expires_in_s=60, headers={}))
        with pytest.raises(InvalidNameError):
            await backend.presign("GET", "bucket", "", PresignOptions(expires_in_s=60, headers={}))
    query = parse_qs(urlsplit(signed.url).query)
    assert signed.url.startswith(f"{server.url}/bucket/a%20b?")
    assert query["X-Amz-Expires"] == ["90"]
    assert query["X-Amz-SignedHeaders"] == ["content-type;host"]
    assert signed.headers == {"content-type": "a/b"}
    assert "Signature" not in repr(signed)
    assert not server.seen


async def test_forms_where_they_are_known_to_work() -> None:
    async with ScriptedServer() as server:
        async with backend_of(server, vendor=CEPH) as backend:
            form = await backend.presign_post("bucket", "k", PostPolicy(expires_in_s=90))
        async with backend_of(server, vendor=GENERIC) as backend:
            with pytest.raises(UnsupportedError):
                await backend.presign_post("bucket", "k", PostPolicy())
        async with backend_of(server, vendor=CEPH, anonymous=True) as anonymous:
            with pytest.raises(AuthenticationError):
                await anonymous.presign_post("bucket", "k", PostPolicy())
    assert form.url == f"{server.url}/bucket"
    assert not server.seen
    amazon = S3Backend(region="eu-west-1", access_key_id="id", secret_access_key="secret")
    form = await amazon.presign_post("bucket", "k", PostPolicy())
    assert form.url == "https://bucket.s3.eu-west-1.amazonaws.com/"
    for container in ("bucket--use1-az4--x-s3", "arn:aws:s3:eu-west-1:123456789012:accesspoint/point"):
        with pytest.raises(UnsupportedError):
            await amazon.presign_post(container, "k", PostPolicy())
    await amazon.aclose()


async def test_files_are_read_at_the_first_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    async with ScriptedServer(OK, OK) as server:
        backend = S3Backend(profile="mine")
        assert backend.capabilities.limits == AWS.limits
        config.write_text(
            f"[profile mine]\nregion = file-region\nendpoint_url = {server.url}\n"
            "aws_access_key_id = from-file\naws_secret_access_key = s\n"
        )
        await backend.head_container("Legacy_Name")
        config.unlink()
        await backend.head_container("bucket")
        assert not backend.capabilities.versioning
        await backend.aclose()
    scopes = [seen.headers["authorization"] for seen in server.seen]
    assert all("Credential=from-file/" in scope and "/file-region/s3/" in scope for scope in scopes)


async def test_no_credentials_no_request() -> None:
    async with ScriptedServer() as server:
        backend = S3Backend(endpoint=server.url, region="r")
        with pytest.raises(AuthenticationError, match="no credentials found"):
            await backend.head_container("bucket")
        await backend.aclose()
    assert not server.seen


async def test_a_service_that_knows_no_upload_lists_none() -> None:
    answers = [error(404, "NoSuchUpload"), error(404, "NoSuchBucket")]
    async with ScriptedServer(*answers) as server, backend_of(server) as backend:
        assert (await backend.list_uploads("bucket", prefix="", token=None)).items == []
        with pytest.raises(ContainerNotFoundError):
            await backend.list_uploads("bucket", prefix="", token=None)


async def test_errors_say_what_was_asked() -> None:
    async with ScriptedServer(error(403, "AccessDenied")) as server, backend_of(server) as backend:
        with pytest.raises(StorageError) as caught:
            await backend.get_object("bucket", "k", WHOLE)
    assert str(caught.value) == "s3 get_object bucket/k: No. (HTTP 403, AccessDenied)"


async def test_a_leading_slash_of_a_key_is_kept_where_the_container_is_in_the_host_name() -> None:
    async with ScriptedServer(OK) as server:
        backend = S3Backend(
            endpoint=server.url.replace("127.0.0.1", "localhost"),
            addressing_style="virtual",
            region="r",
            anonymous=True,
        )
        await backend.put_object("bucket", "/k", b"", WriteOptions())
        await backend.aclose()
    (seen,) = server.seen
    assert (seen.target, seen.headers["host"]) == ("//k", f"bucket.localhost:{server.port}")

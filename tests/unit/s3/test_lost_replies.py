"""A write that is sent again because its reply was lost, and is refused because of its own success."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import PermissionDeniedError, PreconditionFailedError, UploadNotFoundError
from aiostorage.models import WHOLE, CustomerKey, ObjectHash, ObjectRef, Part, Upload, WriteOptions
from aiostorage.providers.s3.profiles import AWS
from aiostorage.providers.s3.values import multipart_etag
from tests.scripted import Answer, ScriptedServer, reset
from tests.unit.s3.test_backend import backend_of, error

if TYPE_CHECKING:
    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

CREATE, REPLACE = WriteOptions(if_none_match="*"), WriteOptions(if_match="old")
SOURCE = ObjectRef(container="bucket", key="source")
REFUSED = error(412, "PreconditionFailed")
CONFLICT = error(409, "ConditionalRequestConflict")
UPLOAD = Upload(container="bucket", key="k", upload_id="id")
PARTS = [Part(number=n, offset=0, size=1, etag=f"{n:032x}") for n in (1, 2)]
ETAG = multipart_etag(PARTS)


class Service:
    """Loses the reply to the first write, refuses the others, and has an object that ``written_by`` has written."""

    def __init__(self, *, written_by: str | None = None, first: Answer | None = None) -> None:
        self.write_ids: list[str] = []
        self._written_by = written_by
        self._first = first or reset()

    def __call__(self, seen: Seen) -> Answer:
        if seen.method == "HEAD":
            name = "x-amz-meta-aiostorage-write-id"
            write_id = self.write_ids[0] if self._written_by is None else self._written_by
            return Answer(headers={"ETag": '"new"', name: write_id, "x-amz-meta-colour": "red"}, length=4)
        self.write_ids.append(seen.headers["x-amz-meta-aiostorage-write-id"])
        return self._first if len(self.write_ids) == 1 else REFUSED


@pytest.mark.parametrize("options", [CREATE, REPLACE])
@pytest.mark.verifies("objects: lost replies of writes", on="fake")
async def test_our_own_object_is_a_success(options: WriteOptions) -> None:
    service = Service()
    async with ScriptedServer(answer=service) as server, backend_of(server, vendor=AWS) as backend:
        info = await backend.put_object("bucket", "k", b"body", options)
    assert (info.etag, info.size, dict(info.metadata)) == ("new", 4, {"colour": "red"})
    assert [seen.method for seen in server.seen] == ["PUT", "PUT", "HEAD"]
    assert len(set(service.write_ids)) == 1  # one write, however often it is sent


async def test_our_own_copy_is_a_success() -> None:
    async with ScriptedServer(answer=Service()) as server, backend_of(server, vendor=AWS) as backend:
        assert (await backend.copy_object(SOURCE, "bucket", "k", CREATE)).etag == "new"


async def test_no_two_writes_have_the_same_mark() -> None:
    service = Service(first=Answer(headers={"ETag": '"x"'}))
    async with ScriptedServer(answer=service) as server, backend_of(server, vendor=AWS) as backend:
        await backend.put_object("bucket", "k", b"body", CREATE)
        with pytest.raises(PreconditionFailedError):
            await backend.put_object("bucket", "k", b"body", CREATE)
    assert len(set(service.write_ids)) == 2
    assert [seen.method for seen in server.seen] == ["PUT", "PUT"]  # refused at once: nothing was lost


@pytest.mark.parametrize("first", [reset(), CONFLICT, Answer(status=503)])
async def test_the_same_content_by_somebody_else_is_none(first: Answer) -> None:
    service = Service(written_by="somebody else", first=first)
    async with ScriptedServer(answer=service) as server, backend_of(server, vendor=AWS) as backend:
        with pytest.raises(PreconditionFailedError):
            await backend.put_object("bucket", "k", b"body", CREATE)
    assert [seen.method for seen in server.seen] == ["PUT", "PUT", "HEAD"]


@pytest.mark.parametrize(
    ("looked", "expected"),
    [(Answer(status=404), PreconditionFailedError), (Answer(status=403), PermissionDeniedError)],
)
async def test_what_cannot_be_looked_at_is_not_claimed(looked: Answer, expected: type[Exception]) -> None:
    async with ScriptedServer(reset(), REFUSED, looked) as server, backend_of(server, vendor=AWS) as backend:
        with pytest.raises(expected):
            await backend.put_object("bucket", "k", b"body", CREATE)


async def test_only_writes_under_a_condition_are_marked() -> None:
    done = Answer(headers={"ETag": '"x"'})
    async with ScriptedServer(done) as server, backend_of(server, vendor=AWS) as backend:
        await backend.put_object("bucket", "k", b"body", WriteOptions())
    assert not [name for name in server.seen[0].headers if name.startswith("x-amz-meta-")]


async def test_the_mark_is_looked_for_with_the_key_of_the_object() -> None:
    options = WriteOptions(if_none_match="*", encryption=CustomerKey(key=bytes(32)))
    async with ScriptedServer(answer=Service()) as server, backend_of(server, vendor=AWS) as backend:
        await backend.put_object("bucket", "k", b"body", options)
    assert "x-amz-server-side-encryption-customer-key" in server.seen[2].headers


@pytest.mark.parametrize("refused", [REFUSED, error(404, "NoSuchUpload")])
async def test_an_upload_that_is_gone_was_completed(refused: Answer) -> None:
    def answer(seen: Seen) -> Answer:
        if seen.method == "POST":
            return reset() if len(server.seen) == 1 else refused
        return error(404, "NoSuchUpload") if seen.method == "GET" else Answer(headers={"ETag": f'"{ETAG}"'}, length=2)

    async with ScriptedServer(answer=answer) as server, backend_of(server, vendor=AWS) as backend:
        info = await backend.complete_upload(UPLOAD, PARTS, CREATE)
    assert (info.etag, info.size) == (ETAG, 2)
    looks = ["GET", "HEAD"] if refused is REFUSED else ["HEAD"]
    assert [seen.method for seen in server.seen] == ["POST", "POST", *looks]


@pytest.mark.parametrize(
    ("listed", "etag"),
    [
        (Answer(body=b"<ListPartsResult/>"), ETAG),  # the upload is there: the same content is somebody else's
        (error(403, "AccessDenied"), ETAG),  # nobody can tell
        (error(404, "NoSuchUpload"), "other-2"),
    ],
)
async def test_an_upload_that_was_refused(listed: Answer, etag: str) -> None:
    def answer(seen: Seen) -> Answer:
        if seen.method == "POST":
            return reset() if len(server.seen) == 1 else REFUSED
        return listed if seen.method == "GET" else Answer(headers={"ETag": f'"{etag}"'}, length=2)

    async with ScriptedServer(answer=answer) as server, backend_of(server, vendor=AWS) as backend:
        with pytest.raises(PreconditionFailedError):
            await backend.complete_upload(UPLOAD, PARTS, CREATE)


async def test_a_completed_upload_is_recognised_by_its_checksum_too() -> None:
    crc = ObjectHash(algorithm="crc32", value="00000001")
    upload = Upload(container="bucket", key="k", upload_id="id", checksum="crc32")
    part = Part(number=1, offset=0, size=1, etag="opaque", checksum=crc)
    head = Answer(headers={"ETag": '"opaque-1"', "x-amz-checksum-crc32": "AAAAAQ=="}, length=1)
    lost = [reset(), error(404, "NoSuchUpload"), head]
    async with ScriptedServer(*lost) as server, backend_of(server, vendor=AWS) as backend:
        assert (await backend.complete_upload(upload, [part], WriteOptions())).object_hash == crc
    lost = [reset(), error(404, "NoSuchUpload"), Answer(headers={"ETag": '"opaque-1"'}, length=1)]
    async with ScriptedServer(*lost) as server, backend_of(server, vendor=AWS) as backend:
        with pytest.raises(UploadNotFoundError):
            await backend.complete_upload(upload, [part], WriteOptions())


async def test_a_deletion_that_happened() -> None:
    async with (
        ScriptedServer(reset(), REFUSED, Answer(status=404)) as server,
        backend_of(server, vendor=AWS) as backend,
    ):
        await backend.delete_object("bucket", "k", if_match="e")
    there = Answer(headers={"ETag": '"other"'}, length=1)
    async with ScriptedServer(reset(), REFUSED, there) as server, backend_of(server, vendor=AWS) as backend:
        with pytest.raises(PreconditionFailedError):
            await backend.delete_object("bucket", "k", if_match="e")
    async with ScriptedServer(REFUSED) as server, backend_of(server, vendor=AWS) as backend:
        with pytest.raises(PreconditionFailedError):
            await backend.delete_object("bucket", "k", if_match="e")


async def test_readers_never_see_the_mark() -> None:
    head = Answer(headers={"x-amz-meta-aiostorage-write-id": "x", "x-amz-meta-a": "1"})
    async with ScriptedServer(head) as server, backend_of(server, vendor=AWS) as backend:
        assert dict((await backend.head_object("bucket", "k", WHOLE)).metadata) == {"a": "1"}

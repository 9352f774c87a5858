"""Rules of writing that a service can be seen to be kept by: what is sent, in which order, and what is not."""

from __future__ import annotations

import asyncio
import zlib
from base64 import b64encode
from hashlib import md5
from typing import TYPE_CHECKING, get_args

import pytest

from aiostorage import InvalidArgumentError, RetryPolicy, ServiceUnavailableError, StorageError
from aiostorage.models import ByteRange, ObjectRef, Upload, WriteOptions
from aiostorage.providers.s3.backend import S3Backend
from aiostorage.providers.s3.profiles import VendorName
from tests.faults.test_writes import PART, Service, driver, error
from tests.scripted import Answer, ScriptedServer, Seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio


async def zeros(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 1 << 20):
        yield bytes(min(1 << 20, size - start))


# An error behind a 200


HIDDEN = Answer(body=b"<?xml version='1.0'?>\n<Error><Code>InternalError</Code><Message>sorry</Message></Error>")


@pytest.mark.parametrize("operation", ["copy_object", "copy_part", "delete_objects", "complete_upload"])
@pytest.mark.parametrize("times", [1, 2])
async def test_an_error_behind_a_200_is_what_it_says(operation: str, times: int) -> None:
    """It is tried again, and if it stays it is the error that is raised."""
    good = {
        "copy_object": b"<CopyObjectResult><ETag>e</ETag></CopyObjectResult>",
        "copy_part": b"<CopyPartResult><ETag>e</ETag></CopyPartResult>",
        "delete_objects": b"<DeleteResult><Deleted><Key>k</Key></Deleted></DeleteResult>",
        "complete_upload": b"<CompleteMultipartUploadResult><ETag>e-1</ETag></CompleteMultipartUploadResult>",
    }[operation]
    upload, source = Upload(container="bucket", key="k", upload_id="u"), ObjectRef(container="bucket", key="source")
    async with ScriptedServer(*[HIDDEN] * times, Answer(body=good)) as server:
        backend = S3Backend(
            endpoint=server.url, region="r", anonymous=True, vendor="aws", addressing_style="path",
            retry=RetryPolicy(max_attempts=2, base_s=0),
        )  # fmt: skip
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "copy_object": lambda: backend.copy_object(source, "bucket", "k", None),
            "copy_part": lambda: backend.copy_part(upload, 1, source, ByteRange(0, 5)),
            "delete_objects": lambda: backend.delete_objects("bucket", [ObjectRef(container="bucket", key="k")]),
            "complete_upload": lambda: backend.complete_upload(upload, [], WriteOptions()),
        }
        if times == 1:
            await calls[operation]()
        else:
            with pytest.raises(ServiceUnavailableError, match="sorry"):
                await calls[operation]()
        await backend.aclose()
    assert len(server.seen) == 2


# Parts


async def test_a_part_that_takes_long_holds_up_no_other() -> None:
    """A window slides over the parts; they do not go in batches: all others arrive while the first waits."""
    service = Service()
    others = asyncio.Event()

    class Waiting(ScriptedServer):
        async def _send(
            self, answer: Answer, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> bool:
            number = service.query(seen).get("partNumber")
            if number == "1":
                await asyncio.wait_for(others.wait(), 20)
            elif len({service.query(each).get("partNumber") for each in self.seen} - {None}) == 8:
                others.set()
            return await super()._send(answer, seen, reader, writer)

    async with Waiting(answer=service.answer) as server, driver(server, concurrency=2) as storage:
        await storage.container("bucket").upload_object(zeros(8 * PART), "key")
    assert len(service.objects["/bucket/key"]) == 8 * PART


async def test_a_range_that_takes_long_holds_up_no_other(tmp_path: object) -> None:
    """The same of a download."""
    content = bytes(range(256)) * 512
    part = len(content) // 8
    seen_ranges: set[str] = set()
    others = asyncio.Event()

    class Waiting(ScriptedServer):
        async def _send(
            self, answer: Answer, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> bool:
            asked = seen.headers["range"]
            seen_ranges.add(asked)
            if len(seen_ranges) == 8:
                others.set()
            if asked.startswith(f"bytes={part}-"):
                await asyncio.wait_for(others.wait(), 20)
            return await super()._send(answer, seen, reader, writer)

    def answer(seen: Seen) -> Answer:
        start, _, last = seen.headers["range"].removeprefix("bytes=").partition("-")
        body = content[int(start) : int(last) + 1]
        headers = {"ETag": '"e"', "Content-Range": f"bytes {start}-{last}/{len(content)}"}
        return Answer(status=206, headers=headers, body=body)

    async with Waiting(answer=answer) as server, driver(server, concurrency=2) as storage:
        obj = storage.container("bucket").object("key")
        path = await obj.download(f"{tmp_path}/file", part_size_bytes=part)
        assert await asyncio.to_thread(path.read_bytes) == content


async def test_a_stream_under_a_condition_goes_in_parts_too() -> None:
    """It is not held in memory to be one request; the condition goes with the completion."""
    service = Service()
    async with ScriptedServer(answer=service.answer) as server, driver(server, vendor="aws") as storage:
        await storage.container("bucket").upload_object(zeros(3 * PART), "key", if_none_match="*")
    assert service.log.count("part") == 3
    completion = next(seen for seen in server.seen if seen.method == "POST" and "uploadId" in seen.target)
    assert completion.headers["if-none-match"] == "*"


@pytest.mark.parametrize("size", [0, 1, PART - 1])
async def test_a_stream_that_ends_within_its_first_part_is_one_request(size: int) -> None:
    """There is no completion without parts, which no service takes."""
    service = Service()
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        await storage.container("bucket").upload_object(zeros(size), "key")
        async with storage.container("bucket").open_writer("written") as writer:
            await writer.write(bytes(size))
    assert service.log == ["put", "put"]
    assert service.objects == {"/bucket/key": bytes(size), "/bucket/written": bytes(size)}


async def test_where_parts_must_be_equal_they_are_and_the_limit_is_told_early() -> None:
    """R2 refuses others when the upload is completed, and that is late."""
    service = Service()
    async with ScriptedServer(answer=service.answer) as server, driver(server, vendor="r2") as storage:
        await storage.container("bucket").upload_object(zeros(40 << 20), "key")
        sizes = [len(seen.body) for seen in server.seen if "partNumber" in seen.target]
        assert sorted(sizes) == [8 << 20, 16 << 20, 16 << 20]
        with pytest.raises(InvalidArgumentError, match="are more than the provider's"):
            await storage.container("bucket").upload_object(zeros(40 << 20), "key", size=1 << 60)
    assert service.uploads == {}


# What goes with a body


@pytest.mark.parametrize("vendor", get_args(VendorName))
async def test_nothing_that_only_amazon_takes_is_sent_to_others(vendor: VendorName) -> None:
    """No trailers and no chunks of Amazon's own for anybody; its checksums for Amazon alone."""
    service = Service()
    options = {"vendor": vendor, "addressing_style": "path"}
    async with ScriptedServer(answer=service.answer) as server, driver(server, **options) as storage:
        container = storage.container("bucket")
        await container.upload_object(b"small", "key")
        await container.upload_object(zeros(17 << 20), "key", part_size_bytes=16 << 20)
    bodies = [seen for seen in server.seen if seen.method == "PUT"]
    assert len(bodies) == 3
    for seen in server.seen:
        assert "aws-chunked" not in seen.headers.get("content-encoding", "")
        assert not seen.headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
        assert "x-amz-trailer" not in seen.headers
        assert "transfer-encoding" not in seen.headers
    checksums = {name for seen in server.seen for name in seen.headers if name.startswith("x-amz-checksum-")}
    sdk = {name for seen in server.seen for name in seen.headers if name.startswith("x-amz-sdk-checksum")}
    assert sdk == set()
    assert not checksums or vendor == "aws"
    for seen in bodies:
        digest = seen.headers.get("content-md5")
        assert digest in {None, b64encode(md5(seen.body).digest()).decode()}
        is_signed = seen.headers.get("x-amz-content-sha256") not in {None, "UNSIGNED-PAYLOAD"}
        crc = seen.headers.get("x-amz-checksum-crc32")
        assert crc in {None, b64encode(zlib.crc32(seen.body).to_bytes(4, "big")).decode()}
        assert digest or crc or is_signed, "somebody compares the body"


@pytest.mark.parametrize("vendor", get_args(VendorName))
async def test_a_deletion_of_many_carries_what_services_demand_or_is_many(vendor: VendorName) -> None:
    def answer(seen: Seen) -> Answer:
        if seen.method == "POST":
            return Answer(
                body=b"<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>b</Key></Deleted></DeleteResult>"
            )
        return Answer(status=204)

    options = {"vendor": vendor, "addressing_style": "path"}
    async with ScriptedServer(answer=answer) as server, driver(server, **options) as storage:
        outcomes = await storage.container("bucket").delete_objects(["a", "b"])
    assert [outcome.error for outcome in outcomes] == [None, None]
    if vendor == "gcs":
        assert [seen.method for seen in server.seen] == ["DELETE", "DELETE"]
    else:
        [seen] = server.seen
        assert seen.headers["content-md5"] == b64encode(md5(seen.body).digest()).decode()


# What is read of what was written


async def test_a_checksum_of_the_whole_says_nothing_of_a_range() -> None:
    """Some services send it along with each range."""
    content = bytes(range(256)) * 4
    whole = b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()

    def answer(seen: Seen) -> Answer:
        headers = {"ETag": f'"{md5(content).hexdigest()}"', "x-amz-checksum-crc32": whole}
        headers |= {"x-amz-checksum-type": "FULL_OBJECT"}
        if "range" not in seen.headers:
            return Answer(headers=headers, body=content)
        return Answer(
            status=206, headers={**headers, "Content-Range": f"bytes 10-19/{len(content)}"}, body=content[10:20]
        )

    async with ScriptedServer(answer=answer) as server, driver(server, vendor="aws") as storage:
        obj = storage.container("bucket").object("key")
        assert await obj.read(byte_range=(10, 20)) == content[10:20]
        async with obj.as_file(byte_range=(10, 20)) as stream:
            assert await stream.read() == content[10:20]
        assert await obj.read() == content


async def test_a_marker_of_a_folder_is_an_object_that_tells_what_it_is() -> None:
    page = (
        b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a/</Key><Size>0</Size></Contents>"
        b"<Contents><Key>a/b</Key><Size>0</Size></Contents><Contents><Key>c/</Key><Size>1</Size></Contents>"
        b"</ListBucketResult>"
    )
    async with ScriptedServer(Answer(body=page)) as server, driver(server) as storage:
        found = {obj.name: obj.is_dir_marker async for obj in storage.container("bucket").list_objects()}
    assert found == {"a/": True, "a/b": False, "c/": False}
    assert not storage.container("bucket").object("a/").is_dir_marker  # nothing is known of it yet


# What fails


async def test_a_failure_that_stays_aborts_what_a_writer_has_begun() -> None:
    service = Service()
    service.faults["part"] = lambda _: error(403, "AccessDenied")
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises(StorageError):
            async with storage.container("bucket").open_writer("key") as writer:
                await writer.write(bytes(3 * PART))
    assert (service.objects, service.uploads) == ({}, {})

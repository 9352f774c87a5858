"""What becomes of an upload by parts when something fails: nothing is published, nothing stays."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest

from aiostorage import (
    InvalidArgumentError,
    PermissionDeniedError,
    RetryPolicy,
    S3Driver,
    ServiceUnavailableError,
    StorageError,
    UnexpectedResponseError,
    UploadNotFoundError,
)
from tests.scripted import Answer, ScriptedServer, Seen, hang_up, reset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.anyio

PART = 5 * 1024**2
DATA = bytes(PART) + b"x" * PART + b"y" * 1000


class Service:
    """S3 as far as uploads by parts go; ``faults`` answers first, and may be asked to do so once or for ever."""

    def __init__(self) -> None:
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.log: list[str] = []
        self.faults: dict[str, Callable[[Seen], Answer | None]] = {}
        self.sticky_parts = 0

    def answer(self, seen: Seen) -> Answer:
        step = self.step(seen)
        self.log.append(step)
        fault = self.faults.get(step)
        if fault is not None and (answer := fault(seen)) is not None:
            return answer
        return getattr(self, step)(seen)  # type: ignore[no-any-return]

    @staticmethod
    def query(seen: Seen) -> dict[str, str]:
        return {
            name: values[0] for name, values in parse_qs(urlsplit(seen.target).query, keep_blank_values=True).items()
        }

    def step(self, seen: Seen) -> str:
        query = self.query(seen)
        match seen.method:
            case "POST":
                return "create" if "uploads" in query else "complete"
            case "PUT":
                return "part" if "partNumber" in query else "put"
            case "DELETE":
                return "abort"
            case "GET":
                return "parts"
            case _:
                return "head"

    def create(self, _seen: Seen) -> Answer:
        upload_id = f"u{len(self.log)}"
        self.uploads[upload_id] = {}
        return Answer(
            body=f"<InitiateMultipartUploadResult><UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>".encode()
        )

    def part(self, seen: Seen) -> Answer:
        query = self.query(seen)
        if query["uploadId"] not in self.uploads:
            return error(404, "NoSuchUpload")
        self.uploads[query["uploadId"]][int(query["partNumber"])] = seen.body
        return Answer(headers={"ETag": f'"{hashlib.md5(seen.body).hexdigest()}"'})

    def put(self, seen: Seen) -> Answer:
        self.objects[seen.target] = seen.body
        return Answer(headers={"ETag": f'"{hashlib.md5(seen.body).hexdigest()}"'})

    def complete(self, seen: Seen) -> Answer:
        parts = self.uploads.pop(self.query(seen)["uploadId"], None)
        if parts is None:
            return error(404, "NoSuchUpload")
        path = urlsplit(seen.target).path
        self.objects[path] = b"".join(parts[number] for number in sorted(parts))
        digests = b"".join(hashlib.md5(parts[number]).digest() for number in sorted(parts))
        self.etags[path] = f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'
        result = f"<CompleteMultipartUploadResult><ETag>{self.etags[path]}</ETag></CompleteMultipartUploadResult>"
        return Answer(body=result.encode())

    def abort(self, seen: Seen) -> Answer:
        upload_id = self.query(seen)["uploadId"]
        if upload_id not in self.uploads:
            return error(404, "NoSuchUpload")
        if self.sticky_parts:
            self.sticky_parts -= 1
        else:
            del self.uploads[upload_id]
        return Answer(status=204)

    def parts(self, seen: Seen) -> Answer:
        if self.query(seen)["uploadId"] not in self.uploads:
            return error(404, "NoSuchUpload")
        return Answer(
            body=b"<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber>"
            b'<ETag>"e"</ETag><Size>5</Size></Part></ListPartsResult>'
        )

    def head(self, seen: Seen) -> Answer:
        path = urlsplit(seen.target).path
        if path not in self.objects:
            return Answer(status=404)
        return Answer(headers={"ETag": self.etags[path]}, length=len(self.objects[path]))


def error(status: int, code: str) -> Answer:
    return Answer(status=status, body=f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


def once(answer: Answer) -> Callable[[Seen], Answer | None]:
    left = [answer]
    return lambda _: left.pop() if left else None


def driver(server: ScriptedServer, **options: object) -> S3Driver:
    return S3Driver(
        endpoint=server.url,
        region="us-east-1",
        access_key_id="key",
        secret_access_key="secret",
        retry=RetryPolicy(max_attempts=2, base_s=0.001),
        part_size_bytes=PART,
        **options,  # type: ignore[arg-type]  # whatever a test wants
    )


async def stream() -> AsyncIterator[bytes]:
    for start in range(0, len(DATA), 1024 * 1024):
        yield DATA[start : start + 1024 * 1024]


@pytest.mark.parametrize("step", ["create", "part", "complete"])
@pytest.mark.parametrize(
    "fault",
    [reset(), hang_up(), error(503, "SlowDown"), error(500, "InternalError")],
    ids=["reset", "hang up", "503", "500"],
)
async def test_what_passes_over_is_tried_again(step: str, fault: Answer) -> None:
    service = Service()
    service.faults[step] = once(fault)
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        await storage.container("bucket").upload_object(stream(), "key")
    assert service.objects == {"/bucket/key": DATA}
    assert service.uploads == {}


@pytest.mark.parametrize("step", ["part", "complete"])
@pytest.mark.parametrize("answer", [error(403, "AccessDenied"), error(503, "SlowDown")], ids=["403", "503"])
async def test_what_stays_aborts_the_upload(step: str, answer: Answer) -> None:
    service = Service()
    service.faults[step] = lambda _: answer
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises(StorageError) as caught:
            await storage.container("bucket").upload_object(stream(), "key")
    assert caught.value.status == answer.status
    assert service.objects == {}
    assert service.uploads == {}
    assert "abort" in service.log


@pytest.mark.parametrize("vendor", ["aws", "generic"])
@pytest.mark.parametrize("fault", [reset(), hang_up(), error(500, "InternalError")], ids=["reset", "hang up", "500"])
async def test_an_upload_that_may_become_an_object_yet_is_aborted_only_where_that_breaks_none(
    fault: Answer, vendor: Literal["aws", "generic"], caplog: pytest.LogCaptureFixture
) -> None:
    """A completion goes on at the service after its caller has given up, and joins parts that an abort removes."""
    service = Service()
    service.faults["complete"] = lambda _: fault
    async with ScriptedServer(answer=service.answer) as server, driver(server, vendor=vendor) as storage:
        assert storage.capabilities.atomic_completion is (vendor == "aws")
        with pytest.raises(StorageError) as caught:
            await storage.container("bucket").upload_object(stream(), "key")
    assert caught.value.may_be_done
    assert service.log.count("complete") == 2
    if vendor == "aws":
        assert service.uploads == {}
    else:
        assert len(service.uploads) == 1
        assert "abort" not in service.log
        assert "is left behind, for it may become an object yet" in caplog.text


async def test_an_answer_that_nobody_understands_does_not_say_that_nothing_is_being_done() -> None:
    """It may be that of a proxy, which has grown tired of waiting."""
    service = Service()
    service.faults["complete"] = service.faults["parts"] = lambda _: Answer(body=b"<html>patience</html>")
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises(UnexpectedResponseError) as caught:
            await storage.container("bucket").upload_object(stream(), "key")
        assert caught.value.may_be_done
        with pytest.raises(UnexpectedResponseError) as caught:
            await storage.container("bucket").list_objects().__anext__()
        assert not caught.value.may_be_done
    assert "abort" not in service.log


async def test_what_a_refusal_follows_may_have_been_done_before_it() -> None:
    """The last answer is a refusal, but the first one was lost: nobody knows."""
    service = Service()
    answers = [reset(), error(403, "AccessDenied")]
    service.faults["complete"] = lambda _: answers.pop(0)
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises(PermissionDeniedError) as caught:
            await storage.container("bucket").upload_object(stream(), "key")
    assert caught.value.may_be_done
    assert "abort" not in service.log


async def test_an_error_inside_the_200_of_a_completion_is_an_error() -> None:
    service = Service()
    service.faults["complete"] = lambda _: Answer(
        body=b"   \n<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"
    )
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises(PermissionDeniedError):
            await storage.container("bucket").upload_object(stream(), "key")
    assert service.uploads == {}


async def test_an_internal_error_inside_a_200_is_tried_again() -> None:
    service = Service()
    service.faults["complete"] = once(Answer(body=b"<Error><Code>InternalError</Code></Error>"))
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        await storage.container("bucket").upload_object(stream(), "key")
    assert service.objects == {"/bucket/key": DATA}


async def test_a_completion_whose_reply_was_lost_is_recognised() -> None:
    service = Service()

    def lose(seen: Seen) -> Answer | None:
        if service.log.count("complete") > 1:
            return None
        service.complete(seen)
        return reset()

    service.faults["complete"] = lose
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        obj = await storage.container("bucket").upload_object(stream(), "key")
    assert service.objects == {"/bucket/key": DATA}
    assert obj.size == len(DATA)


async def test_an_abort_whose_reply_was_lost_has_succeeded() -> None:
    service = Service()

    def lose(seen: Seen) -> Answer | None:
        if service.log.count("abort") > 1:
            return None
        service.abort(seen)
        return reset()

    service.faults["abort"] = lose
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        upload = await storage.create_upload("bucket", "key")
        await storage.abort_upload(upload)
        with pytest.raises(UploadNotFoundError):
            await storage.abort_upload(upload)
    assert service.uploads == {}


async def test_a_lost_reply_of_a_completion_is_not_taken_for_somebody_elses_object() -> None:
    service = Service()

    def lose(_seen: Seen) -> Answer | None:
        if service.log.count("complete") > 1:
            return None
        service.uploads.clear()
        service.objects["/bucket/key"] = b"theirs"
        service.etags["/bucket/key"] = '"0123456789abcdef0123456789abcdef-3"'
        return reset()

    service.faults["complete"] = lose
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises(UploadNotFoundError):
            await storage.container("bucket").upload_object(stream(), "key")


async def test_the_first_failure_stops_the_other_parts_and_the_source() -> None:
    service = Service()
    service.faults["part"] = lambda seen: (
        error(403, "AccessDenied") if "partNumber=1&" in seen.target + "&" else Answer(raw=b"", then="stall")
    )
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield bytes(PART)
            await asyncio.sleep(0)

    async with ScriptedServer(answer=service.answer) as server, driver(server, concurrency=3) as storage:
        with pytest.raises(PermissionDeniedError):
            await storage.container("bucket").upload_object(endless(), "key")
    assert service.uploads == {}
    assert given <= 6


async def test_an_abort_is_repeated_until_no_part_is_left() -> None:
    service = Service()
    service.sticky_parts = 2
    service.faults["complete"] = lambda _: error(403, "AccessDenied")
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises(PermissionDeniedError):
            await storage.container("bucket").upload_object(stream(), "key")
    assert service.log.count("abort") == 3
    assert service.uploads == {}


async def test_an_abort_that_fails_is_told_in_the_log_and_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    service = Service()
    service.faults["complete"] = lambda _: error(403, "AccessDenied")
    service.faults["abort"] = lambda _: error(500, "InternalError")
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises(PermissionDeniedError):
            await storage.container("bucket").upload_object(stream(), "key")
    assert "may be left behind" in caplog.text


@pytest.mark.parametrize("how", ["task", "timeout", "anyio"])
async def test_a_cancellation_while_the_upload_is_being_created_leaves_no_upload(how: str) -> None:
    """The service has made the upload, and its answer is on the way: the caller goes, the id must not be lost."""
    service = Service()
    asked = asyncio.Event()
    leave: Callable[[], object]

    async def cancel_when(event: asyncio.Event) -> None:
        await event.wait()
        leave()

    class Slow(ScriptedServer):
        async def _send(
            self, answer: Answer, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> bool:
            if service.step(seen) == "create":
                asked.set()
                await asyncio.sleep(0.05)
            return await super()._send(answer, seen, reader, writer)

    async with Slow(answer=service.answer) as server, driver(server) as storage:
        container = storage.container("bucket")
        cancelling = asyncio.create_task(cancel_when(asked))
        match how:
            case "task":
                task = asyncio.create_task(container.upload_object(stream(), "key"))
                leave = task.cancel
                with pytest.raises(asyncio.CancelledError):
                    await task
            case "timeout":
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(None) as timeout:
                        leave = partial(timeout.reschedule, 0)
                        await container.upload_object(stream(), "key")
            case _:
                with anyio.CancelScope() as scope:
                    leave = scope.cancel
                    await container.upload_object(stream(), "key")
                assert scope.cancelled_caught
        await cancelling
    assert service.uploads == {}
    assert service.objects == {}
    assert service.log[:2] == ["create", "abort"]


async def test_a_source_that_fails_aborts_and_its_own_error_comes_out() -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield bytes(PART)
        yield bytes(PART)
        raise KeyError("mine")

    service = Service()
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises(KeyError, match="mine"):
            await storage.container("bucket").upload_object(failing(), "key")
    assert service.uploads == {}
    assert service.objects == {}


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, PART, 1, 0])
async def test_a_source_of_another_length_than_announced_publishes_nothing(size: int) -> None:
    service = Service()
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises(InvalidArgumentError, match="announced"):
            await storage.container("bucket").upload_object(stream(), "key", size=size)
    assert service.uploads == {}
    assert service.objects == {}


async def test_a_writer_whose_part_fails_ends_its_block_with_that_error() -> None:
    service = Service()
    service.faults["part"] = lambda _: error(503, "SlowDown")
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        with pytest.raises((ServiceUnavailableError, StorageError)) as caught:
            async with storage.container("bucket").open_writer("key") as writer:
                for _ in range(100):
                    await writer.write(bytes(1024 * 1024))
    assert caught.value.status == 503
    assert service.uploads == {}
    assert service.objects == {}


async def test_small_sources_are_one_request_each() -> None:
    service = Service()
    async with ScriptedServer(answer=service.answer) as server, driver(server) as storage:
        container = storage.container("bucket")
        await container.upload_object(b"", "empty")
        await container.upload_object(iter([]), "empty stream")
        await container.upload_object(bytes(PART), "one part")
        async with container.open_writer("written") as writer:
            await writer.write(bytes(PART))
    assert service.log == ["put"] * 4

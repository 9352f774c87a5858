"""What a reader must never do, whatever the server does: mix, splice, lose, hang."""

from __future__ import annotations

import asyncio
import base64
import re
import zlib
from typing import TYPE_CHECKING

import pytest

from aiostorage import (
    ChecksumMismatchError,
    ObjectChangedError,
    ObjectNotFoundError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    RetryPolicy,
    S3Driver,
    StorageConnectionError,
    UnexpectedResponseError,
)
from aiostorage._tasks import all_tasks
from tests.scripted import Answer, ScriptedServer, Seen, reset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(256)) * 4096  # 1 MiB
PART = 128 * 1024


def driver(server: ScriptedServer, *, attempts: int = 2, **options: object) -> S3Driver:
    return S3Driver(
        endpoint=server.url,
        region="us-east-1",
        access_key_id="key",
        secret_access_key="secret",
        vendor="aws",
        addressing_style="path",
        retry=RetryPolicy(max_attempts=attempts, base_s=0.001),
        part_size_bytes=PART,
        **options,  # type: ignore[arg-type]  # whatever a test wants
    )


def asked(seen: Seen) -> tuple[int, int] | None:
    """The range of a request, half-open."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", seen.headers.get("range", ""))
    if found is None:
        return None
    return int(found[1]), min(len(CONTENT), int(found[2]) + 1 if found[2] else len(CONTENT))


def honest(seen: Seen, *, content: bytes = CONTENT, etag: str = "e1", keep: int | None = None) -> Answer:
    """What a good server answers; with ``keep``, cut after so many bytes of the body."""
    wanted = asked(seen)
    headers = {"ETag": f'"{etag}"'}
    if wanted is None:
        body = content
    else:
        start, stop = wanted
        if start >= len(content):
            return Answer(status=416, body=b"<Error><Code>InvalidRange</Code></Error>")
        body = content[start:stop]
        headers["Content-Range"] = f"bytes {start}-{start + len(body) - 1}/{len(content)}"
    status = 200 if wanted is None else 206
    if keep is None or keep >= len(body):
        return Answer(status=status, headers=headers, body=body)
    return Answer(status=status, headers=headers, body=body[:keep], length=len(body), then="close")


async def read(server: ScriptedServer, how: str, folder: Path) -> bytes:
    """The object, read in one of the ways that there are."""
    async with driver(server) as storage:
        obj = storage.container("bucket").object("key")
        match how:
            case "read":
                return await obj.read()
            case "stream":
                async with obj.as_file() as stream:
                    return b"".join([chunk async for chunk in stream])
            case "download":
                path = await obj.download(folder / "file")
                return path.read_bytes()
            case "range":
                return await obj.read(byte_range=(0, len(CONTENT)))
            case _:
                raise AssertionError(how)


everyway = pytest.mark.parametrize("how", ["read", "stream", "download", "range"])


@everyway
async def test_a_body_that_keeps_breaking_off_goes_on_where_it_broke(how: str, tmp_path: Path) -> None:
    async with ScriptedServer(answer=lambda seen: honest(seen, keep=100_000)) as server:
        assert await read(server, how, tmp_path) == CONTENT
    assert len(server.seen) > 8
    again = [seen for seen in server.seen[1:] if asked(seen) and "if-match" in seen.headers]
    assert again, "what goes on names the version that it goes on with"


@everyway
async def test_a_server_that_ignores_ranges_is_never_spliced(how: str, tmp_path: Path) -> None:
    broken: list[bool] = []

    def answer(_seen: Seen) -> Answer:
        broken.append(True)
        keep = 700_000 if len(broken) == 1 else len(CONTENT)
        body = CONTENT[:keep]
        return Answer(
            headers={"ETag": '"e1"'}, body=body, length=len(CONTENT), then="keep" if keep == len(CONTENT) else "close"
        )

    async with ScriptedServer(answer=answer) as server:
        assert await read(server, how, tmp_path) == CONTENT
    assert len(server.seen) == 2


async def test_a_range_of_an_object_comes_out_of_a_whole_one(tmp_path: Path) -> None:
    async with (
        ScriptedServer(answer=lambda _: Answer(headers={"ETag": '"e1"'}, body=CONTENT)) as server,
        driver(server) as storage,
    ):
        obj = storage.container("bucket").object("key")
        assert await obj.read(byte_range=(1000, 1300)) == CONTENT[1000:1300]
        assert await obj.read(byte_range=(-10, None)) == CONTENT[-10:]
        async with obj.as_file() as stream:
            await stream.seek(500_000)
            assert await stream.read(7) == CONTENT[500_000:500_007]


@everyway
async def test_an_object_that_is_replaced_while_it_is_read_is_an_error(how: str, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Answer:
        is_first = len(server.seen) == 1
        return honest(
            seen, keep=50_000, etag="e1" if is_first else "e2", content=CONTENT if is_first else CONTENT[::-1]
        )

    async with ScriptedServer(answer=answer) as server:
        with pytest.raises(ObjectChangedError):
            await read(server, how, tmp_path)
    assert list(tmp_path.iterdir()) == []


@everyway
async def test_an_object_that_is_replaced_by_a_shorter_one_is_an_error(how: str, tmp_path: Path) -> None:
    """A server that ignores conditions says that there is no such range."""

    def answer(seen: Seen) -> Answer:
        if len(server.seen) == 1:
            return honest(seen, keep=50_000)
        return honest(seen, etag="e2", content=b"short")

    async with ScriptedServer(answer=answer) as server:
        with pytest.raises(ObjectChangedError):
            await read(server, how, tmp_path)
    assert list(tmp_path.iterdir()) == []


@everyway
async def test_a_server_that_obeys_if_match_says_the_same(how: str, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Answer:
        if seen.headers.get("if-match", '"e1"') != '"e1"' or len(server.seen) > 1:
            return Answer(status=412, body=b"<Error><Code>PreconditionFailed</Code></Error>")
        return honest(seen, keep=50_000)

    async with ScriptedServer(answer=answer) as server:
        with pytest.raises(ObjectChangedError):
            await read(server, how, tmp_path)


@everyway
async def test_a_body_that_never_gets_on_is_an_error_in_the_end(how: str, tmp_path: Path) -> None:
    async with ScriptedServer(answer=lambda seen: honest(seen, keep=0)) as server:
        with pytest.raises(StorageConnectionError):
            await read(server, how, tmp_path)
    assert len(server.seen) < 100
    assert list(tmp_path.iterdir()) == []


@everyway
async def test_a_wrong_range_is_refused(how: str, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Answer:
        if (wanted := asked(seen)) is None or len(server.seen) == 1:
            return honest(seen, keep=1000)
        start, stop = wanted[0] + 1, wanted[1]
        headers = {"ETag": '"e1"', "Content-Range": f"bytes {start}-{stop - 1}/{len(CONTENT)}"}
        return Answer(status=206, headers=headers, body=CONTENT[start:stop])

    async with ScriptedServer(answer=answer) as server:
        with pytest.raises(UnexpectedResponseError):
            await read(server, how, tmp_path)
    assert list(tmp_path.iterdir()) == []


CRC32 = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()
HASHED = {"ETag": '"e1"', "x-amz-checksum-crc32": CRC32, "x-amz-checksum-type": "FULL_OBJECT"}
FLIPPED = Answer(headers=HASHED, body=CONTENT[:77] + b"\xff" + CONTENT[78:])
RIGHT = Answer(headers=HASHED, body=CONTENT)


@pytest.mark.parametrize("how", ["read", "stream", "download"])
async def test_corrupt_bytes_are_not_returned(how: str, tmp_path: Path) -> None:
    async with ScriptedServer(answer=lambda _: FLIPPED) as server:
        with pytest.raises(ChecksumMismatchError):
            await read(server, how, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["read", "download"])
async def test_bytes_that_came_wrong_once_are_read_again(how: str, tmp_path: Path) -> None:
    async with ScriptedServer(FLIPPED, RIGHT) as server:
        assert await read(server, how, tmp_path) == CONTENT
        assert len(server.seen) == 2


async def test_progress_takes_back_the_bytes_that_came_wrong(tmp_path: Path) -> None:
    told: list[int] = []
    async with ScriptedServer(FLIPPED, RIGHT) as server, driver(server) as storage:
        obj = storage.container("bucket").object("key")
        await obj.download(tmp_path / "file", progress=lambda done, _: told.append(done))
    assert told[-1] == len(CONTENT)


async def test_a_stream_whose_end_shows_that_it_was_wrong_stays_wrong_until_it_is_read_anew() -> None:
    async with (
        ScriptedServer(answer=answering([FLIPPED, RIGHT])) as server,
        driver(server) as storage,
        storage.container("bucket").object("key").as_file() as stream,
    ):
        assert len(await stream.read(1000)) == 1000
        for _ in range(2):
            with pytest.raises(ChecksumMismatchError):
                await stream.read()
        await stream.seek(0)
        assert await stream.read() == CONTENT


async def test_seeking_about_does_not_hide_that_bytes_were_wrong() -> None:
    async with (
        ScriptedServer(answer=answering([FLIPPED])) as server,
        driver(server) as storage,
        storage.container("bucket").object("key").as_file() as stream,
    ):
        await stream.read(500_000)
        await stream.seek(100)
        await stream.read(300_000)
        with pytest.raises(ChecksumMismatchError):
            await stream.read()


def answering(whole: list[Answer]) -> Callable[[Seen], Answer]:
    """Ranges as they are, and the whole object in these ways, the last of them from then on."""
    left = iter(whole)
    latest = whole[-1]

    def answer(seen: Seen) -> Answer:
        nonlocal latest
        if asked(seen) is not None:
            return honest(seen)
        latest = next(left, latest)
        return latest

    return answer


@pytest.mark.parametrize("how", ["read", "stream"])
async def test_more_bytes_announced_than_there_are(how: str, tmp_path: Path) -> None:
    """What breaks off five bytes before its end cannot go on: the end is there."""

    def answer(seen: Seen) -> Answer:
        if asked(seen) is not None:
            return honest(seen)
        return Answer(headers={"ETag": '"e1"'}, body=CONTENT, length=len(CONTENT) + 5, then="close")

    async with ScriptedServer(answer=answer) as server:
        with pytest.raises(UnexpectedResponseError, match=f"more than the {len(CONTENT)} bytes"):
            await read(server, how, tmp_path)


@everyway
async def test_a_missing_object_is_not_found(how: str, tmp_path: Path) -> None:
    gone = Answer(status=404, body=b"<Error><Code>NoSuchKey</Code></Error>")
    async with ScriptedServer(answer=lambda _: gone) as server:
        with pytest.raises(ObjectNotFoundError) as caught:
            await read(server, how, tmp_path)
    assert isinstance(caught.value, FileNotFoundError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["read", "stream", "download"])
async def test_an_empty_object_is_empty(how: str, tmp_path: Path) -> None:
    async with ScriptedServer(answer=lambda seen: honest(seen, content=b"")) as server:
        assert await read(server, how, tmp_path) == b""


async def test_a_range_outside_is_an_error() -> None:
    async with ScriptedServer(answer=honest) as server, driver(server) as storage:
        obj = storage.container("bucket").object("key")
        with pytest.raises(RangeNotSatisfiableError):
            await obj.read(byte_range=(len(CONTENT), None))


async def test_a_large_download_asks_for_each_byte_once(tmp_path: Path) -> None:
    async with ScriptedServer(answer=honest) as server:
        assert await read(server, "download", tmp_path) == CONTENT
    ranges = sorted(filter(None, map(asked, server.seen)))
    assert ranges == [(start, start + PART) for start in range(0, len(CONTENT), PART)]


async def test_seeking_makes_no_more_requests_than_it_must() -> None:
    async with (
        ScriptedServer(answer=honest) as server,
        driver(server) as storage,
        storage.container("bucket").object("key").as_file() as stream,
    ):
        assert server.seen == []
        assert await stream.read(10) == CONTENT[:10]
        await stream.seek(5)
        assert await stream.read(5) == CONTENT[5:10]
        await stream.seek(1000, 1)
        assert await stream.read(3) == CONTENT[1010:1013]
        assert len(server.seen) == 1
        await stream.seek(-3, 2)
        assert await stream.read() == CONTENT[-3:]
        assert stream.tell() == stream.size == len(CONTENT)
        assert await stream.read() == b""
        assert len(server.seen) == 2


async def test_a_server_that_gives_less_than_was_asked_for_is_asked_for_the_rest(tmp_path: Path) -> None:
    def answer(seen: Seen) -> Answer:
        if (wanted := asked(seen)) is None:
            return honest(seen)
        start, stop = wanted[0], min(wanted[1], wanted[0] + 50_000)
        headers = {"ETag": '"e1"', "Content-Range": f"bytes {start}-{stop - 1}/{len(CONTENT)}"}
        return Answer(status=206, headers=headers, body=CONTENT[start:stop])

    async with ScriptedServer(answer=answer) as server, driver(server) as storage:
        obj = storage.container("bucket").object("key")
        assert await obj.read(byte_range=(7, 200_000)) == CONTENT[7:200_000]
        assert await obj.read(byte_range=(-120_000, None)) == CONTENT[-120_000:]
        async with obj.as_file(byte_range=(7, 200_000)) as stream:
            assert await stream.read() == CONTENT[7:200_000]
        assert (await obj.download(tmp_path / "file")).read_bytes() == CONTENT


def chunked(body: bytes) -> Answer:
    """An answer to whatever was asked for, which says nothing of ranges and sizes."""
    head = b'HTTP/1.1 200 OK\r\nETag: "e1"\r\nTransfer-Encoding: chunked\r\n\r\n'
    return Answer(raw=head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))


async def test_the_last_bytes_of_an_object_of_unknown_size_are_not_guessed() -> None:
    async with ScriptedServer(answer=lambda _: chunked(b"abcdefgh")) as server, driver(server) as storage:
        obj = storage.container("bucket").object("key")
        assert await obj.read() == b"abcdefgh"
        assert await obj.read(byte_range=(2, 4)) == b"cd"
        with pytest.raises(UnexpectedResponseError):
            await obj.read(byte_range=(-3, None))
        with pytest.raises(UnexpectedResponseError):
            await obj.as_file(byte_range=(-3, None)).open()


async def test_an_object_of_unknown_size_ends_where_the_server_says_so() -> None:
    def answer(seen: Seen) -> Answer:
        return chunked(b"abcdefgh") if asked(seen) is None else Answer(status=416)

    async with (
        ScriptedServer(answer=answer) as server,
        driver(server) as storage,
        storage.container("bucket").object("key").as_file() as stream,
    ):
        await stream.seek(100)
        assert await stream.read(1) == b""


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("how", ["read", "stream", "download"])
async def test_what_goes_on_after_a_break_is_tried_as_often_as_the_policy_says(
    how: str, attempts: int, tmp_path: Path
) -> None:
    def answer(seen: Seen) -> Answer:
        return honest(seen, keep=1000) if len(server.seen) == 1 else reset()

    async with ScriptedServer(answer=answer) as server, driver(server, attempts=attempts, concurrency=1) as storage:
        obj = storage.container("bucket").object("key")
        with pytest.raises(StorageConnectionError):
            match how:
                case "read":
                    await obj.read()
                case "stream":
                    async with obj.as_file() as stream:
                        await stream.read()
                case _:
                    await obj.download(tmp_path / "file")
    assert len(server.seen) == 1 + attempts


async def test_reading_exactly_to_the_end_frees_the_connection() -> None:
    async with (
        ScriptedServer(answer=honest) as server,
        driver(server, max_connections=1, pool_timeout_s=0.05) as storage,
    ):
        obj = storage.container("bucket").object("key")
        stream = await obj.as_file()
        assert await stream.read(len(CONTENT)) == CONTENT
        assert await obj.read(byte_range=(0, 3)) == CONTENT[:3]
        await stream.aclose()
    assert server.connections == 1


@everyway
async def test_a_condition_of_the_callers_own_does_not_hide_that_the_object_changed(how: str, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Answer:
        return honest(seen, keep=1000) if len(server.seen) == 1 else Answer(status=412)

    async with ScriptedServer(answer=answer) as server, driver(server) as storage:
        obj = storage.container("bucket").object("key")
        with pytest.raises(ObjectChangedError):
            match how:
                case "read":
                    await obj.read(if_match="e1")
                case "range":
                    await obj.read(byte_range=(0, len(CONTENT)), if_match="e1")
                case "stream":
                    async with obj.as_file(if_match="e1") as stream:
                        await stream.read()
                case _:
                    await obj.download(tmp_path / "file", if_match="e1")


async def test_a_condition_that_does_not_hold_is_no_change() -> None:
    refused = Answer(status=412, body=b"<Error><Code>PreconditionFailed</Code></Error>")
    async with ScriptedServer(answer=lambda _: refused) as server, driver(server) as storage:
        with pytest.raises(PreconditionFailedError):
            await storage.container("bucket").object("key").read(if_match="e0")


async def test_leaving_a_body_early_leaves_no_task() -> None:
    async with ScriptedServer(answer=honest) as server, driver(server) as storage:
        async with storage.container("bucket").object("key").as_file() as stream:
            await stream.read(3)
            before = all_tasks()
        await asyncio.sleep(0)  # a generator that was dropped would be closed now, by a task of its own
        assert all_tasks() <= before

"""The scenarios: what is done to a client, and what of its doing is right.

Right is what leaves the caller with the truth: the right result, or an error where there can be no right result. An
error where a right result could be had is shown as an error, and is not wrong. Each is a rule of what users of object
storage clients have been hurt by.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from aiostorage.testing.faults import Break, Corrupt, Drip, IgnoreRange, Reply
from tests.peers.stage import Stage, Verdict, until

if TYPE_CHECKING:
    from aiostorage.testing.faults import ProxyRequest
    from tests.peers.stage import Told

Play: TypeAlias = Callable[[Stage], Awaitable[Verdict]]

MIB = 1 << 20
CONTENT = random.Random(5).randbytes(MIB)
RIGHT = Verdict("right")
KEYS = ["a/../b", "./c", "d//e", "/f", "g/", "h#i", "j+k", "l%41m", "n?o&p=q r", "s/😀"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row of the table.

    Attributes:
        title: What is done.
        play: Does it, and judges.
        server: With which server.
        is_alone: It measures, so nothing else may run.
    """

    title: str
    play: Play
    server: str = "swift"
    is_alone: bool = False


SCENARIOS: dict[str, Scenario] = {}


def scenario(title: str, *, server: str = "swift", is_alone: bool = False) -> Callable[[Play], Play]:
    """Enter a scenario into the table, under the name of its function."""

    def enter(play: Play) -> Play:
        name = getattr(play, "__name__", "").replace("_", "-")
        SCENARIOS[name] = Scenario(title=title, play=play, server=server, is_alone=is_alone)
        return play

    return enter


# Writing


@scenario("A writer is left by an exception after 1 MiB")
async def writer_left(stage: Stage) -> Verdict:
    return await _written(stage, await stage.ask("write", key="key", count=1))


@scenario("The same after 32 MiB")
async def long_writer_left(stage: Stage) -> Verdict:
    return await _written(stage, await stage.ask("write", key="key", count=32))


@scenario("The stream that is uploaded raises after 32 MiB")
async def source_fails(stage: Stage) -> Verdict:
    return await _written(stage, await stage.ask("upload", key="key", count=32, fails=True))


@scenario("An upload of 32 MiB from a path is cancelled while its parts are sent")
async def upload_cancelled(stage: Stage) -> Verdict:
    path = stage.folder / "source"
    path.write_bytes(CONTENT * 32)
    stuck = stage.inject(Break(at="request", how="stall"), method="PUT", path="partNumber=2", times=None)

    async def is_stuck() -> None:
        await stage.proxy.happened(stuck)
        stage.proxy.heal()

    told = await stage.ask("cancel_upload", key="key", path=str(path), meanwhile=is_stuck)
    return await _written(stage, told)


@scenario("CompleteMultipartUpload answers 200, with an error in its body")
async def error_in_complete(stage: Stage) -> Verdict:
    path = stage.folder / "source"
    path.write_bytes(CONTENT * 32)
    stage.inject(Reply(status=200, code="InvalidPart"), method="POST", path="uploadId=", times=None)
    told = await stage.ask("upload_path", key="key", path=str(path))
    if await stage.witness.get(stage.bucket, "key") is not None:
        return Verdict("wrong", "the fault did not strike")
    return _raised(told, "success is told, and there is no object")


@scenario("A stream without a byte is uploaded")
async def empty_stream(stage: Stage) -> Verdict:
    told = await stage.ask("upload", key="key", count=0)
    if told.error:
        return Verdict("error", told.error)
    return RIGHT if await stage.witness.get(stage.bucket, "key") == b"" else Verdict("wrong", "no object")


@scenario("An object is created if there is none; the reply is lost", server="moto")
async def lost_reply(stage: Stage) -> Verdict:
    lost = stage.inject(Break(at="reply"), method="PUT")
    told = await stage.ask("create", key="key")
    if not stage.proxy.count(lost):
        return Verdict("cannot be asked", told.error or "")
    assert await stage.witness.get(stage.bucket, "key") == b"mine"
    if not told.error:
        return RIGHT
    if any(word in told.error + told.message for word in ("Exists", "Precondition", "ConditionNotMatch", "412")):
        return Verdict("wrong", f"its own object is taken for another's ({told.error})")
    return Verdict("error", told.error)


@scenario("Ten odd keys: " + " ".join(f"`{key}`" for key in KEYS))
async def odd_keys(stage: Stage) -> Verdict:
    told = await stage.ask("put_all", keys=KEYS)
    stored = {
        (await stage.witness.get(stage.bucket, key) or b"").decode(): key
        for key in await stage.witness.keys(stage.bucket)
    }
    moved = [f"`{key}` → `{stored.get(key, 'nowhere')}`" for key in KEYS if stored.get(key) != key]
    refused = [f"`{key}`" for key in KEYS if key in told["refused"]]
    moved = [text for text in moved if not text.startswith(tuple(f"{key} " for key in refused))]
    if moved:
        return Verdict("wrong", ", ".join([*moved, *(f"refuses {key}" for key in refused)]))
    return Verdict("error", "refuses " + ", ".join(refused)) if refused else RIGHT


# Reading


@scenario("A range is asked for, and all comes, with 200")
async def range_ignored(stage: Stage) -> Verdict:
    await stage.put("key", CONTENT)
    stage.inject(IgnoreRange(content=CONTENT), times=None)
    told = await stage.ask("read_range", key="key", start=1000, stop=1100)
    if told.error:
        return Verdict("right", told.error)
    return RIGHT if _is(told, CONTENT[1000:1100]) else Verdict("wrong", f"{told['size']} bytes for 100")


@scenario("A body of 1 MiB breaks off in the middle, once")
async def body_cut(stage: Stage) -> Verdict:
    await stage.put("key", CONTENT)
    cut = stage.inject(Break(at="body", how="close", after_bytes=MIB // 2))
    return _read(stage, await stage.ask("read", key="key"), cut_is=stage.proxy.count(cut))


@scenario("The same, and the object is replaced before the client asks again")
async def replaced_when_cut(stage: Stage) -> Verdict:
    await stage.put("key", b"a" * 4 * MIB)
    stage.inject(Break(at="body", how="close", after_bytes=2 * MIB))
    is_replaced = False

    def replace(_: ProxyRequest) -> bool:
        nonlocal is_replaced
        if not is_replaced and stage.requests("GET", "key"):
            is_replaced = True
            stage.replace("key", b"b" * 4 * MIB)
        return False

    # It never strikes: what counts is that it is asked.
    stage.inject(Drip(), times=0, where=replace)
    return _versions(await stage.ask("read", key="key"))


@scenario("An object of 8 MiB is read as a file, and replaced after the first MiB")
async def replaced_in_file(stage: Stage) -> Verdict:
    await stage.put("key", b"a" * 8 * MIB)

    async def replace() -> None:
        await stage.put("key", b"b" * 8 * MIB)

    return _versions(await stage.ask("read_in_two", key="key", size=MIB, meanwhile=replace))


@scenario("An object of 4 MiB is read in ranges of 1 MiB at once, and replaced after the first answer")
async def replaced_in_ranges(stage: Stage) -> Verdict:
    await stage.put("key", b"a" * 4 * MIB)
    # The other ranges are put off until it is done.
    busy = stage.inject(
        Reply(status=503, code="SlowDown"), times=None, nth=2, where=lambda asked: asked.header("range")
    )

    async def replace() -> None:
        await until(lambda: any(exchange.status == 206 for exchange in stage.proxy.exchanges))
        await stage.put("key", b"b" * 4 * MIB)
        stage.proxy.heal()

    replacing = asyncio.create_task(replace())
    try:
        told = await stage.ask("read_parallel", key="key", folder=str(stage.folder))
    finally:
        replacing.cancel()
    return _versions(told) if stage.proxy.count(busy) else Verdict("cannot be asked", "reads with one request")


@scenario("An object that is stored with `Content-Encoding: gzip`")
async def gzipped(stage: Stage) -> Verdict:
    stored = gzip.compress(CONTENT[:1000] * 10)
    await stage.put("key", stored, ContentEncoding="gzip")
    told = await stage.ask("read", key="key")
    if told.error:
        return Verdict("error", told.error)
    return RIGHT if _is(told, stored) else Verdict("wrong", "not the bytes that are stored")


@scenario("A bit of each body is flipped; the server gives an ETag, which is the MD5")
async def flipped(stage: Stage) -> Verdict:
    await stage.put("key", CONTENT)
    stage.inject(Corrupt(at=1000), times=None)
    return _raised(await stage.ask("read", key="key"), "returned as good")


@scenario("The same; the server gives a CRC-32, too", server="moto")
async def flipped_with_crc(stage: Stage) -> Verdict:
    await stage.put("key", CONTENT, ChecksumAlgorithm="CRC32")
    stage.inject(Corrupt(at=1000), times=None)
    return _raised(await stage.ask("read", key="key"), "returned as good")


@scenario("A file is there already; the download over it breaks off, and cannot go on")
async def half_download(stage: Stage) -> Verdict:
    await stage.put("key", CONTENT)
    path = stage.folder / "there" / "file"
    path.parent.mkdir()
    path.write_bytes(b"old")
    stage.inject(Break(at="body", how="close", after_bytes=MIB // 2))
    stage.inject(Reply(status=403), times=None, nth=1)
    told = await stage.ask("download", key="key", path=str(path))
    left = sorted(entry.name for entry in path.parent.iterdir())
    if not told.error:
        return Verdict("wrong", "success is told")
    if left == ["file"] and path.read_bytes() == b"old":
        return Verdict("right", told.error)
    return Verdict("wrong", f"{path.stat().st_size} bytes under the file's name" if path.exists() else f"left {left}")


@scenario("Twelve streams are left after their first 64 KiB of 8 MiB; then another read")
async def left_early(stage: Stage) -> Verdict:
    await stage.put("large", b"a" * 8 * MIB)
    await stage.put("small", CONTENT)
    return _fed(await stage.ask("read_starts", key="large", times=12, then="small"))


@scenario("Ten reads are cancelled in the middle of their bodies; then another read")
async def reads_cancelled(stage: Stage) -> Verdict:
    await stage.put("large", b"a" * 8 * MIB)
    await stage.put("small", CONTENT)
    stuck = stage.inject(Break(at="body", how="stall", after_bytes=65536), path="large", times=None)

    async def are_stuck() -> None:
        await until(lambda: stage.proxy.count(stuck) >= 10)

    return _fed(await stage.ask("cancel_reads", key="large", times=10, then="small", meanwhile=are_stuck))


@scenario("A body takes 40 s, and never pauses for more than 0.1 s")
async def slow_body(stage: Stage) -> Verdict:
    await stage.put("key", CONTENT[:400])
    slow = stage.inject(Drip(interval_s=0.1), times=None)
    told = await stage.ask("read", key="key", timeout_s=150)
    if told.error:
        return Verdict("error", f"{told.error} after {stage.proxy.count(slow)} tries")
    return RIGHT if _is(told, CONTENT[:400]) else Verdict("wrong", f"{told['size']} bytes of 400")


# Listing, asking again, and the cost


@scenario("A listing is answered by a web page, with 200")
async def page_for_listing(stage: Stage) -> Verdict:
    await stage.put("key", b"1")
    page = b"<html><head><title>Welcome</title></head><body><p>Please log in.</p></body></html>"
    stage.inject(Reply(status=200, body=page), times=None, path="list-type=2")
    told = await stage.ask("list_keys")
    return Verdict("right", told.error) if told.error else Verdict("wrong", f"a listing of {told['count']} keys")


@scenario("A listing repeats a page and its token for ever; 5 s are given")
async def page_repeated(stage: Stage) -> Verdict:
    page = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{stage.bucket}</Name><Prefix></Prefix><KeyCount>1</KeyCount><MaxKeys>1</MaxKeys>"
        "<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
        "<Contents><Key>key</Key><LastModified>2026-03-01T12:00:00.000Z</LastModified>"
        "<ETag>&quot;c4ca4238a0b923820dcc509a6f75849b&quot;</ETag><Size>1</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>"
    )
    reply = Reply(status=200, body=page.encode(), content_type="application/xml")
    again = stage.inject(reply, times=None, path="list-type=2")
    told = await stage.ask("list_for", for_s=5)
    if told.error:
        return Verdict("right", told.error)
    if told["is_endless"]:
        return Verdict("wrong", "endless" if stage.proxy.count(again) > 10 else "says nothing")
    return Verdict("wrong", f"ends after {told['count']} keys, as if that were all")


@scenario("503 with `Retry-After: 3`, once")
async def retry_after(stage: Stage) -> Verdict:
    await stage.put("key", CONTENT)
    asked: list[float] = []

    def note(_: ProxyRequest) -> bool:
        asked.append(time.monotonic())
        return True

    stage.inject(Reply(status=503, code="SlowDown", retry_after=3), path="key", where=note)
    told = await stage.ask("read", key="key")
    if len(asked) < 2:
        return Verdict("error", f"{told.error}, not tried again")
    waited = asked[1] - asked[0]
    return Verdict("right" if waited >= 2.9 else "wrong", f"tried again after {waited:.1f} s")


@scenario("Memory at the peak of an upload of 256 MiB of unknown length", is_alone=True)
async def memory(stage: Stage) -> Verdict:
    return await _memory(stage, is_new=False)


@scenario("The same, if there is no such object yet", server="moto", is_alone=True)
async def memory_if_new(stage: Stage) -> Verdict:
    return await _memory(stage, is_new=True)


@scenario("The most CPU in one turn of the event loop, while a client is made and makes its first GET", is_alone=True)
async def loop_stalls(stage: Stage) -> Verdict:
    await stage.put("key", b"1")
    times = []
    for _ in range(3):  # what else the machine does only adds
        told = await stage.ask("stall", key="key", is_direct=True, is_fresh=True)
        if told.error:
            return Verdict("error", told.error)
        times.append(told["longest_s"])
    return Verdict("measured", f"{min(times) * 1000:.0f} ms")


async def _written(stage: Stage, told: Told) -> Verdict:
    """Nothing may be left of a write that was given up, and whoever gave it up is told."""
    content = await stage.witness.get(stage.bucket, "key")
    uploads = await stage.witness.open_uploads(stage.bucket)
    if content is not None:
        return Verdict("wrong", f"publishes {len(content) // MIB} MiB")
    if uploads:
        return Verdict("wrong", f"leaves {len(uploads)} upload with its parts")
    return Verdict("right", told.error or "")


async def _memory(stage: Stage, *, is_new: bool) -> Verdict:
    told = await stage.ask("use_memory", key="key", count=256, is_new=is_new, is_direct=True)
    if told.error:
        return Verdict("error", told.error)
    return Verdict("measured", f"{told['bytes'] / MIB:.0f} MiB")


def _is(told: Told, content: bytes) -> bool:
    return bool(told["sha256"] == hashlib.sha256(content).hexdigest())


def _raised(told: Told, else_: str) -> Verdict:
    return Verdict("right", told.error) if told.error else Verdict("wrong", else_)


def _read(stage: Stage, told: Told, *, cut_is: int) -> Verdict:
    if told.error:
        return Verdict("error", f"{told.error} after {stage.requests('GET', 'key')} GET")
    assert cut_is == 1
    return RIGHT if _is(told, CONTENT) else Verdict("wrong", f"{told['size']} bytes of {len(CONTENT)}, no error")


def _versions(told: Told) -> Verdict:
    if told.error:
        return Verdict("right", told.error)
    return RIGHT if told["letters"] in {"a", "b"} else Verdict("wrong", "two versions in one content")


def _fed(told: Told) -> Verdict:
    if told.error:
        return Verdict("error", told.error)
    return Verdict("wrong", "waits for ever for a connection") if told["is_starved"] else RIGHT

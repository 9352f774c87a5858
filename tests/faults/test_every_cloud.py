"""Rules of reading that hold for every provider over HTTP, whatever its server does."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiostorage import InvalidNameError, ObjectChangedError, UnexpectedResponseError
from tests.faults.clouds import CLOUDS, PART, Cloud, every_cloud
from tests.scripted import Answer, ScriptedServer, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiostorage import Driver

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(256)) * 2048  # 512 KiB: four parts


async def read(storage: Driver, how: str, folder: Path) -> bytes:
    """The object, read in one of the ways that there are."""
    obj = storage.container("bucket").object("key")
    match how:
        case "read":
            return await obj.read()
        case "stream":
            async with obj.as_file() as stream:
                return b"".join([chunk async for chunk in stream])
        case _:
            return (await obj.download(folder / "file")).read_bytes()


everyway = pytest.mark.parametrize("how", ["read", "stream", "download"])


def reads(server: ScriptedServer) -> list[Seen]:
    """The requests for content."""
    return [seen for seen in server.seen if seen.target != "/info"]


# Keys


async def echoed(storage: Driver, key: str) -> bytes | None:
    """The key as the server has understood it; None where the provider cannot hold it."""
    try:
        obj = storage.container("bucket").object(key)
    except InvalidNameError:
        return None
    return await obj.read()


def echo_of(cloud: Cloud) -> ScriptedServer:
    """A server whose objects hold their own keys, as they are in the path of the request."""
    return cloud.server(lambda seen: cloud.stored(seen, cloud.key(seen)))


@every_cloud
@settings(max_examples=10)
@given(keys=st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=30))
async def test_any_key_arrives_as_it_is(cloud: Cloud, keys: list[str]) -> None:
    async with echo_of(cloud) as server, cloud.driver(server) as storage:
        for key in keys:
            found = await echoed(storage, key)
            assert found is None or found == key.encode()


AWKWARD = [
    "a//b", "/a", "a/", "//", "./a", "a/../b", "../a", "a/.", "#", "a#b?c", "a+b", "a b", "100%", "%41", "%2F",
    "a:b=c@d", "a&b;c", "a\tb", "é", "e\u0301", "\N{SNOWMAN}", "\N{GRINNING FACE}", "~!*'()", "a\\b", "[x]", "{x}",
    "a|b^c`d",
]  # fmt: skip


@every_cloud
@pytest.mark.parametrize("key", AWKWARD)
async def test_keys_that_others_rewrite_arrive_as_they_are(cloud: Cloud, key: str) -> None:
    async with echo_of(cloud) as server, cloud.driver(server) as storage:
        found = await echoed(storage, key)
        if found is None:
            assert not reads(server)
        else:
            assert found == key.encode()


def all_of_unicode() -> Iterator[str]:
    """Keys that hold each character of the basic plane, and one in 256 of the others: of up to 1024 bytes."""
    basic = [code for code in range(1, 0x10000) if not 0xD800 <= code < 0xE000]
    codes = [*basic, *range(0x10000, 0x110000, 256)]
    key = "k"
    for char in map(chr, codes):
        if len((key + char).encode()) > 1024:
            yield key
            key = "k"
        key += char
    yield key


async def test_every_character_arrives_as_it_is_and_signed_as_it_was_sent() -> None:
    """The path is in the signature's own alphabet, so that both sides sign the same bytes."""
    cloud = CLOUDS[0]
    async with echo_of(cloud) as server, cloud.driver(server) as storage:
        container = storage.container("bucket")
        for key in all_of_unicode():
            assert await container.object(key).read() == key.encode()
            assert server.seen.pop().target == f"/bucket/{quote(key, safe='/-_.~')}"


@every_cloud
async def test_a_key_is_not_encoded_twice(cloud: Cloud) -> None:
    async with echo_of(cloud) as server, cloud.driver(server) as storage:
        await storage.container("bucket").object("a %41").read()
        raw = reads(server)[0].target.partition("?")[0]
    assert raw.endswith("/a%20%2541")
    assert unquote_to_bytes(raw).endswith(b"/a %41")


# Ranges, versions


@every_cloud
@everyway
async def test_a_whole_object_in_place_of_a_range_is_not_spliced(cloud: Cloud, how: str, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Answer:
        return cloud.stored(seen, CONTENT, keep=300_000 if len(reads(server)) == 1 else None, obeys=False)

    async with cloud.server(answer) as server, cloud.driver(server) as storage:
        assert await read(storage, how, tmp_path) == CONTENT
    assert len(reads(server)) == 2


@every_cloud
@everyway
async def test_another_range_than_was_asked_for_is_refused(cloud: Cloud, how: str, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Answer:
        if len(reads(server)) < 2:
            return cloud.stored(seen, CONTENT, keep=1000)
        headers = {**cloud.version(1), "Content-Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"}
        return Answer(status=206, headers=headers, body=CONTENT[5:])

    async with cloud.server(answer) as server, cloud.driver(server) as storage:
        with pytest.raises(UnexpectedResponseError):
            await read(storage, how, tmp_path)
    assert list(tmp_path.iterdir()) == []


@every_cloud
@everyway
async def test_a_replaced_object_is_noticed_though_the_server_ignores_the_pin(
    cloud: Cloud, how: str, tmp_path: Path
) -> None:
    def answer(seen: Seen) -> Answer:
        first = len(reads(server)) == 1
        return cloud.stored(seen, CONTENT if first else CONTENT[::-1], version=1 if first else 2, keep=50_000)

    async with cloud.server(answer) as server, cloud.driver(server) as storage:
        with pytest.raises(ObjectChangedError):
            await read(storage, how, tmp_path)
    assert list(tmp_path.iterdir()) == []
    first, second, *_ = reads(server)
    assert cloud.pin not in first.headers
    assert second.headers[cloud.pin].strip('"') in {"0x1", "1"}


# Compressed content


@every_cloud
@everyway
async def test_compressed_content_comes_as_it_is_stored(cloud: Cloud, how: str, tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT, mtime=0)

    def answer(seen: Seen) -> Answer:
        found = cloud.stored(seen, packed)
        return Answer(status=found.status, headers={**found.headers, "Content-Encoding": "gzip"}, body=found.body)

    async with cloud.server(answer) as server, cloud.driver(server) as storage:
        assert await read(storage, how, tmp_path) == packed
        assert (await storage.container("bucket").object("key").read(byte_range=(3, 9))) == packed[3:9]
    assert {seen.headers.get("accept-encoding") for seen in reads(server)} == {cloud.encoding}


# Listings


@every_cloud
@pytest.mark.parametrize(
    "body",
    [b"", b"<html><body>Log in to the hotel's network</body></html>", b"null", b"[", b"<?xml version='1.0'?><Other/>"],
    ids=["empty", "portal", "null", "cut", "another document"],
)
async def test_what_is_no_listing_is_an_error_and_not_an_empty_one(cloud: Cloud, body: bytes) -> None:
    headers = {"Content-Type": "text/html"}
    page = Answer(headers=headers, body=body)
    async with cloud.server(lambda _: page) as server, cloud.driver(server) as storage:
        with pytest.raises(UnexpectedResponseError):
            _ = [found async for found in storage.container("bucket").list_objects()]
        with pytest.raises(UnexpectedResponseError):
            _ = [found async for found in storage.list_containers()]


# Nothing is remembered


@every_cloud
async def test_what_was_seen_once_is_asked_for_again(cloud: Cloud) -> None:
    """Another writer replaces the object, and later removes it: each call sees what is there."""
    states = iter([(b"old", 1), (b"newer", 2), None])
    now = next(states)

    def answer(seen: Seen) -> Answer:
        if now is None:
            return Answer(status=404)
        content, version = now
        return cloud.stored(seen, content, version=version)

    async with cloud.server(answer) as server, cloud.driver(server) as storage:
        obj = storage.container("bucket").object("key")
        assert await obj.read() == b"old"
        now = next(states)
        assert await obj.read() == b"newer"
        now = next(states)
        with pytest.raises(FileNotFoundError):
            await obj.read()


# Time


class Clock:
    """The clock of the event loop, which a test can put forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        real, self.ahead = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: real() + self.ahead)


@every_cloud
async def test_a_body_may_take_as_long_as_it_moves(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute for every piece, a quarter of an hour in all: no limit is on the whole."""
    clock = Clock(monkeypatch)
    more = asyncio.Event()

    class Slow(ScriptedServer):
        async def _send(
            self, answer: Answer, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> bool:
            if seen.target == "/info" or len(reads(self)) > 1:  # nobody is slow to one who asks again
                return await super()._send(answer, seen, reader, writer)
            lines = [f"{name}: {value}" for name, value in answer.headers.items()]
            writer.write("\r\n".join(["HTTP/1.1 200 X", *lines, f"Content-Length: {len(CONTENT)}", "", ""]).encode())
            for start in range(0, len(CONTENT), 16 * 1024):
                writer.write(CONTENT[start : start + 16 * 1024])
                await writer.drain()
                more.clear()
                await more.wait()
            return True

    async with (
        cloud.server(lambda seen: cloud.stored(seen, CONTENT, obeys=False), Slow) as server,
        cloud.driver(server) as storage,
        storage.container("bucket").object("key").as_file() as stream,
    ):
        pieces = []
        async for chunk in stream:
            pieces.append(chunk)
            clock.ahead += 30
            await asyncio.sleep(0)  # whoever waits for this moment has its turn
            more.set()
    assert b"".join(pieces) == CONTENT
    assert len(reads(server)) == 1
    assert clock.ahead > 600


@every_cloud
async def test_a_network_that_has_gone_away_is_noticed_and_the_read_goes_on(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default: nobody has to set a time limit for that."""
    clock = Clock(monkeypatch)

    def answer(seen: Seen) -> Answer:
        if len(reads(server)) > 1:
            return cloud.stored(seen, CONTENT)
        return Answer(headers=cloud.version(1), body=CONTENT[:PART], length=len(CONTENT), then="stall")

    async with (
        cloud.server(answer) as server,
        cloud.driver(server) as storage,
        storage.container("bucket").object("key").as_file() as stream,
    ):
        first = await stream.read(PART)
        rest = asyncio.create_task(stream.read())
        await asyncio.sleep(0)
        clock.ahead += 59
        done, _ = await asyncio.wait({rest}, timeout=0.05)
        assert not done
        clock.ahead += 2
        assert first + await rest == CONTENT
    assert len(reads(server)) == 2

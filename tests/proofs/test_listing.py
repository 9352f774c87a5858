"""A hundred thousand keys pass by, and no more than two pages of them are held."""

from __future__ import annotations

import gc
from urllib.parse import parse_qs, urlsplit

import pytest

from aiostorage import ObjectInfo, S3Driver
from tests.scripted import Answer, ScriptedServer, Seen

pytestmark = pytest.mark.anyio

PAGE = 1000
PAGES = 100


def answer(seen: Seen) -> Answer:
    query = parse_qs(urlsplit(seen.target).query)
    number = int(query.get("continuation-token", ["0"])[0])
    items = "".join(
        f"<Contents><Key>{number:03}/{index:04}</Key><LastModified>2026-11-23T12:00:00.000Z</LastModified>"
        f'<ETag>"d41d8cd98f00b204e9800998ecf8427e"</ETag><Size>{index}</Size></Contents>'
        for index in range(PAGE)
    )
    more = number + 1 < PAGES
    token = f"<NextContinuationToken>{number + 1}</NextContinuationToken>" if more else ""
    return Answer(
        body=f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}</ListBucketResult>".encode()
    )


def driver(server: ScriptedServer) -> S3Driver:
    return S3Driver(endpoint=server.url, region="us-east-1", access_key_id="key", secret_access_key="secret")


async def test_a_long_listing_holds_two_pages_at_most() -> None:
    seen, held = 0, 0
    last = ""
    async with ScriptedServer(answer=answer) as server, driver(server) as storage:
        async for obj in storage.container("bucket").list_objects():
            seen += 1
            assert obj.name > last
            last = obj.name
            if seen % (7 * PAGE) == PAGE // 2:
                held = max(held, sum(isinstance(thing, ObjectInfo) for thing in gc.get_objects()))
    assert seen == PAGE * PAGES
    assert len(server.seen) == PAGES
    assert 0 < held <= 2 * PAGE


async def test_leaving_after_ten_objects_has_asked_for_two_pages_at_most() -> None:
    names: list[str] = []
    async with ScriptedServer(answer=answer) as server, driver(server) as storage:
        async for obj in storage.container("bucket").list_objects():
            names.append(obj.name)
            if len(names) == 10:
                break
    assert names == [f"000/{index:04}" for index in range(10)]
    assert len(server.seen) <= 2

"""What the server tells of what it has: ranges, conditions, names, pages."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib

import pytest

from aiostorage.testing.gcs import Settings
from tests.unit.testing.asking import Asking, served

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("header", "status", "body"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=7-100", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-100", 206, b"0123456789"),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=4-2", 200, b"0123456789"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
@pytest.mark.parametrize("target", ["/bucket/digits", "/storage/v1/b/bucket/o/digits?alt=media"])
async def test_ranges(ask: Asking, target: str, header: str, status: int, body: bytes | None) -> None:
    await ask.put("digits", b"0123456789")
    reply = await ask("GET", target, headers={"Range": header})
    assert reply.status == status
    if body is None:
        assert reply.headers["Content-Range"] == "bytes */10"
    else:
        assert reply.body == body


async def test_no_range_of_nothing_can_be_had(ask: Asking) -> None:
    await ask.put("empty", b"")
    assert (await ask("GET", "/bucket/empty")).body == b""
    assert (await ask("GET", "/bucket/empty", headers={"Range": "bytes=0-"})).status == 416


async def test_what_is_decompressed_on_the_way(ask: Asking) -> None:
    zipped = gzip.compress(b"text" * 1000)
    await ask.put("zipped", zipped, Content_Encoding="gzip", Content_Type="text/plain")
    reply = await ask("GET", "/bucket/zipped", headers={"Range": "bytes=0-3"})
    assert (reply.status, reply.body) == (200, b"text" * 1000)
    assert "Content-Encoding" not in reply.headers
    assert (reply.headers["x-goog-stored-content-encoding"], reply.headers["x-goog-stored-content-length"]) == (
        "gzip",
        str(len(zipped)),
    )
    assert base64.b64decode(reply.hashes[1].removeprefix("md5=")) == hashlib.md5(zipped).digest()
    reply = await ask("GET", "/bucket/zipped", headers={"Accept-Encoding": "gzip", "Range": "bytes=0-3"})
    assert (reply.status, reply.body, reply.headers["Content-Encoding"]) == (206, zipped[:4], "gzip")
    await ask.put("zipped", zipped, Content_Encoding="gzip", Cache_Control="no-transform")
    assert (await ask("GET", "/bucket/zipped")).body == zipped


async def test_conditions_of_the_xml_api(ask: Asking) -> None:
    first = await ask.put("conditional")
    generation, etag = first.headers["x-goog-generation"], first.headers["ETag"]
    date = (await ask("HEAD", "/bucket/conditional")).headers["Last-Modified"]
    for method, headers, status in (
        ("PUT", {"x-goog-if-generation-match": "0"}, 412),
        ("PUT", {"x-goog-if-metageneration-match": "2"}, 412),
        ("DELETE", {"x-goog-if-generation-match": "1"}, 412),
        ("GET", {"If-None-Match": etag}, 304),
        ("GET", {"If-Match": '"other"'}, 412),
        ("GET", {"If-Match": etag}, 200),
        ("GET", {"If-Modified-Since": date}, 304),
        ("HEAD", {"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, 412),
        ("HEAD", {"x-goog-if-generation-match": generation}, 200),
        ("DELETE", {"x-goog-if-generation-match": generation}, 204),
        ("PUT", {"x-goog-if-generation-match": "0"}, 200),
    ):
        assert (await ask(method, "/bucket/conditional", headers=headers)).status == status, (method, headers)


async def test_etags_are_conditions_of_reading_only(ask: Asking) -> None:
    """Google's own client says: "not supported for modification"."""
    await ask.put("etags")
    assert (await ask("PUT", "/bucket/etags", data=b"x", headers={"If-Match": '"other"'})).status == 200
    assert (await ask("PUT", "/bucket/etags", data=b"x", headers={"If-None-Match": "*"})).status == 200
    target = "/upload/storage/v1/b/bucket/o?uploadType=media&name=etags"
    assert (await ask("POST", target, data=b"x", headers={"If-None-Match": "*"})).status == 200
    resource = "/storage/v1/b/bucket/o/etags"
    assert (await ask("GET", resource, headers={"If-None-Match": "*"})).status == 304
    assert (await ask("DELETE", resource, headers={"If-Match": "other"})).status == 204


async def test_one_of_many_writers_wins(ask: Asking) -> None:
    target = "/upload/storage/v1/b/bucket/o?uploadType=media&name=race&ifGenerationMatch=0"
    replies = await asyncio.gather(*(ask("POST", target, data=bytes([number])) for number in range(16)))
    assert sorted(reply.status for reply in replies) == [200] + [412] * 15
    assert {reply.reason for reply in replies if reply.status == 412} == {"conditionNotMet"}


@pytest.mark.parametrize(
    "name", ["a%2Fb", "%2E%2E%2Fup", "a//b", "/lead", "trail/", "%F0%9F%98%80", "a%00b", "+", "a;b=c"]
)
async def test_names_are_opaque(ask: Asking, name: str) -> None:
    encoded = name.replace("/", "%2F")
    made = await ask(
        "POST", f"/upload/storage/v1/b/bucket/o?uploadType=media&name={encoded.replace('+', '%2B')}", data=b"x"
    )
    assert (await ask("GET", f"/storage/v1/b/bucket/o/{encoded}")).json["name"] == made.json["name"]
    assert (await ask("GET", f"/bucket/{name}")).body == b"x"
    listed = await ask("GET", "/storage/v1/b/bucket/o")
    assert [item["name"] for item in listed.json["items"]] == [made.json["name"]]


@pytest.mark.parametrize("name", ["%2E", "%2E%2E", "a%0Ab", "a%0D", "x" * 1025, "%FF", ".well-known/acme-challenge/x"])
async def test_names_that_no_object_can_have(ask: Asking, name: str) -> None:
    target = f"/upload/storage/v1/b/bucket/o?uploadType=media&name={name}"
    assert (await ask("POST", target, data=b"x")).status == 400


@pytest.mark.parametrize("version", ["1", "2"])
async def test_pages_of_the_xml_api(version: str) -> None:
    async with served(Settings(page_size=2)) as ask:
        for name in ("a/1", "a/2", "b", "c/1", "d & e"):
            await ask.put(name.replace(" ", "%20").replace("&", "%26"))
        found: list[str] = []
        target = f"/bucket?delimiter=/&list-type={version}"
        more = ""
        for _ in range(3):
            page = await ask("GET", target + more)
            found += page.texts("Key") + [text for text in page.texts("Prefix") if text]
            if page.texts("IsTruncated") == ["false"]:
                break
            token = page.texts("NextContinuationToken" if version == "2" else "NextMarker")[0]
            more = f"&{'continuation-token' if version == '2' else 'marker'}={token.replace('=', '%3D')}"
        assert sorted(found) == ["a/", "b", "c/", "d &amp; e"]


async def test_generations_on_the_xml_api(ask: Asking) -> None:
    await ask("PATCH", "/storage/v1/b/bucket", json={"versioning": {"enabled": True}})
    generations = [(await ask.put("versioned", data)).headers["x-goog-generation"] for data in (b"1", b"2")]
    listed = await ask("GET", "/bucket?versions")
    assert (listed.texts("Generation"), listed.texts("IsLatest")) == (generations, ["false", "true"])
    assert (await ask("GET", f"/bucket/versioned?generation={generations[0]}")).body == b"1"
    assert (await ask("DELETE", f"/bucket/versioned?generation={generations[1]}")).status == 204
    assert (await ask("GET", "/bucket/versioned")).code == "NoSuchKey"
    assert (await ask("DELETE", "/bucket")).code == "BucketNotEmpty"


async def test_generations_come_in_pages() -> None:
    async with served(Settings(page_size=2)) as ask:
        await ask("PATCH", "/storage/v1/b/bucket", json={"versioning": {"enabled": True}})
        made = [(name, (await ask.put(name)).headers["x-goog-generation"]) for name in ("a", "b", "b", "b", "c")]
        found: list[tuple[str, str]] = []
        token, pages = "", 0
        while pages == 0 or token:
            page = await ask("GET", f"/storage/v1/b/bucket/o?versions=true{token}")
            found += [(item["name"], item["generation"]) for item in page.json["items"]]
            token = f"&pageToken={page.json['nextPageToken']}" if "nextPageToken" in page.json else ""
            pages += 1
        assert (found, pages) == (made, 3)
        first = await ask("GET", "/bucket?versions")
        markers = f"&marker={first.texts('NextMarker')[0]}&generation-marker={first.texts('NextGenerationMarker')[0]}"
        assert (await ask("GET", f"/bucket?versions{markers}")).texts("Generation") == [made[2][1], made[3][1]]
        assert (await ask("GET", "/storage/v1/b/bucket/o?pageToken=nonsense")).status == 400


async def test_a_copy_on_the_xml_api(ask: Asking) -> None:
    await ask.put("source", Content_Type="text/x", x_goog_meta_colour="red")
    copied = await ask("PUT", "/bucket/copy", headers={"x-goog-copy-source": "bucket/source"})
    assert copied.status == 200
    head = await ask("HEAD", "/bucket/copy")
    assert (head.headers["Content-Type"], head.headers["x-goog-meta-colour"]) == ("text/x", "red")
    other = {"x-goog-copy-source": "/bucket/source", "x-goog-copy-source-if-generation-match": "1"}
    assert (await ask("PUT", "/bucket/copy", headers=other)).status == 412


async def test_what_is_written_anew_between_two_pages_is_listed_once() -> None:
    async with served(Settings(page_size=1)) as ask:
        await ask.put("a")
        await ask.put("b")
        first = await ask("GET", "/storage/v1/b/bucket/o")
        await ask.put("a", b"anew")
        second = await ask("GET", f"/storage/v1/b/bucket/o?pageToken={first.json['nextPageToken']}")
        assert [item["name"] for item in second.json["items"]] == ["b"]


async def test_a_prefix_that_is_an_object_too_may_end_a_page() -> None:
    async with served(Settings(page_size=1)) as ask:
        await ask.put("a%2F")
        await ask.put("a%2Fb")
        target = "/storage/v1/b/bucket/o?delimiter=/&includeTrailingDelimiter=true"
        first = await ask("GET", target)
        second = await ask("GET", f"{target}&pageToken={first.json['nextPageToken']}")
        assert first.json["prefixes"] == ["a/"]
        assert [item["name"] for item in second.json["items"]] == ["a/"]

"""What Google's own client does not ask for, or cannot be made to do wrong, asked of the server in the running loop."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import io
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from yarl import URL

from aiostorage.testing.gcs import Fault, GCSServer, Settings
from aiostorage.testing.gcs.crc32c import crc32c, extend
from tests.unit.testing.google import crc32c as google_crc32c

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

pytestmark = pytest.mark.anyio

BLOCK = 256 * 1024
NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    hashes: list[str]
    body: bytes
    json: Any

    @property
    def code(self) -> str:
        match = re.search(rb"<Code>(.*?)</Code>", self.body)
        return match[1].decode() if match else ""

    @property
    def reason(self) -> str:
        return str(self.json["error"]["errors"][0]["reason"])

    def texts(self, tag: str) -> list[str]:
        return re.findall(f"<{tag}>(.*?)</{tag}>", self.body.decode())


class Asking:
    """A server, and a session that asks it; nothing is decompressed or encoded on the way."""

    def __init__(self, server: GCSServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self._session = session

    async def __call__(self, method: str, target: str, **options: Any) -> Reply:
        url = URL(target if target.startswith("http") else self.server.endpoint + target, encoded=True)
        async with self._session.request(method, url, allow_redirects=False, **options) as answer:
            body = await answer.read()
            is_json = answer.content_type == "application/json" and body
            return Reply(
                status=answer.status,
                headers=answer.headers,
                hashes=answer.headers.getall("x-goog-hash", []),
                body=body,
                json=await answer.json() if is_json else None,
            )

    async def send_raw(self, head: str, body: bytes, *, wait: bool = True) -> bytes:
        """Send a body that may be shorter than it claims to be, then hang up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.write_eof()
        answer = await reader.read() if wait else b""
        writer.close()
        await writer.wait_closed()
        return answer

    async def put(self, name: str, data: bytes = b"content", **headers: str) -> Reply:
        reply = await self(
            "PUT", f"/bucket/{name}", data=data, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        assert reply.status == 200
        return reply

    async def start(self, name: str = "resumed", **options: Any) -> str:
        reply = await self("POST", f"/upload/storage/v1/b/bucket/o?uploadType=resumable&name={name}", **options)
        assert reply.status == 200
        return reply.headers["Location"]


@asynccontextmanager
async def served(settings: Settings | None = None, **options: Any) -> AsyncIterator[Asking]:
    async with (
        GCSServer(settings, **options) as server,
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding", "Content-Type"]) as session,
    ):
        ask = Asking(server, session)
        authorization = {"Authorization": f"Bearer {server.new_token()}"}
        made = await ask("POST", "/storage/v1/b?project=p", json={"name": "bucket"}, headers=authorization)
        assert made.status == 200
        yield ask


@pytest.fixture
async def ask() -> AsyncIterator[Asking]:
    async with served() as asking:
        yield asking


# Checksums


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16 * 1024, 16 * 1024 + 1, 300_001])
async def test_the_crc_without_a_library(size: int) -> None:
    data = bytes(number * number % 251 for number in range(size))
    assert extend(data) == google_crc32c.value(data) == crc32c(data)
    third = size // 3
    assert extend(data[third:], extend(data[:third])) == google_crc32c.value(data)


@pytest.mark.parametrize("name", ["md5", "crc32c"])
@pytest.mark.parametrize("way", ["header", "content-md5", "media", "multipart", "resumable", "part"])
async def test_content_that_is_not_what_it_should_be(ask: Asking, name: str, way: str) -> None:
    wrong = base64.b64encode(bytes(16 if name == "md5" else 4)).decode()
    headers = {"x-goog-hash": f"{name}={wrong}"}
    match way:
        case "header":
            reply = await ask("PUT", "/bucket/wrong", data=b"x", headers=headers)
        case "content-md5":
            reply = await ask(
                "PUT", "/bucket/wrong", data=b"x", headers={"Content-MD5": base64.b64encode(bytes(16)).decode()}
            )
        case "media":
            reply = await ask(
                "POST", "/upload/storage/v1/b/bucket/o?uploadType=media&name=wrong", data=b"x", headers=headers
            )
        case "multipart":
            field = "md5Hash" if name == "md5" else "crc32c"
            body = f'--b\r\n\r\n{{"name":"wrong","{field}":"{wrong}"}}\r\n--b\r\n\r\nx\r\n--b--'
            reply = await ask(
                "POST",
                "/upload/storage/v1/b/bucket/o?uploadType=multipart",
                data=body.encode(),
                headers={"Content-Type": "multipart/related; boundary=b"},
            )
        case "resumable":
            reply = await ask("PUT", await ask.start("wrong"), data=b"x", headers=headers)
        case _:
            begun = await ask("POST", "/bucket/wrong?uploads")
            target = f"/bucket/wrong?partNumber=1&uploadId={begun.texts('UploadId')[0]}"
            reply = await ask("PUT", target, data=b"x", headers=headers)
    assert reply.status == 400
    assert reply.code == "BadDigest" if reply.json is None else reply.reason == "invalid"
    assert (await ask("GET", "/bucket/wrong")).status == 404


async def test_hashes_in_the_headers(ask: Asking) -> None:
    put = await ask.put("hashed", b"content", x_goog_hash="crc32c=" + google(b"content"))
    md5 = base64.b64encode(hashlib.md5(b"content").digest()).decode()
    assert put.hashes == [f"crc32c={google(b'content')}", f"md5={md5}"]
    assert (await ask("GET", "/bucket/hashed", headers={"Range": "bytes=0-1"})).hashes == put.hashes


def google(data: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()


# Bodies that are cut short


@pytest.mark.parametrize(
    "target", ["PUT /bucket/short", "POST /upload/storage/v1/b/bucket/o?uploadType=media&name=short"]
)
async def test_a_body_that_is_shorter_than_announced_is_not_stored(ask: Asking, target: str) -> None:
    assert await ask.send_raw(f"{target} HTTP/1.1\nHost: x\nContent-Length: 10", b"short") == b""
    assert (await ask("GET", "/bucket/short")).status == 404


async def test_what_a_resumable_upload_keeps_of_a_body_that_is_cut_short(ask: Asking) -> None:
    data = bytes(range(256)) * 2048
    url = await ask.start()
    head = f"PUT {urlsplit(url).path}?{urlsplit(url).query} HTTP/1.1\nHost: x\nContent-Length: {len(data)}"
    await ask.send_raw(head, data[: BLOCK + 1000])
    status = {"Content-Range": f"bytes */{len(data)}"}
    reply = await ask("PUT", url, headers=status)
    assert (reply.status, reply.headers["Range"]) == (308, f"bytes=0-{BLOCK - 1}")
    ahead = {"Content-Range": f"bytes {BLOCK + 1000}-{len(data) - 1}/{len(data)}"}
    reply = await ask("PUT", url, data=data[BLOCK + 1000 :], headers=ahead)
    assert (reply.status, "exceeds already uploaded size" in reply.json["error"]["message"]) == (400, True)
    again = {"Content-Range": f"bytes 1000-{len(data) - 1}/{len(data)}"}
    assert (await ask("PUT", url, data=data[1000:], headers=again)).status == 200
    assert (await ask("GET", "/bucket/resumed")).body == data
    assert (await ask("PUT", url, headers=status)).json["size"] == str(len(data))


# Resumable uploads


async def test_a_session_from_its_beginning_to_its_end(ask: Asking) -> None:
    url = await ask.start(json={"metadata": {"a": "b"}}, headers={"X-Upload-Content-Type": "text/x"})
    reply = await ask("PUT", url, headers={"Content-Range": "bytes */*"})
    assert (reply.status, "Range" in reply.headers) == (308, False)
    chunk = {"Content-Range": f"bytes 0-{BLOCK + 9}/*"}
    reply = await ask("PUT", url, data=bytes(BLOCK + 10), headers=chunk)
    assert (reply.status, reply.headers["Range"]) == (308, f"bytes=0-{BLOCK - 1}")  # whole blocks alone
    reply = await ask("PUT", url, data=b"end", headers={"Content-Range": f"bytes {BLOCK}-{BLOCK + 2}/{BLOCK + 3}"})
    assert (reply.status, reply.json["size"], reply.json["contentType"]) == (200, str(BLOCK + 3), "text/x")
    assert reply.json["metadata"] == {"a": "b"}


async def test_sessions_that_are_no_more() -> None:
    clock = Clock()
    async with served(clock=clock) as ask:
        url = await ask.start()
        assert (await ask("DELETE", url)).status == 499
        assert (await ask("PUT", url, data=b"x")).status == 499
        url = await ask.start()
        clock.now += 8 * 24 * 3600
        assert (await ask("PUT", url, data=b"x")).status == 410
        assert (await ask("PUT", re.sub("upload_id=.*", "upload_id=other", url), data=b"x")).status == 404


@pytest.mark.parametrize(
    ("header", "data"),
    [("bytes 0-2/3", b"four"), ("bytes 0-9/5", bytes(10)), ("bytes 3-1/5", b""), ("items 0-2/3", b"abc")],
)
async def test_content_ranges_that_make_no_sense(ask: Asking, header: str, data: bytes) -> None:
    assert (await ask("PUT", await ask.start(), data=data, headers={"Content-Range": header})).status == 400


# Downloads


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


# Conditions


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


# Names


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


# Listings of the XML API


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


# Uploads by parts


async def begin(ask: Asking, name: str = "parts", **headers: str) -> str:
    reply = await ask("POST", f"/bucket/{name}?uploads", headers=headers)
    assert reply.status == 200
    return reply.texts("UploadId")[0]


def completion(*parts: tuple[int, str]) -> bytes:
    listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts)
    return f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()


async def test_parts_in_any_order_and_twice() -> None:
    async with served(Settings(min_part_bytes=3, page_size=2)) as ask:
        upload = f"/bucket/parts?uploadId={await begin(ask)}"
        etags = {}
        for number, data in ((3, b"end"), (1, b"wrong"), (2, b"two"), (1, b"one")):
            etags[number] = (await ask("PUT", f"{upload}&partNumber={number}", data=data)).headers["ETag"]
        page = await ask("GET", upload)
        assert (page.texts("PartNumber"), page.texts("IsTruncated")) == (["1", "2"], ["true"])
        page = await ask("GET", f"{upload}&part-number-marker={page.texts('NextPartNumberMarker')[0]}")
        assert (page.texts("PartNumber"), page.texts("ETag")) == (["3"], [etags[3]])
        done = await ask("POST", upload, data=completion(*sorted(etags.items())))
        assert done.texts("ETag")[0].endswith('-3"')
        assert "x-goog-generation" not in done.headers
        got = await ask("GET", "/bucket/parts")
        assert (got.body, got.headers["ETag"]) == (b"onetwoend", done.texts("ETag")[0])
        assert got.hashes == done.hashes == [f"crc32c={google(b'onetwoend')}"]
        assert (await ask("POST", upload, data=completion((1, etags[1])))).code == "NoSuchUpload"


async def test_completions_that_are_refused(ask: Asking) -> None:
    upload = f"/bucket/parts?uploadId={await begin(ask)}"
    etags = [(await ask("PUT", f"{upload}&partNumber={number}", data=b"x")).headers["ETag"] for number in (1, 2)]
    for parts, code in (
        ([(2, etags[1]), (1, etags[0])], "InvalidPartOrder"),
        ([(1, '"other"')], "InvalidPart"),
        ([(3, etags[0])], "InvalidPart"),
        ([(1, etags[0]), (2, etags[1])], "EntityTooSmall"),
        ([], "MalformedXML"),
    ):
        assert (await ask("POST", upload, data=completion(*parts))).code == code
    assert (await ask("PUT", f"{upload}&partNumber=10001", data=b"x")).status == 400
    assert (await ask("POST", upload, data=completion((1, etags[0])))).status == 200


async def test_uploads_are_listed_and_aborted() -> None:
    async with served(Settings(page_size=2)) as ask:
        begun = {(name, await begin(ask, name)) for name in ("a", "b", "b", "c/1")}
        found: list[tuple[str, str]] = []
        more = ""
        for _ in range(2):
            page = await ask("GET", f"/bucket?uploads{more}")
            found += zip(page.texts("Key"), page.texts("UploadId"), strict=True)
            markers = page.texts("NextKeyMarker") + page.texts("NextUploadIdMarker")
            more = "&key-marker={}&upload-id-marker={}".format(*markers) if markers else ""
        assert (set(found), len(found), more) == (begun, 4, "")
        assert (await ask("GET", "/bucket?uploads&delimiter=/")).texts("Prefix") == ["c/"]
        for name, upload_id in begun:
            assert (await ask("DELETE", f"/bucket/{name}?uploadId={upload_id}")).status == 204
        assert (await ask("GET", "/bucket?uploads")).texts("Key") == []


async def test_what_uploads_by_parts_do_not_know(ask: Asking) -> None:
    refused = await ask("POST", "/bucket/parts?uploads", headers={"x-goog-if-generation-match": "0"})
    assert refused.status == 400


async def test_a_bucket_with_nothing_but_unfinished_uploads_can_go(ask: Asking) -> None:
    await begin(ask)
    url = await ask.start()
    assert (await ask("DELETE", "/bucket")).status == 204
    assert (await ask("PUT", url, data=b"x")).status == 404


async def test_parts_with_a_key_of_the_caller(ask: Asking) -> None:
    key = customer_key(bytes(32))
    upload = f"/bucket/secret?uploadId={await begin(ask, 'secret', **key)}"
    assert (await ask("PUT", f"{upload}&partNumber=1", data=b"x")).status == 400
    etag = (await ask("PUT", f"{upload}&partNumber=1", data=b"x", headers=key)).headers["ETag"]
    other = customer_key(bytes(range(32)))
    assert (await ask("POST", upload, data=completion((1, etag)), headers=other)).status == 400
    assert (await ask("POST", upload, data=completion((1, etag)), headers=key)).status == 200
    assert (await ask("GET", "/bucket/secret")).code == "ResourceIsEncryptedWithCustomerEncryptionKey"
    assert (await ask("GET", "/bucket/secret", headers=key)).body == b"x"


def customer_key(key: bytes) -> dict[str, str]:
    return {
        "x-goog-encryption-algorithm": "AES256",
        "x-goog-encryption-key": base64.b64encode(key).decode(),
        "x-goog-encryption-key-sha256": base64.b64encode(hashlib.sha256(key).digest()).decode(),
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"x-goog-encryption-algorithm": "AES128"}, "customerEncryptionAlgorithmIsInvalid"),
        ({"x-goog-encryption-key": "c2hvcnQ="}, "customerEncryptionKeyFormatIsInvalid"),
        ({"x-goog-encryption-key-sha256": "c2hvcnQ="}, "customerEncryptionKeySha256IsInvalid"),
    ],
)
async def test_keys_that_are_none(ask: Asking, change: dict[str, str], reason: str) -> None:
    headers = customer_key(bytes(32)) | change
    reply = await ask("POST", "/upload/storage/v1/b/bucket/o?uploadType=media&name=secret", data=b"x", headers=headers)
    assert (reply.status, reply.reason) == (400, reason)


# Copies


async def test_a_copy_on_the_xml_api(ask: Asking) -> None:
    await ask.put("source", Content_Type="text/x", x_goog_meta_colour="red")
    copied = await ask("PUT", "/bucket/copy", headers={"x-goog-copy-source": "bucket/source"})
    assert copied.status == 200
    head = await ask("HEAD", "/bucket/copy")
    assert (head.headers["Content-Type"], head.headers["x-goog-meta-colour"]) == ("text/x", "red")
    other = {"x-goog-copy-source": "/bucket/source", "x-goog-copy-source-if-generation-match": "1"}
    assert (await ask("PUT", "/bucket/copy", headers=other)).status == 412


# Faults, and who may ask


async def test_faults(ask: Asking) -> None:
    server = ask.server
    server.add_fault(Fault(method="GET", path="/o/", times=2, status=503, retry_after="1"))
    await ask.put("faulty", b"content")
    for _ in range(2):
        reply = await ask("GET", "/storage/v1/b/bucket/o/faulty")
        assert (reply.status, reply.reason, reply.headers["Retry-After"]) == (503, "backendError", "1")
    assert (await ask("GET", "/storage/v1/b/bucket/o/faulty")).status == 200
    server.add_fault(Fault(method="GET", answer_bytes=3))
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask("GET", "/bucket/faulty")
    upload = "/upload/storage/v1/b/bucket/o?uploadType=media&name="  # a POST, which aiohttp does not send again
    server.add_fault(Fault(method="POST", answer_bytes=-1))
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask("POST", f"{upload}lost", data=b"lost answer")
    assert (await ask("GET", "/bucket/lost")).body == b"lost answer"
    reply = await ask("POST", "/_testing/faults", json={"path": "half", "body_bytes": 2})
    assert reply.json == {"waiting": 1}
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask("POST", f"{upload}half", data=b"half")
    assert (await ask("GET", "/bucket/half")).status == 404
    assert (await ask("POST", "/_testing/faults", json={"nonsense": 1})).status == 400


async def test_who_is_refused_early_is_heard_out(ask: Asking) -> None:
    size = 8 * 1024 * 1024
    target = "/upload/storage/v1/b/bucket/o?uploadType=media&name=large&ifGenerationMatch=1"
    assert (await ask("POST", target, data=io.BytesIO(bytes(size)))).status == 412
    wrong = {"Authorization": "Bearer wrong"}
    assert (await ask("POST", target, data=io.BytesIO(bytes(size)), headers=wrong)).status == 401
    ask.server.add_fault(Fault(status=503))
    assert (await ask("POST", target, data=io.BytesIO(bytes(size)))).status == 503


async def test_a_token_that_expires() -> None:
    clock = Clock()
    async with served(Settings(authorization="required", token_s=60), clock=clock) as ask:
        token = {"Authorization": f"Bearer {ask.server.new_token()}"}
        assert (await ask("GET", "/storage/v1/b/bucket", headers=token)).status == 200
        assert (await ask("GET", "/storage/v1/b/bucket")).reason == "required"
        clock.now += 61
        reply = await ask("GET", "/storage/v1/b/bucket", headers=token)
        assert (reply.status, reply.reason) == (401, "authError")
        assert (await ask("GET", "/bucket", headers=token)).status == 401


@pytest.mark.parametrize("way", ["query", "header"])
async def test_signatures_by_hmac(way: str) -> None:
    clock = Clock()
    async with served(Settings(authorization="required"), clock=clock) as ask:
        access_id, secret = ask.server.cloud.accounts.new_hmac_key()
        token = {"Authorization": f"Bearer {ask.server.new_token()}"}
        await ask("PUT", "/bucket/a%20b", data=b"content", headers=token)
        host = urlsplit(ask.server.endpoint).netloc
        for key, status in ((secret, 200), (secret[::-1], 403)):
            target, headers = hmac_signed(way, "/bucket/a%20b", host, access_id, key)
            assert (await ask("GET", target, headers=headers)).status == status
        target, headers = hmac_signed(way, "/bucket/a%20b", host, access_id, secret)
        clock.now += 24 * 3600
        assert (await ask("GET", target, headers=headers)).status == (400 if way == "query" else 403)


def hmac_signed(way: str, path: str, host: str, access_id: str, secret: str) -> tuple[str, dict[str, str]]:
    """As the page tells: https://cloud.google.com/storage/docs/authentication/signatures"""
    stamp = datetime.fromtimestamp(NOW, UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/auto/storage/goog4_request"
    algorithm, query, headers, names = "GOOG4-HMAC-SHA256", "", f"host:{host}\n", "host"
    if way == "query":
        query = (
            f"X-Goog-Algorithm={algorithm}&X-Goog-Credential={access_id}%2F{scope.replace('/', '%2F')}"
            f"&X-Goog-Date={stamp}&X-Goog-Expires=60&X-Goog-SignedHeaders=host"
        )
    else:
        headers, names = f"{headers}x-goog-date:{stamp}\n", "host;x-goog-date"
    canonical = f"GET\n{path}\n{query}\n{headers}\n{names}\nUNSIGNED-PAYLOAD"
    to_sign = f"{algorithm}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"GOOG4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.new(key, step.encode(), "sha256").digest()
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    if way == "query":
        return f"{path}?{query}&X-Goog-Signature={signature}", {}
    authorization = f"{algorithm} Credential={access_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return path, {"Authorization": authorization, "x-goog-date": stamp}


async def test_what_looks_like_a_form_needs_a_name_too() -> None:
    async with served(Settings(authorization="required")) as ask:
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        for target in ("/storage/v1/b?project=p", "/bucket/object?uploads", "/batch"):
            assert (await ask("POST", target, headers=form)).status == 401
        body = b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--b\r\n'
        body += b'Content-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--'
        assert (await ask("POST", "/bucket", data=body, headers=form)).status == 403


@pytest.mark.parametrize(
    ("header", "status"), [("public-read", 200), ("bucket-owner-full-control", 200), ("open", 400)]
)
async def test_names_of_canned_lists(ask: Asking, header: str, status: int) -> None:
    assert (await ask("PUT", "/bucket/listed", data=b"x", headers={"x-goog-acl": header})).status == status
    first, *others = header.split("-")
    name = first + "".join(word.capitalize() for word in others)
    target = f"/upload/storage/v1/b/bucket/o?uploadType=media&name=listed&predefinedAcl={name}"
    assert (await ask("POST", target, data=b"x")).status == status


async def test_secrets_are_in_no_representation() -> None:
    server = GCSServer()
    client, token = server.cloud.accounts.new_client(), server.cloud.accounts.new_token("somebody")
    shown = f"{client!r} {token!r} {server.cloud.accounts!r}"
    assert not [secret for secret in (client.client_secret, client.refresh_token, token.value) if secret in shown]


async def test_retention_ends() -> None:
    clock = Clock()
    async with served(clock=clock) as ask:
        await ask("PATCH", "/storage/v1/b/bucket", json={"retentionPolicy": {"retentionPeriod": "60"}})
        await ask.put("kept")
        refused = await ask("DELETE", "/storage/v1/b/bucket/o/kept")
        assert (refused.status, refused.reason) == (403, "retentionPolicyNotMet")
        clock.now += 61
        assert (await ask("DELETE", "/storage/v1/b/bucket/o/kept")).status == 204

"""What the server keeps of what it is sent: whole, in pieces, in parts, cut short, or not what it should be."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urlsplit

import pytest

from aiostorage.testing.gcs import Settings
from aiostorage.testing.gcs.crc32c import crc32c, extend
from tests.unit.testing.asking import BLOCK, Asking, Clock, google, served
from tests.unit.testing.google import crc32c as google_crc32c

pytestmark = pytest.mark.anyio


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

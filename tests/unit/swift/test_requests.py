"""Requests as they are built: every name is encoded once, wherever it goes."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.models import ByteRange, ContainerOptions, ListQuery, ObjectRef, Part, ReadOptions, Upload, WriteOptions
from aiostorage.providers.swift import requests, responses

KEY = "a b/é+%41&=?#\n.txt"
UPLOAD = Upload(container="c é", key=KEY, upload_id="1700000000.000000-0123456789abcdef")


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


def test_an_object() -> None:
    request = requests.get_object("c é", KEY, ReadOptions(byte_range=ByteRange(2, 5), version_id="1.2", if_match="x"))
    url = urlsplit(request.url)
    assert (url.scheme, url.netloc) == ("https", "account.invalid")
    assert url.path == "/c%20%C3%A9/a%20b/%C3%A9%2B%2541%26%3D%3F%23%0A.txt"
    assert unquote(url.path) == f"/c é/{KEY}"
    assert query(request.url) == {"version-id": "1.2"}
    assert (request.headers["range"], request.headers["if-match"]) == ("bytes=2-4", '"x"')
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("byte_range", "expected"),
    [((0, None), None), ((5, None), "bytes=5-"), ((-3, None), "bytes=-3"), ((0, 1), "bytes=0-0")],
)
def test_ranges(byte_range: tuple[int, int | None], expected: str | None) -> None:
    request = requests.get_object("c", "k", ReadOptions(byte_range=ByteRange(*byte_range)))
    assert request.headers.get("range") == expected


def test_what_an_object_is_stored_with() -> None:
    options = WriteOptions(
        content_type="text/x",
        cache_control="no-store",
        metadata={"Owner": "Ada", "note": "Grüße"},
        extra={"X-Delete-After": "60"},
    )
    request = requests.put_object("c", "k", b"content", options, md5=bytes(16), on_sent=None)
    assert request.headers == {
        "content-type": "text/x",
        "cache-control": "no-store",
        "x-object-meta-owner": "Ada",
        "x-object-meta-note": "=?utf-8?B?R3LDvMOfZQ==?=",
        "x-delete-after": "60",
        "etag": "0" * 32,
    }


@pytest.mark.parametrize(
    "options",
    [
        WriteOptions(content_type="a\r\nx-b: c"),
        WriteOptions(extra={"X-Object-Manifest": "c/k"}),
        WriteOptions(extra={"x-delete-at": "1\n2"}),
        WriteOptions(metadata={"a b": "c"}),
    ],
)
def test_headers_that_cannot_be(options: WriteOptions) -> None:
    with pytest.raises(InvalidArgumentError):
        requests.content_headers(options)


def test_a_copy_names_its_target_in_a_header() -> None:
    source = ObjectRef(container="from é", key=KEY, version_id="1.2")
    plain = requests.copy_object(source, "to é", KEY, None)
    assert (plain.method, plain.container, plain.key) == ("COPY", "to é", KEY)
    assert query(plain.url) == {"version-id": "1.2"}
    assert unquote(plain.headers["destination"]) == f"/to é/{KEY}"
    assert plain.headers["destination"].isascii()
    assert "x-fresh-metadata" not in plain.headers
    other = requests.copy_object(source, "to", "k", WriteOptions(content_type="text/x"))
    assert (other.headers["x-fresh-metadata"], other.headers["content-type"]) == ("true", "text/x")
    part = requests.copy_part(UPLOAD, 2, source, ByteRange(10, 20))
    assert part.headers["range"] == "bytes=10-19"
    assert unquote(part.headers["destination"]) == f"/c é_segments/{KEY}/slo/{UPLOAD.upload_id}/00000002"
    for wrong in (ByteRange(0, None), ByteRange(-5, None), ByteRange(5, 5)):
        with pytest.raises(InvalidArgumentError):
            requests.copy_part(UPLOAD, 1, source, wrong)


def test_many_deletions_are_lines() -> None:
    request = requests.delete_objects("c", [("c é", KEY), ("c", "b")])
    lines = bytes(request.body).decode().splitlines()
    assert [unquote(line) for line in lines] == [f"/c é/{KEY}", "/c/b"]
    assert request.body.isascii() if isinstance(request.body, bytes) else False


def test_a_manifest_names_its_segments_as_they_are() -> None:
    parts = [Part(number=1, offset=0, size=5, etag="aa"), Part(number=7, offset=5, size=1, etag="bb")]
    request = requests.complete_upload(
        UPLOAD, parts, WriteOptions(content_type="text/x"), checksum="0badcafe etag", heartbeat=True
    )
    assert query(request.url) == {"multipart-manifest": "put", "heartbeat": "on"}
    prefix = f"/c é_segments/{KEY}/slo/{UPLOAD.upload_id}/"
    assert json.loads(bytes(request.body)) == [
        {"path": f"{prefix}00000001", "etag": "aa", "size_bytes": 5},
        {"path": f"{prefix}00000007", "etag": "bb", "size_bytes": 1},
    ]
    assert request.headers["x-object-meta-aiostorage-crc32"] == "0badcafe etag"


def test_listings() -> None:
    plain = ListQuery(prefix="a&b", delimiter="/", start_after="a+")
    request = requests.list_objects("c", plain, token=None, page_size=7)
    assert query(request.url) == {"format": "json", "limit": "7", "marker": "a+", "prefix": "a&b", "delimiter": "/"}
    token = responses.read_token(responses.make_token("a b", "1.2"))
    request = requests.list_objects("c", ListQuery(versions=True), token=token, page_size=7)
    found = query(request.url)
    assert (found["marker"], found["version_marker"], found["versions"]) == ("a b", "1.2", "true")
    assert responses.read_token(responses.make_token("a b")) == ("a b", None)


def test_how_a_container_is_made() -> None:
    options = ContainerOptions(acl="public-read", storage_class="gold", extra={"X-Versions-Enabled": "true"})
    assert requests.container_headers(options) == {
        "x-container-read": ".r:*,.rlistings",
        "x-storage-policy": "gold",
        "x-versions-enabled": "true",
    }
    with pytest.raises(UnsupportedError):
        requests.container_headers(ContainerOptions(object_lock=True))
    for wrong in (ContainerOptions(acl="nobody"), ContainerOptions(extra={"x-auth-token": "t"})):
        with pytest.raises(InvalidArgumentError):
            requests.container_headers(wrong)

"""Answers, as clusters give them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from aiostorage._http.messages import Request, Response
from aiostorage.errors import UnexpectedResponseError
from aiostorage.models import EMPTY, ListQuery, ObjectHash, ObjectInfo, Part, Prefix, WriteOptions
from aiostorage.providers.swift import responses
from aiostorage.providers.swift.cluster import UNKNOWN, read_info

ETAG = "0123456789abcdef0123456789abcdef"
REQUEST = Request(operation="test", method="GET", url="https://account.invalid/c/k", container="c", key="k")


def page(*entries: dict[str, object], versions: bool = False, page_size: int = 100) -> list[ObjectInfo | Prefix]:
    response = Response(status=200, headers={}, body=json.dumps(entries).encode())
    return list(responses.list_objects(REQUEST, response, ListQuery(versions=versions), page_size).items)


def test_a_small_object() -> None:
    headers = {
        "content-length": "7",
        "etag": ETAG,
        "last-modified": "Mon, 23 Nov 2026 08:24:42 GMT",
        "content-type": "text/x",
        "x-object-meta-owner": "Ada",
        "x-object-meta-note": "=?utf-8?B?R3LDvMOfZQ==?=",
        "x-delete-at": "1800000000",
    }
    info = responses.object_info("k", headers)
    assert (info.size, info.etag, info.object_hash) == (7, ETAG, ObjectHash(algorithm="md5", value=ETAG))
    assert info.last_modified == datetime(2026, 11, 23, 8, 24, 42, tzinfo=UTC)
    assert dict(info.metadata) == {"owner": "Ada", "note": "Grüße"}
    assert dict(info.extra) == {"x-delete-at": "1800000000"}


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (f"0badcafe {ETAG}", ObjectHash(algorithm="crc32", value="0badcafe")),
        (f"0badcafe {ETAG[::-1]}", ObjectHash(algorithm="md5", value=ETAG, scope="parts")),
        ("nonsense", ObjectHash(algorithm="md5", value=ETAG, scope="parts")),
        (None, ObjectHash(algorithm="md5", value=ETAG, scope="parts")),
    ],
)
def test_the_etag_of_a_large_object_is_no_hash_of_its_content(kept: str | None, expected: ObjectHash) -> None:
    """A checksum of ours is believed only beside the etag that it was stored with."""
    headers = {"etag": f'"{ETAG}"', "x-static-large-object": "True"}
    if kept is not None:
        headers["x-object-meta-aiostorage-crc32"] = kept
    info = responses.object_info("k", headers)
    assert (info.etag, info.object_hash, dict(info.metadata)) == (ETAG, expected, {})


def test_a_small_object_with_the_checksum_of_a_large_one() -> None:
    """Whoever copies it elsewhere may keep the metadata."""
    info = responses.object_info("k", {"etag": ETAG, "x-object-meta-aiostorage-crc32": f"0badcafe {ETAG}"})
    assert info.object_hash == ObjectHash(algorithm="md5", value=ETAG)
    assert info.metadata in ({}, EMPTY)


def test_a_dynamic_large_object_has_no_hash() -> None:
    info = responses.object_info("k", {"etag": f'"{ETAG}"', "x-object-manifest": "c/k/"})
    assert (info.object_hash, info.extra["x-object-manifest"]) == (None, "c/k/")


def test_a_page() -> None:
    found = page(
        {"subdir": "a/"},
        {
            "name": "b",
            "bytes": 7,
            "hash": ETAG,
            "content_type": "text/x",
            "last_modified": "2026-11-23T08:24:41.455380",
        },
        {"name": "c", "bytes": 9, "hash": ETAG[::-1], "slo_etag": f'"{ETAG}"'},
        {"name": "d", "bytes": 0, "hash": "d41d8cd98f00b204e9800998ecf8427e"},
    )
    assert found[0] == Prefix(name="a/")
    small, large, empty = [item for item in found if isinstance(item, ObjectInfo)]
    assert (small.size, small.object_hash) == (7, ObjectHash(algorithm="md5", value=ETAG))
    assert small.last_modified == datetime(2026, 11, 23, 8, 24, 41, 455380, tzinfo=UTC)
    assert (large.etag, large.object_hash) == (ETAG, ObjectHash(algorithm="md5", value=ETAG, scope="parts"))
    assert empty.object_hash is None  # it may be a link, or the manifest of others


def test_a_page_of_a_cluster_that_lists_manifests() -> None:
    entries = [{"name": "a", "bytes": 328, "hash": ETAG}]
    response = Response(status=200, headers={}, body=json.dumps(entries).encode())
    (info,) = responses.list_objects(REQUEST, response, ListQuery(), 3, tells_sizes=False).items
    assert info == ObjectInfo(key="a")
    assert not read_info(b'{"swift": {"max_object_name_size": 1024}}').tells_large


def test_versions() -> None:
    marker = {"content_type": "application/x-deleted;swift_versions_deleted=1", "bytes": 0, "hash": ETAG}
    found = page(
        {"name": "k", "version_id": "2.0", "is_latest": True, **marker},
        {"name": "k", "version_id": "1.0", "is_latest": False, "bytes": 1, "hash": ETAG},
        versions=True,
    )
    latest, old = [item for item in found if isinstance(item, ObjectInfo)]
    assert (latest.is_delete_marker, latest.is_latest, latest.version_id, latest.etag) == (True, True, "2.0", None)
    assert (old.is_delete_marker, old.is_latest, old.version_id) == (False, False, "1.0")


def test_where_a_listing_goes_on() -> None:
    entries = [{"name": "a", "bytes": 1, "hash": ETAG}, {"subdir": "b/"}]
    response = Response(status=200, headers={}, body=json.dumps(entries).encode())
    assert responses.list_objects(REQUEST, response, ListQuery(), 2).next_token == "b/"
    assert responses.list_objects(REQUEST, response, ListQuery(), 3).next_token is None
    empty = Response(status=204, headers={}, body=b"")
    assert responses.list_objects(REQUEST, empty, ListQuery(), 3).items == []


def test_a_container() -> None:
    headers = {
        "x-container-object-count": "3",
        "x-container-bytes-used": "10",
        "x-timestamp": "1795422281.38449",
        "x-storage-policy": "gold",
    }
    info = responses.container_info("c", headers)
    assert (info.object_count, dict(info.extra)) == (3, {"bytes": "10", "storage_policy": "gold"})
    assert info.created_at == datetime.fromtimestamp(1795422281.38449, UTC)
    assert responses.container_info("c", {"x-timestamp": "yesterday"}).created_at is None


def test_a_manifest_that_was_stored_while_we_waited() -> None:
    body = b'   \n {"Response Status": "201 Created", "Etag": "\\"%s\\"", "Errors": []}' % ETAG.encode()
    parts = [Part(number=1, offset=0, size=5, etag="x")]
    info = responses.complete_upload(
        REQUEST, Response(status=202, headers={}, body=body), parts, WriteOptions(), object_hash=None
    )
    assert (info.etag, info.size) == (ETAG, 5)
    assert info.object_hash == ObjectHash(algorithm="md5", value=ETAG, scope="parts")
    with pytest.raises(UnexpectedResponseError):
        responses.complete_upload(
            REQUEST, Response(status=202, headers={}, body=b" "), parts, WriteOptions(), object_hash=None
        )


@pytest.mark.parametrize(
    ("info", "digests"),
    [
        ({"swift": {"version": "1"}}, ()),
        ({"swift": {"version": "1"}, "tempurl": {}}, ("sha1",)),
        (
            {"swift": {"version": "1"}, "tempurl": {"allowed_digests": ["sha512", "md5", "sha256"]}},
            ("sha256", "sha512"),
        ),
    ],
)
def test_the_digests_of_a_cluster(info: object, digests: tuple[str, ...]) -> None:
    cluster = read_info(json.dumps(info).encode())
    assert tuple(cluster.temp_url_digests) == digests
    assert cluster.capabilities.presign == bool(digests)
    assert not cluster.large_objects
    assert not cluster.bulk_delete
    assert not cluster.capabilities.versioning


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"swift": 7}'])
def test_a_cluster_that_tells_something_else(body: bytes) -> None:
    assert read_info(body) is UNKNOWN

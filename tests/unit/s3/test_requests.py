from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from hashlib import md5, sha256
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from aiostorage._http.tokens import make_token
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import (
    WHOLE,
    ByteRange,
    ListQuery,
    ObjectHash,
    ObjectRef,
    Part,
    ReadOptions,
    Upload,
    WriteOptions,
)
from aiostorage.providers.s3 import requests, upload_requests
from aiostorage.providers.s3.config import Settings, Site, make_site
from aiostorage.providers.s3.headers import digest_headers
from aiostorage.providers.s3.profiles import CEPH, GENERIC, SWIFT, Vendor

AWS_SITE = make_site(Settings(region="eu-west-1"), {}, {})
UPLOAD = Upload(container="bucket", key="a b", upload_id="id+/=")


def site(vendor: Vendor = GENERIC, endpoint: str = "http://host:9000/base") -> Site:
    return make_site(Settings(endpoint=endpoint, vendor=vendor), {}, {})


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True))


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a#b", "a%23b"),
        ("a+b", "a%2Bb"),
        ("a%2Fb", "a%252Fb"),
        ("a//b", "a//b"),
        ("../a/./b", "../a/./b"),
        ("/a/", "/a/"),
        ("a b?c=d&e", "a%20b%3Fc%3Dd%26e"),
        ("é\U0001f600", "%C3%A9%F0%9F%98%80"),
        ("\x00\r\n\x7f", "%00%0D%0A%7F"),
        ("-._~!*'()", "-._~%21%2A%27%28%29"),
    ],
)
def test_keys_are_in_the_url_byte_for_byte(key: str, path: str) -> None:
    assert requests.get_object(site(), "bucket", key, WHOLE).url == f"http://host:9000/base/bucket/{path}"
    assert requests.get_object(AWS_SITE, "bucket", key, WHOLE).url == (
        f"https://bucket.s3.eu-west-1.amazonaws.com/{path}"
    )


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("/.%+#?"), min_size=1))
def test_every_key_can_be_read_off_the_url_that_is_sent(key: str) -> None:
    url = URL(requests.object_url(site(), "bucket", key), encoded=True)
    assert unquote(url.raw_path).removeprefix("/base/bucket/") == key
    assert not url.raw_query_string
    assert not url.raw_fragment


def test_containers_in_the_path_are_encoded() -> None:
    assert requests.head_container(site(), "tenant:bücket").url == "http://host:9000/base/tenant%3Ab%C3%BCcket"
    assert requests.head_container(AWS_SITE, "bucket").url == "https://bucket.s3.eu-west-1.amazonaws.com/"


def test_the_region_is_named_where_it_must_be() -> None:
    request = requests.create_container(AWS_SITE, "bucket")
    root = ElementTree.fromstring(request.body)
    assert [element.text for element in root] == ["eu-west-1"]
    assert request.headers["x-amz-content-sha256"] == sha256(request.body).hexdigest()
    for other in (make_site(Settings(region="us-east-1"), {}, {}), site()):
        assert requests.create_container(other, "bucket").body == b""


@pytest.mark.parametrize(
    ("byte_range", "header"),
    [
        (None, None),
        (ByteRange(0), None),
        (ByteRange(0, 1), "bytes=0-0"),
        (ByteRange(10, 20), "bytes=10-19"),
        (ByteRange(10), "bytes=10-"),
        (ByteRange(-5), "bytes=-5"),
    ],
)
def test_ranges_are_inclusive_on_the_wire(byte_range: ByteRange | None, header: str | None) -> None:
    request = requests.get_object(site(), "bucket", "k", ReadOptions(byte_range=byte_range))
    assert request.headers.get("range") == header
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("byte_range", [ByteRange(1, 1), ByteRange(2, 1), ByteRange(-2, -1), ByteRange(-2, 3)])
def test_ranges_without_a_byte_are_refused(byte_range: ByteRange) -> None:
    with pytest.raises(InvalidArgumentError):
        requests.get_object(site(), "bucket", "k", ReadOptions(byte_range=byte_range))


def test_conditions_quote_etags_but_not_the_star() -> None:
    options = ReadOptions(if_match="abc", if_none_match="def", version_id="a/+=")
    request = requests.head_object(AWS_SITE, "bucket", "k", options)
    assert request.headers["if-match"] == '"abc"'
    assert request.headers["if-none-match"] == '"def"'
    assert query_of(request.url) == {"versionId": "a/+="}
    put = requests.put_object(site(), "bucket", "k", b"", WriteOptions(if_none_match="*"), digests={}, on_sent=None)
    assert put.headers["if-none-match"] == "*"


def test_only_amazon_is_asked_for_checksums() -> None:
    assert requests.get_object(AWS_SITE, "bucket", "k", WHOLE).headers["x-amz-checksum-mode"] == "ENABLED"
    assert "x-amz-checksum-mode" not in requests.get_object(site(), "bucket", "k", WHOLE).headers


OPTIONS = WriteOptions(
    content_type="text/plain",
    cache_control="no-cache",
    content_disposition='attachment; filename="a"',
    content_encoding="gzip",
    content_language="de",
    storage_class="GLACIER",
    metadata={"Name": "ü"},
)
OPTION_HEADERS = {
    "content-type": "text/plain",
    "cache-control": "no-cache",
    "content-disposition": 'attachment; filename="a"',
    "content-encoding": "gzip",
    "content-language": "de",
    "x-amz-storage-class": "GLACIER",
    "x-amz-meta-name": "=?utf-8?B?w7w=?=",
}


def test_options_become_headers() -> None:
    digests = {"content-md5": "x"}
    put = requests.put_object(site(), "bucket", "k", b"body", OPTIONS, digests=digests, on_sent=None)
    assert put.headers == OPTION_HEADERS | digests
    assert put.body == b"body"
    assert upload_requests.create_upload(site(), "bucket", "k", OPTIONS).headers == OPTION_HEADERS
    copied = requests.copy_object(site(), ObjectRef(container="b", key="k"), "bucket", "k", OPTIONS).headers
    assert copied == OPTION_HEADERS | {"x-amz-metadata-directive": "REPLACE", "x-amz-copy-source": "/b/k"}


@pytest.mark.parametrize("value", ["x\r\nx-amz-acl: public-read", "ü"])
def test_options_cannot_smuggle_headers(value: str) -> None:
    with pytest.raises(InvalidArgumentError):
        upload_requests.create_upload(site(), "bucket", "k", WriteOptions(content_type=value))
    with pytest.raises(InvalidArgumentError):
        requests.get_object(site(), "bucket", "k", ReadOptions(if_match=value))


def test_what_may_be_sent_twice() -> None:
    plain, conditional = WriteOptions(), WriteOptions(if_none_match="*")
    ref = ObjectRef(container="b", key="k")
    for options, is_repeatable in ((plain, True), (conditional, False), (WriteOptions(if_match="x"), False)):
        for write_id in (None, "w"):
            made = [
                requests.put_object(site(), "b", "k", b"", options, digests={}, write_id=write_id, on_sent=None),
                requests.copy_object(site(), ref, "b", "k", options, write_id=write_id),
            ]
            assert [request.is_repeatable for request in made] == [is_repeatable or write_id == "w"] * 2
            assert {request.headers.get("x-amz-meta-aiostorage-write-id") for request in made} == {write_id}
        assert upload_requests.complete_upload(site(), UPLOAD, [], options).is_repeatable
    assert upload_requests.create_upload(site(), "b", "k", conditional).is_repeatable


def test_the_source_of_a_copy_is_encoded_too() -> None:
    source = ObjectRef(container="b", key="ü//a+b?", version_id="x=")
    request = requests.copy_object(site(), source, "bucket", "k", None)
    assert request.headers == {
        "x-amz-copy-source": "/b/%C3%BC//a%2Bb%3F?versionId=x%3D",
        "x-amz-metadata-directive": "COPY",
    }
    part = upload_requests.copy_part(site(), UPLOAD, 3, source, ByteRange(5, 10))
    assert part.headers["x-amz-copy-source-range"] == "bytes=5-9"
    for byte_range in (ByteRange(5), ByteRange(-5), ByteRange(5, 5)):
        with pytest.raises(InvalidArgumentError):
            upload_requests.copy_part(site(), UPLOAD, 3, source, byte_range)


def test_many_are_deleted_by_a_document_with_its_md5() -> None:
    keys = ["a&b<c>", " sp ", "tab\tcr\rnl\n", "é"]
    refs = [
        ObjectRef(container="bucket", key=key, version_id=version)
        for key, version in zip(keys, [None, "v", None, "w"], strict=True)
    ]
    request = requests.delete_objects(site(), "bucket", refs)
    assert request.url == "http://host:9000/base/bucket?delete="
    assert request.headers["content-md5"] == b64encode(md5(request.body).digest()).decode()
    root = ElementTree.fromstring(request.body)
    found = [[child.text for child in entry] for entry in root]
    assert found == [[keys[0]], [keys[1], "v"], [keys[2]], [keys[3], "w"]]


@pytest.mark.parametrize(
    ("query", "token", "expected"),
    [
        (ListQuery(), None, {"list-type": "2"}),
        (
            ListQuery(prefix="p +/", delimiter="/", start_after="a", page_size=5000),
            None,
            {"list-type": "2", "prefix": "p +/", "delimiter": "/", "start-after": "a", "max-keys": "1000"},
        ),
        (ListQuery(start_after="a"), make_token("pages", "t=="), {"list-type": "2", "continuation-token": "t=="}),
        (ListQuery(start_after="a"), make_token("keys", "k"), {"marker": "k"}),
        (ListQuery(versions=True, start_after="a"), None, {"versions": "", "key-marker": "a"}),
        (
            ListQuery(versions=True),
            make_token("versions", "k", "v"),
            {"versions": "", "key-marker": "k", "version-id-marker": "v"},
        ),
    ],
)
def test_lists(query: ListQuery, token: str | None, expected: dict[str, str]) -> None:
    assert query_of(requests.list_objects(site(), "bucket", query, token=token).url) == expected
    encoded = query_of(requests.list_objects(site(SWIFT), "bucket", query, token=token).url)
    assert encoded == expected | {"encoding-type": "url"}


@pytest.mark.parametrize("token", ["x", "{}", '["pages", 1, null]', make_token("versions", "k")])
def test_tokens_of_other_listings_are_refused(token: str) -> None:
    with pytest.raises(InvalidArgumentError):
        requests.list_objects(site(), "bucket", ListQuery(), token=token)
    with pytest.raises(InvalidArgumentError):
        upload_requests.list_uploads(site(), "bucket", prefix="", token=token)


def test_lists_of_uploads_parts_and_containers() -> None:
    request = upload_requests.list_uploads(site(CEPH), "bucket", prefix="p", token=make_token("uploads", "k", "u"))
    assert query_of(request.url) == {
        "uploads": "",
        "prefix": "p",
        "key-marker": "k",
        "upload-id-marker": "u",
        "encoding-type": "url",
    }
    assert query_of(upload_requests.list_parts(site(), UPLOAD, token="7").url) == {
        "uploadId": "id+/=",
        "part-number-marker": "7",
    }
    assert requests.list_containers(site(), prefix="p", token=None).url == "http://host:9000/base/"
    paged = requests.list_containers(AWS_SITE, prefix="p", token="t")
    assert query_of(paged.url) == {"prefix": "p", "max-buckets": "1000", "continuation-token": "t"}


def test_an_upload_by_parts() -> None:
    begun = upload_requests.create_upload(AWS_SITE, "bucket", "k", WriteOptions(), checksum="crc32")
    assert begun.headers == {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"}
    part = upload_requests.upload_part(site(), UPLOAD, 2, b"x", digests={"content-md5": "y"}, on_sent=None)
    assert query_of(part.url) == {"uploadId": "id+/=", "partNumber": "2"}
    assert part.headers == {"content-md5": "y"}
    parts = [
        Part(number=1, offset=0, size=7, etag="a", checksum=ObjectHash(algorithm="crc32", value="00000001")),
        Part(number=2, offset=7, size=3, etag='b"<'),
    ]
    upload, whole = replace(UPLOAD, checksum="crc32"), ObjectHash(algorithm="crc32", value="00000001")
    request = upload_requests.complete_upload(AWS_SITE, upload, parts, WriteOptions(), checksum=whole)
    assert request.headers["x-amz-checksum-crc32"] == "AAAAAQ=="
    assert request.headers["x-amz-mp-object-size"] == "10"
    found = [
        {child.tag.partition("}")[2]: child.text for child in entry} for entry in ElementTree.fromstring(request.body)
    ]
    assert found == [
        {"PartNumber": "1", "ETag": '"a"', "ChecksumCRC32": "AAAAAQ=="},
        {"PartNumber": "2", "ETag": '"b"<"'},
    ]


def test_digests_become_headers() -> None:
    digest = md5(b"x").digest()
    assert digest_headers(b"\x01\x02", ObjectHash(algorithm="md5", value=digest.hex())) == {
        "x-amz-content-sha256": "0102",
        "content-md5": b64encode(digest).decode(),
    }
    assert digest_headers(None, ObjectHash(algorithm="crc32", value="00000001")) == {"x-amz-checksum-crc32": "AAAAAQ=="}
    assert digest_headers(b"\x01") == {"x-amz-content-sha256": "01"}
    assert digest_headers(b"\x01", ObjectHash(algorithm="sha256", value="01")) == {
        "x-amz-content-sha256": "01",
        "x-amz-checksum-sha256": "AQ==",
    }

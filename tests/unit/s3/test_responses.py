"""Answers as services send them; the documents are shortened recordings where a service is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage._http.headers import parse_http_date, parse_iso_date, unquote_etag
from aiostorage._http.messages import Request, Response
from aiostorage._http.tokens import read_token
from aiostorage.errors import (
    ChecksumMismatchError,
    PermissionDeniedError,
    ServiceUnavailableError,
    UnexpectedResponseError,
)
from aiostorage.models import (
    ByteRange,
    ListQuery,
    ObjectHash,
    ObjectInfo,
    ObjectRef,
    Part,
    Prefix,
    ReadOptions,
    Retention,
    Upload,
    WriteOptions,
)
from aiostorage.providers.s3 import responses, upload_responses
from aiostorage.providers.s3.profiles import AWS, CEPH, GENERIC, RCLONE, SWIFT, Vendor
from aiostorage.providers.s3.values import multipart_etag

if TYPE_CHECKING:
    from aiostorage._http.body import Head

NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
MD5 = "0123456789abcdef0123456789abcdef"
CRC32 = ObjectHash(algorithm="crc32", value="00000001")
UPLOAD = Upload(container="bucket", key="k", upload_id="id", checksum="crc32")
MOMENT = datetime(2026, 11, 23, 5, 47, 19, tzinfo=UTC)


def request(operation: str = "list_objects", body: bytes = b"") -> Request:
    return Request(operation=operation, method="GET", url="https://x/bucket", container="bucket", key="k", body=body)


def answer(body: str, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=200, headers=named, body=f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode())


def listing(*content: str, root: str = "ListBucketResult", truncated: bool = False) -> Response:
    more = f"<IsTruncated>{'true' if truncated else 'false'}</IsTruncated>"
    return answer(f"<{root} {NS}>{more}{''.join(content)}</{root}>")


def contents(key: str, **more: str) -> str:
    return (
        f"<Contents><Key>{key}</Key>{''.join(f'<{name}>{value}</{name}>' for name, value in more.items())}</Contents>"
    )


def names(items: object) -> list[str]:
    assert isinstance(items, list)
    return [item.name if isinstance(item, Prefix) else item.key for item in items]


# Listings


def test_a_page_of_objects() -> None:
    body = listing(
        "<Name>bucket</Name><Prefix/><KeyCount>1</KeyCount>",
        "<Contents><Key>a b</Key><LastModified>2026-11-23T05:47:19.000Z</LastModified><ETag>&quot;",
        MD5,
        "&quot;</ETag><Size>5</Size><StorageClass>STANDARD</StorageClass><Owner><ID>1</ID></Owner></Contents>",
    )
    page = responses.list_objects(request(), body, ListQuery(), SWIFT)
    assert page.next_token is None
    assert page.items == [
        ObjectInfo(
            key="a b",
            size=5,
            etag=MD5,
            object_hash=ObjectHash(algorithm="md5", value=MD5),
            last_modified=MOMENT,
            storage_class="STANDARD",
        )
    ]


@pytest.mark.parametrize("vendor", [AWS, CEPH, GENERIC])
def test_a_listing_cannot_tell_what_is_encrypted(vendor: Vendor) -> None:
    page = responses.list_objects(request(), listing(contents("k", ETag=MD5)), ListQuery(), vendor)
    assert isinstance(page.items[0], ObjectInfo)
    assert page.items[0].etag == MD5
    assert page.items[0].object_hash is None


def test_keys_are_decoded_only_if_the_service_says_that_it_encoded_them() -> None:
    keys = contents("a%2Fb+c%20d%C3%A9")
    plain = responses.list_objects(request(), listing(keys), ListQuery(), SWIFT)
    encoded = responses.list_objects(request(), listing("<EncodingType>url</EncodingType>", keys), ListQuery(), SWIFT)
    assert names(plain.items) == ["a%2Fb+c%20d%C3%A9"]
    assert names(encoded.items) == ["a/b c dé"]


def test_prefixes_and_keys_come_in_one_order() -> None:
    body = listing(
        contents("a"), contents("c"), contents("\uffee"), contents("\U0001f600"),
        "<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>",
    )  # fmt: skip
    page = responses.list_objects(request(), body, ListQuery(delimiter="/"), SWIFT)
    assert names(page.items) == ["a", "b/", "c", "\uffee", "\U0001f600"]
    assert page.items[1] == Prefix(name="b/")


def test_versions() -> None:
    body = listing(
        "<NextKeyMarker>a</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>",
        "<Version><Key>a</Key><VersionId>v2</VersionId><IsLatest>false</IsLatest><Size>3</Size></Version>",
        "<Version><Key>a</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest><Size>2</Size></Version>",
        "<DeleteMarker><Key>a</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest></DeleteMarker>",
        "<Version><Key>A</Key><VersionId>null</VersionId><IsLatest>true</IsLatest><Size>1</Size></Version>",
        root="ListVersionsResult",
        truncated=True,
    )
    page = responses.list_objects(request(), body, ListQuery(versions=True), SWIFT)
    found = [
        (item.key, item.version_id, item.is_latest, item.is_delete_marker, item.size)
        for item in page.items
        if isinstance(item, ObjectInfo)
    ]
    assert found == [
        ("A", "null", True, False, 1),
        ("a", "v2", False, False, 3),
        ("a", "v1", False, False, 2),
        ("a", "v3", True, True, None),
    ]
    assert page.next_token is not None
    assert read_token(page.next_token, "versions") == ("a", "v1")


@pytest.mark.parametrize(
    ("content", "kind", "marker"),
    [
        ("<NextContinuationToken>t/+</NextContinuationToken>" + contents("a"), "pages", "t/+"),
        ("<NextMarker>b</NextMarker>" + contents("a"), "keys", "b"),
        # ListObjects names a marker only if there is a delimiter. So answer, too, who knows no ListObjectsV2.
        (contents("a") + contents("b"), "keys", "b"),
        (contents("a") + "<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>", "keys", "b/"),
        # Ceph 16 encodes keys and not the marker; Swift 2.38 both.
        ("<EncodingType>url</EncodingType><NextMarker>a%2Fb</NextMarker>" + contents("a%252Fb"), "keys", "a%2Fb"),
        ("<EncodingType>url</EncodingType><NextMarker>a%252Fb</NextMarker>" + contents("a%252Fb"), "keys", "a%2Fb"),
    ],
)
def test_where_the_next_page_begins(content: str, kind: str, marker: str) -> None:
    page = responses.list_objects(request(), listing(content, truncated=True), ListQuery(), SWIFT)
    assert page.next_token is not None
    assert read_token(page.next_token, kind)[0] == marker  # a table of literals


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><html><body>Log in</body></html>",
        b"<html><body>Log in</body></html>",
        b"{}",
        b"<ListVersionsResult/>",
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        b"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>k</Key><Size>x</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%ff</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>k</Key></Contents>",
    ],
)
def test_what_is_no_listing_is_an_error(body: bytes) -> None:
    response = Response(status=200, headers={"x-amz-request-id": "id"}, body=body)
    with pytest.raises(UnexpectedResponseError) as caught:
        responses.list_objects(request(), response, ListQuery(), SWIFT)
    error = caught.value
    assert (error.provider, error.operation, error.container, error.request_id) == (
        "s3",
        "list_objects",
        "bucket",
        "id",
    )


def test_an_empty_listing() -> None:
    assert responses.list_objects(request(), listing(), ListQuery(), SWIFT).items == []


def test_containers_are_filtered_here() -> None:
    body = answer(
        f"<ListAllMyBucketsResult {NS}><Owner><ID>1</ID><DisplayName>me</DisplayName></Owner><Buckets>"
        "<Bucket><Name>ab</Name><CreationDate>2026-11-23T05:47:19.000Z</CreationDate></Bucket>"
        "<Bucket><Name>b</Name></Bucket></Buckets><ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>"
    )
    page = responses.list_containers(request(), body, prefix="a")
    assert [(item.name, item.created_at) for item in page.items] == [("ab", MOMENT)]
    assert page.next_token == "t"
    assert len(responses.list_containers(request(), body, prefix="").items) == 2


def test_what_a_container_tells_of_itself() -> None:
    info = responses.container_info("b", {"x-rgw-object-count": "7", "x-amz-bucket-region": "eu-west-1"})
    assert (info.name, info.object_count, info.extra) == ("b", 7, {"region": "eu-west-1"})
    assert responses.container_info("b", {}).object_count is None


# Objects


HEAD = {
    "etag": f'"{MD5}"',
    "content-length": "100",
    "content-type": "text/plain",
    "last-modified": "Mon, 23 Nov 2026 05:47:19 GMT",
    "x-amz-version-id": "v1",
    "x-amz-storage-class": "GLACIER",
    "cache-control": "no-cache",
    "content-disposition": "inline",
    "content-encoding": "gzip",
    "content-language": "de",
    "x-amz-meta-name": "=?utf-8?B?w7w=?=",
}


def test_an_object_by_its_headers() -> None:
    assert responses.object_info("k", HEAD, AWS) == ObjectInfo(
        key="k",
        size=100,
        etag=MD5,
        object_hash=ObjectHash(algorithm="md5", value=MD5),
        last_modified=MOMENT,
        content_type="text/plain",
        cache_control="no-cache",
        content_disposition="inline",
        content_encoding="gzip",
        content_language="de",
        metadata={"name": "ü"},
        storage_class="GLACIER",
        version_id="v1",
    )


def test_no_length_is_not_length_zero() -> None:
    info = responses.object_info("k", {"etag": 'W/"x"'}, AWS)
    assert (info.size, info.etag, info.extra) == (None, "x", {"etag": 'W/"x"'})


@pytest.mark.parametrize(
    ("vendor", "headers", "expected"),
    [
        (GENERIC, {}, None),
        (AWS, {"etag": f'"{MD5}-2"'}, None),
        (AWS, {"etag": f'"{MD5.upper()}"'}, None),
        (AWS, {"x-amz-server-side-encryption": "AES256"}, ("md5", MD5)),
        (AWS, {"x-amz-server-side-encryption": "aws:kms"}, None),
        (AWS, {"x-amz-server-side-encryption-customer-algorithm": "AES256"}, None),
        (AWS, {"x-amz-checksum-crc32": "AAAAAQ==", "x-amz-checksum-type": "FULL_OBJECT"}, ("crc32", "00000001")),
        (AWS, {"x-amz-checksum-crc32": "AAAAAQ=="}, ("crc32", "00000001")),
        (AWS, {"x-amz-checksum-crc32": "AAAAAQ==-2", "etag": '"x-2"'}, ("crc32", "00000001", "parts")),
        (
            AWS,
            {"x-amz-checksum-crc32": "AAAAAQ==", "x-amz-checksum-type": "COMPOSITE", "etag": '"x-2"'},
            ("crc32", "00000001", "parts"),
        ),
        (AWS, {"x-amz-checksum-crc32": "AAAAAQ==", "x-amz-checksum-type": "COMPOSITE"}, ("md5", MD5)),
        (AWS, {"x-amz-checksum-crc64nvme": "AAAAAAAAAAE="}, ("crc64nvme", "0000000000000001")),
        # rclone repeats what the client said, and never looks whether it is true.
        (RCLONE, {"x-amz-checksum-crc32": "AAAAAQ=="}, ("md5", MD5)),
    ],
)
def test_which_hash_is_one(vendor: Vendor, headers: dict[str, str], expected: tuple[str, ...] | None) -> None:
    found = responses.object_info("k", {**HEAD, **headers}, vendor).object_hash
    told = None if found is None else (found.algorithm, found.value, found.scope)
    assert told == (None if expected is None else (*expected, "object")[:3])


def get(status: int, byte_range: ByteRange | None = None, **headers: str | None) -> Head:
    named = {**HEAD, **{name.replace("_", "-"): value for name, value in headers.items()}}
    present = {name: value for name, value in named.items() if value is not None}
    return responses.get_object(request("get_object"), status, present, ReadOptions(byte_range=byte_range), AWS)


def test_a_whole_object() -> None:
    head = get(200)
    assert (head.start, head.stop, head.info.size) == (0, 100, 100)
    head = get(200, content_length=None)
    assert (head.start, head.stop, head.info.size) == (0, None, None)


def test_a_range_that_is_ignored_is_the_whole_object() -> None:
    head = get(200, ByteRange(10, 20))
    assert (head.start, head.stop, head.info.size) == (0, 100, 100)


@pytest.mark.parametrize("status", [206, 200])
@pytest.mark.parametrize(
    ("byte_range", "content_range", "length", "expected"),
    [
        (ByteRange(10, 20), "bytes 10-19/100", "10", (10, 20, 100)),
        (ByteRange(10), "bytes 10-99/100", "90", (10, 100, 100)),
        (ByteRange(-10), "bytes 90-99/100", "10", (90, 100, 100)),
        (ByteRange(-1000), "bytes 0-99/100", "100", (0, 100, 100)),
        (ByteRange(10, 2000), "bytes 10-99/100", "90", (10, 100, 100)),
        (ByteRange(10, 20), "bytes 10-19/*", "10", (10, 20, None)),
        (None, "bytes 0-99/100", "100", (0, 100, 100)),
    ],
)
def test_a_range(
    status: int, byte_range: ByteRange | None, content_range: str, length: str, expected: tuple[int, int, int | None]
) -> None:
    head = get(status, byte_range, content_range=content_range, content_length=length, x_amz_checksum_crc32="AAAAAQ==")
    assert (head.start, head.stop, head.info.size) == expected
    # The checksum may be that of the range; the ETag never is.
    assert head.info.object_hash == ObjectHash(algorithm="md5", value=MD5)


@pytest.mark.parametrize(
    ("status", "byte_range", "content_range", "length"),
    [
        (206, ByteRange(10, 20), None, "10"),
        (206, ByteRange(10, 20), "bytes 0-9/100", "10"),
        (206, ByteRange(10, 20), "bytes 11-19/100", "9"),
        (206, ByteRange(10, 20), "bytes 10-29/100", "20"),
        (206, ByteRange(10, 20), "bytes 10-19/100", "11"),
        (206, ByteRange(10, 20), "bytes 19-10/100", "10"),
        (206, ByteRange(10, 20), "bytes */100", "10"),
        (206, ByteRange(10, 20), "octets 10-19/100", "10"),
        (206, ByteRange(10), "bytes 10-19/100", "10"),
        (206, ByteRange(-10), "bytes 80-89/100", "10"),
        (206, None, "bytes 0-9/100", "10"),
        (200, ByteRange(10, 20), "bytes 10-19/100", "100"),
        (200, ByteRange(10, 20), "bytes 10-19/100", None),
        (204, None, None, "0"),
    ],
)
def test_another_range_is_an_error(
    status: int, byte_range: ByteRange | None, content_range: str | None, length: str | None
) -> None:
    with pytest.raises(UnexpectedResponseError):
        get(status, byte_range, content_range=content_range, content_length=length)


@given(size=st.integers(1, 50), start=st.integers(-60, 49), length=st.none() | st.integers(1, 60))
def test_every_range_that_a_right_service_answers_is_accepted(size: int, start: int, length: int | None) -> None:
    asked = ByteRange(start) if start < 0 or length is None else ByteRange(start, start + length)
    content = range(size)[slice(*asked)]
    if not content:
        return
    head = get(206, asked, content_range=f"bytes {content[0]}-{content[-1]}/{size}", content_length=str(len(content)))
    assert (head.start, head.stop) == (content.start, content.stop)


def test_what_was_written() -> None:
    options = WriteOptions(content_type="a/b", metadata={"Name": "x"})
    response = Response(status=200, headers={"etag": '"x"', "x-amz-version-id": "v"}, body=b"")
    info = responses.put_object(request("put_object", b"1234"), response, options, AWS, computed=CRC32)
    assert info == ObjectInfo(
        key="k", size=4, etag="x", object_hash=CRC32, content_type="a/b", metadata={"name": "x"}, version_id="v"
    )


@pytest.mark.parametrize("etag", ["&quot;x&quot;", "x"])  # Ceph leaves the quotes out
def test_copies(etag: str) -> None:
    body = f"<LastModified>2026-11-23T05:47:19.000Z</LastModified><ETag>{etag}</ETag>"
    copied = responses.copy_object(
        request("copy_object"), answer(f"<CopyObjectResult {NS}>{body}</CopyObjectResult>"), None, AWS
    )
    assert (copied.etag, copied.last_modified, copied.size) == ("x", MOMENT, None)
    part = upload_responses.copy_part(
        request("copy_part"), answer(f"<CopyPartResult {NS}>{body}</CopyPartResult>"), UPLOAD, 3, ByteRange(5, 9)
    )
    assert part == Part(number=3, offset=5, size=4, etag="x")


def test_a_copy_that_did_nothing_is_an_error() -> None:
    empty = Response(status=200, headers={}, body=b"")  # rclone, to UploadPartCopy
    with pytest.raises(UnexpectedResponseError):
        upload_responses.copy_part(request("copy_part"), empty, UPLOAD, 1, ByteRange(0, 1))
    with pytest.raises(UnexpectedResponseError):
        responses.copy_object(request("copy_object"), empty, None, AWS)


# Deletions


def test_one_outcome_for_each_deletion_in_order() -> None:
    refs = [ObjectRef(container="bucket", key=key) for key in ["a", "b", "c", "d", "e"]]
    body = answer(
        f"<DeleteResult {NS}><Deleted><Key>c</Key></Deleted>"
        "<Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker></Deleted>"
        "<Error><Key>b</Key><Code>AccessDenied</Code><Message>No.</Message></Error>"
        "<Error><Key>d</Key><Code>NoSuchKey</Code></Error></DeleteResult>",
        x_amz_request_id="id",
    )
    outcomes = responses.delete_objects(request("delete_objects"), body, refs)
    assert [outcome.key for outcome in outcomes] == ["a", "b", "c", "d", "e"]
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None), PermissionDeniedError, type(None), type(None), UnexpectedResponseError
    ]  # fmt: skip
    denied = outcomes[1].error
    assert denied is not None
    assert (denied.key, denied.code, denied.message, denied.request_id) == ("b", "AccessDenied", "No.", "id")
    assert outcomes[4].error is not None
    assert outcomes[4].error.key == "e"


def test_outcomes_of_versions() -> None:
    refs = [ObjectRef(container="bucket", key="a", version_id=version) for version in ("1", "2")]
    body = answer(
        "<DeleteResult><Deleted><Key>a</Key><VersionId>1</VersionId></Deleted>"
        "<Error><Key>a</Key><VersionId>2</VersionId><Code>InternalError</Code></Error></DeleteResult>"
    )
    first, second = responses.delete_objects(request("delete_objects"), body, refs)
    assert (first.version_id, first.error) == ("1", None)
    assert isinstance(second.error, ServiceUnavailableError)
    assert second.error.retryable


def test_an_empty_answer_to_deletions_is_an_error() -> None:
    ref = ObjectRef(container="bucket", key="a")
    with pytest.raises(UnexpectedResponseError):
        responses.delete_objects(request("delete_objects"), Response(status=200, headers={}, body=b""), [ref])


# Uploads by parts


@pytest.mark.parametrize("root", ["InitiateMultipartUploadResult", "InitiateMultipartUpload"])  # the latter is rclone's
def test_an_upload_that_begins(root: str) -> None:
    upload = upload_responses.create_upload(
        request("create_upload"), answer(f"<{root}><UploadId>id</UploadId></{root}>"), WriteOptions(), checksum="sha1"
    )
    assert upload == Upload(container="bucket", key="k", upload_id="id", checksum="sha1")
    with pytest.raises(UnexpectedResponseError):
        upload_responses.create_upload(
            request("create_upload"), answer(f"<{root}><UploadId/></{root}>"), WriteOptions(), checksum=None
        )


def test_a_part() -> None:
    stored = Response(status=200, headers={"etag": '"x"'}, body=b"")
    part = upload_responses.upload_part(request("upload_part", b"123"), stored, 2, 7, computed=CRC32)
    assert part == Part(number=2, offset=7, size=3, etag="x", checksum=CRC32)
    with pytest.raises(UnexpectedResponseError):
        upload_responses.upload_part(
            request("upload_part"), Response(status=200, headers={}, body=b""), 2, 7, computed=None
        )


def test_an_upload_that_is_complete() -> None:
    parts = [Part(number=1, offset=0, size=5, etag="x"), Part(number=2, offset=5, size=2, etag="y")]
    body = answer(f"<CompleteMultipartUploadResult {NS}><ETag>&quot;z-2&quot;</ETag></CompleteMultipartUploadResult>")
    info = upload_responses.complete_upload(request("complete_upload"), body, parts, WriteOptions(), checksum=CRC32)
    assert (info.size, info.etag, info.object_hash) == (7, "z-2", CRC32)
    # Ceph 16 forgets the ETag.
    body = answer("<CompleteMultipartUploadResult><ETag/></CompleteMultipartUploadResult>")
    assert upload_responses.complete_upload(request(), body, parts, WriteOptions(), checksum=None).etag is None
    with pytest.raises(UnexpectedResponseError):
        upload_responses.complete_upload(request(), answer("<html/>"), parts, WriteOptions(), checksum=None)


@pytest.mark.parametrize(
    ("kind", "value", "is_right"),
    [
        ("FULL_OBJECT", "AAAAAQ==", True),
        ("FULL_OBJECT", "AAAAAg==", False),
        ("COMPOSITE", "AAAAAg==-2", True),  # of another kind than ours: nobody can tell
        (None, None, True),
    ],
)
def test_the_checksum_of_an_upload_is_compared(kind: str | None, value: str | None, is_right: bool) -> None:
    told = "" if kind is None else f"<ChecksumType>{kind}</ChecksumType><ChecksumCRC32>{value}</ChecksumCRC32>"
    body = answer(f"<CompleteMultipartUploadResult><ETag>z-2</ETag>{told}</CompleteMultipartUploadResult>")
    parts = [Part(number=1, offset=0, size=5, etag="x")]
    if is_right:
        info = upload_responses.complete_upload(request(), body, parts, WriteOptions(), checksum=CRC32)
        assert info.object_hash == CRC32
    else:
        with pytest.raises(ChecksumMismatchError, match="00000002"):
            upload_responses.complete_upload(request(), body, parts, WriteOptions(), checksum=CRC32)


def test_what_is_beside_the_content() -> None:
    headers = {
        "etag": '"x"',
        "content-length": "4",
        "x-amz-server-side-encryption": "aws:kms:dsse",
        "x-amz-server-side-encryption-aws-kms-key-id": "arn:key",
        "x-amz-object-lock-mode": "COMPLIANCE",
        "x-amz-object-lock-retain-until-date": "2026-11-23T05:47:19.000000000Z",
        "x-amz-object-lock-legal-hold": "OFF",
        "x-amz-tagging-count": "3",
        "x-amz-mp-parts-count": "2",
        "content-range": "bytes 4-7/10",
        "expires": "0",
        "x-amz-restore": 'ongoing-request="true"',
    }
    info = responses.object_info("k", headers, AWS)
    assert (info.size, info.part_count, info.tag_count) == (10, 2, 3)
    assert (info.encryption, info.kms_key_id) == ("kms", "arn:key")
    assert info.retention == Retention(mode="compliance", until=MOMENT)
    assert info.legal_hold is False
    assert info.extra == {"expires": "0", "x-amz-restore": 'ongoing-request="true"'}
    nonsense = {"x-amz-object-lock-mode": "x", "x-amz-tagging-count": "-1", "x-amz-object-lock-legal-hold": "?"}
    info = responses.object_info("k", nonsense, AWS)
    assert (info.retention, info.tag_count, info.legal_hold, info.encryption) == (None, None, None, None)


def test_unfinished_uploads() -> None:
    upload = (
        "<Upload><Key>m%20%C3%A9</Key><UploadId>u</UploadId><Initiator><ID>x</ID></Initiator>"
        "<Initiated>2026-11-23T05:47:19Z</Initiated><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm></Upload>"
    )
    more = "<IsTruncated>true</IsTruncated><NextKeyMarker>m é</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>"
    # Ceph 16 encodes keys and does not say so, and leaves the marker as it is.
    ceph = answer(f"<ListMultipartUploadsResult {NS}>{more}{upload}</ListMultipartUploadsResult>")
    page = upload_responses.list_uploads(request("list_uploads"), ceph, CEPH)
    assert [(item.container, item.key, item.upload_id, item.started_at) for item in page.items] == [
        ("bucket", "m é", "u", MOMENT)
    ]
    assert page.next_token is not None
    assert read_token(page.next_token, "uploads") == ("m é", "u")
    rclone = answer(f"<ListMultipartUploadsResult>{upload}</ListMultipartUploadsResult>")
    page = upload_responses.list_uploads(request("list_uploads"), rclone, RCLONE)
    assert ([item.key for item in page.items], page.next_token) == (["m%20%C3%A9"], None)
    assert page.items[0].checksum == "crc64nvme"


def test_parts_of_an_upload() -> None:
    body = listing(
        "<NextPartNumberMarker>2</NextPartNumberMarker>",
        "<Part><PartNumber>1</PartNumber><Size>5</Size><ETag>&quot;x&quot;</ETag></Part>",
        "<Part><PartNumber>2</PartNumber><Size>2</Size><ETag>y</ETag><ChecksumCRC32>AAAAAQ==</ChecksumCRC32></Part>",
        root="ListPartsResult",
        truncated=True,
    )
    page = upload_responses.list_parts(request("list_parts"), body, UPLOAD)
    assert page.items == [
        Part(number=1, offset=-1, size=5, etag="x"),
        Part(number=2, offset=-1, size=2, etag="y", checksum=CRC32),
    ]
    assert page.next_token == "2"


# Values


@pytest.mark.parametrize(
    ("raw", "etag"),
    [(None, None), ("", None), ('""', None), ('"a"', "a"), ("a", "a"), ('W/"a"', "a"), ('"a-2"', "a-2")],
)
def test_etags(raw: str | None, etag: str | None) -> None:
    assert unquote_etag(raw) == etag


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Mon, 23 Nov 2026 05:47:19 GMT", MOMENT),
        ("Mon, 23 Nov 2026 05:47:19 +0000", MOMENT),
        ("Mon, 23 Foo 2026 05:47:19 GMT", None),
        ("Mon, 99 Nov 2026 05:47:19 GMT", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_of_headers(value: str | None, moment: datetime | None) -> None:
    assert parse_http_date(value) == moment


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-23T05:47:19.000Z", MOMENT),
        ("2026-11-23T05:47:19Z", MOMENT),
        ("2026-11-23T05:47:19", MOMENT),
        ("x", None),
        (None, None),
    ],
)
def test_dates_of_documents(value: str | None, moment: datetime | None) -> None:
    assert parse_iso_date(value) == moment


def test_the_etag_of_parts() -> None:
    parts = [Part(number=n, offset=0, size=1, etag=etag) for n, etag in [(1, MD5), (2, MD5[::-1])]]
    # By xxd -r -p and md5sum.
    assert multipart_etag(parts) == "b871e39d1a3258ca21654616395f5079-2"
    assert multipart_etag([*parts, Part(number=3, offset=0, size=1, etag="opaque")]) is None

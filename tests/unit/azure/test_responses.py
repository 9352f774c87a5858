"""Answers and errors, from documents as Azure and Azurite write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aiostorage._http.messages import Request, Response
from aiostorage.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ChecksumMismatchError,
    ClockSkewError,
    ContainerNotFoundError,
    InvalidArgumentError,
    NotModifiedError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import ByteRange, ListQuery, ObjectHash, ObjectInfo, ObjectRef, Prefix, Retention
from aiostorage.providers.azure import batch, responses
from aiostorage.providers.azure.blocks import FOREIGN, block_name, parse_block
from aiostorage.providers.azure.errors import read_error
from aiostorage.providers.azure.requests import Batch

REQUEST = Request(operation="get_object", method="GET", url="https://h/c/k", container="c", key="k")

LISTING = """\ufeff<?xml version="1.0" encoding="utf-8"?>
<EnumerationResults ServiceEndpoint="https://h/" ContainerName="c"><Prefix>p</Prefix><Blobs>
<Blob><Name>p/a &amp; b</Name><VersionId>2026-01-01T00:00:00.0000001Z</VersionId>
<IsCurrentVersion>true</IsCurrentVersion>
<Properties><Creation-Time>Thu, 01 Jan 2026 00:00:00 GMT</Creation-Time>
<Last-Modified>Thu, 01 Jan 2026 00:00:01 GMT</Last-Modified><Etag>0x8DE</Etag><Content-Length>7</Content-Length>
<Content-Type>text/plain</Content-Type><Content-Encoding /><Content-MD5>mgNkuembtIDdJeHwKEyFVQ==</Content-MD5>
<BlobType>BlockBlob</BlobType><AccessTier>Cool</AccessTier></Properties><OrMetadata /></Blob>
<BlobPrefix><Name>p/A/</Name></BlobPrefix>
<Blob><Name Encoded="true">p%2Fodd%EF%BF%BE</Name><Snapshot>2026-01-01T00:00:00.0000000Z</Snapshot>
<Properties><Content-Length>0</Content-Length></Properties></Blob>
</Blobs><NextMarker>2!92!more</NextMarker></EnumerationResults>""".encode()


def ok(body: bytes = b"", **headers: str) -> Response:
    return Response(status=200, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=body)


def test_a_listing() -> None:
    page = responses.list_objects(REQUEST, ok(LISTING), ListQuery(delimiter="/"))
    assert page.next_token == "2!92!more"
    prefix, first, second = page.items
    assert prefix == Prefix(name="p/A/")
    assert first == ObjectInfo(
        key="p/a & b",
        size=7,
        etag="0x8DE",
        object_hash=ObjectHash(algorithm="md5", value="9a0364b9e99bb480dd25e1f0284c8555"),
        last_modified=datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC),
        content_type="text/plain",
        storage_class="Cool",
        version_id="2026-01-01T00:00:00.0000001Z",
        extra={"blob_type": "BlockBlob"},
    )
    assert isinstance(second, ObjectInfo)
    assert (second.key, second.size, second.is_latest) == ("p/odd\ufffe", 0, False)
    assert second.version_id == "snapshot:2026-01-01T00:00:00.0000000Z"


def test_a_listing_begins_after_a_name() -> None:
    page = responses.list_objects(REQUEST, ok(LISTING), ListQuery(start_after="p/a & b"))
    assert [item.key for item in page.items if isinstance(item, ObjectInfo)] == ["p/odd\ufffe"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Please log in</body></html>",
        b"<EnumerationResults><Blobs><Blob><Properties><Etag>x</Etag></Properties></Blob></Blobs></EnumerationResults>",
        LISTING.replace(b">7<", b">seven<"),
        LISTING[:-30],
        b"<!DOCTYPE x><EnumerationResults/>",
    ],
)
def test_what_is_no_listing(body: bytes) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        responses.list_objects(REQUEST, ok(body), ListQuery())
    assert (caught.value.provider, caught.value.container) == ("azure", "c")


def test_empty_or_not() -> None:
    empty = b"<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>"
    assert responses.is_empty(REQUEST, ok(empty))
    assert not responses.is_empty(REQUEST, ok(LISTING))
    # A page of nothing that goes on says nothing.
    assert not responses.is_empty(REQUEST, ok(empty.replace(b"<NextMarker />", b"<NextMarker>x</NextMarker>")))


def test_properties() -> None:
    info = responses.object_info(
        "k",
        {
            "content-length": "7",
            "etag": '"0x8D"',
            "content-md5": "mgNkuembtIDdJeHwKEyFVQ==",
            "x-ms-meta-note": "=?utf-8?B?w6Q=?=",
            "x-ms-access-tier": "Hot",
            "x-ms-blob-type": "BlockBlob",
            "x-ms-server-encrypted": "true",
            "x-ms-immutability-policy-until-date": "Thu, 01 Jan 2026 00:00:00 GMT",
            "x-ms-immutability-policy-mode": "unlocked",
            "x-ms-legal-hold": "true",
            "x-ms-tag-count": "2",
            "x-ms-version-id": "v",
            "x-ms-is-current-version": "false",
        },
    )
    assert (info.size, info.etag, dict(info.metadata), info.storage_class) == (7, "0x8D", {"note": "ä"}, "Hot")
    assert info.retention == Retention(mode="governance", until=datetime(2026, 1, 1, tzinfo=UTC))
    assert (info.legal_hold, info.tag_count, info.encryption) == (True, 2, "managed")
    assert (info.version_id, info.is_latest) == ("v", False)


def test_the_hash_of_a_range_is_not_that_of_the_object() -> None:
    headers = {"content-range": "bytes 1-2/7", "content-length": "2", "content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    assert responses.get_object(REQUEST, 206, headers, ByteRange(1, 3)).info.object_hash is None
    headers["x-ms-blob-content-md5"] = "mgNkuembtIDdJeHwKEyFVQ=="
    found = responses.get_object(REQUEST, 206, headers, ByteRange(1, 3))
    assert (found.start, found.stop, found.info.size) == (1, 3, 7)
    assert found.info.object_hash is not None


def test_a_range_of_nothing() -> None:
    headers = {"content-range": "bytes 100-99/100", "content-length": "0"}
    with pytest.raises(RangeNotSatisfiableError):
        responses.get_object(REQUEST, 206, headers, ByteRange(100, None))


def test_another_range() -> None:
    with pytest.raises(UnexpectedResponseError):
        responses.get_object(REQUEST, 206, {"content-range": "bytes 0-1/7", "content-length": "2"}, ByteRange(1, 3))


def test_blocks() -> None:
    ours = block_name("a" * 32, 2)
    body = (
        "<BlockList><CommittedBlocks /><UncommittedBlocks>"
        f"<Block><Name>{ours}</Name><Size>5</Size></Block><Block><Name>YWJj</Name><Size>6</Size></Block>"
        "</UncommittedBlocks></BlockList>"
    )
    found = responses.list_blocks(REQUEST, ok(body.encode()))
    assert [(block.upload_id, block.number, block.size) for block in found] == [("a" * 32, 2, 5), (FOREIGN, 0, 6)]
    first = parse_block(block_name("a" * 32, 1), 7)
    parts = responses.list_parts([*found, first], "a" * 32).items
    assert [(part.number, part.size, part.etag) for part in parts] == [(1, 7, first.name), (2, 5, ours)]
    with pytest.raises(UnexpectedResponseError):
        responses.list_blocks(REQUEST, ok(body.replace(">5<", ">five<").encode()))


def test_a_copy_that_is_not_done() -> None:
    with pytest.raises(UnexpectedResponseError, match="pending"):
        responses.copy_object(REQUEST, ok(x_ms_copy_status="pending"))


def test_a_delegation_key_that_is_none() -> None:
    body = b"<UserDelegationKey><SignedOid>o</SignedOid><Value>hunter2</Value></UserDelegationKey>"
    with pytest.raises(UnexpectedResponseError) as caught:
        responses.delegation_key(REQUEST, ok(body))
    assert "hunter2" not in str(caught.value)


# Batches


def batch_of(*keys: str) -> Batch:
    inner = [Request(operation="delete_object", method="DELETE", url=f"https://h/c/{key}", key=key) for key in keys]
    return Batch(operation="delete_objects", method="POST", url="https://h/c", container="c", inner=inner)


BATCH = (
    b"--b\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nHTTP/1.1 404 The specified blob does not exist.\r\n"
    b"x-ms-error-code: BlobNotFound\r\n\r\n<?xml?>\r\n--b\r\nContent-ID: 0\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n"
    b"--b\r\nContent-ID: 2\r\n\r\nHTTP/1.1 409 Conflict\r\nx-ms-error-code: SnapshotsPresent\r\n\r\n\r\n--b--\r\n"
)


def test_a_batch_is_read_by_its_numbers() -> None:
    request = batch_of("a", "b", "c", "d")
    refs = [ObjectRef(container="c", key=key) for key in "abcd"]
    outcomes = batch.read(request, ok(BATCH, content_type="multipart/mixed; boundary=b"), refs)
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None), type(None), PreconditionFailedError, UnexpectedResponseError,
    ]  # fmt: skip
    assert outcomes[2].error is not None
    assert (outcomes[2].error.key, outcomes[2].error.operation) == ("c", "delete_objects")


@pytest.mark.parametrize("body", [b"", BATCH[:-9], b"<html/>"])
def test_what_is_no_batch(body: bytes) -> None:
    with pytest.raises(UnexpectedResponseError):
        batch.read(
            batch_of("a"), ok(body, content_type="multipart/mixed; boundary=b"), [ObjectRef(container="c", key="a")]
        )


# Errors


def error_of(
    status: int,
    code: str = "",
    message: str = "",
    *,
    operation: str = "get_object",
    key: str | None = "k",
    more: str = "",
) -> StorageError:
    fields = f"<Code>{code}</Code><Message>{message}\nRequestId:1\nTime:2</Message>{more}"
    body = f"\ufeff<?xml version='1.0'?><Error>{fields}</Error>"
    request = Request(operation=operation, method="GET", url="https://h/c/k", key=key)
    error = read_error(request, Response(status=status, headers={"x-ms-request-id": "id"}, body=body.encode()))
    assert error is not None
    assert (error.status, error.request_id) == (status, "id")
    return error


@pytest.mark.parametrize(
    ("status", "code", "kind", "is_retryable"),
    [
        (404, "ContainerNotFound", ContainerNotFoundError, False),
        (404, "BlobNotFound", ObjectNotFoundError, False),
        (409, "ContainerAlreadyExists", AlreadyExistsError, False),
        (409, "ContainerBeingDeleted", ContainerNotFoundError, False),
        (404, "SomethingNew", ObjectNotFoundError, False),
        (409, "BlobAlreadyExists", PreconditionFailedError, False),
        (412, "ConditionNotMet", PreconditionFailedError, False),
        (409, "SomethingNew", PreconditionFailedError, False),
        (400, "SomethingNew", InvalidArgumentError, False),
        (400, "InvalidBlockList", PreconditionFailedError, False),
        (400, "Md5Mismatch", ChecksumMismatchError, True),
        (403, "AuthenticationFailed", AuthenticationError, False),
        (401, "InvalidAuthenticationInfo", AuthenticationError, False),
        (403, "AuthorizationPermissionMismatch", PermissionDeniedError, False),
        (403, "SomethingNew", PermissionDeniedError, False),
        (416, "InvalidRange", RangeNotSatisfiableError, False),
        (500, "InternalError", ServiceUnavailableError, True),
        (503, "ServerBusy", RateLimitedError, True),
        (501, "", UnsupportedError, False),
        (429, "", RateLimitedError, True),
        (304, "ConditionNotMet", NotModifiedError, False),
        (418, "", StorageError, False),
    ],
)  # fmt: skip
def test_codes(status: int, code: str, kind: type[StorageError], is_retryable: bool) -> None:
    error = error_of(status, code, "Some words.")
    assert (type(error), error.retryable) == (kind, is_retryable)


def test_the_name_of_a_container_that_goes_is_waited_for() -> None:
    """By those who want it; to all others the container is gone."""
    error = error_of(409, "ContainerBeingDeleted", operation="create_container", key=None)
    assert (type(error), error.retryable, error.retry_after_s) == (ServiceUnavailableError, True, 10.0)
    assert error_of(409, "ContainerBeingDeleted").retry_after_s is None


def test_where_no_object_is_named_it_is_the_container_that_is_missing() -> None:
    assert isinstance(error_of(404, operation="list_objects", key=None), ContainerNotFoundError)


def test_a_code_in_the_headers_is_enough() -> None:
    response = Response(status=404, headers={"x-ms-error-code": "ContainerNotFound"}, body=b"")
    error = read_error(Request(operation="head_object", method="HEAD", url=""), response)
    assert isinstance(error, ContainerNotFoundError)


@pytest.mark.parametrize("operation", ["abort_upload", "list_parts"])
def test_where_nothing_is_there_is_no_upload(operation: str) -> None:
    assert isinstance(error_of(404, "BlobNotFound", operation=operation), UploadNotFoundError)


def test_messages_are_one_line_without_secrets() -> None:
    assert error_of(400, "X", "Bad  thing. https://h/c?sig=hunter2").message == "Bad thing. https://h/c***"


def test_what_was_signed_is_not_shown() -> None:
    detail = "<AuthenticationErrorDetail>The MAC signature 'hunter2' is not 'hunter2'</AuthenticationErrorDetail>"
    error = error_of(403, "AuthenticationFailed", "Server failed: hunter2", more=detail)
    assert "hunter2" not in str(error)


def test_a_clock_that_is_wrong() -> None:
    detail = "<AuthenticationErrorDetail>The Date header in the request is incorrect.</AuthenticationErrorDetail>"
    assert isinstance(error_of(403, "AuthenticationFailed", more=detail), ClockSkewError)

from __future__ import annotations

import pytest

from aiostorage._http.failures import scrub
from aiostorage._http.messages import Request, Response
from aiostorage.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ChecksumMismatchError,
    ClockSkewError,
    ContainerNotEmptyError,
    ContainerNotFoundError,
    InvalidArgumentError,
    InvalidNameError,
    NotModifiedError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageError,
    StorageTimeoutError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.providers.s3.errors import read_error


def request(operation: str = "get_object", method: str = "GET") -> Request:
    return Request(operation=operation, method=method, url="https://x/b/k", container="b", key="k")


def error_body(code: str, message: str = "It went wrong.", more: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>{more}<RequestId>in-body</RequestId></Error>"
    ).encode()


def read(
    status: int, body: bytes = b"", *, operation: str = "get_object", method: str = "GET", **headers: str
) -> StorageError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = read_error(request(operation, method), Response(status=status, headers=named, body=body))
    assert error is not None
    assert error.status == status
    return error


@pytest.mark.parametrize(
    ("status", "code", "kind", "is_retryable"),
    [
        (404, "NoSuchKey", ObjectNotFoundError, False),
        (404, "NoSuchBucket", ContainerNotFoundError, False),
        (404, "NoSuchUpload", UploadNotFoundError, False),
        (409, "BucketAlreadyExists", AlreadyExistsError, False),
        (409, "BucketAlreadyOwnedByYou", AlreadyExistsError, False),
        (409, "BucketNotEmpty", ContainerNotEmptyError, False),
        (409, "OperationAborted", ServiceUnavailableError, True),
        (409, "ConditionalRequestConflict", PreconditionFailedError, True),
        (412, "PreconditionFailed", PreconditionFailedError, False),
        (416, "InvalidRange", RangeNotSatisfiableError, False),
        (403, "AccessDenied", PermissionDeniedError, False),
        (403, "SignatureDoesNotMatch", AuthenticationError, False),
        (403, "InvalidAccessKeyId", AuthenticationError, False),
        (400, "ExpiredToken", AuthenticationError, False),
        (403, "RequestTimeTooSkewed", ClockSkewError, False),
        (400, "RequestTimeout", StorageTimeoutError, True),
        (400, "BadDigest", ChecksumMismatchError, True),
        (400, "EntityTooSmall", InvalidArgumentError, False),
        (400, "KeyTooLongError", InvalidNameError, False),
        (400, "SomethingNew", StorageError, False),
        (500, "InternalError", ServiceUnavailableError, True),
        (500, "SomethingNew", ServiceUnavailableError, True),
        (501, "NotImplemented", UnsupportedError, False),
        (503, "SlowDown", RateLimitedError, True),
        (429, "TooManyRequests", RateLimitedError, True),
    ],
)
def test_codes(status: int, code: str, kind: type[StorageError], is_retryable: bool) -> None:
    error = read(status, error_body(code))
    assert type(error) is kind
    assert (error.code, error.retryable, error.request_id) == (code, is_retryable, "in-body")


@pytest.mark.parametrize(
    ("status", "operation", "kind", "is_retryable"),
    [
        (304, "get_object", NotModifiedError, False),
        (400, "head_object", AuthenticationError, False),
        (403, "head_object", PermissionDeniedError, False),
        (404, "head_object", ObjectNotFoundError, False),
        (404, "head_container", ContainerNotFoundError, False),
        (404, "list_objects", ContainerNotFoundError, False),
        (405, "get_object", ObjectNotFoundError, False),  # a delete marker, by its version
        (405, "head_object", ObjectNotFoundError, False),
        (405, "put_object", UnsupportedError, False),
        (404, "list_parts", UploadNotFoundError, False),
        (404, "abort_upload", UploadNotFoundError, False),
        (409, "create_container", AlreadyExistsError, False),
        (409, "delete_container", ContainerNotEmptyError, False),
        (412, "head_object", PreconditionFailedError, False),
        (503, "head_object", ServiceUnavailableError, True),
        (418, "head_object", StorageError, False),
    ],
)
def test_answers_without_a_body(status: int, operation: str, kind: type[StorageError], is_retryable: bool) -> None:
    error = read(status, operation=operation, method="HEAD", x_amz_request_id="in-header")
    assert type(error) is kind
    assert (error.code, error.retryable, error.request_id) == (None, is_retryable, "in-header")


def test_a_page_of_a_proxy_counts_by_its_status() -> None:
    error = read(502, b"<!DOCTYPE html><html><body>Bad Gateway</body></html>")
    assert type(error) is ServiceUnavailableError
    assert "html" not in str(error)


def test_an_upload_that_is_gone_is_no_object_that_is_gone() -> None:
    assert type(read(404, error_body("NoSuchKey"), operation="abort_upload")) is UploadNotFoundError
    assert type(read(404, error_body("NoSuchKey"), operation="copy_part")) is ObjectNotFoundError


@pytest.mark.parametrize("operation", ["delete_container", "list_objects", "list_uploads", "delete_objects"])
def test_what_names_no_object_misses_none(operation: str) -> None:
    """Ceph says so of a container that another request has removed after this one had found it."""
    assert type(read(404, error_body("NoSuchKey"), operation=operation)) is ContainerNotFoundError
    assert type(read(404, error_body("NoSuchKey"), operation="put_object")) is ObjectNotFoundError


@pytest.mark.parametrize("operation", ["complete_upload", "copy_object", "copy_part", "delete_objects"])
@pytest.mark.parametrize("space", [b"", b"\n   \n", b"\r\n" * 5000])
def test_an_error_behind_a_200(operation: str, space: bytes) -> None:
    """A service sends white space until it knows, before the document or in it."""
    body = error_body("InternalError")
    for late in (space + body, body.replace(b"?>", b"?>" + space)):
        error = read(200, late, operation=operation, method="POST")
        assert type(error) is ServiceUnavailableError
        assert error.retryable


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>",
        b"<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>",
        b"see <Error> there",
        b"<Errors><Error><Code>InternalError</Code></Error></Errors>",
    ],
)
def test_successes_that_are_no_errors(body: bytes) -> None:
    assert read_error(request("delete_objects"), Response(status=200, headers={}, body=body)) is None


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (301, b"", {"x_amz_bucket_region": "eu-west-1"}),
        (301, error_body("PermanentRedirect", more="<Region>eu-west-1</Region>"), {}),
        (400, error_body("AuthorizationHeaderMalformed", more="<Region>eu-west-1</Region>"), {}),
    ],
)
def test_another_region_is_named(status: int, body: bytes, headers: dict[str, str]) -> None:
    error = read(status, body, method="HEAD", **headers)
    assert type(error) is InvalidArgumentError
    assert "region='eu-west-1'" in str(error)


SIGNATURE = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
SECRETS = ["AKIAIOSFODNN7EXAMPLE", SIGNATURE, "hunter2", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "X-Amz"]


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "AccessDenied", "InvalidRequest", "Odd"])
def test_no_secret_is_in_a_message(code: str) -> None:
    message = (
        f"Wrong for AKIAIOSFODNN7EXAMPLE at https://x/k?X-Amz-Signature={SIGNATURE}&amp;a=hunter2 signature=hunter2 "
        f"token=hunter2 wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY {SIGNATURE}"
    )
    more = f"<StringToSign>hunter2 {SIGNATURE}</StringToSign><AWSAccessKeyId>AKIAIOSFODNN7EXAMPLE</AWSAccessKeyId>"
    shown = str(read(403, error_body(code, message, more)))
    assert not [secret for secret in SECRETS if secret in shown]


def test_a_message_is_one_short_line() -> None:
    assert scrub("a\r\n b\tc " + "x " * 1000) == "a b c " + ("x " * 147)[:294]
    assert scrub("Your proposed upload exceeds the maximum allowed size") == (
        "Your proposed upload exceeds the maximum allowed size"
    )


def test_a_region_that_is_named_in_passing_is_not_the_matter() -> None:
    passing = read(400, error_body("InvalidArgument", "No such thing."), x_amz_bucket_region="eu-west-1")
    assert passing.message == "No such thing."
    for status, body in ((301, error_body("PermanentRedirect")), (400, error_body("AuthorizationHeaderMalformed"))):
        assert "region='eu-west-1'" in read(status, body, x_amz_bucket_region="eu-west-1").message


def test_an_upload_that_was_to_replace_what_is_gone_does_not_miss_itself() -> None:
    asked = Request(operation="complete_upload", method="POST", url="https://x/b/k", headers={"if-match": '"e"'})
    error = read_error(asked, Response(status=404, headers={}, body=error_body("NoSuchKey")))
    assert isinstance(error, ObjectNotFoundError)

"""What the errors of Google Cloud Storage mean to a caller. Its JSON API gives reasons, its XML API codes.

Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes,
https://cloud.google.com/storage/docs/xml-api/reference-status
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aiostorage._http import failures, json, xml
from aiostorage._http.failures import BY_STATUS, Meaning, scrub
from aiostorage.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ChecksumMismatchError,
    ContainerNotEmptyError,
    ContainerNotFoundError,
    InvalidArgumentError,
    InvalidNameError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageError,
    UploadNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.messages import Request, Response
    from aiostorage.errors import UnexpectedResponseError

_BY_CODE: Final[Mapping[str, Meaning]] = {
    # Reasons of the JSON API
    "authError": (AuthenticationError, False),
    "required": (InvalidArgumentError, False),
    "invalid": (InvalidArgumentError, False),
    "invalidParameter": (InvalidArgumentError, False),
    "parseError": (InvalidArgumentError, False),
    "conditionNotMet": (PreconditionFailedError, False),
    "requestedRangeNotSatisfiable": (RangeNotSatisfiableError, False),
    "rateLimitExceeded": (RateLimitedError, True),
    "userRateLimitExceeded": (RateLimitedError, True),
    "quotaExceeded": (RateLimitedError, True),
    "backendError": (ServiceUnavailableError, True),
    "internalError": (ServiceUnavailableError, True),
    # Codes of the XML API
    "NoSuchBucket": (ContainerNotFoundError, False),
    "NoSuchKey": (ObjectNotFoundError, False),
    "NoSuchUpload": (UploadNotFoundError, False),
    "BucketAlreadyExists": (AlreadyExistsError, False),
    "BucketAlreadyOwnedByYou": (AlreadyExistsError, False),
    "BucketNotEmpty": (ContainerNotEmptyError, False),
    "PreconditionFailed": (PreconditionFailedError, False),
    "InvalidRange": (RangeNotSatisfiableError, False),
    "AuthenticationRequired": (AuthenticationError, False),
    "ExpiredToken": (AuthenticationError, False),
    "InvalidSecurity": (AuthenticationError, False),
    "MissingSecurityHeader": (AuthenticationError, False),
    "SignatureDoesNotMatch": (AuthenticationError, False),
    "AccessDenied": (PermissionDeniedError, False),
    "BadDigest": (ChecksumMismatchError, True),
    "BadRequest": (InvalidArgumentError, False),
    "EntityTooLarge": (InvalidArgumentError, False),
    "EntityTooSmall": (InvalidArgumentError, False),
    "InvalidArgument": (InvalidArgumentError, False),
    "InvalidPart": (InvalidArgumentError, False),
    "InvalidPartOrder": (InvalidArgumentError, False),
    "InvalidBucketName": (InvalidNameError, False),
    "InvalidObjectName": (InvalidNameError, False),
    "KeyTooLong": (InvalidNameError, False),
    "IncompleteBody": (ServiceUnavailableError, True),
    "InternalError": (ServiceUnavailableError, True),
    "OperationAborted": (ServiceUnavailableError, True),
    "ServiceUnavailable": (ServiceUnavailableError, True),
    "SlowDown": (RateLimitedError, True),
    "TooManyRequests": (RateLimitedError, True),
}

_NOT_FOUND: Final[Mapping[str, type[StorageError]]] = {
    "get_object": ObjectNotFoundError,
    "head_object": ObjectNotFoundError,
    "delete_object": ObjectNotFoundError,
    "copy_object": ObjectNotFoundError,
    "compose_object": ObjectNotFoundError,
    "update_object": ObjectNotFoundError,
    "restore_object": ObjectNotFoundError,
    "upload_part": UploadNotFoundError,
    "complete_upload": UploadNotFoundError,
    "abort_upload": UploadNotFoundError,
    "list_parts": UploadNotFoundError,
    "resume_upload": UploadNotFoundError,
}
"""What a 404 is about that does not say; of all others it is the container."""

_CONFLICT: Final[Mapping[str, Meaning]] = {
    "create_container": (AlreadyExistsError, False),
    "delete_container": (ContainerNotEmptyError, False),
}

_NO_BUCKET = re.compile(r"bucket does not exist", re.IGNORECASE)
_NO_OBJECT = re.compile(r"no such object", re.IGNORECASE)
_WRONG_HASH = re.compile(r"(?:md5|crc32c)\b.*(?:match|mismatch)|checksum|digest", re.IGNORECASE)
_SAME_OBJECT = re.compile(r"object mutation", re.IGNORECASE)

OBJECT_WRITE_INTERVAL_S = 1.0
"""An object may be written once in a second. Source: https://cloud.google.com/storage/quotas#objects."""


def read_error(request: Request, response: Response) -> StorageError | None:
    """The error in an answer; None where it is a success.

    A completion may begin its 200 before it knows how the work ends, as it may in the protocol whose form it has.
    """
    expected = {"resume_upload": 308, "cancel_upload": 499}.get(request.operation)
    is_success = response.status < 300 or response.status == expected
    if is_success and request.operation != "complete_upload":
        return None
    code, message = _code_and_message(response.body)
    if is_success and code is None:
        return None
    kind, is_retryable = meaning(code, message, response.status, request.operation)
    error = kind(
        "the service does not accept the credentials"
        if kind is AuthenticationError
        else scrub(message) or f"the service answered with status {response.status}",
        status=response.status,
        code=code,
        request_id=request_id(response.headers),
        retryable=is_retryable,
    )
    if kind is RateLimitedError and _SAME_OBJECT.search(message) and "retry-after" not in response.headers:
        error.retry_after_s = OBJECT_WRITE_INTERVAL_S
    return error


def meaning(code: str | None, message: str, status: int, operation: str) -> Meaning:
    """Class and retryability of an error, by its reason or code, its message, and the status."""
    if status == 404 and code not in {"NoSuchBucket", "NoSuchKey", "NoSuchUpload"}:
        if _NO_BUCKET.search(message):
            return ContainerNotFoundError, False
        if _NO_OBJECT.search(message):
            return ObjectNotFoundError, False
        return _NOT_FOUND.get(operation, ContainerNotFoundError), False
    if status == 410 and operation == "resume_upload":
        return UploadNotFoundError, False
    if status == 400 and _WRONG_HASH.search(message):
        return ChecksumMismatchError, True
    if status == 401:
        return AuthenticationError, False
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    if status == 409:
        return _CONFLICT.get(operation, (ServiceUnavailableError, True))
    if status == 400:
        return InvalidArgumentError, False
    return BY_STATUS.get(status, (StorageError, False))


def unexpected(request: Request, response: Response, message: str) -> UnexpectedResponseError:
    """The error that an answer is a success by its status, and nonsense by its content."""
    return failures.unexpected("gcs", request, message, status=response.status, request_id=request_id(response.headers))


def request_id(headers: Mapping[str, str]) -> str | None:
    """What the service calls the request."""
    return headers.get("x-guploader-uploadid")


def _code_and_message(body: bytes) -> tuple[str | None, str]:
    """Reason or code, and message, of an error document in JSON or XML; nothing where the body is something else."""
    if body.lstrip()[:1] == b"{":
        try:
            error = json.member(json.parse(body), "error")
        except json.MalformedJSONError:
            return None, ""
        details = json.objects(error, "errors")
        reason = json.text(details[0], "reason") if details else None
        return reason, json.text(error, "message") or ""
    try:
        document = xml.parse(body)
    except xml.MalformedXMLError:
        return None, ""
    fields = document.fields if document.root == "Error" else {}
    return fields.get("Code"), fields.get("Message") or ""

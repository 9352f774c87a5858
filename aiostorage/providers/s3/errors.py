"""What the errors of S3 mean to a caller: one table by code, one by status for answers without a body.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aiostorage._http import failures
from aiostorage._http.failures import BY_STATUS, Meaning, scrub
from aiostorage._http.xml import MalformedXMLError, Record, parse
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
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.messages import Request, Response


_IS_ERROR = re.compile(rb"\s*(?:<\?xml[^>]{0,200}>\s*)?<Error[\s>]")

_BY_CODE: Final[Mapping[str, Meaning]] = {
    "NoSuchBucket": (ContainerNotFoundError, False),
    "NoSuchKey": (ObjectNotFoundError, False),
    "NoSuchVersion": (ObjectNotFoundError, False),
    "NoSuchUpload": (UploadNotFoundError, False),
    "BucketAlreadyExists": (AlreadyExistsError, False),
    "BucketAlreadyOwnedByYou": (AlreadyExistsError, False),
    "BucketNameUnavailable": (AlreadyExistsError, False),
    "BucketNotEmpty": (ContainerNotEmptyError, False),
    "PreconditionFailed": (PreconditionFailedError, False),
    "ConditionalRequestConflict": (PreconditionFailedError, True),
    "NotModified": (NotModifiedError, False),
    "InvalidRange": (RangeNotSatisfiableError, False),
    "InvalidPartNumber": (RangeNotSatisfiableError, False),
    # Who is asking
    "InvalidAccessKeyId": (AuthenticationError, False),
    "SignatureDoesNotMatch": (AuthenticationError, False),
    "ExpiredToken": (AuthenticationError, False),
    "InvalidToken": (AuthenticationError, False),
    "TokenRefreshRequired": (AuthenticationError, False),
    "MissingSecurityHeader": (AuthenticationError, False),
    "InvalidSecurity": (AuthenticationError, False),
    "NotSignedUp": (AuthenticationError, False),
    "Unauthorized": (AuthenticationError, False),
    "UnauthorizedAccess": (AuthenticationError, False),
    "RequestTimeTooSkewed": (ClockSkewError, False),
    "AccessDenied": (PermissionDeniedError, False),
    "AccountProblem": (PermissionDeniedError, False),
    "AllAccessDisabled": (PermissionDeniedError, False),
    "Forbidden": (PermissionDeniedError, False),
    "InvalidPayer": (PermissionDeniedError, False),
    # What is asked
    "AuthorizationHeaderMalformed": (InvalidArgumentError, False),
    "IllegalLocationConstraintException": (InvalidArgumentError, False),
    "InvalidLocationConstraint": (InvalidArgumentError, False),
    "InvalidRegion": (InvalidArgumentError, False),
    "PermanentRedirect": (InvalidArgumentError, False),
    "Redirect": (InvalidArgumentError, False),
    "TemporaryRedirect": (InvalidArgumentError, False),
    "EntityTooLarge": (InvalidArgumentError, False),
    "EntityTooSmall": (InvalidArgumentError, False),
    "InvalidArgument": (InvalidArgumentError, False),
    "InvalidDigest": (InvalidArgumentError, False),
    "InvalidEncryptionAlgorithmError": (InvalidArgumentError, False),
    "InvalidPart": (InvalidArgumentError, False),
    "InvalidPartOrder": (InvalidArgumentError, False),
    "InvalidRequest": (InvalidArgumentError, False),
    "InvalidStorageClass": (InvalidArgumentError, False),
    "InvalidTag": (InvalidArgumentError, False),
    "KMS.NotFoundException": (InvalidArgumentError, False),
    "MalformedPolicy": (InvalidArgumentError, False),
    "MalformedXML": (InvalidArgumentError, False),
    "MetadataTooLarge": (InvalidArgumentError, False),
    "NoSuchDistribution": (InvalidArgumentError, False),
    "InvalidBucketName": (InvalidNameError, False),
    "InvalidObjectName": (InvalidNameError, False),
    "InvalidURI": (InvalidNameError, False),
    "KeyTooLongError": (InvalidNameError, False),
    "XMinioInvalidObjectName": (InvalidNameError, False),
    "AccessControlListNotSupported": (UnsupportedError, False),
    "MethodNotAllowed": (UnsupportedError, False),
    "NotImplemented": (UnsupportedError, False),
    # Harm on the way
    "BadDigest": (ChecksumMismatchError, True),
    "XAmzContentChecksumMismatch": (ChecksumMismatchError, True),
    "XAmzContentSHA256Mismatch": (ChecksumMismatchError, True),
    "IncompleteBody": (ServiceUnavailableError, True),
    "RequestTimeout": (StorageTimeoutError, True),
    # Later, perhaps
    "InternalError": (ServiceUnavailableError, True),
    "InternalServerError": (ServiceUnavailableError, True),
    "OperationAborted": (ServiceUnavailableError, True),
    "ServiceUnavailable": (ServiceUnavailableError, True),
    "BandwidthLimitExceeded": (RateLimitedError, True),
    "ExceedAccountQPSLimit": (RateLimitedError, True),
    "ExceedAccountRateLimit": (RateLimitedError, True),
    "ExceedBucketQPSLimit": (RateLimitedError, True),
    "ExceedBucketRateLimit": (RateLimitedError, True),
    "PriorRequestNotComplete": (RateLimitedError, True),
    "RequestLimitExceeded": (RateLimitedError, True),
    "RequestThrottled": (RateLimitedError, True),
    "SlowDown": (RateLimitedError, True),
    "Throttling": (RateLimitedError, True),
    "ThrottlingException": (RateLimitedError, True),
    "TooManyInvalidationsInProgress": (RateLimitedError, True),
    "TooManyRequests": (RateLimitedError, True),
    "TooManyRequestsException": (RateLimitedError, True),
}

_NOT_FOUND: Final[Mapping[str, type[StorageError]]] = {
    "get_object": ObjectNotFoundError,
    "head_object": ObjectNotFoundError,
    "delete_object": ObjectNotFoundError,
    "copy_object": ObjectNotFoundError,
    "get_tags": ObjectNotFoundError,
    "set_tags": ObjectNotFoundError,
    "set_acl": ObjectNotFoundError,
    "set_retention": ObjectNotFoundError,
    "set_legal_hold": ObjectNotFoundError,
    "restore_object": ObjectNotFoundError,
    "upload_part": UploadNotFoundError,
    "copy_part": UploadNotFoundError,
    "complete_upload": UploadNotFoundError,
    "abort_upload": UploadNotFoundError,
    "list_parts": UploadNotFoundError,
}
"""What a 404 without a code is about; of all others it is the container."""

_OF_CONTAINERS: Final = frozenset({
    "create_container",
    "head_container",
    "delete_container",
    "list_objects",
    "list_uploads",
    "delete_objects",
})
"""Operations that name no object: whatever the code, it is the container that is not there."""

_OWN_WORDS: Final[Mapping[type[StorageError], str]] = {
    AuthenticationError: "the service does not accept the credentials",
    ClockSkewError: "the clock of this machine and that of the service are too far apart",
}
"""Where the service's words may repeat parts of what was signed, or with what."""

_ELSEWHERE: Final = frozenset({
    None, "AuthorizationHeaderMalformed", "InvalidRegion", "PermanentRedirect", "Redirect", "TemporaryRedirect",
})  # fmt: skip
"""The codes of errors that are about the region; other errors may name the right one in passing."""

_AMAZON_HOST = re.compile(
    r"(?:[a-z0-9.-]+\.)?s3(?:-fips)?[.-](?:dualstack\.)?([a-z]+-[a-z-]+-\d+)\.amazonaws\.(?:com(?:\.cn)?|eu)",
    re.IGNORECASE,
)


def read_error(request: Request, response: Response, *, region: str | None = None) -> StorageError | None:
    """The error in an answer, also one that hides behind a 200; None where it is a success.

    Args:
        request: What was asked.
        response: The answer.
        region: What the request was signed for; an answer that names the same does not send it elsewhere.

    CompleteMultipartUpload and CopyObject begin their 200 before they know how the work ends, and send white
    space until they do; a delete marker cannot be read by any method. Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """
    if response.status < 300 and not _IS_ERROR.match(response.body):
        return None
    fields = _error_fields(response.body)
    code = fields.get("Code")
    if response.status < 300 and code is None:
        return None
    kind, is_retryable = meaning(code, response.status, request.operation)
    if code == "NoSuchKey" and "if-match" in request.headers:
        kind = ObjectNotFoundError  # also where it is an upload that was to replace it
    if response.status == 405 and request.operation in {"get_object", "head_object"}:
        kind = ObjectNotFoundError  # the version that is asked for is a delete marker
    elsewhere = named_region(response, fields)
    if elsewhere == region:
        elsewhere = None
    if request.method == "HEAD" and response.status == 400 and elsewhere is None:
        # No body says more. An expired token looks like this, and is the case that can be mended.
        kind = AuthenticationError
    return kind(
        _message(kind, fields, request, response, elsewhere),
        status=response.status,
        code=code,
        request_id=request_id(response.headers) or fields.get("RequestId") or None,
        retryable=is_retryable,
    )


def unexpected(request: Request, response: Response, message: str) -> UnexpectedResponseError:
    """The error that an answer is a success by its status, and nonsense by its content."""
    return failures.unexpected("s3", request, message, status=response.status, request_id=request_id(response.headers))


def meaning(code: str | None, status: int, operation: str) -> Meaning:
    """Class and retryability of an error, by its code, else by the status of the answer."""
    if code == "NoSuchKey" and _NOT_FOUND.get(operation) is UploadNotFoundError and operation != "copy_part":
        return UploadNotFoundError, False  # Swift calls an upload that is gone so
    if code == "NoSuchKey" and operation in _OF_CONTAINERS:
        return ContainerNotFoundError, False  # and Ceph a container that another request removes at the same time
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    if status in BY_STATUS:
        return BY_STATUS[status]
    if status == 404 and code is None:
        return _NOT_FOUND.get(operation, ContainerNotFoundError), False
    if status == 409 and code is None:
        by_operation = {"create_container": AlreadyExistsError, "delete_container": ContainerNotEmptyError}
        return by_operation.get(operation, PreconditionFailedError), False
    if 300 <= status < 400:
        return InvalidArgumentError, False
    return StorageError, False


def named_region(response: Response, fields: Record | None = None) -> str | None:
    """The region that an answer names: where the container is, or what the request should be signed for.

    Args:
        response: The answer.
        fields: Those of its document, where they are known already.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html,
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
    """
    header = response.headers.get("x-amz-bucket-region")
    if header or response.status not in {301, 307, 400, 403}:
        return header or None
    known = _error_fields(response.body) if fields is None else fields
    host = _AMAZON_HOST.fullmatch(known.get("Endpoint", ""))
    return known.get("Region") or (None if host is None else host[1].lower())


def request_id(headers: Mapping[str, str]) -> str | None:
    """What the service calls the request."""
    return headers.get("x-amz-request-id")


def _error_fields(body: bytes) -> Record:
    """The fields of an error document; none where the body is something else."""
    try:
        document = parse(body)
    except MalformedXMLError:
        return {}
    if document.root == "ErrorResponse":  # the form of other services of the same house
        return dict(document.records).get("Error", {})
    return document.fields if document.root == "Error" else {}


def _message(
    kind: type[StorageError], fields: Record, request: Request, response: Response, elsewhere: str | None
) -> str:
    if request.method == "HEAD" and response.status == 400 and kind is AuthenticationError:
        return (
            "the service refuses the request and does not say why; perhaps the credentials have expired,"
            " or the object was encrypted with a key that must come with the request"
        )
    if kind in _OWN_WORDS:
        return _OWN_WORDS[kind]
    if fields.get("Code") in _ELSEWHERE and kind is InvalidArgumentError and elsewhere is not None:
        return f"the container is in another region; connect with region={scrub(elsewhere)!r}"
    return scrub(fields.get("Message", "")) or f"the service answered with status {response.status}"

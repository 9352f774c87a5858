"""What the errors of Azure mean to a caller: one table by code, one by status for answers without one.

Source: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes,
https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiostorage._http import failures
from aiostorage._http.failures import BY_STATUS, Meaning, scrub
from aiostorage._http.xml import MalformedXMLError, Record, parse
from aiostorage.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ChecksumMismatchError,
    ClockSkewError,
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
    StorageTimeoutError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.messages import Request, Response

CONTAINER_DELETION_S: Final = 10.0
"""How long to wait before a name is tried again whose container is still being removed: that takes half a minute."""

_BY_CODE: Final[Mapping[str, Meaning]] = {
    "ContainerNotFound": (ContainerNotFoundError, False),
    "BlobNotFound": (ObjectNotFoundError, False),
    "BlobBeingRehydrated": (PreconditionFailedError, False),
    "CannotVerifyCopySource": (ObjectNotFoundError, False),
    "ContainerAlreadyExists": (AlreadyExistsError, False),
    "ContainerBeingDeleted": (ServiceUnavailableError, True),
    "ContainerDisabled": (PermissionDeniedError, False),
    # Conditions, and everything else that is in another state than the caller thinks
    "BlobAlreadyExists": (PreconditionFailedError, False),
    "BlobArchived": (PreconditionFailedError, False),
    "BlobImmutableDueToPolicy": (PermissionDeniedError, False),
    "ConditionNotMet": (PreconditionFailedError, False),
    "CopyAcrossAccountsNotSupported": (UnsupportedError, False),
    "InvalidBlobOrBlock": (PreconditionFailedError, False),
    "InvalidBlockList": (PreconditionFailedError, False),
    "InvalidBlobType": (InvalidArgumentError, False),
    "LeaseAlreadyPresent": (PreconditionFailedError, False),
    "LeaseIdMismatchWithBlobOperation": (PreconditionFailedError, False),
    "LeaseIdMismatchWithContainerOperation": (PreconditionFailedError, False),
    "LeaseIdMismatchWithLeaseOperation": (PreconditionFailedError, False),
    "LeaseIdMissing": (PreconditionFailedError, False),
    "LeaseLost": (PreconditionFailedError, False),
    "NoPendingCopyOperation": (PreconditionFailedError, False),
    "PendingCopyOperation": (PreconditionFailedError, False),
    "SnapshotsPresent": (PreconditionFailedError, False),
    "SourceConditionNotMet": (PreconditionFailedError, False),
    "TargetConditionNotMet": (PreconditionFailedError, False),
    "UploadInProgress": (PreconditionFailedError, False),
    "InvalidRange": (RangeNotSatisfiableError, False),
    # Who is asking
    "AuthenticationFailed": (AuthenticationError, False),
    "InvalidAuthenticationInfo": (AuthenticationError, False),
    "NoAuthenticationInformation": (AuthenticationError, False),
    "AccountIsDisabled": (PermissionDeniedError, False),
    "AuthorizationFailure": (PermissionDeniedError, False),
    "AuthorizationPermissionMismatch": (PermissionDeniedError, False),
    "AuthorizationProtocolMismatch": (PermissionDeniedError, False),
    "AuthorizationResourceTypeMismatch": (PermissionDeniedError, False),
    "AuthorizationServiceMismatch": (PermissionDeniedError, False),
    "AuthorizationSourceIPMismatch": (PermissionDeniedError, False),
    "InsufficientAccountPermissions": (PermissionDeniedError, False),
    "PublicAccessNotPermitted": (PermissionDeniedError, False),
    "UnauthorizedBlobOverwrite": (PermissionDeniedError, False),
    # What is asked
    "BlockCountExceedsLimit": (InvalidArgumentError, False),
    "BlockListTooLong": (InvalidArgumentError, False),
    "EmptyMetadataKey": (InvalidArgumentError, False),
    "InvalidMetadata": (InvalidArgumentError, False),
    "MetadataTooLarge": (InvalidArgumentError, False),
    "RequestBodyTooLarge": (InvalidArgumentError, False),
    "InvalidResourceName": (InvalidNameError, False),
    "InvalidUri": (InvalidNameError, False),
    "OutOfRangeInput": (InvalidArgumentError, False),
    "FeatureVersionMismatch": (UnsupportedError, False),
    "APINotImplemented": (UnsupportedError, False),
    "NotImplemented": (UnsupportedError, False),
    "UnsupportedHttpVerb": (UnsupportedError, False),
    "UnsupportedHeader": (UnsupportedError, False),
    # Harm on the way
    "Crc64Mismatch": (ChecksumMismatchError, True),
    "Md5Mismatch": (ChecksumMismatchError, True),
    # Later, perhaps
    "InternalError": (ServiceUnavailableError, True),
    "OperationTimedOut": (StorageTimeoutError, True),
    "ServerBusy": (RateLimitedError, True),
}

_OTHERS: Final[Mapping[int, Meaning]] = {400: (InvalidArgumentError, False), 409: (PreconditionFailedError, False)}
"""What statuses mean here that mean something else in each service."""

_OF_UPLOADS: Final = frozenset({"abort_upload", "list_parts"})
"""Operations that find no upload where there is nothing."""

_OWN_WORDS: Final[Mapping[str, str]] = {
    "BlobArchived": "the object is in the archive; change its tier first, and wait",
    "InvalidBlobOrBlock": "parts of an upload by other software lie under this name; remove them, or wait for a week",
    "InvalidBlockList": "the parts are gone: somebody else has written this object, or removed it, in the meantime",
    "SnapshotsPresent": "the object has snapshots; delete_snapshots=True lets them go with it",
}


def read_error(request: Request, response: Response) -> StorageError | None:
    """The error in an answer; None where it is a success."""
    if response.status < 300:
        return None
    fields = _error_fields(response.body)
    code = response.headers.get("x-ms-error-code") or fields.get("Code") or None
    kind, is_retryable = meaning(code, response.status, request)
    if kind is AuthenticationError and "date header" in fields.get("AuthenticationErrorDetail", "").lower():
        kind = ClockSkewError
    return kind(
        _message(kind, code, fields, response.status),
        status=response.status,
        code=code,
        request_id=response.headers.get("x-ms-request-id") or None,
        retryable=is_retryable,
        retry_after_s=CONTAINER_DELETION_S if is_retryable and code == "ContainerBeingDeleted" else None,
    )


def unexpected(request: Request, response: Response, message: str) -> UnexpectedResponseError:
    """The error that an answer is a success by its status, and nonsense by its content."""
    request_id = response.headers.get("x-ms-request-id")
    return failures.unexpected("azure", request, message, status=response.status, request_id=request_id)


def meaning(code: str | None, status: int, request: Request) -> Meaning:
    """Class and retryability of an error, by its code, else by the status of the answer."""
    if status == 404 and request.operation in _OF_UPLOADS:
        return UploadNotFoundError, False
    if code == "ContainerBeingDeleted" and request.operation != "create_container":
        return ContainerNotFoundError, False  # only who wants the name waits for it
    if code == "CannotVerifyCopySource" and status != 404:
        code = None  # it is said of whatever becomes of reading the source, and the status says what that is
    if code is not None and code in _BY_CODE and status != 304:
        return _BY_CODE[code]
    if status == 404:
        return (ContainerNotFoundError if request.key is None else ObjectNotFoundError), False
    return BY_STATUS.get(status, _OTHERS.get(status, (StorageError, False)))


def _error_fields(body: bytes) -> Record:
    """The fields of an error document; none where the body is something else."""
    try:
        document = parse(body)
    except MalformedXMLError:
        return {}
    return document.fields if document.root == "Error" else {}


def _message(kind: type[StorageError], code: str | None, fields: Record, status: int) -> str:
    if code is not None and code in _OWN_WORDS:
        return _OWN_WORDS[code]
    # The service's words repeat what was signed.
    if kind is ClockSkewError:
        return "the clock of this machine and that of the service are too far apart"
    if kind is AuthenticationError:
        return "the service does not accept the credentials"
    # The lines after the first repeat the request's id and the time.
    return scrub(fields.get("Message", "").strip().partition("\n")[0]) or f"the service answered with status {status}"

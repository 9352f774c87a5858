"""What the errors of Swift mean to a caller, by the status of the answer: there are no codes.

Source: https://docs.openstack.org/api-ref/object-store/,
https://docs.openstack.org/swift/latest/api/bulk-delete.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from aiostorage._http.json import MalformedJSONError, parse, text
from aiostorage.errors import (
    AuthenticationError,
    ChecksumMismatchError,
    ContainerNotEmptyError,
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
    StorageTimeoutError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.messages import Request, Response

Meaning: TypeAlias = tuple[type[StorageError], bool]
"""The class of an error, and whether the same request may succeed later."""

_BY_STATUS: Final[Mapping[int, Meaning]] = {
    304: (NotModifiedError, False),
    400: (InvalidArgumentError, False),
    401: (AuthenticationError, False),
    403: (PermissionDeniedError, False),
    405: (UnsupportedError, False),
    408: (StorageTimeoutError, True),
    411: (InvalidArgumentError, False),
    # Another write of the same moment: with a later time the same one may succeed.
    409: (ServiceUnavailableError, True),
    412: (PreconditionFailedError, False),
    413: (InvalidArgumentError, False),
    416: (RangeNotSatisfiableError, False),
    422: (ChecksumMismatchError, True),
    429: (RateLimitedError, True),
    498: (RateLimitedError, True),
    499: (ServiceUnavailableError, True),
    500: (ServiceUnavailableError, True),
    501: (UnsupportedError, False),
    502: (ServiceUnavailableError, True),
    503: (ServiceUnavailableError, True),
    504: (ServiceUnavailableError, True),
    507: (ServiceUnavailableError, True),
}

_BY_OPERATION: Final[Mapping[tuple[str, int], Meaning]] = {
    ("get_object", 404): (ObjectNotFoundError, False),
    ("head_object", 404): (ObjectNotFoundError, False),
    ("delete_object", 404): (ObjectNotFoundError, False),
    ("copy_object", 404): (ObjectNotFoundError, False),
    ("update_object", 404): (ObjectNotFoundError, False),
    ("copy_part", 404): (ObjectNotFoundError, False),
    ("upload_part", 404): (UploadNotFoundError, False),
    ("list_parts", 404): (UploadNotFoundError, False),
    ("abort_upload", 404): (UploadNotFoundError, False),
    ("delete_container", 409): (ContainerNotEmptyError, False),
    ("create_container", 409): (InvalidArgumentError, False),
    ("create_upload", 409): (InvalidArgumentError, False),
}

# Whatever looks like a token, a signature, or the query of a URL.
_SECRETS = re.compile(r"\?\S*|[A-Za-z0-9+/=_-]{32,}|(?i:(?:token|signature|key)\s*[=:]\s*\S+)")
_TAGS = re.compile(r"<[^<>]{0,100}>")


def read_error(request: Request, response: Response) -> StorageError | None:
    """The error in an answer, also one inside the 200 that long work begins with; None where it is a success."""
    status, message = response.status, response.body
    if status in {200, 202} and request.headers.get("accept") == "application/json" and request.method != "GET":
        inner = inner_status(response)
        if inner is None or (inner == 400 and request.operation == "delete_objects"):
            return None  # what became of each object the parser tells
        status = inner
    if status < 300:
        return None
    kind, is_retryable = meaning(status, request.operation)
    return kind(
        _message(kind, message) or f"the service answered with status {status}",
        status=status,
        request_id=request_id(response.headers),
        retryable=is_retryable,
    )


def meaning(status: int, operation: str) -> Meaning:
    """Class and retryability of an error."""
    found = _BY_OPERATION.get((operation, status)) or _BY_STATUS.get(status)
    if found is not None:
        return found
    if status == 404:
        return ContainerNotFoundError, False
    return (InvalidArgumentError, False) if 300 <= status < 400 else (StorageError, False)


def inner_status(response: Response) -> int | None:
    """The status of the work in an answer that began before the work was done; None for other answers."""
    try:
        told = text(parse(response.body.lstrip()), "Response Status")
    except MalformedJSONError:
        return None
    number = (told or "").partition(" ")[0]
    return int(number) if re.fullmatch("[1-5][0-9][0-9]", number) else None


def unexpected(request: Request, response: Response, message: str) -> UnexpectedResponseError:
    """The error that an answer is a success by its status, and nonsense by its content."""
    return UnexpectedResponseError(
        message,
        provider="swift",
        operation=request.operation,
        container=request.container,
        key=request.key,
        status=response.status,
        request_id=request_id(response.headers),
    )


def request_id(headers: Mapping[str, str]) -> str | None:
    """What the service calls the request."""
    return headers.get("x-openstack-request-id") or headers.get("x-trans-id")


def scrub(message: str) -> str:
    """A service's message in one short line, without whatever may be a secret."""
    return " ".join(_SECRETS.sub("***", _TAGS.sub(" ", message[:2000])).split())[:300]


def _message(kind: type[StorageError], body: bytes) -> str:
    if kind is AuthenticationError:
        return "the service does not accept the token"
    return scrub(body.decode("utf-8", "replace"))

"""What the errors of Swift mean to a caller, by the status of the answer: there are no codes.

Source: https://docs.openstack.org/api-ref/object-store/,
https://docs.openstack.org/swift/latest/api/bulk-delete.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aiostorage._http import failures
from aiostorage._http.failures import BY_STATUS, Meaning
from aiostorage._http.json import JSONObject, MalformedJSONError, array, parse, text
from aiostorage.errors import (
    AuthenticationError,
    ChecksumMismatchError,
    ContainerNotEmptyError,
    ContainerNotFoundError,
    InvalidArgumentError,
    ObjectNotFoundError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageError,
    UploadNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.messages import Request, Response
    from aiostorage.errors import UnexpectedResponseError

_BY_STATUS: Final[Mapping[int, Meaning]] = {
    **BY_STATUS,
    400: (InvalidArgumentError, False),
    # Another write of the same moment: with a later time the same one may succeed.
    409: (ServiceUnavailableError, True),
    411: (InvalidArgumentError, False),
    413: (InvalidArgumentError, False),
    422: (ChecksumMismatchError, True),
    498: (RateLimitedError, True),
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

_WRITES: Final = frozenset({"put_object", "copy_object", "upload_part", "copy_part", "complete_upload"})

_TAGS = re.compile(r"<[^<>]{0,100}>")


def read_error(request: Request, response: Response) -> StorageError | None:
    """The error in an answer, also one inside the 200 that long work begins with; None where it is a success.

    Source: https://docs.openstack.org/api-ref/object-store/#create-or-replace-object (201 is the success of a PUT),
    https://github.com/openstack/swift/blob/master/swift/proxy/controllers/obj.py (a conflict is answered with 202)
    """
    status, message = response.status, _TAGS.sub(" ", response.body[:2000].decode("utf-8", "replace"))
    document = _report(request, response)
    if document is not None:
        status = _inner_status(document) or status
        failed = failures_in(document)
        message = text(document, "Response Body") or ", ".join([f"{name}: {why}" for name, why in failed[:3]])
        if request.operation == "complete_upload" and failed and all(why.startswith("404") for _, why in failed):
            status = 404  # the segments that the manifest names are gone
        elif request.url.endswith("?bulk-delete=true") and status == 400:
            return None  # what became of each object the parser tells
    if status == 202 and request.operation in _WRITES:
        status = 409  # what is there has a later time, and so it stays: a proxy makes a success of this conflict
    if status < 300:
        return None
    kind, is_retryable = meaning(status, request.operation)
    if kind is ContainerNotFoundError and document is not None:
        kind = UploadNotFoundError
    if kind is AuthenticationError:
        message = "the service does not accept the token"
    return kind(
        failures.scrub(message) or f"the service answered with status {status}",
        status=status,
        request_id=request_id(response.headers),
        retryable=is_retryable,
    )


def _report(request: Request, response: Response) -> JSONObject | None:
    """The document in the answer to work of many steps, if it is one."""
    if request.headers.get("accept") != "application/json":
        return None
    try:
        return parse(response.body.lstrip())
    except MalformedJSONError:
        return None


def failures_in(document: JSONObject) -> list[tuple[str, str]]:
    """Of each step that failed, the name of the object and what was wrong with it."""
    failed: list[tuple[str, str]] = []
    for entry in array(document, "Errors"):
        match entry:
            case [str(name), str(why)]:
                failed.append((name, why))
            case _:
                failed.append(("", "500"))
    return failed


def _inner_status(document: JSONObject) -> int | None:
    """The status of work that was not done when its answer began."""
    number = (text(document, "Response Status") or "").partition(" ")[0]
    return int(number) if re.fullmatch("[1-5][0-9][0-9]", number) else None


def meaning(status: int, operation: str) -> Meaning:
    """Class and retryability of an error."""
    found = _BY_OPERATION.get((operation, status)) or _BY_STATUS.get(status)
    if found is not None:
        return found
    if status == 404:
        return ContainerNotFoundError, False
    return (InvalidArgumentError, False) if 300 <= status < 400 else (StorageError, False)


def unexpected(request: Request, response: Response, message: str) -> UnexpectedResponseError:
    """The error that an answer is a success by its status, and nonsense by its content."""
    return failures.unexpected(
        "swift", request, message, status=response.status, request_id=request_id(response.headers)
    )


def request_id(headers: Mapping[str, str]) -> str | None:
    """What the service calls the request."""
    return headers.get("x-openstack-request-id") or headers.get("x-trans-id")

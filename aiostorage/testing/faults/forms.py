"""Errors, in the form in which each provider says them."""

from __future__ import annotations

import json
import re
from email.utils import format_datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from aiostorage.testing.faults.wire import ProxyAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage.testing.faults.asked import Dialect
    from aiostorage.testing.faults.wire import ProxyRequest

_CODES: Mapping[Dialect, Mapping[int, str]] = {
    "s3": {
        403: "AccessDenied",
        404: "NoSuchKey",
        429: "TooManyRequests",
        500: "InternalError",
        503: "SlowDown",
    },
    "gcs": {403: "forbidden", 404: "notFound", 429: "rateLimitExceeded", 500: "internalError", 503: "backendError"},
    "azure": {403: "AuthorizationFailure", 404: "BlobNotFound", 500: "InternalError", 503: "ServerBusy"},
    "swift": {},
}

_GCS_JSON = re.compile(r"/(?:storage|upload|download|batch|resumable|token|computeMetadata)(?:/|\Z)")

_S3_KEYS = re.compile(rb"<Key>(.*?)</Key>", re.DOTALL)

_MESSAGE = "A fault that was asked for."


def error(
    dialect: Dialect, request: ProxyRequest, status: int, code: str | None, retry_after: int | datetime | None
) -> ProxyAnswer:
    """An error as the provider says it; with a status of 200 it hides where the provider hides such.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
    https://cloud.google.com/storage/docs/json_api/v1/status-codes,
    https://learn.microsoft.com/en-us/rest/api/storageservices/status-and-error-codes2
    """
    code = code or _CODES[dialect].get(status) or ("InternalError" if status == 200 else f"Error{status}")
    match dialect:
        case "s3" if status == 200 and "delete" in request.query:
            body, kind = _undeleted(request, code), "application/xml"
        case "gcs" if _GCS_JSON.match(request.path):
            detail = {"message": _MESSAGE, "domain": "global", "reason": code}
            body = json.dumps({"error": {"code": status, "message": _MESSAGE, "errors": [detail]}})
            kind = "application/json; charset=UTF-8"
        case "swift" if request.asked.operation == "delete_objects":
            answers = {"Response Status": f"{503 if status == 200 else status} {code}", "Response Body": _MESSAGE}
            body, kind = json.dumps({**answers, "Errors": [], "Number Deleted": 0}), "application/json"
        case "swift":
            body, kind = f"<html><h1>{code}</h1><p>{_MESSAGE}</p></html>", "text/html; charset=UTF-8"
        case _:
            body, kind = _xml(code), "application/xml"
    headers = [("Content-Type", kind)]
    if dialect == "azure":
        headers.append(("x-ms-error-code", code))
    return answer(request, status, headers, body.encode(), retry_after)


def answer(
    request: ProxyRequest, status: int, headers: list[tuple[str, str]], body: bytes, retry_after: int | datetime | None
) -> ProxyAnswer:
    """An answer of our own."""
    if retry_after is not None:
        when = str(retry_after) if isinstance(retry_after, int) else format_datetime(retry_after, usegmt=True)
        headers = [*headers, ("Retry-After", when)]
    is_silent = request.method == "HEAD" or status in {204, 304}
    return ProxyAnswer(status=status, headers=tuple(headers), body=b"" if is_silent else body, length=len(body))


def _xml(code: str) -> str:
    head = "<?xml version='1.0' encoding='UTF-8'?>"
    return f"{head}\n<Error><Code>{escape(code)}</Code><Message>{_MESSAGE}</Message></Error>"


def _undeleted(request: ProxyRequest, code: str) -> str:
    """DeleteObjects, of which not one was done.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    """
    errors = "".join(
        f"<Error><Key>{key.decode()}</Key><Code>{escape(code)}</Code><Message>{_MESSAGE}</Message></Error>"
        for key in _S3_KEYS.findall(request.body)
    )
    return f'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{errors}</DeleteResult>'

"""Many requests in one, each signed for itself, as parts of a ``multipart/mixed`` document. Pure.

Source: https://learn.microsoft.com/rest/api/storageservices/blob-batch
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aiostorage._http import multipart
from aiostorage._http.messages import Request, Response, Wire
from aiostorage.errors import ObjectNotFoundError, StorageError
from aiostorage.models import DeleteOutcome
from aiostorage.providers.azure import errors, signing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from aiostorage.models import ObjectRef
    from aiostorage.providers.azure.credentials import AzureCredential
    from aiostorage.providers.azure.requests import Batch

_PART = {"content-type": "application/http", "content-transfer-encoding": "binary"}


def sign(request: Batch, credential: AzureCredential | None, now: datetime, *, version: str, origin: str) -> Wire:
    """The request with its body, in which each of its parts is signed."""
    parts = [_part(inner, signing.sign(inner, credential, now, version=None, origin=origin)) for inner in request.inner]
    boundary = f"batch_{hashlib.sha256(b''.join(parts)).hexdigest()[:32]}"
    numbered = [({**_PART, "content-id": str(number)}, part) for number, part in enumerate(parts)]
    body = multipart.build(numbered, boundary)
    headers = {"content-type": f"multipart/mixed; boundary={boundary}"}
    outer = Request(operation=request.operation, method=request.method, url=request.url, headers=headers, body=body)
    return signing.sign(outer, credential, now, version=version, origin=origin)._replace(body=body)


def _part(request: Request, wire: Wire) -> bytes:
    target = wire.url.partition("://")[2].partition("/")[2]
    lines = [f"{name}: {value}" for name, value in wire.headers.items()]
    return "\r\n".join([f"{request.method} /{target} HTTP/1.1", *lines, "content-length: 0", "", ""]).encode()


def read(request: Batch, response: Response, refs: Sequence[ObjectRef]) -> list[DeleteOutcome]:
    """What became of each deletion, in order. What the answer does not mention was not done for sure.

    Raises:
        UnexpectedResponseError: It is no such document.
    """
    try:
        parts = multipart.parse(response.body, response.headers.get("content-type", ""))
        answers = {part.headers.get("content-id"): multipart.embedded_response(part.content) for part in parts}
    except multipart.MalformedMultipartError as error:
        raise errors.unexpected(request, response, f"the answer is no batch: {error}") from None
    results = [_result(inner, answers.get(str(number)), response) for number, inner in enumerate(request.inner)]
    return [
        DeleteOutcome(key=ref.key, version_id=ref.version_id, error=result)
        for ref, result in zip(refs, results, strict=True)
    ]


def _result(request: Request, answer: Response | None, whole: Response) -> StorageError | None:
    """The error of one deletion. That there was nothing is none."""
    if answer is None:
        return errors.unexpected(request, whole, "nobody tells what became of it")
    error = errors.read_error(request, answer)
    if error is None or isinstance(error, ObjectNotFoundError):
        return None
    error.provider, error.operation = "azure", "delete_objects"
    error.container, error.key = request.container, request.key
    return error

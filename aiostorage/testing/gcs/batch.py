"""Many calls in one request.

Source: https://cloud.google.com/storage/docs/batch
"""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.errors import GCSError, invalid
from aiostorage.testing.gcs.messages import Answer, Call
from aiostorage.testing.gcs.related import boundary_of

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CALLS = 100


def answer(call: Call, run: Callable[[Call], Answer]) -> Answer:
    """The answers to all calls of a batch; ``run`` answers one.

    Raises:
        GCSError: It is no batch, or too long a one.
    """
    parts = _parts(call.body, boundary_of(call, "multipart/mixed"))
    if len(parts) > MAX_CALLS:
        raise invalid(f"The batch request has {len(parts)} calls; the limit is {MAX_CALLS}.", reason="badRequest")
    boundary = f"batch_{abs(hash(call.body)):x}"
    out = b"".join(
        f"--{boundary}\r\nContent-Type: application/http\r\n{_content_id(head)}\r\n".encode("latin-1")
        + _answer(call, body, run)
        + b"\r\n"
        for head, body in parts
    )
    content_type = f"multipart/mixed; boundary={boundary}"
    return Answer(headers=(("Content-Type", content_type),), body=out + f"--{boundary}--\r\n".encode("latin-1"))


def _parts(body: bytes, boundary: bytes) -> list[tuple[dict[str, str], bytes]]:
    pieces = (b"\r\n" + body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")).split(b"\r\n--" + boundary)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise invalid("Failed to parse batch request: the boundary does not part it.")
    parts: list[tuple[dict[str, str], bytes]] = []
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        parts.append((_headers(head), content))
    return parts


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines if name.strip()}


def _content_id(headers: dict[str, str]) -> str:
    value = headers.get("content-id", "").removeprefix("<").removesuffix(">")
    return f"Content-ID: <response-{value}>\r\n" if value else ""


def _answer(outer: Call, request: bytes, run: Callable[[Call], Answer]) -> bytes:
    head, _, body = request.lstrip(b"\r\n").partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    try:
        method, target, *_ = line.decode("latin-1").split(" ")
    except ValueError:
        raise invalid("Failed to parse batch request: a part is no HTTP request.") from None
    path, _, query = target.partition("?")
    path = re.sub(r"^https?://[^/]+", "", path)
    # Headers of the batch count for its calls, but for those that tell of the body.
    # Source: https://cloud.google.com/storage/docs/batch#http
    inherited = {name: value for name, value in outer.headers.items() if not name.startswith("content-")}
    headers = inherited | _headers(fields)
    body = body.removesuffix(b"\r\n")
    call = replace(outer, method=method, path=path, raw_query=query, headers=headers, body=body)
    try:
        if path.startswith(("/upload/", "/download/", "/batch/")) or call.query.get("alt") == "media":
            raise invalid("Media cannot be uploaded or downloaded in a batch.")
        result = run(call)
    except GCSError as error:
        result = Answer(status=error.status, headers=(("Content-Type", "application/json; charset=UTF-8"),),
                        body=b"" if error.status == 304 else error.json())  # fmt: skip
    content = result.body if isinstance(result.body, bytes) else b"".join(result.body)
    lines = [f"HTTP/1.1 {result.status} {HTTPStatus(result.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in result.headers]
    lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + content

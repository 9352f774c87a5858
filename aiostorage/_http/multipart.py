"""Bodies of several parts: requests in a batch (``multipart/mixed``), and what is described and then follows.

Source: RFC 2046 section 5.1
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiostorage._http.messages import Response
from aiostorage.models import EMPTY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiostorage.models import Buffer

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))', re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})")
_MAX_HEADERS = 200
_MAX_HEAD_BYTES = 64 * 1024
_MAX_PARTS = 1000


class MalformedMultipartError(ValueError):
    """What was to be a body of several parts is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPart:
    """One of the parts. Names of headers are in lower case."""

    headers: Mapping[str, str]
    content: bytes


def build(parts: Sequence[tuple[Mapping[str, str], Buffer]], boundary: str) -> bytes:
    """A body of headers and contents.

    Args:
        parts: Headers and content of each.
        boundary: What is between them, and in none of them: 128 bits of chance will do.
    """
    pieces: list[Buffer] = []
    for headers, content in parts:
        head = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        pieces += [f"--{boundary}\r\n{head}\r\n".encode(), content, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def parse(body: bytes, content_type: str) -> list[BodyPart]:
    """The parts of a body.

    Raises:
        MalformedMultipartError: It has none, or is cut off.
    """
    found = _BOUNDARY.search(content_type)
    if found is None or not content_type.lower().startswith("multipart/"):
        raise MalformedMultipartError("no body of several parts")
    boundary = re.escape((found[1] or found[2]).encode())
    parts: list[BodyPart] = []
    start: int | None = None
    for line in re.finditer(rb"(?:\A|\r?\n)--" + boundary + rb"(--)?[ \t]*(?=\r?\n|\Z)", body):
        if len(parts) == _MAX_PARTS:
            raise MalformedMultipartError("more parts than are ever sent")
        if start is not None:  # what is before the first line says nothing, nor what is after the last
            parts.append(_part(body[start : line.start()]))
        if line[1] and start is not None:
            return parts
        start = line.end()
    raise MalformedMultipartError("a body that is cut off")


def embedded_response(content: bytes) -> Response:
    """The HTTP answer in a part of type ``application/http``.

    Raises:
        MalformedMultipartError: It is none.
    """
    line, _, rest = content.lstrip().partition(b"\n")
    status = _STATUS.match(line)
    if status is None:
        raise MalformedMultipartError("a part that is no HTTP answer")
    headers, body = _split(rest)
    return Response(status=int(status[1]), headers=headers, body=body)


def _part(piece: bytes) -> BodyPart:
    headers, content = _split(piece.removeprefix(b"\r").removeprefix(b"\n"))
    return BodyPart(headers=headers, content=content)


def _split(text: bytes) -> tuple[Mapping[str, str], bytes]:
    """Headers, and what follows the empty line after them."""
    if text.startswith((b"\r\n", b"\n")):
        return EMPTY, text.removeprefix(b"\r").removeprefix(b"\n")
    end = re.search(rb"\r?\n\r?\n", text)
    head, content = (text, b"") if end is None else (text[: end.start()], text[end.end() :])
    if len(head) > _MAX_HEAD_BYTES:
        raise MalformedMultipartError("more headers than are ever sent")
    lines = head.decode("utf-8", "replace").splitlines()
    if len(lines) > _MAX_HEADERS:
        raise MalformedMultipartError("more headers than are ever sent")
    pairs = [line.partition(":") for line in lines if ":" in line]
    return {name.strip().lower(): value.strip() for name, _, value in pairs}, content

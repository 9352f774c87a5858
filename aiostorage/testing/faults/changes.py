"""What a fault makes of an answer. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from aiostorage.testing.faults.actions import Corrupt, IgnoreRange, OldVersion, Truncate, WrongLength

if TYPE_CHECKING:
    from aiostorage.testing.faults.actions import Action
    from aiostorage.testing.faults.wire import ProxyAnswer, ProxyRequest

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")

_HASHES = re.compile(
    r"content-md5|x-goog-hash|x-ms-blob-content-md5|x-ms-content-crc64|x-amz-checksum-\w+", re.IGNORECASE
)


def changed(action: Action, request: ProxyRequest, answer: ProxyAnswer) -> ProxyAnswer | None:
    """The answer that is sent instead; None where the fault cannot strike this one."""
    match action:
        case Corrupt(at=at):
            if not -len(answer.body) <= at < len(answer.body):
                return None
            body = bytearray(answer.body)
            body[at] ^= 0xFF
            return replace(answer, body=bytes(body))
        case Truncate(keep=keep):
            return answer.with_body(answer.body[: int(len(answer.body) * keep)]) if answer.body else None
        case WrongLength(by=by):
            return replace(answer, length=max(0, len(answer.body) + by)) if answer.body else None
        case IgnoreRange(content=content):
            if answer.status != 206:
                return None
            return replace(answer.without("content-range").with_body(content), status=200)
        case OldVersion():
            return _old_version(action, request, answer)
        case _:
            return answer


def _old_version(action: OldVersion, request: ProxyRequest, answer: ProxyAnswer) -> ProxyAnswer | None:
    asked = _RANGE.fullmatch(request.header("x-ms-range") or request.header("range") or "")
    if answer.status not in {200, 206} or request.method not in {"GET", "HEAD"}:
        return None
    hashes = [name.lower() for name, _ in answer.headers if _HASHES.fullmatch(name)]
    plain = answer.without("etag", "content-range", "x-goog-generation", *hashes)
    headers = [*plain.headers, ("ETag", action.etag)]
    if answer.header("x-goog-generation") is not None:
        headers.append(("x-goog-generation", "1"))
    if request.method == "HEAD":
        return replace(plain, length=len(action.content), headers=tuple(headers))
    if asked is None or not asked[1]:
        return replace(plain.with_body(action.content), status=200, headers=tuple(headers))
    start, size = int(asked[1]), len(action.content)
    stop = min(int(asked[2]) + 1, size) if asked[2] else size
    headers.append(("Content-Range", f"bytes {start}-{stop - 1}/{size}"))
    return replace(plain.with_body(action.content[start:stop]), headers=tuple(headers))

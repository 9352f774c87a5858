"""The content of an object in an HTTP answer: which bytes it is, and the bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiostorage._http.headers import whole_number
from aiostorage.models import ByteRange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiostorage._http.call import ResponseStream
    from aiostorage.models import ObjectInfo

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer to a read: the object, and which bytes of it follow."""

    info: ObjectInfo
    start: int
    stop: int | None


class HTTPObjectBody:
    """An :class:`~aiostorage.backend.ObjectBody` that arrives over HTTP."""

    def __init__(self, stream: ResponseStream, head: Head) -> None:
        self._stream = stream
        self.info: ObjectInfo = head.info
        self.start: int = head.start
        self.stop: int | None = head.stop

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunks as they arrive."""
        return self._stream.__aiter__()

    async def read(self) -> bytes:
        """All that is left, which is no more than was announced."""
        return await self._stream.read(None if self.stop is None else self.stop - self.start)

    async def aclose(self) -> None:
        """Give the connection up."""
        await self._stream.aclose()


def content_length(headers: Mapping[str, str]) -> int | None:
    """The length that an answer announces; None where it announces none, or nonsense."""
    return whole_number(headers.get("content-length"))


def whole_size(headers: Mapping[str, str]) -> int | None:
    """The size of the object that an answer holds a range of; None where it does not tell."""
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    return None if found is None else whole_number(found[3])


def part_range(headers: Mapping[str, str]) -> ByteRange | None:
    """The range that an answer holds, where not we but the server knows where it begins; None for all."""
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    return None if found is None else ByteRange(int(found[1]), int(found[2]) + 1)


def which_bytes(
    status: int, headers: Mapping[str, str], byte_range: ByteRange | None
) -> tuple[int, int | None, int | None]:
    """Where the body begins and ends in the object, and the object's size, as far as the answer tells.

    A server may ignore a range and send everything; it may not send another range. One that sends a
    range with status 200, as ``rclone serve s3`` does, is believed if the length is right.

    Raises:
        ValueError: It is not what was asked for; the message says why.

    Source: RFC 9110 sections 14.4 and 15.3.7
    """
    content_range = headers.get("content-range")
    if status == 200 and content_range is None:
        size = content_length(headers)
        return 0, size, size
    found = _CONTENT_RANGE.fullmatch(content_range or "")
    if found is None:
        raise ValueError("a part of an object that does not say which part it is")
    first, stop = int(found[1]), int(found[2]) + 1
    size = whole_number(found[3])
    if not (_is_asked_for(first, stop, size, byte_range) and _has_length(headers, stop - first, status)):
        raise ValueError("another range of the object than the one asked for")
    return first, stop, size


def _is_asked_for(first: int, stop: int, size: int | None, byte_range: ByteRange | None) -> bool:
    """Whether a range begins where it was to begin, and ends there too, or earlier than that with a reason."""
    asked_start, asked_stop = byte_range or (0, None)
    if asked_start < 0:
        asked_start = first if size is None else max(size + asked_start, 0)
    if first != asked_start or stop <= first:
        return False
    return stop == size or size is None if asked_stop is None else stop <= asked_stop


def _has_length(headers: Mapping[str, str], length: int, status: int) -> bool:
    """Whether the body is as long as its range. Only a 206 may leave that open."""
    told = headers.get("content-length")
    return status == 206 if told is None else told == str(length)

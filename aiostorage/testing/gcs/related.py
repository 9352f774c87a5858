"""Bodies of several parts, of which the one with the content is never held whole.

Source: RFC 2046, 5.1
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.content import Intake
from aiostorage.testing.gcs.errors import invalid

if TYPE_CHECKING:
    from aiostorage.testing.gcs.content import Content
    from aiostorage.testing.gcs.messages import Call, Source

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))')
_MAX_SMALL_BYTES = 4 * 1024 * 1024


def boundary_of(call: Call, media_type: str) -> bytes:
    """What parts a body of this type.

    Raises:
        GCSError: It is of another type.
    """
    content_type = call.headers.get("content-type", "")
    match = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith(media_type) or match is None:
        raise invalid(
            f"Missing or malformed content type: {media_type} with a boundary is needed.", reason="badContent"
        )
    return (match[1] or match[2]).encode("latin-1")


class Parts:
    """The parts of a body, one after the other: the head of each, then what is in it."""

    def __init__(self, source: Source, boundary: bytes) -> None:
        self._source: Source = source
        self._delimiter: bytes = b"\r\n--" + boundary
        self._buffer: bytes = b"\r\n"  # the first boundary may stand at the very beginning
        self._has_begun: bool = False

    async def head(self) -> dict[str, str] | None:
        """The headers of the next part, in lower case; None where there is none."""
        if not self._has_begun:
            await self._until(self._delimiter)
            self._has_begun = True
        while len(self._buffer) < 2:
            await self._more()
        if self._buffer.startswith(b"--"):
            async for _ in self._source:  # an epilogue says nothing
                pass
            return None
        lines = (await self._until(b"\r\n\r\n")).decode("utf-8", "surrogateescape").split("\r\n")
        pairs = (line.partition(":") for line in lines if ":" in line)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    async def small(self) -> bytes:
        """What is in the part, where that is not much."""
        return await self._until(self._delimiter)

    async def content(self) -> Content:
        """What is in the part, as content."""
        intake, keep = Intake(), len(self._delimiter) - 1
        while (end := self._buffer.find(self._delimiter)) < 0:
            # The boundary may come in two pieces, so as much as it is long stays here.
            if len(self._buffer) > keep:
                intake.feed(self._buffer[:-keep])
                self._buffer = self._buffer[-keep:]
            await self._more()
        intake.feed(self._buffer[:end])
        self._buffer = self._buffer[end + len(self._delimiter) :]
        return intake.finish()

    async def _until(self, mark: bytes) -> bytes:
        while (end := self._buffer.find(mark)) < 0:
            if len(self._buffer) > _MAX_SMALL_BYTES:
                raise invalid("Malformed multipart body.", reason="badContent")
            await self._more()
        found, self._buffer = self._buffer[:end], self._buffer[end + len(mark) :]
        return found

    async def _more(self) -> None:
        piece = await anext(self._source, None)
        if piece is None:
            raise invalid("The multipart body does not end with its boundary.", reason="badContent")
        self._buffer += piece

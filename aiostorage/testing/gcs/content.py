"""The bytes of an object, and how they come in."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.crc32c import combine, crc32c
from aiostorage.testing.gcs.errors import checksum_mismatch, invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aiostorage.hashing import Hasher
    from aiostorage.testing.gcs.messages import Source

BLOCK_BYTES = 256 * 1024
"""What a resumable upload keeps comes in multiples of this, so it is the size of the blocks everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Bytes at rest, in blocks that several objects may share.

    Attributes:
        md5: Of all bytes; None where the content was joined from others, as the service does not know it then.
    """

    blocks: tuple[bytes, ...]
    size: int
    crc32c: int
    md5: bytes | None

    @property
    def crc32c_text(self) -> str:
        """As the service writes it: base64 of the four bytes in network order."""
        return base64.b64encode(self.crc32c.to_bytes(4, "big")).decode()

    @property
    def md5_text(self) -> str | None:
        """As the service writes it: base64."""
        return None if self.md5 is None else base64.b64encode(self.md5).decode()

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[memoryview]:
        """The bytes of a range, not copied."""
        stop = self.size if stop is None else stop
        at = 0
        for block in self.blocks:
            if at >= stop:
                return
            if at + len(block) > start:
                yield memoryview(block)[max(0, start - at) : stop - at]
            at += len(block)


EMPTY_CONTENT = Content(blocks=(), size=0, crc32c=0, md5=hashlib.md5(b"", usedforsecurity=False).digest())


def join(contents: Sequence[Content]) -> Content:
    """One content of many, sharing their bytes."""
    value, size = 0, 0
    for content in contents:
        value = combine(value, content.crc32c, content.size)
        size += content.size
    blocks = tuple(block for content in contents for block in content.blocks)
    return Content(blocks=blocks, size=size, crc32c=value, md5=None)


class Intake:
    """Content that is coming in. Only whole blocks count as kept until it is finished."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._pending: list[bytes] = []
        self._pending_bytes: int = 0
        self._md5: Hasher = hashlib.md5(usedforsecurity=False)
        self._crc32c: int = 0
        self.kept_bytes: int = 0

    @property
    def size(self) -> int:
        """All bytes so far, also those that do not fill a block."""
        return self.kept_bytes + self._pending_bytes

    def feed(self, data: bytes) -> None:
        """Take in more."""
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes >= BLOCK_BYTES:
            joined = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
            whole = self._pending_bytes - self._pending_bytes % BLOCK_BYTES
            for start in range(0, whole, BLOCK_BYTES):
                self._keep(joined[start : start + BLOCK_BYTES])
            self._pending = [joined[whole:]]
            self._pending_bytes -= whole

    def drop_pending(self) -> None:
        """Forget what does not fill a block."""
        self._pending.clear()
        self._pending_bytes = 0

    def finish(self) -> Content:
        """The content."""
        if self._pending_bytes:
            self._keep(b"".join(self._pending))
            self.drop_pending()
        return Content(blocks=tuple(self._blocks), size=self.kept_bytes, crc32c=self._crc32c, md5=self._md5.digest())

    def _keep(self, block: bytes) -> None:
        self._blocks.append(block)
        self._md5.update(block)
        self._crc32c = crc32c(block, self._crc32c)
        self.kept_bytes += len(block)


async def take_in(source: Source) -> Content:
    """A whole body as content."""
    intake = Intake()
    async for piece in source:
        intake.feed(piece)
    return intake.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the caller says of the content, in base64."""

    md5: str | None = None
    crc32c: str | None = None

    def check(self, content: Content) -> None:
        """Compare with what came.

        Raises:
            GCSError: It is something else.
        """
        if self.md5 is not None and content.md5_text is not None and self.md5 != content.md5_text:
            raise checksum_mismatch("MD5 hash", self.md5, content.md5_text)
        if self.crc32c is not None and self.crc32c != content.crc32c_text:
            raise checksum_mismatch("CRC32C", self.crc32c, content.crc32c_text)


def expected_by_headers(headers: Mapping[str, str], *, content_md5: bool = True) -> Expected:
    """What ``x-goog-hash`` and ``Content-MD5`` say.

    Source: https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash
    """
    md5 = headers.get("content-md5") if content_md5 else None
    value: str | None = None
    for item in headers.get("x-goog-hash", "").split(","):
        name, _, digest = item.strip().partition("=")
        match name.lower():
            case "md5":
                md5 = digest
            case "crc32c":
                value = digest
            case "":
                pass
            case _:
                raise invalid(f"Invalid x-goog-hash header: {name}", xml_code="InvalidDigest")
    for given, size in ((md5, 16), (value, 4)):
        if given is not None and not _is_digest(given, size):
            raise invalid(f"Invalid hash value '{given}'", xml_code="InvalidDigest")
    return Expected(md5=md5, crc32c=value)


def _is_digest(text: str, size: int) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == size
    except ValueError:
        return False

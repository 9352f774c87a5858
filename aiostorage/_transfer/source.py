"""Reading one version of an object, whatever the connection does.

The first answer pins the version: every later request names its etag, and every later answer must
carry it. A body that breaks goes on from the byte it reached.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Self, TypeVar

from aiostorage.checksums import load, update
from aiostorage.errors import (
    ChecksumMismatchError,
    ObjectChangedError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    StorageConnectionError,
    StorageTimeoutError,
    UnexpectedResponseError,
)
from aiostorage.hashing import new_hasher
from aiostorage.models import ByteRange, ReadOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from types import TracebackType

    from aiostorage.backend import Backend, ObjectBody
    from aiostorage.hashing import Hasher
    from aiostorage.models import HashAlgorithm, ObjectHash, ObjectInfo

T = TypeVar("T")

log = logging.getLogger("aiostorage")

CHANGED = "the object was replaced while it was read"

MAX_BREAKS = 5
"""How often in a row a body may break without having yielded a byte."""

MAX_MISREADS = 2
"""How often bytes that are not those that were stored are read again."""

_TALLIED: Final[tuple[HashAlgorithm, ...]] = ("md5", "crc32", "crc32c", "crc64nvme")

SMALL_BYTES = 1024 * 1024
"""What is read again from its start, rather than from where it broke off."""


class ObjectSource:
    """One object to read from, pinned to a version once the first answer is there.

    Args:
        backend: Where it is.
        container: Name of the container.
        key: Name of the object.
        options: Conditions and version, or the part that is read; no byte range, which is given to :meth:`open`.
    """

    def __init__(self, backend: Backend, container: str, key: str, options: ReadOptions) -> None:
        self._backend = backend
        self._container = container
        self.key: str = key
        self._options = options
        self.info: ObjectInfo | None = None

    async def open(self, byte_range: ByteRange | None = None) -> ObjectBody:
        """A body that begins at or before the start of the range; whoever gets it closes it.

        Raises:
            ObjectChangedError: The object is not the version that was pinned.
        """
        options = self._options
        if byte_range is not None:
            options = replace(options, byte_range=byte_range, part_number=None)  # what is left of the part
        pinned = self.info
        if pinned is None or pinned.etag is None:
            body = await self._backend.get_object(self._container, self.key, options)
            self.info = body.info
            if body.info.object_hash is not None:
                await self._prepare(body, body.info.object_hash)
            return body
        if self._backend.capabilities.read_conditions:
            options = replace(options, if_match=pinned.etag, if_none_match=None)
        try:
            body = await self._backend.get_object(self._container, self.key, options)
        except PreconditionFailedError as error:
            raise ObjectChangedError(CHANGED, **error.details()) from error
        except RangeNotSatisfiableError as error:  # it is shorter: another one, where the server ignores conditions
            if pinned.size is not None and await self._etag_now() != pinned.etag:
                raise ObjectChangedError(CHANGED, **error.details()) from error
            raise
        if body.info.etag != pinned.etag:
            await body.aclose()
            raise ObjectChangedError(CHANGED, container=self._container, key=self.key)
        return body

    async def _etag_now(self) -> str | None:
        options = replace(self._options, byte_range=None, part_number=None, if_match=None, if_none_match=None)
        return (await self._backend.head_object(self._container, self.key, options)).etag

    def resolve(self, byte_range: ByteRange | None, body: ObjectBody) -> tuple[int, int | None]:
        """Where in the object the first body of a range, or of the part that is read, begins and ends.

        Raises:
            RangeNotSatisfiableError: The object has no byte in the range.
        """
        if self.is_part:
            if body.stop is None:
                raise UnexpectedResponseError("the server does not say where the part ends")
            return body.start, body.stop
        return resolve_range(byte_range, body)

    @property
    def is_part(self) -> bool:
        """Whether one part is read, by its number."""
        return self._options.part_number is not None

    async def _prepare(self, body: ObjectBody, expected: ObjectHash) -> None:
        """Have what computes the hash at hand, so that whoever reads can compare."""
        try:
            await load(expected.algorithm)
        except BaseException:
            await body.aclose()
            raise

    def read_range(self, start: int = 0, stop: int | None = None, *, body: ObjectBody | None = None) -> RangeReader:
        """The bytes from ``start`` up to ``stop``; ``body`` is an open body of them, if there is one."""
        return RangeReader(self, start, stop, body)


class RangeReader:
    """The bytes of a range, chunk by chunk, with breaks mended.

    Args:
        source: The object.
        start: The first byte to yield.
        stop: The byte to stop before; None for the end of the object.
        body: A body that was opened already, if any.
    """

    def __init__(self, source: ObjectSource, start: int, stop: int | None, body: ObjectBody | None) -> None:
        self._source = source
        self._stop = stop
        self._body: ObjectBody | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._skip = 0
        self._breaks = 0
        self.position: int = start
        if body is not None:
            self._take(body)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def chunk(self) -> bytes:
        """The next bytes, as many as have come; empty at the end of the range.

        Raises:
            StorageConnectionError: The body keeps breaking off.
            ObjectChangedError: The object was replaced meanwhile.
        """
        while not self._is_at_end():
            if self._chunks is None and not await self._open():
                break
            try:
                chunk = self._wanted(await self._next())
            except (StorageConnectionError, StorageTimeoutError) as error:
                await self.aclose()
                self._breaks += 1
                if not error.retryable or self._breaks > MAX_BREAKS:
                    raise
                continue
            except BaseException:
                await self.aclose()  # what is left of the body cannot be told from its end
                raise
            if chunk:
                self._breaks = 0
                self.position += len(chunk)
                if self._is_at_end():
                    await self.aclose()
                return chunk
        await self.aclose()
        return b""

    async def aclose(self) -> None:
        """Give the connection up; a later :meth:`chunk` makes a new request."""
        body, self._body, self._chunks = self._body, None, None
        if body is not None:
            await body.aclose()

    def _take(self, body: ObjectBody) -> None:
        if body.start > self.position:
            raise UnexpectedResponseError(f"asked for bytes from {self.position} on, the answer begins at {body.start}")
        self._body, self._chunks = body, aiter(body)
        self._skip = self.position - body.start
        if body.info.size is not None:
            self._stop = body.info.size if self._stop is None else min(self._stop, body.info.size)

    def _wanted(self, chunk: bytes) -> bytes:
        """What of a chunk lies in the range: a server may have ignored that a range was asked for."""
        if self._skip:
            skipped = min(self._skip, len(chunk))
            self._skip -= skipped
            chunk = chunk[skipped:]
        if self._stop is not None and self.position + len(chunk) > self._stop:
            chunk = chunk[: self._stop - self.position]
        return chunk

    async def _open(self) -> bool:
        """Ask for what is left; False where there turns out to be nothing."""
        try:
            self._take(await self._source.open(ByteRange(self.position, self._stop)))
        except RangeNotSatisfiableError as error:
            if self._breaks and self._stop is not None:
                message = f"the object was said to have more than the {self.position} bytes that came"
                raise UnexpectedResponseError(message, **error.details()) from error
            if self._stop is not None:
                raise
            self._stop = self.position  # nobody has said before how long the object is
            return False
        return True

    async def _next(self) -> bytes:
        chunk = b"" if self._chunks is None else await anext(self._chunks, b"")
        if not chunk:
            # The end of the object, where nobody has said how long it is; else a break.
            if self._stop is not None:
                raise StorageConnectionError(f"the body ended early, at byte {self.position}", retryable=True)
            self._stop = self.position
        return chunk

    def _is_at_end(self) -> bool:
        return self._stop is not None and self.position >= self._stop


class Verifier:
    """Compares bytes that go by in order with the hash that the provider has of the whole object.

    It does nothing where there is no such hash, or none that this installation can compute.
    """

    def __init__(self, expected: ObjectHash | None) -> None:
        self._expected = expected
        self._hasher: Hasher | None = None
        if expected is not None and expected.scope == "object":
            self._hasher = new_hasher(expected.algorithm)

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to compare with."""
        return self._hasher is not None

    async def update(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        if self._hasher is not None:
            await update(self._hasher, chunk)

    def update_now(self, chunk: bytes) -> None:
        """Take in the next bytes, on this thread."""
        if self._hasher is not None:
            self._hasher.update(chunk)

    def check(self) -> None:
        """Compare, after the last byte.

        Raises:
            ChecksumMismatchError: These are not the bytes that were stored.
        """
        if self._hasher is not None and self._expected is not None:
            _compare(self._hasher, self._expected)


class Tally:
    """Hashes of bytes that go by in order, to compare them with whatever hash a provider tells afterwards.

    Nobody knows before which one that will be. CRCs cost little where the processor has instructions for
    them. Of an object that is not stored at once no provider tells an MD5, so that one is not kept for long.

    Args:
        at_once: The most bytes that are stored in one request.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._size = 0
        self._hashers: dict[HashAlgorithm, Hasher] = {}

    async def begin(self) -> None:
        """Get ready; this imports what computes the hashes."""
        for algorithm in _TALLIED:
            if await load(algorithm) and (hasher := new_hasher(algorithm)) is not None:
                self._hashers[algorithm] = hasher

    async def update(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self._size += len(chunk)
        if self._size > self._at_once:
            self._hashers.pop("md5", None)
        for hasher in self._hashers.values():
            await update(hasher, chunk)

    def check(self, told: ObjectHash | None) -> None:
        """Compare, after the last byte, if what is told is a hash of the whole object, and one that is kept here.

        Raises:
            ChecksumMismatchError: What is stored is not what went by.
        """
        hasher = None if told is None or told.scope != "object" else self._hashers.get(told.algorithm)
        if hasher is not None and told is not None:
            _compare(hasher, told)


def _compare(hasher: Hasher, told: ObjectHash) -> None:
    actual = hasher.digest().hex()
    if actual != told.value:
        raise ChecksumMismatchError(
            f"the bytes that came have {told.algorithm} {actual}, those that were stored {told.value}", retryable=True
        )


async def reading_again(read: Callable[[], Awaitable[T]]) -> T:
    """What a read returns; one whose bytes turn out not to be those that were stored is done again.

    Raises:
        ChecksumMismatchError: They never were.
    """
    for _ in range(MAX_MISREADS):
        try:
            return await read()
        except ChecksumMismatchError as error:
            log.warning("what was read is not what was stored, reading it again: %s", error)
    return await read()


async def read_object(source: ObjectSource, byte_range: ByteRange | None = None) -> bytes:
    """The content of an object, or a range of it, in memory; checked if it is the whole.

    Raises:
        ChecksumMismatchError: These are not the bytes that were stored.
        RangeNotSatisfiableError: The object has no byte in the range.
    """
    return await reading_again(partial(_read_object, source, byte_range))


async def _read_object(source: ObjectSource, byte_range: ByteRange | None) -> bytes:
    body = await source.open(byte_range)
    try:
        start, stop = source.resolve(byte_range, body)
        content = await read_body(source, body, start, stop)
    finally:
        await body.aclose()
    is_whole = byte_range is None and not source.is_part
    verifier = Verifier(body.info.object_hash if is_whole else None)
    await verifier.update(content)
    verifier.check()
    return content


async def read_body(source: ObjectSource, body: ObjectBody, start: int = 0, stop: int | None = None) -> bytes:
    """The bytes of a range, with breaks mended, from a body of them that was opened already."""
    content = await _read_at_once(body, start, stop)
    if content is None:
        content = await _read_with_mending(source.read_range(start, stop, body=body))
    return content


async def _read_at_once(body: ObjectBody, start: int, stop: int | None) -> bytes | None:
    """A small body in one piece; None where it is not small, not what was asked for, or breaks."""
    size = body.info.size
    end = size if stop is None or size is None else min(stop, size)
    if body.start != start or end is None or body.stop != end or end - start > SMALL_BYTES:
        return None
    try:
        content = await body.read()
    except (StorageConnectionError, StorageTimeoutError):
        await body.aclose()
        return None
    return content if len(content) == end - start else None


async def _read_with_mending(reader: RangeReader) -> bytes:
    pieces: list[bytes] = []
    async with reader:
        while chunk := await reader.chunk():
            pieces.append(chunk)
    return b"".join(pieces)


def resolve_range(byte_range: ByteRange | None, body: ObjectBody) -> tuple[int, int | None]:
    """The range in positions from the start of the object, now that an answer tells its size."""
    if byte_range is None:
        return 0, None
    start, stop = byte_range
    size = body.info.size
    if start < 0 and size is None and body.start == 0:
        raise UnexpectedResponseError("the server neither obeys the range nor says how large the object is")
    if start < 0:
        start = body.start if size is None else max(0, size + start)
    if size is None:
        return start, stop
    if start >= size:
        raise RangeNotSatisfiableError(f"the object has {size} bytes, none of them from {start} on")
    return start, size if stop is None else min(stop, size)

"""Sends a source through a resumable session, and goes on where the service has come to when that breaks off."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aiostorage import checksums
from aiostorage.body import StreamBody
from aiostorage.errors import (
    ChecksumMismatchError,
    InvalidArgumentError,
    StorageError,
    UnexpectedResponseError,
    UploadNotFoundError,
)
from aiostorage.providers.gcs import resumable
from aiostorage.providers.gcs.resumable import PIECE_UNIT_BYTES, Progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiostorage._http.messages import Request, Response
    from aiostorage.body import Body
    from aiostorage.models import Buffer, ObjectInfo
    from aiostorage.providers.gcs.resumable import Session

MAX_BREAKS = 5
"""How often in a row a session may break off without having come further."""


async def send_all(
    send: Callable[[Request], Awaitable[Response]],
    session: Session,
    body: Body,
    *,
    piece_size: int,
    persisted: int,
    on_sent: Callable[[int], None] | None,
    begin_again: Callable[[], Awaitable[Session]] | None = None,
) -> ObjectInfo:
    """Send a body, piece by piece, and return the object.

    Args:
        send: Sends a request.
        session: Where to.
        body: What to send, from its start; what the service holds already is passed over.
        piece_size: Bytes of a piece, a multiple of 256 KiB.
        persisted: How much the service holds already.
        on_sent: Told how many bytes have moved.
        begin_again: Begins another session in place of one that the service has lost. It is called once at
            most, and only if the body can be read again.

    Raises:
        ChecksumMismatchError: What the service holds is not the beginning of the body, or was damaged on its way.
        InvalidArgumentError: The body is shorter than what the service holds already.
        UploadNotFoundError: The service has lost the session, and there is nothing to be done about it.
        StorageError: The session broke off, and kept doing so.
    """
    if piece_size < 1 or piece_size % PIECE_UNIT_BYTES:
        raise InvalidArgumentError("all pieces but the last are multiples of 256 KiB", provider="gcs")
    pieces = _Pieces(body, piece_size)
    await pieces.pass_over(persisted)
    moved = _Moved(on_sent)
    breaks = 0
    piece, total = await pieces.at(persisted)
    while True:
        md5 = None if total is None else pieces.digest()
        request = resumable.send(session, persisted, piece, total=total, md5=md5, on_sent=moved.add)
        breaks += 1
        try:
            try:
                progress = resumable.progress(request, await send(request))
            except StorageError as error:
                # What the service holds is not the source, and no further piece makes it that.
                if isinstance(error, ChecksumMismatchError) or not error.retryable or breaks > MAX_BREAKS:
                    raise
                progress = await ask(send, session, total=total)
        except UploadNotFoundError:
            if begin_again is None or isinstance(body, StreamBody):
                raise
            session, begin_again = await begin_again(), None
            moved.take_back()
            persisted = 0
            piece, total = await pieces.at(0)
            continue
        if progress.object is not None:
            return progress.object
        if progress.persisted > persisted:
            breaks = 0
        elif progress.persisted < persisted or breaks > MAX_BREAKS:
            raise UnexpectedResponseError("the service does not keep what it is sent of an upload", provider="gcs")
        persisted = progress.persisted
        piece, total = await pieces.at(persisted)


async def ask(
    send: Callable[[Request], Awaitable[Response]], session: Session, *, total: int | None = None
) -> Progress:
    """How far a session has come.

    Raises:
        UploadNotFoundError: It is over.
    """
    request = resumable.ask(session, total=total)
    return resumable.progress(request, await send(request))


class _Moved:
    """A count of what was reported as sent."""

    def __init__(self, on_sent: Callable[[int], None] | None) -> None:
        self._on_sent = on_sent
        self._sent = 0

    def add(self, size: int) -> None:
        """Report that bytes have moved."""
        self._sent += size
        if self._on_sent is not None:
            self._on_sent(size)

    def take_back(self) -> None:
        """Report all of it as not sent."""
        self.add(-self._sent)


class _Pieces:
    """The pieces of a body. Of a stream the newest is kept, because the service may keep only a part of it."""

    def __init__(self, body: Body, size: int) -> None:
        self._body = body
        self._size = size
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._hashed = 0
        self._kept: Buffer = b""
        self._next: Buffer | None = None
        self._start = 0

    async def pass_over(self, size: int) -> None:
        """Read what need not be sent; the digest is of all the content."""
        if not isinstance(self._body, StreamBody) and size > self._body.size:
            raise _too_short()
        while self._hashed < size:
            length = min(self._size, size - self._hashed)
            if isinstance(self._body, StreamBody):
                skipped = await self._body.read(length)
                self._start += len(skipped)
            else:
                skipped = await self._body.read_at(self._hashed, length)
            if not skipped:
                raise _too_short()
            await self._hash(self._hashed, skipped)

    async def at(self, position: int) -> tuple[Buffer, int | None]:
        """The piece from a position on, and the size of the whole if the piece ends it."""
        if not isinstance(self._body, StreamBody):
            if position > self._body.size:
                raise _too_short()
            size = min(self._size, self._body.size - position)
            is_last = position + size == self._body.size
            piece = await self._body.read_at(position, size)
            await self._hash(position, piece)
            return piece, self._body.size if is_last else None
        left = memoryview(self._kept)[position - self._start :]
        if not left and self._next != b"":
            self._start += len(self._kept)
            self._kept = await self._body.read(self._size) if self._next is None else self._next
            self._next = await self._body.read(self._size) if len(self._kept) == self._size else b""
            await self._hash(self._start, self._kept)
            left = memoryview(self._kept)
        if self._next:
            # Whatever the service has kept, what follows must end at a multiple again, and does.
            return left, None
        return left, position + len(left)

    def digest(self) -> bytes:
        """The MD5 of all pieces up to the last that was given."""
        return self._md5.digest()

    async def _hash(self, start: int, piece: Buffer) -> None:
        """Take in what was not seen before of a piece."""
        new = memoryview(piece)[self._hashed - start :]
        self._hashed += len(new)
        await checksums.update(self._md5, new)


def _too_short() -> InvalidArgumentError:
    return InvalidArgumentError("the source is shorter than what was sent of it before", provider="gcs")

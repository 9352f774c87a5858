"""Resumable uploads: sessions that keep what came, and say how much that is.

Source: https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.content import BLOCK_BYTES, Expected, Intake, expected_by_headers
from aiostorage.testing.gcs.errors import GCSError, invalid, not_found
from aiostorage.testing.gcs.messages import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiostorage.testing.gcs.cloud import Cloud, Draft
    from aiostorage.testing.gcs.messages import Source
    from aiostorage.testing.gcs.objects import StoredObject

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(?:(\d+)|\*)")


@dataclass(slots=True, kw_only=True)
class Session:
    """An upload that may be interrupted.

    Attributes:
        expires: Seconds since the epoch.
        size: How many bytes were announced, if they were.
        result: The object, once it is there.
        refusal: What every later request hears of an upload that was given up, or failed in the end.
        busy: Which request writes now; a later one takes over.
    """

    draft: Draft
    expected: Expected
    intake: Intake
    expires: float
    size: int | None
    result: StoredObject | None = None
    refusal: GCSError | None = None
    busy: int = 0


@dataclass(frozen=True, slots=True)
class _Range:
    """``Content-Range``: the first byte, or None for a question; the length of all, if it is known."""

    first: int | None
    length: int | None
    total: int | None


def start(cloud: Cloud, draft: Draft, expected: Expected, size: int | None) -> str:
    """The identifier of a new session.

    Raises:
        GCSError: The object would be refused.
    """
    cloud.check_draft(draft)
    upload_id = cloud.new_id()
    expires = cloud.clock() + cloud.settings.session_s
    cloud.sessions[upload_id] = Session(draft=draft, expected=expected, intake=Intake(), expires=expires, size=size)
    return upload_id


async def answer(
    cloud: Cloud, call: Call, source: Source, upload_id: str, *, describe: Callable[[Call, StoredObject], Answer]
) -> Answer:
    """Take in a piece of an upload, say how far it is, or give it up; ``describe`` tells of the object in the end.

    Raises:
        GCSError: There is no such session, or the piece does not fit.
    """
    session = cloud.sessions.get(upload_id)
    if session is None:
        raise not_found("Upload session not found.", xml_code="NoSuchUpload")
    if session.expires < cloud.clock():
        _give_up(session, _gone("The upload session has expired."))
    if session.refusal is not None:
        raise session.refusal
    if call.method == "DELETE":
        if session.result is None:
            _give_up(session, GCSError(499, "clientClosedRequest", "ClientClosedRequest", "The upload was cancelled."))
        return Answer(status=499)
    if call.method not in {"PUT", "POST"}:
        raise not_found()
    if session.result is not None:
        return describe(call, session.result)
    answer = await _continue(cloud, session, call, source)
    return describe(call, session.result) if session.result is not None else answer


async def _continue(cloud: Cloud, session: Session, call: Call, source: Source) -> Answer:
    wanted = _content_range(call)
    if wanted.total is not None:
        if session.size is not None and session.size != wanted.total:
            raise invalid(f"Invalid request.  The total is {wanted.total} bytes, but {session.size} were announced.")
        session.size = wanted.total
    kept = session.intake.kept_bytes
    if wanted.first is None:
        if session.size == kept and wanted.total is not None:
            _finish(cloud, session, call)
        return _so_far(session)
    if wanted.first > kept:
        raise invalid(
            f"Invalid request.  According to the Content-Range header, the upload offset is {wanted.first} byte(s), "
            f"which exceeds already uploaded size of {kept} byte(s)."
        )
    stop = None if wanted.length is None else wanted.first + wanted.length
    if stop is not None and session.size is not None and stop > session.size:
        raise invalid("Invalid request.  The range goes beyond the end of the upload.")
    session.busy += 1
    came = await _take_in(cloud, session, source, wanted)
    if wanted.length is None:
        if session.size not in {None, came}:
            raise invalid(
                f"Invalid request.  There were {came} byte(s) in the body, but {session.size} were announced."
            )
        session.size = came
    if session.size == session.intake.size:
        _finish(cloud, session, call)
    session.intake.drop_pending()
    return _so_far(session)


async def _take_in(cloud: Cloud, session: Session, source: Source, wanted: _Range) -> int:
    """Keep what is new of the body; when the connection breaks, the whole blocks of it stay.

    Returns:
        How many bytes the body had.
    """
    turn, intake = session.busy, session.intake
    assert wanted.first is not None
    intake.drop_pending()
    skip = intake.kept_bytes - wanted.first  # bytes that are here already are passed over
    room, came = cloud.settings.resumable_bytes_per_request, 0
    limit = None if room is None else intake.kept_bytes + room // BLOCK_BYTES * BLOCK_BYTES
    async for piece in source:
        if session.refusal is not None:
            raise session.refusal
        if session.busy != turn or session.intake is not intake:
            raise GCSError(503, "backendError", "ServiceUnavailable", "Another request writes to this upload.")
        came += len(piece)
        if wanted.length is not None and came > wanted.length:
            raise invalid("Invalid request.  The body is longer than the range.")
        new = piece[skip:] if skip else piece
        skip = max(0, skip - len(piece))
        if limit is not None:
            new = new[: max(0, limit - intake.size)]
        if new:
            intake.feed(new)
    if wanted.length is not None and came != wanted.length:
        raise invalid(f"Invalid request.  There were {came} byte(s) in the body, not {wanted.length}.")
    return came


def _finish(cloud: Cloud, session: Session, call: Call) -> None:
    content = session.intake.finish()
    try:
        session.expected.check(content)
        # Of the last request the header tells of the whole object; Content-MD5 tells of its body alone.
        expected_by_headers(call.headers, content_md5=False).check(content)
        obj = cloud.publish(session.draft, content)
    except GCSError as error:
        _give_up(session, _gone(f"The upload has failed: {error.message}"))
        raise
    # The object may go before the session does; its bytes go with it.
    session.result = replace(obj, content=replace(obj.content, blocks=()))
    session.intake = Intake()


def _give_up(session: Session, refusal: GCSError) -> None:
    session.refusal = session.refusal or refusal
    session.intake = Intake()


def _gone(message: str) -> GCSError:
    return GCSError(410, "gone", "Gone", message)


def _so_far(session: Session) -> Answer:
    kept = session.intake.kept_bytes
    headers = (("Range", f"bytes=0-{kept - 1}"),) if kept else ()
    return Answer(status=308, headers=headers)


def _content_range(call: Call) -> _Range:
    header = call.headers.get("content-range")
    announced = call.headers.get("content-length")
    length = int(announced) if announced is not None and announced.isdecimal() else None
    if header is None:
        return _Range(0, None, length)
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise invalid(f"Failed to parse Content-Range header: {header}")
    total = int(match[3]) if match[3] else None
    if match[1] is None:
        if length:
            # ``bytes */*`` with a body says where it ends no sooner than the body does.
            raise invalid("Invalid request.  A request for the status has no body.")
        return _Range(None, None, total)
    first, last = int(match[1]), int(match[2])
    if last < first or (length is not None and length != last - first + 1):
        raise invalid(f"Invalid request.  The body has {length} byte(s), but Content-Range says {header}.")
    return _Range(first, last - first + 1, total)

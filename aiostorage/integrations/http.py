"""What an object answers to an HTTP request, decided once for all frameworks.

:func:`answer` is pure: conditions, ranges and headers, from what is known of the object.
:func:`open_answer` asks the storage, in one request where the answer does not hang on conditions.
The adapters of the frameworks only send what these say.

Left out, as the standard allows: several ranges at once (the whole is sent), and dates in ``If-Range``,
which are too coarse for something that can be replaced twice in a second.

Source: https://www.rfc-editor.org/rfc/rfc9110.html (13 conditional requests, 14 range requests, 15.3.7,
15.4.5, 15.5.17 the headers that go with the answers)
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING

from aiostorage import errors
from aiostorage._http.headers import parse_http_date
from aiostorage.models import ByteRange
from aiostorage.options import UploadOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from aiostorage._transfer.reader import ObjectReader
    from aiostorage.models import ObjectInfo
    from aiostorage.object import Object

# 18 digits are more than any object has bytes; the limit keeps int() quick.
_RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))[ \t]*", re.IGNORECASE | re.ASCII)
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_CONDITIONS = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"})

_STATUSES: tuple[tuple[type[errors.StorageError], int], ...] = (
    (errors.NotFoundError, 404),
    (errors.NotModifiedError, 304),
    (errors.PreconditionFailedError, 412),
    (errors.RangeNotSatisfiableError, 416),
    (errors.InvalidNameError, 400),
    (errors.InvalidArgumentError, 400),
    (errors.AlreadyExistsError, 409),
    (errors.ContainerNotEmptyError, 409),
    (errors.PermissionDeniedError, 403),
    (errors.UnsupportedError, 501),
    (errors.RateLimitedError, 503),
    (errors.ServiceUnavailableError, 503),
    (errors.ObjectChangedError, 503),  # asked again, it is answered with the new version
    (errors.StorageTimeoutError, 504),
    (errors.StorageConnectionError, 502),
    (errors.ChecksumMismatchError, 502),
    (errors.UnexpectedResponseError, 502),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The head of an answer, and what content follows.

    Attributes:
        status: 200, 206, 304, 412 or 416; or that of an error.
        headers: By names in lower case.
        has_content: Whether bytes of the object follow.
        byte_range: Which; None for all of them.
    """

    status: int
    headers: Mapping[str, str]
    has_content: bool = False
    byte_range: ByteRange | None = None


def answer(method: str, headers: Iterable[tuple[str, str]], info: ObjectInfo) -> Answer:
    """What an object answers to a ``GET`` or ``HEAD``.

    Args:
        method: The request's method.
        headers: The request's headers.
        info: What is known of the object.
    """
    fields = _combined(headers)
    described = _describe(info)
    verdict = _evaluate(fields, info)
    if verdict == 412:
        return Answer(status=412, headers={"content-length": "0"})
    if verdict == 304:
        kept = {"cache-control", "last-modified" if info.etag is None else "etag"}
        return Answer(status=304, headers={name: described[name] for name in described if name in kept})
    size = info.size
    if size is None:  # then nothing can be said about ranges of it
        return Answer(status=200, headers=described, has_content=method != "HEAD")
    described["accept-ranges"] = "bytes"
    wanted = _wanted_range(method, fields, info)
    if wanted is None or (size == 0 and wanted.start < 0):  # no Content-Range can tell the last bytes of nothing
        described["content-length"] = str(size)
        return Answer(status=200, headers=described, has_content=method != "HEAD")
    start, stop = wanted
    start = max(0, size + start) if start < 0 else start
    stop = size if stop is None else min(stop, size)
    if start >= size:
        return Answer(status=416, headers={"content-range": f"bytes */{size}", "content-length": "0"})
    described["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    described["content-length"] = str(stop - start)
    return Answer(status=206, headers=described, has_content=True, byte_range=ByteRange(start, stop))


async def open_answer(
    obj: Object, method: str, headers: Iterable[tuple[str, str]]
) -> tuple[Answer, ObjectReader | None]:
    """What an object answers to a ``GET`` or ``HEAD``, with the open content if any is to follow.

    Whoever gets a reader closes it.

    Raises:
        ObjectNotFoundError: There is no such object.
        ObjectChangedError: It was replaced just now.
    """
    headers = list(headers)
    fields = _combined(headers)
    if method == "GET" and not fields.keys() & _CONDITIONS:
        wanted = _parse_range(fields.get("range", ""))
        with suppress(errors.RangeNotSatisfiableError):  # the answer to that tells the size: see below
            reader = await obj.as_file(byte_range=wanted)
            found = answer(method, headers, _known(reader))
            if (found.status == 206) == (wanted is not None):
                return found, reader
            await reader.aclose()  # it turned out that there are no ranges of this object
    info = await obj.driver.head_object(obj)
    found = answer(method, headers, info)
    if not found.has_content:
        return found, None
    reader = await obj.as_file(byte_range=found.byte_range)
    if _known(reader).etag != info.etag:  # what was decided holds for another version
        await reader.aclose()
        raise errors.ObjectChangedError("the object was replaced while it was opened", key=obj.name, retryable=True)
    return found, reader


def answer_error(error: errors.StorageError) -> Answer:
    """The status, and the headers, that tell a client of a storage error.

    What is not the client's fault, nor a failure of the storage, is a 500: wrong credentials, for one.
    """
    headers = {} if error.retry_after_s is None else {"retry-after": f"{error.retry_after_s:.0f}"}
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    return Answer(status=status, headers=headers)


def upload_options(headers: Iterable[tuple[str, str]]) -> UploadOptions:
    """How to store the body of a ``PUT``: the headers that describe it, and the conditions.

    The body must be stored as it was sent: a server that decodes ``Content-Encoding`` by itself, as
    aiohttp's does unless it is run with ``auto_decompress=False``, leaves a header that is not true.

    Raises:
        InvalidArgumentError: A condition that no storage knows, such as a list of etags.
    """
    fields = _combined(headers)
    options = UploadOptions(
        content_type=fields.get("content-type"),
        cache_control=fields.get("cache-control"),
        content_disposition=fields.get("content-disposition"),
        content_encoding=fields.get("content-encoding"),
        content_language=fields.get("content-language"),
    )
    if "if-match" in fields:
        tag = _ENTITY_TAG.fullmatch(fields["if-match"])
        if tag is None or tag[1]:
            raise errors.InvalidArgumentError("If-Match of an upload is one strong etag")
        options["if_match"] = tag[2]
    if "if-none-match" in fields:
        if fields["if-none-match"] != "*":
            raise errors.InvalidArgumentError("If-None-Match of an upload is *")
        options["if_none_match"] = "*"
    return options


def _combined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by name; lines of one name are one list (RFC 9110, section 5.3)."""
    fields: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        fields[key] = f"{fields[key]}, {value.strip()}" if key in fields else value.strip()
    return fields


def _describe(info: ObjectInfo) -> dict[str, str]:
    headers = {
        "content-type": info.content_type or "application/octet-stream",
        "cache-control": info.cache_control,
        "content-disposition": info.content_disposition,
        "content-encoding": info.content_encoding,
        "content-language": info.content_language,
        "etag": None if info.etag is None else f'{"W/" if _is_weak(info) else ""}"{info.etag}"',
        "last-modified": None if info.last_modified is None else _format_date(info.last_modified),
    }
    return {name: value for name, value in headers.items() if value is not None}


# Conditions


def _evaluate(fields: Mapping[str, str], info: ObjectInfo) -> int:
    """200, 304 or 412, in the order of section 13.2.2; a date that is none counts as absent (13.1.3, 13.1.4)."""
    if "if-match" in fields:
        if not _matches(fields["if-match"], info, strongly=True):
            return 412
    elif (since := parse_http_date(fields.get("if-unmodified-since"))) and _is_newer(info, since):
        return 412
    if "if-none-match" in fields:
        if _matches(fields["if-none-match"], info, strongly=False):
            return 304
    elif (
        (since := parse_http_date(fields.get("if-modified-since")))
        and info.last_modified
        and not _is_newer(info, since)
    ):
        return 304
    return 200


def _matches(value: str, info: ObjectInfo, *, strongly: bool) -> bool:
    """Whether ``*``, or one of a list of entity tags, is the object's (sections 8.8.3.2, 13.1.1, 13.1.2)."""
    if value == "*":
        return True
    tags: list[tuple[str, str]] = _ENTITY_TAG.findall(value)
    return any(tag == info.etag and not (strongly and (weak or _is_weak(info))) for weak, tag in tags)


def _is_weak(info: ObjectInfo) -> bool:
    return info.extra.get("etag", "").startswith("W/")


def _is_newer(info: ObjectInfo, since: datetime) -> bool:
    return info.last_modified is not None and info.last_modified.replace(microsecond=0) > since


def _format_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


# Ranges


def _wanted_range(method: str, fields: Mapping[str, str], info: ObjectInfo) -> ByteRange | None:
    """The range to send, if the method and ``If-Range`` allow one (sections 13.1.5, 14.2)."""
    if method != "GET":
        return None
    if "if-range" in fields:
        tag = _ENTITY_TAG.fullmatch(fields["if-range"])
        if tag is None or tag[1] or tag[2] != info.etag or _is_weak(info):
            return None
    return _parse_range(fields.get("range", ""))


def _parse_range(value: str) -> ByteRange | None:
    """One range of bytes; None for what is not one, which is ignored (sections 14.1.2, 14.2)."""
    found = _RANGE.fullmatch(value)
    if found is None:
        return None
    first, last, suffix = found.groups()
    if first is None:
        return ByteRange(-int(suffix)) if int(suffix) else None
    if last is None:
        return ByteRange(int(first))
    return ByteRange(int(first), int(last) + 1) if int(last) >= int(first) else None


def _known(reader: ObjectReader) -> ObjectInfo:
    assert reader.info is not None  # it is open
    return reader.info

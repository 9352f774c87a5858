"""Values of headers, normalised here and nowhere else."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from aiostorage.errors import InvalidArgumentError
from aiostorage.hashing import DIGEST_SIZES_BYTES
from aiostorage.models import EMPTY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.models import HashAlgorithm

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
"""What a header, in lower case, may be called. Source: RFC 9110 section 5.1."""

_HEADER_TEXT = re.compile(r"[\t -~]*")
_MONTHS: Final = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip


MAX_DIGITS: Final = 19
"""Of the numbers that services send: none has more than 64 bits."""


def whole_number(text: str | None) -> int | None:
    """A size or a count as services write it; None where it is missing, or none. Python alone would take ``-1_0``."""
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if text is not None and is_number else None


def digest_from_base64(algorithm: HashAlgorithm, text: str | None) -> str | None:
    """A digest as services write it, in hexadecimal; None where it is missing, or none of that algorithm."""
    try:
        digest = b64decode(text or "", validate=True)
    except ValueError:
        return None
    return digest.hex() if len(digest) == DIGEST_SIZES_BYTES[algorithm] else None


def unquote_etag(etag: str | None) -> str | None:
    """An ETag without quotes and ``W/``; None where it is missing or empty."""
    if not etag:
        return None
    return etag.removeprefix("W/").strip('"') or None


def parse_http_date(value: str | None) -> datetime | None:
    """A moment like ``Wed, 21 Oct 2015 07:28:00 GMT``; it is in every answer to a read, so this is quick.

    None where it is missing or malformed. The older forms are read, too; one without a zone is in UTC.

    Source: https://www.rfc-editor.org/rfc/rfc9110.html#section-5.6.7
    """
    if value is not None and len(value) == 29 and value.endswith(" GMT"):
        try:
            return datetime(
                int(value[12:16]),
                _MONTHS[value[8:11]],
                int(value[5:7]),
                int(value[17:19]),
                int(value[20:22]),
                int(value[23:25]),
                tzinfo=UTC,
            )
        except (KeyError, ValueError):
            pass
    try:
        moment = parsedate_to_datetime(value or "")
    except (OverflowError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def parse_iso_date(value: str | None) -> datetime | None:
    """A moment as it is in XML, or None where it is missing or malformed."""
    try:
        moment = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def etag_extra(raw_etag: str | None) -> Mapping[str, str]:
    """The raw ETag, where it says more than the value that is shown."""
    return {"etag": raw_etag} if raw_etag is not None and raw_etag.startswith("W/") else EMPTY


def header_text(name: str, value: str) -> str:
    """A value for a standard header, unchanged.

    Raises:
        InvalidArgumentError: It is not ASCII, or would break out of its line.
    """
    if not _HEADER_TEXT.fullmatch(value):
        raise InvalidArgumentError(f"{name} must be ASCII without line breaks")
    return value


def signed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they are signed: lower-case names, plain values."""
    signed = {name.lower(): header_text(name, value) for name, value in headers.items()}
    if "host" in signed or not all(map(NAME.fullmatch, signed)):
        raise InvalidArgumentError("these are no headers that a request could be asked to have")
    return signed


def range_header(start: int, stop: int | None) -> str:
    """The value of a ``Range`` header; a negative start is counted from the end.

    Raises:
        InvalidArgumentError: There is no byte in it, whatever the object.

    Source: RFC 9110 section 14.1.2
    """
    if stop is None:
        return f"bytes={start}" if start < 0 else f"bytes={start}-"
    if not 0 <= start < stop:
        raise InvalidArgumentError(f"bytes {start} to {stop} are no range")
    return f"bytes={start}-{stop - 1}"

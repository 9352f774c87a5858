"""Single values in the answers of S3: etags, hashes and moments, each normalised here and nowhere else."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from aiostorage._http.retry import parse_http_date
from aiostorage.models import EMPTY, ObjectHash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiostorage.models import HashAlgorithm, Part
    from aiostorage.providers.s3.profiles import Vendor

_MD5 = re.compile(r"[0-9a-f]{32}")
_MONTHS: Final = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
# What this package can compute comes first, the cheapest before the others.
_CHECKSUMS: Final[Sequence[HashAlgorithm]] = ("crc32", "sha256", "sha1", "crc32c", "crc64nvme")


def unquoted(etag: str | None) -> str | None:
    """An ETag without quotes and ``W/``; None where it is missing or empty."""
    if not etag:
        return None
    return etag.removeprefix("W/").strip('"') or None


def http_date(value: str | None) -> datetime | None:
    """A moment like ``Wed, 21 Oct 2015 07:28:00 GMT``; it is in every answer to a read, so this is quick."""
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
    return parse_http_date(value)


def iso_date(value: str | None) -> datetime | None:
    """A moment as it is in XML, or None where it is missing or malformed."""
    try:
        moment = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def hash_of(
    headers: Mapping[str, str], etag: str | None, vendor: Vendor, *, is_whole: bool = True
) -> ObjectHash | None:
    """The hash of the whole object that is cheapest to check, as far as the headers tell one."""
    if is_whole and vendor.returns_checksums and headers.get("x-amz-checksum-type", "FULL_OBJECT") == "FULL_OBJECT":
        for algorithm in _CHECKSUMS:
            # A hash of the hashes of parts ends in a dash and their number, and is no base64.
            found = from_base64(algorithm, headers.get(f"x-amz-checksum-{algorithm}"))
            if found is not None:
                return found
    return None if vendor.etag_is_md5 == "never" or _is_encrypted(headers) else etag_hash(etag)


def etag_hash(etag: str | None) -> ObjectHash | None:
    """An ETag as the MD5 that it may be; that of an upload by parts never looks like one."""
    return ObjectHash(algorithm="md5", value=etag) if etag is not None and _MD5.fullmatch(etag) else None


def _is_encrypted(headers: Mapping[str, str]) -> bool:
    """Whether the object is encrypted in a way that makes its ETag something else than its MD5."""
    return (
        headers.get("x-amz-server-side-encryption", "AES256") != "AES256"
        or "x-amz-server-side-encryption-customer-algorithm" in headers
    )


def from_base64(algorithm: HashAlgorithm, value: str | None) -> ObjectHash | None:
    """A hash as headers and documents write it, or None where it is missing or malformed."""
    if value is None:
        return None
    try:
        return ObjectHash(algorithm=algorithm, value=b64decode(value, validate=True).hex())
    except ValueError:
        return None


def etag_extra(raw_etag: str | None) -> Mapping[str, str]:
    """The raw ETag, where it says more than the value that is shown."""
    return {"etag": raw_etag} if raw_etag is not None and raw_etag.startswith("W/") else EMPTY


def crc32_hash(value: int) -> ObjectHash:
    """A CRC-32 as the hash of an object."""
    return ObjectHash(algorithm="crc32", value=f"{value:08x}")


def multipart_etag(parts: Sequence[Part]) -> str | None:
    """The ETag that Amazon gives to an object of these parts, or None where theirs are no MD5s."""
    digests = hashlib.md5(usedforsecurity=False)
    for part in parts:
        if not _MD5.fullmatch(part.etag):
            return None
        digests.update(bytes.fromhex(part.etag))
    return f"{digests.hexdigest()}-{len(parts)}"

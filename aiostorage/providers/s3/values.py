"""Single values in the answers of S3: etags, hashes and moments, each normalised here and nowhere else."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from aiostorage._http import write_ids
from aiostorage._http.headers import digest_from_base64, parse_iso_date
from aiostorage.hashing import crc_combine, new_hasher
from aiostorage.models import ObjectHash, Retention

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from aiostorage.models import HashAlgorithm, Part
    from aiostorage.providers.s3.profiles import Vendor

ChecksumType: TypeAlias = Literal["FULL_OBJECT", "COMPOSITE"]
"""Of an object that was uploaded by parts: a checksum of its content, or of the checksums of its parts."""

METADATA_PREFIX: Final = "x-amz-meta-"

WRITE_ID_NAME: Final = write_ids.NAME
"""Metadata of objects that were written under a condition; the users of this package never see it."""

WRITE_EXTRA: Final = frozenset({
    "expires",
    "x-amz-expected-bucket-owner",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write-acp",
    "x-amz-website-redirect-location",
})
"""Headers that an object may be stored with, beside those that have an option of their own."""

READ_EXTRA: Final = (
    "expires",
    "x-amz-website-redirect-location",
    "x-amz-restore",
    "x-amz-archive-status",
    "x-amz-expiration",
    "x-amz-replication-status",
)

_MD5 = re.compile(r"[0-9a-f]{32}")
# What this package can compute comes first, the cheapest before the others.
CHECKSUMS: Final[Sequence[HashAlgorithm]] = ("crc32", "sha256", "sha1", "crc32c", "crc64nvme")
_CHECKSUM_HEADERS: Final[Mapping[str, HashAlgorithm]] = {
    f"x-amz-checksum-{algorithm}": algorithm for algorithm in CHECKSUMS
}


def hash_of(
    headers: Mapping[str, str], etag: str | None, vendor: Vendor, *, is_whole: bool = True
) -> ObjectHash | None:
    """The hash of the whole object that is cheapest to check, as far as the headers tell one; else one of its parts."""
    of_parts: ObjectHash | None = None
    if is_whole and vendor.returns_checksums and not _CHECKSUM_HEADERS.keys().isdisjoint(headers):
        kind = headers.get("x-amz-checksum-type", "FULL_OBJECT")
        for name, algorithm in _CHECKSUM_HEADERS.items():
            found = from_base64(algorithm, headers.get(name), kind=kind)
            if found is not None and found.scope == "object":
                return found
            of_parts = of_parts or found
    is_md5 = vendor.etag_is_md5 != "never" and not _is_encrypted(headers)
    return (etag_hash(etag) if is_md5 else None) or of_parts


def etag_hash(etag: str | None) -> ObjectHash | None:
    """An ETag as the MD5 that it may be; that of an upload by parts never looks like one."""
    return ObjectHash(algorithm="md5", value=etag) if etag is not None and _MD5.fullmatch(etag) else None


def _is_encrypted(headers: Mapping[str, str]) -> bool:
    """Whether the object is encrypted in a way that makes its ETag something else than its MD5."""
    return (
        headers.get("x-amz-server-side-encryption", "AES256") != "AES256"
        or "x-amz-server-side-encryption-customer-algorithm" in headers
    )


def from_base64(algorithm: HashAlgorithm, value: str | None, *, kind: str = "FULL_OBJECT") -> ObjectHash | None:
    """A hash as headers and documents write it, or None where it is missing or malformed.

    A hash of the hashes of parts ends in a dash and their number, where its ``kind`` is not told.
    """
    if value is None:
        return None
    text, dash, count = value.partition("-")
    if dash and not count.isdecimal():
        return None
    digest = digest_from_base64(algorithm, text)
    if digest is None:
        return None
    return ObjectHash(algorithm=algorithm, value=digest, scope="parts" if dash or kind == "COMPOSITE" else "object")


def joined_hash(algorithm: HashAlgorithm, parts: Sequence[Part], kind: ChecksumType) -> ObjectHash | None:
    """The hash of an object that these parts make, if that of each is known.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    digests = [part.checksum.value for part in parts if part.checksum and part.checksum.algorithm == algorithm]
    hasher = new_hasher(algorithm)
    if len(digests) < len(parts) or not parts:
        return None
    if kind == "FULL_OBJECT":
        joined = 0
        for part, digest in zip(parts, digests, strict=True):
            joined = crc_combine(algorithm, joined, int(digest, 16), part.size)
        return ObjectHash(algorithm=algorithm, value=f"{joined:0{len(digests[0])}x}")
    if hasher is None:
        return None
    hasher.update(bytes.fromhex("".join(digests)))
    return ObjectHash(algorithm=algorithm, value=hasher.digest().hex(), scope="parts")


def encryption_of(headers: Mapping[str, str]) -> Literal["managed", "kms", "customer"] | None:
    """With whose key an object is encrypted, as far as the headers tell."""
    if "x-amz-server-side-encryption-customer-algorithm" in headers:
        return "customer"
    told = headers.get("x-amz-server-side-encryption")
    if told is None:
        return None
    return "kms" if told.startswith("aws:kms") else "managed"


def retention_of(headers: Mapping[str, str]) -> Retention | None:
    """Until when an object is retained, as far as the headers tell."""
    mode = headers.get("x-amz-object-lock-mode")
    until = parse_iso_date(headers.get("x-amz-object-lock-retain-until-date"))
    if until is None or mode not in {"GOVERNANCE", "COMPLIANCE"}:
        return None
    return Retention(mode="governance" if mode == "GOVERNANCE" else "compliance", until=until)


def write_id_of(headers: Mapping[str, str]) -> str | None:
    """What tells the write of an object from all others, if it was written under a condition."""
    return headers.get(f"{METADATA_PREFIX}{WRITE_ID_NAME}")


def number_of(headers: Mapping[str, str], name: str) -> int | None:
    """A header that is a count; None where it is missing or nonsense."""
    told = headers.get(name, "")
    return int(told) if told.isascii() and told.isdigit() and len(told) <= 9 else None


def extra_of(headers: Mapping[str, str]) -> dict[str, str]:
    """What only S3 says of an object."""
    return {name: headers[name] for name in READ_EXTRA if name in headers}


def iso_moment(moment: datetime) -> str:
    """A moment in UTC as S3 writes it in documents."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def multipart_etag(parts: Sequence[Part]) -> str | None:
    """The ETag that Amazon gives to an object of these parts, or None where theirs are no MD5s."""
    digests = hashlib.md5(usedforsecurity=False)
    for part in parts:
        if not _MD5.fullmatch(part.etag):
            return None
        digests.update(bytes.fromhex(part.etag))
    return f"{digests.hexdigest()}-{len(parts)}"

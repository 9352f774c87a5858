"""Single values in the answers of S3: etags, hashes and moments, each normalised here and nowhere else."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Final

from aiostorage.models import ObjectHash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiostorage.models import HashAlgorithm, Part
    from aiostorage.providers.s3.profiles import Vendor

METADATA_PREFIX: Final = "x-amz-meta-"

_MD5 = re.compile(r"[0-9a-f]{32}")
# What this package can compute comes first, the cheapest before the others.
_CHECKSUMS: Final[Sequence[HashAlgorithm]] = ("crc32", "sha256", "sha1", "crc32c", "crc64nvme")


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

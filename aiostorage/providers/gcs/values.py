"""Single values of Google Cloud Storage: hashes, generations and metadata, each normalised here and nowhere else."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Final, Literal

from aiostorage._http import metadata as texts
from aiostorage._http import write_ids
from aiostorage._http.headers import digest_from_base64
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import ObjectHash

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.models import CustomerKey

METADATA_PREFIX: Final = "x-goog-meta-"
MAX_GENERATION_DIGITS: Final = 19


def generation_of(etag: str, *, what: str = "an etag") -> str:
    """A generation, which is what etags and version ids are here; or a metageneration.

    Raises:
        InvalidArgumentError: It is none.
    """
    if not (etag.isascii() and etag.isdigit() and len(etag) <= MAX_GENERATION_DIGITS):
        raise InvalidArgumentError(f"{what} of an object is its generation here, a number", provider="gcs")
    return etag


def hash_from_base64(algorithm: Literal["md5", "crc32c"], value: str | None) -> ObjectHash | None:
    """A hash as headers and documents write it, or None where it is missing or malformed."""
    digest = digest_from_base64(algorithm, value)
    return None if digest is None else ObjectHash(algorithm=algorithm, value=digest)


def to_base64(digest: bytes) -> str:
    """A hash as headers and documents write it."""
    return b64encode(digest).decode()


def header_hashes(headers: Mapping[str, str]) -> dict[str, str]:
    """The hashes in ``x-goog-hash``, in base64, by their algorithms.

    The header may be there twice, or hold both.
    """
    pairs = [item.strip().partition("=") for item in headers.get("x-goog-hash", "").split(",")]
    return {name: value for name, _, value in pairs}


def best_hash(md5: str | None, crc32c: str | None) -> ObjectHash | None:
    """The hash that is quickest to check again. What was made of parts has no MD5."""
    return hash_from_base64("md5", md5) or hash_from_base64("crc32c", crc32c)


def to_json_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata as the JSON API takes it: in any script, under names that the XML API can have in headers.

    Raises:
        InvalidArgumentError: A name cannot be a header's, or is there twice.
    """
    encoded = texts.to_headers(METADATA_PREFIX, metadata)
    values = {METADATA_PREFIX + name.lower(): value for name, value in metadata.items()}
    # What looks like an encoded word would be taken for one when it is read.
    return {
        name.removeprefix(METADATA_PREFIX): sent if values[name].startswith("=?") else values[name]
        for name, sent in encoded.items()
    }


def from_json_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata as it was given. Uploads by parts have it in headers, and so encoded."""
    return {name: texts.decode(value) for name, value in metadata.items() if name != write_ids.NAME}


def key_headers(key: CustomerKey | None, *, prefix: str = "x-goog-") -> dict[str, str]:
    """The headers by which the service gets a key of ours, for this request only.

    Source: https://cloud.google.com/storage/docs/encryption/customer-supplied-keys
    """
    if key is None:
        return {}
    return {
        f"{prefix}encryption-algorithm": "AES256",
        f"{prefix}encryption-key": to_base64(key.key),
        f"{prefix}encryption-key-sha256": to_base64(hashlib.sha256(key.key).digest()),
    }

"""Content for the tests, and what can be said of it."""

from __future__ import annotations

import hashlib
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiostorage.models import ObjectHash


@lru_cache(maxsize=8)
def content(size: int, seed: int = 0) -> bytes:
    """Bytes without a pattern, the same in every run; another seed makes others."""
    return hashlib.shake_128(seed.to_bytes(4, "big")).digest(size)


def hash_is_right(found: ObjectHash | None, data: bytes) -> bool:
    """Whether a hash is what it says. One of parts is no hash of the object, and says so."""
    if found is None or found.scope == "parts":
        return True
    match found.algorithm:
        case "crc32":
            return found.value == f"{zlib.crc32(data):08x}"
        case "md5" | "sha1" | "sha256":
            return found.value == hashlib.new(found.algorithm, data, usedforsecurity=False).hexdigest()
        case "crc32c" | "crc64nvme":  # nothing here can compute them
            return True

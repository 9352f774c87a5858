"""Hashes of content, computed without holding up the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiostorage import hashing
from aiostorage.errors import UnsupportedError
from aiostorage.hashing import CRC_SIZES_BYTES, crc_combine, new_hasher
from aiostorage.models import ObjectHash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiostorage.hashing import Hasher
    from aiostorage.models import Buffer, HashAlgorithm, Part

INLINE_BYTES = 256 * 1024
"""Up to this size a hash takes well under a millisecond, less than it costs to ask a thread."""


async def load(algorithm: HashAlgorithm) -> bool:
    """Whether this installation can compute the algorithm; from then on ``new_hasher`` knows."""
    if hashing.needs_loading(algorithm):
        await asyncio.to_thread(hashing.load, algorithm)
    return new_hasher(algorithm) is not None


async def digest(algorithm: HashAlgorithm, data: Buffer) -> bytes:
    """The digest of ``data``; large data is hashed in a thread, which does not hold the GIL.

    Raises:
        UnsupportedError: This installation cannot compute the algorithm.
    """
    hasher = new_hasher(algorithm) if await load(algorithm) else None
    if hasher is None:
        raise UnsupportedError(f"nothing that is installed computes {algorithm}; pip install awscrt")
    await update(hasher, data)
    return hasher.digest()


async def update(hasher: Hasher, data: Buffer) -> None:
    """Feed a hash object; large data in a thread."""
    if len(data) <= INLINE_BYTES:
        hasher.update(data)
    else:
        await asyncio.to_thread(hasher.update, data)


def joined_crc(algorithm: HashAlgorithm, parts: Sequence[Part]) -> ObjectHash | None:
    """The CRC of an object of these parts, if that of each is known."""
    joined = 0
    for part in parts:
        if part.checksum is None or part.checksum.algorithm != algorithm:
            return None
        joined = crc_combine(algorithm, joined, int(part.checksum.value, 16), part.size)
    value = joined.to_bytes(CRC_SIZES_BYTES[algorithm], "big").hex()
    return ObjectHash(algorithm=algorithm, value=value) if parts else None

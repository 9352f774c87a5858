"""Hashes of content, computed without holding up the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiostorage import hashing
from aiostorage.errors import UnsupportedError
from aiostorage.hashing import new_hasher

if TYPE_CHECKING:
    from aiostorage.hashing import Hasher
    from aiostorage.models import Buffer, HashAlgorithm

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
        raise UnsupportedError(f"nothing that is installed computes {algorithm}; pip install 'aiostorage[speed]'")
    await update(hasher, data)
    return hasher.digest()


async def update(hasher: Hasher, data: Buffer) -> None:
    """Feed a hash object; large data in a thread."""
    if len(data) <= INLINE_BYTES:
        hasher.update(data)
    else:
        await asyncio.to_thread(hasher.update, data)

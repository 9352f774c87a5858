"""Hashes of content, computed without holding up the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol, assert_never

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.models import Buffer, HashAlgorithm

INLINE_BYTES = 256 * 1024
"""Up to this size a hash takes well under a millisecond, less than it costs to ask a thread."""


CRC_SIZES_BYTES: Final[Mapping[HashAlgorithm, int]] = {"crc32": 4, "crc32c": 4, "crc64nvme": 8}


class Hasher(Protocol):
    """What :mod:`hashlib` calls a hash object, as far as it is needed here."""

    def update(self, data: Buffer, /) -> None:
        """Take in more content."""
        ...

    def digest(self) -> bytes:
        """The digest of all content so far."""
        ...


class CRC32:
    """CRC-32 (ISO 3309) as a hash object; the digest is in network byte order."""

    def __init__(self, value: int = 0) -> None:
        self.value: int = value

    def update(self, data: Buffer, /) -> None:
        """Take in more content."""
        self.value = zlib.crc32(data, self.value)

    def digest(self) -> bytes:
        """The digest of all content so far."""
        return self.value.to_bytes(4, "big")


def new_hasher(algorithm: HashAlgorithm) -> Hasher | None:
    """A fresh hash object, or None where this installation cannot compute the algorithm."""
    match algorithm:
        case "md5":
            return hashlib.md5(usedforsecurity=False)
        case "sha1":
            return hashlib.sha1(usedforsecurity=False)
        case "sha256":
            return hashlib.sha256()
        case "crc32":
            return CRC32()
        case "crc32c" | "crc64nvme":
            return None
        case _:
            assert_never(algorithm)


async def digest(algorithm: HashAlgorithm, data: Buffer) -> bytes:
    """The digest of ``data``; large data is hashed in a thread, which does not hold the GIL.

    Raises:
        ValueError: This installation cannot compute the algorithm.
    """
    hasher = new_hasher(algorithm)
    if hasher is None:
        raise ValueError(f"no implementation of {algorithm} is installed")
    await update(hasher, data)
    return hasher.digest()


async def update(hasher: Hasher, data: Buffer) -> None:
    """Feed a hash object; large data in a thread."""
    if len(data) <= INLINE_BYTES:
        hasher.update(data)
    else:
        await asyncio.to_thread(hasher.update, data)


def crc32_combine(first: int, second: int, second_size: int) -> int:
    """The CRC-32 of two pieces joined, from the CRC-32 of each and the size of the second."""
    return crc_combine("crc32", first, second, second_size)


def crc_combine(algorithm: HashAlgorithm, first: int, second: int, second_size: int) -> int:
    """The CRC of two pieces joined, from that of each and the size of the second.

    Appending n zero bytes multiplies the CRC, a polynomial over GF(2), by x^(8n) modulo the
    generator; that power is found by squaring. Source: zlib, ``crc32_combine``.

    Raises:
        KeyError: The algorithm is no CRC.
    """
    return _multiply(algorithm, _power_of_x(algorithm, 8 * second_size), first) ^ second


_GENERATORS: Final[Mapping[HashAlgorithm, int]] = {
    "crc32": 0xEDB88320,
    "crc32c": 0x82F63B78,
    "crc64nvme": 0x9A6C9329AC4BC9B5,
}
"""Bits reversed: x^0 is the highest bit. Source: https://reveng.sourceforge.io/crc-catalogue/all.htm"""


def _multiply(algorithm: HashAlgorithm, a: int, b: int) -> int:
    generator = _GENERATORS[algorithm]
    product = 0
    bit = _one(algorithm)
    while bit:
        if a & bit:
            product ^= b
        b = (b >> 1) ^ generator if b & 1 else b >> 1
        bit >>= 1
    return product


def _one(algorithm: HashAlgorithm) -> int:
    """The polynomial 1."""
    return 1 << (8 * CRC_SIZES_BYTES[algorithm] - 1)


@lru_cache(maxsize=32)  # nearly all parts of an object are of one size
def _power_of_x(algorithm: HashAlgorithm, exponent: int) -> int:
    result = _one(algorithm)
    base = result >> 1
    while exponent:
        if exponent & 1:
            result = _multiply(algorithm, base, result)
        base = _multiply(algorithm, base, base)
        exponent >>= 1
    return result

"""Hash functions by name, and the arithmetic of CRCs. Pure, but that modules are imported when first needed.

CRC-32C and CRC-64/NVME want the processor's own instructions: in Python they would be a thousand times
slower than the network. They are there where ``awscrt`` is installed, CRC-32C also where ``google-crc32c`` is.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiostorage.models import Buffer, HashAlgorithm

    _CRC: TypeAlias = "Callable[[Buffer, int], int]"

CRC_SIZES_BYTES: Final[Mapping[HashAlgorithm, int]] = {"crc32": 4, "crc32c": 4, "crc64nvme": 8}

DIGEST_SIZES_BYTES: Final[Mapping[HashAlgorithm, int]] = {**CRC_SIZES_BYTES, "md5": 16, "sha1": 20, "sha256": 32}


_PACKAGES: Final[Mapping[HashAlgorithm, tuple[str, ...]]] = {
    "crc32c": ("awscrt", "google_crc32c"),
    "crc64nvme": ("awscrt",),
}


class Hasher(Protocol):
    """What :mod:`hashlib` calls a hash object, as far as it is needed here."""

    def update(self, data: Buffer, /) -> None:
        """Take in more content."""
        ...

    def digest(self) -> bytes:
        """The digest of all content so far."""
        ...


class CRC:
    """A CRC as a hash object; the digest is in network byte order."""

    def __init__(self, function: _CRC, size_bytes: int) -> None:
        self._function = function
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: Buffer, /) -> None:
        """Take in more content."""
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        """The digest of all content so far."""
        return self._value.to_bytes(self._size_bytes, "big")


_loaded: dict[HashAlgorithm, _CRC | None] = {"crc32": zlib.crc32}


def load(algorithm: HashAlgorithm) -> None:
    """Import what computes the algorithm, so that :func:`new_hasher` knows it; that takes a tenth of a second."""
    if needs_loading(algorithm):
        _loaded[algorithm] = _find(algorithm)


def needs_loading(algorithm: HashAlgorithm) -> bool:
    """Whether :func:`load` has anything to do."""
    return algorithm in CRC_SIZES_BYTES and algorithm not in _loaded


def _find(algorithm: HashAlgorithm) -> _CRC | None:
    try:
        # The modules say nothing of types that a checker could see where they are not installed.
        return cast("_CRC", getattr(importlib.import_module("awscrt.checksums"), algorithm))
    except (ImportError, AttributeError):
        pass
    if algorithm == "crc32c":
        try:
            extend = cast("Callable[[int, bytes], int]", importlib.import_module("google_crc32c").extend)
        except (ImportError, AttributeError):
            return None
        return lambda data, value: extend(value, bytes(data))
    return None


def is_computable(algorithm: HashAlgorithm) -> bool:
    """Whether this installation can compute the algorithm, as far as the names of what is installed tell."""
    packages = _PACKAGES.get(algorithm)
    return packages is None or any(importlib.util.find_spec(package) for package in packages)


def new_hasher(algorithm: HashAlgorithm) -> Hasher | None:
    """A fresh hash object, or None where this installation cannot compute the algorithm, as far as is known."""
    match algorithm:
        case "md5":
            return hashlib.md5(usedforsecurity=False)
        case "sha1":
            return hashlib.sha1(usedforsecurity=False)
        case "sha256":
            return hashlib.sha256()
        case "crc32" | "crc32c" | "crc64nvme":
            function = _loaded.get(algorithm)
            return None if function is None else CRC(function, CRC_SIZES_BYTES[algorithm])


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

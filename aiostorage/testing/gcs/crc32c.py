"""CRC-32C (Castagnoli), which the standard library does not have.

``google_crc32c`` computes it where it is installed. Otherwise many lanes of the content are computed
side by side with the only things that go over bytes quickly in Python: slices, ``bytes.translate``
and the exclusive or of long integers. A CRC is linear, so the lanes can be joined afterwards.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_GENERATOR = 0x82F63B78  # bits reversed: x^0 is the highest bit
_LANE_BYTES = 128
_VECTOR_BYTES = 16 * 1024  # below this a table, byte by byte, is quicker


def crc32c(data: bytes, value: int = 0) -> int:
    """The CRC-32C of content, going on from the value of what came before it."""
    compiled = _compiled()
    return extend(data, value) if compiled is None else compiled(value, data)


@lru_cache(maxsize=1)
def _compiled() -> Callable[[int, bytes], int] | None:
    try:
        import google_crc32c  # noqa: PLC0415 - where it is installed
    except ImportError:
        return None
    # Without its C part it goes byte by byte, which is slower than what is below.
    if google_crc32c.implementation != "c":
        return None
    # It has no annotations.
    return cast("Callable[[int, bytes], int]", google_crc32c.extend)  # pyright: ignore[reportUnknownMemberType]


def extend(data: bytes, value: int = 0) -> int:
    """The same, without any library."""
    lanes = len(data) // _LANE_BYTES if len(data) >= _VECTOR_BYTES else 0
    # A power of two, so that joining halves comes out even.
    lanes = 1 << (lanes.bit_length() - 1) if lanes else 0
    size = lanes * _LANE_BYTES
    if size:
        value = combine(value, _lanes(data[:size], lanes), size)
    rest = data[size:]
    if len(rest) >= _VECTOR_BYTES:
        return extend(rest, value)
    value ^= 0xFFFFFFFF
    table = _table()
    for byte in rest:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def combine(first: int, second: int, second_size: int) -> int:
    """The CRC of two pieces joined, from the CRC of each and the size of the second."""
    return _multiply(_power(8 * second_size), first) ^ second


def _lanes(data: bytes, lanes: int) -> int:
    """The CRC of lanes of one size each, all at once; the four bytes of all their CRCs are four planes."""
    planes = [0, 0, 0, 0]
    for column in range(_LANE_BYTES):
        values = data[column::_LANE_BYTES]
        for plane, table in enumerate(_column_tables(_LANE_BYTES - 1 - column)):
            planes[plane] ^= int.from_bytes(values.translate(table), "little")
    rows = [plane.to_bytes(lanes, "little") for plane in planes]
    shift = _LANE_BYTES
    while lanes > 1:
        # Every even lane moves past the odd one that follows it.
        lanes //= 2
        moved = [int.from_bytes(row[1::2], "little") for row in rows]
        for source, tables in enumerate(_shift_tables(shift)):
            even = rows[source][0::2]
            for plane, table in enumerate(tables):
                moved[plane] ^= int.from_bytes(even.translate(table), "little")
        rows = [plane.to_bytes(lanes, "little") for plane in moved]
        shift *= 2
    raw = int.from_bytes(b"".join(rows), "little")
    # The register starts with ones and is inverted in the end; the lanes began with zeros.
    return raw ^ _multiply(_power(8 * shift), 0xFFFFFFFF) ^ 0xFFFFFFFF


@lru_cache(maxsize=1)
def _table() -> tuple[int, ...]:
    table: list[int] = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ _GENERATOR if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


@lru_cache(maxsize=_LANE_BYTES)
def _column_tables(followed_by: int) -> tuple[bytes, ...]:
    """What a byte adds to each byte of the CRC, if so many bytes follow it."""
    power = _power(8 * followed_by)
    return _planes([_multiply(power, value) for value in _table()])


@lru_cache(maxsize=64)
def _shift_tables(size: int) -> tuple[tuple[bytes, ...], ...]:
    """What each byte of a CRC becomes when so many zeros follow."""
    power = _power(8 * size)
    return tuple(_planes([_multiply(power, byte << (8 * source)) for byte in range(256)]) for source in range(4))


def _planes(values: list[int]) -> tuple[bytes, ...]:
    return tuple(bytes((value >> (8 * plane)) & 0xFF for value in values) for plane in range(4))


def _multiply(a: int, b: int) -> int:
    product = 0
    bit = 1 << 31
    while bit:
        if a & bit:
            product ^= b
        b = (b >> 1) ^ _GENERATOR if b & 1 else b >> 1
        bit >>= 1
    return product


@lru_cache(maxsize=512)
def _power(exponent: int) -> int:
    result, base = 1 << 31, 1 << 30  # x^0 and x^1
    while exponent:
        if exponent & 1:
            result = _multiply(base, result)
        base = _multiply(base, base)
        exponent >>= 1
    return result

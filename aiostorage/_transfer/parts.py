"""Where an object is cut into parts. Pure arithmetic; all sizes are bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage.errors import InvalidArgumentError

if TYPE_CHECKING:
    from aiostorage.models import Limits

MIB = 1024 * 1024

_TIERS = 10
_EQUAL_PART_BYTES = 16 * MIB


def part_size_for(size: int, wanted: int, limits: Limits) -> int:
    """The size of all parts (but the last) of an object whose size is known.

    It is the wanted one, unless the provider's limits demand more: then as little more as they do,
    in whole MiB.

    Raises:
        InvalidArgumentError: The object is larger than the provider can hold.
    """
    if size > limits.max_object_size_bytes:
        raise InvalidArgumentError(f"{size} bytes are more than the provider's {limits.max_object_size_bytes}")
    part_size = max(wanted, limits.min_part_size_bytes)
    if size > part_size * limits.max_parts:
        part_size = -(-size // limits.max_parts)
        part_size += -part_size % MIB
    if part_size > limits.max_part_size_bytes:
        if size > limits.max_part_size_bytes * limits.max_parts:
            raise InvalidArgumentError(f"{size} bytes do not fit into {limits.max_parts} parts")
        part_size = limits.max_part_size_bytes
    return part_size


def growing_part_size(number: int, wanted: int, limits: Limits) -> int:
    """The size of part ``number`` (from 1) of an object whose size nobody knows yet.

    It doubles with every tenth of the parts that the provider allows: 8 MiB becomes 4 GiB, and
    10,000 parts hold 8 TiB. Where all parts must be equal it is at least 16 MiB from the start. It is
    to be asked for when there is a byte to put into that part.

    Raises:
        InvalidArgumentError: The provider allows no further part.
    """
    base = _first_part_size(wanted, limits)
    if number > limits.max_parts:
        hint = ""
        if limits.equal_parts:
            hint = f" of {base} bytes each; give part_size_bytes, or the size if you know it"
        raise InvalidArgumentError(f"the stream does not fit into the provider's {limits.max_parts} parts{hint}")
    if limits.equal_parts:
        return min(base, limits.max_part_size_bytes)
    return min(base << ((number - 1) * _TIERS // limits.max_parts), limits.max_part_size_bytes)


def memory_for(wanted: int, concurrency: int, limits: Limits) -> int:
    """The bytes that an upload may hold: so many parts on their way as are wanted, and one that is being filled.

    Parts that grow do not make it more. At least one part can always be held, however large.
    """
    return _first_part_size(wanted, limits) * (concurrency + 1)


def _first_part_size(wanted: int, limits: Limits) -> int:
    """The size of a part before the number of parts makes it larger."""
    return max(wanted, limits.min_part_size_bytes, _EQUAL_PART_BYTES if limits.equal_parts else 0)

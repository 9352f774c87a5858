from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage import InvalidArgumentError, Limits
from aiostorage._transfer.parts import MIB, growing_part_size, part_size_for

TIB = 1024**4
S3 = Limits(
    max_object_size_bytes=50 * TIB,
    max_put_size_bytes=5 * 1024**3,
    max_copy_size_bytes=5 * 1024**3,
    min_part_size_bytes=5 * MIB,
    max_part_size_bytes=5 * 1024**3,
    max_parts=10_000,
    max_delete_batch=1000,
    max_page_size=1000,
)


@given(size=st.integers(0, 48 * TIB), wanted=st.integers(1, 6 * 1024**3), max_parts=st.sampled_from([1000, 10_000]))
def test_a_known_size_fits_into_the_parts_that_are_allowed(size: int, wanted: int, max_parts: int) -> None:
    limits = replace(S3, max_parts=max_parts)
    if size > limits.max_part_size_bytes * max_parts:
        with pytest.raises(InvalidArgumentError):
            part_size_for(size, wanted, limits)
        return
    part_size = part_size_for(size, wanted, limits)
    assert limits.min_part_size_bytes <= part_size <= limits.max_part_size_bytes
    assert part_size * max_parts >= size
    assert part_size < max(wanted, 5 * MIB, -(-size // max_parts)) + MIB


def test_the_wanted_part_size_is_kept_where_it_can_be() -> None:
    assert part_size_for(100 * MIB, 8 * MIB, S3) == 8 * MIB
    assert part_size_for(100 * MIB, 1 * MIB, S3) == 5 * MIB
    assert part_size_for(5 * TIB, 8 * MIB, S3) == 525 * MIB


def test_more_than_the_provider_holds_is_refused() -> None:
    with pytest.raises(InvalidArgumentError):
        part_size_for(51 * TIB, 8 * MIB, S3)


def test_an_unknown_size_reaches_five_tebibytes() -> None:
    sizes = [growing_part_size(number, 8 * MIB, S3) for number in range(1, 10_001)]
    assert sizes[0] == 8 * MIB
    assert sizes == sorted(sizes)
    assert sum(sizes) >= 5 * TIB
    assert sizes[-1] <= S3.max_part_size_bytes
    with pytest.raises(InvalidArgumentError, match="10000 parts"):
        growing_part_size(10_001, 8 * MIB, S3)


def test_parts_stay_equal_where_they_must() -> None:
    limits = replace(S3, equal_parts=True)
    assert {growing_part_size(number, 8 * MIB, limits) for number in (1, 5000, 10_000)} == {16 * MIB}
    with pytest.raises(InvalidArgumentError, match="give part_size_bytes"):
        growing_part_size(10_001, 8 * MIB, limits)

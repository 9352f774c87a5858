"""Arithmetic: parts make up the object whatever the limits, and pages the listing whatever their size."""

from __future__ import annotations

import tempfile
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiostorage import AzureDriver, GCSDriver, LocalDriver, MemoryDriver, S3Driver, SwiftDriver
from aiostorage._transfer.parts import growing_part_size, part_size_for
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import WriteOptions

if TYPE_CHECKING:
    from aiostorage import Driver
    from aiostorage.models import Limits

WHERE = {"endpoint": "http://127.0.0.1:1"}
KEY = {"access_key_id": "a", "secret_access_key": "b", "region": "r"}
LIMITS: dict[str, Limits] = {
    "memory": MemoryDriver().capabilities.limits,
    "local": LocalDriver(".").capabilities.limits,
    "gcs": GCSDriver(endpoint=WHERE["endpoint"], anonymous=True).capabilities.limits,
    "azure": AzureDriver(endpoint=WHERE["endpoint"] + "/a", account_name="abc", anonymous=True).capabilities.limits,
    "swift": SwiftDriver(token="t", storage_url=WHERE["endpoint"] + "/v1/a").capabilities.limits,
    **{
        vendor: S3Driver(vendor=vendor, **WHERE, **KEY).capabilities.limits  # type: ignore[arg-type]  # by name
        for vendor in ("aws", "r2", "ceph", "swift", "rclone", "generic")
    },
}


@pytest.mark.parametrize("limits", LIMITS.values(), ids=list(LIMITS))
@given(data=st.data(), wanted=st.integers(1, 6 << 30))
def test_parts_of_a_known_size(limits: Limits, data: st.DataObject, wanted: int) -> None:
    size = data.draw(st.integers(0, limits.max_object_size_bytes) | st.integers(0, 1 << 30))
    try:
        part_size = part_size_for(size, wanted, limits)
    except InvalidArgumentError:
        assert size > limits.max_part_size_bytes * limits.max_parts
        return
    assert limits.min_part_size_bytes <= part_size <= limits.max_part_size_bytes
    count = -(-size // part_size)
    assert count <= limits.max_parts
    assert (count - 1) * part_size < size <= count * part_size or size == 0
    smallest = max(wanted, limits.min_part_size_bytes)
    if size <= smallest * limits.max_parts:  # only the limits make parts larger than they were wanted
        assert part_size <= smallest


@pytest.mark.parametrize("limits", LIMITS.values(), ids=list(LIMITS))
@given(wanted=st.integers(1, 6 << 30), numbers=st.lists(st.integers(1, 12_000), min_size=2, max_size=5))
def test_parts_of_an_unknown_size(limits: Limits, wanted: int, numbers: list[int]) -> None:
    sizes: list[int] = []
    for number in sorted(numbers):
        if number > limits.max_parts:
            with pytest.raises(InvalidArgumentError):
                growing_part_size(number, wanted, limits)
        else:
            sizes.append(growing_part_size(number, wanted, limits))
    assert sizes == sorted(sizes)
    assert all(limits.min_part_size_bytes <= size <= limits.max_part_size_bytes for size in sizes)
    if limits.equal_parts:
        assert len({*sizes}) <= 1


NAMES = st.sets(st.text("ab/-", min_size=1, max_size=5).filter(lambda name: "//" not in name), max_size=15)


def plainly(names: set[str], prefix: str, delimiter: str, start_after: str) -> list[str]:
    """What a listing shows, by its definition."""
    shown: set[str] = set()
    for name in names:
        rest = name[len(prefix) :]
        if name.startswith(prefix) and name > start_after:
            cut = rest.find(delimiter) if delimiter else -1
            shown.add(name if cut < 0 else prefix + rest[: cut + len(delimiter)])
    return sorted(shown)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["memory", "local"])
@settings(max_examples=30)
@given(
    names=NAMES,
    prefix=st.text("ab/-", max_size=2),
    delimiter=st.sampled_from(["", "/", "-", "a/"]),
    start_after=st.just("") | st.text("ab/-", max_size=3),
)
async def test_pages_of_any_size_make_the_whole(
    kind: str, names: set[str], prefix: str, delimiter: str, start_after: str
) -> None:
    with tempfile.TemporaryDirectory() as root:
        driver: Driver = MemoryDriver() if kind == "memory" else LocalDriver(root)
        box = await driver.create_container("box")
        for name in names:
            await driver.backend.put_object("box", name, b"x", WriteOptions())
        expected = plainly(names, prefix, delimiter, start_after)
        for page_size in (None, 1, 2, 3, 7):
            found: list[str] = []
            listed = box.list_objects(prefix=prefix, delimiter=delimiter, start_after=start_after, page_size=page_size)
            async with aclosing(listed):
                found.extend([item.name async for item in listed])
            assert found == expected

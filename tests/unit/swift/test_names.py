"""Names of containers, objects and segments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage.errors import InvalidNameError, UploadNotFoundError
from aiostorage.models import Upload
from aiostorage.providers.swift import names
from aiostorage.providers.swift.large_objects import _before

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ID = names.new_upload_id(NOW, "0123456789abcdef")

KEYS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200)


@pytest.mark.parametrize("container", ["", "a/b", "x" * 257, "é" * 129, "nul\0", "lone\ud800"])
def test_containers_that_cannot_be(container: str) -> None:
    with pytest.raises(InvalidNameError):
        names.check_name(container)


@pytest.mark.parametrize("key", ["", "x" * 1025, "é" * 513, "nul\0", "lone\ud800"])
def test_keys_that_cannot_be(key: str) -> None:
    with pytest.raises(InvalidNameError):
        names.check_name("container", key)


@pytest.mark.parametrize("key", ["..", "/", "a//b", "\n", "😀" * 256])
def test_keys_that_can(key: str) -> None:
    names.check_name(".", key)


def test_an_id_tells_when_the_upload_began() -> None:
    assert names.started_at(ID) == NOW
    assert ID == "1767323045.678901-0123456789abcdef"


@given(key=KEYS, number=st.integers(1, 99_999_999))
def test_the_name_of_a_segment_tells_all_of_it(key: str, number: int) -> None:
    upload = Upload(container="c", key=key, upload_id=ID)
    name = names.segment_name(upload, number)
    assert name.startswith(names.segment_prefix(upload))
    assert names.read_segment(name) == (key, ID, number)


@pytest.mark.parametrize(
    "name",
    ["key", "key/slo/1700000000.00/4/2/00000000", f"key/slo/{ID}/1", f"/slo/{ID}/00000001", f"key/slo/{ID}/00000001/x"],
)
def test_names_of_others(name: str) -> None:
    assert names.read_segment(name) is None


@pytest.mark.parametrize("upload_id", ["", "..", "1700000000.0-0", f"{ID}/..", f"{ID}\n"])
def test_ids_of_nothing(upload_id: str) -> None:
    with pytest.raises(UploadNotFoundError):
        names.segment_prefix(Upload(container="c", key="key", upload_id=upload_id))


def test_names_that_leave_room_for_those_of_segments() -> None:
    longest = 1024 - len(f"/slo/{ID}/00000001")
    names.check_upload("c" * 247, "k" * longest)
    for container, key in (("c" * 248, "k"), ("c", "k" * (longest + 1))):
        with pytest.raises(InvalidNameError):
            names.check_upload(container, key)


@given(key=KEYS, other=KEYS)
def test_a_listing_that_begins_right_before_a_key_begins_with_it(key: str, other: str) -> None:
    before = _before(key)
    assert before < key
    assert "\0" not in before
    if before < other < key and "\x01" not in key[-1:]:
        assert other.startswith(before)  # nothing but what nobody names so

"""The rules that memory and folders share, and that servers have of their own."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage.errors import (
    ClosedError,
    InvalidArgumentError,
    InvalidNameError,
    NotModifiedError,
    ObjectNotFoundError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    UnsupportedError,
)
from aiostorage.models import ByteRange, ListQuery, ObjectInfo, Page, Part, ReadOptions, WriteOptions
from aiostorage.providers import _semantics as rules


@given(st.integers(-30, 30), st.one_of(st.none(), st.integers(-5, 40)), st.integers(0, 25))
def test_a_range_is_a_slice_that_is_not_empty(start: int, stop: int | None, size: int) -> None:
    try:
        first, last = rules.resolve_range(ByteRange(start, stop), size)
    except InvalidArgumentError:
        assert stop is not None
        assert start < 0 or stop < start
    except RangeNotSatisfiableError:
        assert not range(size)[start:stop]
    else:
        assert range(first, last) == range(size)[start:stop]
        assert first < last


def test_no_range_is_everything() -> None:
    assert rules.resolve_range(None, 0) == (0, 0)


@pytest.mark.parametrize(
    ("options", "etag", "error"),
    [
        (WriteOptions(), None, None),
        (WriteOptions(), "a", None),
        (WriteOptions(if_none_match="*"), None, None),
        (WriteOptions(if_none_match="*"), "a", PreconditionFailedError),
        (WriteOptions(if_match="a"), "a", None),
        (WriteOptions(if_match="*"), "a", None),
        (WriteOptions(if_match="b"), "a", PreconditionFailedError),
        (WriteOptions(if_match="a"), None, PreconditionFailedError),
        (WriteOptions(if_match="*"), None, PreconditionFailedError),
    ],
)
def test_conditions_of_writes(options: WriteOptions, etag: str | None, error: type[Exception] | None) -> None:
    rules.check_write_options(options)
    if error is None:
        rules.check_write(options, etag)
    else:
        with pytest.raises(error):
            rules.check_write(options, etag)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (ReadOptions(), None),
        (ReadOptions(if_match="a"), None),
        (ReadOptions(if_match="*"), None),
        (ReadOptions(if_match="b"), PreconditionFailedError),
        (ReadOptions(if_none_match="b"), None),
        (ReadOptions(if_none_match="a"), NotModifiedError),
        (ReadOptions(if_none_match="*"), NotModifiedError),
        (ReadOptions(if_match="b", if_none_match="a"), PreconditionFailedError),
    ],
)
def test_conditions_of_reads(options: ReadOptions, error: type[Exception] | None) -> None:
    if error is None:
        rules.check_read(options, "a")
    else:
        with pytest.raises(error) as caught:
            rules.check_read(options, "a")
        assert type(caught.value) is error


def test_options_that_make_no_sense() -> None:
    with pytest.raises(InvalidArgumentError):
        rules.check_write_options(WriteOptions(if_none_match="an etag"))
    with pytest.raises(InvalidArgumentError):
        rules.check_write_options(WriteOptions(), (5 << 30) + 1)
    with pytest.raises(UnsupportedError):
        rules.refuse_version("1")
    with pytest.raises(UnsupportedError):
        rules.page_size(ListQuery(versions=True))
    with pytest.raises(InvalidArgumentError):
        rules.page_size(ListQuery(page_size=0))
    assert [rules.page_size(ListQuery(page_size=size)) for size in (None, 1, 5000)] == [1000, 1, 1000]


def test_an_error_says_what_was_being_done() -> None:
    with pytest.raises(ObjectNotFoundError) as caught, rules.operation("memory", "copy_object", "box", "key"):
        raise ObjectNotFoundError("gone", container="source box", key="source")
    error = caught.value
    assert (error.provider, error.operation, error.container, error.key) == (
        "memory",
        "copy_object",
        "source box",
        "source",
    )
    with pytest.raises(InvalidNameError) as refused, rules.operation("memory", "put_object", "box", ""):
        raise AssertionError("the name was not checked")
    assert (refused.value.operation, refused.value.key) == ("put_object", "")


@pytest.mark.parametrize(
    ("key", "prefix", "delimiter", "expected"),
    [
        ("a/b/c", "", "/", "a/"),
        ("a/b/c", "a/", "/", "a/b/"),
        ("a/b/c", "a/b", "/", "a/b/"),
        ("a/", "a/", "/", None),
        ("a", "", "/", None),
        ("a--b", "", "--", "a--"),
        ("a/b", "", "", None),
    ],
)
def test_common_prefixes(key: str, prefix: str, delimiter: str, expected: str | None) -> None:
    assert rules.common_prefix(key, ListQuery(prefix=prefix, delimiter=delimiter)) == expected


def parts_of(*sizes: int) -> list[Part]:
    content = bytes(range(256))
    parts: list[Part] = []
    offset = 0
    for number, size in enumerate(sizes, start=1):
        checksum = rules.crc32_hash(zlib.crc32(content[offset : offset + size]))
        parts.append(Part(number=number, offset=offset, size=size, etag=f"e{number}", checksum=checksum))
        offset += size
    return parts


def test_parts_make_an_object() -> None:
    parts = parts_of(100, 1, 0, 155)
    held = {part.number: part for part in parts}
    assert rules.arrange(held, parts) == parts
    assert rules.joined_crc32(parts) == zlib.crc32(bytes(range(256)))
    unplaced = {number: replace(part, offset=-1) for number, part in held.items()}
    assert rules.arrange(unplaced, list(unplaced.values())) == parts
    assert rules.arrange(held, [replace(part, offset=-1) for part in parts]) == parts
    sparse = [replace(part, number=part.number * 10) for part in parts]
    assert rules.arrange({part.number: part for part in sparse}, sparse) == sparse


@pytest.mark.parametrize(("number", "offset", "size"), [(0, 0, 1), (10_001, 0, 1), (1, -1, 1), (1, 0, (5 << 30) + 1)])
def test_parts_that_no_upload_holds(number: int, offset: int, size: int) -> None:
    with pytest.raises(InvalidArgumentError):
        rules.check_part(number, offset, size)


@given(st.sets(st.text(max_size=3), max_size=30), st.integers(1, 5))
def test_pages_show_everything_once_and_in_order(names: set[str], size: int) -> None:
    limits = replace(rules.CAPABILITIES.limits, max_page_size=size)
    shown: list[str] = []
    token: str | None = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "CAPABILITIES", replace(rules.CAPABILITIES, limits=limits))
        while True:
            page: Page[str] = rules.page_of({name: name for name in names}, token)
            assert len(page.items) <= size
            shown += page.items
            token = page.next_token
            if token is None:
                break
    assert shown == sorted(names)


@pytest.mark.anyio
async def test_a_body_of_bytes() -> None:
    body = rules.BytesBody(ObjectInfo(key="key", size=5 << 20), bytes(3 << 20), 10)
    assert (body.start, body.stop) == (10, 10 + (3 << 20))
    first = await anext(aiter(body))
    assert 0 < len(first) < 3 << 20
    assert len(first) + len(await body.read()) == 3 << 20
    assert [chunk async for chunk in body] == []
    await body.aclose()
    await body.aclose()
    with pytest.raises(ClosedError):
        await body.read()

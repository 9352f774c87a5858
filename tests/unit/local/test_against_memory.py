"""Whatever is done, a folder shows what memory shows."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiostorage.errors import StorageError
from aiostorage.models import ByteRange, ListQuery, ObjectInfo, ObjectRef, Prefix, ReadOptions, WriteOptions
from aiostorage.providers.local import LocalBackend
from aiostorage.providers.memory import MemoryBackend

if TYPE_CHECKING:
    from aiostorage.models import Part, Upload

pytestmark = pytest.mark.anyio

Either: TypeAlias = LocalBackend | MemoryBackend

# Few and short, so that they meet: below, beside and in the way of each other.
PIECES = st.sampled_from([
    "a",
    "b",
    "a-",
    "",
    ".",
    "..",
    "%~a",
    "%=",
    "é",
    "\0",
    "😀",
    "\uffff",
    ".aiostorage",
    "x" * 260,
])
KEYS = st.lists(PIECES, min_size=1, max_size=4).map("/".join).filter(bool)
DATA = st.binary(max_size=20)
CONDITIONS = st.sampled_from([{}, {"if_none_match": "*"}, {"if_match": "*"}, {"if_match": "of another"}])
QUERIES = st.builds(
    ListQuery,
    prefix=st.one_of(st.just(""), KEYS, KEYS.map(lambda key: key[:-1])),
    delimiter=st.sampled_from(["", "/", "a", "/a", "//", "-/"]),
    start_after=st.one_of(st.just(""), KEYS),
    page_size=st.sampled_from([None, 1, 2, 3]),
)
RANGES = st.one_of(st.none(), st.builds(ByteRange, st.integers(-25, 25), st.one_of(st.none(), st.integers(0, 25))))

Step: TypeAlias = "tuple[str, str, str, bytes, dict[str, str], ListQuery, ByteRange | None]"
STEPS = st.tuples(
    st.sampled_from(["put", "put", "put", "delete", "delete many", "copy", "get", "list", "list", "upload", "upload"]),
    KEYS,
    KEYS,
    DATA,
    CONDITIONS,
    QUERIES,
    RANGES,
)


@settings(max_examples=80)
@given(st.lists(STEPS, min_size=3, max_size=25))
async def test_a_folder_shows_what_memory_shows(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as root:
        local, memory = LocalBackend(root), MemoryBackend()
        await local.create_container("box")
        await memory.create_container("box")
        for step in steps:
            assert await outcome(local, step) == await outcome(memory, step), step
        for parent, _, _ in os.walk(root):
            os.utime(parent, (0, 0))  # as if nothing had changed for long: pages go on where the one before has ended
        for query in (ListQuery(page_size=1), ListQuery(page_size=2, delimiter="/"), replace(steps[0][5], page_size=1)):
            assert await names(local, query) == await names(memory, query)
        for key, _ in await names(memory, ListQuery()):
            await local.delete_object("box", key)
        await local.delete_container("box")


async def outcome(backend: Either, step: Step) -> object:
    """What a step does, as far as the two must agree; an error as its class."""
    kind, key, other, data, conditions, query, byte_range = step
    options = WriteOptions(
        content_type="text/x",
        metadata={"key": key.replace("\0", "")},
        if_match=conditions.get("if_match"),
        if_none_match=conditions.get("if_none_match"),
    )
    try:
        match kind:
            case "put":
                return comparable(await backend.put_object("box", key, data, options))
            case "delete":
                await backend.delete_object("box", key)
                return None
            case "delete many":
                refs = [ObjectRef(container="box", key=each) for each in (key, other, "")]
                outcomes = await backend.delete_objects("box", refs)
                return [(outcome.key, type(outcome.error)) for outcome in outcomes]
            case "copy":
                chosen = options if data else None
                return comparable(await backend.copy_object(ObjectRef(container="box", key=key), "box", other, chosen))
            case "get":
                body = await backend.get_object("box", key, ReadOptions(byte_range=byte_range))
                content = await body.read()
                await body.aclose()
                return comparable(body.info), body.start, body.stop, content
            case "list":
                return await names(backend, query)
            case _:
                return comparable(await upload(backend, key, other, data, options))
    except StorageError as error:
        return type(error), error.operation, error.container, error.key


def comparable(info: ObjectInfo) -> ObjectInfo:
    return replace(info, etag=None, last_modified=None)


async def names(backend: Either, query: ListQuery) -> list[tuple[str, int | None]]:
    """A whole listing, with what listings and heads must agree about."""
    found: list[tuple[str, int | None]] = []
    token: str | None = None
    while True:
        page = await backend.list_objects("box", query, token=token)
        assert len(page.items) <= (query.page_size or 1000)
        for item in page.items:
            if isinstance(item, Prefix):
                found.append((item.name, None))
            else:
                head = await backend.head_object("box", item.key, ReadOptions(if_match=item.etag))
                assert (head.size, head.last_modified) == (item.size, item.last_modified)
                found.append((item.key, item.size))
        token = page.next_token
        if token is None:
            return found


async def upload(backend: Either, key: str, other: str, data: bytes, options: WriteOptions) -> ObjectInfo:
    """An object in parts of five bytes, the second of which is sent again if it is full; the last is a copy."""
    begun: Upload = await backend.create_upload("box", key, options)
    parts: dict[int, Part] = {}
    try:
        for number, offset in enumerate(range(0, len(data), 5), start=1):
            piece = data[offset : offset + 5]
            parts[number] = await backend.upload_part(begun, number, offset, piece)
            if number == 2 and len(piece) == 5:
                parts[number] = await backend.upload_part(begun, number, offset, piece[::-1])
        if options.if_match is None:
            source = ObjectRef(container="box", key=other)
            parts[9] = await backend.copy_part(begun, 9, source, ByteRange(len(data) % 3))
        assert [part.number for part in (await backend.list_parts(begun, token=None)).items] == list(parts)
        return await backend.complete_upload(begun, list(parts.values()), options)
    except StorageError:
        assert [each.key for each in (await backend.list_uploads("box", prefix=key, token=None)).items] == [key]
        await backend.abort_upload(begun)
        raise

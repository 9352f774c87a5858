"""Uploads by parts, on disk."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import (
    ChecksumMismatchError,
    ContainerNotFoundError,
    InvalidArgumentError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    UploadNotFoundError,
)
from aiostorage.models import WHOLE, ByteRange, ObjectRef, Upload, WriteOptions
from aiostorage.providers._semantics import crc32_hash
from aiostorage.providers.local import LocalBackend
from aiostorage.providers.local.files import OutputFile
from aiostorage.providers.local.folder import Folder
from aiostorage.providers.local.names import Names
from aiostorage.providers.local.uploads import PendingUpload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aiostorage.models import ObjectInfo, Part
    from tests.unit.local.conftest import Box

pytestmark = pytest.mark.anyio

OPTIONS = WriteOptions(content_type="text/x", metadata={"a": "b"})
CONTENT = random.Random(1).randbytes(1_000_000)
SIZES = [300_000, 1, 399_999, 300_000]


class Sending:
    """One upload of :data:`CONTENT`, in parts of :data:`SIZES`."""

    def __init__(self, box: Box, upload: Upload) -> None:
        self.box = box
        self.upload = upload
        self.path: Path = box.path / ".aiostorage" / "uploads" / upload.upload_id

    async def send(self, number: int, content: bytes | None = None) -> Part:
        offset = sum(SIZES[: number - 1])
        piece = CONTENT[offset : offset + SIZES[number - 1]] if content is None else content
        return await self.box.backend.upload_part(self.upload, number, offset, piece)

    async def send_all(self) -> list[Part]:
        return await asyncio.gather(*(self.send(number) for number in (3, 1, 4, 2)))

    async def complete(self, parts: Sequence[Part], options: WriteOptions = OPTIONS) -> ObjectInfo:
        ordered = sorted(parts, key=lambda part: part.number)
        return await self.box.backend.complete_upload(self.upload, ordered, options)

    async def held(self) -> list[Part]:
        return list((await self.box.backend.list_parts(self.upload, token=None)).items)


@pytest.fixture
async def sending(box: Box) -> Sending:
    return Sending(box, await box.backend.create_upload("box", "a/key", OPTIONS))


async def test_parts_lie_where_they_will_be_read(box: Box, sending: Sending) -> None:
    parts = await sending.send_all()
    assert await sending.held() == sorted(parts, key=lambda part: part.number)
    assert await box.names() == []
    inode = (sending.path / "data").stat().st_ino
    info = await sending.complete(parts)
    assert (box.path / "a" / "key").stat().st_ino == inode  # nothing was copied
    assert await box.get("a/key") == CONTENT
    assert await box.head("a/key") == info
    assert (info.metadata, info.content_type, info.size) == ({"a": "b"}, "text/x", len(CONTENT))
    assert info.object_hash == (await box.put("witness", CONTENT)).object_hash
    assert not sending.path.exists()


async def test_a_part_that_is_sent_again_counts(box: Box, sending: Sending) -> None:
    wrong = await sending.send(2, b"?")
    parts = await sending.send_all()
    held = {part.number: part for part in await sending.held()}
    assert held == {part.number: part for part in parts}
    with pytest.raises(InvalidArgumentError):
        await sending.complete([part for part in parts if part.number != 2] + [wrong])
    await sending.send(2)
    parts[3] = await sending.send(2)
    assert len(os.listdir(sending.path)) == 4  # only one part has a file of its own
    await sending.complete(parts)
    assert await box.get("a/key") == CONTENT


async def test_two_at_once_send_the_same_part(box: Box, sending: Sending) -> None:
    first, second = bytes(SIZES[0]), b"x" * SIZES[0]
    both = await asyncio.gather(sending.send(1, first), sending.send(1, second))
    (held,) = await sending.held()
    assert held in both
    await sending.complete([held])
    assert await box.get("a/key") == (first if held.checksum == both[0].checksum else second)


async def test_parts_of_other_sizes_take_the_place(box: Box, sending: Sending) -> None:
    """What was sent first lies in the way of what is sent then; in the end only the second counts."""
    for number, offset in ((1, 0), (2, 10), (3, 20)):
        await box.backend.upload_part(sending.upload, number, offset, b"?" * 10)
    parts = [
        await box.backend.upload_part(sending.upload, number, offset, content)
        for number, offset, content in ((2, 4, b"BBBBBB"), (1, 0, b"AAAA"))
    ]
    info = await sending.complete(parts)
    assert await box.get("a/key") == b"AAAABBBBBB"
    assert info.object_hash == (await box.put("witness", b"AAAABBBBBB")).object_hash


async def test_a_straggler_does_not_reach_the_object(box: Box, sending: Sending) -> None:
    """Somebody has begun to write a part in its place, and has not ended when the upload is completed."""
    with (sending.path / "parts").open("r+b") as table:
        table.write(b"\1")  # part 1 is begun
    with (sending.path / "data").open("r+b") as straggler:
        parts = await sending.send_all()
        await sending.complete(parts)
        straggler.write(b"late")
    assert await box.get("a/key") == CONTENT


async def test_damage_to_a_part_is_noticed(box: Box, sending: Sending) -> None:
    await sending.send(2, b"?")
    parts = await sending.send_all()
    with (sending.path / "data").open("r+b") as file:
        file.write(b"damage")
    with pytest.raises(ChecksumMismatchError, match="part 1"):
        await sending.complete(parts)
    assert await box.names() == []
    again = await sending.send(1)
    await sending.complete([again, *(part for part in parts if part.number != 1)])
    assert await box.get("a/key") == CONTENT


async def test_parts_may_be_copies(box: Box, sending: Sending) -> None:
    await box.put("source", b"0123456789")
    source = ObjectRef(container="box", key="source")
    copy = box.backend.copy_part
    second = await copy(sending.upload, 2, source, ByteRange(2, 5))
    first = await box.backend.upload_part(sending.upload, 1, 0, b"ab")
    fourth = await copy(sending.upload, 4, source, ByteRange(-3))
    third = await box.backend.upload_part(sending.upload, 3, 5, b"c")
    assert second.offset == -1
    with pytest.raises(RangeNotSatisfiableError):
        await copy(sending.upload, 5, source, ByteRange(10, 11))
    await sending.complete([first, second, third, fourth])
    assert await box.get("a/key") == b"ab234c789"


async def test_parts_that_make_no_object(box: Box, sending: Sending) -> None:
    parts = sorted(await sending.send_all(), key=lambda part: part.number)
    backwards = parts[::-1]
    for wrong in [
        [],
        parts[1:],
        [parts[0], parts[2], parts[3]],
        [*parts[:3], replace(parts[3], etag="another")],
        [*parts[:3], replace(parts[3], size=1)],
        [*parts[:3], replace(parts[3], offset=5)],
        [*parts, replace(parts[3], number=5)],
        [parts[0], parts[0]],
        backwards,
    ]:
        with pytest.raises(InvalidArgumentError):
            await box.backend.complete_upload(sending.upload, wrong, OPTIONS)
    assert await box.names() == []
    await sending.complete(parts[:2])  # the others are not wanted any more
    assert await box.get("a/key") == CONTENT[: sum(SIZES[:2])]


@pytest.mark.parametrize(("number", "offset"), [(0, 0), (10_001, 0), (1, -1), (1, 5 << 40)])
async def test_parts_beyond_the_limits(box: Box, sending: Sending, number: int, offset: int) -> None:
    with pytest.raises(InvalidArgumentError):
        await box.backend.upload_part(sending.upload, number, offset, b"x")


async def test_a_condition_is_looked_at_in_the_end(box: Box, sending: Sending) -> None:
    parts = await sending.send_all()
    there = await box.put("a/key", b"there")
    with pytest.raises(PreconditionFailedError):
        await sending.complete(parts, replace(OPTIONS, if_none_match="*"))
    assert await box.get("a/key") == b"there"
    await sending.complete(parts, replace(OPTIONS, if_match=there.etag))
    assert await box.get("a/key") == CONTENT


async def test_another_process_can_go_on(box: Box, sending: Sending) -> None:
    first = await sending.send(1)
    other = LocalBackend(box.root)
    page = await other.list_uploads("box", prefix="a/", token=None)
    assert page.items == [sending.upload]
    assert [part.number for part in (await other.list_parts(page.items[0], token=None)).items] == [1]
    rest = [await sending.send(number) for number in (2, 3, 4)]
    await other.complete_upload(page.items[0], [first, *rest], OPTIONS)
    assert (await box.head("a/key")).metadata == {"a": "b"}


async def test_one_of_two_completes(box: Box, sending: Sending) -> None:
    parts = await sending.send_all()
    results = await asyncio.gather(sending.complete(parts), sending.complete(parts), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["ObjectInfo", "UploadNotFoundError"]
    assert await box.get("a/key") == CONTENT


async def test_a_plan_is_given_up_when_a_part_is_sent_meanwhile(box: Box, sending: Sending) -> None:
    parts = sorted(await sending.send_all(), key=lambda part: part.number)
    folder = Folder(str(box.root), "box", Names(), fsync=False, prepared=set())
    pending = PendingUpload(folder, sending.upload)
    plan, file = await asyncio.to_thread(pending.plan, parts), OutputFile()
    assert await asyncio.to_thread(pending.adopt, plan, file)
    await sending.send(2, b"?")
    assert await asyncio.to_thread(pending.publish, plan, file, OPTIONS) is None
    file.close()
    assert await box.names() == []


async def test_an_upload_that_is_over(box: Box, sending: Sending) -> None:
    part = await sending.send(1)
    await box.backend.abort_upload(sending.upload)
    assert os.listdir(sending.path.parent) == []
    for upload in [
        sending.upload,
        replace(sending.upload, upload_id="../../x"),
        replace(sending.upload, upload_id="0" * 32),
    ]:
        for call in [
            box.backend.upload_part(upload, 1, 0, b""),
            box.backend.upload_part(upload, 2, 0, bytes(300_000)),
            box.backend.list_parts(upload, token=None),
            box.backend.complete_upload(upload, [part], OPTIONS),
            box.backend.abort_upload(upload),
        ]:
            with pytest.raises(UploadNotFoundError):
                await call


async def test_an_upload_belongs_to_its_key(box: Box, sending: Sending) -> None:
    other = replace(sending.upload, key="other")
    for call in [box.backend.upload_part(other, 1, 0, b""), box.backend.abort_upload(other)]:
        with pytest.raises(UploadNotFoundError):
            await call
    await box.backend.abort_upload(sending.upload)


async def test_uploads_go_with_their_container(box: Box, sending: Sending) -> None:
    await sending.send_all()
    await box.backend.delete_container("box")
    assert os.listdir(box.root) == []
    with pytest.raises(ContainerNotFoundError):
        await box.backend.create_upload("box", "key", OPTIONS)
    with pytest.raises(ContainerNotFoundError):
        await sending.send(1)


async def test_uploads_are_listed_by_key(box: Box) -> None:
    made = [await box.backend.create_upload("box", key, OPTIONS) for key in ("b", "a", "b", "c/d")]
    page = await box.backend.list_uploads("box", prefix="", token=None)
    assert [upload.key for upload in page.items] == ["a", "b", "b", "c/d"]
    assert sorted(page.items, key=lambda upload: upload.upload_id) == sorted(made, key=lambda upload: upload.upload_id)
    assert (await box.backend.list_uploads("box", prefix="c", token=None)).items == [made[3]]


async def test_what_is_left_of_a_completed_upload_is_removed(box: Box, sending: Sending) -> None:
    (sending.path / "data").unlink()  # as after a crash between publishing and removing
    assert not (await box.backend.list_uploads("box", prefix="", token=None)).items
    with pytest.raises(UploadNotFoundError):
        await sending.send(1)
    await LocalBackend(box.root).put_object("box", "key", b"", WriteOptions())
    assert not sending.path.exists()


async def test_an_empty_part_makes_an_empty_object(box: Box, sending: Sending) -> None:
    part = await box.backend.upload_part(sending.upload, 1, 0, b"")
    assert part.checksum == crc32_hash(0)
    await sending.complete([part])
    body = await box.backend.get_object("box", "a/key", WHOLE)
    assert await body.read() == b""

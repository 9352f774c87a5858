"""Copies by parts inside a provider, and what goes with a copy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aiostorage import ChecksumMismatchError, MemoryDriver, ObjectChangedError, PreconditionFailedError
from aiostorage._transfer import copy as copy_module
from aiostorage.driver import Driver
from aiostorage.models import WriteOptions
from aiostorage.providers.memory.backend import MemoryBackend

if TYPE_CHECKING:
    from aiostorage import Buffer, Capabilities, ObjectInfo, Part, Upload
    from aiostorage.backend import OnSent
    from aiostorage.models import ByteRange, ObjectRef, ReadOptions

pytestmark = pytest.mark.anyio

DESCRIBED = WriteOptions(
    content_type="text/html",
    cache_control="no-store",
    content_disposition="inline",
    content_encoding="gzip",
    content_language="en",
    metadata={"author": "me"},
)


def described(info: ObjectInfo) -> WriteOptions:
    """What stores another object like this one."""
    return WriteOptions(
        content_type=info.content_type,
        cache_control=info.cache_control,
        content_disposition=info.content_disposition,
        content_encoding=info.content_encoding,
        content_language=info.content_language,
        metadata=info.metadata,
    )


class Wrong(MemoryBackend):
    """Memory that stores another byte than it was given, and tells the hash of what it has."""

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        return await super().put_object(container, key, bytes(body).replace(b"y", b"z"), options, on_sent=on_sent)

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        return await super().upload_part(upload, number, offset, bytes(body).replace(b"y", b"z"), on_sent=on_sent)


class Backend(MemoryBackend):
    """Memory that copies no more than four bytes at once; ``replace_at`` has the source replaced before a part."""

    def __init__(self, *, replace_at: int | None = None) -> None:
        super().__init__()
        self.replace_at = replace_at
        self.copied = 0

    @property
    def capabilities(self) -> Capabilities:
        known = super().capabilities
        return replace(known, limits=replace(known.limits, max_copy_size_bytes=4))

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        self.copied += 1
        if self.copied == self.replace_at:
            await self.put_object(source.container, source.key, b"B" * 12, WriteOptions())
        return await super().copy_part(upload, number, source, byte_range)


@pytest.mark.parametrize("part_size", [100, 4])
async def test_what_another_provider_has_stored_wrongly_is_found_and_removed(part_size: int) -> None:
    async with MemoryDriver() as driver, Driver(Wrong()) as other:
        obj = await (await driver.create_container("bucket")).upload_object(b"xxxxxyxxxx", "from")
        target = await other.create_container("bucket")
        with pytest.raises(ChecksumMismatchError) as caught:
            await obj.copy_to(target, "to", part_size_bytes=part_size)
        assert (caught.value.operation, caught.value.key) == ("copy", "to")
        assert [each.name async for each in target.list_objects()] == []
        assert (await other.backend.list_uploads("bucket", prefix="", token=None)).items == []


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_module, "_COPY_PART_BYTES", 4)


async def test_a_large_object_is_copied_by_parts_with_all_that_goes_with_it() -> None:
    backend = Backend()
    async with Driver(backend) as driver:
        container = await driver.create_container("bucket")
        await backend.put_object("bucket", "from", b"abcdefghij", DESCRIBED)
        copy = await (await container.get_object("from")).copy_to(container, "to")
        assert await copy.read() == b"abcdefghij"
        await copy.refresh()
    assert backend.copied == 3
    assert copy.info is not None
    assert described(copy.info) == DESCRIBED


@pytest.mark.parametrize("part", [1, 2, 3])
async def test_a_source_that_is_replaced_while_it_is_copied_is_an_error(part: int) -> None:
    async with Driver(Backend(replace_at=part), concurrency=1) as driver:
        container = await driver.create_container("bucket")
        obj = await container.upload_object(b"A" * 12, "from")
        with pytest.raises(ObjectChangedError):
            await obj.copy_to(container, "to")
        assert [each.name async for each in container.list_objects()] == ["from"]
        assert (await driver.backend.list_uploads("bucket", prefix="", token=None)).items == []


@pytest.mark.parametrize("where", ["same driver", "other driver"])
async def test_a_condition_replaces_no_metadata(where: str) -> None:
    async with MemoryDriver() as driver, MemoryDriver() as other:
        container = await driver.create_container("bucket")
        target = container if where == "same driver" else await other.create_container("bucket")
        await driver.backend.put_object("bucket", "from", b"abc", DESCRIBED)
        obj = container.object("from")
        copy = await obj.copy_to(target, "to", if_none_match="*")
        await copy.refresh()
        assert copy.info is not None
        assert described(copy.info) == DESCRIBED
        with pytest.raises(PreconditionFailedError):
            await obj.copy_to(target, "to", if_none_match="*")


class Replaced(MemoryBackend):
    """Memory in which an object is replaced as soon as somebody has asked what it is."""

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        found = await super().head_object(container, key, options)
        await self.put_object(container, key, b"new", WriteOptions(content_type="text/new"))
        return found


@pytest.mark.parametrize("where", ["same driver", "other driver"])
async def test_a_copy_never_has_headers_of_one_version_and_content_of_another(where: str) -> None:
    async with Driver(Replaced()) as driver, MemoryDriver() as other:
        container = await driver.create_container("bucket")
        target = container if where == "same driver" else await other.create_container("bucket")
        obj = await container.upload_object(b"old", "from", content_type="text/old")
        with pytest.raises(ObjectChangedError, match="replaced"):
            await obj.copy_to(target, "to", if_none_match="*")
        assert "to" not in [each.name async for each in target.list_objects()]


async def test_metadata_that_is_given_is_all_there_is() -> None:
    async with MemoryDriver() as driver:
        container = await driver.create_container("bucket")
        await driver.backend.put_object("bucket", "from", b"abc", DESCRIBED)
        copy = await container.object("from").copy_to(container, "to", metadata={"new": "1"}, if_none_match="*")
        await copy.refresh()
    assert copy.metadata == {"new": "1"}
    assert copy.info is not None
    assert copy.info.cache_control is None

"""What memory does beside what every provider does."""

from __future__ import annotations

import asyncio
import zlib

import pytest

from aiostorage.errors import (
    ContainerNotEmptyError,
    InvalidArgumentError,
    ObjectNotFoundError,
    PreconditionFailedError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import WHOLE, ListQuery, ObjectRef, PresignOptions, ReadOptions, WriteOptions
from aiostorage.providers.memory import MemoryBackend

pytestmark = pytest.mark.anyio


@pytest.fixture
async def backend() -> MemoryBackend:
    backend = MemoryBackend()
    await backend.create_container("box")
    return backend


async def test_what_is_stored_does_not_change_with_what_was_given(backend: MemoryBackend) -> None:
    content, metadata = bytearray(b"content"), {"a": "b"}
    await backend.put_object("box", "key", content, WriteOptions(metadata=metadata))
    content[0], metadata["a"] = 0, "changed"
    body = await backend.get_object("box", "key", WHOLE)
    assert (await body.read(), body.info.metadata) == (b"content", {"a": "b"})


async def test_a_large_object_has_its_hash_too(backend: MemoryBackend) -> None:
    content = bytes(range(256)) * 4096
    sent: list[int] = []
    info = await backend.put_object("box", "key", content, WriteOptions(), on_sent=sent.append)
    assert info.object_hash is not None
    assert info.object_hash.value == f"{zlib.crc32(content):08x}"
    assert sent == [len(content)]


async def test_one_of_many_creates(backend: MemoryBackend) -> None:
    """Also where the hash is made in a thread, and the others go on meanwhile."""

    async def create(number: int) -> bool:
        try:
            await backend.put_object("box", "key", bytes([number]) * 300_000, WriteOptions(if_none_match="*"))
        except PreconditionFailedError:
            return False
        return True

    assert (await asyncio.gather(*(create(number) for number in range(16)))).count(True) == 1


async def test_containers_count_their_objects(backend: MemoryBackend) -> None:
    await backend.put_object("box", "key", b"", WriteOptions())
    info = await backend.head_container("box")
    assert (info.object_count, info.created_at is not None) == (1, True)
    with pytest.raises(ContainerNotEmptyError):
        await backend.delete_container("box")
    await backend.delete_object("box", "key")
    await backend.delete_object("box", "key")
    await backend.delete_container("box")
    assert not (await backend.list_containers(prefix="", token=None)).items


async def test_a_copy_is_an_object_of_its_own(backend: MemoryBackend) -> None:
    source = await backend.put_object("box", "source", b"content", WriteOptions(metadata={"a": "b"}))
    ref = ObjectRef(container="box", key="source")
    kept = await backend.copy_object(ref, "box", "kept", None)
    changed = await backend.copy_object(ref, "box", "changed", WriteOptions(content_type="text/x"))
    assert len({source.etag, kept.etag, changed.etag}) == 3
    assert (kept.key, kept.metadata, kept.object_hash) == ("kept", {"a": "b"}, source.object_hash)
    assert (changed.metadata, changed.content_type, changed.object_hash) == ({}, "text/x", source.object_hash)
    with pytest.raises(ObjectNotFoundError) as caught:
        await backend.copy_object(ObjectRef(container="box", key="none"), "box", "key", None)
    assert (caught.value.key, caught.value.operation) == ("none", "copy_object")


async def test_versions_and_servers_there_are_none(backend: MemoryBackend) -> None:
    version = ObjectRef(container="box", key="key", version_id="1")
    for call in [
        backend.get_object("box", "key", ReadOptions(version_id="1")),
        backend.head_object("box", "key", ReadOptions(version_id="1")),
        backend.delete_object("box", "key", version_id="1"),
        backend.copy_object(version, "box", "other", None),
        backend.list_objects("box", ListQuery(versions=True), token=None),
        backend.presign("GET", "box", "key", PresignOptions(expires_in_s=1, headers={})),
    ]:
        with pytest.raises(UnsupportedError):
            await call
    with pytest.raises(UnsupportedError):
        backend.cdn("box")
    (outcome,) = await backend.delete_objects("box", [version])
    assert isinstance(outcome.error, UnsupportedError)
    with pytest.raises(InvalidArgumentError):
        await backend.delete_objects("box", [version] * 1001)


async def test_an_upload_is_of_one_key(backend: MemoryBackend) -> None:
    upload = await backend.create_upload("box", "key", WriteOptions())
    part = await backend.upload_part(upload, 1, 0, b"content")
    other = type(upload)(container="box", key="other", upload_id=upload.upload_id)
    with pytest.raises(UploadNotFoundError):
        await backend.complete_upload(other, [part], WriteOptions())
    await backend.complete_upload(upload, [part], WriteOptions())
    with pytest.raises(UploadNotFoundError):
        await backend.complete_upload(upload, [part], WriteOptions())

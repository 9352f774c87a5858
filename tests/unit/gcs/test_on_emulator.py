"""A second opinion on the plain operations: a server that knows nothing of this package, with faults of its own."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from aiostorage import GCSDriver
from aiostorage.errors import AlreadyExistsError, ContainerNotFoundError, ObjectNotFoundError
from aiostorage.models import ObjectRef, Prefix, WriteOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiostorage.container import Container
    from tests.servers.gcp_emulator import GCPEmulator

pytestmark = pytest.mark.anyio

PIECE = 256 * 1024


@pytest.fixture
async def driver(gcp_emulator: GCPEmulator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GCSDriver]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcp_emulator.endpoint)
    async with GCSDriver() as driver:
        yield driver


@pytest.fixture
async def container(driver: GCSDriver) -> Container:
    return await driver.create_container(f"emulated-{secrets.token_hex(6)}")


async def test_containers(driver: GCSDriver, container: Container) -> None:
    assert container.name in [found.name async for found in driver.list_containers()]
    with pytest.raises(AlreadyExistsError):
        await driver.create_container(container.name)
    with pytest.raises(ContainerNotFoundError):
        await driver.get_container("nothing-is-here")


async def test_objects(container: Container) -> None:
    written = await container.upload_object(
        b"content", "a b/é+%41.txt", metadata={"owner": "Ada"}, cache_control="no-store"
    )
    found = await container.get_object(written.name)
    assert (found.size, found.content_type, dict(found.metadata)) == (7, "text/plain", {"owner": "Ada"})
    assert found.object_hash == written.object_hash
    assert found.etag == written.etag
    assert await found.read() == b"content"
    assert await found.read(byte_range=(1, 4)) == b"ont"
    copy = await found.copy_to(container, "copy")
    assert await copy.read() == b"content"
    await found.delete()
    with pytest.raises(ObjectNotFoundError):
        await found.refresh()
    with pytest.raises(ObjectNotFoundError):
        await found.read()


async def test_listings(container: Container) -> None:
    for name in ("a", "b/1", "b/2", "c"):
        await container.upload_object(b"content", name)
    assert [obj.name async for obj in container.list_objects(prefix="b/")] == ["b/1", "b/2"]
    found = [item.name async for item in container.list_objects(delimiter="/")]
    assert found == ["a", "b/", "c"]
    assert any(isinstance(item, Prefix) for item in [item async for item in container.list_objects(delimiter="/")])


@pytest.mark.verifies("uploads: resumable", on="emulator")
async def test_a_resumable_upload(driver: GCSDriver, container: Container) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield bytes(2 * PIECE + 17)

    session = await driver.backend.begin_resumable(container.name, "key", WriteOptions(content_type="a/b"))
    info = await driver.backend.send_resumable(session, source(), piece_size_bytes=PIECE)
    assert (info.size, info.content_type) == (2 * PIECE + 17, "a/b")
    assert await container.object("key").read() == bytes(2 * PIECE + 17)


@pytest.mark.verifies("uploads: composed", on="emulator")
async def test_objects_are_composed(driver: GCSDriver, container: Container) -> None:
    for name in "ab":
        await container.upload_object(name.encode(), name)
    refs = [ObjectRef(container=container.name, key=name) for name in "ab"]
    await driver.backend.compose_object(container.name, "ab", refs, WriteOptions(content_type="a/b"))
    assert await container.object("ab").read() == b"ab"

"""Versions: what was written over or deleted can be had again, where the provider keeps it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import ObjectNotFoundError, UnsupportedError
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.data import content
from aiostorage.testing._themes.downloads import RANGE_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.object import Object
    from aiostorage.testing.witness import Witness


class Versions(ContractBase):
    """Versions: what was written over or deleted can be had again, where the provider keeps it."""

    async def test_where_there_are_none(self, driver: Driver, container: Container, witness: Witness) -> None:
        """They are refused, in every call; the latest is not taken for the one that was asked for."""
        if self.offers(driver, "versioning"):
            return
        await container.upload_object(b"content", "key")
        old = container.object("key", version_id="1")
        calls: list[Callable[[], Coroutine[None, None, object]]] = [
            old.read,
            old.as_file().read,
            old.refresh,
            old.delete,
            lambda: old.copy_to(container, "copy"),
            lambda: container.get_object("key", version_id="1"),
            lambda: container.object("key").read(version_id="1"),
            lambda: anext(container.list_objects(versions=True)),
        ]
        for call in calls:
            with pytest.raises(UnsupportedError):
                await call()
        (outcome,) = await container.delete_objects([old])
        assert isinstance(outcome.error, UnsupportedError)
        assert await witness.keys(container.name) == ["key"]

    @verifies("versions: list", "versions: read")
    async def test_an_old_one_is_read(self, versioned: Container | None, witness: Witness) -> None:
        """By its id, in every way; without one it is the latest."""
        if versioned is None:
            return
        await versioned.upload_object(b"first", "key", metadata={"number": "1"})
        await versioned.upload_object(b"second", "key", metadata={"number": "2"})
        latest, first = await all_versions(versioned)
        assert (latest.name, latest.info is not None and latest.info.is_latest) == ("key", True)
        assert (first.name, first.info is not None and first.info.is_latest) == ("key", False)
        assert first.version_id is not None
        assert first.version_id != latest.version_id
        assert await first.read() == b"first"
        async with first.as_file() as stream:
            assert await stream.read() == b"first"
        assert (await first.refresh()).metadata["number"] == "1"
        again = await versioned.get_object("key", version_id=first.version_id)
        assert (again.size, again.version_id, again.metadata["number"]) == (5, first.version_id, "1")
        await first.copy_to(versioned, "copy")
        assert await witness.get(versioned.name, "copy") == b"first"
        assert await versioned.object("key").read() == b"second"

    @verifies("versions: delete")
    async def test_deletion_hides(self, versioned: Container | None) -> None:
        """An object that is deleted is still there under its id; deleting that is for good."""
        if versioned is None:
            return
        await versioned.upload_object(b"first", "key")
        await versioned.delete_object("key")
        with pytest.raises(ObjectNotFoundError):
            await versioned.object("key").read()
        assert [obj.name async for obj in versioned.list_objects()] == []
        if self.deviates(Deviation.NO_DELETE_MARKERS):
            (first,) = await all_versions(versioned)
            assert first.info is not None
            assert not first.info.is_latest
            assert await first.read() == b"first"
        else:
            marker, first = await all_versions(versioned)
            if self.deviates(Deviation.MARKERS_LAST):
                marker, first = first, marker
            assert marker.info is not None
            assert marker.info.is_delete_marker
            assert await first.read() == b"first"
            await marker.delete()  # and the object is back
            assert await versioned.object("key").read() == b"first"
        await first.delete()
        assert await all_versions(versioned) == []

    @verifies("versions: delete")
    async def test_many_are_deleted_for_good(self, versioned: Container | None) -> None:
        """A listing of versions may be deleted as it comes."""
        if versioned is None:
            return
        for key in ("a", "b", "b", "c"):
            await versioned.upload_object(b"content", key)
        await versioned.delete_object("c")
        outcomes = await versioned.delete_objects(versioned.list_objects(versions=True, page_size=2))
        expected = "abbc" if self.deviates(Deviation.NO_DELETE_MARKERS) else "abbcc"
        assert [(outcome.key, outcome.error) for outcome in outcomes] == [(key, None) for key in expected]
        assert await all_versions(versioned) == []

    @verifies("versions: delete with their container")
    async def test_a_container_goes_with_its_versions(self, versioned: Container | None, witness: Witness) -> None:
        """Old ones and delete markers count as being in it."""
        if versioned is None:
            return
        for key in ("a", "a", "b"):
            await versioned.upload_object(b"content", key)
        await versioned.delete_object("b")
        await versioned.delete()
        assert not await witness.has_container(versioned.name)

    async def test_what_is_written_knows_its_version(self, versioned: Container | None, part_size: int) -> None:
        """At once, by parts, and as a copy: what comes back can be had again when it is written over."""
        if versioned is None:
            return
        large = content(part_size + 1)
        written = [
            (await versioned.upload_object(b"small", "key"), b"small"),
            (await versioned.upload_object(large, "key", part_size_bytes=part_size), large),
            (await versioned.object("key").copy_to(versioned, "copy"), large),
        ]
        for key in ("key", "copy"):
            await versioned.upload_object(b"last", key)
        told = [(obj, data) for obj, data in written if obj.version_id is not None]
        assert (told != written) == self.deviates(Deviation.UNTOLD_VERSIONS)
        for obj, data in told:
            assert await versioned.object(obj.name, version_id=obj.version_id).read() == data

    @verifies("versions: copy")
    async def test_an_old_one_is_restored(self, versioned: Container | None) -> None:
        """A copy of it in its own place is the latest."""
        if versioned is None:
            return
        await versioned.upload_object(b"first", "key")
        await versioned.upload_object(b"second", "key")
        _, first = await all_versions(versioned)
        await first.copy_to(versioned, "key")
        assert await versioned.object("key").read() == b"first"
        assert len(await all_versions(versioned)) == 3

    @verifies("versions: read")
    async def test_an_old_one_by_ranges(self, versioned: Container | None, tmp_path: Path) -> None:
        """A download in pieces and a reader that jumps stay with the version that they are of."""
        if versioned is None:
            return
        old = content(3 * RANGE_BYTES + 1)
        await versioned.upload_object(old, "key")
        await versioned.upload_object(bytes(len(old)), "key")
        _, first = await all_versions(versioned)
        path = await first.download(tmp_path / "file", part_size_bytes=RANGE_BYTES)
        assert await asyncio.to_thread(path.read_bytes) == old
        async with first.as_file() as stream:
            await stream.seek(-100, 2)
            assert await stream.read() == old[-100:]
        assert await first.read(byte_range=(10, 20)) == old[10:20]

    async def test_pages_of_versions_join(self, versioned: Container | None) -> None:
        """Also where a page ends between two versions of one object: by name, and the newest first."""
        if versioned is None:
            return
        for key in ("a", "b/1", "b/1", "b/1", "b/2", "c +é", "c +é"):
            await versioned.upload_object(b"content", key)
        names = ["a", "b/1", "b/1", "b/1", "b/2", "c +é", "c +é"]
        for page_size in (None, 1, 2, 3):
            found = [obj async for obj in versioned.list_objects(versions=True, page_size=page_size)]
            assert [obj.name for obj in found] == names
            assert [obj.info is not None and obj.info.is_latest for obj in found] == [
                number == names.index(name) for number, name in enumerate(names)
            ]
            assert len({obj.version_id for obj in found}) == len(names)
        inside = [obj.name async for obj in versioned.list_objects(versions=True, prefix="b/", page_size=2)]
        assert inside == ["b/1", "b/1", "b/1", "b/2"]
        top = [obj.name async for obj in versioned.list_objects(versions=True, delimiter="/")]
        assert top == ["a", "b/", "c +é", "c +é"]

    async def test_what_was_there_before_versions_were_kept(
        self, driver: Driver, container: Container, witness: Witness
    ) -> None:
        """It is the oldest version, and goes as the others do."""
        if not self.offers(driver, "versioning"):
            return
        await container.upload_object(b"before", "key")
        await witness.keep_versions(container.name)
        await container.upload_object(b"after", "key")
        _, before = await all_versions(container)
        assert await before.read() == b"before"
        await before.delete()
        (left,) = await all_versions(container)
        assert await left.read() == b"after"

    @verifies("versions: delete markers")
    async def test_a_delete_marker_is_no_object(self, versioned: Container | None) -> None:
        """Whoever asks for it by its id hears that there is nothing."""
        if versioned is None or self.deviates(Deviation.NO_DELETE_MARKERS):
            return
        await versioned.upload_object(b"content", "key")
        await versioned.delete_object("key")
        (marker,) = [obj for obj in await all_versions(versioned) if obj.info is None or obj.info.is_delete_marker]
        calls: list[Callable[[], Coroutine[None, None, object]]] = [
            marker.read,
            marker.refresh,
            marker.as_file().read,
            lambda: marker.copy_to(versioned, "copy"),
        ]
        for call in calls:
            with pytest.raises(ObjectNotFoundError):
                await call()

    @pytest.fixture
    async def versioned(
        self, driver: Driver, container: Container, witness: Witness
    ) -> AsyncIterator[Container | None]:
        """A container that keeps versions; None where there is no such thing, which has a test of its own."""
        if self.offers(driver, "versioning"):
            await witness.keep_versions(container.name)
            yield container
        else:
            yield None


async def all_versions(container: Container) -> list[Object]:
    """Every version of every object, by name and the newest first."""
    return [obj async for obj in container.list_objects(versions=True)]

"""Objects: what is known of them, and how they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import InvalidArgumentError, ObjectNotFoundError, UnsupportedError
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.data import content, hash_is_right
from aiostorage.testing._themes.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
    from pathlib import Path

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.object import Object
    from aiostorage.options import UploadOptions, WriteObjectOptions
    from aiostorage.testing.witness import Witness

MANY = 1005


class Objects(ContractBase):
    """Objects: what is known of them, and how they go."""

    @verifies("objects: store", "objects: head")
    async def test_properties(self, container: Container) -> None:
        """What an upload returns and what the provider says later is the same."""
        uploaded = await container.upload_object(b"content", "a/key.txt")
        found = await container.get_object("a/key.txt")
        for obj in (uploaded, found):
            assert (obj.name, obj.key, obj.size) == ("a/key.txt", "a/key.txt", 7)
            assert (obj.container, obj.driver) == (container, container.driver)
            assert obj.content_type is not None or not self.offers(container.driver, "object_headers")
            assert hash_is_right(obj.object_hash, b"content")
        assert found.etag is not None
        assert '"' not in found.etag
        assert uploaded.etag in {found.etag, None}
        assert found.last_modified is not None
        assert found.last_modified.tzinfo is not None
        assert uploaded.content_type in {found.content_type, None}

    async def test_an_etag_changes_with_the_object(self, container: Container) -> None:
        """Whatever was written, and however: other content has another etag."""
        first = await container.upload_object(b"first", "key")
        await first.refresh()
        etag = first.etag
        await container.upload_object(b"other", "key")
        assert first.etag == etag  # nothing is known before it is asked for
        assert await first.refresh() is first
        assert first.etag != etag
        assert first.size == 5

    async def test_content_type(self, container: Container, witness: Witness) -> None:
        """It is guessed from the name, unless it is given; and it describes the bytes as they are stored."""
        guesses = {
            "photo.jpg": "image/jpeg",
            "page.html": "text/html",
            "a/b.c/archive.tar.gz": "application/gzip",
            "unknown": "application/octet-stream",
        }
        for key, expected in guesses.items():
            await container.upload_object(b"content", key)
            found = (await container.get_object(key)).content_type
            # Where it is not kept it is the provider's to guess, or to say nothing.
            assert found == expected or not self.offers(container.driver, "object_headers")
        if not self.offers(container.driver, "object_headers"):
            with pytest.raises(UnsupportedError):
                await container.upload_object(b"content", "given.jpg", content_type="application/x-own")
            return
        given = await container.upload_object(b"content", "given.jpg", content_type="application/x-own")
        assert given.content_type == "application/x-own"
        assert (await container.get_object("given.jpg")).content_type == "application/x-own"
        if not self.deviates(Deviation.PLAIN_WITNESS):
            for key, expected in guesses.items():
                seen = await witness.head(container.name, key)
                assert seen is not None
                assert seen.content_type == expected

    @pytest.mark.parametrize("is_large", [False, True], ids=["at once", "by parts"])
    @verifies("objects: content headers")
    async def test_headers(self, container: Container, witness: Witness, part_size: int, is_large: bool) -> None:
        """What browsers and caches want to know is kept as it was given."""
        options: UploadOptions = {
            "cache_control": "max-age=60, public",
            "content_disposition": 'attachment; filename="a b.txt"',
            "content_encoding": "gzip",
            "content_language": "de, en",
            "part_size_bytes": part_size,
        }
        data = content(part_size + 1) if is_large else b"content"
        if not self.offers(container.driver, "object_headers"):
            with pytest.raises(UnsupportedError):
                await container.upload_object(data, "key", **options)
            assert await witness.get(container.name, "key") is None
            return
        await container.upload_object(data, "key", **options)
        info = (await container.get_object("key")).info
        assert info is not None
        assert info.cache_control == "max-age=60, public"
        assert info.content_disposition == 'attachment; filename="a b.txt"'
        assert info.content_encoding == "gzip"
        assert info.content_language == "de, en"
        assert await container.object("key").read() == data  # as it is stored: nothing is decoded
        if not self.deviates(Deviation.PLAIN_WITNESS):
            seen = await witness.head(container.name, "key")
            assert seen is not None
            assert seen.cache_control == info.cache_control
            assert seen.content_disposition == info.content_disposition
            assert seen.content_encoding == info.content_encoding
            assert seen.content_language == info.content_language

    @pytest.mark.parametrize("is_large", [False, True], ids=["at once", "by parts"])
    @verifies("objects: user metadata")
    async def test_metadata(
        self, driver: Driver, container: Container, witness: Witness, part_size: int, is_large: bool
    ) -> None:
        """Names are folded at most; values come back as they were, in any script."""
        data = content(part_size + 1) if is_large else b"content"
        metadata = {"Owner": "Ada Lovelace", "note": "Grüße, 世界 😀", "dash-name": "=?odd?=", "empty": ""}
        if not self.offers(driver, "object_metadata"):
            with pytest.raises(UnsupportedError):
                await container.upload_object(data, "key", metadata=metadata, part_size_bytes=part_size)
            assert await witness.get(container.name, "key") is None
            return
        await container.upload_object(data, "key", metadata=metadata, part_size_bytes=part_size)
        assert lower((await container.get_object("key")).metadata) == lower(metadata)
        if not self.deviates(Deviation.PLAIN_WITNESS):
            seen = await witness.head(container.name, "key")
            assert seen is not None
            assert seen.metadata["owner"] == "Ada Lovelace"

    async def test_what_others_have_stored(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Content type and metadata of an object that this driver has not written."""
        await witness.put(
            container.name, "key", b"content", content_type="application/x-own", metadata={"owner": "Ada"}
        )
        found = await container.get_object("key")
        assert found.size == 7
        assert hash_is_right(found.object_hash, b"content")
        if self.deviates(Deviation.PLAIN_WITNESS):
            return
        assert found.content_type == "application/x-own"
        if self.offers(driver, "object_metadata"):
            assert lower(found.metadata) == {"owner": "Ada"}

    async def test_nothing_of_the_old_stays(self, container: Container, witness: Witness) -> None:
        """An object that is written over loses its headers and metadata with its content."""
        options: WriteObjectOptions = {"metadata": {"owner": "Ada"}, "content_language": "de"}
        await container.upload_object(b"first", "key", **self.keepable(options, container.driver))
        await container.upload_object(b"2nd", "key")
        info = (await container.get_object("key")).info
        assert info is not None
        assert (info.size, info.content_language, dict(info.metadata)) == (3, None, {})
        assert await witness.get(container.name, "key") == b"2nd"

    async def test_an_object_that_is_missing(self, driver: Driver, container: Container, tmp_path: Path) -> None:
        """Every way to read it says so, and what was asked for."""
        missing = container.object("no/such key")
        ways: list[Callable[[], Coroutine[None, None, object]]] = [
            missing.refresh,
            lambda: container.get_object(missing.name),
            missing.read,
            lambda: missing.download(tmp_path / "file"),
            missing.as_file().read,
            missing.as_file().open,
            lambda: missing.copy_to(container, "copy"),
        ]
        for way in ways:
            with pytest.raises(ObjectNotFoundError) as caught:
                await way()
            error = caught.value
            assert isinstance(error, FileNotFoundError)
            assert (error.provider, error.container) == (driver.name, container.name)
            assert error.key in {"no/such key", "copy"}
            assert error.operation in {"head_object", "get_object", "copy_object"}

    @verifies("objects: delete")
    async def test_an_object_is_deleted(self, container: Container, witness: Witness) -> None:
        """It is gone; and that it is gone already is no error."""
        for key in ("a", "a.b", "b"):
            await witness.put(container.name, key, b"content")
        await container.delete_object("a")
        assert sorted(await witness.keys(container.name)) == ["a.b", "b"]
        await container.delete_object("a")
        await container.object("never was").delete()

    @verifies("objects: delete many")
    async def test_many_are_deleted(self, container: Container, witness: Witness) -> None:
        """More than fit into a batch, there or not: one outcome for each, in order."""
        there = [f"{number:04}" for number in range(0, MANY, 100)]
        for key in [*there, "stays"]:
            await witness.put(container.name, key, b"content")
        names = [f"{number:04}" for number in range(MANY)]
        outcomes = await container.delete_objects(names)
        assert [(outcome.key, outcome.error) for outcome in outcomes] == [(name, None) for name in names]
        assert await witness.keys(container.name) == ["stays"]

    async def test_what_may_be_deleted_together(self, container: Container, witness: Witness) -> None:
        """Names and objects, in a list, an iterator or an asynchronous iterator; or nothing."""
        mixed: list[str | Object] = ["a", container.object("b")]
        sources: list[Callable[[], Iterator[str | Object] | AsyncIterator[str | Object] | list[str | Object]]] = [
            lambda: mixed,
            lambda: iter(mixed),
            lambda: one_by_one(mixed),
        ]
        for source in sources:
            for key in ("a", "b", "stays"):
                await witness.put(container.name, key, b"content")
            outcomes = await container.delete_objects(source())
            assert [outcome.key for outcome in outcomes] == ["a", "b"]
            assert await witness.keys(container.name) == ["stays"]
        assert await container.delete_objects([]) == []

    async def test_a_listing_may_be_deleted(self, container: Container, witness: Witness) -> None:
        """The objects of a listing, while it goes on."""
        for key in ("a/1", "a/2", "a/3", "b"):
            await witness.put(container.name, key, b"content")
        await container.delete_objects(container.list_objects(prefix="a/", page_size=2))
        assert await witness.keys(container.name) == ["b"]

    async def test_objects_of_elsewhere_are_not_deleted(
        self, driver: Driver, container: Container, witness: Witness
    ) -> None:
        """An object of another container is a mistake, not a name."""
        await witness.put(container.name, "key", b"content")
        stranger = driver.container("somewhere-else").object("key")
        with pytest.raises(InvalidArgumentError):
            await container.delete_objects([stranger])
        assert await witness.keys(container.name) == ["key"]

    async def test_a_handle_on_an_object_makes_no_request(self, driver: Driver, container: Container) -> None:
        """It is a name, whether there is such an object or not."""
        with Watch(driver) as watch:
            handle = container.object("key")
            _ = handle.as_file(), container.open_object("key")
            assert (handle.name, handle.size, handle.etag, handle.object_hash) == ("key", None, None, None)
            assert (dict(handle.metadata), handle.last_modified, handle.info) == ({}, None, None)
        assert watch.made == []

    async def test_both_ways_to_call_are_one(
        self, driver: Driver, container: Container, witness: Witness, tmp_path: Path
    ) -> None:
        """What the driver does by name, container and object do themselves, with the same requests."""
        name = container.name
        obj = container.object("key")
        pairs: list[tuple[Callable[[], Coroutine[None, None, object]], Callable[[], Coroutine[None, None, object]]]] = [
            (
                lambda: driver.upload_object(b"content", name, "key"),
                lambda: container.upload_object(b"content", "key"),
            ),
            (lambda: driver.get_object(name, "key"), lambda: container.get_object("key")),
            (lambda: driver.head_object(obj), lambda: container.object("key").refresh()),
            (lambda: driver.read_object(obj), obj.read),
            (lambda: driver.open_object(obj).read(), lambda: container.open_object("key").read()),
            (
                lambda: driver.download_object(obj, tmp_path / "a"),
                lambda: container.download_object("key", tmp_path / "b"),
            ),
            (lambda: driver.copy(obj, container, "copy"), lambda: obj.copy_to(container, "copy")),
            (lambda: driver.delete_object(obj), lambda: container.delete_object("key")),
            (lambda: driver.delete_objects(name, ["key"]), lambda: container.delete_objects(["key"])),
        ]
        for one, other in pairs:
            made: list[list[str]] = []
            for call in (one, other):
                await witness.put(name, "key", b"content")
                with Watch(driver) as watch:
                    await call()
                made.append(watch.made)
            assert made[0] == made[1] != []


def lower(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata with names in lower case."""
    return {name.lower(): value for name, value in metadata.items()}


async def one_by_one(items: list[str | Object]) -> AsyncIterator[str | Object]:
    """The items, asynchronously."""
    for item in items:
        yield item

"""Copies: within the provider, and to another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiostorage.drivers import MemoryDriver
from aiostorage.errors import ContainerNotFoundError, ObjectNotFoundError, UnsupportedError
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.data import content, hash_is_right
from aiostorage.testing._themes.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.object import Object
    from aiostorage.options import WriteObjectOptions
    from aiostorage.testing.witness import Witness


class Copies(ContractBase):
    """Copies: within the provider, and to another one."""

    async def test_within_a_container(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Content, headers and metadata come along; the provider does it, where it can."""
        original = await self._original(container, b"content")
        with Watch(driver) as watch:
            copy = await original.copy_to(container, "b/copy")
        if self.offers(driver, "server_side_copy"):
            assert "copy_object" in watch.made
            assert "get_object" not in watch.made
        assert (copy.name, copy.container) == ("b/copy", container)
        assert await witness.get(container.name, "b/copy") == b"content"
        await self._check_alike(original, copy)

    @verifies("copies: by the provider")
    async def test_to_another_container(
        self, driver: Driver, container: Container, witness: Witness, new_name: Callable[[], str]
    ) -> None:
        """Under the same name, if no other is given."""
        other = driver.container(new_name())
        await witness.make_container(other.name)
        original = await self._original(container, b"content")
        copy = await original.copy_to(other)
        assert (copy.name, copy.container) == (original.name, other)
        assert await witness.get(other.name, original.name) == b"content"
        await self._check_alike(original, copy)

    async def test_over_another_object(self, container: Container, witness: Witness) -> None:
        """It is replaced, with its metadata."""
        await container.upload_object(
            b"old content", "copy", **self.keepable({"content_language": "de"}, container.driver)
        )
        original = await self._original(container, b"content")
        copy = await original.copy_to(container, "copy")
        assert await witness.get(container.name, "copy") == b"content"
        await self._check_alike(original, copy)

    @verifies("copies: with other headers and metadata")
    async def test_with_other_properties(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Those that are given are all it has. Onto itself, this is the way to change them."""
        original = await self._original(container, b"content")
        options: WriteObjectOptions = {"content_type": "text/x-copy"}
        if self.offers(driver, "object_metadata"):
            options["metadata"] = {"colour": "red"}
        for name in ("copy", original.name):
            if self.deviates(Deviation.ONLY_PLAIN_COPIES):
                with pytest.raises(UnsupportedError):
                    await original.copy_to(container, name, **options)
                continue
            await original.copy_to(container, name, **options)
            assert await witness.get(container.name, name) == b"content"
            copy = await container.get_object(name)
            assert copy.info is not None
            assert copy.info.cache_control is None
            assert copy.content_type == "text/x-copy"
            assert dict(copy.metadata) == options.get("metadata", {})
        await original.refresh()
        assert original.size == 7

    async def test_what_is_missing(
        self, driver: Driver, container: Container, witness: Witness, new_name: Callable[[], str]
    ) -> None:
        """Neither the object nor the container is made up."""
        with pytest.raises(ObjectNotFoundError):
            await container.object("missing").copy_to(container, "copy")
        assert await witness.keys(container.name) == []
        await witness.put(container.name, "key", b"content")
        with pytest.raises(ContainerNotFoundError):
            await container.object("key").copy_to(driver.container(new_name()))

    @pytest.mark.parametrize("parts", [0, 2])
    async def test_to_another_driver(
        self, container: Container, elsewhere: Container, part_size: int, parts: int
    ) -> None:
        """It is streamed through here, with headers and metadata."""
        data = content(parts * part_size + 100)
        original = await self._original(container, data)
        copy = await original.copy_to(elsewhere, "copy", part_size_bytes=part_size)
        assert copy.driver is elsewhere.driver
        assert await copy.read() == data
        await original.refresh()
        await copy.refresh()
        assert copy.content_type == original.content_type
        assert copy.info is not None
        assert original.info is not None
        assert copy.info.cache_control == original.info.cache_control
        assert dict(copy.metadata) == dict(original.metadata)

    async def test_what_would_be_lost(self, container: Container, witness: Witness, elsewhere: Container) -> None:
        """An object with metadata or headers is not copied to where there are none, unless the call says so."""
        original = await elsewhere.upload_object(b"content", "key", metadata={"owner": "Ada"}, cache_control="no-store")
        if self.keepable({"metadata": {}, "cache_control": ""}, container.driver).keys() == {
            "metadata",
            "cache_control",
        }:
            await original.copy_to(container, "copy")
        else:
            with pytest.raises(UnsupportedError, match=r"no (headers|metadata) of objects"):
                await original.copy_to(container, "copy")
            assert await witness.keys(container.name) == []
            await original.copy_to(container, "copy", metadata={})
        assert await witness.get(container.name, "copy") == b"content"

    @pytest.mark.parametrize("parts", [0, 2])
    @verifies("copies: between providers")
    async def test_from_another_driver(
        self, container: Container, witness: Witness, elsewhere: Container, part_size: int, parts: int
    ) -> None:
        """The same, the other way."""
        data = content(parts * part_size + 100)
        original = await self._original(elsewhere, data, container.driver)
        copy = await original.copy_to(container, "copy", part_size_bytes=part_size)
        assert await witness.get(container.name, "copy") == data
        assert await witness.open_uploads(container.name) == []
        await self._check_alike(original, copy)

    async def test_from_another_driver_where_nothing_is(
        self, container: Container, witness: Witness, elsewhere: Container
    ) -> None:
        """Nothing is published."""
        with pytest.raises(ObjectNotFoundError):
            await elsewhere.object("missing").copy_to(container, "copy")
        assert await witness.keys(container.name) == []

    @pytest.fixture
    async def elsewhere(self) -> AsyncIterator[Container]:
        """A container of another driver."""
        async with MemoryDriver() as memory:
            yield await memory.create_container("elsewhere")

    async def _original(self, container: Container, data: bytes, *others: Driver) -> Object:
        """An object with headers and metadata, as far as its provider and those of other drivers keep them."""
        options: WriteObjectOptions = {
            "content_type": "text/x-own",
            "cache_control": "no-store",
            "metadata": {"owner": "Ada", "note": "Grüße"},
        }
        return await container.upload_object(
            data, "a/original.html", **self.keepable(options, container.driver, *others)
        )

    async def _check_alike(self, original: Object, copy: Object) -> None:
        await original.refresh()
        data = await original.read()
        assert hash_is_right(copy.object_hash, data)
        await copy.refresh()
        assert copy.size == original.size
        assert copy.content_type == original.content_type or not self.offers(copy.driver, "object_headers")
        assert copy.info is not None
        assert original.info is not None
        assert copy.info.cache_control == original.info.cache_control
        assert dict(copy.metadata) == dict(original.metadata)
        assert hash_is_right(copy.object_hash, data)

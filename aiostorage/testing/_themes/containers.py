"""Containers: made, found, listed and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import (
    AlreadyExistsError,
    ContainerNotEmptyError,
    ContainerNotFoundError,
    InvalidNameError,
    NotFoundError,
)
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.data import content
from aiostorage.testing._themes.watch import Watch, at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.testing.witness import Witness

IMPOSSIBLE_NAMES = ["", "a/b", "lone\udcffsurrogate"]


class Containers(ContractBase):
    """Containers: made, found, listed and removed."""

    @verifies("containers: create")
    async def test_a_container_is_made(self, driver: Driver, witness: Witness, new_name: Callable[[], str]) -> None:
        """It is there, and what is returned can be worked with."""
        name = new_name()
        made = await driver.create_container(name)
        assert (made.name, made.key, made.driver) == (name, name, driver)
        assert await witness.has_container(name)
        await made.upload_object(b"content", "key")
        assert await witness.get(name, "key") == b"content"

    async def test_a_name_that_is_taken(self, driver: Driver, witness: Witness, container: Container) -> None:
        """A container that is there is not made again, and never emptied."""
        await witness.put(container.name, "key", b"content")
        if self.deviates(Deviation.CREATES_AGAIN):
            await driver.create_container(container.name)
        else:
            with pytest.raises(AlreadyExistsError) as caught:
                await driver.create_container(container.name)
            assert isinstance(caught.value, FileExistsError)
            assert (caught.value.operation, caught.value.container) == ("create_container", container.name)
        assert await witness.get(container.name, "key") == b"content"

    @verifies("containers: get")
    async def test_a_container_is_found(self, driver: Driver, witness: Witness, container: Container) -> None:
        """Its properties are true, where the provider tells any."""
        for key in ("a", "b"):
            await witness.put(container.name, key, b"content")
        found = await driver.get_container(container.name)
        assert found.name == container.name
        assert found.object_count in {2, None}
        assert found.created_at is None or found.created_at.tzinfo is not None

    async def test_a_container_that_is_missing(self, driver: Driver, new_name: Callable[[], str]) -> None:
        """Asking for it, listing it, writing to it and removing it say so."""
        missing = driver.container(new_name())
        with pytest.raises(ContainerNotFoundError) as caught:
            await driver.get_container(missing.name)
        assert isinstance(caught.value, FileNotFoundError)
        error = caught.value
        assert (error.provider, error.operation, error.container) == (driver.name, "head_container", missing.name)
        with pytest.raises(ContainerNotFoundError):
            await anext(missing.list_objects())
        with pytest.raises(ContainerNotFoundError):
            await missing.upload_object(b"content", "key")
        with pytest.raises(ContainerNotFoundError):
            await missing.delete(only_if_empty=True)
        with pytest.raises(ContainerNotFoundError):
            await missing.delete()
        with pytest.raises(NotFoundError):  # the answer to HEAD has no body to tell the two apart
            await missing.get_object("key")

    async def test_writing_by_parts_where_nothing_is(
        self, driver: Driver, witness: Witness, new_name: Callable[[], str], part_size: int
    ) -> None:
        """A large object does not make its container, either."""
        missing = driver.container(new_name())
        with pytest.raises(ContainerNotFoundError):
            await missing.upload_object(content(part_size + 1), "key", part_size_bytes=part_size)
        assert not await witness.has_container(missing.name)

    @verifies("containers: list")
    async def test_containers_are_listed(
        self, driver: Driver, witness: Witness, new_name: Callable[[], str], container: Container
    ) -> None:
        """All of them; or those whose names begin so."""
        other = new_name()
        await witness.make_container(other)
        names = [found.name async for found in driver.list_containers()]
        assert {container.name, other} <= set(names)
        assert len(names) == len(set(names))
        prefix = other[:-4]
        found = [found async for found in driver.list_containers(prefix=prefix)]
        assert other in {item.name for item in found}
        assert all(item.name.startswith(prefix) for item in found)
        assert [item.name async for item in driver.list_containers(prefix=f"{other}-not")] == []

    @verifies("containers: delete")
    async def test_an_empty_container_is_removed(
        self, driver: Driver, witness: Witness, new_name: Callable[[], str]
    ) -> None:
        """Whichever way it is said."""
        deletions: list[Callable[[Container], Coroutine[None, None, None]]] = [
            lambda container: container.delete(),
            lambda container: container.delete(only_if_empty=True),
            driver.delete_container,
            lambda container: driver.delete_container(container.name, only_if_empty=True),
        ]
        for delete in deletions:
            name = new_name()
            await witness.make_container(name)
            await delete(driver.container(name))
            assert not await witness.has_container(name)

    @verifies("containers: delete only if empty")
    async def test_what_is_not_empty_stays(self, container: Container, witness: Witness) -> None:
        """``only_if_empty`` removes nothing, neither the container nor what is in it."""
        await witness.put(container.name, "folder/key", b"content")
        with pytest.raises(ContainerNotEmptyError):
            await container.delete(only_if_empty=True)
        assert await witness.get(container.name, "folder/key") == b"content"
        assert await witness.has_container(container.name)

    @verifies("containers: delete with all that is in it")
    async def test_everything_goes_with_a_container(self, container: Container, witness: Witness) -> None:
        """Objects at all depths, and uploads that somebody else has begun."""
        for key in ("a", "b/c", "b/d/e", "strange + name %41", "f"):
            await witness.put(container.name, key, b"content")
        await witness.begin_upload(container.name, "unfinished", b"part")
        assert len(await witness.open_uploads(container.name)) == 1
        await container.delete()
        assert not await witness.has_container(container.name)

    async def test_a_container_that_holds_only_an_unfinished_upload(
        self, container: Container, witness: Witness
    ) -> None:
        """It has no objects, and goes all the same."""
        await witness.begin_upload(container.name, "unfinished", b"part")
        await container.delete()
        assert not await witness.has_container(container.name)

    async def test_a_handle_on_a_container_makes_no_request(self, driver: Driver) -> None:
        """It is a name, whether there is such a container or not."""
        with Watch(driver) as watch:
            handle = driver.container("nothing-is-here")
            assert (handle.name, handle.object_count, handle.created_at) == ("nothing-is-here", None, None)
        assert watch.made == []

    @pytest.mark.parametrize("name", IMPOSSIBLE_NAMES)
    async def test_an_impossible_name_is_refused_at_once(self, driver: Driver, name: str) -> None:
        """No request is made for a name that cannot exist."""
        with pytest.raises(InvalidNameError) as caught:
            driver.container(name)
        assert isinstance(caught.value, ValueError)
        for call in (driver.create_container, driver.get_container, driver.delete_container):
            with pytest.raises(InvalidNameError):
                at_once(call(name))
        with pytest.raises(InvalidNameError):
            at_once(driver.upload_object(b"", name, "key"))

"""Listings: complete, in order, and lazy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiostorage._tasks import all_tasks
from aiostorage.errors import ContainerNotFoundError, InvalidArgumentError
from aiostorage.models import Prefix
from aiostorage.testing._themes.base import ContractBase, Deviation, tasks_left, verifies
from aiostorage.testing._themes.data import hash_is_right
from aiostorage.testing._themes.watch import Watch, at_once

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.object import Object
    from aiostorage.testing.witness import Witness

TREE = ["a.txt", "b/1", "b/2", "b/c/3", "b/c/4", "b0", "d/5", "e", "f/g/h/6"]


class Listing(ContractBase):
    """Listings: complete, in order, and lazy."""

    @verifies("listing: page by page")
    async def test_pages_join(self, container: Container, witness: Witness) -> None:
        """Whatever the size of a page, each object comes once, in order."""
        names = [f"{number:02}" for number in range(25)]
        await put_all(witness, container, names)
        for page_size in (None, 1, 4, 24, 25, 26):
            assert await listed(container.list_objects(page_size=page_size)) == names, page_size

    async def test_order_is_that_of_utf8_bytes(self, container: Container, witness: Witness) -> None:
        """Neither that of UTF-16, nor that of a language."""
        names = ["-", "0", "A", "Z", "_", "a", "a b", "a!", "aa", "z", "é", "ﬀ", "😀"]
        await put_all(witness, container, names)
        order = "utf-16-be" if self.deviates(Deviation.UTF16_ORDER) else "utf-8"
        expected = sorted(names, key=lambda name: name.encode(order))
        assert await listed(container.list_objects(page_size=3)) == expected

    async def test_a_container_without_objects(self, container: Container) -> None:
        """Its listing is empty, with any question."""
        assert await listed(container.list_objects()) == []
        assert await listed(container.list_objects(prefix="a", start_after="a", page_size=1)) == []
        assert await listed(container.list_objects(delimiter="/")) == []

    async def test_listing_a_missing_container(self, driver: Driver, new_name: Callable[[], str]) -> None:
        """It is no empty listing."""
        for found in (
            driver.list_objects(new_name()),
            driver.list_objects(new_name(), prefix="a/", delimiter="/", page_size=1),
        ):
            with pytest.raises(ContainerNotFoundError) as caught:
                await anext(found)
            assert caught.value.operation == "list_objects"

    @verifies("listing: prefix")
    async def test_prefix(self, container: Container, witness: Witness) -> None:
        """It is text, with no meaning in any of its characters."""
        names = ["a", "a b+c%41/1", "a b+c%41/2", "a b+c%412", "a bXc%41/3", "b"]
        await put_all(witness, container, names)
        for prefix, expected in (
            ("a b+c%41/", names[1:3]),
            ("a b+c%41", names[1:4]),
            ("a b", names[1:5]),
            ("a", names[:5]),
            ("b", ["b"]),
            ("b/", []),
            ("A", []),
        ):
            for page_size in (None, 2):
                found = await listed(container.list_objects(prefix=prefix, page_size=page_size))
                assert found == expected, (prefix, page_size)

    @verifies("listing: delimiter")
    async def test_delimiter(self, container: Container, witness: Witness) -> None:
        """It folds what is below it, and each fold comes once, though it may span pages."""
        await put_all(witness, container, TREE)
        for prefix, expected in (
            ("", ["a.txt", "b/ >", "b0", "d/ >", "e", "f/ >"]),
            ("b", ["b/ >", "b0"]),
            ("b/", ["b/1", "b/2", "b/c/ >"]),
            ("b/c/", ["b/c/3", "b/c/4"]),
            ("f/g", ["f/g/ >"]),
            ("x/", []),
        ):
            for page_size in (None, 1, 2):
                found = await listed(container.list_objects(prefix=prefix, delimiter="/", page_size=page_size))
                assert found == expected, (prefix, page_size)

    @verifies("listing: any delimiter")
    async def test_delimiter_of_another_kind(self, container: Container, witness: Witness) -> None:
        """The slash has no privilege."""
        await put_all(witness, container, ["a-1", "a-2", "a/3", "b--4", "c"])
        found = await listed(container.list_objects(delimiter="-"))
        if self.deviates(Deviation.SLASH_ONLY):
            assert found == ["a-1", "a-2", "a/ >", "b--4", "c"]
        else:
            assert found == ["a- >", "a/3", "b- >", "c"]

    @verifies("listing: start after")
    async def test_start_after(self, container: Container, witness: Witness) -> None:
        """It names a place, whether there is an object of this name or not."""
        await put_all(witness, container, TREE)
        for start_after, prefix, expected in (
            ("a.txt", "", TREE[1:]),
            ("b/c", "", TREE[3:]),
            ("b/c/3", "", TREE[4:]),
            ("z", "", []),
            ("b/1", "b/", TREE[2:5]),
            ("a", "b/", TREE[1:5]),
        ):
            for page_size in (None, 2):
                found = container.list_objects(start_after=start_after, prefix=prefix, page_size=page_size)
                assert await listed(found) == expected, (start_after, prefix, page_size)

    async def test_pages_are_fetched_as_they_are_needed(
        self, driver: Driver, container: Container, witness: Witness
    ) -> None:
        """Nothing before the first object is asked for, and then no more than one page ahead."""
        await put_all(witness, container, [f"{number:02}" for number in range(12)])
        with Watch(driver) as watch:
            found = container.list_objects(page_size=3)
            assert watch.made == []
            for number in range(12):
                await anext(found)
                await asyncio.sleep(0)
                assert len(watch.made) <= number // 3 + 2
            await found.aclose()
        assert set(watch.made) == {"list_objects"}

    async def test_leaving_a_listing_early(self, driver: Driver, container: Container, witness: Witness) -> None:
        """A loop that is left after ten objects asks for no further page, and leaves no task."""
        await put_all(witness, container, [f"{number:02}" for number in range(25)])
        before = all_tasks()
        names: list[str] = []
        with Watch(driver) as watch:
            async for obj in container.list_objects(page_size=5):
                names.append(obj.name)
                if len(names) == 10:
                    break
            assert not await tasks_left(before)
        assert names == [f"{number:02}" for number in range(10)]
        assert len(watch.made) <= 3

    async def test_an_error_in_the_loop(self, container: Container, witness: Witness) -> None:
        """It comes out as it is, and nothing goes on behind it."""
        await put_all(witness, container, [f"{number:02}" for number in range(9)])
        before = all_tasks()
        with pytest.raises(ZeroDivisionError):
            await self._divide_by_zero(container)
        assert not await tasks_left(before)

    async def test_deleting_while_listing(self, container: Container, witness: Witness) -> None:
        """Pages go on from a name, not from a number: none is skipped when those before are gone."""
        await put_all(witness, container, [f"{number:02}" for number in range(12)])
        async for obj in container.list_objects(page_size=3):
            await obj.delete()
        assert await witness.keys(container.name) == []

    async def test_what_a_listing_tells(self, container: Container, witness: Witness) -> None:
        """Size and date always; etag and hash, where it tells them, are those that the object has."""
        await witness.put(container.name, "key", b"content")
        (obj,) = [obj async for obj in container.list_objects()]
        assert obj.size == 7
        assert obj.last_modified is not None
        assert obj.last_modified.tzinfo is not None
        assert hash_is_right(obj.object_hash, b"content")
        assert await obj.read() == b"content"
        assert obj.etag in {None, (await container.get_object("key")).etag}

    async def test_pages_of_nothing(self, container: Container) -> None:
        """A page holds something, or the question makes no sense."""
        with pytest.raises(InvalidArgumentError):
            at_once(anext(container.list_objects(page_size=0)))

    @staticmethod
    async def _divide_by_zero(container: Container) -> None:
        async for obj in container.list_objects(page_size=2):
            _ = len(obj.name) / 0


async def listed(found: AsyncIterable[Object | Prefix]) -> list[str]:
    """The names in a listing; those of prefixes are marked."""
    return [f"{item.name} >" if isinstance(item, Prefix) else item.name async for item in found]


async def put_all(witness: Witness, container: Container, names: Iterable[str]) -> None:
    """Have small objects of these names."""
    await asyncio.gather(*[witness.put(container.name, name, b"content") for name in names])

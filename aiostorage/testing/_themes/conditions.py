"""Conditions: writing and reading only if."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import (
    NotFoundError,
    NotModifiedError,
    PreconditionFailedError,
    UnsupportedError,
)
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.data import content
from aiostorage.testing._themes.watch import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.object import Object
    from aiostorage.testing.witness import Witness

RACERS = 8


class Conditions(ContractBase):
    """Conditions: writing and reading only if."""

    async def test_conditions_are_found_out(self, driver: Driver, container: Container, witness: Witness) -> None:
        """What the driver offers is what the service obeys, as far as trying tells; and nothing stays of it."""
        found = await container.verify_conditions()
        offered = {field.name: getattr(driver.capabilities, field.name) for field in fields(found)}
        assert asdict(found) == offered
        assert await witness.keys(container.name) == []

    @verifies("conditions: create if absent")
    async def test_create_if_absent(self, driver: Driver, container: Container, witness: Witness) -> None:
        """The first one writes; the second is told that somebody has."""
        if not self.offers(driver, "create_if_absent"):
            with pytest.raises(UnsupportedError):
                at_once(container.upload_object(b"first", "key", if_none_match="*"))
            assert await witness.keys(container.name) == []
            return
        await container.upload_object(b"first", "key", if_none_match="*")
        with pytest.raises(PreconditionFailedError):
            await container.upload_object(b"second", "key", if_none_match="*")
        assert await witness.get(container.name, "key") == b"first"
        await container.delete_object("key")
        await container.upload_object(b"third", "key", if_none_match="*")
        assert await witness.get(container.name, "key") == b"third"

    @verifies("conditions: the same by parts")
    async def test_create_if_absent_by_parts(
        self, driver: Driver, container: Container, witness: Witness, part_size: int
    ) -> None:
        """A large object obeys, too, and what was sent in vain is removed."""
        first, second = content(part_size + 1), content(part_size + 1, seed=1)

        async def upload(data: bytes) -> None:
            await container.upload_object(data, "key", if_none_match="*", part_size_bytes=part_size)

        if not self.offers(driver, "create_if_absent") or self.deviates(Deviation.UNCONDITIONAL_PARTS):
            with pytest.raises(UnsupportedError):
                await upload(first)
            assert await witness.keys(container.name) == []
        else:
            await upload(first)
            with pytest.raises(PreconditionFailedError):
                await upload(second)
            assert await witness.get(container.name, "key") == first
        expected = ["key"] if self.deviates(Deviation.PARTS_STAY) else []
        assert await witness.open_uploads(container.name) == expected

    async def test_a_race_to_create(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Of many that try at once, one wins, and it knows."""
        if not self.offers(driver, "create_if_absent"):
            return
        uploads = [container.upload_object(b"%d" % n, "key", if_none_match="*") for n in range(RACERS)]
        results = await asyncio.gather(*uploads, return_exceptions=True)
        winners = [number for number, result in enumerate(results) if not isinstance(result, BaseException)]
        assert len(winners) == 1
        assert all(isinstance(result, PreconditionFailedError) for n, result in enumerate(results) if n not in winners)
        assert await witness.get(container.name, "key") == b"%d" % winners[0]

    @verifies("conditions: replace if it matches")
    async def test_write_if_match(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Only over the version that the caller has seen."""
        await container.upload_object(b"first", "key")
        first = await container.get_object("key")
        if not self.offers(driver, "write_if_match"):
            with pytest.raises(UnsupportedError):
                at_once(container.upload_object(b"second", "key", if_match=first.etag))
            assert await witness.get(container.name, "key") == b"first"
            return
        await container.upload_object(b"second", "key", if_match=first.etag)
        with pytest.raises(PreconditionFailedError):
            await container.upload_object(b"third", "key", if_match=first.etag)
        assert await witness.get(container.name, "key") == b"second"
        with pytest.raises((PreconditionFailedError, NotFoundError)):
            await container.upload_object(b"content", "missing", if_match=first.etag)
        assert await witness.get(container.name, "missing") is None

    @verifies("conditions: replace by parts")
    async def test_write_if_match_by_parts(
        self, driver: Driver, container: Container, witness: Witness, part_size: int
    ) -> None:
        """Large objects obey, too."""
        if not self.offers(driver, "write_if_match") or self.deviates(Deviation.UNCONDITIONAL_PARTS):
            with pytest.raises(UnsupportedError):
                await container.upload_object(content(part_size + 1), "key", if_match="x", part_size_bytes=part_size)
            assert await witness.open_uploads(container.name) == []
            return
        await container.upload_object(b"first", "key")
        first = await container.get_object("key")
        data = content(part_size + 1)
        await container.upload_object(data, "key", if_match=first.etag, part_size_bytes=part_size)
        with pytest.raises(PreconditionFailedError):
            await container.upload_object(bytes(part_size + 1), "key", if_match=first.etag, part_size_bytes=part_size)
        assert await witness.get(container.name, "key") == data
        await self.check_no_parts(witness, container, "key")

    async def test_a_writer_with_a_condition(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Its error comes out when the block is left."""
        await container.upload_object(b"first", "key")
        expected = PreconditionFailedError if self.offers(driver, "create_if_absent") else UnsupportedError
        with pytest.raises(expected):
            async with container.open_writer("key", if_none_match="*") as writer:
                await writer.write(b"second")
        assert await witness.get(container.name, "key") == b"first"

    @verifies("conditions: read and head if it matches")
    async def test_read_if_match(self, driver: Driver, container: Container) -> None:
        """Only the version that the caller means; by every way to read."""
        await container.upload_object(b"first", "key")
        obj = await container.get_object("key")
        old = obj.etag
        if not self.offers(driver, "read_conditions"):
            for way in ways_to_read(driver, obj, if_match=old):
                with pytest.raises(UnsupportedError):
                    at_once(way())
            return
        for way in ways_to_read(driver, obj, if_match=old):
            await way()
        await container.upload_object(b"2nd", "key")
        for way in ways_to_read(driver, obj, if_match=old):
            with pytest.raises(PreconditionFailedError):
                await way()

    @verifies("conditions: read and head if it changed")
    async def test_read_if_none_match(self, driver: Driver, container: Container) -> None:
        """Only what the caller does not have yet."""
        await container.upload_object(b"first", "key")
        obj = await container.get_object("key")
        old = obj.etag
        if not self.offers(driver, "read_conditions"):
            for way in ways_to_read(driver, obj, if_none_match=old):
                with pytest.raises(UnsupportedError):
                    at_once(way())
            return
        for way in ways_to_read(driver, obj, if_none_match=old):
            with pytest.raises(NotModifiedError):
                await way()
        await container.upload_object(b"2nd", "key")
        for way in ways_to_read(driver, obj, if_none_match=old):
            await way()
        assert await obj.read(if_none_match=old) == b"2nd"


def ways_to_read(
    driver: Driver, obj: Object, *, if_match: str | None = None, if_none_match: str | None = None
) -> list[Callable[[], Coroutine[None, None, object]]]:
    """Calls that read an object under a condition."""
    return [
        lambda: driver.head_object(obj, if_match=if_match, if_none_match=if_none_match),
        lambda: obj.read(if_match=if_match, if_none_match=if_none_match),
        lambda: obj.read(byte_range=(0, 2), if_match=if_match, if_none_match=if_none_match),
        lambda: obj.as_file(if_match=if_match, if_none_match=if_none_match).read(),
    ]

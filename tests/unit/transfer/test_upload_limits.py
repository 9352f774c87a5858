"""Uploads that need all the parts that a provider allows, to the byte, or one byte more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aiostorage import ClosedError, InvalidArgumentError
from aiostorage._transfer.parts import growing_part_size
from aiostorage.driver import Driver
from aiostorage.providers.memory.backend import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiostorage import Capabilities, Container

pytestmark = pytest.mark.anyio

PART = 4


class Backend(MemoryBackend):
    """Memory that takes so many parts of an object."""

    def __init__(self, max_parts: int) -> None:
        super().__init__()
        self._max_parts = max_parts

    @property
    def capabilities(self) -> Capabilities:
        known = super().capabilities
        return replace(known, limits=replace(known.limits, max_parts=self._max_parts))


async def store(container: Container, how: str, data: bytes, piece: int) -> None:
    async def source() -> AsyncIterator[bytes]:
        for start in range(0, len(data), piece):
            yield data[start : start + piece]

    if how == "stream":
        await container.upload_object(source(), "key")
    else:
        async with container.open_writer("key") as writer:
            async for chunk in source():
                await writer.write(chunk)


@pytest.mark.parametrize("piece", [3, PART, 10_000])
@pytest.mark.parametrize("max_parts", [1, 2, 20])
@pytest.mark.parametrize("how", ["stream", "writer"])
async def test_what_nobody_knows_the_size_of_may_need_every_part(how: str, max_parts: int, piece: int) -> None:
    backend = Backend(max_parts)
    limits = backend.capabilities.limits
    most = bytes(sum(growing_part_size(number, PART, limits) for number in range(1, max_parts + 1)))
    async with Driver(backend, part_size_bytes=PART) as driver:
        container = await driver.create_container("bucket")
        with pytest.raises(InvalidArgumentError, match=f"{max_parts} parts"):
            await store(container, how, most + b"x", piece)
        assert [obj.name async for obj in container.list_objects()] == []
        assert (await backend.list_uploads("bucket", prefix="", token=None)).items == []
        await store(container, how, most, piece)
        assert await container.object("key").read() == most
        assert (await backend.list_uploads("bucket", prefix="", token=None)).items == []


async def test_a_write_that_does_not_fit_is_missed_although_its_error_was_caught() -> None:
    async with Driver(Backend(2), part_size_bytes=PART) as driver:
        container = await driver.create_container("bucket")
        with pytest.raises(ClosedError, match="a write has failed"):
            async with container.open_writer("key") as writer:
                with pytest.raises(InvalidArgumentError, match="2 parts"):
                    await writer.write(bytes(1000))
        assert [obj.name async for obj in container.list_objects()] == []

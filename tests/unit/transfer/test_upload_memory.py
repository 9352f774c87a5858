"""What an upload holds at once, where the provider's limits make parts larger than they were to be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aiostorage.driver import Driver
from aiostorage.providers.memory.backend import MemoryBackend
from tests.waiting import settles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiostorage import Buffer, Capabilities, Part, Upload
    from aiostorage.backend import OnSent

pytestmark = pytest.mark.anyio

PART = 4096
CONCURRENCY = 4
BOUND = PART * (CONCURRENCY + 1)
PIECE = 1024


class Backend(MemoryBackend):
    """Memory that takes twenty parts of an object, each in some turns of the loop, and counts what is on its way.

    With ``together`` a part arrives only when so many are on their way, as they come from a file with time.
    """

    def __init__(self, *, together: int = 1) -> None:
        super().__init__()
        self.together = together
        self.sizes: list[int] = []
        self.arriving: set[int] = set()
        self.at_once: list[int] = []
        self.most = 0
        self.done = 0

    @property
    def capabilities(self) -> Capabilities:
        known = super().capabilities
        return replace(known, limits=replace(known.limits, max_parts=20))

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        self.sizes.append(len(body))
        self.arriving.add(number)
        self.at_once.append(len(self.arriving))
        self.most = max(self.most, sum(self.sizes) - self.done)
        for _ in range(20):
            await asyncio.sleep(0)
        wanted = -(-number // self.together) * self.together
        assert await settles(lambda: len(self.sizes) >= wanted, within_s=30)
        part = await super().upload_part(upload, number, offset, body, on_sent=on_sent)
        self.arriving.discard(number)
        self.done += len(body)
        return part


@pytest.mark.parametrize("how", ["stream", "writer"])
async def test_parts_of_a_stream_that_grow_are_fewer_at_once(how: str) -> None:
    """Memory is what has come out of the source and has not arrived, the part that is being filled included."""
    backend = Backend()
    held: list[int] = []
    total = 130 * PART

    async def source() -> AsyncIterator[bytes]:
        for start in range(0, total, PIECE):
            held.append(start - backend.done)
            yield bytes(PIECE)

    async with Driver(backend, part_size_bytes=PART, concurrency=CONCURRENCY) as driver:
        container = await driver.create_container("bucket")
        if how == "stream":
            obj = await container.upload_object(source(), "key")
            assert obj.size == total
        else:
            async with container.open_writer("key") as writer:
                async for piece in source():
                    await writer.write(piece)
    assert sum(backend.sizes) == total
    assert backend.sizes[:8] == [PART] * 2 + [2 * PART] * 2 + [4 * PART] * 2 + [8 * PART] * 2
    # The parts of eight times the size are larger than all of the bound: each of them is alone.
    small = 2 * PART + 4 * PART + 8 * PART
    assert max(count for start, count in zip(range(0, total, PIECE), held, strict=True) if start < small) <= BOUND
    assert max(held) <= 32 * PART
    assert backend.at_once[6:] == [1] * len(backend.at_once[6:])
    assert max(backend.at_once) > 1


@pytest.mark.parametrize("larger", [1, 2, 3])
async def test_parts_of_a_file_that_is_large_are_fewer_at_once(larger: int, tmp_path: Path) -> None:
    """Of parts as they are wanted, all that may be are under way; of larger ones as many as take no more memory."""
    mib = 1024 * 1024
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(20 * larger * mib)
    together = {1: 4, 2: 2, 3: 1}[larger]
    backend = Backend(together=together)
    async with Driver(backend, part_size_bytes=mib, concurrency=CONCURRENCY) as driver:
        container = await driver.create_container("bucket")
        await container.upload_object(path, "key")
    assert backend.sizes == [larger * mib] * 20
    assert backend.most <= mib * (CONCURRENCY + 1)
    assert max(backend.at_once) == together

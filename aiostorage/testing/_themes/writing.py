"""Writers: a file that becomes an object when its block is left cleanly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import ClosedError, ContainerNotFoundError
from aiostorage.testing._themes.base import ContractBase, verifies
from aiostorage.testing._themes.data import content, hash_is_right
from aiostorage.testing._themes.sources import chunks
from aiostorage.testing._themes.uploads import SourceError
from aiostorage.testing._themes.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.testing.witness import Witness


class Writing(ContractBase):
    """Writers: a file that becomes an object when its block is left cleanly."""

    async def test_little(self, driver: Driver, container: Container, witness: Witness, part_size: int) -> None:
        """What fits into one part is one request, and nothing is made before the end."""
        for size in (0, 1, 1000, part_size - 1):
            data = content(size)
            with Watch(driver) as watch:
                async with container.open_writer("key", part_size_bytes=part_size) as writer:
                    for chunk in chunks(data):
                        assert await writer.write(chunk) == len(chunk)
                    assert writer.tell() == size
                    assert watch.made == []
            assert watch.made == ["put_object"]
            assert await witness.get(container.name, "key") == data
            assert writer.info is not None
            assert (writer.name, writer.info.size) == ("key", size)

    @verifies("uploads: as a file")
    async def test_much(self, container: Container, witness: Witness, part_size: int) -> None:
        """Parts go while there is more to come; the buffer that was written may be used again."""
        data = content(3 * part_size + 100)
        buffer = bytearray(10_007)
        options = self.keepable({"part_size_bytes": part_size, "metadata": {"owner": "Ada"}}, container.driver)
        async with container.open_writer("key.txt", **options) as writer:
            for start in range(0, len(data), len(buffer)):
                piece = data[start : start + len(buffer)]
                buffer[: len(piece)] = piece
                await writer.write(memoryview(buffer)[: len(piece)])
        assert await witness.get(container.name, "key.txt") == data
        assert await witness.open_uploads(container.name) == []
        assert writer.info is not None
        assert hash_is_right(writer.info.object_hash, data)
        found = await container.get_object("key.txt")
        assert found.content_type == "text/plain" or not self.offers(container.driver, "object_headers")

    async def test_one_write_of_many_parts(self, container: Container, witness: Witness, part_size: int) -> None:
        """A write may be larger than any part."""
        data = content(2 * part_size + 1)
        async with container.open_writer("key", part_size_bytes=part_size, concurrency=1) as writer:
            assert await writer.write(data) == len(data)
        assert await witness.get(container.name, "key") == data

    @pytest.mark.parametrize("parts", [0, 2])
    async def test_an_error_in_the_block(
        self, container: Container, witness: Witness, part_size: int, parts: int
    ) -> None:
        """It comes out as it is; what was there stays, and what was sent goes."""
        await witness.put(container.name, "key", b"old")
        error = SourceError()

        async def write() -> None:
            async with container.open_writer("key", part_size_bytes=part_size) as writer:
                await writer.write(content(parts * part_size + 100))
                raise error

        with pytest.raises(SourceError) as caught:
            await write()
        assert caught.value is error
        assert await witness.get(container.name, "key") == b"old"
        await self.check_no_parts(witness, container, "key")

    @pytest.mark.parametrize("parts", [0, 2])
    async def test_a_block_that_is_cancelled(
        self, container: Container, witness: Witness, part_size: int, parts: int
    ) -> None:
        """It publishes nothing, and the cancellation goes on."""
        is_inside = asyncio.Event()

        async def write() -> None:
            async with container.open_writer("key", part_size_bytes=part_size) as writer:
                await writer.write(content(parts * part_size + 100))
                is_inside.set()
                await asyncio.Event().wait()  # for ever

        task = asyncio.create_task(write())
        await is_inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await witness.get(container.name, "key") is None
        assert await witness.open_uploads(container.name) == []

    @pytest.mark.parametrize("parts", [0, 2])
    async def test_commit(self, container: Container, witness: Witness, part_size: int, parts: int) -> None:
        """It publishes before the block ends; nothing that happens later changes that."""
        data = content(parts * part_size + 100)

        async def write() -> None:
            async with container.open_writer("key", part_size_bytes=part_size) as writer:
                await writer.write(data)
                info = await writer.commit()
                assert (info, info.size) == (writer.info, len(data))
                assert await witness.get(container.name, "key") == data
                with pytest.raises(ClosedError):
                    await writer.write(b"more")
                with pytest.raises(ClosedError):
                    await writer.commit()
                raise SourceError

        with pytest.raises(SourceError):
            await write()
        assert await witness.get(container.name, "key") == data

    @pytest.mark.parametrize("parts", [0, 2])
    async def test_abort(self, container: Container, witness: Witness, part_size: int, parts: int) -> None:
        """Nothing is published, and leaving the block is no error."""
        async with container.open_writer("key", part_size_bytes=part_size) as writer:
            await writer.write(content(parts * part_size + 100))
            await writer.abort()
            with pytest.raises(ClosedError):
                await writer.write(b"more")
        assert writer.info is None
        assert await witness.get(container.name, "key") is None
        assert await witness.open_uploads(container.name) == []

    async def test_outside_of_the_block(self, container: Container, witness: Witness) -> None:
        """Neither before nor after it can anything be written."""
        writer = container.open_writer("key")
        with pytest.raises(ClosedError):
            await writer.write(b"early")
        async with writer:
            await writer.write(b"in time")
        with pytest.raises(ClosedError):
            await writer.write(b"late")
        assert await witness.get(container.name, "key") == b"in time"

    async def test_a_written_part_that_fails(
        self, driver: Driver, container: Container, witness: Witness, part_size: int
    ) -> None:
        """Its error comes out of the block, which is cancelled if it waits for something else."""

        def fail() -> None:
            raise SourceError

        async def write() -> None:
            async with container.open_writer("key", part_size_bytes=part_size) as writer:
                await writer.write(content(part_size + 1))
                await asyncio.Event().wait()  # for ever

        with Watch(driver) as watch:
            watch.at("before", "upload_part", fail)
            with pytest.raises(SourceError):
                await write()
        assert await witness.get(container.name, "key") is None
        assert await witness.open_uploads(container.name) == []

    async def test_writing_where_nothing_is(self, driver: Driver, new_name: Callable[[], str]) -> None:
        """The error comes out when the block is left."""
        missing = driver.container(new_name())
        with pytest.raises(ContainerNotFoundError):
            async with missing.open_writer("key") as writer:
                await writer.write(b"content")

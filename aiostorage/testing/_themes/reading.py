"""Readers: an object as an asynchronous file, and ranges of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

import pytest

from aiostorage.errors import (
    ClosedError,
    InvalidArgumentError,
    ObjectChangedError,
    RangeNotSatisfiableError,
    UnsupportedError,
)
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.data import content
from aiostorage.testing._themes.watch import Watch, at_once

if TYPE_CHECKING:
    from aiostorage._transfer.reader import ObjectReader
    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.testing.witness import Witness

SIZE = 1_500_000
LARGE = 12_000_000
"""More than what the network and the reader hold ready."""

Range: TypeAlias = tuple[int, int | None]

RANGES: list[Range] = [
    *[(0, 1), (0, 10), (5, 500_000), (0, SIZE), (SIZE - 1, SIZE)],
    *[(0, SIZE + 1), (SIZE - 10, SIZE + 10)],
    *[(0, None), (700_000, None), (SIZE - 1, None)],
    *[(-1, None), (-700_000, None), (-SIZE, None), (-SIZE - 100, None)],
]


class Reading(ContractBase):
    """Readers: an object as an asynchronous file, and ranges of it."""

    @verifies("reading: whole")
    async def test_whole(self, container: Container, witness: Witness) -> None:
        """By every way of reading all of it, and of any size."""
        for size in (0, 1, 1000, SIZE):
            data = content(size)
            await witness.put(container.name, "key", data)
            obj = container.object("key")
            assert await obj.read() == data
            async with obj.as_file() as stream:
                assert await stream.read() == data
                assert await stream.read() == b""
                assert (stream.size, stream.name, stream.tell()) == (size, "key", size)
            async with obj.as_file() as stream:
                chunks = [chunk async for chunk in stream]
            assert b"".join(chunks) == data
            assert all(chunks)

    async def test_piece_by_piece(self, container: Container, witness: Witness) -> None:
        """``read``, ``read1`` and ``readinto`` return as much as they promise."""
        data = content(SIZE)
        await witness.put(container.name, "key", data)
        async with container.open_object("key") as stream:
            assert await stream.read(0) == b""
            assert await stream.read(16) == data[:16]
            assert await stream.read(700_001) == data[16:700_017]
            assert stream.tell() == 700_017
            some = await stream.read1(100)
            assert 1 <= len(some) <= 100
            at = 700_017 + len(some)
            assert some == data[700_017:at]
            buffer = bytearray(500_000)
            assert await stream.readinto(buffer) == 500_000
            assert bytes(buffer) == data[at : at + 500_000]
            rest = await stream.read(SIZE)
            assert rest == data[at + 500_000 :]
            assert await stream.readinto(buffer) == 0
            assert (await stream.read(1), await stream.read1(), await stream.readline()) == (b"", b"", b"")

    async def test_line_by_line(self, container: Container, witness: Witness) -> None:
        """Lines end with a line feed, but for the last one; a limit cuts them."""
        lines = [b"first\n", b"\n", b"x" * 300_000 + b"\n", b"\r\n", b"last"]
        await witness.put(container.name, "key", b"".join(lines))
        async with container.open_object("key") as stream:
            assert await stream.readline(3) == b"fir"
            assert await stream.readline() == b"st\n"
            assert [await stream.readline() for _ in range(5)] == [*lines[1:], b""]

    @verifies("reading: as a file")
    async def test_seek_and_tell(self, container: Container, witness: Witness) -> None:
        """To anywhere, from anywhere; past the end there is nothing."""
        data = content(SIZE)
        await witness.put(container.name, "key", data)
        async with container.open_object("key") as stream:
            assert await stream.seek(1_000_000) == 1_000_000
            assert await stream.read(10) == data[1_000_000:1_000_010]
            assert await stream.seek(-10, os.SEEK_CUR) == 1_000_000
            assert await stream.read(5) == data[1_000_000:1_000_005]
            assert await stream.seek(200_000, os.SEEK_CUR) == 1_200_005
            assert await stream.read(5) == data[1_200_005:1_200_010]
            assert await stream.seek(3) == stream.tell() == 3
            assert await stream.read(4) == data[3:7]
            assert await stream.seek(-7, os.SEEK_END) == SIZE - 7
            assert await stream.read() == data[-7:]
            assert await stream.seek(100, os.SEEK_END) == SIZE + 100
            assert await stream.read(1) == b""
            assert await stream.seek(0) == 0
            assert await stream.read() == data
            for offset, whence in ((-1, os.SEEK_SET), (-SIZE - 1, os.SEEK_END), (0, 7)):
                with pytest.raises(InvalidArgumentError):
                    await stream.seek(offset, whence)

    async def test_seek_before_the_first_read(self, container: Container, witness: Witness) -> None:
        """The end is found without reading to it."""
        data = content(SIZE)
        await witness.put(container.name, "key", data)
        async with container.open_object("key") as stream:
            assert await stream.seek(-5, os.SEEK_END) == SIZE - 5
            assert await stream.read(2) == data[-5:-3]

    @verifies("reading: ranges")
    async def test_ranges(self, container: Container, witness: Witness) -> None:
        """Half-open, to the end, or the last so many; what lies past the end is not missed."""
        data = content(SIZE)
        await witness.put(container.name, "key", data)
        obj = container.object("key")
        for byte_range in RANGES:
            start, stop = byte_range
            expected = data[max(start, -SIZE) : stop]
            if start < -SIZE and self.deviates(Deviation.SHORT_SUFFIX):
                with pytest.raises(RangeNotSatisfiableError):
                    await obj.read(byte_range=byte_range)
                continue
            assert await obj.read(byte_range=byte_range) == expected
            async with obj.as_file(byte_range=byte_range) as stream:
                assert await stream.read(1) == expected[:1]
                assert stream.size == len(expected)
                assert await stream.read() == expected[1:]
                assert await stream.seek(-1, os.SEEK_END) == len(expected) - 1
                assert await stream.read() == expected[-1:]
                assert await stream.seek(0) == 0
                assert await stream.read(20) == expected[:20]

    @verifies("reading: a part by its number")
    async def test_a_part_by_its_number(self, driver: Driver, container: Container, part_size: int) -> None:
        """Only its bytes, and how many parts there are; what was stored at once is one part."""
        data = content(2 * part_size + 1)
        if not self.offers(driver, "part_numbers"):
            with pytest.raises(UnsupportedError):
                at_once(container.object("key").read(part_number=1))
            with pytest.raises(UnsupportedError):
                _ = container.open_object("key", part_number=1)
            return
        large = await container.upload_object(data, "large", part_size_bytes=part_size)
        small = await container.upload_object(b"content", "small")
        for number in (1, 2, 3):
            part = data[(number - 1) * part_size : number * part_size]
            assert await large.read(part_number=number) == part
            async with large.as_file(part_number=number) as stream:
                assert await stream.read(1) == part[:1]
                assert (stream.size, stream.info and stream.info.part_count) == (len(part), 3)
                await stream.seek(-1, os.SEEK_END)
                assert await stream.read() == part[-1:]
        assert await small.read(part_number=1) == b"content"
        for obj, number in ((large, 4), (small, 2)):
            with pytest.raises(RangeNotSatisfiableError):
                await obj.read(part_number=number)
        for number, byte_range in ((0, None), (1, (0, 1))):
            with pytest.raises(InvalidArgumentError):
                at_once(large.read(part_number=number, byte_range=byte_range))

    async def test_ranges_beyond_the_end(self, container: Container, witness: Witness) -> None:
        """A range without a byte of the object is an error, not an empty answer; an empty object has no byte."""
        await witness.put(container.name, "ten", b"0123456789")
        await witness.put(container.name, "empty", b"")
        beyond: list[tuple[str, Range]] = [("ten", (10, 20)), ("ten", (10, None)), ("ten", (11, 12))]
        beyond += [("empty", (0, 1)), ("empty", (0, None)), ("empty", (-1, None)), ("empty", (5, 6))]
        for key, byte_range in beyond:
            obj = container.object(key)
            with pytest.raises(RangeNotSatisfiableError):
                await obj.read(byte_range=byte_range)
            async with obj.as_file(byte_range=byte_range) as stream:
                with pytest.raises(RangeNotSatisfiableError):
                    await stream.read()

    async def test_ranges_that_make_no_sense(self, container: Container) -> None:
        """They are refused before any request."""
        obj = container.object("key")
        senseless: list[Range] = [(5, 5), (5, 4), (-5, 2), (-5, -1), (0, 0)]
        for byte_range in senseless:
            with pytest.raises(InvalidArgumentError):
                at_once(obj.read(byte_range=byte_range))
            with pytest.raises(InvalidArgumentError):
                assert obj.as_file(byte_range=byte_range)

    async def test_nothing_is_requested_before_it_is_needed(
        self, driver: Driver, container: Container, witness: Witness
    ) -> None:
        """The first read opens the object, and reading on needs no other request."""
        data = content(1000)
        await witness.put(container.name, "key", data)
        with Watch(driver) as watch:
            stream = container.open_object("key")
            assert (stream.size, stream.info, stream.closed) == (None, None, False)
            assert watch.made == []
            for start in range(0, 1000, 100):
                assert await stream.read(100) == data[start : start + 100]
            assert watch.made == ["get_object"]
            assert stream.info is not None
            assert stream.info.size == 1000
            await stream.aclose()

    async def test_opening_at_once(self, container: Container, witness: Witness) -> None:
        """``await`` makes the first request, so that an error comes here and not later."""
        await witness.put(container.name, "key", b"content")
        stream = await container.open_object("key")
        assert stream.size == 7
        await witness.put(container.name, "key", b"CONTENT of another version")
        assert await stream.read() == b"content"  # the version that was opened
        await stream.aclose()
        with pytest.raises(FileNotFoundError):
            _ = await container.open_object("missing")

    async def test_leaving_a_reader_early(self, container: Container, witness: Witness) -> None:
        """Nothing is left open, and the driver goes on to work: often, and at once."""
        await witness.put(container.name, "key", content(LARGE))
        for read_bytes in (0, 1, 1, LARGE // 2, LARGE - 1):
            async with container.open_object("key") as stream:
                assert await stream.read(read_bytes) == content(LARGE)[:read_bytes]
            assert stream.closed
        assert (await container.get_object("key")).size == LARGE

    async def test_a_reader_that_was_closed(self, container: Container, witness: Witness) -> None:
        """It reads nothing; closing it again is fine."""
        await witness.put(container.name, "key", b"content")
        stream = container.open_object("key")
        assert await stream.read(3) == b"con"
        await stream.aclose()
        await stream.aclose()
        for call in (stream.read, stream.read1, stream.readline, stream.open):
            with pytest.raises(ClosedError):
                await call()
        with pytest.raises(ClosedError):
            await stream.seek(0)
        with pytest.raises(ClosedError):
            await stream.readinto(bytearray(1))
        with pytest.raises(ClosedError):
            await anext(aiter(stream))

    async def test_an_object_that_is_replaced(self, container: Container, witness: Witness) -> None:
        """A reader is pinned to the version that it saw first, and never mixes it with another."""
        old, new = content(LARGE), content(LARGE, seed=1)
        await witness.put(container.name, "key", old)
        async with container.open_object("key") as stream:
            assert await stream.read(100) == old[:100]
            await witness.put(container.name, "key", new)
            with pytest.raises(ObjectChangedError):  # a new request is needed, for a version that is gone
                await self._read_at(stream, LARGE - 100)
        async with container.open_object("key") as stream:
            assert await stream.read() == new

    async def test_an_object_that_is_replaced_while_it_is_read(self, container: Container, witness: Witness) -> None:
        """Reading on without a new request yields the old version, to its end, or an error."""
        old, new = content(LARGE), content(LARGE, seed=1)
        await witness.put(container.name, "key", old)
        async with container.open_object("key") as stream:
            pieces = [await stream.read(100)]
            await witness.put(container.name, "key", new)
            try:
                pieces.append(await stream.read())
            except ObjectChangedError:
                pass
            else:
                assert b"".join(pieces) == old

    async def test_readers_side_by_side(self, container: Container, witness: Witness) -> None:
        """Each has its own place."""
        data = content(SIZE)
        await witness.put(container.name, "key", data)
        async with container.open_object("key") as one, container.open_object("key") as other:
            assert await one.read(10) == data[:10]
            assert await other.read(1000) == data[:1000]
            assert await one.read(10) == data[10:20]
            assert await other.read() == data[1000:]

    @staticmethod
    async def _read_at(stream: ObjectReader, position: int) -> bytes:
        await stream.seek(position)
        return await stream.read(10)

"""Uploads: any source of any length, whole or not at all."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, cast

import pytest

from aiostorage.body import READ_BYTES
from aiostorage.errors import InvalidArgumentError, PreconditionFailedError
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.data import content, hash_is_right
from aiostorage.testing._themes.ledger import Ledger
from aiostorage.testing._themes.sources import SOURCES, UploadFile, async_chunks
from aiostorage.testing._themes.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from aiostorage.body import Source
    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.testing.witness import Witness


class SourceError(Exception):
    """What goes wrong in a source, or in a callback of the caller's."""


class Uploads(ContractBase):
    """Uploads: any source of any length, whole or not at all."""

    @pytest.mark.parametrize("kind", SOURCES)
    async def test_a_small_source(
        self, driver: Driver, container: Container, witness: Witness, tmp_path: Path, kind: str
    ) -> None:
        """What fits into one part is one request; an empty one, too: no upload is completed without parts."""
        for size in (0, 1000):
            data = content(size)
            async with SOURCES[kind](data, tmp_path) as source:
                with Watch(driver) as watch:
                    obj = await container.upload_object(source, "key")
            assert watch.made == ["put_object"]
            assert (obj.size, hash_is_right(obj.object_hash, data)) == (size, True)
            assert await witness.get(container.name, "key") == data

    @pytest.mark.parametrize("kind", SOURCES)
    @verifies("uploads: by parts")
    async def test_a_large_source(
        self, driver: Driver, container: Container, witness: Witness, tmp_path: Path, part_size: int, kind: str
    ) -> None:
        """What does not goes by parts, and is the same in the end."""
        data = content(2 * part_size + 17)
        async with SOURCES[kind](data, tmp_path) as source:
            with Watch(driver) as watch:
                obj = await container.upload_object(source, "key", part_size_bytes=part_size)
        assert "put_object" not in watch.made
        assert watch.made.count("complete_upload") == 1
        assert (obj.size, hash_is_right(obj.object_hash, data)) == (len(data), True)
        assert await witness.get(container.name, "key") == data
        assert await witness.open_uploads(container.name) == []

    @pytest.mark.parametrize(("parts", "more"), [(0, 1), (1, -1), (1, 0), (1, 1), (2, 0), (4, 3)])
    async def test_lengths_around_parts(
        self, container: Container, witness: Witness, part_size: int, parts: int, more: int
    ) -> None:
        """No length is special, announced or not."""
        data = content(parts * part_size + more)
        for size in (None, len(data)):
            obj = await container.upload_object(
                async_chunks(data), "key", size=size, part_size_bytes=part_size, concurrency=3
            )
            assert obj.size == len(data)
            assert await witness.get(container.name, "key") == data
        found = await container.get_object("key")
        assert (found.size, hash_is_right(found.object_hash, data)) == (len(data), True)
        (listed,) = [obj async for obj in container.list_objects()]
        assert listed.size == len(data) or (listed.size is None and self.deviates(Deviation.UNTOLD_SIZES))
        assert hash_is_right(listed.object_hash, data)
        assert await witness.open_uploads(container.name) == []

    async def test_parts_of_one_part_at_a_time(
        self, driver: Driver, container: Container, witness: Witness, part_size: int
    ) -> None:
        """``concurrency`` is obeyed, down to one."""
        data = content(3 * part_size)
        under_way = most = 0

        def begin() -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)

        def end() -> None:
            nonlocal under_way
            under_way -= 1

        with Watch(driver) as watch:
            for number in (1, 2, 3):
                watch.at("before", "upload_part", begin, nth=number)
                watch.at("after", "upload_part", end, nth=number)
            await container.upload_object(data, "key", part_size_bytes=part_size, concurrency=1)
        assert most == 1
        assert await witness.get(container.name, "key") == data

    @pytest.mark.parametrize("parts", [0, 1, 2])
    async def test_an_announced_size_that_is_wrong(
        self, container: Container, witness: Witness, part_size: int, parts: int
    ) -> None:
        """A source that ends early, or does not end, publishes nothing."""
        data = content(parts * part_size + 100)
        await witness.put(container.name, "key", b"old")
        for size in (len(data) - 1, len(data) + 1, 0, part_size, 3 * part_size):
            with pytest.raises(InvalidArgumentError):
                await container.upload_object(async_chunks(data), "key", size=size, part_size_bytes=part_size)
            assert await witness.get(container.name, "key") == b"old"
        await self.check_no_parts(witness, container, "key")

    @pytest.mark.parametrize("parts", [0, 2])
    @verifies("uploads: abort")
    async def test_a_source_that_fails(
        self, container: Container, witness: Witness, part_size: int, parts: int
    ) -> None:
        """Its own error comes out; what was there stays, and what was sent goes."""
        await witness.put(container.name, "key", b"old")
        for kind in ("generator", "async generator", "file", "async file"):
            error = SourceError()
            source = failing(kind, parts * part_size + 100, error)
            with pytest.raises(SourceError) as caught:
                await container.upload_object(source, "key", part_size_bytes=part_size, concurrency=2)
            assert caught.value is error, kind
            assert await witness.get(container.name, "key") == b"old"
            await self.check_no_parts(witness, container, "key")

    @pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
    async def test_a_generator_is_closed(
        self, container: Container, witness: Witness, part_size: int, is_async: bool
    ) -> None:
        """When an upload fails, its source is asked for no more than was read ahead, and its ``finally`` has run."""
        size = 0
        is_closed = False

        def generator() -> Iterator[bytes]:
            nonlocal size, is_closed
            try:
                for _ in range(64):
                    size += part_size
                    yield content(part_size)
            finally:
                is_closed = True

        async def async_generator() -> AsyncIterator[bytes]:
            for chunk in generator():
                yield chunk

        source = async_generator() if is_async else generator()
        with pytest.raises(InvalidArgumentError):  # there is more than was announced
            await container.upload_object(source, "key", size=part_size + 1, part_size_bytes=part_size)
        assert is_closed
        assert size <= 3 * part_size + READ_BYTES
        assert await witness.get(container.name, "key") is None
        assert await witness.open_uploads(container.name) == []

    async def test_a_source_of_something_else(self, container: Container, witness: Witness, tmp_path: Path) -> None:
        """Text is not encoded by guess."""
        path = tmp_path / "text"
        await asyncio.to_thread(path.write_text, "text")
        file = await asyncio.to_thread(path.open, encoding="utf-8")
        try:
            wrong: list[object] = [file, io.StringIO("text"), ["text"], async_text(), 7, [1, 2]]
            for source in wrong:
                with pytest.raises(InvalidArgumentError):
                    # None of these is what the annotation asks for; that is what is tested.
                    await container.upload_object(cast("Source", source), "key")
        finally:
            file.close()
        assert await witness.get(container.name, "key") is None

    async def test_a_path_that_is_missing(self, container: Container, witness: Witness, tmp_path: Path) -> None:
        """It is the caller's error, and comes out as one."""
        with pytest.raises(FileNotFoundError) as caught:
            await container.upload_object(tmp_path / "missing", "key")
        assert type(caught.value) is FileNotFoundError
        assert await witness.get(container.name, "key") is None

    @pytest.mark.parametrize("parts", [0, 2])
    async def test_progress_of_an_upload(self, container: Container, part_size: int, parts: int) -> None:
        """It grows to the size, and knows the size where the source does."""
        data = content(parts * part_size + 100)
        for total in (len(data), None):
            for ledger in (Ledger(), Ledger(is_async=True)):
                source = async_chunks(data) if total is None else data
                await container.upload_object(source, "key", part_size_bytes=part_size, progress=ledger.callback)
                assert ledger.is_monotone()
                assert ledger.told[-1] == (len(data), total)
                assert {told for _, told in ledger.told} == {total}

    @pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
    async def test_a_progress_callback_that_fails_an_upload(
        self, container: Container, witness: Witness, part_size: int, is_async: bool
    ) -> None:
        """It ends the upload with its own error, and nothing is published."""
        error = SourceError()

        async def fail_later(done: int, _: int | None) -> None:
            await asyncio.sleep(0)
            fail(done, _)

        def fail(done: int, _: int | None) -> None:
            if done >= part_size:
                raise error

        async def waiting() -> AsyncIterator[bytes]:
            yield content(2 * part_size)
            await asyncio.Event().wait()  # for ever: only the callback can end this

        with pytest.raises(SourceError) as caught:
            await container.upload_object(
                waiting(), "key", part_size_bytes=part_size, progress=fail_later if is_async else fail
            )
        assert caught.value is error
        assert await witness.get(container.name, "key") is None
        assert await witness.open_uploads(container.name) == []

    async def test_a_part_that_fails(
        self, driver: Driver, container: Container, witness: Witness, part_size: int
    ) -> None:
        """The others are cancelled with it, its error comes out, and the upload is aborted."""
        error = SourceError()

        def fail() -> None:
            raise error

        data = content(5 * part_size)
        for source in (data, async_chunks(data)):
            with Watch(driver) as watch:
                watch.at("before", "upload_part", fail, nth=2)
                with pytest.raises(SourceError) as caught:
                    await container.upload_object(source, "key", part_size_bytes=part_size, concurrency=2)
            assert caught.value is error
            assert "complete_upload" not in watch.made
            assert await witness.keys(container.name) == []
            assert await witness.open_uploads(container.name) == []

    async def test_uploads_side_by_side(self, container: Container, witness: Witness, part_size: int) -> None:
        """They do not mix, not even those of one key: the last to be completed is what is there."""
        contents = [content(part_size + 50, seed) for seed in range(4)]
        results = await asyncio.gather(
            *[container.upload_object(data, f"{n}", part_size_bytes=part_size) for n, data in enumerate(contents)],
            *[container.upload_object(data, "same", part_size_bytes=part_size) for data in contents],
            return_exceptions=True,
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        if self.deviates(Deviation.ONE_UPLOAD_OF_A_KEY):
            assert len(failures) < len(contents)
            assert all(isinstance(failure, PreconditionFailedError) for failure in failures)
        else:
            assert failures == []
        for number, data in enumerate(contents):
            assert await witness.get(container.name, f"{number}") == data
        assert await witness.get(container.name, "same") in contents
        await self.check_no_parts(witness, container, "same")


class FailingFile:
    """A file that cannot be read to its end."""

    def __init__(self, size: int, error: Exception) -> None:
        self._left = size
        self._error = error

    def read(self, size: int = -1) -> bytes:
        """Zeros, and then the error."""
        if not self._left:
            raise self._error
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


def failing(kind: str, size: int, error: Exception) -> Source:
    """A source that fails after so many bytes."""

    def generator() -> Iterator[bytes]:
        yield bytes(size)
        raise error

    async def async_generator() -> AsyncIterator[bytes]:
        yield bytes(size)
        raise error

    match kind:
        case "generator":
            return generator()
        case "async generator":
            return async_generator()
        case "file":
            return FailingFile(size, error)
        case _:
            return UploadFile(FailingFile(size, error))


async def async_text() -> AsyncIterator[str]:
    """No bytes."""
    yield "text"

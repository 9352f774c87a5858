"""Downloads: a local file, whole or not at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio
import pytest

from aiostorage.errors import AlreadyExistsError, InvalidNameError, ObjectChangedError, ObjectNotFoundError
from aiostorage.testing._themes.base import ContractBase, verifies
from aiostorage.testing._themes.data import content
from aiostorage.testing._themes.ledger import Ledger
from aiostorage.testing._themes.uploads import SourceError
from aiostorage.testing._themes.watch import Watch

if TYPE_CHECKING:
    from pathlib import Path

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.testing.witness import Witness

RANGE_BYTES = 256 * 1024


class Downloads(ContractBase):
    """Downloads: a local file, whole or not at all."""

    async def test_to_a_file(self, container: Container, witness: Witness, folder: Path) -> None:
        """Of any size, in ranges where it is large, whether the size is known before or not."""
        for parts, more in ((0, 0), (0, 1000), (1, -1), (1, 0), (1, 1), (4, 3)):
            data = content(parts * RANGE_BYTES + more)
            await witness.put(container.name, "a/key", data)
            (listed,) = [obj async for obj in container.list_objects()]
            for obj in (container.object("a/key"), listed):
                path = await obj.download(folder / "file", part_size_bytes=RANGE_BYTES, concurrency=3)
                assert path == folder / "file"
                assert await in_folder(folder) == {"file": data}

    @verifies("reading: ranges at once to a local file")
    async def test_large_objects_come_in_ranges(
        self, driver: Driver, container: Container, witness: Witness, folder: Path
    ) -> None:
        """One request for each, and all of one version."""
        await witness.put(container.name, "key", content(4 * RANGE_BYTES))
        with Watch(driver) as watch:
            await container.download_object("key", folder, part_size_bytes=RANGE_BYTES)
        assert watch.made == ["get_object"] * 4

    async def test_to_a_folder(self, container: Container, witness: Witness, folder: Path) -> None:
        """The file is named after the last segment of the object's name."""
        await witness.put(container.name, "2026/cat.jpg", b"meow")
        path = await container.download_object("2026/cat.jpg", str(folder))
        assert path == folder / "cat.jpg"
        assert await in_folder(folder) == {"cat.jpg": b"meow"}

    async def test_names_that_are_no_files(self, container: Container, witness: Witness, folder: Path) -> None:
        """A key does not lead out of the folder, and makes no folders."""
        for key in ("a/..", "b/.", "..", "ends/"):
            if not self.refuses_key(key):
                await witness.put(container.name, key, b"content")
            with pytest.raises(InvalidNameError):
                await container.download_object(key, folder)
        assert await in_folder(folder) == {}

    async def test_over_a_file(self, container: Container, witness: Witness, folder: Path) -> None:
        """It is replaced, unless that is not wanted."""
        await witness.put(container.name, "key", b"new")
        await anyio.Path(folder, "key").write_bytes(b"old")
        with pytest.raises(AlreadyExistsError) as caught:
            await container.download_object("key", folder, overwrite=False)
        assert isinstance(caught.value, FileExistsError)
        assert await in_folder(folder) == {"key": b"old"}
        await container.download_object("key", folder, fsync=True)
        assert await in_folder(folder) == {"key": b"new"}
        await container.download_object("key", folder / "other", overwrite=False)
        assert await in_folder(folder) == {"key": b"new", "other": b"new"}

    async def test_progress_of_a_download(self, container: Container, witness: Witness, folder: Path) -> None:
        """It grows to the size."""
        for parts in (0, 3):
            data = content(parts * RANGE_BYTES + 100)
            await witness.put(container.name, "key", data)
            for ledger in (Ledger(), Ledger(is_async=True)):
                await container.download_object("key", folder, part_size_bytes=RANGE_BYTES, progress=ledger.callback)
                assert ledger.is_monotone()
                assert ledger.told[-1] == (len(data), len(data))

    async def test_downloading_a_missing_object(self, container: Container, folder: Path) -> None:
        """No file appears, nor anything else."""
        with pytest.raises(ObjectNotFoundError):
            await container.download_object("missing", folder / "file")
        assert await in_folder(folder) == {}

    async def test_a_folder_that_is_missing(self, container: Container, witness: Witness, folder: Path) -> None:
        """Folders are not made, and the error is the system's own, about the path that was named."""
        await witness.put(container.name, "key", b"content")
        with pytest.raises(FileNotFoundError) as caught:
            await container.download_object("key", folder / "missing" / "file")
        assert type(caught.value) is FileNotFoundError
        assert caught.value.filename == str(folder / "missing" / "file")
        assert await in_folder(folder) == {}

    async def test_a_progress_callback_that_fails_a_download(
        self, driver: Driver, container: Container, witness: Witness, folder: Path
    ) -> None:
        """It ends the download with its own error, and what was there stays."""
        await witness.put(container.name, "key", content(4 * RANGE_BYTES))
        await anyio.Path(folder, "file").write_bytes(b"old")
        error = SourceError()

        def fail(done: int, _: int | None) -> None:
            if done:
                raise error

        async def wait() -> None:
            await asyncio.Event().wait()  # for ever: only the callback can end this

        with Watch(driver) as watch:
            watch.at("before", "get_object", wait, nth=3)
            with pytest.raises(SourceError) as caught:
                await container.download_object(
                    "key", folder / "file", part_size_bytes=RANGE_BYTES, concurrency=2, progress=fail
                )
        assert caught.value is error
        assert await in_folder(folder) == {"file": b"old"}

    async def test_an_object_that_is_replaced_meanwhile(
        self, driver: Driver, container: Container, witness: Witness, folder: Path
    ) -> None:
        """Ranges of two versions make no file."""
        await witness.put(container.name, "key", content(4 * RANGE_BYTES))

        async def replace() -> None:
            await witness.put(container.name, "key", content(4 * RANGE_BYTES, seed=1))

        with Watch(driver) as watch:
            watch.at("before", "get_object", replace, nth=3)
            with pytest.raises(ObjectChangedError):
                await container.download_object("key", folder / "file", part_size_bytes=RANGE_BYTES, concurrency=1)
        assert await in_folder(folder) == {}

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Where nothing is but what the download puts there."""
        folder = tmp_path / "downloads"
        folder.mkdir()
        return folder


async def in_folder(folder: Path) -> dict[str, bytes]:
    """All files of a folder, hidden ones too."""
    return {path.name: await path.read_bytes() async for path in anyio.Path(folder).iterdir()}

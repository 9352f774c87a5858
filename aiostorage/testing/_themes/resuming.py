"""Resuming: an upload that was broken off goes on where it was, also in another process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import pytest

from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.data import content
from aiostorage.testing._themes.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.testing.witness import Witness


class BreakError(Exception):
    """What breaks an upload off."""


def give_up() -> None:
    raise BreakError


class Resuming(ContractBase):
    """Resuming: an upload that was broken off goes on where it was, also in another process."""

    @pytest.fixture
    def source(self, tmp_path: Path, part_size: int) -> Path:
        """A file of five parts."""
        path = tmp_path / "source"
        path.write_bytes(content(4 * part_size + 100))
        return path

    @pytest.fixture
    async def begun(self, driver: Driver, container: Container, source: Path, tmp_path: Path, part_size: int) -> Path:
        """The checkpoint of an upload of the source that was broken off in its fourth part."""
        checkpoint = tmp_path / "checkpoint"
        with Watch(driver) as watch:
            watch.at("before", "upload_part", give_up, nth=4)
            with pytest.raises(BreakError):
                await container.upload_object(
                    source, "key", part_size_bytes=part_size, concurrency=1, checkpoint=checkpoint
                )
        assert watch.made.count("abort_upload") == 0
        return checkpoint

    @verifies("uploads: resume from a checkpoint", "uploads: list parts")
    async def test_only_what_is_missing_is_sent(
        self, driver: Driver, container: Container, witness: Witness, source: Path, begun: Path, part_size: int
    ) -> None:
        """With the same call again, which then clears the checkpoint. Progress begins with what was there."""
        assert await witness.get(container.name, "key") is None
        told: list[int] = []
        with Watch(driver) as watch:
            obj = await container.upload_object(
                source, "key", checkpoint=begun, progress=lambda done, _: told.append(done)
            )
        assert watch.made.count("upload_part") == 2
        assert watch.made.count("create_upload") == 0
        assert told[-1] == obj.size == 4 * part_size + 100
        assert await witness.get(container.name, "key") == content(4 * part_size + 100)
        assert await witness.open_uploads(container.name) == []
        assert not await anyio.Path(begun).exists()

    async def test_a_cancelled_one_goes_on(
        self, driver: Driver, container: Container, witness: Witness, source: Path, tmp_path: Path, part_size: int
    ) -> None:
        """It leaves no task, and keeps what has arrived."""
        checkpoint = str(tmp_path / "checkpoint")
        with Watch(driver) as watch:
            task = asyncio.create_task(
                container.upload_object(source, "key", part_size_bytes=part_size, concurrency=1, checkpoint=checkpoint)
            )
            watch.at("before", "upload_part", task.cancel, nth=3)
            with pytest.raises(asyncio.CancelledError):
                await task
        with Watch(driver) as watch:
            await container.upload_object(source, "key", checkpoint=checkpoint)
        assert watch.made.count("upload_part") in {2, 3}  # the third may have arrived all the same
        assert await witness.get(container.name, "key") == content(4 * part_size + 100)
        assert await witness.open_uploads(container.name) == []

    async def test_a_changed_source_is_refused(
        self, container: Container, witness: Witness, source: Path, begun: Path, part_size: int
    ) -> None:
        """And nothing is published. Another object is refused, and other metadata."""
        with pytest.raises(InvalidArgumentError, match="another object"):
            await container.upload_object(source, "other", checkpoint=begun)
        # Where objects have no metadata, that is said first.
        with pytest.raises((InvalidArgumentError, UnsupportedError), match="metadata"):
            await container.upload_object(source, "key", checkpoint=begun, metadata={"other": "1"})
        await anyio.Path(source).write_bytes(content(4 * part_size + 100, seed=1))
        with pytest.raises(InvalidArgumentError, match="source has changed"):
            await container.upload_object(source, "key", checkpoint=begun)
        assert await anyio.Path(begun).exists()
        assert await witness.keys(container.name) == []

    async def test_one_that_is_gone_begins_anew(
        self, driver: Driver, container: Container, witness: Witness, source: Path, begun: Path, part_size: int
    ) -> None:
        """Where the provider, or somebody, has dropped the upload meanwhile."""
        async for upload in container.list_uploads():
            await driver.abort_upload(upload)
        with Watch(driver) as watch:
            await container.upload_object(source, "key", checkpoint=begun, part_size_bytes=part_size)
        assert watch.made.count("upload_part") == 5
        assert await witness.get(container.name, "key") == content(4 * part_size + 100)
        assert not await anyio.Path(begun).exists()

    async def test_a_stream_is_refused(self, container: Container, tmp_path: Path) -> None:
        """Nobody can read it again. What is small is one request, and needs no checkpoint."""

        async def stream() -> AsyncIterator[bytes]:
            yield b"content"

        checkpoint = tmp_path / "checkpoint"
        with pytest.raises(InvalidArgumentError, match="stream"):
            await container.upload_object(stream(), "key", checkpoint=checkpoint)
        await container.upload_object(b"content", "key", checkpoint=checkpoint)
        assert not await anyio.Path(checkpoint).exists()

    @verifies("uploads: list unfinished ones", "uploads: drop stale ones")
    async def test_stale_ones_are_dropped(self, container: Container, witness: Witness, begun: Path) -> None:
        """Those that began long ago, and no others."""
        assert await anyio.Path(begun).exists()
        (upload,) = [upload async for upload in container.list_uploads()]
        assert upload.key == "key"
        assert [upload async for upload in container.list_uploads(prefix="other")] == []
        if not self.deviates(Deviation.UNDATED_UPLOADS):
            assert await container.abort_stale_uploads(older_than=timedelta(days=1)) == 0
        soon = datetime.now(UTC) + timedelta(days=2)
        assert await container.abort_stale_uploads(older_than=timedelta(days=1), prefix="other", now=soon) == 0
        assert len(await witness.open_uploads(container.name)) == 1
        assert await container.abort_stale_uploads(older_than=timedelta(days=1), now=soon) == 1
        assert await witness.open_uploads(container.name) == []

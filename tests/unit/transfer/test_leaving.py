"""A program that ends while transfers are under way: asyncio cancels every task then, whoever has begun it."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

from aiostorage import Driver, LocalDriver, MemoryDriver
from aiostorage.providers.memory import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    import pytest

    from aiostorage import Upload
    from aiostorage.models import WriteOptions

PART_BYTES = 1000
CONTENT = os.urandom(8 * PART_BYTES)


def leave(begun: Coroutine[Any, Any, object], *, after_s: float) -> None:
    """Begin something, and end the program."""

    async def main() -> None:
        task = asyncio.create_task(begun)
        await asyncio.sleep(after_s)
        assert not task.done()

    asyncio.run(main())


def test_an_upload_whose_beginning_is_not_yet_answered_is_aborted() -> None:
    class Slow(MemoryBackend):
        async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
            upload = await super().create_upload(container, key, options)
            await asyncio.sleep(0.02)
            return upload

    driver = Driver(Slow(), part_size_bytes=PART_BYTES)
    asyncio.run(driver.create_container("bucket"))
    leave(driver.container("bucket").upload_object(CONTENT, "key"), after_s=0.01)

    async def look() -> list[Upload]:
        return [upload async for upload in driver.list_uploads("bucket")]

    assert asyncio.run(look()) == []


def test_nothing_is_left_of_a_download_whose_file_is_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = MemoryDriver(part_size_bytes=PART_BYTES)
    asyncio.run(driver.create_container("bucket"))
    asyncio.run(driver.container("bucket").upload_object(CONTENT, "key"))
    make = os.open

    def make_slowly(path: str, *args: Any) -> int:
        descriptor = make(path, *args)
        time.sleep(0.05)
        return descriptor

    monkeypatch.setattr(os, "open", make_slowly)
    leave(driver.container("bucket").download_object("key", tmp_path / "file"), after_s=0.02)
    assert list(tmp_path.iterdir()) == []


def test_an_upload_into_a_folder_is_whole_or_leaves_nothing(tmp_path: Path) -> None:
    """Whenever the program ends."""
    driver = LocalDriver(tmp_path, part_size_bytes=PART_BYTES)
    asyncio.run(driver.create_container("bucket"))
    container = driver.container("bucket")

    async def main(number: int) -> None:
        task = asyncio.create_task(container.upload_object(CONTENT, f"{number}"))
        for _ in range(number):
            await asyncio.sleep(0.0001)
        task.add_done_callback(lambda task: task.cancelled() or task.exception())

    for number in range(60):
        asyncio.run(main(number))

    async def look() -> None:
        assert [upload async for upload in driver.list_uploads("bucket")] == []
        assert {await obj.read() async for obj in container.list_objects()} <= {CONTENT}

    asyncio.run(look())
    assert list((tmp_path / "bucket" / ".aiostorage" / "new").iterdir()) == []

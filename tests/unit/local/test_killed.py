"""A process that is killed at any moment leaves whole objects and whole files, and nothing in anybody's way.

That holds for the death of a process. After a power failure it holds for what was written with ``fsync=True``; without
it the name may be on the disk before the content is, as it is with any program that renames a file.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from aiostorage import LocalDriver
from tests.unit.local.looping import is_whole

if TYPE_CHECKING:
    from aiostorage import Container

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are killed"),
]

HERE = Path(__file__).parents[3]
TIMES = 4


async def check(box: Container) -> list[str]:
    """Every object is whole and has its own metadata; the names of all."""
    names: list[str] = []
    async for obj in box.list_objects():
        names.append(obj.name)
        found = await obj.refresh()
        data = await found.read()
        assert is_whole(data)
        assert found.metadata["sha256"] == hashlib.sha256(data).hexdigest()
        assert found.size == len(data)
    return names


@pytest.mark.parametrize("seed", range(TIMES))
async def test_killed_at_any_moment(tmp_path: Path, seed: int) -> None:
    root, folder = tmp_path / "root", tmp_path / "folder"
    folder.mkdir()
    async with LocalDriver(root) as driver:
        box = await driver.create_container("box")
        command = [sys.executable, "-m", "tests.unit.local.looping", str(root), str(folder), str(seed)]
        async with await anyio.open_process(command, cwd=HERE) as process:
            assert process.stdout is not None
            assert (await process.stdout.receive()).startswith(b"ready")
            await anyio.sleep(random.Random(seed).uniform(0, 0.3))
            process.kill()
            assert await process.wait() == -9

        allowed = {"a", "deep/er/b", "c", "a.b", "copy", "deep/copy"}
        assert {name for name in await check(box) if not name.startswith("updated-")} <= allowed
        files = [file for file in folder.iterdir() if not file.name.endswith(".part")]
        assert [file.name for file in files] in ([], ["file"])
        assert all(is_whole(file.read_bytes()) for file in files)

        # Whoever comes next is not hindered, and clears away what was left.
        await box.abort_stale_uploads(older_than=timedelta(0))
        assert [upload async for upload in box.list_uploads()] == []
        remains = list((root / "box" / ".aiostorage" / "new").iterdir())
        for path in remains:
            long_ago = time.time() - 2 * 24 * 3600
            os.utime(path, (long_ago, long_ago))
    async with LocalDriver(root) as driver:  # a process looks for remains once, before its first write
        box = driver.container("box")
        for name in ("a", "deep/er/b", "copy"):
            await box.upload_object(b"new", name)
            assert await box.object(name).read() == b"new"
        assert list((root / "box" / ".aiostorage" / "new").iterdir()) == []
        await box.object("a").download(folder / "file")
        assert (folder / "file").read_bytes() == b"new"
        await box.delete()
    assert list(root.iterdir()) == []

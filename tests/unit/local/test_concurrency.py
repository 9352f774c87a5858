"""Many writers, in one process and in several; and callers that change their minds."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from aiostorage.errors import NotFoundError, ObjectNotFoundError, PreconditionFailedError
from aiostorage.models import WHOLE, ListQuery, ObjectRef, WriteOptions
from aiostorage.providers.local import LocalBackend
from aiostorage.providers.local.files import OutputFile
from aiostorage.providers.local.folder import Folder
from aiostorage.providers.local.locks import acquire, release
from aiostorage.providers.local.names import Names

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.unit.local.conftest import Box

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")]

HERE = Path(__file__).parents[3]
LARGE = random.Random(1).randbytes(9 << 20)


async def test_one_of_many_creates(box: Box) -> None:
    backends = [box.backend, LocalBackend(box.root)]

    async def create(number: int) -> bool:
        options = WriteOptions(if_none_match="*", metadata={"by": str(number)})
        try:
            await backends[number % 2].put_object("box", "one/object", str(number).encode(), options)
        except PreconditionFailedError:
            return False
        return True

    outcomes = await asyncio.gather(*(create(number) for number in range(16)))
    assert outcomes.count(True) == 1
    winner = str(outcomes.index(True))
    assert await box.get("one/object") == winner.encode()
    assert (await box.head("one/object")).metadata == {"by": winner}


async def test_no_update_is_lost(box: Box) -> None:
    await box.put("counter", b"0")

    async def add_one() -> None:
        while True:
            body = await box.backend.get_object("box", "counter", WHOLE)
            count = int(await body.read())
            options = WriteOptions(if_match=body.info.etag)
            try:
                await box.backend.put_object("box", "counter", str(count + 1).encode(), options)
            except PreconditionFailedError:
                continue
            return

    await asyncio.gather(*(add_one() for _ in range(12)))
    assert await box.get("counter") == b"12"


async def test_two_processes_write_one_object(box: Box) -> None:
    await box.put("contested", crc32=f"{zlib.crc32(b'content'):08x}")
    command = [sys.executable, "-m", "tests.unit.local.competing", str(box.root), "120"]
    seen: set[str] = set()
    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(anyio.run_process(command, cwd=HERE)) for _ in range(2)]
        while not all(writer.done() for writer in writers):
            body = await box.backend.get_object("box", "contested", WHOLE)
            content = await body.read()
            await body.aclose()
            info, crc32 = body.info, f"{zlib.crc32(content):08x}"
            assert info.size == len(content)
            assert info.metadata == {"crc32": crc32}
            assert info.object_hash is not None
            assert info.object_hash.value == crc32
            seen.add(crc32)
            page = await box.backend.list_objects("box", ListQuery(), token=None)
            assert len(page.items) == 1
    assert len(seen) > 3


async def test_nobody_misses_an_object_that_makes_way(box: Box) -> None:
    """``a`` is moved aside when ``a/b`` is written, and its folder comes and goes."""
    first = await box.put("a", b"file", version="1")

    async def write() -> None:
        for number in range(60):
            await box.put(f"a/{number % 3}/x")
            await box.backend.delete_object("box", f"a/{number % 3}/x")

    async with asyncio.TaskGroup() as group:
        writer = group.create_task(write())
        reads = 0
        while not writer.done():
            assert await box.get("a") == b"file"
            assert await box.head("a") == first
            reads += 1
    assert reads > 3


async def test_an_object_that_is_replaced_while_it_is_looked_at(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """The replacement, its record with it, falls between a look at the file and one at its record."""
    await box.put("key", b"old", version="1")
    folder = Folder(str(box.root), "box", Names(), fsync=False, prepared=set())
    lstat = os.lstat
    left = 3

    def replace(path: str) -> os.stat_result:
        nonlocal left
        status = lstat(path)
        if left and path == f"{box.path}/key":
            left -= 1
            file = OutputFile()
            monkeypatch.setattr(os, "lstat", lstat)
            folder.create(file)
            file.write(b"newer")
            with folder.lock():
                folder.publish("key", file, WriteOptions(metadata={"version": "2"}))
            monkeypatch.setattr(os, "lstat", replace)
        return status

    monkeypatch.setattr(os, "lstat", replace)
    info = await box.head("key")
    assert left == 0
    assert info.metadata == {"version": "2"}
    assert info.object_hash is not None


def test_a_lock_of_a_file_that_was_removed_meanwhile_is_none(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    held = acquire(path)
    inode = os.stat(path).st_ino
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(acquire, path)
        while not any(f":{inode} " in line for line in waiters()):
            time.sleep(0.001)
        os.unlink(path)
        release(held)
        ours = waiting.result()
    assert os.path.samestat(os.fstat(ours), os.stat(path))
    release(ours)


def waiters() -> list[str]:
    """Who waits for a lock, as the system tells."""
    return [line for line in Path("/proc/locks").read_text().splitlines() if "->" in line]


async def test_readers_of_an_object_that_is_replaced_have_one_version(box: Box) -> None:
    await box.put("key", LARGE)
    body = await box.backend.get_object("box", "key", WHOLE)
    chunks = aiter(body)
    content = await anext(chunks)
    await box.put("key", bytes(len(LARGE)))
    async for chunk in chunks:
        content += chunk
    await body.aclose()
    assert content == LARGE


async def test_writers_and_a_deleted_container(box: Box) -> None:
    """A container may vanish at any time. What was stored before it does is there; nothing else remains."""

    async def write(number: int) -> bool:
        try:
            await box.put(f"{number}/x")
        except NotFoundError:
            return False
        return True

    async def delete() -> None:
        for key in await box.names():
            await box.backend.delete_object("box", key)
        await box.backend.delete_container("box")

    await asyncio.gather(*(write(number) for number in range(8)))
    results = await asyncio.gather(delete(), *(write(number) for number in range(8)), return_exceptions=True)
    if results[0] is None:
        assert not box.path.exists()
    assert [name for name in os.listdir(box.root) if name != "box"] == []


async def cancel_after_progress(operation: Coroutine[None, None, object], moved: asyncio.Event) -> None:
    task = asyncio.ensure_future(operation)
    await moved.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_put_leaves_nothing(box: Box) -> None:
    moved = asyncio.Event()
    put = box.backend.put_object("box", "key", LARGE, WriteOptions(), on_sent=lambda _: moved.set())
    await cancel_after_progress(put, moved)
    assert not list((box.path / ".aiostorage" / "new").iterdir())
    with pytest.raises(ObjectNotFoundError):
        await box.get("key")


async def test_a_put_that_is_cancelled_by_a_scope_leaves_nothing(box: Box) -> None:
    with anyio.CancelScope() as scope:
        await box.backend.put_object("box", "key", LARGE, WriteOptions(), on_sent=lambda _: scope.cancel())
    assert scope.cancelled_caught
    assert await box.names() == []


@pytest.mark.parametrize("turns", range(8))
async def test_cancelled_at_any_turn_of_the_loop(box: Box, turns: int) -> None:
    """No file stays open, and what is not there in full is not there."""
    await box.put("large", LARGE)

    async def work() -> None:
        await box.put("key", b"small")
        body = await box.backend.get_object("box", "large", WHOLE)
        try:
            async for _ in body:
                pass
        finally:
            await body.aclose()
        await box.backend.copy_object(ObjectRef(container="box", key="large"), "box", "copy", None)

    for more in range(4):
        task = asyncio.create_task(work())
        for _ in range(turns + 8 * more):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    for key in await box.names():
        info = await box.head(key)
        assert info.size == (5 if key == "key" else len(LARGE))


async def test_a_cancelled_read_can_go_on(box: Box) -> None:
    """The bytes of the chunk whose reader was cancelled are not lost."""
    await box.put("key", LARGE)
    body = await box.backend.get_object("box", "key", WHOLE)
    content = await anext(aiter(body))
    task = asyncio.ensure_future(anext(aiter(body)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async for chunk in body:
        content += chunk
    await body.aclose()
    assert content == LARGE


async def test_a_cancelled_part_leaves_nothing_behind_that_counts(box: Box) -> None:
    upload = await box.backend.create_upload("box", "key", WriteOptions())
    moved = asyncio.Event()
    send = box.backend.upload_part(upload, 1, 0, bytes(len(LARGE)), on_sent=lambda _: moved.set())
    await cancel_after_progress(send, moved)
    assert not (await box.backend.list_parts(upload, token=None)).items
    part = await box.backend.upload_part(upload, 1, 0, LARGE)
    await box.backend.complete_upload(upload, [part], WriteOptions())
    assert await box.get("key") == LARGE


async def test_a_cancelled_beginning_leaves_no_upload(box: Box) -> None:
    task = asyncio.ensure_future(box.backend.create_upload("box", "key", WriteOptions()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (await box.backend.list_uploads("box", prefix="", token=None)).items

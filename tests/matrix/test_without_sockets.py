"""Memory and folders have no socket: each operation is cancelled wherever it waits; and a folder's disk is full.

The limits of the process stand in for the disk: a file that may not grow, and no room for one file more.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import types
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from aiostorage import LocalDriver, MemoryDriver
from aiostorage.errors import StorageError
from tests.contract.local_witness import LocalWitness
from tests.contract.memory_witness import MemoryWitness
from tests.matrix.operation import contents
from tests.matrix.operations import OPERATIONS
from tests.matrix.providers import PART
from tests.matrix.scene import BIG, NAMES, SMALL, Scene
from tests.matrix.world import NOT_OFFERED, open_below, outlived

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
    from pathlib import Path

    from aiostorage import Driver
    from aiostorage.testing import Witness
    from tests.matrix.operation import Operation

pytestmark = pytest.mark.anyio

CAPABILITIES = {"memory": MemoryDriver().capabilities, "local": LocalDriver("nowhere").capabilities}

EVERY_OPERATION = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@asynccontextmanager
async def scene_of(kind: str, operation: Operation, folder: Path) -> AsyncIterator[Scene]:
    """A place for one run; whatever the run has left there is found at the end."""
    root, mine = folder / "root", folder / "mine"
    mine.mkdir(parents=True)
    driver: Driver
    direct: Driver
    witness: Witness
    if kind == "memory":
        driver = direct = memory = MemoryDriver()
        witness = MemoryWitness(memory)
    else:
        driver, direct, witness = LocalDriver(root), LocalDriver(root), LocalWitness(root)
    async with driver, direct:
        scene = Scene(
            driver=driver,
            direct=direct,
            witness=witness,
            shared="shared",
            work="work",
            prefix="cell-",
            folder=mine,
            part_size=PART,
        )
        for container in ("shared", "work"):
            await direct.create_container(container)
        for name, content in {"small": SMALL, "big": BIG, **{name: name.encode() for name in NAMES}}.items():
            await witness.put("shared", name, content)
        for key, data in contents(operation.before, scene).items():
            await witness.put("work", scene.prefix + key, data or b"")
        await operation.arrange(scene)
        yield scene
        assert list(mine.iterdir()) == [], "a file is left behind"
        assert not open_below(folder), "a file is left open"
        assert await witness.open_uploads("work") == [] or operation.leaves_upload, "an upload is left behind"


async def check(operation: Operation, scene: Scene, *, is_done: bool) -> None:
    before, after = contents(operation.before, scene), contents(operation.after, scene)
    for key in {**before, **after}:
        found = await scene.witness.get("work", scene.prefix + key)
        right = [after[key] if key in after else before[key]]
        if not is_done:
            right.append(before.get(key))
        assert found in right, f"{key!r} has {None if found is None else len(found)} bytes, and not the right ones"
    await operation.settle(scene, is_done)


@types.coroutine
def told_when_it_waits(work: Coroutine[Any, Any, None], waits: Callable[[], None]) -> Generator[Any, Any, None]:
    """Run a coroutine, and tell of each time that it waits for something."""
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            waited_for = work.send(answer) if error is None else work.throw(error)
        except StopIteration:
            return
        waits()
        answer = error = None
        try:
            answer = yield waited_for
        except BaseException as raised:  # noqa: BLE001 - it is for the coroutine
            error = raised


async def run(operation: Operation, scene: Scene, cancel_at: int | None) -> tuple[int, bool]:
    """How often the operation waits, and whether it was cancelled: it is where it waits for the nth time."""
    count = 0

    def waits() -> None:
        nonlocal count
        count += 1
        if count == cancel_at:
            asyncio.get_running_loop().call_soon(task.cancel)

    async def call() -> None:
        await told_when_it_waits(operation.act(scene), waits)

    async with outlived() as begin:
        task = begin(call())
        await asyncio.wait({task})
    if not task.cancelled():
        task.result()
    return count, task.cancelled()


@EVERY_OPERATION
@pytest.mark.parametrize("kind", ["memory", "local"])
async def test_cancelled_wherever_it_waits(
    kind: str, operation: Operation, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outcomes: Counter[str] = Counter()
    if not operation.is_possible(CAPABILITIES[kind]):
        note(record_property, kind, operation, outcomes, {NOT_OFFERED: 1})
        return
    async with scene_of(kind, operation, tmp_path / "clean") as scene:
        times, _ = await run(operation, scene, None)
        await check(operation, scene, is_done=True)
    for nth in range(1, times + 1):
        async with scene_of(kind, operation, tmp_path / f"cancelled {nth}") as scene:
            _, is_cancelled = await run(operation, scene, nth)
            await check(operation, scene, is_done=not is_cancelled)
            assert (await scene.driver.get_container("work")).name == "work"
            outcomes["cancelled" if is_cancelled else "right result"] += 1
    note(record_property, kind, operation, outcomes, {} if times else {"it waits for nothing": 1})


@contextmanager
def limited(limit: int, most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(limit, (soft, hard))


@EVERY_OPERATION
@pytest.mark.parametrize("room", [0, 1000, PART - 1, None], ids=lambda room: "no file" if room is None else str(room))
async def test_a_folder_whose_disk_is_full(
    room: int | None, operation: Operation, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outcomes: Counter[str] = Counter()
    if not operation.is_possible(CAPABILITIES["local"]):
        note(record_property, "local", operation, outcomes, {NOT_OFFERED: 1})
        return
    async with scene_of("local", operation, tmp_path) as scene:
        most = max(map(int, os.listdir("/proc/self/fd"))) + 1
        is_done = True
        with limited(resource.RLIMIT_NOFILE, most) if room is None else limited(resource.RLIMIT_FSIZE, room):
            try:
                async with outlived() as begin:
                    task = begin(operation.act(scene))
                    await asyncio.wait({task})
                task.result()
            except (StorageError, OSError) as error:  # the latter where the file that is written is the caller's own
                is_done = False
                if not _is_of_the_disk(error):
                    raise
        if room is None and not is_done:  # what cannot open a file cannot look for the parts to remove, either
            await scene.direct.abort_stale_uploads("work", older_than=timedelta(days=-1))
        await check(operation, scene, is_done=is_done)
        assert (await scene.driver.get_container("work")).name == "work"
        outcomes["right result" if is_done else "StorageError"] += 1
    note(record_property, "local", operation, outcomes, {})


def _is_of_the_disk(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.EFBIG, errno.EMFILE}:
            return True
        error = error.__cause__
    return False


def note(
    record_property: Callable[[str, object], None],
    kind: str,
    operation: Operation,
    outcomes: Counter[str],
    excluded: dict[str, int],
) -> None:
    record_property("matrix-provider", kind)
    record_property("matrix-operation", operation.name)
    record_property("matrix-cells", 0 if excluded else 1)
    record_property("matrix-outcomes", dict(outcomes))
    record_property("matrix-excluded", excluded)

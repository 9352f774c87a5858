"""See aiostorage work: a real tree of files goes up, is listed, streamed, brought back and compared.

    python examples/demo.py                                       # a local driver, in a temporary folder
    python examples/demo.py "s3://?endpoint=...&region=..."       # S3, with the credentials of the environment

The files are those of Python's standard library. One large file of random bytes follows, in parts. All
is removed at the end, also when it is interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import os
import secrets
import sys
import sysconfig
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import aiostorage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

T = TypeVar("T")
MIB = 1024 * 1024
AT_ONCE = 32


async def demonstrate(url: str, files: dict[str, Path], big: Path, copies: Path) -> None:
    async with aiostorage.connect(url) as driver, fresh_container(driver) as container:
        print(f"{driver.name}: {len(files)} files, {AT_ONCE} at once, and a large one in parts")
        await move_many_files(container, files, copies)
        await move_a_large_file(container, big, copies)


async def move_many_files(container: aiostorage.Container, files: dict[str, Path], copies: Path) -> None:
    """Store files by their names, list them, stream one, and bring them all back."""

    async def upload(name: str) -> None:
        stored = await container.upload_object(files[name], name)
        step.add(stored.size)

    async def download(obj: aiostorage.Object) -> None:
        target = aiostorage.safe_join(copies, obj.name)  # never outside the folder, whatever the name
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        await obj.download(target)
        step.add(obj.size)

    with Step("uploaded", len(files)) as step:
        async with Bounded() as group:
            for name in files:
                await group.start(upload, name)

    with Step("listed", len(files)) as step:
        async for obj in container.list_objects():  # pages are fetched as they are needed
            step.add(obj.size)

    name = "os.py" if "os.py" in files else min(files)
    async with container.object(name).as_file() as stream:
        line = await stream.readline()
        print(f"streamed: {name} begins with {line[:60]!r}")

    with Step("downloaded", len(files)) as step:
        async with Bounded() as group:
            async for obj in container.list_objects():
                await group.start(download, obj)


async def move_a_large_file(container: aiostorage.Container, big: Path, copies: Path) -> None:
    """Store a large file and bring it back: many parts at once, in a bounded amount of memory."""
    with Step("uploaded in parts") as step:
        obj = await container.upload_object(big, big.name, progress=step.reach)
    with Step("downloaded in ranges") as step:
        await obj.download(copies / big.name, progress=step.reach)


@asynccontextmanager
async def fresh_container(driver: aiostorage.Driver) -> AsyncIterator[aiostorage.Container]:
    """A container of our own, which is gone afterwards with all that is in it."""
    container = await driver.create_container(f"aiostorage-demo-{secrets.token_hex(6)}")
    try:
        yield container
    finally:
        await container.delete()


class Bounded(asyncio.TaskGroup):
    """A task group that runs no more than ``AT_ONCE`` tasks at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = asyncio.Semaphore(AT_ONCE)

    async def start(self, work: Callable[[T], Coroutine[None, None, None]], item: T) -> None:
        """Begin to work on an item as soon as there is a slot."""
        await self.slots.acquire()
        self.create_task(work(item)).add_done_callback(lambda _: self.slots.release())


class Step:
    """A line of the table; on a terminal it shows how far the step is."""

    def __init__(self, name: str, files: int = 0) -> None:
        self.name, self.total = name, files
        self.files = self.bytes = 0
        self.began = self.shown_at = time.perf_counter()

    def __enter__(self) -> Step:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        seconds = max(time.perf_counter() - self.began, 1e-6)
        what = f"{self.bytes / MIB:8.1f} MiB {seconds:7.2f} s {self.bytes / MIB / seconds:8.1f} MiB/s"
        files = f"{self.files:7} files {self.files / seconds:8,.0f} files/s" if self.files else ""
        clear = "\r\x1b[K" if sys.stdout.isatty() else ""
        print(f"{clear}{self.name:21}{what}{files}{' (not complete)' if error else ''}", flush=True)

    def add(self, size: int | None) -> None:
        """One more file."""
        self.files += 1
        self.bytes += size or 0
        self.show(self.files, self.total)

    def reach(self, done: int, total: int | None) -> None:
        """So many bytes by now."""
        self.bytes = done
        self.show(done, total or 0)

    def show(self, done: int, total: int) -> None:
        """Tell how far it is, ten times a second."""
        if sys.stdout.isatty() and (now := time.perf_counter()) > self.shown_at + 0.1:
            self.shown_at = now
            print(f"\r{self.name} {done * 100 // max(total, 1):3} %\x1b[K", end="", flush=True)


def standard_library(most: int | None) -> dict[str, Path]:
    """The files of the standard library, by the names that they shall have as objects."""
    root = Path(sysconfig.get_path("stdlib"))
    found: list[Path] = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - {"site-packages", "__pycache__"})
        found += [path for name in sorted(names) if (path := Path(folder, name)).is_file()]
    return {path.relative_to(root).as_posix(): path for path in itertools.islice(found, most)}


def make_file(path: Path, mebibytes: int) -> Path:
    """A file that does not compress and repeats nothing."""
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(MIB))
    return path


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def peak_memory() -> float:
    """The most memory that this process has had, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage() of Linux counts the process that started this one, too
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description="See aiostorage work.")
    parser.add_argument("url", nargs="?", help="where to store; a temporary folder unless it is given")
    parser.add_argument("--files", type=int, metavar="N", help="no more than N files")
    parser.add_argument("--size", type=int, default=256, metavar="MIB", help="size of the large file (256)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aiostorage-demo-") as scratch:
        copies = Path(scratch, "copies")
        copies.mkdir()
        files, big = standard_library(given.files), make_file(Path(scratch, "large"), given.size)
        names = [*files, big.name]
        failure, before = "", peak_memory()
        try:
            asyncio.run(demonstrate(given.url or Path(scratch, "store").as_uri(), files, big, copies))
        except* aiostorage.StorageError as errors:
            failure = f"failed: {errors.exceptions[0]}"
        except* KeyboardInterrupt:
            failure = "interrupted; nothing is left behind"
        else:
            print(f"peak memory: {peak_memory() - before:.0f} MiB above that of the start")
            different = [name for name in names if hash_of(copies / name) != hash_of(files.get(name, big))]
            if different:
                failure = f"DIFFERENT: {', '.join(different)}"
    if failure:
        sys.exit(failure)
    print(f"all {len(names)} files came back with the same SHA-256")


if __name__ == "__main__":
    main()

"""See aiostorage work: a real tree of files goes up, is listed, streamed, brought back and compared.

    python examples/demo.py                                       # a local driver, in a temporary folder
    python examples/demo.py "s3://?endpoint=...&region=..."       # S3, with the credentials of the environment

The files are those of Python's standard library. A large file of random bytes follows, which goes through
the chunk pipeline. All is removed at the end, also when it is interrupted.
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
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

T = TypeVar("T")
MIB = 1024 * 1024
AT_ONCE = 32


async def demonstrate(driver: aiostorage.Driver, files: dict[str, Path], big: Path, copies: Path) -> int:
    """Do it all, and return how many files came back different."""
    async with fresh_container(driver) as container:
        print(f"{driver.name}: {len(files)} files of the standard library, {AT_ONCE} at once")

        with Step("uploaded", len(files)) as step:

            async def upload(name: str) -> None:
                stored = await container.upload_object(files[name], name)
                step.count(stored.size)

            await for_each(each(list(files)), upload)

        with Step("listed", len(files)) as step:
            async for obj in container.list_objects():  # pages are fetched as they are needed
                step.count(obj.size)

        name = "os.py" if "os.py" in files else min(files)
        async with container.object(name).as_file() as stream:
            first = await stream.readline()
            step.say(f"{name} begins with {first.decode(errors='replace').strip()!r}")

        with Step("downloaded", len(files)) as step:

            async def download(obj: aiostorage.Object) -> None:
                target = aiostorage.safe_join(copies, obj.name)  # never outside the folder, whatever the name
                target.parent.mkdir(parents=True, exist_ok=True)
                await obj.download(target)
                step.count(obj.size)

            await for_each(container.list_objects(), download)

        different = 0
        with Step("compared", len(files)) as step:

            async def compare(name: str) -> None:
                nonlocal different
                if not await asyncio.to_thread(is_same, files[name], copies / name):
                    different += 1
                    step.say(f"DIFFERENT: {name}")
                step.count(files[name].stat().st_size)

            await for_each(each(list(files)), compare)

        size = big.stat().st_size
        with Step("uploaded in parts", size, is_bytes=True) as step:
            whole = await container.upload_object(big, "big", progress=step.reach)
        with Step("downloaded in ranges", size, is_bytes=True) as step:
            await whole.download(copies / "big", progress=step.reach)
        if not await asyncio.to_thread(is_same, big, copies / "big"):
            different += 1
            step.say("DIFFERENT: the large file")
    return different


@asynccontextmanager
async def fresh_container(driver: aiostorage.Driver) -> AsyncIterator[aiostorage.Container]:
    """A container of our own, which is gone afterwards with all that is in it."""
    container = await driver.create_container(f"aiostorage-demo-{secrets.token_hex(6)}")
    try:
        yield container
    finally:
        await container.delete()


async def for_each(items: AsyncIterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Do something for each item, ``AT_ONCE`` of them at a time; an item is taken when its turn has come."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def run(item: T) -> None:
        await work(item)
        slots.release()

    async with asyncio.TaskGroup() as group:
        async for item in items:
            await slots.acquire()
            group.create_task(run(item))


async def each(items: list[T]) -> AsyncIterator[T]:
    for item in items:
        yield item


def is_same(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        return hashlib.file_digest(first, "sha256").digest() == hashlib.file_digest(second, "sha256").digest()


class Step:
    """One line of the table: shown while it grows on a terminal, and when it is complete."""

    def __init__(self, name: str, total: int, *, is_bytes: bool = False) -> None:
        self.name, self.total, self.is_bytes = name, total, is_bytes
        self.files = self.bytes = 0
        self.is_terminal = sys.stdout.isatty()
        self.shown_at = 0.0

    def __enter__(self) -> Step:
        self.began = time.perf_counter()
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        taken = max(time.perf_counter() - self.began, 1e-6)
        done = f"{self.bytes / MIB:8.1f} MiB" if self.is_bytes else f"{self.files:5} files {self.bytes / MIB:8.1f} MiB"
        files = "" if self.is_bytes else f" {self.files / taken:8,.0f} files/s"
        state = "" if error is None else "  (not complete)"
        self.say(f"{self.name:22}{done:>26} {taken:7.2f} s {self.bytes / MIB / taken:8,.1f} MiB/s{files}{state}")

    def count(self, size: int | None) -> None:
        self.files += 1
        self.bytes += size or 0
        self.show(self.files)

    def reach(self, done: int, total: int | None) -> None:
        self.bytes = done
        self.show(done)

    def show(self, done: int) -> None:
        if self.is_terminal and time.perf_counter() - self.shown_at > 0.1:
            self.shown_at = time.perf_counter()
            print(f"\r{self.name} {done * 100 // max(self.total, 1):3} %\x1b[K", end="", flush=True)

    def say(self, line: str) -> None:
        print(f"\r\x1b[K{line}" if self.is_terminal else line, flush=True)


def standard_library(most: int | None) -> dict[str, Path]:
    """The files of the standard library, by the names that they shall have as objects."""
    root = Path(sysconfig.get_path("stdlib"))
    found: list[Path] = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - {"site-packages", "__pycache__"})
        found += [path for name in sorted(names) if (path := Path(folder, name)).is_file()]
    return {path.relative_to(root).as_posix(): path for path in itertools.islice(found, most)}


def make_file(path: Path, mebibytes: int) -> None:
    """A file that does not compress and repeats nothing."""
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(MIB))


def peak_memory() -> float:
    """The most memory that this process has had, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage() says on Linux includes the process that started this one
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


async def run(url: str, files: dict[str, Path], big: Path, copies: Path) -> int:
    async with aiostorage.connect(url) as driver:
        return await demonstrate(driver, files, big, copies)


def main() -> None:
    parser = argparse.ArgumentParser(description="See aiostorage work.")
    parser.add_argument("url", nargs="?", help="where to store; a temporary folder unless it is given")
    parser.add_argument("--files", type=int, metavar="N", help="no more than N files of the standard library")
    parser.add_argument("--size", type=int, default=256, metavar="MIB", help="of the large file (256)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aiostorage-demo-") as scratch:
        copies, big = Path(scratch, "copies"), Path(scratch, "big")
        copies.mkdir()
        make_file(big, given.size)
        files = standard_library(given.files)
        url = given.url or Path(scratch, "store").as_uri()
        before = peak_memory()
        try:
            different = asyncio.run(run(url, files, big, copies))
        except* aiostorage.StorageError as errors:
            sys.exit(f"failed: {errors.exceptions[0]}")
        except* KeyboardInterrupt:
            sys.exit("interrupted; everything is cleaned up")
        print(f"peak memory {peak_memory() - before:.0f} MiB above that of the start")
    if different:
        sys.exit(f"{different} files came back different")
    print("every file came back the same")


if __name__ == "__main__":
    main()

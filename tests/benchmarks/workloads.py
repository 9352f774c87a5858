"""The work: the same for every client, and checked."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

    from tests.benchmarks.clients import Client

BUCKET = "bucket"
SMALL = bytes(range(256)) * 16
AT_ONCE = 64
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much work there is."""

    transfer_bytes: int
    requests: int
    keys: int


FULL = Sizes(transfer_bytes=1 << 30, requests=5000, keys=100_000)
QUICK = Sizes(transfer_bytes=20 << 20, requests=300, keys=5000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running server, and where its files lie.

    ``www/bucket`` holds the objects, ``www/parts/bucket/<key>`` the parts of uploads, ``www/pages``
    the listing; ``source`` is the file to upload.
    """

    endpoint: str
    folder: Path
    sizes: Sizes

    @property
    def source(self) -> Path:
        return self.folder / "www" / BUCKET / "large"

    @property
    def target(self) -> Path:
        return self.folder / "target"

    @property
    def puts(self) -> Path:
        return self.folder / "www" / BUCKET / "put"

    @property
    def parts(self) -> Path:
        return self.folder / "www" / "parts"


def clear(site: Site) -> None:
    """Forget what a client has written."""
    shutil.rmtree(site.puts, ignore_errors=True)
    shutil.rmtree(site.parts, ignore_errors=True)
    site.target.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Something to do, and how to see that it was done.

    Attributes:
        title: For the table; ``{}`` is filled with the amount.
        run: Does it, and returns how much was done as far as the client tells.
        done: How much was done, from what ``run`` returned and what lies on the server.
        amount: How much is to be done.
        unit: What one is called where the table tells the cost of one; empty for the cost of all.
        is_cold: Whether it begins before the client is imported and opened.
    """

    title: str
    run: Callable[[Client, Site], Awaitable[int]]
    done: Callable[[Site, int], int]
    amount: Callable[[Sizes], int]
    unit: str = ""
    is_cold: bool = False


async def upload_path(client: Client, site: Site) -> int:
    await client.upload_path(site.source, "put")
    return 0


async def upload_chunks(client: Client, site: Site) -> int:
    await client.upload_chunks(_chunks(site.sizes.transfer_bytes), "put")
    return 0


async def download_path(client: Client, site: Site) -> int:
    await client.download_path("large", site.target)
    return 0


async def download_stream(client: Client, _: Site) -> int:
    return await client.download_stream("large")


async def get_small(client: Client, site: Site) -> int:
    received = 0

    async def get(number: int) -> None:
        nonlocal received
        size = await client.get(f"small/{number}")  # a += await would forget what the others add meanwhile
        received += size

    await _at_once(get, site.sizes.requests)
    return received // len(SMALL)


async def put_small(client: Client, site: Site) -> int:
    async def put(number: int) -> None:
        await client.put(f"put/{number}", SMALL)

    await _at_once(put, site.sizes.requests)
    return 0


async def get_first(client: Client, _: Site) -> int:
    return await client.get("small/0") // len(SMALL)


async def list_all(client: Client, _: Site) -> int:
    return await client.list_all()


def _returned(_: Site, count: int) -> int:
    return count


def _bytes_in(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file())


WORKLOADS = {
    "get-small": Workload(
        title="{} GETs of 4 KiB, 64 at once",
        run=get_small,
        done=_returned,
        amount=lambda sizes: sizes.requests,
        unit="request",
    ),
    "put-small": Workload(
        title="{} PUTs of 4 KiB, 64 at once",
        run=put_small,
        done=lambda site, _: _bytes_in(site.puts.iterdir()) // len(SMALL),
        amount=lambda sizes: sizes.requests,
        unit="request",
    ),
    "upload-path": Workload(
        title="upload {} MiB from a path",
        run=upload_path,
        done=lambda site, _: _bytes_in(site.parts.rglob("*")) >> 20,
        amount=lambda sizes: sizes.transfer_bytes >> 20,
    ),
    "upload-chunks": Workload(
        title="upload {} MiB from an async iterator",
        run=upload_chunks,
        done=lambda site, _: _bytes_in(site.parts.rglob("*")) >> 20,
        amount=lambda sizes: sizes.transfer_bytes >> 20,
    ),
    "download-path": Workload(
        title="download {} MiB to a path",
        run=download_path,
        done=lambda site, _: _bytes_in([site.target]) >> 20,
        amount=lambda sizes: sizes.transfer_bytes >> 20,
    ),
    "download-stream": Workload(
        title="download {} MiB as a stream",
        run=download_stream,
        done=lambda _, count: count >> 20,
        amount=lambda sizes: sizes.transfer_bytes >> 20,
    ),
    "list": Workload(
        title="list {} keys",
        run=list_all,
        done=_returned,
        amount=lambda sizes: sizes.keys,
        unit="key",
    ),
    "start": Workload(
        title="import, open, {} GET",
        run=get_first,
        done=_returned,
        amount=lambda _: 1,
        is_cold=True,
    ),
}


async def _at_once(work: Callable[[int], Awaitable[None]], count: int) -> None:
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())


async def _chunks(size: int) -> AsyncIterator[bytes]:
    block = os.urandom(CHUNK_BYTES + 64)
    for number in range(size // CHUNK_BYTES):
        # A new object each time, as from any real stream: sharing one would hide what a client holds on to.
        start = number % 64
        yield block[start : start + CHUNK_BYTES]

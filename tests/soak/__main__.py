"""Mixed load at many tasks against a real server with faults before it; what the process holds must stay flat.

``nox -s soak`` runs it for ten minutes, ``nox -s soak -- --minutes 1 --provider gcs`` otherwise. It fails if memory,
handles, connections or tasks have grown in the last third over the middle third (see ``samples``), if any content
is another than the last one that was acknowledged (or that of a write that failed since), or if a task, a
connection or an upload is left at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiostorage import RetryPolicy
from tests.matrix.providers import PART, PROVIDERS
from tests.servers import SERVERS
from tests.soak.load import Tally, Worker
from tests.soak.samples import Sample, growth, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiostorage import Driver
    from tests.matrix.providers import Provider

RETRY = RetryPolicy(max_attempts=5, base_s=0.02)
KINDS = {provider.name: provider for provider in PROVIDERS}
STARTED = {"s3-ceph": "ceph", "s3-swift": "swift", "gcs": "gcs-small-parts", "azure": "azurite", "swift": "swift"}
WARM_UP = 0.1
"""The share of the time before the first sample: connections are made, and modules imported."""


@contextmanager
def proxy(server: str, dialect: str) -> Iterator[str]:
    """Another process that makes faults; what it has done is printed at the end."""
    command = [sys.executable, "-m", "tests.soak.proxy", server, dialect]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            report, _ = process.communicate(timeout=60)
            print(f"the proxy: {report.strip()}")


async def take_samples(samples: list[Sample], minutes: float, is_over: asyncio.Event) -> None:
    await asyncio.sleep(minutes * 60 * WARM_UP)
    end = time.monotonic() + minutes * 60 * (1 - WARM_UP)
    while (left := end - time.monotonic()) > 0:
        samples.append(sample())
        await asyncio.sleep(min(left, 1.0))
    is_over.set()


async def soak(driver: Driver, healthy: Driver, arguments: argparse.Namespace) -> list[str]:
    """What was wrong."""
    before = sample()
    tally, samples, is_over = Tally(), list[Sample](), asyncio.Event()
    name = f"soak-{secrets.token_hex(4)}"
    clean = await healthy.create_container(name)
    with tempfile.TemporaryDirectory() as folder:
        container = driver.container(name)
        workers = [
            Worker(number, container, Path(folder), PART, arguments.seed, tally) for number in range(arguments.tasks)
        ]
        async with asyncio.TaskGroup() as group:
            group.create_task(take_samples(samples, arguments.minutes, is_over))
            for worker in workers:
                group.create_task(worker.run(is_over))
        left = [path.name for path in Path(folder).iterdir() if path.name.endswith(".part")]
        await driver.aclose()
        for worker in workers:
            await worker.verify(clean)
    uploads = await clean.abort_stale_uploads(older_than=timedelta(0))
    await clean.delete()
    await healthy.aclose()
    await asyncio.sleep(0.1)
    after = sample()
    print(f"{sum(tally.done.values())} operations done: {dict(sorted(tally.done.items()))}")
    print(f"{sum(tally.failed.values())} failed: {dict(sorted(tally.failed.items()))}")
    wrong = [*tally.wrong, *(f"{path} is left" for path in left)]
    if uploads:
        wrong.append(f"{uploads} uploads are left")
    print(f"{len(samples)} samples; median of the middle third, and of the last:")
    for quantity, middle, last, is_flat in growth(samples):
        print(f"  {quantity:12} {middle:8.1f} {last:8.1f} {'flat' if is_flat else 'GROWS'}")
        if not is_flat:
            wrong.append(f"{quantity} grows")
    print(f"before {before}, and at the end {after}")
    if after.tasks > before.tasks or after.connections > before.connections:
        wrong.append("something is left open")
    return wrong


async def main(arguments: argparse.Namespace, provider: Provider, server: Any) -> list[str]:
    with proxy(server.endpoint, provider.dialect) as url:
        faulty, healthy = (provider.connect(server, each, {"retry": RETRY}) for each in (url, server.endpoint))
        return await soak(faulty, healthy, arguments)


def run() -> int:
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--tasks", type=int, default=64)
    parser.add_argument("--provider", choices=sorted(KINDS), default="s3-swift")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    arguments = parser.parse_args()
    name = arguments.provider
    print(f"{arguments.minutes} minutes at {arguments.tasks} tasks on {name}, seed {arguments.seed}")
    with SERVERS[STARTED[name]]() as server:
        wrong = asyncio.run(main(arguments, KINDS[name], server))
    for what in wrong[:50]:
        print(f"WRONG: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(run())

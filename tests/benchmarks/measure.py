"""One measurement is one fresh process: a client, a workload, and what they cost."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.clients import CLIENTS, IMPORTS
from tests.benchmarks.workloads import SMALL, WORKLOADS, Site, Sizes, clear

IMPORT = "import"
"""The name of the one workload without a server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one run cost: seconds of CPU in all threads, seconds on the clock, bytes above idle at the peak."""

    cpu_s: float
    wall_s: float
    peak_bytes: int


def measure(client: str, workload: str, site: Site) -> Sample:
    """What the workload costs the client, in a process that has done nothing else."""
    clear(site)
    command = [
        sys.executable,
        "-m",
        __name__,
        client,
        workload,
        site.endpoint,
        str(site.folder),
        json.dumps(asdict(site.sizes)),
    ]
    if workload == IMPORT:
        command = [sys.executable, "-c", _IMPORT_PROBE, IMPORTS[client]]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if result.returncode:
        raise SystemExit(f"{client} failed at {workload}")
    return Sample(**json.loads(result.stdout))


# asyncio is there already, since whoever uses one of the clients has it; nothing else is.
_IMPORT_PROBE = """
import asyncio, resource, sys, time
def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
idle, cpu, wall = rss(), time.process_time(), time.perf_counter()
exec(sys.argv[1])
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
import json
print(json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_bytes": rss() - idle}))
"""


class Meter:
    """Counts from when it is made."""

    def __init__(self) -> None:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew from what there is now: proc(5)
        self._idle_bytes = _status_bytes("VmRSS")
        self._cpu_s, self._wall_s = _cpu_s(), time.perf_counter()

    def read(self) -> Sample:
        """What was used since."""
        cpu_s, wall_s = _cpu_s() - self._cpu_s, time.perf_counter() - self._wall_s
        return Sample(cpu_s=cpu_s, wall_s=wall_s, peak_bytes=_status_bytes("VmHWM") - self._idle_bytes)


async def run(client_name: str, workload_name: str, site: Site) -> Sample:
    """What the workload costs this process."""
    workload = WORKLOADS[workload_name]
    meter = Meter()
    async with CLIENTS[client_name](site.endpoint) as client:
        if not workload.is_cold:
            await client.get("small/0")
            await client.put("first", SMALL)
            meter = Meter()
        returned = await workload.run(client, site)
        sample = meter.read()
    done, amount = workload.done(site, returned), workload.amount(site.sizes)
    if done != amount:
        raise SystemExit(f"{client_name} did {done} of {amount} at {workload_name}")
    return sample


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _status_bytes(name: str) -> int:
    # ru_maxrss would not do: it survives exec, so it begins with the peak of the parent.
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def main(arguments: list[str]) -> None:
    client, workload, endpoint, folder, sizes = arguments
    site = Site(endpoint=endpoint, folder=Path(folder), sizes=Sizes(**json.loads(sizes)))
    print(json.dumps(asdict(asyncio.run(run(client, workload, site)))), flush=True)
    # What is to be measured is over, and obstore 0.12 now and then aborts while the interpreter ends.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Runs the benchmarks and prints one table. Linux only: memory is read from ``/proc``.

python -m tests.benchmarks                          everything, five rounds (some minutes)
python -m tests.benchmarks --quick                  small amounts, one round: does it all still work?
python -m tests.benchmarks --only get-small,list    some of it
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.clients import CLIENTS
from tests.benchmarks.measure import IMPORT, Sample, measure
from tests.benchmarks.server import BenchServer
from tests.benchmarks.workloads import FULL, QUICK, WORKLOADS, Sizes
from tests.servers.nginx import program

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = "aiostorage"
DEFAULT_CLIENTS = [OURS, "obstore", "aiobotocore", "aiohttp"]
NAMES = [*WORKLOADS, IMPORT]

NOTES = """
- Cells are the median over the rounds, with the lowest and the highest in brackets. Ratios are of medians: under 1 is
  less than the other needs. CPU is that of the client's process, all threads, user and system, without the server's.
- Every cell of every round is a fresh process, and the clients take turns. It counts once the client is open and has
  made one GET and one PUT. Memory is the peak of RSS above what it was then; for "import", what the import leaves.
- All speak plain HTTP, path style, to nginx on this machine. Parts are of 8 MiB, 8 at once, where a client lets us say
  so. aiobotocore has no upload by parts of its own: it gets the sliding window a user would write, as does aiohttp.
- aiostorage, obstore and aiobotocore sign the payload (SHA-256), their default over plain HTTP; aiobotocore adds a
  CRC-32, and aiostorage an MD5 when it does not know the service ("aiostorage-generic" shows that; the others take the
  server for Amazon's). aiohttp signs and checks nothing: it is the floor for a client in Python.
- The ETag of a small object is its MD5, as on S3, for whoever wants to check it; that of the large one is not, as if it
  had been uploaded in parts.
- "import" is what is needed to open a client, beyond asyncio, without opening it. Some import and read more later, so
  there is also the time from before the import to the first answer.
"""

Results = dict[str, dict[str, list[Sample]]]


def main() -> None:
    options = _options()
    sizes = QUICK if options.quick else FULL
    results: Results = {name: {client: [] for client in options.clients} for name in options.only}
    with BenchServer(sizes) as server:
        for round_number in range(options.rounds):
            for name, samples in results.items():
                # Another one begins each time, so that none always comes after the same.
                turn = round_number % len(options.clients)
                for client in options.clients[turn:] + options.clients[:turn]:
                    _progress(f"round {round_number + 1}: {name}, {client}")
                    samples[client].append(measure(client, name, server.site))
    _progress("")
    environment = _environment(options.rounds)
    print("\n".join(f"{name}: {value}" for name, value in environment.items()), end="\n\n")
    print(table(results, sizes))
    print(NOTES)
    if options.json:
        samples_of = {
            name: {client: [asdict(sample) for sample in samples] for client, samples in of_clients.items()}
            for name, of_clients in results.items()
        }
        document = {"environment": environment, "sizes": asdict(sizes), "samples": samples_of}
        options.json.write_text(json.dumps(document, indent=2) + "\n")


def table(results: Results, sizes: Sizes) -> str:
    """A Markdown table: a row for each workload and measure, a column for each client and ratio."""
    clients = list(next(iter(results.values())))
    others = [client for client in clients if client != OURS] if OURS in clients else []
    rows = [["", "", *clients, *(f"ours / {other}" for other in others)]]
    for name, of_clients in results.items():
        for number, (measured, values) in enumerate(_measured(name, of_clients, sizes)):
            medians = {client: statistics.median(values[client]) for client in clients}
            ratios = [f"{medians[OURS] / medians[other]:.2f}" for other in others]
            cells = [_cell(values[client]) for client in clients]
            rows.append([_title(name, sizes) if number == 0 else "", measured, *cells, *ratios])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "-|-".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" if number != 1 else f"|-{line}-|" for number, line in enumerate(lines))


def _measured(name: str, of_clients: dict[str, list[Sample]], sizes: Sizes) -> list[tuple[str, dict[str, list[float]]]]:
    """What is shown of a workload: each measure with its unit, and the values of each client."""
    unit, factor = _unit(name, sizes)

    def values(value: Callable[[Sample], float]) -> dict[str, list[float]]:
        return {client: [value(sample) for sample in samples] for client, samples in of_clients.items()}

    return [
        (f"CPU, {unit}", values(lambda sample: sample.cpu_s * factor)),
        (f"wall, {unit}", values(lambda sample: sample.wall_s * factor)),
        # A page at least, or there would be nothing to divide by.
        ("memory, MiB", values(lambda sample: max(sample.peak_bytes, 4096) / 2**20)),
    ]


def _unit(name: str, sizes: Sizes) -> tuple[str, float]:
    """The unit of time in which a workload is shown, and how many of it a second has."""
    if name == IMPORT or WORKLOADS[name].is_cold:
        return "ms", 1e3
    if WORKLOADS[name].unit:
        return f"µs a {WORKLOADS[name].unit}", 1e6 / WORKLOADS[name].amount(sizes)
    return "s", 1.0


def _cell(values: list[float]) -> str:
    median = _number(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({_number(min(values))}-{_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _title(name: str, sizes: Sizes) -> str:
    return name if name == IMPORT else WORKLOADS[name].title.format(WORKLOADS[name].amount(sizes))


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", flush=True, file=sys.stderr)


def _environment(rounds: int) -> dict[str, str]:
    server = subprocess.run([program(), "-v"], capture_output=True, text=True, check=True).stderr.strip()
    cores = len(os.sched_getaffinity(0))
    return {
        "versions": ", ".join(f"{client} {_version(client)}" for client in DEFAULT_CLIENTS),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "server": server.removeprefix("nginx version: "),
        "machine": f"{platform.system()} {platform.release()}, {platform.machine()}, {cores} cores",
        "rounds": f"{rounds}",
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "(checkout)"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="aiostorage beside obstore, aiobotocore and plain aiohttp."
    )
    parser.add_argument("--quick", action="store_true", help="small amounts and one round, to see that all works")
    parser.add_argument("--only", type=_some_of(NAMES), default=NAMES, metavar="NAME,...", help=", ".join(NAMES))
    parser.add_argument(
        "--clients", type=_some_of([*CLIENTS]), default=DEFAULT_CLIENTS, metavar="NAME,...", help=", ".join(CLIENTS)
    )
    parser.add_argument("--rounds", type=int, help="how often (5; 1 with --quick)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there, too")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    return options


def _some_of(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
        return names

    return parse


if __name__ == "__main__":
    main()

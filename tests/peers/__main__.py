"""Plays the scenarios with every client, and prints one table. Linux only: memory is read from ``/proc``.

python -m tests.peers                                everything (some minutes)
python -m tests.peers --only odd-keys,retry-after    some of it
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import platform
import sys
import time
from typing import TYPE_CHECKING

from tests.peers.clients import CLIENTS
from tests.peers.scenarios import SCENARIOS
from tests.peers.stage import SettledError, Verdict, house
from tests.servers.moto import MotoServer
from tests.servers.swift import SwiftServer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.peers.stage import House
    from tests.servers.base import S3Server

AT_ONCE = 4

NOTES = """
- "right": the right result, or an error where there can be none. "wrong": what the caller is told, or what is left, is
  not true. "error": an error although a right result could be had; it hides nothing. "cannot be asked": the client has
  no such operation.
- Every cell is a process, a bucket and a fault proxy of its own, in front of OpenStack Swift's S3 API (moto, where a
  CRC-32 is wanted); memory and the stalls are measured without the proxy. boto3 arranges, and looks at what is left.
- Each client is used as its documentation shows, with its defaults; opendal has its RetryLayer, without which it never
  tries again. s3fs has its files (synchronous, in a thread) for writers and streams, with blocks of 8 MiB. aiostorage
  is told the vendor (`vendor="swift"`, `"aws"` for moto).
- Documented: obstore tells to have a rule of the bucket's remove parts that are left, and uploads what is conditional
  in one piece. With aiobotocore the status and Content-Range of an answer are in what it returns, for the caller to
  look at.
- The turn of the event loop is the shortest of three processes, which have imported what the documentation tells to.
"""


async def play(place: House, client: str, name: str) -> Verdict:
    """The verdict of one cell."""
    scenario = SCENARIOS[name]
    try:
        async with place.stage(scenario.server, client, name) as stage:
            return await scenario.play(stage)
    except SettledError as settled:
        return settled.verdict


async def play_all(place: House, clients: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """The cells of each row."""
    places = asyncio.Semaphore(AT_ONCE)
    progress = iter(range(1, len(clients) * len(names) + 1))

    async def cell(client: str, name: str) -> str:
        async with places:
            began = time.monotonic()
            verdict = str(await play(place, client, name))
        took = time.monotonic() - began
        print(f"{next(progress)}: {name}, {client}: {verdict} ({took:.1f} s)", file=sys.stderr, flush=True)
        return verdict

    rows: dict[str, list[str]] = {}
    together = [name for name in names if not SCENARIOS[name].is_alone]
    cells = await asyncio.gather(*(cell(client, name) for name in together for client in clients))
    for number, name in enumerate(together):
        rows[name] = cells[number * len(clients) : (number + 1) * len(clients)]
    for name in names:
        if SCENARIOS[name].is_alone:
            rows[name] = [await cell(client, name) for client in clients]
    return {name: rows[name] for name in names}


def table(rows: dict[str, list[str]], clients: Sequence[str]) -> str:
    """A Markdown table: a row for each scenario, a column for each client."""
    head = ["", *(f"{client} {importlib.metadata.version(client)}" for client in clients)]
    cells = [head, ["---"] * len(head), *([SCENARIOS[name].title, *row] for name, row in rows.items())]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in cells)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description="The same faults against the peers.")
    parser.add_argument("--only", type=_names, default=list(SCENARIOS), help=", ".join(SCENARIOS))
    parser.add_argument("--clients", type=_names, default=list(CLIENTS), help=", ".join(CLIENTS))
    options = parser.parse_args()
    began = time.monotonic()
    with contextlib.ExitStack() as running:
        wanted = {SCENARIOS[name].server for name in options.only}
        known: list[S3Server] = [
            running.enter_context(kind()) for kind in (SwiftServer, MotoServer) if kind.name in wanted
        ]
        servers = {server.name: server for server in known}
        place = running.enter_context(house(servers, options.clients))
        rows = asyncio.run(play_all(place, options.clients, options.only))
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("aiohttp", "botocore", "fsspec")]
    print(f"{platform.python_implementation()} {platform.python_version()}, {', '.join(versions)};", end=" ")
    print(f"{len(rows) * len(options.clients)} cells in {time.monotonic() - began:.0f} s", end="\n\n")
    print(table(rows, options.clients))
    print(NOTES)


def _names(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    main()

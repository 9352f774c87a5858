"""The server as a process: when all is ready it prints its endpoint, and serves until it is ended."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from aiostorage.testing.gcs.cloud import Settings
from aiostorage.testing.gcs.server import GCSServer

_NUMBERS = {
    "page-size": "how many items a page of a listing has at most",
    "rewrite-bytes-per-call": "how much a rewrite copies in a call",
    "resumable-bytes-per-request": "how much of one request a resumable upload keeps",
    "min-part-bytes": "how long every part but the last of an upload by parts must be",
    "token-s": "how long an access token lives",
}


async def serve(server: GCSServer, folder: Path | None) -> None:
    """Serve until a signal comes."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with server:
        if folder is not None:
            await asyncio.to_thread(server.write_credentials, folder)
        print(server.endpoint, flush=True)  # noqa: T201 - this is how others learn of it
        await ended.wait()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m aiostorage.testing.gcs", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--project", help="which project the metadata server tells of")
    parser.add_argument("--authorization", choices=["optional", "required", "ignored"])
    parser.add_argument("--credentials", type=Path, help="a folder to write files of credentials to")
    for name, meaning in _NUMBERS.items():
        parser.add_argument(f"--{name}", type=int, help=meaning)
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    host, port, folder = given.pop("host"), given.pop("port"), given.pop("credentials", None)
    asyncio.run(serve(GCSServer(Settings(**given), host=host, port=port), folder))


if __name__ == "__main__":
    main()

"""The server as a process: it prints its endpoint and serves until it is ended."""

from __future__ import annotations

import argparse
import asyncio
import signal

from aiostorage.testing.gcs.cloud import Settings
from aiostorage.testing.gcs.server import GCSServer


async def serve(server: GCSServer) -> None:
    """Serve until a signal comes."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with server:
        print(server.endpoint, flush=True)  # noqa: T201
        await ended.wait()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m aiostorage.testing.gcs", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--project", default="test-project")
    parser.add_argument("--page-size", type=int, default=1000, help="how many items a page of a listing has at most")
    parser.add_argument("--rewrite-bytes-per-call", type=int)
    parser.add_argument("--resumable-bytes-per-request", type=int)
    options = parser.parse_args()
    settings = Settings(
        project=options.project,
        page_size=options.page_size,
        rewrite_bytes_per_call=options.rewrite_bytes_per_call,
        resumable_bytes_per_request=options.resumable_bytes_per_request,
    )
    asyncio.run(serve(GCSServer(settings, host=options.host, port=options.port)))


if __name__ == "__main__":
    main()

"""The proxy that makes faults, in a process of its own: ``python -m tests.soak.proxy SERVER DIALECT``.

It prints where it listens, and when its input ends how many faults there were.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from aiostorage.testing.faults import Break, CloseIdle, Fault, FaultProxy, Reply

if TYPE_CHECKING:
    from aiostorage.testing.faults import ProxyRequest


def _is_known_by_its_name(request: ProxyRequest) -> bool:
    """An upload has its name from the reply that begins it; without that nobody could end it."""
    return request.asked.operation != "create_upload"


FAULTS = (
    Fault(what=Break(at="reply"), where=_is_known_by_its_name, every=211, times=None),
    Fault(what=Break(at="request"), every=173, times=None),
    Fault(what=Break(at="body"), method="GET", every=97, times=None),
    Fault(what=Reply(status=503), every=127, times=None),
    Fault(what=Reply(status=500), every=307, times=None),
    Fault(what=CloseIdle(), every=61, times=None),
)
"""About every thirtieth request fails."""


async def main(server: str, dialect: str) -> None:
    async with FaultProxy(server, dialect=dialect) as proxy:  # type: ignore[arg-type]  # one of the four
        proxy.inject(*FAULTS)
        sys.stdout.write(f"{proxy.url}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        sys.stdout.write(f"{proxy.requests} requests, {proxy.count()} of them with a fault\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

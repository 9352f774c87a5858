"""What no test may do unnoticed: reach beyond this machine, hold up the event loop, leave tasks behind."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from blockbuster import blockbuster_ctx

import aiostorage
from aiostorage._tasks import all_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

PACKAGE = str(Path(aiostorage.__path__[0]))


class NetworkAccessError(AssertionError):
    """A test tried to reach another machine. It is no OSError, lest it be taken for a fault and retried."""


@contextlib.contextmanager
def only_this_machine() -> Iterator[None]:
    """Refuse connections to other machines.

    ``*.localhost`` is this machine (RFC 6761, section 6.3), whatever the system thinks, and
    ``*.invalid`` does not exist; any other name is refused.
    """
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(address: Any) -> None:
        if isinstance(address, tuple) and not _is_here(address[0]):
            raise NetworkAccessError(f"a test connects to {address[0]}")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or _is_here(name) or _is_address(name):
            return getaddrinfo(host, *args, **kwargs)
        if name.endswith(".localhost"):
            return getaddrinfo("localhost", *args, **kwargs)
        if name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        raise NetworkAccessError(f"a test looks up {name}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


@contextlib.contextmanager
def no_blocking_calls() -> Iterator[None]:
    """Raise ``blockbuster.BlockingError`` where the package blocks a running event loop."""
    with blockbuster_ctx("aiostorage") as blocking:
        # Coverage's own lock, which it takes in whatever thread first runs a line of a file.
        blocking.functions["threading.Lock.acquire"].can_block_in("coverage/collector.py", "lock_data")
        yield


async def tasks_left(before: Set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """The tasks that are still there, but were not ``before``.

    Those of the package must be gone at once. Those of the servers that tests run in the same loop
    have a second to notice that their connections are closed.
    """
    await asyncio.sleep(0)  # a task that was awaited is done, and is now taken off the list
    new = {task for task in all_tasks() - before if not _name(task).startswith("TestRunner.")}  # anyio's own
    ours = {task for task in new if _file(task).startswith(PACKAGE)}
    others = new - ours
    if others and not ours:
        _, others = await asyncio.wait(others, timeout=1)
    return [*ours, *others]


def _file(task: asyncio.Task[Any]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return str(code.co_filename) if code else ""


def _name(task: asyncio.Task[Any]) -> str:
    return str(getattr(task.get_coro(), "__qualname__", ""))


def _is_here(host: str) -> bool:
    return host in {"localhost", ""} or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

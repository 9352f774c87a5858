"""What a client is asked to do, each time in a process of its own.

``python -m tests.peers.acts CLIENT SOCKET IMPORTS`` imports the client and listens. Whoever connects sends a line with
what is to be done, as JSON; a fork does it, so that nothing is imported again, and answers with lines: its process, a
pause (until a line comes back), and at last what it has to tell.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from tests.peers.clients import CLIENTS, MishapError, NotOfferedError, Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from tests.peers.clients import Client

    Act = Callable[..., Awaitable[dict[str, Any]]]

BLOCK_BYTES = 1 << 20
PATIENCE_S = 15.0
"""How long a read may take that nothing keeps from being done at once."""


_other: TextIO
"""Whoever has asked: in the one process that does it."""


def tell(facts: dict[str, Any]) -> None:
    """Let the other side know."""
    _other.write(json.dumps(facts) + "\n")
    _other.flush()


async def pause() -> None:
    """Let the other side do something."""
    tell({"is_paused": True})
    await asyncio.to_thread(_other.readline)


async def put_all(client: Client, keys: list[str]) -> dict[str, Any]:
    refused = {}
    for key in keys:
        try:
            await client.put(key, key.encode())
        except Exception as error:  # noqa: BLE001  # whatever the client raises is what is asked for
            refused[key] = said(error)
    return {"refused": refused}


async def create(client: Client, key: str) -> dict[str, Any]:
    await client.create(key, b"mine")
    return {}


async def read(client: Client, key: str) -> dict[str, Any]:
    return about(await client.read(key))


async def read_range(client: Client, key: str, start: int, stop: int) -> dict[str, Any]:
    return about(await client.read_range(key, start, stop))


async def read_in_two(client: Client, key: str, size: int) -> dict[str, Any]:
    return about(await client.read_in_two(key, size, pause))


async def read_parallel(client: Client, key: str, folder: str) -> dict[str, Any]:
    return about(await client.read_parallel(key, Path(folder)))


async def read_starts(client: Client, key: str, times: int, then: str) -> dict[str, Any]:
    """Begin to read an object often, each time leaving early, and then read another."""
    for _ in range(times):
        await client.read_start(key)
    return await _patiently(client, then)


async def cancel_reads(client: Client, key: str, times: int, then: str) -> dict[str, Any]:
    """Cancel reads that are under way, and then read another object."""
    tasks = [asyncio.create_task(client.read(key)) for _ in range(times)]
    await pause()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=PATIENCE_S)
    return await _patiently(client, then)


async def download(client: Client, key: str, path: str) -> dict[str, Any]:
    await client.download(key, Path(path))
    return {}


async def upload(client: Client, key: str, count: int, fails: bool = False) -> dict[str, Any]:
    await client.upload(key, _awaited(blocks(count, fails=fails)))
    return {}


async def upload_path(client: Client, key: str, path: str) -> dict[str, Any]:
    await client.upload_path(key, Path(path))
    return {}


async def write(client: Client, key: str, count: int) -> dict[str, Any]:
    """Leave a writer by an exception of the caller's own."""
    try:
        await client.write(key, blocks(count, fails=True))
    except MishapError:
        return {"is_raised": True}
    return {"is_raised": False}


async def cancel_upload(client: Client, key: str, path: str) -> dict[str, Any]:
    task = asyncio.create_task(client.upload_path(key, Path(path)))
    waiting = asyncio.create_task(pause())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        await task
    task.cancel()
    await asyncio.wait([task], timeout=PATIENCE_S)
    await asyncio.sleep(2)  # for what is done in the background
    return {"is_cancelled": task.done() and task.cancelled()}


async def list_keys(client: Client) -> dict[str, Any]:
    return {"count": len(await client.list())}


async def list_for(client: Client, for_s: float) -> dict[str, Any]:
    """List, but no longer than so many seconds."""
    try:
        async with asyncio.timeout(for_s):
            return {"count": len(await client.list()), "is_endless": False}
    except TimeoutError:
        return {"is_endless": True}


async def use_memory(client: Client, key: str, count: int, is_new: bool) -> dict[str, Any]:
    meter = Peak()
    work = client.upload_new if is_new else client.upload
    await work(key, _awaited(blocks(count)))
    return {"bytes": meter.read()}


ACTS: dict[str, Act] = {
    act.__name__: act
    for act in (
        *(put_all, create, read, read_range, read_in_two, read_parallel, read_starts, cancel_reads, download),
        *(upload, upload_path, write, cancel_upload, list_keys, list_for, use_memory),
    )
}


async def stall(name: str, site: Site, key: str) -> dict[str, Any]:
    """What the event loop's thread computes between two turns, while the client is made and makes its first request."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        last = time.thread_time()
        while True:
            await asyncio.sleep(0.0005)
            now = time.thread_time()
            longest, last = max(longest, now - last), now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    longest = 0.0
    async with CLIENTS[name](site) as client:
        await client.read(key)
    ticking.cancel()
    return {"longest_s": longest}


class Peak:
    """Memory above what there was when it was made."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: proc(5)
        self._idle_kib = _status_kib("VmRSS")

    def read(self) -> int:
        """Bytes at the peak."""
        return (_status_kib("VmHWM") - self._idle_kib) * 1024


def blocks(count: int, *, fails: bool = False) -> Iterator[bytes]:
    """So many blocks, each another object, and then perhaps a mishap."""
    for number in range(count):
        yield bytes([number % 256]) * BLOCK_BYTES
    if fails:
        raise MishapError("the caller's own")


def about(content: bytes) -> dict[str, Any]:
    """What is told of a content: enough to know it, and whether it is all one."""
    letters = "".join(sorted(letter for letter in "ab" if letter.encode() in content))
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "letters": letters}


def said(error: BaseException) -> str:
    """An error in few words."""
    return type(error).__name__


async def _awaited(items: Iterator[bytes]) -> AsyncIterator[bytes]:
    for item in items:
        yield item
        await asyncio.sleep(0)


async def _patiently(client: Client, key: str) -> dict[str, Any]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return {"is_starved": False, **about(await client.read(key))}
    except TimeoutError:
        return {"is_starved": True}


def _status_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


async def _act(name: str, act: str, site: Site, arguments: dict[str, Any]) -> dict[str, Any]:
    if act == stall.__name__:
        return await stall(name, site, **arguments)
    async with CLIENTS[name](site) as client:
        # Where the opening of a client is what fails, its error is told as that of the work.
        return await ACTS[act](client, **arguments)


async def _answer(name: str) -> NoReturn:
    asked = json.loads(_other.readline())
    tell({"process": os.getpid()})
    try:
        told = await _act(name, asked["act"], Site(**asked["site"]), asked["arguments"])
    except NotOfferedError as error:
        told = {"not_offered": str(error)}
    except BaseException as error:  # noqa: BLE001  # a panic of Rust is no Exception
        told = {"error": said(error), "message": str(error)[:400]}
    tell(told)
    # All is told. obstore 0.12 now and then aborts while the interpreter ends, and a thread may wait for ever.
    os._exit(0)


def main(name: str, path: str, imports: str) -> None:
    global _other  # noqa: PLW0603  # a fork has one for all of its life
    exec(imports)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _other = connection.makefile("rw")
                asyncio.run(_answer(name))
            connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The guards of the tests do stop what they are there to stop."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path

import anyio
import pytest
from blockbuster import BlockingError

from aiostorage._tasks import all_tasks
from tests import guards


def test_other_machines_are_out_of_reach() -> None:
    with pytest.raises(guards.NetworkAccessError), socket.socket() as client:
        client.connect(("192.0.2.1", 80))
    with pytest.raises(guards.NetworkAccessError), socket.socket(socket.AF_INET6) as client:
        client.connect_ex(("2001:db8::1", 80, 0, 0))
    with pytest.raises(guards.NetworkAccessError):
        socket.getaddrinfo("example.com", 80)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nowhere.invalid", 80)


def test_this_machine_is_within_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost", "photos.localhost"):
            socket.create_connection((host, server.getsockname()[1]), timeout=1).close()


@pytest.mark.anyio
async def test_the_loop_is_out_of_reach_too() -> None:
    with pytest.raises(guards.NetworkAccessError):
        await asyncio.open_connection("192.0.2.1", 80)


@pytest.mark.anyio
async def test_the_package_must_not_block() -> None:
    blocking = {"time.sleep(0)": {"time": time}, "os.stat('.')": {"os": os}}
    for source, names in blocking.items():
        with pytest.raises(BlockingError):
            exec(compile(source, f"{guards.PACKAGE}/somewhere.py", "exec"), dict(names))
    time.sleep(0)  # noqa: ASYNC251 - a test itself may


@pytest.mark.anyio
async def test_a_task_of_the_package_must_not_stay() -> None:
    names: dict[str, object] = {"asyncio": asyncio}
    exec(compile("async def wait(): await asyncio.sleep(0.01)", f"{guards.PACKAGE}/somewhere.py", "exec"), names)
    before = all_tasks()
    task = asyncio.create_task(names["wait"]())  # type: ignore[operator]  # it comes out of exec
    assert await guards.tasks_left(before) == [task]
    await task
    assert await guards.tasks_left(before) == []


@pytest.mark.anyio
async def test_a_task_of_a_test_may_stay_a_moment_but_not_for_good() -> None:
    before = all_tasks()
    short = asyncio.create_task(asyncio.sleep(0.01))
    assert await guards.tasks_left(before) == []
    assert short.done()
    long = asyncio.create_task(anyio.sleep_forever())
    assert await guards.tasks_left(before) == [long]
    long.cancel()


def test_the_environment_of_the_developer_is_gone() -> None:
    assert {name for name in os.environ if name.startswith("AWS_")} == {
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_EC2_METADATA_DISABLED",
    }
    assert not Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).exists()

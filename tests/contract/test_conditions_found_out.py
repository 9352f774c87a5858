"""Which conditions each service obeys, found out by the driver, against what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiostorage import Conditions, S3Driver, UnsupportedError
from tests.scripted import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from aiostorage import Driver
    from tests.scripted import Seen
    from tests.servers.base import S3Server
    from tests.servers.ceph import CephServer
    from tests.servers.rclone import RcloneServer
    from tests.servers.swift import SwiftServer

pytestmark = pytest.mark.anyio


def driver_of(server: S3Server, conditions: Conditions | None, **options: Any) -> S3Driver:
    return S3Driver(
        endpoint=server.endpoint,
        region=server.region,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        vendor="generic",
        conditions=conditions,
        **options,
    )


async def found_out(driver: Driver) -> Conditions:
    """What the driver finds out in a container that is empty before and after."""
    container = await driver.create_container("conditions-found-out")
    try:
        found = await driver.verify_conditions(container)
        assert [obj.name async for obj in container.list_objects()] == []
    finally:
        await container.delete()
    return found


async def test_rclone_obeys_none(rclone_server: RcloneServer) -> None:
    async with driver_of(rclone_server, Conditions.all()) as driver:
        found = await found_out(driver)
    assert not (found.create_if_absent)
    assert not (found.write_if_match)
    assert not (found.conditional_parts)
    assert not (found.delete_if_match)
    assert not found.read_conditions


async def test_ceph_obeys_some(ceph_server: CephServer) -> None:
    async with driver_of(ceph_server, Conditions.all()) as driver:
        found = await found_out(driver)
    assert found.create_if_absent
    assert found.read_conditions
    assert not found.conditional_parts  # accepted, and ignored
    assert not found.delete_if_match  # as well


async def test_swift_obeys_those_of_reads(swift_server: SwiftServer) -> None:
    async with driver_of(swift_server, Conditions.all()) as driver:
        found = await found_out(driver)
    assert found.read_conditions
    assert not found.write_if_match
    assert not found.conditional_parts


async def test_a_stranger_is_trusted_with_none_and_then_with_what_was_found(ceph_server: CephServer) -> None:
    async with driver_of(ceph_server, None) as driver:
        assert await found_out(driver) == Conditions()
        with pytest.raises(UnsupportedError):
            await driver.upload_object(b"x", "no-such-container", "key", if_none_match="*")
    found = Conditions(create_if_absent=True, read_conditions=True)
    async with driver_of(ceph_server, found) as driver:
        assert (driver.capabilities.create_if_absent, driver.capabilities.write_if_match) == (True, False)
        assert await found_out(driver) == found


@pytest.fixture
async def obeys_alone() -> AsyncIterator[ScriptedServer]:
    """A service that looks at the condition, and stores the object a while later: several of many win."""
    objects: dict[str, str] = {}
    count = 0

    def answer(seen: Seen) -> Answer:
        nonlocal count
        path = seen.target
        if seen.method == "DELETE":
            objects.pop(path, None)
            return Answer(status=204)
        is_racer = len(seen.body) == 1
        if seen.headers.get("if-none-match") == "*" and path in objects and not is_racer:
            return Answer(status=412, body=b"<Error><Code>PreconditionFailed</Code></Error>")
        count += 1
        objects[path] = f'"{count}"'
        return Answer(headers={"ETag": objects[path]})

    async with ScriptedServer(answer=answer) as server:
        yield server


async def test_a_condition_that_is_obeyed_only_while_nobody_else_writes_is_none(obeys_alone: ScriptedServer) -> None:
    only = Conditions(create_if_absent=True)
    async with S3Driver(endpoint=obeys_alone.url, region="r", anonymous=True, conditions=only) as driver:
        assert await driver.verify_conditions("container") == Conditions()

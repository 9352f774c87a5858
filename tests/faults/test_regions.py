"""A service that looks at the region of a signature, and a driver that was told another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiostorage import RetryPolicy, S3Driver

if TYPE_CHECKING:
    from tests.servers.swift import SwiftServer

pytestmark = pytest.mark.anyio

PART = 5 * 1024 * 1024


@pytest.mark.verifies("endpoints: the region of a container found", on="swift")
async def test_the_region_that_a_server_wants_is_found(swift_server: SwiftServer) -> None:
    driver = S3Driver(
        endpoint=swift_server.endpoint,
        region="eu-elsewhere-1",
        vendor="swift",
        access_key_id=swift_server.access_key,
        secret_access_key=swift_server.secret_key,
        retry=RetryPolicy(max_attempts=1),
        part_size_bytes=PART,
    )
    async with driver:
        container = await driver.create_container("in-another-region")
        try:
            obj = await container.upload_object(b"x" * (2 * PART + 1), "large")
            await container.upload_object(b"", "small", content_type="text/plain")
            assert [found.name async for found in container.list_objects()] == ["large", "small"]
            assert len(await obj.read()) == 2 * PART + 1
            assert container.name in [found.name async for found in driver.list_containers()]
        finally:
            await container.delete()

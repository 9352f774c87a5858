"""The contract, on the servers that speak Swift's own API."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from swiftclient import Connection

from aiostorage import SwiftDriver
from aiostorage.providers.swift.backend import SwiftBackend
from aiostorage.testing import DriverContract
from tests.contract.swift_witness import SwiftWitness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers.swift import SwiftServer


class TestSwift(DriverContract):
    """TempAuth, and all that a cluster can have."""

    server = "swift (own API)"
    refused_keys: ClassVar = {r"\0": "the server refuses such paths"}

    @pytest.fixture
    async def driver(self, swift_server: SwiftServer) -> AsyncIterator[SwiftDriver]:
        driver = SwiftDriver(
            auth_url=swift_server.auth_url,
            username=swift_server.access_key,
            password=swift_server.secret_key,
        )
        async with driver:
            backend = driver.backend
            assert isinstance(backend, SwiftBackend)
            await backend.read_info()
            yield driver

    @pytest.fixture
    def witness(self, swift_server: SwiftServer) -> SwiftWitness:
        def connect() -> Connection:
            return Connection(swift_server.auth_url, swift_server.access_key, swift_server.secret_key)

        connect().post_account({"X-Account-Meta-Temp-URL-Key": "a key of the tests"})
        return SwiftWitness(connect)

"""The contract, for objects in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiostorage import MemoryDriver
from aiostorage.testing import DriverContract
from tests.contract.memory_witness import MemoryWitness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class TestMemory(DriverContract):
    server = "memory"

    @pytest.fixture
    async def driver(self) -> AsyncIterator[MemoryDriver]:
        async with MemoryDriver() as driver:
            yield driver

    @pytest.fixture
    def witness(self, driver: MemoryDriver) -> MemoryWitness:
        return MemoryWitness(driver)

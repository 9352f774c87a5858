"""The contract, for the files of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from aiostorage import LocalDriver
from aiostorage.testing import Deviation, DriverContract
from tests.contract.local_witness import LocalWitness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class TestLocal(DriverContract):
    server = "local"
    deviations: ClassVar = {Deviation.PLAIN_WITNESS: "a plain file has no headers"}

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "containers"

    @pytest.fixture
    async def driver(self, root: Path) -> AsyncIterator[LocalDriver]:
        async with LocalDriver(root) as driver:
            yield driver

    @pytest.fixture
    def witness(self, root: Path) -> LocalWitness:
        return LocalWitness(root)

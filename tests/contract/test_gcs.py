"""The contract, on Google Cloud Storage as it is written in its documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from aiostorage import GCSDriver
from aiostorage.testing import Deviation, DriverContract
from tests.contract.gcs_witness import GCSWitness, google_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers.gcs import GCSServerProcess


class TestGCS(DriverContract):
    server = "gcs"
    refused_keys: ClassVar = {
        r"[\r\n]": "the service refuses line breaks",
        r"\A\.{1,2}\Z": "the service refuses these two names",
    }
    deviations: ClassVar = {
        Deviation.NO_DELETE_MARKERS: "an object that is deleted becomes an old version",
        Deviation.UNCONDITIONAL_PARTS: "the XML API's uploads by parts have no preconditions",
    }

    left_out: ClassVar = dict.fromkeys(
        ("test_a_key_of_ours", "test_a_key_of_the_provider", "test_retention", "test_legal_hold", "test_documents"),
        "the theme asks as S3 is asked; tests/unit/gcs asks Google's way",
    )

    @pytest.fixture
    async def driver(self, gcs_server: GCSServerProcess) -> AsyncIterator[GCSDriver]:
        async with GCSDriver(endpoint=gcs_server.endpoint, credentials_file=gcs_server.key_file) as driver:
            yield driver

    @pytest.fixture
    def witness(self, gcs_server: GCSServerProcess) -> GCSWitness:
        return GCSWitness(google_client(gcs_server.endpoint, str(gcs_server.key_file)), gcs_server.endpoint)

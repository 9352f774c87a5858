"""The contract, on Google Cloud Storage as it is written in its documents."""

from __future__ import annotations

import json
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
    kms_key_id = "projects/p/locations/us/keyRings/r/cryptoKeys/k"
    documents: ClassVar = {
        name: json.dumps(document)
        for name, document in {
            "autoclass": {"enabled": True},
            "billing": {"requesterPays": False},
            "cors": [{"origin": ["https://app.example"], "method": ["GET"], "maxAgeSeconds": 77}],
            "encryption": {"defaultKmsKeyName": kms_key_id},
            "iamConfiguration": {"publicAccessPrevention": "enforced"},
            "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 30}}]},
            "logging": {"logBucket": "CONTAINER", "logObjectPrefix": "log"},
            "policy": {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]},
            "retentionPolicy": {"retentionPeriod": "60"},
            "softDeletePolicy": {"retentionDurationSeconds": "604800"},
            "website": {"mainPageSuffix": "index.html", "notFoundPage": "404.html"},
        }.items()
    }
    extra: ClassVar = {"customTime": "2026-01-01T00:00:00.000Z"}
    refused_keys: ClassVar = {
        r"[\r\n]": "the service refuses line breaks",
        r"\A\.{1,2}\Z": "the service refuses these two names",
    }
    deviations: ClassVar = {
        Deviation.NO_DELETE_MARKERS: "an object that is deleted becomes an old version",
        Deviation.UNCONDITIONAL_PARTS: "the XML API's uploads by parts have no preconditions",
        Deviation.OPEN_DESCRIPTIONS: "only the hashes are left out of an object's resource",
        Deviation.HOLDS_COME_LATER: "the XML API has no header for a temporary hold",
    }

    @pytest.fixture
    async def driver(self, gcs_server: GCSServerProcess) -> AsyncIterator[GCSDriver]:
        async with GCSDriver(endpoint=gcs_server.endpoint, credentials_file=gcs_server.key_file) as driver:
            yield driver

    @pytest.fixture
    def witness(self, gcs_server: GCSServerProcess) -> GCSWitness:
        return GCSWitness(google_client(gcs_server.endpoint, str(gcs_server.key_file)), gcs_server.endpoint)

"""The contract, on Azurite."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from aiostorage import AzureDriver
from aiostorage.testing import Deviation, DriverContract
from tests.contract.azure_witness import AzureWitness, service_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.servers.azurite import AzuriteServer


class TestAzurite(DriverContract):
    """The driver, and Microsoft's own client beside it, on Azurite."""

    server = "azurite"
    archive_class = "Archive"
    restore_days = None
    documents: ClassVar = {
        "acl": "<SignedIdentifiers><SignedIdentifier><Id>reader</Id><AccessPolicy><Start>2026-01-01T00:00:00Z</Start>"
        "<Expiry>2036-01-01T00:00:00Z</Expiry><Permission>r</Permission></AccessPolicy></SignedIdentifier>"
        "</SignedIdentifiers>",
        "public_access": "blob",
    }
    refused_keys: ClassVar = {
        r"[\x00-\x1f\x7f]": "Azure's rules of naming",
        r"\\": "a backslash becomes a slash",
        r"\.(?:/|\Z)": "a dot at the end of a segment may be dropped",
    }

    deviations: ClassVar = {
        Deviation.PARTS_STAY: "only writing the object removes them, or a week",
        Deviation.ONE_UPLOAD_OF_A_KEY: "completing it removes the blocks of the others",
        Deviation.UNSIGNED_PARTS: "it says what may be done with an object",
        Deviation.UTF16_ORDER: "it sorts names as JavaScript does",
    }

    @pytest.fixture
    async def driver(self, azurite_server: AzuriteServer) -> AsyncIterator[AzureDriver]:
        driver = AzureDriver(
            endpoint=azurite_server.endpoint, account_name=azurite_server.account, account_key=azurite_server.key
        )
        async with driver:
            yield driver

    @pytest.fixture
    def witness(self, azurite_server: AzuriteServer) -> Iterator[AzureWitness]:
        with service_client(azurite_server) as client:
            yield AzureWitness(client)

"""The contract, on the servers that speak Swift's own API."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from swiftclient import Connection

from aiostorage import SwiftDriver
from aiostorage.testing import Deviation, DriverContract
from aiostorage.testing._themes.administration import Administration
from aiostorage.testing._themes.base import ContractBase
from aiostorage.testing._themes.containers import Containers
from aiostorage.testing._themes.copies import Copies
from aiostorage.testing._themes.links import Links
from aiostorage.testing._themes.uploads import Uploads
from aiostorage.testing._themes.versions import Versions
from tests.contract.swift_witness import SwiftWitness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiostorage.providers.swift.config import SwiftOptions
    from tests.servers.ceph import CephServer
    from tests.servers.keystone import KeystoneServer
    from tests.servers.swift import SwiftServer


@pytest.fixture(scope="module")
def keystone_token(keystone_server: KeystoneServer) -> str:
    return keystone_server.log_in(keystone_server.access_key, keystone_server.secret_key, "demo")


class OnSwift(ContractBase):
    """The driver, and swiftclient beside it, on the server of the fixture ``service``."""

    refused_keys: ClassVar = {r"\0": "the server refuses such paths"}
    extra: ClassVar[Mapping[str, str]] = {"x-delete-at": "2082758400"}
    documents: ClassVar[Mapping[str, str]] = {
        "read-acl": ".r:*,.rlistings",
        "write-acl": "*:*",
        "quota-bytes": "1000000",
        "quota-count": "100",
        "versions-location": "CONTAINER-old",
        "history-location": "CONTAINER-old",
        "cors-allow-origin": "https://app.example",
        "cors-max-age": "77",
        "cors-expose-headers": "x-object-meta-colour",
        "web-index": "index.html",
        "web-error": "error.html",
        "web-listings": "true",
    }

    @pytest.fixture
    def login(self, service: SwiftServer) -> SwiftOptions:
        """How the driver gets a token."""
        return {"auth_url": service.auth_url, "username": service.access_key, "password": service.secret_key}

    @pytest.fixture
    async def driver(self, login: SwiftOptions) -> AsyncIterator[SwiftDriver]:
        async with SwiftDriver(**login) as driver:
            await driver.read_info()
            yield driver

    @pytest.fixture
    def connection(self, service: SwiftServer) -> dict[str, str]:
        """How the witness does."""
        return {"authurl": service.auth_url, "user": service.access_key, "key": service.secret_key}

    @pytest.fixture
    def witness(self, connection: dict[str, str]) -> SwiftWitness:
        Connection(**connection).post_account({"X-Account-Meta-Temp-URL-Key": "a key of the tests"})  # pyright: ignore[reportArgumentType]
        return SwiftWitness(lambda: Connection(**connection))  # pyright: ignore[reportArgumentType]


class SwiftContract(OnSwift, DriverContract):
    """All of the contract."""


class TestSwift(SwiftContract):
    """All that a cluster can have, with tokens of its own."""

    server = "swift, own API"
    extra: ClassVar = {**SwiftContract.extra, "x-robots-tag": "noindex", "expires": "Tue, 01 Jan 2030 00:00:00 GMT"}

    @pytest.fixture
    def service(self, swift_server: SwiftServer) -> SwiftServer:
        return swift_server


class TestKeystone(OnSwift, Containers, Uploads, Copies, Versions, Administration, Links):
    """What is not the same behind Keystone: accounts, access lists, segments, versions and signatures.

    A login and the proxy's first look at a token take half a second of Keystone's time each; so there is one login for
    all tests, of which ``tests/providers/test_swift.py`` has one of each kind, and the themes about bytes are left out.
    """

    server = "swift, keystone"
    extra: ClassVar = TestSwift.extra

    @pytest.fixture
    def service(self, keystone_server: KeystoneServer) -> KeystoneServer:
        return keystone_server

    @pytest.fixture
    def login(self, service: KeystoneServer, keystone_token: str) -> SwiftOptions:
        return {"storage_url": service.storage_url, "token": keystone_token}

    @pytest.fixture
    def connection(self, service: KeystoneServer, keystone_token: str) -> dict[str, str]:
        return {"preauthurl": service.storage_url, "preauthtoken": keystone_token}


class TestCeph(SwiftContract):
    """Ceph's gateway speaks it, too, with gaps: no versions, and of signatures only the oldest."""

    server = "ceph, Swift's API"
    deviations: ClassVar = {**SwiftContract.deviations, Deviation.UNTOLD_SIZES: "it lists manifests as they are"}

    @pytest.fixture
    def service(self, ceph_server: CephServer) -> CephServer:
        return ceph_server

    @pytest.fixture
    def login(self, service: CephServer) -> SwiftOptions:
        return {"auth_url": service.auth_url, "username": service.swift_user, "password": service.secret_key}

    @pytest.fixture
    def connection(self, service: CephServer) -> dict[str, str]:
        return {"authurl": service.auth_url, "user": service.swift_user, "key": service.secret_key}

"""Fixtures that all tests share: guards that are always on, and servers that start when first asked for."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from aiostorage._tasks import all_tasks
from tests import guards
from tests.contract.s3_witness import boto3_client
from tests.servers.azurite import AzuriteServer, AzuriteTLSServer
from tests.servers.ceph import CephServer
from tests.servers.gcp_emulator import GCPEmulator
from tests.servers.gcs import GCSServerProcess
from tests.servers.keystone import KeystoneServer
from tests.servers.moto import MotoServer
from tests.servers.rclone import RcloneServer
from tests.servers.swift import SwiftServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.servers.base import S3Server

# Shared machines stall at times, so no example has a deadline; in CI the same examples are tried every time.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

pytest_plugins = ["tests.operations.plugin"]

FOREIGN = (
    "AWS_", "AZURE_", "BOTO", "CLOUDSDK_", "GCE_", "GCLOUD_", "GOOGLE_", "OS_", "ST_", "STORAGE_EMULATOR_", "SWIFT_",
)  # fmt: skip


def _collect_what_is_new() -> None:
    """What is alive now will not be looked at again: else these collections take most of the time of all tests."""
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    _collect_what_is_new()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that the developer has set up, keys least of all, reaches a test."""
    nowhere = tmp_path_factory.mktemp("no-settings")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(FOREIGN):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("CLOUDSDK_CONFIG", str(nowhere / "gcloud"))
        patch.setenv("NO_GCE_CHECK", "true")
        patch.setenv("NO_PROXY", "localhost,127.0.0.1,::1")
        yield


@pytest.fixture(scope="session", autouse=True)
def _guards(_clean_environment: None) -> Iterator[None]:
    with guards.only_this_machine(), guards.no_blocking_calls():
        yield


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    before = all_tasks()
    yield
    left = await guards.tasks_left(before)
    assert not left, f"the test left tasks running: {left}"
    _collect_what_is_new()  # what was not closed says so now, in the test that forgot it


@pytest.fixture(autouse=True)
def _async_guard(request: pytest.FixtureRequest) -> None:
    if "anyio_backend" in request.fixturenames:
        request.getfixturevalue("_no_task_left")


@pytest.fixture(scope="session")
def swift_server(_clean_environment: None) -> Iterator[SwiftServer]:
    """OpenStack Swift, with its S3 and its own API."""
    with SwiftServer() as server:
        yield server


@pytest.fixture(scope="session")
def keystone_server(_clean_environment: None) -> Iterator[KeystoneServer]:
    """OpenStack Swift behind Keystone."""
    with KeystoneServer() as server:
        yield server


@pytest.fixture(scope="session")
def rclone_server(_clean_environment: None) -> Iterator[RcloneServer]:
    """``rclone serve s3`` over a folder."""
    with RcloneServer() as server:
        yield server


@pytest.fixture(scope="session")
def ceph_server(_clean_environment: None) -> Iterator[CephServer]:
    """Ceph's object gateway."""
    with CephServer() as server:
        yield server


@pytest.fixture(scope="session")
def moto_server(_clean_environment: None) -> Iterator[MotoServer]:
    """moto, which checks nothing."""
    with MotoServer() as server:
        yield server


@pytest.fixture(scope="session")
def gcs_server(_clean_environment: None) -> Iterator[GCSServerProcess]:
    """The server of this package that speaks as Google Cloud Storage does."""
    with GCSServerProcess() as server:
        yield server


@pytest.fixture(scope="session")
def azurite_server(_clean_environment: None) -> Iterator[AzuriteServer]:
    """Azurite, with the key of its account."""
    with AzuriteServer() as server:
        yield server


@pytest.fixture(scope="session")
def gcp_emulator(_clean_environment: None) -> Iterator[GCPEmulator]:
    """Somebody else's idea of Google Cloud Storage."""
    with GCPEmulator() as server:
        yield server


@pytest.fixture(scope="session")
def azurite_tls_server(_clean_environment: None) -> Iterator[AzuriteTLSServer]:
    """Azurite over TLS, which takes bearer tokens, too."""
    with AzuriteTLSServer() as server:
        yield server


@pytest.fixture(params=["swift", "rclone", "ceph"])
def s3_server(request: pytest.FixtureRequest) -> S3Server:
    """Each of the servers that speak S3, and look at who asks, in turn."""
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture(scope="session")
def s3_witness(_guards: None) -> Iterator[Callable[[S3Server], Any]]:
    """A boto3 client for a server: it arranges and checks what the package under test must not itself."""
    clients: dict[str, Any] = {}

    def witness(server: S3Server) -> Any:
        if server.endpoint not in clients:
            clients[server.endpoint] = boto3_client(server)
        return clients[server.endpoint]

    yield witness
    for client in clients.values():
        client.close()

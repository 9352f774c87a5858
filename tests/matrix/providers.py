"""The providers of the matrix, each with a server and somebody else's client for it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from swiftclient import Connection

from aiostorage import AzureDriver, GCSDriver, RetryPolicy, S3Driver, SwiftDriver
from aiostorage.errors import UploadNotFoundError
from aiostorage.providers.azure import config as azure
from aiostorage.providers.gcs import config as gcs
from aiostorage.providers.s3.profiles import CEPH, SWIFT
from tests.contract.azure_witness import AzureWitness, service_client
from tests.contract.gcs_witness import GCSWitness, google_client
from tests.contract.s3_witness import S3Witness
from tests.contract.swift_witness import SwiftWitness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiostorage import Driver, HTTPOptions, Limits
    from aiostorage.errors import StorageError
    from aiostorage.providers.s3.profiles import Vendor
    from aiostorage.testing import Witness
    from aiostorage.testing.faults import Dialect
    from tests.servers.azurite import AzuriteServer
    from tests.servers.base import S3Server
    from tests.servers.gcs import GCSServerProcess
    from tests.servers.swift import SwiftServer

RETRY = RetryPolicy(max_attempts=3, base_s=0.02)
"""As patient as the one that users get in all but the length of its waits and the number of its attempts."""

PART = 65536
"""Small parts, which these servers take, make the matrix quick."""

COPY = 100_000
"""What is larger is copied by parts."""


def small(limits: Limits) -> Limits:
    """The same with small parts, and copies by parts of what is not large."""
    return dataclasses.replace(limits, min_part_size_bytes=PART, max_part_size_bytes=PART, max_copy_size_bytes=COPY)


S3_CORS = (
    '<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule>'
    "<AllowedOrigin>https://app.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
)
GCS_CORS = '[{"origin": ["https://app.example"], "method": ["GET"]}]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A server, how to reach it, and who looks at what is in it.

    Attributes:
        name: For the report.
        fixture: The fixture of the server.
        dialect: Of its protocol.
        connect: A driver for the server at a URL that may be that of a proxy.
        client: Makes the other client; it is handed what makes those of boto3.
        witness: Looks through that client; one for each event loop.
        cors: A document of the setting "cors", in the form of the provider; empty if it has none.
        lost: What may come of a lost reply, by operation, because nothing on this server tells whose an object is.
        sent_once: Requests that change the very version that they name, so that a second one would meet the first.
        keeps_parts: Why parts of an upload that has failed stay where they are, if they do.
        aborts_after: What is asked before an upload is given up, which stays where nobody answers: it may be an object.
    """

    name: str
    fixture: str
    dialect: Dialect
    connect: Callable[[Any, str, HTTPOptions], Driver]
    client: Callable[[Any, Callable[[Any], Any]], Any]
    witness: Callable[[Any, Any], Witness]
    cors: str = ""
    lost: Mapping[str, tuple[type[StorageError], ...]] = field(default_factory=dict)
    sent_once: frozenset[str] = frozenset()
    keeps_parts: str = ""
    aborts_after: frozenset[str] = frozenset()


def _s3(vendor: Vendor) -> Callable[[S3Server, str, HTTPOptions], Driver]:
    quick = dataclasses.replace(vendor, limits=small(vendor.limits))

    def connect(server: S3Server, endpoint: str, options: HTTPOptions) -> Driver:
        return S3Driver(
            endpoint=endpoint,
            region=server.region,
            vendor=quick,
            access_key_id=server.access_key,
            secret_access_key=server.secret_key,
            **options,
        )

    return connect


def _gcs(server: GCSServerProcess, endpoint: str, options: HTTPOptions) -> Driver:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gcs, "LIMITS", dataclasses.replace(gcs.LIMITS, min_part_size_bytes=PART))
        return GCSDriver(endpoint=endpoint, credentials_file=server.key_file, **options)


def _azure(server: AzuriteServer, endpoint: str, options: HTTPOptions) -> Driver:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(azure, "LIMITS", small(azure.LIMITS))
        return AzureDriver(endpoint=endpoint, account_name=server.account, account_key=server.key, **options)


def _swift(server: SwiftServer, endpoint: str, options: HTTPOptions) -> Driver:
    return SwiftDriver(
        auth_url=f"{endpoint}/auth/v1.0", username=server.access_key, password=server.secret_key, **options
    )


def _swift_client(server: SwiftServer, _: object) -> Callable[[], Any]:
    login = {"authurl": server.auth_url, "user": server.access_key, "key": server.secret_key}
    Connection(**login).post_account({"X-Account-Meta-Temp-URL-Key": "a key of the tests"})  # pyright: ignore[reportArgumentType]
    return lambda: Connection(**login)  # pyright: ignore[reportArgumentType]


PROVIDERS = [
    Provider(
        name="s3-ceph",
        fixture="ceph_server",
        dialect="s3",
        connect=_s3(CEPH),
        client=lambda server, boto: boto(server),
        witness=lambda _, client: S3Witness(client),
        cors=S3_CORS,
    ),
    Provider(
        name="s3-swift",
        fixture="swift_server",
        dialect="s3",
        connect=_s3(SWIFT),
        client=lambda server, boto: boto(server),
        witness=lambda _, client: S3Witness(client),
        cors=S3_CORS,
    ),
    Provider(
        name="gcs",
        fixture="gcs_of_small_parts",
        dialect="gcs",
        connect=_gcs,
        client=lambda server, _: google_client(server.endpoint, str(server.key_file)),
        witness=lambda server, client: GCSWitness(client, server.endpoint),
        cors=GCS_CORS,
        # Neither a list of parts nor the etag of their object has a hash to know it by.
        lost={"complete_upload": (UploadNotFoundError,)},
        sent_once=frozenset({"update_object"}),
    ),
    Provider(
        name="azure",
        fixture="azurite_server",
        dialect="azure",
        connect=_azure,
        client=lambda server, _: service_client(server, retries=2),
        witness=lambda _, client: AzureWitness(client),
        sent_once=frozenset({"put_properties", "put_metadata"}),
        keeps_parts="beside an object they stay until it is written or removed, or for a week",
    ),
    Provider(
        name="swift",
        fixture="swift_server",
        dialect="swift",
        connect=_swift,
        client=_swift_client,
        witness=lambda _, client: SwiftWitness(client),
        aborts_after=frozenset({"head_object"}),
    ),
]

"""The contract, on the servers that speak S3."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from aiostorage import S3Driver
from aiostorage.providers.s3.profiles import AWS
from aiostorage.testing import Deviation, DriverContract
from tests.contract.s3_documents import DOCUMENTS
from tests.contract.s3_witness import S3Witness
from tests.servers.ceph import CephServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiostorage.providers.s3.profiles import Vendor, VendorName
    from tests.servers.base import S3Server
    from tests.servers.moto import MotoServer
    from tests.servers.rclone import RcloneServer
    from tests.servers.swift import SwiftServer


class S3Contract(DriverContract):
    """The driver, and boto3 beside it, on the server of the fixture ``service``."""

    vendor: ClassVar[VendorName | Vendor]
    documents: ClassVar = DOCUMENTS
    extra: ClassVar = {
        "x-amz-website-redirect-location": "/elsewhere",
        "expires": "Tue, 01 Jan 2030 00:00:00 GMT",
    }

    @pytest.fixture
    def endpoint(self, service: S3Server) -> str:
        return service.endpoint

    @pytest.fixture
    async def driver(self, service: S3Server, endpoint: str) -> AsyncIterator[S3Driver]:
        driver = S3Driver(
            endpoint=endpoint,
            region=service.region,
            vendor=self.vendor,
            access_key_id=service.access_key,
            secret_access_key=service.secret_key,
        )
        async with driver:
            yield driver

    @pytest.fixture
    def witness(self, service: S3Server, s3_witness: Callable[[S3Server], Any]) -> S3Witness:
        return S3Witness(s3_witness(service))


class TestSwift(S3Contract):
    server = vendor = "swift"
    refused_keys: ClassVar = {r"\0": "the server refuses such paths"}
    deviations: ClassVar = {Deviation.UNTOLD_VERSIONS: "the answer to CompleteMultipartUpload does not"}

    @pytest.fixture
    def service(self, swift_server: SwiftServer) -> SwiftServer:
        return swift_server


class TestRclone(S3Contract):
    server = vendor = "rclone"
    refused_keys: ClassVar = {
        r"(?:\A|/)\.{0,2}(?:/|\Z)": "keys are the paths of files",
        r"[\x00-\x1f\x7f]": "control characters become others in names of files",
        r"[^/]{256}": "the name of a file has 255 bytes at most",
    }
    deviations: ClassVar = {
        Deviation.NO_NESTED_KEYS: "keys are the paths of files",
        Deviation.COMPOSES_UNICODE: "names of files are compared so",
        Deviation.SLASH_ONLY: "it lists folders",
        Deviation.SHORT_SUFFIX: "it answers 416",
        Deviation.ONLY_PLAIN_COPIES: "the server adds to the metadata of the source",
    }

    @pytest.fixture
    def service(self, rclone_server: RcloneServer) -> RcloneServer:
        return rclone_server


class TestCeph(S3Contract):
    server = vendor = "ceph"
    kms_key_id = CephServer.kms_key_id
    refused_keys: ClassVar = {r"\0": "the server refuses such paths"}
    deviations: ClassVar = {
        Deviation.UNCONDITIONAL_PARTS: "conditions on CompleteMultipartUpload are ignored",
        Deviation.UNTOLD_VERSIONS: "the answer to CopyObject does not",
        Deviation.NO_ENCRYPTED_COPIES: "it answers 501 to sources, and ignores the key of the copy",
        Deviation.KEEPS_RETENTION: "it takes no empty retention",
    }

    @pytest.fixture
    def service(self, ceph_server: CephServer) -> CephServer:
        return ceph_server


class TestMoto(S3Contract):
    """moto says yes to nearly everything, so this proves what is asked of Amazon, and nothing of what is refused."""

    server = "moto"
    archive_class = "GLACIER"
    vendor: ClassVar = dataclasses.replace(
        AWS,
        name="moto",
        forbidden_key=re.compile(r"\n|\A/"),
        conditional_complete=False,
        conditional_copy=False,
        part_numbers=False,
        # It gives the whole object for a part, makes checksums of uploads by parts up, encrypts nothing with keys of
        # ours, forgets the holds of uploads by parts, and has names of its own for the documents that are missing here.
        returns_checksums=False,
        options_everywhere=False,
        encryption=frozenset({"managed", "kms"}),
        settings=AWS.settings - {"accelerate", "logging", "notification", "request-payment"},
    )
    refused_keys: ClassVar = {
        r"\n": "the server does not find its way to such paths",
        r"\A/": "the server drops the slash where the container is in the host name",
    }
    deviations: ClassVar = {
        Deviation.UNCONDITIONAL_PARTS: "If-Match on CompleteMultipartUpload is ignored",
        Deviation.UNCHECKED_LINKS: "no signature is checked",
        Deviation.MARKERS_LAST: "it lists them after the versions",
        Deviation.UNDATED_UPLOADS: "all began in 2010",
    }

    @pytest.fixture
    def service(self, moto_server: MotoServer) -> MotoServer:
        return moto_server

    @pytest.fixture
    def endpoint(self, service: S3Server) -> str:
        """By a name, so that containers are addressed by names below it."""
        return service.endpoint.replace("127.0.0.1", "localhost")

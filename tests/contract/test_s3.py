"""The contract, on the servers that speak S3."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from aiostorage import S3Driver
from aiostorage.providers.s3.profiles import AWS
from aiostorage.testing import Deviation, DriverContract
from tests.contract.s3_witness import S3Witness
from tests.servers.ceph import CephServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiostorage.providers.s3.profiles import Vendor, VendorName
    from tests.servers.base import S3Server
    from tests.servers.moto import MotoServer
    from tests.servers.rclone import RcloneServer
    from tests.servers.swift import SwiftServer


NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

DOCUMENTS = {
    "accelerate": f"<AccelerateConfiguration {NAMESPACE}><Status>Enabled</Status></AccelerateConfiguration>",
    "cors": f"<CORSConfiguration {NAMESPACE}><CORSRule><AllowedOrigin>https://app.example</AllowedOrigin>"
    "<AllowedMethod>GET</AllowedMethod><MaxAgeSeconds>77</MaxAgeSeconds></CORSRule></CORSConfiguration>",
    "encryption": f"<ServerSideEncryptionConfiguration {NAMESPACE}><Rule><ApplyServerSideEncryptionByDefault>"
    "<SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>"
    "</ServerSideEncryptionConfiguration>",
    "lifecycle": f"<LifecycleConfiguration {NAMESPACE}><Rule><ID>tidy up</ID><Filter><Prefix>tmp/</Prefix></Filter>"
    "<Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>",
    "logging": f"<BucketLoggingStatus {NAMESPACE}><LoggingEnabled><TargetBucket>CONTAINER</TargetBucket>"
    "<TargetPrefix>log/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>",
    "notification": f"<NotificationConfiguration {NAMESPACE}><EventBridgeConfiguration></EventBridgeConfiguration>"
    "</NotificationConfiguration>",
    "object-lock": f"<ObjectLockConfiguration {NAMESPACE}><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
    "<DefaultRetention><Mode>GOVERNANCE</Mode><Days>2</Days></DefaultRetention></Rule></ObjectLockConfiguration>",
    "ownership": f"<OwnershipControls {NAMESPACE}><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule>"
    "</OwnershipControls>",
    "policy": '{"Version": "2012-10-17", "Statement": [{"Sid": "keep", "Effect": "Deny", "Principal": "*",'
    ' "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::CONTAINER/keep/*"}]}',
    "public-access-block": f"<PublicAccessBlockConfiguration {NAMESPACE}><BlockPublicAcls>true</BlockPublicAcls>"
    "<IgnorePublicAcls>false</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy>"
    "<RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
    "replication": f"<ReplicationConfiguration {NAMESPACE}><Role>arn:aws:iam::123456789012:role/r</Role><Rule>"
    "<ID>all</ID><Priority>1</Priority><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>"
    "<DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>"
    "<Destination><Bucket>arn:aws:s3:::CONTAINER</Bucket></Destination></Rule></ReplicationConfiguration>",
    "request-payment": f"<RequestPaymentConfiguration {NAMESPACE}><Payer>Requester</Payer>"
    "</RequestPaymentConfiguration>",
    "website": f"<WebsiteConfiguration {NAMESPACE}><IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
    "</WebsiteConfiguration>",
}


class S3Contract(DriverContract):
    """The driver, and boto3 beside it, on the server of the fixture ``service``."""

    vendor: ClassVar[VendorName | Vendor]
    documents: ClassVar = DOCUMENTS

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
        # It makes checksums of uploads by parts up, encrypts nothing with keys of ours, forgets the holds of uploads
        # by parts, and has names of its own for the documents that are missing here.
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

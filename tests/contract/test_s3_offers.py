"""What only some servers that speak S3 offer, and the contract cannot ask of every driver."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from aiostorage import S3Driver
from aiostorage.errors import (
    ChecksumMismatchError,
    InvalidArgumentError,
    UnexpectedResponseError,
    UnsupportedError,
)
from aiostorage.models import ByteRange, CustomerKey, ObjectHash, ObjectRef, ReadOptions, WriteOptions
from aiostorage.providers.s3 import headers, requests, upload_requests
from aiostorage.providers.s3.backend import S3Backend
from aiostorage.providers.s3.profiles import Vendor
from aiostorage.providers.s3.vendors import VENDORS
from aiostorage.testing._themes.watch import Watch
from tests.contract.test_s3 import TestMoto as Moto

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiostorage.container import Container
    from aiostorage.models import HashAlgorithm
    from aiostorage.providers.s3.profiles import VendorName
    from tests.servers.base import S3Server
    from tests.servers.ceph import CephServer
    from tests.servers.moto import MotoServer
    from tests.servers.swift import SwiftServer

pytestmark = pytest.mark.anyio

KEY = CustomerKey(key=bytes(range(32)))
PART_BYTES = 5 * 1024 * 1024


def driver_of(server: S3Server, vendor: VendorName | Vendor) -> S3Driver:
    return S3Driver(
        endpoint=server.endpoint,
        region=server.region,
        vendor=vendor,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )


@pytest.fixture
async def swift(swift_server: SwiftServer) -> AsyncIterator[Container]:
    async with driver_of(swift_server, "swift") as driver:
        container = await driver.create_container("offers")
        yield container
        await container.delete()


@pytest.fixture
async def ceph(ceph_server: CephServer) -> AsyncIterator[Container]:
    async with driver_of(ceph_server, "ceph") as driver:
        container = await driver.create_container("offers")
        yield container
        await container.delete()


@pytest.fixture
async def moto(moto_server: MotoServer) -> AsyncIterator[Container]:
    async with driver_of(moto_server, Moto.vendor) as driver:
        container = await driver.create_container("offers")
        yield container
        await container.delete()


@pytest.fixture(params=["ceph", "moto"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
async def container(server: S3Server) -> AsyncIterator[Container]:
    async with driver_of(server, "ceph" if server.name == "ceph" else Moto.vendor) as driver:
        made = await driver.create_container("offers")
        yield made
        await made.delete()


def backend_of(container: Container) -> S3Backend:
    backend = container.driver.backend
    assert isinstance(backend, S3Backend)
    return backend


@pytest.mark.parametrize("algorithm", ["md5", "crc32", "crc32c", "crc64nvme", "sha1", "sha256"])
@pytest.mark.verifies("objects: refused with a wrong checksum", on="swift")
async def test_swift_refuses_what_does_not_have_its_checksum(swift: Container, algorithm: HashAlgorithm) -> None:
    backend = backend_of(swift)
    right = (await swift.upload_object(b"right", "key", checksum=algorithm)).object_hash
    assert right is not None
    size = {"md5": 16, "crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}[algorithm]
    wrong = headers.digest_headers(None, ObjectHash(algorithm=algorithm, value="00" * size))
    site = await backend._ready(swift.name, "key")
    put = requests.put_object(site, swift.name, "key", b"wrong", WriteOptions(), digests=wrong, on_sent=None)
    with pytest.raises(ChecksumMismatchError):
        await backend._http.send(put)
    upload = await swift.create_upload("key", checksum=algorithm)
    part = upload_requests.upload_part(site, upload, 1, b"wrong", digests=wrong, on_sent=None)
    with pytest.raises(ChecksumMismatchError):
        await backend._http.send(part)
    assert await swift.object("key").read() == b"right"


async def test_swift_tells_of_a_part_by_its_number(swift: Container) -> None:
    backend = backend_of(swift)
    data = bytes(PART_BYTES) + b"the second part"
    await swift.upload_object(data, "key", part_size_bytes=PART_BYTES)
    info = await backend.head_object(swift.name, "key", ReadOptions(part_number=1))
    assert (info.size, info.part_count) == (len(data), 2)
    with pytest.raises(InvalidArgumentError):
        await backend.get_object(swift.name, "key", ReadOptions(part_number=1, byte_range=ByteRange(0, 1)))


@pytest.mark.parametrize("part_number", [1, 2])
async def test_the_whole_object_is_not_taken_for_a_part(moto_server: MotoServer, part_number: int) -> None:
    data = bytes(PART_BYTES) + b"the second part"
    async with driver_of(moto_server, "aws") as driver:
        container = await driver.create_container("offers-parts")
        obj = await container.upload_object(data, "key", part_size_bytes=PART_BYTES)
        with pytest.raises(UnexpectedResponseError, match="in place of one part"):
            await obj.read(part_number=part_number)
        await container.delete()


@pytest.mark.verifies("objects: copies by parts at once")
@pytest.mark.parametrize("name", ["ceph", "swift", "moto"])
async def test_a_copy_by_parts(name: str, request: pytest.FixtureRequest) -> None:
    """What is larger than the service copies at once goes in parts, several at a time."""
    vendor = Moto.vendor if name == "moto" else VENDORS[name]  # type: ignore[index]  # two of its names
    assert isinstance(vendor, Vendor)
    small = dataclasses.replace(
        vendor.limits,
        max_copy_size_bytes=2 * PART_BYTES,
        min_part_size_bytes=PART_BYTES,
        max_part_size_bytes=PART_BYTES,
    )
    data = bytes(PART_BYTES) + b"x" * PART_BYTES + b"y" * PART_BYTES + b"end"
    server: S3Server = request.getfixturevalue(f"{name}_server")
    async with driver_of(server, dataclasses.replace(vendor, limits=small)) as driver:
        container = await driver.create_container("offers-copies")
        obj = await container.upload_object(data, "a b", metadata={"colour": "red"}, part_size_bytes=PART_BYTES)
        await obj.refresh()
        at_once: list[int] = []
        with Watch(driver) as watch:
            watch.at("after", "copy_part", lambda: at_once.append(watch.made.count("copy_part")))
            copy = await obj.copy_to(container, "copy")
        assert (watch.made.count("copy_part"), watch.made.count("copy_object")) == (4, 0)
        assert at_once[0] > 1
        assert await copy.read() == data
        assert dict((await copy.refresh()).metadata) == {"colour": "red"}
        await container.delete()


@pytest.mark.verifies("objects: parts copied with a key of ours", on="ceph")
async def test_ceph_copies_parts_of_what_is_encrypted_with_our_key(ceph: Container) -> None:
    backend = backend_of(ceph)
    data = bytes(range(256)) * 4
    await ceph.upload_object(data, "source", encryption=KEY)
    upload = await ceph.create_upload("copy", encryption=KEY)  # it reads the source with the key of the upload
    source = ObjectRef(container=ceph.name, key="source", customer_key=KEY)
    part = await backend.copy_part(upload, 1, source, ByteRange(100, 900))
    copy = await ceph.driver.complete_upload(upload, [part], encryption=KEY)
    assert await copy.read(customer_key=KEY) == data[100:900]


async def test_ceph_does_not_give_parts(ceph: Container) -> None:
    with pytest.raises(UnsupportedError):
        await backend_of(ceph).get_object(ceph.name, "key", ReadOptions(part_number=1))


@pytest.mark.verifies("objects: access as another client sees it")
async def test_a_canned_acl_is_one(
    container: Container, server: S3Server, s3_witness: Callable[[S3Server], Any]
) -> None:
    witness = s3_witness(server)

    def permissions() -> set[str]:
        grants = witness.get_object_acl(Bucket=container.name, Key="key")["Grants"]
        return {grant["Permission"] for grant in grants if grant["Grantee"]["Type"] == "Group"}

    obj = await container.upload_object(b"content", "key", acl="public-read")
    assert permissions() == {"READ"}
    await obj.set_acl("private")
    assert permissions() == set()
    large = bytes(PART_BYTES) + b"x"
    await container.upload_object(large, "key", acl="public-read", part_size_bytes=PART_BYTES)
    assert permissions() == {"READ"}


async def test_a_document_is_what_boto3_sees(
    ceph: Container, ceph_server: CephServer, s3_witness: Callable[[S3Server], Any]
) -> None:
    rule = "<CORSRule><AllowedOrigin>https://x</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
    await ceph.set_setting("cors", f"<CORSConfiguration>{rule}</CORSConfiguration>")
    found = s3_witness(ceph_server).get_bucket_cors(Bucket=ceph.name)["CORSRules"]
    assert found == [{"AllowedOrigins": ["https://x"], "AllowedMethods": ["GET"]}]
    await ceph.set_tags({"team": "a"})
    tags = s3_witness(ceph_server).get_bucket_tagging(Bucket=ceph.name)["TagSet"]
    assert tags == [{"Key": "team", "Value": "a"}]


@pytest.mark.verifies("containers: in a region", "containers: with an owner", on="moto")
async def test_a_container_with_an_owner_and_a_region(
    moto: Container, moto_server: MotoServer, s3_witness: Any
) -> None:
    made = await moto.driver.create_container("offers-eu", region="eu-west-1", ownership="ObjectWriter", acl="private")
    witness = s3_witness(moto_server)
    assert witness.get_bucket_location(Bucket=made.name)["LocationConstraint"] == "eu-west-1"
    rules = witness.get_bucket_ownership_controls(Bucket=made.name)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "ObjectWriter"}]
    witness.delete_bucket(Bucket=made.name)

"""A container with 50,000 objects and all their versions goes with few requests, many objects at once."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from aiostorage import S3Driver
from aiostorage.testing._themes.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers.base import S3Server
    from tests.servers.ceph import CephServer

pytestmark = pytest.mark.anyio

OBJECTS = int(os.environ.get("AIOSTORAGE_DELETIONS", "5000"))  # 50,000 take minutes to write and to delete
OLD = OBJECTS * 6 // 10  # written before the container keeps versions, which is quicker
OVERWRITTEN = OBJECTS // 10
DELETED = OBJECTS // 10
ENTRIES = OBJECTS + OVERWRITTEN + DELETED
BATCH = 1000
CONNECTIONS = 32


async def put_all(server: S3Server, bucket: str, keys: Iterator[str]) -> None:
    """Fill a bucket that anybody may write to: without signatures and a client, a request costs next to nothing."""
    host, _, port = server.endpoint.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for key in keys:
            writer.write(f"PUT /{bucket}/{key} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n\r\nx".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            assert b"content-length: 0\r\n" in head.lower()
    finally:
        writer.close()
        await writer.wait_closed()


async def arrange(server: S3Server, witness: Any, bucket: str) -> None:
    """Objects, newer versions of some, and markers for others."""
    names = [f"folder-{number % 100:02}/{number:05}" for number in range(OBJECTS)]

    async def put(chosen: list[str]) -> None:
        keys = iter(chosen)
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(put_all(server, bucket, keys))

    def delete(chosen: list[str]) -> None:
        for start in range(0, len(chosen), BATCH):
            batch = [{"Key": key} for key in chosen[start : start + BATCH]]
            witness.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})

    witness.create_bucket(Bucket=bucket, ACL="public-read-write")
    await put(names[:OLD])
    witness.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    await put(names[OLD:])
    await put(names[:OVERWRITTEN])
    await asyncio.to_thread(delete, names[-DELETED:])


@pytest.mark.slow(reason="makes and deletes 60,000 versions")
async def test_a_large_container_goes_with_few_requests(
    ceph_server: CephServer, s3_witness: Callable[[S3Server], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    witness = s3_witness(ceph_server)
    bucket = "fifty-thousand"
    begun = time.monotonic()
    await arrange(ceph_server, witness, bucket)
    arranged = time.monotonic()
    driver = S3Driver(
        endpoint=ceph_server.endpoint,
        region=ceph_server.region,
        vendor="ceph",
        access_key_id=ceph_server.access_key,
        secret_access_key=ceph_server.secret_key,
    )
    at_once: list[int] = []
    async with driver:
        with Watch(driver) as watch:
            watch.at("after", "delete_objects", lambda: at_once.append(watch.made.count("delete_objects")))
            await driver.delete_container(bucket)
    gone = time.monotonic()
    requests = Counter(watch.made)
    with capsys.disabled():
        print(  # noqa: T201 - the figures that are asked for
            f"\n{ENTRIES:,} versions and markers of {OBJECTS:,} objects, made in {arranged - begun:.0f} s,"
            f"\nwent in {gone - arranged:.0f} s with {requests.total()} requests: {dict(requests)}"
        )
    assert bucket not in [entry["Name"] for entry in witness.list_buckets()["Buckets"]]
    assert requests["delete_objects"] == -(-ENTRIES // BATCH)
    assert requests.total() < 3 * ENTRIES / BATCH  # Ceph's pages are a little short
    assert at_once[0] > 1

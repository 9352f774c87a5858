"""A gibibyte goes up through a bounded amount of memory, whatever it comes from.

Uploads are what all providers share, so the others than S3 are sent a third of it, more than twice of what may be in
memory, unless ``AIOSTORAGE_GIBIBYTES`` is set.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.servers.azurite import AzuriteServer
    from tests.servers.gcs import GCSServerProcess
    from tests.servers.swift import SwiftServer

SIZE = 1024**3
OTHER_SIZE = SIZE if os.environ.get("AIOSTORAGE_GIBIBYTES") else 320 * 1024**2
PART = 8 * 1024**2
CONCURRENCY = 8
SLACK = 64 * 1024**2
BLOCK = bytes(range(256)) * 4096  # 1 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A provider on a real server, and what somebody else sees there.

    Attributes:
        driver: Name of the driver.
        options: Its options, as JSON can carry them.
        make: Makes a container.
        read: The chunks of an object.
        open_uploads: What is left of unfinished uploads.
    """

    driver: str
    options: dict[str, str]
    make: Callable[[str], object]
    read: Callable[[str, str], Iterator[bytes]]
    open_uploads: Callable[[str], object]


@pytest.fixture
def s3(request: pytest.FixtureRequest) -> Cloud:
    server: SwiftServer = request.getfixturevalue("swift_server")
    client = request.getfixturevalue("s3_witness")(server)
    return Cloud(
        driver="S3Driver",
        options={
            "endpoint": server.endpoint,
            "region": server.region,
            "access_key_id": server.access_key,
            "secret_access_key": server.secret_key,
            "vendor": "swift",
        },
        make=lambda bucket: client.create_bucket(Bucket=bucket),
        read=lambda bucket, key: client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(len(BLOCK)),
        open_uploads=lambda bucket: client.list_multipart_uploads(Bucket=bucket).get("Uploads"),
    )


@pytest.fixture
def gcs(request: pytest.FixtureRequest) -> Cloud:
    server: GCSServerProcess = request.getfixturevalue("gcs_server")
    from tests.contract.gcs_witness import GCSWitness, google_client

    client = google_client(server.endpoint, str(server.key_file))

    def read(bucket: str, key: str) -> Iterator[bytes]:
        with client.bucket(bucket).blob(key).open("rb") as file:
            while chunk := file.read(len(BLOCK)):
                yield chunk

    return Cloud(
        driver="GCSDriver",
        options={"endpoint": server.endpoint, "credentials_file": str(server.key_file)},
        make=client.create_bucket,
        read=read,
        open_uploads=lambda bucket: asyncio.run(GCSWitness(client, server.endpoint).open_uploads(bucket)),
    )


@pytest.fixture
def azure(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    server: AzuriteServer = request.getfixturevalue("azurite_server")
    from tests.contract.azure_witness import service_client

    with service_client(server) as client:
        yield Cloud(
            driver="AzureDriver",
            options={"endpoint": server.endpoint, "account_key": server.key},
            make=client.create_container,
            read=lambda name, key: client.get_blob_client(name, key).download_blob().chunks(),
            open_uploads=lambda name: client.get_blob_client(name, "big").get_block_list("uncommitted")[1],
        )
        for container in client.list_containers(name_starts_with="gibibyte"):
            client.delete_container(container.name)  # the server keeps it in memory


@pytest.fixture
def swift(request: pytest.FixtureRequest) -> Cloud:
    server: SwiftServer = request.getfixturevalue("swift_server")
    from swiftclient import Connection

    client = Connection(server.auth_url, server.access_key, server.secret_key)

    def left(name: str) -> object:
        """Segments that the object does not name."""
        manifest: bytes = client.get_object(name, "big", query_string="multipart-manifest=get")[1]  # pyright: ignore[reportAssignmentType]
        used = {entry["name"].rpartition("/")[2] for entry in json.loads(manifest)}
        listed: list[dict[str, str]] = client.get_container(f"{name}_segments")[1]
        return [entry["name"] for entry in listed if entry["name"].rpartition("/")[2] not in used]

    def read(name: str, key: str) -> Iterator[bytes]:
        chunks: Iterator[bytes] = iter(client.get_object(name, key, resp_chunk_size=len(BLOCK))[1])
        return chunks

    return Cloud(
        driver="SwiftDriver",
        options={"auth_url": server.auth_url, "username": server.access_key, "password": server.secret_key},
        make=client.put_container,
        read=read,
        open_uploads=left,
    )


@pytest.mark.slow(reason="moves a gibibyte up and down")
@pytest.mark.parametrize("how", ["path", "stream"])
@pytest.mark.parametrize("provider", ["s3", "gcs", "azure", "swift"])
def test_a_gibibyte_goes_up_in_little_memory(
    how: str, provider: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    cloud: Cloud = request.getfixturevalue(provider)
    size = SIZE if provider == "s3" else OTHER_SIZE
    bucket = f"gibibyte-{provider}-{how}"
    cloud.make(bucket)
    source = tmp_path / "source"
    expected = hashlib.sha256()
    with source.open("wb") as file:
        for number in range(size // len(BLOCK)):
            block = number.to_bytes(8, "big") + BLOCK[8:]
            expected.update(block)
            file.write(block)

    command = [sys.executable, "-m", "tests.proofs.test_memory", cloud.driver, json.dumps(cloud.options)]
    command += [bucket, how, str(source)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert run.returncode == 0, run.stderr
    used = int(run.stdout)

    stored = hashlib.sha256()
    for chunk in cloud.read(bucket, "big"):
        stored.update(chunk)
    assert stored.hexdigest() == expected.hexdigest()
    print(f"\n{size / 1024**2:.0f} MiB from a {how} to {provider}: {used / 1024**2:.0f} MiB above the idle process")  # noqa: T201 - the figure that is asked for
    assert used <= SLACK + PART * (CONCURRENCY + 1)
    assert not cloud.open_uploads(bucket)


def peak() -> int:
    """The most memory that this process has had; ``getrusage`` would count that of its parent, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


async def upload(kind: str, options: dict[str, str], bucket: str, how: str, source: str) -> int:
    """Upload, and return by how many bytes the process has grown at its peak."""
    import aiostorage

    async def blocks() -> AsyncIterator[bytes]:
        file = open(source, "rb")  # noqa: ASYNC230, SIM115 - a source of the test's own, read as plainly as can be
        try:
            while block := file.read(len(BLOCK)):
                yield block
        finally:
            file.close()

    driver: aiostorage.Driver = getattr(aiostorage, kind)(part_size_bytes=PART, concurrency=CONCURRENCY, **options)
    async with driver:
        container = driver.container(bucket)
        await container.upload_object(b"warm", "warm")
        idle = peak()
        await container.upload_object(Path(source) if how == "path" else blocks(), "big")
        return peak() - idle


if __name__ == "__main__":
    print(asyncio.run(upload(sys.argv[1], json.loads(sys.argv[2]), *sys.argv[3:6])))  # noqa: T201

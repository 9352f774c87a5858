"""A gibibyte goes up through a bounded amount of memory, whatever it comes from."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from swiftclient import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from tests.servers.base import S3Server
    from tests.servers.swift import SwiftServer

SIZE = 1024**3
PART = 8 * 1024**2
CONCURRENCY = 8
SLACK = 64 * 1024**2
BLOCK = bytes(range(256)) * 4096  # 1 MiB


@dataclass(frozen=True, kw_only=True)
class Target:
    """A provider to upload to, and its witness.

    Attributes:
        driver: Name of the driver's class.
        options: What the driver is made with.
        make: Makes a container.
        read: The content of an object.
        open_uploads: What uploads have left behind in a container.
        growth: By how much the parts of a stream grow within a gibibyte, where few parts are allowed.
    """

    driver: str
    options: dict[str, str]
    make: Callable[[str], object]
    read: Callable[[str, str], Iterable[bytes]]
    open_uploads: Callable[[str], Sequence[object]]
    growth: int = 1


@pytest.fixture
def swift_target(swift_server: S3Server, s3_witness: Callable[[S3Server], Any]) -> Target:
    client = s3_witness(swift_server)
    return Target(
        driver="S3Driver",
        options={
            "endpoint": swift_server.endpoint,
            "region": swift_server.region,
            "access_key_id": swift_server.access_key,
            "secret_access_key": swift_server.secret_key,
            "vendor": "swift",
        },
        make=lambda name: client.create_bucket(Bucket=name),
        read=lambda name, key: client.get_object(Bucket=name, Key=key)["Body"].iter_chunks(len(BLOCK)),
        open_uploads=lambda name: client.list_multipart_uploads(Bucket=name).get("Uploads", []),
    )


@pytest.fixture
def swift_api_target(swift_server: SwiftServer) -> Target:
    client = Connection(swift_server.auth_url, swift_server.access_key, swift_server.secret_key)

    def left(name: str) -> Sequence[object]:
        """Segments that the object does not name."""
        manifest: bytes = client.get_object(name, "big", query_string="multipart-manifest=get")[1]
        used = {entry["name"].rpartition("/")[2] for entry in json.loads(manifest)}
        listed: list[dict[str, str]] = client.get_container(f"{name}_segments")[1]
        return [entry["name"] for entry in listed if entry["name"].rpartition("/")[2] not in used]

    def read(name: str, key: str) -> Iterable[bytes]:
        chunks: Iterable[bytes] = client.get_object(name, key, resp_chunk_size=len(BLOCK))[1]
        return chunks

    return Target(
        driver="SwiftDriver",
        options={
            "auth_url": swift_server.auth_url,
            "username": swift_server.access_key,
            "password": swift_server.secret_key,
        },
        make=client.put_container,
        read=read,
        open_uploads=left,
        growth=2,  # a manifest names a thousand segments: after the hundredth they are twice as large
    )


@pytest.fixture(params=["swift", "swift_api"])
def target(request: pytest.FixtureRequest) -> Target:
    found: Target = request.getfixturevalue(f"{request.param}_target")
    return found


@pytest.mark.slow(reason="moves a gibibyte up and down")
@pytest.mark.parametrize("how", ["path", "stream"])
def test_a_gibibyte_goes_up_in_little_memory(how: str, target: Target, tmp_path: Path) -> None:
    bucket = f"gibibyte-{target.driver.lower()}-{how}"
    target.make(bucket)
    source = tmp_path / "source"
    expected = hashlib.sha256()
    with source.open("wb") as file:
        for number in range(SIZE // len(BLOCK)):
            block = number.to_bytes(8, "big") + BLOCK[8:]
            expected.update(block)
            file.write(block)

    settings = json.dumps([target.driver, target.options])
    command = [sys.executable, "-m", "tests.proofs.test_memory", settings, bucket, how, str(source)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert run.returncode == 0, run.stderr
    used = int(run.stdout)

    stored = hashlib.sha256()
    for chunk in target.read(bucket, "big"):
        stored.update(chunk)
    assert stored.hexdigest() == expected.hexdigest()
    print(f"\n1 GiB from a {how}: {used / 1024**2:.0f} MiB above the idle process")  # noqa: T201 - the figure that is asked for
    part = PART * (target.growth if how == "stream" else 1)
    assert used <= SLACK + part * (CONCURRENCY + 1)
    assert not target.open_uploads(bucket)


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
    print(asyncio.run(upload(*json.loads(sys.argv[1]), *sys.argv[2:5])))  # noqa: T201

"""A gibibyte goes up through a bounded amount of memory, whatever it comes from."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.servers.base import S3Server

SIZE = 1024**3
PART = 8 * 1024**2
CONCURRENCY = 8
SLACK = 64 * 1024**2
BLOCK = bytes(range(256)) * 4096  # 1 MiB


@pytest.mark.slow(reason="moves a gibibyte up and down")
@pytest.mark.parametrize("how", ["path", "stream"])
def test_a_gibibyte_goes_up_in_little_memory(
    how: str, swift_server: S3Server, s3_witness: Callable[[S3Server], Any], tmp_path: Path
) -> None:
    client = s3_witness(swift_server)
    bucket = f"gibibyte-{how}"
    client.create_bucket(Bucket=bucket)
    source = tmp_path / "source"
    expected = hashlib.sha256()
    with source.open("wb") as file:
        for number in range(SIZE // len(BLOCK)):
            block = number.to_bytes(8, "big") + BLOCK[8:]
            expected.update(block)
            file.write(block)

    settings = {
        "endpoint": swift_server.endpoint,
        "region": swift_server.region,
        "access_key_id": swift_server.access_key,
        "secret_access_key": swift_server.secret_key,
    }
    command = [sys.executable, "-m", "tests.proofs.test_memory", json.dumps(settings), bucket, how, str(source)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert run.returncode == 0, run.stderr
    used = int(run.stdout)

    stored = hashlib.sha256()
    answer = client.get_object(Bucket=bucket, Key="big")
    for chunk in answer["Body"].iter_chunks(len(BLOCK)):
        stored.update(chunk)
    assert stored.hexdigest() == expected.hexdigest()
    print(f"\n1 GiB from a {how}: {used / 1024**2:.0f} MiB above the idle process")  # noqa: T201 - the figure that is asked for
    assert used <= SLACK + PART * (CONCURRENCY + 1)
    listed = client.list_multipart_uploads(Bucket=bucket)
    assert not listed.get("Uploads")


def peak() -> int:
    """The most memory that this process has had; ``getrusage`` would count that of its parent, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


async def upload(settings: dict[str, str], bucket: str, how: str, source: str) -> int:
    """Upload, and return by how many bytes the process has grown at its peak."""
    import aiostorage

    async def blocks() -> AsyncIterator[bytes]:
        file = open(source, "rb")  # noqa: ASYNC230, SIM115 - a source of the test's own, read as plainly as can be
        try:
            while block := file.read(len(BLOCK)):
                yield block
        finally:
            file.close()

    driver = aiostorage.S3Driver(
        endpoint=settings["endpoint"],
        region=settings["region"],
        access_key_id=settings["access_key_id"],
        secret_access_key=settings["secret_access_key"],
        vendor="swift",
        part_size_bytes=PART,
        concurrency=CONCURRENCY,
    )
    async with driver:
        container = driver.container(bucket)
        await container.upload_object(b"warm", "warm")
        idle = peak()
        await container.upload_object(Path(source) if how == "path" else blocks(), "big")
        return peak() - idle


if __name__ == "__main__":
    print(asyncio.run(upload(json.loads(sys.argv[1]), *sys.argv[2:5])))  # noqa: T201

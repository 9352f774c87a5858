"""A process is killed in the middle of an upload; another goes on from the checkpoint, and sends the rest."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.servers.base import S3Server

pytestmark = [pytest.mark.anyio, pytest.mark.slow(reason="moves 320 MiB")]

PART = 5 * 1024**2
PARTS = 64
SIZE = PART * PARTS
KILLED_AT = SIZE * 60 // 100


class Relay:
    """Passes bytes on between clients and a server, and counts those of the clients."""

    def __init__(self, port: int) -> None:
        self.count = 0
        self.enough = asyncio.Event()
        self._port = port

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._port)
        answers = asyncio.create_task(self._pass_on(upstream_reader, writer, is_counted=False))
        await self._pass_on(reader, upstream_writer, is_counted=True)
        await answers

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_counted: bool) -> None:
        try:
            while chunk := await reader.read(65536):
                if is_counted:
                    self.count += len(chunk)
                    if self.count >= KILLED_AT:
                        self.enough.set()
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:  # a killed client's
            pass
        finally:
            writer.close()


async def test_an_upload_goes_on_in_another_process(
    swift_server: S3Server, s3_witness: Callable[[S3Server], Any], tmp_path: Path
) -> None:
    client = s3_witness(swift_server)
    await asyncio.to_thread(client.create_bucket, Bucket="resumed")
    source, checkpoint = tmp_path / "source", tmp_path / "checkpoint"
    expected = await asyncio.to_thread(fill, source)
    relay = Relay(urlsplit(swift_server.endpoint).port or 0)
    async with relay.listening() as port:
        settings = {
            "endpoint": f"http://127.0.0.1:{port}",
            "region": swift_server.region,
            "access_key_id": swift_server.access_key,
            "secret_access_key": swift_server.secret_key,
        }
        command = [
            sys.executable,
            "-m",
            "tests.proofs.test_resuming",
            json.dumps(settings),
            str(source),
            str(checkpoint),
        ]
        root = Path(__file__).parents[2]
        killed = await asyncio.create_subprocess_exec(*command, cwd=root)
        await relay.enough.wait()
        killed.kill()
        assert await killed.wait() == -signal.SIGKILL
        keys = await asyncio.to_thread(client.list_objects_v2, Bucket="resumed")
        assert keys["KeyCount"] == 0
        before = relay.count
        second = await asyncio.create_subprocess_exec(*command, cwd=root)
        assert await second.wait() == 0
        sent = relay.count - before
    stored = await asyncio.to_thread(sha256_of, client)
    assert stored == expected
    assert not checkpoint.exists()
    uploads = await asyncio.to_thread(client.list_multipart_uploads, Bucket="resumed")
    assert not uploads.get("Uploads")
    print(f"\nkilled after {before / SIZE:.0%} of 320 MiB; the next process sent {sent / SIZE:.0%}")  # noqa: T201 - asked for
    assert sent <= SIZE * 45 // 100


def fill(source: Path) -> str:
    expected = hashlib.sha256()
    with source.open("wb") as file:
        for number in range(SIZE // 1024**2):
            block = hashlib.shake_128(number.to_bytes(4, "big")).digest(1024**2)
            expected.update(block)
            file.write(block)
    return expected.hexdigest()


def sha256_of(client: Any) -> str:
    stored = hashlib.sha256()
    for chunk in client.get_object(Bucket="resumed", Key="big")["Body"].iter_chunks(1024**2):
        stored.update(chunk)
    return stored.hexdigest()


async def upload(settings: dict[str, str], source: str, checkpoint: str) -> None:
    import aiostorage

    driver = aiostorage.S3Driver(
        endpoint=settings["endpoint"],
        region=settings["region"],
        access_key_id=settings["access_key_id"],
        secret_access_key=settings["secret_access_key"],
        vendor="swift",
        part_size_bytes=PART,
        concurrency=2,
    )
    async with driver:
        await driver.container("resumed").upload_object(Path(source), "big", checkpoint=checkpoint)


if __name__ == "__main__":
    asyncio.run(upload(json.loads(sys.argv[1]), *sys.argv[2:4]))

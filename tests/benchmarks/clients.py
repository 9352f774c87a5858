"""The clients: one small class for each, all with the same methods, each used as its documentation shows.

A client's library is imported when the client is opened, so that the others are not in its process.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self
from xml.etree import ElementTree as ET

from tests.benchmarks.workloads import BUCKET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from io import FileIO
    from pathlib import Path

PART_BYTES = 8 << 20
READ_BYTES = 1 << 20
CONCURRENCY = 8
REGION, ACCESS_KEY_ID, SECRET_ACCESS_KEY = "us-east-1", "benchmark", "benchmark-secret"


class Client(Protocol):
    """What every client can do. What moves bytes to us returns how many came."""

    async def get(self, key: str) -> int: ...
    async def put(self, key: str, body: bytes) -> None: ...
    async def upload_path(self, path: Path, key: str) -> None: ...
    async def upload_chunks(self, chunks: AsyncIterator[bytes], key: str) -> None: ...
    async def download_path(self, key: str, path: Path) -> None: ...
    async def download_stream(self, key: str) -> int: ...
    async def list_all(self) -> int: ...


class Opened(AsyncExitStack):
    """A client and all that is to be closed after it."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._endpoint = endpoint


class Aiostorage(Opened):
    vendor: Literal["aws", "generic"] = "aws"  # what the others take the server for

    async def __aenter__(self) -> Self:
        import aiostorage

        driver = await self.enter_async_context(
            aiostorage.S3Driver(
                endpoint=self._endpoint,
                region=REGION,
                access_key_id=ACCESS_KEY_ID,
                secret_access_key=SECRET_ACCESS_KEY,
                addressing_style="path",
                vendor=self.vendor,
            )
        )
        self._container = driver.container(BUCKET)
        return self

    async def get(self, key: str) -> int:
        return len(await self._container.object(key).read())

    async def put(self, key: str, body: bytes) -> None:
        await self._container.upload_object(body, key)

    async def upload_path(self, path: Path, key: str) -> None:
        await self._container.upload_object(path, key, part_size_bytes=PART_BYTES, concurrency=CONCURRENCY)

    async def upload_chunks(self, chunks: AsyncIterator[bytes], key: str) -> None:
        await self._container.upload_object(chunks, key, part_size_bytes=PART_BYTES, concurrency=CONCURRENCY)

    async def download_path(self, key: str, path: Path) -> None:
        await self._container.download_object(key, path)

    async def download_stream(self, key: str) -> int:
        async with self._container.object(key).as_file() as stream:
            return sum([len(chunk) async for chunk in stream])

    async def list_all(self) -> int:
        return sum([1 async for _ in self._container.list_objects()])


class AiostorageGeneric(Aiostorage):
    """As it is with an unknown service, of which it is not known whether it checks the signed SHA-256."""

    vendor = "generic"


class Obstore(Opened):
    async def __aenter__(self) -> Self:
        from obstore.store import S3Store

        self._store = S3Store(
            BUCKET,
            endpoint=self._endpoint,
            region=REGION,
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=SECRET_ACCESS_KEY,
            client_options={"allow_http": True},
        )
        return self

    async def get(self, key: str) -> int:
        return len(await (await self._store.get_async(key)).bytes_async())

    async def put(self, key: str, body: bytes) -> None:
        await self._store.put_async(key, body)

    async def upload_path(self, path: Path, key: str) -> None:
        await self._upload(path, key)

    async def upload_chunks(self, chunks: AsyncIterator[bytes], key: str) -> None:
        await self._upload(chunks, key)

    async def _upload(self, source: Path | AsyncIterator[bytes], key: str) -> None:
        await self._store.put_async(key, source, use_multipart=True, chunk_size=PART_BYTES, max_concurrency=CONCURRENCY)

    async def download_path(self, key: str, path: Path) -> None:
        result = await self._store.get_async(key)
        with path.open("wb") as file:
            async for chunk in result.stream():
                file.write(chunk)

    async def download_stream(self, key: str) -> int:
        result = await self._store.get_async(key)
        return sum([len(chunk) async for chunk in result.stream()])

    async def list_all(self) -> int:
        return sum([len(batch) async for batch in self._store.list(chunk_size=1000)])


class Aiobotocore(Opened):
    _client: Any  # botocore makes the methods of its clients at run time

    async def __aenter__(self) -> Self:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        self._client = await self.enter_async_context(
            get_session().create_client(
                "s3",
                endpoint_url=self._endpoint,
                region_name=REGION,
                aws_access_key_id=ACCESS_KEY_ID,
                aws_secret_access_key=SECRET_ACCESS_KEY,
                # Ten connections are the default, too few for 64 requests at once.
                config=AioConfig(max_pool_connections=100, s3={"addressing_style": "path"}),
            )
        )
        return self

    async def get(self, key: str) -> int:
        result = await self._client.get_object(Bucket=BUCKET, Key=key)
        async with result["Body"] as body:
            return len(await body.read())

    async def put(self, key: str, body: bytes) -> None:
        await self._client.put_object(Bucket=BUCKET, Key=key, Body=body)

    async def upload_path(self, path: Path, key: str) -> None:
        with path.open("rb", buffering=0) as file:
            await self._upload(_file_parts(file), key)

    async def upload_chunks(self, chunks: AsyncIterator[bytes], key: str) -> None:
        await self._upload(_joined_parts(chunks), key)

    async def _upload(self, parts: AsyncIterator[bytes], key: str) -> None:
        upload = await self._client.create_multipart_upload(Bucket=BUCKET, Key=key)
        name = {"Bucket": BUCKET, "Key": key, "UploadId": upload["UploadId"]}

        async def send(number: int, part: bytes) -> str:
            result = await self._client.upload_part(**name, PartNumber=number, Body=part)
            return str(result["ETag"])

        etags = await _send_parts(parts, send)
        done = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        await self._client.complete_multipart_upload(**name, MultipartUpload={"Parts": done})

    async def download_path(self, key: str, path: Path) -> None:
        result = await self._client.get_object(Bucket=BUCKET, Key=key)
        with path.open("wb") as file:
            async for chunk in result["Body"].iter_chunks(READ_BYTES):
                file.write(chunk)

    async def download_stream(self, key: str) -> int:
        result = await self._client.get_object(Bucket=BUCKET, Key=key)
        return sum([len(chunk) async for chunk in result["Body"].iter_chunks(READ_BYTES)])

    async def list_all(self) -> int:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return sum([len(page["Contents"]) async for page in pages])


class Aiohttp(Opened):
    """The floor: the same requests without signatures, and no more care than is needed to see that they succeed."""

    async def __aenter__(self) -> Self:
        import aiohttp

        self._session = await self.enter_async_context(aiohttp.ClientSession(raise_for_status=True))
        self._bucket = f"{self._endpoint}/{BUCKET}"
        return self

    async def get(self, key: str) -> int:
        async with self._session.get(f"{self._bucket}/{key}") as response:
            return len(await response.read())

    async def put(self, key: str, body: bytes) -> None:
        async with self._session.put(f"{self._bucket}/{key}", data=body) as response:
            await response.read()

    async def upload_path(self, path: Path, key: str) -> None:
        with path.open("rb", buffering=0) as file:
            await self._upload(_file_parts(file), key)

    async def upload_chunks(self, chunks: AsyncIterator[bytes], key: str) -> None:
        await self._upload(_joined_parts(chunks), key)

    async def _upload(self, parts: AsyncIterator[bytes], key: str) -> None:
        url = f"{self._bucket}/{key}"

        async def send(number: int, part: bytes) -> str:
            params = {"partNumber": f"{number}", "uploadId": "1"}
            async with self._session.put(url, params=params, data=part) as response:
                await response.read()
                return response.headers["ETag"]

        async with self._session.post(url, params="uploads") as response:
            await response.read()
        etags = await _send_parts(parts, send)
        async with self._session.post(url, params="uploadId=1", data="\n".join(etags)) as response:
            await response.read()

    async def download_path(self, key: str, path: Path) -> None:
        async with self._session.get(f"{self._bucket}/{key}") as response:
            with path.open("wb") as file:
                async for chunk in response.content.iter_chunked(READ_BYTES):
                    file.write(chunk)

    async def download_stream(self, key: str) -> int:
        async with self._session.get(f"{self._bucket}/{key}") as response:
            return sum([len(chunk) async for chunk in response.content.iter_chunked(READ_BYTES)])

    async def list_all(self) -> int:
        count, token = 0, ""
        while True:
            async with self._session.get(self._bucket, params=f"list-type=2&continuation-token={token}") as response:
                page = ET.fromstring(await response.read())
            count += len(page.findall("{*}Contents/{*}Key"))
            token = page.findtext("{*}NextContinuationToken", "")
            if not token:
                return count


CLIENTS: dict[str, type[Aiostorage | Obstore | Aiobotocore | Aiohttp]] = {
    "aiostorage": Aiostorage,
    "obstore": Obstore,
    "aiobotocore": Aiobotocore,
    "aiohttp": Aiohttp,
    "aiostorage-generic": AiostorageGeneric,
}

IMPORTS = {
    "aiostorage": "import aiostorage; aiostorage.S3Driver",
    "obstore": "from obstore.store import S3Store",
    "aiobotocore": "from aiobotocore.session import get_session",
    "aiohttp": "from aiohttp import ClientSession",
    "aiostorage-generic": "import aiostorage; aiostorage.S3Driver",
}


async def _file_parts(file: FileIO) -> AsyncIterator[bytes]:
    while part := await asyncio.to_thread(file.read, PART_BYTES):
        yield part


async def _joined_parts(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    waiting: list[bytes] = []
    async for chunk in chunks:
        waiting.append(chunk)
        if sum(map(len, waiting)) >= PART_BYTES:
            yield b"".join(waiting)
            waiting.clear()
    if waiting:
        yield b"".join(waiting)


async def _send_parts(parts: AsyncIterator[bytes], send: Callable[[int, bytes], Awaitable[str]]) -> list[str]:
    """What a user of a client without part-wise uploads writes: a window of parts, the next read when one is done."""
    window = asyncio.Semaphore(CONCURRENCY)

    async def send_one(number: int, part: bytes) -> str:
        try:
            return await send(number, part)
        finally:
            window.release()

    tasks: list[asyncio.Task[str]] = []
    async with asyncio.TaskGroup() as group:
        while True:
            await window.acquire()
            part = await anext(parts, b"")
            if not part:
                return [await task for task in tasks]
            tasks.append(group.create_task(send_one(len(tasks) + 1, part)))
            del part

"""The clients: one small class for each, all with the same methods, each used as its documentation shows.

They run in a process of their own, which imports no client but its own. What a client does not offer raises
``NotOfferedError`` with the reason.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

PIECE_BYTES = 64 * 1024
BLOCK_BYTES = 8 << 20
RANGE_BYTES = 1 << 20


class NotOfferedError(Exception):
    """The client has no such thing."""


class MishapError(Exception):
    """Something goes wrong in the caller's own code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a client is sent to; ``vendor`` is for the client that asks for it."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str
    bucket: str
    vendor: Literal["aws", "swift"]


class Client(Protocol):
    """What is asked of every client."""

    async def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        ...

    async def create(self, key: str, body: bytes) -> None:
        """Store an object, if there is none of this name."""
        ...

    async def upload(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        """Store what comes from a stream of unknown length."""
        ...

    async def upload_new(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        """Store what comes from a stream of unknown length, if there is no object of this name."""
        ...

    async def upload_path(self, key: str, path: Path) -> None:
        """Store a file."""
        ...

    async def write(self, key: str, blocks: Iterator[bytes]) -> None:
        """Open a writer, write the blocks, leave it; what the blocks raise is raised within its block."""
        ...

    async def read(self, key: str) -> bytes:
        """The whole of an object."""
        ...

    async def read_range(self, key: str, start: int, stop: int) -> bytes:
        """Some of an object."""
        ...

    async def read_start(self, key: str) -> bytes:
        """The first piece of an object that is read as a stream, which is then left."""
        ...

    async def read_in_two(self, key: str, size: int, meanwhile: Callable[[], Awaitable[None]]) -> bytes:
        """An object, read with the file that the client gives: so many bytes, and later the rest."""
        ...

    async def download(self, key: str, path: Path) -> None:
        """An object to a file, with the client's own means."""
        ...

    async def read_parallel(self, key: str, folder: Path) -> bytes:
        """An object in several ranges of 1 MiB at once."""
        ...

    async def list(self) -> list[str]:
        """The keys in the bucket."""
        ...


class Opened(AsyncExitStack):
    """A client, and all that is to be closed after it."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site


class Aiostorage(Opened):
    async def __aenter__(self) -> Self:
        import aiostorage

        site = self._site
        driver = await self.enter_async_context(
            aiostorage.S3Driver(
                endpoint=site.endpoint,
                region=site.region,
                access_key_id=site.access_key,
                secret_access_key=site.secret_key,
                vendor=site.vendor,
            )
        )
        self._container = driver.container(site.bucket)
        return self

    async def put(self, key: str, body: bytes) -> None:
        await self._container.upload_object(body, key)

    async def create(self, key: str, body: bytes) -> None:
        await self._container.upload_object(body, key, if_none_match="*")

    async def upload(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        await self._container.upload_object(blocks, key)

    async def upload_new(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        await self._container.upload_object(blocks, key, if_none_match="*")

    async def upload_path(self, key: str, path: Path) -> None:
        await self._container.upload_object(path, key)

    async def write(self, key: str, blocks: Iterator[bytes]) -> None:
        async with self._container.open_writer(key) as writer:
            for block in blocks:
                await writer.write(block)

    async def read(self, key: str) -> bytes:
        return await self._container.object(key).read()

    async def read_range(self, key: str, start: int, stop: int) -> bytes:
        return await self._container.object(key).read(byte_range=(start, stop))

    async def read_start(self, key: str) -> bytes:
        async with self._container.object(key).as_file() as stream:
            return await stream.read(PIECE_BYTES)

    async def read_in_two(self, key: str, size: int, meanwhile: Callable[[], Awaitable[None]]) -> bytes:
        async with self._container.object(key).as_file() as stream:
            start = await stream.read(size)
            await meanwhile()
            return start + await stream.read()

    async def download(self, key: str, path: Path) -> None:
        await self._container.download_object(key, path)

    async def read_parallel(self, key: str, folder: Path) -> bytes:
        path = await self._container.download_object(key, folder / "parallel", part_size_bytes=RANGE_BYTES)
        return path.read_bytes()

    async def list(self) -> list[str]:
        return [obj.name async for obj in self._container.list_objects()]


class Obstore(Opened):
    async def __aenter__(self) -> Self:
        from obstore.store import S3Store

        site = self._site
        self._store = S3Store(
            site.bucket,
            endpoint=site.endpoint,
            region=site.region,
            access_key_id=site.access_key,
            secret_access_key=site.secret_key,
            client_options={"allow_http": True},
        )
        return self

    async def put(self, key: str, body: bytes) -> None:
        await self._store.put_async(key, body)

    async def create(self, key: str, body: bytes) -> None:
        await self._store.put_async(key, body, mode="create")

    async def upload(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        await self._store.put_async(key, blocks)

    async def upload_new(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        await self._store.put_async(key, blocks, mode="create")

    async def upload_path(self, key: str, path: Path) -> None:
        await self._store.put_async(key, path)

    async def write(self, key: str, blocks: Iterator[bytes]) -> None:
        from obstore import open_writer_async

        async with open_writer_async(self._store, key) as writer:
            for block in blocks:
                await writer.write(block)

    async def read(self, key: str) -> bytes:
        return bytes(await (await self._store.get_async(key)).bytes_async())

    async def read_range(self, key: str, start: int, stop: int) -> bytes:
        return bytes(await self._store.get_range_async(key, start=start, end=stop))

    async def read_start(self, key: str) -> bytes:
        async for chunk in (await self._store.get_async(key)).stream(min_chunk_size=PIECE_BYTES):
            return bytes(chunk)
        return b""

    async def read_in_two(self, key: str, size: int, meanwhile: Callable[[], Awaitable[None]]) -> bytes:
        from obstore import open_reader_async

        file = await open_reader_async(self._store, key)
        start = bytes(await file.read(size))
        await meanwhile()
        return start + bytes(await file.read())

    async def download(self, key: str, path: Path) -> None:
        raise NotOfferedError("no download to a path")

    async def read_parallel(self, key: str, folder: Path) -> bytes:
        raise NotOfferedError("reads with one request")

    async def list(self) -> list[str]:
        return [str(entry["path"]) async for batch in self._store.list() for entry in batch]


class Aiobotocore(Opened):
    _client: Any  # botocore makes the methods of its clients at run time

    async def __aenter__(self) -> Self:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        site = self._site
        self._client = await self.enter_async_context(
            get_session().create_client(
                "s3",
                endpoint_url=site.endpoint,
                region_name=site.region,
                aws_access_key_id=site.access_key,
                aws_secret_access_key=site.secret_key,
                config=AioConfig(s3={"addressing_style": "path"}),
            )
        )
        return self

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._site.bucket, "Key": key}

    async def put(self, key: str, body: bytes) -> None:
        await self._client.put_object(**self._named(key), Body=body)

    async def create(self, key: str, body: bytes) -> None:
        await self._client.put_object(**self._named(key), Body=body, IfNoneMatch="*")

    async def upload(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        raise NotOfferedError("no upload of a stream")

    async def upload_new(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        raise NotOfferedError("no upload of a stream")

    async def upload_path(self, key: str, path: Path) -> None:
        raise NotOfferedError("no upload by parts")

    async def write(self, key: str, blocks: Iterator[bytes]) -> None:
        raise NotOfferedError("no writer")

    async def read(self, key: str) -> bytes:
        response = await self._client.get_object(**self._named(key))
        async with response["Body"] as stream:
            return bytes(await stream.read())

    async def read_range(self, key: str, start: int, stop: int) -> bytes:
        response = await self._client.get_object(**self._named(key), Range=f"bytes={start}-{stop - 1}")
        async with response["Body"] as stream:
            return bytes(await stream.read())

    async def read_start(self, key: str) -> bytes:
        response = await self._client.get_object(**self._named(key))
        async with response["Body"] as stream:
            return bytes(await stream.read(PIECE_BYTES))

    async def read_in_two(self, key: str, size: int, meanwhile: Callable[[], Awaitable[None]]) -> bytes:
        response = await self._client.get_object(**self._named(key))
        async with response["Body"] as stream:
            start = bytes(await stream.read(size))
            await meanwhile()
            return start + bytes(await stream.read())

    async def download(self, key: str, path: Path) -> None:
        raise NotOfferedError("no download to a path")

    async def read_parallel(self, key: str, folder: Path) -> bytes:
        raise NotOfferedError("reads with one request")

    async def list(self) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._site.bucket)
        return [entry["Key"] async for page in pages for entry in page.get("Contents", [])]


class S3fs(Opened):
    """Asynchronous where it can be; its files are synchronous, and run in a thread here."""

    _fs: Any  # fsspec makes many of the methods at run time

    async def __aenter__(self) -> Self:
        import s3fs

        self._fs = s3fs.S3FileSystem(**self._options(), asynchronous=True)
        session = await self._fs.set_session()
        self.push_async_callback(session.close)
        return self

    def _options(self) -> dict[str, Any]:
        site = self._site
        return {
            "key": site.access_key,
            "secret": site.secret_key,
            "endpoint_url": site.endpoint,
            "client_kwargs": {"region_name": site.region},
            "config_kwargs": {"s3": {"addressing_style": "path"}},
            "default_block_size": BLOCK_BYTES,  # else 50 MiB, which is no more than another amount
        }

    def _path(self, key: str) -> str:
        return f"{self._site.bucket}/{key}"

    def _open(self, key: str, mode: str) -> Any:
        import s3fs

        return s3fs.S3FileSystem(**self._options()).open(self._path(key), mode)

    async def put(self, key: str, body: bytes) -> None:
        await self._fs._pipe_file(self._path(key), body)

    async def create(self, key: str, body: bytes) -> None:
        await self._fs._pipe_file(self._path(key), body, mode="create")

    async def upload(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        loop = asyncio.get_running_loop()

        def write() -> None:
            with self._open(key, "wb") as file:
                while block := asyncio.run_coroutine_threadsafe(_next(blocks), loop).result():
                    file.write(block)

        await asyncio.to_thread(write)

    async def upload_new(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        raise NotOfferedError("no conditional writer")

    async def upload_path(self, key: str, path: Path) -> None:
        await self._fs._put_file(str(path), self._path(key), chunksize=BLOCK_BYTES)

    async def write(self, key: str, blocks: Iterator[bytes]) -> None:
        def write() -> None:
            with self._open(key, "wb") as file:
                for block in blocks:
                    file.write(block)

        await asyncio.to_thread(write)

    async def read(self, key: str) -> bytes:
        return bytes(await self._fs._cat_file(self._path(key)))

    async def read_range(self, key: str, start: int, stop: int) -> bytes:
        return bytes(await self._fs._cat_file(self._path(key), start=start, end=stop))

    async def read_start(self, key: str) -> bytes:
        async with await self._fs.open_async(self._path(key), "rb") as file:
            return bytes(await file.read(PIECE_BYTES))

    async def read_in_two(self, key: str, size: int, meanwhile: Callable[[], Awaitable[None]]) -> bytes:
        loop = asyncio.get_running_loop()

        def read() -> bytes:
            with self._open(key, "rb") as file:
                start = bytes(file.read(size))
                asyncio.run_coroutine_threadsafe(_awaited(meanwhile), loop).result()
                return start + bytes(file.read())

        return await asyncio.to_thread(read)

    async def download(self, key: str, path: Path) -> None:
        await self._fs._get_file(self._path(key), str(path))

    async def read_parallel(self, key: str, folder: Path) -> bytes:
        return bytes(await self._fs._cat_file(self._path(key), chunksize=RANGE_BYTES))

    async def list(self) -> list[str]:
        found = await self._fs._find(self._site.bucket)
        return [str(path).partition("/")[2] for path in found]


class Opendal(Opened):
    """With its RetryLayer, as services in production have it; without one it never asks twice."""

    _operator: Any  # its annotations have a file whose __aexit__ cannot be awaited

    async def __aenter__(self) -> Self:
        import opendal
        from opendal.layers import RetryLayer

        site = self._site
        self._operator = opendal.AsyncOperator(
            "s3",
            bucket=site.bucket,
            endpoint=site.endpoint,
            region=site.region,
            access_key_id=site.access_key,
            secret_access_key=site.secret_key,
        ).layer(RetryLayer())
        return self

    async def put(self, key: str, body: bytes) -> None:
        await self._operator.write(key, body)

    async def create(self, key: str, body: bytes) -> None:
        await self._operator.write(key, body, if_not_exists=True)

    async def upload(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        async with await self._operator.open(key, "wb") as file:
            async for block in blocks:
                await file.write(block)

    async def upload_new(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        async with await self._operator.open(key, "wb", if_not_exists=True) as file:
            async for block in blocks:
                await file.write(block)

    async def upload_path(self, key: str, path: Path) -> None:
        async with await self._operator.open(key, "wb") as file:
            with path.open("rb") as source:
                while block := source.read(1 << 20):
                    await file.write(block)

    async def write(self, key: str, blocks: Iterator[bytes]) -> None:
        async with await self._operator.open(key, "wb") as file:
            for block in blocks:
                await file.write(block)

    async def read(self, key: str) -> bytes:
        return bytes(await self._operator.read(key))

    async def read_range(self, key: str, start: int, stop: int) -> bytes:
        return bytes(await self._operator.read(key, offset=start, size=stop - start))

    async def read_start(self, key: str) -> bytes:
        async with await self._operator.open(key, "rb") as file:
            return bytes(await file.read(PIECE_BYTES))

    async def read_in_two(self, key: str, size: int, meanwhile: Callable[[], Awaitable[None]]) -> bytes:
        async with await self._operator.open(key, "rb") as file:
            start = b""
            while len(start) < size:
                start += await file.read(size - len(start))
            await meanwhile()
            return start + bytes(await file.read())

    async def download(self, key: str, path: Path) -> None:
        raise NotOfferedError("no download to a path")

    async def read_parallel(self, key: str, folder: Path) -> bytes:
        return bytes(await self._operator.read(key, concurrent=4, chunk=RANGE_BYTES))

    async def list(self) -> list[str]:
        return [entry.path async for entry in await self._operator.list("", recursive=True)]


CLIENTS: dict[str, type[Aiostorage | Obstore | Aiobotocore | S3fs | Opendal]] = {
    "aiostorage": Aiostorage,
    "obstore": Obstore,
    "aiobotocore": Aiobotocore,
    "s3fs": S3fs,
    "opendal": Opendal,
}

IMPORTS = {
    "aiostorage": "import aiostorage; aiostorage.S3Driver",
    "obstore": "import obstore.store",
    "aiobotocore": "import aiobotocore.config, aiobotocore.session",
    "s3fs": "import s3fs",
    "opendal": "import opendal.layers",
}
"""What the documentation tells to import."""

ALL_IMPORTS = {
    **IMPORTS,
    "aiostorage": "import aiostorage, aiostorage.providers.s3.backend, aiostorage._http.session",
    "aiobotocore": "import aiobotocore.config, aiobotocore.session, aiobotocore.client",
    "s3fs": "import s3fs, aiobotocore.client",
}
"""What is imported in the end, so that a fork need not do it each time."""


async def _next(blocks: AsyncIterator[bytes]) -> bytes:
    return await anext(blocks, b"")


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()

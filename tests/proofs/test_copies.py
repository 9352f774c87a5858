"""Copies from each provider to each other one: whole, with what belongs to them, and compared at the end."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from aiostorage import (
    AzureDriver,
    ChecksumMismatchError,
    GCSDriver,
    LocalDriver,
    MemoryDriver,
    PreconditionFailedError,
    RetryPolicy,
    S3Driver,
    SwiftDriver,
    UnsupportedError,
)
from aiostorage.testing._themes.data import content, hash_is_right
from aiostorage.testing._themes.watch import Watch
from tests.contract.azure_witness import AzureWitness, service_client
from tests.contract.gcs_witness import GCSWitness, google_client
from tests.contract.local_witness import LocalWitness
from tests.contract.memory_witness import MemoryWitness
from tests.contract.s3_witness import S3Witness
from tests.contract.swift_witness import SwiftWitness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from aiostorage import Container, Driver
    from aiostorage.testing import Witness

pytestmark = pytest.mark.anyio

PROVIDERS = ["memory", "local", "s3", "gcs", "azure", "swift"]
PAIRS = [pytest.param(*pair, id=" to ".join(pair)) for pair in itertools.permutations(PROVIDERS, 2)]
CLOUDS = PROVIDERS[2:]
METADATA = {"owner": "Ada", "note": "Grüße"}
SMALLEST_PART_BYTES = 64 * 1024
MARK, SPOILT = b"<spoil this>", b"<spoil thIs>"


@dataclass(frozen=True, slots=True)
class Place:
    """A container of a provider, and who sees what is in it by other means."""

    container: Container
    witness: Witness

    @property
    def driver(self) -> Driver:
        return self.container.driver

    @property
    def part_size(self) -> int:
        return max(SMALLEST_PART_BYTES, self.driver.capabilities.limits.min_part_size_bytes)


class Spoiler:
    """A relay to a server that changes a letter of what goes up, or of what comes down, wherever the mark is in it."""

    def __init__(self, endpoint: str, direction: str) -> None:
        scheme, _, rest = endpoint.partition("://")
        self._address, _, self._path = rest.partition("/")
        self._scheme = scheme
        self._direction = direction
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """The URL that goes through it."""
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        try:
            port = server.sockets[0].getsockname()[1]
            yield f"{self._scheme}://127.0.0.1:{port}{'/' if self._path else ''}{self._path}"
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.gather(*self._tasks)
            for writer in self._writers:
                with suppress(ConnectionError):
                    await writer.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._address.partition(":")
        their_reader, their_writer = await asyncio.open_connection(host, int(port))
        self._writers += [writer, their_writer]
        for name, source, target in (("up", reader, their_writer), ("down", their_reader, writer)):
            self._tasks.append(asyncio.create_task(self._pump(source, target, spoils=name == self._direction)))

    @staticmethod
    async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, spoils: bool) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(1 << 16):
                # The mark may come in two pieces; what could be its beginning waits, unless it turns out to be none.
                while spoils and any(piece.endswith(MARK[:size]) for size in range(1, len(MARK))):
                    more = await source.read(1 << 16)
                    if not more:
                        break
                    piece += more
                target.write(piece.replace(MARK, SPOILT) if spoils else piece)
                await target.drain()
        target.close()


def through(kind: str, request: pytest.FixtureRequest) -> str:
    """Where the provider's objects are."""
    if kind == "swift":
        url: str = request.getfixturevalue("swift_server").storage_url
    else:
        server = {"s3": "swift", "gcs": "gcs", "azure": "azurite"}[kind]
        url = request.getfixturevalue(f"{server}_server").endpoint
    return url


def make(kind: str, request: pytest.FixtureRequest, endpoint: str | None = None) -> tuple[Driver, Callable[[], Any]]:
    """A driver of a provider, and what makes its witness."""
    retry = RetryPolicy(max_attempts=2, base_s=0.01)
    match kind:
        case "memory":
            memory = MemoryDriver()
            return memory, lambda: MemoryWitness(memory)
        case "local":
            root: Path = request.getfixturevalue("tmp_path")
            return LocalDriver(root), lambda: LocalWitness(root)
        case "s3":
            server = request.getfixturevalue("swift_server")
            driver: Driver = S3Driver(
                endpoint=endpoint or server.endpoint,
                region=server.region,
                vendor="swift",
                access_key_id=server.access_key,
                secret_access_key=server.secret_key,
                retry=retry,
            )
            return driver, lambda: S3Witness(request.getfixturevalue("s3_witness")(server))
        case "gcs":
            server = request.getfixturevalue("gcs_server")
            driver = GCSDriver(endpoint=endpoint or server.endpoint, credentials_file=server.key_file, retry=retry)
            return driver, lambda: GCSWitness(google_client(server.endpoint, str(server.key_file)), server.endpoint)
        case "azure":
            server = request.getfixturevalue("azurite_server")
            driver = AzureDriver(
                endpoint=endpoint or server.endpoint, account_name=server.account, account_key=server.key, retry=retry
            )
            return driver, lambda: AzureWitness(service_client(server))
        case _:
            from swiftclient import Connection

            server = request.getfixturevalue("swift_server")
            driver = SwiftDriver(
                auth_url=server.auth_url,
                username=server.access_key,
                password=server.secret_key,
                storage_url=endpoint or server.storage_url,
                retry=retry,
            )
            return driver, lambda: SwiftWitness(
                lambda: Connection(server.auth_url, server.access_key, server.secret_key)
            )


@asynccontextmanager
async def place(kind: str, request: pytest.FixtureRequest, *, spoilt: str | None = None) -> AsyncIterator[Place]:
    """An empty container of a provider; ``spoilt`` is the direction in which the way there changes what passes."""
    async with AsyncExitStack() as stack:
        endpoint = None
        if spoilt is not None:
            endpoint = await stack.enter_async_context(Spoiler(through(kind, request), spoilt).running())
        driver, make_witness = make(kind, request, endpoint)
        await stack.enter_async_context(driver)
        witness = make_witness()
        name = f"copies-{secrets.token_hex(8)}"
        await witness.make_container(name)
        stack.push_async_callback(witness.remove_container, name)
        yield Place(driver.container(name), witness)


@pytest.mark.parametrize("parts", [0, 2])
@pytest.mark.parametrize(("source_kind", "target_kind"), PAIRS)
async def test_all_that_belongs_to_an_object_comes_along(
    source_kind: str, target_kind: str, parts: int, request: pytest.FixtureRequest
) -> None:
    """Conditions of the copy are the target's: nothing that is there is replaced."""
    async with place(source_kind, request) as source, place(target_kind, request) as target:
        data = content(parts * target.part_size + 100)
        # Not in more parts than the target's: Swift reads a segment a second after the tenth, if they are small.
        part_size = max(source.part_size, target.part_size)
        original = await source.container.upload_object(
            data, "a/source.html", content_type="text/x-own", metadata=METADATA, part_size_bytes=part_size
        )
        copy = await original.copy_to(target.container, "copy", part_size_bytes=target.part_size)

        assert await target.witness.get(target.container.name, "copy") == data
        assert hash_is_right(copy.object_hash, data)
        assert await target.witness.open_uploads(target.container.name) == []
        await copy.refresh()
        assert (copy.size, copy.content_type, dict(copy.metadata)) == (len(data), "text/x-own", METADATA)
        assert hash_is_right(copy.object_hash, data)
        seen = await target.witness.head(target.container.name, "copy")
        assert seen is not None
        if target_kind != "local":  # a plain file has no headers
            assert (seen.content_type, seen.metadata["owner"]) == ("text/x-own", "Ada")

        can = target.driver.capabilities
        is_offered = can.create_if_absent and (parts == 0 or can.conditional_parts)
        with pytest.raises(PreconditionFailedError if is_offered else UnsupportedError):
            await original.copy_to(target.container, "copy", part_size_bytes=target.part_size, if_none_match="*")
        assert await target.witness.get(target.container.name, "copy") == data
        if is_offered:
            await original.copy_to(target.container, "new", part_size_bytes=target.part_size, if_none_match="*")
            assert await target.witness.get(target.container.name, "new") == data
        left = await target.witness.open_uploads(target.container.name)
        assert left == ([] if target_kind != "azure" else left and ["copy"])  # there blocks stay beside an object


@pytest.mark.parametrize(("source_kind", "target_kind"), PAIRS[:: len(PROVIDERS)] + PAIRS[-1:])
async def test_a_cancelled_copy_leaves_nothing(
    source_kind: str, target_kind: str, request: pytest.FixtureRequest
) -> None:
    async with place(source_kind, request) as source, place(target_kind, request) as target:
        original = await source.container.upload_object(content(2 * target.part_size + 100), "source")
        task = asyncio.current_task()
        assert task is not None
        with Watch(target.driver) as watch, pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as timeout:
                watch.at("after", "upload_part", lambda: timeout.reschedule(0), nth=1)
                await original.copy_to(target.container, "copy", part_size_bytes=target.part_size, concurrency=1)
        assert await target.witness.get(target.container.name, "copy") is None
        assert await target.witness.open_uploads(target.container.name) == []


@pytest.mark.parametrize("parts", [0, 2])
@pytest.mark.parametrize("direction", ["down", "up"])
@pytest.mark.parametrize("kind", CLOUDS)
async def test_a_byte_that_changes_on_the_way_is_found(
    kind: str, direction: str, parts: int, request: pytest.FixtureRequest
) -> None:
    """On the way from the source it is the source's hash that tells, on the way to the target the target's, or ours."""
    async with place(kind, request) as clean, place(kind, request, spoilt=direction) as dirty:
        part_size = dirty.part_size
        data = bytearray(content(parts * part_size + 100))
        data[50 : 50 + len(MARK)] = MARK
        async with MemoryDriver() as memory:
            elsewhere = await memory.create_container("elsewhere")
            if direction == "up":
                source, target = elsewhere, dirty.container
                await source.upload_object(data, "source")
            else:
                source, target = dirty.container, elsewhere
                await clean.driver.container(source.name).upload_object(data, "source", part_size_bytes=len(data))
            with pytest.raises(ChecksumMismatchError):
                await source.object("source").copy_to(target, "copy", part_size_bytes=part_size)
            assert [obj.name async for obj in target.list_objects(prefix="copy")] == []
        assert await dirty.witness.get(dirty.container.name, "copy") is None
        assert await dirty.witness.open_uploads(dirty.container.name) == []

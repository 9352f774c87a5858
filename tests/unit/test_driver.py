"""What a driver refuses, and what it makes of a batch that fails."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from aiostorage import (
    AccessToken,
    AuthenticationError,
    AzureDriver,
    GCSDriver,
    InvalidArgumentError,
    MemoryDriver,
    S3Credentials,
    S3Driver,
    ServiceUnavailableError,
    SwiftDriver,
    SwiftToken,
    UnsupportedError,
    Upload,
)
from aiostorage.driver import Driver
from aiostorage.providers.memory.backend import MemoryBackend
from tests.scripted import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from aiostorage import Capabilities, Container, DeleteOutcome, Object
    from aiostorage.body import Source
    from aiostorage.models import ObjectRef

pytestmark = pytest.mark.anyio

ACTIONS: dict[str, Callable[[Driver, Object], Awaitable[object]]] = {
    "delete_object": lambda driver, obj: driver.delete_object(obj),
    "delete_objects": lambda driver, obj: driver.delete_objects("bucket", [obj]),
    "head_object": lambda driver, obj: driver.head_object(obj),
    "presign": lambda driver, obj: driver.presign(obj),
    "read_object": lambda driver, obj: driver.read_object(obj),
    "download_object": lambda driver, obj: driver.download_object(obj, "nowhere/file"),
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_an_object_of_another_driver_is_refused(action: str) -> None:
    async with MemoryDriver() as mine, MemoryDriver() as theirs:
        for driver in (mine, theirs):
            await driver.create_container("bucket")
            await driver.upload_object(driver.name.encode(), "bucket", "key")
        with pytest.raises(InvalidArgumentError, match="another driver"):
            await ACTIONS[action](mine, theirs.container("bucket").object("key"))
        assert [obj.name async for obj in mine.list_objects("bucket")] == ["key"]


async def token() -> SwiftToken:
    return SwiftToken(value="t", storage_url="https://host/v1/AUTH_a")


SIGNING: dict[str, Callable[[], Driver]] = {
    "s3": lambda: S3Driver(region="eu-west-1", access_key_id="a", secret_access_key="b"),
    "gcs": lambda: GCSDriver(credentials_file="/nowhere"),
    "azure": lambda: AzureDriver(account_name="account", account_key="AAAA"),
    "swift": lambda: SwiftDriver(credentials=token, temp_url_key="k", temp_url_digest="sha256"),
}


@pytest.mark.parametrize("life_s", [0, -1, 0.5, math.inf, -math.inf, math.nan, 1e15])
@pytest.mark.parametrize("provider", SIGNING)
async def test_nothing_is_signed_for_no_time_or_for_ever(provider: str, life_s: float) -> None:
    async with SIGNING[provider]() as driver:
        obj = driver.container("photos").object("key")
        with pytest.raises(InvalidArgumentError, match="second"):
            await obj.presign(expires_in_s=life_s)
        if driver.capabilities.presign_post:
            with pytest.raises(InvalidArgumentError, match="second"):
                await obj.presign_post(expires_in_s=life_s)
        if driver.capabilities.presign_part:
            upload = Upload(container="photos", key="key", upload_id="1")
            with pytest.raises(InvalidArgumentError, match="second"):
                await driver.presign_part(upload, 1, expires_in_s=life_s)


@pytest.mark.parametrize("provider", ["s3", "azure"])
async def test_a_driver_tells_whether_a_signature_covers_the_headers(provider: str) -> None:
    async with SIGNING[provider]() as driver:
        obj = driver.container("photos").object("key")
        pictures, texts = [await obj.presign("PUT", headers={"Content-Type": kind}) for kind in ("image/png", "a/b")]
        names = ("Signature", "sig")
        signatures = [
            [value for name, value in parse_qsl(urlsplit(link.url).query) if name.endswith(names)]
            for link in (pictures, texts)
        ]
        assert (signatures[0] != signatures[1]) is driver.capabilities.presign_headers


def test_which_signatures_cover_the_headers() -> None:
    told = {provider: make().capabilities.presign_headers for provider, make in SIGNING.items()}
    assert told == {"s3": True, "gcs": True, "azure": False, "swift": False}


@dataclass
class Function:
    """A function of the user's that is an object, and fails or gives something. It cannot be hashed."""

    gives: object

    async def __call__(self) -> Any:
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


CREDENTIALS: dict[str, tuple[Any, Any]] = {
    "s3": (
        lambda url, function: S3Driver(endpoint=url, region="eu-west-1", credentials=function),
        lambda _url, end: S3Credentials(access_key_id="a", secret_access_key="b", session_token="c", expires_at=end),
    ),
    "gcs": (
        lambda url, function: GCSDriver(endpoint=url, credentials=function),
        lambda _url, end: AccessToken(token="t", expires_at=end),
    ),
    "swift": (
        lambda _url, function: SwiftDriver(credentials=function),
        lambda url, end: SwiftToken(value="t", storage_url=f"{url}/v1/AUTH_a", expires_at=end),
    ),
}


@pytest.mark.parametrize("provider", CREDENTIALS)
async def test_an_end_without_a_time_zone_is_in_utc(provider: str) -> None:
    make, credential = CREDENTIALS[provider]
    headers = {"ETag": '"e"', "x-goog-generation": "1", "Last-Modified": "Mon, 05 Jan 2026 00:00:00 GMT"}
    async with ScriptedServer(answer=lambda _: Answer(body=b"content", headers=headers)) as server:
        function = Function(credential(server.url, datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=30)))
        async with make(server.url, function) as driver:
            assert await driver.container("photos").object("key").read() == b"content"


@pytest.mark.parametrize("gives", [KeyError("hunter2"), None, "hunter2"], ids=["failure", "nothing", "text"])
@pytest.mark.parametrize("provider", CREDENTIALS)
async def test_a_credentials_function_that_fails_is_an_error_of_ours(provider: str, gives: object) -> None:
    make, _ = CREDENTIALS[provider]
    async with ScriptedServer() as server, make(server.url, Function(gives)) as driver:
        with pytest.raises(AuthenticationError) as caught:
            await driver.container("photos").object("key").read()
        assert (caught.value.provider, "hunter2" in str(caught.value)) == (provider, False)
        assert not isinstance(gives, Exception) or caught.value.__cause__ is gives
    assert server.seen == []


OF_A_CONTAINER: dict[str, Callable[[Container, Object], Awaitable[object]]] = {
    "delete_object": lambda container, obj: container.delete_object(obj),
    "delete_objects": lambda container, obj: container.delete_objects([obj]),
    "download_object": lambda container, obj: container.download_object(obj, "nowhere/file"),
    "open_object": lambda container, obj: container.open_object(obj).read(),
}


@pytest.mark.parametrize("action", OF_A_CONTAINER)
async def test_an_object_of_another_container_is_refused(action: str) -> None:
    async with MemoryDriver() as driver:
        mine, theirs = await driver.create_container("mine"), await driver.create_container("theirs")
        obj = await theirs.upload_object(b"", "key")
        with pytest.raises(InvalidArgumentError, match="not in container 'mine'"):
            await OF_A_CONTAINER[action](mine, obj)
        assert [found.name async for found in theirs.list_objects()] == ["key"]


async def test_one_name_is_not_taken_for_many() -> None:
    """Its letters would be names, and nobody would hear that the object is still there."""
    async with MemoryDriver() as driver:
        container = await driver.create_container("bucket")
        for name in ("key", "k", "e", "y"):
            await container.upload_object(b"", name)
        with pytest.raises(InvalidArgumentError, match="'key' is one"):
            await container.delete_objects("key")
        assert len([obj async for obj in container.list_objects()]) == 4


@pytest.mark.parametrize(
    "options",
    [
        {"metadata": {"n": 5}},
        {"metadata": {5: "n"}},
        {"metadata": {"n": None}},
        {"extra": {"n": 5}},
        {"tags": {"n": b""}},
    ],
)
async def test_what_is_not_text_is_refused_before_anything_is_stored(options: Any) -> None:
    async with MemoryDriver() as driver:
        container = await driver.create_container("bucket")
        with pytest.raises(InvalidArgumentError, match="text"):
            await container.upload_object(b"", "key", **options)
        with pytest.raises(InvalidArgumentError, match="text"):
            container.open_writer("key", **options)
        assert [obj async for obj in container.list_objects()] == []


@pytest.mark.parametrize("options", [{"part_size_bytes": None}, {"part_size_bytes": 1.5}, {"concurrency": "8"}])
def test_numbers_that_are_none_are_refused(options: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="whole numbers from 1"):
        MemoryDriver(**options)


async def test_a_version_is_not_presigned_as_if_it_were_the_latest() -> None:
    async with S3Driver(
        endpoint="http://127.0.0.1:1", region="us-east-1", access_key_id="key", secret_access_key="secret"
    ) as driver:
        container = driver.container("bucket")
        assert (await container.object("key").presign()).url
        with pytest.raises(UnsupportedError, match="version"):
            await container.object("key", version_id="v1").presign()


class Backend(MemoryBackend):
    """Memory that deletes two objects at once, unless ``bad`` is one of them."""

    @property
    def capabilities(self) -> Capabilities:
        known = super().capabilities
        return replace(known, limits=replace(known.limits, max_delete_batch=2))

    async def delete_objects(
        self, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[DeleteOutcome]:
        if any(ref.key == "bad" for ref in refs):
            raise ServiceUnavailableError("boom")
        return await super().delete_objects(container, refs, bypass_retention=bypass_retention)


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_a_batch_whose_request_fails_spoils_no_other(concurrency: int) -> None:
    names = ["a", "b", "c", "bad", "d"]
    async with Driver(Backend(), concurrency=concurrency) as driver:
        container = await driver.create_container("bucket")
        for name in names:
            await container.upload_object(b"", name)
        outcomes = await container.delete_objects(names)
        assert [outcome.key for outcome in outcomes] == names
        failed = {outcome.key: outcome.error for outcome in outcomes if outcome.error is not None}
        assert set(failed) == {"c", "bad"}
        assert all(isinstance(error, ServiceUnavailableError) for error in failed.values())
        assert [obj.name async for obj in container.list_objects()] == ["bad", "c"]


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "path", "file", "BytesIO"])
@pytest.mark.parametrize("size", [-1, 0, 2, 4])
async def test_a_source_of_another_size_than_announced_is_refused(kind: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(b"..abc")
    with path.open("rb") as file:
        file.seek(2)
        sources: dict[str, tuple[Source, int]] = {
            "bytes": (b"abc", 3),
            "bytearray": (bytearray(b"abc"), 3),
            "path": (path, 5),
            "file": (file, 3),
            "BytesIO": (io.BytesIO(b"abc"), 3),
        }
        source, actual = sources[kind]
        async with MemoryDriver() as driver:
            container = await driver.create_container("bucket")
            with pytest.raises(InvalidArgumentError, match=f"{actual} bytes, not the {size} that were announced"):
                await container.upload_object(source, "key", size=size)
            assert [obj async for obj in container.list_objects()] == []
            await container.upload_object(source, "key", size=actual)
            assert (await container.get_object("key")).size == actual

"""A driver of each provider that talks to a hostile server, and all that can be asked of it."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiostorage import AzureDriver, GCSDriver, RetryPolicy, S3Driver, SwiftDriver
from aiostorage.models import Upload
from aiostorage.providers.gcs.credentials import AccessToken
from tests.scripted import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from aiostorage import Driver
    from tests.scripted import Seen

SECRETS = ("hunter2secret", b64encode(b"hunter2secret").decode())
PROVIDERS = ("s3", "gcs", "azure", "swift")
PART = 64 * 1024
UPLOADS = {
    "s3": "u",
    "gcs": "u",
    "azure": "a" * 32,
    "swift": "1795422281.455380-0123456789abcdef",
}


def connect(provider: str, url: str, *, attempts: int = 1) -> Driver:
    retry = RetryPolicy(max_attempts=attempts, base_s=0.0)
    options: dict[str, Any] = {"retry": retry, "part_size_bytes": PART, "concurrency": 2, "idle_timeout_s": 5.0}
    match provider:
        case "s3":
            options |= {"access_key_id": "AKIA1", "secret_access_key": SECRETS[0]}
            return S3Driver(endpoint=url, region="us-east-1", vendor="aws", addressing_style="path", **options)
        case "gcs":

            async def token() -> AccessToken:
                return AccessToken(token=SECRETS[0])

            return GCSDriver(endpoint=url, project="p", credentials=token, **options)
        case "azure":
            return AzureDriver(endpoint=f"{url}/account", account_name="account", account_key=SECRETS[1], **options)
        case _:
            return SwiftDriver(token=SECRETS[0], storage_url=f"{url}/v1/AUTH_a", **options)


def is_about_the_cluster(seen: Seen) -> bool:
    """Swift's first question; a cluster that does not answer it is taken for one that can do little."""
    return seen.target == "/info"


INFO = Answer(
    headers={"Content-Type": "application/json"},
    body=json.dumps({
        "swift": {"version": "2"},
        "slo": {"max_manifest_segments": 1000},
        "bulk_delete": {},
        "tempurl": {},
        "object_versioning": {},
    }).encode(),
)


async def some(items: AsyncGenerator[object, None], most: int = 300) -> list[object]:
    """What is listed, but no more of it than that."""
    found: list[object] = []
    async with aclosing(items):
        async for item in items:
            found.append(item)
            if len(found) == most:
                break
    return found


def operations(driver: Driver, folder: Path) -> dict[str, Callable[[], Awaitable[object]]]:
    """The public operations on a container that is there already, or is said to be."""
    box = driver.container("box")
    obj = box.object("k")
    upload = Upload(container="box", key="k", upload_id=UPLOADS[driver.name])
    large = b"x" * (3 * PART)

    async def write() -> None:
        async with box.open_writer("k", part_size_bytes=PART) as writer:
            await writer.write(large)

    async def read_file() -> bytes:
        async with obj.as_file() as stream:
            return await stream.read(10)

    return {
        "list containers": lambda: some(driver.list_containers()),
        "create container": lambda: driver.create_container("box"),
        "get container": lambda: driver.get_container("box"),
        "list": lambda: some(box.list_objects(prefix="p", delimiter="/", start_after="a")),
        "list versions": lambda: some(box.list_objects(versions=True)),
        "head": lambda: box.get_object("k"),
        "read": obj.read,
        "read a range": lambda: obj.read(byte_range=(2, 9)),
        "read as a file": read_file,
        "download": lambda: obj.download(folder / "file"),
        "put": lambda: box.upload_object(b"content", "k"),
        "upload": lambda: box.upload_object(large, "k"),
        "write": write,
        "copy": lambda: obj.copy_to(box, "copy"),
        "update": lambda: obj.update(metadata={"a": "b"}),
        "delete": obj.delete,
        "delete many": lambda: box.delete_objects(["a", "b"]),
        "list uploads": lambda: some(box.list_uploads()),
        "list parts": lambda: some(driver.list_parts(upload)),
        "abort": lambda: driver.abort_upload(upload),
        "abort stale": lambda: box.abort_stale_uploads(older_than=timedelta(0)),
        "delete container": lambda: box.delete(only_if_empty=True),
        "tags": obj.get_tags,
        "versioning": box.get_versioning,
    }

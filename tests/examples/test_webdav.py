"""The contract, for the driver that is the example of how one is written."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from aiostorage import Driver
from aiostorage.models import EMPTY
from aiostorage.testing import Deviation, DriverContract, Seen
from examples.webdav_driver import HIDDEN, webdav_driver
from tests.servers.rclone import RcloneWebDAVServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping


@pytest.fixture(scope="session")
def webdav_server(_clean_environment: None) -> Iterator[RcloneWebDAVServer]:
    with RcloneWebDAVServer() as server:
        yield server


class FolderWitness:
    """The folder that the server serves: a container is a folder in it, an object a file."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def make_container(self, container: str) -> None:
        await asyncio.to_thread((self._root / container).mkdir)

    async def has_container(self, container: str) -> bool:
        return await asyncio.to_thread((self._root / container).is_dir)

    async def remove_container(self, container: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._root / container, ignore_errors=True)

    async def put(
        self,
        container: str,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] = EMPTY,
    ) -> None:
        def write() -> None:
            path = self._root / container / key
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._root / f".{secrets.token_hex(8)}"
            fresh.write_bytes(data)
            fresh.replace(path)

        await asyncio.to_thread(write)

    async def get(self, container: str, key: str) -> bytes | None:
        path = self._root / container / key
        return await asyncio.to_thread(lambda: path.read_bytes() if path.is_file() else None)

    async def head(self, container: str, key: str) -> Seen | None:
        data = await self.get(container, key)
        return None if data is None else Seen(size=len(data))

    async def keys(self, container: str) -> list[str]:
        home = self._root / container
        return await asyncio.to_thread(
            lambda: [
                path.relative_to(home).as_posix()
                for path in home.rglob("*")
                if path.is_file() and home / HIDDEN not in path.parents
            ]
        )

    async def delete(self, container: str, key: str) -> None:
        await asyncio.to_thread((self._root / container / key).unlink)

    async def begin_upload(self, container: str, key: str, part: bytes) -> None:
        def write() -> None:
            folder = self._root / container / HIDDEN / secrets.token_hex(16)
            folder.mkdir(parents=True)
            (folder / "key").write_text(key)
            (folder / "00001").write_bytes(part)

        await asyncio.to_thread(write)

    async def open_uploads(self, container: str) -> list[str]:
        """Whatever is in the hidden folder: uploads, and files that were to be moved."""
        hidden = self._root / container / HIDDEN
        return await asyncio.to_thread(lambda: [path.name for path in hidden.glob("*")])

    async def keep_versions(self, container: str) -> None:
        raise AssertionError("WebDAV keeps no versions")


class TestWebDAV(DriverContract):
    server: ClassVar = "webdav (rclone)"
    refused_keys: ClassVar = {
        r"(?:\A|/)\.{0,2}(?:/|\Z)": "keys are the paths of files",
        r"[\x00-\x1f\x7f]": "control characters are in no URL and in no XML",
        r"[^/]{256}": "the name of a file has 255 bytes at most",
    }
    deviations: ClassVar = {
        Deviation.CREATES_AGAIN: "the server answers 201 to MKCOL of what is there",
        Deviation.NO_NESTED_KEYS: "keys are the paths of files",
        Deviation.PLAIN_WITNESS: "a plain file has no headers",
        Deviation.ONLY_PLAIN_COPIES: "there are no headers and no metadata",
    }

    @pytest.fixture
    async def driver(self, webdav_server: RcloneWebDAVServer) -> AsyncIterator[Driver]:
        async with webdav_driver(
            webdav_server.url, username=webdav_server.username, password=webdav_server.password
        ) as driver:
            yield driver

    @pytest.fixture
    def witness(self, webdav_server: RcloneWebDAVServer) -> FolderWitness:
        return FolderWitness(webdav_server.data)

"""The contract, for the driver that is the example of how one is written; beside it, the folder that is served."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from aiostorage.testing import Deviation, DriverContract
from examples.webdav_driver import HIDDEN, webdav_driver
from tests.contract.local_witness import LocalWitness
from tests.servers.rclone import RcloneWebDAVServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from aiostorage import Driver


@pytest.fixture(scope="module")
def webdav_server(_clean_environment: None) -> Iterator[RcloneWebDAVServer]:
    with RcloneWebDAVServer() as server:
        yield server


class FolderWitness(LocalWitness):
    """The files that the server serves; only unfinished uploads lie there otherwise than with the local driver.

    After what it has changed it waits until the server has forgotten what was there before.
    """

    async def make_container(self, container: str) -> None:
        await super().make_container(container)
        await self._is_forgotten()

    async def remove_container(self, container: str) -> None:
        await super().remove_container(container)
        await self._is_forgotten()

    async def put(self, container: str, key: str, data: bytes, **headers: Any) -> None:
        await super().put(container, key, data, **headers)
        await self._is_forgotten()

    async def delete(self, container: str, key: str) -> None:
        await super().delete(container, key)
        await self._is_forgotten()

    async def begin_upload(self, container: str, key: str, part: bytes) -> None:
        def write() -> None:
            folder = self._root / container / HIDDEN / secrets.token_hex(16)
            folder.mkdir(parents=True)
            (folder / "key").write_text(key, encoding="utf-8")
            (folder / "00001").write_bytes(part)

        await asyncio.to_thread(write)
        await self._is_forgotten()

    async def _is_forgotten(self) -> None:
        await asyncio.sleep(10 * RcloneWebDAVServer.remembers_ms / 1000)

    def _path(self, container: str, key: str, *, aside: bool = False) -> Path:
        return self._root / container / key

    def _keys(self, container: str) -> list[str]:
        home = self._root / container
        files = [path.relative_to(home) for path in home.rglob("*") if path.is_file()]
        return [path.as_posix() for path in files if path.parts[0] != HIDDEN]

    def _leftovers(self, container: str) -> list[str]:
        return [path.name for path in (self._root / container / HIDDEN).glob("*")]


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
        server = webdav_server
        async with webdav_driver(server.url, username=server.username, password=server.password) as driver:
            yield driver

    @pytest.fixture
    def witness(self, webdav_server: RcloneWebDAVServer) -> FolderWitness:
        return FolderWitness(webdav_server.data)


def test_the_driver_needs_nothing_private() -> None:
    """Whoever writes one elsewhere has only what has a public name."""
    import ast
    from pathlib import Path

    source = Path(__file__).parents[2] / "examples" / "webdav_driver.py"
    modules: list[str] = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    private = [name for name in modules if any(part[0] == "_" for part in name.split(".") if part != "__future__")]
    assert "aiostorage.http" in modules
    assert private == []

"""The contract, for the driver that is the example of how one is written; beside it, the folder that is served."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from aiostorage import PreconditionFailedError, RetryPolicy, StorageError, UnexpectedResponseError, Upload
from aiostorage.testing import Deviation, DriverContract
from examples.webdav_driver import HIDDEN, webdav_driver
from tests.contract.local_witness import LocalWitness
from tests.scripted import Answer, ScriptedServer
from tests.servers.rclone import RcloneWebDAVServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from aiostorage import Driver
    from tests.scripted import Seen


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


def multistatus(*statuses: str) -> Answer:
    refused = "".join(f"<d:response><d:href>/x</d:href><d:status>{line}</d:status></d:response>" for line in statuses)
    return Answer(status=207, body=f'<d:multistatus xmlns:d="DAV:">{refused}</d:multistatus>'.encode())


FOLDER = Answer(
    status=207,
    body=b'<d:multistatus xmlns:d="DAV:"><d:response><d:href>/box/</d:href><d:propstat><d:prop><d:resourcetype>'
    b"<d:collection/></d:resourcetype></d:prop></d:propstat></d:response></d:multistatus>",
)
LOCKED = "HTTP/1.1 423 Locked"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (multistatus(LOCKED), PreconditionFailedError),
        (multistatus("HTTP/1.1 424 Failed Dependency", LOCKED), PreconditionFailedError),
        (multistatus("HTTP/1.1 403 Forbidden"), UnexpectedResponseError),
        (multistatus("HTTP/1.1 404 Not Found"), UnexpectedResponseError),
        (Answer(status=207, body=b"<"), UnexpectedResponseError),
    ],
)
async def test_a_folder_of_which_something_stays_is_not_deleted(answer: Answer, kind: type[StorageError]) -> None:
    """RFC 4918 section 9.6.1: the answer names what could not be deleted, and is no success."""
    retry = RetryPolicy(max_attempts=1)
    async with (
        ScriptedServer(answer=lambda seen: FOLDER if seen.method == "PROPFIND" else answer) as server,
        webdav_driver(server.url, retry=retry) as driver,
    ):
        with pytest.raises(kind) as caught:
            await driver.delete_container("box", only_if_empty=True)
        upload = Upload(container="box", key="k", upload_id="0" * 32)
        with pytest.raises(kind):
            await driver.backend.abort_upload(upload)
    assert type(caught.value) is kind
    assert [seen.method for seen in server.seen][-1] == "DELETE"


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["COPY", "MOVE"])
async def test_a_copy_of_which_something_is_missing_is_none(method: str) -> None:
    def answer(seen: Seen) -> Answer:
        if seen.method == "PROPFIND":
            return Answer(status=207, body=FOLDER.body.replace(b"<d:collection/>", b""))
        return multistatus(LOCKED) if seen.method == method else Answer(status=204)

    retry = RetryPolicy(max_attempts=1)
    async with ScriptedServer(answer=answer) as server, webdav_driver(server.url, retry=retry) as driver:
        box = driver.container("box")
        with pytest.raises(PreconditionFailedError):
            await box.object("k").copy_to(box, "l")


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

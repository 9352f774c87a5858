"""The example applications as processes, and a client that hides nothing."""

from __future__ import annotations

import http.client
import os
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.base import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parents[2]
APPS = ["fastapi_app", "aiohttp_app"]
MIB = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class App(Server):
    """One of the examples, run as its head says, in the environment of the tests."""

    def __init__(self, script: str, env: Mapping[str, str]) -> None:
        self.name = script  # type: ignore[misc] # one class for both
        super().__init__()
        self.port = free_port()
        self._env = dict(env)

    def install(self) -> None:
        """Nothing: it is here."""

    def start(self) -> None:
        env = {**self._env, "PORT": str(self.port), "PYTHONPATH": str(ROOT)}
        self.spawn(self.name, [sys.executable, str(ROOT / "examples" / f"{self.name}.py")], env=env)
        self.wait_for(self.port, "/files")

    def environ(self) -> dict[str, str]:
        return {"PORT": str(self.port)}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/files"

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] | None = None,
    ) -> Reply:
        """Send a request on a connection of its own; an iterable goes out in chunks."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, f"/files{path}", body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(status=answer.status, headers=fields, body=answer.read())

    def peak(self) -> int:
        """The most memory that the process has had, in bytes."""
        process, _ = self._processes[0]
        status = Path(f"/proc/{process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


def blocks(mebibytes: int) -> Iterable[bytes]:
    """Bytes that are made as they are sent, and repeat nothing."""
    for number in range(mebibytes):
        yield number.to_bytes(8, "big") * (MIB // 8)


def environment(url: str) -> dict[str, str]:
    return {"AIOSTORAGE_URL": url, "PYTHONUNBUFFERED": "1", "PATH": os.environ["PATH"]}

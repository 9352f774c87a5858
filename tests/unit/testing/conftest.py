"""Google's own client on the server, which runs as a process: the client blocks."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.testing.asking import Asking, served
from tests.unit.testing.google import AnonymousCredentials, storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

NUMBERS = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that runs as a process, and where its files of credentials are."""

    endpoint: str
    credentials: Path

    def file(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.credentials / f"{name}.json").read_text())
        return document

    def client(self, credentials: Any = None) -> Any:
        return storage.Client(
            project="test-project",
            credentials=credentials or AnonymousCredentials(),
            client_options={"api_endpoint": self.endpoint},
        )


def run(folder: Path, *options: str) -> Iterator[Running]:
    command = [sys.executable, "-m", "aiostorage.testing.gcs", "--credentials", str(folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Running(endpoint=process.stdout.readline().strip(), credentials=folder)
        process.terminate()
        assert process.wait() == 0


@pytest.fixture(scope="session")
def gcs(_guards: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server as it is by default."""
    yield from run(tmp_path_factory.mktemp("gcs"))


@pytest.fixture(scope="session")
def grudging_gcs(_guards: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server when it does as little for a request as the real one may, and that only for those it knows."""
    options = ("--page-size=7", "--rewrite-bytes-per-call=1048576", "--resumable-bytes-per-request=262144")
    yield from run(tmp_path_factory.mktemp("grudging"), *options, "--authorization=required")


@pytest.fixture(scope="session")
def client(gcs: Running) -> Iterator[Any]:
    with gcs.client() as client:
        yield client


@pytest.fixture
def bucket(client: Any) -> Any:
    return client.create_bucket(f"bucket-{next(NUMBERS)}")


@pytest.fixture
async def ask() -> AsyncIterator[Asking]:
    async with served() as asking:
        yield asking

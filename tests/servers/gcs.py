"""Google Cloud Storage as this package's own server, in a process of its own: there is nothing to install."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, ClassVar

from tests.servers.base import HERE, START_TIMEOUT_S, Server, ServerError, free_port

if TYPE_CHECKING:
    from pathlib import Path


class GCSServerProcess(Server):
    """``python -m aiostorage.testing.gcs``, which wants to know who asks.

    Attributes:
        endpoint: Its URL.
        key_file: The key of a service account that it knows.
    """

    name: ClassVar[str] = "gcs"
    project: ClassVar[str] = "test-project"
    options: ClassVar[tuple[str, ...]] = ()
    endpoint: str
    key_file: Path

    def install(self) -> None:
        """It is here already."""

    def start(self) -> None:
        port = free_port()
        command = [sys.executable, "-m", "aiostorage.testing.gcs", "--port", str(port), "--project", self.project]
        command += ["--authorization", "required", "--credentials", str(self.run_dir), *self.options]
        self.spawn(self.name, command, env={"PYTHONPATH": str(HERE.parents[1])})
        self.key_file = self.run_dir / "service_account.json"
        self.wait_for(port)
        self.endpoint = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_TIMEOUT_S
        log = self.run_dir / f"{self.name}.log"
        while self.endpoint not in log.read_text(encoding="utf-8"):  # the files come before that
            if time.monotonic() > deadline:
                raise ServerError("gcs did not write its credentials in time")
            time.sleep(0.02)

    def environ(self) -> dict[str, str]:
        return {
            "STORAGE_EMULATOR_HOST": self.endpoint,
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.key_file),
            "GOOGLE_CLOUD_PROJECT": self.project,
        }


class GCSOfSmallParts(GCSServerProcess):
    """Takes parts of any length."""

    name: ClassVar[str] = "gcs-small-parts"
    options: ClassVar[tuple[str, ...]] = ("--min-part-bytes", "1")

"""Google Cloud Storage as this package's own server, in a process of its own: there is nothing to install."""

from __future__ import annotations

import sys
from typing import ClassVar

from tests.servers.base import HERE, Server, free_port


class GCSServerProcess(Server):
    """``python -m aiostorage.testing.gcs``."""

    name: ClassVar[str] = "gcs"
    project: ClassVar[str] = "test-project"
    endpoint: str

    def install(self) -> None:
        """It is here already."""

    def start(self) -> None:
        port = free_port()
        command = [sys.executable, "-m", "aiostorage.testing.gcs", "--port", str(port), "--project", self.project]
        self.spawn("gcs", command, env={"PYTHONPATH": str(HERE.parents[1])})
        self.wait_for(port)
        self.endpoint = f"http://127.0.0.1:{port}"

    def environ(self) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": self.endpoint, "GOOGLE_CLOUD_PROJECT": self.project}

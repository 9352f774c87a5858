"""gcp-storage-emulator: another's idea of Google Cloud Storage, in memory.

It looks at no credentials, ignores every condition, lists in one page, knows no uploads by parts, and drops the
connection at an empty object or a ``..`` in a name; its answer to a batch lacks the empty lines and the content ids
that make one. So it is a second opinion on the plain operations only.
"""

from __future__ import annotations

from typing import ClassVar

from tests.servers.base import Server, free_port


class GCPEmulator(Server):
    """Keeps everything in memory."""

    name: ClassVar[str] = "gcp-emulator"
    endpoint: str

    def start(self) -> None:
        port = free_port()
        program = str(self.home / "bin" / "gcp-storage-emulator")
        self.spawn(self.name, [program, "start", "--host=127.0.0.1", f"--port={port}", "--in-memory", "-q"])
        self.wait_for(port)
        self.endpoint = f"http://127.0.0.1:{port}"

    def environ(self) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": self.endpoint}

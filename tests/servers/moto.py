"""moto: a stand-in for Amazon S3 that checks no signature and no hash, and closes every connection.

What passes here proves little; what fails here fails for a client that was polite elsewhere.
"""

from __future__ import annotations

from typing import ClassVar

from tests.servers.base import S3Server, free_port


class MotoServer(S3Server):
    """Keeps everything in memory. Any keys will do."""

    name = "moto"
    access_key: ClassVar[str] = "moto-user"
    secret_key: ClassVar[str] = "moto-secret"

    def start(self) -> None:
        port = free_port()
        self.spawn("moto", [str(self.home / "bin" / "moto_server"), "--host", "127.0.0.1", "--port", str(port)])
        self.wait_for(port, "/moto-api/")
        self.endpoint = f"http://127.0.0.1:{port}"

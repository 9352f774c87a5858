"""``rclone serve s3``: quick, forgiving, and wrong in its own ways, in front of a plain folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.servers.base import S3Server, Server, free_port

if TYPE_CHECKING:
    from pathlib import Path


class RcloneServer(S3Server):
    """Serves the folder ``data``: a container is a folder in it, an object a file."""

    name = "rclone"
    access_key: ClassVar[str] = "rclone-user"
    secret_key: ClassVar[str] = "rclone-secret-0123456789"

    @property
    def data(self) -> Path:
        """What it serves."""
        return self.run_dir / "data"

    def start(self) -> None:
        self.data.mkdir()
        config = self.run_dir / "rclone.conf"
        config.touch()
        port = free_port()
        command = [str(self.home / "bin" / "rclone"), "serve", "s3", str(self.data)]
        command += ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{self.access_key},{self.secret_key}"]
        # Without its file cache an upload is written beside the old file, and then renamed.
        command += ["--vfs-cache-mode", "off", "--config", str(config)]
        self.spawn("rclone", command)
        self.wait_for(port)
        self.endpoint = f"http://127.0.0.1:{port}"


class RcloneWebDAVServer(Server):
    """``rclone serve webdav`` over the same kind of folder, for one user."""

    name = "rclone"
    username: ClassVar[str] = "rclone-user"
    password: ClassVar[str] = "rclone: secret, ü"
    remembers_ms: ClassVar[int] = 2
    url: str

    @property
    def data(self) -> Path:
        """What it serves."""
        return self.run_dir / "data"

    def start(self) -> None:
        self.data.mkdir()
        (self.run_dir / "rclone.conf").touch()
        port = free_port()
        command = [str(self.home / "bin" / "rclone"), "serve", "webdav", str(self.data), "--addr", f"127.0.0.1:{port}"]
        command += ["--user", self.username, "--pass", self.password, "--config", str(self.run_dir / "rclone.conf")]
        # It forgets folders soon, so that what others put there is seen; to forget them at once (0s) keeps a core busy
        # with its timers. Names are compared as they are.
        command += ["--vfs-cache-mode", "off", "--dir-cache-time", f"{self.remembers_ms}ms"]
        command += ["--no-unicode-normalization"]
        self.spawn("rclone", command)
        self.wait_for(port)
        self.url = f"http://127.0.0.1:{port}"

    def environ(self) -> dict[str, str]:
        return {"WEBDAV_URL": self.url, "WEBDAV_USERNAME": self.username, "WEBDAV_PASSWORD": self.password}

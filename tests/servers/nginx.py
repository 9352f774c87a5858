"""nginx: files with ranges, and TLS in front of another server, at so little cost that it is fit to measure with.

The program comes from Debian's package, unpacked into the cache, where it is not on the PATH.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, ClassVar

import trustme

from tests.servers.base import Server, ServerError, cache_dir, free_port, only_one, run

if TYPE_CHECKING:
    from pathlib import Path

# The Host header goes through unchanged, because signatures cover it.
CONFIG = """\
daemon off;
{user}
worker_processes 1;
pid {run}/nginx.pid;
error_log {run}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {run}/body; proxy_temp_path {run}/proxy; fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi; scgi_temp_path {run}/scgi;
  sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 1000000;
  client_max_body_size 0;
  default_type application/octet-stream;
  merge_slashes off;
  ssl_certificate {run}/server.pem; ssl_certificate_key {run}/server.pem; ssl_session_cache shared:tls:1m;
  server {{
    listen 127.0.0.1:{files_port}; listen 127.0.0.1:{files_tls_port} ssl;
    root {files};
  }}
  {proxy}
}}
"""

PROXY = """\
upstream behind {{ server {upstream}; keepalive 64; }}
server {{
  listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl;
  location / {{
    proxy_pass http://behind; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_set_header Host $http_host;
    proxy_request_buffering off; proxy_buffering off; proxy_read_timeout 300s;
  }}
}}
"""


def program() -> str:
    """The path of nginx: the one that the machine has, or the one in the cache, which is put there if need be."""
    home = cache_dir() / "nginx"
    unpacked = home / "usr" / "sbin" / "nginx"
    with only_one("nginx"):
        for candidate in ("nginx", "/usr/sbin/nginx", str(unpacked)):  # the second is not on the PATH of every user
            if found := shutil.which(candidate):
                return found
        if not shutil.which("apt-get"):
            raise ServerError("nginx is not installed; without apt-get it has to be installed by hand")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        if os.geteuid() == 0:
            run(["apt-get", "update", "--quiet"])
        run(["apt-get", "download", "--quiet", "nginx"], cwd=home)
        for package in home.glob("*.deb"):
            run(["dpkg-deb", "--extract", str(package), str(home)])
    return str(unpacked)


class NginxServer(Server):
    """Serves the folder ``files``, and what listens on ``upstream`` (``host:port``) if that is given."""

    name: ClassVar[str] = "nginx"

    files_url: str
    files_tls_url: str
    url: str
    tls_url: str

    def __init__(self, upstream: str | None = None) -> None:
        super().__init__()
        self._upstream = upstream

    @property
    def files(self) -> Path:
        """What is served as files."""
        return self.run_dir / "files"

    @property
    def ca_bundle(self) -> Path:
        """The authority that signed its certificate, as PEM."""
        return self.run_dir / "ca.pem"

    def install(self) -> None:
        program()

    def start(self) -> None:
        self.files.mkdir()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_bundle)
        authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            self.run_dir / "server.pem"
        )
        files_port, files_tls_port, port, tls_port = (free_port() for _ in range(4))
        proxy = PROXY.format(upstream=self._upstream, port=port, tls_port=tls_port) if self._upstream else ""
        # Started by root its worker would become somebody who may not read the files.
        user = "user root;" if os.geteuid() == 0 else ""
        config = CONFIG.format(
            run=self.run_dir,
            user=user,
            files=self.files,
            files_port=files_port,
            files_tls_port=files_tls_port,
            proxy=proxy,
        )
        (self.run_dir / "nginx.conf").write_text(config, encoding="utf-8")
        self.spawn("nginx", [program(), "-p", str(self.run_dir), "-c", str(self.run_dir / "nginx.conf")])
        self.wait_for(files_port)
        self.files_url, self.files_tls_url = f"http://127.0.0.1:{files_port}", f"https://127.0.0.1:{files_tls_port}"
        self.url, self.tls_url = f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}"

    def environ(self) -> dict[str, str]:
        return {"NGINX_URL": self.files_url, "NGINX_TLS_URL": self.files_tls_url, "NGINX_CA": str(self.ca_bundle)}

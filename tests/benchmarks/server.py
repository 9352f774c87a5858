"""An nginx that plays S3 at nearly no cost: files for objects, WebDAV for writes, ready-made documents for the rest."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "bucket"
SMALL = bytes(range(256)) * 16
KEYS_PER_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much work there is."""

    transfer_bytes: int
    requests: int
    keys: int


FULL = Sizes(transfer_bytes=1 << 30, requests=5000, keys=100_000)
QUICK = Sizes(transfer_bytes=20 << 20, requests=300, keys=5000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running server, and where its files lie.

    ``www/bucket`` holds the objects, ``www/parts/bucket/<key>`` the parts of uploads, ``www/pages``
    the listing; ``source`` is the file to upload.
    """

    endpoint: str
    folder: Path
    sizes: Sizes

    @property
    def source(self) -> Path:
        return self.folder / "www" / BUCKET / "large"

    @property
    def target(self) -> Path:
        return self.folder / "target"

    @property
    def puts(self) -> Path:
        return self.folder / "www" / BUCKET / "put"

    @property
    def parts(self) -> Path:
        return self.folder / "www" / "parts"


_OTHER_ETAG = f"{'0' * 32}-1"
_NAMES = f"<Bucket>{BUCKET}</Bucket><Key>put</Key>"
_CREATED = f"<InitiateMultipartUploadResult>{_NAMES}<UploadId>1</UploadId></InitiateMultipartUploadResult>"
_COMPLETED = f'<CompleteMultipartUploadResult>{_NAMES}<ETag>"{_OTHER_ETAG}"</ETag></CompleteMultipartUploadResult>'

_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_body_buffer_size 256k;
  client_body_temp_path {folder}/tmp/body;
  proxy_temp_path {folder}/tmp/proxy;
  fastcgi_temp_path {folder}/tmp/fastcgi;
  uwsgi_temp_path {folder}/tmp/uwsgi;
  scgi_temp_path {folder}/tmp/scgi;

  map "$request_method $args" $operation {{
    "~^POST .*\\buploads\\b"   create_upload;
    "~^POST .*\\buploadId="    complete_upload;
    "~^PUT .*\\bpartNumber="   upload_part;
    "~^GET .*\\blist-type=2"   list_objects;
    default                    plain;
  }}
  map $args $page {{
    "~\\bcontinuation-token=(?<token>[0-9]+)" $token;
    default                                   0;
  }}
  # As S3 has it: that of an object written in one request is its MD5. nginx makes one for the large file.
  map "$request_method $uri" $etag {{
    "~^(GET|HEAD) /{bucket}/small/" '"{small_md5}"';
    "~^PUT /{bucket}/put/"          '"{small_md5}"';
    "~^PUT "                        '"{other_etag}"';
    default                         "";
  }}

  server {{
    listen 127.0.0.1:{port};
    root {folder}/www;
    default_type application/octet-stream;
    add_header ETag $etag always;

    if ($operation = create_upload) {{
      return 200 '{created}';
    }}
    if ($operation = complete_upload) {{
      return 200 '{completed}';
    }}
    if ($operation = upload_part) {{ rewrite ^ /parts$uri/$arg_partNumber; }}
    if ($operation = list_objects) {{ rewrite ^ /pages/$page.xml; }}

    location / {{
      dav_methods PUT DELETE;
      create_full_put_path on;
    }}
    location /{bucket}/small/ {{ etag off; }}
    location /pages/ {{ default_type application/xml; }}
  }}
}}
"""


@contextlib.contextmanager
def serve(sizes: Sizes) -> Iterator[Site]:
    """A site, in memory where there is room, that is gone again at the end."""
    with tempfile.TemporaryDirectory(prefix="aiostorage-bench-", dir=_roomy(4 * sizes.transfer_bytes)) as name:
        folder = Path(name)
        port = _free_port()
        site = Site(endpoint=f"http://127.0.0.1:{port}", folder=folder, sizes=sizes)
        _fill(site)
        config = folder / "nginx.conf"
        small_md5 = hashlib.md5(SMALL).hexdigest()
        config.write_text(
            _CONFIG.format(
                folder=folder,
                port=port,
                bucket=BUCKET,
                small_md5=small_md5,
                other_etag=_OTHER_ETAG,
                created=_CREATED,
                completed=_COMPLETED,
            )
        )
        with subprocess.Popen([nginx(), "-p", name, "-c", config, "-e", folder / "error.log"]) as process:
            try:
                _await_port(port, process, folder / "error.log")
                yield site
            finally:
                process.terminate()


def nginx() -> str:
    """The path of nginx, which need not be on the PATH of a user."""
    path = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if path is None:
        raise SystemExit("the benchmarks need nginx (Debian: apt-get install nginx-light)")
    return path


def clear(site: Site) -> None:
    """Forget what a client has written."""
    shutil.rmtree(site.puts, ignore_errors=True)
    shutil.rmtree(site.parts, ignore_errors=True)
    site.target.unlink(missing_ok=True)


def _roomy(needed_bytes: int) -> str | None:
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > needed_bytes else None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up and process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise SystemExit(f"nginx does not answer:\n{log.read_text()}")


def _fill(site: Site) -> None:
    for folder in (site.source.parent / "small", site.folder / "www" / "pages", site.folder / "tmp"):
        folder.mkdir(parents=True)
    block = os.urandom(1 << 20)
    with site.source.open("wb") as file:
        for _ in range(site.sizes.transfer_bytes // len(block)):
            file.write(block)
    for number in range(site.sizes.requests):
        (site.source.parent / "small" / f"{number}").write_bytes(SMALL)
    pages = site.sizes.keys // KEYS_PER_PAGE
    for page in range(pages):
        text = _page(page, is_last=page == pages - 1)
        (site.folder / "www" / "pages" / f"{page}.xml").write_text(text)


def _page(page: int, *, is_last: bool) -> str:
    more = "" if is_last else f"<NextContinuationToken>{page + 1}</NextContinuationToken>"
    items = "".join(
        f"<Contents><Key>2026/photos/{number:012}.jpg</Key><LastModified>2026-03-01T12:00:00.000Z</LastModified>"
        f"<ETag>&quot;{number:032x}&quot;</ETag><Size>{number}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for number in range(page * KEYS_PER_PAGE, (page + 1) * KEYS_PER_PAGE)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{BUCKET}</Name><Prefix></Prefix><KeyCount>{KEYS_PER_PAGE}</KeyCount><MaxKeys>{KEYS_PER_PAGE}</MaxKeys>"
        "<EncodingType>url</EncodingType>"
        f"<IsTruncated>{'false' if is_last else 'true'}</IsTruncated>{more}{items}</ListBucketResult>"
    )

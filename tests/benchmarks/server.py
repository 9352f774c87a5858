"""An nginx that plays S3 at nearly no cost: files for objects, WebDAV for writes, ready-made documents for the rest."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from tests.benchmarks.workloads import BUCKET, SMALL, Site, Sizes
from tests.servers.base import Server, free_port
from tests.servers.nginx import program

KEYS_PER_PAGE = 1000

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
    # Head and body leave in one write, as from a storage service; a sendfile would come after the head.
    location /{bucket}/small/ {{ etag off; sendfile off; }}
    location /pages/ {{ default_type application/xml; }}
  }}
}}
"""


class BenchServer(Server):
    """The server with all that is to be read from it. It lies in memory where there is room."""

    name: ClassVar[str] = "bench"

    site: Site

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        super().__init__()

    def run_parent(self) -> Path:
        memory = Path("/dev/shm")
        # The large object, what a client has made of it, and what nginx has not yet moved to its place.
        needed = 4 * self._sizes.transfer_bytes
        is_roomy = memory.is_dir() and shutil.disk_usage(memory).free > needed
        return memory if is_roomy else Path(tempfile.gettempdir())

    def install(self) -> None:
        program()

    def start(self) -> None:
        port = free_port()
        self.site = Site(endpoint=f"http://127.0.0.1:{port}", folder=self.run_dir, sizes=self._sizes)
        _fill(self.site)
        config = self.run_dir / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                folder=self.run_dir,
                port=port,
                bucket=BUCKET,
                small_md5=hashlib.md5(SMALL).hexdigest(),
                other_etag=_OTHER_ETAG,
                created=_CREATED,
                completed=_COMPLETED,
            )
        )
        self.spawn("nginx", [program(), "-p", str(self.run_dir), "-c", str(config)])
        self.wait_for(port)

    def environ(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.site.endpoint}


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

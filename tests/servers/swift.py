"""OpenStack Swift: proxy, account, container and object server, with one copy of everything.

It speaks S3 and its own API on one port, and it checks signatures, hashes and conditions as the
real thing does, because it is. Users come from ``tempauth``, in place of Keystone.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import tempfile
from pathlib import Path
from typing import ClassVar

from tests.servers.base import HERE, S3Server, ServerError, cache_dir, free_port, run

PARTS = ("account", "container", "object")

# What every one of the four wants to know. Without a syslog it logs to stderr alone (-v). They wait for one another
# however busy the machine is: what an object server has not told the container within its second (the default) is told
# later by a daemon that does not run here, and until then listings are wrong.
# https://manpages.ubuntu.com/manpages/noble/man1/swift-object-updater.1.html
DEFAULT = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {etc}
devices = {devices}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
user = {user}
workers = 0
log_address = {etc}/no-syslog
log_level = WARNING
conn_timeout = 60
node_timeout = 60
container_update_timeout = 60
"""

PART = """
[pipeline:main]
pipeline = {part}-server

[app:{part}-server]
use = egg:swift#{part}
allow_versions = true
"""

# The order is the one that Swift's own sample has; the cache stands in for memcached.
PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl formpost {auth} staticweb \
copy container-quotas account-quotas slo dlo versioned_writes symlink proxy-server

[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true

[filter:cache]
paste.filter_factory = memory_cache:filter_factory

[filter:tempurl]
use = egg:swift#tempurl
allowed_digests = sha1 sha256 sha512

[filter:formpost]
use = egg:swift#formpost
allowed_digests = sha1 sha256 sha512

[filter:slo]
use = egg:swift#slo
min_segment_size = 1

[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
"""

TEMPAUTH = """
[filter:s3api]
use = egg:swift#s3api
min_segment_size = 1
location = us-east-1
storage_domain = localhost

[filter:tempauth]
use = egg:swift#tempauth
token_life = {token_life}
user_test_tester = testing .admin
user_test_reader = reading
user_other_tester = testing .admin
"""

PLAIN_FILTERS = (
    *("catch_errors", "gatekeeper", "healthcheck", "listing_formats", "bulk", "staticweb", "copy"),
    *("container-quotas", "account-quotas", "dlo", "symlink"),
)

CLUSTER = """\
[swift-hash]
swift_hash_path_suffix = tests

[storage-policy:0]
name = gold
default = yes
"""


class SwiftServer(S3Server):
    """One account, ``test``, whose user ``tester`` may do everything, and ``reader`` nothing that is not granted."""

    name = "swift"
    access_key: ClassVar[str] = "test:tester"
    secret_key: ClassVar[str] = "testing"
    token_life_s: ClassVar[int] = 86_400

    @property
    def auth_url(self) -> str:
        """Where the Swift API hands out tokens (``X-Auth-User`` and ``X-Auth-Key`` are the S3 keys)."""
        return f"{self.endpoint}/auth/v1.0"

    @property
    def storage_url(self) -> str:
        """The account in the Swift API."""
        return f"{self.endpoint}/v1/AUTH_test"

    def environ(self) -> dict[str, str]:
        return {
            **super().environ(),
            "ST_AUTH": self.auth_url,
            "ST_USER": self.access_key,
            "ST_KEY": self.secret_key,
        }

    def run_parent(self) -> Path:
        # Swift keeps metadata in extended attributes, which not every temporary folder takes.
        for parent in (Path(tempfile.gettempdir()), cache_dir()):
            parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=parent) as probe, contextlib.suppress(OSError):
                os.setxattr(probe.fileno(), "user.swift.probe", b"1")
                return parent
        raise ServerError("Swift needs a file system with extended attributes; set TMPDIR to a folder on one")

    def auth(self) -> tuple[str, str]:
        """Who looks at tokens: filters for the pipeline of the proxy, and their configuration."""
        return "s3api tempauth", TEMPAUTH.format(token_life=self.token_life_s)

    def start(self) -> None:
        etc, devices = self.run_dir / "etc", self.run_dir / "devices"
        etc.mkdir()
        (devices / "disk").mkdir(parents=True)
        ports = {part: free_port() for part in (*PARTS, "proxy")}
        (etc / "swift.conf").write_text(CLUSTER, encoding="utf-8")
        auth, auth_filters = self.auth()
        filters = auth_filters + "".join(
            f"\n[filter:{name}]\nuse = egg:swift#{name.replace('-', '_')}\n" for name in PLAIN_FILTERS
        )
        for part, port in ports.items():
            head = DEFAULT.format(port=port, etc=etc, devices=devices, user=getpass.getuser())
            body = PROXY.format(auth=auth) + filters if part == "proxy" else PART.format(part=part)
            (etc / f"{part}.conf").write_text(head + body, encoding="utf-8")
        python = str(self.home / "bin" / "python")
        run([python, str(HERE / "_swift" / "make_rings.py"), *(f"{part}={ports[part]}" for part in PARTS)], cwd=etc)
        env = {"PYTHONPATH": str(HERE / "_swift"), "PYTHONWARNINGS": "ignore"}
        for part in ports:
            server = str(self.home / "bin" / f"swift-{part}-server")
            self.spawn(part, [python, server, str(etc / f"{part}.conf"), "-v"], env=env)
        for part in PARTS:
            self.wait_for(ports[part])
        self.wait_for(ports["proxy"], "/healthcheck")
        self.endpoint = f"http://127.0.0.1:{ports['proxy']}"

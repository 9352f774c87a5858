"""Ceph's object gateway, with the smallest cluster behind it: one monitor, and one disk that is memory.

It keeps versions, checks signatures and obeys conditions, and it is what many a private cloud runs.
The programs are those of Debian's packages. Where the machine has not installed them they are
unpacked into the cache, with the libraries that it lacks: nothing becomes a service, and root is not
needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import uuid
from typing import TYPE_CHECKING, ClassVar

from tests.servers.base import START_TIMEOUT_S, S3Server, ServerError, cache_dir, free_port, only_one, run

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("ceph-common", "ceph-mon", "ceph-osd", "radosgw")
PROGRAMS = ("ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "osdmaptool", "radosgw", "radosgw-admin")

# Deleted parts and the tails of objects would be kept for two hours, in a memory that does not grow; a full one
# lets every write wait for ever. Short logs and no tracking save a third of the time and most of the memory.
#
# Whatever a monitor proposes waits for more to propose with it: by default for a second, ten times in a row at the
# start. A gateway that stops after its cluster would wait for it.
CONFIG = """\
[global]
fsid = {fsid}
mon_host = v2:127.0.0.1:{mon_port}/0
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_port_min = {osd_port}
ms_bind_port_max = {last_osd_port}
keyring = {run}/keyring
run_dir = {run}
crash_dir = {run}
admin_socket =
pid_file =
log_file =
log_to_stderr = true
debug_mon = 0
debug_osd = 0
debug_paxos = 0
debug_rgw = 0
debug_rocksdb = 0
debug_ms = 0
debug_objclass = 0
debug_objecter = 0
debug_optracker = 0
debug_rados = 0
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
{unpacked}
[mon.a]
mon_data = {run}/mon

[osd]
osd_data = {run}/osd
osd_objectstore = memstore
memstore_device_bytes = {capacity}
osd_enable_op_tracker = false
osd_min_pg_log_entries = 10
osd_max_pg_log_entries = 100
osd_pg_log_dups_tracked = 10
osd_pg_log_trim_min = 10
osd_crush_update_on_start = false
osd_class_update_on_start = false
osd_fast_shutdown_notify_mon = false
osd_class_load_list = *
osd_class_default_list = *

[client.rgw.a]
rgw_data = {run}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_exit_timeout_secs = 1
rgw_crypt_require_ssl = false
rgw_multipart_min_part_size = 1
rgw_crypt_s3_kms_backend = testing
rgw_crypt_s3_kms_encryption_keys = {kms_key_id}=YWlvc3RvcmFnZSB0ZXN0cywga2V5IG51bWJlciBvbmU=
rgw_gc_obj_min_wait = 1
rgw_gc_processor_period = 5
rgw_s3_auth_use_sts = true
rgw_sts_key = 0123456789abcdef
"""

UNPACKED = """\
plugin_dir = {libraries}/ceph
osd_class_dir = {libraries}/rados-classes
erasure_code_dir = {libraries}/ceph/erasure-code
"""


def unpacked() -> Path | None:
    """The folder that the programs were unpacked into, now if need be; None where the machine has them itself."""
    home = cache_dir() / "ceph"
    done = home / ".complete"
    with only_one("ceph"):
        if all(shutil.which(program) for program in PROGRAMS):
            return None
        if done.exists():
            return home
        if not shutil.which("apt-get"):
            raise ServerError(f"{', '.join(PACKAGES)} are not installed; without apt-get it has to be done by hand")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        if os.geteuid() == 0:
            run(["apt-get", "update", "--quiet"])
        run(["apt-get", "download", "--quiet", *missing_packages()], cwd=home)
        for package in home.glob("*.deb"):
            run(["dpkg-deb", "--extract", str(package), str(home)])
            package.unlink()
        done.touch()
    return home


def missing_packages() -> list[str]:
    """Which packages hold the programs, and the libraries that the machine lacks for them."""
    command = ["apt-get", "install", "--simulate", "--no-install-recommends", *PACKAGES]
    simulated = subprocess.run(command, capture_output=True, text=True, check=False)
    if simulated.returncode:
        raise ServerError(f"Ceph cannot be had from apt-get:\n{simulated.stdout[-4000:]}{simulated.stderr[-4000:]}")
    # A version in brackets after the name is one that is there, and would be replaced.
    return re.findall(r"^Inst (ceph\S*|radosgw|lib\S+) \(", simulated.stdout, re.MULTILINE)


class CephServer(S3Server):
    """One user, who may do everything, and make roles for the service that hands out temporary credentials."""

    name = "ceph"
    access_key: ClassVar[str] = "ceph-user"
    secret_key: ClassVar[str] = "ceph-secret-0123456789"
    kms_key_id: ClassVar[str] = "tests-key-1"
    swift_user: ClassVar[str] = "tests:swift"
    """The user of the Swift API; the key is ``secret_key``."""
    capacity_bytes: ClassVar[int] = 2 * 1024**3

    @property
    def auth_url(self) -> str:
        """Where the Swift API hands out tokens."""
        return f"{self.endpoint}/auth/v1.0"

    def install(self) -> None:
        unpacked()

    def start(self) -> None:
        home = unpacked()
        libraries = None if home is None else next((home / "usr" / "lib").glob("*-linux-gnu*"))
        for folder in ("mon", "osd", "rgw"):
            (self.run_dir / folder).mkdir()
        mon_port, osd_port, port = (free_port() for _ in range(3))
        fsid = str(uuid.uuid4())
        config = CONFIG.format(
            fsid=fsid,
            run=self.run_dir,
            mon_port=mon_port,
            osd_port=osd_port,
            last_osd_port=osd_port + 300,  # it takes eight, wherever they are free
            port=port,
            kms_key_id=self.kms_key_id,
            capacity=self.capacity_bytes,
            unpacked="" if libraries is None else UNPACKED.format(libraries=libraries),
        )
        (self.run_dir / "ceph.conf").write_text(config, encoding="utf-8")

        def command(program: str, *arguments: str) -> list[str]:
            if home is None or libraries is None:
                return [program, *arguments]
            path = f"{libraries}:{libraries}/ceph:{home}/lib/{libraries.name}"
            return ["env", f"LD_LIBRARY_PATH={path}", str(home / "usr" / "bin" / program), *arguments]

        def daemon(program: str, *arguments: str) -> list[str]:
            return command(program, "--conf", str(self.run_dir / "ceph.conf"), *arguments)

        def keyring(*arguments: str) -> list[str]:
            return command(
                "ceph-authtool", str(self.run_dir / "keyring"), "--gen-key", *arguments, "--cap", "mon", "allow *"
            )

        monmap, osdmap = str(self.run_dir / "monmap"), str(self.run_dir / "osdmap")
        run(keyring("--create-keyring", "--name", "mon."))
        for name in ("osd.0", "client.admin", "client.rgw.a"):
            run([*keyring("--name", name), "--cap", "osd", "allow *"])
        run(command("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{mon_port}]", monmap))
        # A map with the disk in it makes it known to the monitor without being told.
        run(command("osdmaptool", "--createsimple", "1", osdmap))
        run([*daemon("ceph-mon", "--mkfs", "--id", "a"), "--monmap", monmap, "--osdmap", osdmap])
        run(daemon("ceph-osd", "--mkfs", "--no-mon-config", "--id", "0", "--osd-uuid", str(uuid.uuid4())))
        self.spawn("mon", daemon("ceph-mon", "--foreground", "--id", "a"))
        self.spawn("osd", daemon("ceph-osd", "--foreground", "--id", "0"))
        self.spawn("rgw", daemon("radosgw", "--foreground", "--name", "client.rgw.a"))
        self.wait_for(port)
        user = [
            "--uid",
            "tests",
            "--display-name",
            "tests",
            "--access-key",
            self.access_key,
            "--secret",
            self.secret_key,
            "--caps",
            "roles=*",
        ]
        # Without a cluster it would wait for one.
        admin = ("radosgw-admin", "--name", "client.rgw.a")
        run(daemon(*admin, "user", "create", *user), timeout_s=START_TIMEOUT_S)
        swift = ["--uid", "tests", "--subuser", self.swift_user, "--access", "full", "--key-type", "swift"]
        run(daemon(*admin, "subuser", "create", *swift, "--secret", self.secret_key), timeout_s=START_TIMEOUT_S)
        self.endpoint = f"http://127.0.0.1:{port}"

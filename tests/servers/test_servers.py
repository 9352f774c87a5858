"""The servers themselves: that they run, answer boto3, keep what they are given, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.servers import base
from tests.servers.base import Server, ServerError, free_port
from tests.servers.nginx import NginxServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.base import S3Server
    from tests.servers.swift import SwiftServer


@pytest.mark.parametrize("name", ["swift", "rclone", "ceph", "moto"])
def test_an_object_comes_back(name: str, request: pytest.FixtureRequest, s3_witness: Callable[[S3Server], Any]) -> None:
    client = s3_witness(request.getfixturevalue(f"{name}_server"))
    client.create_bucket(Bucket="smoke")
    client.put_object(Bucket="smoke", Key="a/b c.txt", Body=b"content")
    assert client.get_object(Bucket="smoke", Key="a/b c.txt")["Body"].read() == b"content"
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket="smoke")["Contents"]] == ["a/b c.txt"]
    client.delete_object(Bucket="smoke", Key="a/b c.txt")
    client.delete_bucket(Bucket="smoke")


def test_a_wrong_key_is_refused(s3_server: S3Server, s3_witness: Callable[[S3Server], Any]) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint,
        region_name=s3_server.region,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key="wrong",
    )
    with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|AccessDenied"):
        client.list_buckets()
    client.close()


def test_swift_hands_out_tokens_that_open_the_account(swift_server: SwiftServer) -> None:
    request = urllib.request.Request(swift_server.auth_url)
    request.add_header("X-Auth-User", swift_server.access_key)
    request.add_header("X-Auth-Key", swift_server.secret_key)
    with urllib.request.urlopen(request) as response:
        assert response.headers["X-Storage-Url"] == swift_server.storage_url
        token = response.headers["X-Auth-Token"]
    account = urllib.request.Request(swift_server.storage_url, headers={"X-Auth-Token": token})
    with urllib.request.urlopen(account) as response:
        assert response.status in {200, 204}


def test_nginx_serves_files_over_tls_and_passes_the_rest_on(swift_server: SwiftServer, tmp_path: Path) -> None:
    with NginxServer(upstream=swift_server.endpoint.removeprefix("http://")) as nginx:
        (nginx.files / "file").write_bytes(b"0123456789")
        context = ssl.create_default_context(cafile=nginx.ca_bundle)
        ranged = urllib.request.Request(f"{nginx.files_tls_url}/file", headers={"Range": "bytes=2-4"})
        with urllib.request.urlopen(ranged, context=context) as response:
            assert (response.status, response.read()) == (206, b"234")
        with urllib.request.urlopen(f"{nginx.tls_url}/healthcheck", context=context) as response:
            assert response.read() == b"OK"
    assert not nginx.run_dir.exists()


class ThreePorts:
    """Chance that knows three ports only."""

    def __init__(self) -> None:
        self._turn = 0

    def randrange(self, start: int, _: int) -> int:
        self._turn += 1
        return start + self._turn % 3


def test_a_port_is_given_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to two processes that both have not started their servers yet."""
    monkeypatch.setattr(base, "_random", ThreePorts())
    other = "from tests.servers import base, test_servers as here; base._random = here.ThreePorts(); "
    command = [sys.executable, "-c", f"{other} print(base.free_port(), flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        theirs = int(process.stdout.readline())
        ours = {free_port(), free_port()}
        assert len(ours | {theirs}) == 3
        with pytest.raises(ServerError, match="no free port"):
            free_port()
        process.communicate("\n")


class PythonServer(Server):
    """A small server without anything to install."""

    name = "python"

    def __init__(self, *arguments: str) -> None:
        super().__init__()
        self.port = free_port()
        self._arguments = arguments or ("-m", "http.server", "--bind", "127.0.0.1", str(self.port))

    def install(self) -> None:
        pass

    def start(self) -> None:
        self.spawn("python", [sys.executable, *self._arguments])
        self.wait_for(self.port)

    def environ(self) -> dict[str, str]:
        return {}


def test_a_server_that_does_not_start_shows_its_log_and_leaves_nothing() -> None:
    server = PythonServer("-c", "raise SystemExit('the disk is on fire')")
    with pytest.raises(ServerError, match="the disk is on fire"), server:
        pytest.fail("it started")
    assert not server.run_dir.exists()


class PairedServer(PythonServer):
    """One process that takes connections and never answers, and one that it would need for that."""

    def start(self) -> None:
        listen = f"import socket, signal; s = socket.create_server(('127.0.0.1', {self.port})); print('up', flush=True)"
        self.spawn("front", [sys.executable, "-c", f"{listen}; signal.pause()"])
        self.spawn("back", [sys.executable, "-c", "import signal; print('out of memory', flush=True); signal.pause()"])
        for log in ("front", "back"):
            while not (self.run_dir / f"{log}.log").read_bytes():
                pass

    def lose(self, name: str) -> None:
        (process,) = [process for process, log in self._processes if log.stem == name]
        process.kill()


def test_a_server_of_which_a_process_dies_breaks_off_and_says_so() -> None:
    server = PairedServer()
    with (
        pytest.raises(ServerError, match=r"back of python ended with -9:\nout of memory"),
        server,
        socket.create_connection(("127.0.0.1", server.port)) as waiting,
    ):
        waiting.sendall(b"GET / HTTP/1.1\r\n\r\n")
        server.lose("back")
        with contextlib.suppress(ConnectionResetError):
            assert waiting.recv(1) == b""
    assert not server.run_dir.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_server_does_not_outlive_whoever_started_it() -> None:
    script = (
        "from tests.servers.test_servers import PythonServer\n"
        "server = PythonServer()\n"
        "server.__enter__()\n"
        "print(server.port, server.run_dir, flush=True)\n"
        "input()\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with owner:
        assert owner.stdout is not None
        port, run_dir = owner.stdout.readline().split()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as response:
            assert response.status == 200
        os.kill(owner.pid, signal.SIGKILL)
    for _ in range(1000):  # the server may take a moment to end
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(port))):
                break
    else:
        pytest.fail("it still runs")
    shutil.rmtree(run_dir)

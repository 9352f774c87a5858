"""The quickstart and the demonstration run as programs, and clean up after themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.examples.apps import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from tests.servers.base import S3Server

SMALL = ["--files", "300", "--size", "20"]


def start(script: str, *arguments: str, scratch: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    scratch.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / script), *arguments],
        cwd=scratch,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # What a shell starts in the background ignores it, and so would all that is started from there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - this process starts no threads
    )


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=300)
    return output


@pytest.mark.parametrize("url", ["memory:", "file:data"])
def test_the_quickstart(url: str, tmp_path: Path) -> None:
    process = start("quickstart.py", url, scratch=tmp_path / "scratch")
    output = finish(process)
    assert process.returncode == 0, output
    assert "2026/readings.csv" in output
    assert "there is an object of this name" in output
    assert not [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]


def test_the_demonstration(tmp_path: Path) -> None:
    process = start("demo.py", *SMALL, scratch=tmp_path / "scratch")
    output = finish(process)
    assert process.returncode == 0, output
    assert "all 301 files came back with the same SHA-256" in output
    assert "\r" not in output  # nothing for terminals where there is none
    assert not list((tmp_path / "scratch").iterdir())


def test_the_demonstration_on_s3(swift_server: S3Server, s3_witness: Callable[[S3Server], Any], tmp_path: Path) -> None:
    url = f"s3://?endpoint={swift_server.endpoint}&region={swift_server.region}"
    process = start("demo.py", *SMALL, url, scratch=tmp_path, env=swift_server.environ())
    output = finish(process)
    assert process.returncode == 0, output
    assert "all 301 files came back" in output
    buckets = s3_witness(swift_server).list_buckets()["Buckets"]
    assert not [bucket["Name"] for bucket in buckets if "demo" in bucket["Name"]]


def test_the_demonstration_when_it_is_interrupted(tmp_path: Path) -> None:
    store, scratch = tmp_path / "store", tmp_path / "scratch"
    process = start("demo.py", *SMALL, store.as_uri(), scratch=scratch)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert "300 files" in first
    process.send_signal(signal.SIGINT)
    output = finish(process)
    assert process.returncode == 1, output
    assert "interrupted" in output
    assert "Traceback" not in output
    assert not list(scratch.iterdir())
    assert not list(store.glob("aiostorage-demo-*"))


def test_the_demonstration_when_there_is_no_storage(tmp_path: Path) -> None:
    (tmp_path / "store").touch()  # a file, where a folder should be
    process = start("demo.py", *SMALL, (tmp_path / "store").as_uri(), scratch=tmp_path / "scratch")
    output = finish(process)
    assert process.returncode == 1
    assert output.startswith("failed: local create_container")
    assert output.count("\n") == 1

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import AuthenticationError, StorageError, StorageTimeoutError, UnexpectedResponseError
from aiostorage.providers.s3.credentials.process import Process
from tests.unit.s3.aws import LATER, NOW

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

GOOD = {"Version": 1, "AccessKeyId": "AKIA1", "SecretAccessKey": "hunter2key"}
TEMPORARY = GOOD | {"SessionToken": "hunter2session", "Expiration": "2026-01-02T04:04:05+00:00"}


def program(code: str, *arguments: str, timeout_s: float = 60.0) -> Process:
    command = shlex.join([sys.executable, "-S", "-c", code, *arguments])
    return Process(command=command, profile="mine", timeout_s=timeout_s)


def printing(document: object) -> Process:
    return program("import sys; print(sys.argv[1])", json.dumps(document))


@pytest.mark.verifies("credentials: a process", on="fake")
async def test_keys_with_and_without_an_end() -> None:
    found = await printing(TEMPORARY).fetch(NOW)
    assert (found.access_key_id, found.session_token, found.expires_at) == ("AKIA1", "hunter2session", LATER)
    found = await printing(GOOD).fetch(NOW)
    assert (found.secret_access_key, found.session_token, found.expires_at) == ("hunter2key", None, None)


async def test_there_is_no_shell_and_no_input() -> None:
    code = "import sys; print(sys.argv[1].replace('AKIA1', sys.argv[2] + sys.stdin.read()))"
    found = await program(code, json.dumps(GOOD), "$HOME;`id`").fetch(NOW)
    assert found.access_key_id == "$HOME;`id`"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (program("import sys; print('hunter2'); sys.exit('hunter2stderr')"), AuthenticationError),
        (program("print('hunter2')"), UnexpectedResponseError),
        (program("print('[]')"), UnexpectedResponseError),
        (program("import sys; sys.stdout.buffer.write(b'\\xff')"), UnexpectedResponseError),
        (printing(GOOD | {"Version": 2}), UnexpectedResponseError),
        (printing(GOOD | {"Version": "hunter2"}), UnexpectedResponseError),
        (printing(GOOD | {"Expiration": "hunter2"}), UnexpectedResponseError),
        (printing({"Version": 1, "SecretAccessKey": "hunter2"}), UnexpectedResponseError),
        (printing(TEMPORARY | {"Expiration": "2026-01-02T03:04:05Z"}), AuthenticationError),
        (Process(command="/no/such/program --password hunter2", profile="mine"), AuthenticationError),
        (Process(command="unbalanced 'hunter2", profile="mine"), AuthenticationError),
        (Process(command=" ", profile="mine"), AuthenticationError),
    ],
)
async def test_programs_that_have_no_credentials(
    source: Process, kind: type[StorageError], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    with pytest.raises(kind, match="'mine'") as caught:
        await source.fetch(NOW)
    assert type(caught.value) is kind
    printed = capfd.readouterr()
    assert "hunter2" not in f"{caught.value} {caught.value!r} {source!r} {caplog.text} {printed.out} {printed.err}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_one_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(StorageTimeoutError):
        await program(code, str(file), timeout_s=0.5).fetch(NOW)
    assert not _lives(file)


async def test_one_whose_caller_goes_away_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    task = asyncio.create_task(program(code, str(file)).fetch(NOW))
    await asyncio.to_thread(_wait_for, file)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert not _lives(file)


def _wait_for(file: Path) -> None:
    while not (file.exists() and file.read_text()):
        time.sleep(0.01)


def _lives(file: Path) -> bool:
    try:
        os.kill(int(file.read_text() or "0"), 0)
    except (ProcessLookupError, FileNotFoundError):
        return False
    return True

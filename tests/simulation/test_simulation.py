"""Thousands of schedules, in none of which a rule of ``ledger`` is broken; and that a broken rule would be noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aiostorage._http import client
from aiostorage._tasks import Group
from aiostorage._transfer import listing
from aiostorage._transfer.paths import FileWriter
from aiostorage._transfer.source import ObjectSource, RangeReader, Verifier
from aiostorage._transfer.upload import PartsUpload
from aiostorage._transfer.writer import ObjectWriter
from aiostorage.providers.s3 import errors as s3_errors
from tests.simulation.network import AFTER, BEFORE, BODY
from tests.simulation.schedule import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiostorage._http.messages import Request, Response
    from aiostorage.backend import Backend
    from aiostorage.errors import StorageError
    from aiostorage.models import ObjectInfo, Upload

ROOT = Path(__file__).parents[2]
BLOCKS = 10


@pytest.mark.slow("it runs thousands of schedules")
@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_schedule_breaks_a_rule(block: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    count = request.config.getoption("--schedules")
    for seed in range(block, count, BLOCKS):
        fail_on(seed, tmp_path)


def test_some_schedules_break_no_rule_and_meet_every_fault(tmp_path: Path) -> None:
    faults: Counter[str] = Counter()
    for seed in range(100_000, 100_100):
        faults += fail_on(seed, tmp_path)
    assert faults.keys() >= set(BEFORE + AFTER + BODY)


def fail_on(seed: int, folder: Path) -> Counter[str]:
    outcome = run(seed, folder)
    if outcome.failure is not None:
        last = "\n".join(outcome.trace[-40:])
        pytest.fail(f"python -m tests.simulation --seed {seed}\n{outcome.failure}\n{last}", pytrace=False)
    return outcome.faults


@pytest.mark.parametrize("seed", [903, 3508])
def test_a_seed_replays_exactly_in_another_process_too(seed: int, tmp_path: Path) -> None:
    first, again = run(seed, tmp_path), run(seed, tmp_path)
    assert first.trace == again.trace
    assert len(first.trace) > 20
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed)]
    environment = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONIOENCODING": "utf-8"}
    printed = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True).stdout
    assert printed.decode().splitlines()[:-1] == first.trace


# Bugs that others have, put in on purpose. Each takes away one rule of the package.

_REAL: dict[str, Any] = {
    "start": Group.start,
    "open": ObjectSource.open,
    "read_error": s3_errors.read_error,
    "check": Verifier.check,
}


async def complete_before_the_last_part(self: PartsUpload) -> ObjectInfo:
    return await self._complete(await self._begin())


async def forget_to_abort(self: PartsUpload, upload: Upload) -> None:
    self._upload = None


async def abort_once(backend: Backend, upload: Upload) -> None:
    await backend.abort_upload(upload)


def splice(self: RangeReader, chunk: bytes) -> bytes:
    """A 200 is taken for the range that was asked for."""
    return chunk[: None if self._stop is None else self._stop - self.position]


async def open_any_version(self: ObjectSource, byte_range: Any = None) -> Any:
    self.info = None
    return await _REAL["open"](self, byte_range)


def overlook_errors_behind_200(request: Request, response: Response) -> StorageError | None:
    return None if response.status < 300 else _REAL["read_error"](request, response)


async def publish_whatever_happens(self: ObjectWriter, *error: object) -> None:
    """What a writer does that commits when it is closed."""
    if self._is_open:
        await self.commit()
    await self._parts.__aexit__(None, None, None)


def keep_the_temporary_file(self: FileWriter) -> None:
    self._close()


async def end_at_an_empty_page(fetch: Any) -> Any:
    token = None
    while (page := await fetch(token)).items:
        for item in page.items:
            yield item
        token = page.next_token
        if token is None:
            return


def start_and_forget(self: Group, work: Any, *, finish: Callable[[], None] | None = None) -> None:
    """What is given back at the end of a task is lost where the task has not begun."""

    async def run_and_finish() -> None:
        try:
            await work
        finally:
            if finish is not None:
                finish()

    _REAL["start"](self, run_and_finish())


BUGS: dict[str, tuple[object, str, object]] = {
    "publish before the last part is there": (PartsUpload, "complete", complete_before_the_last_part),
    "send a conditional write again, blindly": (client, "_may_repeat", lambda *_: True),
    "forget to abort": (PartsUpload, "_abort", forget_to_abort),
    "abort once, and do not look": ("aiostorage._transfer.upload", "_abort_until_gone", abort_once),
    "take a 200 for the range": (RangeReader, "_wanted", splice),
    "mix versions": (ObjectSource, "open", open_any_version),
    "overlook an error behind a 200": ("aiostorage.providers.s3.backend", "read_error", overlook_errors_behind_200),
    "publish what a writer was left with": (ObjectWriter, "__aexit__", publish_whatever_happens),
    "leave the temporary file": (FileWriter, "discard", keep_the_temporary_file),
    "end a listing at an empty page": (listing, "items", end_at_an_empty_page),
    "do not compare checksums": (Verifier, "check", lambda _: None),
    "lose what a task holds that never began": (Group, "start", start_and_forget),
}
MOST_SCHEDULES = 400


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_found(
    bug: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    where, name, replacement = BUGS[bug]
    if isinstance(where, str):
        monkeypatch.setattr(f"{where}.{name}", replacement)
    else:
        monkeypatch.setattr(where, name, replacement)
    for seed in range(MOST_SCHEDULES):
        outcome = run(seed, tmp_path)
        if outcome.failure is not None:
            record_property("schedules", seed + 1)
            print(f"{bug}: found after {seed + 1} schedules: {outcome.failure}")
            return
    pytest.fail(f"{MOST_SCHEDULES} schedules find nothing")

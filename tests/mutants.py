"""Takes rules out of a copy of the package, one at a time, and shows that the tests which guard them fail.

``python -m tests.mutants`` prints a table, and ends with an error if a test does not notice. The rules are those of
``tests/README.md``. What is taken out is a piece of source that must be there exactly once, so that a change of the
package that a mutant has not kept up with is an error, and not a rule that nobody guards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE_S = 180
"""Longer than any of the tests takes; one that hangs without its rule has noticed. All of them have ten times this."""

_INSIDE = {"themes": "contract/test_memory.py::TestMemory"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A rule that is taken out.

    Attributes:
        rule: Its number.
        name: What is done instead, in words.
        file: Where, in the package.
        old: The piece of source.
        new: What takes its place.
        test: The test that is to fail, as ``tests/README.md`` names it; perhaps one case of it.
    """

    rule: str
    name: str
    file: str
    old: str
    new: str
    test: str

    @property
    def test_id(self) -> str:
        """The test, as pytest wants it; one of the contract is run on memory."""
        file, _, name = self.test.partition("::")
        return f"tests/{_INSIDE.get(file.partition('/')[0], file)}::{name}"


MUTANTS = (
    Mutant(
        rule="1",
        name="a writer publishes although its block failed",
        file="_transfer/writer.py",
        old="if error is None and self._is_open:",
        new="if self._is_open:",
        test="themes/writing.py::test_an_error_in_the_block",
    ),
    Mutant(
        rule="2",
        name="an abort is believed",
        file="_transfer/upload.py",
        old="if not (await backend.list_parts(upload, token=None)).items:",
        new="if upload:",
        test="faults/test_writes.py::test_an_abort_is_repeated_until_no_part_is_left",
    ),
    Mutant(
        rule="2",
        name="an upload is aborted while it may be completed",
        file="_transfer/upload.py",
        old="if _may_be_under_way(error) and not self._backend.capabilities.atomic_completion:",
        new="if not error:",
        test="faults/test_writes.py"
        "::test_an_upload_that_may_become_an_object_yet_is_aborted_only_where_that_breaks_none",
    ),
    Mutant(
        rule="3",
        name="a 200 is a success",
        file="providers/s3/errors.py",
        old="if response.status < 300 and not _IS_ERROR.match(response.body):",
        new="if response.status < 300:",
        test="faults/test_writing_rules.py::test_an_error_behind_a_200_is_what_it_says",
    ),
    Mutant(
        rule="4",
        name="URLs are normalised",
        file="_http/session.py",
        old="URL(url, encoded=True)",
        new="URL(url)",
        test="faults/test_every_cloud.py::test_keys_that_others_rewrite_arrive_as_they_are",
    ),
    Mutant(
        rule="6",
        name="any range will do",
        file="_http/body.py",
        old="if first != asked_start or stop <= first:",
        new="if stop <= first:",
        test="faults/test_every_cloud.py::test_another_range_than_was_asked_for_is_refused",
    ),
    Mutant(
        rule="7",
        name="the etag of a later answer is not looked at",
        file="_transfer/source.py",
        old="if body.info.etag != pinned.etag:",
        new="if not body.info:",
        test="faults/test_every_cloud.py::test_a_replaced_object_is_noticed_though_the_server_ignores_the_pin",
    ),
    Mutant(
        rule="9",
        name="content is decompressed",
        file="_http/session.py",
        old="auto_decompress=False,",
        new="auto_decompress=True,",
        test="faults/test_every_cloud.py::test_compressed_content_comes_as_it_is_stored",
    ),
    Mutant(
        rule="10",
        name="links may lead out of the folder",
        file="_transfer/paths.py",
        old="if not path.parent.resolve().is_relative_to(root):",
        new="if not path.parent.is_relative_to(root):",
        test="unit/transfer/test_paths.py::test_a_symbolic_link_out_of_the_folder_is_refused",
    ),
    Mutant(
        rule="11",
        name="what was written so far stays",
        file="_transfer/paths.py",
        old="self._temporary.unlink(missing_ok=True)",
        new="pass",
        test="faults/test_reads.py::test_a_body_that_never_gets_on_is_an_error_in_the_end",
    ),
    Mutant(
        rule="13",
        name="conditions are tried without a race",
        file="_transfer/conditions.py",
        old="for _ in range(RACES):",
        new="for _ in range(0):",
        test="contract/test_conditions_found_out.py"
        "::test_a_condition_that_is_obeyed_only_while_nobody_else_writes_is_none",
    ),
    Mutant(
        rule="14a",
        name="a range is compared with the checksum of the whole",
        file="_transfer/source.py",
        old="Verifier(body.info.object_hash if is_whole else None)",
        new="Verifier(body.info.object_hash)",
        test="faults/test_writing_rules.py::test_a_checksum_of_the_whole_says_nothing_of_a_range",
    ),
    Mutant(
        rule="14b",
        name="any document is a listing",
        file="providers/s3/documents.py",
        old="if found.root not in roots:",
        new="if not roots:",
        test="faults/test_every_cloud.py::test_what_is_no_listing_is_an_error_and_not_an_empty_one",
    ),
    Mutant(
        rule="15",
        name="a body that is left keeps its connection",
        file="_http/call.py",
        old="        self._answer.close()\n        if self._on_close",
        new="        if self._on_close",
        test="unit/http/test_client.py::test_leaving_a_body_early_closes_its_connection_and_frees_its_slot",
    ),
    Mutant(
        rule="17",
        name="a response closes nothing",
        file="integrations/starlette.py",
        old="if self._closing is not None:",
        new="if self._closing is None:",
        test="unit/integrations/test_adapters.py"
        "::test_a_response_closes_the_driver_that_was_made_for_it_when_it_has_been_sent",
    ),
    Mutant(
        rule="20",
        name="aiohttp is imported on the loop's thread",
        file="_http/client.py",
        old="made = await asyncio.to_thread(_make_session, self._options, self._byte_pace)",
        new="made = _make_session(self._options, self._byte_pace)",
        test="unit/test_interpreter.py::test_nothing_is_read_on_the_loops_thread",
    ),
    Mutant(
        rule="21",
        name="a body has five minutes",
        file="_http/session.py",
        old="aiohttp.ClientTimeout(total=None,",
        new="aiohttp.ClientTimeout(total=300,",
        test="faults/test_every_cloud.py::test_a_body_may_take_as_long_as_it_moves",
    ),
    Mutant(
        rule="25",
        name="any loop will do",
        file="_http/client.py",
        old="if self._is_closed or self._loop is not loop or self._pid != os.getpid():",
        new="if self._is_closed or self._pid != os.getpid():",
        test="unit/http/test_client.py::test_another_event_loop_is_refused",
    ),
    Mutant(
        rule="28",
        name="Retry-After is not obeyed",
        file="_http/retry.py",
        old="wait_s = max(wait_s, error.retry_after_s)",
        new="pass",
        test="unit/http/test_client.py::test_retry_after_is_obeyed",
    ),
    Mutant(
        rule="30",
        name="writes to one object go at once",
        file="providers/gcs/turns.py",
        old="async with lock:",
        new="if lock:",
        test="unit/gcs/test_backend.py::test_writes_to_one_object_follow_one_another",
    ),
    Mutant(
        rule="31",
        name="a request is signed once, for all attempts",
        file="_http/client.py",
        old="wire = call.wire = self._sign(",
        new="wire = call.wire = call.wire or self._sign(",
        test="unit/http/test_client.py::test_a_failure_is_tried_again_with_a_fresh_signature",
    ),
    Mutant(
        rule="34",
        name="a missing block is not asked for again",
        file="providers/azure/backend.py",
        old="if error.code != MISSING_BLOCK or error.attempts > 1:",
        new="if error.code:",
        test="unit/azure/test_backend.py::test_a_part_that_is_missing_for_a_moment_is_asked_for_once_more",
    ),
    Mutant(
        rule="35",
        name="a lost session is not begun anew",
        file="providers/gcs/resuming.py",
        old="if begin_again is None or isinstance(body, StreamBody):",
        new="if begin_again:",
        test="unit/gcs/test_on_server.py::test_a_session_that_is_lost_is_begun_anew_once",
    ),
    Mutant(
        rule="36",
        name="a proxy sees the certificate of the service's client",
        file="_http/session.py",
        old="if found is None or self._proxy_tls is None or isinstance(req, _OwnRequest):",
        new="if found is not None:",
        test="faults/test_proxies.py::test_a_proxy_over_tls_has_authorities_of_its_own_and_never_sees_our_certificate",
    ),
    Mutant(
        rule="37",
        name="strangers get Amazon's checksum",
        file="providers/s3/profiles.py",
        old='upload_digest: Literal["md5", "crc32"] | None = "md5"',
        new='upload_digest: Literal["md5", "crc32"] | None = "crc32"',
        test="faults/test_writing_rules.py::test_nothing_that_only_amazon_takes_is_sent_to_others",
    ),
    Mutant(
        rule="38",
        name="a deletion of many carries no digest",
        file="providers/s3/requests.py",
        old="**document_digest(site, body), **(BYPASS",
        new="**(BYPASS",
        test="faults/test_writing_rules.py::test_a_deletion_of_many_carries_what_services_demand_or_is_many",
    ),
    Mutant(
        rule="39",
        name="parts grow where they must be equal",
        file="_transfer/parts.py",
        old="    if limits.equal_parts:\n        return min(base, limits.max_part_size_bytes)\n",
        new="",
        test="unit/transfer/test_parts.py::test_parts_stay_equal_where_they_must",
    ),
    Mutant(
        rule="43",
        name="nothing is a marker of a folder",
        file="models.py",
        old='return self.key.endswith("/") and self.size == 0',
        new="return False",
        test="faults/test_writing_rules.py::test_a_marker_of_a_folder_is_an_object_that_tells_what_it_is",
    ),
)


def mutated(mutant: Mutant, root: Path = ROOT) -> str:
    """The file of a mutant without its rule.

    Raises:
        ValueError: What is to be taken out is not there exactly once.
    """
    source = (root / "aiostorage" / mutant.file).read_text(encoding="utf-8")
    if (count := source.count(mutant.old)) != 1:
        raise ValueError(f"{mutant.file} has {count} of {mutant.old!r}")
    return source.replace(mutant.old, mutant.new)


def run(root: Path, *tests: str) -> int | None:
    """Run tests of a copy of the repository; pytest's exit code, or None where one hangs. That of many is shown."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    patience_s = PATIENCE_S if len(tests) == 1 else 10 * PATIENCE_S
    try:
        ended = subprocess.run(command, cwd=root, env=env, capture_output=True, timeout=patience_s, check=False)
    except subprocess.TimeoutExpired:
        return None
    if ended.returncode not in {0, 1}:  # not even collected: that proves nothing
        raise SystemExit(ended.stdout.decode() + ended.stderr.decode())
    if ended.returncode and len(tests) > 1:
        print(ended.stdout.decode())
    return ended.returncode


def main() -> int:
    """Take all rules out, one after the other; how many went unnoticed."""
    chosen = [mutant for mutant in MUTANTS if not sys.argv[1:] or mutant.rule in sys.argv[1:]]
    unnoticed = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("aiostorage", "tests", "examples"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, root)
        intact = run(root, *sorted({mutant.test_id for mutant in chosen}))
        if intact != 0:
            print("the tests fail although no rule is taken out")
            return 1
        print(f"with all rules: {len(chosen)} tests pass")
        print(f"{'rule':4}  {'without it':56}  {'test':8}  {'seconds':>7}  guarded by")
        for mutant in chosen:
            path = root / "aiostorage" / mutant.file
            source = path.read_text(encoding="utf-8")
            path.write_text(mutated(mutant, root), encoding="utf-8")
            began = time.monotonic()
            found = {0: "PASSES", 1: "fails", None: "hangs"}[run(root, mutant.test_id)]
            path.write_text(source, encoding="utf-8")
            unnoticed += found == "PASSES"
            seconds = time.monotonic() - began
            print(f"{mutant.rule:4}  {mutant.name:56}  {found:8}  {seconds:7.1f}  {mutant.test}", flush=True)
    print(f"{len(chosen) - unnoticed} of {len(chosen)} rules were missed by their tests when they were taken out")
    return unnoticed


if __name__ == "__main__":
    sys.exit(main())

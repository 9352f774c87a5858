"""The servers that only the matrix needs; and at the end of a run how large it was, and how its cells ended."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.matrix.faults import CASES
from tests.servers.gcs import GCSOfSmallParts

if TYPE_CHECKING:
    from collections.abc import Iterator

operations: set[str] = set()
providers: set[str] = set()
runs: Counter[str] = Counter()
excluded: Counter[str] = Counter()
cells: Counter[str] = Counter()
took: dict[str, float] = {}


@pytest.fixture(scope="session")
def gcs_of_small_parts(_clean_environment: None) -> Iterator[GCSOfSmallParts]:
    with GCSOfSmallParts() as server:
        yield server


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    properties: dict[str, Any] = dict(report.user_properties)
    if report.when != "call" or "matrix-provider" not in properties:
        return
    provider = properties["matrix-provider"]
    operations.add(properties["matrix-operation"])
    providers.add(provider)
    cells[provider] += properties["matrix-cells"]
    took[provider] = took.get(provider, 0.0) + report.duration
    runs.update(properties["matrix-outcomes"])
    excluded.update(properties["matrix-excluded"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not providers:
        return
    line = terminalreporter.line
    terminalreporter.section("the matrix of faults")
    line(
        f"{len(operations)} operations, {len(CASES)} faults, {len(providers)} providers: of "
        f"{cells.total() + excluded.total()} cells chosen {cells.total()} were run, {runs.total()} times, and "
        f"{excluded.total()} excluded by rule, in {sum(took.values()):.0f} s"
    )
    line("by provider: " + ", ".join(f"{name} {cells[name]} cells in {took[name]:.0f} s" for name in sorted(providers)))
    line("outcomes: " + ", ".join(f"{count} {name}" for name, count in runs.most_common()))
    line("excluded: " + "; ".join(f"{count}: {why}" for why, count in excluded.most_common()))

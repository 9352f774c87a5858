"""At the end of a run: how large the matrix was, and how its cells ended."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

cells: defaultdict[str, Counter[str]] = defaultdict(Counter)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    properties = dict(report.user_properties)
    if report.when != "call" or "matrix-provider" not in properties:
        return
    counts = cells[str(properties["matrix-provider"])]
    counts["pairs of operation and fault"] += 1
    counts["not offered by the provider"] += "matrix-unsupported" in properties
    counts["of them not met by the operation"] += bool(properties.get("matrix-unmet"))
    counts["FAILED"] += report.failed
    for name, value in report.user_properties:
        if name == "matrix-outcome":
            counts["cells"] += 1
            counts[f"  {value}"] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for provider, counts in cells.items():
        terminalreporter.section(f"the matrix of faults on {provider}")
        order = ["pairs of operation and fault", "not offered by the provider", "of them not met by the operation"]
        order += ["cells", *sorted(name for name in counts if name.startswith("  ")), "FAILED"]
        for name in order:
            terminalreporter.line(f"{counts[name]:6} {name}")

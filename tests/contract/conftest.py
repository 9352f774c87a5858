"""At the end of a run: what was verified on which server, and what was let pass for which reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

results: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
deviations: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)  # a dict keeps the order


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    properties: dict[str, Any] = dict(report.user_properties)
    if "contract-server" not in properties:
        return
    cell = properties["contract-theme"], properties["contract-server"]
    if report.when == "call" or report.failed:
        results[cell][report.outcome] += 1
    deviations[cell].update(dict.fromkeys(properties["contract-deviations"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not results:
        return
    themes = list(dict.fromkeys(theme for theme, _ in results))
    servers = list(dict.fromkeys(server for _, server in results))
    notes: dict[tuple[str, str], int] = {}  # of a server, and what it does otherwise
    rows = [["", *servers], *[[theme, *[_cell(theme, server, notes) for server in servers]] for theme in themes]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    terminalreporter.section("the contract, on each server")
    for row in rows:
        terminalreporter.line("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    for (server, what), number in notes.items():
        terminalreporter.line(f"({number}) {server}: {what}")


def _cell(theme: str, server: str, notes: dict[tuple[str, str], int]) -> str:
    """How many tests, and the notes on what they let pass."""
    outcomes = results[theme, server]
    if not outcomes:
        return "not run"
    failed = outcomes.total() - outcomes["passed"]
    text = f"FAILED {failed} of {outcomes.total()}" if failed else f"verified {outcomes['passed']}"
    numbers = sorted(notes.setdefault((server, what), len(notes) + 1) for what in deviations[theme, server])
    return f"{text} ({', '.join(map(str, numbers))})" if numbers else text

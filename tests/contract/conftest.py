"""At the end of a run: what was verified on which server, and what was let pass for which reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from aiostorage import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

results: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
"""By theme and server, and by capability and server."""

CAPABILITIES = [field.name for field in fields(Capabilities) if field.name != "limits"]

offered: defaultdict[str, set[str]] = defaultdict(set)  # by server
deviations: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)  # a dict keeps the order


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    properties: dict[str, Any] = dict(report.user_properties)
    if "contract-server" not in properties:
        return
    server, theme = properties["contract-server"], properties["contract-theme"]
    offered[server].update(properties["contract-offered"])
    if report.when == "call" or report.failed:
        for name in {theme, *properties["contract-capabilities"]}:
            results[name, server][report.outcome] += 1
    deviations[theme, server].update(dict.fromkeys(properties["contract-deviations"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not results:
        return
    themes = list(dict.fromkeys(theme for theme, _ in deviations))
    servers = list(dict.fromkeys(server for _, server in results))
    notes: dict[tuple[str, str], int] = {}  # of a server, and what it does otherwise

    def print_table(names: list[str], cell: Callable[[str, str], str]) -> None:
        rows = [["", *servers], *[[name, *[cell(name, server) for server in servers]] for name in names]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
            terminalreporter.line(line.rstrip())

    terminalreporter.section("the contract, on each server")
    print_table(themes, lambda theme, server: _noted(_outcome(theme, server), theme, server, notes))
    for (server, what), number in notes.items():
        terminalreporter.line(f"({number}) {server}: {what}")
    terminalreporter.section("the capabilities of each server")
    print_table(CAPABILITIES, _capability)


def _outcome(name: str, server: str) -> str:
    """How many tests, and whether they passed."""
    outcomes = results[name, server]
    if not outcomes:
        return "not run"
    failed = outcomes.total() - outcomes["passed"]
    return f"FAILED {failed} of {outcomes.total()}" if failed else f"verified {outcomes['passed']}"


def _noted(text: str, theme: str, server: str, notes: dict[tuple[str, str], int]) -> str:
    """The same, with the numbers of the notes on what the tests let pass."""
    numbers = sorted(notes.setdefault((server, what), len(notes) + 1) for what in deviations[theme, server])
    return f"{text} ({', '.join(map(str, numbers))})" if numbers else text


def _capability(name: str, server: str) -> str:
    """Whether it is there; a test that asks for what is not offered sees it refused."""
    outcome = _outcome(name, server)
    if name in offered[server]:
        return "offered, not verified" if outcome == "not run" else outcome
    return outcome if "FAILED" in outcome else "not offered"

"""Collects what the tests show of operations, and sees to it that the README tells the same.

``--write-tables`` writes into the README what the run has shown, and leaves what it has not asked for as it was. When
all tests have run, the tables are compared, and have no gap.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.operations.evidence import NOT_OFFERED, VERIFIED, Evidence, merged, unknown
from tests.operations.markdown import parse, render, section, with_section
from tests.operations.tables import COLUMNS, OPERATIONS, TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

README = Path(__file__).parents[2] / "README.md"

evidence = Evidence()
faults: list[str] = []
deselected: list[pytest.Item] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-tables", action="store_true", help="write what the tests show into the README's tables")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        verified = _verified(item)
        if verified:
            item.user_properties.append(("verified", verified))
            item.user_properties.append(("verified-on", _columns(item)))


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    deselected.extend(items)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    evidence.take(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):  # it has run a part of the tests; who has sent it knows of all
        return
    if session.config.option.collectonly:
        return
    page = README.read_text(encoding="utf-8")
    is_whole = _is_whole(session.config)
    if session.config.option.write_tables:
        for table in TABLES:
            cells = evidence.cells(table)
            if not is_whole or session.testsfailed:
                cells = merged(parse(table, section(page, table)), cells)
            page = with_section(page, table, render(table, cells))
        README.write_text(page, encoding="utf-8")
    if is_whole and not session.testsfailed:
        for table in TABLES:
            cells = evidence.cells(table)
            faults.extend(f"nothing is known of {gap}" for gap in unknown(table, cells))
            if render(table, cells) != section(page, table):
                faults.append(f"the README's table {table.name} is stale: run all tests with --write-tables")
        if faults:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_whole(config: pytest.Config) -> bool:
    """Whether all tests have run. Workers do not tell of tests that they have left out; the options do."""
    options = config.option
    is_some = options.keyword or options.markexpr or deselected or getattr(options, "lf", False)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not is_some


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tables = [(table, evidence.cells(table)) for table in TABLES]
    if any(VERIFIED in row.values() for _, cells in tables for row in cells.values()):
        terminalreporter.section("operations: verified (✓), not offered (–), not asked for in this run (?)")
        for table, cells in tables:
            width = max(len(name) for name in cells)
            terminalreporter.line(" " * width + "  " + "  ".join(table.columns.values()))
            for name, row in cells.items():
                if not {VERIFIED, NOT_OFFERED} & {*row.values()}:
                    continue
                marks = [(row[column] or " ").ljust(len(title)) for column, title in table.columns.items()]
                terminalreporter.line(f"{name.ljust(width)}  {'  '.join(marks)}".rstrip())
    for fault in faults:
        terminalreporter.line(f"ERROR: {fault}", red=True)


def _verified(item: pytest.Item) -> list[str]:
    """The operations that a test verifies, by its markers."""
    named = [name for marker in item.iter_markers("verifies") for name in marker.args]
    if unheard_of := {*named} - OPERATIONS:
        raise pytest.UsageError(f"{item.nodeid} verifies {unheard_of}: see tests/operations/tables.py")
    return named


def _columns(item: pytest.Item) -> list[str]:
    """Where: by the marker, or else by a parameter of the test that is the name of a server."""
    named = {marker.kwargs["on"] for marker in item.iter_markers("verifies") if "on" in marker.kwargs}
    if not named and isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        named = {value for value in item.callspec.params.values() if isinstance(value, str) and value in COLUMNS}
    if not named or not named <= COLUMNS:
        raise pytest.UsageError(f"{item.nodeid} does not say what it verifies on: {sorted(named)}")
    return sorted(named)

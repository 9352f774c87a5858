"""The tables of operations: how they are made, and that the README has no gap."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from aiostorage.testing import Deviation
from tests.operations.declared import Operation, Table
from tests.operations.evidence import Evidence, merged, unknown
from tests.operations.markdown import parse, render, section, with_section
from tests.operations.plugin import README
from tests.operations.tables import TABLES

TABLE = Table(
    name="of tests",
    servers={"one": "One", "two": "Two"},
    groups={
        "objects": (
            Operation("store"),
            Operation("head"),
            Operation("tags", needs=("tags", "a|b")),
            Operation("delimiter", unless=Deviation.SLASH_ONLY),
        ),
        "links": (Operation("expiry", on=("two", "fake")),),
    },
    others={"fake": "fake"},
)
PAGE = "before\n<!-- operations of tests: written by the tests -->\n\n<!-- operations of tests: end -->\nafter\n"


def report(outcome: str = "passed", **properties: Any) -> Any:
    named = [(name.replace("_", "-"), value) for name, value in properties.items()]
    return SimpleNamespace(when="call", passed=outcome == "passed", user_properties=named)


def of_contract(server: str, *operations: str, offered: str = "", deviations: str = "") -> Any:
    return report(
        contract_server=server,
        contract_operations=list(operations),
        contract_offered=offered.split(),
        contract_deviations=[deviations] if deviations else [],
    )


@pytest.fixture
def evidence() -> Evidence:
    found = Evidence()
    everything = ("objects: store", "objects: head", "objects: tags", "objects: delimiter")
    found.take(of_contract("one", *everything, offered="tags b"))
    found.take(of_contract("two", *everything, offered="tags", deviations=f"{Deviation.SLASH_ONLY}: it lists folders"))
    found.take(report(verified=["links: expiry"], verified_on=["two"]))
    found.take(report("failed", verified=["links: expiry"], verified_on=["fake"]))
    return found


def test_what_is_known_of_each_operation(evidence: Evidence) -> None:
    cells = evidence.cells(TABLE)
    assert {name: "".join(cell or "." for cell in row.values()) for name, row in cells.items()} == {
        "objects: store": "✓✓.",
        "objects: head": "✓✓.",
        "objects: tags": "✓–.",
        "objects: delimiter": "✓–.",
        "links: expiry": "–✓?",
    }
    assert unknown(TABLE, cells) == ["links: expiry on fake"]
    assert len(unknown(TABLE, Evidence().cells(TABLE))) == 2 * 4 + 2 + 5  # each cell, and each row


def test_a_table_is_written_and_read_again(evidence: Evidence) -> None:
    cells = evidence.cells(TABLE)
    text = render(TABLE, cells)
    assert text.splitlines() == [
        "| | One | Two | fake |",
        "|---|:-:|:-:|:-:|",
        "| **objects** store, head | ✓ | ✓ |  |",
        "| **objects** tags, delimiter | ✓ | – |  |",
        "| **links** expiry | – | ✓ | ? |",
    ]
    page = with_section(PAGE, TABLE, text)
    assert section(page, TABLE) == text
    assert with_section(page, TABLE, text) == page
    assert (page.startswith("before\n"), page.endswith("\nafter\n")) == (True, True)
    assert parse(TABLE, section(page, TABLE)) == cells
    with pytest.raises(ValueError, match="no place"):
        section("a page", TABLE)


def test_what_a_run_has_not_asked_for_stays(evidence: Evidence) -> None:
    older = evidence.cells(TABLE)
    run = Evidence()
    run.take(of_contract("two", "objects: tags", offered="tags a"))
    expected = {name: {**row, "two": "✓"} if name == "objects: tags" else row for name, row in older.items()}
    assert merged(older, run.cells(TABLE)) == expected


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_readme_tells_all_of_them(table: Table) -> None:
    text = section(README.read_text(encoding="utf-8"), table)
    cells = parse(table, text)
    assert text == render(table, cells)
    assert unknown(table, cells) == []

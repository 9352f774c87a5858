"""What a run has shown of each operation on each server."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    import pytest

    from tests.operations.declared import Operation, Table

Cell: TypeAlias = Literal["✓", "–", "?", ""]
VERIFIED: Final = "✓"
NOT_OFFERED: Final = "–"
UNKNOWN: Final = "?"
NOTHING: Final = ""

Cells: TypeAlias = "dict[str, dict[str, Cell]]"
"""By operation and column."""


class Evidence:
    """The operations that tests have shown, by what they told of themselves."""

    def __init__(self) -> None:
        self._contract: defaultdict[str, set[str]] = defaultdict(set)  # operations, by server
        self._others: defaultdict[str, set[str]] = defaultdict(set)
        self._offered: defaultdict[str, set[str]] = defaultdict(set)
        self._deviations: defaultdict[str, set[str]] = defaultdict(set)

    def take(self, report: pytest.TestReport) -> None:
        """Note what a test that passed has shown."""
        if report.when != "call" or not report.passed:
            return
        properties: dict[str, Any] = dict(report.user_properties)
        for column in properties.get("verified-on", ()):
            self._others[column].update(properties["verified"])
        if "contract-server" in properties:
            server = properties["contract-server"]
            self._contract[server].update(properties["contract-operations"])
            self._offered[server].update(properties["contract-offered"])
            self._deviations[server].update(text.partition(":")[0] for text in properties["contract-deviations"])

    def cells(self, table: Table) -> Cells:
        """What is known of every operation in each column."""
        return {
            name: {column: self._cell(table, name, operation, column) for column in table.columns}
            for name, operation in table.operations()
        }

    def _cell(self, table: Table, name: str, operation: Operation, column: str) -> Cell:
        if name in self._others[column]:
            return VERIFIED
        if column not in table.servers:
            return UNKNOWN if operation.on is not None and column in operation.on else NOTHING
        if operation.on is not None:
            return UNKNOWN if column in operation.on else NOT_OFFERED
        if name not in self._contract[column]:
            return UNKNOWN
        is_offered = operation.is_offered(self._offered[column], self._deviations[column])
        return VERIFIED if is_offered else NOT_OFFERED


def merged(older: Cells, newer: Cells) -> Cells:
    """The newer cells, and the older ones where the newer tell nothing."""

    def chosen(name: str, column: str, cell: Cell) -> Cell:
        return cell if cell in {VERIFIED, NOT_OFFERED} else older.get(name, {}).get(column, cell)

    return {name: {column: chosen(name, column, row[column]) for column in row} for name, row in newer.items()}


def unknown(table: Table, cells: Cells) -> list[str]:
    """What the table must not leave open: an operation that a server neither shows nor lacks, or that nobody shows."""
    gaps = [f"{name} on {table.columns[column]}" for name, row in cells.items() for column in row if row[column] == "?"]
    gaps += [f"{name} anywhere" for name, row in cells.items() if VERIFIED not in row.values()]
    return gaps

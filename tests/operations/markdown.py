"""Tables of operations as Markdown, to be written into a page and read from it again."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, cast

from tests.operations.evidence import NOTHING, UNKNOWN

if TYPE_CHECKING:
    from tests.operations.declared import Table
    from tests.operations.evidence import Cell, Cells

ROW = re.compile(r"\| \*\*(?P<group>.+?)\*\* (?P<labels>.*?) \|(?P<cells>.*)\|")


def render(table: Table, cells: Cells) -> str:
    """The table: operations of a group of which the same is known share a row."""
    titles = list(table.columns.values())
    lines = [f"| | {' | '.join(titles)} |", "|---|" + ":-:|" * len(titles)]
    for group, operations in table.groups.items():
        rows = [(tuple(cells[f"{group}: {one.label}"][column] for column in table.columns), one) for one in operations]
        for row, ones in groupby(rows, key=lambda pair: pair[0]):
            labels = ", ".join(one.label for _, one in ones)
            lines.append(f"| **{group}** {labels} | {' | '.join(row)} |")
    return "\n".join(lines)


def parse(table: Table, text: str) -> Cells:
    """The cells of a table that was written before, as far as its columns and operations are still there."""
    titles = [title.strip() for title in text.partition("\n")[0].strip("| ").split("|")]
    columns = {title: column for column, title in table.columns.items()}
    found: Cells = {}
    for match in ROW.finditer(text):
        cells = [cell.strip() for cell in match["cells"].split("|")]
        row: dict[str, Cell] = {
            columns[title]: cast("Cell", cell)  # as render has written it
            for title, cell in zip(titles, cells, strict=True)
            if title in columns
        }
        found |= {f"{match['group']}: {label}": row for label in match["labels"].split(", ")}
    none: dict[str, Cell] = {column: UNKNOWN if column in table.servers else NOTHING for column in table.columns}
    return {name: {**none, **found.get(name, {})} for name, _ in table.operations()}


def section(page: str, table: Table) -> str:
    """What stands in a page between the marks of a table.

    Raises:
        ValueError: It has no such marks.
    """
    return _pieces(page, table)[1]


def with_section(page: str, table: Table, text: str) -> str:
    """The page with something else between these marks."""
    before, _, after = _pieces(page, table)
    return f"{before}\n{text}\n{after}"


def _pieces(page: str, table: Table) -> tuple[str, str, str]:
    begin, end = f"<!-- operations {table.name}: written by the tests -->\n", f"\n<!-- operations {table.name}: end -->"
    before, found, rest = page.partition(begin)
    content, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise ValueError(f"the page has no place for the table of operations {table.name!r}")
    return before + begin.rstrip("\n"), content.strip("\n"), end.lstrip("\n") + after

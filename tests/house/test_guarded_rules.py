"""The table of rules in ``tests/README.md`` is complete, and what it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests import mutants

TESTS = Path(__file__).parents[1]
THEMES = TESTS.parent / "aiostorage" / "testing" / "_themes"

ROW = re.compile(r"^\| (\d+[ab]?) \| (.+?) \| (.+) \|$", re.MULTILINE)
ID = re.compile(r"`([\w/]+\.py)::(\w+)`")
NUMBERS = [*map(str, range(1, 15)), "14a", "14b", *map(str, range(15, 44))]


def rows() -> dict[str, list[tuple[str, str]]]:
    """The tests that guard each rule: their files and names."""
    text = (TESTS / "README.md").read_text(encoding="utf-8")
    return {number: ID.findall(tests) for number, _, tests in ROW.findall(text)}


def names_in(file: str) -> set[str]:
    """The tests in a file."""
    folder, _, rest = file.partition("/")
    path = THEMES / rest if folder == "themes" else TESTS / file
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_rule_is_there_in_order_with_tests() -> None:
    found = rows()
    assert list(found) == NUMBERS
    assert [number for number, tests in found.items() if not tests] == []


def test_every_test_that_is_named_exists() -> None:
    named = {test for tests in rows().values() for test in tests}
    known = {file: names_in(file) for file, _ in named}
    assert [f"{file}::{name}" for file, name in sorted(named) if name not in known[file]] == []


def test_nothing_else_in_the_table_looks_like_a_test() -> None:
    text = (TESTS / "README.md").read_text(encoding="utf-8")
    assert text.count("::test_") == sum(len(tests) for tests in rows().values())


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_rule_can_still_be_taken_out(mutant: mutants.Mutant) -> None:
    """The line is where it was; and the test that is to notice is one of those that guard the rule."""
    mutants.mutated(mutant)
    file, _, name = mutant.test.partition("::")
    assert (file, name.partition("[")[0]) in rows()[mutant.rule]


def test_enough_rules_are_taken_out() -> None:
    assert len({mutant.rule for mutant in mutants.MUTANTS}) >= 10

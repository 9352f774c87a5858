"""How much code each provider is, and that none of it was copied from another.

``pytest -s tests/house/test_providers.py`` prints the lines.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVIDERS = Path(__file__).parents[2] / "aiostorage" / "providers"
MOST = 7
"""Lines that a run may have which stands in two providers. With more it is one idea, and belongs below them both."""


def code(text: str) -> list[tuple[int, str]]:
    """The lines of code with their numbers: no imports, docstrings, comments, brackets, and heads of functions.

    What a method of the protocol is called, and what it is given, each provider says in the same words.
    """
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant(value=str())):
                left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                left_out.update(range(node.lineno, node.body[0].lineno))
            case _:
                pass
    lines = enumerate((" ".join(line.split()) for line in text.splitlines()), 1)
    return [(number, line) for number, line in lines if number not in left_out and re.match("[^#]*[a-z0-9]", line)]


def sources() -> dict[str, dict[str, str]]:
    """The text of each file, by provider and path."""
    return {
        folder.name: {
            str(path.relative_to(PROVIDERS)): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))
        }
        for folder in sorted(PROVIDERS.iterdir())
        if (folder / "__init__.py").exists()
    }


def repeated(found: dict[str, dict[str, str]], length: int) -> Iterator[list[str]]:
    """Where runs of so many lines stand in more than one provider."""
    places: defaultdict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for provider, files in found.items():
        for path, text in files.items():
            lines = code(text)
            for start in range(len(lines) - length + 1):
                run = tuple(line for _, line in lines[start : start + length])
                places[run].setdefault(provider, f"{path}:{lines[start][0]}")
    for standing in places.values():
        if len(standing) > 1:
            yield list(standing.values())


def test_no_provider_is_a_copy_of_another() -> None:
    found = sources()
    print(f"\n{'provider':10}{'files':>6}{'lines':>7}{'of code':>9}")  # noqa: T201 - the same
    for provider, files in found.items():
        lines = sum(text.count("\n") for text in files.values())
        size = sum(len(code(text)) for text in files.values())
        print(f"{provider:10}{len(files):6}{lines:7}{size:9}")  # noqa: T201 - the figures that are asked for
    assert {"azure", "gcs", "local", "memory", "s3", "swift"} <= found.keys()
    assert list(repeated(found, MOST + 1)) == []


def test_a_copy_would_be_found() -> None:
    text = sources()["s3"]["s3/names.py"]
    found = {"s3": {"names.py": text}, "other": {"copied.py": text.replace("    ", "  ")}}
    places = next(repeated(found, MOST + 1))
    assert [place.partition(":")[0] for place in places] == ["names.py", "copied.py"]

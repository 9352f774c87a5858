"""Finds the Python in Markdown and in docstrings, and runs it as a reader would."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^( *)Examples?:\n((?:\1 +.*\n|[ ]*\n)+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Code, and where its first line stands."""

    code: str
    path: Path
    line: int

    def run(self, names: dict[str, object]) -> None:
        """Run it; ``await``, ``async with`` and ``async for`` need no function around them."""
        # Blank lines in front, so that a traceback shows the line of the file.
        source = "\n" * (self.line - 1) + self.code
        code = compile(source, str(self.path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, names))
        else:
            exec(code, names)


def in_markdown(path: Path) -> Iterator[Example]:
    """The blocks marked as ``python``. Those in an HTML comment too: there is what a reader need not see."""
    text = path.read_text(encoding="utf-8")
    for match in _FENCED.finditer(text):
        yield Example(code=match[1], path=path, line=text.count("\n", 0, match.start(1)) + 1)


def in_docstrings(path: Path) -> Iterator[Example]:
    """The ``Example:`` sections of the docstrings of a module, but for ``>>>``, which doctest runs."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node, clean=False)
        if docstring is None:
            continue
        first_line = node.body[0].lineno
        for match in _SECTION.finditer(docstring + "\n"):
            code = textwrap.dedent(match[2])
            if not code.lstrip().startswith(">>>"):
                yield Example(code=code, path=path, line=first_line + docstring.count("\n", 0, match.start(2)))

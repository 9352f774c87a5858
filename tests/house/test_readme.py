"""What the README shows works: its Python blocks are run in order, as one program.

They run in an empty folder, in an environment in which S3 is a server on this machine. ``await`` and
``async with`` need no function around them. What the reader need not see, such as making a file that
a block uploads, stands in a block inside an HTML comment.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.rclone import RcloneServer

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_markdown(path: Path) -> int:
    """Run the blocks marked as ``python``, and return how many there were."""
    text = path.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": path.stem}
    blocks = list(BLOCK.finditer(text))
    for block in blocks:
        # Blank lines in front, so that a traceback shows the line of the file.
        source = "\n" * text.count("\n", 0, block.start(1)) + block[1]
        code = compile(source, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, names))
        else:
            exec(code, names)
    return len(blocks)


def test_the_readme_works_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rclone_server: RcloneServer
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in rclone_server.environ().items():
        monkeypatch.setenv(name, value)
    assert run_markdown(README)


def test_blocks_are_found_and_run(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text\n\n```python\nfound = [1]\n```\n\n```sh\nno\n```\n\n<!--\n```python\nawait found\n```\n-->\n")
    with pytest.raises(TypeError, match="await") as raised:
        run_markdown(page)
    assert raised.traceback[-1].lineno == 12  # pytest counts from zero

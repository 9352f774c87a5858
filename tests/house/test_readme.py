"""What the documentation shows works: every Python block of the README, and every example of a docstring.

They run in an empty folder, in an environment in which S3 is a server on this machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.house import examples

if TYPE_CHECKING:
    from tests.servers.rclone import RcloneServer

ROOT = Path(__file__).parents[2]
DOCSTRINGS = [
    example for path in sorted((ROOT / "aiostorage").rglob("*.py")) for example in examples.in_docstrings(path)
]


@pytest.fixture(autouse=True)
def _reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rclone_server: RcloneServer) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in rclone_server.environ().items():
        monkeypatch.setenv(name, value)


def test_the_readme_works_from_top_to_bottom() -> None:
    blocks = list(examples.in_markdown(ROOT / "README.md"))
    assert blocks
    names: dict[str, object] = {"__name__": "readme"}
    for block in blocks:
        block.run(names)


@pytest.mark.parametrize("example", DOCSTRINGS, ids=lambda example: f"{example.path.relative_to(ROOT)}:{example.line}")
def test_examples_of_docstrings_work(example: examples.Example) -> None:
    example.run({"__name__": "example"})


def test_examples_are_found_and_run(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text\n\n```python\nfound = [1]\n```\n\n```sh\nno\n```\n\n<!--\n```python\nawait found\n```\n-->\n")
    first, second = examples.in_markdown(page)
    assert (first.line, second.line) == (4, 13)
    names: dict[str, object] = {}
    first.run(names)
    with pytest.raises(TypeError, match="await") as raised:
        second.run(names)
    assert raised.traceback[-1].lineno == 12  # pytest counts from zero

    module = tmp_path / "module.py"
    module.write_text(
        'def f():\n    """What.\n\n    Example:\n        await 1\n\n        2\n\n    Raises:\n        No\n    """\n'
    )
    [example] = examples.in_docstrings(module)
    assert (example.code.rstrip(), example.line) == ("await 1\n\n2", 5)

"""What must hold for the repository as a whole, and no linter tells."""

from __future__ import annotations

import contextlib
import importlib.metadata
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import aiostorage
from aiostorage import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_what_is_exported_is_what_can_be_imported() -> None:
    public = {
        name
        for name, value in vars(aiostorage).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and name not in {"annotations", "TYPE_CHECKING"}
    }
    exported = {name for name in aiostorage.__all__ if not name.startswith("_")}
    assert public <= exported
    assert all(hasattr(aiostorage, name) for name in exported)
    assert len(exported) == len([name for name in aiostorage.__all__ if not name.startswith("_")])


def test_every_error_is_exported() -> None:
    public = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert {name for name in public if not name.startswith("_")} <= set(aiostorage.__all__)


def test_what_is_exported_is_documented() -> None:
    for name in aiostorage.__all__:
        value = getattr(aiostorage, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            # A dataclass without a docstring gets one that is its signature.
            assert value.__doc__, f"{name} has no docstring"
            assert not value.__doc__.startswith(f"{name}("), f"{name} has no docstring"


def test_the_version_is_that_of_the_project() -> None:
    assert getattr(aiostorage, "__version__", PROJECT["project"]["version"]) == PROJECT["project"]["version"]


def test_the_package_needs_only_what_it_says() -> None:
    script = """if True:
        import importlib, pkgutil, sys
        before = set(sys.modules)

        def import_all(name):
            module = importlib.import_module(name)
            for found in pkgutil.iter_modules(getattr(module, "__path__", []), f"{name}."):
                if found.name not in {"aiostorage.integrations", "aiostorage.testing"}:
                    import_all(found.name)

        import_all("aiostorage")
        print(*set(sys.modules) - before)
    """
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    providers = importlib.metadata.packages_distributions()
    used = {_name(owner) for module in done.stdout.split() for owner in providers.get(module.partition(".")[0], ())}
    allowed = {"aiostorage"}
    _add_needs(allowed, PROJECT["project"]["dependencies"])
    assert used <= allowed


def _add_needs(known: set[str], requirements: Iterable[str]) -> None:
    for name in {_name(line) for line in requirements if "extra ==" not in line} - known:
        known.add(name)
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # for another system or version
            _add_needs(known, importlib.metadata.requires(name) or ())


def test_every_extra_that_somebody_is_told_to_install_is_there() -> None:
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("aiostorage/**/*.py")]
    texts += [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CHANGELOG.md")]
    named = {name for text in texts for name in re.findall(r"aiostorage\[(\w+)\]|\bextra `+(\w+)`", text)}
    assert {"".join(names) for names in named} <= PROJECT["project"]["optional-dependencies"].keys()


def test_all_dependencies_are_locked() -> None:
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    for extra in PROJECT["project"].get("optional-dependencies", {}).values():
        wanted += extra
    for group in PROJECT["dependency-groups"].values():
        wanted += [line for line in group if isinstance(line, str)]
    locked = re.findall(r"^([a-z0-9-]+)==", (ROOT / "tests" / "constraints.txt").read_text(), re.MULTILINE)
    assert {_name(line) for line in wanted} <= set(locked)


def test_no_file_names_a_registry_or_a_folder_of_somebodys_machine() -> None:
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "deb.debian" + ".org", "proxy.golang" + ".org"]
    folders = [str(path) + "/" for path in (ROOT, Path.home()) if len(path.parts) > 1]
    forbidden = re.compile("|".join(re.escape(text) for text in [*hosts, *folders]))
    found = {str(path): match[0] for path in _files() if (match := forbidden.search(path.read_text(errors="ignore")))}
    assert not found


def _files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    folders = [ROOT / name for name in ("aiostorage", "tests", "examples", ".ci", ".github")]
    files = [*ROOT.glob("*.*"), *(path for folder in folders for path in folder.rglob("*"))]
    return [path for path in files if path.is_file() and path.suffix != ".pyc"]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")

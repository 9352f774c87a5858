"""What the project checks. ``nox`` runs all of it, as CI does; ``nox -l`` tells what there is."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
CONSTRAINTS = "tests/constraints.txt"
VERSIONS = nox.project.python_versions(PROJECT)
THIS = ".".join(platform.python_version_tuple()[:2])
OTHERS = [version for version in VERSIONS if version != THIS]

# Two processes, each with servers of its own: a test and the server that it asks take turns, so one leaves half unused.
IN_TWO = ["--numprocesses=2", "--dist=loadscope"]

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False  # a version that the machine lacks is skipped, in CI too
nox.options.download_python = "never"
nox.options.sessions = ["tests", "lint", "layers", "typing", "docs", "reference", "versions", "bench_smoke"]


def let_pyenv_run(versions: list[str]) -> None:
    """Make ``python3.12`` work where it is pyenv's, which refuses what is not chosen for the folder."""
    if not shutil.which("pyenv") or "PYENV_VERSION" in os.environ:
        return
    listed = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False).stdout.split()
    newest = {name.rpartition(".")[0]: name for name in listed}  # pyenv lists them in ascending order
    os.environ["PYENV_VERSION"] = ":".join(newest[version] for version in versions if version in newest)


let_pyenv_run([THIS, *OTHERS])


def install(session: nox.Session, *groups: str) -> None:
    """Install the package and what the groups name, in the versions that are locked."""
    requirements = nox.project.dependency_groups(PROJECT, *groups)
    constraints = str(Path(CONSTRAINTS).resolve())
    # The variables reach the environments in which packages are built.
    env = dict.fromkeys(["PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "UV_BUILD_CONSTRAINT"], constraints)
    session.install("--constraint", CONSTRAINTS, "--editable", ".", *requirements, env=env)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the demonstration, without a cloud and without keys."""
    install(session)
    session.run("python", "examples/demo.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, with servers that they install and start themselves; takes pytest's arguments."""
    install(session, "test", "examples")
    session.run("pytest", *(session.posargs or IN_TWO))


@nox.session
def coverage(session: nox.Session) -> None:
    """Tell which lines no test reaches; to count them makes the tests half as slow again."""
    install(session, "test", "examples")
    session.run("pytest", "--cov", "--cov-report=term", *(session.posargs or IN_TWO))


@nox.session
def matrix(session: nox.Session) -> None:
    """Run every operation with every fault on every provider, of which the tests run a choice; takes long."""
    install(session, "test", "examples")
    in_two = ["--numprocesses=2", "--dist=load"]  # it is one module, and would be run in one process
    session.run("pytest", *in_two, "tests/matrix", *session.posargs, env={"AIOSTORAGE_MATRIX": "full"})


@nox.session(python=OTHERS, tags=["checks"])
def versions(session: nox.Session) -> None:
    """Run the tests that need no server on the other versions of Python that the machine has."""
    install(session, "test", "examples")
    serverless = ["tests/unit", "tests/faults", "tests/contract/test_memory.py", "tests/contract/test_local.py"]
    session.run("pytest", "-m", "not slow", *(session.posargs or [*IN_TWO, *serverless]))


@nox.session(tags=["checks"])
def lint(session: nox.Session) -> None:
    """Check the style; ``nox -s lint -- fix`` mends what can be mended."""
    session.install("--constraint", CONSTRAINTS, *nox.project.dependency_groups(PROJECT, "lint"))
    if session.posargs == ["fix"]:
        session.run("ruff", "check", "--fix")
        session.run("ruff", "format")
    else:
        session.run("ruff", "format", "--check")
        session.run("ruff", "check")


@nox.session(tags=["checks"])
def layers(session: nox.Session) -> None:
    """Check that imports point down."""
    install(session, "lint")
    session.run("lint-imports")


@nox.session(tags=["checks"])
def typing(session: nox.Session) -> None:
    """Check the types, and that all that users see has one."""
    install(session, "typing")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "aiostorage", "--ignoreexternal")


@nox.session(tags=["checks"])
def docs(session: nox.Session) -> None:
    """Run the examples of the README and of the docstrings."""
    install(session, "test", "examples")
    session.run("pytest", "tests/house/test_readme.py", "--doctest-modules", "aiostorage")


@nox.session(tags=["checks"])
def reference(session: nox.Session) -> None:
    """Make the reference from the docstrings, in ``build/reference``."""
    install(session, "docs")
    session.run("pdoc", "--docformat", "google", "--output-directory", "build/reference", "aiostorage")


@nox.session
def soak(session: nox.Session) -> None:
    """Run mixed load with faults for ten minutes; ``nox -s soak -- --help`` tells how else."""
    install(session, "test")
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against other packages; ``nox -s bench -- --help`` tells how."""
    install(session, "test", "bench")
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session
def peers(session: nox.Session) -> None:
    """Commit the same faults against this package and others, side by side; ``-- --help`` tells how."""
    install(session, "test", "peers")
    session.run("python", "-m", "tests.peers", *session.posargs)


@nox.session(tags=["checks"])
def bench_smoke(session: nox.Session) -> None:
    """Run the benchmarks once with little data, to see that they work."""
    install(session, "test", "bench")
    session.run("python", "-m", "tests.benchmarks", "--quick")


@nox.session
def mutants(session: nox.Session) -> None:
    """Take rules out of the package, one at a time, and see that their tests notice; takes numbers of rules."""
    install(session, "test", "examples")
    session.run("python", "-m", "tests.mutants", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Choose the newest versions of everything, and write them down."""
    session.install("uv")
    # Without an index, hashes or addresses: the files are the same whichever mirror serves them.
    compile_ = ["uv", "pip", "compile", "--upgrade", "--universal", "--quiet", "--no-emit-index-url", "--no-annotate"]
    compile_ += ["--no-header", "--python-version", VERSIONS[0]]
    groups = [f"--group={name}" for name in PROJECT["dependency-groups"]]
    session.run(*compile_, "pyproject.toml", "--all-extras", *groups, "--output-file", CONSTRAINTS)
    for servers in sorted(Path("tests/servers/locks").glob("*.in")):
        session.run(*compile_, str(servers), "--output-file", str(servers.with_suffix(".txt")))

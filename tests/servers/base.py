"""What every server needs: a cache to be installed into, ports, processes that never outlive us, readiness."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Self

HERE = Path(__file__).parent
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0

_reserved: set[int] = set()
_random = random.SystemRandom()  # tests seed the shared generator, and ports must differ all the same


class ServerError(Exception):
    """A server could not be installed, or did not start."""


def cache_dir() -> Path:
    """Where servers are installed: ``AIOSTORAGE_SERVERS``, or a folder in the user's cache."""
    if chosen := os.environ.get("AIOSTORAGE_SERVERS"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aiostorage-servers"


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Keep other processes out of what is done to ``name`` in the cache."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with (cache_dir() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed
        yield


def free_port() -> int:
    """A port of this machine that nobody listens on, and that no other process of ours is about to take.

    It lies below the ports that the kernel gives to outgoing connections, so that none of these
    takes it before the server does. It stays ours as long as this process lives.
    """
    for _ in range(100):
        port = _random.randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if _reserve(port):
                return port
    raise ServerError("no free port found")


def _reserve(port: int) -> bool:
    if port in _reserved:
        return False
    fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    _reserved.add(port)
    return True


@cache
def _reservations() -> int:
    """A file of which one byte is locked for each port. It is never closed: that would unlock them."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    return os.open(cache_dir() / "ports.lock", os.O_RDWR | os.O_CREAT, 0o600)


def run(command: list[str], *, cwd: Path | None = None, timeout_s: float | None = None) -> None:
    """Run a command to its end; what it printed is shown if it fails."""
    try:
        done = subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise ServerError(f"{' '.join(command)} took longer than {timeout_s:.0f} s:\n{error.stderr!r}") from None
    if done.returncode:
        raise ServerError(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


class Server(ABC):
    """A server with data, ports and processes of its own, as long as its ``with`` block.

    A subclass starts its processes, and ``locks/<name>.in`` names the packages that it is made of.
    ``AIOSTORAGE_SERVERS_RUN`` names a folder in which data and logs are kept; otherwise they go when
    the server stops.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self._processes: list[tuple[subprocess.Popen[bytes], Path]] = []
        self._is_stopping = False
        self._death = ""
        kept = os.environ.get("AIOSTORAGE_SERVERS_RUN")
        self._is_kept = bool(kept)
        if kept:
            Path(kept).mkdir(parents=True, exist_ok=True)
        self.run_dir = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=kept or self.run_parent()))

    @abstractmethod
    def start(self) -> None:
        """Start the processes, and return when they answer."""

    @abstractmethod
    def environ(self) -> dict[str, str]:
        """What a person needs to know to use it, as environment variables."""

    def run_parent(self) -> Path:
        """The folder for data and logs."""
        return Path(tempfile.gettempdir())

    @property
    def lock(self) -> Path:
        """The exact versions of the packages that it is made of; ``nox -s lock`` writes them."""
        return HERE / "locks" / f"{self.name}.txt"

    @property
    def home(self) -> Path:
        """The virtual environment that it is installed into; another lock has another one."""
        return cache_dir() / f"{self.name}-{hashlib.sha256(self.lock.read_bytes()).hexdigest()[:12]}"

    def install(self) -> None:
        """Put the server into the cache, unless it is there. Safe in two processes at once."""
        done = self.home / ".complete"
        if done.exists():
            return
        with only_one(self.name):
            if done.exists():
                return
            shutil.rmtree(self.home, ignore_errors=True)
            run([sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update", str(self.home)])
            python = str(self.home / "bin" / "python")
            run([python, "-m", "pip", "install", "--quiet", "--requirement", str(self.lock)])
            done.touch()

    def spawn(self, name: str, command: list[str], *, env: Mapping[str, str] | None = None) -> None:
        """Start a process that ends with us. Its output goes to ``<name>.log``."""
        log = self.run_dir / f"{name}.log"
        launcher = [sys.executable, "-I", "-S", str(HERE / "launch.py"), str(os.getpid())]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*launcher, *command],
                cwd=self.run_dir,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append((process, log))
        threading.Thread(target=self._watch, args=(process, log), name=f"{self.name}-{name}", daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """When a process ends before its time, end the others: they might leave whoever asks without an answer."""
        process.wait()
        if self._is_stopping or self._death:
            return
        self._death = f"{log.stem} of {self.name} ended with {process.returncode}:\n{_tail(log)}"
        for other, _ in self._processes:
            _signal(other, signal.SIGKILL)

    def wait_for(self, port: int, path: str = "/", *, ca_bundle: Path | None = None) -> None:
        """Wait until the port answers a request with anything at all; over TLS, if ``ca_bundle`` is given."""
        tls = None if ca_bundle is None else ssl.create_default_context(cafile=ca_bundle)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            if self._death:
                raise ServerError(self._death)
            connection = (
                http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                if tls is None
                else http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=tls)
            )
            try:
                connection.request("GET", path)
                connection.getresponse()
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    logs = "\n".join(f"{log.stem}:\n{_tail(log)}" for _, log in self._processes)
                    raise ServerError(f"{self.name} did not answer on port {port} in time\n{logs}") from None
                time.sleep(0.05)
            else:
                return
            finally:
                connection.close()

    def stop(self) -> None:
        """End all processes, and remove their data."""
        self._is_stopping = True
        for process, _ in self._processes:
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process, _ in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            _signal(process, signal.SIGKILL)  # the group may have members that did not heed the first signal
            process.wait()
        self._processes.clear()
        if not self._is_kept:
            shutil.rmtree(self.run_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.install()
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        if self._death:
            raise ServerError(self._death)


class S3Server(Server):
    """A server that speaks S3."""

    endpoint: str
    region: ClassVar[str] = "us-east-1"
    access_key: ClassVar[str]
    secret_key: ClassVar[str]

    def environ(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)  # its own session, so its own group


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])

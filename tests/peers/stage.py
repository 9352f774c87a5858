"""Where a scenario is played: a server, a proxy in front of it, a witness, and the process of a client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aiostorage.testing.faults import Fault, FaultProxy
from tests.contract.s3_witness import S3Witness, boto3_client
from tests.peers.clients import ALL_IMPORTS, IMPORTS, Site
from tests.servers.base import ServerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping

    from aiostorage.testing.faults import Action, ProxyRequest
    from tests.servers.base import S3Server

TIMEOUT_S = 75.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a client has fared, in few words."""

    kind: Literal["right", "wrong", "error", "hangs", "crashes", "cannot be asked", "measured"]
    text: str = ""

    def __str__(self) -> str:
        if self.kind == "measured":
            return self.text
        return f"{self.kind}: {self.text}" if self.text else self.kind


class SettledError(Exception):
    """The client has settled the verdict by not answering."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a client has told: its error, or facts."""

    error: str | None = None
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.facts[name]


@dataclass(slots=True, kw_only=True)
class Stage:
    """One scenario with one client: a bucket and a proxy of its own."""

    client: str
    bucket: str
    folder: Path
    actor: Path
    server: S3Server
    proxy: FaultProxy
    boto: Any
    witness: S3Witness

    async def put(self, key: str, content: bytes, **options: str) -> None:
        """Store an object, by the witness."""
        await asyncio.to_thread(self.replace, key, content, **options)

    def replace(self, key: str, content: bytes, **options: str) -> None:
        """The same at once, for who cannot wait."""
        self.boto.put_object(Bucket=self.bucket, Key=key, Body=content, **options)

    def inject(
        self,
        what: Action,
        *,
        times: int | None = 1,
        nth: int = 1,
        method: str | None = "GET",
        path: str = "",
        where: Callable[[ProxyRequest], object] = lambda _: True,
    ) -> Fault:
        """Have a fault happen to requests, and return it."""
        fault = Fault(
            what=what, method=method, path=path, times=times, nth=nth, where=lambda request: bool(where(request))
        )
        self.proxy.inject(fault)
        return fault

    def requests(self, method: str, path: str = "") -> int:
        """How many such requests have come."""
        return sum(
            exchange.request.method == method and path in exchange.request.target for exchange in self.proxy.exchanges
        )

    async def ask(
        self,
        act: str,
        *,
        meanwhile: Callable[[], Awaitable[None]] | None = None,
        is_direct: bool = False,
        is_fresh: bool = False,
        timeout_s: float = TIMEOUT_S,
        **arguments: Any,
    ) -> Told:
        """Have the client do something, in a process of its own.

        Args:
            act: What, of ``tests.peers.acts``.
            meanwhile: Done when the act pauses.
            is_direct: Straight at the server, without the proxy.
            is_fresh: In a process that has imported no more than the client's documentation tells to.
            timeout_s: After so many seconds it hangs.
            arguments: Of the act.

        Raises:
            SettledError: It hung, crashed, or does not offer this.
        """
        site = Site(
            endpoint=self.server.endpoint if is_direct else self.proxy.url,
            region=self.server.region,
            access_key=self.server.access_key,
            secret_key=self.server.secret_key,
            bucket=self.bucket,
            vendor="swift" if self.server.name == "swift" else "aws",
        )
        reader, writer = await asyncio.open_unix_connection(
            self.actor.with_suffix(".fresh") if is_fresh else self.actor
        )
        writer.write(json.dumps({"act": act, "site": asdict(site), "arguments": arguments}).encode() + b"\n")
        process = 0
        try:
            async with asyncio.timeout(timeout_s):
                process = json.loads(await reader.readline())["process"]
                return await self._listen(reader, writer, meanwhile)
        except TimeoutError:
            raise SettledError(Verdict("hangs", f"no end within {timeout_s:.0f} s")) from None
        finally:
            writer.close()
            if process and not reader.at_eof():  # at the end it has gone by itself
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)

    async def _listen(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        meanwhile: Callable[[], Awaitable[None]] | None,
    ) -> Told:
        pauses: list[asyncio.Task[None]] = []

        async def fill_pause() -> None:
            if meanwhile is not None:
                await meanwhile()
            writer.write(b"\n")

        try:
            async for line in reader:
                facts = json.loads(line)
                if "not_offered" in facts:
                    raise SettledError(Verdict("cannot be asked", facts["not_offered"]))
                if "is_paused" not in facts:
                    return Told(error=facts.pop("error", None), message=facts.pop("message", ""), facts=facts)
                pauses.append(asyncio.create_task(fill_pause()))  # it may go wrong before what is waited for
            raise SettledError(Verdict("crashes"))
        finally:
            for pause in pauses:
                pause.cancel()


@dataclass(slots=True, kw_only=True)
class House:
    """The servers, the witnesses, and the actors that wait to be asked."""

    folder: Path
    servers: Mapping[str, S3Server]
    boto: Mapping[str, Any]

    @asynccontextmanager
    async def stage(self, server_name: str, client: str, scenario: str) -> AsyncIterator[Stage]:
        """A stage with an empty bucket."""
        server, boto = self.servers[server_name], self.boto[server_name]
        bucket = re.sub(r"[^a-z0-9]+", "-", f"{scenario}-{client}")[:50] + f"-{time.time_ns() % 1_000_000:06}"
        witness = S3Witness(boto)
        await witness.make_container(bucket)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            async with FaultProxy(server.endpoint, dialect="s3") as proxy:
                yield Stage(
                    client=client,
                    bucket=bucket,
                    folder=Path(folder),
                    actor=self.folder / client,
                    server=server,
                    proxy=proxy,
                    boto=boto,
                    witness=witness,
                )


@contextmanager
def house(servers: Mapping[str, S3Server], clients: Iterable[str]) -> Iterator[House]:
    """Everything that is needed to play, for as long as the block."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="peers-")))
        boto = {name: opened.enter_context(closing(boto3_client(server))) for name, server in servers.items()}
        for client in clients:
            for path, imports in ((folder / client, ALL_IMPORTS), (folder / f"{client}.fresh", IMPORTS)):
                command = [sys.executable, "-m", "tests.peers.acts", client, str(path), imports[client]]
                actor = opened.enter_context(subprocess.Popen(command, env=_environment(folder)))
                opened.callback(actor.kill)
                while not path.exists():
                    if actor.poll() is not None:
                        raise ServerError(f"{client} cannot be imported")
                    time.sleep(0.02)
        yield House(folder=folder, servers=servers, boto=boto)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody announces."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def _environment(folder: Path) -> dict[str, str]:
    """That of this process, without what the user has set up for a cloud."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BOTO"))}
    nowhere = {
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "localhost,127.0.0.1",
    }
    return {**kept, **nowhere}

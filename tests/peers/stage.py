"""Where a scenario is played: a server, a proxy in front of it, a witness, and the process of a client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aiostorage.testing.faults import Fault, FaultProxy
from tests.contract.s3_witness import S3Witness, boto3_client
from tests.peers.clients import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

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
        seen: Callable[[ProxyRequest], None] | None = None,
    ) -> Fault:
        """Have a fault happen to the requests for this bucket."""

        def where(request: ProxyRequest) -> bool:
            if seen is not None:
                seen(request)
            return True

        fault = Fault(what=what, method=method, path=path, times=times, nth=nth, where=where)
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
        timeout_s: float = TIMEOUT_S,
        **arguments: Any,
    ) -> Told:
        """Have the client do something, in a process of its own.

        Args:
            act: What, of ``tests.peers.acts``.
            meanwhile: Done when the act pauses.
            is_direct: Straight at the server, without the proxy.
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
        )
        command = ["-m", "tests.peers.acts", self.client, act, json.dumps(asdict(site)), json.dumps(arguments)]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=(self.folder / "stderr").open("wb"),
            env=_environment(self.folder),
        )
        try:
            async with asyncio.timeout(timeout_s):
                return await self._listen(process, meanwhile)
        except TimeoutError:
            raise SettledError(Verdict("hangs", f"no end within {timeout_s:.0f} s")) from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _listen(
        self, process: asyncio.subprocess.Process, meanwhile: Callable[[], Awaitable[None]] | None
    ) -> Told:
        assert process.stdout is not None
        assert process.stdin is not None
        async for line in process.stdout:
            with suppress(json.JSONDecodeError):
                facts = json.loads(line)
                if "not_offered" in facts:
                    raise SettledError(Verdict("cannot be asked", facts["not_offered"]))
                if "is_paused" not in facts:
                    return Told(error=facts.pop("error", None), message=facts.pop("message", ""), facts=facts)
                if meanwhile is not None:
                    await meanwhile()
                process.stdin.write(b"\n")
                await process.stdin.drain()
        await process.wait()
        raise SettledError(Verdict("crashes", f"exit {process.returncode}"))


@asynccontextmanager
async def stage(server: S3Server, client: str, scenario: str) -> AsyncIterator[Stage]:
    """A stage with an empty bucket."""
    bucket = re.sub(r"[^a-z0-9]+", "-", f"{scenario}-{client}")[:50] + f"-{time.time_ns() % 1_000_000:06}"
    boto = boto3_client(server)
    witness = S3Witness(boto)
    await witness.make_container(bucket)
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        async with FaultProxy(server.endpoint, dialect="s3") as proxy:
            yield Stage(
                client=client,
                bucket=bucket,
                folder=Path(folder),
                server=server,
                proxy=proxy,
                boto=boto,
                witness=witness,
            )
    boto.close()


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

"""An HTTP server on a real socket that does what a script says, faults included."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from aiostorage.testing.faults.wire import stop_listening

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to do with a request.

    ``length`` announces another Content-Length than that of the body, and ``more`` follows it piece by piece.
    ``then`` says what becomes of the connection: ``keep`` it, ``close`` it, ``reset`` it, or ``stall`` (say nothing
    more, for ever).
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None
    raw: bytes | None = None
    more: Iterable[bytes] = ()
    then: str = "keep"


def reset() -> Answer:
    """The connection breaks without an answer."""
    return Answer(raw=b"", then="reset")


def hang_up() -> Answer:
    """The connection is closed without an answer."""
    return Answer(raw=b"", then="close")


class ScriptedServer:
    """Answers requests in turn from a list, or by a function of the request; with ``tls`` over TLS."""

    def __init__(
        self,
        *answers: Answer,
        answer: Callable[[Seen], Answer] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._answers = list(answers)
        self._answer = answer
        self._tls = tls
        self.seen: list[Seen] = []
        self.connections = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def script(self, *answers: Answer) -> None:
        """Further answers, which may need to know where the server is."""
        self._answers.extend(answers)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_closed = True
        await stop_listening(self._server)
        for writer in list(self._open):
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()  # a script may wait for what will not happen any more
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self._open)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_closed:
            writer.transport.abort()
            return
        self.connections += 1
        self._open.add(writer)
        task = asyncio.create_task(self._serve(reader, writer, self.connections))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        try:
            while (seen := await self._read_request(reader, number)) is not None:
                self.seen.append(seen)
                if not await self._send(self._next(seen), seen, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._open.discard(writer)
            writer.close()
            with suppress(ConnectionError):  # asked for, or asyncio reports it as never retrieved
                await writer.wait_closed()

    def _next(self, seen: Seen) -> Answer:
        if self._answer is not None:
            return self._answer(seen)
        assert self._answers, f"the script has no answer left for {seen.method} {seen.target}"
        return self._answers.pop(0)

    async def _send(
        self, answer: Answer, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if answer.raw is not None:
            writer.write(answer.raw)
        else:
            length = len(answer.body) if answer.length is None else answer.length
            head = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in answer.headers.items())]
            if not any(name.lower() in {"content-length", "transfer-encoding"} for name in answer.headers):
                head.append(f"Content-Length: {length}")
            writer.write("\r\n".join([*head, "", ""]).encode("latin-1"))
            if seen.method != "HEAD":
                writer.write(answer.body)
        await writer.drain()
        for piece in answer.more:
            writer.write(piece)
            await writer.drain()
        match answer.then:
            case "reset":
                writer.transport.abort()
            case "stall":
                await reader.read()  # until the client gives up
        return answer.then == "keep"

    async def _read_request(self, reader: asyncio.StreamReader, number: int) -> Seen | None:
        head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
        if not head:
            return None
        request, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = request.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Seen(method=method, target=target, headers=headers, body=body, connection=number)

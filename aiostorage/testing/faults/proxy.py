"""The proxy: a socket in front of a server."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from aiostorage.testing.faults import forms
from aiostorage.testing.faults.actions import Break, CloseIdle, Drip, Garbage, Refuse, RepeatPage, Reply
from aiostorage.testing.faults.asked import asked_for
from aiostorage.testing.faults.changes import changed
from aiostorage.testing.faults.wire import (
    MAX_HEAD_BYTES,
    ProxyAnswer,
    ProxyRequest,
    read_answer,
    read_body,
    read_request_head,
    request_bytes,
    stop_listening,
)

if TYPE_CHECKING:
    from types import TracebackType

    from aiostorage.testing.faults.actions import Action, Fault
    from aiostorage.testing.faults.asked import Dialect

_ESTABLISHED = 1  # the state of a connection, first byte of TCP_INFO on Linux


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that has come, and what became of it.

    Attributes:
        request: Without its body.
        status: Of the server's answer; None where the server was not asked.
        length: Bytes of the body of the server's answer.
        fault: What struck it, if anything.
    """

    request: ProxyRequest
    status: int | None
    length: int
    fault: Fault | None


class _Armed:
    """A fault, and how often it has been looked at and has struck."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.is_healed = False
        self.has_struck = asyncio.Event()
        self.matched = 0
        self.struck = 0
        self.page: ProxyAnswer | None = None

    def strikes(self, request: ProxyRequest) -> bool:
        fault = self.fault
        if self.is_healed or not fault.is_about(request):
            return False
        self.matched += 1
        is_due = self.matched >= fault.nth and not (self.matched - fault.nth) % fault.every
        return is_due and (fault.times is None or self.struck < fault.times)

    def note(self) -> None:
        self.struck += 1
        self.has_struck.set()


class FaultProxy:
    """A proxy on a real socket that stands before a server and does what may go wrong between a client and it.

    Requests reach the server as they came, ``Host`` included, so that their signatures hold. Each is read whole
    before it goes on, and each answer before it is sent: bodies are held in memory. Use it as an asynchronous
    context manager, in the loop that is running.

    Args:
        server: Where the server listens, as ``http://host:port``; what follows is the root of the service.
        dialect: Whose protocol it speaks: how requests are read, and in which form errors are said.
        port: Where to listen; any free port if it is 0.

    Attributes:
        exchanges: The last ten thousand requests that have come, in the order in which they ended.
        requests: How many there have been.
        connections: How many there have been.
        busy: How many requests are under way.
        is_refusing: Whether nobody can connect at the moment.
    """

    def __init__(self, server: str, *, dialect: Dialect = "s3", port: int = 0) -> None:
        parts = urlsplit(server)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"{server!r} is not http://host:port")
        self._host, self._port = parts.hostname, parts.port or 80
        self._root = parts.path.rstrip("/")
        self._dialect: Dialect = dialect
        self._armed: list[_Armed] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._upstream: set[asyncio.StreamWriter] = set()
        self._is_closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.exchanges: deque[Exchange] = deque(maxlen=10_000)
        self.is_refusing: bool = False
        self.requests: int = 0
        self.connections: int = 0
        self.busy: int = 0
        self.port: int = port

    @property
    def url(self) -> str:
        """Where it listens, down to the root of the service."""
        return f"http://127.0.0.1:{self.port}{self._root}"

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self._writers)

    def inject(self, *faults: Fault) -> None:
        """Have these faults happen from now on. Of several that strike one request the first is taken."""
        self._armed += [_Armed(fault) for fault in faults]

    def heal(self) -> None:
        """Have no more faults happen; those that have happened stay counted."""
        for armed in self._armed:
            armed.is_healed = True

    def count(self, fault: Fault | None = None) -> int:
        """How often a fault has happened; without one, how many have happened in all."""
        return sum(armed.struck for armed in self._armed if fault is None or armed.fault is fault)

    async def happened(self, fault: Fault) -> None:
        """Wait until a fault that was injected has happened for the first time."""
        await next(armed for armed in self._armed if armed.fault is fault).has_struck.wait()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_closing.set()
        await stop_listening(self._server)
        for writer in [*self._writers, *self._upstream]:
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._server.close()  # it may have been opened anew meanwhile
        await self._server.wait_closed()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=MAX_HEAD_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection, or drop one that was on its way when the proxy was closed."""
        if self._is_closing.is_set():
            writer.transport.abort()
            return
        self.connections += 1
        self._writers.add(writer)
        self._keep(asyncio.create_task(self._serve(reader, writer, self.connections)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        try:
            while (request := await read_request_head(reader, number)) is not None:
                self.busy += 1
                self.requests += 1
                try:
                    is_kept = await self._exchange(self._read(request), reader, writer)
                finally:
                    self.busy -= 1
                if not is_kept:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(ConnectionError):  # asked for, or asyncio reports it as never retrieved
                await writer.wait_closed()

    def _read(self, head: ProxyRequest) -> ProxyRequest:
        """The request, with what it asks for."""
        path = head.path.removeprefix(self._root)
        asked = asked_for(self._dialect, head.method, path, head.query, lambda name: head.header(name) is not None)
        return replace(head, asked=asked)

    async def _exchange(self, head: ProxyRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Deal with one request; False where the connection is not to be used again."""
        armed = next((armed for armed in self._armed if armed.strikes(head)), None)
        action = None if armed is None else armed.fault.what
        length = int(head.header("content-length") or "0")
        if armed is not None and isinstance(action, Break) and action.at == "upload" and length:
            await reader.readexactly(min(action.after_bytes, length - 1))
            self._note(head, None, armed)
            return await self._end(action.how, reader, writer, is_reading=False)
        if (head.header("expect") or "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, raw = await read_body(reader, head.headers)
        if armed is None or action is None or (isinstance(action, Break) and action.at == "upload"):
            answer = await self._ask(head, raw)
            self._note(head, answer, None)
            await self._send(answer, writer)
            return True
        request = replace(head, body=body)
        match action:
            case Refuse():
                self._note(head, None, armed)
                self.is_refusing = True
                await stop_listening(self._server)
                for other in list(self._writers):
                    _reset(other)
                self._keep(asyncio.create_task(self._reopen(action.for_s)))
                return False
            case Garbage():
                self._note(head, None, armed)
                writer.write(action.data)
                return await self._end("close", reader, writer)
            case Break(at="request"):
                self._note(head, None, armed)
                return await self._end(action.how, reader, writer)
            case Reply(is_done=False):
                self._note(head, None, armed)
                await self._send(self._reply(action, request), writer)
                return True
            case _:
                answer = await self._ask(head, raw)
                return await self._distort(armed, action, request, answer, reader, writer)

    async def _distort(
        self,
        armed: _Armed,
        action: Action,
        request: ProxyRequest,
        answer: ProxyAnswer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Send what the fault leaves of an answer."""
        wrong = changed(action, request, answer)
        match action:
            case Reply():
                wrong = self._reply(action, request)
            case RepeatPage():
                wrong, armed.page = armed.page, armed.page or answer
            case Drip() | Break(at="body") if not answer.body:
                wrong = None
            case _:
                pass
        if wrong is None:  # it cannot strike this one
            self._note(request, answer, None)
            await self._send(answer, writer)
            return True
        self._note(request, answer, armed)
        match action:
            case Break():
                if action.at != "reply":
                    writer.write(wrong.head())
                if action.at == "body":
                    writer.write(wrong.body[: action.after_bytes])
                return await self._end(action.how, reader, writer)
            case Drip():
                writer.write(wrong.head())
                for start in range(0, len(wrong.body), action.size):
                    writer.write(wrong.body[start : start + action.size])
                    await writer.drain()
                    await self._wait(action.interval_s, reader)
                    if reader.at_eof():
                        return False
                return True
            case CloseIdle():
                await self._send(wrong, writer)
                return False
            case _:
                await self._send(wrong, writer)
                # Where the body was announced to be longer, only the end of the connection ends it.
                return wrong.length is None or wrong.length <= len(wrong.body) or request.method == "HEAD"

    async def _ask(self, head: ProxyRequest, raw: bytes) -> ProxyAnswer:
        """The server's answer, on a connection of its own."""
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=MAX_HEAD_BYTES)
        self._upstream.add(writer)
        try:
            writer.write(request_bytes(head, raw))
            with suppress(ConnectionError):  # a server may answer before it has read all, and close
                await writer.drain()
            return await read_answer(reader, head.method)
        finally:
            self._upstream.discard(writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _send(self, answer: ProxyAnswer, writer: asyncio.StreamWriter) -> None:
        writer.write(answer.head() + answer.body)
        await writer.drain()

    async def _end(
        self, how: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_reading: bool = True
    ) -> bool:
        await writer.drain()
        if how == "reset":
            _reset(writer)
        elif how == "stall" and is_reading:
            await reader.read()  # until the client gives up
        elif how == "stall":
            while not self._is_closing.is_set() and _is_connected(writer):
                await self._pause(0.02)
        return False

    def _reply(self, action: Reply, request: ProxyRequest) -> ProxyAnswer:
        if action.body is None:
            return forms.error(self._dialect, request, action.status, action.code, action.retry_after)
        kind = [("Content-Type", action.content_type)]
        return forms.answer(request, action.status, kind, action.body, action.retry_after)

    def _note(self, request: ProxyRequest, answer: ProxyAnswer | None, armed: _Armed | None) -> None:
        if armed is not None:
            armed.note()
        self.exchanges.append(
            Exchange(
                request=replace(request, body=b""),
                status=None if answer is None else answer.status,
                length=0 if answer is None else len(answer.body),
                fault=None if armed is None else armed.fault,
            )
        )

    async def _reopen(self, after_s: float) -> None:
        await self._pause(after_s)
        if not self._is_closing.is_set():
            await self._listen()
            self.is_refusing = False

    async def _wait(self, for_s: float, reader: asyncio.StreamReader) -> None:
        """Wait, but no longer than the client is there."""
        steps = max(1, round(for_s / 0.02))
        for _ in range(steps):
            await self._pause(for_s / steps)
            if reader.at_eof():
                return

    async def _pause(self, for_s: float) -> None:
        """Wait, but no longer than the proxy is there."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_closing.wait(), for_s)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection with a reset; merely dropping it would be a proper end where all was read."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _is_connected(writer: asyncio.StreamWriter) -> bool:
    """Whether the client is still there, although nothing is read from it. Where the system cannot tell, it is."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is None or not hasattr(socket, "TCP_INFO"):
        return not writer.is_closing()
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED

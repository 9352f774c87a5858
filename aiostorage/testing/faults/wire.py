"""HTTP/1.1 as far as a proxy needs it: where a message ends, and what it says.

Source: RFC 9112
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiostorage.testing.faults.asked import UNKNOWN, Asked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Headers: TypeAlias = tuple[tuple[str, str], ...]

MAX_HEAD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRequest:
    """A request as it came over the wire.

    Attributes:
        method: In capitals.
        target: Path and query, still percent-encoded.
        headers: In order, as they were written.
        body: The whole of it; empty where a fault strikes before it has been read.
        connection: The number of the connection that it came on, from 1.
        asked: What it asks for, in words that all providers share.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    connection: int
    asked: Asked = UNKNOWN

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The parameters, decoded; of a repeated one the last counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def header(self, name: str) -> str | None:
        """The value of a header, whose name is given in lower case."""
        return find(self.headers, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyAnswer:
    """An answer.

    Attributes:
        status: The HTTP status.
        headers: In order; ``Content-Length`` is ``length`` where that is given.
        body: The whole of it, without the marks of chunks.
        length: The Content-Length that is announced, whatever the body has.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    length: int | None = None

    def header(self, name: str) -> str | None:
        """The value of a header, whose name is given in lower case."""
        return find(self.headers, name)

    def without(self, *names: str) -> ProxyAnswer:
        """The same without some headers, whose names are given in lower case."""
        return replace(self, headers=tuple(item for item in self.headers if item[0].lower() not in names))

    def with_body(self, body: bytes) -> ProxyAnswer:
        """The same with another body, and the length of that."""
        return replace(self, body=body, length=len(body))

    def head(self) -> bytes:
        """Status line and headers, as they go over the wire."""
        lines = [f"HTTP/1.1 {self.status} -", *(f"{name}: {value}" for name, value in self.headers)]
        if self.length is not None:
            lines.append(f"Content-Length: {self.length}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def find(headers: Headers, name: str) -> str | None:
    """The value of the first header of a name in lower case."""
    return next((value for key, value in headers if key.lower() == name), None)


async def read_request_head(reader: asyncio.StreamReader, connection: int) -> ProxyRequest | None:
    """The next request without its body; None where the client has left."""
    lines = await _read_head(reader)
    if lines is None:
        return None
    method, target, _ = lines[0].split(" ", 2)
    return ProxyRequest(method=method, target=target, headers=_headers(lines[1:]), body=b"", connection=connection)


async def read_body(reader: asyncio.StreamReader, headers: Headers) -> tuple[bytes, bytes]:
    """A body as a client sends it: its content, and the same bytes with the marks of chunks."""
    if "chunked" in (find(headers, "transfer-encoding") or "").lower():
        return await _read_chunked(reader)
    body = await reader.readexactly(int(find(headers, "content-length") or "0"))
    return body, body


async def read_answer(reader: asyncio.StreamReader, method: str) -> ProxyAnswer:
    """An answer with its body.

    Raises:
        ConnectionError: The server has closed the connection instead.
    """
    status = 100
    headers: Headers = ()
    while 100 <= status < 200:  # 100 Continue and the like come before the answer
        lines = await _read_head(reader)
        if lines is None:
            raise ConnectionResetError("the server closed the connection instead of answering")
        status, headers = int(lines[0].split(" ")[1]), _headers(lines[1:])
    length = find(headers, "content-length")
    body = b""
    if method != "HEAD" and status not in {204, 304}:
        if "chunked" in (find(headers, "transfer-encoding") or "").lower():
            body, _ = await _read_chunked(reader)
        else:
            body = await (reader.read() if length is None else reader.readexactly(int(length)))
        length = str(len(body))
    answer = ProxyAnswer(status=status, headers=headers, body=body, length=None if length is None else int(length))
    # What concerns the connection to the server only, and what is made from ``length`` again.
    return answer.without("connection", "keep-alive", "transfer-encoding", "content-length")


def request_bytes(request: ProxyRequest, body: bytes) -> bytes:
    """A request as it goes to the server: as it came, but for what has been dealt with here."""
    headers: Iterable[tuple[str, str]] = (item for item in request.headers if item[0].lower() != "expect")
    lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def _read_head(reader: asyncio.StreamReader) -> list[str] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise ConnectionResetError("the head of a message was cut short") from None
        return None
    return head[:-4].decode("latin-1").split("\r\n")


def _headers(lines: list[str]) -> Headers:
    return tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))


async def _read_chunked(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    content, raw = bytearray(), bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        raw += line
        size = int(line.partition(b";")[0], 16)
        if not size:
            break
        chunk = await reader.readexactly(size + 2)
        raw += chunk
        content += chunk[:-2]
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":  # trailers
        raw += line
    return bytes(content), bytes(raw + line)


async def stop_listening(server: asyncio.Server) -> None:
    """Close a server when what it has accepted has come to us; asyncio would lose that, and not close it."""
    with suppress(NotImplementedError):
        for listener in server.sockets:
            asyncio.get_running_loop().remove_reader(listener)
    await asyncio.sleep(0)
    server.close()

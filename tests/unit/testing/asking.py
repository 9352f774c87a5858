"""A server in the running loop, and a session that asks it."""

from __future__ import annotations

import asyncio
import base64
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from aiostorage.testing.gcs import GCSServer, Settings
from tests.unit.testing.google import crc32c as google_crc32c

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

BLOCK = 256 * 1024
NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    hashes: list[str]
    body: bytes
    json: Any

    @property
    def code(self) -> str:
        match = re.search(rb"<Code>(.*?)</Code>", self.body)
        return match[1].decode() if match else ""

    @property
    def reason(self) -> str:
        return str(self.json["error"]["errors"][0]["reason"])

    def texts(self, tag: str) -> list[str]:
        return re.findall(f"<{tag}>(.*?)</{tag}>", self.body.decode())


class Asking:
    """A server, and a session that asks it; nothing is decompressed or encoded on the way."""

    def __init__(self, server: GCSServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self._session = session

    async def __call__(self, method: str, target: str, **options: Any) -> Reply:
        url = URL(target if target.startswith("http") else self.server.endpoint + target, encoded=True)
        async with self._session.request(method, url, allow_redirects=False, **options) as answer:
            body = await answer.read()
            is_json = answer.content_type == "application/json" and body
            return Reply(
                status=answer.status,
                headers=answer.headers,
                hashes=answer.headers.getall("x-goog-hash", []),
                body=body,
                json=await answer.json() if is_json else None,
            )

    async def send_raw(self, head: str, body: bytes, *, wait: bool = True) -> bytes:
        """Send a body that may be shorter than it claims to be, then hang up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.write_eof()
        answer = await reader.read() if wait else b""
        writer.close()
        await writer.wait_closed()
        return answer

    async def put(self, name: str, data: bytes = b"content", **headers: str) -> Reply:
        reply = await self(
            "PUT", f"/bucket/{name}", data=data, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        assert reply.status == 200
        return reply

    async def start(self, name: str = "resumed", **options: Any) -> str:
        reply = await self("POST", f"/upload/storage/v1/b/bucket/o?uploadType=resumable&name={name}", **options)
        assert reply.status == 200
        return reply.headers["Location"]


@asynccontextmanager
async def served(settings: Settings | None = None, **options: Any) -> AsyncIterator[Asking]:
    async with (
        GCSServer(settings, **options) as server,
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding", "Content-Type"]) as session,
    ):
        ask = Asking(server, session)
        authorization = {"Authorization": f"Bearer {server.new_token()}"}
        made = await ask("POST", "/storage/v1/b?project=p", json={"name": "bucket"}, headers=authorization)
        assert made.status == 200
        yield ask


def google(data: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()

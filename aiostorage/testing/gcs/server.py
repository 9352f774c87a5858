"""The server: a socket in front of the two APIs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from aiohttp import ClientPayloadError, web

from aiostorage.testing.gcs import keyfiles, routes
from aiostorage.testing.gcs.accounts import DEFAULT_EMAIL
from aiostorage.testing.gcs.cloud import Cloud, Settings
from aiostorage.testing.gcs.faults import Fault
from aiostorage.testing.gcs.messages import Answer, Call

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from aiostorage.testing.gcs.messages import Record

_READ_BYTES = 256 * 1024
_NO_FAULT = Fault()


class GCSServer:
    """Google Cloud Storage in memory, for tests, on a real socket.

    It speaks the JSON API, with uploads, downloads and batches, and the XML API, and gives out the tokens for
    them. It runs in the loop that is running::

        async with GCSServer() as server:
            os.environ["STORAGE_EMULATOR_HOST"] = server.endpoint

    or as a process, ``python -m aiostorage.testing.gcs``, which prints its endpoint when all is ready.
    Buckets that are called ``storage``, ``upload``, ``download``, ``batch``, ``token`` or ``resumable`` are out of
    the XML API's reach, as both APIs share one address.

    Args:
        settings: How it behaves where the real service may behave in several ways.
        host: Where it listens.
        port: 0 lets the system choose.
        clock: Seconds since the epoch.
        randomness: Where identifiers come from.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.time,
        randomness: random.Random | None = None,
    ) -> None:
        self.cloud: Cloud = Cloud(settings or Settings(), clock=clock, randomness=randomness)
        self.port: int = port
        self._host: str = host
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._handle)
        # Contents are stored as they come, so nothing of them is decompressed.
        self._runner: web.AppRunner = web.AppRunner(
            application,
            access_log=None,
            auto_decompress=False,
            lingering_time=0,
            read_bufsize=_READ_BYTES,
            shutdown_timeout=1,
        )

    @property
    def endpoint(self) -> str:
        """Scheme, host and port, as STORAGE_EMULATOR_HOST takes them."""
        return f"http://{self._host}:{self.port}"

    def service_account_key(self) -> Record:
        """A new key of the server's account, as the file that a console hands out; needs ``cryptography``."""
        return keyfiles.service_account(self.cloud, self.endpoint)

    def new_token(self, lifetime_s: float | None = None) -> str:
        """An access token that the server accepts."""
        return self.cloud.accounts.new_token(DEFAULT_EMAIL, lifetime_s).value

    def add_fault(self, fault: Fault) -> None:
        """Let something go wrong with the next requests that fit; a process is told at ``/_testing/faults``."""
        self.cloud.faults.add(fault)

    def write_credentials(self, folder: Path) -> None:
        """Write files of credentials: one for each way to get a token, and a key for signatures by HMAC.

        They are ``service_account.json``, ``authorized_user.json``, ``external_account.json`` (with and without
        impersonation), ``impersonated_service_account.json`` and ``hmac.json``.
        """
        keyfiles.write_all(self.cloud, self.endpoint, folder)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = _call(request)
        fault = self.cloud.faults.take(call) or _NO_FAULT
        source = fault.cut(_chunks(request))
        try:
            if fault.status is not None:
                answer = _refused(call, fault)
            else:
                answer = await routes.answer(self.cloud, call, source)
            # Who is refused early is heard out: a connection that is closed on unread bytes may lose the answer.
            async for _ in source:
                pass
        except (ConnectionError, ClientPayloadError):
            return _hang_up(request)  # the body was cut short, so nobody hears an answer
        if fault.answer_bytes == -1:
            return _hang_up(request)
        return await _respond(request, answer, fault.answer_bytes)


def _refused(call: Call, fault: Fault) -> Answer:
    error, headers = fault.refusal()
    refusal = routes.refusal(call, error)
    return replace(refusal, headers=refusal.headers + headers)


def _call(request: web.Request) -> Call:
    # Not request.path or request.query: both are decoded, and an encoded slash is part of a name.
    path, _, query = request.raw_path.partition("?")
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    return Call(
        method=request.method,
        path=path,
        raw_query=query,
        headers=headers,
        origin=f"{request.scheme}://{request.host}",
    )


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    # An end before its time raises here, so that what is cut short is never stored.
    async for chunk in request.content.iter_any():
        yield chunk


async def _respond(request: web.Request, answer: Answer, limit: int | None) -> web.StreamResponse:
    if isinstance(answer.body, bytes) and limit is None:
        whole = web.Response(status=answer.status, body=answer.body)
        whole.headers.popall("Content-Type", None)
        _add_headers(whole, answer)
        return whole
    response = web.StreamResponse(status=answer.status)
    _add_headers(response, answer)
    pieces: Iterator[bytes | memoryview]
    pieces, length = (
        (iter([answer.body]), len(answer.body)) if isinstance(answer.body, bytes) else (answer.body, answer.length)
    )
    if length is not None:
        response.content_length = length
    await response.prepare(request)
    if request.method != "HEAD":
        for piece in pieces:
            if limit is not None and len(piece) >= limit:
                await response.write(piece[:limit])
                return _hang_up(request)
            limit = None if limit is None else limit - len(piece)
            await response.write(piece)
    await response.write_eof()
    return response


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()  # what was written before still goes out
    return web.Response(status=400)


def _add_headers(response: web.StreamResponse, answer: Answer) -> None:
    for name, value in answer.headers:
        response.headers.add(name, value)

"""The server: a socket in front of the two APIs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from aiohttp import web

from aiostorage.testing.gcs import batch, json_api, uploads, xml_api
from aiostorage.testing.gcs.cloud import Cloud, Settings
from aiostorage.testing.gcs.errors import GCSError, not_allowed, not_found
from aiostorage.testing.gcs.fields import partial
from aiostorage.testing.gcs.messages import Answer, Call, read_whole

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

_READ_BYTES = 256 * 1024


class GCSServer:
    """Google Cloud Storage in memory, for tests, on a real socket.

    It speaks the JSON API, with uploads, downloads and batches, and the XML API. Use it as an asynchronous
    context manager in the loop that is running, or as a process: ``python -m aiostorage.testing.gcs``.

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
            application, access_log=None, auto_decompress=False, read_bufsize=_READ_BYTES, shutdown_timeout=1
        )

    @property
    def endpoint(self) -> str:
        """Scheme, host and port, as STORAGE_EMULATOR_HOST takes them."""
        return f"http://{self._host}:{self.port}"

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
        source = _chunks(request)
        try:
            answer = await self._answer(call, source)
        except GCSError as error:
            answer = _refusal(call, error)
        return await _respond(request, answer)

    async def _answer(self, call: Call, source: AsyncIterator[bytes]) -> Answer:
        cloud = self.cloud
        match call.segments:
            case ["upload" | "resumable", *middle, "storage", "v1", "b", bucket, "o"] if middle in ([], ["upload"]):
                return _partial(call, await uploads.answer(cloud, call, source, bucket))
            case ["download", "storage", "v1", "b", bucket, "o", name] if call.method == "GET":
                return json_api.download(cloud, call, bucket, name)
            case ["batch", "storage", "v1"] | ["batch"]:
                if call.method != "POST":
                    raise not_allowed()
                return batch.answer(_with_body(call, await read_whole(source)), self._json)
            case ["storage", "v1", *_]:
                return self._json(_with_body(call, await read_whole(source)))
            case _:
                bucket, _, name = call.path.removeprefix("/").partition("/")
                return await xml_api.answer(cloud, call, source, unquote(bucket), unquote(name))

    def _json(self, call: Call) -> Answer:
        match call.segments:
            case ["storage", "v1", *resource]:
                return _partial(call, json_api.answer(self.cloud, call, resource))
            case _:
                raise not_found()


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


def _with_body(call: Call, body: bytes) -> Call:
    return replace(call, body=body)


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    # An end before its time raises here, so that what is cut short is never stored.
    async for chunk in request.content.iter_any():
        yield chunk


def _refusal(call: Call, error: GCSError) -> Answer:
    headers = (("Content-Range", error.content_range),) if error.content_range else ()
    if error.status in {304, 499}:
        return Answer(status=error.status, headers=headers)
    if call.segments[0] in {"storage", "upload", "download", "resumable", "batch"}:
        content_type, body = "application/json; charset=UTF-8", error.json()
    else:
        content_type, body = "application/xml; charset=UTF-8", error.xml()
    return Answer(status=error.status, headers=(("Content-Type", content_type), *headers), body=body)


def _partial(call: Call, answer: Answer) -> Answer:
    wanted = call.query.get("fields")
    if wanted is None or not isinstance(answer.body, bytes) or not answer.body.startswith(b"{"):
        return answer
    return replace(answer, body=partial(answer.body, wanted))


async def _respond(request: web.Request, answer: Answer) -> web.StreamResponse:
    if isinstance(answer.body, bytes):
        response: web.StreamResponse = web.Response(status=answer.status, body=answer.body)
        response.headers.popall("Content-Type", None)
        _add_headers(response, answer)
        return response
    response = web.StreamResponse(status=answer.status)
    _add_headers(response, answer)
    if answer.length is not None:
        response.content_length = answer.length
    await response.prepare(request)
    if request.method != "HEAD":
        for piece in answer.body:
            await response.write(piece)
    await response.write_eof()
    return response


def _add_headers(response: web.StreamResponse, answer: Answer) -> None:
    for name, value in answer.headers:
        response.headers.add(name, value)

"""aiohttp, decided once: the only module that imports it.

* URLs are passed as encoded already, or signatures would break.
* Bodies arrive as they were stored: nothing is decompressed.
* No total timeout; connecting, and silence in either direction, are timed.
* aiohttp would resend an idempotent request by itself when a kept-alive connection turns out dead
  (RFC 9112 section 9.3.1 allows it). That is switched off: there is one retry loop, in ``client.py``,
  and it knows which writes may be sent twice.
* No cookies, no netrc, no redirects. Proxies come from the environment once, not on every request.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import payload
from aiohttp.http import StreamWriter
from yarl import URL

from aiostorage._http.messages import TransportError
from aiostorage.errors import ClosedError

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage

    from aiostorage._http.pace import Pace
    from aiostorage.models import Buffer

_SLICE_BYTES = 256 * 1024
"""Body bytes handed to the transport at once: what asyncio reads and writes in one call."""

_MAX_ANNOUNCEMENTS = 16
"""Answers of the status 1xx before the one that counts, and that one. Source: RFC 9110 section 15.2."""

_NO_AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Session:
    """A pool of connections on one event loop, made when first used."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession | None,
        connect_timeout_s: float | None,
        idle_timeout_s: float | None,
        proxy: str | None,
        ca_bundle: str | os.PathLike[str] | None,
        client_certificate: tuple[str | os.PathLike[str], str | os.PathLike[str] | None] | None,
        proxy_ca: str | os.PathLike[str] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace
        self._given = session
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s, sock_read=idle_timeout_s)
        self._idle_timeout_s = idle_timeout_s
        self._proxy = proxy
        self._proxies: dict[str, str | None] = {}
        self._ca_bundle = ca_bundle
        self._proxy_ca = proxy_ca
        self._client_certificate = client_certificate
        self._opening = asyncio.Lock()

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: Buffer, on_sent: Callable[[int], None] | None
    ) -> SessionResponse:
        """Send a request and return when the head of the answer is there.

        Raises:
            TransportError: There was no answer.
        """
        session = self._session or await self._open()
        if session.closed:  # a session that was handed in, and closed by its owner
            raise ClosedError("the session that the driver was given is closed")
        data: Buffer | _Slices | None = None
        if len(body) > _SLICE_BYTES or (body and (on_sent or self._pace or isinstance(body, memoryview))):
            data = _Slices(body, on_sent, self._idle_timeout_s, self._pace)
        elif body or method in {"PUT", "POST"}:
            data = body
        try:
            response = await session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=data,
                allow_redirects=False,
                auto_decompress=False,
                timeout=self._timeout,
                proxy=self._proxy_for(url),
                # An HTTP/1.1 header line may be long, and a hostile one endless.
                max_line_size=16 * 1024,
                max_field_size=16 * 1024,
            )
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(data, _Slices):
                data.abort()
            raise _translate(error) from None
        except BaseException:
            if isinstance(data, _Slices):
                data.abort()
            raise
        return SessionResponse(response, data if isinstance(data, _Slices) else None)

    async def aclose(self) -> None:
        """Close the pool; one that was handed in stays open."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _open(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None:
                if self._is_closed or (self._given is not None and self._given.closed):
                    raise ClosedError("the driver, or the session that it was given, is closed")
                # A session that was handed in lends its connections; how to use them is decided here.
                self._session = aiohttp.ClientSession(
                    connector=self._given.connector
                    if self._given is not None
                    else _Connector(await self._tls(), await self._proxy_tls()),
                    connector_owner=self._given is None,
                    request_class=_OwnRequest,
                    trace_configs=None if self._given is None else self._given.trace_configs,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    response_class=_Response,
                    skip_auto_headers=_NO_AUTO_HEADERS,
                    read_bufsize=_SLICE_BYTES,
                )
                # There is no public switch; the head of this module says why it is needed.
                self._session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
            return self._session

    async def _tls(self) -> ssl.SSLContext | bool:
        if self._ca_bundle is None and self._client_certificate is None:
            return True
        return await asyncio.to_thread(_tls_context, self._ca_bundle, self._client_certificate)

    async def _proxy_tls(self) -> ssl.SSLContext | None:
        """How to speak to a proxy over TLS; None where that is no different from how to speak to the service."""
        if self._proxy_ca is None and self._client_certificate is None:
            return None
        return await asyncio.to_thread(_tls_context, self._proxy_ca or self._ca_bundle, None)

    def _proxy_for(self, url: str) -> str | None:
        if self._proxy is not None:
            return self._proxy or None
        scheme, _, rest = url.partition("://")
        host = rest.partition("/")[0]
        origin = f"{scheme}://{host}"
        if origin not in self._proxies:
            name = urllib.parse.urlsplit(origin).hostname or ""
            is_bypassed = urllib.request.proxy_bypass(name) or urllib.request.proxy_bypass(host)  # with its port
            self._proxies[origin] = None if is_bypassed else urllib.request.getproxies().get(scheme)
        return self._proxies[origin]


class _OwnRequest(aiohttp.ClientRequest):
    """A request to a service. Those to a proxy on its way are the connector's, and are not of this class."""


class _Connector(aiohttp.TCPConnector):
    """A pool that may speak to proxies in another way than to the services behind them.

    aiohttp shows a proxy the certificate that is meant for the service, and there is no public way to have
    that otherwise.
    """

    def __init__(self, tls: ssl.SSLContext | bool, proxy_tls: ssl.SSLContext | None) -> None:
        super().__init__(limit=0, ssl=tls)  # pyright: ignore[reportUnknownMemberType] - an option that we do not give
        self._proxy_tls = proxy_tls

    def _get_ssl_context(self, req: aiohttp.ClientRequest) -> ssl.SSLContext | None:
        found = super()._get_ssl_context(req)
        if found is None or self._proxy_tls is None or isinstance(req, _OwnRequest):
            return found
        return self._proxy_tls


class SessionResponse:
    """An answer whose body has not been read. Whoever holds it closes it, or reads it to its end."""

    def __init__(self, response: aiohttp.ClientResponse, body: _Slices | None) -> None:
        self._response = response
        self._body = body
        self.status = response.status

    def headers(self) -> dict[str, str]:
        """Lower-case names; repeated headers joined with ``, `` (RFC 9110 section 5.3)."""
        headers: dict[str, str] = {}
        for name, value in self._response.headers.items():
            low = name.lower()
            headers[low] = f"{headers[low]}, {value}" if low in headers else value
        return headers

    async def read_chunk(self) -> bytes:
        """What has arrived of the body, at least a byte; empty at its end."""
        return await self._read(self._response.content.readany)

    async def read(self) -> bytes:
        """The whole body."""
        return await self._read(self._response.read)

    async def read_at_most(self, limit: int) -> bytes:
        """The whole body of an answer that ought to be small.

        Raises:
            TransportError: It is larger than ``limit`` bytes.
        """
        length = self._response.content_length
        if length is not None and length <= limit:
            return await self.read()
        pieces: list[bytes] = []
        left = limit
        while chunk := await self.read_chunk():
            left -= len(chunk)
            if left < 0:
                raise TransportError("protocol", f"an answer of more than {limit} bytes", may_have_arrived=True)
            pieces.append(chunk)
        return b"".join(pieces)

    def close(self) -> None:
        """Drop the connection, unless the body was read to its end; then it is free already."""
        self._response.close()
        if self._body is not None and not self._body.is_sent:
            self._body.abort()  # the answer came first

    async def _read(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            return await read()
        except (aiohttp.ClientError, OSError) as error:
            raise _translate(error) from None


class _Response(aiohttp.ClientResponse):
    """An answer that may be announced, but not for ever: each announcement (RFC 9110 section 15.2) ends a silence."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        if protocol is None:
            return await super().start(connection)
        read, heads = protocol.read, 0

        async def read_head() -> tuple[RawResponseMessage, aiohttp.StreamReader]:
            nonlocal heads
            heads += 1
            if heads > _MAX_ANNOUNCEMENTS:
                raise aiohttp.ClientResponseError(self.request_info, ())
            return await read()

        protocol.read = read_head  # type: ignore[method-assign]  # aiohttp has no other place to count them
        try:
            return await super().start(connection)
        finally:
            del protocol.read


class _Slices(payload.Payload):
    """A body written slice by slice: the loop is never held up, and silence is noticed."""

    _value: Buffer
    _autoclose = True

    def __init__(
        self,
        body: Buffer,
        on_sent: Callable[[int], None] | None,
        idle_timeout_s: float | None,
        pace: Pace | None,
    ) -> None:
        super().__init__(body, content_type="application/octet-stream")
        self._size = len(body)
        self._transport: asyncio.Transport | None = None
        self.is_sent = False
        self._on_sent = on_sent
        self._idle_timeout_s = idle_timeout_s
        self._pace = pace

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if isinstance(writer, StreamWriter):
            self._transport = writer.transport
        view = memoryview(self._value)
        for start in range(0, len(view), _SLICE_BYTES):
            piece = view[start : start + _SLICE_BYTES]
            if self._pace is not None:
                await self._pace.take(len(piece))
            async with asyncio.timeout(self._idle_timeout_s):
                await writer.write(piece)
            if self._on_sent is not None:
                self._on_sent(len(piece))
        self.is_sent = True

    def abort(self) -> None:
        """Drop the connection now: closing would wait for the rest of the body to be taken, perhaps for ever."""
        if self._transport is not None:
            self._transport.abort()


def _tls_context(
    ca_bundle: str | os.PathLike[str] | None,
    client_certificate: tuple[str | os.PathLike[str], str | os.PathLike[str] | None] | None,
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_bundle)
    if client_certificate is not None:
        context.load_cert_chain(*client_certificate)
    return context


def _tls_reason(error: aiohttp.ClientError) -> str:
    cause: object = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    return str(getattr(cause, "verify_message", None) or getattr(cause, "reason", None) or type(cause).__name__)


def _translate(error: aiohttp.ClientError | OSError) -> TransportError:
    """What happened, without the URL: aiohttp puts it into some messages, and it may hold a signature."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return TransportError("timeout", "no connection in time", may_have_arrived=False)
        case TimeoutError():
            return TransportError("timeout", "nothing moved in time", may_have_arrived=True)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return TransportError("certificate", f"TLS failed: {_tls_reason(error)}", may_have_arrived=False)
        case aiohttp.ClientConnectorError():
            reason = error.os_error.strerror or type(error.os_error).__name__
            return TransportError(
                "connection", f"cannot connect to {error.host}:{error.port}: {reason}", may_have_arrived=False
            )
        case aiohttp.ClientHttpProxyError():
            return TransportError("connection", f"the proxy answered {error.status}", may_have_arrived=False)
        case aiohttp.ServerDisconnectedError():
            return TransportError("connection", "the server closed the connection", may_have_arrived=True)
        case aiohttp.ClientPayloadError():
            return TransportError("connection", "the body broke off before its end", may_have_arrived=True)
        case aiohttp.ClientResponseError() | aiohttp.InvalidURL():
            return TransportError("protocol", "what came back is not HTTP", may_have_arrived=True)
        case _:
            return TransportError(
                "connection",
                f"the connection broke: {type(error).__name__}",
                may_have_arrived=True,
            )

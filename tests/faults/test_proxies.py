"""Proxies, certificates of one's own, and who gets to see what: a small real proxy on a socket."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pytest
import trustme

from aiostorage import RetryPolicy, S3Driver, StorageConnectionError, StorageError
from tests.scripted import Answer, ScriptedServer, Seen

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

pytestmark = pytest.mark.anyio

CONTENT = b"through"


class Proxy:
    """An HTTP proxy; with ``tls`` it is spoken to over TLS. It counts, and looks at what it is shown.

    Attributes:
        heads: The heads of the requests made of the proxy itself.
        certificates: What clients have shown of themselves.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, refusal: bytes | None = None) -> None:
        self._tls = tls
        self._refusal = refusal
        self.heads: list[str] = []
        self.certificates: list[object] = []
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            if certificate := writer.get_extra_info("peercert"):
                self.certificates.append(certificate)
            if self._refusal is not None:
                writer.write(self._refusal)
                await writer.drain()
                return
            method, target, *_ = head.split(" ", 2)
            authority = target if method == "CONNECT" else target.removeprefix("http://").partition("/")[0]
            host, _, port = authority.rpartition(":")
            there_reader, there = await asyncio.open_connection(host, int(port))
            self._open.add(there)
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 go on\r\n\r\n")
            else:
                there.write(head.encode())
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, there))
                group.create_task(_pump(there_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            self._open.discard(writer)
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@dataclass
class House:
    """An authority of its own, with a server's and a client's certificate."""

    ca: trustme.CA
    bundle: Path
    server: ssl.SSLContext
    client: Path


def house(folder: Path, *, asks: ssl.VerifyMode = ssl.CERT_NONE) -> House:
    """Certificates; the server ``asks`` its clients for theirs."""
    folder.mkdir()
    ca = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = asks
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    ca.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(str(folder / "client.pem"))
    return House(ca, folder / "ca.pem", context, folder / "client.pem")


@pytest.fixture
def plain(tmp_path: Path) -> House:
    return house(tmp_path / "plain")


@pytest.fixture(autouse=True)
def _nothing_bypassed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def stored(_seen: Seen) -> Answer:
    return Answer(headers={"ETag": '"e"'}, body=CONTENT)


async def read(server: ScriptedServer, **options: object) -> bytes:
    async with S3Driver(
        endpoint=server.url,
        region="r",
        access_key_id="k",
        secret_access_key="s",
        retry=RetryPolicy(max_attempts=2, base_s=0.001),
        **options,  # type: ignore[arg-type]  # whatever a test wants
    ) as driver:
        return await driver.container("bucket").object("key").read()


async def test_the_proxy_of_the_environment_is_used(plain: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(answer=stored, tls=plain.server) as server, Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert await read(server, ca_bundle=plain.bundle) == CONTENT
    assert [head.split("\r\n")[0] for head in proxy.heads] == [f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"]


async def test_without_tls_the_proxy_is_asked_for_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(answer=stored) as server, Proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert await read(server) == CONTENT
    assert proxy.heads[0].startswith(f"GET {server.url}/bucket/key HTTP/1.1\r\n")


@pytest.mark.parametrize("bypass", ["127.0.0.1", "localhost,127.0.0.1:{port}", "*"])
async def test_what_is_not_to_go_through_a_proxy_does_not(bypass: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(answer=stored) as server, Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", bypass.format(port=server.port))
        assert await read(server) == CONTENT
    assert proxy.heads == []


async def test_the_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(answer=stored) as server, Proxy() as proxy, Proxy() as other:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert await read(server, proxy="") == CONTENT
        assert await read(server, proxy=other.url) == CONTENT
    assert (len(proxy.heads), len(other.heads)) == (0, 1)


async def test_credentials_of_the_proxy_go_to_the_proxy_alone(plain: House) -> None:
    async with ScriptedServer(answer=stored, tls=plain.server) as server, Proxy() as proxy:
        url = proxy.url.replace("//", "//user:hunter2@")
        assert await read(server, proxy=url, ca_bundle=plain.bundle) == CONTENT
    assert f"Proxy-Authorization: Basic {b64encode(b'user:hunter2').decode()}\r\n" in proxy.heads[0]
    assert "authorization: AWS4" not in proxy.heads[0].lower()
    assert not [name for name in server.seen[0].headers if "proxy" in name]


async def test_a_proxy_that_refuses_is_named_as_the_reason(plain: House) -> None:
    refusal = b"HTTP/1.1 407 no\r\nContent-Length: 0\r\n\r\n"
    async with ScriptedServer(answer=stored, tls=plain.server) as server, Proxy(refusal=refusal) as proxy:
        with pytest.raises(StorageConnectionError, match="the proxy answered 407"):
            await read(server, proxy=proxy.url, ca_bundle=plain.bundle)
    assert server.seen == []


async def test_an_authority_that_is_not_trusted_is_refused_at_once(plain: House, tmp_path: Path) -> None:
    stranger = house(tmp_path / "stranger")
    async with ScriptedServer(answer=stored, tls=plain.server) as server:
        for bundle in (None, stranger.bundle):
            with pytest.raises(StorageConnectionError, match="TLS failed") as caught:
                await read(server, ca_bundle=bundle)
            assert caught.value.attempts == 1
        assert await read(server, ca_bundle=plain.bundle) == CONTENT


async def test_a_certificate_of_ours_is_shown_to_a_server_that_asks(tmp_path: Path) -> None:
    strict = house(tmp_path / "strict", asks=ssl.CERT_REQUIRED)
    async with ScriptedServer(answer=stored, tls=strict.server) as server:
        with pytest.raises(StorageError):
            await read(server, ca_bundle=strict.bundle)
        assert server.seen == []
        assert await read(server, ca_bundle=strict.bundle, client_certificate=(strict.client, None)) == CONTENT


@pytest.mark.parametrize("source", ["option", "environment"])
async def test_a_proxy_over_tls_has_authorities_of_its_own_and_never_sees_our_certificate(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = house(tmp_path / "strict", asks=ssl.CERT_REQUIRED)
    between = house(tmp_path / "between", asks=ssl.CERT_OPTIONAL)
    strict.ca.configure_trust(between.server)  # so that it could look at the certificate, if it were shown it
    async with ScriptedServer(answer=stored, tls=strict.server) as server, Proxy(between.server) as proxy:
        options: dict[str, object] = {"ca_bundle": strict.bundle, "client_certificate": (strict.client, None)}
        if source == "environment":
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        else:
            options["proxy"] = proxy.url
        with pytest.raises(StorageConnectionError, match="TLS failed"):
            await read(server, **options)
        assert await read(server, proxy_ca=between.bundle, **options) == CONTENT
    assert len(proxy.heads) == 1
    assert proxy.certificates == []


async def test_one_bundle_for_both(tmp_path: Path, plain: House) -> None:
    async with ScriptedServer(answer=stored, tls=plain.server) as server, Proxy(plain.server) as proxy:
        assert await read(server, proxy=proxy.url, ca_bundle=plain.bundle) == CONTENT
    assert len(proxy.heads) == 1

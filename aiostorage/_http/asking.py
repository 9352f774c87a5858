"""The HTTP of those who give credentials: a client of the shell for each question, closed after it.

A question is rare, and what it finds outlives the driver that began it, so it shares no connections with one.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from aiostorage._http.client import HTTPClient
from aiostorage._http.messages import Wire
from aiostorage._http.retry import RetryPolicy

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable
    from datetime import datetime

    from aiostorage._http.messages import Request, Response
    from aiostorage._http.options import HTTPOptions
    from aiostorage.errors import StorageError


@dataclass(frozen=True, slots=True)
class Nothing:
    """The credential of a request that is not signed."""

    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The options of a driver that also hold for the services that give it credentials."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | os.PathLike[str] | None = None
    proxy_ca: str | os.PathLike[str] | None = None

    def options(self) -> HTTPOptions:
        """The same, as the options of a client."""
        return {"retry": self.retry, "proxy": self.proxy, "ca_bundle": self.ca_bundle, "proxy_ca": self.proxy_ca}


def network_of(options: HTTPOptions) -> Network:
    """What of a driver's options concerns other services too. A client certificate and a session do not."""
    return Network(
        retry=options.get("retry", RetryPolicy()),
        proxy=options.get("proxy"),
        ca_bundle=options.get("ca_bundle"),
        proxy_ca=options.get("proxy_ca"),
    )


@asynccontextmanager
async def asking(
    provider: str, read_error: Callable[[Request, Response], StorageError | None], **options: Unpack[HTTPOptions]
) -> AsyncGenerator[HTTPClient[Nothing]]:
    """A client that signs nothing, as long as the block."""
    client = HTTPClient[Nothing](provider=provider, sign=unsigned, read_error=read_error, credentials=None, **options)
    try:
        yield client
    finally:
        await client.aclose()


def unsigned(request: Request, _credential: object, _now: datetime) -> Wire:
    """The request as it is."""
    return Wire(request.url, request.headers)

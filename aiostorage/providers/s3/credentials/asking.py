"""The HTTP of the sources: a client of the shell for each fetch, closed after it.

A fetch is rare, and what it finds outlives the driver that began it, so it shares no connections with one.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiostorage._http.client import HTTPClient
from aiostorage._http.messages import Wire
from aiostorage._http.retry import RetryPolicy
from aiostorage.errors import AuthenticationError, RateLimitedError, ServiceUnavailableError
from aiostorage.providers.s3.credentials.values import S3Credentials

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator
    from datetime import datetime

    from aiostorage._http.messages import Request, Response
    from aiostorage._http.options import HTTPOptions
    from aiostorage.errors import StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The options of a driver that also hold for the services that give it credentials."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | os.PathLike[str] | None = None


def network_of(options: HTTPOptions) -> Network:
    """What of a driver's options concerns other services too. A client certificate and a session do not."""
    return Network(
        retry=options.get("retry", RetryPolicy()), proxy=options.get("proxy"), ca_bundle=options.get("ca_bundle")
    )


@asynccontextmanager
async def local_client(*, timeout_s: float, max_attempts: int) -> AsyncGenerator[HTTPClient[S3Credentials]]:
    """A client for a service on this machine: quick to give up, and never by way of a proxy."""
    client = HTTPClient[S3Credentials](
        provider="s3",
        sign=unsigned,
        read_error=read_error,
        credentials=None,
        proxy="",
        connect_timeout_s=timeout_s,
        idle_timeout_s=timeout_s,
        retry=RetryPolicy(max_attempts=max_attempts),
    )
    try:
        yield client
    finally:
        await client.aclose()


def unsigned(request: Request, _credentials: S3Credentials | None, _now: datetime) -> Wire:
    """The request as it is."""
    return Wire(request.url, request.headers)


def read_error(request: Request, response: Response) -> StorageError | None:
    """The error in the answer of a local service, which says little. Its words are not shown: they may be secrets."""
    status = response.status
    if status == 200:
        return None
    kind, is_retryable = {429: (RateLimitedError, True)}.get(
        status, (ServiceUnavailableError, True) if status >= 500 else (AuthenticationError, False)
    )
    return kind(
        f"no credentials came from {request.url.partition('://')[2].partition('/')[0]}",
        status=status,
        retryable=is_retryable,
    )

"""How services on this machine are asked for credentials, and what becomes of their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage._http.asking import Network, Nothing, asking, network_of, unsigned
from aiostorage._http.retry import RetryPolicy
from aiostorage.errors import AuthenticationError, RateLimitedError, ServiceUnavailableError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from aiostorage._http.client import HTTPClient
    from aiostorage._http.messages import Request, Response
    from aiostorage.errors import StorageError

__all__ = ["Network", "local_client", "network_of", "read_error", "unsigned"]


def local_client(*, timeout_s: float, max_attempts: int) -> AbstractAsyncContextManager[HTTPClient[Nothing]]:
    """A client for a service on this machine: quick to give up, and never by way of a proxy."""
    return asking(
        "s3",
        read_error,
        proxy="",
        connect_timeout_s=timeout_s,
        idle_timeout_s=timeout_s,
        retry=RetryPolicy(max_attempts=max_attempts),
    )


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

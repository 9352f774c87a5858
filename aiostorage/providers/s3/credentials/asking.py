"""How services are asked for credentials, on this machine and elsewhere, and what becomes of their errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiostorage._http.asking import Network, Nothing, asking, network_of, unsigned
from aiostorage._http.retry import RetryPolicy
from aiostorage.errors import AuthenticationError, InvalidArgumentError, RateLimitedError, ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from aiostorage._http.client import HTTPClient
    from aiostorage._http.messages import Request, Response
    from aiostorage.errors import StorageError

__all__ = ["Network", "configured_url", "local_client", "network_of", "read_error", "remote_client", "unsigned"]

_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~%/-]*)?")


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


def remote_client(network: Network) -> AbstractAsyncContextManager[HTTPClient[Nothing]]:
    """A client for one of Amazon's services that wants no signature."""
    return asking(
        "s3",
        read_error,
        proxy=network.proxy,
        ca_bundle=network.ca_bundle,
        proxy_ca=network.proxy_ca,
        retry=network.retry,
        connect_timeout_s=5.0,
        idle_timeout_s=15.0,
    )


def configured_url(service: str, environ: Mapping[str, str], shared: Mapping[str, str]) -> str | None:
    """The URL that the user has set for a service, without a slash at its end; None for Amazon's own.

    Args:
        service: As in the names of settings: ``sts``, ``sso``, ``sso_oidc``.
        environ: The environment.
        shared: The settings of the profile.

    Raises:
        InvalidArgumentError: It is no URL.

    Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    url = (
        environ.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        or environ.get("AWS_ENDPOINT_URL")
        or shared.get(f"{service}.endpoint_url")
        or shared.get("endpoint_url")
    )
    if url and not _ENDPOINT.fullmatch(url):
        raise InvalidArgumentError(f"the endpoint of {service.upper()} is not a URL", provider="s3")
    return url.rstrip("/") if url else None


def read_error(request: Request, response: Response) -> StorageError | None:
    """The error in the answer of a service that says little. Its words are not shown: they may be secrets."""
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

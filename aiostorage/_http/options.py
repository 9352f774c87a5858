"""The options of a driver that concern HTTP, the same for every provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import aiohttp

    from aiostorage._http.events import Event
    from aiostorage._http.hedging import HedgePolicy
    from aiostorage._http.retry import RetryPolicy


class HTTPOptions(TypedDict, total=False):
    """How to speak HTTP. All times are in seconds; None means no limit.

    There is no limit on the time that a body takes, only on the time in which nothing of it moves.
    """

    connect_timeout_s: float | None
    """To open a connection, TLS included (10)."""
    idle_timeout_s: float | None
    """Without a byte moving in either direction while a request is under way (60)."""
    pool_timeout_s: float | None
    """To wait for a connection while ``max_connections`` are in use (60)."""
    max_connections: int
    """Requests under way at once, open response bodies included (128)."""
    retry: RetryPolicy
    """When to send a request again; ``RetryPolicy(max_attempts=1)`` for never. See also ``retrying``."""
    max_requests_per_s: float | None
    """Requests to begin in a second, attempts included; None for as many as can be."""
    max_bytes_per_s: float | None
    """Bytes of bodies to move in a second, both directions together; None for as many as can be."""
    hedge: HedgePolicy | None
    """Ask for slow reads a second time; None (the default) for never."""
    on_event: Callable[[Event], None] | None
    """Called, on the event loop's thread, when a request begins, fails for the moment, and ends. It must not block."""
    proxy: str | None
    """URL of an HTTP proxy. Without it HTTPS_PROXY, HTTP_PROXY and NO_PROXY count; ``""`` for none."""
    ca_bundle: str | os.PathLike[str] | None
    """PEM file of the authorities to trust instead of the system's."""
    proxy_ca: str | os.PathLike[str] | None
    """PEM file of the authorities to trust for a proxy that speaks TLS; without it those of ``ca_bundle``."""
    client_certificate: tuple[str | os.PathLike[str], str | os.PathLike[str] | None] | None
    """PEM files of a certificate and its key (None where both are in the first). A proxy is not shown it."""
    session: aiohttp.ClientSession | None
    """A session whose connections to use; it is never closed by the driver. Its other settings do not count."""

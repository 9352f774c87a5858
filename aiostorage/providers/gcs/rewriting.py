"""Copies within the service, which moves the bytes in as many steps as it wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiostorage.errors import UnexpectedResponseError
from aiostorage.providers.gcs import requests, responses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiostorage._http.messages import Request, Response
    from aiostorage.models import ObjectInfo, ObjectRef, WriteOptions
    from aiostorage.providers.gcs.config import Site

MAX_CALLS: Final = 10_000
"""A rewrite moves a mebibyte at least in each call; one that takes more calls than this will not end."""


async def rewrite(
    site: Site,
    send: Callable[[Request], Awaitable[Response]],
    source: ObjectRef,
    container: str,
    key: str,
    options: WriteOptions | None,
) -> ObjectInfo:
    """The copy, which is there when it is whole; of one that is cut off in between there is nothing.

    Raises:
        UnexpectedResponseError: It does not end.
    """
    token: str | None = None
    for _ in range(MAX_CALLS):
        request = requests.copy_object(site, source, container, key, options, token=token)
        token, copy = responses.copy_object(request, await send(request))
        if copy is not None:
            return copy
    raise UnexpectedResponseError(
        "a copy that does not end", provider="gcs", operation="copy_object", container=container, key=key
    )

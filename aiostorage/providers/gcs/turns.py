"""One write at a time to each object, of all that a driver does at once.

Google takes one write to an object in a second, and refuses more. Writers that know of one another need
not find that out: who is refused waits, and those behind it wait for it.

Source: https://cloud.google.com/storage/quotas#objects
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiostorage._http.messages import Request, Response

WRITES: Final = frozenset({
    "put_object",
    "delete_object",
    "copy_object",
    "compose_object",
    "complete_upload",
    "update_object",
})
"""Operations that change an object. Parts do not."""


class Turns:
    """Sends requests, and lets those that write to one object follow one another.

    Args:
        send: Sends a request.
    """

    def __init__(self, send: Callable[[Request], Awaitable[Response]]) -> None:
        self._send = send
        self._locks: WeakValueDictionary[tuple[str | None, str], asyncio.Lock] = WeakValueDictionary()

    async def send(self, request: Request) -> Response:
        """The answer to a request."""
        if request.key is None or request.operation not in WRITES:
            return await self._send(request)
        name = request.container, request.key
        lock = self._locks.get(name)  # there as long as somebody holds it, or waits for it
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        async with lock:
            return await self._send(request)

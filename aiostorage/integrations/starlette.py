"""Objects as responses of Starlette and FastAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import anyio
from starlette.datastructures import Headers
from starlette.responses import StreamingResponse

from aiostorage.integrations.http import open_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Mapping

    from starlette.background import BackgroundTask
    from starlette.types import Receive, Scope, Send

    from aiostorage.object import Object


class ObjectResponse(StreamingResponse):
    """An object, or the range of it that the request asks for, streamed to the client.

    The object is opened when the response is sent, and closed when it is sent or the client has left,
    so it can be made anywhere: ``return ObjectResponse(container.object(name))``. Storage errors come
    out of it before anything is sent, so that the application's handlers see them. An error in the
    middle of the content ends the connection: the client sees that the answer is not complete.

    Args:
        obj: The object; a handle will do.
        headers: Headers that go before those of the object, such as ``Content-Disposition``.
        background: See Starlette.
        closing: What to close when the response has been sent, or the client has left: a driver that was made
            for this response alone. One for the lifetime of the service is better.
    """

    status_code: int
    body_iterator: AsyncIterable[str | bytes | memoryview]

    def __init__(
        self,
        obj: Object,
        *,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
        closing: Closable | None = None,
    ) -> None:
        super().__init__(_Nothing(), headers=headers, background=background)
        self._object = obj
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as an ASGI application."""
        try:
            await self._send(scope, receive, send)
        finally:
            if self._closing is not None:
                with anyio.CancelScope(shield=True):
                    await self._closing.aclose()

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer, reader = await open_answer(self._object, scope["method"], Headers(scope=scope).items())
        self.status_code = answer.status
        for name, value in answer.headers.items():
            self.headers.setdefault(name, value)
        if reader is None:
            await super().__call__(scope, receive, send)
        else:
            async with reader:
                self.body_iterator = reader
                await super().__call__(scope, receive, send)


class Closable(Protocol):
    """What can be closed, such as a :class:`~aiostorage.Driver`."""

    async def aclose(self) -> None:
        """Close it."""
        ...


class _Nothing:
    """The content of an answer that has none."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

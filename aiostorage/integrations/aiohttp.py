"""Objects as responses of aiohttp's server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from aiostorage.integrations.http import open_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.object import Object


async def send_object(
    request: web.BaseRequest, obj: Object, *, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Stream an object, or the range of it that the request asks for, to the client.

    Storage errors come out before anything is sent. An error in the middle of the content ends the
    connection as well: the client sees that the answer is not complete.

    Args:
        request: The request.
        obj: The object; a handle will do.
        headers: Headers that go before those of the object, such as ``content-disposition``.
    """
    answer, reader = await open_answer(obj, request.method, request.headers.items())
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.headers.update(headers or {})
    if reader is None:
        await response.prepare(request)
        await response.write_eof()
        return response
    async with reader:
        try:
            await response.prepare(request)
            async for chunk in reader:
                await response.write(chunk)
            await response.write_eof()
        except ConnectionResetError:
            pass  # the client has left
        except BaseException:
            # Else an error handler would put a second response into the middle of this one.
            if request.transport is not None:
                request.transport.abort()
            raise
    return response

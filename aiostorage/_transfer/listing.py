"""Items of a listing, from pages that are fetched one ahead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from aiostorage._tasks import end
from aiostorage.errors import UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from aiostorage.models import Page

T = TypeVar("T")


async def items(fetch: Callable[[str | None], Coroutine[None, None, Page[T]]]) -> AsyncGenerator[T, None]:
    """Every item of every page; the next page is on its way while those of this one are handed out.

    Nothing else is held between two items: leaving early cancels that one request, and waits until it has ended.

    Raises:
        UnexpectedResponseError: The service names a page again that it has named before.
    """
    page = await fetch(None)
    landmark, steps, stride = None, 0, 1
    ahead: asyncio.Task[Page[T]] | None = None
    try:
        while True:
            token = page.next_token
            if token is not None:
                if token == landmark:
                    raise UnexpectedResponseError("the listing does not advance: a continuation token came twice")
                # Brent's cycle detection: one remembered token finds a loop of any length.
                steps += 1
                if steps == stride:
                    landmark, steps, stride = token, 0, stride * 2
                ahead = asyncio.create_task(fetch(token))
            for item in page.items:
                yield item
            if ahead is None:
                return
            await asyncio.wait({ahead})
            page, ahead = ahead.result(), None
    finally:
        if ahead is not None:
            await end(ahead)

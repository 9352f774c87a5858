from __future__ import annotations

import asyncio
from contextlib import aclosing

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage import Page, UnexpectedResponseError
from aiostorage._transfer import listing
from tests.cancelling import WAYS, cancelled

pytestmark = pytest.mark.anyio


class Pages:
    """Pages by token; ``None`` for the first. Counts what is fetched, and can hold a page back."""

    def __init__(self, pages: dict[str | None, Page[int]]) -> None:
        self.pages = pages
        self.fetched: list[str | None] = []
        self.cancelled = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, token: str | None) -> Page[int]:
        self.fetched.append(token)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.pages[token]


def chain(*pages: list[int]) -> dict[str | None, Page[int]]:
    tokens = [None, *(f"t{n}" for n in range(1, len(pages))), None]
    return {
        token: Page(items=items, next_token=after)
        for token, items, after in zip(tokens, pages, tokens[1:], strict=False)
    }


async def test_items_of_all_pages_come_in_order_also_past_empty_ones() -> None:
    pages = Pages(chain([1, 2], [], [], [3], []))
    assert [item async for item in listing.items(pages.fetch)] == [1, 2, 3]


async def test_one_page_is_fetched_ahead_and_no_more() -> None:
    pages = Pages(chain([1, 2], [3], [4]))
    async with aclosing(listing.items(pages.fetch)) as items:
        assert await anext(items) == 1
        await asyncio.sleep(0)
        assert pages.fetched == [None, "t1"]
        assert [await anext(items), await anext(items)] == [2, 3]
        await asyncio.sleep(0)
        assert pages.fetched == [None, "t1", "t2"]


async def test_leaving_early_cancels_the_page_that_is_on_its_way() -> None:
    pages = Pages(chain([1], [2], [3]))
    items = listing.items(pages.fetch)
    assert await anext(items) == 1
    pages.gate.clear()
    await asyncio.sleep(0)
    await items.aclose()
    assert pages.cancelled == 1


async def test_a_page_that_failed_unseen_is_no_noise() -> None:
    pages = Pages({None: Page(items=[1], next_token="missing")})
    items = listing.items(pages.fetch)
    assert await anext(items) == 1
    await asyncio.sleep(0)
    await items.aclose()


async def test_a_failing_page_raises_after_the_items_before_it() -> None:
    pages = Pages({None: Page(items=[1, 2], next_token="missing")})
    seen: list[int] = []
    with pytest.raises(KeyError):
        async for item in listing.items(pages.fetch):
            seen.append(item)  # noqa: PERF401 - what came before the error is what counts
    assert seen == [1, 2]


class Slow(Pages):
    """Pages of which one that is cancelled takes a while to end, as one does that is read in a thread."""

    def __init__(self, pages: dict[str | None, Page[int]]) -> None:
        super().__init__(pages)
        self.under_way = 0

    async def fetch(self, token: str | None) -> Page[int]:
        self.under_way += 1
        try:
            return await super().fetch(token)
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(0.03)
            self.under_way -= 1


@pytest.mark.parametrize("how", WAYS)
async def test_a_listing_that_is_left_when_it_is_cancelled_has_nothing_under_way(how: str) -> None:
    pages = Slow(chain([1], [2], [3]))

    async def read() -> None:
        async with aclosing(listing.items(pages.fetch)) as items:
            assert await anext(items) == 1
            pages.gate.clear()
            await asyncio.Event().wait()

    await cancelled(how, read(), after_s=0.05)
    assert (pages.cancelled, pages.under_way) == (1, 0)


@pytest.mark.parametrize("how", WAYS)
async def test_a_listing_whose_closing_is_cancelled_has_nothing_under_way(how: str) -> None:
    pages = Slow(chain([1], [2], [3]))
    items = listing.items(pages.fetch)
    assert await anext(items) == 1
    pages.gate.clear()
    await asyncio.sleep(0)
    await cancelled(how, items.aclose())
    assert (pages.cancelled, pages.under_way) == (1, 0)


@pytest.mark.parametrize("how", WAYS)
async def test_a_listing_that_is_cancelled_as_it_waits_for_a_page_has_nothing_under_way(how: str) -> None:
    pages = Slow(chain([1], [2], [3]))
    items = listing.items(pages.fetch)
    assert await anext(items) == 1
    pages.gate.clear()
    await cancelled(how, anext(items))
    assert (pages.cancelled, pages.under_way) == (1, 0)


@given(lead=st.integers(0, 20), loop=st.integers(1, 20))
async def test_a_listing_that_runs_in_a_circle_ends_with_an_error(lead: int, loop: int) -> None:
    tokens = [f"t{n}" for n in range(lead + loop)]
    after = dict(zip([None, *tokens], [*tokens, tokens[lead]], strict=True))
    pages = Pages({token: Page(items=[0], next_token=after[token]) for token in after})
    with pytest.raises(UnexpectedResponseError, match="does not advance"):
        async for _ in listing.items(pages.fetch):
            assert len(pages.fetched) < 200

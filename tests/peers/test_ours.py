"""A few of the scenarios with aiostorage, so that the table goes on working; ``nox -s peers`` plays them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.peers.scenarios import SCENARIOS
from tests.peers.stage import house

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.stage import House
    from tests.servers.swift import SwiftServer

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def place(swift_server: SwiftServer) -> Iterator[House]:
    with house({"swift": swift_server}, ["aiostorage"]) as place:
        yield place


@pytest.mark.parametrize("name", ["writer-left", "odd-keys", "body-cut", "replaced-in-file", "page-repeated"])
async def test_ours_is_right(place: House, name: str) -> None:
    async with place.stage("swift", "aiostorage", name) as stage:
        verdict = await SCENARIOS[name].play(stage)
    assert verdict.kind == "right", str(verdict)

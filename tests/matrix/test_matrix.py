"""Each operation with each fault, on each of its requests that the fault can strike."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.matrix.faults import CASES, Case
from tests.matrix.operations import OPERATIONS, Operation
from tests.matrix.providers import PROVIDERS, Provider
from tests.matrix.world import World, open_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def worlds() -> dict[str, World]:
    return {}


@pytest.fixture(params=PROVIDERS, ids=lambda provider: provider.name)
def world(request: pytest.FixtureRequest, worlds: dict[str, World]) -> World:
    provider: Provider = request.param
    if provider.name not in worlds:
        worlds[provider.name] = World(provider=provider, server=request.getfixturevalue(provider.fixture))
    return worlds[provider.name]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_cell(
    world: World,
    operation: Operation,
    case: Case,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    before = open_files()
    async with world.direct() as direct:
        record_property("matrix-provider", world.provider.name)
        if not operation.is_possible(direct.capabilities):
            record_property("matrix-unsupported", 1)
            return
        targets = await world.look_at(operation, direct, tmp_path)
        places = [
            (target, nth)
            for target in targets
            if case.can_strike(target, operation)
            for nth in ({1, target.count} if case.times == 1 else {1})
        ]
        record_property("matrix-unmet", not places)
        outcomes = await asyncio.gather(
            *[world.cell(operation, case, target, nth, direct, tmp_path) for target, nth in places],
            return_exceptions=True,
        )
    for (target, nth), outcome in zip(places, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            outcome.add_note(f"{operation.name}, {case.name}: request {nth} of {target.count}, {target.kind}")
            raise outcome
        record_property("matrix-outcome", outcome)
    assert open_files() == before, "a file or a connection is left open"

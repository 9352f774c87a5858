"""Each operation with each fault on each provider.

The normal suite takes a tenth of the cells, so that each operation meets half of the faults, and each fault half of
the operations, on one provider after the other; each at one of the requests that the fault can strike.
``nox -s matrix`` runs all cells, at the first and the last request of each kind.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from aiostorage import Driver
from tests.matrix.faults import CASES
from tests.matrix.operations import LEFT_OUT, OPERATIONS
from tests.matrix.providers import PROVIDERS
from tests.matrix.world import AT_ONCE, NOT_OFFERED, Place, Stage, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.matrix.operation import Operation
    from tests.matrix.providers import Provider

log = logging.getLogger("tests.matrix")  # with --log-file one need not wait for the end

IS_FULL = os.environ.get("AIOSTORAGE_MATRIX") == "full"

SHARE = 2 * len(PROVIDERS)


@pytest.fixture(scope="session")
def worlds() -> Iterator[dict[str, World]]:
    worlds: dict[str, World] = {}
    yield worlds
    for world in worlds.values():
        if hasattr(world.client, "close"):
            world.client.close()


@pytest.fixture(params=PROVIDERS, ids=lambda provider: provider.name)
def world(request: pytest.FixtureRequest, worlds: dict[str, World], s3_witness: Callable[[Any], Any]) -> World:
    provider: Provider = request.param
    if provider.name not in worlds:
        server = request.getfixturevalue(provider.fixture)
        worlds[provider.name] = World(provider=provider, server=server, client=provider.client(server, s3_witness))
    return worlds[provider.name]


@pytest.mark.anyio
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_faults(
    world: World, operation: Operation, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    turn = OPERATIONS.index(operation) + PROVIDERS.index(world.provider)
    cases = [case for number, case in enumerate(CASES) if IS_FULL or (number + turn) % SHARE == 0]
    stage = Stage(world, operation, tmp_path)
    outcomes: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    errors: list[BaseException] = []
    places: list[Place] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def run(place: Place) -> None:
        async with gate:
            try:
                outcomes[await stage.run(place)] += 1
            except BaseException as error:
                error.add_note(str(place))
                errors.append(error)
                log.exception("%s, %s, %s", world.provider.name, operation.name, place)

    async with stage.open():
        if not operation.is_possible(stage.direct.capabilities):
            excluded[NOT_OFFERED] = len(cases)
        else:
            targets = await stage.look_at()
            for number, case in enumerate(cases):
                found = stage.places(case, targets)
                if isinstance(found, str):
                    excluded[found] += 1
                else:
                    places += found if IS_FULL else [found[(number + turn) % len(found)]]
            await asyncio.gather(*[run(place) for place in places])
        record_property("matrix-provider", world.provider.name)
        record_property("matrix-operation", operation.name)
        record_property("matrix-cells", len({place.case.name for place in places}))
        record_property("matrix-outcomes", dict(outcomes))
        record_property("matrix-excluded", dict(excluded))
        if errors:
            wrong = sorted(f"{error.__notes__[-1]}: {error!r}" for error in errors)
            raise AssertionError("\n".join([f"{len(wrong)} of {len(places)} went wrong", *wrong])) from errors[0]


def test_every_public_method_has_its_operation() -> None:
    public = {
        name
        for name, value in inspect.getmembers(Driver)
        if not name.startswith("_") and callable(value) and not isinstance(value, property)
    }
    tried = {operation.calls for operation in OPERATIONS}
    assert tried | LEFT_OUT.keys() == public
    assert not tried & LEFT_OUT.keys()
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({case.name for case in CASES}) == len(CASES)

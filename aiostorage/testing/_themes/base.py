"""What the tests of all themes share."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import secrets
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar, cast

import pytest

from aiostorage._tasks import all_tasks
from aiostorage.models import EMPTY, Capabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.options import WriteObjectOptions
    from aiostorage.testing.witness import Witness

T = TypeVar("T")

SMALLEST_PART_BYTES = 64 * 1024

HEADER_NAMES: Final = (
    "content_type", "cache_control", "content_disposition", "content_encoding", "content_language",
)  # fmt: skip

CAPABILITIES = [field.name for field in dataclasses.fields(Capabilities) if field.name != "limits"]


class Deviation(StrEnum):
    """What a provider does otherwise. It is declared with a reason, and then expected: a stale one fails."""

    CREATES_AGAIN = "a container that is there can be created again"
    NO_NESTED_KEYS = "an object cannot be named like a folder of another"
    COMPOSES_UNICODE = "an object is found under an equivalent name, too, if there is none of exactly that name"
    SLASH_ONLY = "any delimiter is taken for a slash"
    SHORT_SUFFIX = "the last bytes of an object that has not as many are none, and not all of it"
    ONLY_PLAIN_COPIES = "a copy cannot be given other headers and metadata than its source has"
    PLAIN_WITNESS = "without the driver, nobody sees or sets more than names and content"
    UNCONDITIONAL_PARTS = "writes by parts take no conditions"
    MARKERS_LAST = "a page of a listing of versions has the delete markers after the objects"
    UNTOLD_VERSIONS = "not every write tells which version it has made"
    NO_ENCRYPTED_COPIES = "what is encrypted cannot be copied, and no copy is encrypted"
    UNDATED_UPLOADS = "when an upload has begun is made up"
    KEEPS_RETENTION = "a retention can be shortened, but not lifted"
    UNCHECKED_LINKS = "a signed request may be changed by whoever holds it"
    NO_DELETE_MARKERS = "a deletion leaves nothing but the old versions, so none is undone by deleting it"
    PARTS_STAY = "beside an object that is there, the parts of an upload that failed stay for a while"
    ONE_UPLOAD_OF_A_KEY = "of several uploads by parts of one key at the same time, the first to be completed wins"
    UNSIGNED_PARTS = "a signature does not cover which part of an upload it is for"
    UTF16_ORDER = "listings are in the order of UTF-16"
    UNTOLD_SIZES = "a listing does not tell the sizes of objects where some are large"
    OPEN_DESCRIPTIONS = "whoever has not the key of an object is told what it is, but for its content"
    HOLDS_COME_LATER = "an upload by parts cannot begin with a legal hold"


def verifies(*operations: str) -> Callable[[T], T]:
    """Say what a test of the contract shows of a driver that offers it, or shows to be refused by one that does not."""

    def mark(test: T) -> T:
        vars(test)["operations"] = operations
        return test

    return mark


def offered_by(capabilities: Capabilities) -> list[str]:
    """What a driver says it can do: ``tags``, say, and of each that is a set of names also ``settings:cors``."""
    found: list[str] = []
    for name in CAPABILITIES:
        value: object = getattr(capabilities, name)
        if value:
            found.append(name)
        if isinstance(value, frozenset):
            found += sorted(
                f"{name}:{member}" for member in cast("frozenset[str]", value)
            )  # of nothing else there are sets
    return found


class ContractBase:
    """The fixtures of all tests. What a driver's author gives is described in ``DriverContract``."""

    pytestmark: pytest.MarkDecorator = pytest.mark.anyio

    server: ClassVar[str] = ""
    deviations: ClassVar[Mapping[Deviation, str]] = MappingProxyType({})
    refused_keys: ClassVar[Mapping[str, str]] = EMPTY

    _used: list[str]
    _asked: list[str]

    @pytest.fixture
    def anyio_backend(self) -> str:
        """Asyncio: the package runs on nothing else."""
        return "asyncio"

    @pytest.fixture(autouse=True)
    def _reported(
        self, request: pytest.FixtureRequest, driver: Driver, record_property: Callable[[str, object], None]
    ) -> None:
        """Let whoever reads the reports know what was tested on which server, and what was let pass."""
        self._used, self._asked = [], []
        record_property("contract-server", self.server or type(self).__name__)
        record_property("contract-theme", request.function.__qualname__.partition(".")[0].lower())
        record_property("contract-deviations", self._used)
        record_property("contract-operations", list(getattr(request.function, "operations", ())))
        record_property("contract-offered", offered_by(driver.capabilities))
        record_property("contract-capabilities", self._asked)

    @pytest.fixture
    async def new_name(self, witness: Witness) -> AsyncIterator[Callable[[], str]]:
        """Makes names of containers; whatever is made under them is removed at the end."""
        names: list[str] = []

        def make() -> str:
            names.append(f"contract-{secrets.token_hex(8)}")
            return names[-1]

        yield make
        for name in names:
            await witness.remove_container(name)

    @pytest.fixture
    async def container(self, driver: Driver, witness: Witness, new_name: Callable[[], str]) -> Container:
        """A handle on an empty container."""
        name = new_name()
        await witness.make_container(name)
        return driver.container(name)

    @pytest.fixture
    def part_size(self, driver: Driver) -> int:
        """A part as small as the provider allows, and not much smaller than is real."""
        return max(SMALLEST_PART_BYTES, driver.capabilities.limits.min_part_size_bytes)

    @pytest.fixture(autouse=True)
    async def _no_task_left(self, driver: Driver) -> AsyncIterator[None]:
        """Every task ends before the call that began it returns."""
        before = all_tasks()
        yield
        assert not await tasks_left(before)

    def offers(self, driver: Driver, capability: str) -> bool:
        """Whether the driver says it can do this, by a name in ``Capabilities``; asking is noted for the report."""
        self._asked.append(capability)
        return bool(getattr(driver.capabilities, capability))

    def keepable(self, options: WriteObjectOptions, *drivers: Driver) -> WriteObjectOptions:
        """Of headers and metadata, what all of these drivers say their objects keep."""
        kept = cast("dict[str, object]", options)  # its names are not literals here
        for capability, names in (("object_headers", HEADER_NAMES), ("object_metadata", ("metadata",))):
            offered = [self.offers(driver, capability) for driver in drivers]  # each of them is noted
            if not all(offered):
                kept = {name: value for name, value in kept.items() if name not in names}
        return cast("WriteObjectOptions", kept)  # it has fewer, and all are optional

    def deviates(self, deviation: Deviation) -> bool:
        """Whether the provider is declared to do this otherwise; asking is noted for the report."""
        reason = self.deviations.get(deviation)
        if reason is not None:
            self._used.append(f"{deviation}: {reason}")
        return reason is not None

    async def check_no_parts(self, witness: Witness, container: Container, beside: str) -> None:
        """That uploads of a key whose object is there already have left nothing, or only what is declared."""
        left = await witness.open_uploads(container.name)
        assert left == [] or (left == [beside] and self.deviates(Deviation.PARTS_STAY))

    def refuses_key(self, key: str) -> bool:
        """Whether the provider is declared to be unable to hold an object of this name."""
        for pattern, reason in self.refused_keys.items():
            if re.search(pattern, key):
                self._used.append(f"refuses keys with {pattern}: {reason}")
                return True
        return False


async def tasks_left(before: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    """The tasks that are there and were not ``before``, once those have had time that are about to end.

    Leaving the loop over an asynchronous generator early ends the generator in a task of its own.
    """
    left = {task for task in all_tasks() - before if "TestRunner." not in str(task.get_coro())}  # anyio's own
    if left:
        _, left = await asyncio.wait(left, timeout=1)
    return left

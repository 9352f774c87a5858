"""Memory is the model of every provider: the same steps on a real server have the same results and the same errors.

What a provider cannot do it says in its ``capabilities``: there the step must be refused, and memory is not asked.
A key that it cannot hold is refused by its ``check_name``. Nothing else is let pass, but for what is declared below.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiostorage import (
    AzureDriver,
    GCSDriver,
    LocalDriver,
    MemoryDriver,
    S3Driver,
    StorageError,
    SwiftDriver,
    UnsupportedError,
)
from aiostorage.models import Prefix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiostorage import Container, Driver

pytestmark = pytest.mark.anyio

EXAMPLES = 8
PART = 64 * 1024
ANOTHER = "1234567890"
"""An etag that nothing has, and that may be one everywhere."""

# Few and short, so that they meet: below, beside and in the way of each other.
PIECES = st.sampled_from(["a", "b", "a-", "é", "😀", "%2F", "a b", "+", "~", "a.b"])
KEYS = st.lists(PIECES, min_size=1, max_size=3).map("/".join)
SMALL = st.integers(0, 20)
LARGE = st.integers(1, 3 * PART)
METADATA = st.dictionaries(st.sampled_from(["a", "b1"]), st.sampled_from(["x", "é", "two words", "=?x"]), max_size=2)
RANGES = st.tuples(st.integers(-25, 25), st.none() | st.integers(1, 30)).filter(
    lambda span: span[1] is None or 0 <= span[0] < span[1]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do, and what with; each kind looks at some of it."""

    kind: str
    key: str
    other: str
    size: int
    first: int
    metadata: dict[str, str]
    condition: tuple[str, str] | None
    span: tuple[int, int | None]
    listing: dict[str, Any]

    def data(self, more: int = 0) -> bytes:
        size = self.size + more
        return (bytes(range(self.first, 256)) * (size // 128 + 1))[:size]


WRITE_CONDITIONS = st.sampled_from([
    None,
    None,
    ("if_none_match", "*"),
    ("if_match", "current"),
    ("if_match", "another"),
])
READ_CONDITIONS = st.sampled_from([
    None,
    ("if_match", "current"),
    ("if_match", "another"),
    ("if_none_match", "current"),
])
CONDITIONS = {"put": WRITE_CONDITIONS, "upload": WRITE_CONDITIONS, "read": READ_CONDITIONS}


@st.composite
def steps(draw: st.DrawFn) -> Step:
    kinds = ["put"] * 4 + ["upload", "writer", "broken writer", "read", "range", "head", "copy", "update", "delete",
                           "delete many", "list", "list"]  # fmt: skip
    kind = draw(st.sampled_from(kinds))
    return Step(
        kind=kind,
        key=draw(KEYS),
        other=draw(KEYS),
        size=draw(LARGE if kind == "upload" else SMALL),
        first=draw(st.integers(0, 127)),
        metadata=draw(METADATA),
        condition=draw(CONDITIONS.get(kind, st.none())),
        span=draw(RANGES),
        listing={
            "prefix": draw(st.just("") | KEYS.map(lambda key: key[:-1])),
            "delimiter": draw(st.sampled_from(["", "/", "/"])),
            "start_after": draw(st.just("") | KEYS),
            "page_size": draw(st.sampled_from([None, 1, 2])),
        },
    )


class Side:
    """One of the two that are compared."""

    def __init__(self, container: Container, part_size: int) -> None:
        self.container = container
        self.part_size = part_size

    async def outcome(self, step: Step) -> object:
        try:
            return await self._do(step)
        except StorageError as error:
            return type(error)

    async def _condition(self, step: Step) -> dict[str, Any]:
        if step.condition is None:
            return {}
        name, value = step.condition
        if value == "*":
            return {name: value}
        try:
            current = (await self.container.get_object(step.key)).etag
        except StorageError:  # of nothing, services say that it is not there, or not what it should be
            return {} if step.kind == "read" else {name: ANOTHER}
        return {name: current if value == "current" else ANOTHER}

    async def _do(self, step: Step) -> object:
        container, key, other = self.container, step.key, step.other
        obj = container.object(key)
        written: dict[str, Any] = {"content_type": "text/x", "metadata": step.metadata}
        match step.kind:
            case "put" | "upload":
                written |= await self._condition(step)
                data = step.data(self.part_size if step.kind == "upload" else 0)
                made = await container.upload_object(data, key, part_size_bytes=self.part_size, **written)
                return made.size, dict(made.metadata), await self._state(key)
            case "writer":
                async with container.open_writer(key, part_size_bytes=self.part_size, **written) as writer:
                    await writer.write(step.data())
                    await writer.write(step.data())
                return await self._state(key)
            case "broken writer":
                with pytest.raises(ZeroDivisionError):
                    async with container.open_writer(key, part_size_bytes=self.part_size, **written) as writer:
                        await writer.write(step.data())
                        raise ZeroDivisionError
                return await self._state(key)
            case "read":
                return await obj.read(**await self._condition(step))
            case "range":
                return await obj.read(byte_range=step.span)
            case "head":
                return await self._state(key)
            case "copy":
                options: Any = {"metadata": step.metadata, "content_type": "text/y"} if step.metadata else {}
                await obj.copy_to(container, other, **options)
                return await self._state(other)
            case "update":
                await obj.update(metadata=step.metadata)
                return await self._state(key)
            case "delete":
                await obj.delete()
                return None
            case "delete many":
                outcomes = await container.delete_objects([key, other])
                return [(outcome.key, type(outcome.error)) for outcome in outcomes]
            case _:
                return await self.listing(**step.listing)

    async def _state(self, key: str) -> object:
        try:
            found = await self.container.get_object(key)
        except StorageError as error:
            return type(error)
        return found.size, found.content_type, dict(found.metadata)

    async def listing(
        self, prefix: str = "", delimiter: str = "", start_after: str = "", page_size: int | None = None
    ) -> object:
        listed: list[tuple[str, int | None]] = []
        async for item in self.container.list_objects(
            prefix=prefix, delimiter=delimiter, start_after=start_after, page_size=page_size
        ):
            size = None if isinstance(item, Prefix) else item.size
            listed.append((item.name, size))
        return listed

    async def contents(self) -> dict[str, bytes]:
        return {obj.name: await obj.read() async for obj in self.container.list_objects()}


def is_refused(driver: Driver, step: Step) -> bool:
    """Whether a provider says of itself that it cannot do that."""
    can = driver.capabilities
    if step.condition is not None:
        name, value = step.condition
        if step.kind == "read":
            return not can.read_conditions
        if step.kind == "upload" and not can.conditional_parts:
            return True
        return not (can.create_if_absent if (name, value) == ("if_none_match", "*") else can.write_if_match)
    if step.kind in {"copy", "update"} and step.metadata:
        return not (can.replaces_metadata or (step.kind == "update" and can.update_in_place))
    return False


@pytest.fixture
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Driver]:
    match request.param:
        case "local":
            made: Driver = LocalDriver(tmp_path)
        case "swift's S3" | "ceph":
            server = request.getfixturevalue(f"{request.param.partition(chr(39))[0]}_server")
            made = S3Driver(
                endpoint=server.endpoint,
                region=server.region,
                vendor=request.param.partition("'")[0],
                access_key_id=server.access_key,
                secret_access_key=server.secret_key,
            )
        case "gcs":
            server = request.getfixturevalue("gcs_server")
            made = GCSDriver(endpoint=server.endpoint, credentials_file=server.key_file)
        case "azurite":
            server = request.getfixturevalue("azurite_server")
            made = AzureDriver(endpoint=server.endpoint, account_name=server.account, account_key=server.key)
        case _:
            server = request.getfixturevalue("swift_server")
            made = SwiftDriver(auth_url=server.auth_url, username=server.access_key, password=server.secret_key)
            await made.read_info()
    async with made:
        yield made


@pytest.mark.parametrize("driver", ["local", "swift's S3", "gcs", "azurite", "swift"], indirect=True)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sequence=st.lists(steps(), min_size=5, max_size=14))
async def test_a_server_does_what_memory_does(driver: Driver, sequence: list[Step]) -> None:
    async with MemoryDriver() as memory:
        name = f"model-{secrets.token_hex(6)}"
        part_size = max(PART, driver.capabilities.limits.min_part_size_bytes)
        real, model = [Side(await each.create_container(name), part_size) for each in (driver, memory)]
        try:
            for step in sequence:
                found = await real.outcome(step)
                if is_refused(driver, step):
                    assert found is UnsupportedError, step
                else:
                    assert found == await model.outcome(step), step
            for page_size in (None, 1):
                assert await real.listing(page_size=page_size) == await model.listing(page_size=page_size)
            assert await real.contents() == await model.contents()
            assert [upload async for upload in real.container.list_uploads()] == []
        finally:
            await real.container.delete()

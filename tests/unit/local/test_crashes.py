"""A process that is killed leaves every object as it was, or as it was to be."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from aiostorage.models import WHOLE, ListQuery, ObjectInfo, WriteOptions

if TYPE_CHECKING:
    from aiostorage.providers.local import LocalBackend
    from tests.unit.local.conftest import Box

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are forked and killed"),
]

HERE = Path(__file__).parents[3]
OLD = WriteOptions(content_type="text/old", metadata={"version": "old"})

BEFORE = {"deep/er/object": "deep", "old": "old"}
AFTER = {
    "overwrite": BEFORE | {"old": "new"},
    "displace": BEFORE | {"old/below": "new"},
    "delete": {"old": "old"},
    "complete": BEFORE | {"old": "new"},
    "copy": BEFORE | {"old": "deep"},
}
VERSIONS: dict[tuple[bytes, str | None, str], str] = {
    (b"old content, longer", "text/old", "old"): "old",
    (b"new content", "text/new", "new"): "new",
    (b"deep", "text/old", "old"): "deep",
}


@pytest.mark.parametrize("operation", AFTER)
async def test_killed_at_any_step(box: Box, operation: str) -> None:
    backend = box.backend
    await backend.put_object("box", "old", b"old content, longer", OLD)
    await backend.put_object("box", "deep/er/object", b"deep", OLD)
    command = [sys.executable, "-m", "tests.unit.local.dying", str(box.path), operation]
    steps = int((await anyio.run_process(command, cwd=HERE)).stdout)
    assert steps > 5

    is_done: list[bool] = []
    for number in range(steps + 1):
        container = f"c{number}"
        seen = {item.key: await look(backend, container, item) for item in await listing(backend, container)}
        assert seen in (BEFORE, AFTER[operation])
        is_done.append(seen == AFTER[operation])
        await backend.put_object(container, "old", b"old content, longer", OLD)
        assert (await backend.head_object(container, "old", WHOLE)).metadata == {"version": "old"}
        shutil.rmtree(box.root / container)
    assert is_done == sorted(is_done)  # up to some step nothing has happened, and from there on everything
    assert set(is_done) == {False, True}


async def listing(backend: LocalBackend, container: str) -> list[ObjectInfo]:
    page = await backend.list_objects(container, ListQuery(), token=None)
    return [item for item in page.items if isinstance(item, ObjectInfo)]


async def look(backend: LocalBackend, container: str, listed: ObjectInfo) -> str:
    """Which version of an object there is; it must be that version in all respects."""
    body = await backend.get_object(container, listed.key, WHOLE)
    content = await body.read()
    await body.aclose()
    info = body.info
    assert (info.etag, info.size) == (listed.etag, len(content))
    assert info.object_hash is not None
    return VERSIONS[content, info.content_type, info.metadata["version"]]

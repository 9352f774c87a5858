"""A folder of containers, and a look at what each test leaves behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from aiostorage.models import WHOLE, ListQuery, Prefix, WriteOptions
from aiostorage.providers.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiostorage.models import ObjectInfo


class Box:
    """A container named ``box``, and short ways to use it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "box"
        self.backend = LocalBackend(root)

    async def put(self, key: str, data: bytes = b"content", **options: str) -> ObjectInfo:
        return await self.backend.put_object("box", key, data, WriteOptions(metadata=options))

    async def get(self, key: str) -> bytes:
        body = await self.backend.get_object("box", key, WHOLE)
        try:
            return await body.read()
        finally:
            await body.aclose()

    async def head(self, key: str) -> ObjectInfo:
        return await self.backend.head_object("box", key, WHOLE)

    async def names(self, query: ListQuery | None = None) -> list[str]:
        names: list[str] = []
        token: str | None = None
        while True:
            page = await self.backend.list_objects("box", query or ListQuery(), token=token)
            names += [item.name if isinstance(item, Prefix) else item.key for item in page.items]
            token = page.next_token
            if token is None:
                return names


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """An empty container. Afterwards no file in it is open, and none is left half-written."""
    box = Box(tmp_path / "root")
    box.path.mkdir(parents=True)
    yield box
    assert open_files(tmp_path) == []
    for unfinished in tmp_path.glob("*/*/.aiostorage/new"):
        assert list(unfinished.iterdir()) == []


def open_files(folder: Path) -> list[str]:
    """The files below a folder that this process has open."""
    found: list[str] = []
    for descriptor in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []:
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:  # that of the listing itself
            continue
        if target.startswith(f"{folder}/"):
            found.append(target)
    return found

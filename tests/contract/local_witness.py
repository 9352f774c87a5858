"""A witness for the local driver: the files themselves."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from aiostorage import WriteOptions
from aiostorage.models import EMPTY
from aiostorage.providers.local.backend import LocalBackend
from aiostorage.testing import Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE = ".aiostorage"
MOST = 253  # of the 255 bytes of a name, two are the marker


class LocalWitness:
    """What is in a folder. How keys are written as paths is told by the head of ``local/names.py``.

    A plain file has no headers, so this sees none and sets none. Nobody but the package itself begins
    uploads in a folder; where one is wanted, another backend stands for another process.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def make_container(self, container: str) -> None:
        await asyncio.to_thread((self._root / container).mkdir, parents=True)

    async def has_container(self, container: str) -> bool:
        return await asyncio.to_thread((self._root / container).is_dir)

    async def remove_container(self, container: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._root / container, ignore_errors=True)

    async def put(
        self,
        container: str,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] = EMPTY,
    ) -> None:
        def write() -> None:
            path = self._path(container, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._root / f"{container}.{secrets.token_hex(4)}"
            fresh.write_bytes(data)
            fresh.replace(path)

        await asyncio.to_thread(write)

    async def get(self, container: str, key: str) -> bytes | None:
        return await asyncio.to_thread(self._get, container, key)

    async def head(self, container: str, key: str) -> Seen | None:
        data = await self.get(container, key)
        return None if data is None else Seen(size=len(data))

    async def keys(self, container: str) -> list[str]:
        return await asyncio.to_thread(self._keys, container)

    async def delete(self, container: str, key: str) -> None:
        await asyncio.to_thread(self._path(container, key).unlink)

    async def begin_upload(self, container: str, key: str, part: bytes) -> None:
        backend = LocalBackend(self._root)
        upload = await backend.create_upload(container, key, WriteOptions())
        await backend.upload_part(upload, 1, 0, part)
        await backend.aclose()

    async def open_uploads(self, container: str) -> list[str]:
        return await asyncio.to_thread(self._leftovers, container)

    async def keep_versions(self, container: str) -> None:
        raise AssertionError("a folder keeps no versions")

    def _get(self, container: str, key: str) -> bytes | None:
        for path in (self._path(container, key), self._path(container, key, aside=True)):
            if path.is_file():
                return path.read_bytes()
        return None

    def _keys(self, container: str) -> list[str]:
        home = self._root / container
        paths = [Path(folder, file).relative_to(home) for folder, _, files in os.walk(home) for file in files]
        return [read(path.parts) for path in paths if path.parts[0] != STATE]

    def _leftovers(self, container: str) -> list[str]:
        state = self._root / container / STATE
        return [
            path.name
            for folder in ("uploads", "new")
            if (state / folder).is_dir()
            for path in (state / folder).iterdir()
        ]

    def _path(self, container: str, key: str, *, aside: bool = False) -> Path:
        *folders, last = key.split("/")
        names = [name for folder in folders for name in written(folder)]
        return Path(self._root, container, *names, *written(last, aside=aside))


def written(segment: str, *, aside: bool = False) -> list[str]:
    """The names that stand for a segment of a key."""
    is_odd = segment in {"", ".", "..", STATE} or segment[:2] in {"%=", "%+", "%~"} or "\0" in segment
    if not (is_odd or aside or len(segment.encode()) > MOST + 2):
        return [segment]
    quoted = segment.replace("%", "%25").replace("\0", "%00")
    pieces = [""]
    for unit in re.findall("%[0-9A-F]{2}|.", quoted, re.DOTALL):
        if len((pieces[-1] + unit).encode()) > MOST:
            pieces.append("")
        pieces[-1] += unit
    *long, last = pieces
    return [*(f"%+{piece}" for piece in long), ("%~" if aside else "%=") + last]


def read(names: tuple[str, ...]) -> str:
    """The key that a path stands for."""
    segments: list[str] = []
    long = ""
    for name in names:
        if name.startswith("%+"):
            long += name[2:]
        elif name[:2] in {"%=", "%~"}:
            segments.append(unquote_to_bytes(long + name[2:]).decode())
            long = ""
        else:
            segments.append(name)
    return "/".join(segments)

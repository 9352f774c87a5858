"""What the tasks of the soak do: each has keys of its own, and knows what must be in them."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiostorage import ObjectNotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from aiostorage import Container

KEYS = 6
NOTHING = ""
"""The hash of an object that is not there."""


@dataclass(slots=True)
class Tally:
    """What has happened, in all."""

    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Worker:
    """One task. A write that fails may have taken effect, so then there are several hashes that may be there."""

    def __init__(
        self, number: int, container: Container, folder: Path, part_size: int, seed: int, tally: Tally
    ) -> None:
        self._container = container
        self._prefix = f"{number:03}/"
        self._file = folder / f"{number}"
        self._part_size = part_size
        self._random = random.Random(f"{seed}-{number}")
        self._tally = tally
        self._known: dict[str, set[str]] = {}
        actions: dict[Callable[[], Awaitable[None]], int] = {
            self.put: 6, self.upload: 1, self.write: 2, self.read: 8, self.read_range: 6, self.download: 3,
            self.list: 2, self.copy: 2, self.delete: 1, self.delete_many: 1, self.cancel_upload: 2, self.cancel_read: 2,
        }  # fmt: skip
        self._actions, self._weights = list(actions), list(actions.values())

    async def run(self, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            (action,) = self._random.choices(self._actions, self._weights)
            name = getattr(action, "__name__", "")
            try:
                await action()
            except StorageError as error:
                self._tally.failed[f"{name}: {type(error).__name__}"] += 1
            else:
                self._tally.done[name] += 1

    def _key(self) -> str:
        return f"{self._prefix}{self._random.randrange(KEYS)}"

    def _hashes(self, key: str) -> set[str]:
        return self._known.setdefault(key, {NOTHING})

    def _content(self, most: int) -> bytes:
        return self._random.randbytes(self._random.randrange(1, most))

    def _check(self, key: str, digest: str) -> None:
        if digest not in self._hashes(key):
            self._tally.wrong.append(f"{key} has {digest or 'nothing'}, and not {self._hashes(key)}")
        self._known[key] = {digest}

    async def _store(self, key: str, content: bytes, store: Callable[[], Awaitable[object]]) -> None:
        digest = hashlib.sha256(content).hexdigest()
        before = self._hashes(key)
        self._known[key] = before | {digest}
        await store()
        self._known[key] = {digest}

    async def put(self) -> None:
        key, content = self._key(), self._content(60_000)
        await self._store(key, content, lambda: self._container.upload_object(content, key))

    async def upload(self) -> None:
        key, content = self._key(), self._random.randbytes(3 * self._part_size) + self._content(self._part_size)
        await self._store(
            key, content, lambda: self._container.upload_object(content, key, part_size_bytes=self._part_size)
        )

    async def write(self) -> None:
        key, content = self._key(), self._content(60_000)

        async def store() -> None:
            async with self._container.open_writer(key) as writer:
                await writer.write(content[:100])
                await writer.write(content[100:])

        await self._store(key, content, store)

    async def read(self) -> None:
        key = self._key()
        try:
            content = await self._container.object(key).read()
        except ObjectNotFoundError:
            self._check(key, NOTHING)
        else:
            self._check(key, hashlib.sha256(content).hexdigest())

    async def read_range(self) -> None:
        key = self._key()
        with suppress(ObjectNotFoundError):
            whole = await self._container.object(key).read()
            start = self._random.randrange(len(whole))
            stop = self._random.randrange(start + 1, len(whole) + 1)
            if await self._container.object(key).read(byte_range=(start, stop)) != whole[start:stop]:
                self._tally.wrong.append(f"{key} from {start} to {stop}")

    async def download(self) -> None:
        key = self._key()
        with suppress(ObjectNotFoundError):
            await self._container.object(key).download(self._file, part_size_bytes=16 * 1024)
            content = await asyncio.to_thread(self._file.read_bytes)
            self._check(key, hashlib.sha256(content).hexdigest())

    async def list(self) -> None:
        names = {obj.name async for obj in self._container.list_objects(prefix=self._prefix, page_size=3)}
        for key, hashes in self._known.items():
            if hashes == {NOTHING} if key in names else NOTHING not in hashes:
                self._tally.wrong.append(f"{key} is {'' if key in names else 'not '}listed")

    async def copy(self) -> None:
        key, target = self._key(), self._key()
        if key == target:
            return
        with suppress(ObjectNotFoundError):
            hashes = self._hashes(key)
            self._known[target] = self._hashes(target) | hashes
            await self._container.object(key).copy_to(self._container, target)
            self._known[target] = set(hashes)

    async def delete(self) -> None:
        key = self._key()
        self._known[key] = self._hashes(key) | {NOTHING}
        await self._container.object(key).delete()
        self._known[key] = {NOTHING}

    async def delete_many(self) -> None:
        keys = [self._key(), self._key()]
        for key in keys:
            self._known[key] = self._hashes(key) | {NOTHING}
        for outcome in await self._container.delete_objects(keys):
            if outcome.error is None:
                self._known[outcome.key] = {NOTHING}

    async def cancel_upload(self) -> None:
        await self._cancelled(self._random.choice([self.upload, self.put, self.write]))

    async def cancel_read(self) -> None:
        await self._cancelled(self._random.choice([self.read, self.download, self.list]))

    async def _cancelled(self, action: Callable[[], Awaitable[None]]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._random.uniform(0, 0.1)):
                await action()

    async def verify(self, container: Container) -> None:
        """Read everything by a way on which nothing goes wrong."""
        for key in sorted(self._known):
            try:
                content = await container.object(key).read()
            except ObjectNotFoundError:
                self._check(key, NOTHING)
            else:
                self._check(key, hashlib.sha256(content).hexdigest())

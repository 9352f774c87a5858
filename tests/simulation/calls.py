"""The calls of the public interface that tasks make, and what each of them must find."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiostorage.errors import StorageError
from aiostorage.models import Prefix
from tests.simulation.ledger import KEYS, SourceBrokeError
from tests.simulation.store import BUCKET, LIMITS

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from aiostorage import Driver
    from tests.simulation.ledger import Ledger, Operation


class Calls:
    """Makes calls, and holds what they give against the ledger.

    Args:
        dice: Decide on all that the caller may choose.
        ledger: Knows what was there when.
        driver: Whose calls they are.
        other_driver: Another one on the same store, to copy to.
        folder: For files.
        part_size: That of the driver.
        concurrency: That of the driver.
    """

    def __init__(
        self,
        dice: random.Random,
        ledger: Ledger,
        driver: Driver,
        other_driver: Driver,
        folder: Path,
        *,
        part_size: int,
        concurrency: int,
    ) -> None:
        self._dice = dice
        self._ledger = ledger
        self._driver = driver
        self._box = driver.container(BUCKET)
        self._other_box = other_driver.container(BUCKET)
        self._folder = folder
        self._part_size = part_size
        self._concurrency = concurrency

    async def upload(self, operation: Operation) -> None:
        """Bytes."""
        assert operation.payload is not None
        await self._box.upload_object(operation.payload, operation.key)

    async def create(self, operation: Operation) -> None:
        """Bytes, where there are none."""
        operation.is_conditional = True
        condition = {"if_none_match": "*"} if self._driver.capabilities.create_if_absent else {}
        await self._store_conditionally(operation, **condition)

    async def replace(self, operation: Operation) -> None:
        """Bytes, in the place of what was seen."""
        there = await self._box.get_object(operation.key)
        operation.is_conditional = True
        assert there.etag is not None
        condition = {"if_match": there.etag} if self._driver.capabilities.write_if_match else {}
        await self._store_conditionally(operation, **condition)

    async def _store_conditionally(self, operation: Operation, **condition: str) -> None:
        source: Any = operation.payload if self._dice.random() < 0.5 else self._source(operation, breaks=False)
        await self._box.upload_object(source, operation.key, **condition)  # type: ignore[arg-type]  # one of two

    async def stream(self, operation: Operation) -> None:
        """A stream, which may break, or be longer or shorter than it said."""
        assert operation.payload is not None
        size: int | None = None
        breaks = False
        manner = self._dice.random()
        if manner < 0.2:
            breaks = operation.must_not_publish = True
        elif manner < 0.4:
            size = len(operation.payload)
        elif manner < 0.5:
            size = max(0, len(operation.payload) + self._dice.choice((-1, 1)))
            operation.must_not_publish = size != len(operation.payload)
        source = self._source(operation, breaks=breaks)
        await self._box.upload_object(source, operation.key, size=size)

    async def _source(self, operation: Operation, *, breaks: bool) -> AsyncGenerator[bytes, None]:
        payload = operation.payload or b""
        operation.is_budgeted = True
        largest = self._part_size * 2
        operation.most_pulled = LIMITS.max_part_size_bytes * (self._concurrency + 1) + largest
        stop = self._dice.randrange(len(payload) + 1) if breaks else len(payload)
        at = 0
        while at < stop:
            chunk = payload[at : min(stop, at + self._dice.randint(1, largest))]
            at += len(chunk)
            operation.pulled += len(chunk)
            self._ledger.check_pull(operation)
            yield chunk
            if self._dice.random() < 0.2:
                await asyncio.sleep(self._dice.random())
        if breaks:
            raise SourceBrokeError

    async def file(self, operation: Operation) -> None:
        """A file on disk."""
        assert operation.payload is not None
        operation.is_budgeted = True
        path = self._folder / f"source{operation.number}"
        path.write_bytes(operation.payload)
        try:
            await self._box.upload_object(path, operation.key)
        finally:
            path.unlink()

    async def writer(self, operation: Operation) -> None:
        """A writer: committed, aborted, or left by an exception."""
        assert operation.payload is not None
        operation.is_budgeted = True
        end = self._dice.choice(("clean", "commit", "abort", "exception", "early"))
        operation.must_not_publish = end in {"abort", "exception", "early"}
        async with self._box.open_writer(operation.key) as writer:
            at = 0
            while at < len(operation.payload):
                step = self._dice.randint(1, 3 * self._part_size)
                if end == "early" and self._dice.random() < 0.3:
                    raise SourceBrokeError
                await writer.write(operation.payload[at : at + step])
                at += step
            match end:
                case "commit":
                    await writer.commit()
                case "abort":
                    await writer.abort()
                    operation.ends_quietly = True
                case "exception" | "early":
                    raise SourceBrokeError

    async def checkpoint(self, operation: Operation) -> None:
        """Bytes, with a checkpoint, as often as it takes."""
        assert operation.payload is not None
        operation.keeps_upload = True
        kept = Kept()
        for _ in range(3):
            with suppress(StorageError):
                await self._box.upload_object(operation.payload, operation.key, checkpoint=kept)
                break
        else:
            await self._box.upload_object(operation.payload, operation.key, checkpoint=kept)

    async def read(self, operation: Operation) -> None:
        """The whole."""
        got = await self._box.object(operation.key).read()
        self._ledger.check_read(operation, operation.key, got)

    async def read_range(self, operation: Operation) -> None:
        """A range."""
        start = self._dice.randrange(40)
        stop = self._dice.choice((None, start + self._dice.randint(1, 40)))
        if self._dice.random() < 0.3:
            start, stop = -self._dice.randint(1, 40), None
        got = await self._box.object(operation.key).read(byte_range=(start, stop))
        self._ledger.check_read(operation, operation.key, got, start, stop)

    async def reader(self, operation: Operation) -> None:
        """A file to read from, with seeks."""
        pieces: list[tuple[int, bytes, bool]] = []
        async with self._box.object(operation.key).as_file() as reader:
            for _ in range(self._dice.randint(1, 6)):
                if self._dice.random() < 0.4:
                    await reader.seek(self._dice.randrange(60))
                at = reader.tell()
                size = self._dice.choice((-1, 0, 1, 7, 30))
                piece = await reader.read(size)
                if size:
                    pieces.append((at, piece, size < 0 or len(piece) < size))
                    self._ledger.check_pieces(operation, operation.key, pieces)
                if self._dice.random() < 0.3:
                    await asyncio.sleep(self._dice.random() * 3)

    async def download(self, operation: Operation) -> None:
        """To a file."""
        folder = self._folder / f"d{operation.number}"
        folder.mkdir()
        obj = self._box.object(operation.key)
        try:
            if self._dice.random() < 0.5:
                obj = await self._box.get_object(operation.key)
            path = await obj.download(folder / "file")
            self._ledger.check_read(operation, operation.key, path.read_bytes())
        except asyncio.CancelledError:  # which may come when the file has got its name already
            if (folder / "file").exists():
                self._ledger.check_read(operation, operation.key, (folder / "file").read_bytes())
                (folder / "file").unlink()
            self._ledger.check("files", not list(folder.iterdir()), f"#{operation.number} leaves a file")
            raise
        except BaseException:
            self._ledger.check("files", not list(folder.iterdir()), f"#{operation.number} leaves a file")
            raise
        else:
            self._ledger.check("files", len(list(folder.iterdir())) == 1, f"#{operation.number} leaves another file")
        finally:
            shutil.rmtree(folder)

    async def head(self, operation: Operation) -> None:
        """What is known of it."""
        found = await self._box.get_object(operation.key)
        self._ledger.check_head(operation, operation.key, found.size, found.etag)

    async def delete(self, operation: Operation) -> None:
        """Delete it."""
        await self._box.object(operation.key).delete()

    async def delete_many(self, operation: Operation) -> None:
        """Delete some."""
        outcomes = await self._box.delete_objects([
            operation.key,
            *[f"none{n}" for n in range(self._dice.randint(0, 3))],
        ])
        if outcomes[0].error is not None:
            raise outcomes[0].error

    async def copy(self, operation: Operation) -> None:
        """Copy it over another."""
        source = self._dice.choice(KEYS)
        obj = self._box.object(source)
        if self._dice.random() < 0.5:
            obj = await self._box.get_object(source)
        tick = self._ledger.store.tick
        target = self._box if self._dice.random() < 0.7 else self._other_box
        await obj.copy_to(target, operation.key)
        copied = [data for at, key, data in operation.landed if key == operation.key and at > tick]
        values = [each.data for each in self._ledger.versions(operation, source) if each is not None]
        self._ledger.check("copies", any(data in values for data in copied), f"#{operation.number} copies {copied}")

    async def list(self, operation: Operation) -> None:
        """List all, or those below a prefix; perhaps not to the end."""
        prefix = self._dice.choice(("", "", "b/", "b"))
        delimiter = self._dice.choice(("", "", "/"))
        stops = self._dice.random() < 0.2
        names: list[tuple[str, int | None]] = []
        listing: Any = self._box.list_objects(prefix=prefix, delimiter=delimiter)
        try:
            async for item in listing:
                names.append((item.name, None if isinstance(item, Prefix) else item.size))
                if stops:
                    return
        finally:
            await listing.aclose()
        self._ledger.check_listing(operation, names, prefix, delimiter)


class Kept:
    """A checkpoint in memory."""

    def __init__(self) -> None:
        self.text: str | None = None

    async def load(self) -> str | None:
        """What was kept."""
        return self.text

    async def save(self, text: str) -> None:
        """Keep it."""
        self.text = text

    async def clear(self) -> None:
        """Keep it no more."""
        self.text = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of call."""

    name: str
    run: Callable[[Calls, Operation], Awaitable[None]]
    writes: bool = False
    is_conditional: bool = False


KINDS = (
    Kind("upload", Calls.upload, writes=True),
    Kind("upload", Calls.upload, writes=True),
    Kind("stream", Calls.stream, writes=True),
    Kind("stream", Calls.stream, writes=True),
    Kind("create", Calls.create, writes=True, is_conditional=True),
    Kind("replace", Calls.replace, writes=True, is_conditional=True),
    Kind("file", Calls.file, writes=True),
    Kind("writer", Calls.writer, writes=True),
    Kind("writer", Calls.writer, writes=True),
    Kind("checkpoint", Calls.checkpoint, writes=True),
    Kind("read", Calls.read),
    Kind("read", Calls.read),
    Kind("read range", Calls.read_range),
    Kind("reader", Calls.reader),
    Kind("reader", Calls.reader),
    Kind("download", Calls.download),
    Kind("download", Calls.download),
    Kind("head", Calls.head),
    Kind("delete", Calls.delete),
    Kind("delete many", Calls.delete_many),
    Kind("copy", Calls.copy),
    Kind("list", Calls.list),
)

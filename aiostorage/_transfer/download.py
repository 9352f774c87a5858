"""An object to a local file: in concurrent ranges where it is large, and whole or not at all."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiostorage._tasks import Group, clean_up, in_thread, run_to_end
from aiostorage._transfer.paths import FileWriter, write_file
from aiostorage._transfer.source import SMALL_BYTES, Verifier, read_body, reading_again
from aiostorage.errors import RangeNotSatisfiableError
from aiostorage.models import ByteRange

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from aiostorage._transfer.progress import Progress
    from aiostorage._transfer.source import ObjectSource, RangeReader
    from aiostorage.backend import ObjectBody
    from aiostorage.models import Buffer

log = logging.getLogger("aiostorage")

_BATCH_BYTES = 2 * 1024 * 1024
"""Written to the file by one call of a thread."""


async def download(
    source: ObjectSource,
    destination: str | os.PathLike[str],
    *,
    size_hint: int | None,
    part_size: int,
    concurrency: int,
    progress: Progress,
    overwrite: bool,
    fsync: bool,
) -> Path:
    """Write an object to a file, and return its path.

    The bytes go to a temporary file beside the destination, which takes the destination's name at
    the end. After a failure or a cancellation nothing is left of it.

    Raises:
        AlreadyExistsError: There is a file already, and ``overwrite`` is False.
        ChecksumMismatchError: The bytes that came are not those that were stored.
        InvalidNameError: The destination is a folder, and the object's name is no file's.
        ObjectChangedError: The object was replaced while it was read.
    """

    async def attempt() -> Path:
        progress.add(-progress.done)  # of bytes that were not those that were stored
        return await _download(
            source,
            destination,
            size_hint=size_hint,
            part_size=part_size,
            concurrency=concurrency,
            progress=progress,
            overwrite=overwrite,
            fsync=fsync,
        )

    return await reading_again(attempt)


async def _download(
    source: ObjectSource,
    destination: str | os.PathLike[str],
    *,
    size_hint: int | None,
    part_size: int,
    concurrency: int,
    progress: Progress,
    overwrite: bool,
    fsync: bool,
) -> Path:
    body = await _open_first(source, size_hint, part_size)
    try:
        size = progress.total = body.info.size
        verifier = Verifier(body.info.object_hash)
        if size is not None and size <= min(SMALL_BYTES, part_size):  # one trip to a thread, not four
            content = await read_body(source, body)
            progress.add(len(content))
            verifier.update_now(content)
            verifier.check()
            return await in_thread(write_file, destination, source.key, content, overwrite=overwrite, fsync=fsync)
        file = await run_to_end(
            asyncio.to_thread(FileWriter, destination, source.key, overwrite=overwrite), undo=_discard
        )
        try:
            if _is_first_of_many(body, part_size):
                await _download_ranges(source, body, file, part_size, concurrency, progress)
                if verifier.is_needed:
                    await in_thread(_read_back, file, size or 0, verifier)
            else:
                async with source.read_range(body=body) as reader:
                    await _write(reader, file, progress, verifier)
            verifier.check()
            return await in_thread(file.publish, fsync=fsync)
        finally:
            failure = await clean_up(_discard(file))
            if failure is not None:
                log.warning("a temporary file may be left behind: %s", failure)
    finally:
        await body.aclose()


async def _discard(file: FileWriter) -> None:
    await asyncio.to_thread(file.discard)


async def _open_first(source: ObjectSource, size_hint: int | None, part_size: int) -> ObjectBody:
    """The first part of the object, or all of it where it is known to be no larger than a part."""
    if size_hint is not None and size_hint <= part_size:
        return await source.open()
    try:
        return await source.open(ByteRange(0, part_size))
    except RangeNotSatisfiableError:  # an empty object has no first byte
        return await source.open()


def _is_first_of_many(body: ObjectBody, part_size: int) -> bool:
    """Whether the server has obeyed the range, so that others may be asked for."""
    size = body.info.size
    return size is not None and size > part_size and body.start == 0 and body.stop == part_size


async def _download_ranges(
    source: ObjectSource, first: ObjectBody, file: FileWriter, part_size: int, concurrency: int, progress: Progress
) -> None:
    size = first.info.size or 0
    starts = iter(range(part_size, size, part_size))

    async def work(reader: RangeReader | None) -> None:
        while True:
            if reader is not None:
                async with reader:
                    await _write(reader, file, progress)
            start = next(starts, None)
            if start is None:
                return
            reader = source.read_range(start, min(start + part_size, size))

    async with Group() as group:
        group.start(work(source.read_range(0, part_size, body=first)))
        for _ in range(concurrency - 1):
            group.start(work(None))


async def _write(reader: RangeReader, file: FileWriter, progress: Progress, verifier: Verifier | None = None) -> None:
    pieces: list[Buffer] = []
    offset, size = reader.position, 0
    while True:
        chunk = await reader.chunk()
        if chunk:
            progress.add(len(chunk))
            if verifier is not None:
                await verifier.update(chunk)
            pieces.append(chunk)
            size += len(chunk)
        if size >= _BATCH_BYTES or (pieces and not chunk):
            await in_thread(file.write_at, offset, pieces)
            offset, size, pieces = offset + size, 0, []
        if not chunk:
            return


def _read_back(file: FileWriter, size: int, verifier: Verifier) -> None:
    """Hash what was written out of order. Blocks."""
    for offset in range(0, size, _BATCH_BYTES):
        verifier.update_now(file.read_at(offset, _BATCH_BYTES))

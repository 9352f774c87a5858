"""The main things that aiostorage does, in memory or in a local folder.

python examples/quickstart.py
python examples/quickstart.py file:data
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import aiostorage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def readings() -> AsyncIterator[bytes]:
    """Bytes that are made as they are needed; nobody knows yet how many."""
    for minute in range(60):
        yield f"{minute},{20 + minute % 7}\n".encode()


async def main(url: str, folder: Path) -> None:
    cat_jpg = folder / "cat.jpg"
    cat_jpg.write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 100)

    async with aiostorage.connect(url) as driver:  # or MemoryDriver(), LocalDriver("data"), S3Driver(region=...)
        photos = await driver.create_container("photos")

        # Upload from a path, from bytes, from an asynchronous iterator.
        cat = await photos.upload_object(cat_jpg, "2026/cat.jpg")
        await photos.upload_object(b"meow", "2026/cat.txt", metadata={"mood": "calm"})
        await photos.upload_object(readings(), "2026/readings.csv")

        # List: pages are fetched as they are needed.
        async for obj in photos.list_objects(prefix="2026/"):
            print(obj.name, obj.size, obj.last_modified)

        # What is known of one object.
        note = await photos.get_object("2026/cat.txt")
        print(note.content_type, note.etag, dict(note.metadata), await note.read())

        # Read as a file, without holding it in memory.
        async with cat.as_file() as stream:
            header = await stream.read(4)
            await stream.seek(-2, 2)
            print(header, await stream.read())

        # Download: the file appears when it is complete and checked.
        copy = await cat.download(folder / "copy.jpg")
        print(copy.name, copy.stat().st_size)

        # Copy, here or to another provider.
        await cat.copy_to(photos, "archive/cat.jpg")

        # Write only if nobody else has.
        try:
            await photos.upload_object(b"purr", "2026/cat.txt", if_none_match="*")
        except aiostorage.PreconditionFailedError as error:
            print(error)

        # Delete an object, then the container and all that is in it.
        await note.delete()
        await photos.delete()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "memory:", Path(scratch)))

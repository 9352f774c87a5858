"""Writes and downloads without end, to be killed: ``python -m tests.unit.local.looping ROOT FOLDER SEED``.

Every content begins with the hash of the rest, and its metadata hold the hash of all, so whoever looks afterwards
needs to know nothing. It prints a line when each way of writing has been gone once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import sys

from aiostorage import LocalDriver, ObjectChangedError, ObjectNotFoundError

PART = 64 * 1024
KEYS = ("a", "deep/er/b", "c", "a.b")
DIGEST_CHARS = 64


def content(chance: random.Random) -> tuple[bytes, dict[str, str]]:
    rest = chance.randbytes(chance.choice([10, PART, 3 * PART + 7]))
    whole = hashlib.sha256(rest).hexdigest().encode() + rest
    return whole, {"sha256": hashlib.sha256(whole).hexdigest()}


MEANWHILE = ObjectNotFoundError, ObjectChangedError
"""What the others may have done to an object."""


def is_whole(data: bytes) -> bool:
    """Whether something is a content, from its first byte to its last."""
    return hashlib.sha256(data[DIGEST_CHARS:]).hexdigest().encode() == data[:DIGEST_CHARS]


async def main(root: str, folder: str, seed: str) -> None:
    chance = random.Random(seed)
    async with LocalDriver(root) as driver:
        box = driver.container("box")

        async def put() -> None:
            data, metadata = content(chance)
            await box.upload_object(data, chance.choice(KEYS), metadata=metadata, part_size_bytes=8 * PART)

        async def upload() -> None:
            data, metadata = content(chance)
            await box.upload_object(data, chance.choice(KEYS), metadata=metadata, part_size_bytes=PART)

        async def write() -> None:
            data, metadata = content(chance)
            async with box.open_writer(chance.choice(KEYS), metadata=metadata, part_size_bytes=PART) as writer:
                for start in range(0, len(data), 1000):
                    await writer.write(data[start : start + 1000])

        async def copy() -> None:
            await box.object(chance.choice(KEYS)).copy_to(box, chance.choice(["copy", "deep/copy"]))

        async def update() -> None:
            data, metadata = content(chance)
            name = f"updated-{chance.randrange(10**9)}"  # of its own: it may not be replaced in between
            await box.upload_object(data, name, metadata=metadata)
            await box.object(name).update(metadata={**metadata, "more": "x"})
            await box.object(name).delete()

        async def download() -> None:
            await box.object(chance.choice(KEYS)).download(f"{folder}/file", part_size_bytes=PART)

        async def delete() -> None:
            await box.object(chance.choice(KEYS)).delete()

        async def loop(number: int) -> None:
            ways = [put, upload, write, copy, update, download, delete]
            for way in ways[number:] + ways[:number]:
                with contextlib.suppress(*MEANWHILE):
                    await way()
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            while True:
                with contextlib.suppress(*MEANWHILE):
                    await chance.choice(ways)()

        await asyncio.gather(*[loop(number) for number in range(3)])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

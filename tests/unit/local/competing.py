"""Writes one object again and again: ``python -m tests.unit.local.competing ROOT COUNT``."""

from __future__ import annotations

import asyncio
import random
import sys
import zlib

from aiostorage.models import WriteOptions
from aiostorage.providers.local import LocalBackend


async def main(root: str, count: int) -> None:
    backend = LocalBackend(root)
    for _ in range(count):
        content = random.randbytes(random.choice([10, 10, 5_000, 300_000]))
        options = WriteOptions(metadata={"crc32": f"{zlib.crc32(content):08x}"})
        info = await backend.put_object("box", "contested", content, options)
        assert info.metadata == options.metadata


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))

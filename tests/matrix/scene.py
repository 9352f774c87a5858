"""Where an operation of the matrix takes place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiostorage.errors import NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from aiostorage import Container, Driver, Object
    from aiostorage.testing.faults import ProxyRequest


def content(size: int, seed: int = 0) -> bytes:
    """Bytes of which no two blocks are alike."""
    words = (f"{seed}:{number:08x} ".encode() for number in range(size // 10 + 1))
    return b"".join(words)[:size]


SMALL = content(3000)
BIG = content(5 * 65536 + 100, seed=2)
"""Read in ranges of 64 KiB."""
RANGE_BYTES = 65536
NAMES = [f"list/{folder}/{number}" for folder in "ab" for number in range(4)]

_IDS = re.compile(r"[0-9a-fA-F-]{16,}|(?<=/)\d{6,}(?=/|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One run of one operation.

    Attributes:
        driver: What is tried, behind the proxy.
        direct: The same on a way of its own, without faults.
        shared: Name of the container whose objects are only read.
        work: Name of the container that is written into.
        prefix: Of the keys of this run; and of the containers that it makes.
        folder: Empty when it begins.
        part_size: The smallest part of an upload.
    """

    driver: Driver
    direct: Driver
    shared: str
    work: str
    prefix: str
    folder: Path
    part_size: int

    @property
    def large(self) -> bytes:
        """What goes in three parts."""
        return content(2 * self.part_size + 1000, seed=3)

    @property
    def there(self) -> Container:
        """The container that is written into, behind the proxy."""
        return self.driver.container(self.work)

    def object(self, key: str) -> Object:
        """An object of this run, behind the proxy."""
        return self.there.object(self.prefix + key)

    def read_only(self, key: str) -> Object:
        """An object that all runs share, behind the proxy."""
        return self.driver.container(self.shared).object(key)

    async def content_of(self, key: str) -> bytes | None:
        """What is there now, seen directly."""
        try:
            return await self.direct.container(self.work).object(self.prefix + key).read()
        except NotFoundError:
            return None

    def kind(self, request: ProxyRequest) -> str:
        """The request without what differs from run to run."""
        path, _, query = request.target.partition("?")
        for name in (self.work, self.shared):
            path = path.replace(f"/{name}", "/{c}")
        for prefix in {self.prefix, quote(self.prefix), quote(self.prefix, safe="")}:
            path = path.replace(prefix, "{p}")
        path = _IDS.sub("*", path)
        names = "&".join(sorted(re.sub(r"=.*", "", item) for item in query.split("&")))
        flags = [
            flag
            for flag, header in (("range", "range"), ("range", "x-ms-range"), ("copy", "x-amz-copy-source"))
            if request.header(header) is not None
        ]
        return " ".join([request.method, f"{path}?{names}" if names else path, *flags])

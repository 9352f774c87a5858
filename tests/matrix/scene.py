"""Where an operation of the matrix takes place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from aiostorage import Container, Driver, Object, Upload
    from aiostorage.testing import Witness


def content(size: int, seed: int = 0) -> bytes:
    """Bytes of which no two blocks are alike."""
    words = (f"{seed}:{number:08x} ".encode() for number in range(size // 10 + 1))
    return b"".join(words)[:size]


SMALL = content(3000)
BIG = content(5 * 65536 + 100, seed=2)
"""Read in ranges of 64 KiB."""
RANGE_BYTES = 65536
NAMES = [f"list/{folder}/{number}" for folder in "ab" for number in range(4)]


@dataclass(slots=True, kw_only=True)
class Scene:
    """One run of one operation.

    Attributes:
        driver: What is tried, behind the proxy.
        direct: The same on a way of its own, without faults.
        witness: Somebody else's client, which arranges and checks.
        shared: Name of the container whose objects are only read.
        work: Name of the container that is written into.
        prefix: Of the keys of this run; and of the containers that it makes.
        folder: Empty when it begins.
        part_size: The smallest part of an upload.
        cors: A document of the setting "cors", in the form of the provider.
        upload: One that was begun before.
    """

    driver: Driver
    direct: Driver
    witness: Witness
    shared: str
    work: str
    prefix: str
    folder: Path
    part_size: int
    cors: str = ""
    upload: Upload | None = None

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

    @property
    def begun(self) -> Upload:
        """The upload that was begun before."""
        assert self.upload is not None
        return self.upload

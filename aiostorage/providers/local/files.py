"""Files that are open. Every method blocks, and belongs into a thread.

An object of these classes is made before its file is opened, so that whoever holds it can close the
file after a cancellation that came while a thread was opening it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from aiostorage.errors import StorageConnectionError

if TYPE_CHECKING:
    from io import FileIO

    from aiostorage.models import Buffer

_PAST_ODD_FILES = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Opening neither follows a link nor waits for somebody at the other end of a pipe."""


ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""What the system says of a path where nothing is, or where links lead in circles."""


def without_links(path: str, flags: int) -> int:
    """An ``opener`` for :func:`open` that fails where the path itself is a symbolic link."""
    return os.open(path, flags | _PAST_ODD_FILES, 0o666)


def sync_folder(path: str) -> None:
    """Have what was made, renamed or removed in a folder outlast a power failure."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class InputFile:
    """A file that is read."""

    def __init__(self) -> None:
        self._file: FileIO | None = None

    def open(self, path: str) -> os.stat_result | None:
        """Open a regular file; None where there is none at the path (any more)."""
        self.close()
        try:
            self._file = open(path, "rb", buffering=0, opener=without_links)  # noqa: SIM115 - see the class
        except OSError as error:
            if error.errno in ABSENT or isinstance(error, IsADirectoryError):
                return None
            raise
        status = os.fstat(self._file.fileno())
        return status if stat.S_ISREG(status.st_mode) else None

    def read(self, start: int, size: int) -> bytes:
        """Exactly the bytes that were asked for.

        Raises:
            StorageConnectionError: The file has become shorter meanwhile.
        """
        assert self._file is not None
        self._file.seek(start)
        data = self._file.read(size)
        while len(data) < size:  # some systems give no more than 2 GiB at once
            more = self._file.read(size - len(data))
            if not more:
                raise StorageConnectionError("the file was cut short while it was read", retryable=True)
            data += more
        return data

    def checksum(self, start: int, size: int, crc32: int) -> int:
        """The CRC-32 of some of the file, continued from that of what comes before."""
        return zlib.crc32(self.read(start, size), crc32)

    @property
    def is_open(self) -> bool:
        """Whether there is anything to close."""
        return self._file is not None

    def detach(self) -> FileIO:
        """The file itself, for somebody else to close."""
        assert self._file is not None
        file, self._file = self._file, None
        return file

    def close(self) -> None:
        """Close it. Twice is fine."""
        if self._file is not None:
            self._file.close()
            self._file = None


class OutputFile:
    """A file that is written, from a position on and in order.

    Attributes:
        path: Where it was opened.
        size: Bytes that were written.
        crc32: Their CRC-32.
    """

    def __init__(self) -> None:
        self.path: str = ""
        self.size: int = 0
        self.crc32: int = 0
        self._file: FileIO | None = None
        self._is_temporary = False

    def create(self, path: str) -> None:
        """Begin a new file, which is removed again unless it is moved away or kept."""
        self._file = open(path, "xb", buffering=0, opener=without_links)  # noqa: SIM115 - see the class
        self.path, self._is_temporary = path, True

    def enter(self, path: str, start: int) -> None:
        """Begin to write in a file that is there, and that stays whatever happens."""
        self._file = open(path, "r+b", buffering=0, opener=without_links)  # noqa: SIM115 - see the class
        self._file.seek(start)
        self.path = path

    def write(self, data: Buffer) -> None:
        """Write more bytes."""
        assert self._file is not None
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        self.crc32 = zlib.crc32(data, self.crc32)
        self.size += len(data)

    def sync(self) -> None:
        """Wait until the bytes are on the disk."""
        assert self._file is not None
        os.fsync(self._file.fileno())

    def stamp(self, after_ns: int) -> os.stat_result:
        """Give the file a time of modification later than ``after_ns``, and say what it is now."""
        wanted, step = max(time.time_ns(), after_ns + 1), 1
        while True:
            os.utime(self.path, ns=(wanted, wanted))
            status = os.lstat(self.path)
            if status.st_mtime_ns > after_ns:
                return status
            step *= 10  # the file system counts in larger steps
            wanted = after_ns + step

    def move_to(self, path: str) -> None:
        """Give the file its place, in the stead of what is there."""
        self._close()
        os.replace(self.path, path)
        self._is_temporary = False

    def keep(self) -> None:
        """Close the file and leave it where it is."""
        self._close()
        self._is_temporary = False

    @property
    def is_open(self) -> bool:
        """Whether there is anything to close or to remove."""
        return self._file is not None or self._is_temporary

    def close(self) -> None:
        """Close the file, and remove it if it was created and neither moved nor kept. Twice is fine."""
        self._close()
        if self._is_temporary:
            self._is_temporary = False
            with suppress(FileNotFoundError):
                os.unlink(self.path)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

"""Local paths for what is downloaded: inside the folder that was named, and whole or not there."""

from __future__ import annotations

import os
import secrets
import sys
import threading
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from aiostorage.errors import AlreadyExistsError, InvalidNameError

_MAX_PIECES = 1024  # IOV_MAX of Linux and macOS
_MAX_NAME_BYTES = 255  # NAME_MAX of nearly all file systems

if TYPE_CHECKING:
    from aiostorage.models import Buffer


def safe_join(folder: str | os.PathLike[str], key: str) -> Path:
    """The path of a key below a folder.

    Only keys that a file can be named after are taken as they are: no empty, ``.`` or ``..`` segment,
    no NUL, no half of a character, no segment of more than 255 bytes, nothing absolute, no drive or device
    name where the system knows such things, and no symbolic link on the way that leads out of the folder.

    Raises:
        InvalidNameError: The key would leave the folder, or is no file's name here.
    """
    segments = key.split("/")
    is_windows = sys.platform == "win32"
    if (
        any(segment in {"", ".", ".."} for segment in segments)
        or "\0" in key
        or any(_is_no_name(segment) for segment in segments)
        or PurePosixPath(key).is_absolute()
        or (is_windows and _is_odd_on_windows(segments))
    ):
        raise InvalidNameError("the key cannot be a path below a folder", key=key)
    root = Path(folder).resolve()
    path = root.joinpath(*segments)
    if not path.parent.resolve().is_relative_to(root):
        raise InvalidNameError("the key leads out of the folder, through a symbolic link", key=key)
    return path


def _is_no_name(segment: str) -> bool:
    try:
        return len(segment.encode()) > _MAX_NAME_BYTES
    except UnicodeEncodeError:
        return True


def _is_odd_on_windows(segments: list[str]) -> bool:
    return any(
        PureWindowsPath(segment).is_reserved() or segment[-1] in " ." or any(char in '<>:"|?*\\' for char in segment)
        for segment in segments
    )


def write_file(destination: str | os.PathLike[str], key: str, content: bytes, *, overwrite: bool, fsync: bool) -> Path:
    """Write a whole file, and return its path. Blocks. The arguments are those of :class:`FileWriter`."""
    file = FileWriter(destination, key, overwrite=overwrite)
    try:
        file.write_at(0, [content])
        return file.publish(fsync=fsync)
    finally:
        file.discard()


class FileWriter:
    """A file that appears under its name only when it is complete. Every method blocks.

    Args:
        destination: Where it shall appear; or a folder that exists, for a file named after the key.
        key: The name of the object; of it only the last segment counts.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        AlreadyExistsError: There is a file, and it may not be replaced.
        InvalidNameError: The destination is a folder, and the key is no file's name.
        OSError: There can be no file; a FileNotFoundError where there is no folder for it.
    """

    def __init__(self, destination: str | os.PathLike[str], key: str, *, overwrite: bool) -> None:
        path = Path(destination)
        self._destination = safe_join(path, key.rpartition("/")[2]) if path.is_dir() else path
        self._overwrite = overwrite
        if not overwrite and self._destination.exists():
            raise AlreadyExistsError(f"{self._destination} exists")
        name = f".{self._destination.name[:50]}.{secrets.token_hex(8)}.part"
        self._temporary = self._destination.with_name(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = os.open(self._temporary, flags, 0o666)
        except OSError as error:
            error.filename = str(self._destination)  # the caller has named no other
            raise
        self._position = threading.Lock()  # Windows has but one for all who read and write
        self._is_open = True
        self._is_published = False

    def write_at(self, offset: int, pieces: list[Buffer]) -> None:
        """Write pieces one after the other from ``offset`` on."""
        while pieces:
            written = self._write_some(offset, pieces[:_MAX_PIECES])
            offset += written
            while pieces and written >= len(pieces[0]):
                written -= len(pieces.pop(0))
            if pieces and written:
                pieces[0] = memoryview(pieces[0])[written:]

    def read_at(self, offset: int, size: int) -> bytes:
        """Read back what was written."""
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, size, offset)
        with self._position:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, size)

    def publish(self, *, fsync: bool) -> Path:
        """Make it appear, whole, and return its path.

        Raises:
            AlreadyExistsError: Somebody else's file is there, and it may not be replaced.
        """
        if fsync:
            os.fsync(self._descriptor)
        self._close()
        if self._overwrite:
            os.replace(self._temporary, self._destination)
        else:
            try:
                os.link(self._temporary, self._destination)
            except FileExistsError:
                raise AlreadyExistsError(f"{self._destination} exists") from None
            self._temporary.unlink()
        self._is_published = True
        if fsync:
            _fsync_folder(self._destination.parent)
        return self._destination

    def discard(self) -> None:
        """Remove what was written, unless it was published. Twice is fine."""
        self._close()
        if not self._is_published:
            self._temporary.unlink(missing_ok=True)

    def _write_some(self, offset: int, pieces: list[Buffer]) -> int:
        if hasattr(os, "pwritev"):
            return os.pwritev(self._descriptor, pieces, offset)
        with self._position:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.write(self._descriptor, pieces[0])

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self._descriptor)


def _fsync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Local paths for what is downloaded: inside the folder that was named, and whole or not there."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from aiostorage.errors import AlreadyExistsError, InvalidNameError

if TYPE_CHECKING:
    from aiostorage.models import Buffer


def safe_join(folder: str | os.PathLike[str], key: str) -> Path:
    """The path of a key below a folder.

    Only keys that a file can be named after are taken as they are: no empty, ``.`` or ``..`` segment,
    no NUL, nothing absolute, no drive or device name where the system knows such things, and no
    symbolic link on the way that leads out of the folder.

    Raises:
        InvalidNameError: The key would leave the folder, or is no file's name here.
    """
    segments = key.split("/")
    is_windows = sys.platform == "win32"
    if (
        any(segment in {"", ".", ".."} for segment in segments)
        or "\0" in key
        or PurePosixPath(key).is_absolute()
        or (is_windows and _is_odd_on_windows(segments))
    ):
        raise InvalidNameError("the key cannot be a path below a folder", key=key)
    root = Path(folder).resolve()
    path = root.joinpath(*segments)
    if not path.parent.resolve().is_relative_to(root):
        raise InvalidNameError("the key leads out of the folder, through a symbolic link", key=key)
    return path


def _is_odd_on_windows(segments: list[str]) -> bool:
    return any(
        PureWindowsPath(segment).is_reserved() or segment[-1] in " ." or any(char in '<>:"|?*\\' for char in segment)
        for segment in segments
    )


class FileWriter:
    """A file that appears under its name only when it is complete. Every method blocks.

    Args:
        destination: Where it shall appear.
        overwrite: Whether a file that is there may be replaced.
    """

    def __init__(self, destination: Path, *, overwrite: bool) -> None:
        self._destination = destination
        self._overwrite = overwrite
        if not overwrite and destination.exists():
            raise AlreadyExistsError(f"{destination} exists")
        self._temporary = destination.with_name(f".{destination.name[:200]}.{secrets.token_hex(8)}.part")
        self._descriptor = os.open(
            self._temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666
        )
        self._is_open = True

    def write_at(self, offset: int, pieces: list[Buffer]) -> None:
        """Write pieces one after the other from ``offset`` on."""
        if not hasattr(os, "pwritev"):
            pieces = [b"".join(pieces)]
        while pieces:
            written = os.pwritev(self._descriptor, pieces, offset)
            offset += written
            while pieces and written >= len(pieces[0]):
                written -= len(pieces.pop(0))
            if pieces and written:
                pieces[0] = memoryview(pieces[0])[written:]

    def read_at(self, offset: int, size: int) -> bytes:
        """Read back what was written."""
        return os.pread(self._descriptor, size, offset)

    def publish(self, *, fsync: bool) -> None:
        """Make it appear, whole.

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
        if fsync:
            _fsync_folder(self._destination.parent)

    def discard(self) -> None:
        """Remove what was written, unless it was published. Twice is fine."""
        self._close()
        self._temporary.unlink(missing_ok=True)

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

"""Keys as paths: a bijection, so that every key has its own file and every such file is one key.

A key is split at ``/``. A segment that can be a file's name is one, so that folders look as their
owners expect. Any other is written in quotes, which are a marker in front and ``%XX`` within:

* ``%=`` and the quoted segment: ``..`` is ``%=..``, the empty segment is ``%=``, ``%=x`` is ``%=%25=x``.
* ``%+`` and a piece, a folder: the beginning of a segment that is too long for one name. The last
  piece is in it, after ``%=``.
* ``%~`` and the quoted segment, a file: the object ``a`` beside objects ``a/...``, where the name
  ``a`` is taken by the folder. It is said to be displaced.

Only what this module writes is read back. ``100%.txt`` and ``%41`` are names like any other.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STATE = ".aiostorage"
"""The folder in each container for what is no object; in keys, a segment of this name is quoted."""

QUOTED, CONTINUED, DISPLACED = "%=", "%+", "%~"

_MAX_NAME_BYTES = 255
_QUOTED_UNIT = re.compile("%[0-9A-F]{2}|.", re.DOTALL)
_WINDOWS_DEVICES = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³]|CONIN\$|CONOUT\$) *(\..*)?", re.IGNORECASE)


class Names:
    """How segments of keys are written on one kind of file system.

    Args:
        windows: Whether names must suit Windows, too. Source:
            https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
    """

    def __init__(self, *, windows: bool = os.name == "nt") -> None:
        self._impossible = re.compile(r'[\x00-\x1f<>:"\\|?*]|[. ]\Z' if windows else "\0")
        self._to_quote = re.compile(r'[\x00-\x1f<>:"\\|?*. %]' if windows else "[\0%]")
        self._windows = windows
        # Most names; they need no closer look.
        self._ordinary = re.compile(r"[\w-]{5,63}" if windows else r"[\w-][^\0\ud800-\udfff]{0,62}", re.DOTALL)

    def path(self, key: str, *, displaced: bool = False) -> str:
        """Where the object lies in its container's folder, with ``/`` between the names."""
        *folders, last = key.split("/")
        names = [name for folder in folders for name in self.write(folder)]
        return "/".join([*names, *self.write(last, displaced=displaced)])

    def write(self, segment: str, *, displaced: bool = False) -> list[str]:
        """The names that stand for a segment, each in the folder before it; the last is the file's or folder's own."""
        if not displaced and self._is_name(segment):
            return [segment]
        *pieces, last = self._pieces(segment)
        return [*(CONTINUED + piece for piece in pieces), (DISPLACED if displaced else QUOTED) + last]

    def read(self, names: Sequence[str]) -> str | None:
        """The segment that names stand for; None where they are not what :meth:`write` makes of any."""
        last = names[-1]
        if last[:2] not in {QUOTED, DISPLACED}:
            return last if len(names) == 1 and self._is_name(last) else None
        try:
            segment = unquote_to_bytes("".join(name[2:] for name in names)).decode()
        except UnicodeError:
            return None
        return segment if self.write(segment, displaced=last.startswith(DISPLACED)) == list(names) else None

    def _is_name(self, segment: str) -> bool:
        if self._ordinary.fullmatch(segment):
            return True
        if segment in {"", ".", ".."} or segment[:2] in {QUOTED, CONTINUED, DISPLACED}:
            return False
        if self._impossible.search(segment) or segment.lower() == STATE:
            return False
        if self._windows and _WINDOWS_DEVICES.fullmatch(segment):
            return False
        try:
            return len(segment) <= _MAX_NAME_BYTES and len(segment.encode()) <= _MAX_NAME_BYTES
        except UnicodeEncodeError:  # a foreign file whose name is not UTF-8
            return False

    def _pieces(self, segment: str) -> Iterator[str]:
        """The quoted segment in pieces that fit into a name beside a marker; at least one."""
        quoted = self._to_quote.sub(lambda match: f"%{ord(match[0]):02X}", segment)
        piece, room = "", _MAX_NAME_BYTES - len(QUOTED)
        for unit in _QUOTED_UNIT.findall(quoted) if len(quoted) * 4 > room else [quoted]:
            size = len(unit.encode())
            if size > room:
                yield piece
                piece, room = "", _MAX_NAME_BYTES - len(QUOTED)
            piece += unit
            room -= size
        yield piece

"""The objects of a container in the order of their keys, found as they are asked for.

A folder's entries are read and sorted together, and a folder is entered only when it is its turn and
something that was asked for may be in it. A listing tells what a look at the file tells: headers,
metadata and hash are left out, as they are on S3, because each would cost another file to read.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from aiostorage.models import ListQuery, ObjectInfo, Page, Prefix
from aiostorage.providers import _semantics as rules
from aiostorage.providers.local.files import ABSENT
from aiostorage.providers.local.folder import last_modified
from aiostorage.providers.local.names import CONTINUED, DISPLACED

if TYPE_CHECKING:
    from collections.abc import Generator

    from aiostorage.providers.local.folder import Folder, Found

Item: TypeAlias = ObjectInfo | Prefix

_MAX_WALKS = 8

_SETTLED_AFTER_NS = 100 * 10**6
"""Twice within this time a folder may change without a change of its own time of modification."""


class _Reading(NamedTuple):
    """The state of a folder."""

    path: str
    mtime_ns: int
    inode: int


@dataclass(slots=True)
class _Level:
    """A folder that a walk is in.

    Attributes:
        base: What the keys in it begin with.
        path: Where it is.
        entries: What is left to be seen when the walk begins: for each file its segment, for each
            folder its segment and ``/``, in order; and the path below this one.
        at: The next entry.
        seen: The state of the folders that this comes from, before they were read.
        is_settled: Whether a later change of them will show.
    """

    base: str
    path: str
    entries: list[tuple[str, str]]
    seen: list[_Reading]
    is_settled: bool
    at: int = 0


class Walk:
    """Objects and prefixes of a container, one after the other. Every method blocks. No file is held open.

    Args:
        folder: The container.
        query: What is asked for.
        token: The last name of the page before; None for the first page.
    """

    def __init__(self, folder: Folder, query: ListQuery, token: str | None) -> None:
        self._folder = folder
        self._query = query
        self._after, self._folded = rules.resume(query, token)
        self._folded_before = self._folded
        self._levels: list[_Level] = []
        base, slash, _ = query.prefix.rpartition("/")
        if not slash:
            self._descend("", folder.path)
        elif rules.is_key(base + slash):
            relative = folder.names.path(base)
            if not folder.has_link_above(f"{relative}/"):
                self._descend(base + slash, f"{folder.path}/{relative}")

    def step(self) -> Item | None:
        """The next item; None after the last."""
        while self._levels:
            level = self._levels[-1]
            if level.at == len(level.entries):
                self._levels.pop()
                continue
            name, place = level.entries[level.at]
            level.at += 1
            self._folded_before = self._folded
            item = self._visit(level.base + name, f"{level.path}/{place}", is_folder=name.endswith("/"))
            if item is not None:
                return item
        return None

    def back(self) -> None:
        """Undo the last :meth:`step`, which returned an item."""
        self._levels[-1].at -= 1
        self._folded = self._folded_before

    def is_current(self) -> bool:
        """Whether the folders that were read are as they were."""
        try:
            return all(
                level.is_settled and all(_read_version(seen.path) == seen for seen in level.seen)
                for level in self._levels
            )
        except OSError:
            return False

    def _visit(self, key: str, path: str, *, is_folder: bool) -> Item | None:
        if self._folded and key.startswith(self._folded):
            return None
        prefix = rules.common_prefix(key, self._query)
        if not is_folder:
            found = self._folder.real_file(path)
            if found is None:
                return None
            if prefix is None:
                return _describe(key, found)
        elif prefix is None or self._after.startswith(key):
            self._descend(key, path)
            return None
        elif not self._holds_object(key, path):
            return None
        self._folded = prefix
        return Prefix(name=prefix)

    def _descend(self, base: str, path: str) -> None:
        """Go into a folder, as far as something in it may be asked for."""
        now = time.time_ns()
        prefix, after = self._query.prefix, self._after
        seen: list[_Reading] = []
        entries: dict[str, str] = {}
        for name, place in self._entries(path, seen):
            key = base + name
            if not key.startswith(prefix) or not rules.is_key(key):
                continue
            if key > after or (name.endswith("/") and after.startswith(key)):
                is_shadowed = name in entries and place.rpartition("/")[2].startswith(DISPLACED)
                entries[name] = entries[name] if is_shadowed else place
        is_settled = all(reading.mtime_ns < now - _SETTLED_AFTER_NS for reading in seen)
        self._levels.append(
            _Level(base=base, path=path, entries=sorted(entries.items()), seen=seen, is_settled=is_settled)
        )

    def _entries(self, path: str, seen: list[_Reading]) -> Generator[tuple[str, str], None, None]:
        """What is in a folder, in any order: segments, those of folders with ``/``, and where they are."""
        outer: tuple[str, ...]
        folders: list[tuple[str, ...]] = [()]
        while folders:
            outer = folders.pop()
            where = "/".join([path, *outer])
            try:
                seen.append(_read_version(where))
                with os.scandir(where) as entries:
                    for entry in entries:
                        names = (*outer, entry.name)
                        is_folder = entry.is_dir(follow_symlinks=False)
                        if is_folder and entry.name.startswith(CONTINUED):
                            folders.append(names)
                            continue
                        segment = self._folder.names.read(names)
                        if segment is None:
                            continue
                        if not is_folder:
                            yield segment, "/".join(names)
                        elif not entry.name.startswith(DISPLACED):
                            yield f"{segment}/", "/".join(names)
            except OSError as error:
                if error.errno not in ABSENT:
                    raise

    def _holds_object(self, base: str, path: str) -> bool:
        """Whether there is any object below a folder; what is there first will do."""
        folders = [(base, path)]
        while folders:
            base, path = folders.pop()
            with closing(self._entries(path, [])) as entries:
                for name, place in entries:
                    if not rules.is_key(base + name):
                        continue
                    if name.endswith("/"):
                        folders.append((base + name, f"{path}/{place}"))
                    elif self._folder.real_file(f"{path}/{place}") is not None:
                        return True
        return False


class Walks:
    """Walks that stopped at the end of a page, so that the next page need not read the folders anew."""

    def __init__(self) -> None:
        self._walks: OrderedDict[tuple[str, ListQuery, str], Walk] = OrderedDict()

    def page(self, folder: Folder, query: ListQuery, token: str | None) -> Page[Item]:
        """One page of a listing."""
        limit = rules.page_size(query)
        folder.check_exists()
        walk = self._walks.pop((folder.path, query, token), None) if token is not None else None
        if walk is None or not walk.is_current():
            walk = Walk(folder, query, token)
        items: list[Item] = []
        while len(items) < limit and (item := walk.step()) is not None:
            items.append(item)
        if len(items) < limit or walk.step() is None:
            return Page(items=items)
        walk.back()
        last = items[-1]
        next_token = last.name if isinstance(last, Prefix) else last.key
        self._walks[folder.path, query, next_token] = walk
        while len(self._walks) > _MAX_WALKS:
            self._walks.popitem(last=False)
        return Page(items=items, next_token=next_token)

    def clear(self) -> None:
        """Forget all walks."""
        self._walks.clear()


def _describe(key: str, found: Found) -> ObjectInfo:
    modified = last_modified(found.status)
    return ObjectInfo(key=key, size=found.status.st_size, etag=found.etag, last_modified=modified)


def _read_version(path: str) -> _Reading:
    status = os.lstat(path)
    return _Reading(path, status.st_mtime_ns, status.st_ino)

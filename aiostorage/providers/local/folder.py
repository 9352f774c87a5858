"""One container's folder: where its objects lie, and how they change. Every method blocks.

What a person puts into the folder is an object. What is ours is in :data:`~.names.STATE`: records
(see :mod:`.metadata`), files under way, uploads, and the lock that is held while something changes.
"""

from __future__ import annotations

import mimetypes
import os
import secrets
import shutil
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from aiostorage.errors import ContainerNotEmptyError, ContainerNotFoundError, PermissionDeniedError
from aiostorage.models import WriteOptions
from aiostorage.providers import _semantics as rules
from aiostorage.providers.local.files import ABSENT, sync_folder
from aiostorage.providers.local.locks import acquire, release
from aiostorage.providers.local.metadata import Metadata, Record, Version
from aiostorage.providers.local.names import STATE

if TYPE_CHECKING:
    from collections.abc import Generator

    from aiostorage.models import ObjectInfo
    from aiostorage.providers.local.files import InputFile, OutputFile
    from aiostorage.providers.local.names import Names

_STALE_NS = 24 * 3600 * 10**9
"""A temporary file that nobody has written to for so long belongs to a process that is gone."""


class Found(NamedTuple):
    """A file that is an object."""

    path: str
    status: os.stat_result

    @property
    def version(self) -> Version:
        """What changes with every write."""
        return Version(self.status.st_mtime_ns, self.status.st_size)

    @property
    def etag(self) -> str:
        """The version, as a caller sees it; that of a listing needs no more than this."""
        return etag(self.status)


class Checked(NamedTuple):
    """The CRC-32 of one version of a file, from reading it."""

    version: Version
    crc32: int


class InDoubt(Exception):  # noqa: N818 - no error, but a question
    """There is a record for a file of this size, but not of this time: only the content can tell.

    So it is after a copy that does not keep times (``cp -r``), and after somebody has overwritten a
    file with one of the same size.
    """

    def __init__(self, key: str, found: Found) -> None:
        super().__init__(key)
        self.key = key
        self.found = found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """An object as it was seen."""

    key: str
    status: os.stat_result
    options: WriteOptions
    crc32: int | None

    @property
    def info(self) -> ObjectInfo:
        """What is told of it."""
        return rules.describe(
            self.key,
            self.options,
            size=self.status.st_size,
            etag=etag(self.status),
            crc32=self.crc32,
            last_modified=last_modified(self.status),
        )


def etag(status: os.stat_result) -> str:
    """The etag of a file. It has no inode in it: some file systems make up new ones as they go."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def last_modified(status: os.stat_result) -> datetime | None:
    """The time of modification, unless it is one that no calendar has."""
    try:
        return datetime.fromtimestamp(status.st_mtime, UTC)
    except (ValueError, OverflowError, OSError):
        return None


class Folder:
    """A container on disk.

    Args:
        root: The folder of containers.
        name: The container.
        names: How keys are written.
        fsync: Whether a write waits for the disk.
        prepared: Paths whose :data:`~.names.STATE` was looked at; shared by all folders of a backend.
    """

    def __init__(self, root: str, name: str, names: Names, *, fsync: bool, prepared: set[str]) -> None:
        self.name = name
        self.path: str = f"{root}/{name}"
        self.state: str = f"{self.path}/{STATE}"
        self.names = names
        self.fsync = fsync
        self._root = root
        self._prepared = prepared
        self._metadata = Metadata(f"{self.state}/metadata", fsync=fsync)

    # The container

    def check_exists(self) -> os.stat_result:
        """What the system says of the folder.

        Raises:
            ContainerNotFoundError: There is none. A symbolic link is none: it leads elsewhere.
        """
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            status = None
        if status is None or not stat.S_ISDIR(status.st_mode):
            raise ContainerNotFoundError("there is no such container", container=self.name)
        return status

    @contextmanager
    def lock(self) -> Generator[None, None, None]:
        """Keep other writers of this container out, for the short time that it takes to publish."""
        with self.prepared():
            lock = acquire(f"{self.state}/lock")
        try:
            yield
        finally:
            release(lock)

    def create(self, file: OutputFile) -> None:
        """Begin a file that may become an object."""
        with self.prepared():
            file.create(self.temporary())

    @contextmanager
    def prepared(self) -> Generator[None, None, None]:
        """Have the folders that a write needs.

        Raises:
            ContainerNotFoundError: There is no container, or it was deleted just now.
        """
        try:
            self._prepare()
            yield
        except FileNotFoundError:
            self.check_exists()
            raise

    def _prepare(self) -> None:
        """The first time, and when somebody has removed one, also clear up what dead processes have left."""
        inner = [f"{self.state}/{name}" for name in ("metadata", "new", "uploads")]
        if self.path in self._prepared and all(map(os.path.isdir, inner)):
            return
        self.check_exists()
        for path in (self.state, *inner):
            with suppress(FileExistsError):
                os.mkdir(path)
            _refuse_link(path)
        if self.fsync:
            sync_folder(self.state)
            sync_folder(self.path)
        with os.scandir(f"{self.state}/metadata") as entries:
            for entry in entries:
                _refuse_link(entry.path)
        self._sweep()
        self._prepared.add(self.path)

    def temporary(self) -> str:
        """The path of a new file in the making."""
        return f"{self.state}/new/{secrets.token_hex(16)}"

    def destroy(self) -> None:
        """Remove the container, with its unfinished uploads.

        Raises:
            ContainerNotEmptyError: There is an object, or any other file that is not ours.
        """
        self.check_exists()
        with self.lock():
            for parent, folders, files in os.walk(self.path, topdown=False):
                if f"{parent}/".startswith(f"{self.state}/"):
                    continue
                if files or any(os.path.islink(f"{parent}/{folder}") for folder in folders):
                    raise ContainerNotEmptyError("there are objects or other files in the container")
                if parent != self.path:
                    os.rmdir(parent)
            trash = f"{self._root}/{STATE}-{secrets.token_hex(8)}"
            os.rename(self.path, trash)  # gone for everybody, at once
            if os.listdir(trash) != [STATE]:
                os.rename(trash, self.path)
                raise ContainerNotEmptyError("a file was just put into the container")
        self._prepared.discard(self.path)
        shutil.rmtree(trash)

    # Reading

    def find(self, key: str) -> Found | None:
        """The file of an object; None where there is none.

        The ordinary place is looked at first: an object moves from there to the other, never back,
        so that it cannot be missed.
        """
        for displaced in (False, True):
            relative = self.names.path(key, displaced=displaced)
            found = self._find_at(relative)
            if found is not None:
                return found
        return None

    def look(self, key: str, file: InputFile | None = None, checked: Checked | None = None) -> Sight | None:
        """What is known of an object, and ``file`` opened at it; None where there is none.

        Args:
            key: The object.
            file: Opened, if given; what is returned is of the very content that was opened.
            checked: The answer to an earlier :class:`InDoubt`.

        Raises:
            InDoubt: The content has to be read first.
        """
        while (found := self.find(key)) is not None:
            if file is not None:
                status = file.open(found.path)
                if status is None:
                    continue
                found = found._replace(status=status)
            records: list[Record] = []
            for _, record in self._metadata.read(key):
                if record.version == found.version:
                    return Sight(key=key, status=found.status, options=record.options, crc32=record.crc32)
                records.append(record)
            again = self.find(key)
            if again is None or again.version != found.version:
                continue  # replaced meanwhile, and its record with it
            candidates = [record for record in records if record.version.size == found.version.size]
            if candidates and checked is None:
                raise InDoubt(key, found)
            for record in candidates:
                if checked == (found.version, record.crc32):
                    return Sight(key=key, status=found.status, options=record.options, crc32=record.crc32)
            return Sight(key=key, status=found.status, options=_guess(key), crc32=None)
        self.check_exists()
        return None

    def remember(self, key: str, checked: Checked) -> None:
        """Mend the records of a key after a look at the content, so that nobody has to look again."""
        with suppress(OSError), self.lock():  # where we may not write, each reader finds out anew
            found = self.find(key)
            if found is None or found.version != checked.version:
                return
            for _, record in self._metadata.read(key):
                if record.crc32 == checked.crc32 and record.version.size == checked.version.size:
                    slot = self._metadata.write(replace(record, version=checked.version), in_use=record.version)
                    self._metadata.forget(key, but=slot)
                    return
            self._metadata.forget(key)

    def real_file(self, path: str) -> Found | None:
        """The regular file at a path; a link counts as the file that it leads to, inside the container."""
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                home = os.path.realpath(self.path)
                path = os.path.realpath(path)
                status = os.lstat(path)
                if not path.startswith(f"{home}/") or path.startswith(f"{home}/{STATE}/"):
                    return None
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise
        return Found(path, status) if stat.S_ISREG(status.st_mode) else None

    def _find_at(self, relative: str) -> Found | None:
        found = self.real_file(f"{self.path}/{relative}")
        if found is None or self.has_link_above(relative):
            return None
        return found

    def has_link_above(self, relative: str) -> bool:
        """Whether the container, or a folder on the way to a path in it, is a symbolic link. Such are not followed."""
        if os.path.islink(self.path):
            return True
        at = relative.find("/")
        while at >= 0:
            if os.path.islink(f"{self.path}/{relative[:at]}"):
                return True
            at = relative.find("/", at + 1)
        return False

    # Changing; the lock must be held

    def publish(self, key: str, file: OutputFile, options: WriteOptions) -> ObjectInfo:
        """Make a file that is written to the end the object of this name.

        A crash at any moment leaves the object as it was before, or as it is now.

        Raises:
            PreconditionFailedError: A condition of ``options`` does not hold.
            PermissionDeniedError: A symbolic link is in the way.
        """
        found = self.find(key)
        rules.check_write(options, found.etag if found else None)
        path = self._make_way(key)
        try:
            status = file.stamp(found.status.st_mtime_ns if found else 0)
            sight = Sight(key=key, status=status, options=options, crc32=file.crc32)
            version = Version(status.st_mtime_ns, status.st_size)
            record = Record(key=key, version=version, crc32=file.crc32, options=options)
            slot = self._metadata.write(record, in_use=found.version if found else None)
            file.move_to(path)
        except BaseException:
            self._prune(path)
            raise
        self._metadata.forget(key, but=slot)
        if self.fsync:
            sync_folder(os.path.dirname(path))
        return sight.info

    def delete(self, key: str) -> None:
        """Remove an object, if there is one, and the folders that held nothing else."""
        for displaced in (True, False):  # the one that is shadowed first, or it would reappear
            relative = self.names.path(key, displaced=displaced)
            if self._find_at(relative) is not None:
                path = f"{self.path}/{relative}"
                os.unlink(path)
                self._prune(path)
        self._metadata.forget(key)

    def _make_way(self, key: str) -> str:
        """Make the folders above an object, and say where it goes."""
        *folders, last = key.split("/")
        home = self.path
        for folder in folders:
            home = self._enter(home, self.names.write(folder), folder)
        *outer, name = self.names.write(last)
        plain = f"{self._enter(home, outer)}/{name}"
        mode = _mode(plain)
        if stat.S_ISDIR(mode) or (not mode and self._find_at(self.names.path(key, displaced=True)) is not None):
            *outer, name = self.names.write(last, displaced=True)
            return f"{self._enter(home, outer)}/{name}"
        return plain

    def _enter(self, home: str, names: list[str], segment: str | None = None) -> str:
        """The folder to which names lead, made where it is missing; an object ``segment`` in its way is displaced."""
        path = home
        for name in names:
            parent, path = path, f"{path}/{name}"
            mode = _mode(path)
            if stat.S_ISLNK(mode):
                raise PermissionDeniedError("a symbolic link is in the way, and is not followed")
            if stat.S_ISREG(mode) and segment is not None and name is names[-1]:
                *outer, displaced = self.names.write(segment, displaced=True)
                os.rename(path, f"{self._enter(home, outer)}/{displaced}")
                mode = 0
            if not mode:
                with suppress(FileExistsError):
                    os.mkdir(path)
                if self.fsync:
                    sync_folder(parent)
        return path

    def _prune(self, path: str) -> None:
        """Remove the folders above a path that hold nothing."""
        while (path := os.path.dirname(path)) != self.path:
            try:
                os.rmdir(path)
            except OSError:
                return

    def _sweep(self) -> None:
        stale = time.time_ns() - _STALE_NS
        with os.scandir(f"{self.state}/new") as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_mtime_ns < stale:
                        remove(entry.path)
        with os.scandir(f"{self.state}/uploads") as entries:
            for entry in entries:
                if not os.path.lexists(f"{entry.path}/data"):  # its data was published, just before a crash
                    remove(entry.path)


def remove(path: str) -> None:
    """Remove a file, or a folder and all that is in it, as far as it is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _mode(path: str) -> int:
    """What is at a path, 0 for nothing."""
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0


def _refuse_link(path: str) -> None:
    if os.path.islink(path):
        raise PermissionDeniedError(f"a symbolic link lies in {STATE}, and is not followed")


def _guess(key: str) -> WriteOptions:
    """What is told of a file that somebody else has put here."""
    content_type, encoding = mimetypes.guess_type(f"file:{key.rpartition('/')[2]}")
    return WriteOptions(content_type=content_type if encoding is None else "application/octet-stream")

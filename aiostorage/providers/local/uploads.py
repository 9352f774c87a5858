"""Uploads by parts: a folder for each, in which the parts are written where they will be read.

``data`` is the object to be: each part goes to its place in it, so that nothing is copied in the end.
That is safe as long as every byte has one writer, ever. So only the first attempt at a part writes
there. A later one, and a copied part, whose place is not known, gets a file of its own. An upload that
holds such parts, or whose ``data`` was written to by attempts that do not count in the end, is
completed by copying its parts, each compared with its checksum.

``parts`` is a table with a row of fixed size for each part number; ``upload.json`` says what it is for.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import struct
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from aiostorage.errors import UploadNotFoundError
from aiostorage.models import Part, Upload
from aiostorage.providers import _semantics as rules
from aiostorage.providers.local.files import ABSENT, without_links
from aiostorage.providers.local.folder import remove
from aiostorage.providers.local.metadata import mapping, number, options_from_json, options_to_json, text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from aiostorage.models import ObjectInfo, WriteOptions
    from aiostorage.providers.local.files import OutputFile
    from aiostorage.providers.local.folder import Folder

_ROW = struct.Struct("<???5xqqI16s20x")  # 64 bytes: none is torn by the end of a page
_UPLOAD_ID = re.compile("[0-9a-f]{32}")
_ABOUT = "upload.json"
_NO_PLACE = -1


class _Row(NamedTuple):
    """What is known of one part number.

    Attributes:
        is_begun: Somebody has written, or may be writing, to its place in ``data``.
        is_held: There is a part of this number; what follows is of it.
        is_in_place: It lies in ``data``, not in a file named after its tag.
        offset: Where it begins in the object, or -1.
        size: Bytes.
        crc32: Of its bytes.
        tag: A random number, which is its etag.
    """

    is_begun: bool = False
    is_held: bool = False
    is_in_place: bool = False
    offset: int = _NO_PLACE
    size: int = 0
    crc32: int = 0
    tag: bytes = bytes(16)

    def part(self, number: int) -> Part:
        return Part(
            number=number,
            offset=self.offset,
            size=self.size,
            etag=self.tag.hex(),
            checksum=rules.crc32_hash(self.crc32),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """How an upload becomes an object.

    Attributes:
        parts: In order, each at its place.
        files: For each part the file that it is in, and where it begins there.
        is_whole: ``data`` is the object, and nobody writes to it any more.
        size: Bytes of the object.
        crc32: CRC-32 of the object.
        options: Headers and metadata.
        table: The state of the upload that all this was read from.
    """

    parts: Sequence[Part]
    files: Sequence[tuple[str, int]]
    is_whole: bool
    size: int
    crc32: int
    options: WriteOptions
    table: bytes


class PendingUpload:
    """An upload on disk. Every method blocks.

    Raises:
        UploadNotFoundError: From every method, when the upload was completed or aborted.
    """

    def __init__(self, folder: Folder, upload: Upload) -> None:
        self.folder = folder
        self.key: str = upload.key
        self.path: str = f"{folder.state}/uploads/{upload.upload_id}"
        if not _UPLOAD_ID.fullmatch(upload.upload_id):
            raise UploadNotFoundError("there is no such upload")

    def parts(self) -> list[Part]:
        """The parts that are held."""
        self.options()
        return [row.part(number) for number, row in _rows(self._table()) if row.is_held]

    def options(self) -> WriteOptions:
        """Headers and metadata for the object to be."""
        about = _read(self.path)
        if about is None or about.key != self.key:
            self.folder.check_exists()
            raise UploadNotFoundError("there is no such upload (any more)")
        return about.options

    # A part

    def begin(self, number: int, offset: int | None, file: OutputFile) -> None:
        """Open ``file`` where a part is to be written."""
        self.options()  # of this key
        with self.folder.lock():
            row = self._row(number)
            with self._found():
                if offset is None or row.is_begun:
                    file.create(f"{self.path}/{secrets.token_hex(16)}")
                else:
                    file.enter(f"{self.path}/data", offset)
                    self._set_row(number, row._replace(is_begun=True))

    def finish(self, number: int, offset: int | None, file: OutputFile) -> Part:
        """Hold what was written as a part, in the stead of an earlier one."""
        is_in_place = os.path.basename(file.path) == "data"
        tag = secrets.token_bytes(16) if is_in_place else bytes.fromhex(os.path.basename(file.path))
        with self.folder.lock():
            old = self._row(number)
            row = _Row(
                is_begun=old.is_begun,
                is_held=True,
                is_in_place=is_in_place,
                offset=_NO_PLACE if offset is None else offset,
                size=file.size,
                crc32=file.crc32,
                tag=tag,
            )
            self._set_row(number, row)
            file.keep()
            if old.is_held and not old.is_in_place:
                with suppress(FileNotFoundError):
                    os.unlink(f"{self.path}/{old.tag.hex()}")
        return row.part(number)

    # The end

    def plan(self, parts: Sequence[Part]) -> Plan:
        """How to make an object of these parts.

        Raises:
            InvalidArgumentError: They are not the parts that are held, or leave gaps.
        """
        options, table = self.options(), self._table()
        rows = dict(_rows(table))
        arranged = rules.arrange({number: row.part(number) for number, row in rows.items() if row.is_held}, parts)
        chosen = [rows[part.number] for part in arranged]
        begun = {number for number, row in rows.items() if row.is_begun}
        in_place = {part.number for part, row in zip(arranged, chosen, strict=True) if row.is_in_place}
        data, size = f"{self.path}/data", sum(part.size for part in arranged)
        with self._found():
            written = os.path.getsize(data)
        return Plan(
            parts=arranged,
            files=[(data, row.offset) if row.is_in_place else (f"{self.path}/{row.tag.hex()}", 0) for row in chosen],
            is_whole=len(in_place) == len(arranged) and begun == in_place and written == size,
            size=size,
            crc32=rules.joined_crc32(arranged),
            options=options,
            table=table,
        )

    def adopt(self, plan: Plan, file: OutputFile) -> bool:
        """Take ``data`` as the object that it is; False where it is gone."""
        try:
            file.enter(f"{self.path}/data", 0)
        except FileNotFoundError:
            return False
        file.size, file.crc32 = plan.size, plan.crc32
        return True

    def publish(self, plan: Plan, file: OutputFile, options: WriteOptions) -> ObjectInfo | None:
        """Make ``file``, which holds what was planned, the object; None where the plan is out of date.

        Args:
            plan: What was planned.
            file: The whole object.
            options: The conditions; all else is that of the beginning.
        """
        kept = replace(plan.options, if_match=options.if_match, if_none_match=options.if_none_match)
        if self.folder.fsync:
            file.sync()
        with self.folder.lock():
            if self._table() != plan.table:
                return None
            info = self.folder.publish(self.key, file, kept)
            gone = self._leave()
        remove(gone)
        return info

    def abort(self) -> None:
        """Remove the upload and its parts."""
        self.options()
        with self.folder.lock():
            self._table()
            gone = self._leave()
        remove(gone)

    def _leave(self) -> str:
        """Take the upload out of its place, at once for everybody; what is left is to be removed."""
        gone = self.folder.temporary()
        with suppress(FileNotFoundError):
            os.rename(self.path, gone)
        return gone

    # The table

    def _table(self) -> bytes:
        """All rows. There is a table as long as the upload is neither completed nor aborted."""
        with self._found(), open(f"{self.path}/parts", "rb", buffering=0, opener=without_links) as file:
            return file.read()

    def _row(self, number: int) -> _Row:
        with self._found(), open(f"{self.path}/parts", "rb", buffering=0, opener=without_links) as file:
            file.seek((number - 1) * _ROW.size)
            packed = file.read(_ROW.size)
        return dict(_rows(packed)).get(1, _Row())

    def _set_row(self, number: int, row: _Row) -> None:
        with self._found(), open(f"{self.path}/parts", "r+b", buffering=0, opener=without_links) as file:
            file.seek((number - 1) * _ROW.size)
            file.write(_ROW.pack(*row))

    @contextmanager
    def _found(self) -> Generator[None, None, None]:
        try:
            yield
        except OSError as error:
            if error.errno in ABSENT:
                raise UploadNotFoundError("there is no such upload (any more)") from error
            raise


def begin(folder: Folder, upload: Upload, options: WriteOptions) -> None:
    """Have an upload on disk, whole."""
    path = folder.temporary()
    with folder.prepared():
        os.mkdir(path)
    try:
        document = {
            "key": upload.key,
            "started_at": upload.started_at.timestamp() if upload.started_at else None,
            "options": options_to_json(options),
        }
        with open(f"{path}/{_ABOUT}", "x", encoding="utf-8") as file:
            json.dump(document, file)
        for name in ("data", "parts"):
            with open(f"{path}/{name}", "xb"):
                pass
        os.rename(path, f"{folder.state}/uploads/{upload.upload_id}")
    except BaseException:
        remove(path)
        raise


def pending(folder: Folder) -> list[Upload]:
    """The uploads of a container."""
    folder.check_exists()
    try:
        names = os.listdir(f"{folder.state}/uploads")
    except FileNotFoundError:
        return []
    found = [(name, _read(f"{folder.state}/uploads/{name}")) for name in names if _UPLOAD_ID.fullmatch(name)]
    return [
        Upload(container=folder.name, key=about.key, upload_id=name, started_at=about.started_at)
        for name, about in found
        if about is not None
    ]


class _About(NamedTuple):
    key: str
    started_at: datetime
    options: WriteOptions


def _read(path: str) -> _About | None:
    """What an upload is for; None where it is not there, or was published just before a crash."""
    try:
        os.lstat(f"{path}/data")
        with open(f"{path}/{_ABOUT}", "rb", buffering=0, opener=without_links) as file:
            document = mapping(json.loads(file.read()))
        return _About(
            text(document["key"]),
            datetime.fromtimestamp(number(document["started_at"]), UTC),
            options_from_json(document["options"]),
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
        return None


def _rows(table: bytes) -> Iterator[tuple[int, _Row]]:
    """The rows with their numbers. What a crash has cut from the last row was not yet to be."""
    whole = table + bytes(-len(table) % _ROW.size)
    return ((number, _Row(*fields)) for number, fields in enumerate(_ROW.iter_unpack(whole), start=1))

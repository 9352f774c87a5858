"""Headers, user metadata and checksum of each object, in a small file of its own.

A record names the version of the data that it belongs to. A key has two slots for records: a writer
first fills the slot that is not in use, then publishes the data, then empties the other slot. So
whoever has opened the data, the old or the new, finds its record, and so does everybody after a
crash at any moment. A record that belongs to no data is not looked at.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, cast

from aiostorage.models import WriteOptions
from aiostorage.providers.local.files import ABSENT, sync_folder, without_links

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Slot: TypeAlias = Literal[0, 1]


class Version(NamedTuple):
    """What tells one content of a file from the next; it stays when the file is renamed."""

    mtime_ns: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of an object beside its bytes."""

    key: str
    version: Version
    crc32: int
    options: WriteOptions


class Metadata:
    """The records of one container. Every method blocks."""

    def __init__(self, path: str, *, fsync: bool) -> None:
        self._path = path
        self._fsync = fsync

    def read(self, key: str) -> Iterator[tuple[Slot, Record]]:
        """The records of a key, at most two."""
        for slot in _slots():
            record = _read(self._file(key, slot), key)
            if record is not None:
                yield slot, record

    def write(self, record: Record, *, in_use: Version | None) -> Slot:
        """Write a record where it leaves that of the version ``in_use`` as it is."""
        slot: Slot = 0
        if in_use is not None and any(used == 0 and old.version == in_use for used, old in self.read(record.key)):
            slot = 1
        path = self._file(record.key, slot)
        try:
            self._write(path, _to_json(record))
        except FileNotFoundError:
            os.mkdir(os.path.dirname(path))
            if self._fsync:
                sync_folder(self._path)
            self._write(path, _to_json(record))
        return slot

    def forget(self, key: str, *, but: Slot | None = None) -> None:
        """Remove the records of a key, but for that in one slot."""
        for slot in _slots():
            if slot != but:
                with suppress(FileNotFoundError):
                    os.unlink(self._file(key, slot))

    def _write(self, path: str, content: bytes) -> None:
        with open(path, "wb", buffering=0, opener=without_links) as file:
            file.write(content)
            if self._fsync:
                os.fsync(file.fileno())
        if self._fsync:
            sync_folder(os.path.dirname(path))

    def _file(self, key: str, slot: Slot) -> str:
        name = blake2b(key.encode(), digest_size=16).hexdigest()
        return f"{self._path}/{name[:2]}/{name[2:]}.{slot}"


def options_to_json(options: WriteOptions) -> dict[str, object]:
    """Headers and metadata as a JSON document; conditions are of the moment and not kept."""
    headers: dict[str, str | None] = {
        "content_type": options.content_type,
        "cache_control": options.cache_control,
        "content_disposition": options.content_disposition,
        "content_encoding": options.content_encoding,
        "content_language": options.content_language,
        "storage_class": options.storage_class,
    }
    document: dict[str, object] = {name: value for name, value in headers.items() if value is not None}
    if options.metadata:
        document["metadata"] = dict(options.metadata)
    return document


def options_from_json(document: object) -> WriteOptions:
    """The reverse.

    Raises:
        TypeError: The document is something else.
    """
    fields = mapping(document)
    return WriteOptions(
        content_type=_optional_text(fields, "content_type"),
        cache_control=_optional_text(fields, "cache_control"),
        content_disposition=_optional_text(fields, "content_disposition"),
        content_encoding=_optional_text(fields, "content_encoding"),
        content_language=_optional_text(fields, "content_language"),
        storage_class=_optional_text(fields, "storage_class"),
        metadata={name: text(value) for name, value in mapping(fields.get("metadata", {})).items()},
    )


def mapping(document: object) -> Mapping[str, object]:
    """A JSON object; or ``TypeError``."""
    if not isinstance(document, dict):
        raise TypeError("not a JSON object")
    return cast("dict[str, object]", document)  # the names in a JSON object are strings


def text(document: object) -> str:
    """A JSON string; or ``TypeError``."""
    if not isinstance(document, str):
        raise TypeError("not a JSON string")
    return document


def number(document: object) -> float:
    """A JSON number; or ``TypeError``."""
    if not isinstance(document, int | float):
        raise TypeError("not a JSON number")
    return document


def integer(document: object) -> int:
    """A JSON integer; or ``TypeError``."""
    if not isinstance(document, int):
        raise TypeError("not a JSON integer")
    return document


def _optional_text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else text(value)


def _slots() -> tuple[Slot, Slot]:
    return 0, 1


def _to_json(record: Record) -> bytes:
    document = {
        "key": record.key,
        "mtime_ns": record.version.mtime_ns,
        "size": record.version.size,
        "crc32": record.crc32,
        "options": options_to_json(record.options),
    }
    return json.dumps(document).encode()


def _read(path: str, key: str) -> Record | None:
    """A record; None where there is none, or one that a crash or a copy has cut short."""
    try:
        with open(path, "rb", buffering=0, opener=without_links) as file:
            document = mapping(json.loads(file.read()))
        record = Record(
            key=text(document["key"]),
            version=Version(integer(document["mtime_ns"]), integer(document["size"])),
            crc32=integer(document["crc32"]),
            options=options_from_json(document["options"]),
        )
    except (ValueError, TypeError, KeyError):
        return None
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise
    return record if record.key == key else None

"""The keyword options of the public calls. All of them may be left out."""

from __future__ import annotations

import mimetypes
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from aiostorage.errors import InvalidArgumentError
from aiostorage.models import EMPTY, ByteRange, ReadOptions, WriteOptions

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage._transfer.checkpoint import CheckpointStore
    from aiostorage._transfer.progress import ProgressCallback
    from aiostorage.models import CustomerKey, Encryption, HashAlgorithm, Retention

_COMPRESSED_TYPES = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
}
_TYPES = mimetypes.MimeTypes()  # the built-in table: the same on every machine, and no file is read

HEADERS = frozenset({
    "content_type",
    "cache_control",
    "content_disposition",
    "content_encoding",
    "content_language",
    "metadata",
})
"""The options of a write that say what goes with the content."""


class CreateContainerOptions(TypedDict, total=False):
    """How a container is made."""

    region: str | None
    """Where; else the driver's own region."""
    object_lock: bool
    """Whether its objects can be retained and held (False)."""
    ownership: str | None
    """The provider's own word for who owns what others put there."""
    acl: str | None
    """The provider's own word for who may do what, such as ``"public-read"``."""
    storage_class: str | None
    """Of its objects, unless a write says otherwise."""
    extra: Mapping[str, str]
    """What only this provider knows, by the provider's own names; others are refused."""


class PostOptions(TypedDict, total=False):
    """What a form that a browser posts may store."""

    expires_in_s: float
    """How long it shall work (3600)."""
    size_range: tuple[int, int] | None
    """The fewest and the most bytes of the file, both inclusive."""
    fields: Mapping[str, str]
    """Fields that the form must have with exactly these values, by the provider's names."""
    prefixes: Mapping[str, str]
    """Fields that whoever fills the form may choose, and what their values must begin with."""


class CDNOptions(TypedDict, total=False):
    """Whom signed URLs and cookies of a CDN let in, and when. Not every CDN knows more than the first."""

    expires_in_s: float
    """How long they shall work (3600)."""
    starts_at: datetime | None
    """From when on they work, with a time zone; else at once."""
    ip_range: str | None
    """The addresses that they work from: one, or a range such as ``"192.0.2.0/24"``; else all."""


class TransferOptions(TypedDict, total=False):
    """How a driver moves large objects, unless a call says otherwise."""

    part_size_bytes: int
    """Bytes of a part (8 MiB). It grows where the provider's limits demand it; then fewer are under way at once."""
    concurrency: int
    """Parts, ranges or batches under way at once (8)."""


class WriteObjectOptions(TransferOptions, total=False):
    """How an object is stored."""

    content_type: str | None
    """Guessed from the name where it is not given."""
    cache_control: str | None
    content_disposition: str | None
    content_encoding: str | None
    content_language: str | None
    metadata: Mapping[str, str]
    """The user's own names and values. Providers fold the case of names."""
    storage_class: str | None
    """The provider's own word for it."""
    if_match: str | None
    """Write only over the version with this etag."""
    if_none_match: str | None
    """``"*"``: write only if there is no object of this name."""
    tags: Mapping[str, str]
    """Names and values by which the provider's rules and searches find objects."""
    acl: str | None
    """The provider's own word for who may read and write it, such as ``"public-read"``."""
    encryption: Encryption | None
    """With whose key it is encrypted at rest; else what the container does by itself."""
    retention: Retention | None
    """Until when nobody can delete it."""
    legal_hold: bool | None
    """Whether it cannot be deleted until that is lifted."""
    checksum: HashAlgorithm | None
    """The hash that the provider shall check and keep; else the driver's choice."""
    extra: Mapping[str, str]
    """What only this provider knows, by the provider's own names; others are refused."""


class CopyOptions(WriteObjectOptions, total=False):
    """How an object is copied."""

    customer_key: CustomerKey | None
    """The key that the source was written with, where that was one of ours. The copy has its own ``encryption``."""


class UploadOptions(WriteObjectOptions, total=False):
    """How an upload is done."""

    size: int | None
    """How many bytes there are, where that is known. It is checked: of bytes and files before anything is stored."""
    progress: ProgressCallback | None
    """Called with the bytes done and the total (None while unknown); may be a coroutine function."""
    checkpoint: str | os.PathLike[str] | CheckpointStore | None
    """Where to note, as a file or otherwise, what a later call needs to go on with this upload. A failure
    then leaves the parts that have arrived, and the same call again sends only what is missing. The source
    is a path, a file or bytes."""


class ReadObjectOptions(TypedDict, total=False):
    """Which version of an object is read, and when."""

    version_id: str | None
    if_match: str | None
    """Read only the version with this etag."""
    if_none_match: str | None
    """Read only a version with another etag; else ``NotModifiedError``."""
    customer_key: CustomerKey | None
    """The key that it was written with, where that was one of ours."""


class OpenOptions(ReadObjectOptions, total=False):
    """What of an object is read."""

    byte_range: tuple[int, int | None] | None
    """``(start, stop)``, half-open; ``(start, None)`` to the end; ``(-n, None)`` for the last n bytes."""
    part_number: int | None
    """One part, from 1, of what was uploaded by parts; ``info.part_count`` of what is read tells how many there are."""


class UpdateOptions(TypedDict, total=False):
    """What of an object is changed; what is not named stays as it is."""

    content_type: str | None
    cache_control: str | None
    content_disposition: str | None
    content_encoding: str | None
    content_language: str | None
    metadata: Mapping[str, str | None]
    """Names to set, and names to remove (None)."""
    storage_class: str | None
    """The provider's own word for it."""
    extra: Mapping[str, str]
    """What only this provider knows, by the provider's own names; others are refused."""
    customer_key: CustomerKey | None
    """The key that it was written with, where that was one of ours."""


class DownloadOptions(TransferOptions, ReadObjectOptions, total=False):
    """How a download is done."""

    overwrite: bool
    """Whether a file that is there is replaced (True)."""
    fsync: bool
    """Whether the file is on the disk, not only in its cache, before it appears (False)."""
    progress: ProgressCallback | None
    """Called with the bytes done and the total (None while unknown); may be a coroutine function."""


def read_options(options: ReadObjectOptions, version_id: str | None, part_number: int | None = None) -> ReadOptions:
    """The options of a read, as a backend wants them; ``version_id`` where they name none."""
    return ReadOptions(
        version_id=options.get("version_id", version_id),
        if_match=options.get("if_match"),
        if_none_match=options.get("if_none_match"),
        customer_key=options.get("customer_key"),
        part_number=part_number,
    )


def byte_range(options: OpenOptions) -> ByteRange | None:
    """The range that is asked for, if any.

    Raises:
        InvalidArgumentError: It is empty, or has a negative start and a stop.
    """
    given = options.get("byte_range")
    if given is None:
        return None
    start, stop = given
    if stop is not None and (start < 0 or stop <= start):
        raise InvalidArgumentError(f"the byte range {(start, stop)} is empty or has a negative start and a stop")
    return ByteRange(start, stop)


def part_number(options: OpenOptions) -> int | None:
    """The part that is asked for, if any.

    Raises:
        InvalidArgumentError: There is no part of this number, or a range of bytes as well.
    """
    given = options.get("part_number")
    if given is not None and (given < 1 or options.get("byte_range") is not None):
        raise InvalidArgumentError("a part has a number from 1, and is read whole")
    return given


def write_options(name: str, options: WriteObjectOptions) -> WriteOptions:
    """The options of a write, as a backend wants them; the content type is guessed where it is not given.

    Raises:
        InvalidArgumentError: There is something else than text in the metadata, the tags or ``extra``.
    """
    _check_texts("metadata", options.get("metadata", EMPTY))
    _check_texts("tags", options.get("tags", EMPTY))
    _check_texts("extra", options.get("extra", EMPTY))
    return WriteOptions(
        content_type=options.get("content_type") or _guess_content_type(name),
        cache_control=options.get("cache_control"),
        content_disposition=options.get("content_disposition"),
        content_encoding=options.get("content_encoding"),
        content_language=options.get("content_language"),
        metadata=options.get("metadata", EMPTY),
        storage_class=options.get("storage_class"),
        if_match=options.get("if_match"),
        if_none_match=options.get("if_none_match"),
        tags=options.get("tags", EMPTY),
        acl=options.get("acl"),
        encryption=options.get("encryption"),
        retention=options.get("retention"),
        legal_hold=options.get("legal_hold"),
        checksum=options.get("checksum"),
        extra=options.get("extra", EMPTY),
    )


def changed_options(options: WriteOptions, changes: UpdateOptions) -> WriteOptions:
    """The options of a write with some of them changed.

    Raises:
        InvalidArgumentError: There is something else than text in the metadata, or in ``extra``.
    """
    _check_texts("metadata", {name: value for name, value in changes.get("metadata", {}).items() if value is not None})
    _check_texts("extra", changes.get("extra", EMPTY))
    metadata = dict(options.metadata)
    for name, value in changes.get("metadata", {}).items():
        metadata.pop(name.lower(), None)
        if value is not None:
            metadata[name.lower()] = value
    return replace(
        options,
        content_type=changes.get("content_type", options.content_type),
        cache_control=changes.get("cache_control", options.cache_control),
        content_disposition=changes.get("content_disposition", options.content_disposition),
        content_encoding=changes.get("content_encoding", options.content_encoding),
        content_language=changes.get("content_language", options.content_language),
        metadata=metadata,
        storage_class=changes.get("storage_class", options.storage_class),
        extra=changes.get("extra", options.extra),
    )


def _check_texts(kind: str, texts: Mapping[str, str]) -> None:
    for name, value in texts.items():
        if not (isinstance(name, str) and isinstance(value, str)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError(f"{kind} has names and values of text, and not {name!r}: {value!r}")


def _guess_content_type(name: str) -> str:
    """The media type of the bytes as they are: a ``.tar.gz`` is gzip, not tar."""
    kind, encoding = _TYPES.guess_type(name.rpartition("/")[2])
    if encoding is not None:
        kind = _COMPRESSED_TYPES.get(encoding)
    return kind or "application/octet-stream"

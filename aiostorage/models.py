"""Values that cross the line between the rich classes and the backends: frozen, and free of I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from aiostorage.errors import StorageError

Buffer: TypeAlias = bytes | bytearray | memoryview
"""A piece of an object in memory. A memoryview is contiguous and of single bytes."""

EMPTY: Mapping[str, str] = MappingProxyType({})


def _empty() -> Mapping[str, str]:
    return EMPTY


HashAlgorithm: TypeAlias = Literal["md5", "sha1", "sha256", "crc32", "crc32c", "crc64nvme"]

T = TypeVar("T")


class ByteRange(NamedTuple):
    """Bytes ``start`` up to, but not including, ``stop``.

    ``stop`` of None means the end of the object. A negative ``start`` (with ``stop`` None) means
    the last ``-start`` bytes. Any ``(start, stop)`` tuple will do where a range is asked for.
    """

    start: int
    stop: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectHash:
    """A hash of an object, with what it was made of.

    Attributes:
        algorithm: Name as in :mod:`hashlib`, or ``crc32``, ``crc32c``, ``crc64nvme``.
        value: The digest as lower-case hexadecimal; CRCs in network byte order.
        scope: ``"object"`` for a hash of the whole content; ``"parts"`` for a hash of the hashes
            of the parts, which nobody can check without knowing where the parts were cut.
    """

    algorithm: HashAlgorithm
    value: str
    scope: Literal["object", "parts"] = "object"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerInfo:
    """What a provider says of a container."""

    name: str
    created_at: datetime | None = None
    object_count: int | None = None
    extra: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What a provider says of an object, or of one version of it.

    ``size`` is that of the whole object in bytes, also in the answer to a ranged read; None where
    the provider does not say. ``etag`` has no quotes and no ``W/``; the raw value is in ``extra``
    where it differs in more than quotes. Attributes that a listing does not carry are empty there.
    """

    key: str
    size: int | None = None
    etag: str | None = None
    object_hash: ObjectHash | None = None
    last_modified: datetime | None = None
    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    metadata: Mapping[str, str] = field(default_factory=_empty)
    storage_class: str | None = None
    version_id: str | None = None
    is_latest: bool = True
    is_delete_marker: bool = False
    extra: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """What a listing with a delimiter shows instead of the keys that share a beginning.

    Attributes:
        name: The shared beginning, delimiter included, such as ``"2026/"``.
    """

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a listing. It may be empty and not the last: only ``next_token`` tells."""

    items: Sequence[T]
    next_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What to list.

    Attributes:
        prefix: Only keys that begin with this.
        delimiter: Fold keys that have this after the prefix into one :class:`Prefix`.
        start_after: Only keys after this one, in UTF-8 byte order.
        page_size: The most items of one page; None for the provider's own.
        versions: List every version and delete marker, not only the latest objects.
    """

    prefix: str = ""
    delimiter: str = ""
    start_after: str = ""
    page_size: int | None = None
    versions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How to store an object.

    ``if_none_match`` may be ``"*"``: only if there is no object of this name. ``if_match`` is an
    etag: only if this is the version that is there.
    """

    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    metadata: Mapping[str, str] = field(default_factory=_empty)
    storage_class: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Which bytes of which version to read, and under which condition (both are etags)."""

    byte_range: ByteRange | None = None
    version_id: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None


WHOLE = ReadOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """One object, or one version of it, by name."""

    container: str
    key: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOutcome:
    """What became of one of many deletions; ``error`` is None where the object is gone."""

    key: str
    version_id: str | None = None
    error: StorageError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload by parts that has begun and is neither completed nor aborted."""

    container: str
    key: str
    upload_id: str
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part that the provider holds.

    Attributes:
        number: From 1, in the order of the object.
        offset: Where the part begins in the object; -1 where a provider's own list does not tell.
        size: Bytes.
        etag: What the provider wants to see again on completion.
        checksum: The part's own hash, where one was made.
    """

    number: int
    offset: int
    size: int
    etag: str
    checksum: ObjectHash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresignedRequest:
    """A request that whoever holds it may send, without credentials, until it expires.

    Attributes:
        method: ``GET``, ``PUT``, ``HEAD`` or ``DELETE``.
        url: The URL. It is a secret: the signature is in it. It is left out of the repr.
        headers: Headers that must be sent with it, exactly so.
        expires_at: When it stops to work.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=_empty)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Numbers that a provider imposes. All sizes are bytes."""

    max_object_size_bytes: int
    max_put_size_bytes: int
    max_copy_size_bytes: int
    min_part_size_bytes: int
    max_part_size_bytes: int
    max_parts: int
    max_delete_batch: int
    max_page_size: int
    equal_parts: bool = False
    """Whether all parts but the last must be of one size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do. What is False here is refused with ``UnsupportedError``.

    Attributes:
        limits: The provider's numbers.
        create_if_absent: Writes take ``if_none_match="*"``, and the provider obeys it.
        write_if_match: Writes take ``if_match``, and the provider obeys it.
        read_conditions: Reads take ``if_match`` and ``if_none_match``, and the provider obeys them.
        server_side_copy: Objects are copied without passing through the client.
        versioning: Listings can show every version, and versions can be read and deleted.
        object_metadata: Objects carry user metadata.
        presign: Requests can be signed for others to send.
        cdn: Containers have a :class:`~aiostorage.backend.CDN`.
    """

    limits: Limits
    create_if_absent: bool = False
    write_if_match: bool = False
    read_conditions: bool = False
    server_side_copy: bool = False
    versioning: bool = False
    object_metadata: bool = True
    presign: bool = False
    cdn: bool = False

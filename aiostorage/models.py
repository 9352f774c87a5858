"""Values that cross the line between the rich classes and the backends: frozen, and free of I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, Generic, Literal, NamedTuple, Self, TypeAlias, TypeVar

from aiostorage.errors import InvalidArgumentError

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
class ManagedKey:
    """Encryption at rest with a key that the provider makes and keeps (S3: SSE-S3)."""

    kind: ClassVar[Literal["managed"]] = "managed"


@dataclass(frozen=True, slots=True, kw_only=True)
class KMSKey:
    """Encryption at rest with a key of the provider's key management service (S3: SSE-KMS; GCS: CMEK).

    Attributes:
        key_id: Name of the key, in the provider's form; None for the account's default key.
        context: The encryption context that goes with it, where the provider has one.
        bucket_key: Whether a key of the container saves calls to the service; None for its default.
    """

    kind: ClassVar[Literal["kms"]] = "kms"
    key_id: str | None = None
    context: Mapping[str, str] = field(default_factory=_empty, repr=False)
    bucket_key: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerKey:
    """Encryption at rest with a key of ours, which every reader must give (S3: SSE-C; GCS: CSEK; Azure: CPK).

    Attributes:
        key: The AES-256 key: 32 bytes. It is left out of the repr.

    Raises:
        ValueError: The key is not 32 bytes long.
    """

    kind: ClassVar[Literal["customer"]] = "customer"
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no AES-256 key."""
        if len(self.key) != 32:
            raise ValueError("a customer's key has 32 bytes")


Encryption: TypeAlias = ManagedKey | KMSKey | CustomerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Until when an object cannot be deleted or written over.

    Attributes:
        mode: ``governance``: who has the permission may lift it; ``compliance``: nobody can.
        until: The moment, with a time zone.
    """

    mode: Literal["governance", "compliance"]
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerOptions:
    """How to make a container.

    Attributes:
        region: Where; None for the driver's own region.
        object_lock: Whether its objects can have a :class:`Retention` and legal holds.
        ownership: The provider's own word for who owns what others put there.
        acl: The provider's own word for who may do what, such as ``"public-read"``.
        storage_class: Of its objects, unless a write says otherwise.
        extra: What only this provider knows, by the provider's own names.
    """

    region: str | None = None
    object_lock: bool = False
    ownership: str | None = None
    acl: str | None = None
    storage_class: str | None = None
    extra: Mapping[str, str] = field(default_factory=_empty)


PLAIN = ContainerOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Which conditions a service obeys; the names are those of :class:`~aiostorage.Capabilities`.

    Attributes:
        create_if_absent: ``if_none_match="*"`` of a write.
        write_if_match: ``if_match`` of a write.
        conditional_parts: Both of them, of an upload by parts.
        conditional_copy: Both of them, of a copy.
        read_conditions: ``if_match`` and ``if_none_match`` of a read.
        delete_if_match: ``if_match`` of a deletion.
    """

    create_if_absent: bool = False
    write_if_match: bool = False
    conditional_parts: bool = False
    conditional_copy: bool = False
    read_conditions: bool = False
    delete_if_match: bool = False

    @classmethod
    def all(cls) -> Self:
        """All of them."""
        return cls(**{field.name: True for field in fields(cls)})


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
    ``part_count`` is told where one part was asked for.
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
    encryption: Literal["managed", "kms", "customer"] | None = None
    kms_key_id: str | None = None
    retention: Retention | None = None
    legal_hold: bool | None = None
    tag_count: int | None = None
    part_count: int | None = None
    extra: Mapping[str, str] = field(default_factory=_empty)

    @property
    def is_dir_marker(self) -> bool:
        """Whether it stands for a folder, in the way of consoles and file browsers: empty, and its key ends in a slash.

        To this package it is an object as any other.
        """
        return self.key.endswith("/") and self.size == 0


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

    Attributes:
        content_type: And the three that follow: headers that are kept with the object.
        metadata: The user's own names and values.
        storage_class: The provider's own word for it.
        if_match: An etag: only if this is the version that is there.
        if_none_match: May be ``"*"``: only if there is no object of this name.
        tags: Names and values by which the provider's rules and searches find objects.
        acl: The provider's own word for who may read and write it, such as ``"public-read"``.
        encryption: With whose key it is encrypted at rest; None for what the container does by itself.
        retention: Until when nobody can delete it.
        legal_hold: Whether it cannot be deleted until that is lifted.
        checksum: The hash that the provider shall check and keep; None for the driver's choice.
        extra: What only this provider knows, by the provider's own names. A driver refuses other names.
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
    tags: Mapping[str, str] = field(default_factory=_empty)
    acl: str | None = None
    encryption: Encryption | None = None
    retention: Retention | None = None
    legal_hold: bool | None = None
    checksum: HashAlgorithm | None = None
    extra: Mapping[str, str] = field(default_factory=_empty)

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of the five headers that are given, by the names that they have here."""
        headers = {
            "content_type": self.content_type,
            "cache_control": self.cache_control,
            "content_disposition": self.content_disposition,
            "content_encoding": self.content_encoding,
            "content_language": self.content_language,
        }
        return {name: value for name, value in headers.items() if value is not None}

    @property
    def customer_key(self) -> CustomerKey | None:
        """The key that each further request on the object needs, if there is one."""
        return self.encryption if isinstance(self.encryption, CustomerKey) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Which bytes of which version to read, and under which condition (both are etags).

    ``part_number`` asks for one part of what was uploaded by parts; ``byte_range`` is None then.
    """

    byte_range: ByteRange | None = None
    version_id: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    customer_key: CustomerKey | None = None
    part_number: int | None = None


WHOLE = ReadOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """One object, or one version of it, by name; as a source or to be deleted only with this etag."""

    container: str
    key: str
    version_id: str | None = None
    if_match: str | None = None
    customer_key: CustomerKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOutcome:
    """What became of one of many deletions; ``error`` is None where the object is gone."""

    key: str
    version_id: str | None = None
    error: StorageError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload by parts that has begun and is neither completed nor aborted.

    Attributes:
        container: Name of the container.
        key: Name of the object to be.
        upload_id: The provider's name for the upload.
        started_at: When it began, where that is known.
        customer_key: The key that each part must come with, if the upload was begun with one.
        checksum: The hash that each part comes with, if the upload was begun with one.
    """

    container: str
    key: str
    upload_id: str
    started_at: datetime | None = None
    customer_key: CustomerKey | None = None
    checksum: HashAlgorithm | None = None


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


_FAR_AWAY_S: Final = 1e9
"""Thirty years: what is meant to work for longer is not meant to be signed."""


def check_lifetime(expires_in_s: float) -> None:
    """Refuse what is signed for no time, or for ever; a provider may allow less.

    Raises:
        InvalidArgumentError: It is so.
    """
    if not 1 <= expires_in_s < _FAR_AWAY_S:  # so written, it refuses what is no number, too
        raise InvalidArgumentError("what is signed works for at least a second, and for years at most")


@dataclass(frozen=True, slots=True, kw_only=True)
class PresignOptions:
    """What a presigned request shall do.

    Attributes:
        expires_in_s: How long it shall work.
        headers: Headers that whoever uses it is to send. With ``capabilities.presign_headers`` it works with exactly
            these; else they are passed on, and bind nobody.
        version_id: The version that it reads or deletes; None for the latest.
        response_headers: Headers that the answer shall have, such as ``content-disposition``, whatever
            the object was stored with.
        upload: With ``part_number``: the request stores this part of the upload.
        part_number: From 1.
    """

    expires_in_s: float = 3600
    headers: Mapping[str, str] = field(default_factory=_empty)
    version_id: str | None = None
    response_headers: Mapping[str, str] = field(default_factory=_empty)
    upload: Upload | None = None
    part_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostPolicy:
    """What a form that a browser posts may store.

    Attributes:
        expires_in_s: How long the form shall work.
        size_range: The fewest and the most bytes of the file, both inclusive; None for any.
        fields: Fields that the form must have with exactly these values, by the provider's names,
            such as ``Content-Type``.
        prefixes: Fields that whoever fills the form may choose, by name, and what their values must
            begin with.
    """

    expires_in_s: float = 3600
    size_range: tuple[int, int] | None = None
    fields: Mapping[str, str] = field(default_factory=_empty)
    prefixes: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresignedPost:
    """A form by which whoever holds it may store one object, until it expires.

    Attributes:
        url: Where to post it, as ``multipart/form-data``.
        fields: Its fields; the file comes last, under the name ``file``. They are secrets, and left
            out of the repr.
        expires_at: When it stops to work.
    """

    url: str
    fields: Mapping[str, str] = field(repr=False)
    expires_at: datetime


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
class CDNPolicy:
    """What signed URLs or cookies of a CDN open, to whom, and when.

    Attributes:
        expires_in_s: How long they shall work, from now.
        prefix: They open all objects whose names begin with this, ``""`` for all there are; None where they
            open one object.
        starts_at: From when on they work, with a time zone; None for at once.
        ip_range: The addresses that they work from, such as ``"192.0.2.0/24"``; None for all.
    """

    expires_in_s: float = 3600
    prefix: str | None = None
    starts_at: datetime | None = None
    ip_range: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCookies:
    """Cookies that open objects of a CDN to the browser that has them, until they expire.

    Attributes:
        cookies: Names and values, none of which needs quotes. They are secrets, and left out of the repr.
        host: The host of the CDN: set them for it, or for a domain that it is in.
        path: The longest path that all the objects are below.
        is_secure: Whether the CDN speaks HTTPS, so that they need never be sent without.
        expires_at: When they stop to work, whether the browser still has them or not.
    """

    cookies: Mapping[str, str] = field(repr=False)
    host: str
    path: str
    is_secure: bool
    expires_at: datetime

    def headers(self, *, domain: str | None = None) -> list[str]:
        """Values of the ``Set-Cookie`` headers that hand them to a browser; for its session, and not for scripts.

        Args:
            domain: The domain to set them for; else they are only for the host that sets them.
        """
        scope = f"; Path={self.path}" if domain is None else f"; Domain={domain}; Path={self.path}"
        secure = "; Secure" if self.is_secure else ""
        return [f"{name}={value}{scope}{secure}; HttpOnly" for name, value in self.cookies.items()]


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
        part_numbers: One part of what was uploaded by parts can be read by its number.
        server_side_copy: Objects are copied without passing through the client.
        versioning: Listings can show every version, and versions can be read and deleted.
        object_metadata: Objects carry user metadata.
        object_headers: Objects keep the headers that go with their content: its type, encoding and language,
            disposition and cache control. Where they do not, the type is the provider's own guess.
        presign: Requests can be signed for others to send.
        cdn: Containers have a :class:`~aiostorage.backend.CDN`: at least public URLs.
        conditional_parts: The two conditions on writes are obeyed by uploads by parts, too.
        conditional_copy: And by copies.
        delete_if_match: Deletions take ``if_match``, and the provider obeys it.
        replaces_metadata: A copy can be given other headers and metadata than its source has.
        update_in_place: Headers and metadata change without the object being copied onto itself.
        presign_post: Forms can be signed for browsers to post.
        presign_part: Parts of an upload can be presigned.
        presign_headers: A presigned request works with exactly the headers that were signed. Where this is False,
            whoever holds one may send others, and so store another type of content, say.
        tags: Objects carry tags.
        container_tags: Containers carry tags (GCS: labels).
        acl: Writes take a canned ``acl``.
        retention: Objects can have a :class:`Retention` and a legal hold.
        restore: Archived objects can be restored.
        encryption: Whose keys objects can be encrypted with.
        checksums: Hashes that the provider checks when a write asks for them, and keeps if it keeps any of the kind.
        settings: Names of the documents that a container has; see ``Container.get_setting``.
        extra: Names that the ``extra`` of a write may have.
        atomic_completion: Of a completion and an abort of one upload that meet, one does nothing. Where this is False
            an object may be made of parts that the abort removes, and an upload whose completion may still be under
            way is not aborted: it is left, with a warning in the log, for ``Container.abort_stale_uploads``.
    """

    limits: Limits
    create_if_absent: bool = False
    write_if_match: bool = False
    read_conditions: bool = False
    part_numbers: bool = False
    server_side_copy: bool = False
    versioning: bool = False
    object_metadata: bool = True
    object_headers: bool = True
    presign: bool = False
    cdn: bool = False
    conditional_parts: bool = False
    conditional_copy: bool = False
    delete_if_match: bool = False
    replaces_metadata: bool = True
    update_in_place: bool = False
    presign_post: bool = False
    presign_part: bool = False
    presign_headers: bool = False
    tags: bool = False
    container_tags: bool = False
    acl: bool = False
    retention: bool = False
    restore: bool = False
    encryption: frozenset[Literal["managed", "kms", "customer"]] = frozenset()
    checksums: frozenset[HashAlgorithm] = frozenset()
    settings: frozenset[str] = frozenset()
    extra: frozenset[str] = frozenset()
    atomic_completion: bool = False

    def missing_for(self, options: WriteOptions) -> str | None:
        """What a write with these options would need and the provider has not; None where it has all.

        The conditions are not looked at: what becomes of them depends on the operation.
        """
        encryption, checksum = options.encryption, options.checksum
        if options.metadata and not self.object_metadata:
            return "metadata of objects"
        if not self.object_headers and options.headers:
            return "headers of objects"
        if options.tags and not self.tags:
            return "tagging of objects"
        if options.acl is not None and not self.acl:
            return "acl of objects"
        if (options.retention is not None or options.legal_hold is not None) and not self.retention:
            return "retention or legal hold"
        if checksum is not None and checksum not in self.checksums:
            return f"checksum {checksum}"
        if encryption is not None and encryption.kind not in self.encryption:
            return f"encryption with a {encryption.kind} key"
        return None

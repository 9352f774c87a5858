"""The rules that a server would enforce, for the providers that have none: local and memory.

They are those of S3, where S3 has one: keys, conditions, ranges, pages, and how parts become an object.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from aiostorage.errors import (
    ClosedError,
    InvalidArgumentError,
    InvalidNameError,
    NotModifiedError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    StorageError,
    UnsupportedError,
)
from aiostorage.hashing import crc32_combine
from aiostorage.models import PLAIN, Capabilities, Limits, ObjectHash, ObjectInfo, Page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterable, Mapping, Sequence
    from datetime import datetime

    from aiostorage.models import (
        ByteRange,
        ContainerOptions,
        ListQuery,
        ObjectRef,
        Part,
        ReadOptions,
        Upload,
        WriteOptions,
    )

T = TypeVar("T")

CAPABILITIES = Capabilities(
    limits=Limits(
        max_object_size_bytes=5 << 40,
        max_put_size_bytes=5 << 30,
        max_copy_size_bytes=5 << 40,
        min_part_size_bytes=1,
        max_part_size_bytes=5 << 30,
        max_parts=10_000,
        max_delete_batch=1000,
        max_page_size=1000,
    ),
    create_if_absent=True,
    conditional_parts=True,
    conditional_copy=True,
    write_if_match=True,
    read_conditions=True,
    server_side_copy=True,
    atomic_completion=True,
)

_MAX_CONTAINER_BYTES = 255
_MAX_KEY_BYTES = 1024
_CHUNK_BYTES = 1 << 20


@contextmanager
def operation(
    provider: str, name: str, container: str | None = None, key: str | None = None
) -> Generator[None, None, None]:
    """Check the names, and have every error that is raised within say what was being done."""
    try:
        if container is not None:
            check_name(container, key)
        yield
    except StorageError as error:
        error.provider, error.operation = provider, name
        error.container, error.key = error.container or container, error.key or key
        raise


# Names


def check_name(container: str, key: str | None = None) -> None:
    """Refuse names that cannot exist.

    Raises:
        InvalidNameError: A container is not a plain folder name, or a key is not 1 to 1024 bytes of UTF-8.
    """
    size = _utf8_size(container)
    if size is None or not 1 <= size <= _MAX_CONTAINER_BYTES:
        raise InvalidNameError(f"a container's name is 1 to {_MAX_CONTAINER_BYTES} bytes of UTF-8", container=container)
    if container.startswith(".") or any(char < " " or char in "/\\:\x7f" for char in container):
        raise InvalidNameError(
            "a container's name has no slash, backslash, colon or control character, and does not begin with a dot",
            container=container,
        )
    if key is not None and not is_key(key):
        raise InvalidNameError(f"a key is 1 to {_MAX_KEY_BYTES} bytes of UTF-8", container=container, key=key)


def is_key(text: str) -> bool:
    """Whether an object can be named so."""
    size = _utf8_size(text)
    return size is not None and 1 <= size <= _MAX_KEY_BYTES


def _utf8_size(text: str) -> int | None:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return None


def refuse_version(version_id: str | None) -> None:
    """There are no versions but the one that is there."""
    if version_id is not None:
        raise UnsupportedError("objects have no versions here")


def check_container_options(options: ContainerOptions) -> None:
    """Containers are all alike here."""
    if options != PLAIN:
        raise UnsupportedError("containers have no options here")


def check_delete(version_id: str | None, if_match: str | None, *, bypass_retention: bool) -> None:
    """Refuse what deletions cannot do here."""
    refuse_version(version_id)
    if if_match is not None or bypass_retention:
        raise UnsupportedError("deletions know no conditions and no retention here")


# Objects


def crc32_hash(value: int) -> ObjectHash:
    """A CRC-32 of a whole object or part, as a hash."""
    return ObjectHash(algorithm="crc32", value=f"{value:08x}")


def describe(
    key: str, options: WriteOptions, *, size: int, etag: str, crc32: int | None, last_modified: datetime | None
) -> ObjectInfo:
    """What is known of an object that was stored with these options."""
    return ObjectInfo(
        key=key,
        size=size,
        etag=etag,
        object_hash=None if crc32 is None else crc32_hash(crc32),
        last_modified=last_modified,
        content_type=options.content_type,
        cache_control=options.cache_control,
        content_disposition=options.content_disposition,
        content_encoding=options.content_encoding,
        content_language=options.content_language,
        metadata=MappingProxyType(dict(options.metadata)),
        storage_class=options.storage_class,
    )


def check_write_options(options: WriteOptions, size: int = 0) -> None:
    """Refuse what can be told without looking at what is stored."""
    if options.if_none_match not in {None, "*"}:
        raise InvalidArgumentError("if_none_match of a write is '*' or None")
    if (missing := CAPABILITIES.missing_for(options)) is not None:
        raise UnsupportedError(f"there is no {missing} here")
    if options.extra:
        raise InvalidArgumentError(f"nothing is known of {', '.join(sorted(options.extra))}")
    if size > CAPABILITIES.limits.max_put_size_bytes:
        raise InvalidArgumentError(f"{size} bytes are too many for one request; upload in parts")


def check_write(options: WriteOptions, etag: str | None) -> None:
    """Compare the conditions of a write with the object that is there; ``etag`` is None if there is none."""
    if options.if_none_match is not None and etag is not None:
        raise PreconditionFailedError("there is an object of this name")
    if options.if_match is not None and (etag is None or options.if_match not in {"*", etag}):
        raise PreconditionFailedError("the object is not the version that if_match names")


def check_read(options: ReadOptions, etag: str | None) -> None:
    """Compare the conditions of a read with the object that is there."""
    if options.if_match is not None and options.if_match not in {"*", etag}:
        raise PreconditionFailedError("the object is not the version that if_match names")
    if options.if_none_match is not None and options.if_none_match in {"*", etag}:
        raise NotModifiedError("the object is the version that if_none_match names")


def resolve_range(byte_range: ByteRange | None, size: int) -> tuple[int, int]:
    """The positions where reading begins and ends; a stop past the end is cut."""
    if byte_range is None:
        return 0, size
    start, stop = byte_range
    if (stop is not None and stop < start) or (start < 0 and stop is not None):
        raise InvalidArgumentError(f"{start} to {stop} is no range of bytes")
    if start < 0:
        start = max(0, size + start)
    stop = size if stop is None else min(stop, size)
    if start >= stop:
        raise RangeNotSatisfiableError(f"the object has {size} bytes, none of them in the range")
    return start, stop


class BytesBody:
    """An :class:`~aiostorage.backend.ObjectBody` whose bytes are in memory already."""

    def __init__(self, info: ObjectInfo, data: bytes, start: int) -> None:
        self.info = info
        self.start = start
        self.stop: int | None = start + len(data)
        self._data: bytes | None = data
        self._at = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunks of a size that is good to handle."""
        while chunk := self._take(_CHUNK_BYTES):
            yield chunk

    async def read(self) -> bytes:
        """All that is left."""
        return self._take(None)

    async def aclose(self) -> None:
        """Let go of the bytes."""
        self._data = None

    def _take(self, most: int | None) -> bytes:
        if self._data is None:
            raise ClosedError("the body was closed")
        stop = len(self._data) if most is None else self._at + most
        chunk = self._data[self._at : stop]
        self._at += len(chunk)
        return chunk


# Listings


def page_size(query: ListQuery) -> int:
    """How many items a page may have, after a look at what else is asked for."""
    if query.versions:
        raise UnsupportedError("objects have no versions here")
    if query.page_size is not None and query.page_size < 1:
        raise InvalidArgumentError("a page has at least one item")
    limit = CAPABILITIES.limits.max_page_size
    return min(query.page_size or limit, limit)


def common_prefix(key: str, query: ListQuery) -> str | None:
    """The beginning under which a key is folded; None where it is shown itself."""
    if not query.delimiter:
        return None
    at = key.find(query.delimiter, len(query.prefix))
    return None if at < 0 else key[: at + len(query.delimiter)]


def resume(query: ListQuery, token: str | None) -> tuple[str, str]:
    """Where a page begins, from a token, which is the last name of the page before.

    Returns ``(after, folded)``: done are all keys up to ``after``, and those that begin with
    ``folded``, if that is not empty.
    """
    if token is None:
        return query.start_after, ""
    return max(token, query.start_after), token if common_prefix(token, query) == token else ""


def page_of(items: Mapping[str, T], token: str | None) -> Page[T]:
    """One page of named items, in the order of their names; the token is the last name shown."""
    names = sorted(name for name in items if token is None or name > token)
    limit = CAPABILITIES.limits.max_page_size
    shown = names[:limit]
    return Page(items=[items[name] for name in shown], next_token=shown[-1] if len(names) > limit else None)


def page_of_uploads(uploads: Iterable[Upload], prefix: str, token: str | None) -> Page[Upload]:
    """One page of uploads, in the order of their keys."""
    named = {f"{upload.key}\0{upload.upload_id}": upload for upload in uploads if upload.key.startswith(prefix)}
    return page_of(named, token)


def page_of_parts(parts: Iterable[Part], token: str | None) -> Page[Part]:
    """One page of parts, in the order of their numbers."""
    return page_of({f"{part.number:05}": part for part in parts}, token)


def check_batch(refs: Sequence[ObjectRef]) -> None:
    """Refuse more deletions than fit into one request."""
    if len(refs) > CAPABILITIES.limits.max_delete_batch:
        raise InvalidArgumentError(f"at most {CAPABILITIES.limits.max_delete_batch} objects are deleted at once")


# Parts


def check_part(number: int, offset: int, size: int) -> None:
    """Refuse a part that no upload can hold."""
    limits = CAPABILITIES.limits
    if not 1 <= number <= limits.max_parts:
        raise InvalidArgumentError(f"parts are numbered from 1 to {limits.max_parts}, not {number}")
    if offset < 0 or size > limits.max_part_size_bytes or offset + size > limits.max_object_size_bytes:
        raise InvalidArgumentError(f"a part of {size} bytes at {offset} is beyond the limits")


def arrange(held: Mapping[int, Part], parts: Sequence[Part]) -> list[Part]:
    """The parts that are held, in the order of the object and each at its place.

    A held part whose offset is -1 (a copied one) goes where the part before it ends.

    Raises:
        InvalidArgumentError: What is asked for is not what is held, or does not make an object
            without gaps.
    """
    if not parts:
        raise InvalidArgumentError("an upload is completed with at least one part")
    arranged: list[Part] = []
    number = end = 0
    for wanted in parts:
        part = held.get(wanted.number)
        if wanted.number <= number:
            raise InvalidArgumentError("parts are named in ascending order, each of them once")
        if part is None or part.etag != wanted.etag or part.size != wanted.size:
            raise InvalidArgumentError(f"part {wanted.number} was not sent, or not as it is named now")
        if {part.offset, wanted.offset} - {-1, end}:
            raise InvalidArgumentError(f"part {wanted.number} does not begin where the one before it ends, at {end}")
        arranged.append(replace(part, offset=end))
        number, end = part.number, end + part.size
    return arranged


def joined_crc32(parts: Iterable[Part]) -> int:
    """The CRC-32 of an object, from those of its parts."""
    crc32 = 0
    for part in parts:
        assert part.checksum is not None  # both providers make one of every part
        crc32 = crc32_combine(crc32, int(part.checksum.value, 16), part.size)
    return crc32

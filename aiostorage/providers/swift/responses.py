"""Answers of Swift, one function for each operation. Pure; the errors among them were sorted out before.

A success that is not what the protocol says raises ``UnexpectedResponseError``: a proxy's page is no
empty listing, and a range that begins elsewhere is no range.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from aiostorage._http.body import Head, content_length, which_bytes
from aiostorage._http.headers import etag_extra, parse_http_date, parse_iso_date, unquote_etag, whole_number
from aiostorage._http.json import JSONObject, MalformedJSONError, integer, parse, parse_array, text
from aiostorage._http.messages import Response
from aiostorage._http.metadata import from_headers
from aiostorage.models import ContainerInfo, DeleteOutcome, ObjectHash, ObjectInfo, Page, Part, Prefix, WriteOptions
from aiostorage.providers.swift import errors
from aiostorage.providers.swift.names import read_segment
from aiostorage.providers.swift.requests import CRC32, METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aiostorage._http.messages import Request
    from aiostorage.errors import StorageError
    from aiostorage.models import ByteRange, ListQuery, ObjectRef
    from aiostorage.providers.swift.names import Segment

_MD5 = re.compile(r"[0-9a-f]{32}")
_CHECKSUM = re.compile(r"([0-9a-f]{8}) ([0-9a-f]{32})")
_OWN_METADATA: Final = frozenset({CRC32, "static-large-object"})
"""What is ours, and what Ceph adds to large objects."""

_DELETED: Final = "application/x-deleted"
_EXTRA: Final = (
    "x-delete-at",
    "x-object-manifest",
    "x-static-large-object",
    "x-symlink-target",
    "x-robots-tag",
    "expires",
)
_CONTAINER_EXTRA: Final = {
    "x-container-bytes-used": "bytes",
    "x-storage-policy": "storage_policy",
    "x-container-read": "read_acl",
    "x-container-write": "write_acl",
    "x-versions-enabled": "versions_enabled",
}


# Containers


def list_containers(request: Request, response: Response) -> Page[ContainerInfo]:
    """The containers of a page."""
    items = [
        ContainerInfo(
            name=_needed(request, response, item, "name"),
            object_count=integer(item, "count"),
            extra=_extra_of(item),
        )
        for item in _listing(request, response)
    ]
    # Only an empty page is known to be the last: how many there are on one, the cluster decides.
    return Page(items=items, next_token=items[-1].name if items else None)


def _extra_of(item: JSONObject) -> dict[str, str]:
    told = {"bytes": integer(item, "bytes"), "storage_policy": text(item, "storage_policy")}
    return {name: str(value) for name, value in told.items() if value is not None}


def container_info(container: str, headers: Mapping[str, str]) -> ContainerInfo:
    """What the headers of a container tell."""
    return ContainerInfo(
        name=container,
        object_count=whole_number(headers.get("x-container-object-count")),
        created_at=_moment(headers.get("x-timestamp")),
        extra={name: headers[header] for header, name in _CONTAINER_EXTRA.items() if header in headers},
    )


def _moment(timestamp: str | None) -> datetime | None:
    """A moment like ``1795422281.45538``."""
    if timestamp is None or not re.fullmatch(r"\d{1,11}(\.\d+)?", timestamp):
        return None
    return datetime.fromtimestamp(float(timestamp), UTC)


# Objects


def object_info(key: str, headers: Mapping[str, str]) -> ObjectInfo:
    """An object by the headers of an answer to HEAD, or to GET without a range."""
    return _read(key, headers, size=content_length(headers))


def _read(key: str, headers: Mapping[str, str], *, size: int | None) -> ObjectInfo:
    raw_etag = headers.get("etag")
    etag = unquote_etag(raw_etag)
    return ObjectInfo(
        key=key,
        size=size,
        etag=etag,
        object_hash=_hash_of(headers, etag),
        last_modified=parse_http_date(headers.get("last-modified")),
        content_type=headers.get("content-type"),
        cache_control=headers.get("cache-control") or None,
        content_disposition=headers.get("content-disposition") or None,
        content_encoding=headers.get("content-encoding") or None,
        content_language=headers.get("content-language") or None,
        metadata=from_headers(METADATA, headers, without=_OWN_METADATA),
        version_id=headers.get("x-object-version-id"),
        extra={**etag_extra(raw_etag), **{name: headers[name] for name in _EXTRA if name in headers}},
    )


def is_large(headers: Mapping[str, str]) -> bool:
    """Whether an object is a manifest of segments."""
    return headers.get("x-static-large-object", "").lower() == "true"


def _hash_of(headers: Mapping[str, str], etag: str | None) -> ObjectHash | None:
    """The hash of the content. The etag of a large object is that of the etags of its segments."""
    if etag is None or not _MD5.fullmatch(etag) or "x-object-manifest" in headers:
        return None
    if not is_large(headers):
        return ObjectHash(algorithm="md5", value=etag)
    kept = _CHECKSUM.fullmatch(headers.get(METADATA + CRC32, ""))
    if kept is not None and kept[2] == etag:  # else others have replaced the content, and kept the metadata
        return ObjectHash(algorithm="crc32", value=kept[1])
    return ObjectHash(algorithm="md5", value=etag, scope="parts")


def get_object(request: Request, status: int, headers: Mapping[str, str], byte_range: ByteRange | None) -> Head:
    """The object, and which bytes of it follow."""
    try:
        start, stop, size = which_bytes(status, headers, byte_range)
    except ValueError as error:
        raise errors.unexpected(request, Response(status=status, headers=headers, body=b""), str(error)) from None
    return Head(_read(request.key or "", headers, size=size), start, stop)


def written(
    request: Request,
    response: Response,
    options: WriteOptions,
    *,
    size: int | None,
    object_hash: ObjectHash | None = None,
    etag: str | None = None,
) -> ObjectInfo:
    """What is stored now: what was sent, under the etag that the service gave it."""
    raw_etag = etag or response.headers.get("etag")
    found = unquote_etag(raw_etag)
    if found is None:
        raise errors.unexpected(request, response, "an object was stored, and has no etag")
    return ObjectInfo(
        key=request.key or "",
        size=size,
        etag=found,
        object_hash=object_hash or _hash_of({}, found),
        last_modified=parse_http_date(response.headers.get("last-modified")),
        content_type=options.content_type,
        cache_control=options.cache_control,
        content_disposition=options.content_disposition,
        content_encoding=options.content_encoding,
        content_language=options.content_language,
        metadata={name.lower(): value for name, value in options.metadata.items()},
        version_id=response.headers.get("x-object-version-id"),
        extra=etag_extra(raw_etag),
    )


class Listed(NamedTuple):
    """An entry of a listing, and what is known only there."""

    info: ObjectInfo
    is_large: bool


def list_objects(
    request: Request, response: Response, query: ListQuery, full: int, *, tells_sizes: bool = True
) -> Page[ObjectInfo | Prefix]:
    """A page of objects or versions, and of prefixes; in the order of the UTF-8 bytes of their names.

    One of fewer than ``full`` entries is the last.
    Without ``tells_sizes`` an entry may be that of a manifest: then sizes, etags and hashes mean nothing.
    """
    items: list[ObjectInfo | Prefix] = []
    for item in _listing(request, response):
        subdir = text(item, "subdir")
        if subdir is not None:
            items.append(Prefix(name=subdir))
            continue
        info = _listed(request, response, item).info
        items.append(info if tells_sizes else replace(info, size=None, etag=None, object_hash=None))
    token = None
    if len(items) >= full:
        last = items[-1]
        name, version = (last.name, None) if isinstance(last, Prefix) else (last.key, last.version_id)
        token = make_token(name, version if query.versions else None)
    return Page(items=items, next_token=token)


def large_keys(request: Request, response: Response) -> tuple[set[str], str | None]:
    """The keys of a page that are large objects, and the last key of the page."""
    listed = [_listed(request, response, item) for item in _listing(request, response)]
    return {entry.info.key for entry in listed if entry.is_large}, listed[-1].info.key if listed else None


def _listed(request: Request, response: Response, item: JSONObject) -> Listed:
    size = integer(item, "bytes")
    slo_etag, own_etag = text(item, "slo_etag"), text(item, "hash")
    etag = unquote_etag(slo_etag or own_etag)
    hash_ = None
    if etag is not None and _MD5.fullmatch(etag) and size:  # what is empty may be a link, or the manifest of others
        hash_ = ObjectHash(algorithm="md5", value=etag, scope="object" if slo_etag is None else "parts")
    content_type = text(item, "content_type") or ""
    is_deleted = content_type.startswith(_DELETED)
    info = ObjectInfo(
        key=_needed(request, response, item, "name"),
        size=size,
        etag=None if is_deleted else etag,
        object_hash=hash_,
        last_modified=parse_iso_date(text(item, "last_modified")),
        content_type=None if is_deleted else content_type or None,
        version_id=text(item, "version_id"),
        is_latest=item.get("is_latest") is not False,
        is_delete_marker=is_deleted,
    )
    return Listed(info, slo_etag is not None)


def make_token(name: str, version_id: str | None = None) -> str:
    """Where a listing goes on. Names have no NUL, so it parts a name from a version."""
    return name if version_id is None else f"{name}\0{version_id}"


def read_token(token: str) -> tuple[str, str | None]:
    """What :func:`make_token` was given."""
    name, parted, version = token.partition("\0")
    return name, version if parted else None


def delete_objects(request: Request, response: Response, refs: Sequence[ObjectRef]) -> list[DeleteOutcome]:
    """One outcome for each object, in order. What the answer does not account for was not deleted for sure."""
    document = _document(request, response)
    failed = {
        unquote(name): int(why[:3]) if re.match("[1-5][0-9][0-9]", why) else 500
        for name, why in errors.failures_in(document)
    }
    done = (integer(document, "Number Deleted") or 0) + (integer(document, "Number Not Found") or 0)
    is_complete = done + len(failed) >= len({(ref.container, ref.key) for ref in refs})
    return [
        DeleteOutcome(
            key=ref.key, version_id=ref.version_id, error=_delete_error(request, response, ref, failed, is_complete)
        )
        for ref in refs
    ]


def _delete_error(
    request: Request, response: Response, ref: ObjectRef, failed: Mapping[str, int], is_complete: bool
) -> StorageError | None:
    status = failed.get(f"/{ref.container}/{ref.key}")
    if status is None and is_complete:
        return None
    if status is None:
        missing = errors.unexpected(request, response, "the service does not say what became of this object")
        missing.key = ref.key
        return missing
    kind, is_retryable = errors.meaning(status, "delete_object")
    return kind(
        "the object was not deleted",
        provider="swift",
        operation=request.operation,
        container=ref.container,
        key=ref.key,
        status=status,
        request_id=errors.request_id(response.headers),
        retryable=is_retryable,
    )


# Uploads by parts


def upload_part(
    request: Request, response: Response, number: int, offset: int, *, size: int, checksum: ObjectHash | None
) -> Part:
    """The segment that is stored."""
    etag = unquote_etag(response.headers.get("etag"))
    if etag is None:
        raise errors.unexpected(request, response, "a segment without an etag")
    return Part(number=number, offset=offset, size=size, etag=etag, checksum=checksum)


def complete_upload(
    request: Request,
    response: Response,
    parts: Sequence[Part],
    options: WriteOptions,
    *,
    object_hash: ObjectHash | None,
) -> ObjectInfo:
    """The object that the parts have become. Its etag is in the body, where that came late."""
    etag = text(_document(request, response), "Etag") if response.status == 202 else response.headers.get("etag")
    found = unquote_etag(etag)
    if object_hash is None and found is not None:
        object_hash = ObjectHash(algorithm="md5", value=found, scope="parts")
    size = sum(part.size for part in parts)
    return written(request, response, options, size=size, object_hash=object_hash, etag=etag)


def segments(request: Request, response: Response) -> list[tuple[str, Segment | None, Part]]:
    """The entries of a page of segments: name, what the name tells, and the part that each is."""
    found: list[tuple[str, Segment | None, Part]] = []
    for item in _listing(request, response):
        name = _needed(request, response, item, "name")
        segment = read_segment(name)
        number = 0 if segment is None else segment.number
        part = Part(number=number, offset=-1, size=integer(item, "bytes") or 0, etag=text(item, "hash") or "")
        found.append((name, segment, part))
    return found


def manifest(request: Request, response: Response) -> list[tuple[str, str]]:
    """Container and key of each segment that a large object is made of."""
    paths: list[tuple[str, str]] = []
    for item in _listing(request, response):
        container, parted, key = (text(item, "name") or "").removeprefix("/").partition("/")
        if parted:  # data that lies in the manifest itself has no name
            paths.append((container, key))
    return paths


# Documents


def _listing(request: Request, response: Response) -> Iterable[JSONObject]:
    if response.status == 204:
        return []
    try:
        return parse_array(response.body)
    except MalformedJSONError as error:
        raise errors.unexpected(request, response, f"the answer is not a list in JSON: {error}") from None


def _document(request: Request, response: Response) -> JSONObject:
    try:
        return parse(response.body.lstrip())
    except MalformedJSONError as error:
        raise errors.unexpected(request, response, f"the answer is not an object in JSON: {error}") from None


def _needed(request: Request, response: Response, item: JSONObject, name: str) -> str:
    value = text(item, name)
    if value is None:
        raise errors.unexpected(request, response, f"{name} is missing in the answer")
    return value

"""Answers of Azure Blob Storage, one function for each operation. Pure; errors were sorted out before.

A success that is not what the protocol says raises ``UnexpectedResponseError``: a proxy's page is no
empty listing, and a range that begins elsewhere is no range.
"""

from __future__ import annotations

from base64 import b64decode
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from aiostorage._http.body import Head, content_length, which_bytes
from aiostorage._http.failures import scrub
from aiostorage._http.headers import digest_from_base64, parse_http_date, parse_iso_date, unquote_etag
from aiostorage._http.messages import Response
from aiostorage._http.xml import Document, MalformedXMLError, needed_number, number, parse
from aiostorage.errors import RangeNotSatisfiableError
from aiostorage.models import (
    EMPTY,
    ContainerInfo,
    ObjectHash,
    ObjectInfo,
    ObjectRef,
    Page,
    Part,
    Prefix,
    Retention,
    WriteOptions,
)
from aiostorage.providers.azure import errors
from aiostorage.providers.azure.blocks import parse_block
from aiostorage.providers.azure.credentials import DelegationKey
from aiostorage.providers.azure.metadata import from_headers
from aiostorage.providers.azure.requests import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from aiostorage._http.messages import Request
    from aiostorage._http.xml import Record
    from aiostorage.models import ByteRange, ListQuery
    from aiostorage.providers.azure.blocks import Block

_EXTRA = {
    "x-ms-blob-type": "blob_type",
    "x-ms-lease-state": "lease_state",
    "x-ms-archive-status": "archive_status",
    "x-ms-copy-status": "copy_status",
    "x-ms-copy-id": "copy_id",
    "x-ms-creation-time": "creation_time",
    "x-ms-encryption-key-sha256": "encryption_key_sha256",
    "x-ms-encryption-scope": "encryption_scope",
}
_CONTAINER_EXTRA = {
    "x-ms-blob-public-access": "public_access",
    "x-ms-lease-state": "lease_state",
    "x-ms-has-immutability-policy": "has_immutability_policy",
    "x-ms-has-legal-hold": "has_legal_hold",
}


# Containers


def list_containers(request: Request, response: Response) -> Page[ContainerInfo]:
    """The containers of a page."""
    document = _document(request, response, "EnumerationResults", "Containers", "Properties")
    with _well_formed(request, response):
        items = [
            ContainerInfo(
                name=record["Name"],
                extra={"public_access": record["PublicAccess"]} if "PublicAccess" in record else EMPTY,
            )
            for name, record in document.records
            if name == "Container"
        ]
    return Page(items=items, next_token=document.fields.get("NextMarker") or None)


def container_info(container: str, headers: Mapping[str, str]) -> ContainerInfo:
    """What the headers of Get Container Properties tell; metadata is in ``extra`` as ``metadata.NAME``."""
    extra = {known: headers[name] for name, known in _CONTAINER_EXTRA.items() if name in headers}
    extra |= {f"metadata.{name}": value for name, value in from_headers(headers).items()}
    return ContainerInfo(name=container, extra=extra or EMPTY)


# Objects


def object_info(key: str, headers: Mapping[str, str]) -> ObjectInfo:
    """An object by the headers of an answer to Get Blob Properties."""
    return _read(key, headers, size=content_length(headers), md5=headers.get("content-md5"))


def _read(key: str, headers: Mapping[str, str], *, size: int | None, md5: str | None) -> ObjectInfo:
    count = headers.get("x-ms-tag-count", "")
    return ObjectInfo(
        key=key,
        size=size,
        etag=unquote_etag(headers.get("etag")),
        object_hash=md5_hash(md5),
        last_modified=parse_http_date(headers.get("last-modified")),
        content_type=headers.get("content-type"),
        cache_control=headers.get("cache-control"),
        content_disposition=headers.get("content-disposition"),
        content_encoding=headers.get("content-encoding"),
        content_language=headers.get("content-language"),
        metadata=from_headers(headers) or EMPTY,
        storage_class=headers.get("x-ms-access-tier"),
        version_id=headers.get("x-ms-version-id"),
        is_latest=headers.get("x-ms-is-current-version", "true") == "true",
        encryption=_encryption(headers),
        retention=_retention(headers),
        legal_hold=headers["x-ms-legal-hold"] == "true" if "x-ms-legal-hold" in headers else None,
        tag_count=int(count) if count.isdecimal() and len(count) < 4 else None,
        extra={known: headers[name] for name, known in _EXTRA.items() if name in headers} or EMPTY,
    )


def _encryption(headers: Mapping[str, str]) -> Literal["managed", "customer"] | None:
    if "x-ms-encryption-key-sha256" in headers:
        return "customer"
    return "managed" if headers.get("x-ms-server-encrypted") == "true" else None


def _retention(headers: Mapping[str, str]) -> Retention | None:
    until = parse_http_date(headers.get("x-ms-immutability-policy-until-date"))
    if until is None:
        return None
    is_locked = headers.get("x-ms-immutability-policy-mode", "").lower() == "locked"
    return Retention(mode="compliance" if is_locked else "governance", until=until)


def get_object(request: Request, status: int, headers: Mapping[str, str], byte_range: ByteRange | None) -> Head:
    """The object, and which bytes of it follow.

    Raises:
        RangeNotSatisfiableError: Azurite answers a range behind the end with a range of nothing.
    """
    response = Response(status=status, headers=headers, body=b"")
    if status == 206 and headers.get("content-length") == "0":
        raise RangeNotSatisfiableError(
            "the object has no byte in the range",
            provider="azure",
            operation=request.operation,
            container=request.container,
            key=request.key,
            status=status,
        )
    try:
        start, stop, size = which_bytes(status, headers, byte_range)
    except ValueError as error:
        raise errors.unexpected(request, response, str(error)) from None
    # With a range, that of the whole has a name of its own.
    md5 = headers.get("x-ms-blob-content-md5") or (headers.get("content-md5") if status == 200 else None)
    return Head(_read(request.key or "", headers, size=size, md5=md5), start, stop)


def written(
    request: Request,
    headers: Mapping[str, str],
    options: WriteOptions,
    *,
    size: int | None,
    object_hash: ObjectHash | None,
) -> ObjectInfo:
    """What is stored now: what was sent, under the names that the service gave it."""
    return ObjectInfo(
        key=request.key or "",
        size=size,
        etag=unquote_etag(headers.get("etag")),
        object_hash=object_hash,
        last_modified=parse_http_date(headers.get("last-modified")),
        content_type=options.content_type,
        cache_control=options.cache_control,
        content_disposition=options.content_disposition,
        content_encoding=options.content_encoding,
        content_language=options.content_language,
        metadata={name.lower(): value for name, value in options.metadata.items()},
        storage_class=options.storage_class,
        version_id=headers.get("x-ms-version-id"),
    )


def tags(request: Request, response: Response) -> dict[str, str]:
    """The tags of a blob."""
    document = _document(request, response, "Tags", "TagSet")
    with _well_formed(request, response):
        return {record["Key"]: record["Value"] for name, record in document.records if name == "Tag"}


def copy_object(request: Request, response: Response) -> ObjectInfo:
    """The copy.

    Raises:
        UnexpectedResponseError: The copy is not done, although it was to be when the answer came.
    """
    status = response.headers.get("x-ms-copy-status", "success")
    if status != "success":
        raise errors.unexpected(request, response, f"a copy that is {scrub(status)!r}")
    return written(request, response.headers, WriteOptions(), size=None, object_hash=None)


def list_objects(request: Request, response: Response, query: ListQuery) -> Page[ObjectInfo | Prefix]:
    """A page of names, or of versions, and of prefixes; in the order of their UTF-8 bytes."""
    document = _document(request, response, "EnumerationResults", "Blobs", "Properties")
    items: list[ObjectInfo | Prefix] = []
    with _well_formed(request, response):
        for name, record in document.records:
            if name == "BlobPrefix":
                items.append(Prefix(name=_name(record)))
            elif name == "Blob":
                items.append(_listed(record))
    if query.start_after:  # the service lists from there on, but not what comes after only
        items = [item for item in items if isinstance(item, Prefix) or item.key > query.start_after]
    if query.delimiter:
        items.sort(key=lambda item: item.name if isinstance(item, Prefix) else item.key)
    return Page(items=items, next_token=document.fields.get("NextMarker") or None)


def list_snapshots(request: Request, response: Response) -> Page[ObjectInfo]:
    """The snapshots of a page; their ids are versions, for reads and deletions."""
    document = _document(request, response, "EnumerationResults", "Blobs", "Properties")
    with _well_formed(request, response):
        items = [_listed(record) for name, record in document.records if name == "Blob" and "Snapshot" in record]
    return Page(items=items, next_token=document.fields.get("NextMarker") or None)


def find_by_tags(request: Request, response: Response) -> Page[ObjectRef]:
    """The objects of a page."""
    document = _document(request, response, "EnumerationResults", "Blobs")
    with _well_formed(request, response):
        items = [
            ObjectRef(container=record["ContainerName"], key=_name(record), version_id=record.get("VersionId"))
            for name, record in document.records
            if name == "Blob"
        ]
    return Page(items=items, next_token=document.fields.get("NextMarker") or None)


def is_empty(request: Request, response: Response) -> bool:
    """Whether a listing holds nothing, and does not go on."""
    document = _document(request, response, "EnumerationResults", "Blobs", "Properties")
    return not (any(name == "Blob" for name, _ in document.records) or document.fields.get("NextMarker"))


def _listed(record: Record) -> ObjectInfo:
    snapshot = record.get("Snapshot")
    return ObjectInfo(
        key=_name(record),
        size=number(record, "Content-Length"),
        etag=unquote_etag(record.get("Etag")),
        object_hash=md5_hash(record.get("Content-MD5")),
        last_modified=parse_http_date(record.get("Last-Modified")),
        content_type=record.get("Content-Type") or None,
        cache_control=record.get("Cache-Control") or None,
        content_disposition=record.get("Content-Disposition") or None,
        content_encoding=record.get("Content-Encoding") or None,
        content_language=record.get("Content-Language") or None,
        storage_class=record.get("AccessTier"),
        version_id=f"{SNAPSHOT}{snapshot}" if snapshot else record.get("VersionId"),
        is_latest=record.get("IsCurrentVersion", "true") == "true" and not snapshot,
        extra={"blob_type": record["BlobType"]} if "BlobType" in record else EMPTY,
    )


def _name(record: Record) -> str:
    """A name in a listing. Where XML cannot carry it, it is percent-encoded, and marked so."""
    name = record["Name"]
    return unquote(name, errors="strict") if record.get("Name@Encoded") == "true" else name


# Uploads by parts


def list_blocks(request: Request, response: Response) -> list[Block]:
    """The blocks of a list, in order."""
    document = _document(request, response, "BlockList", "CommittedBlocks", "UncommittedBlocks")
    with _well_formed(request, response):
        return [
            parse_block(record["Name"], needed_number(record, "Size"))
            for name, record in document.records
            if name == "Block"
        ]


def list_unwritten(request: Request, response: Response) -> Page[ObjectInfo]:
    """The names of a page that may have blocks and no blob: those without content."""
    document = _document(request, response, "EnumerationResults", "Blobs", "Properties")
    with _well_formed(request, response):
        found = [_listed(record) for name, record in document.records if name == "Blob"]
    return Page(items=[info for info in found if not info.size], next_token=document.fields.get("NextMarker") or None)


def list_parts(blocks: Sequence[Block], upload_id: str) -> Page[Part]:
    """The blocks of one upload as its parts; where in the object they lie the service does not know."""
    ours = sorted((block for block in blocks if block.upload_id == upload_id), key=lambda block: block.number)
    return Page(items=[Part(number=block.number, offset=-1, size=block.size, etag=block.name) for block in ours])


# Signing for others


def delegation_key(request: Request, response: Response) -> DelegationKey:
    """The key."""
    fields = _document(request, response, "UserDelegationKey").fields
    with _well_formed(request, response):
        return DelegationKey(
            object_id=fields["SignedOid"],
            tenant_id=fields["SignedTid"],
            start=fields["SignedStart"],
            expiry=fields["SignedExpiry"],
            service=fields["SignedService"],
            version=fields["SignedVersion"],
            value=b64decode(fields["Value"], validate=True),
            expires_at=parse_iso_date(fields["SignedExpiry"]),
        )


# Values and documents


def md5_hash(value: str | None) -> ObjectHash | None:
    """An MD5 as headers and documents write it, or None where it is missing or malformed."""
    digest = digest_from_base64("md5", value)
    return None if digest is None else ObjectHash(algorithm="md5", value=digest)


def _document(request: Request, response: Response, root: str, *wrappers: str) -> Document:
    try:
        document = parse(response.body, wrappers=wrappers)
    except MalformedXMLError as error:
        raise errors.unexpected(request, response, f"the answer is not the XML document {root}: {error}") from None
    if document.root != root:
        raise errors.unexpected(request, response, f"the answer is not the XML document {root}")
    return document


@contextmanager
def _well_formed(request: Request, response: Response) -> Generator[None]:
    """What is missing or malformed in a document is the service's fault."""
    try:
        yield
    except KeyError as error:
        raise errors.unexpected(request, response, f"{error.args[0]} is missing in the answer") from None
    except ValueError:
        raise errors.unexpected(request, response, "a number or a value in the answer is malformed") from None

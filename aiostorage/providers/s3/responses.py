"""Answers of S3, one function for each operation. Pure; the errors among them were sorted out before.

A success that is not what the protocol says raises ``UnexpectedResponseError``: a proxy's page is no
empty listing, and a range that begins elsewhere is no range.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from aiostorage._http.body import Head, content_length, part_range, which_bytes, whole_size
from aiostorage._http.failures import scrub
from aiostorage._http.headers import etag_extra, parse_http_date, parse_iso_date, unquote_etag, whole_number
from aiostorage._http.messages import Response
from aiostorage._http.metadata import from_headers
from aiostorage._http.tokens import make_token
from aiostorage._http.xml import number
from aiostorage.models import (
    EMPTY,
    ContainerInfo,
    DeleteOutcome,
    ObjectInfo,
    Page,
    Prefix,
    WriteOptions,
)
from aiostorage.providers.s3 import errors
from aiostorage.providers.s3.documents import decoder, document, marker, well_formed
from aiostorage.providers.s3.values import (
    METADATA_PREFIX,
    READ_EXTRA,
    encryption_of,
    etag_hash,
    extra_of,
    hash_of,
    number_of,
    retention_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from aiostorage._http.messages import Request
    from aiostorage._http.xml import Record
    from aiostorage.errors import StorageError
    from aiostorage.models import ByteRange, ListQuery, ObjectHash, ObjectRef, ReadOptions
    from aiostorage.providers.s3.profiles import Vendor


_HOLD: Final = {"ON": True, "OFF": False}

_SELDOM: Final = frozenset({
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "x-amz-mp-parts-count",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
    "x-amz-tagging-count",
    *READ_EXTRA,
})
"""Headers that few objects have."""

_MANY_PARTS: Final = re.compile(r"-(?!1\b)\d+\"?\Z")
"""In the etag of what was uploaded in more than one part."""

# Containers


def list_containers(request: Request, response: Response, *, prefix: str) -> Page[ContainerInfo]:
    """The containers of a page whose names begin with ``prefix``: not every service looks at it."""
    found = document(request, response, "ListAllMyBucketsResult", wrappers=("Buckets",))
    with well_formed(request, response):
        items = [
            ContainerInfo(name=record["Name"], created_at=parse_iso_date(record.get("CreationDate")))
            for name, record in found.records
            if name == "Bucket" and record["Name"].startswith(prefix)
        ]
    return Page(items=items, next_token=found.fields.get("ContinuationToken") or None)


def container_info(container: str, headers: Mapping[str, str]) -> ContainerInfo:
    """What the headers of CreateBucket and HeadBucket tell."""
    region = headers.get("x-amz-bucket-region")
    return ContainerInfo(
        name=container,
        object_count=whole_number(headers.get("x-rgw-object-count")),  # Ceph counts
        extra={"region": region} if region else EMPTY,
    )


# Objects


def object_info(key: str, headers: Mapping[str, str], vendor: Vendor) -> ObjectInfo:
    """An object by the headers of an answer to HeadObject, which may have been asked for one part of it."""
    is_whole = "content-range" not in headers
    size = content_length(headers) if is_whole else whole_size(headers)
    return _read(key, headers, vendor, size=size, is_whole=is_whole)


def _read(key: str, headers: Mapping[str, str], vendor: Vendor, *, size: int | None, is_whole: bool) -> ObjectInfo:
    raw_etag = headers.get("etag")
    etag = unquote_etag(raw_etag)
    info = ObjectInfo(
        key=key,
        size=size,
        etag=etag,
        object_hash=hash_of(headers, etag, vendor, is_whole=is_whole),
        last_modified=parse_http_date(headers.get("last-modified")),
        content_type=headers.get("content-type"),
        metadata=from_headers(METADATA_PREFIX, headers, without=vendor.own_metadata) or EMPTY,
        version_id=headers.get("x-amz-version-id"),
        encryption=encryption_of(headers),
        extra=etag_extra(raw_etag),
    )
    return info if _SELDOM.isdisjoint(headers) else _with_the_rest(info, headers)


def _with_the_rest(info: ObjectInfo, headers: Mapping[str, str]) -> ObjectInfo:
    """What few objects have: to look for each of it takes as long as all the rest."""
    return replace(
        info,
        cache_control=headers.get("cache-control"),
        content_disposition=headers.get("content-disposition"),
        content_encoding=headers.get("content-encoding"),
        content_language=headers.get("content-language"),
        storage_class=headers.get("x-amz-storage-class"),
        kms_key_id=headers.get("x-amz-server-side-encryption-aws-kms-key-id"),
        retention=retention_of(headers),
        legal_hold=_HOLD.get(headers.get("x-amz-object-lock-legal-hold", "")),
        tag_count=number_of(headers, "x-amz-tagging-count"),
        part_count=number_of(headers, "x-amz-mp-parts-count"),
        extra={**extra_of(headers), **info.extra} or EMPTY,
    )


def get_object(request: Request, status: int, headers: Mapping[str, str], options: ReadOptions, vendor: Vendor) -> Head:
    """The object, and which bytes of it follow."""
    try:
        byte_range = options.byte_range if options.part_number is None else _range_of_part(options.part_number, headers)
        start, stop, size = which_bytes(status, headers, byte_range)
    except ValueError as error:
        raise errors.unexpected(request, Response(status=status, headers=headers, body=b""), str(error)) from None
    is_whole = status == 200 and "content-range" not in headers
    return Head(_read(request.key or "", headers, vendor, size=size, is_whole=is_whole), start, stop)


def _range_of_part(part_number: int, headers: Mapping[str, str]) -> ByteRange | None:
    """Where a part lies that was asked for by its number; None where it is all that there is.

    A service that does not know such numbers answers with the whole object.
    """
    byte_range = part_range(headers)
    if byte_range is None and (part_number > 1 or _MANY_PARTS.search(headers.get("etag", ""))):
        raise ValueError("the whole object in place of one part of it")
    return byte_range


def put_object(
    request: Request, response: Response, options: WriteOptions, vendor: Vendor, *, computed: ObjectHash | None
) -> ObjectInfo:
    """What is stored now: what was sent, under the names that the service gave it."""
    return written(
        request,
        response.headers,
        options,
        size=len(request.body),
        raw_etag=response.headers.get("etag"),
        object_hash=hash_of(response.headers, unquote_etag(response.headers.get("etag")), vendor) or computed,
    )


def copy_object(request: Request, response: Response, options: WriteOptions | None, vendor: Vendor) -> ObjectInfo:
    """The copy."""
    fields = document(request, response, "CopyObjectResult").fields
    etag = unquote_etag(fields.get("ETag"))
    hash_ = hash_of(response.headers, etag, vendor)
    modified = parse_iso_date(fields.get("LastModified"))
    return written(
        request,
        response.headers,
        options or WriteOptions(),
        size=None,
        raw_etag=fields.get("ETag"),
        object_hash=hash_,
        last_modified=modified,
    )


def list_objects(request: Request, response: Response, query: ListQuery, vendor: Vendor) -> Page[ObjectInfo | Prefix]:
    """A page of keys, or of versions, and of prefixes; in the order of their UTF-8 bytes.

    A service that does not know ListObjectsV2 answers as if it were ListObjects: the page is cut
    off, and there is no continuation token. Then the last key takes its place.
    """
    found = document(request, response, "ListVersionsResult" if query.versions else "ListBucketResult")
    fields = found.fields
    text = decoder(fields)
    items: list[ObjectInfo | Prefix] = []
    last_key = last_prefix = ""
    with well_formed(request, response):
        for name, record in found.records:
            if name == "CommonPrefixes":
                last_prefix = text(record["Prefix"])
                items.append(Prefix(name=last_prefix))
            elif name in {"Contents", "Version", "DeleteMarker"}:
                last_key = text(record["Key"])
                items.append(_listed(name, last_key, record, vendor))
        token = None
        if fields.get("IsTruncated", "").lower() == "true":
            last = max(last_key, last_prefix)
            if query.versions:
                key = marker(fields["NextKeyMarker"], last, text)
                token = make_token("versions", key, fields.get("NextVersionIdMarker"))
            elif fields.get("NextContinuationToken"):
                token = make_token("pages", fields["NextContinuationToken"])
            elif after := marker(fields.get("NextMarker", ""), last, text):
                token = make_token("keys", after)
            else:
                raise errors.unexpected(request, response, "a listing that is cut off and does not say where")
    if query.delimiter or query.versions:
        items.sort(key=_name)
    return Page(items=items, next_token=token)


def _listed(name: str, key: str, record: Record, vendor: Vendor) -> ObjectInfo:
    raw_etag = record.get("ETag")
    etag = unquote_etag(raw_etag)
    return ObjectInfo(
        key=key,
        size=number(record, "Size"),
        etag=etag,
        object_hash=etag_hash(etag) if vendor.etag_is_md5 == "always" else None,
        last_modified=parse_iso_date(record.get("LastModified")),
        storage_class=record.get("StorageClass"),
        version_id=record.get("VersionId"),
        is_latest=record.get("IsLatest", "true") == "true",
        is_delete_marker=name == "DeleteMarker",
        extra=etag_extra(raw_etag),
    )


def _name(item: ObjectInfo | Prefix) -> str:
    return item.name if isinstance(item, Prefix) else item.key


def delete_objects(request: Request, response: Response, refs: Sequence[ObjectRef]) -> list[DeleteOutcome]:
    """One outcome for each object, in order. What the answer does not mention was not deleted for sure."""
    found = document(request, response, "DeleteResult")
    deleted: set[str] = set()
    failed: dict[tuple[str, str | None], Record] = {}
    with well_formed(request, response):
        for name, record in found.records:
            if name == "Deleted":
                deleted.add(record["Key"])
            elif name == "Error":
                failed[record["Key"], record.get("VersionId") or None] = record
    return [
        DeleteOutcome(
            key=ref.key, version_id=ref.version_id, error=_delete_error(request, response, ref, deleted, failed)
        )
        for ref in refs
    ]


def _delete_error(
    request: Request,
    response: Response,
    ref: ObjectRef,
    deleted: set[str],
    failed: Mapping[tuple[str, str | None], Record],
) -> StorageError | None:
    record = failed.get((ref.key, ref.version_id)) or failed.get((ref.key, None))
    if record is None:
        if ref.key in deleted:
            return None
        missing = errors.unexpected(request, response, "the service does not say what became of this object")
        missing.key = ref.key
        return missing
    code = record.get("Code", "")
    if code in {"NoSuchKey", "NoSuchVersion"}:
        return None
    kind, is_retryable = errors.meaning(code, response.status, "delete_object")
    return kind(
        scrub(record.get("Message", "")) or "the object was not deleted",
        provider="s3",
        operation=request.operation,
        container=ref.container,
        key=ref.key,
        code=code or None,
        request_id=errors.request_id(response.headers),
        retryable=is_retryable,
    )


def written(
    request: Request,
    headers: Mapping[str, str],
    options: WriteOptions,
    *,
    size: int | None,
    raw_etag: str | None,
    object_hash: ObjectHash | None,
    last_modified: datetime | None = None,
) -> ObjectInfo:
    """An object that was just stored, by what was sent and what the answer says."""
    return ObjectInfo(
        key=request.key or "",
        size=size,
        etag=unquote_etag(raw_etag),
        object_hash=object_hash,
        last_modified=last_modified,
        content_type=options.content_type,
        cache_control=options.cache_control,
        content_disposition=options.content_disposition,
        content_encoding=options.content_encoding,
        content_language=options.content_language,
        metadata={name.lower(): value for name, value in options.metadata.items()},
        storage_class=options.storage_class,
        version_id=headers.get("x-amz-version-id"),
        encryption=encryption_of(headers),
        kms_key_id=headers.get("x-amz-server-side-encryption-aws-kms-key-id"),
        retention=options.retention,
        legal_hold=options.legal_hold,
        tag_count=len(options.tags) or None,
        extra=etag_extra(raw_etag),
    )

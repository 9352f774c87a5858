"""Answers of S3, one function for each operation. Pure; the errors among them were sorted out before.

A success that is not what the protocol says raises ``UnexpectedResponseError``: a proxy's page is no
empty listing, and a range that begins elsewhere is no range.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aiostorage._http.body import Head, content_length, which_bytes
from aiostorage._http.failures import scrub
from aiostorage._http.headers import etag_extra, parse_http_date, parse_iso_date, unquote_etag
from aiostorage._http.messages import Response
from aiostorage._http.metadata import from_headers
from aiostorage._http.xml import Document, MalformedXMLError, Record, parse
from aiostorage.models import (
    EMPTY,
    ContainerInfo,
    DeleteOutcome,
    ObjectInfo,
    Page,
    Part,
    Prefix,
    Upload,
    WriteOptions,
)
from aiostorage.providers.s3 import errors
from aiostorage.providers.s3.tokens import make_token
from aiostorage.providers.s3.values import (
    METADATA_PREFIX,
    crc32_hash,
    etag_hash,
    from_base64,
    hash_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from datetime import datetime

    from aiostorage._http.messages import Request
    from aiostorage.errors import StorageError
    from aiostorage.models import ByteRange, ListQuery, ObjectHash, ObjectRef
    from aiostorage.providers.s3.profiles import Vendor


# Containers


def list_containers(request: Request, response: Response, *, prefix: str) -> Page[ContainerInfo]:
    """The containers of a page whose names begin with ``prefix``: not every service looks at it."""
    document = _document(request, response, "ListAllMyBucketsResult", wrappers=("Buckets",))
    with _well_formed(request, response):
        items = [
            ContainerInfo(name=record["Name"], created_at=parse_iso_date(record.get("CreationDate")))
            for name, record in document.records
            if name == "Bucket" and record["Name"].startswith(prefix)
        ]
    return Page(items=items, next_token=document.fields.get("ContinuationToken") or None)


def container_info(container: str, headers: Mapping[str, str]) -> ContainerInfo:
    """What the headers of CreateBucket and HeadBucket tell."""
    count = headers.get("x-rgw-object-count", "")  # Ceph counts
    region = headers.get("x-amz-bucket-region")
    return ContainerInfo(
        name=container,
        object_count=int(count) if count.isdecimal() else None,
        extra={"region": region} if region else EMPTY,
    )


# Objects


def object_info(key: str, headers: Mapping[str, str], vendor: Vendor) -> ObjectInfo:
    """An object by the headers of an answer to HeadObject, or to GetObject without a range."""
    return _read(key, headers, vendor, size=content_length(headers), is_whole=True)


def _read(key: str, headers: Mapping[str, str], vendor: Vendor, *, size: int | None, is_whole: bool) -> ObjectInfo:
    raw_etag = headers.get("etag")
    etag = unquote_etag(raw_etag)
    return ObjectInfo(
        key=key,
        size=size,
        etag=etag,
        object_hash=hash_of(headers, etag, vendor, is_whole=is_whole),
        last_modified=parse_http_date(headers.get("last-modified")),
        content_type=headers.get("content-type"),
        cache_control=headers.get("cache-control"),
        content_disposition=headers.get("content-disposition"),
        content_encoding=headers.get("content-encoding"),
        content_language=headers.get("content-language"),
        metadata=from_headers(METADATA_PREFIX, headers, without=vendor.own_metadata) or EMPTY,
        storage_class=headers.get("x-amz-storage-class"),
        version_id=headers.get("x-amz-version-id"),
        extra=etag_extra(raw_etag),
    )


def get_object(
    request: Request, status: int, headers: Mapping[str, str], byte_range: ByteRange | None, vendor: Vendor
) -> Head:
    """The object, and which bytes of it follow."""
    try:
        start, stop, size = which_bytes(status, headers, byte_range)
    except ValueError as error:
        raise errors.unexpected(request, Response(status=status, headers=headers, body=b""), str(error)) from None
    is_whole = status == 200 and "content-range" not in headers
    return Head(_read(request.key or "", headers, vendor, size=size, is_whole=is_whole), start, stop)


def put_object(
    request: Request, response: Response, options: WriteOptions, vendor: Vendor, *, computed: ObjectHash | None
) -> ObjectInfo:
    """What is stored now: what was sent, under the names that the service gave it."""
    return _written(
        request,
        response.headers,
        options,
        size=len(request.body),
        raw_etag=response.headers.get("etag"),
        object_hash=hash_of(response.headers, unquote_etag(response.headers.get("etag")), vendor) or computed,
    )


def copy_object(request: Request, response: Response, options: WriteOptions | None, vendor: Vendor) -> ObjectInfo:
    """The copy."""
    fields = _document(request, response, "CopyObjectResult").fields
    etag = unquote_etag(fields.get("ETag"))
    hash_ = hash_of(response.headers, etag, vendor)
    modified = parse_iso_date(fields.get("LastModified"))
    return _written(
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
    document = _document(request, response, "ListVersionsResult" if query.versions else "ListBucketResult")
    fields = document.fields
    text = _decoder(fields)
    items: list[ObjectInfo | Prefix] = []
    last_key = last_prefix = ""
    with _well_formed(request, response):
        for name, record in document.records:
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
                key = _marker(fields["NextKeyMarker"], last, text)
                token = make_token("versions", key, fields.get("NextVersionIdMarker"))
            elif fields.get("NextContinuationToken"):
                token = make_token("pages", fields["NextContinuationToken"])
            elif marker := _marker(fields.get("NextMarker", ""), last, text):
                token = make_token("keys", marker)
            else:
                raise errors.unexpected(request, response, "a listing that is cut off and does not say where")
    if query.delimiter or query.versions:
        items.sort(key=_name)
    return Page(items=items, next_token=token)


def _listed(name: str, key: str, record: Record, vendor: Vendor) -> ObjectInfo:
    raw_etag = record.get("ETag")
    etag = unquote_etag(raw_etag)
    size = record.get("Size")
    return ObjectInfo(
        key=key,
        size=int(size) if size else None,
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
    document = _document(request, response, "DeleteResult")
    deleted: set[str] = set()
    failed: dict[tuple[str, str | None], Record] = {}
    with _well_formed(request, response):
        for name, record in document.records:
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


# Uploads by parts


def create_upload(request: Request, response: Response) -> Upload:
    """The upload that has begun."""
    document = _document(request, response, "InitiateMultipartUploadResult", "InitiateMultipartUpload")  # rclone's
    upload_id = document.fields.get("UploadId")
    if not upload_id:
        raise errors.unexpected(request, response, "an upload without an id")
    return Upload(container=request.container or "", key=request.key or "", upload_id=upload_id)


def upload_part(request: Request, response: Response, number: int, offset: int, *, computed: ObjectHash | None) -> Part:
    """The part that is stored."""
    etag = unquote_etag(response.headers.get("etag"))
    if not etag:
        raise errors.unexpected(request, response, "a part without an etag")
    return Part(number=number, offset=offset, size=len(request.body), etag=etag, checksum=computed)


def copy_part(request: Request, response: Response, number: int, byte_range: ByteRange) -> Part:
    """The part that was copied."""
    fields = _document(request, response, "CopyPartResult").fields
    etag = unquote_etag(fields.get("ETag"))
    if not etag or byte_range.stop is None:
        raise errors.unexpected(request, response, "a part without an etag")
    return Part(
        number=number,
        offset=byte_range.start,
        size=byte_range.stop - byte_range.start,
        etag=etag,
        checksum=from_base64("crc32", fields.get("ChecksumCRC32")),
    )


def complete_upload(
    request: Request,
    response: Response,
    parts: Sequence[Part],
    options: WriteOptions,
    *,
    crc32: int | None,
) -> ObjectInfo:
    """The object that the parts have become."""
    fields = _document(request, response, "CompleteMultipartUploadResult").fields
    hash_ = None if crc32 is None else crc32_hash(crc32)
    size = sum(part.size for part in parts)
    return _written(
        request, response.headers, options, size=size, raw_etag=fields.get("ETag") or None, object_hash=hash_
    )


def list_uploads(request: Request, response: Response, vendor: Vendor) -> Page[Upload]:
    """The uploads of a page."""
    document = _document(request, response, "ListMultipartUploadsResult")
    text = _decoder(document.fields) if vendor.tells_encoding else _unquote
    with _well_formed(request, response):
        items = [
            Upload(
                container=request.container or "",
                key=text(record["Key"]),
                upload_id=record["UploadId"],
                started_at=parse_iso_date(record.get("Initiated")),
            )
            for name, record in document.records
            if name == "Upload"
        ]
        token = None
        if document.fields.get("IsTruncated", "").lower() == "true":
            key = _marker(document.fields["NextKeyMarker"], items[-1].key if items else "", text)
            token = make_token("uploads", key, document.fields.get("NextUploadIdMarker"))
    return Page(items=items, next_token=token)


def list_parts(request: Request, response: Response) -> Page[Part]:
    """The parts of a page; where in the object they lie the service does not tell."""
    document = _document(request, response, "ListPartsResult", "ListPartsResponse")  # the latter is moto's
    with _well_formed(request, response):
        items = [
            Part(
                number=int(record["PartNumber"]),
                offset=-1,
                size=int(record["Size"]),
                etag=unquote_etag(record["ETag"]) or "",
                checksum=from_base64("crc32", record.get("ChecksumCRC32")),
            )
            for name, record in document.records
            if name == "Part"
        ]
        is_truncated = document.fields.get("IsTruncated", "").lower() == "true"
        token = document.fields["NextPartNumberMarker"] if is_truncated else None
    return Page(items=items, next_token=token)


def _written(
    request: Request,
    headers: Mapping[str, str],
    options: WriteOptions,
    *,
    size: int | None,
    raw_etag: str | None,
    object_hash: ObjectHash | None,
    last_modified: datetime | None = None,
) -> ObjectInfo:
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
        extra=etag_extra(raw_etag),
    )


# Documents


def _document(request: Request, response: Response, *roots: str, wrappers: Sequence[str] = ()) -> Document:
    try:
        document = parse(response.body, wrappers=wrappers)
    except MalformedXMLError as error:
        raise errors.unexpected(request, response, f"the answer is not the XML document {roots[0]}: {error}") from None
    if document.root not in roots:
        raise errors.unexpected(request, response, f"the answer is not the XML document {roots[0]}")
    return document


@contextmanager
def _well_formed(request: Request, response: Response) -> Generator[None]:
    """What is missing or malformed in a document is the service's fault."""
    try:
        yield
    except KeyError as error:
        raise errors.unexpected(request, response, f"{error.args[0]} is missing in the answer") from None
    except ValueError:
        raise errors.unexpected(request, response, "a number or a key in the answer is malformed") from None


def _decoder(fields: Record) -> Callable[[str], str]:
    """How keys in a listing are read: services that encode them when asked to say that they did."""
    return _unquote if fields.get("EncodingType") == "url" else str


def _marker(raw: str, last: str, text: Callable[[str], str]) -> str:
    """Where the next page begins: nearly always after the last item of this one.

    Services encode the marker or leave it as it is, whatever they do to keys (Ceph and Swift differ
    even between operations). What equals the last item unencoded is not encoded.
    """
    return last if raw in {"", last} else text(raw)


def _unquote(text: str) -> str:
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text

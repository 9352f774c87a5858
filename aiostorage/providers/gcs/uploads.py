"""Uploads by parts: requests and answers of the XML API's multipart uploads. Pure.

The JSON API has nothing that sends parts concurrently. An object made so has a CRC-32C but no MD5,
and no request of such an upload takes a condition.

Source: https://cloud.google.com/storage/docs/multipart-uploads
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage._http import xml
from aiostorage._http.canonical import quote_text, with_query
from aiostorage._http.headers import header_text, parse_iso_date, unquote_etag
from aiostorage._http.messages import Request
from aiostorage._http.metadata import to_headers
from aiostorage._http.tokens import make_token, read_token
from aiostorage._http.xml import Document, MalformedXMLError
from aiostorage.checksums import joined_crc
from aiostorage.errors import ChecksumMismatchError, UnsupportedError
from aiostorage.models import ObjectInfo, Page, Part, Upload
from aiostorage.providers.gcs import errors
from aiostorage.providers.gcs.requests import headers_of, object_url
from aiostorage.providers.gcs.resources import kms_key_of, retention_resource
from aiostorage.providers.gcs.responses import well_formed
from aiostorage.providers.gcs.values import METADATA_PREFIX, hash_from_base64, header_hashes, key_headers, to_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiostorage._http.messages import Response
    from aiostorage.models import Buffer, WriteOptions
    from aiostorage.providers.gcs.config import Site


def create_upload(site: Site, container: str, key: str, options: WriteOptions) -> Request:
    """Initiate a multipart upload. Source: https://cloud.google.com/storage/docs/xml-api/post-object-multipart."""
    named = {
        "content-type": options.content_type,
        "cache-control": options.cache_control,
        "content-disposition": options.content_disposition,
        "content-encoding": options.content_encoding,
        "content-language": options.content_language,
        "x-goog-storage-class": options.storage_class,
        "x-goog-acl": options.acl,
        "x-goog-encryption-kms-key-name": kms_key_of(options),
        "x-goog-custom-time": options.extra.get("customTime"),
    }
    later = [*(["legal_hold"] if options.legal_hold else []), *sorted(options.extra.keys() - {"customTime"})]
    if later:
        raise UnsupportedError(
            f"an upload by parts cannot begin with {', '.join(later)}; set it afterwards", provider="gcs"
        )
    if options.retention is not None:
        named["x-goog-object-lock-mode"] = options.retention.mode.upper()
        named["x-goog-object-lock-retain-until-date"] = retention_resource(options.retention)["retainUntilTime"]
    headers = {name: header_text(name, value) for name, value in named.items() if value is not None}
    headers |= key_headers(options.customer_key)
    return Request(
        operation="create_upload",
        method="POST",
        url=with_query(object_url(site, container, key), ("uploads", "")),
        headers=headers_of(site, {**headers, **to_headers(METADATA_PREFIX, options.metadata)}),
        container=container,
        key=key,
    )


def created_upload(request: Request, response: Response, options: WriteOptions) -> Upload:
    """The upload that has begun."""
    upload_id = _document(request, response, "InitiateMultipartUploadResult").fields.get("UploadId")
    if not upload_id:
        raise errors.unexpected(request, response, "an upload without an id")
    return Upload(
        container=request.container or "",
        key=request.key or "",
        upload_id=upload_id,
        customer_key=options.customer_key,
    )


def upload_part(
    site: Site, upload: Upload, number: int, body: Buffer, *, md5: bytes, on_sent: Callable[[int], None] | None
) -> Request:
    """Upload a part; the service refuses one of another MD5.

    Source: https://cloud.google.com/storage/docs/xml-api/put-object-multipart
    """
    return Request(
        operation="upload_part",
        method="PUT",
        url=_upload_url(site, upload, ("partNumber", str(number))),
        headers=headers_of(site, {"content-md5": to_base64(md5), **key_headers(upload.customer_key)}),
        body=body,
        container=upload.container,
        key=upload.key,
        on_sent=on_sent,
    )


def uploaded_part(request: Request, response: Response, number: int, offset: int) -> Part:
    """The part that is stored, with the CRC-32C that the service has made of it."""
    etag = unquote_etag(response.headers.get("etag"))
    if not etag:
        raise errors.unexpected(request, response, "a part without an etag")
    checksum = hash_from_base64("crc32c", header_hashes(response.headers).get("crc32c"))
    return Part(number=number, offset=offset, size=len(request.body), etag=etag, checksum=checksum)


def complete_upload(site: Site, upload: Upload, parts: Sequence[Part]) -> Request:
    """Complete a multipart upload. Source: https://cloud.google.com/storage/docs/xml-api/post-object-complete."""
    entries = "".join([f"<Part><PartNumber>{part.number}</PartNumber>{_quoted(part.etag)}</Part>" for part in parts])
    return Request(
        operation="complete_upload",
        method="POST",
        url=_upload_url(site, upload),
        headers=headers_of(site, {"content-type": "application/xml", **key_headers(upload.customer_key)}),
        body=xml.document("CompleteMultipartUpload", entries),
        container=upload.container,
        key=upload.key,
    )


def completed_upload(request: Request, response: Response, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
    """The object that the parts have become; its etag where the service tells its generation."""
    _document(request, response, "CompleteMultipartUploadResult")
    found = hash_from_base64("crc32c", header_hashes(response.headers).get("crc32c"))
    joined = joined_crc("crc32c", parts)
    if found is not None and joined is not None and found != joined:
        raise ChecksumMismatchError("the object that was made of the parts is not what they are", provider="gcs")
    generation = response.headers.get("x-goog-generation")
    return ObjectInfo(
        key=request.key or "",
        size=sum(part.size for part in parts),
        etag=generation,
        object_hash=found or joined,
        content_type=options.content_type,
        cache_control=options.cache_control,
        content_disposition=options.content_disposition,
        content_encoding=options.content_encoding,
        content_language=options.content_language,
        metadata={name.lower(): value for name, value in options.metadata.items()},
        storage_class=options.storage_class,
        version_id=generation,
    )


def abort_upload(site: Site, upload: Upload) -> Request:
    """Abort a multipart upload. Source: https://cloud.google.com/storage/docs/xml-api/delete-multipart."""
    return Request(
        operation="abort_upload",
        method="DELETE",
        url=_upload_url(site, upload),
        headers=headers_of(site),
        container=upload.container,
        key=upload.key,
    )


def list_uploads(site: Site, container: str, *, prefix: str, token: str | None) -> Request:
    """List multipart uploads. Source: https://cloud.google.com/storage/docs/xml-api/get-bucket-uploads."""
    key, upload_id = read_token(token, "uploads") if token else (None, None)
    url = with_query(
        f"{site.base_url}/{quote_text(container)}",
        ("uploads", ""),
        ("prefix", prefix or None),
        ("key-marker", key),
        ("upload-id-marker", upload_id),
    )
    return Request(operation="list_uploads", method="GET", url=url, headers=headers_of(site), container=container)


def listed_uploads(request: Request, response: Response) -> Page[Upload]:
    """The uploads of a page."""
    document = _document(request, response, "ListMultipartUploadsResult")
    with well_formed(request, response):
        items = [
            Upload(
                container=request.container or "",
                key=record["Key"],
                upload_id=record["UploadId"],
                started_at=parse_iso_date(record.get("Initiated")),
            )
            for name, record in document.records
            if name == "Upload"
        ]
        token = None
        if document.fields.get("IsTruncated", "").lower() == "true":
            token = make_token("uploads", document.fields["NextKeyMarker"], document.fields.get("NextUploadIdMarker"))
    return Page(items=items, next_token=token)


def list_parts(site: Site, upload: Upload, *, token: str | None) -> Request:
    """List the parts of an upload. Source: https://cloud.google.com/storage/docs/xml-api/get-object-multipart."""
    return Request(
        operation="list_parts",
        method="GET",
        url=_upload_url(site, upload, ("part-number-marker", token)),
        headers=headers_of(site),
        container=upload.container,
        key=upload.key,
    )


def listed_parts(request: Request, response: Response) -> Page[Part]:
    """The parts of a page; where in the object they lie the service does not tell."""
    document = _document(request, response, "ListPartsResult")
    with well_formed(request, response):
        items = [
            Part(
                number=xml.needed_number(record, "PartNumber"),
                offset=-1,
                size=xml.needed_number(record, "Size"),
                etag=unquote_etag(record["ETag"]) or "",
            )
            for name, record in document.records
            if name == "Part"
        ]
        is_truncated = document.fields.get("IsTruncated", "").lower() == "true"
        token = document.fields["NextPartNumberMarker"] if is_truncated else None
    return Page(items=items, next_token=token)


def _upload_url(site: Site, upload: Upload, *parameters: tuple[str, str | None]) -> str:
    return with_query(object_url(site, upload.container, upload.key), ("uploadId", upload.upload_id), *parameters)


def _document(request: Request, response: Response, root: str) -> Document:
    try:
        document = xml.parse(response.body)
    except MalformedXMLError as error:
        raise errors.unexpected(request, response, f"the answer is not the XML document {root}: {error}") from None
    if document.root != root:
        raise errors.unexpected(request, response, f"the answer is not the XML document {root}")
    return document


def _quoted(etag: str) -> str:
    return xml.element("ETag", f'"{etag}"')

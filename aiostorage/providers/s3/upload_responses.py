"""Answers of S3 to what concerns uploads by parts, one function for each operation. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiostorage._http.headers import parse_iso_date, unquote_etag
from aiostorage._http.tokens import make_token
from aiostorage._http.xml import needed_number
from aiostorage.errors import ChecksumMismatchError
from aiostorage.models import Page, Part, Upload
from aiostorage.providers.s3 import errors
from aiostorage.providers.s3.documents import decoder, document, marker, unquote, well_formed
from aiostorage.providers.s3.responses import written
from aiostorage.providers.s3.values import CHECKSUMS, from_base64

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiostorage._http.messages import Request, Response
    from aiostorage._http.xml import Record
    from aiostorage.models import ByteRange, HashAlgorithm, ObjectHash, ObjectInfo, WriteOptions
    from aiostorage.providers.s3.profiles import Vendor

_ALGORITHMS: Final[Mapping[str, HashAlgorithm]] = {name.upper(): name for name in CHECKSUMS}


def create_upload(
    request: Request, response: Response, options: WriteOptions, *, checksum: HashAlgorithm | None
) -> Upload:
    """The upload that has begun, with what each of its parts must come with."""
    found = document(request, response, "InitiateMultipartUploadResult", "InitiateMultipartUpload")  # rclone's
    upload_id = found.fields.get("UploadId")
    if not upload_id:
        raise errors.unexpected(request, response, "an upload without an id")
    return Upload(
        container=request.container or "",
        key=request.key or "",
        upload_id=upload_id,
        customer_key=options.customer_key,
        checksum=checksum,
    )


def upload_part(request: Request, response: Response, number: int, offset: int, *, computed: ObjectHash | None) -> Part:
    """The part that is stored."""
    etag = unquote_etag(response.headers.get("etag"))
    if not etag:
        raise errors.unexpected(request, response, "a part without an etag")
    return Part(number=number, offset=offset, size=len(request.body), etag=etag, checksum=computed)


def copy_part(request: Request, response: Response, upload: Upload, number: int, byte_range: ByteRange) -> Part:
    """The part that was copied; its checksum is the service's own."""
    fields = document(request, response, "CopyPartResult").fields
    etag = unquote_etag(fields.get("ETag"))
    if not etag or byte_range.stop is None:
        raise errors.unexpected(request, response, "a part without an etag")
    return Part(
        number=number,
        offset=byte_range.start,
        size=byte_range.stop - byte_range.start,
        etag=etag,
        checksum=_checksum(fields, upload.checksum),
    )


def complete_upload(
    request: Request,
    response: Response,
    parts: Sequence[Part],
    options: WriteOptions,
    *,
    checksum: ObjectHash | None,
) -> ObjectInfo:
    """The object that the parts have become.

    Raises:
        ChecksumMismatchError: The service has another checksum of it than its parts make.
    """
    fields = document(request, response, "CompleteMultipartUploadResult").fields
    if checksum is not None:
        theirs = _checksum(fields, checksum.algorithm, kind=fields.get("ChecksumType", "FULL_OBJECT"))
        if theirs is not None and theirs.scope == checksum.scope and theirs.value != checksum.value:
            raise ChecksumMismatchError(
                f"the parts make {checksum.algorithm} {checksum.value}, the object that is stored has {theirs.value}",
                provider="s3",
                operation=request.operation,
                container=request.container,
                key=request.key,
                request_id=errors.request_id(response.headers),
            )
    return written(
        request,
        response.headers,
        options,
        size=sum(part.size for part in parts),
        raw_etag=fields.get("ETag") or None,
        object_hash=checksum,
    )


def list_uploads(request: Request, response: Response, vendor: Vendor) -> Page[Upload]:
    """The uploads of a page."""
    found = document(request, response, "ListMultipartUploadsResult")
    text = decoder(found.fields) if vendor.tells_encoding else unquote
    with well_formed(request, response):
        items = [
            Upload(
                container=request.container or "",
                key=text(record["Key"]),
                upload_id=record["UploadId"],
                started_at=parse_iso_date(record.get("Initiated")),
                checksum=_ALGORITHMS.get(record.get("ChecksumAlgorithm", "")),
            )
            for name, record in found.records
            if name == "Upload"
        ]
        token = None
        if found.fields.get("IsTruncated", "").lower() == "true":
            key = marker(found.fields["NextKeyMarker"], items[-1].key if items else "", text)
            token = make_token("uploads", key, found.fields.get("NextUploadIdMarker"))
    return Page(items=items, next_token=token)


def list_parts(request: Request, response: Response, upload: Upload) -> Page[Part]:
    """The parts of a page; where in the object they lie the service does not tell."""
    found = document(request, response, "ListPartsResult", "ListPartsResponse")  # the latter is moto's
    with well_formed(request, response):
        items = [
            Part(
                number=needed_number(record, "PartNumber"),
                offset=-1,
                size=needed_number(record, "Size"),
                etag=unquote_etag(record["ETag"]) or "",
                checksum=_checksum(record, upload.checksum),
            )
            for name, record in found.records
            if name == "Part"
        ]
        is_truncated = found.fields.get("IsTruncated", "").lower() == "true"
        token = found.fields["NextPartNumberMarker"] if is_truncated else None
    return Page(items=items, next_token=token)


def _checksum(fields: Record, algorithm: HashAlgorithm | None, *, kind: str = "FULL_OBJECT") -> ObjectHash | None:
    """The checksum of a part or of an object in a document."""
    if algorithm is None or algorithm == "md5":
        return None
    return from_base64(algorithm, fields.get(f"Checksum{algorithm.upper()}"), kind=kind)

"""Requests of S3 for uploads by parts, one function for each operation. Pure: nothing is sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage._http import xml
from aiostorage._http.canonical import with_query
from aiostorage._http.headers import range_header
from aiostorage._http.messages import Request
from aiostorage._http.tokens import read_token
from aiostorage.errors import InvalidArgumentError
from aiostorage.providers.s3.headers import (
    condition_headers,
    customer_key_headers,
    digest_headers,
    to_base64,
    upload_checksum_headers,
    write_headers,
)
from aiostorage.providers.s3.requests import container_url, document, object_url, source_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiostorage.models import (
        Buffer,
        ByteRange,
        HashAlgorithm,
        ObjectHash,
        ObjectRef,
        Part,
        Upload,
        WriteOptions,
    )
    from aiostorage.providers.s3.config import Site


def create_upload(
    site: Site, container: str, key: str, options: WriteOptions, *, checksum: HashAlgorithm | None = None
) -> Request:
    """CreateMultipartUpload. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html."""
    return Request(
        operation="create_upload",
        method="POST",
        url=with_query(object_url(site, container, key), ("uploads", "")),
        headers=write_headers(options) | upload_checksum_headers(checksum, site.vendor.checksum_type(checksum)),
        container=container,
        key=key,
    )


def upload_part(
    site: Site,
    upload: Upload,
    number: int,
    body: Buffer,
    *,
    digests: Mapping[str, str],
    on_sent: Callable[[int], None] | None,
) -> Request:
    """UploadPart. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html."""
    return Request(
        operation="upload_part",
        method="PUT",
        url=upload_url(site, upload, ("partNumber", str(number))),
        headers={**digests, **customer_key_headers(upload.customer_key)},
        body=body,
        container=upload.container,
        key=upload.key,
        on_sent=on_sent,
    )


def copy_part(site: Site, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Request:
    """UploadPartCopy. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html."""
    start, stop = byte_range
    if stop is None or start < 0:
        raise InvalidArgumentError("a part is copied from a range with both ends", provider="s3")
    return Request(
        operation="copy_part",
        method="PUT",
        url=upload_url(site, upload, ("partNumber", str(number))),
        headers={
            **source_headers(source),
            "x-amz-copy-source-range": range_header(start, stop),
            **customer_key_headers(upload.customer_key),
        },
        container=upload.container,
        key=upload.key,
    )


def complete_upload(
    site: Site, upload: Upload, parts: Sequence[Part], options: WriteOptions, *, checksum: ObjectHash | None = None
) -> Request:
    """CompleteMultipartUpload; with the checksum that the object shall have, where that is one of its content.

    That it was completed by an earlier try can be told, so it is repeatable also with a condition.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """
    elements = "".join([_part_element(part, upload.checksum) for part in parts])
    body, headers = document("CompleteMultipartUpload", elements)
    if checksum is not None and checksum.scope == "object":
        headers |= {
            **digest_headers(None, checksum),
            "x-amz-checksum-type": "FULL_OBJECT",
            "x-amz-mp-object-size": str(sum(part.size for part in parts)),
        }
    return Request(
        operation="complete_upload",
        method="POST",
        url=upload_url(site, upload),
        headers={
            **headers,
            **condition_headers(options.if_match, options.if_none_match),
            **customer_key_headers(upload.customer_key),
        },
        body=body,
        container=upload.container,
        key=upload.key,
    )


def _part_element(part: Part, algorithm: HashAlgorithm | None) -> str:
    etag = xml.element("ETag", f'"{part.etag}"')
    checksum, known = "", part.checksum
    if known is not None and known.algorithm == algorithm and known.algorithm != "md5":
        checksum = xml.element(f"Checksum{known.algorithm.upper()}", to_base64(known))
    return f"<Part>{checksum}{etag}<PartNumber>{part.number}</PartNumber></Part>"


def abort_upload(site: Site, upload: Upload) -> Request:
    """AbortMultipartUpload. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html."""
    return Request(
        operation="abort_upload",
        method="DELETE",
        url=upload_url(site, upload),
        container=upload.container,
        key=upload.key,
    )


def list_uploads(site: Site, container: str, *, prefix: str, token: str | None) -> Request:
    """ListMultipartUploads. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html."""
    key, upload_id = read_token(token, "uploads") if token else (None, None)
    url = with_query(
        container_url(site, container),
        ("uploads", ""),
        ("prefix", prefix or None),
        ("key-marker", key),
        ("upload-id-marker", upload_id),
        ("encoding-type", "url" if site.vendor.url_encoded_lists else None),
    )
    return Request(operation="list_uploads", method="GET", url=url, container=container)


def list_parts(site: Site, upload: Upload, *, token: str | None) -> Request:
    """ListParts. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html."""
    return Request(
        operation="list_parts",
        method="GET",
        url=upload_url(site, upload, ("part-number-marker", token)),
        container=upload.container,
        key=upload.key,
    )


def upload_url(site: Site, upload: Upload, *parameters: tuple[str, str | None]) -> str:
    """URL of an upload."""
    return with_query(object_url(site, upload.container, upload.key), ("uploadId", upload.upload_id), *parameters)

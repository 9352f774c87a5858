"""Requests of S3, one function for each operation. Pure: nothing is sent here.

All text in a URL is encoded here, once, in the form that is signed; see ``signing``.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING

from aiostorage._http import xml
from aiostorage._http.canonical import canonical_query, quote_key, with_query
from aiostorage._http.headers import header_text, range_header
from aiostorage._http.messages import Request
from aiostorage._http.metadata import to_headers
from aiostorage._http.tokens import read_token
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import EMPTY
from aiostorage.providers.s3.endpoints import is_directory_bucket
from aiostorage.providers.s3.values import METADATA_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiostorage.models import (
        Buffer,
        ByteRange,
        ListQuery,
        ObjectHash,
        ObjectRef,
        Part,
        ReadOptions,
        Upload,
        WriteOptions,
    )
    from aiostorage.providers.s3.config import Site


_DIGEST_HEADERS = {"md5": "content-md5", "crc32": "x-amz-checksum-crc32"}


def container_url(site: Site, container: str) -> str:
    """URL of a container."""
    url = site.container_url(container, quote_key(container))
    return url if url.count("/") > 2 else f"{url}/"


def object_url(site: Site, container: str, key: str) -> str:
    """URL of an object; the key is in it byte for byte."""
    return f"{site.container_url(container, quote_key(container))}/{quote_key(key)}"


# Containers


def list_containers(site: Site, *, prefix: str, token: str | None) -> Request:
    """ListBuckets. Only some services have pages and prefixes.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
    """
    url = f"{site.scheme}://{site.host}{site.base_path}/"
    if site.vendor.paged_containers:
        page_size = str(site.vendor.limits.max_page_size)
        url = with_query(url, ("prefix", prefix or None), ("max-buckets", page_size), ("continuation-token", token))
    return Request(operation="list_containers", method="GET", url=url)


def create_container(site: Site, container: str) -> Request:
    """CreateBucket. The default region must not be named, all others must.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    body, headers = b"", EMPTY
    if site.vendor.amazon_names and is_directory_bucket(container):
        body, headers = _document("CreateBucketConfiguration", _zone_elements(container))
    elif site.vendor.location_constraint and site.region != "us-east-1":
        constraint = xml.element("LocationConstraint", site.region)
        body, headers = _document("CreateBucketConfiguration", constraint)
    return Request(
        operation="create_container",
        method="PUT",
        url=container_url(site, container),
        headers=headers,
        body=body,
        container=container,
    )


def _zone_elements(container: str) -> str:
    """What makes a directory bucket: its zone, which its name tells, and which is local if its id has three parts.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-buckets-concepts.html
    """
    zone = container.split("--")[-2]
    kind, redundancy = (
        ("LocalZone", "SingleLocalZone") if zone.count("-") > 1 else ("AvailabilityZone", "SingleAvailabilityZone")
    )
    return (
        f"<Location>{xml.element('Name', zone)}{xml.element('Type', kind)}</Location>"
        f"<Bucket>{xml.element('DataRedundancy', redundancy)}{xml.element('Type', 'Directory')}</Bucket>"
    )


def head_container(site: Site, container: str) -> Request:
    """HeadBucket. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html."""
    return Request(operation="head_container", method="HEAD", url=container_url(site, container), container=container)


def delete_container(site: Site, container: str) -> Request:
    """DeleteBucket. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html."""
    return Request(
        operation="delete_container", method="DELETE", url=container_url(site, container), container=container
    )


# Objects


def put_object(
    site: Site,
    container: str,
    key: str,
    body: Buffer,
    options: WriteOptions,
    *,
    digests: Mapping[str, str],
    on_sent: Callable[[int], None] | None,
) -> Request:
    """PutObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html.

    With a condition it is not repeatable: the first try may have taken effect, and then the second
    fails although the object is ours.
    """
    conditions = _conditions(options.if_match, options.if_none_match)
    return Request(
        operation="put_object",
        method="PUT",
        url=object_url(site, container, key),
        headers={**_content_headers(options), **digests, **conditions},
        body=body,
        container=container,
        key=key,
        is_repeatable=not conditions,
        on_sent=on_sent,
    )


def get_object(site: Site, container: str, key: str, options: ReadOptions) -> Request:
    """GetObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html."""
    headers = _conditions(options.if_match, options.if_none_match)
    headers["accept-encoding"] = "identity"
    if options.byte_range is not None and options.byte_range != (0, None):
        headers["range"] = range_header(*options.byte_range)
    return _read(site, "get_object", "GET", container, key, options.version_id, headers)


def head_object(site: Site, container: str, key: str, options: ReadOptions) -> Request:
    """HeadObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html."""
    headers = _conditions(options.if_match, options.if_none_match)
    return _read(site, "head_object", "HEAD", container, key, options.version_id, headers)


def _read(
    site: Site, operation: str, method: str, container: str, key: str, version_id: str | None, headers: dict[str, str]
) -> Request:
    if site.vendor.returns_checksums:
        headers["x-amz-checksum-mode"] = "ENABLED"
    url = object_url(site, container, key)
    if version_id is not None:
        url = with_query(url, ("versionId", version_id))
    return Request(operation=operation, method=method, url=url, headers=headers, container=container, key=key)


def delete_object(site: Site, ref: ObjectRef) -> Request:
    """DeleteObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html."""
    return Request(
        operation="delete_object",
        method="DELETE",
        url=with_query(object_url(site, ref.container, ref.key), ("versionId", ref.version_id)),
        container=ref.container,
        key=ref.key,
    )


def delete_objects(site: Site, container: str, refs: Sequence[ObjectRef]) -> Request:
    """DeleteObjects, of keys that XML can carry. The answer names each of them, so that none is overlooked.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    """
    entries = "".join([
        f"<Object>{xml.element('Key', ref.key)}"
        f"{'' if ref.version_id is None else xml.element('VersionId', ref.version_id)}</Object>"
        for ref in refs
    ])
    body, headers = _document("Delete", entries)
    return Request(
        operation="delete_objects",
        method="POST",
        url=with_query(container_url(site, container), ("delete", "")),
        headers={**headers, **_document_digest(site, body)},
        body=body,
        container=container,
    )


def copy_object(site: Site, source: ObjectRef, container: str, key: str, options: WriteOptions | None) -> Request:
    """CopyObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html."""
    headers = {"x-amz-copy-source": _copy_source(source), "x-amz-metadata-directive": "COPY"}
    conditions: dict[str, str] = {}
    if options is not None:
        conditions = _conditions(options.if_match, options.if_none_match)
        headers |= {"x-amz-metadata-directive": "REPLACE", **_content_headers(options), **conditions}
    return Request(
        operation="copy_object",
        method="PUT",
        url=object_url(site, container, key),
        headers=headers,
        container=container,
        key=key,
        is_repeatable=not conditions,
    )


def list_objects(site: Site, container: str, query: ListQuery, *, token: str | None) -> Request:
    """ListObjectsV2, ListObjects or ListObjectVersions, whichever the query, the token and the vendor ask for.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
    """
    where: list[tuple[str, str | None]]
    start_after = query.start_after or None
    if query.versions:
        key, version = read_token(token, "versions") if token else (start_after, None)
        where = [("versions", ""), ("key-marker", key), ("version-id-marker", version)]
    elif token is not None and token.startswith('["keys"'):
        where = [("marker", read_token(token, "keys")[0])]
    elif token is not None:
        where = [("list-type", "2"), ("continuation-token", read_token(token, "pages")[0])]
    elif site.vendor.list_version == 1:
        where = [("marker", start_after)]
    else:
        where = [("list-type", "2"), ("start-after", start_after)]
    page_size = None if query.page_size is None else str(min(query.page_size, site.vendor.limits.max_page_size))
    url = with_query(
        container_url(site, container),
        *where,
        ("prefix", query.prefix or None),
        ("delimiter", query.delimiter or None),
        ("max-keys", page_size),
        ("encoding-type", "url" if site.vendor.url_encoded_lists else None),
    )
    return Request(operation="list_objects", method="GET", url=url, container=container)


# Uploads by parts


def create_upload(site: Site, container: str, key: str, options: WriteOptions) -> Request:
    """CreateMultipartUpload. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html."""
    headers = _content_headers(options)
    if site.upload_digest == "crc32":
        headers["x-amz-checksum-algorithm"] = "CRC32"
        if site.vendor.full_object_checksums:
            headers["x-amz-checksum-type"] = "FULL_OBJECT"
    return Request(
        operation="create_upload",
        method="POST",
        url=with_query(object_url(site, container, key), ("uploads", "")),
        headers=headers,
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
        url=_upload_url(site, upload, ("partNumber", str(number))),
        headers=digests,
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
        url=_upload_url(site, upload, ("partNumber", str(number))),
        headers={"x-amz-copy-source": _copy_source(source), "x-amz-copy-source-range": range_header(start, stop)},
        container=upload.container,
        key=upload.key,
    )


def complete_upload(
    site: Site, upload: Upload, parts: Sequence[Part], options: WriteOptions, *, crc32: int | None
) -> Request:
    """CompleteMultipartUpload; with the CRC-32 of the whole object, where the upload was begun with one.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """
    conditions = _conditions(options.if_match, options.if_none_match)
    body, headers = _document("CompleteMultipartUpload", "".join([_part_element(part) for part in parts]))
    if crc32 is not None:
        headers |= {
            "x-amz-checksum-crc32": b64encode(crc32.to_bytes(4, "big")).decode(),
            "x-amz-checksum-type": "FULL_OBJECT",
            "x-amz-mp-object-size": str(sum(part.size for part in parts)),
        }
    return Request(
        operation="complete_upload",
        method="POST",
        url=_upload_url(site, upload),
        headers={**headers, **conditions},
        body=body,
        container=upload.container,
        key=upload.key,
        is_repeatable=not conditions,
    )


def _part_element(part: Part) -> str:
    etag = xml.element("ETag", f'"{part.etag}"')
    checksum = ""
    if part.checksum is not None and part.checksum.algorithm == "crc32":
        checksum = xml.element("ChecksumCRC32", b64encode(bytes.fromhex(part.checksum.value)).decode())
    return f"<Part>{checksum}{etag}<PartNumber>{part.number}</PartNumber></Part>"


def abort_upload(site: Site, upload: Upload) -> Request:
    """AbortMultipartUpload. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html."""
    return Request(
        operation="abort_upload",
        method="DELETE",
        url=_upload_url(site, upload),
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
        url=_upload_url(site, upload, ("part-number-marker", token)),
        container=upload.container,
        key=upload.key,
    )


def _upload_url(site: Site, upload: Upload, *parameters: tuple[str, str | None]) -> str:
    return with_query(object_url(site, upload.container, upload.key), ("uploadId", upload.upload_id), *parameters)


# Headers and bodies


def digest_headers(sha256: bytes | None, computed: ObjectHash | None) -> dict[str, str]:
    """Headers that tell the service what the body ought to be; without ``sha256`` it stays unsigned.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    headers = {} if sha256 is None else {"x-amz-content-sha256": sha256.hex()}
    if computed is not None and computed.algorithm in _DIGEST_HEADERS:
        headers[_DIGEST_HEADERS[computed.algorithm]] = b64encode(bytes.fromhex(computed.value)).decode()
    return headers


def _content_headers(options: WriteOptions) -> dict[str, str]:
    named = {
        "content-type": options.content_type,
        "cache-control": options.cache_control,
        "content-disposition": options.content_disposition,
        "content-encoding": options.content_encoding,
        "content-language": options.content_language,
        "x-amz-storage-class": options.storage_class,
    }
    headers = {name: header_text(name, value) for name, value in named.items() if value is not None}
    return {**headers, **to_headers(METADATA_PREFIX, options.metadata)} if options.metadata else headers


def _conditions(if_match: str | None, if_none_match: str | None) -> dict[str, str]:
    headers: dict[str, str] = {}
    if if_match is not None:
        headers["if-match"] = _quoted_etag(if_match)
    if if_none_match is not None:
        headers["if-none-match"] = _quoted_etag(if_none_match)
    return headers


def _quoted_etag(etag: str) -> str:
    return "*" if etag == "*" else f'"{header_text("an etag", etag)}"'


def _copy_source(source: ObjectRef) -> str:
    if source.container.startswith("arn:"):
        path = quote_key(f"{source.container}/object/{source.key}")
    else:
        path = f"/{quote_key(source.container)}/{quote_key(source.key)}"
    return path if source.version_id is None else f"{path}?{canonical_query([('versionId', source.version_id)])}"


def _document_digest(site: Site, body: bytes) -> dict[str, str]:
    """The header without which a service takes no document of this kind."""
    if site.vendor.document_digest == "crc32":
        return {_DIGEST_HEADERS["crc32"]: b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()}
    return {_DIGEST_HEADERS["md5"]: b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}


def _document(root: str, content: str) -> tuple[bytes, dict[str, str]]:
    """A body of XML, and its headers. It is short, so it is always signed."""
    body = xml.document(root, content, namespace="http://s3.amazonaws.com/doc/2006-03-01/")
    return body, {"content-type": "application/xml", "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}

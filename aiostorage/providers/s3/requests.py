"""Requests of S3, one function for each operation. Pure: nothing is sent here.

All text in a URL is encoded here, once, in the form that is signed; see ``signing``.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from aiostorage._http import xml
from aiostorage._http.canonical import canonical_query, quote_key, with_query
from aiostorage._http.headers import header_text, range_header
from aiostorage._http.messages import Request
from aiostorage._http.tokens import read_token
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import PLAIN
from aiostorage.providers.s3.endpoints import is_directory_bucket
from aiostorage.providers.s3.headers import (
    BYPASS,
    condition_headers,
    content_md5,
    customer_key_headers,
    write_headers,
    write_id_headers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiostorage.models import (
        Buffer,
        ContainerOptions,
        ListQuery,
        ObjectRef,
        ReadOptions,
        WriteOptions,
    )
    from aiostorage.providers.s3.config import Site


CONTAINER_EXTRA: Final = frozenset({
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
})
"""Headers that a container may be made with, beside those that have an option of their own."""


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


def create_container(site: Site, container: str, options: ContainerOptions = PLAIN) -> Request:
    """CreateBucket. The default region must not be named, all others must.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    headers: dict[str, str] = {}
    if options.acl is not None:
        headers["x-amz-acl"] = header_text("acl", options.acl)
    if options.object_lock:
        headers["x-amz-bucket-object-lock-enabled"] = "true"
    if options.ownership is not None:
        headers["x-amz-object-ownership"] = header_text("ownership", options.ownership)
    for name, value in options.extra.items():
        if name.lower() not in CONTAINER_EXTRA:
            message = f"a container is not made with {name!r}; extra may be {', '.join(sorted(CONTAINER_EXTRA))}"
            raise InvalidArgumentError(message, provider="s3")
        headers[name.lower()] = header_text(name, value)
    body, region = b"", options.region or (site.region if site.vendor.location_constraint else "us-east-1")
    configuration = "" if region == "us-east-1" else xml.element("LocationConstraint", region)
    if site.vendor.amazon_names and is_directory_bucket(container):
        configuration = _zone_elements(container)
    if configuration:
        body, of_document = document("CreateBucketConfiguration", configuration)
        headers |= of_document
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
    write_id: str | None = None,
    on_sent: Callable[[int], None] | None,
) -> Request:
    """PutObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html.

    With a condition and no ``write_id`` it is not repeatable: the first try may have taken effect, and then
    the second fails although the object is ours.
    """
    conditions = condition_headers(options.if_match, options.if_none_match)
    return Request(
        operation="put_object",
        method="PUT",
        url=object_url(site, container, key),
        headers={**write_headers(options), **digests, **conditions, **write_id_headers(write_id)},
        body=body,
        container=container,
        key=key,
        is_repeatable=not conditions or write_id is not None,
        on_sent=on_sent,
    )


def get_object(site: Site, container: str, key: str, options: ReadOptions) -> Request:
    """GetObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html."""
    headers = {"accept-encoding": "identity"}
    if options.byte_range is not None and options.byte_range != (0, None):
        headers["range"] = range_header(*options.byte_range)
    return _read(site, "get_object", "GET", container, key, options, headers)


def head_object(site: Site, container: str, key: str, options: ReadOptions) -> Request:
    """HeadObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html."""
    return _read(site, "head_object", "HEAD", container, key, options, {})


def _read(
    site: Site, operation: str, method: str, container: str, key: str, options: ReadOptions, headers: dict[str, str]
) -> Request:
    if options.if_match is not None or options.if_none_match is not None:
        headers |= condition_headers(options.if_match, options.if_none_match)
    if options.customer_key is not None:
        headers |= customer_key_headers(options.customer_key)
    if site.vendor.returns_checksums:
        headers["x-amz-checksum-mode"] = "ENABLED"
    url = object_url(site, container, key)
    if options.part_number is not None or options.version_id is not None:
        part_number = None if options.part_number is None else str(options.part_number)
        url = with_query(url, ("partNumber", part_number), ("versionId", options.version_id))
    return Request(operation=operation, method=method, url=url, headers=headers, container=container, key=key)


def delete_object(site: Site, ref: ObjectRef, *, bypass_retention: bool = False) -> Request:
    """DeleteObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html."""
    return Request(
        operation="delete_object",
        method="DELETE",
        url=with_query(object_url(site, ref.container, ref.key), ("versionId", ref.version_id)),
        headers=condition_headers(ref.if_match, None) | (BYPASS if bypass_retention else {}),
        container=ref.container,
        key=ref.key,
    )


def delete_objects(site: Site, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False) -> Request:
    """DeleteObjects, of keys that XML can carry. The answer names each of them, so that none is overlooked.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    """
    body, headers = document("Delete", "".join([_delete_element(ref) for ref in refs]))
    return Request(
        operation="delete_objects",
        method="POST",
        url=with_query(container_url(site, container), ("delete", "")),
        headers={**headers, **document_digest(site, body), **(BYPASS if bypass_retention else {})},
        body=body,
        container=container,
    )


def _delete_element(ref: ObjectRef) -> str:
    etag = "" if ref.if_match is None else xml.element("ETag", ref.if_match)
    version = "" if ref.version_id is None else xml.element("VersionId", ref.version_id)
    return f"<Object>{etag}{xml.element('Key', ref.key)}{version}</Object>"


def copy_object(
    site: Site,
    source: ObjectRef,
    container: str,
    key: str,
    options: WriteOptions | None,
    *,
    write_id: str | None = None,
) -> Request:
    """CopyObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html.

    Repeatable as :func:`put_object` is. Tags come along unless there are others.
    """
    headers = {**source_headers(source), "x-amz-metadata-directive": "COPY"}
    conditions: dict[str, str] = {}
    if options is not None:
        conditions = condition_headers(options.if_match, options.if_none_match)
        headers |= {"x-amz-metadata-directive": "REPLACE", **write_headers(options), **conditions}
        headers |= write_id_headers(write_id)
        if options.tags:
            headers["x-amz-tagging-directive"] = "REPLACE"
        if options.checksum is not None and options.checksum != "md5":
            headers["x-amz-checksum-algorithm"] = options.checksum.upper()
    return Request(
        operation="copy_object",
        method="PUT",
        url=object_url(site, container, key),
        headers=headers,
        container=container,
        key=key,
        is_repeatable=not conditions or write_id is not None,
    )


def source_headers(source: ObjectRef) -> dict[str, str]:
    """What names the source of a copy: the version with the etag that is asked for, and the key to read it with."""
    if source.container.startswith("arn:"):
        path = quote_key(f"{source.container}/object/{source.key}")
    else:
        path = f"/{quote_key(source.container)}/{quote_key(source.key)}"
    if source.version_id is not None:
        path = f"{path}?{canonical_query([('versionId', source.version_id)])}"
    return {
        "x-amz-copy-source": path,
        **condition_headers(source.if_match, None, prefix="x-amz-copy-source-"),
        **customer_key_headers(source.customer_key, of_source=True),
    }


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


# Bodies


def document(root: str, content: str) -> tuple[bytes, dict[str, str]]:
    """A body of XML, and its headers. It is short, so it is always signed."""
    body = xml.document(root, content, namespace="http://s3.amazonaws.com/doc/2006-03-01/")
    return body, {"content-type": "application/xml", "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}


def document_digest(site: Site, body: bytes) -> dict[str, str]:
    """The header without which a service takes no document."""
    if site.vendor.document_digest == "crc32":
        return {"x-amz-checksum-crc32": b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()}
    return {"content-md5": content_md5(body)}

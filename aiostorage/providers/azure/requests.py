"""Requests of Azure Blob Storage, one function for each operation. Pure: nothing is sent here.

All text in a URL is encoded here, once, in the form that is signed; see ``signing``.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aiostorage._http import xml
from aiostorage._http.headers import header_text
from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import EMPTY
from aiostorage.providers.azure.blocks import block_name
from aiostorage.providers.azure.metadata import to_headers
from aiostorage.providers.azure.signing import COPY_SOURCE, encode_query, quote_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from aiostorage.models import Buffer, ByteRange, ListQuery, ObjectRef, ReadOptions, Upload, WriteOptions
    from aiostorage.providers.azure.config import Site

SNAPSHOT = "snapshot:"
"""How the id of a version begins that is a snapshot: both are moments, and told apart by nothing else."""

NEVER_COMMITTED = "Mon, 01 Jan 2001 00:00:00 GMT"
"""A moment before any object was written: what has not been modified since has not been written at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Request):
    """A request made of others, which are signed one by one; see ``batch``."""

    inner: Sequence[Request]


def container_url(site: Site, container: str) -> str:
    """URL of a container."""
    return f"{site.url}/{quote_path(container)}"


def object_url(site: Site, container: str, key: str) -> str:
    """URL of a blob; the key is in it byte for byte."""
    return f"{container_url(site, container)}/{quote_path(key)}"


def version_url(site: Site, ref: ObjectRef) -> str:
    """URL of a blob, or of a snapshot or version of it."""
    return _with_query(object_url(site, ref.container, ref.key), _version(ref.version_id))


def _version(version_id: str | None) -> tuple[str, str | None]:
    if version_id is not None and version_id.startswith(SNAPSHOT):
        return "snapshot", version_id.removeprefix(SNAPSHOT)
    return "versionid", version_id


def _with_query(url: str, *parameters: tuple[str, str | None]) -> str:
    """The URL with those parameters that are not None."""
    query = encode_query([(name, value) for name, value in parameters if value is not None])
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


# Containers


def list_containers(site: Site, *, prefix: str, token: str | None) -> Request:
    """List Containers. Source: https://learn.microsoft.com/rest/api/storageservices/list-containers2."""
    url = _with_query(f"{site.url}/", ("comp", "list"), ("prefix", prefix or None), ("marker", token))
    return Request(operation="list_containers", method="GET", url=url)


def create_container(site: Site, container: str, headers: Mapping[str, str] = EMPTY) -> Request:
    """Create Container. Source: https://learn.microsoft.com/rest/api/storageservices/create-container."""
    return _on_container(site, "create_container", "PUT", container, headers=headers)


def head_container(site: Site, container: str) -> Request:
    """Get Container Properties. Source: https://learn.microsoft.com/rest/api/storageservices/get-container-properties."""
    return _on_container(site, "head_container", "HEAD", container)


def delete_container(site: Site, container: str) -> Request:
    """Delete Container, with all that is in it.

    Source: https://learn.microsoft.com/rest/api/storageservices/delete-container
    """
    return _on_container(site, "delete_container", "DELETE", container)


def _on_container(
    site: Site, operation: str, method: str, container: str, *, headers: Mapping[str, str] = EMPTY
) -> Request:
    url = _with_query(container_url(site, container), ("restype", "container"))
    return Request(operation=operation, method=method, url=url, headers=headers, container=container)


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
    """Put Blob. Source: https://learn.microsoft.com/rest/api/storageservices/put-blob.

    With a condition it is not repeatable: the first try may have taken effect, and then the second
    fails although the object is ours.
    """
    conditions = conditions_of(options.if_match, options.if_none_match)
    return Request(
        operation="put_object",
        method="PUT",
        url=object_url(site, container, key),
        headers={"x-ms-blob-type": "BlockBlob", **content_headers(options), **digests, **conditions},
        body=body,
        container=container,
        key=key,
        is_repeatable=not conditions,
        on_sent=on_sent,
    )


def get_object(site: Site, container: str, key: str, options: ReadOptions) -> Request:
    """Get Blob. Source: https://learn.microsoft.com/rest/api/storageservices/get-blob.

    The range begins at or after the start of the object: Azure knows no other.
    """
    headers = {**conditions_of(options.if_match, options.if_none_match), "accept-encoding": "identity"}
    if options.byte_range is not None and options.byte_range != (0, None):
        headers["x-ms-range"] = range_header(*options.byte_range)
    url = _with_query(object_url(site, container, key), _version(options.version_id))
    return Request(operation="get_object", method="GET", url=url, headers=headers, container=container, key=key)


def head_object(site: Site, container: str, key: str, options: ReadOptions) -> Request:
    """Get Blob Properties. Source: https://learn.microsoft.com/rest/api/storageservices/get-blob-properties."""
    return Request(
        operation="head_object",
        method="HEAD",
        url=_with_query(object_url(site, container, key), _version(options.version_id)),
        headers=conditions_of(options.if_match, options.if_none_match),
        container=container,
        key=key,
    )


def delete_object(site: Site, ref: ObjectRef) -> Request:
    """Delete Blob, or one snapshot or version of it.

    Source: https://learn.microsoft.com/rest/api/storageservices/delete-blob
    """
    is_whole = ref.version_id is None and site.delete_snapshots
    return Request(
        operation="delete_object",
        method="DELETE",
        url=version_url(site, ref),
        headers={"x-ms-delete-snapshots": "include"} if is_whole else EMPTY,
        container=ref.container,
        key=ref.key,
    )


def delete_objects(site: Site, container: str, refs: Sequence[ObjectRef]) -> Batch:
    """Blob Batch of deletions. Source: https://learn.microsoft.com/rest/api/storageservices/blob-batch."""
    return Batch(
        operation="delete_objects",
        method="POST",
        url=_with_query(container_url(site, container), ("restype", "container"), ("comp", "batch")),
        container=container,
        inner=[delete_object(site, ref) for ref in refs],
    )


def copy_object(site: Site, source: ObjectRef, container: str, key: str) -> Request:
    """Copy Blob From URL, with the headers and metadata of the source; it is done when the answer is there.

    Source: https://learn.microsoft.com/rest/api/storageservices/copy-blob-from-url
    """
    return Request(
        operation="copy_object",
        method="PUT",
        url=object_url(site, container, key),
        headers={COPY_SOURCE: version_url(site, source), "x-ms-requires-sync": "true"},
        container=container,
        key=key,
    )


def list_objects(site: Site, container: str, query: ListQuery, *, token: str | None) -> Request:
    """List Blobs. Source: https://learn.microsoft.com/rest/api/storageservices/list-blobs."""
    page_size = None if query.page_size is None else min(query.page_size, site.capabilities.limits.max_page_size)
    return _list_blobs(
        site,
        "list_objects",
        container,
        ("prefix", query.prefix or None),
        ("delimiter", query.delimiter or None),
        ("startFrom", query.start_after if query.start_after > query.prefix else None),
        ("maxresults", None if page_size is None else str(page_size)),
        ("include", "versions" if query.versions else None),
        ("marker", token),
    )


def list_snapshots(site: Site, container: str, *, prefix: str, token: str | None) -> Request:
    """List Blobs, with their snapshots."""
    return _list_blobs(
        site, "list_snapshots", container, ("prefix", prefix or None), ("include", "snapshots"), ("marker", token)
    )


def find_any(site: Site, container: str) -> Request:
    """List Blobs, no more than one: to know whether there is any."""
    include = "versions" if site.capabilities.versioning else None
    return _list_blobs(site, "delete_container", container, ("maxresults", "1"), ("include", include))


def _list_blobs(site: Site, operation: str, container: str, *parameters: tuple[str, str | None]) -> Request:
    url = _with_query(container_url(site, container), ("restype", "container"), ("comp", "list"), *parameters)
    return Request(operation=operation, method="GET", url=url, container=container)


# Uploads by parts


def upload_part(
    site: Site,
    upload: Upload,
    number: int,
    body: Buffer,
    *,
    digests: Mapping[str, str],
    on_sent: Callable[[int], None] | None,
) -> Request:
    """Put Block. Source: https://learn.microsoft.com/rest/api/storageservices/put-block."""
    return Request(
        operation="upload_part",
        method="PUT",
        url=_block_url(site, upload, number),
        headers=digests,
        body=body,
        container=upload.container,
        key=upload.key,
        on_sent=on_sent,
    )


def copy_part(
    site: Site, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange | None, *, if_match: str | None
) -> Request:
    """Put Block From URL. Source: https://learn.microsoft.com/rest/api/storageservices/put-block-from-url."""
    headers = {COPY_SOURCE: version_url(site, source)}
    if byte_range is not None:
        start, stop = byte_range
        if stop is None or start < 0:
            raise InvalidArgumentError("a part is copied from a range with both ends", provider="azure")
        headers["x-ms-source-range"] = range_header(start, stop)
    if if_match is not None:
        headers["x-ms-source-if-match"] = _quoted_etag(if_match)
    return Request(
        operation="copy_part",
        method="PUT",
        url=_block_url(site, upload, number),
        headers=headers,
        container=upload.container,
        key=upload.key,
    )


def complete_upload(site: Site, upload: Upload, numbers: Sequence[int], options: WriteOptions) -> Request:
    """Put Block List. Source: https://learn.microsoft.com/rest/api/storageservices/put-block-list.

    The latest block of an id is named, in use already or not: so sending it again does no harm. With a
    condition it may then fail although the object is ours; its blocks tell.
    """
    conditions = conditions_of(options.if_match, options.if_none_match)
    blocks = "".join([xml.element("Latest", block_name(upload.upload_id, number)) for number in numbers])
    return Request(
        operation="complete_upload",
        method="PUT",
        url=_with_query(object_url(site, upload.container, upload.key), ("comp", "blocklist")),
        headers={**content_headers(options), **conditions, "content-type": "application/xml"},
        body=xml.document("BlockList", blocks),
        container=upload.container,
        key=upload.key,
    )


def list_blocks(
    site: Site, operation: str, container: str, key: str, which: Literal["committed", "uncommitted"] = "uncommitted"
) -> Request:
    """Get Block List: of the blocks that make a blob, or of those that are not in use.

    Source: https://learn.microsoft.com/rest/api/storageservices/get-block-list
    """
    url = _with_query(object_url(site, container, key), ("comp", "blocklist"), ("blocklisttype", which))
    return Request(operation=operation, method="GET", url=url, container=container, key=key)


def drop_blocks(site: Site, upload: Upload) -> Request:
    """Delete Blob, on condition that none has ever been written: what goes are blocks that are not in use."""
    return Request(
        operation="abort_upload",
        method="DELETE",
        url=object_url(site, upload.container, upload.key),
        headers={"if-unmodified-since": NEVER_COMMITTED},
        container=upload.container,
        key=upload.key,
    )


def list_unwritten(site: Site, container: str, *, prefix: str, token: str | None) -> Request:
    """List Blobs, with the names that have blocks and no blob."""
    return _list_blobs(
        site, "list_uploads", container, ("prefix", prefix or None), ("include", "uncommittedblobs"), ("marker", token)
    )


def _block_url(site: Site, upload: Upload, number: int) -> str:
    url = object_url(site, upload.container, upload.key)
    return _with_query(url, ("comp", "block"), ("blockid", block_name(upload.upload_id, number)))


# Signing for others


def delegation_key(site: Site, start: datetime, expiry: datetime) -> Request:
    """Get User Delegation Key.

    Source: https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key
    """
    life = [
        xml.element(name, f"{moment:%Y-%m-%dT%H:%M:%SZ}") for name, moment in (("Start", start), ("Expiry", expiry))
    ]
    return Request(
        operation="presign",
        method="POST",
        url=_with_query(f"{site.url}/", ("restype", "service"), ("comp", "userdelegationkey")),
        headers={"content-type": "application/xml"},
        body=xml.document("KeyInfo", "".join(life)),
    )


# Headers


def content_headers(options: WriteOptions) -> dict[str, str]:
    """What is stored with the content, as the headers of a write."""
    named = {
        "x-ms-blob-content-type": options.content_type,
        "x-ms-blob-cache-control": options.cache_control,
        "x-ms-blob-content-disposition": options.content_disposition,
        "x-ms-blob-content-encoding": options.content_encoding,
        "x-ms-blob-content-language": options.content_language,
        "x-ms-access-tier": options.storage_class,
    }
    headers = {name: header_text(name, value) for name, value in named.items() if value is not None}
    return {**headers, **to_headers(options.metadata)} if options.metadata else headers


def md5_header(md5: bytes) -> dict[str, str]:
    """The header by which the service checks a body."""
    return {"content-md5": b64encode(md5).decode()}


def conditions_of(if_match: str | None, if_none_match: str | None) -> dict[str, str]:
    """Conditions as headers."""
    headers: dict[str, str] = {}
    if if_match is not None:
        headers["if-match"] = _quoted_etag(if_match)
    if if_none_match is not None:
        headers["if-none-match"] = _quoted_etag(if_none_match)
    return headers


def _quoted_etag(etag: str) -> str:
    return "*" if etag == "*" else f'"{header_text("an etag", etag)}"'


def range_header(start: int, stop: int | None) -> str:
    """A range as a header; both of its ends are in it."""
    if start < 0 or (stop is not None and stop <= start):
        raise InvalidArgumentError(f"bytes {start} to {stop} are no range", provider="azure")
    return f"bytes={start}-" if stop is None else f"bytes={start}-{stop - 1}"


def presigned_headers(method: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that whoever uses a presigned request must send: lower-case names, plain values."""
    sent = {name.lower(): header_text(name, value) for name, value in headers.items()}
    return {"x-ms-blob-type": "BlockBlob", **sent} if method == "PUT" else sent

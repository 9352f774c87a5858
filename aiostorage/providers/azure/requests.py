"""Requests of Azure Blob Storage, one function for each operation. Pure: nothing is sent here.

All text in a URL is encoded here, once, in the form that is sent and signed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from aiostorage._http import write_ids, xml
from aiostorage._http.canonical import quote_key, with_query
from aiostorage._http.headers import header_text
from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import EMPTY
from aiostorage.providers.azure.blocks import block_name
from aiostorage.providers.azure.headers import (
    conditions_of,
    content_headers,
    key_headers,
    public_access,
    quoted_etag,
    range_header,
)
from aiostorage.providers.azure.metadata import to_headers
from aiostorage.providers.azure.signing import COPY_SOURCE, COPY_TAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from aiostorage.models import (
        Buffer,
        ByteRange,
        ContainerOptions,
        ListQuery,
        ObjectRef,
        ReadOptions,
        Upload,
        WriteOptions,
    )
    from aiostorage.providers.azure.config import Site

SNAPSHOT = "snapshot:"
"""How the id of a version begins that is a snapshot: both are moments, and told apart by nothing else."""

NEVER_COMMITTED = "Mon, 01 Jan 2001 00:00:00 GMT"
"""A moment before any object was written: what has not been modified since has not been written at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Request):
    """A request made of others, which are signed one by one; see ``batch``."""

    inner: Sequence[Request]


class _More(TypedDict, total=False):
    headers: Mapping[str, str]
    body: bytes
    is_repeatable: bool


def container_url(site: Site, container: str) -> str:
    """URL of a container."""
    return f"{site.url}/{quote_key(container)}"


def object_url(site: Site, container: str, key: str) -> str:
    """URL of a blob; the key is in it byte for byte."""
    return f"{container_url(site, container)}/{quote_key(key)}"


def version_url(site: Site, container: str, key: str, version_id: str | None) -> str:
    """URL of a blob, or of a snapshot or version of it."""
    return with_query(object_url(site, container, key), _version(version_id))


def _version(version_id: str | None) -> tuple[str, str | None]:
    if version_id is not None and version_id.startswith(SNAPSHOT):
        return "snapshot", version_id.removeprefix(SNAPSHOT)
    return "versionid", version_id


def split_version(version_id: str | None) -> tuple[str | None, str | None]:
    """The moment of a snapshot, or the id of a version."""
    name, value = _version(version_id)
    return (value, None) if name == "snapshot" else (None, value)


# Containers


def list_containers(site: Site, *, prefix: str, token: str | None) -> Request:
    """List Containers. Source: https://learn.microsoft.com/rest/api/storageservices/list-containers2."""
    url = with_query(f"{site.url}/", ("comp", "list"), ("prefix", prefix or None), ("marker", token))
    return Request(operation="list_containers", method="GET", url=url)


def create_container(site: Site, container: str, options: ContainerOptions) -> Request:
    """Create Container. Source: https://learn.microsoft.com/rest/api/storageservices/create-container.

    Raises:
        InvalidArgumentError: An option is none of Azure's.
    """
    if options.region is not None or options.object_lock or options.ownership or options.storage_class:
        raise InvalidArgumentError(
            "region, object_lock, ownership and storage_class belong to the account", provider="azure"
        )
    headers: dict[str, str] = {}
    if options.acl is not None:
        headers |= public_access(options.acl)
    metadata: dict[str, str] = {}
    for name, value in options.extra.items():
        if name.startswith("metadata."):
            metadata[name.removeprefix("metadata.")] = value
        elif name == "default_encryption_scope":
            headers["x-ms-default-encryption-scope"] = header_text(name, value)
        else:
            raise InvalidArgumentError(f"nothing is known of {name}", provider="azure")
    return on_container(site, "create_container", "PUT", container, headers={**headers, **to_headers(metadata)})


def head_container(site: Site, container: str) -> Request:
    """Get Container Properties. Source: https://learn.microsoft.com/rest/api/storageservices/get-container-properties."""
    return on_container(site, "head_container", "HEAD", container)


def delete_container(site: Site, container: str) -> Request:
    """Delete Container, with all that is in it.

    Source: https://learn.microsoft.com/rest/api/storageservices/delete-container
    """
    return on_container(site, "delete_container", "DELETE", container)


def on_container(
    site: Site,
    operation: str,
    method: str,
    container: str,
    *parameters: tuple[str, str | None],
    headers: Mapping[str, str] = EMPTY,
    body: bytes = b"",
) -> Request:
    """A request about a container."""
    return Request(
        operation=operation,
        method=method,
        url=with_query(container_url(site, container), ("restype", "container"), *parameters),
        headers=headers,
        body=body,
        container=container,
    )


def on_object(
    site: Site, operation: str, method: str, ref: ObjectRef, *parameters: tuple[str, str | None], **more: Unpack[_More]
) -> Request:
    """A request about a blob, or about a snapshot or version of it.

    Of a change with a condition the first try may have taken effect, and then the second fails although it is ours.
    """
    is_change = method == "PUT" and ref.if_match is not None
    return Request(
        operation=operation,
        method=method,
        url=with_query(object_url(site, ref.container, ref.key), _version(ref.version_id), *parameters),
        headers={**conditions_of(ref.if_match, None), **key_headers(ref.customer_key), **more.get("headers", EMPTY)},
        body=more.get("body", b""),
        container=ref.container,
        key=ref.key,
        is_repeatable=more.get("is_repeatable", not is_change),
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
    """Put Blob. Source: https://learn.microsoft.com/rest/api/storageservices/put-blob.

    With a condition and no mark it is not repeatable: the first try may have taken effect, and then the
    second fails although the object is ours.
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
        is_repeatable=not conditions or write_ids.NAME in options.metadata,
        on_sent=on_sent,
    )


def get_object(site: Site, container: str, key: str, options: ReadOptions) -> Request:
    """Get Blob. Source: https://learn.microsoft.com/rest/api/storageservices/get-blob.

    The range begins at or after the start of the object: Azure knows no other.
    """
    headers = {"accept-encoding": "identity"}
    if options.byte_range is not None and options.byte_range != (0, None):
        headers["x-ms-range"] = range_header(*options.byte_range)
    return _read(site, "get_object", "GET", container, key, options, headers)


def head_object(site: Site, container: str, key: str, options: ReadOptions) -> Request:
    """Get Blob Properties. Source: https://learn.microsoft.com/rest/api/storageservices/get-blob-properties."""
    return _read(site, "head_object", "HEAD", container, key, options, {})


def _read(
    site: Site, operation: str, method: str, container: str, key: str, options: ReadOptions, headers: dict[str, str]
) -> Request:
    conditions = conditions_of(options.if_match, options.if_none_match)
    return Request(
        operation=operation,
        method=method,
        url=version_url(site, container, key, options.version_id),
        headers={**headers, **conditions, **key_headers(options.customer_key)},
        container=container,
        key=key,
    )


def delete_object(site: Site, ref: ObjectRef, *, with_snapshots: bool = True) -> Request:
    """Delete Blob, or one snapshot or version of it. One with snapshots is refused where they are to stay.

    Source: https://learn.microsoft.com/rest/api/storageservices/delete-blob
    """
    is_whole = ref.version_id is None and site.delete_snapshots and with_snapshots
    headers = {"x-ms-delete-snapshots": "include"} if is_whole else EMPTY
    return on_object(site, "delete_object", "DELETE", replace(ref, customer_key=None), headers=headers)


def delete_objects(site: Site, container: str, refs: Sequence[ObjectRef]) -> Batch:
    """Blob Batch of deletions. Source: https://learn.microsoft.com/rest/api/storageservices/blob-batch."""
    return Batch(
        operation="delete_objects",
        method="POST",
        url=with_query(container_url(site, container), ("restype", "container"), ("comp", "batch")),
        container=container,
        inner=[delete_object(site, ref) for ref in refs],
    )


def copy_object(site: Site, source: ObjectRef, container: str, key: str, *, with_tags: bool) -> Request:
    """Copy Blob From URL, with the headers and metadata of the source; it is done when the answer is there.

    Source: https://learn.microsoft.com/rest/api/storageservices/copy-blob-from-url
    """
    tags = {COPY_TAGS: "COPY"} if with_tags else {}
    return Request(
        operation="copy_object",
        method="PUT",
        url=object_url(site, container, key),
        headers={**_copy_source(site, source), **tags, "x-ms-requires-sync": "true"},
        container=container,
        key=key,
    )


def _copy_source(site: Site, source: ObjectRef) -> dict[str, str]:
    headers = {COPY_SOURCE: version_url(site, source.container, source.key, source.version_id)}
    if source.if_match is not None:
        headers["x-ms-source-if-match"] = quoted_etag(source.if_match)
    return headers


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


def find_by_tags(site: Site, expression: str, *, container: str | None, token: str | None) -> Request:
    """Find Blobs by Tags, in a container or in the whole account."""
    where = f"{site.url}/" if container is None else container_url(site, container)
    kind = None if container is None else "container"
    url = with_query(where, ("restype", kind), ("comp", "blobs"), ("where", expression), ("marker", token))
    return Request(operation="find_by_tags", method="GET", url=url, container=container)


def find_any(site: Site, container: str) -> Request:
    """List Blobs, no more than one: to know whether there is any."""
    include = "versions" if site.capabilities.versioning else None
    return _list_blobs(site, "delete_container", container, ("maxresults", "1"), ("include", include))


def _list_blobs(site: Site, operation: str, container: str, *parameters: tuple[str, str | None]) -> Request:
    url = with_query(container_url(site, container), ("restype", "container"), ("comp", "list"), *parameters)
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
        url=block_url(site, upload, number),
        headers={**digests, **key_headers(upload.customer_key)},
        body=body,
        container=upload.container,
        key=upload.key,
        on_sent=on_sent,
    )


def copy_part(site: Site, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Request:
    """Put Block From URL. Source: https://learn.microsoft.com/rest/api/storageservices/put-block-from-url."""
    start, stop = byte_range
    if stop is None:
        raise InvalidArgumentError("a part is copied from a range with both ends", provider="azure")
    source_range = {"x-ms-source-range": range_header(start, stop)}
    return Request(
        operation="copy_part",
        method="PUT",
        url=block_url(site, upload, number),
        headers={**_copy_source(site, source), **source_range, **key_headers(upload.customer_key)},
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
        url=with_query(object_url(site, upload.container, upload.key), ("comp", "blocklist")),
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
    url = with_query(object_url(site, container, key), ("comp", "blocklist"), ("blocklisttype", which))
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


def block_url(site: Site, upload: Upload, number: int) -> str:
    """URL of a block."""
    url = object_url(site, upload.container, upload.key)
    return with_query(url, ("comp", "block"), ("blockid", block_name(upload.upload_id, number)))


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
        url=with_query(f"{site.url}/", ("restype", "service"), ("comp", "userdelegationkey")),
        headers={"content-type": "application/xml"},
        body=xml.document("KeyInfo", "".join(life)),
    )

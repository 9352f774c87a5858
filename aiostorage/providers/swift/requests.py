"""Requests of Swift, one function for each operation. Pure: nothing is sent here.

URLs begin with a name for the account: where that is, the token tells; see ``signing``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from aiostorage._http.canonical import quote_key, quote_text, with_query
from aiostorage._http.headers import header_text
from aiostorage._http.messages import Request
from aiostorage._http.metadata import to_headers
from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.providers.swift import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from aiostorage.models import (
        Buffer,
        ByteRange,
        ContainerOptions,
        ListQuery,
        ObjectRef,
        Part,
        ReadOptions,
        Upload,
        WriteOptions,
    )

METADATA: Final = "x-object-meta-"
CRC32: Final = "aiostorage-crc32"
"""Name of the metadata that holds the CRC-32 of a large object, and the etag that it goes with."""

JSON: Final = "application/json"

ACCOUNT: Final = "https://account.invalid"
"""What the URLs of the account begin with until they are signed."""

DELIVERY: Final = "https://cdn.invalid"
"""The same for those of its CDN."""

EXTRA: Final = frozenset({"x-delete-at", "x-delete-after", "x-robots-tag", "expires"})
"""What a write may name as ``extra``."""

_CONTAINER_EXTRA: Final = frozenset({
    "x-container-read",
    "x-container-write",
    "x-versions-enabled",
    "x-versions-location",
    "x-history-location",
    "x-container-sync-to",
    "x-container-sync-key",
})
_CONTAINER_META: Final = "x-container-meta-"

ACLS: Final[Mapping[str, Mapping[str, str]]] = {
    "private": {},
    "public-read": {"x-container-read": ".r:*,.rlistings"},
    "public-read-objects": {"x-container-read": ".r:*"},
}
"""Who may read a container, by the words that other providers have for it."""


def container_url(container: str) -> str:
    """URL of a container."""
    return f"{ACCOUNT}/{quote_text(container)}"


def object_url(container: str, key: str) -> str:
    """URL of an object; the key is in it byte for byte."""
    return ACCOUNT + path_of(container, key)


def path_of(container: str, key: str) -> str:
    """An object below its account, as headers and lists name it."""
    return f"/{quote_text(container)}/{quote_key(key)}"


# The account


def info(root: str) -> Request:
    """What the cluster can do. Source: https://docs.openstack.org/swift/latest/api/discoverability.html."""
    return Request(operation="info", method="GET", url=f"{root}/info")


def head_account() -> Request:
    """The account's own metadata, with its keys if one may see them."""
    return Request(operation="head_account", method="HEAD", url=f"{ACCOUNT}/")


def update_account(headers: Mapping[str, str]) -> Request:
    """Change the account's metadata."""
    return Request(operation="update_account", method="POST", url=f"{ACCOUNT}/", headers=headers)


def list_containers(*, prefix: str, token: str | None) -> Request:
    """A page of containers. Source: https://docs.openstack.org/api-ref/object-store/#show-account-details-and-list-containers."""
    url = with_query(f"{ACCOUNT}/", ("format", "json"), ("prefix", prefix or None), ("marker", token))
    return Request(operation="list_containers", method="GET", url=url)


# Containers


def create_container(container: str, headers: Mapping[str, str], *, operation: str = "create_container") -> Request:
    """Make a container, or update one that is there.

    Source: https://docs.openstack.org/api-ref/object-store/#create-container
    """
    return Request(
        operation=operation, method="PUT", url=container_url(container), headers=headers, container=container
    )


def head_container(container: str, *, operation: str = "head_container") -> Request:
    """What is known of a container."""
    return Request(operation=operation, method="HEAD", url=container_url(container), container=container)


def update_container(container: str, headers: Mapping[str, str]) -> Request:
    """Change a container's metadata.

    Source: https://docs.openstack.org/api-ref/object-store/#create-update-or-delete-container-metadata
    """
    return Request(
        operation="update_container", method="POST", url=container_url(container), headers=headers, container=container
    )


def delete_container(container: str) -> Request:
    """Remove an empty container. Source: https://docs.openstack.org/api-ref/object-store/#delete-container."""
    return Request(operation="delete_container", method="DELETE", url=container_url(container), container=container)


def list_objects(container: str, query: ListQuery, *, token: tuple[str, str | None] | None, page_size: int) -> Request:
    """A page of objects, or of their versions.

    Source: https://docs.openstack.org/api-ref/object-store/#show-container-details-and-list-objects,
    https://docs.openstack.org/swift/latest/api/object_versioning.html
    """
    marker, version = token or (query.start_after, None)
    url = with_query(
        container_url(container),
        ("format", "json"),
        ("limit", str(page_size)),
        ("marker", marker or None),
        ("version_marker", version),
        ("prefix", query.prefix or None),
        ("delimiter", query.delimiter or None),
        ("versions", "true" if query.versions else None),
    )
    return Request(operation="list_objects", method="GET", url=url, container=container)


def list_names(container: str, *, prefix: str, marker: str | None, operation: str) -> Request:
    """A page of whatever a container holds, such as segments."""
    url = with_query(
        container_url(names.segments_container(container)),
        ("format", "json"),
        ("prefix", prefix or None),
        ("marker", marker or None),
    )
    return Request(operation=operation, method="GET", url=url, container=container)


# Objects


def put_object(
    container: str,
    key: str,
    body: Buffer,
    options: WriteOptions,
    *,
    md5: bytes,
    on_sent: Callable[[int], None] | None,
) -> Request:
    """Store an object. Source: https://docs.openstack.org/api-ref/object-store/#create-or-replace-object."""
    return Request(
        operation="put_object",
        method="PUT",
        url=object_url(container, key),
        headers={**content_headers(options), "etag": md5.hex()},
        body=body,
        container=container,
        key=key,
        on_sent=on_sent,
    )


def get_object(container: str, key: str, options: ReadOptions) -> Request:
    """Read an object. Source: https://docs.openstack.org/api-ref/object-store/#get-object-content-and-metadata."""
    headers = _conditions(options)
    headers["accept-encoding"] = "identity"
    if options.byte_range is not None and options.byte_range != (0, None):
        headers["range"] = _range_header(*options.byte_range)
    return _read("GET", container, key, options.version_id, headers, operation="get_object")


def head_object(
    container: str, key: str, options: ReadOptions, *, is_newest: bool = False, operation: str = "head_object"
) -> Request:
    """What is known of an object. ``is_newest``: all copies are asked, and the newest answers.

    Source: https://docs.openstack.org/api-ref/object-store/#show-object-metadata
    """
    headers = {**_conditions(options), **({"x-newest": "true"} if is_newest else {})}
    return _read("HEAD", container, key, options.version_id, headers, operation=operation)


def get_manifest(container: str, key: str, *, version_id: str | None, operation: str) -> Request:
    """The manifest of a large object, from the newest of its copies.

    Source: https://docs.openstack.org/swift/latest/api/large_objects.html
    """
    url = with_query(object_url(container, key), ("multipart-manifest", "get"), ("version-id", version_id))
    headers = {"x-newest": "true"}
    return Request(operation=operation, method="GET", url=url, headers=headers, container=container, key=key)


def _read(
    method: str, container: str, key: str, version_id: str | None, headers: Mapping[str, str], *, operation: str
) -> Request:
    url = with_query(object_url(container, key), ("version-id", version_id))
    return Request(operation=operation, method=method, url=url, headers=headers, container=container, key=key)


def delete_object(ref: ObjectRef) -> Request:
    """Remove an object; of a large one its manifest. Source: https://docs.openstack.org/api-ref/object-store/#delete-object."""
    url = with_query(object_url(ref.container, ref.key), ("version-id", ref.version_id))
    return Request(operation="delete_object", method="DELETE", url=url, container=ref.container, key=ref.key)


def restore_version(container: str, key: str, version_id: str) -> Request:
    """Make an older version the current one.

    Source: https://docs.openstack.org/swift/latest/middleware.html#object-versioning
    """
    url = with_query(object_url(container, key), ("version-id", version_id))
    return Request(operation="delete_object", method="PUT", url=url, container=container, key=key)


def delete_objects(container: str, paths: Sequence[tuple[str, str]], *, operation: str = "delete_objects") -> Request:
    """Remove many objects. Source: https://docs.openstack.org/swift/latest/api/bulk-delete.html.

    Args:
        container: For errors.
        paths: Container and key of each.
        operation: For errors.
    """
    return Request(
        operation=operation,
        method="POST",
        url=f"{ACCOUNT}/?bulk-delete=true",
        headers={"content-type": "text/plain", "accept": JSON},
        body="".join([f"{path_of(*path)}\n" for path in paths]).encode(),
        container=container,
    )


def copy_object(source: ObjectRef, container: str, key: str, options: WriteOptions | None) -> Request:
    """Copy an object: its content, also that of a large one, becomes one object of its own.

    Source: https://docs.openstack.org/api-ref/object-store/#copy-object
    """
    headers = {} if options is None else {"x-fresh-metadata": "true", **content_headers(options)}
    return _copy("copy_object", source, container, key, headers, owner=(container, key))


def copy_part(upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Request:
    """Copy a range of an object into a segment."""
    start, stop = byte_range
    if stop is None or start < 0:
        raise InvalidArgumentError("a part is copied from a range with both ends", provider="swift")
    return _copy(
        "copy_part",
        source,
        names.segments_container(upload.container),
        names.segment_name(upload, number),
        {"range": _range_header(start, stop), "x-fresh-metadata": "true", "content-type": "application/octet-stream"},
        owner=(upload.container, upload.key),
    )


def _copy(
    operation: str, source: ObjectRef, container: str, key: str, headers: Mapping[str, str], *, owner: tuple[str, str]
) -> Request:
    if source.if_match is not None:  # what stands in conditions of a copy is compared with its source
        headers = {**headers, "if-match": _quoted(source.if_match)}
    return Request(
        operation=operation,
        method="COPY",
        url=with_query(object_url(source.container, source.key), ("version-id", source.version_id)),
        headers={**headers, "destination": path_of(container, key)},
        container=owner[0],
        key=owner[1],
    )


def update_object(container: str, key: str, headers: Mapping[str, str]) -> Request:
    """Replace an object's metadata. Source: https://docs.openstack.org/api-ref/object-store/#create-or-update-object-metadata."""
    url = object_url(container, key)
    return Request(operation="update_object", method="POST", url=url, headers=headers, container=container, key=key)


# Uploads by parts


def upload_part(
    upload: Upload,
    number: int,
    body: Buffer,
    *,
    md5: bytes,
    headers: Mapping[str, str],
    on_sent: Callable[[int], None] | None,
) -> Request:
    """Store a segment. Source: https://docs.openstack.org/swift/latest/api/large_objects.html."""
    return Request(
        operation="upload_part",
        method="PUT",
        url=object_url(names.segments_container(upload.container), names.segment_name(upload, number)),
        headers={"content-type": "application/octet-stream", **headers, "etag": md5.hex()},
        body=body,
        container=upload.container,
        key=upload.key,
        on_sent=on_sent,
    )


def complete_upload(
    upload: Upload, parts: Sequence[Part], options: WriteOptions, *, checksum: str | None, heartbeat: bool
) -> Request:
    """Store the manifest: the cluster looks at every segment, and refuses what is not as it is named.

    Args:
        upload: The upload.
        parts: Its parts, in order.
        options: Those of the object.
        checksum: What to keep as its checksum; see :data:`CRC32`.
        heartbeat: Whether the answer begins before the work is done.

    Source: https://docs.openstack.org/swift/latest/api/large_objects.html
    """
    container = names.segments_container(upload.container)
    # As UTF-8: Ceph reads escapes of what lies beyond 16 bits as two characters.
    manifest = [
        {"path": f"/{container}/{names.segment_name(upload, part.number)}", "etag": part.etag, "size_bytes": part.size}
        for part in parts
    ]
    headers = {**content_headers(options), "accept": JSON}
    if checksum is not None:
        headers[METADATA + CRC32] = checksum
    url = object_url(upload.container, upload.key)
    return Request(
        operation="complete_upload",
        method="PUT",
        url=with_query(url, ("multipart-manifest", "put"), ("heartbeat", "on" if heartbeat else None)),
        headers=headers,
        body=json.dumps(manifest, ensure_ascii=False).encode(),
        container=upload.container,
        key=upload.key,
    )


# Content delivery


def head_cdn(container: str) -> Request:
    """Whether and where a container is delivered."""
    return _delivery("HEAD", container, "", {})


def enable_cdn(container: str, *, ttl_s: int | None) -> Request:
    """Have a container delivered."""
    headers = {"x-cdn-enabled": "True"} | ({} if ttl_s is None else {"x-ttl": str(ttl_s)})
    return _delivery("PUT", container, "", headers)


def disable_cdn(container: str) -> Request:
    """Have a container delivered no more."""
    return _delivery("PUT", container, "", {"x-cdn-enabled": "False"})


def purge(container: str, key: str) -> Request:
    """Have the edges drop their copies of an object."""
    return _delivery("DELETE", container, f"/{quote_key(key)}", {})


def _delivery(method: str, container: str, rest: str, headers: Mapping[str, str]) -> Request:
    url = f"{DELIVERY}/{quote_text(container)}{rest}"
    return Request(operation="cdn", method=method, url=url, headers=headers, container=container)


# Headers


def content_headers(options: WriteOptions) -> dict[str, str]:
    """The headers of an object that is stored."""
    named = {
        "content-type": options.content_type,
        "cache-control": options.cache_control,
        "content-disposition": options.content_disposition,
        "content-encoding": options.content_encoding,
        "content-language": options.content_language,
    }
    headers = {name: header_text(name, value) for name, value in named.items() if value is not None}
    if options.metadata:
        headers |= to_headers(METADATA, options.metadata)
    for name, value in options.extra.items():
        if name.lower() not in EXTRA:
            raise _unknown(name, EXTRA)
        if value:
            headers[name.lower()] = header_text(name, value)
    return headers


def container_headers(options: ContainerOptions) -> dict[str, str]:
    """The headers of a container that is made.

    Raises:
        UnsupportedError: Swift has nothing of the kind.
        InvalidArgumentError: The access rights, or an extra, are unknown.

    Source: https://docs.openstack.org/swift/latest/overview_acl.html
    """
    if options.region is not None or options.object_lock or options.ownership is not None:
        raise UnsupportedError("containers have no region, lock or ownership of their own", provider="swift")
    headers: dict[str, str] = {}
    if options.storage_class is not None:
        headers["x-storage-policy"] = header_text("storage_class", options.storage_class)
    if options.acl is not None:
        if options.acl not in ACLS:
            raise InvalidArgumentError(f"acl is one of {', '.join(ACLS)}", provider="swift")
        headers |= ACLS[options.acl]
    for name, value in options.extra.items():
        if name.lower() not in _CONTAINER_EXTRA and not name.lower().startswith(_CONTAINER_META):
            raise _unknown(name, _CONTAINER_EXTRA)
        headers[name.lower()] = header_text(name, value)
    return headers


def _unknown(name: str, known: Iterable[str]) -> InvalidArgumentError:
    return InvalidArgumentError(f"{name!r} is not one of {', '.join(sorted(known))}", provider="swift")


def _conditions(options: ReadOptions) -> dict[str, str]:
    named = {"if-match": options.if_match, "if-none-match": options.if_none_match}
    return {name: _quoted(etag) for name, etag in named.items() if etag is not None}


def _quoted(etag: str) -> str:
    return "*" if etag == "*" else f'"{header_text("an etag", etag)}"'


def _range_header(start: int, stop: int | None) -> str:
    if stop is None:
        return f"bytes={start}" if start < 0 else f"bytes={start}-"
    if not 0 <= start < stop:
        raise InvalidArgumentError(f"bytes {start} to {stop} are no range", provider="swift")
    return f"bytes={start}-{stop - 1}"

"""Requests of Google Cloud Storage but for those of uploads by parts. Pure: nothing is sent here.

The JSON API throughout, but for one: content is read by the XML API, because the JSON API's answer
to a read leaves out the metadata. A key is one segment of a path in both, so that no slash or dot in
it means anything to a proxy.
"""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Final

from aiostorage._http import multipart, write_ids
from aiostorage._http.canonical import quote_text, with_query
from aiostorage._http.headers import range_header
from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError
from aiostorage.providers.gcs.resources import (
    CONDITIONS,
    CONTAINER_FIELDS,
    OBJECT_FIELDS,
    acl_word,
    container_resource,
    kms_key_of,
    object_resource,
)
from aiostorage.providers.gcs.values import generation_of, key_headers, to_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiostorage.models import Buffer, ContainerOptions, ListQuery, ObjectRef, ReadOptions, WriteOptions
    from aiostorage.providers.gcs.config import Site

JSON_TYPE: Final = "application/json; charset=UTF-8"


def container_path(container: str) -> str:
    """The path of a bucket in the JSON API."""
    return f"/storage/v1/b/{quote_text(container)}"


def object_path(container: str, key: str) -> str:
    """The path of an object in the JSON API."""
    return f"{container_path(container)}/o/{quote_text(key)}"


def object_url(site: Site, container: str, key: str) -> str:
    """The URL of an object in the XML API."""
    return f"{site.base_url}/{quote_text(container)}/{quote_text(key)}"


def headers_of(site: Site, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Headers, with what this site needs in all requests."""
    own = {} if site.user_project is None else {"x-goog-user-project": site.user_project}
    return {**own, **(headers or {})}


def json_body(resource: object) -> bytes:
    """A body of JSON."""
    return dumps(resource, separators=(",", ":")).encode()


# Containers


def list_containers(site: Site, project: str, *, prefix: str, token: str | None) -> Request:
    """Buckets: list. Source: https://cloud.google.com/storage/docs/json_api/v1/buckets/list."""
    url = with_query(
        f"{site.base_url}/storage/v1/b",
        ("project", project),
        ("prefix", prefix or None),
        ("pageToken", token),
        ("fields", f"nextPageToken,items({CONTAINER_FIELDS})"),
    )
    return Request(operation="list_containers", method="GET", url=url, headers=headers_of(site))


def create_container(site: Site, project: str, container: str, options: ContainerOptions) -> Request:
    """Buckets: insert. Source: https://cloud.google.com/storage/docs/json_api/v1/buckets/insert."""
    return Request(
        operation="create_container",
        method="POST",
        url=with_query(
            f"{site.base_url}/storage/v1/b",
            ("project", project),
            ("predefinedAcl", acl_word(options.acl)),
            ("enableObjectRetention", "true" if options.object_lock else None),
            ("fields", CONTAINER_FIELDS),
        ),
        headers=headers_of(site, {"content-type": JSON_TYPE}),
        body=json_body(container_resource(container, options)),
        container=container,
    )


def head_container(site: Site, container: str) -> Request:
    """Buckets: get. Source: https://cloud.google.com/storage/docs/json_api/v1/buckets/get."""
    url = with_query(site.base_url + container_path(container), ("fields", CONTAINER_FIELDS))
    return Request(operation="head_container", method="GET", url=url, headers=headers_of(site), container=container)


def delete_container(site: Site, container: str) -> Request:
    """Buckets: delete. Source: https://cloud.google.com/storage/docs/json_api/v1/buckets/delete."""
    return Request(
        operation="delete_container",
        method="DELETE",
        url=site.base_url + container_path(container),
        headers=headers_of(site),
        container=container,
    )


# Objects


def put_object(
    site: Site,
    container: str,
    key: str,
    body: Buffer,
    options: WriteOptions,
    *,
    md5: bytes,
    boundary: str,
    on_sent: Callable[[int], None] | None,
) -> Request:
    """Objects: insert, description and content in one request; the service refuses content of another MD5.

    Args:
        site: Where to.
        container: Name of the container.
        key: Name of the object.
        body: The content.
        options: How to store it. With a condition and no mark the request is not repeatable: the first try
            may have taken effect, and then the second fails although the object is ours.
        md5: The digest of the content.
        boundary: What stands between the two; nothing in the content is like it.
        on_sent: Told how many bytes of the content have moved.

    Source: https://cloud.google.com/storage/docs/uploading-objects#multipart-upload
    """
    resource = {**object_resource(options), "name": key, "md5Hash": to_base64(md5)}
    content_type = options.content_type or "application/octet-stream"
    described = multipart.build([({"content-type": JSON_TYPE}, json_body(resource))], boundary)
    head = described[: -len(f"--{boundary}--\r\n")]
    head += f"--{boundary}\r\ncontent-type: {content_type}\r\n\r\n".encode()
    conditions = write_conditions(options)
    url = with_query(
        f"{site.base_url}/upload{container_path(container)}/o",
        ("uploadType", "multipart"),
        *conditions,
        *write_parameters(options),
        ("fields", OBJECT_FIELDS),
    )
    headers = {"content-type": f"multipart/related; boundary={boundary}", **key_headers(options.customer_key)}
    return Request(
        operation="put_object",
        method="POST",
        url=url,
        headers=headers_of(site, headers),
        body=b"".join((head, body, f"\r\n--{boundary}--\r\n".encode())),
        container=container,
        key=key,
        is_repeatable=not conditions or write_ids.NAME in options.metadata,
        on_sent=None if on_sent is None else _counting(on_sent, len(head), len(body)),
    )


def _counting(on_sent: Callable[[int], None], start: int, size: int) -> Callable[[int], None]:
    """Counts those bytes of a body that are content: ``size`` of them, from ``start`` on."""
    position = 0

    def count(moved: int) -> None:
        nonlocal position
        before = min(max(position - start, 0), size)
        position += moved
        if (change := min(max(position - start, 0), size) - before) != 0:
            on_sent(change)

    return count


def get_object(site: Site, container: str, key: str, options: ReadOptions) -> Request:
    """GET Object of the XML API; Objects: get of the JSON API where only that has the condition.

    Content stored compressed comes as it is stored, because the request says that it may.

    Source: https://cloud.google.com/storage/docs/xml-api/get-object,
    https://cloud.google.com/storage/docs/json_api/v1/objects/get,
    https://cloud.google.com/storage/docs/transcoding
    """
    headers = headers_of(site, {"accept-encoding": "gzip", **key_headers(options.customer_key)})
    if options.byte_range is not None and options.byte_range != (0, None):
        headers["range"] = range_header(*options.byte_range)
    version = ("generation", _version(options.version_id))
    if options.if_none_match is not None:
        url = with_query(
            f"{site.base_url}/download{object_path(container, key)}",
            ("alt", "media"),
            version,
            *_read_conditions(options),
        )
    else:
        url = with_query(object_url(site, container, key), version)
        if options.if_match not in {None, "*"}:
            headers["x-goog-if-generation-match"] = generation_of(options.if_match or "")
    return Request(operation="get_object", method="GET", url=url, headers=headers, container=container, key=key)


def head_object(site: Site, container: str, key: str, options: ReadOptions) -> Request:
    """Objects: get, of the description. Source: https://cloud.google.com/storage/docs/json_api/v1/objects/get."""
    url = with_query(
        site.base_url + object_path(container, key),
        ("generation", _version(options.version_id)),
        *_read_conditions(options),
        ("fields", OBJECT_FIELDS),
    )
    return Request(
        operation="head_object",
        method="GET",
        url=url,
        headers=headers_of(site, key_headers(options.customer_key)),
        container=container,
        key=key,
    )


def delete_object(site: Site, ref: ObjectRef) -> Request:
    """Objects: delete. Source: https://cloud.google.com/storage/docs/json_api/v1/objects/delete."""
    return Request(
        operation="delete_object",
        method="DELETE",
        url=site.base_url + _delete_target(ref),
        headers=headers_of(site),
        container=ref.container,
        key=ref.key,
        is_repeatable=ref.if_match is None,
    )


def delete_objects(site: Site, container: str, refs: Sequence[ObjectRef], *, boundary: str) -> Request:
    """A batch of deletions. Source: https://cloud.google.com/storage/docs/batch."""
    parts = [
        (
            {"content-type": "application/http", "content-transfer-encoding": "binary", "content-id": f"<{number}>"},
            f"DELETE {_delete_target(ref)} HTTP/1.1\r\n\r\n".encode(),
        )
        for number, ref in enumerate(refs)
    ]
    return Request(
        operation="delete_objects",
        method="POST",
        url=f"{site.base_url}/batch/storage/v1",
        headers=headers_of(site, {"content-type": f"multipart/mixed; boundary={boundary}"}),
        body=multipart.build(parts, boundary),
        container=container,
        is_repeatable=all(ref.if_match is None for ref in refs),
    )


def _delete_target(ref: ObjectRef) -> str:
    return with_query(
        object_path(ref.container, ref.key), ("generation", _version(ref.version_id)), *_target_condition(ref)
    )


def copy_object(
    site: Site, source: ObjectRef, container: str, key: str, options: WriteOptions | None, *, token: str | None
) -> Request:
    """Objects: rewrite. A long one is asked for again, with the token of the answer before, until it is done.

    Source: https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite
    """
    conditions = [] if options is None else write_conditions(options)
    parameters = conditions
    if options is not None:
        parameters = conditions + write_parameters(options, kms="destinationKmsKeyName", acl="destinationPredefinedAcl")
    url = with_query(
        f"{site.base_url}{object_path(source.container, source.key)}/rewriteTo/b/{quote_text(container)}"
        f"/o/{quote_text(key)}",
        ("sourceGeneration", _version(source.version_id)),
        ("ifSourceGenerationMatch", None if source.if_match is None else generation_of(source.if_match)),
        *parameters,
        ("rewriteToken", token),
        ("fields", f"done,rewriteToken,totalBytesRewritten,objectSize,resource({OBJECT_FIELDS})"),
    )
    return Request(
        operation="copy_object",
        method="POST",
        url=url,
        headers=headers_of(
            site,
            {
                "content-type": JSON_TYPE,
                **key_headers(source.customer_key, prefix="x-goog-copy-source-"),
                **key_headers(None if options is None else options.customer_key),
            },
        ),
        body=b"" if options is None else json_body(object_resource(options)),
        container=container,
        key=key,
        is_repeatable=not conditions,
    )


def compose_object(
    site: Site, container: str, key: str, sources: Sequence[ObjectRef], options: WriteOptions
) -> Request:
    """Objects: compose, of up to 32 objects of the same container.

    Source: https://cloud.google.com/storage/docs/json_api/v1/objects/compose
    """
    if not 1 <= len(sources) <= MAX_COMPOSED:
        raise InvalidArgumentError(f"an object is composed of 1 to {MAX_COMPOSED} others", provider="gcs")
    conditions = write_conditions(options)
    entries: list[dict[str, str]] = []
    for source in sources:
        if source.container != container:
            raise InvalidArgumentError("an object is composed of others in its container", provider="gcs")
        version = {} if source.version_id is None else {"generation": generation_of(source.version_id)}
        entries.append({"name": source.key, **version})
    url = with_query(f"{site.base_url}{object_path(container, key)}/compose", *conditions, ("fields", OBJECT_FIELDS))
    return Request(
        operation="compose_object",
        method="POST",
        url=url,
        headers=headers_of(site, {"content-type": JSON_TYPE, **key_headers(options.customer_key)}),
        body=json_body({"sourceObjects": entries, "destination": object_resource(options)}),
        container=container,
        key=key,
        is_repeatable=False,  # the object may be one of its own sources
    )


MAX_COMPOSED: Final = 32


def list_objects(site: Site, container: str, query: ListQuery, *, start: str | None, token: str | None) -> Request:
    """Objects: list.

    Args:
        site: Where to.
        container: Name of the container.
        query: What to list.
        start: The first name of interest, where no token says it.
        token: The service's own, from the page before.

    Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list
    """
    page_size = None if query.page_size is None else str(min(query.page_size, site.capabilities.limits.max_page_size))
    url = with_query(
        f"{site.base_url}{container_path(container)}/o",
        ("prefix", query.prefix or None),
        ("delimiter", query.delimiter or None),
        ("startOffset", start or None),
        ("maxResults", page_size),
        ("pageToken", token),
        ("versions", "true" if query.versions else None),
        ("fields", f"nextPageToken,prefixes,items({OBJECT_FIELDS})"),
    )
    return Request(operation="list_objects", method="GET", url=url, headers=headers_of(site), container=container)


# Parameters


def write_conditions(options: WriteOptions) -> list[tuple[str, str | None]]:
    """Conditions of a write: ``if_match`` names a generation, and there is none of what is not there.

    Raises:
        InvalidArgumentError: They are none.

    Source: https://cloud.google.com/storage/docs/request-preconditions
    """
    conditions: list[tuple[str, str | None]] = [
        (name, generation_of(value, what=name)) for name, value in options.extra.items() if name in CONDITIONS
    ]
    if options.if_none_match is not None:
        if options.if_none_match != "*" or options.if_match is not None:
            raise InvalidArgumentError('if_none_match of a write is "*", and alone', provider="gcs")
        conditions.append(("ifGenerationMatch", "0"))
    elif options.if_match == "*":
        conditions.append(("ifGenerationNotMatch", "0"))
    elif options.if_match is not None:
        conditions.append(("ifGenerationMatch", generation_of(options.if_match)))
    return conditions


def write_parameters(
    options: WriteOptions, *, kms: str = "kmsKeyName", acl: str = "predefinedAcl"
) -> list[tuple[str, str | None]]:
    """What of a write is said in the query: the key of the key management service, and the access list."""
    return [(kms, kms_key_of(options)), (acl, acl_word(options.acl))]


def _target_condition(ref: ObjectRef) -> list[tuple[str, str | None]]:
    """The condition that an object is still what it was: some change it, some remove it."""
    return [("ifGenerationMatch", None if ref.if_match is None else generation_of(ref.if_match))]


def _read_conditions(options: ReadOptions) -> list[tuple[str, str | None]]:
    conditions: list[tuple[str, str | None]] = []
    if options.if_match not in {None, "*"}:  # reading what is not there fails without a condition
        conditions.append(("ifGenerationMatch", generation_of(options.if_match or "")))
    if options.if_none_match is not None:
        conditions.append(("ifGenerationNotMatch", generation_of(options.if_none_match)))
    return conditions


def _version(version_id: str | None) -> str | None:
    return None if version_id is None else generation_of(version_id, what="the version")

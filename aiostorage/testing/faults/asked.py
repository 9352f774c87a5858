"""What a request asks for, in words that all providers share: an operation, a container, a key. Pure.

The words are those of :class:`~aiostorage.backend.Backend`: ``put_object``, ``upload_part``, ``list_objects``.
What has no word there is called by its method and what follows in the protocol: ``get_versioning``, ``put_acl``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Query: TypeAlias = Mapping[str, str]

Dialect: TypeAlias = Literal["s3", "gcs", "azure", "swift"]
"""Whose protocol is spoken: how requests are read, and in which form errors are said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for.

    Attributes:
        operation: The operation.
        container: Name of the container, if it is about one.
        key: Name of the object, if it is about one.
    """

    operation: str
    container: str | None = None
    key: str | None = None


UNKNOWN = Asked(operation="")

_OBJECTS = {"GET": "get_object", "HEAD": "head_object", "PUT": "put_object", "DELETE": "delete_object"}
_CONTAINERS = {"GET": "list_objects", "HEAD": "head_container", "PUT": "create_container", "DELETE": "delete_container"}
_PARAMETERS = frozenset({
    "list-type", "prefix", "delimiter", "marker", "max-keys", "start-after", "continuation-token", "encoding-type",
    "fetch-owner", "versions", "version-id-marker", "key-marker", "versionid", "partnumber", "uploadid", "uploads",
    "upload-id-marker", "max-uploads", "max-parts", "part-number-marker", "delete", "x-id",
})  # fmt: skip
"""Of S3's requests; whatever else comes without a value names a document, such as ``tagging``."""

_JSON = re.compile(
    r"/(?:(?:upload|download|resumable/upload)/)?storage/v1/b(?:/(?P<container>[^/]+))?"
    r"(?P<objects>/o)?(?:(?<=/o)/(?P<key>[^/]+))?(?:/(?P<rest>[A-Za-z]+).*)?"
)

_SEGMENTS = "_segments"


def asked_for(dialect: Dialect, method: str, path: str, query: Query, has_header: Callable[[str], bool]) -> Asked:
    """What a request asks for.

    Args:
        dialect: The protocol.
        method: In capitals.
        path: Below the root of the service, still percent-encoded.
        query: The parameters, decoded.
        has_header: Whether it has a header, whose name is given in lower case.
    """
    match dialect:
        case "s3":
            return _s3(method, path, query, is_copy=has_header("x-amz-copy-source"))
        case "gcs":
            return _gcs(method, path, query)
        case "azure":
            return _azure(method, path, query, is_copy=has_header("x-ms-copy-source"))
        case "swift":
            return _swift(method, path, query, is_copy=has_header("x-copy-from"))


def _split(path: str) -> tuple[str | None, str | None]:
    container, _, key = path.removeprefix("/").partition("/")
    return unquote(container) or None, unquote(key) or None


def _s3(method: str, path: str, query: Query, *, is_copy: bool) -> Asked:
    container, key = _split(path)
    low = {name.lower() for name in query}
    document = next((name for name in sorted(low) if not query.get(name) and name not in _PARAMETERS), None)
    if container is None:
        operation = "list_containers"
    elif document is not None:
        operation = f"{method.lower()}_{document}"
    elif key is None:
        named = {"POST": "delete_objects", **({"GET": "list_uploads"} if "uploads" in low else {})}
        operation = named.get(method) or _CONTAINERS.get(method, method.lower())
    elif "partnumber" in low and method == "PUT":
        operation = "copy_part" if is_copy else "upload_part"
    elif "uploadid" in low:
        named = {"POST": "complete_upload", "GET": "list_parts", "DELETE": "abort_upload"}
        operation = named.get(method, method.lower())
    else:
        named = {"POST": "create_upload", **({"PUT": "copy_object"} if is_copy else {})}
        operation = named.get(method) or _OBJECTS.get(method, method.lower())
    return Asked(operation=operation, container=container, key=key)


def _gcs(method: str, path: str, query: Query) -> Asked:
    if path.startswith("/batch/"):
        return Asked(operation="delete_objects")
    found = _JSON.fullmatch(path)
    if found is None:
        return _s3(method, path, query, is_copy=False)
    container, key = (None if name is None else unquote(name) for name in (found["container"], found["key"]))
    rest = found["rest"]
    if container is None:
        operation = "create_container" if method == "POST" else "list_containers"
    elif rest is not None:
        named = {"rewriteTo": "copy_object", "copyTo": "copy_object", "compose": "compose_object"}
        operation = named.get(rest, f"{method.lower()}_{rest}")
    elif "upload_id" in query:
        operation = "upload_part"
    elif path.startswith(("/upload/", "/resumable/")):
        operation = "create_upload" if query.get("uploadType") == "resumable" else "put_object"
        key = query.get("name")
    elif key is not None:
        is_content = path.startswith("/download/") or query.get("alt") == "media"
        named = {"GET": "get_object" if is_content else "head_object", "PATCH": "update_object"}
        operation = named.get(method) or _OBJECTS.get(method, method.lower())
    elif found["objects"]:
        operation = "list_objects"
    else:
        named = {"GET": "head_container", "DELETE": "delete_container", "PATCH": "update_container"}
        operation = named.get(method, method.lower())
    return Asked(operation=operation, container=container, key=key)


def _azure(method: str, path: str, query: Query, *, is_copy: bool) -> Asked:
    container, key = _split(path)
    component = query.get("comp")
    match component:
        case "list" if container is None:
            operation = "list_containers"
        case "list":
            operation = "list_uploads" if "uncommitted" in query.get("include", "") else "list_objects"
        case "batch":
            operation = "delete_objects"
        case "block":
            operation = "copy_part" if is_copy else "upload_part"
        case "blocklist":
            operation = "complete_upload" if method == "PUT" else "list_parts"
        case None if key is None:
            operation = "head_container" if method == "GET" else _CONTAINERS.get(method, method.lower())
        case None:
            operation = "copy_object" if is_copy else _OBJECTS.get(method, method.lower())
        case _:
            operation = f"{method.lower()}_{component}"
    return Asked(operation=operation, container=container, key=key)


def _swift(method: str, path: str, query: Query, *, is_copy: bool) -> Asked:
    if path.startswith("/auth"):
        return Asked(operation="authenticate")
    version, _, rest = path.removeprefix("/").partition("/")
    if version == "info":
        return Asked(operation="info")
    container, key = _split(rest.partition("/")[2])
    is_segment = container is not None and container.endswith(_SEGMENTS)
    if "bulk-delete" in query:
        operation = "delete_objects"
    elif container is None:
        operation = {"GET": "list_containers", "HEAD": "head_account"}.get(method, "update_account")
    elif key is None:
        named = {"POST": "update_container", **({"GET": "list_parts"} if is_segment else {})}
        operation = named.get(method) or _CONTAINERS.get(method, method.lower())
    elif is_segment:
        segments = {"PUT": "copy_part" if is_copy else "upload_part", "DELETE": "abort_upload"}
        operation = segments.get(method) or _OBJECTS.get(method, method.lower())
    elif query.get("multipart-manifest") == "put":
        operation = "complete_upload"
    elif query.get("multipart-manifest") == "get":
        operation = "list_parts"
    else:
        named = {"POST": "update_object", **({"PUT": "copy_object"} if is_copy else {}), "COPY": "copy_object"}
        operation = named.get(method) or _OBJECTS.get(method, method.lower())
    return Asked(operation=operation, container=container, key=key)

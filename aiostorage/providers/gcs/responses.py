"""Answers of Google Cloud Storage, one function for each operation. Pure; errors were sorted out before.

A success that is not what the protocol says raises ``UnexpectedResponseError``.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from aiostorage._http import json, multipart, write_ids
from aiostorage._http.body import Head, which_bytes
from aiostorage._http.failures import scrub
from aiostorage._http.headers import parse_http_date
from aiostorage._http.messages import Request, Response
from aiostorage._http.metadata import from_headers
from aiostorage._http.tokens import make_token
from aiostorage.errors import ObjectNotFoundError, StorageError
from aiostorage.models import EMPTY, ContainerInfo, DeleteOutcome, ObjectInfo, Page, Prefix
from aiostorage.providers.gcs import errors, resources
from aiostorage.providers.gcs.values import METADATA_PREFIX, best_hash, header_hashes

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from aiostorage.models import ByteRange, ListQuery, ObjectRef


# Containers


def container_info(request: Request, response: Response) -> ContainerInfo:
    """A container."""
    with well_formed(request, response):
        return resources.container_info(document(response))


def list_containers(request: Request, response: Response) -> Page[ContainerInfo]:
    """A page of containers."""
    with well_formed(request, response):
        found = document(response)
        items = [resources.container_info(item) for item in json.objects(found, "items")]
    return Page(items=items, next_token=json.text(found, "nextPageToken") or None)


# Objects


def object_info(request: Request, response: Response) -> ObjectInfo:
    """An object, by its description."""
    with well_formed(request, response):
        return resources.object_info(document(response))


def get_object(request: Request, status: int, headers: Mapping[str, str], byte_range: ByteRange | None) -> Head:
    """The object, and which bytes of it follow.

    Hashes are of what is stored; so content that was decompressed on its way is refused, which only
    happens if somebody on the way drops a header of the request.
    """
    response = Response(status=status, headers=headers, body=b"")
    encoding = headers.get("content-encoding")
    if headers.get("x-goog-stored-content-encoding") == "gzip" and encoding != "gzip":
        raise errors.unexpected(request, response, "content that is stored compressed was decompressed on its way")
    try:
        start, stop, size = which_bytes(status, headers, byte_range)
    except ValueError as error:
        raise errors.unexpected(request, response, str(error)) from None
    hashes = header_hashes(headers)
    generation = headers.get("x-goog-generation")
    extra = {
        ours: headers[name]
        for name, ours in (
            ("x-goog-metageneration", "metageneration"),
            ("etag", "etag"),
            ("x-goog-custom-time", "customTime"),
            ("x-goog-component-count", "component_count"),
        )
        if name in headers
    }
    info = ObjectInfo(
        key=request.key or "",
        size=size,
        etag=generation,
        object_hash=best_hash(hashes.get("md5"), hashes.get("crc32c")),
        last_modified=parse_http_date(headers.get("last-modified")),
        content_type=headers.get("content-type"),
        cache_control=headers.get("cache-control"),
        content_disposition=headers.get("content-disposition"),
        content_encoding=encoding,
        content_language=headers.get("content-language"),
        metadata=from_headers(METADATA_PREFIX, headers, without=frozenset({write_ids.NAME})) or EMPTY,
        storage_class=headers.get("x-goog-storage-class"),
        version_id=generation,
        encryption="customer" if "x-goog-encryption-key-sha256" in headers else None,
        kms_key_id=resources.kms_key_name(headers.get("x-goog-encryption-kms-key-name")),
        extra=extra,
    )
    return Head(info, start, stop)


def write_id(request: Request, response: Response) -> str | None:
    """What tells the write of an object from all others, if it was written under a condition."""
    with well_formed(request, response):
        return json.text_map(document(response), "metadata").get(write_ids.NAME)


class Rewriting(NamedTuple):
    """How far a copy has come: the token to go on with, or the copy."""

    token: str | None
    copy: ObjectInfo | None


def copy_object(request: Request, response: Response) -> Rewriting:
    """The copy, or the token to ask for the rest of it."""
    with well_formed(request, response):
        found = document(response)
        if found.get("done") is True:
            return Rewriting(None, resources.object_info(json.member(found, "resource")))
        token = json.text(found, "rewriteToken")
        if not token:
            raise KeyError("rewriteToken")
        return Rewriting(token, None)


class Listed(NamedTuple):
    """What an answer lists, as it comes; the token is the service's own."""

    objects: list[ObjectInfo]
    prefixes: list[str]
    token: str | None

    def is_one_name(self) -> bool:
        """Whether all of it are versions of one object, and there may be more of them."""
        objects = self.objects
        return bool(self.token and objects) and objects[0].key == objects[-1].key and not self._is_past(objects[-1].key)

    def page(self, query: ListQuery) -> Page[ObjectInfo | Prefix]:
        """A page of it, in the order of UTF-8 bytes; versions from the newest on.

        The service lists the versions of a name from the oldest on, and may cut a listing between them.
        So a name whose versions may go on is left to the next page.
        """
        objects, next_token = self.objects, make_token("page", self.token) if self.token else None
        if query.versions:
            if self.token and objects and not self._is_past(objects[-1].key):
                last = objects[-1].key
                objects = [item for item in objects if item.key != last]
                next_token = make_token("from", last)
            objects = sorted(objects, key=lambda item: (item.key, -int(item.version_id or 0)))
        items: list[ObjectInfo | Prefix] = [
            item for item in objects if not query.start_after or item.key != query.start_after
        ]
        if self.prefixes:
            items += [Prefix(name=name) for name in self.prefixes]
            items.sort(key=_name)
        return Page(items=items, next_token=next_token)

    def _is_past(self, key: str) -> bool:
        """Whether a prefix after the key was listed already, and so all versions of the key."""
        return any(prefix > key for prefix in self.prefixes)


def list_objects(request: Request, response: Response) -> Listed:
    """What an answer lists."""
    with well_formed(request, response):
        found = document(response)
        objects = [resources.object_info(item) for item in json.objects(found, "items")]
    return Listed(objects, list(json.texts(found, "prefixes")), json.text(found, "nextPageToken") or None)


def _name(item: ObjectInfo | Prefix) -> str:
    return item.name if isinstance(item, Prefix) else item.key


def delete_objects(request: Request, response: Response, refs: Sequence[ObjectRef]) -> list[DeleteOutcome]:
    """One outcome for each object, in order. What the answer does not mention was not deleted for sure."""
    answers: dict[str, Response] = {}
    with well_formed(request, response):
        for part in multipart.parse(response.body, response.headers.get("content-type", "")):
            number = part.headers.get("content-id", "").strip("<>").removeprefix("response-")
            answers[number] = multipart.embedded_response(part.content)
    return [
        DeleteOutcome(
            key=ref.key,
            version_id=ref.version_id,
            error=_delete_error(request, response, ref, answers.get(str(number))),
        )
        for number, ref in enumerate(refs)
    ]


def _delete_error(request: Request, response: Response, ref: ObjectRef, answer: Response | None) -> StorageError | None:
    if answer is None:
        missing = errors.unexpected(request, response, "the service does not say what became of this object")
        missing.key = ref.key
        return missing
    error = errors.read_error(Request(operation="delete_object", method="DELETE", url=""), answer)
    if error is None or isinstance(error, ObjectNotFoundError):
        return None
    error.provider, error.operation = "gcs", request.operation
    error.container, error.key = ref.container, ref.key
    return error


@contextmanager
def well_formed(request: Request, response: Response) -> Generator[None]:
    """What is missing or malformed in a document is the service's fault."""
    try:
        yield
    except KeyError as error:
        raise errors.unexpected(request, response, f"{error.args[0]} is missing in the answer") from None
    except ValueError as error:
        raise errors.unexpected(
            request, response, f"the answer is not what it should be: {scrub(str(error))}"
        ) from None


def document(response: Response) -> json.JSONObject:
    """The document that an answer is. One that tells of an error is none, whatever the status: it has no items."""
    found = json.parse(response.body)
    if "error" in found:
        raise ValueError("it tells of an error")
    return found

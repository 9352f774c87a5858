"""Resumable uploads: one stream, in pieces, that goes on where the service has come to. Pure.

Such an upload is slower than one by parts, because only one piece is on its way at a time, but it takes
conditions whatever its size, its length need not be known, and the object has an MD5 in the end. It is open
for a week.

Source: https://cloud.google.com/storage/docs/performing-resumable-uploads,
https://cloud.google.com/storage/docs/resumable-uploads
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from aiostorage._http.canonical import with_query
from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError
from aiostorage.providers.gcs import errors, responses
from aiostorage.providers.gcs.requests import (
    JSON_TYPE,
    container_path,
    headers_of,
    json_body,
    write_conditions,
    write_parameters,
)
from aiostorage.providers.gcs.resources import OBJECT_FIELDS, object_resource
from aiostorage.providers.gcs.values import key_headers, to_base64

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiostorage._http.messages import Response
    from aiostorage.models import Buffer, CustomerKey, ObjectInfo, WriteOptions
    from aiostorage.providers.gcs.config import Site

PIECE_UNIT_BYTES: Final = 256 * 1024
"""All pieces but the last are multiples of this."""

_RANGE = re.compile(r"bytes=0-(\d{1,19})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A resumable upload that has begun. Its URL is a secret: it needs no credentials.

    ``begun_by`` is what has begun it, and could again; None where a later process goes on with it.
    """

    container: str
    key: str
    url: str = field(repr=False)
    customer_key: CustomerKey | None = field(default=None, repr=False)
    begun_by: Request | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a session has come.

    Attributes:
        persisted: How many bytes the service holds for good.
        object: The object, once all of it is there.
    """

    persisted: int
    object: ObjectInfo | None = None


def start(site: Site, container: str, key: str, options: WriteOptions, *, size: int | None) -> Request:
    """Begin a session. ``size`` is that of the whole object, if it is known."""
    conditions = write_conditions(options)
    url = with_query(
        f"{site.base_url}/upload{container_path(container)}/o",
        ("uploadType", "resumable"),
        *conditions,
        *write_parameters(options),
        ("fields", OBJECT_FIELDS),
    )
    content = {"x-upload-content-type": options.content_type or "application/octet-stream"}
    if size is not None:
        content["x-upload-content-length"] = str(size)
    return Request(
        operation="create_upload",
        method="POST",
        url=url,
        headers=headers_of(site, {"content-type": JSON_TYPE, **content, **key_headers(options.customer_key)}),
        body=json_body({**object_resource(options), "name": key}),
        container=container,
        key=key,
    )


def started(request: Request, response: Response, site: Site, customer_key: CustomerKey | None) -> Session:
    """The session that has begun, which must be at the same service: its URL is given content and keys."""
    url = response.headers.get("location", "")
    if not url.startswith(f"{site.base_url}/"):
        raise errors.unexpected(request, response, "a session that is not at this service")
    return Session(
        container=request.container or "", key=request.key or "", url=url, customer_key=customer_key, begun_by=request
    )


def send(
    session: Session,
    offset: int,
    piece: Buffer,
    *,
    total: int | None,
    md5: bytes | None = None,
    on_sent: Callable[[int], None] | None = None,
) -> Request:
    """Send a piece.

    It is not repeatable as it is: the service may have kept some of it, so whoever sends it asks first.

    Args:
        session: The session.
        offset: Where the piece begins in the object.
        piece: The bytes.
        total: The size of the object, if this piece ends it; None if more is to come.
        md5: The digest of the object, if this piece ends it: the service refuses to store another one.
        on_sent: Told how many bytes have moved.

    Raises:
        InvalidArgumentError: More is to come, and the piece is no multiple of 256 KiB.
    """
    if total is None and (len(piece) % PIECE_UNIT_BYTES or not piece):
        raise InvalidArgumentError("all pieces but the last are multiples of 256 KiB", provider="gcs")
    last = offset + len(piece) - 1
    span = f"{offset}-{last}" if piece else "*"
    request = _on(session, f"bytes {span}/{'*' if total is None else total}", piece, on_sent, is_repeatable=False)
    if md5 is None:
        return request
    return replace(request, headers={**request.headers, "x-goog-hash": f"md5={to_base64(md5)}"})


def ask(session: Session, *, total: int | None) -> Request:
    """Ask how far the session has come. ``total`` is the size of the object, if it is known."""
    return _on(session, f"bytes */{'*' if total is None else total}", b"", None, is_repeatable=True)


def _on(
    session: Session,
    content_range: str,
    body: Buffer,
    on_sent: Callable[[int], None] | None,
    *,
    is_repeatable: bool,
) -> Request:
    return Request(
        operation="resume_upload",
        method="PUT",
        url=session.url,
        headers={"content-range": content_range, **key_headers(session.customer_key)},
        body=body,
        container=session.container,
        key=session.key,
        is_repeatable=is_repeatable,
        on_sent=on_sent,
    )


def cancel(session: Session) -> Request:
    """End a session without an object; the answer to that is 499."""
    return Request(
        operation="cancel_upload", method="DELETE", url=session.url, container=session.container, key=session.key
    )


def progress(request: Request, response: Response) -> Progress:
    """How far the session has come. 308 without a range means that nothing is persisted."""
    if response.status != 308:
        info = responses.object_info(request, response)
        return Progress(persisted=info.size or 0, object=info)
    told = response.headers.get("range")
    if told is None:
        return Progress(persisted=0)
    found = _RANGE.fullmatch(told)
    if found is None:
        raise errors.unexpected(request, response, "a session that does not say how far it has come")
    return Progress(persisted=int(found[1]) + 1)

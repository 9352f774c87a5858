"""Was it us? A write whose reply was lost is sent again, and may then be refused because of its own success.

What is written under a condition carries a random value in its metadata, by which it is recognised.
Content alone would not do: of two that race to write the same, both would believe that they have won.
An upload by parts needs no such mark, because it is gone once it was completed.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from aiostorage.errors import ObjectNotFoundError, PreconditionFailedError, StorageError, UploadNotFoundError
from aiostorage.models import WHOLE, ReadOptions
from aiostorage.providers.s3 import requests, responses, upload_requests, values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiostorage._http.messages import Request, Response
    from aiostorage.models import ObjectHash, ObjectInfo, ObjectRef, Part, Upload, WriteOptions
    from aiostorage.providers.s3.config import Site

    Send: TypeAlias = Callable[[Request], Awaitable[Response]]


def new_write_id(options: WriteOptions | None) -> str | None:
    """What tells this write from all others, where that may be needed."""
    if options is None or (options.if_match is None and options.if_none_match is None):
        return None
    return secrets.token_hex(16)


async def written_before(
    send: Send, site: Site, request: Request, options: WriteOptions | None, write_id: str | None, error: StorageError
) -> ObjectInfo:
    """The object, if an earlier try of this request has written it.

    Raises:
        StorageError: It was not this write; then that is ``error``.
    """
    if error.attempts > 1 and write_id is not None and options is not None:
        container, key = request.container or "", request.key or ""
        look = requests.head_object(site, container, key, ReadOptions(customer_key=options.customer_key))
        with suppress(ObjectNotFoundError):
            response = await send(look)
            if values.write_id_of(response.headers) == write_id:
                return responses.object_info(key, response.headers, site.vendor)
    raise error


async def completed_before(
    send: Send, site: Site, upload: Upload, parts: Sequence[Part], checksum: ObjectHash | None, error: StorageError
) -> ObjectInfo:
    """The object, if an earlier try has completed the upload. One whose condition did not hold is still there.

    Raises:
        StorageError: It is not what these parts make, or the upload is there; then that is ``error``.
    """
    if error.attempts > 1:
        with suppress(StorageError):
            if isinstance(error, UploadNotFoundError) or not await _has_upload(send, site, upload):
                look = requests.head_object(
                    site, upload.container, upload.key, ReadOptions(customer_key=upload.customer_key)
                )
                info = responses.object_info(upload.key, (await send(look)).headers, site.vendor)
                is_same_etag = info.etag is not None and info.etag == values.multipart_etag(parts)
                is_same_hash = checksum is not None and info.object_hash == checksum
                if is_same_etag or is_same_hash:
                    return info
    raise error


async def deleted_before(send: Send, site: Site, ref: ObjectRef, error: PreconditionFailedError) -> None:
    """Return if an earlier try has deleted the object, and left a delete marker perhaps.

    Raises:
        PreconditionFailedError: It is there; then that is ``error``.
    """
    if error.attempts > 1:
        try:
            await send(requests.head_object(site, ref.container, ref.key, WHOLE))
        except ObjectNotFoundError:
            return
    raise error


async def _has_upload(send: Send, site: Site, upload: Upload) -> bool:
    try:
        await send(upload_requests.list_parts(site, upload, token=None))
    except UploadNotFoundError:
        return False
    return True

"""Was it us? See :mod:`aiostorage._http.write_ids`.

An upload by parts needs no mark, because it is gone once it was completed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from aiostorage._http import write_ids
from aiostorage.errors import ObjectNotFoundError, PreconditionFailedError, StorageError, UploadNotFoundError
from aiostorage.models import WHOLE, ReadOptions
from aiostorage.providers.s3 import requests, responses, upload_requests, values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiostorage._http.messages import Request, Response
    from aiostorage.models import ObjectHash, ObjectInfo, ObjectRef, Part, Upload, WriteOptions
    from aiostorage.providers.s3.config import Site

    Send: TypeAlias = Callable[[Request], Awaitable[Response]]


async def written_before(
    send: Send, site: Site, request: Request, options: WriteOptions | None, write_id: str | None, error: StorageError
) -> ObjectInfo:
    """The object, if an earlier try of this request has written it.

    Raises:
        StorageError: It was not this write; then that is ``error``.
    """

    async def look() -> tuple[ObjectInfo, str | None]:
        container, key = request.container or "", request.key or ""
        reading = ReadOptions(customer_key=None if options is None else options.customer_key)
        headers = (await send(requests.head_object(site, container, key, reading))).headers
        return responses.object_info(key, headers, site.vendor), values.write_id_of(headers)

    return await write_ids.written_before(write_id, error, look)


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

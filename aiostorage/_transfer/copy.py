"""Copies: by the provider where it can, through the client where it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aiostorage._transfer.budget import MemoryBudget
from aiostorage._transfer.parts import MIB, part_size_for
from aiostorage._transfer.source import ObjectSource, Verifier
from aiostorage._transfer.upload import PartsUpload, upload
from aiostorage.body import StreamBody
from aiostorage.errors import ObjectChangedError, UnsupportedError
from aiostorage.models import ByteRange, KMSKey, ManagedKey, ReadOptions, WriteOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiostorage._transfer.source import RangeReader
    from aiostorage.backend import Backend, OnSent
    from aiostorage.models import Encryption, ObjectInfo, ObjectRef, Part, Upload

_COPY_PART_BYTES = 256 * MIB
"""A part copied by the provider costs one request and no memory, so it may be large."""


async def copy_within(
    backend: Backend,
    source: ObjectRef,
    container: str,
    key: str,
    options: WriteOptions | None,
    *,
    size: int | None,
    concurrency: int,
) -> ObjectInfo:
    """Copy an object of any size inside one provider, without its bytes passing through here.

    ``size`` is that of the source as far as the caller knows; it saves asking for it.

    Raises:
        ObjectChangedError: The source was replaced while its parts were copied.
    """
    limits = backend.capabilities.limits
    if size is not None and size <= limits.max_copy_size_bytes:
        return await backend.copy_object(source, container, key, options)

    async def head() -> ObjectInfo:
        return await backend.head_object(
            source.container,
            source.key,
            ReadOptions(version_id=source.version_id, customer_key=source.customer_key),
        )

    info = await head()
    if info.size is None or info.size <= limits.max_copy_size_bytes:
        return await backend.copy_object(source, container, key, options)
    size = info.size
    part_size = part_size_for(size, _COPY_PART_BYTES, limits)
    nothing = MemoryBudget(0)  # the bytes do not come here
    async with PartsUpload(
        backend, container, key, options or copied_options(info), concurrency=concurrency, budget=nothing, on_sent=None
    ) as parts:
        while parts.size < size:
            length = min(part_size, size - parts.size)

            async def send(upload: Upload, number: int, offset: int, length: int = length) -> Part:
                return await backend.copy_part(upload, number, source, ByteRange(offset, offset + length))

            await parts.add(length, send)
        await parts.join()
        # Not every service obeys a condition on the source of a part, so the parts are checked together.
        if (await head()).etag != info.etag:
            raise ObjectChangedError("the object was replaced while it was copied", container=container, key=key)
        return await parts.complete()


async def copy_between(
    source: ObjectSource,
    target: Backend,
    container: str,
    key: str,
    options: WriteOptions | None,
    *,
    part_size: int,
    concurrency: int,
    budget: MemoryBudget,
    on_sent: OnSent | None,
) -> ObjectInfo:
    """Stream an object from one provider to another, checked on the way if the source has a hash.

    Raises:
        UnsupportedError: It has headers or metadata that the other provider would lose.
    """
    body = await source.open()
    async with source.read_range(body=body) as reader:
        written = options or copied_options(body.info)
        if not target.capabilities.object_headers:
            written = replace(written, content_type=None)  # nobody has asked for this one, and most objects have it
        if (missing := target.capabilities.missing_for(written)) is not None:
            raise UnsupportedError(
                f"there is no {missing} here; the copy needs some of its own, such as metadata={{}}",
                provider=target.name,
                operation="copy",
                container=container,
                key=key,
            )
        stream = StreamBody(_verified(reader, Verifier(body.info.object_hash)), size=body.info.size)
        try:
            return await upload(
                target,
                container,
                key,
                stream,
                written,
                part_size=part_size,
                concurrency=concurrency,
                budget=budget,
                on_sent=on_sent,
            )
        finally:
            await stream.aclose()


def copied_options(info: ObjectInfo) -> WriteOptions:
    """What stores another object with the headers and metadata of this one."""
    return WriteOptions(
        content_type=info.content_type,
        cache_control=info.cache_control,
        content_disposition=info.content_disposition,
        content_encoding=info.content_encoding,
        content_language=info.content_language,
        metadata=info.metadata,
    )


def kept_options(info: ObjectInfo) -> WriteOptions:
    """What stores this object again, with all that is known of it: also where and how it is kept."""
    encryption: Encryption | None = None
    if info.encryption == "kms":
        encryption = KMSKey(key_id=info.kms_key_id)
    elif info.encryption == "managed":
        encryption = ManagedKey()
    return replace(
        copied_options(info),
        storage_class=info.storage_class,
        encryption=encryption,
        retention=info.retention,
        legal_hold=info.legal_hold,
    )


async def _verified(reader: RangeReader, verifier: Verifier) -> AsyncIterator[bytes]:
    """The chunks of an object; at the end, before anything is published, they are checked."""
    while chunk := await reader.chunk():
        await verifier.update(chunk)
        yield chunk
    verifier.check()

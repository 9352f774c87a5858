"""Copies: by the provider where it can, through the client where it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aiostorage._tasks import clean_up
from aiostorage._transfer.budget import MemoryBudget
from aiostorage._transfer.parts import MIB, part_size_for
from aiostorage._transfer.source import ObjectSource, Tally, Verifier
from aiostorage._transfer.upload import PartsUpload, log, upload
from aiostorage.body import StreamBody
from aiostorage.errors import ChecksumMismatchError, ObjectChangedError, UnsupportedError
from aiostorage.models import ByteRange, KMSKey, ManagedKey, ReadOptions, WriteOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

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
    if options is None:
        options = replace(copied_options(info), extra=kept_extra(backend, info))
    if info.tag_count and not options.tags:
        options = replace(options, tags=await backend.administration().get_tags(source))
    nothing = MemoryBudget(0)  # the bytes do not come here
    async with PartsUpload(
        backend,
        container,
        key,
        options,
        part_size=part_size,
        concurrency=concurrency,
        budget=nothing,
        on_sent=None,
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
    etag: str | None,
    part_size: int,
    concurrency: int,
    budget: MemoryBudget,
    on_sent: OnSent | None,
) -> ObjectInfo:
    """Stream an object from one provider to another.

    What is read is compared with the hash of the source before anything is published, and what was
    written with that of the target, as far as they tell one of the whole object. ``etag`` is that of the version
    that the options were made for.

    Raises:
        ObjectChangedError: Another version is there by now.
        ChecksumMismatchError: Bytes have changed on the way. There is no copy.
        UnsupportedError: The object has headers or metadata that the target would lose.
    """
    tally = Tally(at_once=max(part_size, target.capabilities.limits.min_part_size_bytes))
    await tally.begin()
    body = await source.open()
    async with source.read_range(body=body) as reader:
        if etag not in {None, body.info.etag}:
            raise ObjectChangedError("the object was replaced while it was copied", container=container, key=key)
        written = options or copied_options(body.info)
        if options is None and not target.capabilities.object_headers:
            written = replace(written, content_type=None)  # most objects have one, which nobody has asked for
        if (missing := target.capabilities.missing_for(written)) is not None:
            raise UnsupportedError(
                f"there is no {missing} here; give the copy options of its own, such as metadata={{}}",
                provider=target.name,
                operation="copy",
                container=container,
                key=key,
            )
        stream = StreamBody(_verified(reader, Verifier(body.info.object_hash), tally), size=body.info.size)
        try:
            info = await upload(
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
            await _check_written(tally, target, container, info)
        finally:
            await stream.aclose()
    return info


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


def kept_extra(backend: Backend, info: ObjectInfo) -> Mapping[str, str]:
    """What only this provider knows of an object, as far as it can be stored with another."""
    return {name: value for name, value in info.extra.items() if name in backend.capabilities.extra}


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


async def _check_written(tally: Tally, target: Backend, container: str, info: ObjectInfo) -> None:
    """Compare what is stored with what was sent; what is wrong is removed."""
    try:
        tally.check(info.object_hash)
    except ChecksumMismatchError as error:
        error.provider, error.operation, error.container, error.key = target.name, "copy", container, info.key
        has_condition = target.capabilities.delete_if_match
        removal = target.delete_object(
            container, info.key, version_id=info.version_id, if_match=info.etag if has_condition else None
        )
        if (failure := await clean_up(removal)) is not None:
            log.warning("a wrong copy of %r in %r may be left behind: %s", info.key, container, failure)
        raise


async def _verified(reader: RangeReader, verifier: Verifier, tally: Tally) -> AsyncIterator[bytes]:
    """The chunks of an object; at the end, before anything is published, they are checked."""
    while chunk := await reader.chunk():
        await verifier.update(chunk)
        await tally.update(chunk)
        yield chunk
    verifier.check()

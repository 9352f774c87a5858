"""Uploads that a later process can go on with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aiostorage import checksums
from aiostorage._transfer import listing
from aiostorage._transfer.checkpoint import Checkpoint, options_fingerprint
from aiostorage._transfer.parts import part_size_for
from aiostorage._transfer.upload import PartsUpload
from aiostorage.body import StreamBody
from aiostorage.errors import InvalidArgumentError, UploadNotFoundError

if TYPE_CHECKING:
    from aiostorage._transfer.budget import MemoryBudget
    from aiostorage._transfer.checkpoint import CheckpointStore
    from aiostorage.backend import Backend, OnSent
    from aiostorage.body import Body, FileBody, MemoryBody
    from aiostorage.models import ObjectInfo, Part, Upload, WriteOptions


class Journal:
    """What a :class:`PartsUpload` tells of its upload, so that a later process can go on with it.

    Args:
        store: Where the checkpoint is kept.
        checkpoint: What it will be, but for the upload's id.
        upload: The upload to go on with; None to begin one.
    """

    def __init__(self, store: CheckpointStore, checkpoint: Checkpoint, upload: Upload | None) -> None:
        self._store = store
        self._checkpoint = checkpoint
        self.upload: Upload | None = upload

    async def begun(self, upload: Upload) -> None:
        """Note an upload that has begun."""
        await self._store.save(
            replace(self._checkpoint, upload_id=upload.upload_id, checksum=upload.checksum or "").dump()
        )


async def upload_resumably(
    backend: Backend,
    container: str,
    key: str,
    body: Body,
    options: WriteOptions,
    *,
    part_size: int,
    concurrency: int,
    budget: MemoryBudget,
    on_sent: OnSent | None,
    store: CheckpointStore,
) -> ObjectInfo:
    """Store a body, beginning where an earlier call with the same checkpoint has left off.

    Unlike ``upload`` this leaves the parts where they are when it fails or is cancelled, and the
    checkpoint beside. A part that the provider has is not sent again, unless its hash, where the
    provider tells one, is not that of the source.

    Raises:
        InvalidArgumentError: The body is a stream, which nobody can read again; or the checkpoint is of
            another object, source or options.
    """
    if isinstance(body, StreamBody):
        raise InvalidArgumentError("a stream cannot be read again, so an upload of it cannot go on later")
    wanted_size, part_size = part_size, part_size_for(body.size, part_size, backend.capabilities.limits)
    wanted = Checkpoint(
        provider=backend.name,
        container=container,
        key=key,
        upload_id="",
        part_size=part_size,
        source=await body.fingerprint(),
        options=options_fingerprint(options),
        checksum="",
    )
    upload: Upload | None = None
    held: dict[int, Part] = {}
    text = await store.load()
    if text is not None:
        found = Checkpoint.parse(text)
        found.check_continues(wanted)
        try:
            upload = found.upload(options.customer_key)
            held = await _held(backend, upload)
        except UploadNotFoundError:  # completed or aborted since: begin anew
            upload = None
        else:
            part_size = found.part_size
    if upload is None and body.size <= part_size:
        info = await backend.put_object(container, key, await body.read_at(0, body.size), options, on_sent=on_sent)
    else:
        journal = Journal(store, wanted, upload)
        async with PartsUpload(
            backend,
            container,
            key,
            options,
            part_size=wanted_size,
            concurrency=concurrency,
            budget=budget,
            on_sent=on_sent,
            journal=journal,
        ) as parts:
            while parts.size < body.size:
                length = min(part_size, body.size - parts.size)
                part = held.get(parts.count + 1)
                if part is not None and await _is_same(part, body, parts.size, length):
                    parts.hold(replace(part, offset=parts.size))
                    if on_sent is not None:
                        on_sent(length)
                else:
                    await parts.add_range(length, body)
            info = await parts.complete()
    await store.clear()
    return info


async def _held(backend: Backend, upload: Upload) -> dict[int, Part]:
    found = listing.items(lambda token: backend.list_parts(upload, token=token))
    try:
        return {part.number: part async for part in found}
    finally:
        await found.aclose()


async def _is_same(part: Part, body: FileBody | MemoryBody, offset: int, length: int) -> bool:
    """Whether a part that the provider holds is this range of the source, as far as it tells."""
    if part.size != length:
        return False
    if part.checksum is None or not await checksums.load(part.checksum.algorithm):
        return True
    digest = await checksums.digest(part.checksum.algorithm, await body.read_at(offset, length))
    return digest.hex() == part.checksum.value

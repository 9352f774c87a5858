"""The memory provider: dictionaries, and the rules of :mod:`aiostorage.providers._semantics`."""

from __future__ import annotations

import secrets
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from aiostorage import checksums
from aiostorage.errors import (
    AlreadyExistsError,
    ContainerNotEmptyError,
    ContainerNotFoundError,
    ObjectNotFoundError,
    StorageError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import PLAIN, ContainerInfo, DeleteOutcome, Page, Part, Prefix, ReadOptions, Upload
from aiostorage.providers import _semantics as rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from aiostorage.backend import CDN, Administration, OnSent
    from aiostorage.models import (
        Buffer,
        ByteRange,
        Capabilities,
        ContainerOptions,
        ListQuery,
        ObjectInfo,
        ObjectRef,
        PostPolicy,
        PresignedPost,
        PresignedRequest,
        PresignOptions,
        WriteOptions,
    )


@dataclass(frozen=True, slots=True)
class _Object:
    info: ObjectInfo
    data: bytes
    crc32: int


@dataclass(slots=True)
class _Pending:
    upload: Upload
    options: WriteOptions
    parts: dict[int, tuple[Part, bytes]] = field(default_factory=dict[int, tuple[Part, bytes]])


@dataclass(slots=True)
class _Container:
    created_at: datetime
    objects: dict[str, _Object] = field(default_factory=dict[str, _Object])
    keys: list[str] = field(default_factory=list[str])  # in order; that of code points is that of UTF-8
    uploads: dict[str, _Pending] = field(default_factory=dict[str, _Pending])


class MemoryBackend:
    """Objects in memory, gone with the process. Implements :class:`aiostorage.backend.Backend`."""

    def __init__(self) -> None:
        self._containers: dict[str, _Container] = {}

    @property
    def name(self) -> str:
        """``"memory"``."""
        return "memory"

    @property
    def capabilities(self) -> Capabilities:
        """What memory can do."""
        return rules.CAPABILITIES

    def check_name(self, container: str, key: str | None = None) -> None:
        """Refuse a container that is no plain folder name, and a key that is not 1 to 1024 bytes of UTF-8."""
        with self._doing("check_name", container, key):
            pass

    # Containers

    async def create_container(self, container: str, options: ContainerOptions = PLAIN) -> ContainerInfo:
        """Make a container."""
        with self._doing("create_container", container):
            rules.check_container_options(options)
            if container in self._containers:
                raise AlreadyExistsError("there is a container of this name")
            self._containers[container] = _Container(_now())
            return self._describe(container)

    async def head_container(self, container: str) -> ContainerInfo:
        """What is known of a container."""
        with self._doing("head_container", container):
            return self._describe(container)

    async def delete_container(self, container: str) -> None:
        """Remove a container without objects; unfinished uploads go with it."""
        with self._doing("delete_container", container):
            if self._find(container).objects:
                raise ContainerNotEmptyError("there are objects in the container")
            del self._containers[container]

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """One page of the containers."""
        with self._doing("list_containers"):
            return rules.page_of(
                {name: self._describe(name) for name in self._containers if name.startswith(prefix)}, token
            )

    # Objects

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        """Store an object, and say what is there."""
        with self._doing("put_object", container, key):
            rules.check_write_options(options, len(body))
            data = bytes(body)
            crc32 = await _crc32(data)
            info = self._publish(container, key, data, crc32, options)
        if on_sent is not None:
            on_sent(len(data))
        return info

    async def get_object(self, container: str, key: str, options: ReadOptions) -> rules.BytesBody:
        """Open an object for reading."""
        with self._doing("get_object", container, key):
            found = self._find_object(container, key, options)
            start, stop = rules.resolve_range(options.byte_range, len(found.data))
            return rules.BytesBody(found.info, found.data[start:stop], start)

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        """What is known of an object."""
        with self._doing("head_object", container, key):
            return self._find_object(container, key, options).info

    async def delete_object(
        self,
        container: str,
        key: str,
        *,
        version_id: str | None = None,
        if_match: str | None = None,
        bypass_retention: bool = False,
    ) -> None:
        """Remove an object, if there is one."""
        with self._doing("delete_object", container, key):
            rules.check_delete(version_id, if_match, bypass_retention=bypass_retention)
            home = self._find(container)
            if home.objects.pop(key, None) is not None:
                del home.keys[bisect_left(home.keys, key)]

    async def delete_objects(
        self, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[DeleteOutcome]:
        """Remove objects; one outcome for each, in order."""
        with self._doing("delete_objects", container):
            rules.check_batch(refs)
            self._find(container)
        outcomes: list[DeleteOutcome] = []
        for ref in refs:
            error: StorageError | None = None
            try:
                await self.delete_object(
                    container,
                    ref.key,
                    version_id=ref.version_id,
                    if_match=ref.if_match,
                    bypass_retention=bypass_retention,
                )
            except StorageError as failure:
                error = failure
            outcomes.append(DeleteOutcome(key=ref.key, version_id=ref.version_id, error=error))
        return outcomes

    async def copy_object(
        self, source: ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy an object; ``options`` of None keeps the headers and metadata of the source."""
        with self._doing("copy_object", container, key):
            found = self._find_source(source)
            if options is not None:
                rules.check_write_options(options)
                return self._publish(container, key, found.data, found.crc32, options)
            info = replace(found.info, key=key, etag=_token(), last_modified=_now())
            return self._store(container, replace(found, info=info))

    async def list_objects(self, container: str, query: ListQuery, *, token: str | None) -> Page[ObjectInfo | Prefix]:
        """One page of objects."""
        with self._doing("list_objects", container):
            limit = rules.page_size(query)
            items = list(islice(_walk(self._find(container), query, token), limit + 1))
            last = items[limit - 1] if len(items) > limit else None
            name = last.name if isinstance(last, Prefix) else last.key if last else None
            return Page(items=items[:limit], next_token=name)

    # Uploads by parts

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts."""
        with self._doing("create_upload", container, key):
            rules.check_write_options(options)
            home = self._find(container)
            upload = Upload(container=container, key=key, upload_id=_token(), started_at=_now())
            home.uploads[upload.upload_id] = _Pending(upload, options)
            return upload

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part."""
        with self._doing("upload_part", upload.container, upload.key):
            rules.check_part(number, offset, len(body))
            data = bytes(body)
            part = await _part(number, offset, data)
            self._find_upload(upload).parts[number] = part, data
        if on_sent is not None:
            on_sent(len(data))
        return part

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Store a part that is a range of an object; its offset is not known before completion."""
        with self._doing("copy_part", upload.container, upload.key):
            found = self._find_source(source)
            start, stop = rules.resolve_range(byte_range, len(found.data))
            rules.check_part(number, 0, stop - start)
            data = found.data[start:stop]
            part = await _part(number, -1, data)
            self._find_upload(upload).parts[number] = part, data
            return part

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the parts as one object."""
        with self._doing("complete_upload", upload.container, upload.key):
            rules.check_write_options(options)
            pending = self._find_upload(upload)
            arranged = rules.arrange({number: part for number, (part, _) in pending.parts.items()}, parts)
            data = b"".join(pending.parts[part.number][1] for part in arranged)
            kept = replace(pending.options, if_match=options.if_match, if_none_match=options.if_none_match)
            info = self._publish(upload.container, upload.key, data, rules.joined_crc32(arranged), kept)
            del self._find(upload.container).uploads[upload.upload_id]
            return info

    async def abort_upload(self, upload: Upload) -> None:
        """Drop an upload and its parts."""
        with self._doing("abort_upload", upload.container, upload.key):
            self._find_upload(upload)
            del self._find(upload.container).uploads[upload.upload_id]

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of unfinished uploads."""
        with self._doing("list_uploads", container):
            pending = self._find(container).uploads.values()
            return rules.page_of_uploads((each.upload for each in pending), prefix, token)

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """One page of the parts of an upload."""
        with self._doing("list_parts", upload.container, upload.key):
            return rules.page_of_parts((part for part, _ in self._find_upload(upload).parts.values()), token)

    # The rest

    async def presign(self, method: str, container: str, key: str, options: PresignOptions) -> PresignedRequest:
        """There is nobody to send it to."""
        with self._doing("presign", container, key):
            raise UnsupportedError("memory has no server, and so no signed requests")

    async def presign_post(self, container: str, key: str, policy: PostPolicy) -> PresignedPost:
        """There is nobody to post it to."""
        with self._doing("presign_post", container, key):
            raise UnsupportedError("memory has no server, and so no signed forms")

    def administration(self) -> Administration:
        """Objects are their content, headers and metadata here, and nothing beside."""
        with self._doing("administration"):
            raise UnsupportedError("there are no tags, holds and documents here")

    def cdn(self, container: str) -> CDN:
        """Refused: there is no server to deliver anything."""
        with self._doing("cdn", container):
            raise UnsupportedError("memory has no server, and so no content delivery")

    async def aclose(self) -> None:
        """Nothing to give up; what is stored stays as long as the backend does."""

    def _doing(self, name: str, container: str | None = None, key: str | None = None) -> AbstractContextManager[None]:
        return rules.operation(self.name, name, container, key)

    def _find(self, container: str) -> _Container:
        found = self._containers.get(container)
        if found is None:
            raise ContainerNotFoundError("there is no such container", container=container)
        return found

    def _describe(self, container: str) -> ContainerInfo:
        found = self._find(container)
        return ContainerInfo(name=container, created_at=found.created_at, object_count=len(found.objects))

    def _find_object(self, container: str, key: str, options: ReadOptions) -> _Object:
        rules.refuse_version(options.version_id)
        found = self._find(container).objects.get(key)
        if found is None:
            raise ObjectNotFoundError("there is no such object", container=container, key=key)
        rules.check_read(options, found.info.etag)
        return found

    def _find_source(self, source: ObjectRef) -> _Object:
        rules.check_name(source.container, source.key)
        return self._find_object(
            source.container, source.key, ReadOptions(version_id=source.version_id, if_match=source.if_match)
        )

    def _find_upload(self, upload: Upload) -> _Pending:
        found = self._find(upload.container).uploads.get(upload.upload_id)
        if found is None or found.upload.key != upload.key:
            raise UploadNotFoundError("there is no such upload (any more)")
        return found

    def _publish(self, container: str, key: str, data: bytes, crc32: int, options: WriteOptions) -> ObjectInfo:
        found = self._find(container).objects.get(key)
        rules.check_write(options, found.info.etag if found else None)
        info = rules.describe(key, options, size=len(data), etag=_token(), crc32=crc32, last_modified=_now())
        return self._store(container, _Object(info, data, crc32))

    def _store(self, container: str, stored: _Object) -> ObjectInfo:
        home, key = self._find(container), stored.info.key
        if key not in home.objects:
            insort(home.keys, key)
        home.objects[key] = stored
        return stored.info


def _walk(home: _Container, query: ListQuery, token: str | None) -> Iterator[ObjectInfo | Prefix]:
    after, folded = rules.resume(query, token)
    for index in range(max(bisect_right(home.keys, after), bisect_left(home.keys, query.prefix)), len(home.keys)):
        key = home.keys[index]
        if not key.startswith(query.prefix):
            return
        if folded and key.startswith(folded):
            continue
        prefix = rules.common_prefix(key, query)
        if prefix is None:
            yield home.objects[key].info
        else:
            folded = prefix
            yield Prefix(name=prefix)


async def _crc32(data: bytes) -> int:
    return int.from_bytes(await checksums.digest("crc32", data), "big")


async def _part(number: int, offset: int, data: bytes) -> Part:
    checksum = rules.crc32_hash(await _crc32(data))
    return Part(number=number, offset=offset, size=len(data), etag=_token(), checksum=checksum)


def _token() -> str:
    return secrets.token_hex(16)


def _now() -> datetime:
    return datetime.now(UTC)

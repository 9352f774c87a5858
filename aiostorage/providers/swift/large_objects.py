"""Large objects: a manifest, and the segments that it names.

The cluster knows nothing of uploads, and does not part an object from its segments. So it is decided
here what belongs to what: segments belong to the object after which they are named, they go when no
version of it names them any more, and an upload that is not finished is the segments that no manifest
names. Nothing is ever removed whose name is another's.

A deletion leaves a tombstone with the time of the request, also where there was nothing to delete: a
segment that was sent before and arrives later loses against it. Therefore an upload that is given up
deletes every segment that was ever begun, listed or not.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
import zlib
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from aiostorage._http.headers import unquote_etag
from aiostorage._tasks import each
from aiostorage.checksums import joined_crc
from aiostorage.errors import (
    ContainerNotEmptyError,
    ContainerNotFoundError,
    InvalidArgumentError,
    NotFoundError,
    StorageError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import EMPTY, WHOLE, ListQuery, ObjectHash, ObjectRef, Page, Prefix, ReadOptions, Upload
from aiostorage.providers.swift import names, requests, responses

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from aiostorage._http.client import HTTPClient
    from aiostorage.backend import OnSent
    from aiostorage.models import Buffer, ByteRange, ObjectInfo, Part, WriteOptions
    from aiostorage.providers.swift.cluster import Cluster
    from aiostorage.providers.swift.names import Segment
    from aiostorage.providers.swift.tokens import SwiftToken

log: logging.Logger = logging.getLogger("aiostorage")

AT_ONCE: Final = 16
"""Requests of one call that are under way together."""

_TRUST_S: Final = 60.0
"""How long a container is taken to have no segments, after it was found to have none."""

_DAY_S: Final = 86_400

_HEARTBEAT_FROM: Final = 100
"""Manifests of more segments than this take the cluster long enough to want signs of life."""


@dataclass(slots=True)
class _Begun:
    """What this process knows of an upload that it has begun: the highest number, and headers for the segments."""

    highest: int = 0
    headers: Mapping[str, str] = field(default_factory=lambda: EMPTY)


class LargeObjects:
    """The large objects of an account, and their uploads.

    Args:
        http: Sends requests.
        cluster: Tells what the cluster can do.
    """

    def __init__(self, http: HTTPClient[SwiftToken], cluster: Callable[[], Cluster]) -> None:
        self._http = http
        self._cluster = cluster
        self._begun: dict[str, _Begun] = {}
        self._none_until: dict[str, float] = {}
        self._some: set[str] = set()
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    # Segments and the objects that they belong to

    async def may_be_in(self, container: str) -> bool:
        """Whether the container may hold large objects: whether there is a container for their segments."""
        if container in self._some:
            return True
        if not names.has_segments(container):
            return False
        if time.monotonic() < self._none_until.get(container, 0.0):
            return False
        try:
            await self._http.send(
                requests.head_container(names.segments_container(container), operation="head_segments")
            )
        except NotFoundError:
            self._none_until[container] = time.monotonic() + _TRUST_S
            return False
        self._some.add(container)
        return True

    @asynccontextmanager
    async def replacing(
        self, container: str, key: str, *, version_id: str | None = None, besides: str | None = None
    ) -> AsyncGenerator[None]:
        """Remove the segments of what is there, after what is done within has replaced or deleted it.

        Args:
            container: The container.
            key: The object.
            version_id: The version that is deleted, if it is one.
            besides: What the names of segments begin with that are to stay.
        """
        if not await self.may_be_in(container):
            yield
            return
        lock = self._locks.setdefault((container, key), asyncio.Lock())
        async with lock:
            old = await self._own_segments(ObjectRef(container=container, key=key, version_id=version_id))
            yield
            await self._discard([path for path in old if besides is None or not path[1].startswith(besides)])

    def forget(self, container: str) -> None:
        """The container is gone, with its segments."""
        self._some.discard(container)
        self._none_until.pop(container, None)

    async def remove_container(self, container: str) -> None:
        """Remove the container of the segments, unless there is something of others in it.

        Raises:
            ContainerNotEmptyError: There is an upload that is not finished.
        """
        self.forget(container)
        if not names.has_segments(container):
            return
        try:
            await self._http.send(requests.delete_container(names.segments_container(container)))
        except ContainerNotFoundError:
            return
        except ContainerNotEmptyError as error:
            if await self._has_uploads(container):
                raise ContainerNotEmptyError(
                    "an upload is not finished", provider="swift", operation="delete_container", container=container
                ) from error

    async def large_keys(self, refs: Sequence[ObjectRef]) -> set[str]:
        """Which of some keys of one container are large objects, as listings tell it."""
        wanted: list[str] = sorted({ref.key for ref in refs})
        container = refs[0].container
        found: set[str] = set()
        for _ in range(
            3 if self._cluster().tells_large else 0
        ):  # keys that lie far apart are better asked for one by one
            if not wanted:
                return found
            page_size = min(len(wanted) + 1, self._cluster().capabilities.limits.max_page_size)
            query = ListQuery(start_after=_before(wanted[0]))
            request = requests.list_objects(container, query, token=None, page_size=page_size)
            keys, last = responses.large_keys(request, await self._http.send(request))
            found |= keys
            wanted = [] if last is None else [key for key in wanted if key > last]
        return found | set(wanted)  # whoever deletes them looks again

    async def _own_segments(self, ref: ObjectRef) -> list[tuple[str, str]]:
        """The segments that go with an object when it goes: those that bear its name."""
        headers = await self._head(ref)
        if headers is None or not responses.is_large(headers):
            return []
        if ref.version_id is None and headers.get("x-object-version-id", "null") != "null":
            return []  # it becomes an older version, and keeps them
        state = await self._http.send(requests.head_container(ref.container))
        if _is_archived(state.headers) or (ref.version_id is None and _keeps_versions(state.headers)):
            return []
        own = names.segments_container(ref.container)
        paths = await self._manifest(ref, headers)
        return [path for path in paths if path[0] == own and names.goes_with(ref.key, path[1])]

    async def _head(self, ref: ObjectRef) -> Mapping[str, str] | None:
        options = WHOLE if ref.version_id is None else ReadOptions(version_id=ref.version_id)
        request = requests.head_object(ref.container, ref.key, options, is_newest=True)
        try:
            return (await self._http.send(request)).headers
        except NotFoundError:
            return None

    async def _manifest(self, ref: ObjectRef, headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """Container and key of each segment of a large object, whose headers are known."""
        request = requests.get_manifest(ref.container, ref.key, version_id=ref.version_id, operation="head_object")
        try:
            response = await self._http.send(request)
        except NotFoundError:
            return []
        if response.body:
            return responses.manifest(request, response)
        # Ceph shows no manifest. But the etag is that of the etags of the segments, so it tells which they are.
        own, wanted = names.segments_container(ref.container), unquote_etag(headers.get("etag"))
        by_upload: dict[str, list[Part]] = {}
        for segment, part in await self._listed(ref.container, f"{ref.key}/slo/"):
            if segment.key == ref.key:
                by_upload.setdefault(segment.upload_id, []).append(part)
        return [
            (own, names.segment_name(Upload(container=ref.container, key=ref.key, upload_id=upload_id), part.number))
            for upload_id, parts in by_upload.items()
            if _manifest_etag(parts) == wanted
            for part in parts
        ]

    async def _discard(self, paths: Sequence[tuple[str, str]]) -> None:
        """Remove segments that nothing needs. That this fails is no reason to fail what was done before."""
        try:
            await self.delete(paths)
        except StorageError as error:
            log.warning("%d segments in %r may be left behind: %s", len(paths), paths[0][0], error)

    async def delete(self, paths: Sequence[tuple[str, str]], *, operation: str = "delete_object") -> None:
        """Remove objects, there or not.

        Raises:
            StorageError: One of them could not be removed.
        """
        refs = [ObjectRef(container=container, key=key) for container, key in paths]
        size = self._cluster().capabilities.limits.max_delete_batch
        for start in range(0, len(refs), size):
            batch = refs[start : start + size]
            if self._cluster().bulk_delete and len(batch) > 1:
                request = requests.delete_objects(
                    batch[0].container, [(ref.container, ref.key) for ref in batch], operation=operation
                )
                outcomes = responses.delete_objects(request, await self._http.send(request), batch)
                for outcome in outcomes:
                    if outcome.error is not None:
                        raise outcome.error
            else:
                for ref in batch:
                    with suppress(NotFoundError):
                        await self._http.send(requests.delete_object(ref))

    # Uploads by parts

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload: see to it that there is a place for its segments."""
        names.check_upload(container, key)
        if not self._cluster().large_objects:
            raise UnsupportedError("the cluster has no large objects", provider="swift", operation="create_upload")
        found = (await self._http.send(requests.head_container(container, operation="create_upload"))).headers
        # Whoever may read the object must be able to read its segments, and they belong on the same disks.
        kept = {name: found[name] for name in ("x-storage-policy", "x-container-read") if name in found}
        with suppress(InvalidArgumentError):  # it is there, with another policy
            await self._http.send(
                requests.create_container(names.segments_container(container), kept, operation="create_upload")
            )
        self._some.add(container)
        upload_id = names.new_upload_id(self._http.now(), secrets.token_hex(8))
        self._begun[upload_id] = _Begun(headers=_expiry(options))
        return Upload(container=container, key=key, upload_id=upload_id, started_at=names.started_at(upload_id))

    async def upload_part(
        self,
        upload: Upload,
        number: int,
        offset: int,
        body: Buffer,
        *,
        digests: tuple[bytes, int],
        on_sent: OnSent | None,
    ) -> Part:
        """Store a segment."""
        md5, crc32 = digests
        begun = self._note(upload, number)
        request = requests.upload_part(upload, number, body, md5=md5, headers=begun.headers, on_sent=on_sent)
        response = await self._http.send(request)
        checksum = ObjectHash(algorithm="crc32", value=f"{crc32:08x}")
        return responses.upload_part(request, response, number, offset, size=len(body), checksum=checksum)

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Store a segment that is a range of another object."""
        self._note(upload, number)
        request = requests.copy_part(upload, number, source, byte_range)
        start, stop = byte_range
        size = 0 if stop is None else stop - start
        return responses.upload_part(request, await self._http.send(request), number, start, size=size, checksum=None)

    def place_of(self, upload: Upload, number: int) -> tuple[str, str]:
        """Container and key of a segment that somebody else is going to store."""
        self._note(upload, number)
        return names.segments_container(upload.container), names.segment_name(upload, number)

    def _note(self, upload: Upload, number: int) -> _Begun:
        limit = self._cluster().capabilities.limits.max_parts
        if not 1 <= number <= 99_999_999:
            raise InvalidArgumentError(f"parts are numbered from 1 to {limit}, not {number}", provider="swift")
        begun = self._begun.get(upload.upload_id) or _Begun()
        begun.highest = max(begun.highest, number)
        return begun

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the segments as one object, and remove those of the object that it replaces."""
        if not parts:
            raise InvalidArgumentError("an upload is completed with at least one part", provider="swift")
        prefix = names.segment_prefix(upload)
        crc32 = await asyncio.to_thread(joined_crc, "crc32", parts)
        checksum = None if crc32 is None else f"{crc32.value} {_manifest_etag(parts)}"
        heartbeat = self._cluster().heartbeat and len(parts) > _HEARTBEAT_FROM
        request = requests.complete_upload(upload, parts, options, checksum=checksum, heartbeat=heartbeat)
        async with self.replacing(upload.container, upload.key, besides=prefix):
            response = await self._http.send(request)
            info = responses.complete_upload(request, response, parts, options, object_hash=crc32)
        self._begun.pop(upload.upload_id, None)
        return info

    async def abort_upload(self, upload: Upload) -> None:
        """Remove the segments of an upload, unless they have become an object."""
        prefix = names.segment_prefix(upload)
        begun = self._begun.get(upload.upload_id)
        if await self._is_completed(upload):
            self._begun.pop(upload.upload_id, None)
            raise _gone(upload)
        listed = await self._listed(upload.container, prefix)
        numbers = {segment.number for segment, _ in listed if segment.key == upload.key}
        if begun is None and not numbers:
            raise _gone(upload)
        if begun is not None:
            numbers.update(range(1, begun.highest + 1))
        container = names.segments_container(upload.container)
        await self.delete([(container, f"{prefix}{number:08}") for number in sorted(numbers)], operation="abort_upload")
        self._begun.pop(upload.upload_id, None)

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """One page of the segments of an upload; where in the object they lie nobody tells."""
        prefix = names.segment_prefix(upload)
        marker = None if token is None else f"{prefix}{token}"
        request = requests.list_names(upload.container, prefix=prefix, marker=marker, operation="list_parts")
        found = responses.segments(request, await self._http.send(request))
        parts = [part for _, segment, part in found if segment is not None and segment.upload_id == upload.upload_id]
        is_known = upload.upload_id in self._begun
        if token is None and ((not parts and not is_known) or (not is_known and await self._is_completed(upload))):
            raise _gone(upload)
        return Page(items=parts, next_token=found[-1][0].removeprefix(prefix) if found else None)

    async def _listed(self, container: str, prefix: str) -> list[tuple[Segment, Part]]:
        """The segments of a container's objects whose names begin so, in the order of their names."""
        parts: list[tuple[Segment, Part]] = []
        marker = None
        while True:
            request = requests.list_names(container, prefix=prefix, marker=marker, operation="abort_upload")
            try:
                found = responses.segments(request, await self._http.send(request))
            except NotFoundError:
                return parts
            if not found:
                return parts
            _check_goes_on(container, marker, found[-1][0])
            parts += [(segment, part) for _, segment, part in found if segment is not None]
            marker = found[-1][0]

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of the uploads whose segments no manifest names."""
        request = requests.list_names(container, prefix=prefix, marker=token, operation="list_uploads")
        try:
            found = responses.segments(request, await self._http.send(request))
        except ContainerNotFoundError:
            await self._http.send(requests.head_container(container, operation="list_uploads"))  # or is all of it gone?
            return Page(items=[])
        if not found:
            return Page(items=[])
        uploads = {
            (segment.key, segment.upload_id): Upload(
                container=container,
                key=segment.key,
                upload_id=segment.upload_id,
                started_at=names.started_at(segment.upload_id),
            )
            for _, segment, _ in found
            if segment is not None and segment.key.startswith(prefix)
        }

        async def is_open(upload: Upload) -> bool:
            return not await self._is_completed(upload)

        are_open = await each(is_open, list(uploads.values()), at_once=AT_ONCE)
        name, last, _ = found[-1]
        # A colon comes after all digits: the rest of the last upload is skipped, not looked at again.
        next_token = name if last is None else f"{name.rpartition('/')[0]}/:"
        _check_goes_on(container, token, next_token)
        return Page(
            items=[upload for upload, is_ in zip(uploads.values(), are_open, strict=True) if is_], next_token=next_token
        )

    async def _has_uploads(self, container: str) -> bool:
        token = None
        while True:
            page = await self.list_uploads(container, prefix="", token=token)
            if page.items or page.next_token is None:
                return bool(page.items)
            token = page.next_token

    async def _is_completed(self, upload: Upload) -> bool:
        """Whether an object, or a version of it, is made of the segments of an upload."""
        try:
            state = (await self._http.send(requests.head_container(upload.container))).headers
        except NotFoundError:
            return False
        if _is_archived(state) and upload.upload_id not in self._begun:
            return True  # the older versions are somewhere else; nobody can tell
        refs = [ObjectRef(container=upload.container, key=upload.key)]
        if "x-versions-enabled" in state:
            found = await self._versions(upload.container, upload.key)
            refs += [replace(refs[0], version_id=item.version_id) for item in found if not item.is_delete_marker]
        prefix = names.segment_prefix(upload)
        for ref in refs:
            headers = await self._head(ref)
            if headers is None or not responses.is_large(headers):
                continue
            if any(key.startswith(prefix) for _, key in await self._manifest(ref, headers)):
                return True
        return False

    async def newest_version(self, container: str, key: str) -> str | None:
        """The id of the newest version of an object; None where there is none, or it says that it is deleted."""
        found = await self._versions(container, key)
        return None if not found or found[0].is_delete_marker or found[0].version_id == "null" else found[0].version_id

    async def _versions(self, container: str, key: str) -> list[ObjectInfo]:
        page_size = self._cluster().capabilities.limits.max_page_size
        query = ListQuery(prefix=key, versions=True)
        request = requests.list_objects(container, query, token=None, page_size=page_size)
        page = responses.list_objects(request, await self._http.send(request), query, page_size)
        return [item for item in page.items if not isinstance(item, Prefix) and item.key == key]


def _check_goes_on(container: str, marker: str | None, last: str) -> None:
    if marker is not None and last <= marker:
        raise UnexpectedResponseError("a listing that does not go on", provider="swift", container=container)


def digests_of(body: Buffer) -> tuple[bytes, int]:
    """MD5 and CRC-32 of a body: one for the server to check, one that can be joined with others."""
    return hashlib.md5(body, usedforsecurity=False).digest(), zlib.crc32(body)


def _expiry(options: WriteOptions) -> dict[str, str]:
    """When the segments of an object that expires do: a day later, so that it is never without them."""
    headers: dict[str, str] = {}
    for name, value in options.extra.items():
        if name.lower() in {"x-delete-at", "x-delete-after"} and value:
            if not (value.isascii() and value.isdigit() and len(value) <= 12):
                raise InvalidArgumentError(f"{name} is a number of seconds", provider="swift")
            headers[name.lower()] = str(int(value) + _DAY_S)
    return headers


def _before(key: str) -> str:
    """A text right before a key, so that a listing after it begins with the key."""
    head, last = key[:-1], ord(key[-1])
    if last == 1:
        return head  # there is no NUL in keys
    if last == 0xE000:
        last = 0xD800  # what lies between are surrogates
    return f"{head}{chr(last - 1)}\U0010ffff"


def _is_archived(headers: Mapping[str, str]) -> bool:
    """Whether what is replaced goes to another container, as it did before there were versions."""
    return "x-versions-location" in headers or "x-history-location" in headers


def _keeps_versions(headers: Mapping[str, str]) -> bool:
    return headers.get("x-versions-enabled", "").lower() == "true"


def _manifest_etag(parts: Sequence[Part]) -> str:
    """The etag that the cluster gives to an object of these segments."""
    return hashlib.md5("".join(part.etag for part in parts).encode(), usedforsecurity=False).hexdigest()


def _gone(upload: Upload) -> UploadNotFoundError:
    return UploadNotFoundError(
        "there is no such upload (any more)", provider="swift", container=upload.container, key=upload.key
    )

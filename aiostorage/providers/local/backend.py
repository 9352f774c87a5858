"""The local provider: the files of a folder, with the rules of :mod:`aiostorage.providers._semantics`.

All that touches a file runs in a thread, and each call of a thread is short: what takes long is many
of them, so that it can be cancelled in between. A call under way is waited for, so that nothing
happens after the method has returned or raised.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from aiostorage._tasks import clean_up, in_thread
from aiostorage.errors import (
    AlreadyExistsError,
    ChecksumMismatchError,
    ContainerNotFoundError,
    InvalidNameError,
    NotFoundError,
    ObjectNotFoundError,
    StorageError,
    UnsupportedError,
)
from aiostorage.models import PLAIN, ContainerInfo, DeleteOutcome, Page, ReadOptions, Upload
from aiostorage.providers import _semantics as rules
from aiostorage.providers.local import uploads
from aiostorage.providers.local.body import FileBody
from aiostorage.providers.local.errors import PROVIDER, operation
from aiostorage.providers.local.files import InputFile, OutputFile, sync_folder
from aiostorage.providers.local.folder import Checked, Folder, InDoubt
from aiostorage.providers.local.listing import Walks
from aiostorage.providers.local.names import Names
from aiostorage.providers.local.uploads import PendingUpload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiostorage.backend import CDN, Administration, ObjectBody, OnSent
    from aiostorage.models import (
        Buffer,
        ByteRange,
        Capabilities,
        ContainerOptions,
        ListQuery,
        ObjectInfo,
        ObjectRef,
        Part,
        PostPolicy,
        Prefix,
        PresignedPost,
        PresignedRequest,
        PresignOptions,
        WriteOptions,
    )
    from aiostorage.providers.local.folder import Sight
    from aiostorage.providers.local.uploads import Plan

T = TypeVar("T")

_ATTEMPTS = 10
"""How often a completion begins anew because parts are sent meanwhile."""

_SMALL_BYTES = 256 * 1024
"""Up to this size a body is read or written in the same call of a thread as all else."""

_SLICE_BYTES = 2 << 20
"""Written, copied or hashed by one call of a thread."""


class LocalBackend:
    """Objects as files: each folder in ``root`` is a container. Implements :class:`aiostorage.backend.Backend`.

    A container's folder may be copied, moved and put together with ordinary tools; what they put
    there are objects, and headers and metadata go with the folder. Several processes may use it at
    once. Links that lead out of a container, and links to folders, are not followed.

    Keys that differ only in case, or in the composition of characters, are one file where the file
    system makes no difference between such names, as those of macOS and Windows.

    Args:
        root: The folder of the containers.
        fsync: Whether a write waits until it would outlast a power failure: its content is on the disk before
            its name is, and both before the call returns. Without it a killed process still leaves every object
            whole, as it was or as it was to be; but after a power failure one that was written within the last
            minute may be there without its content.
        create: Whether ``root`` is made when the first container is.
    """

    def __init__(self, root: str | os.PathLike[str], *, fsync: bool = False, create: bool = True) -> None:
        self._root = os.path.normpath(root)
        self._is_absolute = os.path.isabs(self._root)
        self._fsync = fsync
        self._create = create
        self._names = Names()
        self._prepared: set[str] = set()
        self._walks = Walks()

    @property
    def name(self) -> str:
        """``"local"``."""
        return PROVIDER

    @property
    def capabilities(self) -> Capabilities:
        """What a folder can do."""
        return rules.CAPABILITIES

    def check_name(self, container: str, key: str | None = None) -> None:
        """Refuse a container that is no plain folder name, and a key that is not 1 to 1024 bytes of UTF-8."""
        with operation("check_name", container, key):
            pass

    # Containers

    async def create_container(self, container: str, options: ContainerOptions = PLAIN) -> ContainerInfo:
        """Make a folder."""
        with operation("create_container", container):
            rules.check_container_options(options)
            return await in_thread(self._create_container, await self._home(), container)

    async def head_container(self, container: str) -> ContainerInfo:
        """What is known of a container."""
        with operation("head_container", container):
            return await in_thread(_describe_container, await self._folder(container))

    async def delete_container(self, container: str) -> None:
        """Remove a folder in which there are no files; unfinished uploads go with it."""
        with operation("delete_container", container):
            folder = await self._folder(container)
            await in_thread(folder.destroy)

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """One page of the folders."""
        with operation("list_containers"):
            return await in_thread(self._list_containers, await self._home(), prefix, token)

    # Objects

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        """Store an object, and say what is there."""
        with operation("put_object", container, key):
            rules.check_write_options(options, len(body))
            folder, file = await self._folder(container), OutputFile()

            return await _write(
                file,
                body,
                partial(folder.create, file),
                partial(self._publish, folder, key, file, options),
                on_sent,
            )

    async def get_object(self, container: str, key: str, options: ReadOptions) -> ObjectBody:
        """Open an object for reading; a small one is read at once."""
        with operation("get_object", container, key):
            rules.refuse_version(options.version_id)
            folder, file = await self._folder(container), InputFile()

            def begin(checked: Checked | None) -> tuple[ObjectInfo, int, int, bytes | None]:
                sight = _existing(folder.look(key, file, checked), container, key)
                info, size = sight.info, sight.status.st_size
                rules.check_read(options, info.etag)
                start, stop = rules.resolve_range(options.byte_range, size)
                if stop - start > _SMALL_BYTES:
                    return info, start, stop, None
                data = file.read(start, stop - start)
                file.close()
                return info, start, stop, data

            try:
                info, start, stop, data = await self._certain(folder, begin)
            except BaseException:
                await _close(file)
                raise
        if data is not None:
            return rules.BytesBody(info, data, start)
        return FileBody(container, info, file.detach(), start, stop)

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        """What is known of an object."""
        with operation("head_object", container, key):
            rules.refuse_version(options.version_id)
            folder = await self._folder(container)
            sight = await self._certain(folder, partial(folder.look, key, None))
            info = _existing(sight, container, key).info
            rules.check_read(options, info.etag)
            return info

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
        with operation("delete_object", container, key):
            rules.check_delete(version_id, if_match, bypass_retention=bypass_retention)
            await in_thread(_delete, await self._folder(container), key)

    async def delete_objects(
        self, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[DeleteOutcome]:
        """Remove objects; one outcome for each, in order."""
        with operation("delete_objects", container):
            rules.check_batch(refs)
            return await in_thread(_delete_many, await self._folder(container), refs, bypass_retention)

    async def copy_object(
        self, source: ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy an object; ``options`` of None keeps the headers and metadata of the source.

        The bytes are compared with the checksum of the source on the way.
        """
        with operation("copy_object", container, key):
            if options is not None:
                rules.check_write_options(options)
            folder, taken, file = await self._folder(container), InputFile(), OutputFile()
            try:
                sight = await self._open_source(source, taken)
                await in_thread(folder.create, file)
                await _copy(taken, 0, sight.status.st_size, file)
                if sight.crc32 not in {None, file.crc32}:
                    raise ChecksumMismatchError("the bytes of the source are not those that were stored")
                return await in_thread(self._publish, folder, key, file, options or sight.options)
            finally:
                await _close(taken)
                await _close(file)

    async def list_objects(self, container: str, query: ListQuery, *, token: str | None) -> Page[ObjectInfo | Prefix]:
        """One page of objects, without headers, metadata and hash."""
        with operation("list_objects", container):
            return await in_thread(self._walks.page, await self._folder(container), query, token)

    # Uploads by parts

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts."""
        with operation("create_upload", container, key):
            rules.check_write_options(options)
            folder = await self._folder(container)
            now = datetime.now(UTC)
            upload = Upload(container=container, key=key, upload_id=secrets.token_hex(16), started_at=now)
            try:
                await in_thread(uploads.begin, folder, upload, options)
            except asyncio.CancelledError:
                await clean_up(in_thread(PendingUpload(folder, upload).abort))
                raise
            return upload

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part."""
        with operation("upload_part", upload.container, upload.key):
            rules.check_part(number, offset, len(body))
            pending, file = await self._pending(upload), OutputFile()
            return await _write(
                file,
                body,
                partial(pending.begin, number, offset, file),
                partial(pending.finish, number, offset, file),
                on_sent,
            )

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Store a part that is a range of an object; its offset is not known before completion."""
        with operation("copy_part", upload.container, upload.key):
            pending, taken, file = await self._pending(upload), InputFile(), OutputFile()
            try:
                sight = await self._open_source(source, taken)
                start, stop = rules.resolve_range(byte_range, sight.status.st_size)
                rules.check_part(number, 0, stop - start)
                await in_thread(pending.begin, number, None, file)
                await _copy(taken, start, stop, file)
                return await in_thread(pending.finish, number, None, file)
            finally:
                await _close(taken)
                await _close(file)

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the parts as one object, mostly without copying them."""
        with operation("complete_upload", upload.container, upload.key):
            rules.check_write_options(options)
            pending = await self._pending(upload)
            for _ in range(_ATTEMPTS):
                plan = await in_thread(pending.plan, parts)
                file = OutputFile()
                try:
                    if await self._gather(pending, plan, file):
                        info = await in_thread(pending.publish, plan, file, options)
                        if info is not None:
                            return info
                finally:
                    await _close(file)
            raise StorageError("the parts of the upload keep changing", retryable=True)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop an upload and its parts."""
        with operation("abort_upload", upload.container, upload.key):
            pending = await self._pending(upload)
            await in_thread(pending.abort)

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of unfinished uploads."""
        with operation("list_uploads", container):
            found = await in_thread(uploads.pending, await self._folder(container))
            return rules.page_of_uploads(found, prefix, token)

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """One page of the parts of an upload."""
        with operation("list_parts", upload.container, upload.key):
            pending = await self._pending(upload)
            return rules.page_of_parts(await in_thread(pending.parts), token)

    # The rest

    async def presign(self, method: str, container: str, key: str, options: PresignOptions) -> PresignedRequest:
        """There is nobody to send it to."""
        with operation("presign", container, key):
            raise UnsupportedError("a folder has no server, and so no signed requests")

    async def presign_post(self, container: str, key: str, policy: PostPolicy) -> PresignedPost:
        """There is nobody to post it to."""
        with operation("presign_post", container, key):
            raise UnsupportedError("a folder has no server, and so no signed forms")

    def administration(self) -> Administration:
        """Objects are their content, headers and metadata here, and nothing beside."""
        with operation("administration"):
            raise UnsupportedError("there are no tags, holds and documents here")

    def cdn(self, container: str) -> CDN:
        """Refused: there is no server to deliver anything."""
        with operation("cdn", container):
            raise UnsupportedError("a folder has no server, and so no content delivery")

    async def aclose(self) -> None:
        """Forget what was kept for the next page of listings. No file is open."""
        self._walks.clear()

    # In the event loop's thread

    async def _home(self) -> str:
        """The folder of the containers; the process may go elsewhere, but not this."""
        if not self._is_absolute:
            self._root = await in_thread(os.path.abspath, self._root)
            self._is_absolute = True
        return self._root

    async def _folder(self, container: str) -> Folder:
        return self._folder_at(await self._home(), container)

    def _folder_at(self, home: str, container: str) -> Folder:
        return Folder(home, container, self._names, fsync=self._fsync, prepared=self._prepared)

    async def _pending(self, upload: Upload) -> PendingUpload:
        return PendingUpload(await self._folder(upload.container), upload)

    async def _certain(self, folder: Folder, look: Callable[[Checked | None], T]) -> T:
        """What ``look`` returns, after reading the file where nothing else can tell what it is."""
        checked: Checked | None = None
        while True:
            try:
                return await in_thread(look, checked)
            except InDoubt as doubt:
                checked = await _check(doubt)
                await in_thread(folder.remember, doubt.key, checked)

    async def _open_source(self, source: ObjectRef, file: InputFile) -> Sight:
        rules.check_name(source.container, source.key)
        rules.refuse_version(source.version_id)
        folder = await self._folder(source.container)
        looked = await self._certain(folder, partial(folder.look, source.key, file))
        sight = _existing(looked, source.container, source.key)
        rules.check_read(ReadOptions(if_match=source.if_match), sight.info.etag)
        return sight

    async def _gather(self, pending: PendingUpload, plan: Plan, file: OutputFile) -> bool:
        """Have all parts in one file; False where they are not (any more) where they were."""
        if plan.is_whole:
            return await in_thread(pending.adopt, plan, file)
        await in_thread(pending.folder.create, file)
        taken = InputFile()
        try:
            for part, (path, start) in zip(plan.parts, plan.files, strict=True):
                if await in_thread(taken.open, path) is None:
                    return False
                file.crc32 = 0
                await _copy(taken, start, start + part.size, file)
                if part.checksum != rules.crc32_hash(file.crc32):
                    raise ChecksumMismatchError(f"part {part.number} was damaged; send it again")
        finally:
            await _close(taken)
        file.crc32 = plan.crc32
        return True

    # In threads

    def _create_container(self, home: str, container: str) -> ContainerInfo:
        folder = self._folder_at(home, container)
        if self._create:
            os.makedirs(home, exist_ok=True)
        try:
            os.mkdir(folder.path)
        except FileExistsError as error:
            raise AlreadyExistsError("the name is taken") from error
        except FileNotFoundError as error:
            raise NotFoundError("the folder of the containers does not exist") from error
        if self._fsync:
            sync_folder(home)
        return _describe_container(folder)

    def _list_containers(self, home: str, prefix: str, token: str | None) -> Page[ContainerInfo]:
        try:
            names = os.listdir(home)
        except FileNotFoundError as error:
            if not self._create:
                raise NotFoundError("the folder of the containers does not exist") from error
            names = []
        found: dict[str, ContainerInfo] = {}
        for name in names:
            if name.startswith(prefix):
                with suppress(InvalidNameError, ContainerNotFoundError):
                    rules.check_name(name)
                    found[name] = _describe_container(self._folder_at(home, name))
        return rules.page_of(found, token)

    def _publish(self, folder: Folder, key: str, file: OutputFile, options: WriteOptions) -> ObjectInfo:
        if self._fsync:
            file.sync()
        with folder.lock():
            return folder.publish(key, file, options)


def _describe_container(folder: Folder) -> ContainerInfo:
    born = getattr(folder.check_exists(), "st_birthtime", None)  # not every system tells
    created_at = datetime.fromtimestamp(born, UTC) if isinstance(born, float) else None
    return ContainerInfo(name=folder.name, created_at=created_at)


def _delete(folder: Folder, key: str) -> None:
    if folder.find(key) is None:
        folder.check_exists()
        return
    with folder.lock():
        folder.delete(key)


def _delete_many(folder: Folder, refs: Sequence[ObjectRef], bypass_retention: bool) -> list[DeleteOutcome]:
    folder.check_exists()
    outcomes: list[DeleteOutcome] = []
    for ref in refs:
        failure: StorageError | None = None
        try:
            with operation("delete_objects", folder.name, ref.key):
                rules.check_delete(ref.version_id, ref.if_match, bypass_retention=bypass_retention)
                _delete(folder, ref.key)
        except StorageError as error:
            failure = error
        outcomes.append(DeleteOutcome(key=ref.key, version_id=ref.version_id, error=failure))
    return outcomes


def _existing(sight: Sight | None, container: str, key: str) -> Sight:
    if sight is None:
        raise ObjectNotFoundError("there is no such object", container=container, key=key)
    return sight


async def _write(
    file: OutputFile, body: Buffer, begin: Callable[[], None], finish: Callable[[], T], on_sent: OnSent | None
) -> T:
    """Open a file, write it and put it to its use; a failure or a cancellation leaves nothing of it."""

    def at_once() -> T:
        begin()
        file.write(body)
        return finish()

    try:
        if len(body) <= _SMALL_BYTES:
            result = await in_thread(at_once)
            if on_sent is not None:
                on_sent(len(body))
            return result
        await in_thread(begin)
        view = memoryview(body)
        for at in range(0, len(view), _SLICE_BYTES):
            piece = view[at : at + _SLICE_BYTES]
            await in_thread(file.write, piece)
            if on_sent is not None:
                on_sent(len(piece))
        return await in_thread(finish)
    except BaseException:
        await _close(file)
        raise


async def _copy(source: InputFile, start: int, stop: int, target: OutputFile) -> None:
    for at in range(start, stop, _SLICE_BYTES):
        await in_thread(_copy_slice, source, at, min(_SLICE_BYTES, stop - at), target)


def _copy_slice(source: InputFile, start: int, size: int, target: OutputFile) -> None:
    target.write(source.read(start, size))


async def _check(doubt: InDoubt) -> Checked:
    """Read a file for its checksum."""
    file, crc32, size = InputFile(), 0, doubt.found.version.size
    try:
        if await in_thread(file.open, doubt.found.path) is not None:
            for at in range(0, size, _SLICE_BYTES):
                crc32 = await in_thread(file.checksum, at, min(_SLICE_BYTES, size - at), crc32)
    finally:
        await _close(file)
    return Checked(doubt.found.version, crc32)


async def _close(file: InputFile | OutputFile) -> None:
    """Close a file and remove what is left of it, also when the caller was cancelled."""
    if file.is_open:
        await clean_up(in_thread(file.close))

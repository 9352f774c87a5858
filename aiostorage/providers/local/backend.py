"""The local provider: the files of a folder, with the rules of :mod:`aiostorage.providers._semantics`.

All that touches a file runs in a thread, and each call of a thread is short: what takes long is many
of them, so that it can be cancelled in between. A call under way is waited for, so that nothing
happens after the method has returned or raised.
"""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from aiostorage._tasks import clean_up, in_thread
from aiostorage.errors import (
    AlreadyExistsError,
    ChecksumMismatchError,
    ContainerNotFoundError,
    NotFoundError,
    ObjectNotFoundError,
    StorageError,
    UnsupportedError,
)
from aiostorage.models import ContainerInfo, DeleteOutcome, Page, Upload
from aiostorage.providers import _semantics as rules
from aiostorage.providers.local import uploads
from aiostorage.providers.local.body import FileBody
from aiostorage.providers.local.errors import PROVIDER, operation
from aiostorage.providers.local.files import InputFile, OutputFile
from aiostorage.providers.local.folder import Checked, Folder, InDoubt
from aiostorage.providers.local.listing import Walks
from aiostorage.providers.local.names import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiostorage.backend import CDN, ObjectBody, OnSent
    from aiostorage.models import (
        Buffer,
        ByteRange,
        Capabilities,
        ListQuery,
        ObjectInfo,
        ObjectRef,
        Part,
        Prefix,
        PresignedRequest,
        ReadOptions,
        WriteOptions,
    )
    from aiostorage.providers.local.folder import Sight

T = TypeVar("T")

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
        fsync: Whether a write waits until it would outlast a power failure.
        create: Whether ``root`` is made when the first container is.
    """

    def __init__(self, root: str | os.PathLike[str], *, fsync: bool = False, create: bool = True) -> None:
        self._root = os.path.abspath(root)
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

    async def create_container(self, container: str) -> ContainerInfo:
        """Make a folder."""
        with operation("create_container", container):
            return await in_thread(self._create_container, container)

    async def head_container(self, container: str) -> ContainerInfo:
        """What is known of a container."""
        with operation("head_container", container):
            return await in_thread(self._describe_container, container)

    async def delete_container(self, container: str) -> None:
        """Remove a folder in which there are no files; unfinished uploads go with it."""
        with operation("delete_container", container):
            await in_thread(self._folder(container).destroy)

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """One page of the folders."""
        with operation("list_containers"):
            return await in_thread(self._list_containers, prefix, token)

    # Objects

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        """Store an object, and say what is there."""
        with operation("put_object", container, key):
            rules.check_write_options(options, len(body))
            folder, file = self._folder(container), OutputFile()

            def publish() -> ObjectInfo:
                with folder.lock():
                    return folder.publish(key, file, options)

            return await _write(file, body, lambda: folder.create(file), publish, on_sent)

    async def get_object(self, container: str, key: str, options: ReadOptions) -> ObjectBody:
        """Open an object for reading; a small one is read at once."""
        with operation("get_object", container, key):
            rules.refuse_version(options.version_id)
            folder, file = self._folder(container), InputFile()

            def begin(checked: Checked | None) -> ObjectBody:
                info = _found(folder.look(key, file, checked), container, key).info
                rules.check_read(options, info.etag)
                start, stop = rules.resolve_range(options.byte_range, info.size or 0)
                if stop - start > _SMALL_BYTES:
                    return FileBody(container, info, file.detach(), start, stop)
                ...

"""A driver: one provider, one set of credentials, and every operation by name."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar, Unpack, overload

from aiostorage._keywords import check_keywords
from aiostorage._transfer import listing
from aiostorage._transfer.budget import MemoryBudget
from aiostorage._transfer.checkpoint import CheckpointFile
from aiostorage._transfer.conditions import verify_conditions
from aiostorage._transfer.copy import copied_options, copy_between, copy_within
from aiostorage._transfer.delete import delete_container, delete_empty_container, delete_many
from aiostorage._transfer.download import download
from aiostorage._transfer.progress import reporting
from aiostorage._transfer.reader import ObjectReader
from aiostorage._transfer.resume import upload_resumably
from aiostorage._transfer.source import ObjectSource, read_object
from aiostorage._transfer.upload import upload
from aiostorage._transfer.writer import ObjectWriter
from aiostorage.administration import AdministrativeOperations
from aiostorage.body import open_body
from aiostorage.container import Container
from aiostorage.errors import InvalidArgumentError, ObjectChangedError, PreconditionFailedError, UnsupportedError
from aiostorage.models import (
    EMPTY,
    ContainerOptions,
    ListQuery,
    ObjectRef,
    PostPolicy,
    Prefix,
    PresignOptions,
    check_lifetime,
)
from aiostorage.object import Object, object_in
from aiostorage.options import (
    HEADERS,
    CopyOptions,
    CreateContainerOptions,
    DownloadOptions,
    OpenOptions,
    PostOptions,
    ReadObjectOptions,
    TransferOptions,
    UploadOptions,
    WriteObjectOptions,
    byte_range,
    part_number,
    read_options,
    write_options,
)
from aiostorage.uploads import UploadOperations

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from aiostorage._transfer.checkpoint import CheckpointStore
    from aiostorage.backend import Backend, OnSent
    from aiostorage.body import Source
    from aiostorage.models import (
        Capabilities,
        Conditions,
        DeleteOutcome,
        ObjectInfo,
        PresignedPost,
        PresignedRequest,
        WriteOptions,
    )

T = TypeVar("T")

DEFAULT_PART_BYTES = 8 * 1024 * 1024
DEFAULT_CONCURRENCY = 8
DEFAULT_MEMORY_LIMIT_BYTES = 512 * 1024 * 1024


class Driver(AdministrativeOperations, UploadOperations):
    """A provider. Make one for the lifetime of a service, and close it at the end.

    ``async with driver:`` closes it; so does :meth:`aclose`. Connections are opened when first
    needed, on the event loop that runs then; a driver belongs to that loop.

    Args:
        backend: The provider, as requests.
        memory_limit_bytes: The most that the parts of all uploads together may take while they are on
            their way; each upload holds one part more, which its source is filling.
        **options: How large objects are moved, unless a call says otherwise.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
        **options: Unpack[TransferOptions],
    ) -> None:
        check_keywords(f"{type(self).__name__}()", options, TransferOptions.__optional_keys__)
        self._backend = backend
        if memory_limit_bytes < 1:
            raise InvalidArgumentError("memory_limit_bytes is at least 1")
        self._budget = MemoryBudget(memory_limit_bytes)
        self._part_size, self._concurrency = DEFAULT_PART_BYTES, DEFAULT_CONCURRENCY
        self._part_size, self._concurrency = self._transfer(options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def name(self) -> str:
        """Name of the provider, such as ``"s3"``."""
        return self._backend.name

    @property
    def capabilities(self) -> Capabilities:
        """What the provider can do, with its limits."""
        return self._backend.capabilities

    @property
    def backend(self) -> Backend:
        """The provider, as requests."""
        return self._backend

    async def aclose(self) -> None:
        """Close all connections. Closing twice is fine; using it afterwards is not."""
        await self._backend.aclose()

    # Containers

    def container(self, name: str) -> Container:
        """A handle on a container, whether there is one or not; no request is made.

        Raises:
            InvalidNameError: The provider cannot have a container of this name.
        """
        self._backend.check_name(name)
        return Container(self, name)

    async def create_container(self, name: str, **options: Unpack[CreateContainerOptions]) -> Container:
        """Make a container.

        Args:
            name: Its name.
            **options: See :class:`~aiostorage.options.CreateContainerOptions`.

        Raises:
            AlreadyExistsError: The name is taken; where the error says ``may_be_done``, perhaps by the container that
                an attempt whose reply was lost has made.
            InvalidNameError: The provider cannot have a container of this name.
        """
        self._backend.check_name(name)
        return Container(self, name, info=await self._backend.create_container(name, ContainerOptions(**options)))

    async def get_container(self, name: str) -> Container:
        """A container that exists, with its properties.

        Raises:
            ContainerNotFoundError: There is none of this name.
        """
        self._backend.check_name(name)
        return Container(self, name, info=await self._backend.head_container(name))

    async def delete_container(
        self, container: Container | str, *, only_if_empty: bool = False, bypass_retention: bool = False
    ) -> None:
        """Remove a container with everything in it: objects, versions, unfinished uploads.

        Args:
            container: The container, or its name.
            only_if_empty: Remove nothing if there is an object in it.
            bypass_retention: Use the permission to delete what is retained in ``governance`` mode.

        Raises:
            ContainerNotFoundError: There is none of this name.
            ContainerNotEmptyError: ``only_if_empty`` is set and something is in it; or something in
                it cannot be deleted, and then the reason is the error's cause.
        """
        name = self._container(container).name
        if only_if_empty:
            await delete_empty_container(self._backend, name)
        else:
            await delete_container(
                self._backend, name, concurrency=self._concurrency, bypass_retention=bypass_retention
            )

    async def list_containers(self, *, prefix: str = "") -> AsyncGenerator[Container, None]:
        """The containers of the account whose names begin with ``prefix``; pages come as needed."""
        infos = listing.items(lambda token: self._backend.list_containers(prefix=prefix, token=token))
        try:
            async for info in infos:
                yield Container(self, info.name, info=info)
        finally:
            await infos.aclose()

    async def verify_conditions(self, container: Container | str) -> Conditions:
        """Find out which conditions the service obeys, by trying them in a container.

        Some services accept a condition and ignore it, so those of an unknown vendor are refused. To learn
        more of one, make a driver that is told to rely on all of them, ask it, and go on with the answer:
        ``S3Driver(endpoint=..., conditions=Conditions.all())``, then ``conditions=found``.

        It writes and removes two small objects of names that nobody else has, some dozens of times; where
        the container keeps versions, they stay. What the driver would refuse counts as not obeyed.
        """
        return await verify_conditions(self._backend, self._container(container).name)

    # Objects

    @overload
    def list_objects(
        self,
        container: Container | str,
        *,
        prefix: str = ...,
        start_after: str = ...,
        page_size: int | None = ...,
        versions: bool = ...,
    ) -> AsyncGenerator[Object, None]: ...

    @overload
    def list_objects(
        self,
        container: Container | str,
        *,
        prefix: str = ...,
        delimiter: str,
        start_after: str = ...,
        page_size: int | None = ...,
        versions: bool = ...,
    ) -> AsyncGenerator[Object | Prefix, None]: ...

    async def list_objects(
        self,
        container: Container | str,
        *,
        prefix: str = "",
        delimiter: str = "",
        start_after: str = "",
        page_size: int | None = None,
        versions: bool = False,
    ) -> AsyncGenerator[Object | Prefix, None]:
        """The objects of a container, in UTF-8 byte order of their names.

        Pages are fetched as they are needed, one ahead; nothing else is held between two objects.
        Leaving the loop early cancels what is under way.

        Args:
            container: The container, or its name.
            prefix: Only names that begin with this.
            delimiter: Show names that have this after the prefix as one :class:`Prefix` for all that
                share it; ``"/"`` lists like a folder.
            start_after: Only names after this one.
            page_size: The most names of one page; the provider's own most where it is not given.
            versions: Every version and delete marker, not only the latest objects.

        Raises:
            ContainerNotFoundError: There is no such container.
            UnsupportedError: ``versions`` is set and the provider keeps none.
        """
        where = self._container(container)
        if page_size is not None and page_size < 1:
            raise InvalidArgumentError(f"a page of {page_size} items makes no sense")
        query = ListQuery(
            prefix=prefix, delimiter=delimiter, start_after=start_after, page_size=page_size, versions=versions
        )
        found = listing.items(lambda token: self._backend.list_objects(where.name, query, token=token))
        try:
            async for item in found:
                if isinstance(item, Prefix):
                    yield item
                else:
                    yield Object(where, item.key, version_id=item.version_id if versions else None, info=item)
        finally:
            await found.aclose()

    async def get_object(self, container: Container | str, name: str, *, version_id: str | None = None) -> Object:
        """An object that exists, with all its properties.

        Raises:
            ObjectNotFoundError: There is none of this name.
            ContainerNotFoundError: There is no such container, where the provider tells the two apart.
        """
        return await self._container(container).object(name, version_id=version_id).refresh()

    async def head_object(self, obj: Object, **options: Unpack[ReadObjectOptions]) -> ObjectInfo:
        """What the provider says of an object now.

        Raises:
            ObjectNotFoundError: There is none of this name.
        """
        check_keywords("head_object()", options, ReadObjectOptions.__optional_keys__)
        self._check_own(obj)
        return await self._backend.head_object(
            obj.container.name, obj.name, read_options(options, obj.requested_version_id)
        )

    async def upload_object(
        self, source: Source, container: Container | str, name: str, **options: Unpack[UploadOptions]
    ) -> Object:
        """Store an object, whole and checked or not at all.

        What fits into one part is one request; what is larger goes in parts, several at once, so that
        at most ``part_size_bytes * (concurrency + 1)`` bytes are held in memory whatever the source
        (or one part, where the provider's limits make one larger than that).
        A failure, a cancellation or an exception in the source leaves nothing behind, unless there is
        a ``checkpoint``.

        Args:
            source: A path (a ``str`` is a path), bytes, a synchronous or asynchronous file, an iterable
                or asynchronous iterable of bytes. Its length need not be known.
            container: The container, or its name.
            name: The name of the object.
            **options: See :class:`~aiostorage.options.UploadOptions`.

        Raises:
            InvalidNameError: The provider cannot hold an object of this name.
            InvalidArgumentError: The source holds no bytes, or not as many as announced, or more than
                the provider can hold; or it is not what the ``checkpoint`` was made of.
            PreconditionFailedError: ``if_match`` or ``if_none_match`` does not hold.
            OSError: The source cannot be read.

        What the source or the progress callback raises comes out as it is; only if the callback raises
        when it is told of the last byte may the object be stored all the same.
        """
        check_keywords("upload_object()", options, UploadOptions.__optional_keys__)
        where = self._container(container)
        self._backend.check_name(where.name, name)
        part_size, concurrency = self._transfer(options)
        callback = options.get("progress")
        written = self._write_options("upload_object", name, options)
        announced = options.get("size")
        body = await open_body(source, size=announced)

        checkpoint = _checkpoint_store(options)
        send = upload if checkpoint is None else partial(upload_resumably, store=checkpoint)

        async def store(on_sent: OnSent | None) -> ObjectInfo:
            return await send(
                self._backend,
                where.name,
                name,
                body,
                written,
                part_size=part_size,
                concurrency=concurrency,
                budget=self._budget,
                on_sent=on_sent,
            )

        try:
            if announced is not None and body.size not in {None, announced}:
                raise InvalidArgumentError(f"the source has {body.size} bytes, not the {announced} that were announced")
            if callback is None:
                info = await store(None)
            else:
                async with reporting(callback, body.size) as progress:
                    info = await store(progress.add)
        finally:
            await body.aclose()
        return Object(where, name, info=info)

    def open_writer(self, container: Container | str, name: str, **options: Unpack[WriteObjectOptions]) -> ObjectWriter:
        """An asynchronous file whose content becomes an object when its block is left cleanly.

        Raises:
            InvalidNameError: The provider cannot hold an object of this name.
        """
        check_keywords("open_writer()", options, WriteObjectOptions.__optional_keys__)
        where = self._container(container)
        self._backend.check_name(where.name, name)
        part_size, concurrency = self._transfer(options)
        return ObjectWriter(
            self._backend,
            where.name,
            name,
            self._write_options("open_writer", name, options),
            part_size=part_size,
            concurrency=concurrency,
            budget=self._budget,
        )

    async def download_object(
        self, obj: Object, destination: str | os.PathLike[str], **options: Unpack[DownloadOptions]
    ) -> Path:
        """Write an object to a local file, and return its path.

        The file appears under its name when it is complete and checked; a failure or a cancellation
        leaves nothing, but for one that comes while the file gets its name: then it may be there, whole.
        Large objects come in ranges, several at once, all of one version.

        Args:
            obj: The object.
            destination: The file; or a folder that exists, for a file named after the last segment of
                the object's name.
            **options: See :class:`~aiostorage.options.DownloadOptions`.

        Raises:
            ObjectNotFoundError: There is none of this name.
            ObjectChangedError: The object was replaced while it was read.
            ChecksumMismatchError: The bytes that came are not those that were stored.
            AlreadyExistsError: The file is there, and ``overwrite`` is False.
            InvalidNameError: The destination is a folder, and the object's name is no file's.
            FileNotFoundError: The folder of the destination does not exist; none is made. That the object
                is missing is an ``ObjectNotFoundError``, which is a FileNotFoundError, too.
        """
        check_keywords("download_object()", options, DownloadOptions.__optional_keys__)
        part_size, concurrency = self._transfer(options)
        async with reporting(options.get("progress"), obj.size) as progress:
            return await download(
                self._source(obj, options),
                destination,
                size_hint=obj.size,
                part_size=part_size,
                concurrency=concurrency,
                progress=progress,
                overwrite=options.get("overwrite", True),
                fsync=options.get("fsync", False),
            )

    def open_object(self, obj: Object, **options: Unpack[OpenOptions]) -> ObjectReader:
        """An asynchronous file to read an object from: ``async with`` it, or ``await`` it to open it now.

        Args:
            obj: The object.
            **options: See :class:`~aiostorage.options.OpenOptions`.

        Raises:
            InvalidArgumentError: The byte range, or the number of the part, makes no sense.
            UnsupportedError: Parts cannot be read by their number; ``capabilities.part_numbers`` tells.
        """
        check_keywords("open_object()", options, OpenOptions.__optional_keys__)
        return ObjectReader(
            self._source(obj, options, part=part_number(options)), name=obj.name, byte_range=byte_range(options)
        )

    async def read_object(self, obj: Object, **options: Unpack[OpenOptions]) -> bytes:
        """The content of an object, or a range or a part of it, in memory.

        Raises:
            ObjectNotFoundError: There is none of this name.
            ChecksumMismatchError: The bytes that came are not those that were stored.
            RangeNotSatisfiableError: The object has no byte in the range.
        """
        check_keywords("read_object()", options, OpenOptions.__optional_keys__)
        return await read_object(self._source(obj, options, part=part_number(options)), byte_range(options))

    async def copy(
        self,
        obj: Object,
        container: Container,
        name: str | None = None,
        **options: Unpack[CopyOptions],
    ) -> Object:
        """Copy an object: by the provider within one driver, streamed through here between two.

        Headers and metadata come along, unless any of them is given: then those given are all it has.

        Args:
            obj: What to copy; of any driver.
            container: Where to; of any driver.
            name: The name of the copy; the same where it is not given.
            **options: See :class:`~aiostorage.options.CopyOptions`.

        Raises:
            ObjectNotFoundError: There is nothing to copy.
            ObjectChangedError: It was replaced meanwhile; a copy never has the headers of one version, and the
                content of another.
        """
        check_keywords("copy()", options, CopyOptions.__optional_keys__)
        name = obj.name if name is None else name
        target = container.driver
        target.backend.check_name(container.name, name)
        part_size, concurrency = target._transfer(options)
        written = target._write_options("copy", name, options)
        replacement, customer_key = written if HEADERS & options.keys() else None, options.get("customer_key")
        etag = None
        if replacement is None and options.keys() - {"part_size_bytes", "concurrency", "customer_key"}:
            info = await obj.driver.head_object(obj, customer_key=customer_key)
            kept, etag = copied_options(info), info.etag
            replacement = replace(
                written,
                content_type=kept.content_type,
                cache_control=kept.cache_control,
                content_disposition=kept.content_disposition,
                content_encoding=kept.content_encoding,
                content_language=kept.content_language,
                metadata=kept.metadata,
            )
        if obj.driver is target and target.capabilities.server_side_copy:
            source = replace(target._ref(obj, customer_key), if_match=etag)
            try:
                info = await copy_within(
                    target.backend, source, container.name, name, replacement, size=obj.size, concurrency=concurrency
                )
            except PreconditionFailedError as error:
                if etag is None or (await target.head_object(obj, customer_key=customer_key)).etag == etag:
                    raise  # it is the caller's condition
                raise ObjectChangedError("the object was replaced while it was copied", **error.details()) from error
        else:
            info = await copy_between(
                obj.driver._source(obj, {"customer_key": customer_key}),
                target.backend,
                container.name,
                name,
                replacement,
                etag=etag,
                part_size=part_size,
                concurrency=concurrency,
                budget=target._budget,
                on_sent=None,
            )
        return Object(container, name, info=info)

    async def delete_object(self, obj: Object, *, if_match: str | None = None, bypass_retention: bool = False) -> None:
        """Remove an object. That there is none is no error: most providers cannot tell.

        Where the container keeps versions this hides the object behind a delete marker; an object
        that was asked for by its ``version_id`` loses that version for good.

        Args:
            obj: The object.
            if_match: Delete only the version with this etag.
            bypass_retention: Use the permission to delete what is retained in ``governance`` mode.

        Raises:
            PreconditionFailedError: ``if_match`` does not hold.
            PermissionDeniedError: It is retained, or held.
        """
        self._check_own(obj)
        if if_match is not None:
            self._require("delete_object", self.capabilities.delete_if_match, "deletion by etag")
        if bypass_retention:
            self._require("delete_object", self.capabilities.retention, "retention")
        await self._backend.delete_object(
            obj.container.name,
            obj.name,
            version_id=obj.requested_version_id,
            if_match=if_match,
            bypass_retention=bypass_retention,
        )

    async def delete_objects(
        self,
        container: Container | str,
        names: Iterable[str | Object] | AsyncIterable[str | Object],
        *,
        bypass_retention: bool = False,
    ) -> list[DeleteOutcome]:
        """Remove many objects of one container, in batches; one outcome for each, in order.

        A deletion that fails is in its outcome's ``error``; nothing is raised for it.

        Args:
            container: The container, or its name.
            names: Names, or objects: of those asked for by a version that version goes.
            bypass_retention: Use the permission to delete what is retained in ``governance`` mode.
        """
        where = self._container(container)
        if isinstance(names, str):
            raise InvalidArgumentError(f"several names are wanted, and {names!r} is one: delete_object() is for that")

        async def refs() -> AsyncGenerator[ObjectRef, None]:
            async for item in _each(names):
                obj = object_in(where, item)
                yield ObjectRef(container=where.name, key=obj.name, version_id=obj.requested_version_id)

        return await delete_many(
            self._backend, where.name, refs(), concurrency=self._concurrency, bypass_retention=bypass_retention
        )

    async def presign(
        self,
        obj: Object,
        method: str = "GET",
        *,
        expires_in_s: float = 3600,
        headers: Mapping[str, str] = EMPTY,
        response_headers: Mapping[str, str] = EMPTY,
    ) -> PresignedRequest:
        """A request on an object that works without credentials for a while.

        Args:
            obj: The object, or a handle on one to be.
            method: ``GET``, ``PUT``, ``HEAD`` or ``DELETE``.
            expires_in_s: How long it shall work. The answer's ``expires_at`` tells how long it will.
            headers: Headers that whoever uses it is to send. With ``capabilities.presign_headers`` it works with
                exactly these; else they are passed on in the request, and bind nobody.
            response_headers: Headers that the answer to a ``GET`` or ``HEAD`` shall have, whatever the
                object was stored with: ``content-type``, ``content-language``, ``expires``,
                ``cache-control``, ``content-disposition``, ``content-encoding``.

        Raises:
            UnsupportedError: The provider cannot do that; ``capabilities.presign`` tells.
            InvalidArgumentError: Less than a second, or longer than the provider allows.
        """
        self._check_own(obj)
        check_lifetime(expires_in_s)
        options = PresignOptions(
            expires_in_s=expires_in_s,
            headers=headers,
            version_id=obj.requested_version_id,
            response_headers=response_headers,
        )
        return await self._backend.presign(method, obj.container.name, obj.name, options)

    async def presign_post(self, obj: Object, **policy: Unpack[PostOptions]) -> PresignedPost:
        """A form by which a browser may store an object without credentials for a while.

        Args:
            obj: A handle on the object to be. Where its name ends with ``${filename}`` the browser puts the
                name of the user's file there.
            **policy: See :class:`~aiostorage.options.PostOptions`.

        Raises:
            UnsupportedError: The provider has no such forms; ``capabilities.presign_post`` tells.
            InvalidArgumentError: Less than a second, or longer than the provider allows.
        """
        self._check_own(obj)
        check_keywords("presign_post()", policy, PostOptions.__optional_keys__)
        self._require("presign_post", self.capabilities.presign_post, "form for browsers")
        options = PostPolicy(**policy)
        check_lifetime(options.expires_in_s)
        return await self._backend.presign_post(obj.container.name, obj.name, options)

    def _container(self, container: Container | str) -> Container:
        if isinstance(container, str):
            return self.container(container)
        if container.driver is not self:
            raise InvalidArgumentError(f"{container!r} belongs to another driver")
        return container

    def _check_own(self, obj: Object) -> None:
        if obj.driver is not self:
            raise InvalidArgumentError(f"{obj!r} belongs to another driver")

    def _require(self, operation: str, is_possible: bool, what: str) -> None:
        if not is_possible:
            raise UnsupportedError(f"there is no {what} here", provider=self.name, operation=operation)

    def _write_options(self, operation: str, name: str, options: WriteObjectOptions) -> WriteOptions:
        written = write_options(name, options)
        if not self.capabilities.object_headers and options.get("content_type") is None:
            written = replace(written, content_type=None)  # the provider's guess is as good as ours
        if (missing := self.capabilities.missing_for(written)) is not None:
            raise UnsupportedError(f"there is no {missing} here", provider=self.name, operation=operation)
        return written

    def _source(self, obj: Object, options: ReadObjectOptions, *, part: int | None = None) -> ObjectSource:
        self._check_own(obj)
        if part is not None:
            self._require("get_object", self.capabilities.part_numbers, "reading of parts by their number")
        wanted = read_options(options, obj.requested_version_id, part)
        return ObjectSource(self._backend, obj.container.name, obj.name, wanted)

    def _transfer(self, options: TransferOptions) -> tuple[int, int]:
        part_size = options.get("part_size_bytes", self._part_size)
        concurrency = options.get("concurrency", self._concurrency)
        if not (isinstance(part_size, int) and isinstance(concurrency, int) and part_size > 0 and concurrency > 0):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError(
                f"part_size_bytes={part_size!r}, concurrency={concurrency!r}: both are whole numbers from 1"
            )
        return part_size, concurrency


def _checkpoint_store(options: UploadOptions) -> CheckpointStore | None:
    checkpoint = options.get("checkpoint")
    return CheckpointFile(checkpoint) if isinstance(checkpoint, str | os.PathLike) else checkpoint


async def _each(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item

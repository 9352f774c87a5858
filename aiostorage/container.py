"""A container of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack, overload

from aiostorage.cdn import ContainerCDN
from aiostorage.models import EMPTY
from aiostorage.object import Object, object_in

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

    from aiostorage._transfer.reader import ObjectReader
    from aiostorage._transfer.writer import ObjectWriter
    from aiostorage.body import Source
    from aiostorage.driver import Driver
    from aiostorage.models import Conditions, ContainerInfo, DeleteOutcome, Prefix, Upload
    from aiostorage.options import DownloadOptions, OpenOptions, UploadOptions, WriteObjectOptions


class Container:
    """A container (S3: bucket), as the provider has shown it, or only its name.

    Where a method takes an object, its name will do.
    """

    __slots__ = ("_driver", "_info", "_name")

    def __init__(self, driver: Driver, name: str, *, info: ContainerInfo | None = None) -> None:
        self._driver = driver
        self._name = name
        self._info = info

    def __repr__(self) -> str:
        return f"<Container {self._name!r} of {self._driver.name}>"

    @property
    def driver(self) -> Driver:
        """The driver that it came from."""
        return self._driver

    @property
    def name(self) -> str:
        """The container's name."""
        return self._name

    @property
    def key(self) -> str:
        """The same as ``name``."""
        return self._name

    @property
    def object_count(self) -> int | None:
        """How many objects are in it; None where the provider does not say."""
        return None if self._info is None else self._info.object_count

    @property
    def created_at(self) -> datetime | None:
        """When it was made; None where it is not known."""
        return None if self._info is None else self._info.created_at

    @property
    def extra(self) -> Mapping[str, str]:
        """What only this provider says, by the provider's own names."""
        return EMPTY if self._info is None else self._info.extra

    @property
    def cdn(self) -> ContainerCDN:
        """Content delivery for its objects: public and signed URLs, cookies, purging.

        Raises:
            UnsupportedError: The provider has none; ``driver.capabilities.cdn`` tells.
        """
        return ContainerCDN(self, self._driver.backend.cdn(self._name))

    def object(self, name: str, *, version_id: str | None = None) -> Object:
        """A handle on an object, whether there is one or not; no request is made.

        Raises:
            InvalidNameError: The provider cannot hold an object of this name.
        """
        self._driver.backend.check_name(self._name, name)
        return Object(self, name, version_id=version_id)

    async def get_object(self, name: str, *, version_id: str | None = None) -> Object:
        """An object with all its properties; see :meth:`Driver.get_object`."""
        return await self._driver.get_object(self, name, version_id=version_id)

    @overload
    def list_objects(
        self, *, prefix: str = ..., start_after: str = ..., page_size: int | None = ..., versions: bool = ...
    ) -> AsyncGenerator[Object, None]: ...

    @overload
    def list_objects(
        self,
        *,
        prefix: str = ...,
        delimiter: str,
        start_after: str = ...,
        page_size: int | None = ...,
        versions: bool = ...,
    ) -> AsyncGenerator[Object | Prefix, None]: ...

    def list_objects(
        self,
        *,
        prefix: str = "",
        delimiter: str = "",
        start_after: str = "",
        page_size: int | None = None,
        versions: bool = False,
    ) -> AsyncGenerator[Object, None] | AsyncGenerator[Object | Prefix, None]:
        """Its objects, in the order of their names; see :meth:`Driver.list_objects`."""
        return self._driver.list_objects(
            self,
            prefix=prefix,
            delimiter=delimiter,
            start_after=start_after,
            page_size=page_size,
            versions=versions,
        )

    async def upload_object(self, source: Source, name: str, **options: Unpack[UploadOptions]) -> Object:
        """Store a path, bytes, a file or an iterable; see :meth:`Driver.upload_object`."""
        return await self._driver.upload_object(source, self, name, **options)

    def open_writer(self, name: str, **options: Unpack[WriteObjectOptions]) -> ObjectWriter:
        """An asynchronous file to write an object with; see :meth:`Driver.open_writer`."""
        return self._driver.open_writer(self, name, **options)

    async def download_object(
        self, name: str | Object, destination: str | os.PathLike[str], **options: Unpack[DownloadOptions]
    ) -> Path:
        """Write an object to a local file; see :meth:`Driver.download_object`."""
        return await self._driver.download_object(object_in(self, name), destination, **options)

    def open_object(self, name: str | Object, **options: Unpack[OpenOptions]) -> ObjectReader:
        """An asynchronous file to read an object from; see :meth:`Driver.open_object`."""
        return self._driver.open_object(object_in(self, name), **options)

    async def delete_object(
        self, name: str | Object, *, if_match: str | None = None, bypass_retention: bool = False
    ) -> None:
        """Remove an object; see :meth:`Driver.delete_object`."""
        await self._driver.delete_object(object_in(self, name), if_match=if_match, bypass_retention=bypass_retention)

    async def delete_objects(
        self, names: Iterable[str | Object] | AsyncIterable[str | Object], *, bypass_retention: bool = False
    ) -> list[DeleteOutcome]:
        """Remove many objects; see :meth:`Driver.delete_objects`."""
        return await self._driver.delete_objects(self, names, bypass_retention=bypass_retention)

    async def verify_conditions(self) -> Conditions:
        """Find out which conditions the service obeys; see :meth:`Driver.verify_conditions`."""
        return await self._driver.verify_conditions(self)

    async def delete(self, *, only_if_empty: bool = False, bypass_retention: bool = False) -> None:
        """Remove it and everything in it; see :meth:`Driver.delete_container`."""
        await self._driver.delete_container(self, only_if_empty=only_if_empty, bypass_retention=bypass_retention)

    async def create_upload(self, name: str, **options: Unpack[WriteObjectOptions]) -> Upload:
        """Begin an upload whose parts others send; see :meth:`Driver.create_upload`."""
        return await self._driver.create_upload(self, name, **options)

    def list_uploads(self, *, prefix: str = "") -> AsyncGenerator[Upload, None]:
        """Its unfinished uploads; see :meth:`Driver.list_uploads`."""
        return self._driver.list_uploads(self, prefix=prefix)

    async def abort_stale_uploads(self, *, older_than: timedelta, prefix: str = "", now: datetime | None = None) -> int:
        """Drop uploads that began long ago; see :meth:`Driver.abort_stale_uploads`."""
        return await self._driver.abort_stale_uploads(self, older_than=older_than, prefix=prefix, now=now)

    async def get_setting(self, name: str) -> str | None:
        """One of its documents, such as ``"lifecycle"``; see :meth:`Driver.get_setting`."""
        return await self._driver.get_setting(self, name)

    async def set_setting(self, name: str, document: str) -> None:
        """Replace one of its documents; see :meth:`Driver.get_setting`."""
        await self._driver.set_setting(self, name, document)

    async def delete_setting(self, name: str) -> None:
        """Remove one of its documents; see :meth:`Driver.get_setting`."""
        await self._driver.delete_setting(self, name)

    async def get_versioning(self) -> bool:
        """Whether it keeps what is written over or deleted."""
        return await self._driver.get_versioning(self)

    async def set_versioning(self, *, is_kept: bool) -> None:
        """Make it keep what is written over or deleted, or keep no more of it."""
        await self._driver.set_versioning(self, is_kept=is_kept)

    async def get_tags(self) -> Mapping[str, str]:
        """Its tags (GCS: labels)."""
        return await self._driver.get_container_tags(self)

    async def set_tags(self, tags: Mapping[str, str]) -> None:
        """Replace its tags (GCS: labels); an empty mapping removes them."""
        await self._driver.set_container_tags(self, tags)

"""A container of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack, overload

from aiostorage.models import EMPTY
from aiostorage.object import Object

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from aiostorage._transfer.reader import ObjectReader
    from aiostorage._transfer.writer import ObjectWriter
    from aiostorage.backend import CDN
    from aiostorage.body import Source
    from aiostorage.driver import Driver
    from aiostorage.models import ContainerInfo, DeleteOutcome, Prefix
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
    def cdn(self) -> CDN:
        """Content delivery for its objects.

        Raises:
            UnsupportedError: The provider has none; ``driver.capabilities.cdn`` tells.
        """
        return self._driver.backend.cdn(self._name)

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
        return await self._driver.download_object(self._object(name), destination, **options)

    def open_object(self, name: str | Object, **options: Unpack[OpenOptions]) -> ObjectReader:
        """An asynchronous file to read an object from; see :meth:`Driver.open_object`."""
        return self._driver.open_object(self._object(name), **options)

    async def delete_object(self, name: str | Object) -> None:
        """Remove an object; see :meth:`Driver.delete_object`."""
        await self._driver.delete_object(self._object(name))

    async def delete_objects(self, names: Iterable[str | Object] | AsyncIterable[str | Object]) -> list[DeleteOutcome]:
        """Remove many objects; see :meth:`Driver.delete_objects`."""
        return await self._driver.delete_objects(self, names)

    async def delete(self, *, only_if_empty: bool = False) -> None:
        """Remove it and everything in it; see :meth:`Driver.delete_container`."""
        await self._driver.delete_container(self, only_if_empty=only_if_empty)

    def _object(self, name: str | Object) -> Object:
        return self.object(name) if isinstance(name, str) else name

"""An object in a container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, Unpack

from aiostorage.errors import InvalidArgumentError
from aiostorage.models import EMPTY

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from aiostorage._transfer.reader import ObjectReader
    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.models import ObjectHash, ObjectInfo, PresignedPost, PresignedRequest, Retention
    from aiostorage.options import CopyOptions, DownloadOptions, OpenOptions, PostOptions, UpdateOptions


class Object:
    """An object, as a listing, an upload or a request has shown it, or only its name.

    The properties tell what was known when it was made or last refreshed; a handle made by
    ``container.object(name)`` knows its name alone, and a listing knows no metadata. Every method
    asks the provider anew and works on the latest version, unless the object was asked for by a
    ``version_id``.
    """

    __slots__ = ("_container", "_info", "_name", "_version_id")

    def __init__(
        self, container: Container, name: str, *, version_id: str | None = None, info: ObjectInfo | None = None
    ) -> None:
        self._container = container
        self._name = name
        self._version_id = version_id
        self._info = info

    def __repr__(self) -> str:
        size = "" if self.size is None else f", {self.size} bytes"
        return f"<Object {self._name!r} in {self._container.name!r}{size}>"

    @property
    def driver(self) -> Driver:
        """The driver that it came from."""
        return self._container.driver

    @property
    def container(self) -> Container:
        """The container that it is in."""
        return self._container

    @property
    def name(self) -> str:
        """The object's name, byte for byte."""
        return self._name

    @property
    def key(self) -> str:
        """The same as ``name``."""
        return self._name

    @property
    def requested_version_id(self) -> str | None:
        """The version that the methods work on; None for the latest."""
        return self._version_id

    @property
    def info(self) -> ObjectInfo | None:
        """All that is known of it, as one value; None for a handle."""
        return self._info

    @property
    def size(self) -> int | None:
        """Bytes; None where it is not known."""
        return None if self._info is None else self._info.size

    @property
    def is_dir_marker(self) -> bool:
        """Whether it is empty, and its name ends in a slash: others make such objects to stand for folders."""
        return self._info is not None and self._info.is_dir_marker

    @property
    def object_hash(self) -> ObjectHash | None:
        """A hash of the content, where the provider has one. The etag of an upload by parts is none."""
        return None if self._info is None else self._info.object_hash

    @property
    def etag(self) -> str | None:
        """What changes whenever the object does; without quotes."""
        return None if self._info is None else self._info.etag

    @property
    def last_modified(self) -> datetime | None:
        """When it was written; with a time zone."""
        return None if self._info is None else self._info.last_modified

    @property
    def content_type(self) -> str | None:
        """The media type that it was stored with."""
        return None if self._info is None else self._info.content_type

    @property
    def metadata(self) -> Mapping[str, str]:
        """The user's own names and values; empty in listings."""
        return EMPTY if self._info is None else self._info.metadata

    @property
    def version_id(self) -> str | None:
        """The version that the properties are of, where the container keeps versions."""
        return self._version_id if self._info is None else self._info.version_id

    @property
    def extra(self) -> Mapping[str, str]:
        """What only this provider says, by the provider's own names."""
        return EMPTY if self._info is None else self._info.extra

    async def refresh(self) -> Self:
        """Ask the provider for all properties anew; returns the object itself.

        Raises:
            ObjectNotFoundError: It is gone.
        """
        self._info = await self.driver.head_object(self)
        return self

    async def download(self, destination: str | os.PathLike[str], **options: Unpack[DownloadOptions]) -> Path:
        """Write it to a local file; see :meth:`Driver.download_object`."""
        return await self.driver.download_object(self, destination, **options)

    def as_file(self, **options: Unpack[OpenOptions]) -> ObjectReader:
        """An asynchronous file to read it from; see :meth:`Driver.open_object`."""
        return self.driver.open_object(self, **options)

    async def read(self, **options: Unpack[OpenOptions]) -> bytes:
        """Its content in memory; see :meth:`Driver.read_object`."""
        return await self.driver.read_object(self, **options)

    async def copy_to(self, container: Container, name: str | None = None, **options: Unpack[CopyOptions]) -> Object:
        """Copy it, also to another provider; see :meth:`Driver.copy`."""
        return await self.driver.copy(self, container, name, **options)

    async def delete(self, *, if_match: str | None = None, bypass_retention: bool = False) -> None:
        """Remove it; see :meth:`Driver.delete_object`."""
        await self.driver.delete_object(self, if_match=if_match, bypass_retention=bypass_retention)

    async def update(self, **changes: Unpack[UpdateOptions]) -> Object:
        """Change some of its headers and metadata; see :meth:`Driver.update_object`."""
        return await self.driver.update_object(self, **changes)

    async def get_tags(self) -> Mapping[str, str]:
        """Its tags."""
        return await self.driver.get_tags(self)

    async def set_tags(self, tags: Mapping[str, str]) -> None:
        """Replace its tags; an empty mapping removes them."""
        await self.driver.set_tags(self, tags)

    async def set_acl(self, acl: str) -> None:
        """Replace who may do what with it; see :meth:`Driver.set_acl`."""
        await self.driver.set_acl(self, acl)

    async def set_retention(self, retention: Retention | None, *, bypass_retention: bool = False) -> None:
        """Set until when it cannot be deleted; see :meth:`Driver.set_retention`."""
        await self.driver.set_retention(self, retention, bypass_retention=bypass_retention)

    async def set_legal_hold(self, *, is_held: bool) -> None:
        """Keep it from being deleted until it is let go again."""
        await self.driver.set_legal_hold(self, is_held=is_held)

    async def restore(self, *, days: int | None = None, tier: str | None = None) -> None:
        """Begin to make it readable, where it is archived; see :meth:`Driver.restore_object`."""
        await self.driver.restore_object(self, days=days, tier=tier)

    async def presign(
        self,
        method: str = "GET",
        *,
        expires_in_s: float = 3600,
        headers: Mapping[str, str] = EMPTY,
        response_headers: Mapping[str, str] = EMPTY,
    ) -> PresignedRequest:
        """A request that works without credentials for a while; see :meth:`Driver.presign`."""
        return await self.driver.presign(
            self, method, expires_in_s=expires_in_s, headers=headers, response_headers=response_headers
        )

    async def presign_post(self, **policy: Unpack[PostOptions]) -> PresignedPost:
        """A form by which a browser may store it; see :meth:`Driver.presign_post`."""
        return await self.driver.presign_post(self, **policy)


def object_in(container: Container, item: str | Object) -> Object:
    """The object of a container that a name stands for, or the object itself.

    Raises:
        InvalidArgumentError: It is in another container, or of another driver.
    """
    if isinstance(item, str):
        return container.object(item)
    if item.driver is not container.driver:
        raise InvalidArgumentError(f"{item!r} belongs to another driver")
    if item.container.name != container.name:
        raise InvalidArgumentError(f"{item!r} is not in container {container.name!r}")
    return item

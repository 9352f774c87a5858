"""A witness for the memory driver."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aiostorage import (
    ContainerNotFoundError,
    ListQuery,
    NotFoundError,
    ObjectInfo,
    ReadOptions,
    WriteOptions,
)
from aiostorage.models import EMPTY
from aiostorage.testing import Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage import MemoryDriver


class MemoryWitness:
    """What memory holds, seen through the backend of the driver: there is no other way to it.

    So this cannot tell when the backend itself forgets or mixes things up; that it keeps its word is
    for the tests of the backend. It does tell what ``Driver`` and the transfer engine have left there.
    """

    def __init__(self, driver: MemoryDriver) -> None:
        self._backend = driver.backend

    async def make_container(self, container: str) -> None:
        await self._backend.create_container(container)

    async def has_container(self, container: str) -> bool:
        try:
            await self._backend.head_container(container)
        except ContainerNotFoundError:
            return False
        return True

    async def remove_container(self, container: str) -> None:
        with suppress(ContainerNotFoundError):
            for key in await self.keys(container):
                await self.delete(container, key)
            await self._backend.delete_container(container)

    async def put(
        self,
        container: str,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] = EMPTY,
    ) -> None:
        options = WriteOptions(content_type=content_type, metadata=metadata)
        await self._backend.put_object(container, key, data, options)

    async def get(self, container: str, key: str) -> bytes | None:
        try:
            body = await self._backend.get_object(container, key, ReadOptions())
        except NotFoundError:
            return None
        return await body.read()

    async def head(self, container: str, key: str) -> Seen | None:
        try:
            info = await self._backend.head_object(container, key, ReadOptions())
        except NotFoundError:
            return None
        return Seen(
            size=info.size or 0,
            content_type=info.content_type,
            cache_control=info.cache_control,
            content_disposition=info.content_disposition,
            content_encoding=info.content_encoding,
            content_language=info.content_language,
            metadata={name.lower(): value for name, value in info.metadata.items()},
        )

    async def keys(self, container: str) -> list[str]:
        page = await self._backend.list_objects(container, ListQuery(), token=None)
        assert page.next_token is None
        return [item.key for item in page.items if isinstance(item, ObjectInfo)]

    async def delete(self, container: str, key: str) -> None:
        await self._backend.delete_object(container, key)

    async def begin_upload(self, container: str, key: str, part: bytes) -> None:
        upload = await self._backend.create_upload(container, key, WriteOptions())
        await self._backend.upload_part(upload, 1, 0, part)

    async def open_uploads(self, container: str) -> list[str]:
        page = await self._backend.list_uploads(container, prefix="", token=None)
        return [upload.key for upload in page.items]

    async def keep_versions(self, container: str) -> None:
        raise AssertionError("memory keeps no versions")

"""A witness for everything that speaks Swift's own API: python-swiftclient, in threads."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import swiftclient.client
from swiftclient.exceptions import ClientException

from aiostorage.models import EMPTY
from aiostorage.testing import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

META = "x-object-meta-"

# Which segments the driver takes for those of an upload, and how it names them.
SEGMENT = re.compile(r"(.+)/slo/(\d{10}\.\d{6}-[0-9a-f]{16})/\d{8}", re.DOTALL)


def _quote_all(value: str, safe: str = "/") -> str:
    """Dots are encoded, too: else the library below resolves ``..`` in paths, and asks for another object."""
    return quote(value, safe).replace(".", "%2E")


swiftclient.client.quote = _quote_all


class SwiftWitness:
    """What a cluster holds, as swiftclient sees it.

    Args:
        connect: Makes a connection; one cannot be shared by threads.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._local = threading.local()

    async def make_container(self, container: str) -> None:
        await asyncio.to_thread(lambda: self._client.put_container(container))

    async def has_container(self, container: str) -> bool:
        def look() -> bool:
            return any(self._head_container(name) is not None for name in (container, f"{container}_segments"))

        return await asyncio.to_thread(look)

    async def remove_container(self, container: str) -> None:
        await asyncio.to_thread(self._remove_container, container)

    async def put(
        self,
        container: str,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] = EMPTY,
    ) -> None:
        headers = {f"{META}{name}": value for name, value in metadata.items()}

        def put() -> None:
            self._client.put_object(container, key, data, content_type=content_type, headers=headers)

        await asyncio.to_thread(put)

    async def get(self, container: str, key: str) -> bytes | None:
        found = await asyncio.to_thread(self._find, "get_object", container, key)
        return None if found is None else found[1]

    async def head(self, container: str, key: str) -> Seen | None:
        found = await asyncio.to_thread(self._find, "head_object", container, key)
        if found is None:
            return None
        return Seen(
            size=int(found["content-length"]),
            content_type=found.get("content-type"),
            cache_control=found.get("cache-control"),
            content_disposition=found.get("content-disposition"),
            content_encoding=found.get("content-encoding"),
            content_language=found.get("content-language"),
            metadata={name.removeprefix(META): value for name, value in found.items() if name.startswith(META)},
        )

    async def keys(self, container: str) -> list[str]:
        return await asyncio.to_thread(self._keys, container)

    async def delete(self, container: str, key: str) -> None:
        def delete() -> None:
            is_large = self._client.head_object(container, key).get("x-static-large-object")
            self._client.delete_object(container, key, query_string="multipart-manifest=delete" if is_large else None)

        await asyncio.to_thread(delete)

    async def begin_upload(self, container: str, key: str, part: bytes) -> None:
        def begin() -> None:
            self._client.put_container(f"{container}_segments")
            name = f"{key}/slo/1700000000.000000-0123456789abcdef/00000001"
            self._client.put_object(f"{container}_segments", name, part)

        await asyncio.to_thread(begin)

    async def open_uploads(self, container: str) -> list[str]:
        return await asyncio.to_thread(self._open_uploads, container)

    async def keep_versions(self, container: str) -> None:
        await asyncio.to_thread(lambda: self._client.post_container(container, {"X-Versions-Enabled": "true"}))

    @property
    def _client(self) -> Any:
        if not hasattr(self._local, "client"):
            self._local.client = self._connect()
        return self._local.client

    def _find(self, method: str, *what: str, **how: Any) -> Any:
        try:
            return getattr(self._client, method)(*what, **how)
        except ClientException as error:
            if error.http_status == 404:
                return None
            raise

    def _head_container(self, container: str) -> Any:
        return self._find("head_container", container)

    def _keys(self, container: str, **how: Any) -> list[str]:
        found = self._find("get_container", container, full_listing=True, **how)
        return [] if found is None else [entry["name"] for entry in found[1]]

    def _open_uploads(self, container: str) -> list[str]:
        begun = {found.groups() for name in self._keys(f"{container}_segments") if (found := SEGMENT.fullmatch(name))}
        return [key for key, upload_id in begun if not self._is_completed(container, key, upload_id)]

    def _is_completed(self, container: str, key: str, upload_id: str) -> bool:
        found = self._find("head_object", container, key)
        if found is None or not found.get("x-static-large-object"):
            return False
        _, manifest = self._client.get_object(container, key, query_string="multipart-manifest=get")
        if manifest:
            return f"/{upload_id}/".encode() in manifest
        # Ceph shows none; but the etag of a large object is that of the etags of its segments.
        prefix = f"{key}/slo/{upload_id}/"
        _, segments = self._client.get_container(f"{container}_segments", prefix=prefix)
        joined = "".join(entry["hash"] for entry in segments).encode()
        return bool(found["etag"].strip('"') == hashlib.md5(joined, usedforsecurity=False).hexdigest())

    def _remove_container(self, container: str) -> None:
        for name in (container, f"{container}_segments"):
            state = self._head_container(name)
            if state is None:
                continue
            if "x-versions-enabled" in state:
                _, listed = self._client.get_container(name, query_string="versions=true")
                self._client.post_container(name, {"X-Versions-Enabled": "false"})
                for entry in listed:
                    query = f"version-id={entry['version_id']}"
                    self._find("delete_object", name, entry["name"], query_string=query)
            for key in self._keys(name):
                self._find("delete_object", name, key)
            self._find("delete_container", name)

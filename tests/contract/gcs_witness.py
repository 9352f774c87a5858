"""A witness for Google Cloud Storage: Google's own client, in threads."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from google.api_core.exceptions import NotFound
from google.cloud.storage import Client

from aiostorage.models import EMPTY
from aiostorage.testing import Seen

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache  # making one reads a key and fetches a token, which takes longer than most tests
def google_client(endpoint: str, key_file: str) -> Any:
    """Google's client of a server, with the key of an account."""
    return Client.from_service_account_json(key_file, client_options={"api_endpoint": endpoint})


class GCSWitness:
    """What a server holds, as Google's client sees it. Uploads by parts, which it cannot list, come by hand."""

    def __init__(self, client: Any, endpoint: str) -> None:
        self._client = client
        self._endpoint = endpoint

    async def make_container(self, container: str) -> None:
        await asyncio.to_thread(self._client.create_bucket, container)

    async def has_container(self, container: str) -> bool:
        return await asyncio.to_thread(self._client.lookup_bucket, container) is not None

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
        blob = self._client.bucket(container).blob(key)
        blob.metadata = dict(metadata) or None
        await asyncio.to_thread(blob.upload_from_string, data, content_type=content_type)

    async def get(self, container: str, key: str) -> bytes | None:
        blob = self._client.bucket(container).blob(key)
        try:
            content: bytes = await asyncio.to_thread(blob.download_as_bytes, raw_download=True)
        except NotFound:
            return None
        return content

    async def head(self, container: str, key: str) -> Seen | None:
        blob = await asyncio.to_thread(self._client.bucket(container).get_blob, key)
        if blob is None:
            return None
        return Seen(
            size=blob.size,
            content_type=blob.content_type,
            cache_control=blob.cache_control,
            content_disposition=blob.content_disposition,
            content_encoding=blob.content_encoding,
            content_language=blob.content_language,
            metadata={name.lower(): value for name, value in (blob.metadata or {}).items()},
        )

    async def keys(self, container: str) -> list[str]:
        return await asyncio.to_thread(lambda: [blob.name for blob in self._client.list_blobs(container)])

    async def delete(self, container: str, key: str) -> None:
        await asyncio.to_thread(self._client.bucket(container).delete_blob, key)

    async def begin_upload(self, container: str, key: str, part: bytes) -> None:
        def begin() -> None:
            path = f"{container}/{quote(key, safe='')}"
            begun = self._xml("POST", f"{path}?uploads")
            upload_id = begun.findtext("{*}UploadId")
            self._send("PUT", f"{path}?partNumber=1&uploadId={quote(upload_id, safe='')}", data=part)

        await asyncio.to_thread(begin)

    async def open_uploads(self, container: str) -> list[str]:
        return [key for key, _ in await asyncio.to_thread(self._uploads, container)]

    async def keep_versions(self, container: str) -> None:
        bucket = self._client.bucket(container)
        bucket.versioning_enabled = True
        await asyncio.to_thread(bucket.patch)

    def _uploads(self, container: str) -> list[tuple[str, str]]:
        listed = self._xml("GET", f"{container}?uploads")
        return [
            (upload.findtext("{*}Key") or "", upload.findtext("{*}UploadId") or "")
            for upload in listed.findall("{*}Upload")
        ]

    def _xml(self, method: str, path: str) -> Any:
        return ET.fromstring(self._send(method, path).content)

    def _send(self, method: str, path: str, **options: Any) -> Any:
        answer = self._client._http.request(method, f"{self._endpoint}/{path}", **options)
        answer.raise_for_status()
        return answer

    def _remove_container(self, container: str) -> None:
        bucket = self._client.lookup_bucket(container)
        if bucket is None:
            return
        for key, upload_id in self._uploads(container):
            self._send("DELETE", f"{container}/{quote(key, safe='')}?uploadId={quote(upload_id, safe='')}")
        for blob in list(self._client.list_blobs(container, versions=True)):
            blob.delete()
        bucket.delete()

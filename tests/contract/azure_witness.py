"""A witness for Azure: Microsoft's own client, in threads."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContentSettings

from aiostorage.models import EMPTY
from aiostorage.testing import Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.storage.blob import BlobClient

    from tests.servers.azurite import AzuriteServer

# The newest that the server knows; the client would speak a newer one.
API_VERSION = "2026-02-06"


def service_client(server: AzuriteServer, *, retries: int = 0) -> BlobServiceClient:
    """A client for all that is in the account; a connection that idles for seconds is closed by the server."""
    return BlobServiceClient(
        server.endpoint,
        credential={"account_name": server.account, "account_key": server.key},
        api_version=API_VERSION,
        retry_total=retries,
        connection_verify=True if server.ca_bundle is None else str(server.ca_bundle),
    )


class AzureWitness:
    """What an account holds, as ``azure-storage-blob`` sees it."""

    def __init__(self, client: BlobServiceClient) -> None:
        self._client = client

    async def make_container(self, container: str) -> None:
        await asyncio.to_thread(self._client.create_container, container)

    async def has_container(self, container: str) -> bool:
        return await asyncio.to_thread(self._client.get_container_client(container).exists)

    async def remove_container(self, container: str) -> None:
        def remove() -> None:
            try:
                self._client.delete_container(container)
            except ResourceNotFoundError:
                return

        await asyncio.to_thread(remove)

    async def put(
        self,
        container: str,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] = EMPTY,
    ) -> None:
        await asyncio.to_thread(
            self._blob(container, key).upload_blob,
            data,
            overwrite=True,
            content_settings=ContentSettings(content_type=content_type),
            metadata=dict(metadata),
        )

    async def get(self, container: str, key: str) -> bytes | None:
        def get() -> bytes | None:
            try:
                return self._blob(container, key).download_blob().readall()
            except ResourceNotFoundError:
                return None

        return await asyncio.to_thread(get)

    async def head(self, container: str, key: str) -> Seen | None:
        def head() -> Seen | None:
            try:
                found = self._blob(container, key).get_blob_properties()
            except ResourceNotFoundError:
                return None
            settings = found.content_settings
            return Seen(
                size=found.size,
                content_type=settings.content_type,
                cache_control=settings.cache_control,
                content_disposition=settings.content_disposition,
                content_encoding=settings.content_encoding,
                content_language=settings.content_language,
                metadata={name.lower(): value for name, value in found.metadata.items()},
            )

        return await asyncio.to_thread(head)

    async def keys(self, container: str) -> list[str]:
        def keys() -> list[str]:
            return [blob.name for blob in self._client.get_container_client(container).list_blobs()]

        return await asyncio.to_thread(keys)

    async def delete(self, container: str, key: str) -> None:
        await asyncio.to_thread(self._blob(container, key).delete_blob)

    async def begin_upload(self, container: str, key: str, part: bytes) -> None:
        await asyncio.to_thread(self._blob(container, key).stage_block, b64encode(b"of the witness").decode(), part)

    async def open_uploads(self, container: str) -> list[str]:
        """The names under which there is a block that is not in use, whether there is an object or not."""

        def uploads() -> list[str]:
            blobs = list(self._client.get_container_client(container).list_blobs(include=["uncommittedblobs"]))
            return [blob.name for blob in blobs if self._blob(container, blob.name).get_block_list("uncommitted")[1]]

        return await asyncio.to_thread(uploads)

    async def keep_versions(self, container: str) -> None:
        raise NotImplementedError("Azurite keeps no versions")

    def _blob(self, container: str, key: str) -> BlobClient:
        return self._client.get_blob_client(container, key)

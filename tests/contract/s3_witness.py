"""A witness for everything that speaks S3: boto3, in threads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from aiostorage.models import EMPTY
from aiostorage.testing import Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.servers.base import S3Server

GONE = {"NoSuchBucket", "NoSuchKey", "404", "NoSuchUpload"}


def boto3_client(server: S3Server) -> Any:
    """A client that asks once, and computes no more than it must."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            # Not every server understands the trailing checksums that are the default.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class S3Witness:
    """What a server holds, as boto3 sees it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._versioned: set[str] = set()
        # rclone answers 500 now and then to files that are put, at the same time, into a folder that is not there yet.
        self._one_at_a_time = asyncio.Lock()

    async def make_container(self, container: str) -> None:
        await asyncio.to_thread(self._client.create_bucket, Bucket=container)

    async def has_container(self, container: str) -> bool:
        return await asyncio.to_thread(self._find, self._client.head_bucket, Bucket=container) is not None

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
        async with self._one_at_a_time:
            await asyncio.to_thread(
                self._client.put_object,
                Bucket=container,
                Key=key,
                Body=data,
                ContentType=content_type,
                Metadata=dict(metadata),
            )

    async def get(self, container: str, key: str) -> bytes | None:
        return await asyncio.to_thread(self._get, container, key)

    async def head(self, container: str, key: str) -> Seen | None:
        found = await asyncio.to_thread(self._find, self._client.head_object, Bucket=container, Key=key)
        if found is None:
            return None
        return Seen(
            size=found["ContentLength"],
            content_type=found.get("ContentType"),
            cache_control=found.get("CacheControl"),
            content_disposition=found.get("ContentDisposition"),
            content_encoding=found.get("ContentEncoding"),
            content_language=found.get("ContentLanguage"),
            metadata={name.lower(): value for name, value in found["Metadata"].items()},
        )

    async def keys(self, container: str) -> list[str]:
        return await asyncio.to_thread(self._keys, container)

    async def delete(self, container: str, key: str) -> None:
        await asyncio.to_thread(self._client.delete_object, Bucket=container, Key=key)

    async def begin_upload(self, container: str, key: str, part: bytes) -> None:
        def begin() -> None:
            upload_id = self._client.create_multipart_upload(Bucket=container, Key=key)["UploadId"]
            self._client.upload_part(Bucket=container, Key=key, UploadId=upload_id, PartNumber=1, Body=part)

        await asyncio.to_thread(begin)

    async def open_uploads(self, container: str) -> list[str]:
        return [key for key, _ in await asyncio.to_thread(self._uploads, container)]

    async def keep_versions(self, container: str) -> None:
        self._versioned.add(container)
        configuration = {"Status": "Enabled"}
        await asyncio.to_thread(
            self._client.put_bucket_versioning, Bucket=container, VersioningConfiguration=configuration
        )

    def _find(self, call: Any, **what: str) -> Any:
        try:
            return call(**what)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise

    def _get(self, container: str, key: str) -> bytes | None:
        found = self._find(self._client.get_object, Bucket=container, Key=key)
        if found is None:
            return None
        content: bytes = found["Body"].read()
        return content

    def _keys(self, container: str) -> list[str]:
        # boto3 asks for encoded keys, and decodes them where the server says that it has obeyed.
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=container)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def _uploads(self, container: str) -> list[tuple[str, str]]:
        page = self._find(self._client.list_multipart_uploads, Bucket=container) or {}
        is_encoded = page.get("EncodingType") == "url"
        found = [(entry["Key"], entry["UploadId"]) for entry in page.get("Uploads", [])]
        return [(unquote_plus(key) if is_encoded else key, upload_id) for key, upload_id in found]

    def _remove_container(self, container: str) -> None:
        if self._find(self._client.head_bucket, Bucket=container) is None:
            return
        for key, upload_id in self._uploads(container):
            self._client.abort_multipart_upload(Bucket=container, Key=key, UploadId=upload_id)
        if container in self._versioned:
            versions = self._client.list_object_versions(Bucket=container)
            for entry in versions.get("Versions", []) + versions.get("DeleteMarkers", []):
                self._client.delete_object(Bucket=container, Key=entry["Key"], VersionId=entry["VersionId"])
        keys = self._keys(container)
        if simple := [{"Key": key} for key in keys if key.isprintable()]:
            self._client.delete_objects(Bucket=container, Delete={"Objects": simple})
        for key in keys:
            if not key.isprintable():  # XML cannot carry it
                self._client.delete_object(Bucket=container, Key=key)
        self._client.delete_bucket(Bucket=container)

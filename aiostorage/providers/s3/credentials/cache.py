"""What the drivers of an event loop share of temporary credentials of AWS."""

from __future__ import annotations

from aiostorage._http.shared_credentials import SharedCache, SharedCaches, renewing
from aiostorage.providers.s3.credentials.values import S3Credentials

__all__ = ["SharedCache", "renewing", "shared_cache"]

shared_cache = SharedCaches[S3Credentials]().current

"""What the drivers of an event loop share of temporary credentials of AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage._http.shared_credentials import SharedCache, SharedCaches, renewing
from aiostorage.providers.s3.credentials.values import S3Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SharedCache", "renewing", "shared_cache"]

shared_cache: Callable[[], SharedCache[S3Credentials]] = SharedCaches[S3Credentials]().current

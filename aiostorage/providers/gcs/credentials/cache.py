"""What the drivers of an event loop share of access tokens of Google."""

from __future__ import annotations

from aiostorage._http.oauth import AccessToken
from aiostorage._http.shared_credentials import SharedCache, SharedCaches, renewing

__all__ = ["SharedCache", "renewing", "shared_cache"]

shared_cache = SharedCaches[AccessToken]().current

"""What the drivers of an event loop share of access tokens of Google."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage._http.oauth import AccessToken
from aiostorage._http.shared_credentials import SharedCache, SharedCaches, renewing

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SharedCache", "renewing", "shared_cache"]

shared_cache: Callable[[], SharedCache[AccessToken]] = SharedCaches[AccessToken]().current

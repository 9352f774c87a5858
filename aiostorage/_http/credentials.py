"""Credentials that are fetched when first needed, renewed early, and once for all who wait."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Expiring(Protocol):
    """A credential that may stop to work by itself."""

    @property
    def expires_at(self) -> datetime | None:
        """When it stops to work; None for never."""
        ...


C = TypeVar("C", bound=Expiring)


def utc_now() -> datetime:
    """The time, as every clock argument of this package wants it."""
    return datetime.now(UTC)


class CredentialCache(Generic[C]):
    """Hands out one credential until it is about to expire.

    ``fetch`` is called at most once at a time, however many requests wait for it. A renewal that
    fails while the old credential still works is tried again at the next request.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[C]],
        *,
        renew_before: timedelta = timedelta(minutes=5),
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._fetch = fetch
        self._renew_before = renew_before
        self._now = now
        self._current: C | None = None
        self._lock = asyncio.Lock()

    async def get(self) -> C:
        """A credential that works now, as far as its own expiry tells."""
        current = self._current
        if current is not None and not self._expires_within(current, self._renew_before):
            return current
        async with self._lock:
            if self._current is None or self._expires_within(self._current, self._renew_before):
                try:
                    self._current = await self._fetch()
                except Exception:
                    if self._current is None or self._expires_within(self._current, timedelta(0)):
                        raise
            return self._current

    def forget(self, refused: C) -> bool:
        """Drop a credential that the service refused; True where a new one may be had.

        A credential that was replaced in the meantime is left alone.
        """
        if self._current is not refused:
            return self._current is not None
        if refused.expires_at is None:
            return False
        self._current = None
        return True

    def _expires_within(self, credential: C, margin: timedelta) -> bool:
        return credential.expires_at is not None and self._now() + margin >= credential.expires_at

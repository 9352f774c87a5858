"""Credentials that are fetched when first needed, renewed early, and once for all who wait."""

from __future__ import annotations

import asyncio
from copy import copy
from dataclasses import Field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from aiostorage.errors import AuthenticationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Expiring(Protocol):
    """A credential that may stop to work by itself."""

    @property
    def expires_at(self) -> datetime | None:
        """When it stops to work; None for never."""
        ...


class Dated(Expiring, Protocol):
    """The same, as a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


C = TypeVar("C", bound=Expiring)
D = TypeVar("D", bound=Dated)

_REST_AFTER_FAILURE = timedelta(seconds=10)


def utc_now() -> datetime:
    """The time, as every clock argument of this package wants it."""
    return datetime.now(UTC)


async def given_by(function: Callable[[], Awaitable[D]], kind: type[D], *, provider: str) -> D:
    """What a function of the user's gives. An end without a time zone is taken to be in UTC.

    Args:
        function: What is called.
        kind: What it is to give.
        provider: For errors.

    Raises:
        AuthenticationError: It fails, with the reason as cause, or gives something else.
        StorageError: It says so itself.
    """
    try:
        found = await function()
    except StorageError:
        raise
    except Exception as error:
        message = f"asking for credentials failed: {type(error).__name__}"
        raise AuthenticationError(message, provider=provider) from error
    if not isinstance(found, kind):
        message = f"who is asked for credentials gives {kind.__name__}, and not {type(found).__name__}"
        raise AuthenticationError(message, provider=provider)
    end = found.expires_at
    return found if end is None or end.tzinfo is not None else replace(found, expires_at=end.replace(tzinfo=UTC))


class CredentialCache(Generic[C]):
    """Hands out one credential until it is about to expire.

    ``fetch`` is called once at a time, however many requests wait for it, and all of them get what it
    gave or raised. A renewal that fails while the old credential still works is tried again later.
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
        self._margin = renew_before
        self._now = now
        self._current: C | None = None
        self._refused: C | None = None
        self._rest_until: datetime | None = None
        self._fetching: asyncio.Task[C] | None = None
        self._waiting = 0

    async def get(self) -> C:
        """A credential that works now, as far as its own expiry tells."""
        current = self._current
        if current is not None and (not self._expires_within(current, self._margin) or self._is_resting(current)):
            return current
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._renew())
        task = self._fetching
        self._waiting += 1
        try:
            return await asyncio.shield(task)
        except StorageError as error:
            raise copy(error) from error.__cause__  # each caller writes into its own where it happened
        finally:
            self._waiting -= 1
            if not self._waiting and not task.done():
                task.cancel()
                self._fetching = None  # whoever comes next begins anew

    def forget(self, refused: C) -> bool:
        """Drop a credential that the service refused; True where another one may be had.

        One that was replaced in the meantime is left alone. Whoever gave one without an end is asked once more, because
        many that end do not say so: where the same comes again, it is kept.
        """
        if self._current is not refused:
            return True
        if refused.expires_at is None:
            if refused == self._refused:
                return False
            self._refused = refused
        self._current = None
        return True

    async def _renew(self) -> C:
        try:
            self._current = await self._fetch()
            if self._current.expires_at is not None:  # one that lives for minutes is not renewed at each request
                self._margin = min(self._renew_before, (self._current.expires_at - self._now()) / 2)
        except Exception:
            if self._current is None or self._expires_within(self._current, timedelta(0)):
                raise
            self._rest_until = self._now() + _REST_AFTER_FAILURE
        finally:
            if self._fetching is asyncio.current_task():
                self._fetching = None
        return self._current

    def _is_resting(self, current: C) -> bool:
        """Whether a renewal has failed a moment ago, and the credential still works."""
        is_resting = self._rest_until is not None and self._now() < self._rest_until
        return is_resting and not self._expires_within(current, timedelta(0))

    def _expires_within(self, credential: C, margin: timedelta) -> bool:
        return credential.expires_at is not None and self._now() + margin >= credential.expires_at

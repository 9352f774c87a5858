"""Temporary credentials, fetched once for all drivers of an event loop.

The metadata service of a machine refuses those who ask too often, and a hundred drivers that each ask
for themselves, at the same moment, do. So drivers whose source is equal share what it gave, they renew
at moments that chance has spread, and a source that fails, or has nothing newer yet, is left alone for
a while.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from aiostorage._http.credentials import CredentialCache, Expiring, utc_now
from aiostorage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

RENEW_BEFORE = timedelta(minutes=5)
"""Renewal begins 5 to 10 minutes before the end: a machine's next credentials are there 5 minutes before it."""

NEARLY_OVER = timedelta(minutes=1)
"""What ends sooner is given to nobody who has not had it yet."""

PAUSE_S = 1.0
"""After a failure the source is not asked again for one to two times as long."""

LONG_PAUSE_S = 30.0
"""The same while there are credentials that still work."""


class Shareable(Expiring, Protocol):
    """A credential that several drivers may use."""

    @property
    def identity(self) -> object:
        """What tells it from the others of its source; a source may give one again, with another end."""
        ...


S = TypeVar("S", bound=Shareable)
S_co = TypeVar("S_co", bound=Shareable, covariant=True)


class Source(Protocol[S_co]):
    """A way to get temporary credentials. It is a value: equal ones share what they fetch."""

    async def fetch(self, now: datetime) -> S_co | None:
        """New credentials, or None where there are none to be had here.

        Args:
            now: Credentials that have expired by then are refused.
        """
        ...


@dataclass(slots=True)
class _Entry(Generic[S]):
    """What is known of a source: its newest credentials, and what it answered last."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    current: S | None = None
    answer: S | StorageError | None = None
    ask_again_at: float = 0.0


class SharedCache(Generic[S]):
    """The temporary credentials of one event loop, by their source.

    Args:
        now: The time.
        monotonic: Seconds of a clock that nobody sets.
        chance: Random numbers from 0 up to 1.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,  # noqa: S311 - it spreads renewals, no secret depends on it
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._chance = chance
        self._entries: dict[Source[S], _Entry[S]] = {}

    async def get(self, source: Source[S], *, other_than: S | None = None) -> S | None:
        """The credentials of a source, fetched only if nobody has newer ones than the caller.

        Args:
            source: Where to fetch them.
            other_than: What the caller was given before, and wants to replace.

        Raises:
            StorageError: They cannot be fetched.
        """
        entry = self._entry(source)
        async with entry.lock:
            if entry.current is not None and entry.current is not other_than and self._lasts(entry.current):
                return entry.current
            if self._monotonic() < entry.ask_again_at and not self._is_over(entry.answer):
                if isinstance(entry.answer, StorageError):
                    # A new one each time: whoever raises an error writes into it.
                    raise type(entry.answer)(entry.answer.message, **entry.answer.details()) from None
                return entry.answer
            return await self._ask(source, entry)

    async def _ask(self, source: Source[S], entry: _Entry[S]) -> S | None:
        try:
            found = await source.fetch(self._now())
        except StorageError as error:
            entry.answer = error
            self._pause(entry)
            raise
        current = entry.current
        if found is not None and current is not None and found.identity == current.identity and self._lasts(current):
            found = current  # its end is known already
        elif found is not None and found.expires_at is not None:
            entry.current = found
            if self._lasts(found, RENEW_BEFORE * 2):
                entry.answer = found
                return found
        # Nothing, nothing new, or nothing that lasts: then every request would ask again.
        entry.answer = found
        self._pause(entry)
        return found

    def _pause(self, entry: _Entry[S]) -> None:
        works = entry.current is not None and self._lasts(entry.current)
        entry.ask_again_at = self._monotonic() + (LONG_PAUSE_S if works else PAUSE_S) * (1 + self._chance())

    def _lasts(self, credentials: S, margin: timedelta = NEARLY_OVER) -> bool:
        return credentials.expires_at is None or self._now() + margin < credentials.expires_at

    def _is_over(self, answer: S | StorageError | None) -> bool:
        return answer is not None and not isinstance(answer, StorageError) and not self._lasts(answer)

    def _entry(self, source: Source[S]) -> _Entry[S]:
        if source not in self._entries:
            for known, entry in list(self._entries.items()):
                is_needed = entry.current is not None and self._lasts(entry.current)
                if not (is_needed or entry.lock.locked() or self._monotonic() < entry.ask_again_at):
                    del self._entries[known]
            self._entries[source] = _Entry()
        return self._entries[source]


class SharedCaches(Generic[S]):
    """The caches of one kind of credentials, one for each event loop."""

    def __init__(self) -> None:
        self._caches: dict[asyncio.AbstractEventLoop, SharedCache[S]] = {}

    def current(self) -> SharedCache[S]:
        """The cache of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._caches:
            for closed in [known for known in list(self._caches) if known.is_closed()]:
                self._caches.pop(closed, None)
            self._caches[loop] = SharedCache()
        return self._caches[loop]


def renewing(
    find: Callable[[S | None], Awaitable[S]],
    *,
    now: Callable[[], datetime] = utc_now,
    chance: Callable[[], float] = random.random,  # noqa: S311 - as above
) -> CredentialCache[S]:
    """The view of one client on shared credentials, with a moment of its own to renew them.

    Args:
        find: Finds credentials other than its argument, which is what it found before.
        now: The time.
        chance: A random number from 0 up to 1.
    """
    last: S | None = None

    async def fetch() -> S:
        nonlocal last
        last = await find(last)
        return last

    return CredentialCache(fetch, renew_before=RENEW_BEFORE * (1 + chance()), now=now)

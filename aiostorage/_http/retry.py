"""When to send a request again. Pure: time and chance are arguments."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiostorage._http.headers import parse_http_date

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from aiostorage.errors import StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and after how long a wait, a failed request is sent again.

    The wait is drawn evenly from zero up to ``base_s * 2 ** (attempt - 1)``, at most ``cap_s``
    ("full jitter"). Where the service names a time (``Retry-After``) it is at least that, unless it
    is above ``max_retry_after_s``: then the caller gets the error at once.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Attributes:
        max_attempts: Attempts in all; 1 turns retries off.
        base_s: Upper bound of the first wait.
        cap_s: Upper bound of every wait.
        max_retry_after_s: The longest time to wait because the service asked for it.
        deadline_s: No attempt begins later than this after the first; None for no such limit.
    """

    max_attempts: int = 5
    base_s: float = 0.1
    cap_s: float = 20.0
    max_retry_after_s: float = 60.0
    deadline_s: float | None = 180.0

    def wait_s(self, error: StorageError, *, attempt: int, elapsed_s: float, chance: float) -> float | None:
        """Seconds to wait before the next attempt, or None to give up.

        Args:
            error: What the attempt ended in.
            attempt: How many attempts there have been.
            elapsed_s: Since the first attempt began.
            chance: A random number from 0 up to 1.
        """
        if not error.retryable or attempt >= self.max_attempts:
            return None
        wait_s = chance * min(self.cap_s, self.base_s * (1 << (attempt - 1)))
        if error.retry_after_s is not None:
            if error.retry_after_s > self.max_retry_after_s:
                return None
            wait_s = max(wait_s, error.retry_after_s)
        if self.deadline_s is not None and elapsed_s + wait_s > self.deadline_s:
            return None
        return wait_s


_chosen: ContextVar[RetryPolicy | None] = ContextVar("aiostorage_retry", default=None)


@contextmanager
def retrying(policy: RetryPolicy) -> Generator[None]:
    """Have all calls in the block, of any driver, follow another policy than the driver's own.

    The block may hold ``await``: other tasks are not touched, but for those that the block starts.
    """
    token = _chosen.set(policy)
    try:
        yield
    finally:
        _chosen.reset(token)


def chosen_policy() -> RetryPolicy | None:
    """The policy of the block that this runs in, if it is in one."""
    return _chosen.get()


class RetryBudget:
    """Keeps the retries of one driver from multiplying an outage.

    A retry takes ``COST``, a success gives one back; when nothing is left, errors go to the caller
    at once. The numbers are those of the AWS SDKs' standard mode.

    Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """

    CAPACITY = 500
    COST = 5

    def __init__(self) -> None:
        self.left = self.CAPACITY

    def take(self) -> bool:
        """Pay for a retry; False where the budget is spent."""
        if self.left < self.COST:
            return False
        self.left -= self.COST
        return True

    def give_back(self) -> None:
        """Note a request that succeeded."""
        if self.left < self.CAPACITY:
            self.left += 1


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds named by a ``Retry-After`` header: a number, or an HTTP date. Nonsense counts as none.

    Source: RFC 9110 section 10.2.3
    """
    if not value:
        return None
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return float(value)
    moment = parse_http_date(value)
    return None if moment is None else max(0.0, (moment - now).total_seconds())

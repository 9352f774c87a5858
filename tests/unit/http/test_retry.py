from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aiostorage import RetryPolicy, ServiceUnavailableError, StorageError
from aiostorage._http.retry import RetryBudget, parse_retry_after

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def wait(
    policy: RetryPolicy,
    *,
    attempt: int = 1,
    elapsed_s: float = 0.0,
    chance: float = 0.5,
    retry_after_s: float | None = None,
) -> float | None:
    return policy.wait_s(
        ServiceUnavailableError("no", retryable=True, retry_after_s=retry_after_s),
        attempt=attempt,
        elapsed_s=elapsed_s,
        chance=chance,
    )


def test_waits_are_drawn_from_a_range_that_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(base_s=0.1, cap_s=0.5, max_attempts=100)
    assert [wait(policy, attempt=n, chance=1.0) for n in (1, 2, 3, 4, 50)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert wait(policy, attempt=3, chance=0.0) == 0


def test_the_last_attempt_is_the_last() -> None:
    assert wait(RetryPolicy(max_attempts=3), attempt=2) is not None
    assert wait(RetryPolicy(max_attempts=3), attempt=3) is None


def test_what_is_not_retryable_is_not_retried() -> None:
    assert RetryPolicy().wait_s(StorageError("no"), attempt=1, elapsed_s=0, chance=0.5) is None


def test_retry_after_is_obeyed_as_far_as_it_is_reasonable() -> None:
    policy = RetryPolicy(max_retry_after_s=30, base_s=0.1)
    assert wait(policy, retry_after_s=3.0) == 3.0
    assert wait(policy, retry_after_s=31.0) is None


def test_no_attempt_begins_after_the_deadline() -> None:
    policy = RetryPolicy(deadline_s=10, base_s=1)
    assert wait(policy, elapsed_s=9.4, chance=0.5) == 0.5
    assert wait(policy, elapsed_s=9.6, chance=0.5) is None
    assert wait(RetryPolicy(deadline_s=None, base_s=1), elapsed_s=1e9, chance=0.5) == 0.5


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("Mon, 23 Nov 2026 12:00:07 GMT", 7.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("99999999999999999999", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


def test_the_budget_runs_dry_in_an_outage_and_fills_again() -> None:
    budget = RetryBudget()
    granted = 0
    while budget.take():
        granted += 1
    assert granted == RetryBudget.CAPACITY // RetryBudget.COST
    for _ in range(RetryBudget.COST):
        budget.give_back()
    assert budget.take()
    assert not budget.take()

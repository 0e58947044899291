"""When a request is sent again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from grad300_sdk.engine import retry


def test_what_is_sent_again() -> None:
    assert [status for status in range(600) if retry.is_repeatable(status)] == [
        408,
        429,
        500,
        502,
        503,
        504,
    ]
    assert retry.changes_nothing("GET")
    assert retry.changes_nothing("HEAD")
    assert not retry.changes_nothing("POST")


@pytest.mark.parametrize(("attempt", "most"), [(0, 0.5), (1, 1.0), (5, 16.0), (6, 30), (999, 30)])
def test_each_wait_is_longer_at_random(attempt: int, most: float) -> None:
    assert retry.backoff(attempt, 1.0) == most
    assert retry.backoff(attempt, 0.5) == most / 2
    assert retry.backoff(attempt, 0.0) == 0.0


def test_without_a_date_the_clock_here_is_asked() -> None:
    until = datetime.now(UTC) + timedelta(seconds=100)
    wait = retry.retry_after({"Retry-After": format_datetime(until)})
    assert wait == pytest.approx(100, abs=10)
    assert retry.retry_after({"Retry-After": "Tue, 04 Feb 2025 09:35:21"}) == 0.0
    assert retry.retry_after({}) is None

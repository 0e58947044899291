"""When a request is sent again: a table of situations and decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from grad300_sdk.engine.sending.retry import Attempt, backoff, decide

NOW = datetime(2025, 2, 4, 9, 35, 21, tzinfo=UTC)


REFUSED = {"is_transient": True, "is_unsent": True}


CUT = {"is_transient": True}


def in_seconds(seconds: float) -> str:
    """Return the date so many seconds from now, as HTTP writes it."""
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


def asking(value: str, **headers: str) -> dict[str, Any]:
    """Return an answer that asks for a wait."""
    return {"status": 503, "headers": {"Retry-After": value, **headers}}


TABLE: list[tuple[dict[str, Any], float | None, str]] = [
    # Answers
    ({"status": 408}, 0.25, "the server answered 408"),
    ({"status": 429}, 0.25, "the server answered 429"),
    ({"status": 500}, 0.25, "the server answered 500"),
    ({"status": 502}, 0.25, "the server answered 502"),
    ({"status": 503}, 0.25, "the server answered 503"),
    ({"status": 504}, 0.25, "the server answered 504"),
    ({"status": 307}, None, "307 is not retried"),
    ({"status": 400}, None, "400 is not retried"),
    ({"status": 401}, None, "401 is not retried"),
    ({"status": 404}, None, "404 is not retried"),
    ({"status": 425}, None, "425 is not retried"),
    ({"status": 501}, None, "501 is not retried"),
    # Failures of the network
    (REFUSED, 0.25, "the network failed"),
    (CUT, 0.25, "the network failed"),
    ({}, None, "it is not a temporary failure"),
    # Methods
    ({"status": 503, "method": "HEAD"}, 0.25, "the server answered 503"),
    ({"status": 503, "method": "POST"}, None, "a POST may have changed something"),
    ({"status": 503, "method": "PUT"}, None, "a PUT may have changed something"),
    ({"status": 503, "method": "DELETE"}, None, "a DELETE may have changed something"),
    ({**REFUSED, "method": "PATCH"}, None, "a PATCH may have changed something"),
    # Logging in
    ({**REFUSED, "method": "POST", "is_login": True}, 0.25, "the network failed"),
    ({**CUT, "method": "POST", "is_login": True}, None, "a POST may have changed something"),
    (
        {"status": 503, "method": "POST", "is_login": True},
        None,
        "a POST may have changed something",
    ),
    # How often
    ({"status": 503, "number": 1}, 0.5, "the server answered 503"),
    ({"status": 503, "number": 2}, 1.0, "the server answered 503"),
    ({"status": 503, "number": 3}, None, "sent 4 times"),
    ({**CUT, "number": 3}, None, "sent 4 times"),
    ({**asking("1"), "number": 3}, None, "sent 4 times"),
    # What the server asks for
    (asking("0"), 0.0, "the server answered 503; Retry-After asks for 0 s"),
    (asking(" 7 "), 7.0, "the server answered 503; Retry-After asks for 7 s"),
    (asking("120"), 120.0, "the server answered 503; Retry-After asks for 120 s"),
    (asking("121"), None, "Retry-After asks for 121 s"),
    (asking(in_seconds(9)), 9.0, "the server answered 503; Retry-After asks for 9 s"),
    (asking(in_seconds(-9)), 0.0, "the server answered 503; Retry-After asks for 0 s"),
    (asking(in_seconds(130)), None, "Retry-After asks for 130 s"),
    (
        asking(in_seconds(130), Date=in_seconds(100)),
        30.0,
        "the server answered 503; Retry-After asks for 30 s",
    ),
    (asking(in_seconds(9), Date="noon"), 9.0, "the server answered 503; Retry-After asks for 9 s"),
    (
        asking("Tue, 04 Feb 2025 09:35:31"),
        10.0,
        "the server answered 503; Retry-After asks for 10 s",
    ),
    (asking("soon"), 0.25, "the server answered 503"),
    (asking("-1"), 0.25, "the server answered 503"),
    ({**asking("7"), "status": 404}, None, "404 is not retried"),
    ({**asking("7"), "method": "POST"}, None, "a POST may have changed something"),
]


@pytest.mark.parametrize(("situation", "wait", "reason"), TABLE)
def test_what_is_decided(situation: dict[str, Any], wait: float | None, reason: str) -> None:
    attempt = Attempt(**{"method": "GET", "number": 0, **situation})
    assert decide(attempt, retries=3, now=NOW, jitter=0.5) == (wait, reason)


def test_of_all_statuses_six_may_pass() -> None:
    def is_sent_again(status: int) -> bool:
        attempt = Attempt(method="GET", number=0, status=status)
        return decide(attempt, retries=1, now=NOW, jitter=1.0).wait is not None

    statuses = [status for status in range(200, 600) if is_sent_again(status)]
    assert statuses == [408, 429, 500, 502, 503, 504]


@pytest.mark.parametrize(("number", "most"), [(0, 0.5), (1, 1.0), (5, 16.0), (6, 30), (999, 30)])
def test_each_wait_is_longer_at_random(number: int, most: float) -> None:
    assert backoff(number, 1.0) == most
    assert backoff(number, 0.5) == most / 2
    assert backoff(number, 0.0) == 0.0


def test_no_number_of_attempts_is_too_large() -> None:
    assert backoff(100_000, 1.0) == backoff(50, 1.0) < 100


def test_with_patience_what_need_not_wait_backs_off_all_the_same() -> None:
    attempt = Attempt(method="GET", number=2, status=503, headers={"Retry-After": "0"})
    assert decide(attempt, retries=0, now=NOW, jitter=1.0, patience=60.0).wait == backoff(2, 1.0)
    assert decide(attempt, retries=3, now=NOW, jitter=1.0, patience=None).wait == 0

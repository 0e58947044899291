"""When a request is sent again, and after how long: decisions only, no clock and no I/O."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LONGEST_WAIT", "backoff", "is_repeatable", "retry_after"]

# A server that asks for a longer wait than this is not waited for: the error says how long.
LONGEST_WAIT = 120.0
_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_REPEATABLE = frozenset({"GET", "HEAD"})
_FIRST_WAIT = 0.5
_LONGEST_BACKOFF = 30.0


def is_repeatable(status: int) -> bool:
    """Say whether the same request may fare better after this status."""
    return status in _STATUSES


def changes_nothing(method: str) -> bool:
    """Say whether a request with this method may be sent any number of times."""
    return method in _REPEATABLE


def backoff(attempt: int, jitter: float) -> float:
    """Give the seconds to wait after the failure of an attempt: exponential, with full jitter.

    Parameters
    ----------
    attempt : int
        How many attempts there were before the one that failed.
    jitter : float
        A random number from 0 to 1.
    """
    return float(jitter * min(_FIRST_WAIT * 2**attempt, _LONGEST_BACKOFF))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After``: seconds, or a date, which is measured against the answer's ``Date``.

    Parameters
    ----------
    headers : Mapping
        The headers of an answer.

    Returns
    -------
    float or None
        Seconds, at least 0; None where there is no such header, or none that can be read.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    until = _date(value)
    if until is None:
        return None
    now = _date(headers.get("Date", "")) or datetime.now(UTC)
    return max((until - now).total_seconds(), 0.0)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)

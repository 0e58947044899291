"""When a request is sent again, and after how long: decisions only, no clock and no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

__all__ = ["Attempt", "Decision", "backoff", "changes_nothing", "decide", "retry_after"]

# A server that asks for a longer wait than this is not waited for: the error says how long.
_LONGEST_WAIT = 120.0
_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_REPEATABLE = frozenset({"GET", "HEAD"})
_FIRST_WAIT = 0.5
_LONGEST_BACKOFF = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of sending a request once.

    Attributes
    ----------
    method : str
        The HTTP method.
    number : int
        How often the request was sent before.
    status : int or None
        The status of the answer, or None where there was none.
    headers : Mapping
        The headers of the answer.
    is_transient : bool
        Whether the network failed in a way that may pass.
    is_unsent : bool
        Whether the request surely never reached the server.
    is_log_in : bool
        Whether the request may be sent again where it never reached the server.
    """

    method: str
    number: int
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_transient: bool = False
    is_unsent: bool = False
    is_log_in: bool = False


class Decision(NamedTuple):
    """The seconds after which to send a request again, or None to leave it; and why."""

    wait: float | None
    reason: str


def decide(attempt: Attempt, *, retries: int, now: datetime, jitter: float) -> Decision:
    """Decide whether a request that failed is sent again, and after how long.

    Parameters
    ----------
    attempt : Attempt
        What came of it.
    retries : int
        How often it may be sent again.
    now : datetime
        The time, for an answer that does not say it.
    jitter : float
        A random number from 0 to 1.

    Returns
    -------
    Decision
        What to do.
    """
    if attempt.status is None and not attempt.is_transient:
        return Decision(None, "it would fail again")
    if attempt.status is not None and attempt.status not in _STATUSES:
        return Decision(None, f"{attempt.status} is final")
    if not (changes_nothing(attempt.method) or (attempt.is_log_in and attempt.is_unsent)):
        return Decision(None, f"a {attempt.method} may have changed something")
    if attempt.number >= retries:
        return Decision(None, f"sent {attempt.number + 1} times")
    what = "the network failed" if attempt.status is None else f"{attempt.status} may pass"
    asked = retry_after(attempt.headers, now)
    if asked is None:
        return Decision(backoff(attempt.number, jitter), what)
    if asked > _LONGEST_WAIT:
        return Decision(None, f"the server asks for {asked:.0f} s")
    return Decision(asked, f"{what}, as the server says")


def changes_nothing(method: str) -> bool:
    """Say whether a request with this method may be sent any number of times."""
    return method in _REPEATABLE


def backoff(number: int, jitter: float) -> float:
    """Give the seconds to wait after a failure: exponential, with full jitter."""
    return float(jitter * min(_FIRST_WAIT * 2**number, _LONGEST_BACKOFF))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read ``Retry-After``: seconds, or a date, which is measured against the answer's ``Date``.

    Parameters
    ----------
    headers : Mapping
        The headers of an answer.
    now : datetime
        The time, where there is no ``Date``.

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
    return max((until - (_date(headers.get("Date", "")) or now)).total_seconds(), 0.0)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)

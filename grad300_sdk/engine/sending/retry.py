"""Whether and when to send a request again: decisions only, without a clock or I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from msgspec import Struct

__all__ = ["Attempt", "Decision", "backoff", "is_safe", "decide", "retry_after"]

# Seconds. If the server asks for a longer wait, that is left to the user.
_LONGEST_WAIT = 120.0
_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_REPEATABLE = frozenset({"GET", "HEAD"})
_FIRST_WAIT = 0.5
_LONGEST_BACKOFF = 30.0


class Attempt(Struct, frozen=True, kw_only=True):
    """The outcome of sending a request once.

    Attributes
    ----------
    method : str
        The HTTP method.
    number : int
        The number of attempts before this one.
    status : int or None
        The status of the response, or None if there was none.
    headers : Mapping
        The headers of the response.
    is_transient : bool
        Whether the network failed temporarily.
    is_unsent : bool
        Whether the request certainly never reached the server.
    is_login : bool
        Whether the request may be sent again if it never reached the server.
    waited : float
        The time that failures have made the request wait so far, in seconds.
    """

    method: str
    number: int
    status: int | None = None
    headers: Mapping[str, str] = {}
    is_transient: bool = False
    is_unsent: bool = False
    is_login: bool = False
    waited: float = 0.0


class Decision(NamedTuple):
    """The seconds to wait before sending a request again, or None not to; and the reason."""

    wait: float | None
    reason: str


def decide(
    attempt: Attempt,
    *,
    retries: int,
    now: datetime,
    jitter: float,
    patience: float | None = None,
) -> Decision:
    """Decide whether to send a failed request again, and after how long.

    Parameters
    ----------
    attempt : Attempt
        Its outcome.
    retries : int
        Maximum number of retries.
    now : datetime
        The current time, for a response without a ``Date``.
    jitter : float
        A random number between 0 and 1.
    patience : float or None
        Maximum total time to wait, in seconds, instead of a number of `retries`.

    Returns
    -------
    Decision
        The wait, and the reason.
    """
    if attempt.status is None and not attempt.is_transient:
        return Decision(None, "it is not a temporary failure")
    if attempt.status is not None and attempt.status not in _STATUSES:
        return Decision(None, f"{attempt.status} is not retried")
    if not (is_safe(attempt.method) or (attempt.is_login and attempt.is_unsent)):
        return Decision(None, f"a {attempt.method} may have changed something")
    if patience is None and attempt.number >= retries:
        return Decision(None, f"sent {attempt.number + 1} times")
    what = (
        "the network failed" if attempt.status is None else f"the server answered {attempt.status}"
    )
    asked = retry_after(attempt.headers, now)
    if asked is not None and asked > _LONGEST_WAIT:
        return Decision(None, f"Retry-After asks for {asked:.0f} s")
    wait = asked
    # Without a count of attempts, those that need not wait would never end.
    if wait is None or (patience is not None and not wait):
        wait = backoff(attempt.number, jitter)
    if patience is not None and attempt.waited + wait > patience:
        return Decision(None, f"waited {attempt.waited:.1f} s of the {patience:.1f} s allowed")
    return Decision(wait, what if asked is None else f"{what}; Retry-After asks for {asked:.0f} s")


def is_safe(method: str) -> bool:
    """Return whether a method is safe to send any number of times."""
    return method in _REPEATABLE


def backoff(number: int, jitter: float) -> float:
    """Return the seconds to wait after a failure: exponential, with full jitter."""
    return float(jitter * min(_FIRST_WAIT * 2 ** min(number, 30), _LONGEST_BACKOFF))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the wait that ``Retry-After`` asks for; a date counts from the response's ``Date``.

    Parameters
    ----------
    headers : Mapping
        The headers of a response.
    now : datetime
        The time, used if there is no ``Date``.

    Returns
    -------
    float or None
        Seconds, at least 0; None without such a header, or if it can't be parsed.
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

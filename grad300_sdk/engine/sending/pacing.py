"""When a client may send its next request, in all of its threads, tasks and copies."""

from __future__ import annotations

import math
import threading

__all__ = ["Pacer"]


class Pacer:
    """Limits the rate of a client's requests, and pauses them when the server asks for it.

    Parameters
    ----------
    max_requests_per_second : float or None
        Maximum rate; None for no limit.

    Attributes
    ----------
    resume : float
        The time until which all requests are paused.
    """

    def __init__(self, max_requests_per_second: float | None = None) -> None:
        self._rate = max_requests_per_second
        self._interval = 0.0 if max_requests_per_second is None else 1 / max_requests_per_second
        self._next = self.resume = -math.inf
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Make a new lock, since another thread may have held the old one."""
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Pacer], tuple[float | None]]:
        return Pacer, (self._rate,)  # another process has another clock

    def pause(self, now: float, seconds: float) -> None:
        """Pause all requests for a number of seconds."""
        with self._lock:
            self.resume = max(self.resume, now + seconds)

    def reserve(self, now: float) -> float:
        """Return the seconds until a request may be sent, and reserve that time for it."""
        if not self._interval:
            return 0.0
        with self._lock:
            moment = max(self._next, now)
            self._next = moment + self._interval
            return moment - now

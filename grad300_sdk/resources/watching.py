"""Watching listings: which scans are new, and which failures to outlast."""

from __future__ import annotations

import logging
import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec.structs import replace

from grad300_sdk.engine import ItemsFlow, Sleep, check_positive
from grad300_sdk.errors import (
    DecodeError,
    Grad300APIError,
    Grad300Error,
    RequestTimeoutError,
    TransportError,
)
from grad300_sdk.filters import Filters, parse_date
from grad300_sdk.pages import Rows, pack_ids
from grad300_sdk.resources.paging import IdSet, PageSizes, Paginator, Row, iterate

__all__ = ["Watch"]

# How much older than the newest scan a new one may be to be found at the next look.
_LOOKBACK = timedelta(days=7)
_EARLIEST = datetime.min.replace(tzinfo=UTC) + _LOOKBACK
# Seconds between two looks at the whole listing, which find what is older than that.
_WHOLE_EVERY = 86_400.0
# Seconds: a server that asks for a longer pause is asked again after this one.
_LONGEST_PAUSE = 3600.0

_logger = logging.getLogger(__name__)


class Watch:
    """The scans of some listings, told apart by their ids, and when to look at them again.

    Parameters
    ----------
    filters : Filters
        What is watched; with `date_from`, the scans that are there at the start are new too.
    every : float
        Seconds from the end of one look to the next.
    """

    def __init__(self, filters: Filters, every: float) -> None:
        self._filters = filters
        self._every = _check_interval(every)
        self._is_quiet = filters.date_from is None
        self._seen: dict[int, IdSet] = defaultdict(IdSet)  # by the number of the listing
        self._newest: datetime | None = None  # date in a look that was complete
        self._latest: datetime | None = None  # likewise, a look in progress included
        self._has_answered = False  # with a page of the listing
        self._whole_age = math.inf  # seconds waited since a look at the whole listings

    def flow(
        self, paginators: Callable[[Filters], Iterator[Paginator[Rows[Row]]]], sizes: PageSizes
    ) -> ItemsFlow[Row]:
        """Yield the new scans of all listings, look by look, endlessly."""
        while True:
            filters = self._next_filters()
            wait = self._every
            try:
                for number, paginator in enumerate(paginators(filters)):
                    yield from iterate(paginator, sizes, partial(self._select_new, number))
            except Grad300Error as error:
                if not self._is_temporary(error):
                    raise
                asked = getattr(error, "retry_after", None) or 0.0
                wait = max(wait, min(asked, _LONGEST_PAUSE))
                _logger.info("looks for new scans again in %.1f s: %s", wait, error)
            else:
                self._end_look(filters)
            yield Sleep(wait)
            self._whole_age += wait

    def _next_filters(self) -> Filters:
        """Return what to ask for: at times all that is watched, otherwise only recent scans."""
        if self._newest is None or self._whole_age >= _WHOLE_EVERY:
            return self._filters
        # A scan may have a date in the future by mistake, or the earliest one that there is.
        start = max(min(self._newest, datetime.now(UTC)), _EARLIEST) - _LOOKBACK
        return replace(self._filters, date_from=max(start, self._filters.date_from or start))

    def _select_new(self, number: int, rows: Rows[Row]) -> Iterator[Row]:
        """Yield the rows that are new, and note them one by one, as they are passed on."""
        self._has_answered = True
        seen = self._seen[number]
        ids = pack_ids([row.get("id") if isinstance(row, dict) else None for row in rows])
        for row, id_ in zip(rows, ids, strict=True):
            if id_ is None:  # nothing tells such a row from another
                continue
            date = parse_date(row.get("date"))
            if date is not None and (self._latest is None or self._latest < date):
                self._latest = date
            if seen.add(id_) and not self._is_quiet:
                yield row

    def _end_look(self, filters: Filters) -> None:
        if filters is self._filters:
            self._whole_age = 0.0
        self._newest = self._latest
        self._is_quiet = False

    def _is_temporary(self, error: Grad300Error) -> bool:
        """Return whether the next look may succeed."""
        if isinstance(error, Grad300APIError):
            return error.status_code in (408, 429) or error.status_code >= 500
        if isinstance(error, DecodeError):  # a proxy's page, or the wrong address from the start
            return self._has_answered
        if isinstance(error, RequestTimeoutError):  # this client's connections may be in use
            return True
        return isinstance(error, TransportError) and error.transient


def _check_interval(every: float) -> float:
    seconds = check_positive("every", every)
    if seconds is None:
        raise TypeError("every must be a number of seconds, not None")
    if seconds > threading.TIMEOUT_MAX:
        raise ValueError(f"every must be at most {threading.TIMEOUT_MAX:.0f} s, not {every!r}")
    return seconds

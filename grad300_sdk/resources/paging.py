"""Walking through a listing page by page: offsets, and the servers that get them wrong."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from grad300_sdk.engine import Flow, Items, ItemsFlow, Together
from grad300_sdk.engine.client import check_whole
from grad300_sdk.engine.session import Session
from grad300_sdk.errors import Grad300Warning
from grad300_sdk.filters import DateLike, Filters
from grad300_sdk.settings import setting

__all__ = ["Row", "Search", "Walk"]

Row: TypeAlias = dict[str, Any]

# The largest page that a client ever had in full: its server gives pages of that size.
_full_pages: WeakKeyDictionary[Session, int] = WeakKeyDictionary()


@dataclass(frozen=True)
class Search:
    """What a search asks for."""

    filters: Filters
    page_size: int
    max_results: int | None

    @classmethod
    def check(
        cls,
        source: str | None,
        scan_name: str | None,
        date_from: DateLike | None,
        date_to: DateLike | None,
        page_size: int | None,
        max_results: int | None,
    ) -> Search:
        """Make a search of a call's arguments, or say which of them is wrong."""
        if page_size is None:
            page_size = setting("default_page_size")
        return cls(
            Filters.check(source, scan_name, date_from, date_to),
            check_whole("page_size", page_size, 1),
            None if max_results is None else check_whole("max_results", max_results, 1),
        )

    @property
    def asked(self) -> dict[str, Any]:
        """What the search asks for, by the names of its arguments."""
        return {
            **self.filters.params,
            "page_size": self.page_size,
            "max_results": self.max_results,
        }


@dataclass
class Walk:
    """One walk through one listing.

    Parameters
    ----------
    search : Search
        What is wanted.
    fetch : callable
        Gives the flow that gets the page at an offset.
    ahead : int
        The most pages that are fetched at once.
    label : dict
        What is added to each row.
    found : int
        The wanted rows so far, those of other listings included.

    Attributes
    ----------
    truncated : bool
        Whether the server repeated itself, so that rows may be missing.
    """

    search: Search
    fetch: Callable[[int], Flow[list[Row]]]
    ahead: int
    label: Row
    found: int = 0
    truncated: bool = False

    def __post_init__(self) -> None:
        self._seen: set[int | str | None] = {None}
        self._offset = 0
        self._largest = 0
        self._ended = False

    def flow(self, session: Session, *, eager: bool = False) -> ItemsFlow[Row]:
        """Yield the wanted rows, and before that whatever it takes to get them.

        An eager walk fetches as many pages at once as it may; another one fetches one, two,
        four, eight, so that little is fetched in vain where its reader stops early.
        """
        pages = [(yield from self.fetch(0))]
        known = _full_pages.get(session, 0)
        is_full = len(pages[0]) >= self.search.page_size
        if is_full:
            _full_pages[session] = max(known, self.search.page_size)
        elif self.search.page_size <= known:
            yield Items(self._take(pages[0]))
            return
        # A short first page may be the last one, or all that the server gives at once: ask once.
        width = 2 if is_full else 1
        while True:
            for page in pages:
                is_short = len(page) < self._largest
                yield Items(self._take(page))
                if is_short or not page or self.truncated or self._missing() == 0:
                    return
            count = self._missing() if eager and width > 1 else min(width, self._missing())
            pages = yield Together(self._pages(count), int(min(count, self.ahead)))
            width = min(2 * width, self.ahead)

    def _pages(self, count: float) -> Iterator[Flow[list[Row]]]:
        """Give the flows that fetch the next pages, while there may be more of them."""
        offset, end = self._offset, self._offset + count * self._largest
        while offset < end and not self._ended:
            yield self._page(offset)
            offset += self._largest

    def _page(self, offset: int) -> Flow[list[Row]]:
        page = yield from self.fetch(offset)
        if len(page) < self._largest or not any(map(self._is_new, page)):
            self._ended = True
        return page

    def _take(self, page: list[Row]) -> list[Row]:
        """Give the wanted rows of the next page, each once."""
        before = len(self._seen)
        rows = [row for row in page if self._is_seen_first(row) and self.search.filters.match(row)]
        if page and self._offset and len(self._seen) == before:
            self.truncated = True
            warnings.warn(
                f"the server repeats its rows from the offset {self._offset} on, as one does that "
                "ignores 'offset'; rows may be missing",
                Grad300Warning,
                stacklevel=2,
            )
            return []
        if self.search.max_results is not None:
            rows = rows[: self.search.max_results - self.found]
        self.found += len(rows)
        self._offset += len(page)
        self._largest = max(self._largest, len(page))
        if not self.label:
            return rows
        return [{**row, **self.label} if isinstance(row, dict) else row for row in rows]

    def _is_new(self, row: Any) -> bool:
        return _identity(row) not in self._seen

    def _is_seen_first(self, row: Any) -> bool:
        identity = _identity(row)
        if identity is not None and identity in self._seen:
            return False
        self._seen.add(identity)
        return True

    def _missing(self) -> float:
        """Give the pages that are needed at least, if each were full of wanted rows."""
        if self.search.max_results is None:
            return math.inf
        return math.ceil((self.search.max_results - self.found) / max(self._largest, 1))


def _identity(row: Any) -> int | str | None:
    """Give a row's id; a bad row has none, which is no reason to lose it."""
    identity = row.get("id") if isinstance(row, dict) else None
    return identity if isinstance(identity, int | str) else None

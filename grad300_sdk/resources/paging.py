"""Walking through a listing page by page: offsets, and the servers that get them wrong."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from typing import Any as Session
from weakref import WeakKeyDictionary

from grad300_sdk.engine import Flow, Gather, Items, ItemsFlow, check_integer
from grad300_sdk.errors import Grad300Warning
from grad300_sdk.filters import DateLike, Filters
from grad300_sdk.settings import setting

__all__ = ["Row", "Search", "Walk", "gather"]

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
            check_integer("page_size", page_size, 1),
            None if max_results is None else check_integer("max_results", max_results, 1),
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
    is_paged : bool
        Whether there are full pages, so that more of them may follow.
    is_done : bool
        Whether nothing is left to be fetched.
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
        self.is_done = False
        self.is_paged = False

    def flow(self, session: Session) -> ItemsFlow[Row]:
        """Yield the wanted rows, and before that whatever it takes to get them.

        One, two, four, eight pages are fetched at once, so that little is fetched in vain where
        the reader stops early.
        """
        yield Items(self.begin((yield from self.fetch(0)), session))
        width = 2 if self.is_paged else 1
        while not self.is_done:
            count = min(width, self._missing())
            for page in (yield Gather(self.pages(count), int(count))):
                yield Items(self.take(page))
            width = min(2 * width, self.ahead)

    def begin(self, page: list[Row], session: Session) -> list[Row]:
        """Give the wanted rows of the first page, and see what it says of those that follow."""
        rows = self.take(page)
        known = _full_pages.get(session, 0)
        self.is_paged = len(page) >= self.search.page_size
        if self.is_paged:
            _full_pages[session] = max(known, self.search.page_size)
        elif self.search.page_size <= known:
            self.is_done = True
        return rows

    def rest(self) -> Iterator[Flow[list[Row]]]:
        """Give the flows that fetch what may follow the pages so far.

        A short first page may be the last one, or all that the server gives at once: then it is
        asked once more.
        """
        return self.pages(self._missing() if self.is_paged else 1)

    def take(self, page: list[Row]) -> list[Row]:
        """Give the wanted rows of the next page, and see whether it is the last one."""
        if self.is_done:
            return []
        self.is_done = not page or len(page) < self._largest
        rows = self._take(page)
        self.is_done |= self.truncated or self._missing() == 0
        return rows

    def pages(self, count: float) -> Iterator[Flow[list[Row]]]:
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


def gather(walks: list[Walk], session: Session, ahead: int) -> Flow[list[Row]]:
    """Run walks to their ends, as many pages at once as may be, and give all wanted rows."""
    first = yield Gather([walk.fetch(0) for walk in walks], min(ahead, len(walks)))
    rows = [walk.begin(page, session) for walk, page in zip(walks, first, strict=True)]
    while running := [index for index, walk in enumerate(walks) if not walk.is_done]:
        flows = (_numbered(index, flow) for index in running for flow in walks[index].rest())
        for index, page in (yield Gather(flows, ahead)):
            rows[index] += walks[index].take(page)
        for index in running:
            walks[index].is_paged = True
    return [row for part in rows for row in part]


def _numbered(number: int, flow: Flow[list[Row]]) -> Flow[tuple[int, list[Row]]]:
    return number, (yield from flow)


def _identity(row: Any) -> int | str | None:
    """Give a row's id; a bad row has none, which is no reason to lose it."""
    identity = row.get("id") if isinstance(row, dict) else None
    return identity if isinstance(identity, int | str) else None

"""Fetching a listing page by page: offsets, and the servers that get them wrong."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from grad300_sdk.engine import Flow, Gather, Items, ItemsFlow, check_integer, warn
from grad300_sdk.errors import Grad300Warning
from grad300_sdk.filters import DateLike, Filters
from grad300_sdk.pages import Page, Rows, Selectable
from grad300_sdk.settings import setting

__all__ = ["IdSet", "PageSizes", "Paginator", "Row", "Search", "fetch_all", "iterate"]

Row: TypeAlias = dict[str, Any]
S = TypeVar("S", bound=Selectable)

# Maximum numbers of rows, and of pages per connection, that are fetched in one round.
_ROWS_A_ROUND = 50_000
_PAGES_A_ROUND = 4
# From so many pages on, they are joined.
_PARTS = 16
# No server caps its pages below this: a shorter one that is repeated is all that it has, as is a
# mock's one page.
LOWEST_CAP = 10
# Ids are noted in bits, so many in an integer.
_BITS = 64

_logger = logging.getLogger(__name__)


class PageSizes(Protocol):
    """A client, which remembers what pages its server has sent."""

    largest_full_page: int


class Search(Struct, frozen=True):
    """What a listing is asked for."""

    filters: Filters
    page_size: int
    max_results: int | None

    @classmethod
    def from_arguments(
        cls,
        *,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> Search:
        """Make a search of a call's arguments; raise an error that names a wrong one."""
        if page_size is None:
            page_size = setting("default_page_size")
        return cls(
            Filters.from_arguments(source, scan_name, date_from, date_to),
            check_integer("page_size", page_size, 1),
            None if max_results is None else check_integer("max_results", max_results, 1),
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the call, by name."""
        return {
            **self.filters.params,
            "page_size": self.page_size,
            "max_results": self.max_results,
        }


class IdSet:
    """A set of ids, which takes a few bytes an id where integers are near each other."""

    def __init__(self) -> None:
        self._bits: dict[int, int] = {}
        self._texts: set[str] = set()

    def __contains__(self, id_: int | str) -> bool:
        if isinstance(id_, str):
            return id_ in self._texts
        return bool(self._bits.get(id_ // _BITS, 0) >> id_ % _BITS & 1)

    def add(self, id_: int | str) -> bool:
        """Add an id; return whether it is new."""
        if isinstance(id_, str):
            is_new = id_ not in self._texts
            self._texts.add(id_)
        else:
            place, bit = id_ // _BITS, 1 << id_ % _BITS
            bits = self._bits.get(place, 0)
            is_new = not bits & bit
            self._bits[place] = bits | bit
        return is_new


class Paginator(Generic[S]):
    """The pages of one listing.

    Rows that are inserted while several pages are fetched at once may push others from a page that
    is still to come to one that has come already. They also push rows from a page that has come to
    one that is still to come, where they are repeated. So where a row is on two pages, the walk
    goes back to where nothing can have been missed, and goes on one page at a time.

    Parameters
    ----------
    search : Search
        What is wanted.
    fetch : callable
        Returns the flow that fetches the page at an offset.
    max_connections : int
        How many pages are fetched at once, at most.
    found : int
        The number of wanted rows so far, those of other listings included.

    Attributes
    ----------
    found : int
        The same, kept up to date.
    is_truncated : bool
        Whether the server repeated itself, so that rows may be missing.
    is_done : bool
        Whether there is nothing more to be fetched.
    """

    def __init__(
        self,
        search: Search,
        fetch: Callable[[int], Flow[Page[S]]],
        max_connections: int,
        found: int = 0,
    ) -> None:
        self.fetch = fetch
        self.found = found
        self.is_truncated = False
        self.is_done = False
        self._search = search
        self._max_connections = max_connections
        self._seen = IdSet()
        self._offset = 0
        self._sure = 0  # no row before this offset can have been missed
        self._furthest = 0  # where the walk was when it went back
        self._largest = 0
        self._has_full_pages = False
        # Of the pages that are fetched at once: whether one may be the last, and their ids.
        self._has_ended = False
        self._fetched: set[int | str] = set()

    def accept_first(self, page: Page[S], sizes: PageSizes) -> S:
        """Return the wanted rows of the first page, and judge from its size what may follow."""
        rows = self._accept_page(page)
        self._sure = self._offset
        page_size, known = self._search.page_size, sizes.largest_full_page
        self._has_full_pages = len(page.ids) >= page_size
        if self._has_full_pages:
            sizes.largest_full_page = max(known, page_size)
        elif page_size <= known:
            self.is_done = True
        return rows

    def accept(self, pages: Sequence[Page[S]]) -> Iterator[S]:
        """Yield the wanted rows of the next pages, and note whether there may be more."""
        is_alone = len(pages) == 1
        is_doubtful = not is_alone or self._sure < self._offset
        if self._max_connections > 1 and is_doubtful and self._have_moved(pages):
            self._furthest, self._offset = self._offset, self._sure
            self._max_connections = 1
            return
        self._sure = self._offset
        size = self._largest
        for page in pages:
            yield self._accept_page(page)
            if self.is_done:
                return
            if self._largest > size and not is_alone:  # the following pages begin within this one
                self._max_connections = 1
                return
        if is_alone:
            self._sure = self._offset

    def next_pages(self, count: float) -> Iterator[Flow[Page[S]]]:
        """Yield the flows that fetch the next pages, as long as there may be more of them."""
        self._has_ended = False
        self._fetched = set()
        count = min(count, self._pages_needed())
        offset, end = self._offset, self._offset + count * self._largest
        while offset < end and not self._has_ended:
            yield self._fetch_next(offset)
            offset += self._largest

    def remaining_pages(self) -> Iterator[Flow[Page[S]]]:
        """Yield the flows that fetch many of the pages that may follow.

        A short first page may be the last one, or all that the server sends at once: then one
        more is fetched, which tells.
        """
        count = 1
        if self._has_full_pages and self._max_connections > 1:
            rows = _ROWS_A_ROUND // max(self._largest, 1)
            count = max(_PAGES_A_ROUND * self._max_connections, rows)
        self._has_full_pages = True
        return self.next_pages(count)

    def pages_ahead(self) -> Iterator[int]:
        """Yield how many pages to fetch at once: twice as many each time."""
        count = 2 if self._has_full_pages else 1
        while not self.is_done:
            count = min(count, self._max_connections)
            yield int(min(count, self._pages_needed()))
            count *= 2

    def _fetch_next(self, offset: int) -> Flow[Page[S]]:
        page = yield from self.fetch(offset)
        new = {id_ for id_ in page.ids if id_ is not None} - self._fetched
        self._fetched |= new
        if len(page.ids) < self._largest or all(id_ in self._seen for id_ in new):
            self._has_ended = True
        return page

    def _have_moved(self, pages: Sequence[Page[S]]) -> bool:
        """Return whether a row was on another page before, so that others may have been missed."""
        earlier: set[int | str] = set()
        for page in pages:
            ids = {id_ for id_ in page.ids if id_ is not None}
            repeated = [id_ for id_ in ids if id_ in earlier or id_ in self._seen]
            if len(repeated) == len(ids):  # the listing ends here
                return False
            if repeated:
                return True
            earlier |= ids
        return False

    def _accept_page(self, page: Page[S]) -> S:
        """Return the wanted rows of the next page, and note whether it is the last one."""
        size = len(page.ids)
        # Where the walk was before, a row without an id is not new.
        rewalked = self._furthest - self._offset
        is_repeated = [
            position < rewalked if id_ is None else not self._seen.add(id_)
            for position, id_ in enumerate(page.ids)
        ]
        has_new = any(
            id_ is not None and not r for id_, r in zip(page.ids, is_repeated, strict=True)
        )
        self.is_done = not size or size < self._largest
        if self._offset and size and not has_new and rewalked <= 0:
            self.is_done = self.is_truncated = True
            message = (
                f"the server repeats its rows from the offset {self._offset} on, as one does that "
                "ignores 'offset'; rows may be missing"
            )
            if self._offset < min(self._search.page_size, LOWEST_CAP):
                _logger.info(message)
            else:
                warn(message, Grad300Warning)
            return page.rows.select([])
        wanted = [position for position in page.positions if not is_repeated[position]]
        if self._search.max_results is not None:
            wanted = wanted[: self._search.max_results - self.found]
        self.found += len(wanted)
        self._offset += size
        self._largest = max(self._largest, size)
        self.is_done |= self._pages_needed() == 0
        if len(wanted) == len(page.positions):
            return page.rows
        ranks = {position: rank for rank, position in enumerate(page.positions)}
        return page.rows.select([ranks[position] for position in wanted])

    def _pages_needed(self) -> float:
        """Return the fewest pages that hold what is missing, if each is full of wanted rows."""
        if self._search.max_results is None:
            return math.inf
        return math.ceil((self._search.max_results - self.found) / max(self._largest, 1))


def iterate(
    paginator: Paginator[Rows[Row]],
    sizes: PageSizes,
    select: Callable[[Rows[Row]], Iterable[Row]] = iter,
) -> ItemsFlow[Row]:
    """Yield the wanted rows that `select` selects, and whatever it takes to fetch them.

    One, two, four, eight pages are fetched at once, so that little is fetched in vain where the
    reader stops early.
    """
    yield Items(select(paginator.accept_first((yield from paginator.fetch(0)), sizes)))
    for count in paginator.pages_ahead():
        for rows in paginator.accept((yield Gather(paginator.next_pages(count), count))):
            yield Items(select(rows))


def fetch_all(
    paginators: list[Paginator[S]], sizes: PageSizes, max_connections: int
) -> Flow[list[S]]:
    """Fetch listings to their ends, many pages at once, and return their wanted rows."""
    limit = min(max_connections, len(paginators))
    first = yield Gather([paginator.fetch(0) for paginator in paginators], limit)
    rows = [
        [paginator.accept_first(page, sizes)]
        for paginator, page in zip(paginators, first, strict=True)
    ]
    joined: list[list[S]] = [[] for _ in paginators]
    while running := [
        index for index, paginator in enumerate(paginators) if not paginator.is_done
    ]:
        for whole, parts in zip(joined, rows, strict=True):
            if len(parts) > _PARTS:
                whole.append(parts[0].join(parts[1:]))
                parts.clear()
        flows = (
            _with_index(index, flow)
            for index in running
            for flow in paginators[index].remaining_pages()
        )
        fetched: dict[int, list[Page[S]]] = {index: [] for index in running}
        for index, page in (yield Gather(flows, max_connections)):
            fetched[index].append(page)
        for index, pages in fetched.items():
            rows[index] += paginators[index].accept(pages)
    return [page for pair in zip(joined, rows, strict=True) for part in pair for page in part]


def _with_index(index: int, flow: Flow[Page[S]]) -> Flow[tuple[int, Page[S]]]:
    return index, (yield from flow)

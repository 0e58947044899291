"""A page of a listing: the ids of its rows, and the rows in the form that is wanted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar

from msgspec import Struct

from grad300_sdk.filters import Filters
from grad300_sdk.records import Redact, Row, ScanRecord, ScanType, record_or_fault

__all__ = ["Page", "PageReader", "RecordReader", "RowReader", "Rows", "Selectable", "pack_ids"]

T = TypeVar("T")
# None where a row has no id.
Ids: TypeAlias = Sequence[int | str | None]


class Selectable(Protocol):
    """The rows of a page, of which some can be selected, and which can be joined to others."""

    def select(self, positions: Sequence[int], /) -> Self:
        """Return the rows at these positions of the page."""
        ...

    def join(self, others: Sequence[Self], /) -> Self:
        """Return these rows, followed by those of other pages."""
        ...


S = TypeVar("S", bound=Selectable)


class Rows(list[T]):
    """Rows as a list."""

    def select(self, positions: Sequence[int], /) -> Self:
        """Return the rows at these positions."""
        return type(self)(self[position] for position in positions)

    def join(self, others: Sequence[Self], /) -> Self:
        """Return these rows, followed by others."""
        return type(self)(chain(self, *others))


class Page(Struct, Generic[S], frozen=True):
    """A page of a listing.

    Attributes
    ----------
    ids : sequence
        The id of each row that the server sent.
    positions : sequence of int
        The positions of the rows that match the filters.
    rows : Selectable
        Those rows, in the form that is wanted.
    """

    ids: Ids
    positions: Sequence[int]
    rows: S


class PageReader(ABC, Generic[S]):
    """Reads the pages of a listing.

    Parameters
    ----------
    scan_type : ScanType
        The type of the scans.
    filters : Filters
        What is asked for.
    is_labelled : bool
        Whether each row is to have its ``scan_type``.
    """

    def __init__(
        self, scan_type: ScanType, filters: Filters, *, is_labelled: bool = False
    ) -> None:
        self._label = {"scan_type": scan_type.value} if is_labelled else {}
        # None if each row has its own.
        self._scan_type = None if is_labelled else scan_type
        self._filters = filters

    def read(self, decode: Callable[[Any], Any], redact: Redact = str) -> Page[S]:
        """Read a page; `decode` decodes it to a given type, `redact` masks secrets in messages."""
        rows = decode(list[Any])
        if self._label:
            rows = [{**row, **self._label} if isinstance(row, dict) else row for row in rows]
        ids = pack_ids([row.get("id") if isinstance(row, dict) else None for row in rows])
        positions: Sequence[int] = range(len(rows))
        if not self._filters.is_empty:
            positions = [p for p in positions if self._filters.match(rows[p])]
            rows = [rows[p] for p in positions]
        return Page(ids, positions, self._convert(rows, redact))

    @abstractmethod
    def _convert(self, rows: list[Any], redact: Redact) -> S:
        """Return the rows in the form that is wanted."""


class RowReader(PageReader[Rows[Row]]):
    """Reads pages as what the server sent."""

    def _convert(self, rows: list[Any], redact: Redact) -> Rows[Row]:
        return Rows(rows)


class RecordReader(PageReader[Rows[ScanRecord | str]]):
    """Reads pages as records, and as texts that say what is wrong with a row."""

    def _convert(self, rows: list[Any], redact: Redact) -> Rows[ScanRecord | str]:
        return Rows(record_or_fault(row, self._scan_type, redact) for row in rows)


def pack_ids(values: Sequence[Any]) -> Ids:
    """Return the ids among values, None for all else: a bad row need not have one.

    Where all are integers, they are in an array, which takes a fifth of the memory.
    """
    if set(map(type, values)) == {int}:
        try:
            return array("q", values)
        except OverflowError:
            pass
    return [value if type(value) in (int, str) else None for value in values]

"""Pages of rows as columns: compact while a listing is fetched, joined and typed at its end.

A table of a million scans would take gigabytes as rows. So each page is turned into `Cells`, one
a key, which hold what the page's rows have for it in a compact form that loses nothing. What a
column becomes depends on all of its values, and is decided when the pages are joined.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import lru_cache
from mmap import ACCESS_COPY, mmap
from operator import itemgetter
from types import NoneType
from typing import Any, Literal, TypeAlias

import numpy as np
from astropy.table import MaskedColumn
from astropy.time import Time
from msgspec import UNSET, Struct, UnsetType, defstruct
from msgspec.structs import astuple

from grad300_sdk.errors import DecodeError
from grad300_sdk.filters import Filters, parse_date
from grad300_sdk.pages import Page, PageReader, pack_ids
from grad300_sdk.records import FIELDS, INTEGERS, Redact, ScanType, record_or_fault, repeats

__all__ = [
    "ColumnReader",
    "ScanColumns",
    "as_text",
    "ignore_dubious_years",
    "join_columns",
    "make_columns",
    "to_unicode",
]

# The columns of dates made so far, with what they were made of.
Times: TypeAlias = list[tuple["Dates", Time]]

# The cells joined so far, with what they were made of, by the ids of those.
Joined: TypeAlias = dict[tuple[int, ...], tuple[list[Any], Any]]
# How the server wrote dates: their width, with the offset and without, or in a word.
Form: TypeAlias = tuple[int, int] | Literal["padded", "mixed"] | None

# Known keys that not every server sends.
_OPTIONAL_KINDS = {"azimuth": float, "elevation": float, "ctime": datetime, "mtime": datetime}
_DTYPES = {int: "i8", float: "f8", bool: "?", str: "S"}
# Integers in this range are exact as floats.
_EXACT = range(-(2**53), 2**53 + 1)
# Rows turned into columns at a time: these stay in a processor's cache.
_BLOCK = 256
# Bytes from which on an array is large: allocators keep the memory of smaller ones.
_LARGE = 2**17
# Servers send the same few keys; more keys than this are not rows of a listing.
_MOST_KEYS = 100
# A date, with "0" for any digit and as many decimals as there may be.
_DATE = np.frombuffer(b"0000-00-00T00:00:00.000000", np.uint8)
_IS_DIGIT = np.equal(_DATE, ord("0"))
_SECONDS, _MILLISECONDS, _MICROSECONDS = 19, 23, 26
_FIRST_DATE = np.datetime64("0001-01-01")
# The years of which every release of ERFA knows the leap seconds; it warns of others.
_FIRST_SURE, _END_OF_SURE = np.datetime64("1960-01-01"), np.datetime64("2027-01-01")


class Cells(Struct):
    """The values of one key in consecutive rows, None where a row has none.

    Attributes
    ----------
    count : int
        The number of rows.
    types : set of type
        The types of the values.
    data : ndarray, list or None
        The values: as an array if all are of one type that fits (ASCII text as bytes), otherwise
        as a list. None if there are no values.
    mask : ndarray or None
        Where an array lacks a value; None if nowhere.
    absent : ndarray or None
        Where a row lacks the key itself; None if nowhere.
    """

    count: int
    types: set[type]
    data: Any = None
    mask: Any = None
    absent: Any = None

    @classmethod
    def pack(cls, values: Sequence[Any]) -> Cells:
        """Make cells of values, UNSET where a row lacks the key."""
        types = set(map(type, values))
        if UnsetType in types:
            cells = cls.pack([None if value is UNSET else value for value in values])
            cells.absent = np.array([value is UNSET for value in values])
            return cells
        kinds = types - {NoneType}
        if not kinds:
            return cls(len(values), types)
        kind = kinds.pop()
        if kinds or kind not in _DTYPES:
            return cls(len(values), types, list(values))
        mask = None
        if kind is float:
            data = np.array(values, float)  # None becomes nan, and JSON has no nan of its own
            mask = np.isnan(data) if NoneType in types else None
            return cls(len(values), types, data, mask)
        filled = values
        if NoneType in types:
            mask = np.array([value is None for value in values])
            filler = kind()
            filled = [filler if value is None else value for value in values]
        data = _pack_texts(filled) if kind is str else _pack_numbers(filled, kind)
        if data is None:
            return cls(len(values), types, list(values))
        return cls(len(values), types, data, mask)

    @classmethod
    def join(cls, parts: list[Cells]) -> Cells:
        """Make cells of the cells of consecutive pages."""
        if len(parts) == 1:
            return parts[0]
        count, types = sum(part.count for part in parts), set().union(*(p.types for p in parts))
        arrays = [part.data for part in parts if part.data is not None]
        if not arrays:
            return cls(count, types)
        if (
            any(isinstance(data, list) for data in arrays)
            or len({d.dtype.kind for d in arrays}) > 1
        ):
            return cls(count, types, [value for part in parts for value in part.tolist()])
        dtype = arrays[0].dtype
        data = _concatenate([part.filled(dtype) for part in parts])
        mask = _concatenate([part.missing for part in parts]) if NoneType in types else None
        return cls(count, types, data, mask)

    def select(self, positions: Sequence[int]) -> Cells:
        """Return the cells at these positions."""
        values = self.tolist()
        cells = Cells.pack([values[position] for position in positions])
        cells.absent = None if self.absent is None else self.absent[list(positions)]
        return cells

    @property
    def are_absent(self) -> bool:
        """Whether no row has the key."""
        return self.count == 0 or (self.absent is not None and bool(self.absent.all()))

    def tolist(self) -> list[Any]:
        """Return the values."""
        if self.data is None or isinstance(self.data, list):
            return self.data or [None] * self.count
        data = self.data.astype(str) if self.data.dtype.kind == "S" else self.data
        values: list[Any] = data.tolist()
        if self.mask is None:
            return values
        missing = self.mask.tolist()
        return [None if m else value for value, m in zip(values, missing, strict=True)]

    @property
    def missing(self) -> Any:
        """Where there is no value, as an array."""
        if self.data is None:
            return np.ones(self.count, bool)
        if isinstance(self.data, list):
            return np.array([value is None for value in self.data])
        return np.zeros(self.count, bool) if self.mask is None else self.mask

    def equals(self, other: Cells) -> bool:
        """Return whether the values are the same, and held in the same way."""
        if self.types != other.types or type(self.data) is not type(other.data):
            return False
        return np.array_equal(self.data, other.data) and np.array_equal(self.mask, other.mask)

    def are_within(self, limits: range) -> bool:
        """Return whether all integers are within limits."""
        if int not in self.types:
            return True
        numbers = [value for value in self.tolist() if type(value) is int]
        return min(numbers) in limits and max(numbers) in limits

    def filled(self, dtype: Any) -> Any:
        """Return the array, with fillers where there are no values at all."""
        if self.data is not None:
            return self.data
        data = np.zeros(self.count, dtype)
        if data.dtype.kind == "f":
            data[:] = np.nan
        return data


def _concatenate(arrays: list[Any]) -> Any:
    """Concatenate arrays; a large one gets memory that the system has back once it is not used."""
    dtype, count = np.result_type(*arrays), sum(map(len, arrays))
    size = count * dtype.itemsize
    if size < _LARGE:
        return np.concatenate(arrays)
    joined = np.ndarray(count, dtype, mmap(-1, size, access=ACCESS_COPY))
    return np.concatenate(arrays, out=joined)


def _pack_texts(texts: Sequence[str]) -> Any:
    """Return texts as an array of bytes; None if they are not ASCII, or have a NUL to be lost."""
    joined = "".join(texts)
    if not joined.isascii() or "\0" in joined:
        return None
    width = len(texts[0])
    if width and len(set(map(len, texts))) == 1:
        return np.frombuffer(joined.encode(), f"S{width}")
    return np.array(texts, "S")


def _pack_numbers(numbers: Sequence[Any], kind: type) -> Any:
    """Return numbers as an array; None if one is too large for it."""
    try:
        return np.array(numbers, _DTYPES[kind])
    except OverflowError:
        return None


def to_unicode(texts: Any) -> Any:
    """Decode an array of ASCII text by a cast, in a tenth of the time that `astype` takes."""
    if not texts.size:
        return texts.astype(str)
    codes = np.ascontiguousarray(texts).view(np.uint8).astype(np.uint32)
    return codes.view(f"U{texts.itemsize}")


class Dates(Struct):
    """The dates of one key in consecutive rows.

    Attributes
    ----------
    count : int
        The number of rows.
    texts : ndarray or None
        The dates in UTC, as bytes and without an offset; None if there are none.
    mask : ndarray or None
        Where a row has no date, and `texts` another row's; None if nowhere.
    form : tuple, str or None
        How the server wrote the dates: their width, with the offset and without, if they are
        all alike; "padded" if they differ in their decimals alone, otherwise "mixed".
    """

    count: int
    texts: Any = None
    mask: Any = None
    form: Form = None

    @classmethod
    def parse(cls, cells: Cells) -> Dates | None:
        """Parse dates; return None if a value is not a date."""
        if not cells.types <= {str, NoneType}:
            return None
        if cells.data is None:
            return cls(cells.count)
        form: Form
        texts, form = _parse_alike(cells)
        if texts is None:
            values = cells.tolist()
            filler = next(value for value in values if value is not None)
            values = [filler if value is None else value for value in values]
            texts, form = _parse_padded(values), "padded"
            if texts is None:
                texts, form = _parse_each(values), "mixed"
        mask = cells.missing if NoneType in cells.types else None
        return None if texts is None else cls(cells.count, texts, mask, form)

    @classmethod
    def join(cls, parts: list[Dates]) -> Dates:
        """Make dates of the dates of consecutive pages."""
        parts = [part for part in parts if part.count]
        count = sum(part.count for part in parts)
        forms: set[Form] = {part.form for part in parts if part.texts is not None}
        if not forms:
            return cls(count)
        form = next(iter(forms))
        if len(forms) > 1:
            form = "mixed" if "mixed" in forms else "padded"
        is_masked = any(part.texts is None or part.mask is not None for part in parts)
        mask = _concatenate([part.missing for part in parts]) if is_masked else None
        texts = [part.texts if isinstance(form, tuple) else part._padded() for part in parts]
        filler = next(some for some in texts if some is not None)[:1]
        texts = [
            np.repeat(filler, part.count) if some is None else some
            for part, some in zip(parts, texts, strict=True)
        ]
        return cls(count, _concatenate(texts), mask, form)

    def select(self, positions: Sequence[int]) -> Dates:
        """Return the dates at these positions."""
        index = np.array(positions, int)
        if self.missing[index].all():
            return Dates(len(index))
        mask = None if self.mask is None else self.mask[index]
        return Dates(len(index), self.texts[index], mask, self.form)

    def as_written(self) -> Cells:
        """Return the dates as the server wrote them, if they are all alike."""
        if self.texts is None or not isinstance(self.form, tuple):
            return Cells(self.count, {NoneType})
        offset = {0: "", 1: "Z", 6: "+00:00"}[self.form[0] - self.form[1]]
        texts = [f"{text.decode()}{offset}" for text in self.texts.tolist()]
        missing = self.missing.tolist()
        return Cells.pack([None if m else text for text, m in zip(texts, missing, strict=True)])

    @property
    def are_alike(self) -> bool:
        """Whether `as_written` is exact."""
        return self.texts is None or isinstance(self.form, tuple)

    @property
    def are_absent(self) -> bool:
        """Whether there are no rows."""
        return self.count == 0

    @property
    def missing(self) -> Any:
        """Where there is no date, as an array."""
        if self.texts is None:
            return np.ones(self.count, bool)
        return np.zeros(self.count, bool) if self.mask is None else self.mask

    @property
    def precision(self) -> int:
        """How many decimals of the seconds are shown."""
        if self.texts is None:
            return 3
        if self.form == "mixed" and (_letters(self.texts)[:, _SECONDS + 1 :] == ord("0")).all():
            return 3
        return 6 if self.texts.itemsize > _MILLISECONDS else 3

    def equals(self, other: Dates) -> bool:
        """Return whether the dates are the same, and written in the same way."""
        if self.texts is None or other.texts is None:
            return self.texts is other.texts
        return (
            self.form == other.form
            and np.array_equal(self.texts, other.texts)
            and np.array_equal(self.missing, other.missing)
        )

    def to_time(self) -> Time:
        """Make a column of the dates."""
        texts = self.texts
        if texts is None:
            texts = np.full(self.count, b"2000-01-01T00:00:00")
        days = texts.astype("M8[D]")
        is_sure = ((days >= _FIRST_SURE) & (days < _END_OF_SURE)).all()
        with nullcontext() if is_sure else ignore_dubious_years():
            column = Time(texts, format="isot", scale="utc", precision=self.precision)
        if self.texts is None or self.mask is not None:
            column[self.missing] = np.ma.masked
        return column

    def _padded(self) -> Any:
        if self.texts is None:
            return None
        letters = np.tile(_DATE, (self.count, 1))
        letters[:, : self.texts.itemsize] = _letters(self.texts)
        return letters.view(f"S{_MICROSECONDS}").reshape(-1)


def _letters(texts: Any) -> Any:
    """Return a matrix of the letters of an array of bytes."""
    return texts.view(np.uint8).reshape(len(texts), texts.itemsize)


def _parse_alike(cells: Cells) -> tuple[Any, tuple[int, int] | None]:
    """Parse dates that are all written alike; return None if they are not, and their widths."""
    if isinstance(cells.data, list):  # not ASCII
        return None, None
    letters = _letters(cells.data)
    if cells.mask is not None:
        letters = letters.copy()
        letters[cells.mask] = letters[~cells.mask][0]
    width = letters.shape[1]
    if width < _SECONDS or not letters.all():
        return None, None
    for offset in (b"Z", b"+00:00"):
        if (letters[:, -len(offset) :] == list(offset)).all():
            letters = letters[:, : -len(offset)]
            break
    return _check(letters), (width, letters.shape[1])


def _parse_padded(values: list[str]) -> Any:
    """Parse dates in UTC that have different numbers of decimals; None if one is not like that."""
    padded = [_pad(value) for value in values]
    if set(map(len, padded)) != {_MICROSECONDS}:
        return None
    texts = _pack_texts(padded)
    return None if texts is None else _check(_letters(texts))


def _pad(text: str) -> str:
    """Write a date with microseconds and without an offset of zero."""
    for offset in ("Z", "+00:00"):
        if text.endswith(offset):
            text = text[: -len(offset)]
            break
    if len(text) == _SECONDS:
        return f"{text}.000000"
    # After a point alone there must be a digit.
    return text.ljust(_MICROSECONDS, "0") if len(text) > _SECONDS + 1 else text


def _parse_each(values: list[str]) -> Any:
    """Parse dates one by one, which is slow; return None if one is not a date."""
    texts = []
    for value in values:
        date = parse_date(value)
        if date is None:
            return None
        texts.append(date.replace(tzinfo=None).isoformat(timespec="microseconds"))
    return np.array(texts, "S")


def _check(letters: Any) -> Any:
    """Return dates as an array of bytes; None if the parser of `Time` would not take one."""
    width = letters.shape[1]
    if not _SECONDS <= width <= _MICROSECONDS or width == _SECONDS + 1:
        return None
    is_digit = _IS_DIGIT[:width]
    if (letters[:, ~is_digit] != _DATE[:width][~is_digit]).any():
        return None
    if (letters[:, is_digit] - ord("0") > 9).any():  # unsigned: what is less than "0" is large
        return None
    texts = np.ascontiguousarray(letters).view(f"S{width}").reshape(-1)
    try:
        days = texts.astype("M8[us]")
    except ValueError:  # no such day, or no such hour
        return None
    return None if (days < _FIRST_DATE).any() else texts


@contextmanager
def ignore_dubious_years() -> Iterator[None]:
    """Silence the warning that a year's leap seconds are not known yet."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*dubious year")
        yield


class ScanColumns(Struct):
    """The rows of a page, or of a listing, as columns.

    Attributes
    ----------
    count : int
        The number of good rows.
    scan_types : Cells
        The type of each.
    cells : dict
        Their values, by the key that the server's JSON has for them.
    positions : list of int or None
        Where the good rows stand among those of the page; None if all are good.
    faults : dict
        What is wrong with each bad row, by its position.
    """

    count: int
    scan_types: Cells
    cells: dict[str, Cells | Dates]
    positions: list[int] | None = None
    faults: dict[int, str] = {}

    def select(self, positions: Sequence[int], /) -> ScanColumns:
        """Return the rows at these positions of the page."""
        faults = {p: self.faults[p] for p in positions if p in self.faults}
        if self.positions is not None:
            ranks = {position: rank for rank, position in enumerate(self.positions)}
            positions = [ranks[position] for position in positions if position in ranks]
        selected = {key: cells.select(positions) for key, cells in self.cells.items()}
        scan_types = self.scan_types.select(positions)
        return ScanColumns(len(positions), scan_types, _without_absent(selected), faults=faults)

    def join(self, others: Sequence[ScanColumns], /) -> ScanColumns:
        """Return these rows, followed by those of other pages, which are all emptied."""
        pages = [self, *others]
        keys = set().union(*(page.cells for page in pages))
        faults = [fault for page in pages for fault in page.faults.values()]
        joined: Joined = {}
        return ScanColumns(
            sum(page.count for page in pages),
            Cells.join([page.scan_types for page in pages if page.count]),
            {key: _join(key, pages, joined) for key in keys},
            faults=dict(enumerate(faults)),
        )


def _join(key: str, pages: list[ScanColumns], joined: Joined) -> Any:
    """Take the cells of a key out of pages, and join them; what is shared stays so."""
    parts: Any = [page.cells.pop(key, None) or Cells(page.count, {NoneType}) for page in pages]
    ids = tuple(map(id, parts))
    if ids not in joined:
        joined[ids] = parts, _join_parts(parts, key)
    return joined[ids][1]


def _join_parts(parts: list[Any], key: str) -> Any:
    dates = [part for part in parts if isinstance(part, Dates)]
    if key in FIELDS and (dates or FIELDS[key].kind is datetime):
        return Dates.join(parts)
    forms = {part.form for part in dates if part.texts is not None}
    is_date = [part.data is None for part in parts if isinstance(part, Cells)]
    if dates and all(is_date) and len(forms) <= 1:
        parts = [Dates(part.count) if isinstance(part, Cells) else part for part in parts]
        return Dates.join(parts)
    return Cells.join([part.as_written() if isinstance(part, Dates) else part for part in parts])


def _without_absent(cells: dict[str, Any]) -> dict[str, Any]:
    """Return cells without those of keys that no row has."""
    return {k: v for k, v in cells.items() if k in FIELDS or not v.are_absent}


class MisfitError(Exception):
    """A value does not fit into its column."""


def make_columns(
    rows: Sequence[Any], scan_type: ScanType | None, redact: Redact = str
) -> ScanColumns:
    """Make columns of rows; `scan_type` is None if each row has its own."""
    try:
        return _from_values(_transpose(rows), len(rows), scan_type)
    except MisfitError:
        pass
    records = [record_or_fault(row, scan_type, redact) for row in rows]
    faults = {place: fault for place, fault in enumerate(records) if isinstance(fault, str)}
    positions = [place for place in range(len(rows)) if place not in faults]
    good = [rows[position] for position in positions]
    columns = _from_values(_transpose(good), len(good), scan_type)
    columns.positions, columns.faults = positions, faults
    return columns


class ColumnReader(PageReader[ScanColumns]):
    """Reads pages as columns.

    Once a page has shown which keys the rows have, rows are decoded to structs with just those:
    that takes half the time of decoding to dicts. Where it fails, dicts do.
    """

    def __init__(
        self, scan_type: ScanType, filters: Filters, *, is_labelled: bool = False
    ) -> None:
        super().__init__(scan_type, filters, is_labelled=is_labelled)
        self._struct_type = scan_type
        self._keys: frozenset[str] = frozenset()

    def read(self, decode: Callable[[Any], Any], redact: Redact = str) -> Page[ScanColumns]:
        """Read a page; `decode` decodes it to a given type, `redact` masks secrets in messages."""
        row_type = _row_type(self._keys) if self._keys else None
        if row_type is not None:
            try:
                return self._read_structs(decode(list[row_type]))  # type: ignore[valid-type]  # for msgspec
            except (DecodeError, MisfitError):
                pass
        return super().read(decode, redact)

    def _convert(self, rows: list[Any], redact: Redact) -> ScanColumns:
        keys = self._keys.union(*(row for row in rows if isinstance(row, dict)))
        if len(keys) <= _MOST_KEYS:
            self._keys = frozenset(keys.difference(self._label))
        return make_columns(rows, self._scan_type, redact)

    def _read_structs(self, rows: list[Any]) -> Page[ScanColumns]:
        values = _in_blocks(sorted(self._keys), rows, astuple)
        ids = pack_ids(values["id"] if "id" in values else [None] * len(rows))
        positions: Sequence[int] = range(len(rows))
        if not self._filters.is_empty:
            nothing = [None] * len(rows)
            filtered = (values.get(key, nothing) for key in ("object", "file_name", "date"))
            matches = map(self._filters.match_values, *filtered)
            positions = [p for p, is_match in enumerate(matches) if is_match]
            values = {key: [column[p] for p in positions] for key, column in values.items()}
        return Page(ids, positions, _from_values(values, len(positions), self._struct_type))


@lru_cache(64)
def _row_type(keys: frozenset[str]) -> Any:
    """Return the struct of rows with these keys; None if there can't be one."""
    names = {f"key_{number}": key for number, key in enumerate(sorted(keys))}
    fields = [(name, Any, UNSET) for name in names]
    try:
        return defstruct("Row", fields, rename=names, forbid_unknown_fields=True, gc=False)
    except ValueError:  # a key that can't be a field's name
        return None


def _transpose(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Turn rows into columns; raise a `MisfitError` if one is not an object."""
    if not set(map(type, rows)) <= {dict}:
        raise MisfitError
    keys: list[str] = list(set().union(*rows))
    try:
        # With one more key, a tuple comes of a single one too.
        return _in_blocks(keys, rows, itemgetter(*keys, "id"))
    except KeyError:
        return _in_blocks(keys, rows, lambda row: (*(row.get(key, UNSET) for key in keys), None))


def _in_blocks(
    keys: Sequence[str], rows: Sequence[Any], split: Callable[[Any], tuple[Any, ...]]
) -> dict[str, list[Any]]:
    """Turn rows, which `split` takes apart, into columns: a few at a time."""
    table: dict[str, list[Any]] = {key: [] for key in keys}
    for start in range(0, len(rows), _BLOCK):
        parts = zip(*map(split, rows[start : start + _BLOCK]), strict=True)
        for column, values in zip(table.values(), parts, strict=False):
            column += values
    return table


def _from_values(
    values: dict[str, list[Any]], count: int, scan_type: ScanType | None
) -> ScanColumns:
    """Make columns; raise a `MisfitError` if there is a row that no record can be made of."""
    packed = {key: Cells.pack(column) for key, column in values.items()}
    nothing = Cells.pack([None] * count)
    fitted: dict[str, Cells | Dates] = {}
    dates: list[tuple[Cells, Dates]] = []
    for key, field in FIELDS.items():
        cells = packed.pop(key, nothing)
        if field.is_required and NoneType in cells.types:
            raise MisfitError
        fitted[key] = (
            _fit_dates(cells, dates) if field.kind is datetime else _fit(cells, field.kind)
        )
    further: dict[str, Cells | Dates] = _without_absent(packed)
    for key in further:
        cells = packed[key]
        if _OPTIONAL_KINDS.get(key) is datetime and cells.absent is None:
            found = _parse_dates(cells, dates)
            if found is not None and found.are_alike:
                further[key] = found
    if scan_type is None:
        scan_types = _parse_types(packed.get("scan_type", nothing))
        further.pop("scan_type", None)
    else:
        scan_types = Cells(count, {str}, np.full(count, scan_type.value.encode()))
    return ScanColumns(count, scan_types, {**fitted, **further})


def _fit(cells: Cells, kind: type) -> Cells:
    """Return cells of a kind, or raise a `MisfitError`."""
    kinds = cells.types - {NoneType}
    if kind is float and int in kinds and kinds <= {int, float} and cells.are_within(INTEGERS):
        return _as_floats(cells)
    if not kinds <= {kind} or (kind is int and isinstance(cells.data, list)):
        raise MisfitError
    return cells


def _as_floats(cells: Cells) -> Cells:
    data = np.array(cells.tolist(), float)
    mask = np.isnan(data) if NoneType in cells.types else None
    return Cells(cells.count, {float, *(cells.types & {NoneType})}, data, mask)


def _fit_dates(cells: Cells, parsed: list[tuple[Cells, Dates]]) -> Dates:
    found = _parse_dates(cells, parsed)
    if found is None:
        raise MisfitError
    return found


def _parse_dates(cells: Cells, parsed: list[tuple[Cells, Dates]]) -> Dates | None:
    for same, dates in parsed:
        if same.equals(cells):  # an observation's dates are often the same
            return dates
    found = Dates.parse(cells)
    if found is not None:
        parsed.append((cells, found))
    return found


def _parse_types(cells: Cells) -> Cells:
    if not cells.types <= {str}:
        raise MisfitError
    values = cells.tolist()
    try:
        names = {value: ScanType(value).value for value in set(values)}
    except ValueError:
        raise MisfitError from None
    return Cells.pack([names[value] for value in values])


def join_columns(pages: list[ScanColumns], scan_type: ScanType | None) -> dict[str, Any]:
    """Make the columns of a table of pages, which are emptied.

    Known keys come first; the others follow, sorted. `scan_type` is None if it differs.
    """
    further = sorted(set().union(*(page.cells for page in pages)).difference(FIELDS))
    made: dict[str, Any] = {}
    # Dates first: to make them takes the most memory, and the columns are still compact then.
    for is_date in (True, False):
        joined: Joined = {}
        times: Times = []
        for key in [*FIELDS, *further]:
            if (_kind(key) is datetime) is is_date:
                made[key] = _make(key, _join(key, pages, joined), scan_type, times)
                if not is_date:
                    joined.clear()
    columns: dict[str, Any] = {}
    for key, field in FIELDS.items():
        columns[field.name] = made[key]
        if key == "id":
            columns["scan_type"] = _make_column(_join_types(pages, scan_type), str, [])
    for key in [key for key in further if made[key] is not None]:
        name = key or "_"
        while name in columns or (name != key and name in further):
            name += "_"  # the server uses the name of a column for something else
        columns[name] = made[key]
    return columns


def _make(key: str, cells: Any, scan_type: ScanType | None, times: Times) -> Any:
    """Make the column of a key; None if it adds nothing."""
    if key in FIELDS:
        return _make_column(cells, FIELDS[key].kind, times)
    if key == "scan_type" and all(repeats(value, scan_type) for value in cells.tolist()):
        return None
    return _make_further_column(cells, _OPTIONAL_KINDS.get(key), times)


def _kind(key: str) -> type | None:
    return FIELDS[key].kind if key in FIELDS else _OPTIONAL_KINDS.get(key)


def _join_types(pages: list[ScanColumns], scan_type: ScanType | None) -> Cells:
    if scan_type is None:
        return Cells.join([page.scan_types for page in pages if page.count])
    count = sum(page.count for page in pages)
    return Cells(count, {str}, np.full(count, scan_type.value.encode()))


def _make_further_column(cells: Cells | Dates, expected: type | None, times: Times) -> Any:
    """Make the column of a key that not every server sends, of the type of its values."""
    if isinstance(cells, Dates):
        return _make_column(cells, datetime, times)
    kinds = cells.types - {NoneType}
    own: type | None = kinds.pop() if len(kinds) == 1 else float
    if own is float and not cells.are_within(_EXACT):
        own = None
    for kind in (expected, own):
        try:
            if kind is datetime and (dates := Dates.parse(cells)):
                return _make_column(dates, kind, times)
            if kind is not None and kind in _DTYPES:
                return _make_column(_fit(cells, kind), kind, times)
        except MisfitError:
            pass
    return _make_column(Cells.pack([as_text(value) for value in cells.tolist()]), str, times)


def as_text(value: object) -> str | None:
    """Write a value as JSON, unless it is text already."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _make_column(cells: Cells | Dates, kind: type, times: Times) -> Any:
    """Make a column in which missing values are masked."""
    if isinstance(cells, Dates):
        for same, column in times:
            if same is cells or same.equals(cells):
                return column.copy()
        times.append((cells, cells.to_time()))
        return times[-1][1]
    if isinstance(cells.data, list):  # of text that is not ASCII: other lists do not fit
        texts = np.array([value or "" for value in cells.data])
        return MaskedColumn(texts, mask=cells.missing, copy=False)
    data = cells.filled(_DTYPES[kind])
    mask = cells.missing if NoneType in cells.types else False
    return MaskedColumn(to_unicode(data) if kind is str else data, mask=mask, copy=False)

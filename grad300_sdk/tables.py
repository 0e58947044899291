"""The server's rows as an astropy table, built column by column."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from types import NoneType
from typing import Any, TypeAlias

import numpy as np
from astropy import units
from astropy.io import registry
from astropy.io.registry import UnifiedReadWriteMethod
from astropy.io.votable.exceptions import W03
from astropy.table import Column, MaskedColumn, Table
from astropy.table.connect import TableWrite
from astropy.time import Time, TimeDelta

from grad300_sdk.filters import parse_date
from grad300_sdk.records import FIELDS, INTEGERS, ScanType, read_rows, repeats
from grad300_sdk.settings import setting

__all__ = ["ScanTable", "make_table"]

# The columns of dates that were made so far, with what they were made of.
Times: TypeAlias = list[tuple[list[Any], Time]]

# What is known of keys that not every server sends, beside the fields of every scan.
_OPTIONAL = {"azimuth": float, "elevation": float, "ctime": datetime, "mtime": datetime}
_UNITS = {"size": "byte", "dec": "deg", "azimuth": "deg", "elevation": "deg"}
_DTYPES = {int: "i8", float: "f8", bool: "?", str: "U"}
# Whole numbers up to here are exact as floats.
_EXACT = range(-(2**53), 2**53 + 1)
# So many rows stay in a processor's cache while they are turned into columns.
_AT_ONCE = 256
# How a date is written, a digit for a 0, with as many digits of the fraction as there are.
_DATE = np.frombuffer(b"0000-00-00T00:00:00.000000", np.uint8)
_DIGITS = np.equal(_DATE, ord("0"))
_SECONDS, _MILLISECONDS = 19, 23
# The years of which every release of ERFA knows the leap seconds; it warns of others.
_FIRST_SURE, _LAST_SURE = 1960, 2026
_HOURS = units.hourangle
# What FITS, and what XML, can't hold in a text.
_NOT_FITS = re.compile(r"[^\x20-\x7e]")
_NOTHING = re.compile(r"(?!)")
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A name and a value that are longer together fit on no card that has the name.
_LONGEST_CARD = 60


class _ScanTableWrite(TableWrite):  # type: ignore[misc]  # astropy has no types
    __doc__ = TableWrite.__doc__

    def __call__(self, *args: Any, format: str | None = None, **kwargs: Any) -> None:  # noqa: A002 - astropy's
        name = format or _identify(args, kwargs)
        # Where there is no format, or none of that name, astropy says so.
        prepare = _PREPARE.get(name, _prepare_for_text) if name else _prepare_for_all
        if name == "hdf5":
            kwargs.setdefault("serialize_meta", True)
        with _no_doubts():
            prepare(self._instance).write(*args, format=format, **kwargs)


class ScanTable(Table):  # type: ignore[misc]  # astropy has no types
    """A table of scans, which can be written in every format.

    ECSV, HDF5 and Parquet keep all of it. FITS and VOTable can't hold hours, times and nested
    `meta`: the table is written there with right ascension in degrees, dates as ISO 8601 text,
    and plain `meta`; nor do they tell a text that is missing from an empty one. In the other
    formats too, dates are ISO 8601 text.

    Examples
    --------
    >>> import io
    >>> row = {"id": 42, "file_name": "a.fits", "ra": 6.0, "date": "2025-02-04T09:35:21"}
    >>> table = make_table([row], ScanType.TPI, {"server": "https://grad300.lam.fr"})
    >>> table["ra"].unit, table["date"][0].isot
    (Unit("hourangle"), '2025-02-04T09:35:21.000')
    >>> file = io.BytesIO()
    >>> table.write(file, format="votable")
    >>> written = Table.read(io.BytesIO(file.getvalue()), format="votable")
    >>> float(written["ra"][0]), written["ra"].unit, str(written["date"][0])
    (90.0, Unit("deg"), '2025-02-04T09:35:21.000')
    """

    write = UnifiedReadWriteMethod(_ScanTableWrite)

    def __getstate__(self) -> Any:
        columns, meta = super().__getstate__()
        for name, column in columns.items():
            # Of a Time, astropy does not pickle the mask.
            if isinstance(column, Time | TimeDelta) and column.masked:
                columns[name] = (column.unmasked, np.array(column.mask))
        return columns, meta

    def __setstate__(self, state: Any) -> None:
        columns, meta = state
        for name, column in columns.items():
            if isinstance(column, tuple):
                columns[name], mask = column
                columns[name][mask] = np.ma.masked
        super().__setstate__((columns, meta))


def make_table(
    rows: Sequence[object], scan_type: ScanType | None, meta: Mapping[str, Any]
) -> ScanTable:
    """Make a table of the server's rows.

    Parameters
    ----------
    rows : sequence
        The rows' JSON, decoded.
    scan_type : ScanType or None
        The type of the scans; None if each row says it, as ``scan_type``.
    meta : mapping
        What the table is to say of itself.

    Returns
    -------
    ScanTable
        One row a scan; whatever is missing is masked. Keys of which little is known follow the
        thirteen columns of every scan, sorted.

    Warns
    -----
    Grad300Warning
        If rows were left out, since no record could be made of them; it counts them, and names
        the first.

    Examples
    --------
    >>> rows = [{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "b", "tags": ["x"]}]
    >>> table = make_table(rows, ScanType.IMAGES, {})
    >>> table["scan_type", "file_name", "tags"].pprint()
    scan_type file_name  tags
    --------- --------- -----
       Images         a    --
       Images         b ["x"]
    """
    columns = _make_columns(rows, scan_type)
    if columns is None:
        good = [row for row, _ in read_rows(rows, scan_type)]
        columns = _make_columns(good, scan_type)
        assert columns is not None  # what a record can be made of fits into columns
    for name, unit in {**_UNITS, "ra": setting("ra_unit")}.items():
        if name in columns and columns[name].dtype.kind in "if":
            columns[name].unit = unit
    return ScanTable(list(columns.values()), names=list(columns), meta=dict(meta), copy=False)


@dataclass
class _Cells:
    """What the rows have for one key, None where they have nothing, and of which types it is."""

    values: list[Any]
    types: set[type]

    def fill(self, filler: object) -> tuple[list[Any], Any]:
        """Put something where there is nothing, and say where that was."""
        if NoneType not in self.types:
            return self.values, False
        mask = np.array([value is None for value in self.values])
        return [filler if value is None else value for value in self.values], mask

    def are_within(self, limits: range) -> bool:
        """Say whether all whole numbers are within limits."""
        if int not in self.types:
            return True
        numbers = [value for value in self.values if type(value) is int]
        return min(numbers) in limits and max(numbers) in limits


def make_report(columns: Mapping[str, Sequence[Any]]) -> Table:
    """Make a table of what became of each file; None is masked.

    Examples
    --------
    >>> print(make_report({"id": [1, 2], "status": ["saved", "failed"], "size": [5760, None]}))
     id status size
               byte
    --- ------ ----
      1  saved 5760
      2 failed   --
    """
    table = Table()
    for name, values in columns.items():
        is_number = name in ("id", "size")
        filled = [(0 if is_number else "") if value is None else value for value in values]
        data = np.array(filled, np.int64 if is_number else np.str_)
        table[name] = MaskedColumn(data, mask=np.array([v is None for v in values], bool))
    if "size" in columns:
        table["size"].unit = units.byte
    return table


def _make_columns(rows: Sequence[Any], scan_type: ScanType | None) -> dict[str, Any] | None:
    """Make all columns; None if there is a row of which no record can be made."""
    if not set(map(type, rows)) <= {dict}:
        return None
    further = _turn(rows)
    nothing = _Cells([None] * len(rows), {NoneType} if rows else set())
    columns: dict[str, Any] = {}
    times: Times = []
    for key, field in FIELDS.items():
        cells = further.pop(key, nothing)
        column = _make_column(cells, field.kind, times)
        if column is None or (field.is_needed and NoneType in cells.types):
            return None
        columns[field.name] = column
        if key == "id":
            columns["scan_type"] = column = _take_types(further, len(rows), scan_type)
            if column is None:
                return None
    for key in sorted(further):
        name = key
        while name in columns or (name != key and name in further):
            name += "_"  # what the server calls like a column that means something else
        columns[name] = _make_further(further[key], _OPTIONAL.get(key), times)
    return columns


def _turn(rows: Sequence[dict[str, Any]]) -> dict[str, _Cells]:
    """Turn rows into columns, a few rows at a time."""
    table = {key: _Cells([], set()) for key in set().union(*rows)}
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        try:
            # With one more key, a tuple comes of a single one too.
            parts: list[Any] = list(map(itemgetter(*table, "id"), some))
        except KeyError:
            parts = [(*map(row.get, table), None) for row in some]
        *columns, _ = zip(*parts, strict=True)
        for cells, values in zip(table.values(), columns, strict=True):
            cells.types.update(map(type, values))
            cells.values += values
    return table


def _take_types(further: dict[str, _Cells], count: int, scan_type: ScanType | None) -> Any:
    """Make the column of the types, and take them from the further keys; None if one is wrong."""
    told = further.pop("scan_type", None)
    if scan_type is None:
        values = told.values if told and told.types <= {str} else []
        try:
            names = {value: ScanType(value).value for value in set(values)}
        except ValueError:
            return None
        types = np.array([names[value] for value in values], str)
        return MaskedColumn(types, copy=False) if len(types) == count else None
    if told and not all(repeats(value, scan_type) for value in told.values):
        further["scan_type"] = told
    return MaskedColumn(np.full(count, scan_type.value), copy=False)


def _make_further(cells: _Cells, expected: type | None, times: Times) -> Any:
    """Make the column of a key that not every server sends: of the kind that its values have."""
    types = cells.types - {NoneType}
    own: type | None = types.pop() if len(types) == 1 else float
    if own is float and not cells.are_within(_EXACT):
        own = None
    for kind in (expected, own):
        column = _make_column(cells, kind, times)
        if column is not None:
            return column
    texts = [_as_text(value) for value in cells.values]
    return _make_column(_Cells(texts, {str, NoneType}), str, times)


def _as_text(value: object) -> str | None:
    """Write a value as JSON, unless it is a text already."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _make_column(cells: _Cells, kind: type | None, times: Times) -> Any:
    """Make a column, in which whatever is missing is masked; None if a value does not fit."""
    if kind is datetime:
        return _make_times(cells, times) if cells.types <= {str, NoneType} else None
    if kind is None or kind not in _DTYPES:
        return None
    if not cells.types <= {kind, NoneType, int if kind is float else kind}:
        return None
    if kind is float:
        if not cells.are_within(INTEGERS):
            return None
        data = np.array(cells.values, float)  # None becomes nan, and JSON has no nan of its own
        return MaskedColumn(data, mask=np.isnan(data), copy=False)
    filled, mask = cells.fill(kind())
    try:
        return MaskedColumn(np.array(filled, _DTYPES[kind]), mask=mask, copy=False)
    except OverflowError:
        return None


def _make_times(cells: _Cells, times: Times) -> Any:
    """Make a column of dates; None if a text is no date."""
    for values, made in times:
        if values == cells.values:  # an observation's dates are often the same
            return made.copy()
    filler = next((text for text in cells.values if text is not None), "2000-01-01T00:00:00")
    texts, mask = cells.fill(filler)
    column = _parse(texts)
    if column is None:
        column = _parse([_pad(text) for text in texts])
    if column is None:
        dates = [date.replace(tzinfo=None) for date in map(parse_date, texts) if date is not None]
        if len(dates) < len(texts):
            return None
        timespec = "microseconds" if any(date.microsecond for date in dates) else "seconds"
        column = _parse([date.isoformat(timespec=timespec) for date in dates])
    if mask is not False:
        column[mask] = np.ma.masked
    times.append((cells.values, column))
    return column


def _parse(texts: list[str]) -> Any:
    """Parse dates; None unless all are in UTC and written in one way, which goes fast."""
    letters = _align(texts)
    if letters is None:
        return None
    width = letters.shape[1]
    digits = _DIGITS[:width]
    numbers = letters[:, digits] - ord("0")
    years = numbers[:, :4].astype(int) @ [1000, 100, 10, 1]
    if (
        (letters[:, ~digits] != _DATE[:width][~digits]).any()
        or (numbers > 9).any()
        # The parser would take a year 0 and a second 60 too, which a datetime does not have.
        or (years == 0).any()
        or (letters[:, 17] >= ord("6")).any()
    ):
        return None
    is_sure = ((years >= _FIRST_SURE) & (years <= _LAST_SURE)).all()
    with nullcontext() if is_sure else _no_doubts():
        try:
            return Time(
                np.ascontiguousarray(letters).view(f"S{width}").reshape(-1),
                format="isot",
                scale="utc",
                precision=6 if width > _MILLISECONDS else 3,
            )
        except ValueError:  # no such day, or no such hour
            return None


def _pad(text: str) -> str:
    """Write a date in UTC with microseconds, which many leave out where they are zero."""
    for offset in ("Z", "+00:00"):
        if text.endswith(offset):
            text = text[: -len(offset)]
            break
    if len(text) == _SECONDS:
        return f"{text}.000000"
    # After a point alone there must be a digit.
    return text.ljust(len(_DATE), "0") if len(text) > _SECONDS + 1 else text


def _align(texts: list[str]) -> Any:
    """Put the letters of dates into a matrix, an offset of zero left out; None if that fails."""
    width = len(texts[0]) if texts else _SECONDS
    if set(map(len, texts)) - {width}:
        return None
    letters = np.frombuffer("".join(texts).encode("ascii", "replace"), np.uint8)
    letters = letters.reshape(len(texts), width)
    for offset in (b"Z", b"+00:00"):
        if texts and (letters[:, -len(offset) :] == list(offset)).all():
            letters = letters[:, : -len(offset)]
            break
    return letters if _SECONDS <= letters.shape[1] <= len(_DATE) else None


@contextmanager
def _no_doubts() -> Iterator[None]:
    """Silence what says no more than that a year's leap seconds, or an XML id, are made up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", W03)
        warnings.filterwarnings("ignore", ".*dubious year")
        yield


def _identify(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """Say in which format a table is to be written, if the name of the file does."""
    is_path = bool(args) and isinstance(args[0], str | os.PathLike)
    path = os.fspath(args[0]) if is_path else None
    file = args[0] if args and not is_path else None
    formats = registry.identify_format("write", Table, path, file, args, kwargs)
    return formats[0] if len(formats) == 1 else None


def _prepare_for_all(table: ScanTable) -> Table:
    """Make a table for a format that holds all of it."""
    return Table(table, copy=False)


def _prepare_for_ecsv(table: ScanTable) -> Table:
    """Have the mask written too, where an empty text would be read as a masked one."""
    copy = _prepare_for_all(table)
    for column in copy.columns.values():
        if isinstance(column, MaskedColumn) and column.dtype.kind == "U" and (column == "").any():
            column.info.serialize_method["ecsv"] = "data_mask"
    return copy


def _prepare_for_fits(table: ScanTable) -> Table:
    """Make a table of what FITS can hold: text is ASCII there."""
    plain = _make_plain(table, _NOT_FITS, is_strict=True)
    for column in plain.columns.values():
        if isinstance(column, MaskedColumn) and column.dtype.kind == "b":
            column.info.serialize_method["fits"] = "data_mask"  # a logical can't be null
    plain.meta = _make_cards(table.meta)
    return plain


def _prepare_for_votable(table: ScanTable) -> Table:
    """Make a table of what a VOTable can hold: its description takes the `meta`."""
    plain = _make_plain(table, _NOT_XML, is_strict=True)
    for column in plain.columns.values():
        if isinstance(column, MaskedColumn) and column.dtype.kind == "i":
            column.info.meta = {"values": {"null": int(column.fill_value)}}
    lines = [f"{key}: {_as_text(value)}" for key, value in table.meta.items() if value is not None]
    if lines:
        plain.meta["description"] = _escape("\n".join(lines), _NOT_XML)
    return plain


def _prepare_for_text(table: ScanTable) -> Table:
    """Make a table of text and numbers alone; the formats have no place for most of `meta`."""
    plain = _make_plain(table, _NOTHING, is_strict=False)
    for name, column in plain.columns.items():
        if isinstance(column, MaskedColumn) and column.dtype.kind == "b":
            plain[name] = MaskedColumn(column.astype(str), mask=column.mask)
    plain.meta = {key: table.meta[key] for key in ("comments", "keywords") if key in table.meta}
    return plain


def _prepare_for_tdat(table: ScanTable) -> Table:
    """Make a table for a format that wants a name for it."""
    plain = _prepare_for_text(table)
    plain.meta["table_name"] = table.meta.get("table_name", "scans")
    return plain


def _make_plain(table: ScanTable, unfit: re.Pattern[str], *, is_strict: bool) -> Table:
    """Make a table of what more formats can hold: without `meta`, and with dates as text.

    A strict one has right ascension in degrees, and plain names.
    """
    columns: dict[str, Any] = {}
    taken: set[str] = set()
    for name in table.colnames:
        column = _make_plain_column(table[name], unfit)
        if is_strict:
            if name == "ra" or getattr(column, "unit", None) == _HOURS:
                column = _in_degrees(column)
            name = re.sub(r"\W", "_", name, flags=re.ASCII)
        while name.lower() in taken:
            name += "_"  # to FITS, names that differ in case alone are the same
        taken.add(name.lower())
        columns[name] = column
    return Table(list(columns.values()), names=list(columns), copy=False)


def _make_plain_column(column: Any, unfit: re.Pattern[str]) -> Any:
    """Make a column that more formats can hold."""
    description = column.info.description
    if isinstance(column, Time):
        texts = np.where(column.mask, "", column.unmasked.utc.isot)
        return MaskedColumn(texts, mask=column.mask, description=description)
    if not isinstance(column, Column):
        return column
    if not isinstance(column, MaskedColumn) or not column.mask.any():
        column = Column(column)  # in a masked one, a value may be taken for a missing one
    if column.dtype.kind == "U" and unfit.search("".join(np.ma.getdata(column).flat)):
        escaped = np.array([_escape(text, unfit) for text in np.ma.getdata(column).tolist()])
        if isinstance(column, MaskedColumn):
            escaped = np.ma.array(escaped, mask=column.mask)
        column = type(column)(escaped, description=description)
    if column.dtype.kind == "i" and isinstance(column, MaskedColumn):
        column = column.copy()
        column.fill_value = _find_null(column)
    return column


def _in_degrees(column: Any) -> Any:
    """Convert the angles of a column, if that is what they are."""
    unit = column.unit
    if unit is None or not units.deg.is_equivalent(unit):
        return column
    # To astropy, an hour has not quite fifteen degrees.
    column = column * (15.0 if unit == _HOURS else unit.to(units.deg))
    column.unit = units.deg
    return column


def _escape(text: str, unfit: re.Pattern[str]) -> str:
    """Write the letters that do not fit as Python does in its source."""
    return unfit.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def _find_null(column: MaskedColumn) -> int:
    """Find a whole number that the column does not hold."""
    null = int(np.iinfo(column.dtype).min)
    while (column.compressed() == null).any():
        null += 1
    return null


def _make_cards(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Make cards of a FITS header; what fits on none becomes a comment."""
    cards: dict[str, Any] = {}
    comments = []
    for key, value in meta.items():
        if value is None:
            continue
        is_plain = isinstance(value, int) or (isinstance(value, float) and np.isfinite(value))
        content = value if is_plain else _escape(str(_as_text(value)), _NOT_FITS)
        has_name = re.fullmatch(r"[\w-]+", key, re.ASCII)
        if has_name and len(key) <= 8:
            cards[key] = content  # a long one is continued
        elif has_name and len(f"{key}{content}") < _LONGEST_CARD:
            cards[f"HIERARCH {key}"] = content
        else:
            comments.append(_escape(f"{key}: {content}", _NOT_FITS))
    return {**cards, "comments": comments} if comments else cards


_PREPARE: dict[str, Callable[[ScanTable], Table]] = {
    "hdf5": _prepare_for_all,
    "parquet": _prepare_for_all,
    "ascii.ecsv": _prepare_for_ecsv,
    "ecsv": _prepare_for_ecsv,
    "fits": _prepare_for_fits,
    "votable": _prepare_for_votable,
    "parquet.votable": _prepare_for_votable,
    "votable.parquet": _prepare_for_votable,
    "ascii.tdat": _prepare_for_tdat,
}

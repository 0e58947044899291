"""The archive's rows as an astropy table, and tables that can be written in every format."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
from astropy import units
from astropy.io import registry
from astropy.io.misc.yaml import AstropyDumper
from astropy.io.registry import UnifiedReadWriteMethod
from astropy.io.votable.exceptions import W03
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.table.connect import TableWrite
from astropy.time import Time, TimeDelta
from astropy.utils.metadata import MergeStrategy

from grad300_sdk.columns import (
    ScanColumns,
    as_text,
    ignore_dubious_years,
    join_columns,
    make_columns,
)
from grad300_sdk.records import Redact, ScanType, ra_unit, warn_of_faults

__all__ = [
    "PortableQTable",
    "PortableTable",
    "ScanTable",
    "join_pages",
    "make_report",
    "make_table",
    "mergeable",
]

_UNITS = {"size": "byte", "dec": "deg", "azimuth": "deg", "elevation": "deg"}
_HOURS = units.hourangle
# What FITS, and what XML, can't hold in a text.
_NOT_FITS = re.compile(r"[^\x20-\x7e]")
_NOTHING = re.compile(r"(?!)")
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A name and a value that are longer together fit on no card that has the name.
_LONGEST_CARD = 60


class _MetaValue:
    """What a table says of itself in its ``meta``; where tables are stacked, it may differ."""


class _MetaText(_MetaValue, str):
    pass


class _MetaInteger(_MetaValue, int):
    pass


class _MetaFloat(_MetaValue, float):
    pass


class _MergeMetaValues(MergeStrategy):  # type: ignore[misc]  # astropy has no types
    """Keep what two tables both say, and None where they differ; astropy would warn."""

    types = ((_MetaValue, object), (object, _MetaValue))
    enabled = True

    @classmethod
    def merge(cls, left: Any, right: Any) -> Any:
        return left if left == right else None


_META_TYPES: dict[type, type] = {str: _MetaText, int: _MetaInteger, float: _MetaFloat}
for _plain, _own in _META_TYPES.items():
    # Without a subclass's own one, YAML and so ECSV refuse it.
    AstropyDumper.add_representer(
        _own, lambda dumper, value, plain=_plain: dumper.represent_data(plain(value))
    )


def mergeable(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ``meta`` that astropy merges without a warning, as `vstack` does.

    Examples
    --------
    >>> from astropy.table import vstack
    >>> sun, moon = (PortableTable(meta=mergeable({"OBJECT": name})) for name in ("sun", "moon"))
    >>> print(sun.meta["OBJECT"], vstack([sun, moon]).meta["OBJECT"])
    sun None
    """
    return {key: _make_mergeable(value) for key, value in meta.items()}


def _make_mergeable(value: Any) -> Any:
    if isinstance(value, dict):
        return mergeable(value)
    kind = _META_TYPES.get(type(value))
    return value if kind is None else kind(value)


class _PortableWrite(TableWrite):  # type: ignore[misc]  # astropy has no types
    __doc__ = TableWrite.__doc__

    def __call__(self, *args: Any, format: str | None = None, **kwargs: Any) -> None:  # noqa: A002 - astropy's
        name = format or _identify(args, kwargs)
        # Where the format is missing or unknown, astropy raises the error.
        prepare = _PREPARE.get(name, _prepare_for_text) if name else _prepare_for_all
        if name == "hdf5":
            kwargs.setdefault("serialize_meta", True)
        with _ignore_harmless():
            prepare(self._instance).write(*args, format=format, **kwargs)


class PortableTable(Table):  # type: ignore[misc]  # astropy has no types
    """A table that can be written in every format.

    ECSV, HDF5 and Parquet keep all of it. FITS and VOTable can't hold hours, times and nested
    `meta`: in these, right ascension is written in degrees, dates as ISO 8601 text, and `meta` as
    plain values; missing text can't be told from empty text. The other formats have dates as
    ISO 8601 text, too.

    Examples
    --------
    >>> import io
    >>> table = PortableTable({"JD": [2460710.5]}, meta={"Project_Name": "GRAD300"})
    >>> file = io.BytesIO()
    >>> table.write(file, format="fits")
    >>> Table.read(io.BytesIO(file.getvalue()), format="fits").meta["Project_Name"]
    'GRAD300'
    """

    write = UnifiedReadWriteMethod(_PortableWrite)


class PortableQTable(PortableTable, QTable):  # type: ignore[misc]  # astropy has no types
    """A table of quantities that can be written in every format."""


class ScanTable(PortableTable):
    """A table of scans.

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

    def filled(self, fill_value: Any = None) -> ScanTable:
        """Return a copy with masked values filled; dates stay masked, since none means nothing."""
        columns = [
            column.copy() if isinstance(column, Time | TimeDelta) else column.filled(fill_value)
            for column in (
                MaskedColumn(column) if type(column) is Column else column
                for column in self.itercols()
            )
        ]
        return type(self)(columns, names=self.colnames, meta=deepcopy(self.meta), copy=False)

    def to_pandas(self, *args: Any, **kwargs: Any) -> Any:
        """Return a `pandas.DataFrame`, as `astropy.table.Table.to_pandas` does."""
        if len(self):
            return super().to_pandas(*args, **kwargs)
        # Astropy can't tell pandas the unit of dates that are not there.
        empty = Table(self, copy=False)
        for name, column in self.columns.items():
            if isinstance(column, Time):
                empty[name] = np.array([], "M8[ns]")
        return empty.to_pandas(*args, **kwargs)

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
    rows: Sequence[object],
    scan_type: ScanType | None,
    meta: Mapping[str, Any],
    redact: Redact = str,
) -> ScanTable:
    """Make a table of rows.

    Parameters
    ----------
    rows : sequence
        The rows' JSON, decoded.
    scan_type : ScanType or None
        The type of the scans; None if each row has its own, as ``scan_type``.
    meta : mapping
        The table's ``meta``.
    redact : callable
        Masks the secrets in the warning, which quotes a row.

    Returns
    -------
    ScanTable
        One row for each scan; missing values are masked. The thirteen columns that every scan
        has are followed by those of further keys, sorted.

    Warns
    -----
    Grad300Warning
        If rows were left out, since no record can be made of them; the warning counts them and
        names the first.

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
    return join_pages([make_columns(rows, scan_type, redact)], scan_type, meta)


def join_pages(
    pages: list[ScanColumns], scan_type: ScanType | None, meta: Mapping[str, Any]
) -> ScanTable:
    """Make a table of pages, as `make_table` does of rows; the pages are emptied."""
    faults = [fault for page in pages for fault in page.faults.values()]
    warn_of_faults(faults)
    columns = join_columns(pages, scan_type)
    for name, unit in {**_UNITS, "ra": ra_unit()}.items():
        if name in columns and columns[name].dtype.kind in "if":
            columns[name].unit = unit
    names, data = list(columns), list(columns.values())
    return ScanTable(data, names=names, meta=mergeable(meta), copy=False)


def make_report(columns: Mapping[str, Sequence[Any]]) -> Table:
    """Make the report of a download, in which None is masked.

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


@contextmanager
def _ignore_harmless() -> Iterator[None]:
    """Silence the warnings that a year's leap seconds, or an XML id, are made up."""
    with ignore_dubious_years():
        warnings.simplefilter("ignore", W03)
        yield


def _identify(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """Return the format in which a table is to be written, if the file's name tells."""
    is_path = bool(args) and isinstance(args[0], str | os.PathLike)
    path = os.fspath(args[0]) if is_path else None
    file = args[0] if args and not is_path else None
    formats = registry.identify_format("write", Table, path, file, args, kwargs)
    return formats[0] if len(formats) == 1 else None


def _prepare_for_all(table: PortableTable) -> Table:
    """Make a table for a format that holds all of it."""
    return Table(table, copy=False)


def _prepare_for_ecsv(table: PortableTable) -> Table:
    """Make a table whose masks are written too, where empty text would be read as masked."""
    copy = _prepare_for_all(table)
    for column in copy.columns.values():
        if isinstance(column, MaskedColumn) and column.dtype.kind == "U" and (column == "").any():
            column.info.serialize_method["ecsv"] = "data_mask"
    return copy


def _prepare_for_fits(table: PortableTable) -> Table:
    """Make a table that FITS can hold: its text is ASCII."""
    plain = _make_plain(table, _NOT_FITS, is_strict=True)
    for column in plain.columns.values():
        if isinstance(column, MaskedColumn) and column.dtype.kind == "b":
            column.info.serialize_method["fits"] = "data_mask"  # a logical can't be null
    plain.meta = _make_cards(table.meta)
    return plain


def _prepare_for_votable(table: PortableTable) -> Table:
    """Make a table that VOTable can hold: its description takes the `meta`."""
    plain = _make_plain(table, _NOT_XML, is_strict=True)
    for column in plain.columns.values():
        if isinstance(column, MaskedColumn) and column.dtype.kind == "i":
            column.info.meta = {"values": {"null": int(column.fill_value)}}
    lines = [f"{key}: {as_text(value)}" for key, value in table.meta.items() if value is not None]
    if lines:
        plain.meta["description"] = _escape("\n".join(lines), _NOT_XML)
    return plain


def _prepare_for_text(table: PortableTable) -> Table:
    """Make a table of text and numbers alone, without most of `meta`."""
    plain = _make_plain(table, _NOTHING, is_strict=False)
    for name, column in plain.columns.items():
        if isinstance(column, MaskedColumn) and column.dtype.kind == "b":
            plain[name] = MaskedColumn(column.astype(str), mask=column.mask)
    plain.meta = {key: table.meta[key] for key in ("comments", "keywords") if key in table.meta}
    return plain


def _prepare_for_tdat(table: PortableTable) -> Table:
    """Make a table with a name, which one format needs."""
    plain = _prepare_for_text(table)
    plain.meta["table_name"] = table.meta.get("table_name", "scans")
    return plain


def _make_plain(table: PortableTable, unfit: re.Pattern[str], *, is_strict: bool) -> Table:
    """Make a table that most formats can hold: without `meta`, and with dates as text.

    If it is strict, it has right ascension in degrees, and plain names.
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
    """Make a column that most formats can hold."""
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
    """Escape the characters that do not fit, as in Python source."""
    return unfit.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def _find_null(column: MaskedColumn) -> int:
    """Return an integer that the column does not hold."""
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
        content = value if is_plain else _escape(str(as_text(value)), _NOT_FITS)
        has_name = re.fullmatch(r"[\w-]+( [\w-]+)*", key, re.ASCII)
        if has_name and len(key) <= 8 and " " not in key:
            cards[key] = content  # a long one is continued
        elif has_name and len(f"{key}{content}") < _LONGEST_CARD:
            cards[f"HIERARCH {key}"] = content
        else:
            comments.append(_escape(f"{key}: {content}", _NOT_FITS))
    return {**cards, "comments": comments} if comments else cards


_PREPARE: dict[str, Callable[[PortableTable], Table]] = {
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

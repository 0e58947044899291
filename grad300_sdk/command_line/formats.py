"""The formats of a listing."""

from __future__ import annotations

import re
from enum import StrEnum
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from typer import BadParameter

from grad300_sdk.command_line.terminal import bold, cut, show, text_width

__all__ = [
    "BINARY_FORMATS",
    "Format",
    "as_aligned_text",
    "as_data",
    "as_terminal_text",
    "check_output",
    "complete_columns",
    "complete_format",
    "parse_format",
    "select_columns",
]

# The columns that come first on a terminal; the others follow as they are in the table.
_FIRST_COLUMNS = ("id", "scan_type", "date", "source", "size", "file_name", "ra", "dec")
# Those of the archive, in the order of its tables; a server may have others.
_KNOWN_COLUMNS = (
    *("id", "scan_type", "file_name", "file_path", "size", "source", "ra", "dec", "date"),
    *("date_obs", "date_end", "gain", "comment", "ctime", "mtime", "azimuth", "elevation"),
    "nsamples",
)
_COLUMN_GAP = "  "
_MAX_CELL_WIDTH = 61  # on a terminal; the file names of the telescope are shorter
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}")


class Format(StrEnum):
    """The format of a listing."""

    TABLE = "table"
    CSV = "csv"
    ECSV = "ecsv"
    JSON = "json"
    VOTABLE = "votable"
    FITS = "fits"
    PARQUET = "parquet"


# They are bytes, which a terminal can't show.
BINARY_FORMATS = (Format.FITS, Format.PARQUET)
_SUFFIXES = {
    ".csv": Format.CSV,
    ".ecsv": Format.ECSV,
    ".json": Format.JSON,
    ".vot": Format.VOTABLE,
    ".xml": Format.VOTABLE,
    ".fits": Format.FITS,
    ".parquet": Format.PARQUET,
}


def parse_format(text: str) -> Format:
    """Parse the name of a format."""
    try:
        return Format(text)
    except ValueError:
        from grad300_sdk.engine import nearest

        hint = nearest(text, map(str, Format))
        raise BadParameter(f"{text!r} is not one of {', '.join(Format)}{hint}") from None


def complete_columns(incomplete: str) -> list[str]:
    """Return lists of columns that begin with what was typed."""
    before, comma, begin = incomplete.rpartition(",")
    chosen = before.split(",")
    return [
        f"{before}{comma}{name}"
        for name in _KNOWN_COLUMNS
        if name.startswith(begin) and name not in chosen
    ]


def complete_format() -> list[str]:
    """Return the names of the formats."""
    return list(Format)


def check_output(output: Path, form: Format | None) -> Format:
    """Return the format of a file that is to be written."""
    if output.is_dir():
        raise ValueError(f"--output must be a file, but {str(output)!r} is a folder")
    if not output.parent.is_dir():
        raise ValueError(f"the folder of --output {str(output)!r} does not exist")
    suffix = output.suffix.lower()
    if form is None and suffix and suffix not in _SUFFIXES:
        raise ValueError(
            f"--output {str(output)!r} ends with {suffix!r}, which means no format; "
            f"use one of {', '.join(_SUFFIXES)}, or --format"
        )
    return form or _SUFFIXES.get(suffix, Format.TABLE)


def select_columns(table: Any, names: list[str] | None) -> Any:
    """Return a table with these columns alone, in their order."""
    for name in names or ():
        if name not in table.colnames:
            from grad300_sdk.engine import nearest

            hint = nearest(name, table.colnames) or f"; there are {', '.join(table.colnames)}"
            raise ValueError(f"--columns has {name!r}, which is not a column{hint}")
    return table if names is None else table[names]


def as_data(table: Any, form: Format, *, is_printable: bool = False) -> str | bytes:
    """Return a table in a format; for a terminal, printable."""
    from grad300_sdk.engine import printable

    if form is Format.FITS:
        with BytesIO() as data:
            table.write(data, format="fits")
            return data.getvalue()
    if form is Format.PARQUET:
        return _as_parquet(_in_degrees(table))
    if form is Format.CSV:
        text = _as_csv(_in_degrees(table))
    elif form is Format.ECSV:
        with StringIO() as lines:
            table.write(lines, format="ascii.ecsv")
            text = lines.getvalue()
    else:
        with BytesIO() as data:
            table.write(data, format="votable")
            text = data.getvalue().decode()
    return "\n".join(map(printable, text.split("\n"))) if is_printable else text


def _in_degrees(table: Any) -> Any:
    """Return a table for a format that names no units: with the right ascension in degrees."""
    if "ra" not in table.colnames or getattr(table["ra"], "unit", None) is None:
        return table
    column = table["ra"]
    degrees = column * column.unit.to("deg")
    degrees.unit = "deg"
    copy = table.copy(copy_data=False)
    copy["ra"] = degrees
    return copy


def _as_parquet(table: Any) -> bytes:
    """Return a table as Parquet: dates are timestamps, and missing values, but for text, null."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError(
            'Parquet needs pyarrow: python -m pip install "grad300-sdk[parquet]"'
        ) from None
    columns = {}
    lengths = {}
    for name in table.colnames:
        column = table[name]
        if hasattr(column, "isot"):  # a Time
            dates = column.unmasked.utc.datetime64.astype("M8[us]")
            columns[name] = pyarrow.array(dates, mask=column.mask)
        elif column.dtype.kind == "U":  # astropy reads no missing text, and needs the length
            columns[name] = pyarrow.array(_cell_texts(column), pyarrow.string())
            lengths[f"table::len::{name}"] = str(column.dtype.itemsize // 4)
        else:
            columns[name] = pyarrow.array(column.tolist())
    with BytesIO() as data:
        pyarrow.parquet.write_table(pyarrow.table(columns, metadata=lengths), data)
        return data.getvalue()


def _as_csv(table: Any) -> str:
    """Return a table as CSV (RFC 4180), but with newlines at the ends of lines."""
    import csv

    columns = [_cell_texts(table[name]) for name in table.colnames]
    with StringIO() as lines:
        plain = csv.writer(lines, lineterminator="\n")
        quoted = csv.writer(lines, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in (table.colnames, *zip(*columns, strict=True)):
            # `plain` does not quote a carriage return.
            (quoted if "\r" in "".join(row) else plain).writerow(row)
        return lines.getvalue()


def _cell_texts(column: Any) -> list[str]:
    """Return the cells of a column as text; a missing value is an empty string."""
    if hasattr(column, "isot"):  # a Time
        times = column.unmasked.utc.isot.tolist()
        return [
            "" if is_missing else text for text, is_missing in zip(times, column.mask, strict=True)
        ]
    return ["" if value is None else str(value) for value in column.tolist()]


def as_aligned_text(table: Any) -> str:
    """Return a table in aligned columns of text."""
    from grad300_sdk.engine import printable

    columns = {name: [_head(table, name), *_cell_texts(table[name])] for name in table.colnames}
    return _align([[printable(text) or "--" for text in texts] for texts in columns.values()])


def as_terminal_text(table: Any, width: int, *, is_chosen: bool) -> tuple[str, int]:
    """Return a table for a terminal, and how many of its columns that are.

    Parameters
    ----------
    table : Table
        The table.
    width : int
        The width of the terminal.
    is_chosen : bool
        Whether the user chose the columns: then there are all of them, in their order.
    """
    names = table.colnames
    if not is_chosen:
        first = [name for name in _FIRST_COLUMNS if name in names]
        names = first + [name for name in names if name not in first]
    columns: list[list[str]] = []
    room = width + len(_COLUMN_GAP)
    for name in names:
        texts = [_head(table, name), *map(_short_date, _cell_texts(table[name]))]
        column = [cut(show(text) or "--", _MAX_CELL_WIDTH) for text in texts]
        room -= max(map(text_width, column)) + len(_COLUMN_GAP)
        if room < 0 and columns and not is_chosen:
            break
        columns.append(column)
    head, newline, rows = _align(columns).partition("\n")
    return f"{bold(head)}{newline}{rows}", len(columns)


def _head(table: Any, name: str) -> str:
    unit = getattr(table[name], "unit", None)
    return f"{name} [{unit}]" if unit else name


def _short_date(text: str) -> str:
    """Return a date and time without fractions of a second; any other text as it is."""
    return f"{text[:10]} {text[11:19]}" if _DATE.fullmatch(text) else text


def _align(columns: list[list[str]]) -> str:
    """Return the lines of columns of text, each as wide as it must be."""
    padded = [
        [text + " " * (size - text_width(text)) for text in column]
        for column in columns
        for size in (max(map(text_width, column)),)
    ]
    return "".join(f"{_COLUMN_GAP.join(row).rstrip()}\n" for row in zip(*padded, strict=True))

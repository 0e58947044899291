"""The formats of a listing."""

from __future__ import annotations

import os
import shutil
import sys
from enum import StrEnum
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from typer import BadParameter, style

from grad300_sdk.command_line.output import write_message

__all__ = [
    "Format",
    "as_data",
    "check_output",
    "complete_format",
    "parse_format",
    "select_columns",
]

# The columns to fit on a terminal first.
_PREFERRED_COLUMNS = ("id", "scan_type", "file_name", "source", "size", "date")
_COLUMN_GAP = "  "
_MAX_CELL_LENGTH = 60  # on a terminal; the file names of the telescope are shorter


class Format(StrEnum):
    """The format of a listing."""

    TABLE = "table"
    CSV = "csv"
    ECSV = "ecsv"
    JSON = "json"
    VOTABLE = "votable"
    FITS = "fits"


_SUFFIXES = {
    ".csv": Format.CSV,
    ".ecsv": Format.ECSV,
    ".json": Format.JSON,
    ".vot": Format.VOTABLE,
    ".xml": Format.VOTABLE,
    ".fits": Format.FITS,
}


def parse_format(text: str) -> Format:
    """Parse the name of a format."""
    try:
        return Format(text)
    except ValueError:
        from grad300_sdk.engine import nearest

        hint = nearest(text, map(str, Format))
        raise BadParameter(f"{text!r} is not one of {', '.join(Format)}{hint}") from None


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


def as_data(table: Any, form: Format, *, on_terminal: bool, can_note: bool) -> str | bytes:
    """Return a table in a format; for a terminal, printable and within its width."""
    from grad300_sdk.engine import printable

    if form is Format.TABLE:
        width = shutil.get_terminal_size().columns if on_terminal else None
        return _as_aligned_text(table, width, can_note=can_note)
    if form is Format.FITS:
        with BytesIO() as data:
            table.write(data, format="fits")
            return data.getvalue()
    if form is Format.CSV:
        text = _as_csv(table)
    elif form is Format.ECSV:
        with StringIO() as lines:
            table.write(lines, format="ascii.ecsv")
            text = lines.getvalue()
    else:
        with BytesIO() as data:
            table.write(data, format="votable")
            text = data.getvalue().decode()
    return "\n".join(map(printable, text.split("\n"))) if on_terminal else text


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


def _as_aligned_text(table: Any, width: int | None, *, can_note: bool) -> str:
    """Return a table in aligned columns: all of them, or those that fit into a width."""
    from rich.cells import cell_len, set_cell_size

    from grad300_sdk.engine import printable

    max_length = sys.maxsize if width is None else _MAX_CELL_LENGTH
    columns: dict[str, list[str]] = {}
    for name in table.colnames:
        unit = getattr(table[name], "unit", None)
        head = f"{name} [{unit}]" if unit else name
        texts = [printable(text) or "--" for text in (head, *_cell_texts(table[name]))]
        columns[name] = [
            text if len(text) <= max_length else f"{text[:max_length]}…" for text in texts
        ]
    sizes = {name: max(map(cell_len, texts)) for name, texts in columns.items()}
    names = table.colnames if width is None else _columns_that_fit(sizes, width)
    padded = [[set_cell_size(text, sizes[name]) for text in columns[name]] for name in names]
    lines = [_COLUMN_GAP.join(row).rstrip() for row in zip(*padded, strict=True)]
    if width is not None:
        lines[0] = style(lines[0], bold=True) if _terminal_has_styles() else lines[0]
        if len(names) < len(sizes) and can_note:
            write_message(
                f"{len(names)} of {len(sizes)} columns fit; use --format csv to get all of them"
            )
    return "".join(f"{line}\n" for line in lines)


def _terminal_has_styles() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _columns_that_fit(sizes: dict[str, int], width: int) -> list[str]:
    """Return the names of the columns that fit into a width, preferring the important ones."""
    rank = {name: index for index, name in enumerate(_PREFERRED_COLUMNS)}
    fitting = set()
    room = width + len(_COLUMN_GAP)
    for name in sorted(sizes, key=lambda name: rank.get(name, len(_PREFERRED_COLUMNS))):
        if sizes[name] + len(_COLUMN_GAP) <= room:
            room -= sizes[name] + len(_COLUMN_GAP)
            fitting.add(name)
    return [name for name in sizes if name in fitting]

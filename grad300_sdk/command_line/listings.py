"""``grad300 scans``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from typer import Context, Option

from grad300_sdk.command_line.formats import (
    BINARY_FORMATS,
    Format,
    as_aligned_text,
    as_data,
    as_terminal_text,
    check_output,
    complete_columns,
    complete_format,
    parse_format,
    select_columns,
)
from grad300_sdk.command_line.options import (
    FromOption,
    MaxResultsOption,
    ScanNameOption,
    SourceOption,
    ToOption,
    TypeArgument,
    as_filters,
)
from grad300_sdk.command_line.output import (
    as_json,
    write_file,
    write_message,
    write_output,
)
from grad300_sdk.command_line.terminal import terminal_width

__all__ = ["scans"]


def scans(
    context: Context,
    scan_type: TypeArgument = None,
    source: SourceOption = None,
    scan_name: ScanNameOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    max_results: MaxResultsOption = None,
    columns: Annotated[
        str | None,
        Option(
            metavar="A,B",
            help="Names of the columns; by default, all, or those that fit on a terminal.",
            autocompletion=complete_columns,
        ),
    ] = None,
    form: Annotated[
        Format | None,
        Option(
            "--format",
            metavar=f"[{'|'.join(Format)}]",
            help="By default, chosen by the extension of FILE, or else table.",
            parser=parse_format,
            autocompletion=complete_format,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        Option(metavar="FILE", help="Write to a file, completely or not at all; - is stdout."),
    ] = None,
) -> None:
    """List the scans that match.

    On a terminal, a table has the columns that fit; in a pipe or a file, it has all of them.
    Right ascension is in degrees in CSV, VOTable, FITS and Parquet; a table and ECSV name its
    unit, and JSON has what the archive sends, hours.
    """
    is_file = output is not None and output != Path("-")
    form = check_output(output, form) if output and is_file else form or Format.TABLE
    on_terminal = not is_file and sys.stdout.isatty()
    if on_terminal and form in BINARY_FORMATS:
        raise ValueError(f"{form} is not written to a terminal; use --output FILE")
    names = None if columns is None else [name.strip() for name in columns.split(",")]
    if names is not None and "" in names:
        raise ValueError(f"--columns must be names such as 'id,date', not {columns!r}")
    if names is not None and form is Format.JSON:
        raise ValueError("--columns is for tables; JSON has the archive's own objects")
    filters = as_filters(source, scan_name, date_from, date_to, max_results)
    note = ""
    with context.obj.make_client() as client:
        listing = client.scans if scan_type is None else client.scans[scan_type]
        if form is Format.JSON:
            data: str | bytes = as_json(list(listing.search(**filters)), is_indented=on_terminal)
        else:
            table = select_columns(listing.table(**filters), names)
            data, note = _as_data(table, form, on_terminal=on_terminal, is_chosen=bool(names))
    if output and is_file:
        write_file(output, data.encode() if isinstance(data, str) else data)
    else:
        write_output(data)
    if note and not context.obj.is_quiet:
        write_message(note)


def _as_data(
    table: Any, form: Format, *, on_terminal: bool, is_chosen: bool
) -> tuple[str | bytes, str]:
    """Return a table in a format, and what the user should know about it."""
    if form is not Format.TABLE:
        return as_data(table, form, is_printable=on_terminal), ""
    if not on_terminal:
        return as_aligned_text(table), ""
    text, count = as_terminal_text(table, terminal_width(), is_chosen=is_chosen)
    if not len(table):
        return text, "no scan matches"
    total = len(table.colnames)
    how = "--columns chooses others, --format csv has all"
    return text, "" if count == total else f"{count} of {total} columns fit; {how}"

"""``grad300 scans``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Context, Option

from grad300_sdk.command_line.formats import (
    Format,
    as_data,
    check_output,
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
)
from grad300_sdk.command_line.output import as_json, write_file, write_output

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
        str | None, Option(metavar="A,B", help="Names of the columns; by default, all of them.")
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
        Path | None, Option(metavar="FILE", help="Write to a file, completely or not at all.")
    ] = None,
) -> None:
    """List the scans that match.

    On a terminal, a table has the columns that fit; in a pipe or a file, it has all of them.
    """
    form = form or Format.TABLE if output is None else check_output(output, form)
    on_terminal = output is None and sys.stdout.isatty()
    if on_terminal and form is Format.FITS:
        raise ValueError("FITS is not written to a terminal; use --output FILE")
    names = None if columns is None else [name.strip() for name in columns.split(",")]
    if names is not None and "" in names:
        raise ValueError(f"--columns must be names such as 'id,date', not {columns!r}")
    if names is not None and form is Format.JSON:
        raise ValueError("--columns is for tables; JSON has the archive's own objects")
    with context.obj.make_client() as client:
        listing = client.scans if scan_type is None else client.scans[scan_type]
        filters = {
            "source": source,
            "scan_name": scan_name,
            "date_from": date_from,
            "date_to": date_to,
            "max_results": max_results,
        }
        if form is Format.JSON:
            data: str | bytes = as_json(list(listing.search(**filters)), is_indented=on_terminal)
        else:
            table = select_columns(listing.table(**filters), names)
            can_note = on_terminal and not context.obj.is_quiet
            data = as_data(table, form, on_terminal=on_terminal, can_note=can_note)
    if output is None:
        write_output(data)
    else:
        write_file(output, data.encode() if isinstance(data, str) else data)

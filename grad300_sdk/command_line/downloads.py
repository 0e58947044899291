"""``grad300 download``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Option

from grad300_sdk.command_line.errors import with_option_names
from grad300_sdk.command_line.options import (
    FromOption,
    MaxResultsOption,
    ScanNameOption,
    SourceOption,
    ToOption,
    TypeArgument,
    as_filters,
    parse_integer,
)
from grad300_sdk.command_line.output import FAILED, one_line, write_message, write_output

__all__ = ["download"]


def download(
    context: Context,
    scan_type: TypeArgument = None,
    ids: Annotated[
        list[int] | None,
        Argument(parser=parse_integer, metavar="ID", help="Ids of scans.", show_default=False),
    ] = None,
    source: SourceOption = None,
    scan_name: ScanNameOption = None,
    date_from: FromOption = None,
    date_to: ToOption = None,
    max_results: MaxResultsOption = None,
    directory: Annotated[
        Path,
        Option("--dir", metavar="DIR", help="Folder for the files; created if missing."),
    ] = Path(),
    overwrite: Annotated[bool, Option("--overwrite", help="Replace existing files.")] = False,
    progress: Annotated[
        bool | None,
        Option(help="Show a progress bar; by default, only on a terminal.", show_default=False),
    ] = None,
) -> int:
    """Save the files of scans, selected by ids or by filters.

    Prints the path of each file. Skips files that exist with the size that the archive lists.
    """
    filters = as_filters(source, scan_name, date_from, date_to, max_results)
    if scan_type is not None and not ids and scan_type.isdecimal():
        raise ValueError(f"the TYPE of the scan must precede its ID, as in 'TPI {scan_type}'")
    if bool(ids) == any(filters.values()):
        raise ValueError("select scans either by ids or by filters such as --source")
    if context.obj.is_quiet:
        progress = False
    with context.obj.make_client() as client:
        listing = client.scans if scan_type is None else client.scans[scan_type]
        if ids:
            rows = [listing[scan_id] for scan_id in dict.fromkeys(ids)]
        else:
            rows = listing.records(**filters)
        report = client.scans.download(rows, directory, overwrite=overwrite, progress=progress)
    return _print_report(report, with_summary=not context.obj.is_quiet)


def _print_report(report: Any, *, with_summary: bool) -> int:
    """Print the outcome of a bulk download; return the exit status."""
    counts = dict.fromkeys(("saved", "skipped", "failed"), 0)
    for row in report:
        counts[row["status"]] += 1
        if row["status"] == "failed":
            write_message(
                f"{row['scan_type']} {row['id']}: {with_option_names(str(row['error']))}"
            )
        else:
            write_output(f"{one_line(str(row['path']))}\n")
    if with_summary:
        write_message(", ".join(f"{count} {status}" for status, count in counts.items()))
    return FAILED if counts["failed"] else 0

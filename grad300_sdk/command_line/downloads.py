"""``grad300 download``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Exit, Option

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
from grad300_sdk.command_line.output import (
    FAILED,
    INTERRUPTED,
    end_line,
    one_line,
    write_message,
    write_output,
)
from grad300_sdk.command_line.terminal import is_dumb

__all__ = ["download"]

_LAYOUTS = {"archive": "{file_path}/{file_name}"}


def complete_layout() -> list[str]:
    """Return layouts that are likely."""
    return [*_LAYOUTS, "{file_name}", "{source}/{file_name}", "{date:%Y/%m}/{file_name}"]


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
    layout: Annotated[
        str,
        Option(
            metavar="L",
            help=(
                "Path of each file below DIR, with columns in braces; 'archive' is short for "
                "'{file_path}/{file_name}'."
            ),
            autocompletion=complete_layout,
        ),
    ] = "{file_name}",
    dry_run: Annotated[
        bool, Option("--dry-run", help="Print what would happen, and save nothing.")
    ] = False,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace existing files.")] = False,
    progress: Annotated[
        bool | None,
        Option(help="Show a progress bar; by default, only on a terminal.", show_default=False),
    ] = None,
) -> int:
    """Save the files of scans, selected by ids or by filters.

    Prints the path of each file. Skips files that exist with the size that the archive lists, so
    that the same command continues a download that was interrupted.
    """
    if scan_type is not None and scan_type.isdecimal():
        known = " ".join([scan_type, *map(str, ids or ())])
        raise ValueError(f"the type of the scans is missing: 'download TPI {known}', for example")
    if scan_type is not None and "/" in scan_type:
        kind, _, known = scan_type.partition("/")
        raise ValueError(f"write the type and the id apart: 'download {kind} {known}'")
    filters = as_filters(source, scan_name, date_from, date_to, max_results)
    if bool(ids) == any(filters.values()):
        raise ValueError("select scans either by ids or by filters such as --source")
    if context.obj.is_quiet or (progress is None and is_dumb()):
        progress = False
    with context.obj.make_client() as client:
        listing = client.scans if scan_type is None else client.scans[scan_type]
        try:
            if ids:
                rows = [listing[scan_id] for scan_id in dict.fromkeys(ids)]
            else:
                rows = listing.records(**filters)
            report = client.scans.download(
                rows,
                directory,
                overwrite=overwrite,
                progress=progress,
                layout=_LAYOUTS.get(layout, layout),
                dry_run=dry_run,
            )
        except KeyboardInterrupt:
            end_line()
            if not (dry_run or context.obj.is_quiet):
                write_message("interrupted; the same command downloads what is missing")
            raise Exit(INTERRUPTED) from None
    return _print_report(report, is_dry=dry_run, is_quiet=context.obj.is_quiet)


def _print_report(report: Any, *, is_dry: bool, is_quiet: bool) -> int:
    """Print the outcome of a bulk download; return the exit status."""
    counts = dict.fromkeys(("would save" if is_dry else "saved", "skipped", "failed"), 0)
    for row in report:
        counts[row["status"]] += 1
        if row["status"] == "failed":
            write_message(
                f"{row['scan_type']} {row['id']}: {with_option_names(str(row['error']))}"
            )
        else:
            status = f"{row['status']:10}  " if is_dry else ""
            write_output(f"{status}{one_line(str(row['path']))}\n")
    if not is_quiet:
        said = ", ".join(f"{count} {status}" for status, count in counts.items())
        write_message(said.replace("would save", "would be saved"))
    return FAILED if counts["failed"] else 0

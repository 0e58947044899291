"""``grad300 show``, ``plot`` and ``repair``."""

from __future__ import annotations

import re
import sys
import warnings
from io import BytesIO
from pathlib import Path
from typing import Annotated

from typer import Argument, Context, Exit, Option

from grad300_sdk.command_line.contents import describe_file
from grad300_sdk.command_line.errors import CommandError, describe_error
from grad300_sdk.command_line.options import GlobalOptions
from grad300_sdk.command_line.output import FAILED, write_file, write_message, write_output
from grad300_sdk.command_line.terminal import terminal_width

__all__ = ["plot", "repair", "show"]

_PICTURE_FORMATS = (".png", ".svg", ".pdf")
_DOTS_PER_INCH = 150
_SCAN = re.compile(r"([A-Za-z_]+)/([0-9]+)")

_FileOrScan = Annotated[
    str,
    Argument(metavar="FILE|TYPE/ID", help="A file, or a scan of the archive such as TPI/42."),
]


def show(context: Context, source: _FileOrScan) -> None:
    """Print what is in a file.

    That is its source, time and place, its HDUs, and the columns with their first values. The
    file of a scan is kept in the cache of the SDK, so that it is downloaded once.
    """
    width = terminal_width() if sys.stdout.isatty() else None
    write_output(describe_file(_find_file(context.obj, source), width))


def plot(
    context: Context,
    source: _FileOrScan,
    output: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help=(
                "The picture, as PNG, SVG or PDF; by default a PNG file beside FILE, or in the "
                "current folder for a scan."
            ),
        ),
    ] = None,
) -> None:
    """Draw a picture of a file: a quick look.

    Prints the path of the picture.
    """
    if output is not None and output.suffix.lower() not in _PICTURE_FORMATS:
        raise ValueError(
            f"--output {str(output)!r} must end with one of {', '.join(_PICTURE_FORMATS)}"
        )
    path = _find_file(context.obj, source)
    if output is None:
        is_cached = not Path(source).exists()
        output = Path(f"{path.stem}.png") if is_cached else path.with_suffix(".png")
    from grad300_sdk import quicklook
    from grad300_sdk.local_files import read

    figure = quicklook.plot(read(path))
    with BytesIO() as picture:
        figure.savefig(picture, format=output.suffix.lower()[1:], dpi=_DOTS_PER_INCH)
        write_file(output, picture.getvalue())
    write_output(f"{output}\n")


def repair(
    context: Context,
    files: Annotated[list[Path], Argument(metavar="FILE", help="Files of the telescope.")],
    directory: Annotated[
        Path | None,
        Option("--dir", metavar="DIR", help="Folder for the copies; by default that of FILE."),
    ] = None,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace existing copies.")] = False,
) -> None:
    """Write copies of files that every FITS reader opens.

    Prints the path of each copy. The copy of map.fits is map_repaired.fits. The telescope's files
    stay as they are.
    """
    from grad300_sdk.local_files import repair as repair_file

    has_failed = False
    for file in files:
        name = f"{file.stem}_repaired.fits"
        destination = file.with_name(name) if directory is None else directory / name
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                path = repair_file(file, destination, overwrite=overwrite)
        except Exception as error:  # the others may be sound
            has_failed = True
            write_message(describe_error(error).replace("overwrite=True", "--overwrite"))
        else:
            write_output(f"{path}\n")
            for warning in () if context.obj.is_quiet else caught:
                write_message(f"warning: {file}: {warning.message}")
    if has_failed:
        raise Exit(FAILED)


def _find_file(options: GlobalOptions, source: str) -> Path:
    """Return a file, or the cached one of a scan that is written as TYPE/ID."""
    path = Path(source)
    if path.exists():
        return path
    scan = _SCAN.fullmatch(source)
    if scan is None:
        raise CommandError(
            f"there is no file {source!r}; a scan of the archive is written as in TPI/42"
        )
    from grad300_sdk.records import ScanType

    with options.make_client() as client:
        return client.scans[ScanType(scan[1])][int(scan[2])].file.local_path()

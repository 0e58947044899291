"""The command line, ``grad300``.

Commands write data to standard output and messages, one line each, to standard error.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import re
import shutil
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

from typer import Argument, BadParameter, Context, Exit, Option, Typer, style
from typer.exceptions import TyperException

from grad300_sdk.version import __version__

if TYPE_CHECKING:
    from grad300_sdk.client import Client

__all__ = ["run"]

FAILED, WRONG_USAGE = 1, 2
PIPE_CLOSED = 141  # what a shell reports for a program that SIGPIPE ended

# The options of all commands, which may stand before or after the command.
_GLOBAL_VALUES = ("--base-url", "--token-file", "--user")
_GLOBAL_FLAGS = ("--password-stdin", "--quiet", "-q", "--verbose", "-v")
# The SDK's parameters that have another name on the command line.
_OPTION_NAMES = {
    "base_url": "--base-url",
    "date_from": "--from",
    "date_to": "--to",
    "max_results": "--max-results",
    "overwrite=True": "--overwrite",
    "scan_id": "ID",
}
# The columns to fit on a terminal first.
_PREFERRED_COLUMNS = ("id", "scan_type", "file_name", "source", "size", "date")
_COLUMN_GAP = "  "
_MAX_CELL_LENGTH = 60  # on a terminal; the file names of the telescope are shorter

app = Typer(
    help="Access the archive of the GRAD300 radio telescope.",
    epilog="The options above may also follow the command.",
    rich_markup_mode=None,  # plain text suits narrow terminals and pipes
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command and its arguments; by default, those of this process.

    Returns
    -------
    int
        The exit status: 0 if everything succeeded, 1 if something failed, 2 if the usage is
        wrong, 130 after Ctrl-C, and 141 if the reader of the output has closed the pipe.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            ordered = _global_options_first(sys.argv[1:] if arguments is None else arguments)
            status = app(ordered, prog_name="grad300", standalone_mode=False)
        except TyperException as error:
            _write_message(_describe_wrong_usage(error))
            return WRONG_USAGE
        except ValueError as error:  # the SDK rejected an argument
            _write_message(_with_option_names(str(error)))
            return WRONG_USAGE
        except Exception as error:  # the user gets one line, never a traceback
            _write_message(_describe_error(error))
            return FAILED
    return status or 0


def _global_options_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the options of all commands before the command."""
    first: list[str] = []
    others: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            others += [argument, *rest]
        elif argument in _GLOBAL_FLAGS:
            first.append(argument)
        elif argument in _GLOBAL_VALUES:
            value = next(rest, None)
            if value is None:
                raise ValueError(f"{argument} needs a value")
            first.append(f"{argument}={value}")
        elif argument.partition("=")[0] in _GLOBAL_VALUES:
            first.append(argument)
        else:
            others.append(argument)
    return first + others


def _show_version(is_requested: bool) -> None:
    if is_requested:
        _write_output(f"grad300 {__version__}\n")
        raise Exit


@dataclass
class _GlobalOptions:
    """The options of all commands."""

    base_url: str | None
    token_file: Path | None
    user: str | None
    password_stdin: bool
    is_quiet: bool

    def make_client(self) -> Client:
        """Make a client, asking for the password of the user, if any."""
        from grad300_sdk.client import Client

        return Client(
            self.base_url,
            token_file=self.token_file,
            user=self.user,
            password=None if self.user is None else self._password(self.user),
        )

    def _password(self, user: str) -> str:
        if not (self.password_stdin or sys.stdin.isatty()):
            raise ValueError(
                "there is no terminal to enter the password on; use --password-stdin to read it "
                "from standard input"
            )
        try:
            if self.password_stdin:
                password = sys.stdin.readline().rstrip("\r\n")
            else:
                password = getpass.getpass(f"Password of {_one_line(user)}: ")
        except EOFError:
            password = ""
        except UnicodeError:  # its message contains a part of the password
            raise ValueError(
                "the password is not valid text in the encoding of standard input"
            ) from None
        if not password:
            raise ValueError("the password is empty")
        return password


@app.callback(invoke_without_command=True)
def _main(
    context: Context,
    base_url: Annotated[
        str | None,
        Option(
            metavar="URL",
            help="URL of the archive's server.",
            envvar="GRAD300_BASE_URL",
            show_default=False,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        Option(metavar="FILE", help="File with a bearer token.", envvar="GRAD300_TOKEN_FILE"),
    ] = None,
    user: Annotated[
        str | None,
        Option(
            metavar="EMAIL",
            help="Account to log in with; asks for its password.",
            envvar="GRAD300_USER",
        ),
    ] = None,
    password_stdin: Annotated[
        bool, Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    quiet: Annotated[
        bool, Option("--quiet", "-q", help="Write nothing but errors to standard error.")
    ] = False,
    verbose: Annotated[
        bool,
        Option("--verbose", "-v", help="Log each request, retry and wait to standard error."),
    ] = False,
    version: Annotated[
        bool,
        Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        _write_output(f"{context.get_help()}\n")
        raise Exit
    if user is not None and token_file is not None:
        if _is_argument(context, "user") and _is_argument(context, "token_file"):
            raise ValueError("use either --user or --token-file, not both")
        if _is_argument(context, "user"):
            token_file = None
        else:  # as a client prefers it
            user = None
    if user is None and password_stdin:
        raise ValueError("--password-stdin needs --user")
    if quiet and verbose:
        raise ValueError("use either --quiet or --verbose, not both")
    if quiet:
        warnings.simplefilter("ignore")
    context.obj = _GlobalOptions(base_url, token_file, user, password_stdin, quiet)
    level = logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING
    _log_to_standard_error(level)


def _is_argument(context: Context, name: str) -> bool:
    """Return whether an option was typed, not found in the environment."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@app.command(epilog="Example: grad300 tree | grep download")
def tree() -> None:
    """Print all calls of the SDK and the requests that they send."""
    from grad300_sdk.client import Client

    with Client(force_noauth=True) as client:
        _write_output(f"{client.tree()}\n")


@app.command(epilog="Example: grad300 get /scans/TPI/ --param limit=3 --param source=sun")
def get(
    context: Context,
    path: Annotated[str, Argument(metavar="PATH", help="Path below the API's prefix.")],
    param: Annotated[
        list[str] | None,
        Option(metavar="NAME=VALUE", help="Query parameter; can be repeated."),
    ] = None,
) -> None:
    """Send a GET request and print the response.

    JSON is indented on a terminal. Anything else is written unchanged.
    """
    from grad300_sdk.engine import decode_json, describe
    from grad300_sdk.errors import DecodeError

    if "://" in path or path.startswith("//"):
        raise ValueError(
            f"PATH must be a path below the API's prefix, such as '/scans/', not {path!r}"
        )
    query = _parse_query(param or [])
    with context.obj.make_client() as client:
        response = client.request("GET", path, params=query)
        try:
            _write_output(_as_json(decode_json(response), is_indented=sys.stdout.isatty()))
        except DecodeError:
            if sys.stdout.isatty() and response.content:
                raise DecodeError(
                    "the response is not JSON, so it is not written to a terminal: "
                    f"{describe(response)}; redirect it to a file with '> FILE'"
                ) from None
            _write_output(response.content)


class _Format(StrEnum):
    """The format of a listing."""

    TABLE = "table"
    CSV = "csv"
    ECSV = "ecsv"
    JSON = "json"
    VOTABLE = "votable"
    FITS = "fits"


_SUFFIXES = {
    ".csv": _Format.CSV,
    ".ecsv": _Format.ECSV,
    ".json": _Format.JSON,
    ".vot": _Format.VOTABLE,
    ".xml": _Format.VOTABLE,
    ".fits": _Format.FITS,
}


# Typer's own messages are those of the library that it checks values with.
def _parse_integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadParameter(f"{text!r} is not an integer") from None


def _parse_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadParameter(f"{text!r} is not a number") from None


def _parse_format(text: str) -> _Format:
    try:
        return _Format(text)
    except ValueError:
        from grad300_sdk.engine import nearest

        hint = nearest(text, map(str, _Format))
        raise BadParameter(f"{text!r} is not one of {', '.join(_Format)}{hint}") from None


def _complete_format() -> list[str]:
    return list(_Format)


def _complete_scan_type() -> list[str]:
    return ["TPI", "Images", "Spectrum", "OnOff"]


_Type = Annotated[
    str | None,
    Argument(
        metavar="TYPE",
        help="TPI, Images, Spectrum or OnOff; by default, all four types.",
        autocompletion=_complete_scan_type,
        show_default=False,
    ),
]
_Source = Annotated[str | None, Option(metavar="S", help="Part of the source's name.")]
_ScanName = Annotated[str | None, Option(metavar="N", help="Part of the file's name.")]
_From = Annotated[
    str | None, Option("--from", metavar="DATE", help="Earliest date, such as 2025-02-04.")
]
_To = Annotated[str | None, Option("--to", metavar="DATE", help="Latest date.")]
_MaxResults = Annotated[
    int | None, Option(metavar="N", help="Maximum number of scans.", parser=_parse_integer)
]


@app.command(epilog="Example: grad300 scans TPI --source sun --from 2025-02-01 --format csv")
def scans(
    context: Context,
    scan_type: _Type = None,
    source: _Source = None,
    scan_name: _ScanName = None,
    date_from: _From = None,
    date_to: _To = None,
    max_results: _MaxResults = None,
    columns: Annotated[
        str | None, Option(metavar="A,B", help="Names of the columns; by default, all of them.")
    ] = None,
    form: Annotated[
        _Format | None,
        Option(
            "--format",
            metavar=f"[{'|'.join(_Format)}]",
            help="By default, chosen by the extension of FILE, or else table.",
            parser=_parse_format,
            autocompletion=_complete_format,
        ),
    ] = None,
    output: Annotated[
        Path | None, Option(metavar="FILE", help="Write to a file, completely or not at all.")
    ] = None,
) -> None:
    """List the scans that match.

    On a terminal, a table has the columns that fit; in a pipe or a file, it has all of them.
    """
    form = form or _Format.TABLE if output is None else _check_output(output, form)
    on_terminal = output is None and sys.stdout.isatty()
    if on_terminal and form is _Format.FITS:
        raise ValueError("FITS is not written to a terminal; use --output FILE")
    names = None if columns is None else [name.strip() for name in columns.split(",")]
    if names is not None and "" in names:
        raise ValueError(f"--columns must be names such as 'id,date', not {columns!r}")
    if names is not None and form is _Format.JSON:
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
        if form is _Format.JSON:
            data: str | bytes = _as_json(list(listing.search(**filters)), is_indented=on_terminal)
        else:
            table = _select_columns(listing.table(**filters), names)
            can_note = on_terminal and not context.obj.is_quiet
            data = _as_data(table, form, on_terminal=on_terminal, can_note=can_note)
    if output is None:
        _write_output(data)
    else:
        _write_file(output, data.encode() if isinstance(data, str) else data)


def _check_output(output: Path, form: _Format | None) -> _Format:
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
    return form or _SUFFIXES.get(suffix, _Format.TABLE)


def _select_columns(table: Any, names: list[str] | None) -> Any:
    """Return a table with these columns alone, in their order."""
    for name in names or ():
        if name not in table.colnames:
            from grad300_sdk.engine import nearest

            hint = nearest(name, table.colnames) or f"; there are {', '.join(table.colnames)}"
            raise ValueError(f"--columns has {name!r}, which is not a column{hint}")
    return table if names is None else table[names]


@app.command(epilog="Example: grad300 download TPI 3 14 15 --dir scans")
def download(
    context: Context,
    scan_type: _Type = None,
    ids: Annotated[
        list[int] | None,
        Argument(parser=_parse_integer, metavar="ID", help="Ids of scans.", show_default=False),
    ] = None,
    source: _Source = None,
    scan_name: _ScanName = None,
    date_from: _From = None,
    date_to: _To = None,
    max_results: _MaxResults = None,
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
    filters = {
        "source": source,
        "scan_name": scan_name,
        "date_from": date_from,
        "date_to": date_to,
        "max_results": max_results,
    }
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


@app.command(epilog="Example: grad300 sandbox --scans 500 --seed 7")
def sandbox(
    host: Annotated[str, Option(metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, Option(metavar="N", help="Port; 0 selects a free one.", parser=_parse_integer)
    ] = 0,
    scans: Annotated[
        int, Option(metavar="N", help="Number of scans.", parser=_parse_integer)
    ] = 200,
    seed: Annotated[
        int, Option(metavar="S", help="Seed of the random numbers.", parser=_parse_integer)
    ] = 0,
    token_lifetime: Annotated[
        float | None,
        Option(metavar="SECONDS", help="Time until a token expires.", parser=_parse_number),
    ] = None,
    max_limit: Annotated[
        int | None, Option(metavar="N", help="Maximum scans per page.", parser=_parse_integer)
    ] = None,
    ignore_filters: Annotated[
        bool, Option("--ignore-filters", help="Ignore the filters of listings.")
    ] = False,
    ignore_offset: Annotated[
        bool, Option("--ignore-offset", help="Repeat the first page of listings.")
    ] = False,
    latency: Annotated[
        float,
        Option(metavar="SECONDS", help="Delay before each response.", parser=_parse_number),
    ] = 0.0,
    failure_rate: Annotated[
        float,
        Option(
            metavar="FRACTION",
            help="Fraction of the requests, from 0 to 1, to answer with status 503.",
            parser=_parse_number,
        ),
    ] = 0.0,
) -> None:
    """Run a server with synthetic scans until Ctrl-C.

    Prints its address, user and password.
    """
    from grad300_sdk.sandbox import Sandbox
    from grad300_sdk.sandbox.__main__ import serve

    given = {} if token_lifetime is None else {"token_lifetime": token_lifetime}
    try:
        server = Sandbox(
            host=host,
            port=port,
            scans=scans,
            seed=seed,
            max_limit=max_limit,
            ignore_filters=ignore_filters,
            ignore_offset=ignore_offset,
            latency=latency,
            failure_rate=failure_rate,
            **given,
        )
    except ValueError as error:  # its message begins with a parameter
        name, blank, rest = str(error).partition(" ")
        raise ValueError(f"--{name.replace('_', '-')}{blank}{rest}") from None
    try:
        serve(server)
    except OSError as error:  # without the number of the error
        raise OSError(error.strerror) from None


def _parse_query(params: Sequence[str]) -> dict[str, list[str]]:
    """Parse query parameters; a repeated one has several values."""
    query: dict[str, list[str]] = {}
    for text in params:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise ValueError(f"--param must be NAME=VALUE, not {text!r}")
        query.setdefault(name, []).append(value)
    return query


def _print_report(report: Any, *, with_summary: bool) -> int:
    """Print the outcome of a bulk download; return the exit status."""
    counts = dict.fromkeys(("saved", "skipped", "failed"), 0)
    for row in report:
        counts[row["status"]] += 1
        if row["status"] == "failed":
            _write_message(
                f"{row['scan_type']} {row['id']}: {_with_option_names(str(row['error']))}"
            )
        else:
            _write_output(f"{_one_line(str(row['path']))}\n")
    if with_summary:
        _write_message(", ".join(f"{count} {status}" for status, count in counts.items()))
    return FAILED if counts["failed"] else 0


def _as_json(value: object, *, is_indented: bool) -> str:
    """Return JSON, indented or on one line, with unprintable characters escaped."""
    import msgspec

    data = msgspec.json.encode(value)
    text = (msgspec.json.format(data, indent=2) if is_indented else data).decode()
    return "\n".join(map(_escape_unprintable, text.split("\n"))) + "\n"


def _escape_unprintable(line: str) -> str:
    """Return a line with its unprintable characters escaped as in JSON."""
    if line.isprintable():  # almost every line is
        return line
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def _as_data(table: Any, form: _Format, *, on_terminal: bool, can_note: bool) -> str | bytes:
    """Return a table in a format; for a terminal, printable and within its width."""
    from grad300_sdk.engine import printable

    if form is _Format.TABLE:
        width = shutil.get_terminal_size().columns if on_terminal else None
        return _as_aligned_text(table, width, can_note=can_note)
    if form is _Format.FITS:
        with BytesIO() as data:
            table.write(data, format="fits")
            return data.getvalue()
    if form is _Format.CSV:
        text = _as_csv(table)
    elif form is _Format.ECSV:
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
            _write_message(
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


def _write_file(path: Path, data: bytes) -> None:
    """Write a file completely or not at all."""
    if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
        path.write_bytes(data)  # a device or a pipe cannot be replaced
        return
    from grad300_sdk.downloads import write_atomically

    path = path.resolve()
    try:
        write_atomically(path, data)
    except OSError as error:  # its message names the temporary file
        raise OSError(error.errno, error.strerror, str(path)) from None


def _write_output(data: str | bytes) -> None:
    """Write to standard output: text in the encoding of a terminal, in UTF-8 elsewhere."""
    out = sys.stdout
    if isinstance(data, str):
        data = data.encode(out.encoding if out.isatty() else "utf-8", "backslashreplace")
    try:
        out.flush()
        out.buffer.write(data)
        out.flush()
    except OSError as error:
        _discard(out)
        if isinstance(error, BrokenPipeError):
            raise Exit(PIPE_CLOSED) from None
        raise


def _discard(stream: TextIO) -> None:
    """Have the null device take what is still buffered, at whose end the status would change."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _write_message(text: str) -> None:
    """Write a message to standard error as one line."""
    try:
        sys.stderr.write(f"grad300: {_one_line(text)}\n")
        sys.stderr.flush()
    except OSError:  # nobody reads it; the status says what happened
        _discard(sys.stderr)


def _one_line(text: str) -> str:
    from grad300_sdk.engine import printable

    return printable(" ".join(text.split()))


def _describe_error(error: Exception) -> str:
    """Return a description of an error; one that is not expected includes its type."""
    from grad300_sdk.client import CREDENTIAL_ARGUMENTS
    from grad300_sdk.errors import Grad300APIError, Grad300Error

    if isinstance(error, Grad300APIError):
        notes = " ".join(getattr(error, "__notes__", ()))
        return f"{error}; {notes.replace(CREDENTIAL_ARGUMENTS, '--user or --token-file')}"
    known = isinstance(error, Grad300Error | OSError | ImportError)
    return str(error) if known else f"{type(error).__name__}: {error}"


def _with_option_names(text: str) -> str:
    """Return a message of the SDK with its parameters replaced by the command line's options."""
    if "configuration file" in text:
        return text
    return re.sub(
        rf"(?<!conf\.)({'|'.join(_OPTION_NAMES)})", lambda match: _OPTION_NAMES[match[0]], text
    )


def _describe_wrong_usage(error: TyperException) -> str:
    """Return a description of wrong usage, with a hint on how to correct it."""
    path = getattr(getattr(error, "ctx", None), "command_path", "grad300")
    message = error.format_message().rstrip(".")
    see = " See" if message.endswith("?") else "; see"
    return f"{message}{see} '{path} --help'"


def _show_warning(message: Warning | str, *args: Any, **kwargs: Any) -> None:
    _write_message(f"warning: {message}")


class _OneLineFormatter(logging.Formatter):
    """A formatter that writes each log record as one line."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.name}: {_one_line(record.getMessage())}"


def _log_to_standard_error(level: int) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLineFormatter())
    logging.basicConfig(level=level, handlers=[handler])

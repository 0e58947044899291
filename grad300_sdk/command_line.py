"""``grad300``: the archive on the command line.

What a command gives goes to standard output, all else to standard error, a line each.
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
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, BadParameter, Context, Exit, Option, Typer, style
from typer.exceptions import TyperException

from grad300_sdk import __version__

if TYPE_CHECKING:
    from grad300_sdk import Client

__all__ = ["run"]

FAILED, WRONG_USAGE = 1, 2
PIPE_CLOSED = 141  # what a shell says of a program whose reader has gone

# The options of all commands.
_FOR_ALL = ("--base-url", "--token-file", "--user", "--password-stdin", "--verbose")
# What the SDK calls a parameter, where it is called something else here.
_OPTIONS = {
    "base_url": "--base-url",
    "date_from": "--from",
    "date_to": "--to",
    "max_results": "--max-results",
    "overwrite=True": "--overwrite",
    "scan_id": "ID",
}
# The columns that a terminal has room for first.
_FIRST = ("id", "scan_type", "file_name", "source", "size", "date")
_GAP = "  "
_LONGEST = 60  # characters of a cell on a terminal: more than any file name of the telescope's has

app = Typer(
    help="The archive of the GRAD300 radio telescope.",
    epilog="The options of all commands go before the command.",
    rich_markup_mode=None,  # help is read on narrow terminals, and in pipes
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command and its arguments, by default those of this process.

    Returns
    -------
    int
        The exit status: 0 if all was done, 1 if something failed, 2 if the usage was wrong; 130
        after Ctrl-C, and 141 if the reader of the output has gone.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            status = app(arguments, prog_name="grad300", standalone_mode=False)
        except TyperException as error:
            _say(f"{error.format_message().rstrip('.')}; {_hint(error)}")
            return WRONG_USAGE
        except ValueError as error:  # an argument that the SDK refuses
            _say(_in_options(str(error)))
            return WRONG_USAGE
        except Exception as error:  # whatever went wrong: a line says so
            _say(_describe(error))
            return FAILED
    return status or 0


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        _write(f"grad300 {__version__}\n")
        raise Exit


@dataclass
class _Access:
    """How to get at the archive: the options of all commands."""

    base_url: str | None
    token_file: Path | None
    user: str | None
    password_stdin: bool

    def client(self) -> Client:
        """Make a client; the password is asked for, if there is one to ask for."""
        from grad300_sdk import Client

        return Client(
            self.base_url,
            token_file=self.token_file,
            user=self.user,
            password=None if self.user is None else self._password(self.user),
        )

    def check(self) -> None:
        """Refuse options that contradict each other."""
        if self.user is not None and self.token_file is not None:
            raise ValueError("give either --user or --token-file, not both")
        if self.user is None and self.password_stdin:
            raise ValueError("--password-stdin needs --user")

    def _password(self, user: str) -> str:
        if not (self.password_stdin or sys.stdin.isatty()):
            raise ValueError(
                "there is no terminal to ask for the password at; --password-stdin reads it from "
                "standard input"
            )
        try:
            if self.password_stdin:
                password = sys.stdin.readline().rstrip("\r\n")
            else:
                password = getpass.getpass(f"Password of {_one_line(user)}: ")
        except EOFError:
            password = ""
        except UnicodeError:  # its text shows a part of the password
            raise ValueError("the password is not written in the encoding of this place") from None
        if not password:
            raise ValueError("no password was given")
        return password


@app.callback()
def _main(
    context: Context,
    base_url: Annotated[
        str | None, Option(metavar="URL", help="The archive's server.", show_default=False)
    ] = None,
    token_file: Annotated[
        Path | None, Option(metavar="FILE", help="A file that holds a bearer token.")
    ] = None,
    user: Annotated[
        str | None, Option(metavar="EMAIL", help="An account; its password is asked for.")
    ] = None,
    password_stdin: Annotated[
        bool, Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    verbose: Annotated[
        bool, Option("--verbose", "-v", help="Say which requests are sent.")
    ] = False,
    version: Annotated[
        bool,
        Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    access = context.obj = _Access(base_url, token_file, user, password_stdin)
    access.check()
    _log_to_standard_error(logging.INFO if verbose else logging.WARNING)


@app.command(epilog="Example: grad300 tree | grep download")
def tree() -> None:
    """Print all calls of the SDK, and what they send."""
    from grad300_sdk import Client

    with Client(force_noauth=True) as client:
        _write(f"{client.tree()}\n")


@app.command(epilog="Example: grad300 get /scans/TPI/ --param limit=3 --param source=sun")
def get(
    context: Context,
    path: Annotated[str, Argument(metavar="PATH", help="A path below the API's prefix.")],
    param: Annotated[
        list[str] | None,
        Option(metavar="NAME=VALUE", help="A parameter of the query; may be repeated."),
    ] = None,
) -> None:
    """Print what the API has at a path.

    That is JSON, indented on a terminal. What is no JSON is written as it comes.
    """
    from grad300_sdk.engine.body import decode_json, describe
    from grad300_sdk.errors import DecodeError

    if "://" in path or path.startswith("//"):
        raise ValueError(f"PATH is {path!r}, where one below the prefix is needed, like '/scans/'")
    query = _query(param or [])
    with context.obj.client() as client:
        response = client.request("GET", path, params=query)
        try:
            _write(_as_json(decode_json(response), is_indented=sys.stdout.isatty()))
        except DecodeError:
            if sys.stdout.isatty() and response.content:
                raise DecodeError(
                    f"no JSON, and not for a terminal: {describe(response)}; "
                    "send it to a file, with '> FILE'"
                ) from None
            _write(response.content)


class _Format(StrEnum):
    """How a listing is written."""

    TABLE = "table"
    CSV = "csv"
    ECSV = "ecsv"
    JSON = "json"
    VOTABLE = "votable"


_SUFFIXES = {
    ".csv": _Format.CSV,
    ".ecsv": _Format.ECSV,
    ".json": _Format.JSON,
    ".vot": _Format.VOTABLE,
    ".xml": _Format.VOTABLE,
}


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadParameter(f"{text!r} is no whole number") from None


def _complete_type() -> list[str]:
    return ["TPI", "Images", "Spectrum", "OnOff"]


_Type = Annotated[
    str | None,
    Argument(
        metavar="TYPE",
        help="TPI, Images, Spectrum or OnOff; all four if not given.",
        autocompletion=_complete_type,
        show_default=False,
    ),
]
_Source = Annotated[str | None, Option(metavar="S", help="What the source's name has in it.")]
_ScanName = Annotated[str | None, Option(metavar="N", help="What the file's name has in it.")]
_From = Annotated[
    str | None, Option("--from", metavar="DATE", help="The earliest date, like 2025-02-04.")
]
_To = Annotated[str | None, Option("--to", metavar="DATE", help="The latest date.")]
_MaxResults = Annotated[int | None, Option(metavar="N", help="The most scans.", parser=_whole)]


@app.command(epilog="Example: grad300 scans TPI --source sun --from 2025-02-01 --format csv")
def scans(
    context: Context,
    scan_type: _Type = None,
    source: _Source = None,
    scan_name: _ScanName = None,
    date_from: _From = None,
    date_to: _To = None,
    max_results: _MaxResults = None,
    form: Annotated[
        _Format | None,
        Option("--format", help="By default what FILE's ending says, else a table."),
    ] = None,
    output: Annotated[
        Path | None, Option(metavar="FILE", help="Write to a file, whole or not at all.")
    ] = None,
) -> None:
    """List the scans that match.

    A table on a terminal has the columns that fit; a pipe and a file get them all.
    """
    if output is not None:
        if output.is_dir() or not output.parent.is_dir():
            what = "is a folder itself" if output.is_dir() else "is in a folder that is not there"
            raise ValueError(f"--output is {str(output)!r}, which {what}")
        form = form or _SUFFIXES.get(output.suffix.lower())
    with context.obj.client() as client:
        found = client.scans if scan_type is None else client.scans[scan_type]
        asked = {
            "source": source,
            "scan_name": scan_name,
            "date_from": date_from,
            "date_to": date_to,
            "max_results": max_results,
        }
        is_shown = output is None and sys.stdout.isatty()
        if form is _Format.JSON:
            text = _as_json(list(found.search(**asked)), is_indented=is_shown)
        else:
            text = _as_text(found.table(**asked), form or _Format.TABLE, is_shown=is_shown)
    if output is None:
        _write(text)
    else:
        _save(output, text.encode())


@app.command(epilog="Example: grad300 download TPI 3 14 15 --dir scans")
def download(
    context: Context,
    directory: Annotated[
        Path, Option("--dir", metavar="DIR", help="The folder for the files; made if missing.")
    ],
    scan_type: _Type = None,
    ids: Annotated[
        list[int] | None,
        Argument(parser=_whole, metavar="ID", help="The numbers of scans.", show_default=False),
    ] = None,
    source: _Source = None,
    scan_name: _ScanName = None,
    date_from: _From = None,
    date_to: _To = None,
    max_results: _MaxResults = None,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Replace files that are there already.")
    ] = False,
    progress: Annotated[
        bool | None,
        Option(help="A progress bar; by default on terminals.", show_default=False),
    ] = None,
) -> int:
    """Save the files of scans, by ids or by filters.

    Their paths are printed. A file that is there with the size that the archive knows is skipped.
    """
    asked = {
        "source": source,
        "scan_name": scan_name,
        "date_from": date_from,
        "date_to": date_to,
        "max_results": max_results,
    }
    if bool(ids) == any(asked.values()):
        raise ValueError("say which scans: either by their ids, or by filters like --source")
    with context.obj.client() as client:
        found = client.scans if scan_type is None else client.scans[scan_type]
        rows = [found[each] for each in dict.fromkeys(ids)] if ids else found.records(**asked)
        done = client.scans.download(rows, directory, overwrite=overwrite, progress=progress)
    return _report(done)


@app.command(epilog="Example: grad300 sandbox --scans 500 --seed 7")
def sandbox(
    host: Annotated[str, Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 0,
    scans: Annotated[int, Option(min=0, metavar="N", help="How many scans there are.")] = 200,
    seed: Annotated[int, Option(min=0, metavar="S", help="What they are drawn from.")] = 0,
) -> int:
    """Run an archive of synthetic scans, until Ctrl-C.

    Its address, user and password are printed.
    """
    from grad300_sdk.sandbox.__main__ import main

    given = {"--host": host, "--port": port, "--scans": scans, "--seed": seed}
    return main([f"{name}={value}" for name, value in given.items()])


def _query(params: Sequence[str]) -> dict[str, list[str]]:
    """Read the parameters of a query; one that is repeated has several values."""
    query: dict[str, list[str]] = {}
    for text in params:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise ValueError(f"--param is {text!r}, where NAME=VALUE is needed")
        query.setdefault(name, []).append(value)
    return query


def _report(done: Any) -> int:
    """Print where the files are, and say what became of each row of a bulk download."""
    counts = dict.fromkeys(("saved", "skipped", "failed"), 0)
    for row in done:
        counts[row["status"]] += 1
        if row["status"] == "failed":
            _say(f"{row['scan_type']} {row['id']}: {_in_options(str(row['error']))}")
        else:
            _write(f"{_one_line(str(row['path']))}\n")
    _say(", ".join(f"{count} {status}" for status, count in counts.items()))
    return FAILED if counts["failed"] else 0


def _as_json(value: object, *, is_indented: bool) -> str:
    """Write JSON, in a line or indented, with all that a terminal would obey escaped."""
    import msgspec

    data = msgspec.json.encode(value)
    text = (msgspec.json.format(data, indent=2) if is_indented else data).decode()
    return "\n".join(map(_escaped, text.split("\n"))) + "\n"


def _escaped(line: str) -> str:
    """Write what can't be printed as JSON does, where most lines have nothing of the kind."""
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def _as_text(table: Any, form: _Format, *, is_shown: bool) -> str:
    """Write a table; one that is shown on a terminal fits into it, and can't do it any harm."""
    from grad300_sdk.engine.errors import harmless

    if form is _Format.TABLE:
        return _lay_out(table, shutil.get_terminal_size().columns if is_shown else None)
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
    return "\n".join(map(harmless, text.split("\n"))) if is_shown else text


def _as_csv(table: Any) -> str:
    """Write a table as RFC 4180 has it, with the line ends of this place."""
    import csv

    columns = [_texts(table[name]) for name in table.colnames]
    with StringIO() as lines:
        plain = csv.writer(lines, lineterminator="\n")
        quoted = csv.writer(lines, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in (table.colnames, *zip(*columns, strict=True)):
            # The one line end that `plain` does not quote.
            (quoted if "\r" in "".join(row) else plain).writerow(row)
        return lines.getvalue()


def _texts(column: Any) -> list[str]:
    """Give the cells of a column as text, empty where a value is missing."""
    if hasattr(column, "isot"):  # a Time
        times = column.unmasked.utc.isot.tolist()
        return ["" if gone else text for text, gone in zip(times, column.mask, strict=True)]
    return ["" if value is None else str(value) for value in column.tolist()]


def _lay_out(table: Any, width: int | None) -> str:
    """Write a table for reading: all columns, or those that a terminal of some width can hold."""
    from rich.cells import cell_len, set_cell_size

    from grad300_sdk.engine.errors import harmless

    longest = sys.maxsize if width is None else _LONGEST
    columns: dict[str, list[str]] = {}
    for name in table.colnames:
        unit = getattr(table[name], "unit", None)
        head = f"{name} [{unit}]" if unit else name
        texts = [harmless(text) or "--" for text in (head, *_texts(table[name]))]
        columns[name] = [t if len(t) <= longest else f"{t[:longest]}…" for t in texts]
    sizes = {name: max(map(cell_len, texts)) for name, texts in columns.items()}
    names = table.colnames if width is None else _fitting(sizes, width)
    padded = [[set_cell_size(text, sizes[name]) for text in columns[name]] for name in names]
    lines = [_GAP.join(row).rstrip() for row in zip(*padded, strict=True)]
    if width is not None:
        lines[0] = style(lines[0], bold=True) if _may_be_bold() else lines[0]
        if len(names) < len(sizes):
            _say(f"{len(names)} of {len(sizes)} columns fit here; --format csv has them all")
    return "".join(f"{line}\n" for line in lines)


def _may_be_bold() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _fitting(sizes: dict[str, int], width: int) -> list[str]:
    """Choose the columns that fit, those first that matter most."""
    rank = {name: place for place, name in enumerate(_FIRST)}
    fitting = set()
    room = width + len(_GAP)
    for name in sorted(sizes, key=lambda name: rank.get(name, len(_FIRST))):
        if sizes[name] + len(_GAP) <= room:
            room -= sizes[name] + len(_GAP)
            fitting.add(name)
    return [name for name in sizes if name in fitting]


def _save(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
        path.write_bytes(data)  # a device or a pipe, which can't be replaced
        return
    from grad300_sdk.downloads import write_atomically

    path = path.resolve()
    try:
        write_atomically(path, data)
    except OSError as error:  # which names the hidden file
        raise OSError(error.errno, error.strerror, str(path)) from None


def _write(data: str | bytes) -> None:
    """Write to standard output: text as its terminal has it, in UTF-8 to all else."""
    out = sys.stdout
    if isinstance(data, str):
        data = data.encode(out.encoding if out.isatty() else "utf-8", "backslashreplace")
    try:
        out.flush()
        out.buffer.write(data)
        out.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # what is left goes nowhere
        if isinstance(error, BrokenPipeError):
            raise Exit(PIPE_CLOSED) from None
        raise


def _say(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(f"grad300: {_one_line(text)}\n")


def _one_line(text: str) -> str:
    from grad300_sdk.engine.errors import harmless

    return harmless(" ".join(text.split()))


def _describe(error: Exception) -> str:
    """Say what went wrong: as the SDK and the operating system do, or with the error's name."""
    from grad300_sdk.errors import Grad300APIError, Grad300Error

    if isinstance(error, Grad300APIError):
        hint = "Log in with --user or --token-file." if error.status_code == 401 else ""
        return " ".join([f"{error};", *getattr(error, "__notes__", ()), hint])
    known = isinstance(error, Grad300Error | OSError | ImportError)
    return str(error) if known else f"{type(error).__name__}: {error}"


def _in_options(text: str) -> str:
    """Call the SDK's parameters what they are called here."""
    return re.sub("|".join(_OPTIONS), lambda match: _OPTIONS[match[0]], text)


def _hint(error: TyperException) -> str:
    """Say what to do about a wrong usage."""
    if getattr(error, "option_name", None) in _FOR_ALL:
        return "it goes before the command"
    path = getattr(getattr(error, "ctx", None), "command_path", "grad300")
    return f"see '{path} --help'"


def _show_warning(message: Warning | str, *args: Any, **kwargs: Any) -> None:
    _say(f"warning: {message}")


class _Line(logging.Formatter):
    """A log record in a line."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.name}: {_one_line(record.getMessage())}"


def _log_to_standard_error(level: int) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Line())
    logging.basicConfig(level=level, handlers=[handler])

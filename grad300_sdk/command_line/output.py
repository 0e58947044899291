"""What the commands write: data to standard output, messages to standard error."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TextIO

from typer import Exit

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "PIPE_CLOSED",
    "WRONG_USAGE",
    "as_json",
    "end_line",
    "one_line",
    "write_file",
    "write_message",
    "write_output",
]

FAILED, WRONG_USAGE = 1, 2
INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended
PIPE_CLOSED = 141  # and for one that SIGPIPE ended


def write_output(data: str | bytes) -> None:
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


def write_message(text: str) -> None:
    """Write a message to standard error as one line."""
    try:
        sys.stderr.write(f"grad300: {one_line(text)}\n")
        sys.stderr.flush()
    except OSError:  # nobody reads it; the status says what happened
        _discard(sys.stderr)


def end_line() -> None:
    """End the line of a prompt on a terminal, or of what the terminal echoes of Ctrl-C."""
    if sys.stderr.isatty():
        sys.stderr.write("\n")


def one_line(text: str) -> str:
    """Return a text as one printable line."""
    from grad300_sdk.engine import printable

    return printable(" ".join(text.split()))


def write_file(path: Path, data: bytes) -> None:
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


def as_json(value: object, *, is_indented: bool) -> str:
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


def _discard(stream: TextIO) -> None:
    """Have the null device take what is still buffered, at whose end the status would change."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

"""Errors, warnings and log records, each as one line."""

from __future__ import annotations

import logging
import re
from typing import Any

from typer.exceptions import TyperException

from grad300_sdk.command_line.output import one_line, write_message

__all__ = [
    "CommandError",
    "describe_error",
    "describe_wrong_usage",
    "log_to_standard_error",
    "show_warning",
    "with_option_names",
]

# The SDK's parameters that have another name on the command line.
_OPTION_NAMES = {
    "pass allow_http=True": "use --allow-http",
    "pass user= and password=": "use --user",
    "base_url": "--base-url",
    "date_from": "--from",
    "date_to": "--to",
    "layout is": "--layout is",
    "max_results": "--max-results",
    "overwrite=True": "--overwrite",
    "scan_id": "ID",
}
# How to provide credentials on the command line.
_CREDENTIALS_HINT = "Log in with 'grad300 login', or use --user or --token-file."
# What typer says, and how to say it more plainly.
_PLAINER = {
    r"^Got unexpected extra argument.* \((.*)\)$": r"unexpected argument '\1'",
    r"^Option '(.*)' requires an argument$": r"\1 needs a value",
    r" \(Possible options: (\S+)\)$": r"; did you mean '\1'?",
    r" \(Possible options: (.*)\)$": r"; there are \1",
}
# What to do about errors of the network, by what their messages contain.
_HINTS = {
    "CERTIFICATE_VERIFY_FAILED": (
        "if you trust the server, save its certificate, or that of its authority, in a file, and "
        "name the file in the environment variable SSL_CERT_FILE"
    ),
    "[SSL": "the server may not know https: try http:// in --base-url",
}
# Statuses with which servers answer that have no such API, and how a page in place of JSON is met.
_NO_API = (404, 405, 501)
_NO_ARCHIVE = "this may not be a GRAD300 archive: check --base-url"


class CommandError(Exception):
    """A failure whose message says all that the user needs."""


def describe_error(error: Exception) -> str:
    """Return a description of an error; one that is not expected includes its type."""
    if isinstance(error, CommandError | ImportError):  # without imports that may fail, too
        return str(error)
    from grad300_sdk.client import CREDENTIALS_HINT
    from grad300_sdk.errors import Grad300APIError, Grad300Error

    known = isinstance(error, Grad300Error | OSError)
    text = str(error) if known else f"{type(error).__name__}: {error}"
    if isinstance(error, Grad300APIError):
        notes = " ".join(getattr(error, "__notes__", ()))
        text = f"{text}; {notes.replace(CREDENTIALS_HINT, _CREDENTIALS_HINT)}"
    hint = _hint(error)
    return f"{text.removesuffix('.')}; {hint}" if hint else text


def _hint(error: Exception) -> str:
    """Return what the user can do about an error of the server or the network."""
    from grad300_sdk.errors import DecodeError, Grad300APIError, TransportError

    if isinstance(error, TransportError):
        return next((hint for sign, hint in _HINTS.items() if sign in str(error)), "")
    is_not_api = isinstance(error, Grad300APIError) and error.status_code in _NO_API
    if isinstance(error, DecodeError) or is_not_api:
        response = getattr(error, "response", None)
        kind = response.headers.get("Content-Type", "") if response is not None else ""
        return _NO_ARCHIVE if kind.startswith("text/") else ""
    return ""


def with_option_names(text: str) -> str:
    """Return a message of the SDK with its parameters replaced by the command line's options."""
    if "configuration file" in text:
        return text
    return re.sub(
        rf"(?<!conf\.)({'|'.join(_OPTION_NAMES)})", lambda match: _OPTION_NAMES[match[0]], text
    )


def describe_wrong_usage(error: TyperException) -> str:
    """Return a description of wrong usage, with a hint on how to correct it."""
    path = getattr(getattr(error, "ctx", None), "command_path", "grad300")
    message = error.format_message().rstrip(".")
    for pattern, plainer in _PLAINER.items():
        message = re.sub(pattern, plainer, message)
    see = " See" if message.endswith("?") else "; see"
    return f"{message}{see} '{path} --help'"


def show_warning(message: Warning | str, *args: Any, **kwargs: Any) -> None:
    """Write a warning as one line."""
    write_message(f"warning: {with_option_names(str(message))}")


class _OneLineFormatter(logging.Formatter):
    """A formatter that writes each log record as one line."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.name}: {one_line(record.getMessage())}"


def log_to_standard_error(level: int) -> None:
    """Write log records from a level on, one line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLineFormatter())
    logging.basicConfig(level=level, handlers=[handler])

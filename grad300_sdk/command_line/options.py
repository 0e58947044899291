"""The options of all commands, and those that several commands share."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, BadParameter, Option

from grad300_sdk.command_line.output import end_line, one_line

if TYPE_CHECKING:
    from grad300_sdk.client import Client

__all__ = [
    "FromOption",
    "GlobalOptions",
    "MaxResultsOption",
    "ScanNameOption",
    "SourceOption",
    "ToOption",
    "TypeArgument",
    "as_filters",
    "global_options_first",
    "parse_integer",
    "parse_number",
]

# The options of all commands, which may stand before or after the command.
_GLOBAL_VALUES = ("--base-url", "--token-file", "--user")
_GLOBAL_FLAGS = ("--password-stdin", "--allow-http", "--quiet", "-q", "--verbose", "-v")


def global_options_first(arguments: Sequence[str]) -> list[str]:
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


@dataclass
class GlobalOptions:
    """The options of all commands."""

    base_url: str | None
    token_file: Path | None
    user: str | None
    password_stdin: bool
    allow_http: bool
    is_quiet: bool

    def make_client(self) -> Client:
        """Make a client; ask for the user's password, unless a login of the user is kept."""
        from grad300_sdk.client import Client

        user, password = self.user, None
        if user is not None:
            if not self.password_stdin and self._has_login(user):
                user = None
            else:
                password = self.ask_password(user)
        return Client(
            self.base_url,
            token_file=self.token_file,
            user=user,
            password=password,
            allow_http=self.allow_http,
        )

    def _has_login(self, user: str) -> bool:
        """Return whether a login of a user is kept for the server."""
        from grad300_sdk.client import Client
        from grad300_sdk.logins import load_login

        with Client(self.base_url, force_noauth=True) as client:
            saved = load_login(client.base_api_url)
        return saved is not None and saved.user == user and not saved.is_expired

    def ask_password(self, user: str) -> str:
        """Return the password of a user, from the terminal or from standard input."""
        if not (self.password_stdin or sys.stdin.isatty()):
            raise ValueError(
                "there is no terminal to enter the password on; use --password-stdin to read it "
                "from standard input"
            )
        try:
            if self.password_stdin:
                password = sys.stdin.readline().rstrip("\r\n")
            else:
                password = getpass.getpass(f"Password of {one_line(user)}: ")
        except EOFError:
            end_line()
            password = ""
        except UnicodeError:  # its message contains a part of the password
            raise ValueError(
                "the password is not valid text in the encoding of standard input"
            ) from None
        if not password:
            raise ValueError("the password is empty")
        return password


# Typer's own messages are those of the library that it checks values with.
def parse_integer(text: str) -> int:
    """Parse an integer."""
    try:
        return int(text)
    except ValueError:
        raise BadParameter(f"{text!r} is not an integer") from None


def parse_number(text: str) -> float:
    """Parse a number."""
    try:
        return float(text)
    except ValueError:
        raise BadParameter(f"{text!r} is not a number") from None


def complete_scan_type() -> list[str]:
    """Return the scan types."""
    return ["TPI", "Images", "Spectrum", "OnOff"]


TypeArgument = Annotated[
    str | None,
    Argument(
        metavar="TYPE",
        help="TPI, Images, Spectrum or OnOff; by default, all four types.",
        autocompletion=complete_scan_type,
        show_default=False,
    ),
]
SourceOption = Annotated[str | None, Option(metavar="S", help="Part of the source's name.")]
ScanNameOption = Annotated[str | None, Option(metavar="N", help="Part of the file's name.")]
FromOption = Annotated[
    str | None, Option("--from", metavar="DATE", help="Earliest date, such as 2025-02-04.")
]
ToOption = Annotated[str | None, Option("--to", metavar="DATE", help="Latest date.")]
MaxResultsOption = Annotated[
    int | None, Option(metavar="N", help="Maximum number of scans.", parser=parse_integer)
]


def as_filters(
    source: str | None,
    scan_name: str | None,
    date_from: str | None,
    date_to: str | None,
    max_results: int | None,
) -> dict[str, Any]:
    """Return the filters of a listing, and pages that have no more rows than are needed."""
    from grad300_sdk.settings import setting

    if max_results is None or max_results < 1:
        page_size = None
    else:
        page_size = min(max_results, setting("default_page_size"))
    return {
        "source": source,
        "scan_name": scan_name,
        "date_from": date_from,
        "date_to": date_to,
        "max_results": max_results,
        "page_size": page_size,
    }

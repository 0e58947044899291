"""The command ``grad300``: its commands, its options, and its exit status."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Context, Exit, Option, Typer
from typer.core import TyperCommand
from typer.exceptions import TyperException

from grad300_sdk.command_line.accounts import login, logout, whoami
from grad300_sdk.command_line.downloads import download
from grad300_sdk.command_line.errors import (
    describe_error,
    describe_wrong_usage,
    log_to_standard_error,
    show_warning,
    with_option_names,
)
from grad300_sdk.command_line.files import plot, repair, show
from grad300_sdk.command_line.listings import scans
from grad300_sdk.command_line.options import GlobalOptions, global_options_first
from grad300_sdk.command_line.output import FAILED, WRONG_USAGE, write_message, write_output
from grad300_sdk.command_line.requests import get, tree
from grad300_sdk.command_line.sandbox import sandbox
from grad300_sdk.command_line.settings import config
from grad300_sdk.version import __version__

__all__ = ["COMMANDS", "run"]

app = Typer(
    help="Access the archive of the GRAD300 radio telescope.",
    epilog=(
        "The options above may also follow the command. To begin: grad300 login, then "
        "grad300 scans --source sun."
    ),
    rich_markup_mode=None,  # plain text suits narrow terminals and pipes
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _Command(TyperCommand):
    """A command whose help names no Python types, and that completes all options."""

    def get_help(self, ctx: Any) -> str:
        """Return the help without the types that typer writes after arguments."""
        return re.sub(r" <[\w\[\]]+>", lambda match: " " * len(match[0]), super().get_help(ctx))

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the completions of an option or an argument."""
        found = super().shell_complete(ctx, incomplete)
        if not incomplete.startswith("-"):
            return found
        known = {item.value for item in found}
        others = ctx.parent.command.shell_complete(ctx.parent, incomplete)
        return [*found, *(item for item in others if item.value not in known)]


# The commands in the order of the help, each with its example.
COMMANDS: dict[Callable[..., object], str] = {
    login: "grad300 login --user student@example.com",
    logout: "grad300 logout",
    whoami: "grad300 whoami",
    scans: "grad300 scans TPI --source sun --from 2025-02-01 --format csv",
    download: "grad300 download TPI 3 14 15 --dir scans",
    show: "grad300 show TPI/42",
    plot: "grad300 plot TPI/42 --output sun.png",
    repair: "grad300 repair map.fits --dir repaired",
    get: "grad300 get /scans/TPI/ --param limit=3 --param source=sun",
    tree: "grad300 tree | grep download",
    config: "grad300 config base_url https://archive.example.org",
    sandbox: "grad300 sandbox --scans 500 --seed 7",
}
for command, example in COMMANDS.items():
    app.command(cls=_Command, epilog=f"Example: {example}")(command)


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
        warnings.showwarning = show_warning
        try:
            ordered = global_options_first(sys.argv[1:] if arguments is None else arguments)
            status = app(ordered, prog_name="grad300", standalone_mode=False)
        except TyperException as error:
            write_message(describe_wrong_usage(error))
            return WRONG_USAGE
        except ValueError as error:  # the SDK rejected an argument
            write_message(with_option_names(str(error)))
            return WRONG_USAGE
        except Exception as error:  # the user gets one line, never a traceback
            write_message(describe_error(error))
            return FAILED
    return status or 0


def _show_version(is_requested: bool) -> None:
    if is_requested:
        write_output(f"grad300 {__version__}\n")
        raise Exit


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
    allow_http: Annotated[
        bool, Option("--allow-http", help="Send credentials over plain http, without a warning.")
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
        write_output(f"{context.get_help()}\n")
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
    context.obj = GlobalOptions(base_url, token_file, user, password_stdin, allow_http, quiet)
    level = logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING
    log_to_standard_error(level)


def _is_argument(context: Context, name: str) -> bool:
    """Return whether an option was typed, not found in the environment."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"

"""``python -m grad300_sdk.sandbox``: run a sandbox in the foreground until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import re
import signal
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from grad300_sdk.sandbox.server import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox until Ctrl-C or SIGTERM.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command-line arguments; by default, those of this process.

    Returns
    -------
    int
        The exit status: 0, or 1 if the sandbox cannot listen on the address.
    """
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    try:
        sandbox = Sandbox(**options)
    except ValueError as error:
        parser.error(_with_option_name(str(error)))
    try:
        serve(sandbox)
    except OSError as error:
        print(f"{parser.prog}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def serve(sandbox: Sandbox) -> None:
    """Print a sandbox's address and account, and run it until Ctrl-C or SIGTERM.

    Parameters
    ----------
    sandbox : Sandbox
        The sandbox.

    Raises
    ------
    OSError
        If it cannot listen on its address.
    """
    previous = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with contextlib.suppress(KeyboardInterrupt), sandbox:
            _print_account(sandbox)
            while True:
                time.sleep(3600)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _print_account(sandbox: Sandbox) -> None:
    """Print how to log in; the server runs on even if nobody reads it."""
    with contextlib.suppress(OSError):
        print(
            f"address   {sandbox.url}\nuser      {sandbox.user}\npassword  {sandbox.password}",
            flush=True,
        )


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Write the message and exit."""
        line = " ".join(re.sub("^argument (.*?):", r"\1", message).split())
        self.exit(2, f"{self.prog}: {line}; see '{self.prog} --help'\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m grad300_sdk.sandbox",
        description="Run a GRAD300 archive with synthetic scans on this machine until Ctrl-C.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_integer, default=0, help="port to listen on (default: any free port)"
    )
    parser.add_argument(
        "--scans", type=_integer, metavar="N", help="number of scans in the archive"
    )
    parser.add_argument("--seed", type=_integer, metavar="S", help="seed of the random numbers")
    parser.add_argument(
        "--token-lifetime", type=_number, metavar="SECONDS", help="time until a token expires"
    )
    faults = parser.add_argument_group("faults to test tools against")
    faults.add_argument("--broken", action="store_true", help="break one file in ten")
    faults.add_argument("--max-limit", type=_integer, metavar="N", help="maximum scans per page")
    faults.add_argument("--ignore-filters", action="store_true", help="ignore the filters")
    faults.add_argument("--ignore-offset", action="store_true", help="repeat the first page")
    faults.add_argument(
        "--latency", type=_number, metavar="SECONDS", help="delay before each response"
    )
    faults.add_argument(
        "--failure-rate",
        type=_number,
        metavar="FRACTION",
        help="fraction of the requests, from 0 to 1, to answer with status 503",
    )
    return parser


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer, not {text!r}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None


def _with_option_name(message: str) -> str:
    """Return a message of `Sandbox`, which begins with a parameter, about the option instead."""
    parameter, blank, rest = message.partition(" ")
    return f"--{parameter.replace('_', '-')}{blank}{rest}"


if __name__ == "__main__":  # pragma: no cover - runs in processes of its own
    sys.exit(main())

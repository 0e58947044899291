"""``python -m grad300_sdk.sandbox``: a sandbox in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Sequence

from . import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a sandbox until Ctrl-C or SIGTERM.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line's arguments, by default those of this process.

    Returns
    -------
    int
        The exit status: 0, or 1 if the sandbox can't listen.
    """
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    try:
        sandbox = Sandbox(**options)
    except ValueError as error:
        parser.error(str(error))
    previous = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with contextlib.suppress(KeyboardInterrupt), sandbox:
            print(f"address   {sandbox.url}", flush=True)
            print(f"user      {sandbox.user}", flush=True)
            print(f"password  {sandbox.password}", flush=True)
            while True:
                time.sleep(3600)
    except OSError as error:
        place = f"{options['host']} port {options['port']}"
        print(f"{parser.prog}: can't listen on {place}: {error.strerror}", file=sys.stderr)
        return 1
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m grad300_sdk.sandbox",
        description="A GRAD300 archive on this machine, with synthetic scans. Ctrl-C ends it.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (a free one)")
    parser.add_argument("--scans", type=int, metavar="N", help="how many scans there are")
    parser.add_argument("--seed", type=int, metavar="S", help="what the scans are drawn from")
    parser.add_argument("--token-lifetime", type=float, metavar="SECONDS")
    odd = parser.add_argument_group("misbehaviour, to test tools against")
    odd.add_argument("--max-limit", type=int, metavar="N", help="most scans on a page")
    odd.add_argument("--ignore-filters", action="store_true", help="list whatever is there")
    odd.add_argument("--ignore-offset", action="store_true", help="repeat the first page")
    odd.add_argument("--latency", type=float, metavar="SECONDS", help="wait before each answer")
    odd.add_argument("--failure-rate", type=float, metavar="SHARE", help="answer 503 so often")
    return parser


if __name__ == "__main__":  # pragma: no cover - runs in processes of its own
    sys.exit(main())

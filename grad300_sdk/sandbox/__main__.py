"""``python -m grad300_sdk.sandbox``: run a sandbox in the foreground until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Sequence

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
        address = f"{options['host']} port {options['port']}"
        print(f"{parser.prog}: cannot listen on {address}: {error.strerror}", file=sys.stderr)
        return 1
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m grad300_sdk.sandbox",
        description="Run a GRAD300 archive with synthetic scans on this machine until Ctrl-C.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on (default: any free port)"
    )
    parser.add_argument("--scans", type=int, metavar="N", help="number of scans in the archive")
    parser.add_argument("--seed", type=int, metavar="S", help="seed of the random numbers")
    parser.add_argument(
        "--token-lifetime", type=float, metavar="SECONDS", help="time until a token expires"
    )
    faults = parser.add_argument_group("faults to test tools against")
    faults.add_argument("--max-limit", type=int, metavar="N", help="maximum scans per page")
    faults.add_argument("--ignore-filters", action="store_true", help="ignore the filters")
    faults.add_argument("--ignore-offset", action="store_true", help="repeat the first page")
    faults.add_argument(
        "--latency", type=float, metavar="SECONDS", help="delay before each response"
    )
    faults.add_argument(
        "--failure-rate",
        type=float,
        metavar="FRACTION",
        help="fraction of the requests, from 0 to 1, to answer with status 503",
    )
    return parser


if __name__ == "__main__":  # pragma: no cover - runs in processes of its own
    sys.exit(main())

"""``grad300 sandbox``."""

from __future__ import annotations

from errno import EADDRINUSE
from typing import Annotated

from typer import Option

from grad300_sdk.command_line.options import parse_integer, parse_number

__all__ = ["sandbox"]


def sandbox(
    host: Annotated[str, Option(metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, Option(metavar="N", help="Port; 0 selects a free one.", parser=parse_integer)
    ] = 0,
    scans: Annotated[
        int, Option(metavar="N", help="Number of scans.", parser=parse_integer)
    ] = 200,
    seed: Annotated[
        int, Option(metavar="S", help="Seed of the random numbers.", parser=parse_integer)
    ] = 0,
    token_lifetime: Annotated[
        float | None,
        Option(metavar="SECONDS", help="Time until a token expires.", parser=parse_number),
    ] = None,
    broken: Annotated[bool, Option("--broken", help="Break one file in ten.")] = False,
    max_limit: Annotated[
        int | None, Option(metavar="N", help="Maximum scans per page.", parser=parse_integer)
    ] = None,
    ignore_filters: Annotated[
        bool, Option("--ignore-filters", help="Ignore the filters of listings.")
    ] = False,
    ignore_offset: Annotated[
        bool, Option("--ignore-offset", help="Repeat the first page of listings.")
    ] = False,
    latency: Annotated[
        float,
        Option(metavar="SECONDS", help="Delay before each response.", parser=parse_number),
    ] = 0.0,
    failure_rate: Annotated[
        float,
        Option(
            metavar="FRACTION",
            help="Fraction of the requests, from 0 to 1, to answer with status 503.",
            parser=parse_number,
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
            broken=broken,
            **given,
        )
    except ValueError as error:  # its message begins with a parameter
        name, blank, rest = str(error).partition(" ")
        raise ValueError(f"--{name.replace('_', '-')}{blank}{rest}") from None
    try:
        serve(server)
    except OSError as error:  # without the number of the error
        hint = "; use another --port, or 0 for a free one" if error.errno == EADDRINUSE else ""
        raise OSError(f"{error.strerror}{hint}") from None

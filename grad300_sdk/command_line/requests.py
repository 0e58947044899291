"""``grad300 tree`` and ``grad300 get``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

from typer import Argument, Context, Option

from grad300_sdk.command_line.options import parse_integer
from grad300_sdk.command_line.output import as_json, write_output
from grad300_sdk.command_line.terminal import terminal_width
from grad300_sdk.command_line.trees import MIN_WIDTH, draw_tree

__all__ = ["get", "tree"]


def tree(
    width: Annotated[
        int | None,
        Option(
            metavar="N",
            help="Width of the tree; by default, that of the terminal.",
            parser=parse_integer,
        ),
    ] = None,
) -> None:
    """Print all calls of the SDK and the requests that they send.

    On a terminal, or with --width, the calls are indented below their nodes. In a pipe, each is on
    a line of its own with its whole path.
    """
    from grad300_sdk.client import Client

    if width is not None and width < MIN_WIDTH:
        raise ValueError(f"--width must be at least {MIN_WIDTH}, not {width}")
    if width is None and sys.stdout.isatty():
        width = max(terminal_width(), MIN_WIDTH)
    with Client(force_noauth=True) as client:
        drawn = client.tree()
        write_output(f"{drawn}\n" if width is None else draw_tree(drawn.root, width))


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
            write_output(as_json(decode_json(response), is_indented=sys.stdout.isatty()))
        except DecodeError:
            if sys.stdout.isatty() and response.content:
                raise DecodeError(
                    "the response is not JSON, so it is not written to a terminal: "
                    f"{describe(response)}; redirect it to a file with '> FILE'"
                ) from None
            write_output(response.content)


def _parse_query(params: Sequence[str]) -> dict[str, list[str]]:
    """Parse query parameters; a repeated one has several values."""
    query: dict[str, list[str]] = {}
    for text in params:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise ValueError(f"--param must be NAME=VALUE, not {text!r}")
        query.setdefault(name, []).append(value)
    return query

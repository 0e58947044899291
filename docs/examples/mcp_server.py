"""Give a language model read access to the archive, by the Model Context Protocol.

The server speaks over its standard input and output, so that a program such as an editor starts
it. It needs the packages ``mcp`` and ``grad300-sdk[plot]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Annotated, Any

from astropy.io.fits import BinTableHDU, Header
from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from grad300_sdk import Client, Grad300Error, ScanType

JSON = dict[str, Any]
Limit = Annotated[int, Field(ge=1, le=100)]  # a model reads every row


def build_server(client: Client) -> MCPServer[Any]:
    """Return a server whose tools read the archive with a client."""
    server: MCPServer[Any] = MCPServer(
        "grad300",
        instructions="The archive of GRAD300, a 3 m radio telescope. A scan has a type and an id.",
        log_level="WARNING",
    )
    read_only = ToolAnnotations(read_only_hint=True, open_world_hint=True)

    @server.tool(annotations=read_only)
    def list_scans(scan_type: ScanType, offset: int = 0, limit: Limit = 20) -> list[JSON]:
        """List the scans of a type in the archive's order, one page at a time."""
        with readable_errors():
            return client.scans[scan_type].get(offset=offset, limit=limit)

    @server.tool(annotations=read_only)
    def search_scans(
        scan_type: ScanType | None = None,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: str | None = None,
        date_to: str | None = None,
        max_results: Limit = 20,
    ) -> list[JSON]:
        """Find scans whose source or name contains a text, or that began between two dates.

        The dates are ISO 8601, in UTC; both ends belong to the range.
        """
        scans = client.scans if scan_type is None else client.scans[scan_type]
        with readable_errors():
            return list(
                scans.search(
                    source=source,
                    scan_name=scan_name,
                    date_from=date_from,
                    date_to=date_to,
                    max_results=max_results,
                )
            )

    @server.tool(annotations=read_only)
    def describe_scan(scan_type: ScanType, scan_id: int) -> JSON:
        """Describe a scan: its record, and the headers and columns of its file."""
        with readable_errors():
            scan = client.scans[scan_type][scan_id]
            return {"scan": scan.get(), "hdus": [describe_hdu(hdu) for hdu in scan.file.fits()]}

    @server.tool(annotations=read_only)
    def quick_look(scan_type: ScanType, scan_id: int) -> Image:
        """Draw a picture of a scan."""
        with readable_errors():
            figure = client.scans[scan_type][scan_id].file.plot()
        buffer = BytesIO()
        figure.savefig(buffer, format="png")
        return Image(data=buffer.getvalue(), format="png")

    return server


@contextmanager
def readable_errors() -> Iterator[None]:
    """Tell the model what went wrong; the server would hide other errors from it."""
    try:
        yield
    except (Grad300Error, ValueError) as error:
        raise ToolError(str(error)) from error


def describe_hdu(hdu: Any) -> JSON:
    """Return the header of an HDU and, for a table, the units of its columns."""
    described: JSON = {"header": describe_header(hdu.header)}
    if isinstance(hdu, BinTableHDU):
        described["columns"] = {column.name: column.unit for column in hdu.columns}
    return described


def describe_header(header: Header) -> JSON:
    """Return the values of a header."""
    return {
        keyword: value if isinstance(value, bool | int | float) else str(value)
        for keyword, value in header.items()
        if keyword not in ("", "COMMENT", "HISTORY")
    }


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--base-url", help="the archive's server; by default, the setting")
    arguments = parser.parse_args()
    with Client(arguments.base_url) as client:
        build_server(client).run("stdio")


if __name__ == "__main__":
    main()

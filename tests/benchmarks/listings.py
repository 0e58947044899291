"""What a table of a whole archive costs: ``python -m tests.benchmarks.listings``.

Ratios of whole tables to plain httpx that fetches the same pages one after the other and decodes
their JSON to dicts, in one run, against one sandbox in a process of its own.
"""

from __future__ import annotations

import httpx

from grad300_sdk import Client, ScanType
from grad300_sdk.defaults import DEFAULTS
from tests.benchmarks.requests import ratio, server


def fetch(url: str, token: str, page_size: int) -> int:
    """Fetch all pages of all listings by hand, and count their rows."""
    total = 0
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        for scan_type in ScanType:
            offset, rows = 0, [None]
            while rows:
                params = {"offset": offset, "limit": page_size}
                rows = client.get(f"{url}/api/v1/scans/{scan_type}/", params=params).json()
                offset += len(rows)
            total += offset
    return total


def table(url: str, token: str, page_size: int) -> int:
    """Make a table of all scans, and count its rows."""
    with Client(url, token=token) as client:
        return len(client.scans.table(page_size=page_size))


def compare(scans: int, page_size: int, rounds: int, *options: str) -> float:
    """Give table / fetch for an archive of so many scans."""
    with server(*options, scans=scans) as (url, user, password), Client(url) as client:
        token = client.login(user, password)
        assert table(url, token, page_size) == fetch(url, token, page_size) == scans
        return ratio(
            lambda: table(url, token, page_size), lambda: fetch(url, token, page_size), rounds
        )


def main() -> None:
    """Print the ratios, with the most that they may be."""
    page_size = DEFAULTS["default_page_size"][0]
    print(f"{compare(10_000, 1000, 9):6.2f}  10 000 scans as a table, pages of 1000 (1.6)")
    figure = compare(10_000, page_size, 2, "--latency", "0.02")
    print(f"{figure:6.2f}  10 000 scans, pages of {page_size}, 20 ms away (0.22)")


if __name__ == "__main__":
    main()

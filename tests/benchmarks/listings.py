"""What a table of a whole archive costs: ``python -m tests.benchmarks.listings``.

Ratios of whole tables to plain httpx that fetches the same pages one after the other and decodes
their JSON to dicts, in one run, against one sandbox in a process of its own; then the most memory
that a process takes which lists a million scans.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from grad300_sdk import Client, ScanType
from grad300_sdk.defaults import DEFAULTS
from tests.benchmarks.requests import ratio, server
from tests.benchmarks.tables import listing

MILLION = 1_000_000
# What a process does that lists scans, and how much memory it took before and took at most.
LIST = """
import resource, sys
from grad300_sdk import Client
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
with Client(sys.argv[1], force_noauth=True) as client:
    scans = client.scans["TPI"]
    len({make}(max_results=3000))
    before = peak()
    len({make}())
    print(before, peak())
"""
MAKE = {
    "search": "lambda **options: range(sum(1 for _ in scans.search(page_size=1000, **options)))",
    "table": "lambda **options: scans.table(page_size=1000, **options)",
}


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
    """Return table / fetch for an archive of so many scans."""
    with server(*options, scans=scans) as (url, user, password), Client(url) as client:
        token = client.login(user, password)
        assert table(url, token, page_size) == fetch(url, token, page_size) == scans
        return ratio(
            lambda: table(url, token, page_size), lambda: fetch(url, token, page_size), rounds
        )


@contextmanager
def archive(count: int) -> Iterator[str]:
    """Serve a listing of so many scans; yield its URL."""
    templates = []
    for row in listing(1000):
        del row["id"]
        templates.append(json.dumps(row)[1:])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            start = int(query["offset"][0])
            numbers = range(start, min(start + int(query["limit"][0]), count))
            rows = [f'{{"id": {number}, {templates[number % 1000]}' for number in numbers]
            body = f"[{','.join(rows)}]".encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def memory(make: str, count: int) -> tuple[float, float]:
    """Return how many MiB a process takes before it lists so many scans, and at most."""
    with archive(count) as url:
        command = [sys.executable, "-c", LIST.format(make=f"({MAKE[make]})"), url]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    before, peak = map(float, done.stdout.split())
    return before, peak


def main() -> None:
    """Print the ratios, with the most that they may be."""
    page_size = DEFAULTS["default_page_size"][0]
    figure = compare(10_000, 1000, 9)
    print(f"{figure:6.2f}  10 000 scans as a table, pages of 1000 (1.0, aim 0.8)")
    figure = compare(10_000, page_size, 2, "--latency", "0.02")
    print(f"{figure:6.2f}  10 000 scans, pages of {page_size}, 20 ms away (0.22)")
    before, peak = memory("search", MILLION)
    figure = (peak - before) * 2**20 / MILLION
    print(f"{figure:6.0f}  bytes a scan that a search through a million takes (50)")
    print(f"{memory('table', MILLION)[1]:6.0f}  MiB that a table of a million takes, in all (700)")


if __name__ == "__main__":
    main()

"""What a table costs beside decoding its JSON: ``python -m tests.benchmarks.tables``.

Each figure is a ratio: both sides do the same work, in turn, in one run; of many rounds the median
of the ratios counts. Below 1 the SDK is faster.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import msgspec
from astropy.table import Table

from grad300_sdk.records import ScanType, make_records
from grad300_sdk.sandbox.observing import observe
from grad300_sdk.tables import make_table

SIZES = (100, 1_000, 10_000, 50_000, 100_000, 200_000)
# How a server may write the dates.
DATES: dict[str, Callable[[str], str]] = {
    "without an offset": str,
    "with Z": lambda date: f"{date}Z",
    "in microseconds": lambda date: f"{date}.123456+00:00",
    "with another offset": lambda date: f"{date}+02:00",
    "not all alike": lambda date: f"{date}.5" if date.endswith("7") else date,
}


def seconds(function: Callable[[], object]) -> float:
    """Time a function."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def ratio(one: Callable[[], object], other: Callable[[], object], rounds: int = 15) -> float:
    """Return the median of one / other over rounds in which each goes first in turn."""
    ratios = []
    for number in range(rounds):
        if number % 2:
            below, above = seconds(other), seconds(one)
        else:
            above, below = seconds(one), seconds(other)
        ratios.append(above / below)
    return median(ratios)


def listing(count: int) -> list[dict[str, Any]]:
    """Return so many rows, as a server has them."""
    rows: list[dict[str, Any]] = [dict(row) for _, _, row in observe(min(count, 10_000), 1)]
    for row in rows:
        del row["plan"]  # which the archive does not list
    return [{**rows[number % len(rows)], "id": number} for number in range(count)]


def build(content: bytes) -> Table:
    """Decode, and make the table."""
    return make_table(msgspec.json.decode(content), ScanType.TPI, {})


def build_by_row(content: bytes) -> Table:
    """Decode, and make the table of a record a row."""
    records = make_records(json.loads(content), ScanType.TPI)
    names = [name for name in type(records[0]).__struct_fields__ if name != "metadata"]
    return Table(
        rows=[
            {**{name: getattr(record, name) for name in names}, **record.metadata}
            for record in records
        ]
    )


def main() -> None:
    """Print the ratios, then the curve."""
    rows = listing(10_000)
    content = json.dumps(rows).encode()
    print("10 000 scans, JSON to Table / JSON to dicts with the standard library:")
    for name, write in DATES.items():
        dated = [
            {
                key: write(value) if "T" in str(value)[10:11] else value
                for key, value in row.items()
            }
            for row in rows
        ]
        other = json.dumps(dated).encode()
        print(f"  dates {name:19s} {ratio(lambda: build(other), lambda: json.loads(other)):.2f}")  # noqa: B023
    by_row = ratio(lambda: build(content), lambda: build_by_row(content), 5)
    print(f"10 000 scans, column by column / row by row: {by_row:.2f}")
    print("JSON to Table, microseconds a scan:")
    for size in SIZES:
        content = json.dumps(listing(size)).encode()
        best = min(seconds(lambda: build(content)) for _ in range(7))  # noqa: B023
        print(f"  {size:7d} scans {best / size * 1e6:6.2f}  ({best:.4f} s)")


if __name__ == "__main__":
    main()

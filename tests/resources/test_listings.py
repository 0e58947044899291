"""Records and tables of listings, on both clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from grad300_sdk import DecodeError, Grad300Client, Grad300Warning, ScanRecord, conf
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness
from tests.resources.archive import FakeArchive, scan

COLUMNS = [
    "id",
    "scan_type",
    "file_name",
    "file_path",
    "size",
    "source",
    "ra",
    "dec",
    "date",
    "date_obs",
    "date_end",
    "gain",
    "comment",
]


@pytest.fixture
def connect(harness: Harness) -> Callable[..., Any]:
    """Make a client of a fake archive."""

    def make(archive: Any, **options: Any) -> Any:
        transport = httpx.MockTransport(archive)
        return harness.client("https://archive", transport=transport, **options)

    return make


@pytest.mark.parametrize("all_types", [False, True])
def test_table_and_records(harness: Harness, client: Any, all_types: bool) -> None:
    scans = client.scans if all_types else client.scans["TPI"]
    rows = harness.list(scans.search())
    table = harness.run(scans.table(page_size=30))
    records = harness.run(scans.records(page_size=30))
    assert table.colnames[:13] == COLUMNS
    assert list(table["id"]) == [row["id"] for row in rows] == [r.id for r in records]
    assert list(table["scan_type"]) == [record.scan_type for record in records]
    assert all(isinstance(record, ScanRecord) for record in records)
    assert [str(table[name].unit) for name in ("ra", "dec", "size")] == [
        "hourangle",
        "deg",
        "byte",
    ]
    assert table.meta["truncated"] is False
    assert table.meta["path"] == scans.path


def test_what_was_asked(harness: Harness, client: Any, sandbox: Sandbox) -> None:
    table = harness.run(
        client.scans["TPI"].table(source="sun", date_from="2025-01-01", max_results=3)
    )
    assert len(table) == 3
    assert table.meta["server"] == f"{sandbox.url}/api/v1"
    assert table.meta["source"] == "sun"
    assert table.meta["date_from"] == "2025-01-01T00:00:00+00:00"
    assert table.meta["max_results"] == 3
    assert "scan_name" not in table.meta
    assert table.meta["retrieved"].startswith("20")


def test_one_record(harness: Harness, client: Any) -> None:
    record = harness.run(client.scans["TPI"][1].record())
    assert record == harness.run(client.scans["TPI"].records(max_results=1))[0]


def test_an_empty_result_has_the_same_columns(harness: Harness, client: Any) -> None:
    full = harness.run(client.scans["TPI"].table(max_results=5))
    empty = harness.run(client.scans["TPI"].table(source="no such source"))
    assert len(empty) == 0
    assert empty.colnames == COLUMNS
    for name in COLUMNS:
        assert type(empty[name]) is type(full[name])
        assert empty[name].info.unit == full[name].info.unit


def test_the_unit_of_right_ascension_is_a_label(harness: Harness, client: Any) -> None:
    before = harness.run(client.scans["TPI"].table(max_results=1))
    with conf.set_temp("ra_unit", "deg"):
        after = harness.run(client.scans["TPI"].table(max_results=1))
    assert (before["ra"].value == after["ra"].value).all()
    assert str(after["ra"].unit) == "deg"


def test_bad_rows_are_left_out_with_one_warning(
    harness: Harness, connect: Callable[..., Any]
) -> None:
    rows = [
        scan(1, ra=None, size=None, date_end=None, nested={"a": 1}),
        {"file_name": "without an id.fits"},
        scan(2, object=None),
        "no object at all",
        {"id": 3, "file_name": "x.fits"},
    ]
    client = connect(FakeArchive(rows))
    with pytest.warns(Grad300Warning, match="2 ") as caught:
        table = harness.run(client.scans["TPI"].table())
    assert len(caught) == 1
    assert list(table["id"]) == [1, 2, 3]
    assert list(table["ra"].mask) == [True, True, True]
    assert table["nested"][0] == '{"a": 1}'
    assert all(table[name].dtype.kind != "O" for name in table.colnames if "date" not in name)
    with pytest.warns(Grad300Warning, match="2 "):
        assert len(harness.run(client.scans["TPI"].records())) == 3


def test_a_mock_that_answers_one_short_page_earns_no_warning(
    harness: Harness, connect: Callable[..., Any]
) -> None:
    client = connect(FakeArchive([scan(1), scan(2)], ignores_offset=True))
    assert len(harness.run(client.scans["TPI"].records())) == 2
    assert len(harness.list(client.scans["TPI"].search())) == 2
    table = harness.run(client.scans["TPI"].table())
    assert len(table) == 2
    assert table.meta["truncated"] is True  # for all that the SDK can know


def test_a_table_of_a_server_that_repeats_itself_says_so(
    harness: Harness, connect: Callable[..., Any]
) -> None:
    rows = [scan(number) for number in range(1, 51)]
    client = connect(FakeArchive(rows, ignores_offset=True))
    with pytest.warns(Grad300Warning, match="rows may be missing"):
        table = harness.run(client.scans["TPI"].table(page_size=10))
    assert len(table) == 10
    assert table.meta["truncated"] is True


@pytest.mark.parametrize("cap", [None, 3])
@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 95])
def test_no_row_is_lost(
    harness: Harness, connect: Callable[..., Any], number: int, cap: int | None
) -> None:
    rows = [scan(index) for index in range(1, number + 1)]
    client = connect(FakeArchive(rows, cap=cap))
    records = harness.run(client.scans["TPI"].records(page_size=10))
    assert [record.id for record in records] == list(range(1, number + 1))


@pytest.mark.parametrize(("wanted", "requests"), [(1, 1), (10, 1), (11, 2), (35, 4)])
def test_max_results_fetches_no_page_that_cannot_be_needed(
    harness: Harness, connect: Callable[..., Any], wanted: int, requests: int
) -> None:
    archive = FakeArchive([scan(index) for index in range(1, 301)])
    client = connect(archive)
    table = harness.run(client.scans["TPI"].table(page_size=10, max_results=wanted))
    assert len(table) == wanted
    assert len(archive.requests) == requests


@pytest.mark.parametrize("call", ["table", "records"])
def test_wrong_arguments(harness: Harness, connect: Callable[..., Any], call: str) -> None:
    archive = FakeArchive([])
    client = connect(archive)
    for scans in (client.scans, client.scans["TPI"]):
        with pytest.raises(ValueError, match=r"max_results must be at least [01], not 0"):
            harness.call(getattr(scans, call), max_results=0)
        with pytest.raises(TypeError, match="limit"):
            harness.call(getattr(scans, call), limit=3)
    assert archive.requests == []


# What the numbers of bytes are measured on: a process of its own, whose answers are made up.
MEMORY = """
import json, sys, tracemalloc, httpx
from grad300_sdk import Client
import grad300_sdk.tables

text = json.dumps({
    "file_name": "20230610-093000_TPI-PROJ01-SUN_01#_01#.fits", "file_path": "20230610/FITS",
    "size": 1647728, "object": "sun", "ra": 5.25, "dec": 23.5, "date": "2023-06-10T09:30:00",
    "date_obs": "2023-06-10T09:30:00", "date_end": "2023-06-10T12:00:30", "gain": 35,
    "azimuth": 118.51, "elevation": 56.67, "nsamples": 13172, "mtime": "2023-06-10T12:00:30",
})[1:]

def answer(request):
    start = int(request.url.params["offset"])
    numbers = range(start, min(start + 2000, COUNT))
    rows = ",".join(f'{{"id": {number}, {text}' for number in numbers)
    return httpx.Response(200, text=f"[{rows}]")

COUNT = int(sys.argv[2])
with Client("https://archive", transport=httpx.MockTransport(answer), max_connections=2) as client:
    tracemalloc.start()
    if sys.argv[1] == "search":
        assert sum(1 for _ in client.scans["TPI"].search(page_size=2000)) == COUNT
    else:
        assert len(client.scans["TPI"].table(page_size=2000)) == COUNT
    print(tracemalloc.get_traced_memory()[1])
"""


@pytest.mark.parametrize(("call", "most"), [("search", 20), ("table", 900)])
def test_many_scans_take_little_memory(call: str, most: int) -> None:
    def peak(count: int) -> int:
        command = [sys.executable, "-c", MEMORY, call, str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        return int(done.stdout)

    # As rows they take about 1900 bytes each; in the table about 430.
    assert (peak(60_000) - peak(20_000)) / 40_000 < most


TOKEN = "s3cret-token-of-the-user"
# Bad rows in which a server repeats what it was sent: as an id, a name, a value, a type, a key.
BAD_ROWS: list[Any] = [
    {"id": TOKEN, "file_name": "a.fits"},
    {"id": None, "file_name": TOKEN},
    {"id": 1, "file_name": "a.fits", "size": f"{'x' * 50} Bearer {TOKEN}"},
    {TOKEN: 1},
    f"Bearer {TOKEN}",
    [TOKEN],
]


@pytest.mark.parametrize("row", BAD_ROWS, ids=range(len(BAD_ROWS)))
@pytest.mark.parametrize("call", ["table", "records", "record"])
def test_a_token_that_a_bad_row_repeats_is_not_quoted(
    harness: Harness, connect: Callable[..., Any], call: str, row: Any
) -> None:
    if call == "record":

        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json=row)

        record = connect(answer, token=TOKEN).scans["TPI"][1].record
        with pytest.raises(DecodeError) as raised:
            harness.call(record)
        assert raised.value.request is not None
        assert raised.value.response is not None
        message = str(raised.value)
    else:
        client = connect(FakeArchive([scan(7), row]), token=TOKEN)
        with pytest.warns(Grad300Warning) as caught:
            assert len(harness.call(getattr(client.scans["TPI"], call))) == 1
        message = str(caught[0].message)
    assert TOKEN[:8] not in message
    assert "***" in message


def test_a_token_that_a_bad_row_repeats_is_not_quoted_by_the_flat_client() -> None:
    transport = httpx.MockTransport(FakeArchive(BAD_ROWS[:1]))
    with Grad300Client("https://archive", token=TOKEN, transport=transport) as client:
        for call in (client.list, client.list_records, client.query, client.query_records):
            with pytest.warns(Grad300Warning, match=r"\*\*\*") as caught:
                assert len(call(scan_type="TPI")) == 0
            assert TOKEN[:8] not in str(caught[0].message)

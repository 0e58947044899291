"""Searching: pages, and servers that get them wrong; on both clients."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from astropy.time import Time

from grad300_sdk import Grad300Warning, ScanType
from grad300_sdk.resources.paging import IdSet
from tests.conftest import Harness
from tests.resources.archive import FakeArchive, Row, scan

Connect = Callable[..., Any]


@pytest.fixture
def connect(harness: Harness) -> Connect:
    """Make a client of a fake archive."""

    def make(archive: Any, **options: Any) -> Any:
        transport = httpx.MockTransport(archive)
        return harness.client("https://archive", transport=transport, **options)

    return make


def ids(rows: list[Row]) -> list[int]:
    return [row["id"] for row in rows]


def scans(number: int) -> list[Row]:
    return [scan(index) for index in range(1, number + 1)]


@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 20, 95, 200])
@pytest.mark.parametrize("cap", [None, 3, 10])
def test_every_scan_is_found_once_in_order(
    harness: Harness, connect: Connect, number: int, cap: int | None
) -> None:
    archive = FakeArchive(scans(number), cap=cap)
    found = harness.list(connect(archive).scans["TPI"].search(page_size=10))
    assert ids(found) == list(range(1, number + 1))


def test_rows_are_what_the_server_sent(harness: Harness, connect: Connect) -> None:
    rows = [scan(1, ra=None, nested={"a": [1]}), scan(2, further="x")]
    assert harness.list(connect(FakeArchive(rows)).scans["TPI"].search()) == rows


def test_pages_ahead_double_up_to_the_connections(harness: Harness, connect: Connect) -> None:
    archive = FakeArchive(scans(300))
    harness.list(connect(archive, max_connections=4).scans["TPI"].search(page_size=10))
    assert sorted(archive.asked) == [(offset, 10) for offset in range(0, 310, 10)]


def test_pages_are_asked_for_as_they_are_needed(harness: Harness, connect: Connect) -> None:
    archive = FakeArchive(scans(300))
    search = connect(archive).scans["TPI"].search(page_size=10)
    assert archive.requests == []
    for requests, rows in ((1, 10), (3, 20), (7, 40)):
        for _ in range(rows):
            harness.next(search)
        assert len(archive.requests) == requests
    harness.stop(search)
    assert len(archive.requests) == 7


def test_one_connection_fetches_one_page_ahead_at_most(harness: Harness, connect: Connect) -> None:
    archive = FakeArchive(scans(300))
    search = connect(archive, max_connections=1).scans["TPI"].search(page_size=10)
    for requests in range(1, 5):
        for _ in range(10):
            harness.next(search)
        assert archive.asked == [(10 * number, 10) for number in range(requests)]
    harness.stop(search)


@pytest.mark.parametrize("call", ["search", "records", "table"])
def test_a_last_page_that_is_repeated_for_ever_is_asked_for_a_few_times(
    harness: Harness, connect: Connect, call: str
) -> None:
    rows = scans(40)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(int(request.url.params["offset"]))
        return httpx.Response(200, json=rows[min(asked[-1], 30) :][:10])

    asked: list[int] = []
    listing = getattr(connect(answer, max_connections=4).scans["TPI"], call)
    run = harness.list if call == "search" else harness.run
    with pytest.warns(Grad300Warning, match="repeats its rows from the offset 40 on"):
        found = run(listing(page_size=10))
    assert len(found) == 40
    assert len(asked) < 13


def test_a_short_first_page_is_followed_by_one_request(harness: Harness, connect: Connect) -> None:
    archive = FakeArchive(scans(7))
    assert len(harness.list(connect(archive).scans["TPI"].search(page_size=10))) == 7
    assert archive.asked == [(0, 10), (7, 10)]


def test_a_client_that_had_a_full_page_of_that_size_need_not_ask_again(
    harness: Harness, connect: Connect
) -> None:
    archive = FakeArchive([*scans(10), scan(11, object="moon")], filters=True)
    client = connect(archive)
    harness.list(client.scans["TPI"].search(page_size=10))
    archive.requests.clear()
    assert len(harness.list(client.scans["TPI"].search(source="moon", page_size=10))) == 1
    assert archive.asked == [(0, 10)]


def test_a_cap_below_the_page_size_loses_nothing(harness: Harness, connect: Connect) -> None:
    archive = FakeArchive(scans(10), cap=4)
    assert len(harness.list(connect(archive).scans["TPI"].search(page_size=100))) == 10
    assert sorted(archive.asked)[:3] == [(0, 100), (4, 100), (8, 100)]


@pytest.mark.parametrize(
    ("wanted", "requests"), [(1, 1), (10, 1), (11, 2), (20, 2), (35, 4), (100, 10)]
)
def test_max_results_fetches_no_page_that_cannot_be_needed(
    harness: Harness, connect: Connect, wanted: int, requests: int
) -> None:
    archive = FakeArchive(scans(300))
    search = connect(archive).scans["TPI"].search(page_size=10, max_results=wanted)
    assert ids(harness.list(search)) == list(range(1, wanted + 1))
    assert len(archive.requests) == requests


def test_a_server_that_ignores_the_offset_ends_with_a_warning(
    harness: Harness, connect: Connect
) -> None:
    archive = FakeArchive(scans(50), ignores_offset=True)
    search = connect(archive).scans["TPI"].search(page_size=10)
    with pytest.warns(Grad300Warning, match="ignores 'offset'; rows may be missing"):
        assert ids(harness.list(search)) == list(range(1, 11))


def test_rows_that_are_inserted_while_paging_are_not_doubled(
    harness: Harness, connect: Connect
) -> None:
    archive = FakeArchive(scans(40), inserted=[scan(number) for number in (103, 102, 101)])
    found = harness.list(connect(archive, max_connections=1).scans["TPI"].search(page_size=10))
    assert ids(found) == list(range(1, 41))


def test_filters_that_the_server_ignores_are_applied(harness: Harness, connect: Connect) -> None:
    rows = [
        scan(1),
        scan(2, object="moon"),
        scan(3, object=None),
        scan(4, object="Quiet SUN"),
        scan(5, file_name=None),
        scan(6, date=None),
        "no object at all",
    ]
    client = connect(FakeArchive(rows))
    search = client.scans["TPI"].search
    assert ids(harness.list(search(source="Sun"))) == [1, 4, 5, 6]
    assert ids(harness.list(search(scan_name="grad300-sun"))) == [1, 2, 3, 4, 6]
    assert ids(harness.list(search(source="moon", scan_name="000002"))) == [2]
    assert ids(harness.list(search(date_from="2025-02-04"))) == [1, 2, 3, 4, 5]
    assert harness.list(search())[-1] == "no object at all"


CET = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("date_from", "date_to", "expected"),
    [
        (datetime(2025, 2, 4, 0, 0, 2), None, [2, 3, 4]),
        (datetime(2025, 2, 4, 1, 0, 2, tzinfo=CET), None, [2, 3, 4]),
        ("2025-02-04T00:00:02Z", "2025-02-04T01:00:03+01:00", [2, 3]),
        (Time("2025-02-04T00:00:02"), Time("2025-02-04T00:00:03", scale="utc"), [2, 3]),
        (date(2025, 2, 4), date(2025, 2, 4), [1, 2, 3]),
        (None, "2025-02-04", [1, 2, 3]),
        (date(2025, 2, 5), None, [4]),
    ],
)
def test_dates(
    harness: Harness, connect: Connect, date_from: Any, date_to: Any, expected: list[int]
) -> None:
    rows = [
        scan(1, date="2025-02-04T00:00:01"),
        scan(2, date="2025-02-04T00:00:02Z"),
        scan(3, date="2025-02-04T01:00:03+01:00"),
        scan(4, date="2025-02-05T00:00:00"),
        scan(5, date="not a date"),
    ]
    archive = FakeArchive(rows)
    search = connect(archive).scans["TPI"].search(date_from=date_from, date_to=date_to)
    assert ids(harness.list(search)) == expected
    sent = archive.requests[0].url.params
    for name, value in (("date_from", date_from), ("date_to", date_to)):
        assert (name in sent) == (value is not None)
        assert value is None or sent[name].endswith("+00:00")


def test_all_types_are_searched_one_after_the_other(harness: Harness, connect: Connect) -> None:
    archive = FakeArchive(scans(3))
    assert harness.list(connect(FakeArchive(["odd"])).scans.search()) == ["odd"] * 4
    found = harness.list(connect(archive).scans.search(source="sun"))
    assert [(row["scan_type"], row["id"]) for row in found] == [
        (scan_type.value, number) for scan_type in ScanType for number in (1, 2, 3)
    ]
    assert "scan_type" not in archive.rows[0]


@pytest.mark.parametrize(("wanted", "types"), [(1, 1), (3, 1), (4, 2), (99, 4)])
def test_max_results_counts_over_all_types(
    harness: Harness, connect: Connect, wanted: int, types: int
) -> None:
    archive = FakeArchive(scans(3))
    found = harness.list(connect(archive).scans.search(max_results=wanted))
    assert len(found) == min(wanted, 12)
    assert len({request.url.path for request in archive.requests}) == types


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"page_size": 0}, ValueError, "page_size must be at least [01], not 0"),
        ({"page_size": "7"}, TypeError, "page_size must be an integer, not '7'"),
        ({"max_results": -1}, ValueError, "max_results must be at least [01], not -1"),
        ({"max_results": True}, TypeError, "max_results must be an integer"),
        ({"source": 3}, TypeError, "source must be a str, not 3"),
        ({"scan_name": b"x"}, TypeError, "scan_name must be a str"),
        ({"date_from": "0001-01-01T00:00:00+05:00"}, ValueError, "date_from is .* out of range"),
        ({"date_from": "yesterday"}, ValueError, "date_from is 'yesterday'"),
        ({"date_to": 20250204}, TypeError, "date_to must be a datetime"),
        ({"date_to": Time(["2025-02-04", "2025-02-05"])}, ValueError, "date_to is an array"),
        ({"date_from": "2025-02-05", "date_to": "2025-02-04"}, ValueError, "date_to .* before"),
        ({"limit": 3}, TypeError, "limit"),
    ],
)
@pytest.mark.parametrize("all_types", [False, True])
def test_wrong_arguments_are_refused_at_the_call(
    connect: Connect,
    arguments: dict[str, Any],
    error: type[Exception],
    message: str,
    all_types: bool,
) -> None:
    archive = FakeArchive(scans(3))
    client = connect(archive)
    search = client.scans.search if all_types else client.scans["TPI"].search
    with pytest.raises(error, match=message):
        search(**arguments)
    assert archive.requests == []


IDS = [0, 1, 63, 64, 65, -1, -64, -65, 2**63, 10**30, "1", "a", "", 63, "a", -1]


def test_a_set_of_ids() -> None:
    seen: set[int | str] = set()
    ids = IdSet()
    for id_ in IDS:
        assert (id_ in ids) == (id_ in seen)
        assert ids.add(id_) == (id_ not in seen)
        seen.add(id_)
        assert id_ in ids
    assert 2 not in ids
    assert "2" not in ids


def test_rows_of_any_id_are_found_once(harness: Harness, connect: Connect) -> None:
    rows = [scan(0, id=id_) for id_ in [*IDS, None, None, 1.5, 7]]
    found = harness.list(connect(FakeArchive(rows)).scans["TPI"].search(page_size=4))
    assert [row["id"] for row in found] == [*IDS[:-3], None, None, 1.5, 7]


def test_a_page_of_rows_without_an_id_ends_the_listing(harness: Harness, connect: Connect) -> None:
    archive = FakeArchive([{"object": "sun"}] * 50, ignores_offset=True)
    search = connect(archive).scans["TPI"].search(page_size=10)
    with pytest.warns(Grad300Warning, match="rows may be missing"):
        assert len(harness.list(search)) == 10

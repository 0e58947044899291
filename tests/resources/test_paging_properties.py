"""Walks through listings of servers of every kind, against the truth."""

from __future__ import annotations

import json
import math
import random
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grad300_sdk import Client, Grad300Warning, ScanType
from grad300_sdk.engine import Send
from grad300_sdk.resources import paging
from tests.conftest import Harness
from tests.resources.archive import Row, scan
from tests.support.budget import budget
from tests.support.interleaved import Interleaved

TYPES = [scan_type.value for scan_type in ScanType]


@pytest.fixture(autouse=True)
def _caps_may_be_low(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page of a few rows be one that the server has capped, so that cases stay small."""
    monkeypatch.setattr(paging, "LOWEST_CAP", 0)


@dataclass
class Change:
    """A row that is inserted or removed, in the listing of each type, before a request."""

    request: int
    is_insertion: bool
    place: float  # 0 is the front, 1 the end


@dataclass
class Case:
    """A server, and what it is asked for."""

    rows: int = 30
    page_size: int = 10
    max_connections: int = 4
    cap: int | None = None
    max_results: int | None = None
    source: str | None = None
    server_filters: bool = False
    kind: str = "honest"
    changes: list[Change] = field(default_factory=list)
    order: list[int] = field(default_factory=lambda: [0])
    all_types: bool = False
    call: str = "search"

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "page_size": self.page_size,
            "max_results": self.max_results,
            "source": self.source,
        }


@dataclass
class Server:
    """An archive that changes, and gets wrong what its case says."""

    case: Case

    def __post_init__(self) -> None:
        rows = [self._row(number) for number in range(1, self.case.rows + 1)]
        self.listings = {name: list(rows) for name in TYPES}
        # What was there all the time, and what ever was.
        self.always = {(name, row["id"]) for name in TYPES for row in rows}
        self.ever = set(self.always)
        self.first = [(name, row["id"]) for name in TYPES for row in rows]
        self.asked: list[tuple[str, int, int]] = []
        self.changed: list[tuple[int, float]] = []
        self.random = random.Random(self.case.rows)
        self._sizes = cycle((1, 3, 2))

    def _row(self, number: int) -> Row:
        return scan(number, object="sun" if number % 3 else "moon")

    def page(self, scan_type: str, query: Mapping[str, str]) -> list[Row]:
        """Answer a request."""
        for change in self.case.changes:
            if change.request == len(self.asked):
                self._change(change)
        offset, limit = int(query["offset"]), int(query["limit"])
        self.asked.append((scan_type, offset, limit))
        rows = self.listings[scan_type]
        if self.case.server_filters:
            rows = [row for row in rows if query.get("source", "") in row["object"]]
        limit = min(limit, self.case.cap or limit)
        match self.case.kind:
            case "ignores the offset":
                offset = 0
            case "ends with its last page":
                offset = min(offset, max(len(rows) - 1, 0) // limit * limit)
            case "shuffles":
                rows = self.random.sample(rows, len(rows))
            case "has growing pages":
                limit = min(limit, (len(self.asked) + 3) // 4)
            case "has pages of any size":
                limit *= next(self._sizes)
        return rows[offset : offset + limit]

    def _change(self, change: Change) -> None:
        self.changed.append((len(self.asked), change.place))
        for name, rows in self.listings.items():
            place = round(change.place * len(rows))
            if change.is_insertion:
                rows.insert(place, self._row(1000 + len(self.changed)))
                self.ever.add((name, rows[place]["id"]))
            elif rows:
                removed = rows.pop(min(place, len(rows) - 1))
                self.always.discard((name, removed["id"]))


changes = st.builds(
    Change,
    st.integers(0, 12),
    st.booleans(),
    st.sampled_from([0.0, 0.0, 0.3, 0.6, 1.0]),
)
cases = st.builds(
    Case,
    rows=st.integers(0, 60),
    page_size=st.integers(1, 12),
    max_connections=st.integers(1, 6),
    cap=st.none() | st.integers(1, 12),
    max_results=st.none() | st.integers(1, 70),
    source=st.sampled_from([None, None, "sun", "none"]),
    server_filters=st.booleans(),
    kind=st.sampled_from(
        [
            *["honest"] * 5,
            "ignores the offset",
            "ends with its last page",
            "shuffles",
            "has growing pages",
            "has pages of any size",
        ]
    ),
    changes=st.lists(changes, max_size=4),
    order=st.lists(st.integers(0, 5), min_size=1, max_size=12),
    all_types=st.booleans(),
    call=st.sampled_from(["search", "search", "records", "records", "table"]),
)


def keys(case: Case, result: Any) -> list[tuple[str, int]]:
    """Return the type and the id of each row of a result."""
    match case.call:
        case "search":
            rows = [(row.get("scan_type", "TPI"), row["id"]) for row in result]
        case "records":
            rows = [(record.scan_type.value, record.id) for record in result]
        case _:
            rows = zip(result["scan_type"].tolist(), result["id"].tolist(), strict=True)
    return list(rows)


def check(
    case: Case,
    server: Server,
    found: list[tuple[str, int]],
    warned: bool,
    rounds: list[int] | None = None,
) -> None:
    """Check what every walk owes; `rounds` says which requests were sent at once, if known."""
    assert len(set(found)) == len(found)
    assert len(found) <= (case.max_results or math.inf)
    names = TYPES if case.all_types else ["TPI"]

    def wanted(keys: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        return [
            key
            for key in keys
            if key[0] in names
            and (case.source is None or (case.source == "sun") == (key[1] % 3 > 0))
            if case.source != "none"
        ]

    assert set(found) <= set(wanted(server.ever))
    is_full = len(found) == case.max_results
    largest = case.rows + len(case.changes)
    for name in names:
        asked = sum(asked_name == name for asked_name, _, _ in server.asked)
        assert asked <= 2 * largest + 2 * case.max_connections + 4
    if case.kind == "ignores the offset" and not is_full and not server.changed:
        assert warned == (case.rows > 0 and len(server.asked) > len(names))
    if case.kind not in ("honest", "ends with its last page", "has growing pages"):
        return
    assert not warned or server.changed or case.kind == "ends with its last page"
    kept = [key for key in wanted(server.first) if key in server.always]
    if not server.changed:
        assert found == wanted(server.first)[: case.max_results]
        if case.kind != "has growing pages":
            check_requests(case, server, names)
    elif all(change.is_insertion for change in case.changes) and not warned and not is_full:
        for name in names:
            if not is_hidden(case, server, name, rounds):
                assert {key for key in kept if key[0] == name} <= set(found)
    if not warned and not is_full:
        # Rows in front of every change stay where they are.
        ahead = round(min((place for _, place in server.changed), default=1.0) * case.rows)
        ahead -= len(server.changed)
        still = {key for key in kept if key[1] <= ahead}
        assert still <= set(found)
    if not warned and all(c.is_insertion and not c.place for c in case.changes):
        order = {key: place for place, key in enumerate(server.first)}
        places = [order[key] for key in found if key in order]
        assert places == sorted(places)
        if is_full:
            surely = max(0, len(found) - len(server.changed) * len(names))
            assert set(kept[:surely]) <= set(found)


def is_hidden(case: Case, server: Server, name: str, rounds: list[int] | None) -> bool:
    """Return whether an insertion may have moved a row of a listing past its walk, unseen.

    That is so of one that is not at the front, while the last pages were fetched at once: no page
    that follows shows it.
    """
    if case.max_connections == 1 or not any(place for _, place in server.changed):
        return False
    if rounds is None:
        return True
    last = max(number for number, (asked, *_) in enumerate(server.asked) if asked == name)
    begin = max((number for number in rounds if number <= last), default=0)
    return any(place and number > begin for number, place in server.changed)


def check_requests(case: Case, server: Server, names: list[str]) -> None:
    """Check that nothing was asked for twice or in vain, of an archive that does not change."""
    assert len(set(server.asked)) == len(server.asked)
    assert {limit for _, _, limit in server.asked} <= {case.page_size}
    size = min(case.page_size, case.cap or case.page_size)
    for name in names:
        offsets = sorted(offset for asked, offset, _ in server.asked if asked == name)
        if case.kind == "honest" and not case.server_filters:
            # One that is short, but for a single one, which another one follows.
            pages = case.rows // size + 1 if case.rows >= size else 1 + (case.rows > 0)
            ahead = max(case.max_connections - 1, 0)
            assert len(offsets) <= pages + ahead
            if case.rows >= size:
                assert offsets == [size * number for number in range(len(offsets))]
            if case.max_results is None:
                assert case.rows < size or len(offsets) >= pages
            elif case.source is None:
                assert size * (len(offsets) - 1) < max(case.max_results, size + 1)


SHIFTED = Case(rows=60, order=[1, 0], changes=[Change(2, True, 0.0)])
# A row that moves past the walk, which the page after next shows.
PASSED = Case(
    rows=60, max_connections=2, max_results=40, order=[1, 0], changes=[Change(2, True, 0.25)]
)
SHUFFLED = Case(rows=52, page_size=2, kind="shuffles", order=[4], call="table")


def walk(case: Case, server: Server) -> tuple[Interleaved, Any]:
    """Perform a call, and return what performed it, and its result."""
    order = cycle(case.order)

    def answer(send: Send) -> httpx.Response:
        params = {name: str(value) for name, value in (send.params or {}).items() if value}
        rows = server.page(send.path.split("/")[2], {"offset": "0", **params})
        request = httpx.Request("GET", "https://archive/")
        return httpx.Response(200, content=json.dumps(rows), request=request)

    performer = Interleaved(answer, lambda count: next(order) % count)
    with Client("https://archive", max_connections=case.max_connections) as client:
        scans = client.scans if case.all_types else client.scans["TPI"]
        result = performer.run(getattr(scans, case.call).flow(**case.arguments))
    return performer, performer.items if case.call == "search" else result


@budget(800)
@given(cases)
@example(SHIFTED)
@example(PASSED)
@example(SHUFFLED)
def test_every_walk_ends_with_the_truth(case: Case) -> None:
    server = Server(case)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        performer, result = walk(case, server)
    assert all(issubclass(warning.category, Grad300Warning) for warning in caught)
    if case.call == "table":
        assert result.meta["truncated"] == bool(caught)
    check(case, server, keys(case, result), bool(caught), performer.rounds)


def test_a_row_that_moved_past_the_walk_is_found_by_going_back() -> None:
    server = Server(PASSED)
    server.listings["TPI"].insert(12, {"object": "a row without an id"})
    _, rows = walk(PASSED, server)
    ids = [row.get("id") for row in rows]
    assert set(range(1, 38)) <= set(ids)
    assert ids.count(None) == 1
    assert [offset for _, offset, _ in server.asked] == [0, 20, 10, 30, 10, 20, 30]


@budget(60)
@given(cases)
@example(SHIFTED)
def test_both_clients_walk_to_the_truth(harness: Harness, case: Case) -> None:
    server = Server(case)

    def answer(request: httpx.Request) -> httpx.Response:
        query = dict(parse_qsl(request.url.query.decode()))
        return httpx.Response(200, json=server.page(request.url.path.split("/")[4], query))

    client = harness.client(
        "https://archive",
        transport=httpx.MockTransport(answer),
        max_connections=case.max_connections,
    )
    scans = client.scans if case.all_types else client.scans["TPI"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call = getattr(scans, case.call)(**case.arguments)
        result = harness.list(call) if case.call == "search" else harness.run(call)
    check(case, server, keys(case, result), bool(caught))

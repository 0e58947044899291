"""Watching for new scans: what is new, and what is waited for; on both clients."""

from __future__ import annotations

import inspect
import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from grad300_sdk import (
    AuthenticationError,
    DecodeError,
    Grad300APIError,
    NotFoundError,
    TransportError,
)
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness
from tests.resources.archive import FakeArchive, Row, scan

DAY = 86_400


class Night:
    """What happens while a client waits: one event a wait; the waits are written down.

    A client that waits once more than there are events would wait for ever, so the test fails.
    """

    def __init__(self, client: Any, *events: Callable[[], Any]) -> None:
        self.waits: list[float] = []
        self._events = list(events)
        client.driver.network.sleep = self._sleep

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        assert self._events, "there is nothing new, and nothing more happens"
        result = self._events.pop(0)()
        if inspect.isawaitable(result):
            await result


def nothing() -> None:
    """Let a wait pass."""


class Archive(FakeArchive):
    """An archive whose next answers can be replaced, by a failure for one."""

    failures: list[httpx.Response | Exception]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.failures:
            self.requests.append(request)
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        return super().__call__(request)

    def fail(self, *failures: httpx.Response | Exception) -> None:
        """Answer the next requests so."""
        self.failures = list(failures)

    def add(self, *rows: Row) -> None:
        """Insert scans, the newest first."""
        self.rows = [*rows, *self.rows]

    @property
    def since(self) -> list[str | None]:
        """The earliest date of each request for a first page."""
        return [
            request.url.params.get("date_from")
            for request in self.requests
            if request.url.params["offset"] == "0"
        ]


@pytest.fixture
def archive() -> Archive:
    """An archive of three scans."""
    archive = Archive([scan(3), scan(2), scan(1)], filters=True)
    archive.fail()
    return archive


@pytest.fixture
def client(harness: Harness, archive: Archive) -> Any:
    """A client of it that does not send a request again."""
    transport = httpx.MockTransport(archive)
    return harness.client("https://archive", transport=transport, retries=0)


def ids(harness: Harness, items: Any, number: int) -> list[int]:
    """Return the ids of the next scans."""
    return [harness.next(items)["id"] for _ in range(number)]


def test_what_is_there_at_the_first_look_is_not_new(
    harness: Harness, archive: Archive, client: Any
) -> None:
    night = Night(client, nothing, lambda: archive.add(scan(5), scan(4)), nothing, nothing)
    items = client.scans["TPI"].watch()
    assert archive.requests == []
    assert ids(harness, items, 2) == [5, 4]
    assert night.waits == [60.0, 60.0]
    with pytest.raises(AssertionError, match="nothing new"):
        harness.next(items)


def test_scans_since_a_date_come_first(harness: Harness, archive: Archive, client: Any) -> None:
    night = Night(client, lambda: archive.add(scan(4), scan(5, date="2025-01-01T00:00:00")))
    items = client.scans["TPI"].watch(every=5, since="2025-02-04T00:00:02")
    assert ids(harness, items, 3) == [3, 2, 4]
    assert night.waits == [5.0]


def test_rows_are_what_the_server_sent(harness: Harness, archive: Archive, client: Any) -> None:
    row = scan(4, ra=None, nested={"a": [1]})
    Night(client, lambda: archive.add(row))
    assert harness.next(client.scans["TPI"].watch()) == row


def test_the_scans_of_all_types(harness: Harness, archive: Archive, client: Any) -> None:
    Night(client, lambda: archive.add(scan(4)))
    items = client.scans.watch()
    found = [harness.next(items) for _ in range(4)]  # the archive has the same for each type
    assert [row["scan_type"] for row in found] == ["TPI", "Images", "Spectrum", "OnOff"]
    assert [row["id"] for row in found] == [4, 4, 4, 4]


def test_only_what_is_watched(harness: Harness, archive: Archive, client: Any) -> None:
    archive.filters = False  # an older server
    new = [scan(4, object="moon"), scan(5, file_name="a_SPECTRUM.fits"), scan(6)]
    Night(client, lambda: archive.add(*new))
    assert ids(harness, client.scans["TPI"].watch(source="SUN", scan_name="_tpi-"), 1) == [6]


def test_rows_without_an_id_are_left_out(harness: Harness, archive: Archive, client: Any) -> None:
    archive.filters = False
    Night(client, lambda: archive.add({"file_name": "x.fits"}, scan(4, id=None), scan(5)))
    assert ids(harness, client.scans["TPI"].watch(), 1) == [5]


def test_nothing_comes_twice_from_pages_that_move(
    harness: Harness, archive: Archive, client: Any
) -> None:
    archive.cap = 2
    archive.inserted = [scan(number) for number in range(12, 3, -1)]
    Night(client, *[nothing] * 9)
    items = client.scans["TPI"].watch(since="2025-02-04")
    assert sorted(ids(harness, items, 12)) == list(range(1, 13))


def test_a_look_asks_for_a_week_and_once_a_day_for_all(
    harness: Harness, archive: Archive, client: Any
) -> None:
    recent, old = scan(4, date="2025-01-30T12:00:00"), scan(5, date="2020-01-01T00:00:00")
    Night(client, lambda: archive.add(recent), lambda: archive.add(old), nothing)
    items = client.scans["TPI"].watch(every=DAY / 2)
    assert ids(harness, items, 2) == [4, 5]
    assert archive.since == [None, "2025-01-28T00:00:03+00:00", None]


def test_a_look_does_not_go_back_before_the_start(
    harness: Harness, archive: Archive, client: Any
) -> None:
    Night(client, lambda: archive.add(scan(4)))
    items = client.scans["TPI"].watch(since="2025-02-04T00:00:03")
    assert ids(harness, items, 2) == [3, 4]
    assert set(archive.since) == {"2025-02-04T00:00:03+00:00"}


def test_a_date_in_the_future_hides_nothing(
    harness: Harness, archive: Archive, client: Any
) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).replace(tzinfo=None).isoformat()
    archive.add(scan(4, date="2999-01-01T00:00:00"))
    Night(client, lambda: archive.add(scan(5, date=yesterday)))
    assert ids(harness, client.scans["TPI"].watch(), 1) == [5]


def test_the_earliest_date_of_all(harness: Harness, archive: Archive, client: Any) -> None:
    archive.rows = [scan(1, date="0001-01-01T00:00:00")]
    Night(client, lambda: archive.add(scan(2)))
    assert ids(harness, client.scans["TPI"].watch(), 1) == [2]


def test_a_client_that_waits_is_free_for_other_calls(
    harness: Harness, archive: Archive, client: Any
) -> None:
    client = client.with_options(max_connections=1)
    Night(client, lambda: client.scans["TPI"].get(), lambda: archive.add(scan(4)))
    assert ids(harness, client.scans["TPI"].watch(), 1) == [4]


FAILURES = {
    "a refused connection": httpx.ConnectError("refused"),
    "a connection that is cut": httpx.ReadError("reset"),
    "a time-out": httpx.ReadTimeout("timed out"),
    "no free connection": httpx.PoolTimeout("all in use"),
    "500": httpx.Response(500),
    "502": httpx.Response(502, html="<h1>Bad gateway</h1>"),
    "503": httpx.Response(503),
    "408": httpx.Response(408),
    "429": httpx.Response(429),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("is_first", [True, False])
def test_an_outage_is_waited_for(
    harness: Harness,
    archive: Archive,
    client: Any,
    caplog: pytest.LogCaptureFixture,
    failure: Any,
    is_first: bool,
) -> None:
    def begin() -> None:
        archive.fail(failure, failure)

    if is_first:
        begin()
    events = [nothing, nothing] if is_first else [begin, nothing, nothing]
    night = Night(client, *events, lambda: archive.add(scan(4)))
    with caplog.at_level(logging.INFO, logger="grad300_sdk.resources.watching"):
        assert ids(harness, client.scans["TPI"].watch(every=30), 1) == [4]
    assert night.waits == [30.0] * (len(events) + 1)
    logged = [record.getMessage() for record in caplog.records if "again in" in record.msg]
    assert len(logged) == 2
    assert logged[0].startswith("looks for new scans again in 30.0 s: ")


def test_a_page_of_a_proxy_is_an_outage(harness: Harness, archive: Archive, client: Any) -> None:
    page = httpx.Response(200, html="<h1>Back soon</h1>")
    Night(client, lambda: archive.fail(page), lambda: archive.add(scan(4)))
    assert ids(harness, client.scans["TPI"].watch(), 1) == [4]


@pytest.mark.parametrize(("asked", "wait"), [("500", 500.0), ("20", 60.0), ("99999", 3600.0)])
def test_the_server_says_when_to_come_back(
    harness: Harness, archive: Archive, client: Any, asked: str, wait: float
) -> None:
    archive.fail(httpx.Response(503, headers={"Retry-After": asked}))
    night = Night(client, nothing, lambda: archive.add(scan(4)))
    assert ids(harness, client.scans["TPI"].watch(), 1) == [4]
    assert night.waits == [wait, 60.0]


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("refused"), httpx.Response(200, html="<h1>Back soon</h1>")]
)
def test_an_outage_within_a_look_loses_nothing(
    harness: Harness, archive: Archive, client: Any, failure: Any
) -> None:
    archive.cap = 2
    archive.fail(httpx.Response(200, json=[scan(3), scan(2)]), failure)
    Night(client, nothing, lambda: archive.add(scan(4, date="2025-02-14T00:00:00")), nothing)
    items = client.scans["TPI"].watch(since="2025-02-01")
    assert ids(harness, items, 4) == [3, 2, 1, 4]


def test_an_outage_after_a_newer_scan_hides_no_older_one(
    harness: Harness, archive: Archive, client: Any
) -> None:
    newest, older = scan(5, date="2025-03-04T00:00:00"), scan(4, date="2025-02-10T00:00:00")

    def come_back_and_fall() -> None:
        archive.add(newest, older)
        archive.fail(httpx.Response(200, json=[newest]), httpx.ConnectError("refused"))

    Night(client, come_back_and_fall, nothing)
    assert ids(harness, client.scans["TPI"].watch(), 2) == [5, 4]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (httpx.Response(401, json={"detail": "Not authenticated"}), AuthenticationError),
        (httpx.Response(403, json={"detail": "Not enough privileges"}), AuthenticationError),
        (httpx.Response(404, json={"detail": "Not Found"}), NotFoundError),
        (httpx.Response(400), Grad300APIError),
        (httpx.Response(200, html="<h1>Welcome</h1>"), DecodeError),
        (httpx.UnsupportedProtocol("what"), TransportError),
    ],
)
def test_what_waiting_does_not_help_ends_it(
    harness: Harness, archive: Archive, client: Any, failure: Any, error: type[Exception]
) -> None:
    archive.fail(failure)
    Night(client)
    items = client.scans["TPI"].watch()
    with pytest.raises(error):
        harness.next(items)
    assert len(archive.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"every": 0}, ValueError, "every must be a finite number above 0, not 0"),
        ({"every": float("inf")}, ValueError, "every must be a finite number"),
        ({"every": 1e300}, ValueError, "every must be at most"),
        ({"every": None}, TypeError, "every must be a number of seconds, not None"),
        ({"every": "60"}, TypeError, "every must be a number"),
        ({"since": "yesterday"}, ValueError, "since is 'yesterday'"),
        ({"since": 2025}, TypeError, "since must be a datetime"),
        ({"source": 3}, TypeError, "source must be a str"),
        ({"date_from": "2025-02-04"}, TypeError, "did you mean 'since'"),
        ({"interval": 60}, TypeError, "did you mean 'every'"),
    ],
)
def test_wrong_arguments(
    client: Any, arguments: Any, error: type[Exception], message: str
) -> None:
    for scans in (client.scans, client.scans["TPI"]):
        with pytest.raises(error, match=message):
            scans.watch(**arguments)


def test_a_server_that_is_restarted(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: "the same password")
    first = Sandbox(scans=20, seed=1).start()
    second = Sandbox(scans=40, seed=1, port=int(first.url.rpartition(":")[2]))
    client = harness.client(first.url, user=first.user, password=first.password, retries=0)
    night = Night(client, first.stop, nothing, lambda: second.start() and None)
    try:
        items = client.scans["TPI"].watch()
        new = ids(harness, items, 2)
    finally:
        first.stop()
        second.stop()
    assert len(set(new)) == 2
    assert min(new) > 1
    assert night.waits == [60.0, 60.0, 60.0]

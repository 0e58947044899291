"""Watching for new scans: whatever happens meanwhile, each scan comes once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grad300_sdk import Client
from tests.resources.archive import FakeArchive, scan

DAY = 86_400.0
START = datetime(2025, 2, 4)


class Archive(FakeArchive):
    """An archive that is down for some of its requests."""

    is_down: Callable[[], bool]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.is_down():
            return httpx.Response(503)
        return super().__call__(request)


class Ended(Exception):
    """Nothing more happens."""


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_each_scan_comes_once(data: st.DataObject) -> None:
    is_newest_first = data.draw(st.booleans(), "newest first")
    since = data.draw(st.sampled_from([None, "2020-01-01"]), "since")
    outages = iter(data.draw(st.lists(st.booleans(), max_size=40), "outages"))
    archive = Archive(
        [], cap=data.draw(st.integers(1, 5), "cap"), filters=data.draw(st.booleans())
    )
    archive.is_down = lambda: False  # until the first look has ended
    days = 0
    waits = data.draw(st.integers(1, 6), "waits")
    last_looks = 3  # a day

    def insert() -> None:
        for age in data.draw(st.lists(st.integers(0, 20), max_size=4), "days old"):
            date = START + timedelta(days=days - age)
            archive.rows.append(scan(len(archive.rows) + 1, date=date.isoformat()))
        archive.rows.sort(key=lambda row: str(row["date"]), reverse=is_newest_first)

    async def sleep(seconds: float) -> None:
        nonlocal waits, days, last_looks
        archive.is_down = lambda: next(outages, False)
        if waits:
            waits -= 1
            days += data.draw(st.integers(0, 9), "days later")
            insert()
        elif next(outages, None) is None:
            last_looks -= 1
            if not last_looks:
                raise Ended

    insert()
    there = len(archive.rows) if since is None else 0
    found: list[int] = []
    with (
        Client("https://archive", transport=httpx.MockTransport(archive), retries=0) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(client.driver.network, "sleep", sleep)
        with suppress(Ended):
            for row in client.scans["TPI"].watch(every=DAY / 2, since=since):
                found.append(row["id"])
    assert sorted(found) == list(range(there + 1, len(archive.rows) + 1))

"""The types of an API declared on the engine; mypy and pyright check this file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, assert_type

import httpx
from gracedb import AsyncGraceDB, Event, EventLabels, Files, GraceDB, Superevent

from grad300_sdk.engine import Async, Sync

JSON = dict[str, Any]


def blocking(client: GraceDB) -> None:
    assert_type(client.user_info(), JSON)
    assert_type(client.events.search(query="far < 1"), Iterator[JSON])
    assert_type(client.events.create(group="Test", pipeline="gstlal", labels="A"), JSON)
    assert_type(client.events.update("G1", filecontents=b"x"), None)
    assert_type(client.events["G1"], Event[Sync])
    assert_type(client.events["G1"].files, Files[Sync])
    assert_type(client.events["G1"].files["a"].get(), bytes)
    assert_type(client.events["G1"].labels, EventLabels[Sync])
    assert_type(client.events["G1"].labels.get(), list[Any])
    assert_type(client.events["G1"].labels.create("A"), None)
    assert_type(client.superevents["S1"], Superevent[Sync])
    assert_type(client.superevents["S1"].labels.create("A"), JSON)
    assert_type(client.superevents["S1"].is_exposed(), bool)
    assert_type(client.superevents["S1"].pipeline_preferred_events.get(), list[str])
    assert_type(client.superevents.create(t_0=1.5, events=["G1", "G2"]), JSON)
    assert_type(client.superevents.update("S1", labels={"A"}), None)
    assert_type(client.superevents.update.request("S1", t_0=1), httpx.Request)
    assert_type(client.events["G1"].voevents.create(voevent_type="initial", BNS=0.5), JSON)
    client.events["G1"].logs.create(comment="c", filename="f", filecontents=Path("f"))
    with open("f", "rb") as file, client as entered:
        assert_type(entered, GraceDB)
        client.events["G1"].logs.create(filecontents=file)


async def awaiting(client: AsyncGraceDB) -> None:
    assert_type(await client.user_info(), JSON)
    assert_type(client.events.search(query="far < 1"), AsyncIterator[JSON])
    assert_type(client.events["G1"].files, Files[Async])
    assert_type(await client.events["G1"].files["a"].get(), bytes)
    assert_type(await client.events["G1"].labels.create("A"), None)
    assert_type(await client.superevents["S1"].labels.create("A"), JSON)
    assert_type(await client.superevents["S1"].logs[3].tags.get(), list[Any])
    assert_type(await client.superevents.create(t_0=1.5), JSON)
    assert_type(client.superevents.create.curl(t_0=1.5), str)


def rejected(client: GraceDB) -> None:
    client.events["G1"].labels.create()  # type: ignore[call-arg]  # pyright: ignore
    client.events["G1"].add("G2")  # type: ignore[attr-defined]  # pyright: ignore
    client.events.create(group="Test")  # type: ignore[call-arg]  # pyright: ignore
    client.events["G1"].voevents.create(voevent_type="IN")  # type: ignore[arg-type]  # pyright: ignore
    client.events["G1"].logs.create(filecontents=5)  # type: ignore[arg-type]  # pyright: ignore
    GraceDB(user="me")  # type: ignore[call-arg]  # pyright: ignore

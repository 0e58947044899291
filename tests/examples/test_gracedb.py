"""GraceDB, declared on the engine: what each of its calls sends, and what it gives."""

from __future__ import annotations

import ast
import base64
import inspect
import io
import json
import pickle
import re
import stat
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from gracedb import AsyncGraceDB, Event, GraceDB, Superevent

from grad300_sdk.engine.errors import DecodeError, NotFoundError, ServerError

SOURCE = Path(inspect.getfile(GraceDB)).read_text("utf-8")


class Server:
    """Writes down what it is asked, and gives the answers that it was told."""

    def __init__(self, *answers: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, bytes):
            return httpx.Response(200, content=answer)
        return httpx.Response(204) if answer is None else httpx.Response(200, json=answer)


Make = Callable[..., Any]


@pytest.fixture
def gracedb(harness: Any) -> Make:
    """Make a client of either kind that asks a server of this test."""

    def make(server: Server, url: str = "http://gracedb.test/api/", **options: Any) -> Any:
        options = {"force_noauth": True, "retries": 0, **options}
        transport = httpx.MockTransport(server)
        return harness.client(url, make=(GraceDB, AsyncGraceDB), transport=transport, **options)

    return make


def body(request: httpx.Request) -> Any:
    """Read a body: as ``(kind, content)``, or None where there is none."""
    kind = request.headers.get("Content-Type", "")
    if kind == "application/json":
        return "json", json.loads(request.content)
    if kind == "application/x-www-form-urlencoded":
        return "form", parse_qs(request.content.decode(), keep_blank_values=True)
    if kind.startswith("multipart/form-data"):
        message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.content)
        parts: Any = message.get_payload()
        return "multipart", [
            (
                part.get_param("name", header="content-disposition"),
                *([part.get_filename()] if part.get_filename() else []),
                part.get_payload(decode=True),
            )
            for part in parts
        ]
    assert request.content == b""
    return None


ROWS = [{"name": "A"}, {"name": "B"}]
NEW = {"graceid": "G1"}
UPLOAD = {"filename": "coinc.xml", "filecontents": b"<xml/>"}
EVENT_FILE = ("eventFile", "coinc.xml", b"<xml/>")
FIELDS = {
    "internal": False,
    "open_alert": True,
    "hardware_inj": False,
    "skymap_type": "new",
    "skymap_filename": "a b.fits",
    "ProbHasNS": 0.5,
    "ProbHasRemnant": 0,
    "BNS": 1.0,
    "NSBH": 0.25,
    "BBH": 0.5,
    "Terrestrial": 0.125,
    "MassGap": 0.0,
}
FORM = {
    "internal": ["False"],
    "open_alert": ["True"],
    "hardware_inj": ["False"],
    "skymap_type": ["new"],
    "skymap_filename": ["a b.fits"],
    "ProbHasNS": ["0.5"],
    "ProbHasRemnant": ["0"],
    "BNS": ["1.0"],
    "NSBH": ["0.25"],
    "BBH": ["0.5"],
    "Terrestrial": ["0.125"],
    "MassGap": ["0.0"],
}

# Of each call: the call, what it sends, what the server answers, and what the call gives.
Row = tuple[Callable[[Any], Any], str, Any, Any, Any]
CALLS: list[Row] = [
    (lambda c: c.user_info(), "GET user-info/", None, {"username": "me"}, {"username": "me"}),
    (lambda c: c.events.get(), "GET events/", None, {"events": []}, {"events": []}),
    (
        lambda c: c.events.create(**UPLOAD, group="Test", pipeline="gstlal"),
        "POST events/",
        (
            "multipart",
            [("group", b"Test"), ("pipeline", b"gstlal"), EVENT_FILE],
        ),
        NEW,
        NEW,
    ),
    (
        lambda c: c.events.create(
            filecontents=b"x",
            group="CBC",
            pipeline="pycbc",
            search="AllSky",
            labels=["A", "B"],
            offline=True,
        ),
        "POST events/",
        (
            "multipart",
            [
                ("group", b"CBC"),
                ("pipeline", b"pycbc"),
                ("search", b"AllSky"),
                ("offline", b"True"),
                ("labels", b"A"),
                ("labels", b"B"),
                ("eventFile", "initial.data", b"x"),
            ],
        ),
        NEW,
        NEW,
    ),
    (
        lambda c: c.events.update("G1", **UPLOAD),
        "PUT events/G1",
        ("multipart", [EVENT_FILE]),
        b"anything",
        None,
    ),
    (
        lambda c: c.events.update(
            "G1",
            **UPLOAD,
            group="CBC",
            pipeline="pycbc",
            search="AllSky",
            labels="A",
            offline=False,
            reason=None,
            far=1e-7,
        ),
        "PUT events/G1",
        (
            "multipart",
            [
                ("group", b"CBC"),
                ("pipeline", b"pycbc"),
                ("search", b"AllSky"),
                ("offline", b"False"),
                ("far", b"1e-07"),
                ("labels", b"A"),
                EVENT_FILE,
            ],
        ),
        NEW,
        None,
    ),
    (
        lambda c: c.events.create(
            **UPLOAD,
            group="Test",
            pipeline="gstlal",
            reason="why",
            is_test=True,
            ifos=["H", "L"],
        ),
        "POST events/",
        (
            "multipart",
            [
                ("group", b"Test"),
                ("pipeline", b"gstlal"),
                ("reason", b"why"),
                ("is_test", b"True"),
                ("ifos", b"H"),
                ("ifos", b"L"),
                EVENT_FILE,
            ],
        ),
        NEW,
        NEW,
    ),
    (lambda c: c.events["G1"].get(), "GET events/G1", None, NEW, NEW),
    (lambda c: c.superevents.get(), "GET superevents/", None, {"n": 1}, {"n": 1}),
    (lambda c: c.superevents["S1"].get(), "GET superevents/S1/", None, NEW, NEW),
    (
        lambda c: c.superevents.create(
            t_start=1,
            t_0=2.5,
            t_end=0.0,
            preferred_event="G1",
            events=("G1", "G2"),
            labels={"A"},
        ),
        "POST superevents/",
        (
            "json",
            {
                "t_start": 1,
                "t_0": 2.5,
                "t_end": 0.0,
                "preferred_event": "G1",
                "category": "P",
                "events": ["G1", "G2"],
                "labels": ["A"],
            },
        ),
        NEW,
        NEW,
    ),
    (
        lambda c: c.superevents.create(preferred_event="M1", events="M1", labels=[]),
        "POST superevents/",
        ("json", {"preferred_event": "M1", "category": "M", "events": ["M1"]}),
        NEW,
        NEW,
    ),
    (
        lambda c: c.superevents.update("S1", preferred_event="T1", t_0=3, events=[], labels="A"),
        "PATCH superevents/S1/",
        ("json", {"preferred_event": "T1", "category": "T", "t_0": 3, "labels": ["A"]}),
        b"",
        None,
    ),
    (
        lambda c: c.superevents.create(
            t_00=1, preferred_event="G1", category="T", em_type=None, is_open=True, time={"a": [1]}
        ),
        "POST superevents/",
        (
            "json",
            {
                "t_00": 1,
                "preferred_event": "G1",
                "category": "T",
                "is_open": True,
                "time": {"a": [1]},
            },
        ),
        NEW,
        NEW,
    ),
    (
        lambda c: c.superevents.update("S1", em_type="HasNS", far=0),
        "PATCH superevents/S1/",
        ("json", {"em_type": "HasNS", "far": 0}),
        NEW,
        None,
    ),
    (
        lambda c: c.superevents.update("S1", t_start=None, t_end=7),
        "PATCH superevents/S1/",
        ("json", {"t_end": 7}),
        NEW,
        None,
    ),
    (
        lambda c: c.superevents["S1"].add("G1"),
        "POST superevents/S1/events/",
        ("form", {"event": ["G1"]}),
        NEW,
        None,
    ),
    (
        lambda c: c.superevents["S1"].remove("G1"),
        "DELETE superevents/S1/events/G1",
        None,
        None,
        None,
    ),
    (
        lambda c: c.superevents["S1"].expose(),
        "POST superevents/S1/permissions/modify/",
        ("form", {"action": ["expose"]}),
        [],
        None,
    ),
    (
        lambda c: c.superevents["S1"].unexpose(),
        "POST superevents/S1/permissions/modify/",
        ("form", {"action": ["hide"]}),
        [],
        None,
    ),
    (
        lambda c: c.superevents["S1"].signoff("H1", "OK", "fine"),
        "POST superevents/S1/signoffs/",
        (
            "form",
            {"signoff_type": ["OP"], "instrument": ["H1"], "status": ["OK"], "comment": ["fine"]},
        ),
        NEW,
        None,
    ),
    (
        lambda c: c.superevents["S1"].signoff("ADV", "NO"),
        "POST superevents/S1/signoffs/",
        (
            "form",
            {"signoff_type": ["ADV"], "instrument": [""], "status": ["NO"], "comment": [""]},
        ),
        NEW,
        None,
    ),
    (
        lambda c: c.superevents["S1"].pipeline_preferred_events.get(),
        "GET superevents/S1/pipeline_preferred_events/",
        None,
        {"pipeline_preferred_events": [{"graceid": "G1", "far": 0}, {"graceid": "G2"}]},
        ["G1", "G2"],
    ),
    (
        lambda c: c.superevents["S1"].pipeline_preferred_events.add("G1"),
        "POST superevents/S1/pipeline_preferred_events/",
        ("json", {"event": "G1"}),
        NEW,
        None,
    ),
    *(
        (
            lambda c, do=do: getattr(c.superevents["S1"].pipeline_preferred_events, do)("G1"),
            "DELETE superevents/S1/pipeline_preferred_events/G1",
            None,
            None,
            None,
        )
        for do in ("remove", "delete")
    ),
]
PUBLIC = {"group": "public_users", "permission": "view_superevent", "superevent": "S1"}
CALLS += [
    (
        lambda c: c.superevents["S1"].is_exposed(),
        "GET superevents/S1/permissions/",
        None,
        {"permissions": permissions},
        is_exposed,
    )
    for permissions, is_exposed in (
        ([], False),
        ([{**PUBLIC, "group": "internal_users"}, {**PUBLIC, "permission": "annotate"}], False),
        ([{"group": "internal_users"}, PUBLIC], True),
    )
]
CALLS += [
    (
        lambda c, who=who: c.superevents["S1"].signoff(who, "OK"),
        "POST superevents/S1/signoffs/",
        (
            "form",
            {"signoff_type": ["OP"], "instrument": [who], "status": ["OK"], "comment": [""]},
        ),
        NEW,
        None,
    )
    for who in ("L1", "V1")
]


def candidate_calls(of: Callable[[Any], Any], url: str, log: str, tag: str, vo: str) -> list[Row]:
    """Return the rows that an event and a superevent have in common."""
    return [
        (lambda c: of(c).files.get(), f"GET {url}/files/", None, {"a": "url"}, {"a": "url"}),
        (
            lambda c: of(c).files["a/b #1,0.fits"].get(),
            f"GET {url}/files/a%2Fb%20%231%2C0.fits",
            None,
            b"\x00\xff",
            b"\x00\xff",
        ),
        (lambda c: of(c).labels.get(), f"GET {url}/labels/", None, {"labels": ROWS}, ROWS),
        (lambda c: of(c).labels.delete("A"), f"DELETE {url}/labels/A", None, None, None),
        (lambda c: of(c).logs.get(), f"GET {url}/{log}/", None, {"log": ROWS}, ROWS),
        (
            lambda c: of(c).logs.create(comment="c", tags="t", label="L"),
            f"POST {url}/{log}/",
            ("json", {"comment": "c", "tagname": ["t"], "label": "L"}),
            NEW,
            NEW,
        ),
        (
            lambda c: of(c).logs.create(comment="c"),
            f"POST {url}/{log}/",
            ("json", {"comment": "c", "tagname": []}),
            NEW,
            NEW,
        ),
        (
            lambda c: of(c).logs.create(comment="c", **UPLOAD, tags=["t", "u"], label="L"),
            f"POST {url}/{log}/",
            (
                "multipart",
                [
                    ("comment", b"c"),
                    ("tagname", b"t"),
                    ("tagname", b"u"),
                    ("label", b"L"),
                    ("upload", "coinc.xml", b"<xml/>"),
                ],
            ),
            NEW,
            NEW,
        ),
        (
            lambda c: of(c).logs.create(filecontents="é"),
            f"POST {url}/{log}/",
            ("multipart", [("upload", "upload", "é".encode())]),
            NEW,
            NEW,
        ),
        (
            lambda c: of(c).logs[3].tags.get(),
            f"GET {url}/{log}/3/{tag}/",
            None,
            {"tags": ROWS},
            ROWS,
        ),
        (
            lambda c: of(c).logs[3].tags.delete("t"),
            f"DELETE {url}/{log}/3/{tag}/t",
            None,
            None,
            None,
        ),
        (lambda c: of(c).voevents.get(), f"GET {url}/{vo}/", None, {"voevents": ROWS}, ROWS),
        (
            lambda c: of(c).voevents.create(
                voevent_type="preliminary", coinc_comment=True, **FIELDS
            ),
            f"POST {url}/{vo}/",
            ("form", {"voevent_type": ["PR"], "CoincComment": ["True"], **FORM}),
            NEW,
            NEW,
        ),
        (
            lambda c: of(c).voevents.create(
                voevent_type="update", Bns=1, raven_coinc=True, combined_skymap_filename=None
            ),
            f"POST {url}/{vo}/",
            (
                "form",
                {
                    "voevent_type": ["UP"],
                    "Bns": ["1"],
                    "raven_coinc": ["True"],
                },
            ),
            NEW,
            NEW,
        ),
        (
            lambda c: of(c).voevents.create(voevent_type="update", coinc_comment=False),
            f"POST {url}/{vo}/",
            ("form", {"voevent_type": ["UP"], "CoincComment": ["False"]}),
            NEW,
            NEW,
        ),
        (
            lambda c: of(c).voevents.create(voevent_type="update", CoincComment=True),
            f"POST {url}/{vo}/",
            ("form", {"voevent_type": ["UP"], "CoincComment": ["True"]}),
            NEW,
            NEW,
        ),
        *(
            (
                lambda c, kind=kind: of(c).voevents.create(voevent_type=kind),
                f"POST {url}/{vo}/",
                ("form", {"voevent_type": [code]}),
                NEW,
                NEW,
            )
            for kind, code in (
                ("earlywarning", "EW"),
                ("retraction", "RE"),
                ("update", "UP"),
                ("initial", "IN"),
            )
        ),
    ]


CALLS += candidate_calls(lambda c: c.events["G1"], "events/G1", "log", "tag", "voevent")
CALLS += candidate_calls(
    lambda c: c.superevents["S1"], "superevents/S1", "logs", "tags", "voevents"
)
CALLS += [
    (lambda c: c.events["G1"].labels.create("A"), "PUT events/G1/labels/A", None, b"", None),
    (
        lambda c: c.events["G1"].logs[3].tags.create("t u"),
        "PUT events/G1/log/3/tag/t%20u",
        None,
        None,
        None,
    ),
    (
        lambda c: c.superevents["S1"].labels.create("A"),
        "POST superevents/S1/labels/",
        ("form", {"name": ["A"]}),
        NEW,
        NEW,
    ),
    (
        lambda c: c.superevents["S1"].logs[3].tags.create("t"),
        "POST superevents/S1/logs/3/tags/",
        ("form", {"name": ["t"]}),
        NEW,
        NEW,
    ),
    # Events and superevents that are mixed up
    (lambda c: c.events["S1"].get(), "GET superevents/S1/", None, NEW, NEW),
    (
        lambda c: c.events["TS190412a"].files.get(),
        "GET superevents/TS190412a/files/",
        None,
        {},
        {},
    ),
    (lambda c: c.superevents["G1"].get(), "GET events/G1", None, NEW, NEW),
    (lambda c: c.superevents["T1"].logs.get(), "GET events/T1/log/", None, {"log": []}, []),
]


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row[1])
def test_a_call_sends_this_and_gives_that(harness: Any, gracedb: Make, row: Row) -> None:
    call, asked, sent, answer, result = row
    server = Server(answer)
    assert harness.run(call(gracedb(server))) == result
    (request,) = server.requests
    path = request.url.raw_path.decode().removeprefix("/api/")
    assert f"{request.method} {path}" == asked
    assert body(request) == sent
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("name", ["events", "superevents"])
def test_a_search_follows_the_links(harness: Any, gracedb: Make, name: str) -> None:
    url = f"http://gracedb.test/api/{name}/?start=2&query=far%20%3C%201"
    server = Server(
        {name: [{"n": 0}, {"n": 1}], "links": {"next": url, "self": "x"}},
        {name: [], "links": {"next": f"/api/{name}/?start=3"}},
        {name: [{"n": 2}], "links": {"next": None}},
    )
    search = getattr(gracedb(server), name).search
    found = harness.list(search(query="far < 1", sort="-created"))
    assert [item["n"] for item in found] == [0, 1, 2]
    assert [(request.method, str(request.url)) for request in server.requests] == [
        ("GET", f"http://gracedb.test/api/{name}/?query=far%20%3C%201&sort=-created"),
        ("GET", url),
        ("GET", f"http://gracedb.test/api/{name}/?start=3"),
    ]


@pytest.mark.parametrize("name", ["events", "superevents"])
def test_a_search_with_further_keywords(harness: Any, gracedb: Make, name: str) -> None:
    server = Server({name: []})
    search = getattr(gracedb(server), name).search
    assert harness.list(search(query="a", columns=["graceid", "far"], all=True, count=0)) == []
    query = "query=a&columns=graceid&columns=far&all=True&count=0"
    assert str(server.requests[0].url) == f"http://gracedb.test/api/{name}/?{query}"


def test_a_search_without_a_query(harness: Any, gracedb: Make) -> None:
    server = Server({"events": [NEW]})
    assert harness.list(gracedb(server).events.search()) == [NEW]
    assert str(server.requests[0].url) == "http://gracedb.test/api/events/"


@pytest.mark.parametrize(
    "call",
    [
        lambda c, file: c.events.update("G1", **file),
        lambda c, file: c.events["G1"].logs.create(**file),
    ],
)
def test_an_upload_from_a_file(
    harness: Any, gracedb: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("initial.data", "folder/coinc.xml"):
        (tmp_path / name).write_bytes(name.encode())
    open_file = io.BytesIO(b"open")
    for file, name, content in (
        ({"filename": "initial.data"}, "initial.data", b"initial.data"),
        ({"filename": "folder/coinc.xml"}, "coinc.xml", b"folder/coinc.xml"),
        ({"filename": "x", "filecontents": Path("initial.data")}, "x", b"initial.data"),
        ({"filename": "x", "filecontents": open_file}, "x", b"open"),
        ({"filename": "x", "filecontents": "té"}, "x", "té".encode()),
        ({"filename": "x", "filecontents": b""}, "x", b""),
    ):
        server = Server(NEW)
        harness.run(call(gracedb(server), file))
        assert body(server.requests[0])[1][-1][1:] == (name, content)
    assert not open_file.closed


def test_the_file_of_an_event_is_initial_data(
    harness: Any, gracedb: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server = Server(NEW)
    events = gracedb(server).events
    with pytest.raises(FileNotFoundError, match=r"initial\.data"):
        harness.run(events.create(group="Test", pipeline="gstlal"))
    assert server.requests == []
    (tmp_path / "initial.data").write_bytes(b"data")
    harness.run(events.create(group="Test", pipeline="gstlal"))
    assert body(server.requests[0])[1][-1] == ("eventFile", "initial.data", b"data")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: c.superevents.create(preferred_event="E1"), ValueError, "one of M, T, G"),
        (lambda c: c.superevents.create(preferred_event=""), ValueError, "one of M, T, G"),
        (lambda c: c.superevents.update("S1", preferred_event="E1"), ValueError, "one of M, T, G"),
        (lambda c: c.events.update("G1", filecontents=b"", labels=5), TypeError, "int"),
        (lambda c: c.superevents.create(labels=["A", 5]), TypeError, "neither a name nor names"),
        (lambda c: c.events["G1"].logs.create(tags=b"t"), TypeError, "neither a name nor names"),
        (lambda c: list(c.events), TypeError, r"use its search\(\)"),
        (lambda c: c.superevents.update(), TypeError, "'superevent_id'"),
        (lambda c: c.superevents.update(".."), ValueError, "'..'"),
        (lambda c: c.events.update("", filecontents=b""), ValueError, "empty"),
        (lambda c: c.events.create(), TypeError, "'group'"),
        (lambda c: c.events.create(group="a", pipeline="b", filecontents=5), TypeError, "not int"),
        (lambda c: c.events["G1"].labels.create("."), ValueError, "'.'"),
        (lambda c: c.events["G1"].labels.delete(), TypeError, "missing"),
        (
            lambda c: c.events["G1"].voevents.create(voevent_type="PR"),
            ValueError,
            "voevent_type is 'PR', where one of earlywarning, preliminary",
        ),
        (lambda c: c.events[".."], ValueError, "event_id"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    harness: Any, gracedb: Make, call: Any, error: type[Exception], message: str
) -> None:
    server = Server()
    client = gracedb(server)
    with pytest.raises(error, match=message):
        harness.run(call(client))
    assert server.requests == []


def test_mixed_up_ids_give_the_right_nodes(gracedb: Make) -> None:
    client = gracedb(Server())
    assert isinstance(client.events["S1"], Superevent)
    assert isinstance(client.superevents["G1"], Event)
    assert client.events["S1"] == client.superevents["S1"]


# What comes with the engine


def test_errors(harness: Any, gracedb: Make) -> None:
    server = Server(httpx.Response(404, json={"detail": "Not found."}), {"labels": 5}, {})
    event = gracedb(server).events["G1"]
    with pytest.raises(NotFoundError, match="Not found"):
        harness.run(event.get())
    for _ in range(2):
        with pytest.raises(DecodeError, match="labels"):
            harness.run(event.labels.get())


def test_only_what_changes_nothing_is_tried_again(harness: Any, gracedb: Make) -> None:
    server = Server(httpx.Response(503), NEW)
    assert harness.run(gracedb(server, retries=2).events["G1"].get()) == NEW
    server = Server(httpx.Response(503), NEW)
    with pytest.raises(ServerError):
        harness.run(gracedb(server, retries=2).events.update("G1", **UPLOAD))
    assert len(server.requests) == 1


def test_basic_authentication(harness: Any, gracedb: Make) -> None:
    server = Server(NEW)
    account = {"force_noauth": False, "username": "albért", "password": "p:w"}
    client = gracedb(server, "https://gracedb.test/api/", **account)
    harness.run(client.events["G1"].get())
    sent = base64.b64encode("albért:p:w".encode()).decode()
    assert server.requests[0].headers["Authorization"] == f"Basic {sent}"
    assert client.auth_source == "user and password"
    assert client.events["G1"].get.curl() == (
        'curl https://gracedb.test/api/events/G1 --user "$USERNAME:$PASSWORD"'
    )
    assert "p:w" not in repr(client) + repr(client.session) + str(vars(client))


def test_a_refused_password_is_in_no_error(harness: Any, gracedb: Make) -> None:
    sent = base64.b64encode(b"ann:s3cret").decode()
    server = Server(httpx.Response(401, json={"detail": f"bad: ann:s3cret, {sent}"}))
    account = {"force_noauth": False, "username": "ann", "password": "s3cret"}
    client = gracedb(server, "https://gracedb.test/api/", **account)
    with pytest.raises(Exception, match="bad") as caught:
        harness.run(client.user_info())
    assert "s3cret" not in str(caught.value)
    assert sent not in str(caught.value)
    assert len(server.requests) == 1


def test_the_chain_of_credentials(
    gracedb: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def source(**options: Any) -> str:
        client = gracedb(Server(), "https://gracedb.test/api", force_noauth=False, **options)
        return str(client.auth_source)

    assert source() == "none"
    with pytest.raises(ValueError, match="no credentials"):
        source(fail_if_noauth=True)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine gracedb.test login ann password s3cret")
    netrc.chmod(stat.S_IRUSR | stat.S_IWUSR)
    monkeypatch.setenv("NETRC", str(netrc))
    assert source() == "netrc"
    issued = tmp_path / "token"
    issued.write_text(jwt.encode({"iss": "https://cilogon.test", "exp": 4e9}, "k" * 32))
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(issued))
    assert source() == "BEARER_TOKEN_FILE"
    assert source(username="ann", password="s3cret") == "user and password"
    assert source(token=issued) == "token file"
    for one in ({"username": "ann"}, {"password": "s3cret"}):
        with pytest.raises(ValueError, match="together"):
            source(**one)


def test_a_token_file_is_read_again(harness: Any, gracedb: Make, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    server = Server(httpx.Response(401), NEW)
    client = gracedb(server, "https://gracedb.test/api", force_noauth=False, token=str(file))
    file.write_text("second\n")
    contents = io.BytesIO(b"<xml/>")
    harness.run(client.events.update("G1", filename="coinc.xml", filecontents=contents))
    tokens = [request.headers["Authorization"] for request in server.requests]
    assert tokens == ["Bearer first", "Bearer second"]
    assert [body(request) for request in server.requests] == [("multipart", [EVENT_FILE])] * 2


def test_clients_nodes_and_calls_pickle(harness: Any) -> None:
    make = (GraceDB, AsyncGraceDB)
    account = {"username": "ann", "password": "s3cret"}
    client = harness.client("https://gracedb.test/api", make=make, **account)
    there = pickle.loads(pickle.dumps(client.superevents["S1"].logs[3].tags.create))
    assert there.path == "/superevents/S1/logs/3/tags/"
    assert there.client.auth_source == "user and password"


def test_a_password_that_was_found_does_not_travel(
    gracedb: Make, harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine gracedb.test login ann password s3cret")
    netrc.chmod(stat.S_IRUSR | stat.S_IWUSR)
    monkeypatch.setenv("NETRC", str(netrc))
    client = harness.client("https://gracedb.test/api", make=(GraceDB, AsyncGraceDB))
    assert client.auth_source == "netrc"
    pickled = pickle.dumps(client)
    assert b"s3cret" not in pickled
    assert pickle.loads(pickled).auth_source == "netrc"
    monkeypatch.setenv("NETRC", "/nowhere")
    assert pickle.loads(pickled).auth_source == "none"


def test_each_call_of_the_tree_is_among_those_above(gracedb: Make) -> None:
    lines = {(line.method, line.template) for line in gracedb(Server()).tree()}
    asked = {tuple(row[1].split()) for row in CALLS}
    for method, template in lines:
        pattern = "[^/]+".join(re.escape(part) for part in re.split(r"\{\w+\}", template[1:]))
        assert any(m == method and re.fullmatch(pattern, path) for m, path in asked), template
    assert len(lines) == 41


def test_a_call_with_many_arguments_does_not_widen_the_tree(gracedb: Make) -> None:
    lines = str(gracedb(Server()).tree()).splitlines()
    assert max(len(line) for line in lines) < 250


def test_what_is_there_completes(gracedb: Make) -> None:
    client = gracedb(Server())
    assert {"events", "superevents", "user_info"} <= set(dir(client))
    assert {"files", "labels", "logs", "voevents", "get"} <= set(dir(client.events["G1"]))
    parameters = inspect.signature(client.superevents.create).parameters
    known = ["t_start", "t_0", "t_end", "preferred_event", "events", "labels"]
    assert list(parameters) == [*known, "more"]


def test_it_is_short_and_knows_nothing_of_another_api() -> None:
    texts = {
        line
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    code = [
        line.strip()
        for number, line in enumerate(SOURCE.splitlines(), 1)
        if number not in texts and line.strip() and not line.strip().startswith("#")
    ]
    assert len(code) <= 300
    assert [line for line in code if "grad300" in line] == ["from grad300_sdk.engine import ("]

"""The server's description of itself, and the tree beside it, on both clients."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from grad300_sdk import DecodeError
from grad300_sdk.engine.exploring.openapi import Comparison
from tests.conftest import Harness

COMPARED = """\
The server and the tree have:
  POST  /login/access-token                    client.login(email, password)
                                               client.login.access_token(email, password)
  GET   /login/test-token                      client.login.test_token()
"""
DIFFERENT = """\
Only the server has:
  POST  /login/test-token                      client.resource('/login/test-token').post()
                                               # sent by client.login.test_token() where GET is \
refused
  GET   /users/me                              client.resource('/users/me').get()
                                               # client.login.test_token() returns the same
  GET   /utils/health-check/                   client.resource('/utils/health-check/').get()
                                               # for monitoring the server

Only the tree has:
  GET   /openapi.json                          client.openapi.get()
                                               client.openapi.compare()
                                               # a FastAPI server does not list its own \
description"""


def test_openapi(harness: Harness, client: Any) -> None:
    document = harness.run(client.openapi.get())
    templates = {line.template for line in client.tree() if line.method == "GET"}
    assert {f"/api/v1{template}" for template in templates} - set(document["paths"]) == {
        "/api/v1/openapi.json"
    }


def test_nothing_differs_from_the_sandbox_that_is_not_said_why(
    harness: Harness, client: Any
) -> None:
    comparison = harness.run(client.openapi.compare())
    assert isinstance(comparison, Comparison)
    text = str(comparison)
    assert text.startswith(COMPARED)
    assert text.endswith(DIFFERENT)
    assert repr(comparison) == text
    assert len(comparison) == len(list(comparison)) == 9
    assert [row.where for row in comparison] == ["both"] * 5 + ["server"] * 3 + ["tree"]
    assert all(row.note for row in comparison if row.where != "both")
    ours = {line.call for line in client.tree()}
    assert ours == {call for row in comparison if row.where != "server" for call in row.calls}


def test_what_only_the_server_has_is_reached_as_is_said(harness: Harness, client: Any) -> None:
    for row in harness.run(client.openapi.compare()).only_server:
        answer = harness.run(eval(row.calls[0], {"client": client}))
        assert answer is True or answer["is_active"]


def compared(harness: Harness, document: Any, base_url: str = "http://archive.test") -> Comparison:
    """Compare the tree with any document."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=content))
    client = harness.client(base_url, transport=transport, force_noauth=True)
    result: Comparison = harness.call(client.openapi.compare)
    return result


def only_server(harness: Harness, *paths: str, method: str = "get", **more: Any) -> list[Any]:
    """Give what only a server with these paths has."""
    document = {"openapi": "3.1.0", "paths": {path: {method: {}} for path in paths}, **more}
    return compared(harness, document).only_server


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/scans/{type}/",
        "/api/v1/scans/{scan-type}",
        "/api/v1/openapi.json/",
        "api/v1/login/test-token",
    ],
)
def test_templates_match_by_their_structure(harness: Harness, path: str) -> None:
    assert only_server(harness, path) == []


@pytest.mark.parametrize(
    "path",
    ["/api/v1/scan/{type}/", "/api/v1/scans/{a}/{b}/x", "/api/v1/scans", "/api/v1/Scans/{a}/"],
)
def test_other_templates_do_not(harness: Harness, path: str) -> None:
    assert [row.path for row in only_server(harness, path)] == [path.removeprefix("/api/v1")]


def test_a_slash_that_is_written_otherwise_is_noted(harness: Harness) -> None:
    document = {"openapi": "3.1.0", "paths": {"/api/v1/scans/{kind}": {"get": {}}}}
    [row] = compared(harness, document).both
    assert (row.path, row.note) == ("/scans/{scan_type}/", "the server writes /scans/{kind}")


@pytest.mark.parametrize(
    "servers",
    [
        [{"url": "/api/v1"}],
        [{"url": "https://archive.test/api/v1/"}],
        [None, {}, {"url": 3}, "/api/v1", {"url": "http://["}, {"url": "/api/v1"}],
    ],
)
def test_a_server_may_say_where_its_paths_stand(harness: Harness, servers: Any) -> None:
    assert only_server(harness, "/scans/{scan_type}/", servers=servers) == []


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("get", "/x/{user-id}", "client.resource('/x/{user_id}', user_id=...).get()"),
        ("delete", "/x/{class}", "client.resource('/x/{class_}', class_=...).delete()"),
        ("put", "/{a}/{a}", "client.resource('/{a}/{a_1}', a=..., a_1=...).put()"),
        (
            "put",
            "/{a}{a-1}{a}",
            "client.resource('/{a}{a_1}{a_2}', a=..., a_1=..., a_2=...).put()",
        ),
        ("patch", "/{1}{}", "client.resource('/{_1}{_}', _1=..., _=...).patch()"),
        ("head", "/x", "client.request('HEAD', client.resource('/x').path)"),
        ("trace", "/{x}", "client.request('TRACE', client.resource('/{x}', x=...).path)"),
        ("post", "/{?x}", "client.resource('/{_x}', _x=...).post()"),
        ("get", "/it's", 'client.resource("/it\'s").get()'),
        ("get", "/a\n\x1b", r"client.resource('/a\n\x1b').get()"),
    ],
)
def test_each_gets_a_call_that_reaches_it(
    harness: Harness, method: str, path: str, call: str
) -> None:
    [row] = only_server(harness, f"/api/v1{path}", method=method)
    assert row.calls == (call,)
    client = harness.client("http://archive.test", force_noauth=True)
    resource = call.partition("(")[2] if call.startswith("client.request") else call
    resource = resource.removeprefix(f"{method.upper()!r}, ").rpartition(".")[0]
    assert eval(resource, {"client": client}).path.startswith("/")


def test_many_variables_of_one_name_take_no_long_time(harness: Harness) -> None:
    start = time.perf_counter()
    [row] = only_server(harness, f"/api/v1/{'{a}' * 3000}")
    assert row.calls[0].endswith("a_2999=...).get()")
    assert time.perf_counter() - start < 10  # it is done in a tenth of a second


@pytest.mark.parametrize("path", ["/../x", "/a#b", "/{a", "/}", "/{{a}}", "/" + "{" * 100_000])
def test_what_no_client_can_send_is_said(harness: Harness, path: str) -> None:
    [row] = only_server(harness, f"/api/v1{path}")
    assert (row.calls, row.note) == ((), "no client can send such a path")


def test_what_is_elsewhere_on_the_server_is_reached_by_its_url(harness: Harness) -> None:
    [row] = only_server(harness, "/docs")
    assert row.calls == ("client.request('GET', 'http://archive.test/docs')",)
    assert row.note == "outside /api/v1, below which the client's paths are"


def test_what_is_no_method_is_passed_over(harness: Harness) -> None:
    item = {"summary": "", "parameters": [], "$ref": "", "x-get": {}, "GET": {}, "query": {}}
    assert compared(harness, {"openapi": "3.1.0", "paths": {"/api/v1/x": item}}).only_server == []


@pytest.mark.parametrize(
    "document",
    [
        b"<html>",
        b"[" * 100_000,
        [],
        None,
        {},
        {"openapi": 3, "paths": {}},
        {"openapi": "3.1.0", "paths": []},
        {"openapi": "3.1.0", "paths": {"/x": None}},
        {"openapi": "3.1.0", "paths": {"/x": ["get"]}},
        {"openapi": "3.1.0", "servers": {}},
    ],
)
def test_what_is_no_description_is_an_error(harness: Harness, document: Any) -> None:
    with pytest.raises(DecodeError):
        compared(harness, document)


def test_a_server_that_describes_nothing(harness: Harness) -> None:
    comparison = compared(harness, {"openapi": "3.1.0"})
    assert len(comparison.only_tree) == len(comparison) == 6
    assert str(comparison).startswith("Only the tree has:\n  POST")
    assert str(Comparison([])) == ""
    assert Comparison([])._repr_html_() == ""


def test_a_huge_description_is_shown_in_part(harness: Harness) -> None:
    names = ["n" * 10_000, *(f"n{number}" for number in range(3000))]
    paths = {f"/api/v1/{name}": {"get": {}} for name in names}
    comparison = compared(harness, {"openapi": "3.1.0", "paths": paths})
    assert len(comparison.only_server) == 3001
    assert len(comparison.only_server[0].path) == 10_001
    lines = str(comparison).splitlines()
    assert lines[0] == "Only the server has: (1000 of 3001)"
    assert len(lines) < 1100
    assert max(map(len, lines)) < 500
    assert comparison._repr_html_().count("<tr>") < 1100

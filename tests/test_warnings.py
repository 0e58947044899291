"""Warnings: each is a `Grad300Warning` and names the line of the user's program."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from test_rooms import MODULES

from grad300_sdk import Client, Grad300Client, Grad300Warning
from tests.conftest import Harness

URL = "https://archive"


def answer(request: httpx.Request) -> httpx.Response:
    """Answer with a bad row, or, of one source, with a page that ignores the offset."""
    if request.url.path.endswith("access-token"):
        return httpx.Response(200, json={"access_token": "x"})
    if request.url.params.get("source") == "sun":
        return httpx.Response(200, json=[{"id": 1, "file_name": "a", "object": "sun"}])
    return httpx.Response(200, json=[] if request.url.params.get("offset") != "0" else [{}])


TRANSPORT = httpx.MockTransport(answer)


def assert_names_this_file(caught: pytest.WarningsRecorder) -> None:
    (warning,) = caught
    assert warning.category is Grad300Warning
    assert warning.filename == __file__


CALLS: dict[str, Callable[[Any], Any]] = {
    "records": lambda scans: scans["TPI"].records(),
    "table": lambda scans: scans["TPI"].table(),
    "all types": lambda scans: scans.table(),
    "search": lambda scans: scans["TPI"].search(source="sun", page_size=1),
    "pages": lambda scans: scans["TPI"].table(source="sun", page_size=1),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_listing_names_the_line(harness: Harness, name: str) -> None:
    client = harness.client(URL, transport=TRANSPORT)

    def run() -> None:
        found = CALLS[name](client.scans)
        if name == "search":
            list(found)

    async def run_async() -> None:
        found = CALLS[name](client.scans)
        if name == "search":
            [item async for item in found]
        else:
            await found

    with pytest.warns(Grad300Warning) as caught:
        harness.run(run() if harness.mode == "blocking" else run_async())
    assert_names_this_file(caught)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Client("http://archive", token="x", transport=TRANSPORT),
        lambda: Grad300Client("http://archive", token="x", transport=TRANSPORT),
        lambda: Client("http://archive", transport=TRANSPORT).login("me", "secret"),
        lambda: Client("http://archive", transport=TRANSPORT).set_token("x"),
        lambda: Grad300Client(URL, transport=TRANSPORT).list("TPI"),
        lambda: Grad300Client(URL, transport=TRANSPORT).query_records(scan_type="TPI"),
    ],
)
def test_a_client_names_the_line(call: Callable[[], Any]) -> None:
    with pytest.warns(Grad300Warning) as caught:
        call()
    assert_names_this_file(caught)
    assert caught[0].lineno == call.__code__.co_firstlineno


def test_a_variable_of_the_environment_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(tmp_path / "missing"))
    with pytest.warns(Grad300Warning) as caught:
        Client(URL)
    assert_names_this_file(caught)


@pytest.mark.parametrize("module", MODULES)
def test_no_module_counts_frames(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert "warnings.warn" not in calls

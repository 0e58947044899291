"""What a client is made of."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from grad300_sdk.engine.client import check_base_url, check_integer, check_method, check_timeout
from tests.support.library import AwaitingLibrary, BlockingLibrary
from tests.support.wire import answer


def test_making_a_client_sends_nothing(library: Any, wire: Any) -> None:
    server = wire()
    client = library(server.url)
    assert str(client) == f"<{type(client).__name__} {server.url}>"
    assert client.base_api_url == server.url
    assert client.max_connections == 4
    assert server.connections == 0


def test_clients_are_context_managers(wire: Any) -> None:
    server = wire(answer(b"{}"))
    with BlockingLibrary(server.url) as client:
        assert client.books["1"].get() == {}
    with pytest.raises(RuntimeError, match="closed"):
        client.books["1"].get()


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://a.test", "http://a.test"),
        (" https://A.test:443/v1// ", "https://a.test/v1"),
        (httpx.URL("http://a.test/"), "http://a.test"),
        ("http://[::1]:80/x", "http://[::1]/x"),
        ("http://bücher.test/é", "http://xn--bcher-kva.test/%C3%A9"),
        ("http://a.test/@ann", "http://a.test/@ann"),
        ("http://a.test.:65535", "http://a.test.:65535"),
    ],
)
def test_base_urls(given: Any, url: str) -> None:
    assert check_base_url(given) == url


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("", ValueError),
        ("library.test", ValueError),
        ("/v1", ValueError),
        ("ftp://library.test", ValueError),
        ("http://", ValueError),
        ("http:///v1", ValueError),
        ("http://[::1", ValueError),
        ("http://library.test:x", ValueError),
        ("http://library.test:65536", ValueError),
        ("http://a..test", ValueError),
        ("http://" + "a" * 64, ValueError),
        ("http://library.test\n/", ValueError),
        ("http://library.test?x", ValueError),
        ("http://library.test/?token=s3cret", ValueError),
        ("http://library.test/#s3cret", ValueError),
        ("http://library.test?", ValueError),
        ("http://ann:s3cret@library.test", ValueError),
        ("http://ann:s3/cret@library.test", ValueError),
        ("ann:s3cret@library.test", ValueError),
        ("http://s3cret@library.test", ValueError),
        (b"http://library.test", TypeError),
        (None, TypeError),
    ],
)
def test_bad_base_urls(library: Any, given: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="base_url") as caught:
        library(given)
    assert "s3" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"timeout": 0}, ValueError, "timeout"),
        ({"timeout": -1.0}, ValueError, "timeout"),
        ({"timeout": float("inf")}, ValueError, "timeout"),
        ({"timeout": float("nan")}, ValueError, "timeout"),
        ({"timeout": True}, TypeError, "timeout"),
        ({"timeout": "5"}, TypeError, "timeout"),
        ({"timeout": None}, TypeError, "timeout"),
        ({"retries": -1}, ValueError, "retries"),
        ({"retries": 1.5}, TypeError, "retries"),
        ({"retries": True}, TypeError, "retries"),
        ({"max_connections": 0}, ValueError, "max_connections"),
        ({"max_json_bytes": 0}, ValueError, "max_json_bytes"),
        ({"transport": object()}, TypeError, "transport"),
        ({"headers": {"X": "s3cret\n"}}, ValueError, "'X'"),
        ({"headers": {"X": "s3crété"}}, ValueError, "headers"),
        ({"headers": {"X": None}}, TypeError, "headers"),
        ({"heders": {}}, TypeError, "heders"),
    ],
)
def test_wrong_options(
    library: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        library(**options)
    assert "s3cr" not in str(caught.value)


def seconds(timeout: Any) -> float | None:
    """Return the seconds that a time-out allows for a read."""
    return check_timeout(timeout)["read"]


def test_numbers() -> None:
    assert seconds(np.float64(0.5)) == 0.5
    assert seconds(10**400) == seconds(1e9) < 2**31 / 1000
    assert check_integer("n", np.int16(3), 0) == 3
    assert check_method("get") == "GET"


def test_a_client_of_any_mapping_of_headers(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answer(b"{}"))
    client = library(server.url, headers=httpx.Headers({"X-Key": "k"}))
    harness.call(client.books["1"].get)
    assert server.requests[0].headers["x-key"] == "k"


def test_any_request(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answer(b"[1]", X="y"), answer(b"[1]"))
    client = library(server.url)
    response = harness.call(
        client.request, "options", "/books", params={"a": 1}, data={"b": "c"}, headers={"X": "1"}
    )
    assert (response.status_code, response.json(), response.headers["X"]) == (200, [1], "y")
    assert harness.call(client.get_json, "/books", params={"a": 0}) == [1]
    first, second = server.requests
    assert (first.method, first.target, first.body) == ("OPTIONS", "/books?a=1", b"b=c")
    assert (second.method, second.target) == ("GET", "/books?a=0")


def test_the_two_clients_have_the_same_tree() -> None:
    assert str(BlockingLibrary().tree()) == str(AwaitingLibrary().tree())

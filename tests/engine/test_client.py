"""What a client is made of, its copies, and how it is closed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.echo import echo, is_right
from tests.support.library import (
    AwaitingLibrary,
    BlockingLibrary,
)
from tests.support.wire import Wire, answer


@pytest.fixture
def server(wire: Callable[..., Wire]) -> Wire:
    """Echo what is asked."""
    return wire(answerer=echo)


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


def test_a_transport_is_used_as_it_is(harness: Any, library: Any) -> None:
    class Counting(httpx.MockTransport):
        closed = 0

        def close(self) -> None:
            self.closed += 1

        async def aclose(self) -> None:
            self.closed += 1

    transport = Counting(lambda request: httpx.Response(200, json={"url": str(request.url)}))
    client = library("https://library.test", transport=transport)
    assert harness.call(client.books["1"].get) == {"url": "https://library.test/books/1"}
    redirect = harness.call(client.request, "GET", "http://other.test/")
    assert redirect.json() == {"url": "http://other.test/"}
    harness.run(harness.close_client(client))
    assert transport.closed >= 1


# Copies


def test_copies_share_their_connections(harness: Any, library: Any, server: Wire) -> None:
    client = library(server.url, max_connections=1)
    copies = [pickle.loads(pickle.dumps(client)) for _ in range(3)]
    for number, one in enumerate([client, *copies]):
        assert is_right(harness.call(one.books[str(number)].get), number)
    assert server.connections == 1
    copies[0].set_token("t0k")
    assert client.session.credentials != copies[0].session.credentials
    for one in [client, *copies]:
        harness.run(harness.close_client(one))
    assert len(server.requests) == 4


def test_a_copy_outlives_the_client_that_is_closed(
    harness: Any, library: Any, server: Wire
) -> None:
    client = library(server.url)
    copy = pickle.loads(pickle.dumps(client))
    harness.run(harness.close_client(client))
    harness.run(harness.close_client(client))
    with pytest.raises(RuntimeError, match="closed"):
        harness.call(client.books["1"].get)
    assert is_right(harness.call(copy.books["1"].get), 1)
    again = pickle.loads(pickle.dumps(client))
    assert is_right(harness.call(again.books["2"].get), 2)
    assert server.connections == 1
    for one in (copy, again):
        harness.run(harness.close_client(one))


def test_a_client_with_a_transport_of_its_own_does_not_pickle(library: Any) -> None:
    client = library(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    for thing in (client, client.books, client.books["1"].get):
        with pytest.raises(TypeError, match="transport"):
            pickle.dumps(thing)


def test_what_a_client_class_adds_is_pickled_too() -> None:
    client = Branch(shelf="top")
    there = pickle.loads(pickle.dumps(client))
    assert there.shelf == "top"
    assert type(there) is Branch
    twin = copy.copy(client)
    twin.set_token("t0k")
    assert client.session.credentials != twin.session.credentials


class Branch(BlockingLibrary):
    """A client with an attribute of its own."""

    def __init__(self, shelf: str) -> None:
        super().__init__()
        self.shelf = shelf


# Closing


def test_a_closed_client_sends_nothing(harness: Any, library: Any, server: Wire) -> None:
    client = library(server.url)
    harness.call(client.books["1"].get)
    harness.run(harness.close_client(client))
    for call in (client.books["1"].get, client.books["1"].get.response):
        with pytest.raises(RuntimeError, match="closed"):
            harness.call(call)
    with pytest.raises(RuntimeError, match="closed"):
        harness.list(client.books.search())
    assert len(server.requests) == 1
    assert client.books["1"].get.request().url == f"{server.url}/books/1"


def test_closing_ends_the_connections(
    harness: Any, library: Any, wire: Callable[..., Wire]
) -> None:
    server = wire(answer(b"{}"))
    client = library(server.url)
    harness.call(client.books["1"].get)
    assert server.open_connections == 1
    harness.run(harness.close_client(client))
    assert server.all_closed()


def test_closing_twice_does_no_harm(harness: Any, library: Any) -> None:
    client = library()
    for _ in range(2):
        harness.run(harness.close_client(client))


# The two modes

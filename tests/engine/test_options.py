"""Copies of a client with other options, and what an option may be."""

from __future__ import annotations

import pickle
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import Token
from grad300_sdk.engine.errors import RequestTimeoutError, ServerError, TransportError
from tests.support.library import account
from tests.support.wire import RESET, STALL, Received, Step, answer

OK = answer(b"{}")


def timeouts(client: Any) -> dict[str, float | None]:
    """Return the seconds of each wait of a client's requests."""
    found: dict[str, float | None] = client.books.get.request().extensions["timeout"]
    return found


# with_options


def test_a_copy_is_a_client_of_the_same_tree(library: Any) -> None:
    client = library(headers={"X-Key": "k"}, timeout=3.0, retries=2)
    copy = client.with_options()
    assert type(copy) is type(client)
    assert copy is not client
    assert copy.base_api_url == client.base_api_url
    assert copy.books["1"] == client.books["1"]
    assert copy.books.client is copy
    assert timeouts(copy) == timeouts(client)
    assert copy.session.retries == 2
    assert copy.max_connections == client.max_connections
    assert copy.books.get.request().headers == client.books.get.request().headers


def test_copies_share_connections(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answerer=lambda request: OK)
    client = library(server.url)
    harness.call(client.books["1"].get)
    copy = client.with_options(timeout=3.0, retries=1, headers={"X": "y"})
    harness.call(copy.books["2"].get)
    harness.run(harness.close_client(copy))
    harness.call(client.books["3"].get)
    assert server.connections == 1
    with pytest.raises(RuntimeError, match="closed"):
        harness.call(copy.books["4"].get)


def test_a_copy_with_a_number_of_connections_has_its_own(
    harness: Any, library: Any, wire: Any
) -> None:
    server = wire(answerer=lambda request: OK)
    client = library(server.url)
    copy = client.with_options(max_connections=1)
    for each in (client, copy, client, copy):
        harness.call(each.books["1"].get)
    harness.run(harness.close_client(copy))
    assert [request.connection for request in server.requests] == [1, 2, 1, 2]
    assert (client.max_connections, copy.max_connections) == (4, 1)


def test_copies_share_credentials(harness: Any, library: Any, wire: Any) -> None:
    def answerer(request: Received) -> Step:
        return answer(b'{"token": "t0k"}') if request.target == "/login" else OK

    server = wire(answerer=answerer)
    client = library(server.url, credentials=account())
    copies = [client, client.with_options(retries=1), client.with_options(max_connections=1)]
    for copy in copies:
        harness.call(copy.books["1"].get)
    assert [request.target for request in server.requests].count("/login") == 1
    copies[1].set_token("other")
    for copy in copies:
        harness.call(copy.books["1"].get)
        assert server.requests[-1].headers["authorization"] == "Bearer other"
    client.clear_token()
    assert {copy.auth_source for copy in copies} == {"none"}
    harness.call(copies[2].books["1"].get)
    assert "authorization" not in server.requests[-1].headers
    harness.run(harness.close_client(copies[1]))
    harness.run(harness.close_client(copies[2]))


def test_headers_are_merged(library: Any) -> None:
    client = library(headers={"X-Key": "k", "X-Other": "o"})
    copy = client.with_options(headers={"x-key": "new", "X-More": "m"})
    again = copy.with_options(headers={"X-Last": "l"})
    names = ("X-Key", "X-Other", "X-More", "X-Last")
    values = [
        [each.books.get.request().headers.get(name) for name in names]
        for each in (client, copy, again)
    ]
    assert values == [
        ["k", "o", None, None],
        ["new", "o", "m", None],
        ["new", "o", "m", "l"],
    ]


def test_each_option_is_its_copy_s_own(harness: Any, library: Any, wire: Any) -> None:
    server = wire([RESET], OK, [RESET])
    client = library(server.url)
    patient = client.with_options(retries=1)
    patient.session.jitter = client.session.jitter
    assert harness.call(patient.books["1"].get) == {}
    with pytest.raises(TransportError):
        harness.call(client.books["1"].get)
    assert (client.session.retries, patient.session.retries) == (0, 1)
    assert timeouts(client.with_options(timeout=3)) == dict.fromkeys(timeouts(client), 3.0)
    assert timeouts(client) == dict.fromkeys(timeouts(client), 60.0)


def test_a_copy_pickles(harness: Any, library: Any) -> None:
    client = library(credentials=Token("t0k"))
    for copy in (
        client.with_options(retries=5, timeout=3),
        client.with_options(max_connections=2),
    ):
        there = pickle.loads(pickle.dumps(copy))
        assert there.session.retries == copy.session.retries
        assert timeouts(there) == timeouts(copy)
        assert there.max_connections == copy.max_connections
        assert there.driver.network is copy.driver.network
        harness.run(harness.close_client(there))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"timeout": 0}, ValueError, "timeout"),
        ({"timeout": "5"}, TypeError, "timeout"),
        ({"retries": -1}, ValueError, "retries"),
        ({"retries": 1.5}, TypeError, "retries"),
        ({"max_connections": 0}, ValueError, "max_connections"),
        ({"headers": {"X": "s3cret\n"}}, ValueError, "'X'"),
        ({"headers": ["X"]}, TypeError, "headers"),
        ({"token": "t"}, TypeError, "token"),
    ],
)
def test_wrong_options(
    library: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        library().with_options(**options)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["timeout", "retries", "headers", "max_connections"])
def test_an_option_can_not_be_set(library: Any, name: str) -> None:
    client = library()
    with pytest.raises(AttributeError) as caught:
        setattr(client, name, 5)
    assert str(caught.value) == (
        f"{name} can't be set; client.with_options({name}=...) returns a copy with it"
    )


def test_an_attribute_of_one_s_own_can_be_set(library: Any) -> None:
    client = library()
    client.shelf = "top"
    assert client.with_options(retries=1).shelf == "top"


# Time-outs


def test_a_time_out_of_httpx_s(harness: Any, library: Any, wire: Any) -> None:
    timeout = httpx.Timeout(5.0, connect=2.0, read=0.05)
    server = wire([STALL], [STALL], OK)
    client = library(server.url, timeout=timeout)
    assert timeouts(client) == {"connect": 2.0, "read": 0.05, "write": 5.0, "pool": 5.0}
    for call in (client.books["1"].get, client.with_options(retries=0).books["1"].get):
        with pytest.raises(RequestTimeoutError, match="timed out"):
            harness.call(call)
    assert harness.call(client.with_options(timeout=httpx.Timeout(9)).books["1"].get) == {}


def test_a_wait_without_a_bound(harness: Any, library: Any, wire: Any) -> None:
    timeout = httpx.Timeout(5.0, read=None)
    client = library(wire(OK, OK).url, timeout=timeout)
    assert timeouts(client)["read"] is None
    assert harness.call(client.books["1"].get) == {}
    unbounded = client.with_options(timeout=httpx.Timeout(None))
    assert set(timeouts(unbounded).values()) == {None}
    assert harness.call(unbounded.books["1"].get) == {}


def test_a_time_out_of_one_request(harness: Any, library: Any, wire: Any) -> None:
    server = wire([STALL], answer(b"", "503 Busy"))
    client = library(server.url)
    with pytest.raises(RequestTimeoutError):
        harness.call(client.request, "GET", "/", timeout=httpx.Timeout(9.0, read=0.05))
    with pytest.raises(ServerError):
        harness.call(client.request, "GET", "/", timeout=9)
    request = client.request.request("GET", "/", timeout=httpx.Timeout(9.0, pool=1.0))
    assert request.extensions["timeout"] == {"connect": 9, "read": 9, "write": 9, "pool": 1}


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (httpx.Timeout(0.0), ValueError),
        (httpx.Timeout(5.0, read=-1.0), ValueError),
        (httpx.Timeout(5.0, read=float("nan")), ValueError),
        (5j, TypeError),
        ((1.0, 2.0), TypeError),
    ],
)
def test_a_time_out_that_is_not_one(library: Any, timeout: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="timeout must be"):
        library(timeout=timeout)
    with pytest.raises(error, match="timeout must be"):
        library().request.request("GET", "/", timeout=timeout)


class Closing(httpx.MockTransport):
    """A transport that counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def test_a_copy_leaves_a_transport_to_the_original(harness: Any, library: Any) -> None:
    transport = Closing(lambda request: httpx.Response(200, json={}))
    client = library(transport=transport)
    copy = client.with_options(max_connections=1)
    assert (client.max_connections, copy.max_connections) == (4, 1)
    harness.run(harness.close_client(copy))
    harness.run(harness.close_client(copy))
    assert transport.closed == 0
    assert harness.run(client.books["1"].get()) == {}
    harness.run(harness.close_client(client))
    assert transport.closed == 1

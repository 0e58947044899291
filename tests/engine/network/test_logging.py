"""What is told of each request: the line in the log and the time that it took; and no cookies."""

from __future__ import annotations

import logging
import time
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import Token
from grad300_sdk.engine.errors import NotFoundError
from tests.support.library import account
from tests.support.wire import answer

LOGGER = "grad300_sdk.engine.network.incoming"


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Return the level and the text of what the driver logged."""
    return [(level, text) for name, level, text in caplog.record_tuples if name == LOGGER]


def test_each_answer_is_logged(
    harness: Any, library: Any, wire: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "grad300_sdk")
    server = wire(
        answer(b"[]"),
        answer(b"", "302 Found", Location="/other"),
        answer(b"{}"),
        answer(b"", "404 Not Found"),
    )
    client = library(server.url)
    harness.call(client.books.get, title="Dune")
    harness.call(client.books["1"].get)
    with pytest.raises(NotFoundError):
        harness.call(client.books["2"].get)
    assert lines(caplog) == [
        (logging.INFO, f'HTTP Request: GET {server.url}{path} "HTTP/1.1 {status}"')
        for path, status in [
            ("/books?page=0&title=Dune", "200 OK"),
            ("/books/1", "302 Found"),
            ("/other", "200 OK"),
            ("/books/2", "404 Not Found"),
        ]
    ]


def test_each_answer_of_a_transport_is_logged(
    harness: Any, library: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "grad300_sdk")
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
    harness.call(library(transport=transport).books["1"].get)
    assert [text for _, text in lines(caplog)] == [
        'HTTP Request: GET http://library.test/v1/books/1 "HTTP/1.1 200 OK"'
    ]


def test_an_answer_is_logged_at_info_alone(
    harness: Any, library: Any, wire: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "grad300_sdk")
    harness.call(library(wire(answer(b"{}")).url).books["1"].get)
    assert caplog.record_tuples == []


@pytest.mark.parametrize("credentials", [Token("s3cret-token"), account()])
def test_no_secret_is_logged(
    harness: Any,
    library: Any,
    wire: Any,
    caplog: pytest.LogCaptureFixture,
    credentials: Any,
) -> None:
    caplog.set_level(1)
    server = wire(answerer=lambda request: answer(b'{"token": "s3cret-token"}'))
    client = library(server.url, credentials=credentials, headers={"Cookie": "a=s3cret-cookie"})
    harness.call(client.books["1"].get)
    assert "s3cret-token" in server.requests[-1].headers["authorization"]
    assert lines(caplog)
    assert "s3cret" not in caplog.text


def test_no_cookie_is_kept_between_requests(harness: Any, library: Any, wire: Any) -> None:
    def answerer(request: Any) -> Any:
        if request.target == "/books/1":
            return answer(b"", "302 Found", Location="/books/2", Set_Cookie="b=2; Path=/")
        return answer(b"{}", Set_Cookie="session=s3cret; Path=/")

    server = wire(answerer=answerer)
    client = library(server.url)
    response = harness.call(client.books["3"].get.response)
    assert response.headers["Set-Cookie"] == "session=s3cret; Path=/"
    harness.call(client.books["1"].get)
    harness.call(client.request, "POST", "/books/4", json=[])
    assert len(server.requests) == 4
    assert not any("cookie" in request.headers for request in server.requests)


def test_a_cookie_of_one_s_own_is_sent(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answer(b"{}"), answer(b"{}"))
    client = library(server.url, headers={"Cookie": "a=1"})
    harness.call(client.books["1"].get)
    harness.call(client.request, "GET", "/", headers={"Cookie": "b=2"})
    assert [request.headers["cookie"] for request in server.requests] == ["a=1", "b=2"]


def test_a_response_knows_how_long_it_took(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answer(b"{}"), answer(b"text"), answer(b"no", "404 Not Found"))
    client = library(server.url)
    began = time.perf_counter()
    responses = [harness.call(client.request, "GET", "/1")]
    responses += [harness.call(client.books["1"].text.get.response)]
    with pytest.raises(NotFoundError) as caught:
        harness.call(client.request, "GET", "/3")
    took = time.perf_counter() - began
    elapsed = [response.elapsed.total_seconds() for response in responses]
    elapsed.append(caught.value.response.elapsed.total_seconds())
    assert all(seconds > 0 for seconds in elapsed)
    assert sum(elapsed) <= took

"""Servers that send more than an answer: none of it is taken for the next answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from grad300_sdk.engine.errors import APIError
from tests.support.wire import Received, Step, Wire, answer

WRONG = b'{"id": "wrong"}'
OTHER_ANSWER = answer(WRONG)
EXTRA = [
    pytest.param(b"".join(OTHER_ANSWER), id="another answer"),
    pytest.param(WRONG, id="bytes"),
    pytest.param(b"\r\n", id="a line break"),
    pytest.param(b"x", id="one byte"),
]
HEADS = {
    "GET": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
    "HEAD": b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 15\r\n\r\n",
}


def own_answer(request: Received) -> bytes:
    """Return the answer that carries the id that was asked for."""
    body = b'{"id": "%s"}' % request.target.rpartition("/")[2].encode()
    return b"".join(answer(body))


@pytest.fixture
def server(wire: Callable[..., Wire]) -> Callable[[str, bytes], Wire]:
    """Start a server that sends something extra after its first answer, at once."""

    def start(kind: str, extra: bytes) -> Wire:
        def answerer(request: Received) -> Step:
            if len(started.requests) > 1:
                return [own_answer(request)]
            head = own_answer(request) if kind == "GET" else HEADS[kind]
            return [head + extra]

        started = wire(answerer=answerer)
        return started

    return start


def ask(harness: Any, client: Any, kind: str) -> None:
    """Ask for the first answer."""
    if kind == "GET":
        assert harness.call(client.books["first"].get) == {"id": "first"}
    elif kind == "304":
        with pytest.raises(APIError, match="304"):
            harness.call(client.books["first"].get)
    else:
        method = "HEAD" if kind == "HEAD" else "GET"
        response = harness.call(client.request, method, "/books/first")
        assert response.content == b""


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("kind", HEADS)
def test_what_follows_an_answer_is_not_the_next(
    harness: Any, library: Any, server: Callable[[str, bytes], Wire], kind: str, extra: bytes
) -> None:
    sender = server(kind, extra)
    client = library(sender.url, max_connections=1)
    ask(harness, client, kind)
    for book in ("second", "third"):
        assert harness.call(client.books[book].get) == {"id": book}
    assert [request.connection for request in sender.requests] == [1, 2, 2]


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("kind", HEADS)
def test_what_follows_an_answer_later_is_not_the_next(
    harness: Any, library: Any, wire: Any, kind: str, extra: bytes
) -> None:
    answered, sent = threading.Event(), threading.Event()

    class Late:
        """A step whose extra comes once the answer was taken."""

        def __init__(self, head: bytes) -> None:
            self.head = head

        def __iter__(self) -> Iterator[bytes]:
            yield self.head
            answered.wait(10)
            yield extra
            sent.set()

    def answerer(request: Received) -> Any:
        if len(server.requests) > 1:
            return [own_answer(request)]
        return Late(own_answer(request) if kind == "GET" else HEADS[kind])

    server = wire(answerer=answerer)
    client = library(server.url, max_connections=1)
    ask(harness, client, kind)
    answered.set()
    assert sent.wait(10)
    assert harness.call(client.books["second"].get) == {"id": "second"}
    assert [request.connection for request in server.requests] == [1, 2]


def test_what_follows_a_body_in_pieces_is_not_the_next(
    harness: Any, library: Any, wire: Any
) -> None:
    def answerer(request: Received) -> Step:
        if len(server.requests) > 1:
            return [own_answer(request)]
        chunks = b"4\r\ntext\r\n0\r\n\r\n"
        return [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + WRONG]

    server = wire(answerer=answerer)
    client = library(server.url, max_connections=1)
    assert harness.call(client.books["first"].text.get) == b"text"
    assert harness.call(client.books["second"].get) == {"id": "second"}
    assert [request.connection for request in server.requests] == [1, 2]


def test_an_answer_alone_leaves_its_connection_open(
    harness: Any, library: Any, server: Callable[[str, bytes], Wire]
) -> None:
    for kind in HEADS:
        sender = server(kind, b"")
        client = library(sender.url, max_connections=1)
        ask(harness, client, kind)
        assert harness.call(client.books["second"].get) == {"id": "second"}
        assert sender.connections == 1

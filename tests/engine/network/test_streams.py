"""Answers that only drip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from ssl import SSLContext
from typing import Any

import httpcore
import httpx
import pytest

from grad300_sdk.engine.errors import RequestTimeoutError
from tests.support.clock import Clock
from tests.support.tls import SecureWire
from tests.support.wire import Step, answer, chunked


@pytest.fixture
def library(library: Any) -> Any:
    """Make clients whose clock goes on by a second each time it is looked at."""

    def make(*arguments: Any, **options: Any) -> Any:
        client = library(*arguments, **options)
        client.session.clock = Clock()
        return client

    return make


@pytest.fixture
def _dripping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each byte of an answer take a second."""
    for kind in (httpcore.HTTP11Connection, httpcore.AsyncHTTP11Connection):
        monkeypatch.setattr(kind, "READ_NUM_BYTES", 1)


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


SLOW = {
    "the status line": [b"HTTP/1.1 200 " + b"o" * 1000 + b"\r\n\r\n"],
    "a header": [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000 + b"\r\n\r\n"],
    "headers": [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 90 + b"\r\n"],
    "early answers": [b"HTTP/1.1 100 Go on\r\n\r\n" * 90, *answer(b"{}")],
    "the body": answer(b" " * 1000 + b"{}"),
    "the body in chunks": [*chunked(*[b" "] * 200, b"{}"), b"0\r\n\r\n"],
    "an extension": [HEAD + b"2;" + b"x" * 1000 + b"\r\n{}\r\n0\r\n\r\n"],
    "a trailer": [HEAD + b"2\r\n{}\r\n0\r\nX: " + b"x" * 1000 + b"\r\n\r\n"],
    "an error": answer(b" " * 1000, "404 Not Found"),
}


@pytest.mark.parametrize("call", ["get", "text.get"])
@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
@pytest.mark.usefixtures("_dripping")
def test_an_answer_that_only_drips_is_given_up(
    harness: Any, library: Any, wire: Any, step: Step, call: str
) -> None:
    server = wire(step, answer(b"{}"))
    book = library(server.url, timeout=10.0, max_connections=1).books["1"]
    with pytest.raises(RequestTimeoutError, match="the answer arrived too slowly: ") as caught:
        harness.call(book.get if call == "get" else book.text.get)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.transient
    assert caught.value.request.url == f"{server.url}/books/1" + ("/text" * (call != "get"))
    assert harness.call(book.get) == {}
    assert len(server.requests) == 2


@pytest.mark.usefixtures("_dripping")
def test_a_drip_is_tried_again(harness: Any, library: Any, wire: Any) -> None:
    server = wire(SLOW["a header"], SLOW["the body"], answer(b"{}"))
    book = library(server.url, timeout=10.0, max_connections=1, retries=2).books["1"]
    assert harness.call(book.get) == {}


@pytest.mark.usefixtures("_dripping")
def test_a_file_may_take_long_and_json_may_not(harness: Any, library: Any, wire: Any) -> None:
    step = [*chunked(b" " * 4000), b"0\r\n\r\n"]
    server = wire(step, step)
    book = library(server.url, timeout=200.0).books["1"]
    assert len(harness.call(book.text.get)) == 4000
    with pytest.raises(RequestTimeoutError, match="arrived too slowly: 2001 bytes in 2001 s"):
        harness.call(book.get)


@pytest.mark.usefixtures("_dripping")
def test_an_answer_under_tls_drips_too(
    harness: Any, library: Any, certificate: Path, context: SSLContext
) -> None:
    steps = iter([SLOW["a header"], answer(b"{}")])
    with SecureWire(certificate, lambda request: next(steps)) as server:
        book = library(server.url, timeout=10.0, verify=context).books["1"]
        with pytest.raises(RequestTimeoutError, match="arrived too slowly"):
            harness.call(book.get)
        assert harness.call(book.get) == {}


@pytest.mark.usefixtures("_dripping")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_drips_too(harness: Any, library: Any, wire: Any, scheme: str) -> None:
    proxy = wire(SLOW["a header"])
    book = library(f"{scheme}://library.test", timeout=10.0, proxy=proxy.url).books["1"]
    with pytest.raises(RequestTimeoutError, match="arrived too slowly"):
        harness.call(book.get)
    assert proxy.requests[0].method == ("GET" if scheme == "http" else "CONNECT")


@pytest.mark.parametrize("call", ["get", "text.get"])
def test_a_body_of_a_given_transport_drips_too(harness: Any, library: Any, call: str) -> None:
    class BodyDecoder(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from [b" "] * 1000

        async def __aiter__(self) -> Any:
            for piece in self:
                yield piece

    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=BodyDecoder()))
    book = library(transport=transport, timeout=10.0).books["1"]
    with pytest.raises(RequestTimeoutError, match="arrived too slowly: 101 bytes in 101 s"):
        harness.call(book.get if call == "get" else book.text.get)


def test_whoever_takes_long_over_each_piece_is_not_held_against_the_server(
    harness: Any, library: Any, wire: Any
) -> None:
    clock = Clock()

    class Slow:
        def headers(self) -> dict[str, str]:
            return {}

        def begin(self, response: httpx.Response) -> None:
            pass

        def write(self, data: bytes) -> None:
            clock.now += 1000.0

    server = wire([*chunked(*[b"x"] * 100), b"0\r\n\r\n"])
    client = library(server.url, timeout=20.0)
    client.session.clock = clock
    assert harness.call(client.books["1"].text.write_to, Slow()) == 200

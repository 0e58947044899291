"""A response, read piece by piece, the same over both networks."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import httpx
import pytest

from grad300_sdk.engine.errors import (
    DecodeError,
    NotFoundError,
    TransportError,
)
from tests.support.sink import MemorySink
from tests.support.wire import CLOSE, RESET, Wire, answer, chunked

TEXT = [b"one, ", b"two, ", b"three" * 10_000]


def test_a_body_goes_into_a_sink(harness: Any, library: Any, wire: Any) -> None:
    server = wire([*chunked(*TEXT), b"0\r\n\r\n"], answer(b"".join(TEXT)))
    client = library(server.url)
    for _ in range(2):
        sink = MemorySink()
        assert harness.call(client.books["1"].text.write_to, sink) == 200
        assert sink.getvalue() == b"".join(TEXT)


@pytest.mark.parametrize("end", [RESET, CLOSE])
def test_a_sink_begins_again_with_each_attempt(
    harness: Any, library: Any, wire: Any, end: Any
) -> None:
    cut = [*chunked(*TEXT), end]
    busy = answer(b"busy", "503 Busy")
    server = wire(cut, busy, [*chunked(*TEXT), b"0\r\n\r\n"], cut)
    sink = MemorySink()
    text = library(server.url, retries=2, max_connections=1).books["1"].text
    assert harness.call(text.write_to, sink) == 200
    assert sink.getvalue() == b"".join(TEXT)
    assert sink.begun == 2
    with pytest.raises(TransportError):
        harness.call(library(server.url).books["1"].text.write_to, sink)
    assert len(server.requests) == 4


def test_a_sink_takes_no_error(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answer(b"oh no", "404 Not Found"))
    sink = MemorySink()
    with pytest.raises(NotFoundError):
        harness.call(library(server.url).books["1"].text.write_to, sink)
    assert sink.begun == 0
    assert sink.getvalue() == b""


def test_a_sink_that_is_full(harness: Any, library: Any, wire: Any) -> None:
    class Full(MemorySink):
        def write(self, data: Any) -> int:
            raise OSError(28, "no space left on device")

    server = wire([*chunked(*TEXT)], answer(b"{}"))
    client = library(server.url, max_connections=1, retries=3)
    with pytest.raises(OSError, match="no space left"):
        harness.call(client.books["1"].text.write_to, Full())
    assert harness.call(client.books["1"].get) == {}
    assert len(server.requests) == 2


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_sink_takes_no_body_that_is_broken(
    harness: Any, library: Any, wire: Any, encoding: str
) -> None:
    server = wire(answer(b"no gzip", Content_Encoding=encoding), answer(b"{}"))
    client = library(server.url, max_connections=1)
    with pytest.raises(DecodeError):
        harness.call(client.books["1"].text.write_to, MemorySink())
    assert harness.call(client.books["1"].get) == {}


def test_a_given_transports_body_goes_into_a_sink(harness: Any, library: Any) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=b"text"))
    sink = MemorySink()
    harness.call(library(transport=transport).books["1"].text.write_to, sink)
    assert sink.getvalue() == b"text"


def test_a_response_is_not_kept_by_itself(harness: Any, library: Any, server: Wire) -> None:
    client = library(server.url)
    gc.collect()
    gc.disable()
    try:
        response = weakref.ref(harness.call(client.request, "GET", "/1"))
        assert response() is None
    finally:
        gc.enable()

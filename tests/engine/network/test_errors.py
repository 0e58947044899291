"""httpx's errors as the engine's: each class of them, without a secret, and as they happen."""

from __future__ import annotations

import pickle
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from grad300_sdk.engine.credentials import Token
from grad300_sdk.engine.errors import (
    DecodeError,
    Error,
    RequestTimeoutError,
    TransportError,
)
from tests.support.secrets import SECRET, assert_harmless
from tests.support.wire import CLOSE, RESET, STALL, Wire, answer

EXCEPTIONS = [
    value
    for value in map(vars(httpx).get, httpx.__all__)
    if isinstance(value, type) and issubclass(value, Exception)
]


TRANSIENT = {
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.RemoteProtocolError,
    httpx.WriteError,
    httpx.WriteTimeout,
}


def made(kind: type[Exception], request: httpx.Request) -> Exception:
    """Make an exception of any class of httpx's, as httpx itself would."""
    message = f"Illegal header value b'Bearer {SECRET}'"
    if kind is httpx.HTTPStatusError:
        return httpx.HTTPStatusError("status", request=request, response=httpx.Response(500))
    if issubclass(kind, httpx.LocalProtocolError):
        error = kind(message)
        error.__cause__ = RuntimeError(message)
        error.__cause__.__context__ = RuntimeError(message)
        return error
    if issubclass(kind, httpx.RequestError):
        return kind("what happened", request=request)
    if kind in (httpx.ResponseNotRead, httpx.RequestNotRead, httpx.StreamConsumed):
        return kind()
    return httpx.StreamClosed() if kind is httpx.StreamClosed else kind("what happened")


class Raising(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that raises, before the answer or in its body."""

    def __init__(self, kind: type[Exception], *, in_body: bool) -> None:
        self.kind = kind
        self.in_body = in_body
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        assert SECRET in request.headers["Authorization"]
        error = made(self.kind, request)
        if not self.in_body:
            raise error
        return httpx.Response(200, stream=RaisingBody(error))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


class RaisingBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that is cut by an exception."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"a"'
        raise self.error

    async def __aiter__(self) -> Any:
        yield b'{"a"'
        raise self.error


def test_there_are_exceptions_to_walk() -> None:
    assert len(EXCEPTIONS) > 20


@pytest.mark.parametrize("in_body", [False, True])
@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_is_one_of_the_engine(
    harness: Any, library: Any, kind: type[Exception], in_body: bool
) -> None:
    transport = Raising(kind, in_body=in_body)
    client = library(transport=transport, credentials=Token(SECRET), retries=2)
    with pytest.raises(Error) as caught:
        harness.call(client.books["1"].get)
    error = caught.value
    assert isinstance(error, DecodeError if kind is httpx.DecodingError else TransportError)
    is_timeout = issubclass(kind, httpx.TimeoutException)
    assert isinstance(error, RequestTimeoutError) == isinstance(error, TimeoutError) == is_timeout
    assert "GET http://library.test/v1/books/1: " in str(error)
    assert error.request is not None
    assert error.request.method == "GET"
    assert error.request.headers["User-Agent"] == "library/1"
    assert_harmless(error)
    assert len(transport.requests) == (3 if kind in TRANSIENT else 1)


def test_an_exception_of_a_given_transports_own_is_left_alone(harness: Any, library: Any) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        harness.call(library(transport=httpx.MockTransport(broken)).books["1"].get)


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_the_errors_pickle(harness: Any, library: Any, kind: type[Exception]) -> None:
    client = library(transport=Raising(kind, in_body=False), credentials=Token(SECRET))
    with pytest.raises(Error) as caught:
        harness.call(client.books["1"].lend)
    error = caught.value
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.request.url == error.request.url
    assert copy.request.content == b'{"reader":"me"}'
    assert getattr(copy, "transient", None) == getattr(error, "transient", None)


def test_an_error_without_a_text(harness: Any, library: Any) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("") from OSError()

    client = library(transport=httpx.MockTransport(silent))
    with pytest.raises(TransportError, match="/books/1: ConnectError"):
        harness.call(client.books["1"].get)


def test_a_refused_connection(harness: Any, library: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = library(f"http://127.0.0.1:{port}", credentials=Token(SECRET))
    with pytest.raises(TransportError) as caught:
        harness.call(client.books["1"].get)
    assert caught.value.transient
    assert caught.value.unsent
    assert_harmless(caught.value)


@pytest.mark.parametrize(
    "step",
    [
        [CLOSE],
        [RESET],
        [b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE],
        [b"HTTP/1.1 200 OK\r\nContent-Le", RESET],
        [b"SSH-2.0-OpenSSH_9.6\r\n", CLOSE],
        [b"HTTP/1.1 050 Odd\r\n\r\n"],
        [b"HTTP/1.1 2xx Odd\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\n12"],
        [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000, CLOSE],
        [b"\x00" * 100, CLOSE],
    ],
    ids=range(12),
)
def test_no_answer_or_none_that_is_http(harness: Any, library: Any, wire: Any, step: Any) -> None:
    server: Wire = wire(step, step, answer(b"{}"))
    client = library(
        server.url, credentials=Token(SECRET), retries=1, max_connections=1, timeout=20.0
    )
    with pytest.raises(TransportError) as caught:
        harness.call(client.books["1"].get)
    assert caught.value.transient
    assert not caught.value.unsent
    assert_harmless(caught.value)
    assert harness.call(client.books["1"].get) == {}
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "step",
    [[STALL], [*answer(b"{", length=2), STALL], [b"HTTP/1.1 200 OK\r\n", STALL]],
    ids=["nothing", "in the body", "in the head"],
)
def test_a_server_that_stalls(harness: Any, library: Any, wire: Any, step: Any) -> None:
    server = wire(step, step, answer(b"{}"))
    client = library(server.url, timeout=0.05, retries=1, max_connections=1)
    with pytest.raises(RequestTimeoutError, match="timed out") as caught:
        harness.call(client.books["1"].get)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.transient
    assert pickle.loads(pickle.dumps(caught.value)).transient
    slow = library(server.url, timeout=20.0)
    assert harness.call(slow.books["1"].get) == {}


def test_what_to_do_about_a_server_that_is_not_there(harness: Any, library: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = library(f"http://127.0.0.1:{port}", retries=0)
    with pytest.raises(TransportError, match="check the address of the server") as caught:
        harness.call(client.books["1"].get)
    assert caught.value.unsent


def test_a_time_out_is_named_once(harness: Any, library: Any) -> None:
    def stall(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("timed out")

    client = library("http://library", transport=httpx.MockTransport(stall), retries=0)
    with pytest.raises(RequestTimeoutError, match=r"books/1: timed out$"):
        harness.call(client.books["1"].get)


def test_one_call_may_wait_less_long(harness: Any, library: Any, wire: Any) -> None:
    client = library(wire([STALL]).url, timeout=1000.0)
    with pytest.raises(RequestTimeoutError):
        harness.call(client.request, "GET", "/", timeout=0.05)


def test_a_time_out_as_long_as_a_life(harness: Any, library: Any, wire: Any) -> None:
    client = library(wire(answer(b"{}")).url, timeout=1e300)
    assert harness.call(client.books["1"].get) == {}


@pytest.mark.parametrize("error", [ssl.SSLCertVerificationError("self-signed"), OSError("reset")])
def test_a_refused_certificate_is_not_tried_again(
    harness: Any, library: Any, error: OSError
) -> None:
    requests: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        raise httpx.ConnectError(str(error)) from error

    client = library(transport=httpx.MockTransport(refuse), retries=2)
    with pytest.raises(TransportError):
        harness.call(client.books["1"].get)
    assert len(requests) == (1 if isinstance(error, ssl.SSLError) else 3)

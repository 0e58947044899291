"""What the traceback of an error shows: the caller's line and the call, not what is below it."""

from __future__ import annotations

import socket
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import show_full_tracebacks
from grad300_sdk.engine.errors import NotFoundError
from grad300_sdk.engine.tracebacks import shorten
from tests.support.library import BlockingLibrary
from tests.support.sink import MemorySink
from tests.support.wire import CLOSE, STALL, Received, Step, Wire, answer, chunked

LIBRARIES = ("httpx", "httpcore", "h11", "anyio", "sniffio", "msgspec", "asyncio", "trio")


@pytest.fixture
def _full() -> Iterator[None]:
    """Show full tracebacks in this test."""
    show_full_tracebacks()
    yield
    show_full_tracebacks(False)


@pytest.fixture
def server(wire: Callable[..., Wire]) -> Wire:
    """Answer in a way of its own at some paths."""

    def answerer(request: Received) -> Step:
        return {
            "404": answer(b'{"detail": "no such book"}', "404 Not Found"),
            "cut": [*answer(b"{", length=9), CLOSE],
            "odd": answer(b"<html>"),
            "stall": [STALL],
            "text": [*chunked(b"one", b"two"), b"0\r\n\r\n"],
        }.get(request.target.rpartition("/")[2], answer(b"[]"))

    return wire(answerer=answerer)


def refused_url() -> str:
    """Return a URL at which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def caught(harness: Any, call: Callable[[], Any]) -> Exception:
    """Return the error of a call, whose traceback begins with the line of the caller."""

    def run() -> Exception:
        try:
            result = call()
            if isinstance(result, Iterator):
                list(result)
        except Exception as error:
            return error
        raise AssertionError("the call succeeded")

    async def run_async() -> Exception:
        try:
            result = call()
            if isinstance(result, AsyncIterator):
                async for _ in result:
                    pass
            else:
                await result
        except Exception as error:
            return error
        raise AssertionError("the call succeeded")

    error = harness.run(run() if harness.mode == "blocking" else run_async())
    assert isinstance(error, Exception)
    return error


def frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the frames of an error's traceback and of those of its causes."""
    found = list(traceback.extract_tb(error.__traceback__))
    return found + (frames(error.__cause__) if error.__cause__ else [])


def is_engine(frame: traceback.FrameSummary) -> bool:
    """Return whether a frame is in the package."""
    return "/grad300_sdk/" in frame.filename


def assert_short(error: BaseException) -> None:
    """Check that a traceback shows the call, and nothing of what is below it."""
    found = frames(error)
    assert found[0].filename == __file__
    shown = "".join(traceback.format_exception(error))
    assert len([frame for frame in found if is_engine(frame)]) <= 1, shown
    assert not [name for name in LIBRARIES if f"/{name}/" in shown], shown
    assert "contextlib.py" not in shown, shown
    own = [frame for frame in found if not is_engine(frame)]  # the tree's are here the tests'
    assert len(shown.splitlines()) <= 16 + 3 * (len(own) - 1), shown


FAILING: dict[str, Callable[[Any, str], Callable[[], Any]]] = {
    "a 404": lambda library, url: library(url).books["404"].get,
    "a refused connection": lambda library, url: library(refused_url()).books["1"].get,
    "a cut body": lambda library, url: library(url).books["cut"].get,
    "an odd body": lambda library, url: library(url).books["odd"].get,
    "a stall": lambda library, url: library(url, timeout=0.05).books["stall"].get,
    "a 404 for the response": lambda library, url: library(url).books["404"].get.response,
    "no response": lambda library, url: library(refused_url()).books["1"].get.response,
    "an iterator": lambda library, url: library(refused_url()).books.search,
}


@pytest.mark.parametrize("name", FAILING)
def test_an_error_shows_the_call_alone(
    harness: Any, library: Any, server: Wire, name: str
) -> None:
    assert_short(caught(harness, FAILING[name](library, server.url)))


def test_an_error_in_one_of_several_flows(harness: Any, library: Any, wire: Any) -> None:
    def answerer(request: Received) -> Step:
        return answer(b"[]", "200 OK" if request.target == "/books?page=0" else "404 Not Found")

    books = library(wire(answerer=answerer).url).books
    error = caught(harness, lambda: books.search(pages=4, at_once=3))
    assert isinstance(error, NotFoundError)
    assert_short(error)


BAD: dict[str, Callable[[Any], Any]] = {
    "a call": lambda client: client.books.get(pgae=1),
    "response": lambda client: client.books.get.response(pgae=1),
    "request": lambda client: client.books.get.request(pgae=1),
    "curl": lambda client: client.books.get.curl(pgae=1),
    "flow": lambda client: client.books.get.flow(pgae=1),
    "a body": lambda client: client.books.get.request(title=b"Dune"),
    "an iterator": lambda client: client.books.search(pages=0),
    "a method": lambda client: client.request("GET /", "/"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_argument_shows_the_call_alone(harness: Any, library: Any, name: str) -> None:
    client = library()
    error = caught(harness, lambda: BAD[name](client))
    assert isinstance(error, TypeError | ValueError)
    assert_short(error)


class BrokenSink(MemorySink):
    """Fails in a function of its own."""

    def write(self, data: Any) -> int:
        return fail(data)


def fail(data: bytes) -> int:
    """Fail as a progress bar may."""
    raise LookupError(f"no room for {len(data)} bytes")


def test_the_frames_of_the_users_own_functions_stay(
    harness: Any, library: Any, server: Wire
) -> None:
    text = library(server.url).books["1"].text
    error = caught(harness, lambda: text.write_to(BrokenSink()))
    assert isinstance(error, LookupError)
    assert_short(error)
    names = [frame.name for frame in frames(error) if frame.filename == __file__]
    assert names[-2:] == ["write", "fail"]


def test_the_frames_of_the_users_own_callback_stay(
    harness: Any, library: Any, wire: Callable[..., Wire]
) -> None:
    def on_retry(*attempt: object) -> None:
        fail(b"")

    busy = wire(answer(b"", "503 Busy"))
    error = caught(harness, library(busy.url, retries=1, on_retry=on_retry).books["1"].get)
    assert isinstance(error, LookupError)
    assert_short(error)
    names = [frame.name for frame in frames(error) if frame.filename == __file__]
    assert names[-2:] == ["on_retry", "fail"]


def test_the_frames_of_a_transport_of_the_users_own_stay(harness: Any, library: Any) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("mine")

    client = library(transport=httpx.MockTransport(handle))
    error = caught(harness, client.books["1"].get)
    assert_short(error)
    assert error.__cause__ is not None
    assert [frame.name for frame in frames(error.__cause__)] == ["handle"]


def test_an_interrupt_shows_the_call_alone() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        BlockingLibrary(transport=httpx.MockTransport(handle)).books["1"].get()
    assert_short(caught.value)


@pytest.mark.usefixtures("_full")
@pytest.mark.parametrize("name", ["a 404", "a refused connection", "an iterator", "no response"])
def test_full_tracebacks_have_all_frames(
    harness: Any, library: Any, server: Wire, name: str
) -> None:
    found = frames(caught(harness, FAILING[name](library, server.url)))
    assert len([frame for frame in found if is_engine(frame)]) > 5
    if name != "a 404":
        assert any("/httpx/" in frame.filename for frame in found)


def test_what_an_error_was_raised_in_stays_as_it_was(
    harness: Any, library: Any, server: Wire
) -> None:
    """The context of an error may be an error of the caller's own."""
    book = library(server.url).books["404"]

    def mine() -> None:
        raise LookupError("mine")

    def call() -> Any:
        try:
            mine()
        except LookupError:
            return harness.call(book.get)

    with pytest.raises(NotFoundError) as error:
        call()
    context = error.value.__context__
    while not isinstance(context, LookupError):
        assert context is not None
        context = context.__context__
    assert [frame.name for frame in traceback.extract_tb(context.__traceback__)] == [
        "call",
        "mine",
    ]


def test_an_error_that_was_not_raised_is_left_alone() -> None:
    error = LookupError("mine")
    shorten(error)
    assert error.__traceback__ is None


def test_an_error_that_is_raised_again_is_shortened_again(
    harness: Any, library: Any, server: Wire
) -> None:
    errors = [caught(harness, library(server.url).books["404"].get) for _ in range(2)]
    assert errors[0] is not errors[1]
    for error in errors:
        assert_short(error)

"""What the traceback of an error shows: the caller's lines and the call, not the engine."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import ItemsFlow, M, Node, Sender, iterator, show_full_tracebacks
from grad300_sdk.engine.errors import DecodeError, NotFoundError, TransportError
from tests.support.wire import RESET, answer

MOST_LINES = 16
LIBRARIES = {"anyio", "contextlib", "h11", "httpcore", "httpx", "msgspec", "sniffio"}
REFUSED = "refused"
NOT_FOUND = answer(b'{"detail": "no such book"}', "404 Not Found")
FAILURES = [
    pytest.param(NOT_FOUND, NotFoundError, id="404"),
    pytest.param(REFUSED, TransportError, id="refused"),
    pytest.param([RESET], TransportError, id="reset"),
    pytest.param(answer(b"<html>"), DecodeError, id="not JSON"),
]


@pytest.fixture
def failing(library: Any, wire: Any) -> Callable[[Any], Any]:
    """Make a client whose server fails in a way."""

    def make(step: Any) -> Any:
        if step is not REFUSED:
            return library(wire(step).url)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        return library(f"http://127.0.0.1:{port}")

    return make


def error_of(harness: Any, call: Callable[[], Any]) -> Exception:
    """Return what a call, or the first item of its iterator, raises where its user wrote it."""
    if harness.mode == "blocking":
        try:
            result = call()
            if isinstance(result, Iterator):
                next(result)
        except Exception as error:
            return error
        raise AssertionError("nothing was raised")

    async def user() -> Exception:
        try:
            result = call()
            await (anext(result) if hasattr(result, "__anext__") else result)
        except Exception as error:
            return error
        raise AssertionError("nothing was raised")

    raised: Exception = harness.run(user())
    return raised


def frames(error: BaseException) -> list[str]:
    """Return the module and the function of each frame that is shown, those of causes too."""
    shown: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        for frame, _ in traceback.walk_tb(seen.__traceback__):
            shown.append(f"{frame.f_globals['__name__']}:{frame.f_code.co_name}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return shown


def internal(error: BaseException) -> list[str]:
    """Return the frames of the engine and of the libraries below it."""
    names = {"grad300_sdk", *LIBRARIES}
    return [frame for frame in frames(error) if frame.split(":")[0].split(".")[0] in names]


def assert_short(error: BaseException) -> None:
    """Check that a traceback shows one frame of the engine, the call itself, in a few lines."""
    (call,) = internal(error)
    assert call.startswith("grad300_sdk.engine.")
    lines = "".join(traceback.format_exception(error)).splitlines()
    assert len(lines) <= MOST_LINES, lines


@pytest.mark.parametrize(("step", "kind"), FAILURES)
def test_a_call_that_fails(harness: Any, failing: Any, step: Any, kind: type[Exception]) -> None:
    error = error_of(harness, failing(step).books["1"].get)
    assert type(error) is kind
    assert_short(error)
    assert frames(error)[0].startswith(__name__)


@pytest.mark.parametrize(("step", "kind"), FAILURES[:-1])  # a response is not decoded
def test_a_response_that_fails(
    harness: Any, failing: Any, step: Any, kind: type[Exception]
) -> None:
    error = error_of(harness, failing(step).books["1"].get.response)
    assert type(error) is kind
    assert_short(error)


@pytest.mark.parametrize(("step", "kind"), FAILURES)
def test_an_iterator_that_fails(
    harness: Any, failing: Any, step: Any, kind: type[Exception]
) -> None:
    class Shelves(Node[M], template="{+parent}/shelves"):
        @iterator("GET")
        def search(self, send: Sender) -> ItemsFlow[Any]:
            """Iterate over them."""
            return send.pages(object, key="items", link="next")

    search = Shelves(failing(step)).search
    error = error_of(harness, search)
    assert type(error) is kind
    assert_short(error)


@pytest.mark.parametrize("way", ["__call__", "request", "response", "curl", "flow"])
def test_a_wrong_argument(harness: Any, library: Any, way: str) -> None:
    client = library()
    error = error_of(harness, lambda: getattr(client.books.get, way)(pgae=1))
    assert type(error) is TypeError
    assert_short(error)


@pytest.mark.parametrize("way", ["__call__", "request", "response", "curl"])
def test_a_value_that_can_not_be_sent(harness: Any, library: Any, way: str) -> None:
    client = library()
    error = error_of(harness, lambda: getattr(client.books.get, way)(title=b"Dune"))
    assert type(error) is TypeError
    assert_short(error)


def test_a_user_s_own_sink_stays(harness: Any, library: Any, wire: Any) -> None:
    class Full:
        def headers(self) -> dict[str, str]:
            return {}

        def begin(self, response: httpx.Response) -> None:
            pass

        def write(self, data: bytes) -> None:
            raise OSError(28, "no space left on device")

    text = library(wire(answer(b"text")).url).books["1"].text
    error = error_of(harness, lambda: text.write_to(Full()))
    assert isinstance(error, OSError)
    assert_short(error)
    assert frames(error)[-1] == f"{__name__}:write"


def test_a_user_s_own_callback_stays(harness: Any, library: Any, wire: Any) -> None:
    def on_retry(*attempt: object) -> None:
        raise LookupError("the callback is wrong")

    server = wire(answer(b"", "503 Busy"))
    book = library(server.url, retries=1, on_retry=on_retry).books["1"]
    error = error_of(harness, book.get)
    assert isinstance(error, LookupError)
    assert_short(error)
    assert frames(error)[-1] == f"{__name__}:on_retry"


@pytest.mark.parametrize(("step", "kind"), FAILURES)
def test_all_frames_may_be_kept(
    harness: Any, failing: Any, step: Any, kind: type[Exception]
) -> None:
    client = failing(step)
    show_full_tracebacks()
    try:
        error = error_of(harness, client.books["1"].get)
    finally:
        show_full_tracebacks(False)
    assert type(error) is kind
    assert len(internal(error)) > 5
    assert "grad300_sdk.engine.network.driver:perform" in frames(error)

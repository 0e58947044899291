"""Flows that run together in threads, and are stopped wherever they wait."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest

from grad300_sdk.engine import Exclusive, Flow, Gather, Send
from grad300_sdk.engine.errors import RequestTimeoutError
from grad300_sdk.engine.flow import Sleep
from grad300_sdk.engine.network.threads import gather_in_threads
from tests.support.connections import held_connection
from tests.support.library import BlockingLibrary
from tests.support.tls import SecureWire
from tests.support.wire import STALL, Received, Step, Wire, answer


def send(url: str, **options: Any) -> Flow[Any]:
    """Send a request."""
    return (yield Send(method=options.pop("method", "GET"), path=url, **options))


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the address of a server to which one gets connected, and that is all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # an upload soon waits
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def full() -> Iterator[str]:
    """Return the address of a server to which nobody gets connected any more."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def server(wire: Callable[..., Wire]) -> Wire:
    """Stop in the middle of a body at one path, and answer at every other."""

    def answerer(request: Received) -> Step:
        return [*answer(b"{", length=2), STALL] if request.target == "/stall" else answer(b"{}")

    return wire(answerer=answerer)


needs_full_queue = pytest.mark.skipif(
    sys.platform != "linux", reason="here a server's queue is never full"
)


PLACES = [
    "the answer",
    "the body",
    "an upload",
    "a handshake",
    "a sleep",
    "a lock",
    "the pool",
    "others",
    pytest.param("a connection", marks=needs_full_queue),
]


@pytest.fixture(params=PLACES)
def wait(request: pytest.FixtureRequest, silent: str, full: str) -> Callable[[], Flow[Any]]:
    """Return flows that wait for much longer than a test takes."""

    def flow() -> Flow[Any]:
        return {
            "the answer": lambda: send(f"http://{silent}/"),
            "the body": lambda: send("/stall"),
            "an upload": lambda: send(f"http://{silent}/", method="POST", content=LARGE),
            "a handshake": lambda: send(f"https://{silent}/"),
            "a sleep": lambda: nap(),
            "a lock": lambda: alone(nap()),
            "the pool": lambda: send(f"http://{silent}/"),
            "others": lambda: others(send("/stall"), nap()),
            "a connection": lambda: send(f"http://{full}/"),
        }[request.param]()

    return flow


LARGE = b"x" * 10_000_000  # more than sockets hold


def nap() -> Flow[None]:
    """Wait for long."""
    yield Sleep(1000.0)


def alone(flow: Flow[Any]) -> Flow[Any]:
    """Run a flow alone."""
    return (yield Exclusive(flow))


def others(*flows: Flow[Any]) -> Flow[Any]:
    """Run flows together."""
    return (yield Gather(flows, len(flows)))


class Crew:
    """Three flows that wait while a fourth one does something, in this thread or in another.

    Which thread runs which flow is decided here: an interrupt is taken by the main thread alone,
    so that it matters what that one does.
    """

    def __init__(
        self, wait: Callable[[], Flow[Any]], act: Callable[[], object], *, acts_here: bool
    ) -> None:
        self.ended: list[bool] = []
        self._begun = threading.Semaphore(0)
        self._wait = wait
        self._act = act
        self._acts_here = acts_here

    def flow(self) -> Flow[Any]:
        """Run all four."""
        return (yield Gather(self._draw(), 4))

    def _draw(self) -> Iterator[Flow[Any]]:
        """Yield a flow to each of the four threads."""
        has_acted = False
        for _ in range(4):
            is_here = threading.current_thread() is threading.main_thread()
            if is_here is self._acts_here and not has_acted:
                has_acted = True
                yield self._acting()
            else:
                yield self._waiting()

    def _waiting(self) -> Flow[Any]:
        try:
            self._begun.release()
            yield from self._wait()
        finally:
            self.ended.append(True)

    def _acting(self) -> Flow[Any]:
        for _ in range(3):
            assert self._begun.acquire(timeout=30)
        yield Sleep(0.05)  # by then most of them wait indeed; it holds wherever they are
        self._act()
        yield from nap()


def assert_stopped(client: BlockingLibrary, server: Wire, crew: Crew, began: float) -> None:
    """Check that nothing is left: no flow, no thread, no connection in use."""
    assert time.monotonic() - began < 5
    assert workers() == []
    assert len(crew.ended) == 3
    assert server.all_closed()
    with ExitStack() as stack:  # each connection can be had again
        for _ in range(client.max_connections):
            stack.enter_context(held_connection(client))


def workers() -> list[threading.Thread]:
    """Return the threads of drivers that run."""
    return [thread for thread in threading.enumerate() if thread.name == "worker"]


def end_workers() -> None:
    """Wait for the threads that an interrupt left behind, as it does after a second."""
    for thread in workers():
        thread.join(30)


def fail() -> None:
    """Fail."""
    raise LookupError("mine")


def interrupt() -> None:
    """Do as Ctrl-C does: the system hands its signal to the main thread, and wakes that."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


ACTS = {
    "a failure here": (fail, True, LookupError),
    "a failure elsewhere": (fail, False, LookupError),
    "an interrupt": (interrupt, True, KeyboardInterrupt),
    "an interrupt of what waits": (interrupt, False, KeyboardInterrupt),
    "an exit": (sys.exit, True, SystemExit),
    "an exit elsewhere": (sys.exit, False, SystemExit),
}


@pytest.mark.parametrize(("act", "acts_here", "error"), ACTS.values(), ids=ACTS)
def test_the_others_are_stopped_wherever_they_wait(
    request: pytest.FixtureRequest,
    wait: Callable[[], Flow[Any]],
    server: Wire,
    act: Callable[[], object],
    acts_here: bool,
    error: type[BaseException],
) -> None:
    most = 1 if "the pool" in request.node.name else 4
    with BlockingLibrary(server.url, timeout=60.0, max_connections=most, retries=3) as client:
        crew = Crew(wait, act, acts_here=acts_here)
        began = time.monotonic()
        with pytest.raises(error):
            client.driver.run(crew.flow())
        if act is not fail:
            end_workers()
        assert_stopped(client, server, crew, began)


@pytest.mark.parametrize("acts_here", [True, False])
def test_what_waits_under_tls_is_stopped_too(
    certificate: Path, context: SSLContext, acts_here: bool
) -> None:
    step = [*answer(b"{", length=2), STALL]
    with (
        SecureWire(certificate, lambda request: step) as server,
        BlockingLibrary(server.url, timeout=60.0, verify=context, retries=3) as client,
    ):
        crew = Crew(lambda: send("/"), fail, acts_here=acts_here)
        began = time.monotonic()
        with pytest.raises(LookupError):
            client.driver.run(crew.flow())
        assert_stopped(client, server, crew, began)


def test_an_interrupt_while_the_others_are_waited_for(server: Wire) -> None:
    """The thread that calls has nothing to do any more; it is interrupted twice."""
    ended: list[str] = []
    begun = threading.Semaphore(0)

    def flow(name: str) -> Flow[None]:
        if threading.current_thread() is threading.main_thread():
            return
        try:
            begun.release()
            if name == "stalls":
                yield from send("/stall")
            for _ in range(3):
                assert begun.acquire(timeout=30)
            yield Sleep(0.1)  # until the first thread waits for the others
            interrupt()
            yield from nap()
        finally:
            if name == "interrupts":
                interrupt()
            ended.append(name)

    def draw() -> Iterator[Flow[None]]:
        for name in ("stalls", "stalls", "interrupts"):
            while threading.current_thread() is threading.main_thread():
                yield flow("nothing")
            yield flow(name)

    with BlockingLibrary(server.url) as client:
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            client.driver.run(others_of(draw(), 4))
        assert time.monotonic() - began < 5
        end_workers()
        assert sorted(ended) == ["interrupts", "stalls", "stalls"]
        assert server.all_closed()


def others_of(flows: Iterator[Flow[Any]], limit: int) -> Flow[Any]:
    """Run flows together that are drawn one by one."""
    return (yield Gather(flows, limit))


def test_a_look_up_that_does_not_end_is_left_to_itself(
    server: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, looking = threading.Event(), threading.Event()

    def look_up(*arguments: Any, **options: Any) -> Any:
        looking.set()
        assert go_on.wait(60)
        raise OSError("no such host")

    def looks_up() -> Flow[Any]:
        if threading.current_thread() is not threading.main_thread():
            return (yield from send("http://nowhere.test/"))
        assert looking.wait(60)
        raise KeyboardInterrupt

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with BlockingLibrary(server.url, retries=3) as client:
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            client.driver.run(others(looks_up(), looks_up()))
        assert time.monotonic() - began < 5
        (left,) = workers()
        assert left.daemon
        go_on.set()
        left.join()


@needs_full_queue
def test_a_connection_that_does_not_come_about(harness: Any, library: Any, full: str) -> None:
    with pytest.raises(RequestTimeoutError, match="timed out") as caught:
        harness.call(library(f"http://{full}", timeout=0.2).books["1"].get)
    assert caught.value.transient
    assert caught.value.unsent


def test_the_next_address_is_tried(server: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        refused = free.getsockname()
    kind = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
    addresses = [(*kind, refused), (*kind, ("127.0.0.1", server.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: addresses)
    with BlockingLibrary("http://library.test") as client:
        assert client.get_json("/") == {}


def test_a_free_connection_is_not_waited_for_longer_than_elsewhere(server: Wire) -> None:
    with (
        BlockingLibrary(server.url, timeout=0.3, max_connections=1, retries=3) as client,
        held_connection(client),
        pytest.raises(RequestTimeoutError, match="all 1 connections are in use"),
    ):
        client.driver.run(others(send("/again"), send("/again")))


def test_a_thread_that_can_not_be_started(server: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, []

    def start_two(thread: threading.Thread) -> None:
        if thread.name == "worker":
            started.append(thread)
            if len(started) > 2:
                raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_two)
    with BlockingLibrary(server.url) as client:
        began = time.monotonic()
        results = client.driver.run(others(*(send(f"/{number}") for number in range(5))))
        assert time.monotonic() - began < 5
        assert [response.json() for response in results] == [{}] * 5
        assert len(started) == 3
        assert workers() == []


def test_without_threads_the_caller_does_all_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    here = threading.current_thread()
    results = gather_in_threads(lambda n: (n, threading.current_thread()), range(20), 8)
    assert results == [(n, here) for n in range(20)]


def test_no_more_threads_than_asked_for() -> None:
    together = threading.Barrier(4)

    def run(n: int) -> str:
        together.wait(30)
        return threading.current_thread().name

    names = gather_in_threads(run, range(8), 4)
    assert len(names) == 8
    assert names.count("worker") >= 4
    assert workers() == []


# The context of the caller

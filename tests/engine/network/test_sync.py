"""The network of blocking clients: many threads, forks and other processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import types
import warnings
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from grad300_sdk.engine import Flow, Items, ItemsFlow, Sender
from grad300_sdk.engine.credentials import Token
from grad300_sdk.engine.errors import RequestTimeoutError
from grad300_sdk.engine.flow import Sleep
from grad300_sdk.engine.network import sync
from grad300_sdk.engine.network.base import NetworkOptions
from grad300_sdk.engine.network.driver import SyncDriver
from grad300_sdk.engine.network.sync import SyncNetwork, run_to_end
from grad300_sdk.engine.network.threads import acquire, gather_in_threads
from tests.support.connections import held_connection
from tests.support.echo import echo, is_right
from tests.support.forks import answers_in_a_child, exit_status, needs_fork
from tests.support.library import BlockingLibrary, Book, account
from tests.support.wire import Received, Step, Wire, answer


@pytest.fixture
def server(wire: Callable[..., Wire]) -> Wire:
    """Echo what is asked."""
    return wire(answerer=echo)


# Threads


@pytest.mark.parametrize(("threads", "most"), [(16, 16), (64, 4), (16, 1)])
def test_many_threads_get_their_own_answers(server: Wire, threads: int, most: int) -> None:
    with BlockingLibrary(server.url, max_connections=most) as client:
        with ThreadPoolExecutor(threads) as pool:
            books = pool.map(lambda n: client.books[str(n)].get(), range(400))
            assert all(is_right(book, n) for n, book in enumerate(books))
        assert server.connections <= most


def test_no_more_connections_than_there_may_be(wire: Any) -> None:
    arrived, go_on = threading.Semaphore(0), threading.Event()

    class Waiting:
        """A step that waits in its connection's thread until all have arrived."""

        def __iter__(self) -> Iterator[bytes]:
            arrived.release()
            go_on.wait()
            yield from answer(b"{}")

    server = wire(answerer=lambda request: Waiting())
    with (
        BlockingLibrary(server.url, max_connections=3) as client,
        ThreadPoolExecutor(9) as pool,
    ):
        futures = [pool.submit(client.books[str(n)].get) for n in range(9)]
        for _ in range(3):
            arrived.acquire()
        assert not arrived.acquire(blocking=False)
        go_on.set()
        assert [future.result() for future in futures] == [{}] * 9
        assert server.connections == 3


def test_a_pool_that_stays_full_is_a_time_out(server: Wire) -> None:
    with BlockingLibrary(server.url, max_connections=1, timeout=0.05, retries=3) as client:
        with held_connection(client), pytest.raises(RequestTimeoutError) as caught:
            client.books["1"].get()
        assert "all 1 connections are in use" in str(caught.value)
        assert not caught.value.transient
        assert len(server.requests) == 1
        assert is_right(client.books["1"].get(), 1)


def test_threads_log_in_once(wire: Any) -> None:
    def answerer(request: Received) -> Step:
        if request.target == "/login":
            return answer(b'{"token": "t0k"}')
        assert request.headers["authorization"] == "Bearer t0k"
        return echo(request)

    server = wire(answerer=answerer)
    with (
        BlockingLibrary(server.url, credentials=account()) as client,
        ThreadPoolExecutor(16) as pool,
    ):
        books = pool.map(lambda n: client.books[str(n)].get(), range(64))
        assert all(is_right(book, n) for n, book in enumerate(books))
    assert [r.target for r in server.requests].count("/login") == 1


def test_a_request_under_way_ends_before_its_connection_does(wire: Any) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def slow() -> Step:
        arrived.set()
        go_on.wait()
        yield from answer(b"{}")

    server = wire(answerer=lambda request: slow())
    client = BlockingLibrary(server.url)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.books["1"].get)
        assert arrived.wait(10)
        client.close()
        go_on.set()
        assert future.result() == {}
    assert server.all_closed()


def test_a_client_that_is_forgotten_ends_its_connections(wire: Callable[..., Wire]) -> None:
    server = wire(answer(b"{}"))
    client = BlockingLibrary(server.url)
    client.books["1"].get()
    assert server.open_connections == 1
    del client
    gc.collect()
    assert server.all_closed()


# Forks and other processes


@needs_fork
@pytest.mark.parametrize("most", [1, 4])
def test_forked_processes_get_their_own_answers(server: Wire, most: int) -> None:
    with BlockingLibrary(server.url, max_connections=most) as client:
        stop = threading.Event()
        wrong: list[Any] = []

        def go_on(first: int) -> None:
            for n in range(first, first + 10_000):
                if stop.is_set():
                    return
                if not is_right(client.books[str(n % 100)].get(), n % 100):
                    wrong.append(n)

        with ThreadPoolExecutor(4) as pool:
            working = [pool.submit(go_on, n * 1000) for n in range(4)]
            children = [answers_in_a_child(client, 100 + 20 * n) for n in range(4)]
            ends = [exit_status(child) for child in children]
            stop.set()
            for future in working:
                future.result()
        assert ends == [0, 0, 0, 0]
        assert wrong == []


def test_what_a_fork_leaves_is_not_used(server: Wire) -> None:
    with BlockingLibrary(server.url) as client:
        client.books["1"].get()
        client.driver.network.reset_after_fork()  # as the child does, which ends before it counts
        client.books["2"].get()
        client.books["3"].get()
    assert [request.connection for request in server.requests] == [1, 2, 2]


@needs_fork
def test_a_fork_within_a_log_in_does_not_wait_for_ever(wire: Any) -> None:
    def answerer(request: Received) -> Step:
        return answer(b'{"token": "t0k"}') if request.target == "/login" else echo(request)

    server = wire(answerer=answerer)
    with BlockingLibrary(server.url, credentials=account()) as client:
        lock = run_to_end(client.driver.network.exclusive(client.session.store))
        run_to_end(lock.__aenter__())  # as another thread holds it while it logs in
        child = answers_in_a_child(client, 1)
        run_to_end(lock.__aexit__())
        assert exit_status(child) == 0
        assert is_right(client.books["3"].get(), 3)


@needs_fork
def test_a_child_may_close_its_copy(server: Wire) -> None:
    client = BlockingLibrary(server.url)
    client.books["1"].get()
    child = os.fork()
    if not child:  # the child
        status = 1
        signal.alarm(60)
        try:
            warnings.simplefilter("error")
            ignored: list[Any] = []
            sys.unraisablehook = ignored.append
            client.books["2"].get()
            client.close()
            del client
            gc.collect()
            status = 2 if ignored else 0
        finally:
            os._exit(status)
    assert exit_status(child) == 0
    assert is_right(client.books["3"].get(), 3)
    client.close()
    assert server.requests[0].connection == server.requests[2].connection


def asked(book: Book[Any]) -> tuple[int, Any]:
    """Ask in another process."""
    return os.getpid(), book.get()


@pytest.mark.parametrize("way", ["spawn", pytest.param("fork", marks=needs_fork)])
def test_nodes_work_in_another_process(server: Wire, way: str) -> None:
    with BlockingLibrary(server.url, credentials=Token("t0k"), headers={"X-Key": "k"}) as client:
        client.books["1"].get()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context = multiprocessing.get_context(way)
            with context.Pool(2) as pool:
                results = pool.map(asked, [client.books[str(n)] for n in range(8)])
        assert all(is_right(book, n) for n, (_, book) in enumerate(results))
        assert os.getpid() not in {process for process, _ in results}
        assert all(r.headers["authorization"] == "Bearer t0k" for r in server.requests)
        assert all(r.headers["x-key"] == "k" for r in server.requests)


# Coroutines that never suspend


@types.coroutine
def suspend() -> Generator[None, None, None]:
    """Suspend the coroutine that awaits this, as a wait on an event loop does."""
    yield


def test_a_coroutine_is_run_to_its_end() -> None:
    async def double(number: int) -> int:
        return 2 * number

    async def outer() -> int:
        return await double(3) + 1

    assert run_to_end(outer()) == 7


def test_an_error_in_a_coroutine_is_raised() -> None:
    async def fail() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run_to_end(fail())


def test_a_coroutine_that_suspends_is_closed_and_refused() -> None:
    ended: list[bool] = []

    async def wait() -> None:
        try:
            await suspend()
        finally:
            ended.append(True)

    with pytest.raises(RuntimeError, match="tried to suspend"):
        run_to_end(wait())
    assert ended == [True]


class Suspending(SyncNetwork):
    """A network that truly awaits where it sleeps, as one of a blocking client must not."""

    async def sleep(self, seconds: float) -> None:
        await suspend()


def test_an_effect_that_suspends_is_refused_in_a_blocking_client() -> None:
    ended: list[bool] = []

    def flow() -> Flow[None]:
        try:
            yield Sleep(1000.0)
        finally:
            ended.append(True)

    session = BlockingLibrary().session
    driver = SyncDriver(session, Suspending(NetworkOptions(max_connections=1)))
    with pytest.raises(RuntimeError, match="a synchronous call tried to suspend"):
        driver.run(flow())
    assert ended == [True]

    def items() -> ItemsFlow[int]:
        yield Sleep(1000.0)
        yield Items([1])

    with pytest.raises(RuntimeError, match="a synchronous call tried to suspend"):
        next(driver.iterate(items()))
    driver.close()


def test_a_log_in_that_needs_itself_is_an_error(wire: Any) -> None:
    def log_in(user: str, password: str) -> Flow[str]:
        return Sender("POST", "/login").json(str)  # without anonymous=True

    server = wire(answerer=echo)
    with (
        BlockingLibrary(server.url, credentials=account(log_in)) as client,
        pytest.raises(RuntimeError, match="need anonymous=True"),
    ):
        client.books["1"].get()


def test_no_request_is_sent_once_the_client_is_closed(
    server: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_waiting = threading.Event()

    def acquire_later(*args: Any) -> bool:
        is_waiting.set()
        return acquire(*args)

    client = BlockingLibrary(server.url, max_connections=1)
    with ThreadPoolExecutor(1) as pool:
        with held_connection(client):
            monkeypatch.setattr(sync, "acquire", acquire_later)
            waiting = pool.submit(client.books["2"].get)
            assert is_waiting.wait(10)
            client.close()
        with pytest.raises(RuntimeError, match="this client is closed"):
            waiting.result()
    assert [request.target for request in server.requests] == ["/books/1"]


def test_a_copy_with_connections_of_its_own_has_the_same_lock(server: Wire) -> None:
    with BlockingLibrary(server.url) as client:
        store = client.session.store
        copies = [client, client.with_options(max_connections=1)]
        copies.append(copies[1].with_options(max_connections=2))
        locks = {run_to_end(copy.driver.network.exclusive(store)) for copy in copies}
    assert len(locks) == 1


def test_no_thread_is_started_for_nothing() -> None:
    before = threading.active_count()
    most: list[int] = []
    gather_in_threads(lambda item: most.append(threading.active_count()), [1, 2], 50)
    assert max(most) <= before + 1

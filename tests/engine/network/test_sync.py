"""The network of blocking clients: many threads, forks and other processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from grad300_sdk.engine.credentials import Token
from grad300_sdk.engine.errors import RequestTimeoutError
from grad300_sdk.engine.network.sync import run_to_end
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


def test_a_client_that_is_forgotten_ends_its_connections() -> None:
    ended = threading.Event()

    class Ending(Wire):
        def _serve(self, *arguments: Any) -> None:
            super()._serve(*arguments)
            ended.set()

    with Ending(answer(b"{}")) as server:
        client = BlockingLibrary(server.url)
        client.books["1"].get()
        del client
        gc.collect()
        assert ended.wait(10)


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

"""Connections: many threads, forks, processes, event loops, closing, and giving up."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import anyio
import httpx
import pytest
import trio

from grad300_sdk.engine.credentials import Token
from grad300_sdk.engine.errors import RequestTimeoutError, TransportError
from grad300_sdk.engine.network.base import NetworkOptions
from grad300_sdk.engine.network.sync import run_to_end
from tests.support.connections import held_connection
from tests.support.library import AwaitingLibrary, BlockingLibrary, Book, account
from tests.support.wire import STALL, Received, Step, Wire, answer

from .test_translation import assert_harmless

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def echo(request: Received) -> Step:
    """Answer with what was asked, in a body of a size that depends on it."""
    number = int(request.target.rpartition("/")[2])
    return answer(b'{"target": "%s", "pad": "%s"}' % (request.target.encode(), b"x" * number * 7))


def is_right(book: Any, number: int) -> bool:
    """Say whether an answer is that to this request."""
    return bool(book["target"] == f"/books/{number}" and len(book["pad"]) == 7 * number)


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


def test_an_awaiting_pool_that_stays_full_is_a_time_out(wire: Any) -> None:
    server = wire([STALL])

    async def main() -> list[Any]:
        async with AwaitingLibrary(server.url, max_connections=1, timeout=0.2) as client:
            tasks = [client.request("GET", "/", timeout=t) for t in (0.3, 0.1)]
            return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())
    assert all(isinstance(result, RequestTimeoutError) for result in results)
    assert len(server.requests) == 1


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


# Forks and other processes


def answers_in_a_child(client: BlockingLibrary, first: int) -> int:
    """Fork, ask in the child, and give how it ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads run: that is the point
        child = os.fork()
    if child:
        return child
    status = 1
    signal.alarm(60)  # whatever happens, the test that waits for this process ends
    try:  # the child: nothing of pytest's may run here
        warnings.simplefilter("error")
        with ThreadPoolExecutor(4) as pool:
            books = list(pool.map(lambda n: client.books[str(n)].get(), range(first, first + 20)))
        if all(is_right(book, first + n) for n, book in enumerate(books)):
            status = 0
    finally:
        os._exit(status)


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
            ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
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
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
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
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
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


# Copies


def test_copies_share_their_connections(harness: Any, library: Any, server: Wire) -> None:
    client = library(server.url, max_connections=1)
    copies = [pickle.loads(pickle.dumps(client)) for _ in range(3)]
    for number, one in enumerate([client, *copies]):
        assert is_right(harness.call(one.books[str(number)].get), number)
    assert server.connections == 1
    copies[0].set_token("t0k")
    assert client.session.credentials != copies[0].session.credentials
    for one in [client, *copies]:
        harness.run((one.close if harness.mode == "blocking" else one.aclose)())
    assert len(server.requests) == 4


def test_a_copy_outlives_the_client_that_is_closed(
    harness: Any, library: Any, server: Wire
) -> None:
    client = library(server.url)
    copy = pickle.loads(pickle.dumps(client))
    close = client.close if harness.mode == "blocking" else client.aclose
    harness.run(close())
    harness.run(close())
    with pytest.raises(RuntimeError, match="closed"):
        harness.call(client.books["1"].get)
    assert is_right(harness.call(copy.books["1"].get), 1)
    again = pickle.loads(pickle.dumps(client))
    assert is_right(harness.call(again.books["2"].get), 2)
    assert server.connections == 1
    for one in (copy, again):
        harness.run((one.close if harness.mode == "blocking" else one.aclose)())


def test_a_client_with_a_transport_of_its_own_does_not_pickle(library: Any) -> None:
    client = library(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    for thing in (client, client.books, client.books["1"].get):
        with pytest.raises(TypeError, match="transport"):
            pickle.dumps(thing)


# Closing


def test_a_closed_client_sends_nothing(harness: Any, library: Any, server: Wire) -> None:
    client = library(server.url)
    harness.call(client.books["1"].get)
    harness.run((client.close if harness.mode == "blocking" else client.aclose)())
    for call in (client.books["1"].get, client.books["1"].get.response):
        with pytest.raises(RuntimeError, match="closed"):
            harness.call(call)
    with pytest.raises(RuntimeError, match="closed"):
        harness.list(client.books.search())
    assert len(server.requests) == 1
    assert client.books["1"].get.request().url == f"{server.url}/books/1"


def test_closing_ends_the_connections(harness: Any, library: Any, wire: Any) -> None:
    ended = threading.Event()

    class Ending(Wire):
        def _serve(self, *arguments: Any) -> None:
            super()._serve(*arguments)
            ended.set()

    with Ending(answer(b"{}")) as server:
        client = library(server.url)
        harness.call(client.books["1"].get)
        assert not ended.is_set()
        harness.run((client.close if harness.mode == "blocking" else client.aclose)())
        assert ended.wait(10)


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


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    "step", [[STALL], [*answer(b"{", length=9), STALL]], ids=["before", "in the body"]
)
def test_a_request_under_way_says_that_the_client_was_closed(
    wire: Any, backend: str, step: Step
) -> None:
    arrived = threading.Event()

    def answerer(request: Received) -> Step:
        arrived.set()
        return step

    server = wire(answerer=answerer)
    errors: list[TransportError] = []

    async def main() -> None:
        client = AwaitingLibrary(server.url, retries=3, credentials=Token("s3cret-token"))

        async def ask() -> None:
            with pytest.raises(TransportError, match="closed before the answer arrived") as caught:
                await client.books["1"].get()
            errors.append(caught.value)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.to_thread.run_sync(arrived.wait)
            await client.aclose()

    anyio.run(main, backend=backend)
    assert str(errors[0]).startswith(f"GET {server.url}/books/1: ")
    assert not errors[0].transient
    assert_harmless(errors[0], "s3cret")
    assert len(server.requests) == 1
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


# Event loops and tasks


@pytest.mark.parametrize("run", [asyncio.run, trio.run], ids=["asyncio", "trio"])
def test_one_event_loop_after_another(server: Wire, run: Any) -> None:
    client = AwaitingLibrary(server.url)

    async def main(n: int = 1) -> None:
        assert is_right(await client.books[str(n)].get(), n)
        assert is_right(await client.books[str(n + 1)].get(), n + 1)

    async def end() -> None:
        async with client:
            await main(5)

    for _ in range(3):
        run(main) if run is trio.run else run(main())
    run(end) if run is trio.run else run(end())
    gc.collect()
    assert server.connections == 4
    assert len(server.requests) == 8


def test_two_event_loops_at_once(server: Wire) -> None:
    client = AwaitingLibrary(server.url)

    async def main(first: int) -> None:
        for n in range(first, first + 20):
            assert is_right(await client.books[str(n)].get(), n)

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(asyncio.run, main(n * 20)) for n in range(2)]
        futures += [pool.submit(trio.run, main, n * 20) for n in range(2, 4)]
        for future in futures:
            future.result()
    assert len(server.requests) == 80


def test_two_clients_in_one_event_loop_are_two(wire: Any) -> None:
    first, second = wire(answerer=echo), wire(answerer=echo)

    async def main() -> None:
        async with AwaitingLibrary(first.url) as one, AwaitingLibrary(second.url) as two:
            await one.books["1"].get()
            await two.books["1"].get()
            await one.aclose()
            await two.books["2"].get()

    anyio.run(main)
    assert second.connections == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_400_tasks_on_eight_connections(server: Wire, backend: str) -> None:
    async def main() -> None:
        books: dict[int, Any] = {}

        async def ask(n: int) -> None:
            books[n] = await client.books[str(n)].get()

        async with (
            AwaitingLibrary(server.url, max_connections=8) as client,
            anyio.create_task_group() as tasks,
        ):
            for n in range(400):
                tasks.start_soon(ask, n)
        assert all(is_right(books[n], n) for n in range(400))

    anyio.run(main, backend=backend)
    assert server.connections <= 8


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    "step", [[STALL], [*answer(b"{", length=9), STALL]], ids=["before", "in the body"]
)
def test_a_task_that_is_cancelled_gives_its_connection_back(
    wire: Any, backend: str, step: Step
) -> None:
    arrived = threading.Event()

    def answerer(request: Received) -> Step:
        if request.target == "/books/0":
            arrived.set()
            return step
        return echo(request)

    server = wire(answerer=answerer)

    async def main() -> None:
        async with AwaitingLibrary(server.url, max_connections=1) as client:
            for _ in range(5):
                arrived.clear()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(client.books["0"].get)
                    await anyio.to_thread.run_sync(arrived.wait)
                    tasks.cancel_scope.cancel()
            assert is_right(await client.books["3"].get(), 3)
            with anyio.move_on_after(0.05) as scope:
                await client.books["0"].get()
            assert scope.cancelled_caught
            assert is_right(await client.books["4"].get(), 4)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_log_in_that_is_cancelled_does_not_lock_out_the_next(wire: Any, backend: str) -> None:
    arrived = threading.Event()
    log_ins = iter([[STALL], answer(b'{"token": "t0k"}')])

    def answerer(request: Received) -> Step:
        if request.target != "/login":
            return echo(request)
        arrived.set()
        return next(log_ins)

    server = wire(answerer=answerer)

    async def main() -> None:
        async with AwaitingLibrary(server.url, credentials=account()) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.books["0"].get)
                await anyio.to_thread.run_sync(arrived.wait)
                tasks.cancel_scope.cancel()
            assert is_right(await client.books["3"].get(), 3)

    anyio.run(main, backend=backend)


# Iterators that are given up


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_iterator_that_is_given_up_leaves_no_connection_busy(wire: Any, backend: str) -> None:
    server = wire(answerer=lambda request: answer(b"[1, 2, 3]"))

    async def main() -> None:
        async with AwaitingLibrary(server.url, max_connections=1) as client:
            for _ in range(3):
                async for item in client.books.search(pages=3):
                    assert item == 1
                    break
            gc.collect()
            async with aclosing(client.books.search(pages=3)) as items:
                assert await anext(items) == 1
            _ = client.books.search()
            assert await client.get_json("/") == [1, 2, 3]

    anyio.run(main, backend=backend)
    gc.collect()
    with BlockingLibrary(server.url, max_connections=1) as blocking:
        for _ in range(3):
            assert next(blocking.books.search(pages=3)) == 1
        assert blocking.get_json("/") == [1, 2, 3]


# How they are made


def test_no_password_of_a_proxy_is_shown() -> None:
    proxy = httpx.Proxy("http://ann:s3cret@proxy.test")
    options = NetworkOptions(max_connections=1, proxy=proxy)
    assert "s3cret" not in repr(options)


def test_a_proxy_is_used(harness: Any, library: Any, wire: Any) -> None:
    proxy = wire(answer(b"{}"))
    client = library("http://library.test/v1", proxy=proxy.url)
    assert harness.call(client.books["1"].get) == {}
    assert proxy.requests[0].target == "http://library.test/v1/books/1"


def test_a_transport_is_used_as_it_is(harness: Any, library: Any) -> None:
    class Counting(httpx.MockTransport):
        closed = 0

        def close(self) -> None:
            self.closed += 1

        async def aclose(self) -> None:
            self.closed += 1

    transport = Counting(lambda request: httpx.Response(200, json={"url": str(request.url)}))
    client = library("https://library.test", transport=transport)
    assert harness.call(client.books["1"].get) == {"url": "https://library.test/books/1"}
    redirect = harness.call(client.request, "GET", "http://other.test/")
    assert redirect.json() == {"url": "http://other.test/"}
    harness.run((client.close if harness.mode == "blocking" else client.aclose)())
    assert transport.closed >= 1


def test_a_transport_of_the_other_kind_is_refused(harness: Any, library: Any) -> None:
    other = httpx.AsyncHTTPTransport() if harness.mode == "blocking" else httpx.HTTPTransport()
    with pytest.raises(TypeError, match="Library must be an httpx"):
        library(transport=other)

"""The network of asynchronous clients: event loops, tasks, and cancellation."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
import trio

from grad300_sdk.engine.credentials import Token
from grad300_sdk.engine.errors import RequestTimeoutError, TransportError
from tests.support.echo import echo, is_right
from tests.support.library import AwaitingLibrary, account
from tests.support.secrets import assert_harmless
from tests.support.wire import STALL, Received, Step, Wire, answer


@pytest.fixture
def server(wire: Callable[..., Wire]) -> Wire:
    """Echo what is asked."""
    return wire(answerer=echo)


def test_an_awaiting_pool_that_stays_full_is_a_time_out(wire: Any) -> None:
    server = wire([STALL])

    async def main() -> list[Any]:
        async with AwaitingLibrary(server.url, max_connections=1, timeout=0.2) as client:
            tasks = [client.request("GET", "/", timeout=t) for t in (0.3, 0.1)]
            return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())
    assert all(isinstance(result, RequestTimeoutError) for result in results)
    assert len(server.requests) == 1


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

"""Iterators over the items of a flow, the same over both networks."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from grad300_sdk.engine import Items, ItemsFlow
from grad300_sdk.engine.errors import (
    NotFoundError,
    TransportError,
)
from grad300_sdk.engine.flow import Sleep
from tests.support.flows import get, pieces
from tests.support.library import AwaitingLibrary, BlockingLibrary
from tests.support.wire import RESET, STALL, Wire, answer, chunked

TEXT = [b"one, ", b"two, ", b"three" * 10_000]


def test_a_flow_runs_to_its_first_effect_at_the_call(
    harness: Any, library: Any, server: Wire
) -> None:
    client = library(server.url)
    with pytest.raises(ValueError, match="at least 1"):
        client.books.search(pages=0)
    client.books.search(pages=2)
    assert server.requests == []


def test_items_come_in_order_and_as_they_are_asked_for(
    harness: Any, library: Any, wire: Any
) -> None:
    server = wire(answerer=lambda request: answer(b'["%s"]' % request.target.encode()))
    client = library(server.url)
    items = harness.list(client.books.search(pages=4, at_once=3))
    assert items == [f"/books?page={n}" for n in range(4)]
    del server.requests[:]
    items = client.books.search(pages=4)
    first = harness.next(items)
    assert first == "/books?page=0"
    assert len(server.requests) == 1


def test_items_may_be_endless(harness: Any, driver: Any) -> None:
    given: list[int] = []

    def count() -> Iterator[int]:
        for n in range(1_000_000):
            given.append(n)
            yield n

    def flow() -> ItemsFlow[int]:
        yield Items([])
        yield Items(count())

    items = driver.iterate(flow())
    for n in range(3):
        assert harness.next(items) == n
    assert given == [0, 1, 2]


def test_a_flow_of_items_may_handle_a_failure(harness: Any, driver: Any) -> None:
    def flow() -> ItemsFlow[Any]:
        for n in (1, 404, 2):
            try:
                yield Items([(yield from get(f"/{n}"))])
            except NotFoundError:
                yield Items(["not found"])

    assert harness.list(driver.iterate(flow())) == [1, "not found", 2]


def test_after_a_failure_there_are_no_items(harness: Any, driver: Any, server: Wire) -> None:
    ended: list[bool] = []

    def flow() -> ItemsFlow[Any]:
        try:
            yield from get("/404")
        finally:
            ended.append(True)

    items = driver.iterate(flow())
    with pytest.raises(NotFoundError):
        harness.list(items)
    assert ended == [True]
    assert harness.list(items) == []
    assert len(server.requests) == 1


def test_a_flow_that_is_given_up_is_closed(harness: Any, driver: Any) -> None:
    ended: list[bool] = []

    def flow() -> ItemsFlow[int]:
        try:
            yield Items([1, 2, 3])
        finally:
            ended.append(True)

    items = driver.iterate(flow())
    assert harness.next(items) == 1
    harness.stop(items)
    assert ended == [True]
    assert harness.list(items) == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("is_sending", [False, True])
def test_closing_ends_the_wait_of_another_task(wire: Any, backend: str, is_sending: bool) -> None:
    server = wire(answerer=lambda r: [STALL] if r.target == "/stall" else answer(b"[]"))

    def flow() -> ItemsFlow[int]:
        yield Items([1])
        if is_sending:
            yield from get("/stall")
        else:
            yield Sleep(1000.0)
        yield Items([2])

    async def main() -> list[int]:
        found: list[int] = []

        async def read(items: Any) -> None:
            found.extend([item async for item in items])

        async with AwaitingLibrary(server.url, max_connections=1, retries=0) as client:
            items: Any = client.driver.iterate(flow())
            with anyio.fail_after(20):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(read, items)
                    await anyio.wait_all_tasks_blocked()
                    await items.aclose()
                await client.driver.run(get("/text"))  # the connection is free
        return found

    assert anyio.run(main, backend=backend) == [1]


def test_two_tasks_do_not_wait_for_one_item(server: Wire) -> None:
    async def main() -> None:
        async with AwaitingLibrary(server.url) as client, anyio.create_task_group() as tasks:

            def flow() -> ItemsFlow[int]:
                yield Sleep(0.01)
                yield Items([1])

            items: Any = client.driver.iterate(flow())

            async def first() -> None:
                assert await anext(items) == 1

            tasks.start_soon(first)
            await anyio.lowlevel.checkpoint()
            with pytest.raises(RuntimeError, match="another task"):
                await anext(items)

    anyio.run(main)


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


def test_a_body_comes_in_pieces(harness: Any, library: Any, wire: Any) -> None:
    server = wire([RESET], answer(b"", "503 Busy"), [*chunked(*TEXT), b"0\r\n\r\n"], answer(b"{}"))
    client = library(server.url, retries=2, max_connections=1)
    assert b"".join(harness.list(client.driver.iterate(pieces()))) == b"".join(TEXT)
    assert harness.call(client.books["1"].get) == {}


def test_a_body_in_pieces_is_not_begun_again(harness: Any, library: Any, wire: Any) -> None:
    server = wire([*chunked(b"one"), RESET], answer(b"{}"), answer(b"", "404 Not Found"))
    client = library(server.url, retries=2, max_connections=1)
    items = client.driver.iterate(pieces())
    assert harness.next(items) == b"one"
    with pytest.raises(TransportError) as caught:
        harness.list(items)
    assert caught.value.request.url.path == "/text"
    assert harness.list(items) == []
    assert harness.call(client.books["1"].get) == {}
    with pytest.raises(NotFoundError):
        harness.list(client.driver.iterate(pieces()))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_body_in_pieces_may_be_given_up(wire: Any, backend: str) -> None:
    server = wire(chunked(b"one", b"two"), answer(b"{}"))

    async def main() -> None:
        async with AwaitingLibrary(server.url, max_connections=1) as client:
            async with aclosing(client.driver.iterate(pieces())) as items:
                assert await anext(items) == b"one"
            assert await client.books["1"].get() == {}

    anyio.run(main, backend=backend)


def test_an_iterators_flow_has_no_result(harness: Any, driver: Any) -> None:
    def listing() -> Any:
        yield from get("/1")
        return ["forgotten"]

    with pytest.raises(TypeError, match=r"flow returned \['forgotten'\], but must yield Items"):
        harness.list(driver.iterate(listing()))


def test_an_iterator_is_shown_with_its_call(library: Any) -> None:
    shown = repr(library("http://library").books.search())
    assert shown in ("<SyncItems of <call GET /books>>", "<AsyncItems of <call GET /books>>")


def test_an_abandoned_iterator_leaves_room_for_another(wire: Any) -> None:
    server = wire(answerer=lambda request: [*chunked(b"one", b"two"), STALL])

    async def main() -> None:
        async with AwaitingLibrary(server.url, max_connections=1, timeout=20.0) as client:
            for _ in range(3):
                async for piece in client.driver.iterate(pieces("/books/1/text")):
                    assert piece
                    break
                gc.collect()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        anyio.run(main)
    assert len(server.requests) == 3

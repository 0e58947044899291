"""What the driver does with each effect, the same over both networks."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import anyio
import httpx
import pytest

from grad300_sdk.engine import Exclusive, Flow, Gather, Items, ItemsFlow
from grad300_sdk.engine.errors import (
    DecodeError,
    NotFoundError,
    TransportError,
)
from grad300_sdk.engine.flow import Sleep
from tests.support.flows import get, pieces
from tests.support.library import AwaitingLibrary, BlockingLibrary
from tests.support.sink import MemorySink
from tests.support.wire import CLOSE, RESET, STALL, Received, Wire, answer, chunked


def nothing() -> Flow[None]:
    """Do nothing."""
    yield from ()


@pytest.fixture
def server(wire: Callable[..., Wire]) -> Wire:
    """Answer with the number at the end of the path; there is no number 404."""

    def answerer(request: Received) -> Any:
        number = request.target.rpartition("/")[2]
        return answer(number.encode(), "404 Not Found" if number == "404" else "200 OK")

    return wire(answerer=answerer)


@pytest.fixture
def driver(library: Any, server: Wire) -> Any:
    """A driver of either kind."""
    return library(server.url).driver


# Sleep, Exclusive


def test_a_flow_without_effects(harness: Any, driver: Any) -> None:
    assert harness.run(driver.run(nothing())) is None
    assert harness.list(driver.iterate(nothing())) == []


def test_a_sleep(harness: Any, driver: Any) -> None:
    def flow() -> Flow[str]:
        assert (yield Sleep(0.0)) is None
        return "awake"

    assert harness.run(driver.run(flow())) == "awake"


def test_a_flow_that_is_yielded_as_it_is(harness: Any, driver: Any) -> None:
    def flow() -> Flow[None]:
        yield get("/1")

    with pytest.raises(TypeError, match="must yield effects; other flows need 'yield from'"):
        harness.call(driver.run, flow())


def test_a_flow_is_exclusive(harness: Any, driver: Any) -> None:
    inside: list[str] = []

    def alone(name: str) -> Flow[str]:
        inside.append(f"{name} begins")
        yield from get("/1")
        inside.append(f"{name} ends")
        return name

    def flow(name: str) -> Flow[str]:
        result: str = yield Exclusive(alone(name))
        return result

    def both() -> Flow[list[str]]:
        return (yield Gather([flow("a"), flow("b"), flow("c")], 3))

    assert harness.run(driver.run(both())) == ["a", "b", "c"]
    pairs = list(zip(inside[::2], inside[1::2], strict=True))
    assert sorted(pairs) == [(f"{name} begins", f"{name} ends") for name in "abc"]


def test_an_exclusive_flow_that_fails_lets_the_next_one_in(harness: Any, driver: Any) -> None:
    def failing() -> Flow[None]:
        yield from nothing()
        raise LookupError("mine")

    def flow() -> Flow[Any]:
        try:
            yield Exclusive(failing())
        except LookupError:
            return (yield Exclusive(get("/2")))

    assert harness.run(driver.run(flow())) == 2


# Gather


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_flows_together_give_their_results_in_order(
    harness: Any, driver: Any, limit: int, count: int
) -> None:
    def flow() -> Flow[Any]:
        return (yield Gather((get(f"/{n}") for n in range(count)), limit))

    assert harness.run(driver.run(flow())) == list(range(count))


def test_no_more_flows_than_the_limit_run_at_once(harness: Any, driver: Any) -> None:
    running: set[int] = set()
    most: list[int] = []
    drawn: list[int] = []
    lock = threading.Lock()

    def one(n: int) -> Flow[int]:
        with lock:
            running.add(n)
            most.append(len(running))
        yield from get(f"/{n}")
        with lock:
            running.remove(n)
        return n

    def draw() -> Iterator[Flow[int]]:
        for n in range(20):
            assert len(running) < 3, "drawn before there was room"
            drawn.append(n)
            yield one(n)

    def flow() -> Flow[Any]:
        return (yield Gather(draw(), 3))

    assert harness.run(driver.run(flow())) == list(range(20))
    assert max(most) <= 3
    assert drawn == list(range(20))


def test_the_first_failure_is_raised_and_no_more_is_begun(
    harness: Any, driver: Any, server: Wire
) -> None:
    ended: list[str] = []
    drawn: list[int] = []

    def cancellable(path: str) -> Flow[Any]:
        try:
            return (yield from get(path))
        finally:
            ended.append(path)

    def draw() -> Iterator[Flow[Any]]:
        for n in [404, *range(100)]:
            drawn.append(n)
            yield cancellable(f"/{n}")

    def flow() -> Flow[Any]:
        try:
            return (yield Gather(draw(), 4))
        except NotFoundError as error:
            return error

    error = harness.run(driver.run(flow()))
    assert error.request.url.path == "/404"
    assert len(ended) == len(drawn) < 100


def test_a_failure_ends_what_the_others_wait_for(
    harness: Any, library: Any, wire: Callable[..., Wire]
) -> None:
    arrived, ended = threading.Semaphore(0), threading.Semaphore(0)

    def failing() -> Iterator[Any]:
        for _ in range(2):
            assert arrived.acquire(timeout=30)
        yield from answer(b"no", "404 Not Found")

    def answerer(request: Received) -> Any:
        if request.target == "/404":
            return failing()
        arrived.release()
        return [*answer(b"{", length=2), STALL] if request.target == "/body" else [STALL]

    def waiting(flow: Flow[Any]) -> Flow[None]:
        try:
            yield from flow
        finally:
            ended.release()

    def flow() -> Flow[Any]:
        flows = [get("/404"), waiting(get("/body")), waiting(get("/head")), waiting(nap())]
        return (yield Gather(flows, 4))

    def nap() -> Flow[None]:
        yield Sleep(1000.0)

    server = wire(answerer=answerer)
    client = library(server.url, timeout=1000.0, retries=3)
    with pytest.raises(NotFoundError):
        harness.run(client.driver.run(flow()))
    assert [ended.acquire(blocking=False) for _ in range(4)] == [True, True, True, False]
    assert len(server.requests) == 3


def test_a_failure_in_drawing_is_raised(harness: Any, driver: Any) -> None:
    def draw() -> Iterator[Flow[Any]]:
        yield get("/1")
        raise LookupError("mine")

    def flow() -> Flow[Any]:
        return (yield Gather(draw(), 2))

    with pytest.raises(LookupError, match="mine"):
        harness.run(driver.run(flow()))


def test_together_within_together(harness: Any, driver: Any) -> None:
    def inner(n: int) -> Flow[Any]:
        return (yield Gather([get(f"/{n}"), get(f"/{n + 1}")], 2))

    def flow() -> Flow[Any]:
        return (yield Gather([inner(1), inner(3), inner(5)], 2))

    assert harness.run(driver.run(flow())) == [[1, 2], [3, 4], [5, 6]]


def test_giving_up_a_task_gives_up_its_flows(server: Wire) -> None:
    ended: list[str] = []

    def waiting(name: str) -> Flow[None]:
        try:
            yield Sleep(1000.0)
        finally:
            ended.append(name)

    def flow() -> Flow[Any]:
        try:
            return (yield Gather([waiting("a"), waiting("b")], 2))
        finally:
            ended.append("all")

    async def main() -> None:
        async with AwaitingLibrary(server.url) as client:
            with anyio.move_on_after(0.01):
                await client.driver.run(flow())

    anyio.run(main)
    assert sorted(ended[:2]) == ["a", "b"]
    assert ended[2:] == ["all"]


# Items


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


# Bodies into a sink, and bodies in pieces


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


# Responses


def test_a_response_is_not_kept_by_itself(harness: Any, library: Any, server: Wire) -> None:
    client = library(server.url)
    gc.collect()
    gc.disable()
    try:
        response = weakref.ref(harness.call(client.request, "GET", "/1"))
        assert response() is None
    finally:
        gc.enable()


def test_no_client_of_httpx_is_made(
    harness: Any, library: Any, server: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its redirects, cookies, event hooks and environment would be in the way."""

    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("a client of httpx was made")

    for kind in (httpx.Client, httpx.AsyncClient):
        monkeypatch.setattr(kind, "__init__", refuse)
    client = library(server.url)
    assert harness.call(client.get_json, "/1") == 1
    assert b"".join(harness.list(client.driver.iterate(pieces("/2")))) == b"2"


def test_an_iterators_flow_has_no_result(harness: Any, driver: Any) -> None:
    def listing() -> Any:
        yield from get("/1")
        return ["forgotten"]

    with pytest.raises(TypeError, match=r"flow returned \['forgotten'\], but must yield Items"):
        harness.list(driver.iterate(listing()))

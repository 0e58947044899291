"""What the driver does with each effect, the same over both networks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from grad300_sdk.engine import Exclusive, Flow, Gather
from grad300_sdk.engine.errors import (
    NotFoundError,
)
from grad300_sdk.engine.flow import Sleep
from tests.support.flows import get, pieces
from tests.support.library import AwaitingLibrary
from tests.support.wire import STALL, Received, Wire, answer


def nothing() -> Flow[None]:
    """Do nothing."""
    yield from ()


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


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_flows_together_give_their_results_in_order(
    harness: Any, driver: Any, limit: int, count: int
) -> None:
    def flow() -> Flow[Any]:
        return (yield Gather((get(f"/{n}") for n in range(count)), limit))

    assert harness.run(driver.run(flow())) == list(range(count))


def test_flows_together_may_wait_for_ever(harness: Any, library: Any, server: Wire) -> None:
    def flow() -> Flow[Any]:
        return (yield Gather([get("/1"), get("/2")], limit=2))

    driver = library(server.url, timeout=httpx.Timeout(None), max_connections=1).driver
    assert harness.run(driver.run(flow())) == [1, 2]


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

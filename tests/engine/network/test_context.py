"""The context of the caller, which flows that run at once see: logging and tracing need it."""

from __future__ import annotations

import logging
import threading
from contextvars import ContextVar, copy_context
from typing import Any

import anyio
import pytest

from grad300_sdk.engine import (
    Flow,
    Gather,
    Items,
    ItemsFlow,
    M,
    Node,
    Sender,
    endpoint,
    iterator,
)
from grad300_sdk.engine.flow import Sleep
from tests.support.library import AwaitingLibrary, BlockingLibrary
from tests.support.sink import MemorySink
from tests.support.wire import answer

MANY = 3

_label: ContextVar[str] = ContextVar("label", default="none")


def look(meeting: threading.Barrier | None) -> Flow[str]:
    """Return the label that a flow sees, and change it for itself."""
    yield Sleep(0.0)
    seen = _label.get()
    if meeting is not None:
        meeting.wait(10)  # each in a thread of its own
    _label.set("changed")
    return seen


class Labels(Node[M], template="{+parent}/labels"):
    """Calls that look at the caller's context."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[str]:
        """Return the label."""
        yield Sleep(0.0)
        return _label.get()

    @endpoint("GET")
    def many(self, send: Sender, meeting: threading.Barrier | None = None) -> Flow[list[str]]:
        """Return the label that each of several flows sees."""
        return (yield Gather([look(meeting) for _ in range(MANY)], MANY))

    @iterator("GET")
    def search(self, send: Sender, meeting: threading.Barrier | None = None) -> ItemsFlow[str]:
        """Yield what `many` returns."""
        yield Items((yield from self.many.flow(meeting)))


def test_threads_run_in_copies_of_the_caller_s_context() -> None:
    def user(label: str) -> None:
        _label.set(label)
        with BlockingLibrary() as client:
            labels = Labels(client)
            assert labels.get() == label
            assert labels.many(threading.Barrier(MANY)) == [label] * MANY
            assert list(labels.search(threading.Barrier(MANY))) == [label] * MANY
            assert _label.get() == label

    for label in ("Dune", "Emma"):
        copy_context().run(user, label)
    assert _label.get() == "none"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_run_in_copies_of_the_caller_s_context(backend: str) -> None:
    async def user(client: Any, label: str) -> None:
        _label.set(label)
        labels = Labels(client)
        assert await labels.get() == label
        assert await labels.many() == [label] * MANY
        assert [seen async for seen in labels.search()] == [label] * MANY
        assert _label.get() == label

    async def main() -> None:
        async with AwaitingLibrary() as client, anyio.create_task_group() as tasks:
            for label in ("Dune", "Emma"):
                tasks.start_soon(user, client, label)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("mode", ["blocking", "asyncio", "trio"])
def test_a_filter_of_the_log_sees_the_callers_context(
    mode: str, wire: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """As one that adds the id of a user's request to each record."""

    class Filter(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            record.label = _label.get()
            return True

    def flow() -> Flow[Any]:
        flows = (Sender("GET", f"/{number}").json(object) for number in range(6))
        return (yield Gather(flows, MANY))

    def ask() -> None:
        _label.set("Dune")
        with BlockingLibrary(server.url) as client:
            client.driver.run(flow())

    async def ask_async() -> None:
        _label.set("Dune")
        async with AwaitingLibrary(server.url) as client:
            await client.driver.run(flow())

    server = wire(answerer=lambda request: answer(b"{}"))
    caplog.set_level(logging.INFO, "grad300_sdk.engine.network.incoming")
    added = Filter()
    caplog.handler.addFilter(added)
    try:
        if mode == "blocking":
            copy_context().run(ask)
        else:
            anyio.run(ask_async, backend=mode)
    finally:
        caplog.handler.removeFilter(added)
    assert [vars(record)["label"] for record in caplog.records] == ["Dune"] * 6


def test_a_sink_sees_the_callers_context(wire: Any) -> None:
    seen: list[str] = []

    class Sink(MemorySink):
        def write(self, data: Any) -> int:
            seen.append(_label.get())
            return super().write(data)

    def ask() -> None:
        _label.set("Dune")
        with BlockingLibrary(server.url) as client:
            flows = [client.books[str(n)].text.write_to.flow(Sink()) for n in range(4)]
            assert client.driver.run(gather(flows)) == [200] * 4

    def gather(flows: list[Flow[int]]) -> Flow[list[int]]:
        return (yield Gather(flows, MANY))

    server = wire(answerer=lambda request: answer(b"text"))
    copy_context().run(ask)
    assert seen == ["Dune"] * 4

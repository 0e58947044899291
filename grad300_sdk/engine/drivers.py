"""The two drivers that perform what flows ask for: all of the engine's network I/O.

:class:`BlockingDriver` runs flows in the calling thread, :class:`AwaitingDriver` on asyncio or
trio. Nothing else in the package sends anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, TypeVar

import anyio
import httpx

from grad300_sdk.engine.connections import (
    AwaitingConnections,
    BlockingConnections,
    renewed_after_fork,
)
from grad300_sdk.engine.flow import (
    Effect,
    Exchange,
    Exclusive,
    Flow,
    Items,
    ItemsFlow,
    Send,
    Together,
)
from grad300_sdk.engine.session import Session, bare
from grad300_sdk.engine.translation import decoded, translated

__all__ = ["AwaitingDriver", "BlockingDriver"]

T = TypeVar("T")


class _Driver:
    def __init__(self, session: Session, connections: Any) -> None:
        self.session = session
        self.connections = connections
        connections.users.add(self)

    def _check_open(self) -> None:
        if self not in self.connections.users:
            raise RuntimeError("this client is closed; make a new one to send requests")

    def _leave(self) -> bool:
        """Give up this client's part in the connections; say whether it was the last one."""
        self.connections.users.discard(self)
        return not self.connections.users


class BlockingDriver(_Driver):
    """Runs flows in the thread that calls."""

    connections_class = BlockingConnections

    def __init__(self, session: Session, connections: BlockingConnections) -> None:
        super().__init__(session, connections)
        self.renew()
        renewed_after_fork.add(self)

    def renew(self) -> None:
        """Begin with a free lock: a fork may have come while another thread held it."""
        self._lock = threading.Lock()

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and give what it returns."""
        try:
            effect = next(flow)
            while True:
                try:
                    answer = self._perform(effect)
                except BaseException as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def iterate(self, flow: ItemsFlow[T]) -> Iterator[T]:
        """Run a flow to its first effect now, and further as its items are asked for."""
        first = next(flow, None)
        return self._iterate(flow, first)

    def _iterate(self, flow: ItemsFlow[T], effect: Effect | Items[T] | None) -> Iterator[T]:
        try:
            while effect is not None:
                answer = None
                if isinstance(effect, Items):
                    yield from effect.items
                else:
                    answer = self._perform(effect)
                effect = flow.send(answer)
        except StopIteration:
            return
        finally:
            flow.close()

    def close(self) -> None:
        """Close the connections, unless a copy of this client uses them."""
        if self._leave():
            self.connections.close()

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            return self.run(self.session.send(effect))
        if isinstance(effect, Exchange):
            return self._exchange(effect)
        if isinstance(effect, Together):
            return self._together(effect)
        if isinstance(effect, Exclusive):
            with self._lock:
                return self.run(effect.flow)
        return time.sleep(effect.seconds)

    def _exchange(self, exchange: Exchange) -> httpx.Response:
        self._check_open()
        request = exchange.request
        with translated(exchange), self.connections.client(request) as client:
            response = client.send(request, auth=exchange.auth, stream=True)
            try:
                with decoded(response, exchange, self.session) as body:
                    if exchange.send.sink is None or not response.is_success:
                        response.read()
                    else:
                        for piece in body:
                            exchange.send.sink.write(piece)
            finally:
                response.close()
        return bare(response, exchange)

    def _together(self, effect: Together) -> list[Any]:
        flows, drawing = enumerate(effect.flows), threading.Lock()
        results: dict[int, Any] = {}
        failures: list[BaseException] = []

        def work() -> None:
            while not failures:
                try:
                    with drawing:
                        index, flow = next(flows)
                    results[index] = self.run(flow)
                except StopIteration:
                    return
                except BaseException as error:
                    failures.append(error)

        helpers = [threading.Thread(target=work) for _ in range(effect.limit - 1)]
        for helper in helpers:
            helper.start()
        work()
        for helper in helpers:
            helper.join()
        return _in_order(results, failures)


class AwaitingDriver(_Driver):
    """Runs flows as coroutines, on asyncio or trio."""

    connections_class = AwaitingConnections

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and give what it returns."""
        try:
            effect = next(flow)
            while True:
                try:
                    answer = await self._perform(effect)
                except BaseException as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def iterate(self, flow: ItemsFlow[T]) -> AsyncIterator[T]:
        """Run a flow to its first effect now, and further as its items are asked for."""
        first = next(flow, None)
        return self._iterate(flow, first)

    async def _iterate(
        self, flow: ItemsFlow[T], effect: Effect | Items[T] | None
    ) -> AsyncGenerator[T, None]:
        try:
            while effect is not None:
                answer = None
                if isinstance(effect, Items):
                    for item in effect.items:
                        yield item
                else:
                    answer = await self._perform(effect)
                effect = flow.send(answer)
        except StopIteration:
            return
        finally:
            flow.close()

    async def close(self) -> None:
        """Close this event loop's connections, unless a copy of this client uses them."""
        if self._leave():
            await self.connections.close()

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            return await self.run(self.session.send(effect))
        if isinstance(effect, Exchange):
            return await self._exchange(effect)
        if isinstance(effect, Together):
            return await self._together(effect)
        if isinstance(effect, Exclusive):
            async with (await self.connections.local()).lock:
                return await self.run(effect.flow)
        return await anyio.sleep(effect.seconds)

    async def _exchange(self, exchange: Exchange) -> httpx.Response:
        self._check_open()
        request = exchange.request
        with translated(exchange):
            client = await self.connections.client(request)
            response = await client.send(request, auth=exchange.auth, stream=True)
            try:
                with decoded(response, exchange, self.session) as body:
                    if exchange.send.sink is None or not response.is_success:
                        await response.aread()
                    else:
                        async for piece in body:
                            exchange.send.sink.write(piece)
            finally:
                await response.aclose()
        return bare(response, exchange)

    async def _together(self, effect: Together) -> list[Any]:
        flows = enumerate(effect.flows)
        results: dict[int, Any] = {}
        failures: list[BaseException] = []

        async def work() -> None:
            try:
                for index, flow in flows:
                    results[index] = await self.run(flow)
            except Exception as error:
                failures.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for _ in range(effect.limit):
                tasks.start_soon(work)
        return _in_order(results, failures)


def _in_order(results: dict[int, Any], failures: list[BaseException]) -> list[Any]:
    if failures:
        raise failures[0]
    return [results[index] for index in sorted(results)]

"""The two drivers that perform what flows ask for: all of the engine's network I/O.

:class:`BlockingDriver` runs flows in the calling thread, :class:`AwaitingDriver` on asyncio or
trio. Nothing else in the package sends anything.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, Generic, TypeVar, cast

import anyio
import httpx

from grad300_sdk.engine.body import Pace
from grad300_sdk.engine.connections import (
    AwaitingConnections,
    BlockingConnections,
    renewed_after_fork,
)
from grad300_sdk.engine.errors import Error
from grad300_sdk.engine.flow import (
    Chunks,
    Course,
    Effect,
    Exchange,
    Exclusive,
    Flow,
    Items,
    ItemsFlow,
    Send,
    Sleep,
    Together,
)
from grad300_sdk.engine.session import Session, bare, emptied, shown
from grad300_sdk.engine.streams import paced
from grad300_sdk.engine.threads import acquire, run_together, sleep
from grad300_sdk.engine.translation import Guarded, decoded, outgoing, translated

__all__ = ["AwaitingDriver", "BlockingDriver"]

T = TypeVar("T")


class _Driver:
    def __init__(self, session: Session, connections: Any) -> None:
        self.session = session
        self.connections = connections
        connections.users.add(self)

    def _is_closed(self) -> bool:
        return self not in self.connections.users

    def _pace(self, exchange: Exchange) -> Pace:
        """Say at which pace the answer must come, if the request may be sent at all."""
        if self._is_closed():
            raise RuntimeError("this client is closed; make a new one to send requests")
        return Pace(exchange.request, exchange.send.timeout or self.session.timeout)

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
        course = Course(flow)
        while course.effect is not None:
            self._step(course)
        return course.result

    def iterate(self, flow: ItemsFlow[T]) -> Iterator[T]:
        """Run a flow to its first effect now, and further as its items are asked for."""
        return self._iterate(Course(flow))

    def _iterate(self, course: Course[None]) -> Iterator[Any]:
        try:
            while course.effect is not None:
                if isinstance(course.effect, Items):
                    yield from course.effect.items
                    course.answer(None)
                elif isinstance(course.effect, Chunks):
                    yield from self._chunks(course.effect.send)
                    course.answer(None)
                else:
                    self._step(course)
        finally:
            course.close()

    def _step(self, course: Course[Any]) -> None:
        """Perform the effect that a flow waits for, and let the flow go on."""
        try:
            try:
                answer = self._perform(course.effect)
            except BaseException as error:
                course.fail(error)
            else:
                course.answer(answer)
        except Error as error:
            self.session.hide_secrets(error)
            raise

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
            return run_together(self.run, effect.flows, effect.limit)
        if isinstance(effect, Exclusive):
            acquire(lock := self._lock)
            try:
                return self.run(effect.flow)
            finally:
                lock.release()
        return sleep(_seconds(effect))

    def _exchange(self, exchange: Exchange) -> httpx.Response:
        with self._opened(exchange) as (response, body):
            if exchange.send.sink is None or not response.is_success:
                response.read()
            else:
                exchange.send.sink.begin(response)
                for piece in body:
                    exchange.send.sink.write(piece)
                return emptied(response, shown(exchange))
        return bare(response, exchange)

    def _chunks(self, send: Send) -> Iterator[bytes]:
        course = Course(self.session.send(send))
        while course.effect is not None:
            begun = False
            try:
                if not isinstance(course.effect, Exchange):
                    answer = self._perform(course.effect)
                else:
                    with self._opened(course.effect) as (answer, body):
                        if answer.is_success:
                            begun = True
                            yield from body
                            return
                        answer.read()
                    bare(answer, course.effect)
            except Error as error:
                self.session.hide_secrets(error)
                if begun:
                    raise
                course.fail(error)
            else:
                course.answer(answer)

    @contextmanager
    def _opened(self, exchange: Exchange) -> Iterator[tuple[httpx.Response, Guarded]]:
        pace, request = self._pace(exchange), exchange.request
        with (
            translated(exchange, self._is_closed),
            self.connections.client(request) as client,
        ):
            with paced(pace):
                response = client.send(request, auth=exchange.auth, stream=True)
            try:
                with decoded(response, exchange, self.session, pace) as body:
                    yield response, body
            finally:
                response.close()


class AwaitingDriver(_Driver):
    """Runs flows as coroutines, on asyncio or trio."""

    connections_class = AwaitingConnections

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and give what it returns."""
        course = Course(flow)
        while course.effect is not None:
            await self._step(course)
        return course.result

    def iterate(self, flow: ItemsFlow[T]) -> AsyncIterator[T]:
        """Run a flow to its first effect now, and further as its items are asked for."""
        return _AwaitedItems(self, Course(flow))

    async def _step(self, course: Course[Any]) -> None:
        """Perform the effect that a flow waits for, and let the flow go on."""
        try:
            try:
                answer = await self._perform(course.effect)
            except BaseException as error:
                course.fail(error)
            else:
                course.answer(answer)
        except Error as error:
            self.session.hide_secrets(error)
            raise

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
        return await anyio.sleep(_seconds(effect))

    async def _exchange(self, exchange: Exchange) -> httpx.Response:
        async with self._opened(exchange) as (response, body):
            if exchange.send.sink is None or not response.is_success:
                await response.aread()
            else:
                exchange.send.sink.begin(response)
                async with aclosing(aiter(body)) as pieces:
                    async for piece in pieces:
                        exchange.send.sink.write(piece)
                return emptied(response, shown(exchange))
        return bare(response, exchange)

    async def _chunks(self, send: Send) -> AsyncGenerator[bytes, None]:
        course = Course(self.session.send(send))
        while course.effect is not None:
            begun = False
            try:
                if not isinstance(course.effect, Exchange):
                    answer = await self._perform(course.effect)
                else:
                    async with self._opened(course.effect) as (answer, body):
                        if answer.is_success:
                            begun = True
                            async with aclosing(aiter(body)) as pieces:
                                async for piece in pieces:
                                    yield piece
                            return
                        await answer.aread()
                    bare(answer, course.effect)
            except Error as error:
                self.session.hide_secrets(error)
                if begun:
                    raise
                course.fail(error)
            else:
                course.answer(answer)

    @asynccontextmanager
    async def _opened(
        self, exchange: Exchange
    ) -> AsyncGenerator[tuple[httpx.Response, Guarded], None]:
        pace, request = self._pace(exchange), exchange.request
        with translated(exchange, self._is_closed):
            client = await self.connections.client(request)
            with paced(pace), outgoing(request):
                response = await client.send(request, auth=exchange.auth, stream=True)
            try:
                with decoded(response, exchange, self.session, pace) as body:
                    yield response, body
            finally:
                await response.aclose()

    async def _together(self, effect: Together) -> list[Any]:
        flows = enumerate(effect.flows)
        results: dict[int, Any] = {}
        failures: list[BaseException] = []

        async def work() -> None:
            try:
                for index, flow in flows:
                    results[index] = await self.run(flow)
            except Exception as error:  # raised once all have stopped; a cancellation passes
                failures.append(error)
                tasks.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as tasks:
                for _ in range(effect.limit):
                    tasks.start_soon(work)
        except BaseExceptionGroup as group:
            if group.subgroup(KeyboardInterrupt):  # of which trio makes a group
                raise KeyboardInterrupt from None
            raise
        if failures:
            raise failures[0]
        return [results[index] for index in sorted(results)]


class _AwaitedItems(Generic[T]):
    """Iterates over the items of a flow, and may be given up at any time.

    It is no async generator: those want their event loop to end them, and trio warns of each
    that is given up.
    """

    def __init__(self, driver: AwaitingDriver, course: Course[None]) -> None:
        self._driver = driver
        self._course = course
        self._items: Iterator[T] | None = None
        self._pieces: AsyncGenerator[T, None] | None = None
        self._is_busy = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if self._is_busy:
            raise RuntimeError("another task is waiting for the next item already")
        self._is_busy = True
        try:
            return await self._next()
        except BaseException:
            self._course.close()
            raise
        finally:
            self._is_busy = False

    async def aclose(self) -> None:
        """Give up what is left."""
        self._course.close()
        if self._pieces is not None:
            await self._pieces.aclose()

    async def _next(self) -> T:
        while (effect := self._course.effect) is not None:
            if isinstance(effect, Items):
                self._items = iter(effect.items) if self._items is None else self._items
                for item in self._items:
                    return item
                self._items = None
                self._course.answer(None)
            elif isinstance(effect, Chunks):
                if self._pieces is None:
                    self._pieces = cast(
                        "AsyncGenerator[T, None]", self._driver._chunks(effect.send)
                    )
                async for piece in self._pieces:
                    return piece
                self._pieces = None
                self._course.answer(None)
            else:
                await self._driver._step(self._course)
        raise StopAsyncIteration


def _seconds(effect: object) -> float:
    if not isinstance(effect, Sleep):
        raise TypeError(
            f"a flow yielded {effect!r:.80}, where it needs 'yield from', or an effect"
        )
    return effect.seconds

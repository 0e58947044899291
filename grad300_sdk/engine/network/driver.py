"""The driver, which performs the effects of flows over one of two networks.

It is written once, as coroutines. With `SyncNetwork` they never suspend, so a single step in the
calling thread runs them to their end; with `AsyncNetwork` they run on asyncio or trio.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, Generic, TypeVar

import httpx

from ..flow import (
    Chunks,
    Exchange,
    Exclusive,
    Flow,
    Gather,
    Items,
    ItemsFlow,
    RunningFlow,
    Send,
    Sleep,
)
from ..sending.response import (
    REDACTOR,
    BodyDecoder,
    RateGuard,
    decoded_headers,
    whole_response,
)
from ..sending.session import Session
from ..tracebacks import short_tracebacks
from .aio import AsyncNetwork
from .base import Network
from .errors import map_httpx_errors
from .sync import SyncNetwork, run_to_end

__all__ = ["AsyncDriver", "Driver", "SyncDriver"]

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class Driver:
    """Runs flows: performs each effect, and sends the flow its result.

    Parameters
    ----------
    session : Session
        What the requests of the client share.
    network : Network
        The network that they are sent over.
    """

    network_class: type[Network]

    def __init__(self, session: Session, network: Network) -> None:
        self.session = session
        self.network = network
        network.users.add(self)

    @property
    def is_closed(self) -> bool:
        """Whether this client was closed."""
        return self not in self.network.users

    async def perform(self, flow: Flow[T]) -> T:
        """Run a flow to its end, and return its result."""
        running = RunningFlow(flow)
        while running.effect is not None:
            await self.step(running)
        return running.result

    async def step(self, running: RunningFlow[Any]) -> None:
        """Perform the effect that a flow is waiting for, and let the flow continue."""
        try:
            answer = await self._perform_effect(running.effect)
        except BaseException as error:
            running.fail(error)
        else:
            running.answer(answer)

    async def _perform_effect(self, effect: object) -> Any:
        match effect:
            case Exchange():
                return await self._exchange(effect)
            case Send():
                return await self.perform(self.session.send(effect))
            case Sleep():
                return await self.network.sleep(effect.seconds)
            case Gather():
                return await self.network.gather(self.perform, effect.flows, effect.limit)
            case Exclusive():
                async with await self.network.exclusive(self.session.store):
                    return await self.perform(effect.flow)
        raise TypeError(
            f"a flow yielded {effect!r:.80}, but must yield effects; other flows need 'yield from'"
        )

    async def _exchange(self, exchange: Exchange) -> httpx.Response:
        sink = exchange.send.sink
        async with await self._open(exchange) as incoming:
            if sink is None or not incoming.response.is_success:
                return await incoming.read()
            with incoming.mapping_errors:
                sink.begin(incoming.response)
                async for piece in incoming:
                    sink.write(piece)
            return incoming.whole(None)

    async def stream(self, send: Send) -> IncomingResponse:
        """Send a request, and return the successful response before its body is read."""
        running = RunningFlow(self.session.send(send))
        while True:
            if not isinstance(running.effect, Exchange):
                await self.step(running)
                continue
            try:
                incoming = await self._open(running.effect)
                if incoming.response.is_success:
                    running.close()
                    return incoming
                async with incoming:
                    result = await incoming.read()
            except BaseException as error:
                running.fail(error)
            else:
                running.answer(result)

    async def _open(self, exchange: Exchange) -> IncomingResponse:
        if self.is_closed:
            raise RuntimeError("this client is closed; make a new one to send requests")
        incoming = IncomingResponse(self, exchange)
        await incoming.open()
        return incoming


class IncomingResponse:
    """One response, from sending the request to the end of the body."""

    response: httpx.Response

    def __init__(self, driver: Driver, exchange: Exchange) -> None:
        self._driver = driver
        self._exchange = exchange
        self.mapping_errors = map_httpx_errors(
            exchange, lambda: driver.is_closed, driver.network.describe_route
        )

    async def open(self) -> None:
        """Send the request, and prepare for the body of the response."""
        exchange, session = self._exchange, self._driver.session
        guard = RateGuard(exchange, session.clock)
        self._began = time.perf_counter()
        with self.mapping_errors:
            opened = await self._driver.network.open(exchange.request, guard)
            self.response, self._release = opened
            self._pieces = self._driver.network.pieces(self.response)
            try:
                self._prepare(self.response, guard)
            except BaseException as error:
                await self.aclose(error)
                raise

    def _prepare(self, response: httpx.Response, guard: RateGuard) -> None:
        request, send = self._exchange.request, self._exchange.send
        response.request = request
        redactor = response.extensions[REDACTOR] = self._exchange.redactor
        reason = response.reason_phrase
        if reason != httpx.codes.get_reason_phrase(response.status_code):  # redacting takes time
            response.extensions["reason_phrase"] = redactor.text(reason).encode()
        if _logger.isEnabledFor(logging.INFO):
            status = f"{response.http_version} {response.status_code} {response.reason_phrase}"
            _logger.info('HTTP Request: %s %s "%s"', request.method, request.url, status)
        is_json = send.expects_json or "json" in response.headers.get("Content-Type", "")
        limit = self._driver.session.max_json_bytes if is_json else None
        if limit is None:
            guard.allow_long_body()
        self._guard = guard
        self._headers = response.headers
        self._decoder = BodyDecoder(response, limit)
        response.headers = decoded_headers(response.headers)
        self._decoded: Iterator[bytes] = iter(())

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        with self.mapping_errors:
            return await self._next()

    async def _next(self) -> bytes:
        while True:
            for part in self._decoded:
                return part
            if self._decoder.is_done:
                raise StopAsyncIteration
            if not self._guard.is_watched:  # by the stream below httpx
                self._guard.wait()
            try:
                piece = await anext(self._pieces)
            except StopAsyncIteration:
                self._decoder.finish()
                raise
            if not self._guard.is_watched:
                self._guard.received(len(piece))
            self._decoded = self._decoder.feed(piece)

    async def read(self) -> httpx.Response:
        """Return the response with its whole body."""
        return self.whole(b"".join([piece async for piece in self]))

    def whole(self, content: bytes | None) -> httpx.Response:
        """Return the response for users to see; `content` is None if a sink received the body."""
        self.response.headers = self._headers
        whole = whole_response(self.response, content, self._exchange)
        whole.elapsed = timedelta(seconds=time.perf_counter() - self._began)
        return whole

    async def __aenter__(self) -> IncomingResponse:
        return self

    async def __aexit__(
        self, kind: object, error: BaseException | None, traceback: object
    ) -> None:
        await self.aclose(error)

    async def aclose(self, error: BaseException | None = None) -> None:
        """Close the response, and return its connection."""
        with self.mapping_errors:
            try:
                await self._driver.network.close(self.response, self._pieces)
            except BaseException as failure:
                error = failure
                raise
            finally:
                await self._release(error)


class _FlowIterator(Generic[T]):
    """Iterates over the items of a flow, and may be abandoned at any time.

    It is not an asynchronous generator: an event loop has to close those, and trio warns of each
    that is abandoned.
    """

    _incoming: IncomingResponse | None = None
    _items: Iterator[T] | None = None
    _is_busy = False
    _was_cancelled = False

    def __init__(self, driver: Driver, flow: ItemsFlow[T]) -> None:
        self._driver = driver
        self._running = RunningFlow(flow)

    async def advance(self) -> T:
        """Return the next item."""
        if self._is_busy:
            raise RuntimeError(
                "another task is waiting for the next item already; give each an iterator"
            )
        if self._was_cancelled:  # ending here would look like the end of the items
            raise RuntimeError("this iteration was cancelled before its end; start a new one")
        self._is_busy = True
        try:
            item: T = await self._next()
        except BaseException as error:
            self._was_cancelled = not isinstance(error, Exception)
            await self.abandon(error)
            raise
        finally:
            self._is_busy = False
        return item

    async def _next(self) -> Any:
        running = self._running
        while (effect := running.effect) is not None:
            if isinstance(effect, Items):
                self._items = self._items or iter(effect.items)
                for item in self._items:
                    return item
                self._items = None
                running.answer(None)
            elif isinstance(effect, Chunks):
                self._incoming = self._incoming or await self._driver.stream(effect.send)
                async for piece in self._incoming:
                    return piece
                await self._incoming.aclose()
                self._incoming = None
                running.answer(None)
            else:
                await self._driver.step(running)
        if running.result is not None:
            raise TypeError(
                f"an iterator's flow returned {running.result!r:.80}, but must yield Items"
            )
        raise StopAsyncIteration

    async def abandon(self, error: BaseException | None = None) -> None:
        """Close the flow, and return its connection."""
        self._running.close()
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            await incoming.aclose(error)


class _SyncItems(_FlowIterator[T]):
    """Iterates in the calling thread."""

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with short_tracebacks:
            try:
                return run_to_end(self.advance())
            except StopAsyncIteration:
                raise StopIteration from None

    def close(self) -> None:
        """Skip the remaining items."""
        run_to_end(self.abandon())

    def __del__(self) -> None:
        if self._incoming is not None:
            self.close()


class _AsyncItems(_FlowIterator[T]):
    """Iterates on the running event loop."""

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        with short_tracebacks:
            return await self.advance()

    async def aclose(self) -> None:
        """Skip the remaining items."""
        await self.abandon()


class SyncDriver(Driver):
    """Runs flows in the calling thread."""

    network_class = SyncNetwork

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end, and return its result."""
        return run_to_end(self.perform(flow))

    def iterate(self, flow: ItemsFlow[T]) -> Iterator[T]:
        """Run a flow to its first effect, and continue it as its items are requested."""
        return _SyncItems(self, flow)

    def close(self) -> None:
        """Close the connections, unless a copy of this client uses them."""
        run_to_end(self.network.leave(self))


class AsyncDriver(Driver):
    """Runs flows as coroutines, on asyncio or trio."""

    network_class = AsyncNetwork

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end, and return its result."""
        with short_tracebacks:
            return await self.perform(flow)

    def iterate(self, flow: ItemsFlow[T]) -> AsyncIterator[T]:
        """Run a flow to its first effect, and continue it as its items are requested."""
        return _AsyncItems(self, flow)

    async def close(self) -> None:
        """Close the connections of this event loop, unless a copy of this client uses them."""
        await self.network.leave(self)

"""The driver, which performs the effects of flows over one of two networks.

It is written once, as coroutines. With `SyncNetwork` they never suspend, so a single step in the
calling thread runs them to their end; with `AsyncNetwork` they run on asyncio or trio.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypeVar

import httpx
from msgspec.structs import replace

from ..flow import Exchange, Exclusive, Flow, Gather, ItemsFlow, RunningFlow, Send, Sleep
from ..sending.session import Session
from ..tracebacks import short_tracebacks
from .aio import AsyncNetwork
from .base import CLOSED, Network
from .incoming import IncomingResponse
from .items import AsyncItems, SyncItems
from .sync import SyncNetwork, run_to_end

__all__ = ["AsyncDriver", "Driver", "SyncDriver"]

T = TypeVar("T")


class _Opened:
    """A sink whose body is read later."""

    incoming: IncomingResponse

    def headers(self) -> Mapping[str, str]:
        """Return nothing."""
        return {}


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
            ", and Items need an @iterator"
        )

    async def _exchange(self, exchange: Exchange) -> httpx.Response:
        sink = exchange.send.sink
        incoming = await self._open(exchange)
        if isinstance(sink, _Opened) and incoming.response.is_success:
            sink.incoming = incoming
            return incoming.response
        async with incoming:
            if sink is None or not incoming.response.is_success:
                return await incoming.read()
            with incoming.mapping_errors:
                sink.begin(incoming.response)
                async for piece in incoming:
                    sink.write(piece)
            return incoming.whole(None)

    async def stream(self, send: Send) -> IncomingResponse:
        """Send a request, and return the successful response before its body is read."""
        opened = _Opened()
        await self.perform(self.session.send(replace(send, sink=opened)))
        return opened.incoming

    async def _open(self, exchange: Exchange) -> IncomingResponse:
        if self.is_closed:
            raise RuntimeError(CLOSED)
        incoming = IncomingResponse(exchange, self.session, self.network, lambda: self.is_closed)
        await incoming.open()
        return incoming


class SyncDriver(Driver):
    """Runs flows in the calling thread."""

    network_class = SyncNetwork

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end, and return its result."""
        return run_to_end(self.perform(flow))

    def iterate(self, flow: ItemsFlow[T], call: object = None) -> Iterator[T]:
        """Run a flow to its first effect, and continue it as its items are requested."""
        return SyncItems(self, flow, call)

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

    def iterate(self, flow: ItemsFlow[T], call: object = None) -> AsyncIterator[T]:
        """Run a flow to its first effect, and continue it as its items are requested."""
        return AsyncItems(self, flow, call)

    async def close(self) -> None:
        """Close the connections of this event loop, unless a copy of this client uses them."""
        await self.network.leave(self)

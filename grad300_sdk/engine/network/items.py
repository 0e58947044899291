"""Iterators over the items of a flow, which continue it as they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, Protocol, TypeVar

import anyio

from ..flow import Chunks, Items, ItemsFlow, RunningFlow, Send
from ..tracebacks import short_tracebacks
from .incoming import IncomingResponse
from .sync import run_to_end

__all__ = ["AsyncItems", "SyncItems"]

T = TypeVar("T")


class Performer(Protocol):
    """A driver, which is defined above this module."""

    async def step(self, running: RunningFlow[Any]) -> None:
        """Perform the effect that a flow is waiting for, and let the flow continue."""
        ...

    async def stream(self, send: Send) -> IncomingResponse:
        """Send a request, and return the successful response before its body is read."""
        ...


class _FlowIterator(Generic[T]):
    """Iterates over the items of a flow, and may be abandoned at any time.

    It is not an asynchronous generator: an event loop has to close those, and trio warns of each
    that is abandoned.
    """

    _incoming: IncomingResponse | None = None
    _items: Iterator[T] | None = None
    _is_busy = False
    _was_cancelled = False

    def __init__(self, performer: Performer, flow: ItemsFlow[T], call: object) -> None:
        self._performer = performer
        self._running = RunningFlow(flow)
        self._call = call

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._call}>"

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
                self._incoming = self._incoming or await self._performer.stream(effect.send)
                async for piece in self._incoming:
                    return piece
                await self._incoming.aclose()
                self._incoming = None
                running.answer(None)
            else:
                await self._step(running)
        if running.result is not None:
            raise TypeError(
                f"an iterator's flow returned {running.result!r:.80}, but must yield Items"
            )
        raise StopAsyncIteration

    async def _step(self, running: RunningFlow[Any]) -> None:
        await self._performer.step(running)

    async def abandon(self, error: BaseException | None = None) -> None:
        """Close the flow, and return its connection."""
        self._running.close()
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            await incoming.aclose(error)


class SyncItems(_FlowIterator[T]):
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


class AsyncItems(_FlowIterator[T]):
    """Iterates on the running event loop."""

    _scope: anyio.CancelScope | None = None

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        with short_tracebacks:
            return await self.advance()

    async def aclose(self) -> None:
        """Skip the remaining items; a task that waits for the next one gets none."""
        await self.abandon()
        if self._scope is not None:
            self._scope.cancel()

    async def _step(self, running: RunningFlow[Any]) -> None:
        with anyio.CancelScope() as self._scope:
            await super()._step(running)
        self._scope = None

    def __del__(self) -> None:
        if self._incoming is not None:  # nothing can be awaited here
            self._incoming.lease.abandon()

"""The network of asynchronous clients, on asyncio or trio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, cast

import anyio
import anyio.lowlevel
import httpx

from ..sending.response import RateGuard
from .base import (
    Network,
    NetworkOptions,
    Opened,
    Unsuspended,
    has_leftover,
    release_nothing,
)
from .streams import AsyncBackend

__all__ = ["AsyncNetwork"]

_numbers = count()

# Bytes: a closed stream of httpx's holds no more than one read from its socket.
_MOST_LEFT = 131_072


class AsyncNetwork(Network):
    """Waits on the running event loop, and closes its connections when the loop ends.

    Each request checks out a connection, the last used first: httpcore's pool looks at all of its
    connections twice per request.
    """

    transport_class = httpx.AsyncBaseTransport

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__(options)
        name = f"{__name__} {next(_numbers)}"
        self._local: anyio.lowlevel.RunVar[_Local | None] = anyio.lowlevel.RunVar(name, None)

    async def open(self, request: httpx.Request, guard: RateGuard) -> Opened:
        """Send a request on a connection that no other request uses."""
        stream = request.stream
        # httpx's own stream is an asynchronous generator, and trio warns if one is abandoned.
        request.stream = Unsuspended(stream)
        try:
            if self.options.transport is None:
                return await self._open(request, guard)
            response = await self.options.transport.handle_async_request(request)
            return response, release_nothing
        finally:
            request.stream = stream

    async def _open(self, request: httpx.Request, guard: RateGuard) -> Opened:
        local = await self._loop_local()
        try:
            local.free.acquire_nowait()
        except anyio.WouldBlock:
            await self._wait_for(local.free, request.extensions["timeout"]["pool"])
        connection = None
        idle: list[_Connection] = []
        try:
            idle = local.idle.setdefault((request.url.scheme, self.proxy(request.url)), [])
            connection = idle.pop() if idle else _Connection(self.connect_options(request.url))
            local.connections.add(connection)
            connection.backend.guard = guard
            response = await connection.transport.handle_async_request(request)
        except BaseException as error:
            await local.release(idle, connection, error)
            raise
        return response, partial(local.release, idle, connection)

    async def _wait_for(self, free: anyio.Semaphore, timeout: float) -> None:
        try:
            with anyio.fail_after(timeout):
                await free.acquire()
        except TimeoutError:
            raise self._pool_timeout() from None

    def pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """Return an iterator over the pieces of a body, as they arrive."""
        return aiter(cast("httpx.AsyncByteStream", response.stream))

    async def close(self, response: httpx.Response, pieces: AsyncIterator[bytes]) -> None:
        """Close a response, and httpx's generators: trio warns of those that are abandoned."""
        await response.aclose()
        left = 0
        with suppress(Exception):
            async for piece in pieces:
                left += len(piece)
                if left > _MOST_LEFT:  # a user's transport may continue after it is closed
                    break
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    async def gather(self, run: Callable[[Any], Any], flows: Iterable[Any], limit: int) -> Any:
        """Run flows in tasks."""
        remaining = enumerate(flows)
        results: dict[int, Any] = {}
        failures: list[Exception] = []

        async def work() -> None:
            try:
                for index, flow in remaining:
                    results[index] = await run(flow)
            except Exception as error:  # raised once all have ended; a cancellation passes
                failures.append(error)
                tasks.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as tasks:
                for _ in range(limit):
                    tasks.start_soon(work)
        except BaseExceptionGroup as group:
            if group.subgroup(KeyboardInterrupt):  # which trio wraps in a group
                raise KeyboardInterrupt from None
            raise
        if failures:
            raise failures[0]
        return [results[index] for index in sorted(results)]

    async def exclusive(self, user: object) -> anyio.Lock:
        """Return a lock that one flow holds at a time."""
        return (await self._loop_local()).lock

    async def sleep(self, seconds: float) -> None:
        """Sleep in this task."""
        await anyio.sleep(seconds)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        if self.options.transport is not None:
            await self.options.transport.aclose()
        local = self._local.get()
        if local is not None:
            self._local.set(None)
            await local.closer.aclose()

    async def _loop_local(self) -> _Local:
        local = self._local.get()
        if local is None:
            local = _Local(self.options.max_connections)
            self._local.set(local)
            await anext(local.closer)
        return local


class _Connection:
    """An httpx transport with one connection, which uses our streams."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.transport = httpx.AsyncHTTPTransport(**options)
        pool = self.transport._pool
        # httpx has no option for it; tests of each stream fail without it.
        self.backend = pool._network_backend = AsyncBackend(pool._network_backend)


class _Local:
    """The connections of one event loop, which closes asynchronous generators when it ends."""

    def __init__(self, max_connections: int) -> None:
        self.lock = anyio.Lock()
        self.free = anyio.Semaphore(max_connections, fast_acquire=True)
        self.idle: dict[Any, list[_Connection]] = {}
        self.connections: set[_Connection] = set()
        self.closer = self._close(self.connections)

    async def release(
        self,
        idle: list[_Connection],
        connection: _Connection | None,
        error: BaseException | None,
    ) -> None:
        """Return a connection; httpcore has closed it if the response was cut."""
        try:
            if connection is not None and has_leftover(connection.transport):
                self.connections.discard(connection)
                with anyio.CancelScope(shield=True):
                    await connection.transport.aclose()
            elif connection is not None:
                idle.append(connection)
        finally:
            self.free.release()

    @staticmethod
    async def _close(connections: set[_Connection]) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                for connection in connections:
                    await connection.transport.aclose()

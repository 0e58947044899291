"""The network of asynchronous clients, on asyncio or trio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import suppress
from itertools import count
from typing import Any, cast

import anyio
import anyio.lowlevel
import httpx

from .base import Connection, Network, NetworkOptions, Pool, Unsuspended
from .streams import AsyncBackend

__all__ = ["AsyncNetwork"]

_numbers = count()

# Bytes: a closed stream of httpx's holds no more than one read from its socket.
_MOST_LEFT = 131_072


class AsyncNetwork(Network):
    """Waits on the running event loop, and closes its connections when the loop ends.

    httpcore's own pool looks at all of its connections twice per request.
    """

    transport_class = httpx.AsyncBaseTransport

    def __init__(self, options: NetworkOptions, origin: Network | None = None) -> None:
        super().__init__(options, origin)
        name = f"{__name__} {next(_numbers)}"
        self._pool: anyio.lowlevel.RunVar[_Pool | None] = anyio.lowlevel.RunVar(name, None)

    async def pool(self) -> _Pool:
        """Return the connections of the running event loop."""
        pool = self._pool.get()
        if pool is None:
            pool = _Pool(self.options.max_connections, self.users)
            pool.token = self._pool.set(pool)
            await anext(pool.closer)
        return pool

    async def send(self, transport: Any, request: httpx.Request) -> httpx.Response:
        """Send a request over an httpx transport."""
        stream = request.stream
        # httpx's own stream is an asynchronous generator, and trio warns if one is abandoned.
        request.stream = Unsuspended(stream)
        try:
            response: httpx.Response = await transport.handle_async_request(request)
        finally:
            request.stream = stream
        return response

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
        return (await cast("AsyncNetwork", self.root).pool()).lock

    async def sleep(self, seconds: float) -> None:
        """Sleep in this task."""
        await anyio.sleep(seconds)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        if self.options.transport is not None:
            await self.options.transport.aclose()
        pool = self._pool.get()
        if pool is not None:
            self._pool.reset(pool.token)  # setting it to None would keep its name in the loop
            await pool.closer.aclose()


class _Pool(Pool):
    """The connections of an event loop, which closes asynchronous generators when it ends."""

    def __init__(self, max_connections: int, users: Any) -> None:
        super().__init__(anyio.Semaphore(max_connections, fast_acquire=True), users)
        self.token: Any = None
        self.lock = anyio.Lock()
        self._connections: set[Connection] = set()
        self.closer = self._close(self._connections)

    async def acquire(self, timeout: float | None) -> bool:
        """Wait until another connection may be used, and return whether one may."""
        with suppress(anyio.WouldBlock):
            self.free.acquire_nowait()
            return True
        with anyio.move_on_after(timeout):
            await self.free.acquire()
            return True
        return False

    def connect(self, options: dict[str, Any]) -> Connection:
        """Return a new connection."""
        transport = httpx.AsyncHTTPTransport(**options)
        connection = Connection(transport, AsyncBackend(transport._pool._network_backend))
        self._connections.add(connection)
        return connection

    async def discard(self, connection: Connection) -> None:
        """Close a connection that can't be used again."""
        self._connections.discard(connection)
        with anyio.CancelScope(shield=True):
            await connection.transport.aclose()

    @staticmethod
    async def _close(connections: set[Connection]) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                for connection in list(connections):
                    await connection.transport.aclose()

"""The network of blocking clients: coroutines that never suspend."""

from __future__ import annotations

import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar, cast

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
from .streams import SyncBackend
from .threads import acquire, gather_in_threads, sleep

__all__ = ["SyncNetwork", "run_to_end"]

T = TypeVar("T")


def run_to_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)
    coroutine.close()
    raise RuntimeError("a call of a blocking client was suspended: something awaited in it")


class SyncNetwork(Network):
    """Waits in the calling thread.

    Each request checks out a connection, the last used first. An httpx pool that is shared by more
    threads than it has connections sometimes fails, and after a fork it may return the body of
    another request's response. A transport that the user passed is used as it is.
    """

    transport_class = httpx.BaseTransport

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__(options)
        self._inherited: list[list[_Connection]] = []
        self._idle: dict[Any, list[_Connection]] = {}
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start without connections, and leave the existing ones to the parent process."""
        super().reset_after_fork()
        self._inherited += self._idle.values()
        self._idle = {}
        self._free = threading.Semaphore(self.options.max_connections)
        self._locks: weakref.WeakKeyDictionary[Any, _Lock] = weakref.WeakKeyDictionary()

    async def open(self, request: httpx.Request, guard: RateGuard) -> Opened:
        """Send a request on a connection that no other request uses."""
        if self.options.transport is not None:
            return self.options.transport.handle_request(request), release_nothing
        free = self._free
        if not acquire(free, request.extensions["timeout"]["pool"]):
            raise self._pool_timeout()
        connection = None
        idle: list[_Connection] = []
        try:
            idle = self._idle.setdefault((request.url.scheme, self.proxy(request.url)), [])
            try:
                connection = idle.pop()
            except IndexError:
                connection = _Connection(self.connect_options(request.url))
            connection.backend.guard = guard
            response = connection.transport.handle_request(request)
        except BaseException as error:
            await self._release(free, idle, connection, error)
            raise
        return response, partial(self._release, free, idle, connection)

    async def _release(
        self,
        free: threading.Semaphore,
        idle: list[_Connection],
        connection: _Connection | None,
        error: BaseException | None,
    ) -> None:
        try:
            if connection is None:
                return
            # An interrupt may come anywhere.
            is_sound = error is None or isinstance(error, Exception)
            if is_sound and self.users and not has_leftover(connection.transport):
                idle.append(connection)
            else:
                connection.transport.close()
        finally:
            free.release()

    def pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """Return an iterator over the pieces of a body, as they arrive."""
        return aiter(Unsuspended(response.stream))

    async def close(self, response: httpx.Response, pieces: AsyncIterator[bytes]) -> None:
        """Close a response, however much of its body has been read."""
        response.close()

    async def gather(self, run: Callable[[Any], Any], flows: Iterable[Any], limit: int) -> Any:
        """Run flows in threads."""
        return gather_in_threads(lambda flow: run_to_end(run(flow)), flows, limit)

    async def exclusive(self, user: object) -> _Lock:
        """Return a lock that one flow of a client holds at a time."""
        return self._locks.setdefault(user, _Lock())

    async def sleep(self, seconds: float) -> None:
        """Sleep in this thread."""
        sleep(seconds)

    async def aclose(self) -> None:
        """Close the connections."""
        if self.options.transport is not None:
            self.options.transport.close()
        self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that are not in use, those inherited by a fork included."""
        for idle in (*self._inherited, *self._idle.values()):
            while idle:
                idle.pop().transport.close()

    __del__ = close_idle


class _Connection:
    """An httpx transport with one connection, which uses our streams."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.backend = SyncBackend()
        self.transport = httpx.HTTPTransport(**options)
        # httpx has no option for it; tests of each stream fail without it.
        self.transport._pool._network_backend = self.backend


class _Lock:
    """A thread lock for ``async with``, which waits without suspending."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        acquire(self._lock)

    async def __aexit__(self, *error: object) -> None:
        self._lock.release()

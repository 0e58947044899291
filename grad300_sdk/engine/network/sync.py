"""The network of blocking clients: coroutines that never suspend."""

from __future__ import annotations

import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar, cast

import httpx

from .base import Connection, Network, NetworkOptions, Pool, Unsuspended
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
    raise RuntimeError(
        "a synchronous call tried to suspend; await it with the asynchronous client"
    )


class SyncNetwork(Network):
    """Waits in the calling thread.

    An httpx pool that is shared by more threads than it has connections sometimes fails, and after
    a fork it may return the body of another request's response.
    """

    transport_class = httpx.BaseTransport

    def __init__(self, options: NetworkOptions, origin: Network | None = None) -> None:
        super().__init__(options, origin)
        self._pools: list[_Pool] = []  # those of the parent processes, and this one's
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start without connections, and leave the existing ones to the parent process."""
        super().reset_after_fork()
        self._pools.append(_Pool(self))

    async def pool(self) -> _Pool:
        """Return the connections of this process."""
        return self._pools[-1]

    async def send(self, transport: Any, request: httpx.Request) -> httpx.Response:
        """Send a request over an httpx transport."""
        response: httpx.Response = transport.handle_request(request)
        return response

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
        pool = await cast("SyncNetwork", self.root).pool()
        return pool.locks.setdefault(user, _Lock())

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
        for pool in self._pools:
            for idle in list(pool.idle.values()):  # other threads may be using it
                with suppress(IndexError):
                    while True:
                        idle.pop().transport.close()

    __del__ = close_idle


class _Pool(Pool):
    """The connections of a process."""

    def __init__(self, network: Network) -> None:
        super().__init__(threading.Semaphore(network.options.max_connections), network.users)
        self.locks: weakref.WeakKeyDictionary[Any, _Lock] = weakref.WeakKeyDictionary()

    async def acquire(self, timeout: float | None) -> bool:
        """Wait until another connection may be used, and return whether one may."""
        return acquire(self.free, timeout)

    def connect(self, options: dict[str, Any]) -> Connection:
        """Return a new connection."""
        return Connection(httpx.HTTPTransport(**options), SyncBackend())

    async def discard(self, connection: Connection) -> None:
        """Close a connection that can't be used again."""
        connection.transport.close()


class _Lock:
    """A thread lock for ``async with``, which waits without suspending."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0

    async def __aenter__(self) -> None:
        if self._owner == threading.get_ident():
            raise RuntimeError(
                "an exclusive flow runs another one; the requests of a log-in need anonymous=True"
            )
        acquire(self._lock)
        self._owner = threading.get_ident()

    async def __aexit__(self, *error: object) -> None:
        self._owner = 0
        self._lock.release()

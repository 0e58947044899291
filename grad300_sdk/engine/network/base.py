"""What both networks share: their options, and what a connection is made with."""

from __future__ import annotations

import os
import ssl
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
from msgspec import Struct

from ..sending.pacing import Pacer
from ..sending.response import RateGuard
from .certificates import plain_context, tls_context
from .proxies import EnvironmentProxies, describe_proxy
from .streams import Backend

__all__ = [
    "CLOSED",
    "Connection",
    "Network",
    "NetworkOptions",
    "Lease",
    "Pool",
    "Unsuspended",
    "reset_in_children",
]

CLOSED = "this client is closed; make a new one to send requests"


class NetworkOptions(Struct, frozen=True, kw_only=True):
    """How a client reaches the network; `verify`, `proxy` and `transport` are httpx's."""

    max_connections: int
    max_requests_per_second: float | None = None
    verify: ssl.SSLContext | bool | str = True
    proxy: httpx.Proxy | None = None
    trust_env: bool = True
    transport: Any = None

    def __repr__(self) -> str:  # a proxy's URL may hold a password
        return f"NetworkOptions(max_connections={self.max_connections})"


class Connection:
    """An httpx transport with one connection, which uses our streams."""

    def __init__(self, transport: Any, backend: Backend) -> None:
        self.transport = transport
        self.backend = backend
        # httpx has no option for it; tests of each stream fail without it.
        transport._pool._network_backend = backend

    def has_leftover(self) -> bool:
        """Return whether more than the last response has been received.

        httpcore would take the rest for the response to the next request, and has no option to
        prevent it.
        """
        for connection in self.transport._pool.connections:
            while not hasattr(connection, "_h11_state"):  # a tunnel holds another connection
                connection = getattr(connection, "_connection", None)
                if connection is None:
                    break
            else:
                if connection._h11_state.trailing_data[0]:
                    return True
        return False


class Pool(ABC):
    """The connections of a process, or of an event loop.

    Each request checks out one of them, the last used first.
    """

    def __init__(self, free: Any, users: Any) -> None:
        self.free = free
        self.users = users
        self.idle: dict[Any, list[Connection]] = {}

    @abstractmethod
    async def acquire(self, timeout: float | None) -> bool:
        """Wait until another connection may be used, and return whether one may."""

    @abstractmethod
    def connect(self, options: dict[str, Any]) -> Connection:
        """Return a new connection."""

    @abstractmethod
    async def discard(self, connection: Connection) -> None:
        """Close a connection that can't be used again."""

    async def release(
        self, idle: list[Connection], connection: Connection | None, error: BaseException | None
    ) -> None:
        """Return a connection to the idle ones, unless it can't be used again."""
        try:
            if connection is None:
                return
            # An interrupt may come anywhere.
            is_sound = error is None or isinstance(error, Exception)
            if is_sound and self.users and not connection.has_leftover():
                idle.append(connection)
            else:
                await self.discard(connection)
        finally:
            self.free.release()


class Lease(Struct):
    """The use of a connection for one response; of none if the user passed the transport."""

    pool: Pool | None = None
    idle: list[Connection] = []
    connection: Connection | None = None

    async def release(self, error: BaseException | None) -> None:
        """Return the connection, after the error, if any, that may have made it unusable."""
        if self.pool is not None:
            await self.pool.release(self.idle, self.connection, error)

    def abandon(self) -> None:
        """Let a new connection take the place of this one, which is closed with the client."""
        if self.pool is not None:
            self.pool.free.release()


class Network(ABC):
    """The connections of a client, shared by all of its copies in a process.

    Parameters
    ----------
    options : NetworkOptions
        How the network is reached.
    origin : Network, optional
        The network of the client that this one's client is a copy of: they share what paces
        requests, the locks of exclusive flows, and a transport that the user passed.
    """

    transport_class: type

    def __init__(self, options: NetworkOptions, origin: Network | None = None) -> None:
        self.options = options
        self.root: Network = self if origin is None else origin.root
        self.pacer: Pacer = (
            Pacer(options.max_requests_per_second) if origin is None else origin.pacer
        )
        self.users: weakref.WeakSet[Any] = weakref.WeakSet()
        if origin is not None and options.transport is not None:
            self.users = origin.users
        self._context: ssl.SSLContext | None = None
        reset_in_children.update((self, self.pacer))
        self._environment = EnvironmentProxies() if options.trust_env else None

    @abstractmethod
    async def pool(self) -> Pool:
        """Return the connections to choose from."""

    @abstractmethod
    async def send(self, transport: Any, request: httpx.Request) -> httpx.Response:
        """Send a request over an httpx transport."""

    @abstractmethod
    def pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """Return an iterator over the pieces of a body, as they arrive."""

    @abstractmethod
    async def close(self, response: httpx.Response, pieces: AsyncIterator[bytes]) -> None:
        """Close a response, however much of its body has been read."""

    @abstractmethod
    async def gather(self, run: Callable[[Any], Any], flows: Iterable[Any], limit: int) -> Any:
        """Run flows, at most `limit` at once, and return their results in order."""

    @abstractmethod
    async def exclusive(self, user: object) -> AbstractAsyncContextManager[object]:
        """Return a lock that one flow of a client holds at a time."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Sleep for a number of seconds."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connections."""

    async def open(self, request: httpx.Request, guard: RateGuard) -> tuple[httpx.Response, Lease]:
        """Send a request on a connection that no other request uses.

        Return the response, whose body has not been read, and the lease of the connection.
        """
        if self.options.transport is not None:
            return await self.send(self.options.transport, request), Lease()
        pool = await self.pool()
        connection: Connection | None = None
        idle: list[Connection] = []
        if not await pool.acquire(request.extensions["timeout"]["pool"]):
            raise httpx.PoolTimeout(
                f"all {self.options.max_connections} connections are in use: end the streams that "
                "are open, or pass a larger max_connections"
            )
        if not self.users:  # the client was closed meanwhile
            await pool.release(idle, None, None)
            raise RuntimeError(CLOSED)
        try:
            idle = pool.idle.setdefault((request.url.scheme, self.proxy(request.url)), [])
            try:
                connection = idle.pop()
            except IndexError:
                connection = pool.connect(self.connect_options(request.url))
            connection.backend.guard = guard
            guard.is_watched = True
            response = await self.send(connection.transport, request)
        except BaseException as error:
            await pool.release(idle, connection, error)
            raise
        return response, Lease(pool, idle, connection)

    def reset_after_fork(self) -> None:
        """Start over in a child process: another thread may have held one of OpenSSL's locks."""
        self._context = None

    async def leave(self, user: object) -> None:
        """Remove a user, and close the connections after the last one."""
        was_open = user in self.users
        self.users.discard(user)
        if was_open and not self.users:
            await self.aclose()

    def proxy(self, url: httpx.URL) -> httpx.Proxy | None:
        """Return the proxy for a URL: the client's, or the environment's."""
        if self.options.proxy is not None or self._environment is None:
            return self.options.proxy
        return self._environment.proxy(url)

    def describe_route(self, url: httpx.URL) -> str:
        """Return a note on the proxy for a URL and its source; nothing without a proxy."""
        proxy = self.proxy(url)
        if proxy is None or self.options.transport is not None:
            return ""
        source = "proxy="
        if self.options.proxy is None and self._environment is not None:
            source = self._environment.source(url)
        return f"through the proxy {describe_proxy(proxy)} ({source})"

    def connect_options(self, url: httpx.URL) -> dict[str, Any]:
        """Return the options of an httpx transport with one connection to a URL."""
        verify = self.options.verify
        if url.scheme == "http":  # nothing is verified, and loading the certificates takes 20 ms
            verify = plain_context()
        elif not isinstance(verify, ssl.SSLContext):
            self._context = self._context or tls_context(verify, self.options.trust_env)
            verify = self._context
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        return {"limits": limits, "verify": verify, "proxy": self.proxy(url)}


class Unsuspended(httpx.AsyncByteStream):
    """Iterates over an iterable by ``async for``, and never suspends."""

    def __init__(self, items: Any) -> None:
        self._items: Iterator[bytes] = iter(items)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for item in self._items:
            return bytes(item)
        raise StopAsyncIteration


# What a forked process must not share with its parent.
reset_in_children: weakref.WeakSet[Any] = weakref.WeakSet()


def _reset_after_fork() -> None:
    for item in list(reset_in_children):
        item.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)

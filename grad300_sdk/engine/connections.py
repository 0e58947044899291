"""The connections of a client: made when needed, and shared by its copies in a process."""

from __future__ import annotations

import os
import ssl
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

import anyio
import anyio.lowlevel
import httpx

from grad300_sdk.engine.streams import AwaitingBackend, BlockingBackend
from grad300_sdk.engine.threads import acquire
from grad300_sdk.engine.translation import hide_location

__all__ = ["AwaitingConnections", "BlockingConnections", "Wiring", "renewed_after_fork"]


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """How a client reaches the network; `verify`, `proxy` and `transport` are httpx's."""

    timeout: float
    max_connections: int
    verify: ssl.SSLContext | bool = True
    proxy: httpx.Proxy | httpx.URL | str | None = field(default=None, repr=False)
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None


class Renewable(Protocol):
    """What a forked process must not share with the one it came from."""

    def renew(self) -> None:
        """Begin anew."""
        ...


class _Connections:
    """The connections that all copies of one client share in a process."""

    _hook: Callable[[httpx.Response], object]

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.users: weakref.WeakSet[Any] = weakref.WeakSet()
        self._context: ssl.SSLContext | None = None

    def _options(self, scheme: str, connections: int) -> dict[str, Any]:
        wiring, hooks = self.wiring, {"response": [self._hook]}
        if wiring.transport is not None:
            return {"transport": wiring.transport, "event_hooks": hooks}
        return {
            "limits": httpx.Limits(
                max_connections=connections, max_keepalive_connections=connections
            ),
            "verify": self._verify(scheme),
            "proxy": wiring.proxy,
            "event_hooks": hooks,
        }

    def _connect_by(self, backend: Callable[[Any], Any], client: Any) -> None:
        """Have a client's own transports connect in another way, for which httpx has no option."""
        if self.wiring.transport is None:
            for transport in (client._transport, *client._mounts.values()):
                if transport is not None:  # an exception from a proxy
                    transport._pool._network_backend = backend(transport._pool._network_backend)

    def _verify(self, scheme: str) -> ssl.SSLContext:
        # Loading the certificates takes 20 ms, and plain http needs none: it trusts nobody.
        if scheme == "http":
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self._context is None:
            verify = self.wiring.verify
            if isinstance(verify, ssl.SSLContext):
                return verify
            self._context = httpx.create_ssl_context(verify=verify)
        return self._context


class BlockingConnections(_Connections):
    """Clients of one connection each, checked out for one request, the last used first.

    One `httpx.Client` shared by more threads than it has connections fails now and then, and
    after a fork it hands out another request's body. A transport that was given is one client's.
    """

    _hook = staticmethod(hide_location)

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(wiring)
        self._left: list[list[httpx.Client]] = []
        self._idle: dict[str, list[httpx.Client]] = {}
        self.renew()
        renewed_after_fork.add(self)

    def renew(self) -> None:
        """Begin without connections, and leave those there are to the process that made them."""
        self._left += self._idle.values()
        self._idle = {}
        self._context = None  # another thread may have held a lock of OpenSSL's
        self._free = threading.Semaphore(self.wiring.max_connections)

    @contextmanager
    def client(self, request: httpx.Request) -> Iterator[httpx.Client]:
        """Check out the client for a request."""
        if self.wiring.transport is not None:
            given = self._idle.setdefault("given", [])
            if not given:
                given.append(httpx.Client(**self._options("", 1)))
            yield given[0]
            return
        free, idle = self._free, self._idle.setdefault(request.url.scheme, [])
        if not acquire(free, request.extensions["timeout"]["pool"]):
            raise httpx.PoolTimeout(f"all {self.wiring.max_connections} connections are in use")
        try:
            try:
                client = idle.pop()
            except IndexError:
                client = httpx.Client(**self._options(request.url.scheme, 1))
                self._connect_by(lambda _: BlockingBackend(), client)
            is_sound = True
            try:
                yield client
            except BaseException as error:
                is_sound = isinstance(error, Exception)  # an interrupt may come at any place in it
                raise
            finally:
                if is_sound and self.users:
                    idle.append(client)
                else:
                    client.close()
        finally:
            free.release()

    def close(self) -> None:
        """Close what is not in use; what was left after a fork stays open where it came from."""
        for idle in (*self._left, *self._idle.values()):
            while idle:
                idle.pop().close()

    __del__ = close


_numbers = count()


class AwaitingConnections(_Connections):
    """One `httpx.AsyncClient` for each running event loop, closed at the loop's end."""

    @staticmethod
    async def _hook(response: httpx.Response) -> None:
        hide_location(response)

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(wiring)
        name = f"grad300_sdk {next(_numbers)}"  # to anyio before 4.7, a name is a variable
        self._local: anyio.lowlevel.RunVar[_Local | None] = anyio.lowlevel.RunVar(name, None)

    async def local(self) -> _Local:
        """Give what belongs to the running event loop."""
        local = self._local.get()
        if local is None:
            local = _Local()
            self._local.set(local)
            await anext(local.keeper)
        return local

    async def client(self, request: httpx.Request) -> httpx.AsyncClient:
        """Give the client for a request."""
        clients, scheme = (await self.local()).clients, request.url.scheme
        if scheme not in clients:
            options = self._options(scheme, self.wiring.max_connections)
            clients[scheme] = httpx.AsyncClient(**options)
            self._connect_by(AwaitingBackend, clients[scheme])
        return clients[scheme]

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        local = self._local.get()
        if local is not None:
            self._local.set(None)
            await local.keeper.aclose()


class _Local:
    """What belongs to one event loop; the loop itself closes its generators when it ends."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.clients: dict[str, httpx.AsyncClient] = {}
        self.keeper = self._keep(self.clients)

    @staticmethod
    async def _keep(clients: dict[str, httpx.AsyncClient]) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                for client in clients.values():
                    await client.aclose()


def _renew_after_fork() -> None:
    for part in list(renewed_after_fork):
        part.renew()


renewed_after_fork: weakref.WeakSet[Renewable] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)

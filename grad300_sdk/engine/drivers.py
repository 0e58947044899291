"""The two drivers that perform what flows ask for: all of the engine's network I/O.

:class:`BlockingDriver` runs flows in the calling thread, :class:`AwaitingDriver` on asyncio or
trio. Nothing else in the package sends anything.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
import httpx

from grad300_sdk.engine.body import Body
from grad300_sdk.engine.errors import DecodeError, Error, RequestTimeoutError, TransportError
from grad300_sdk.engine.flow import (
    Effect,
    Exchange,
    Exclusive,
    Flow,
    Items,
    ItemsFlow,
    Send,
    Together,
)
from grad300_sdk.engine.session import Session, bare, shown

__all__ = ["AwaitingDriver", "BlockingDriver", "Wiring", "translated"]

T = TypeVar("T")

# Errors of httpx's that are no `httpx.HTTPError`.
_OTHERS = (httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)
# Of the errors of httpx, those after which the same request may succeed, and those that came
# before anything was sent.
_TRANSIENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.RemoteProtocolError,
    httpx.WriteError,
    httpx.WriteTimeout,
)
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout)


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """How a client reaches the network; `verify`, `proxy` and `transport` are httpx's."""

    timeout: float
    max_connections: int
    verify: ssl.SSLContext | bool = True
    proxy: httpx.Proxy | httpx.URL | str | None = None
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None


class _Connections:
    """The connections that all copies of one client share in a process."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.users: weakref.WeakSet[Any] = weakref.WeakSet()
        self._context: ssl.SSLContext | None = None

    def _options(self, scheme: str, connections: int) -> dict[str, Any]:
        wiring = self.wiring
        if wiring.transport is not None:
            return {"transport": wiring.transport}
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        return {"limits": limits, "verify": self._verify(scheme), "proxy": wiring.proxy}

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


class _BlockingConnections(_Connections):
    """Clients of one connection each, checked out for one request, the last used first.

    One `httpx.Client` shared by more threads than it has connections fails now and then, and
    after a fork it hands out another request's body. A transport that was given is one client's.
    """

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(wiring)
        self._left: list[Any] = []
        self.renew()
        _renewed_after_fork.add(self)

    def renew(self) -> None:
        """Begin without connections, and leave those there are to the process that made them."""
        self._left.append(self.__dict__.get("_idle"))
        self._idle: dict[str, list[httpx.Client]] = {}
        self._free = threading.Semaphore(self.wiring.max_connections)

    @contextmanager
    def client(self, request: httpx.Request) -> Iterator[httpx.Client]:
        if self.wiring.transport is not None:
            given = self._idle.setdefault("given", [])
            if not given:
                given.append(httpx.Client(**self._options("", 1)))
            yield given[0]
            return
        free, idle = self._free, self._idle.setdefault(request.url.scheme, [])
        if not free.acquire(timeout=self.wiring.timeout):
            raise httpx.PoolTimeout(f"all {self.wiring.max_connections} connections are in use")
        try:
            client = idle.pop() if idle else httpx.Client(**self._options(request.url.scheme, 1))
            try:
                yield client
            finally:
                idle.append(client)
        finally:
            free.release()

    def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    __del__ = close


class _AwaitingConnections(_Connections):
    """One `httpx.AsyncClient` for each running event loop, closed at the loop's end."""

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(wiring)
        self._local: anyio.lowlevel.RunVar[_Local | None] = anyio.lowlevel.RunVar("local", None)

    async def local(self) -> _Local:
        local = self._local.get()
        if local is None:
            local = _Local()
            self._local.set(local)
            await anext(local.keeper)
        return local

    async def client(self, request: httpx.Request) -> httpx.AsyncClient:
        clients, scheme = (await self.local()).clients, request.url.scheme
        if scheme not in clients:
            options = self._options(scheme, self.wiring.max_connections)
            clients[scheme] = httpx.AsyncClient(**options)
        return clients[scheme]

    async def close(self) -> None:
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
    for part in list(_renewed_after_fork):
        part.renew()


_renewed_after_fork: weakref.WeakSet[_BlockingConnections | BlockingDriver] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)


class _Driver:
    def __init__(self, session: Session, connections: Any) -> None:
        self.session = session
        self.connections = connections
        connections.users.add(self)

    def _check_open(self) -> None:
        if self not in self.connections.users:
            raise RuntimeError("this client is closed; make a new one to send requests")

    def _leave(self) -> bool:
        """Give up this client's part in the connections; say whether it was the last one."""
        self.connections.users.discard(self)
        return not self.connections.users


class BlockingDriver(_Driver):
    """Runs flows in the thread that calls."""

    connections_class = _BlockingConnections

    def __init__(self, session: Session, connections: _BlockingConnections) -> None:
        super().__init__(session, connections)
        self.renew()
        _renewed_after_fork.add(self)

    def renew(self) -> None:
        """Begin with a free lock: a fork may have come while another thread held it."""
        self._lock = threading.Lock()

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and give what it returns."""
        try:
            effect = next(flow)
            while True:
                try:
                    answer = self._perform(effect)
                except BaseException as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def iterate(self, flow: ItemsFlow[T]) -> Iterator[T]:
        """Run a flow to its first effect now, and further as its items are asked for."""
        first = next(flow, None)
        return self._iterate(flow, first)

    def _iterate(self, flow: ItemsFlow[T], effect: Effect | Items[T] | None) -> Iterator[T]:
        try:
            while effect is not None:
                answer = None
                if isinstance(effect, Items):
                    yield from effect.items
                else:
                    answer = self._perform(effect)
                effect = flow.send(answer)
        except StopIteration:
            return
        finally:
            flow.close()

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
            return self._together(effect)
        if isinstance(effect, Exclusive):
            with self._lock:
                return self.run(effect.flow)
        return time.sleep(effect.seconds)

    def _exchange(self, exchange: Exchange) -> httpx.Response:
        self._check_open()
        request = exchange.request
        with translated(exchange), self.connections.client(request) as client:
            response = client.send(request, auth=exchange.auth, stream=True)
            try:
                with _decoded(response, exchange, self.session) as body:
                    if exchange.send.sink is None or not response.is_success:
                        response.read()
                    else:
                        for piece in body:
                            exchange.send.sink.write(piece)
            finally:
                response.close()
        return bare(response, exchange)

    def _together(self, effect: Together) -> list[Any]:
        flows, drawing = enumerate(effect.flows), threading.Lock()
        results: dict[int, Any] = {}
        failures: list[BaseException] = []

        def work() -> None:
            while not failures:
                try:
                    with drawing:
                        index, flow = next(flows)
                    results[index] = self.run(flow)
                except StopIteration:
                    return
                except BaseException as error:
                    failures.append(error)

        helpers = [threading.Thread(target=work) for _ in range(effect.limit - 1)]
        for helper in helpers:
            helper.start()
        work()
        for helper in helpers:
            helper.join()
        return _in_order(results, failures)


class AwaitingDriver(_Driver):
    """Runs flows as coroutines, on asyncio or trio."""

    connections_class = _AwaitingConnections

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and give what it returns."""
        try:
            effect = next(flow)
            while True:
                try:
                    answer = await self._perform(effect)
                except BaseException as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def iterate(self, flow: ItemsFlow[T]) -> AsyncIterator[T]:
        """Run a flow to its first effect now, and further as its items are asked for."""
        first = next(flow, None)
        return self._iterate(flow, first)

    async def _iterate(
        self, flow: ItemsFlow[T], effect: Effect | Items[T] | None
    ) -> AsyncGenerator[T, None]:
        try:
            while effect is not None:
                answer = None
                if isinstance(effect, Items):
                    for item in effect.items:
                        yield item
                else:
                    answer = await self._perform(effect)
                effect = flow.send(answer)
        except StopIteration:
            return
        finally:
            flow.close()

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
        return await anyio.sleep(effect.seconds)

    async def _exchange(self, exchange: Exchange) -> httpx.Response:
        self._check_open()
        request = exchange.request
        with translated(exchange):
            client = await self.connections.client(request)
            response = await client.send(request, auth=exchange.auth, stream=True)
            try:
                with _decoded(response, exchange, self.session) as body:
                    if exchange.send.sink is None or not response.is_success:
                        await response.aread()
                    else:
                        async for piece in body:
                            exchange.send.sink.write(piece)
            finally:
                await response.aclose()
        return bare(response, exchange)

    async def _together(self, effect: Together) -> list[Any]:
        flows = enumerate(effect.flows)
        results: dict[int, Any] = {}
        failures: list[BaseException] = []

        async def work() -> None:
            try:
                for index, flow in flows:
                    results[index] = await self.run(flow)
            except Exception as error:
                failures.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for _ in range(effect.limit):
                tasks.start_soon(work)
        return _in_order(results, failures)


def _in_order(results: dict[int, Any], failures: list[BaseException]) -> list[Any]:
    if failures:
        raise failures[0]
    return [results[index] for index in sorted(results)]


class _Guarded(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A response's stream, judged and decompressed by a `Body` on its way."""

    def __init__(self, stream: Any, body: Body) -> None:
        self._stream = stream
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            yield from self._body.feed(piece, time.monotonic())
            if self._body.enough:
                return
        self._body.finish()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            for part in self._body.feed(piece, time.monotonic()):
                yield part
            if self._body.enough:
                return
        self._body.finish()

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()


@contextmanager
def _decoded(response: httpx.Response, exchange: Exchange, session: Session) -> Iterator[_Guarded]:
    """Have a response read through a `Body`, in place of httpx's unbounded decompression."""
    limit = session.max_json_bytes if exchange.send.expects_json else None
    body = Body(response, limit, exchange.send.timeout or session.timeout)
    guarded = _Guarded(response.stream, body)
    if response.is_closed:  # a transport of the caller's handed it over whole
        body.check_size(len(response.content))
        yield guarded
        return
    headers = response.headers
    response.stream = guarded
    response.headers = httpx.Headers(
        [(name, value) for name, value in headers.multi_items() if name != "content-encoding"]
    )
    try:
        yield guarded
    finally:
        response.headers = headers


@contextmanager
def translated(exchange: Exchange) -> Iterator[None]:
    """Raise the engine's errors in place of httpx's, without the request's credentials."""
    try:
        yield
    except DecodeError as error:
        error.request, error.response = shown(exchange), None
        raise
    except TransportError as error:
        error.request = shown(exchange)
        raise
    except (httpx.HTTPError, *_OTHERS) as error:
        raise _translate(error, exchange) from _harmless(error, exchange)


def _translate(error: Exception, exchange: Exchange) -> Error:
    request = shown(exchange)
    what = str(error) or type(error).__name__
    new: Error
    if isinstance(error, httpx.TimeoutException):
        new = RequestTimeoutError(f"{request.method} {request.url}: timed out ({what})")
    elif isinstance(error, httpx.DecodingError):
        new = DecodeError(f"{request.method} {request.url}: {what}")
    elif isinstance(error, httpx.LocalProtocolError):  # its text may show a header's value
        new = TransportError(f"{request.method} {request.url}: this request is no valid HTTP")
    else:
        new = TransportError(f"{request.method} {request.url}: {what}")
    new.request = request
    if isinstance(new, TransportError):
        new.transient = isinstance(error, _TRANSIENT) and not _is_refused_certificate(error)
        new.unsent = isinstance(error, _UNSENT)
    return new


def _is_refused_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _harmless(error: Exception, exchange: Exchange) -> Exception | None:
    if isinstance(error, httpx.LocalProtocolError):
        return None
    if isinstance(error, httpx.RequestError):
        error.request = shown(exchange)
    return error

"""The streams below httpx, in which responses must keep arriving and waits can be cancelled.

httpx limits each wait on the network separately, so a response that drips may take forever, and
one thread cannot wake another that is waiting on a socket. Both networks reach servers through
these streams.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - a fork during a socket's own first import of it hangs
import errno
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import httpcore
from httpcore._backends.sync import SyncStream  # for a socket that is connected here

from ..sending.response import RateGuard
from .threads import cancellable

__all__ = ["AsyncBackend", "Backend", "SyncBackend"]


class Backend(Protocol):
    """Connects one transport, which sends one request at a time.

    Attributes
    ----------
    guard : RateGuard
        Checks the response to the current request.
    """

    guard: RateGuard


class _SyncStream(httpcore.NetworkStream):
    def __init__(self, backend: Backend, stream: httpcore.NetworkStream) -> None:
        self._backend = backend
        self._stream = stream
        self._wake = _shutdown(stream.get_extra_info("socket"))

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        guard = self._backend.guard
        guard.wait()
        with cancellable(self._wake):
            data = self._stream.read(max_bytes, timeout)
        guard.received(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with cancellable(self._wake):
            self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> _SyncStream:
        connection = self.get_extra_info("socket")
        if isinstance(connection, ssl.SSLSocket):  # behind an https proxy, TLS is within TLS
            with cancellable(self._wake):
                stream = self._stream.start_tls(ssl_context, server_hostname, timeout)
            return _SyncStream(self._backend, stream)
        with _connect_errors():
            secure = _handshake(connection, ssl_context, server_hostname, timeout)
        return _SyncStream(self._backend, SyncStream(secure))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class SyncBackend(httpcore.SyncBackend):
    """Connects like httpcore, in a thread that can be cancelled."""

    guard: RateGuard

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _SyncStream:
        """Return a stream to a server."""
        with _connect_errors():
            connection = _connect(host, port, timeout)
        return _SyncStream(self, SyncStream(connection))


@contextmanager
def _connect_errors() -> Iterator[None]:
    """Raise httpcore's errors instead of those of sockets."""
    try:
        yield
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(error) from error
    except OSError as error:
        raise httpcore.ConnectError(error) from error


def _handshake(
    connection: socket.socket,
    context: ssl.SSLContext,
    server_hostname: str | None,
    timeout: float | None,
) -> ssl.SSLSocket:
    """Return a connection under TLS; whatever interrupts the handshake, none is left open."""
    connection.settimeout(timeout)
    secure = context.wrap_socket(
        connection, server_hostname=server_hostname, do_handshake_on_connect=False
    )
    try:
        with cancellable(_shutdown(secure)):
            secure.do_handshake()
    except BaseException:
        secure.close()
        raise
    return secure


def _connect(host: str, port: int, timeout: float | None) -> socket.socket:
    """Return a socket that is connected to the first of a host's addresses that answers.

    Each address has its share of the time that is left, so that a dead one does not take it all.
    """
    failure: OSError | None = None
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    until = None if timeout is None else time.monotonic() + timeout
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        left = None if until is None else max(until - time.monotonic(), 0.0)
        share = None if left is None else left / (len(addresses) - number)
        try:
            return _connect_to(socket.socket(family, kind, protocol), address, share)
        except OSError as error:
            # What a kernel without IPv6 says of an address would hide what the others answered.
            if failure is None or error.errno != errno.EAFNOSUPPORT:
                failure = error
    raise failure or OSError(f"{host} has no address")


def _connect_to(connection: socket.socket, address: Any, timeout: float | None) -> socket.socket:
    try:
        connection.settimeout(timeout)
        with cancellable(_shutdown(connection)):
            connection.connect(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


def _shutdown(connection: socket.socket) -> Callable[[], object]:
    # Closing it would not wake its reader, and `SSLSocket.shutdown` would take TLS off it.
    return partial(socket.socket.shutdown, connection, socket.SHUT_RDWR)


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, backend: Backend, stream: httpcore.AsyncNetworkStream) -> None:
        self._backend = backend
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        guard = self._backend.guard
        guard.wait()
        data = await self._stream.read(max_bytes, timeout)
        guard.received(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> _AsyncStream:
        stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _AsyncStream(self._backend, stream)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Connects like httpcore, on the running event loop."""

    guard: RateGuard

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> _AsyncStream:
        """Return a stream to a server."""
        try:
            stream = await self._backend.connect_tcp(*args, **kwargs)
        except RuntimeError as error:  # a thread looks up the address
            if "start new thread" not in str(error):
                raise
            raise httpcore.ConnectError(
                "can't start the thread that looks up an address: end "
                "other programs, or raise the limit ('ulimit -u')"
            ) from None
        return _AsyncStream(self, stream)

"""The streams below httpx, in which answers must come on, and waits can be ended.

httpx bounds each wait on the network by itself, so that an answer that drips takes for ever; and
a thread that waits on a socket is not woken by another. Both drivers reach the network through
the streams here.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - a fork during a socket's own first import of it hangs
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import httpcore
from httpcore._backends.sync import SyncStream  # for a socket that one has connected oneself

from grad300_sdk.engine.body import Pace
from grad300_sdk.engine.threads import watched

__all__ = ["AwaitingBackend", "BlockingBackend", "paced"]

_pace: ContextVar[Pace] = ContextVar("pace")


@contextmanager
def paced(pace: Pace) -> Iterator[None]:
    """Have the answer to the request that is sent here come at a pace."""
    token = _pace.set(pace)
    try:
        yield
    finally:
        _pace.reset(token)


class _Paced:
    """Has a stream judge each answer by the pace that was asked for when its request was sent."""

    _pace: Pace

    def _begin(self) -> None:
        self._pace = _pace.get()
        self._pace.is_watched = True

    def _came(self, data: bytes, asked: float) -> bytes:
        self._pace.came(len(data), time.monotonic() - asked)
        return data


class _BlockingStream(_Paced, httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._wake = _shutdown(stream.get_extra_info("socket"))

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        asked = time.monotonic()
        with watched(self._wake):
            data = self._stream.read(max_bytes, timeout)
        return self._came(data, asked)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._begin()
        with watched(self._wake):
            self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> _BlockingStream:
        # The socket is handed over to another object, which nobody has before the handshake ends.
        with self.get_extra_info("socket").dup() as same, watched(_shutdown(same)):
            return _BlockingStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class BlockingBackend(httpcore.SyncBackend):
    """Connects as httpcore does, but for a thread that can be stopped."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _BlockingStream:
        """Connect to a server."""
        try:
            connected = _connect(host, port, timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _BlockingStream(SyncStream(connected))


def _connect(host: str, port: int, timeout: float | None) -> socket.socket:
    """Connect to the first of a host's addresses that answers."""
    failure: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        connecting = socket.socket(family, kind, protocol)
        try:
            connecting.settimeout(timeout)
            with watched(_shutdown(connecting)):
                connecting.connect(address)
        except OSError as error:
            connecting.close()
            failure = error
        except BaseException:
            connecting.close()
            raise
        else:
            return connecting
    assert failure is not None
    raise failure


def _shutdown(connection: socket.socket) -> Callable[[], object]:
    # Closing it would not wake who reads; the method of a socket under TLS would change it.
    return partial(socket.socket.shutdown, connection, socket.SHUT_RDWR)


class _AwaitingStream(_Paced, httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        asked = time.monotonic()
        return self._came(await self._stream.read(max_bytes, timeout), asked)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._begin()
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> _AwaitingStream:
        return _AwaitingStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AwaitingBackend(httpcore.AsyncNetworkBackend):
    """Connects as httpcore does on the event loop that runs."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> _AwaitingStream:
        """Connect to a server."""
        return _AwaitingStream(await self._backend.connect_tcp(*args, **kwargs))

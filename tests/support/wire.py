"""A server that answers each request with the next step of a script, byte by byte as told.

A step is a list of pieces: bytes are sent as they are; `RESET` resets the connection, `CLOSE`
closes it, and `STALL` sends nothing more until the client goes away. After a step that ends with
bytes, the connection is kept open for the next request.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self, TypeAlias


class Act(Enum):
    """What a step does besides sending bytes."""

    RESET = "reset"
    CLOSE = "close"
    STALL = "stall"


RESET, CLOSE, STALL = Act.RESET, Act.CLOSE, Act.STALL
Step: TypeAlias = Iterable[bytes | Act]


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


Answerer: TypeAlias = Callable[[Received], Step]


def answer(
    body: bytes = b"null",
    status: str = "200 OK",
    *,
    length: int | None = None,
    **headers: str,
) -> list[bytes | Act]:
    """Write an answer that has a length; a header's name has its hyphens as underscores."""
    head = {"Content_Length": str(len(body) if length is None else length), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {head[name]}" for name in head)]
    return ["\r\n".join([*lines, "", ""]).encode() + body]


def chunked(*chunks: bytes, **headers: str) -> list[bytes | Act]:
    """Write an answer in chunks, each sent on its own, without the last, empty one."""
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    begin = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{head}\r\n".encode()
    return [begin, *(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)]


class Wire:
    """The server: give it a script, or a function that gives the step for each request."""

    def __init__(self, *script: Step, answerer: Answerer | None = None) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self._script = iter(script)
        self._answerer = answerer
        self._lock = threading.Lock()
        self._closed = threading.Condition(self._lock)
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    @property
    def open_connections(self) -> int:
        """How many connections clients hold open."""
        with self._lock:
            return len(self._open)

    def all_closed(self) -> bool:
        """Wait until clients hold no connection open any more; say whether that came."""
        with self._closed:
            return self._closed.wait_for(lambda: not self._open, timeout=10)

    def wait_until_closed(self) -> bool:
        """Wait until no client holds a connection open; say whether that came to be."""
        for thread in self._threads[1:]:
            thread.join(5)
        return not self.open_connections

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._open.add(connection)
                    self.connections += 1
                self._start(self._serve, connection, self.connections)

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            with suppress(OSError), connection.makefile("rb") as reader:
                for request in _requests(reader, number):
                    with self._lock:
                        self.requests.append(request)
                        step = self._answerer(request) if self._answerer else next(self._script)
                    if not _perform(step, connection, reader):
                        return
        finally:
            with self._closed:
                self._open.discard(connection)
                self._closed.notify_all()
            connection.close()


def _requests(reader: socket.SocketIO, connection: int) -> Iterator[Received]:
    while line := re.fullmatch(rb"([A-Z]+) (\S+) HTTP/1\.1\r\n", reader.readline()):
        method, target = line[1].decode(), line[2].decode()
        headers: dict[str, str] = {}
        while field := reader.readline().decode("latin-1").strip():
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0))) or b""
        yield Received(method, target, headers, body, connection)


def _perform(step: Step, connection: socket.socket, reader: socket.SocketIO) -> bool:
    """Do what a step says, and say whether the connection stays open."""
    for piece in step:
        if isinstance(piece, bytes):
            connection.sendall(piece)
        elif piece is STALL:
            reader.read(1)  # until the client goes away
            return False
        else:
            if piece is RESET:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
    return True

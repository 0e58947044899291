"""The sandbox: the application on uvicorn, in a thread."""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import socket
import threading
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import Receive, Scope, Send

from .application import Accounts, Misbehaviour, build_application
from .archive import Archive

USER = "student@example.com"
TOKEN_LIFETIME = 8 * 24 * 3600.0  # seconds


class Sandbox:
    """
    A server like that of the GRAD300 archive, on this machine, with synthetic scans.

    It answers as the real one does, needs no account and no network, and goes away with its
    `with` block. The same `scans` and `seed` always give the same archive, byte for byte. In each
    type the scans have the ids 1, 2, 3, ... in the order of their dates, and are listed so.

    Parameters
    ----------
    scans : int
        How many scans the archive holds; with four and more there is one of each type.
    seed : int
        What the scans are drawn from, 0 or above.
    host : str
        The address to listen on.
    port : int
        The port to listen on; 0 takes a free one.
    max_limit : int, optional
        Most scans on a page, however many are asked for.
    ignore_filters : bool
        Whether listings take no notice of `source`, `scan_name`, `date_from` and `date_to`.
    ignore_offset : bool
        Whether listings take no notice of `offset`, and give their first page for ever.
    latency : float
        Seconds to wait before each answer.
    failure_rate : float
        Share of the requests, from 0 to 1, to answer with status 503.
    token_lifetime : float
        Seconds until a token expires.

    Attributes
    ----------
    user, password : str
        What to log in with; the password is a new one for each sandbox.
    app : fastapi.FastAPI
        The application. It answers in-process as well, by `httpx.ASGITransport`, started or not.

    Examples
    --------
    >>> import httpx
    >>> from grad300_sdk.sandbox import Sandbox
    >>> with Sandbox(scans=20, seed=1) as sandbox:
    ...     httpx.get(f"{sandbox.url}/api/v1/utils/health-check/").json()
    True
    """

    def __init__(
        self,
        *,
        scans: int = 200,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        max_limit: int | None = None,
        ignore_filters: bool = False,
        ignore_offset: bool = False,
        latency: float = 0.0,
        failure_rate: float = 0.0,
        token_lifetime: float = TOKEN_LIFETIME,
    ) -> None:
        _check_whole("scans", scans, 0)
        _check_whole("seed", seed, 0)
        _check_whole("port", port, 0, 65535)
        if max_limit is not None:
            _check_whole("max_limit", max_limit, 1)
        _check_number("latency", latency)
        _check_number("failure_rate", failure_rate, 1.0)
        _check_number("token_lifetime", token_lifetime)
        if not isinstance(host, str):
            raise TypeError(f"host must be a string, not {host!r}")
        for name, flag in (("ignore_filters", ignore_filters), ("ignore_offset", ignore_offset)):
            if not isinstance(flag, bool):
                raise TypeError(f"{name} must be True or False, not {flag!r}")

        self._host = host
        self._port = port
        self._running: _Running | None = None
        self._archive = Archive(scans, seed)
        self.user = USER
        self.password = secrets.token_urlsafe(12)
        self.app = build_application(
            self._archive,
            Accounts(self.user, self.password, token_lifetime),
            max_limit=max_limit,
            ignore_filters=ignore_filters,
            ignore_offset=ignore_offset,
        )
        if latency or failure_rate:
            self.app.add_middleware(
                Misbehaviour, latency=latency, failure_rate=failure_rate, seed=seed
            )

    @property
    def url(self) -> str:
        """The server's address, without the prefix of its paths; `RuntimeError` unless it runs."""
        if self._running is None:
            raise RuntimeError("the sandbox is not running: use it in a with block, or start() it")
        return self._running.url

    def start(self) -> Self:
        """
        Listen and answer, in a thread of its own; nothing happens if it does already.

        Returns
        -------
        Sandbox
            Itself.

        Raises
        ------
        OSError
            It can't listen there, for instance since the port is in use.
        """
        if self._running is None:
            try:
                self._archive.open()
                self._running = _Running(self.app, _listen(self._host, self._port))
            except BaseException:
                self._archive.close()
                raise
        return self

    def stop(self) -> None:
        """Close every connection and remove the archive; nothing happens if it does not run."""
        running, self._running = self._running, None
        if running is None or running.stop():  # pragma: no branch - but in forked processes
            self._archive.close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def __repr__(self) -> str:
        """Tell the address, not the password."""
        return f"<Sandbox {self._running.url if self._running else 'not running'}>"


class _Running:
    """A server that runs in a thread."""

    def __init__(self, app: Any, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._process = os.getpid()
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                _without_cancellation(app),
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,  # the caller's logging is left as it is
                log_level="warning",
                access_log=False,
            )
        )
        # No need to wait for the thread: until it accepts them, connections queue at the listener.
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="grad300-sandbox", daemon=True
        )
        self._thread.start()
        _servers_of_process.add(self)

    def stop(self) -> bool:
        """End the thread; False in a forked process, which has none."""
        if os.getpid() != self._process:  # pragma: no cover - runs in forked processes alone
            return False
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()  # which a server that was stopped while it started leaves open
        _servers_of_process.discard(self)
        return True

    def leave_to_parent(self) -> None:  # pragma: no cover - runs in forked processes alone
        """
        Let go of the sockets in a forked process, which inherits them open.

        Otherwise neither the listener nor a connection would be closed before that process ends.
        Their numbers stay taken, since the objects that close them are still there.
        """
        nothing = os.open(os.devnull, os.O_RDWR)
        sockets = [self._listener.fileno()]
        for connection in self._server.server_state.connections:
            sockets.append(connection.transport.get_extra_info("socket").fileno())
        for number in sockets:
            if number >= 0:
                os.dup2(nothing, number)
        os.close(nothing)


class _Server(uvicorn.Server):
    """Uvicorn's server, which on its way out waits for nobody."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        # A connection that is just being accepted takes some turns of the loop to appear.
        for _ in range(5):
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_servers_of_process: set[_Running] = set()


def _after_fork() -> None:  # pragma: no cover - runs in forked processes alone
    for running in list(_servers_of_process):
        running.leave_to_parent()
    _servers_of_process.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def _without_cancellation(app: Any) -> Any:
    """Wrap an application so that uvicorn does not log the end of a request that is given up."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            return

    return wrapped


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # asyncio turns off Nagle's algorithm, worth 40 ms an answer, only where it sees the protocol.
    listener = socket.socket(family, kind, protocol)
    try:
        # On Windows this would share the port with its owner.
        if os.name == "posix":  # pragma: no branch
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener


def _check_whole(name: str, value: object, lowest: int, highest: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < lowest or (highest is not None and value > highest):
        bounds = f"{lowest} or above" if highest is None else f"from {lowest} to {highest}"
        raise ValueError(f"{name} must be {bounds}, not {value!r}")


def _check_number(name: str, value: object, highest: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not (0.0 <= value <= highest and math.isfinite(value)):
        bounds = "0 or above" if highest == math.inf else f"from 0 to {highest:g}"
        raise ValueError(f"{name} must be {bounds}, not {value!r}")

"""The sandbox: the application, run by uvicorn in a thread."""

from __future__ import annotations

import asyncio
import functools
import inspect
import math
import os
import secrets
import socket
import threading
from collections.abc import Callable
from difflib import get_close_matches
from types import TracebackType
from typing import Any, ParamSpec, Self

import uvicorn
from starlette.types import Receive, Scope, Send

from grad300_sdk.sandbox.application import Accounts, FaultInjection, build_application
from grad300_sdk.sandbox.archive import Archive

P = ParamSpec("P")

USER = "student@example.com"
TOKEN_LIFETIME = 8 * 24 * 3600.0  # seconds


def _suggesting_keywords(init: Callable[P, None]) -> Callable[P, None]:
    """Have the error for a misspelt keyword of the sandbox suggest the nearest one."""
    names = list(inspect.signature(init).parameters)

    @functools.wraps(init)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        for name in kwargs:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise TypeError(f"Sandbox() got an unexpected keyword argument {name!r}{hint}")
        init(*args, **kwargs)

    return checked


class Sandbox:
    """A local server that behaves like the GRAD300 archive and serves synthetic scans.

    It needs neither an account nor a network, and runs until its ``with`` block ends. The same
    `scans` and `seed` always produce the same archive, byte for byte. The scans of each type have
    the ids 1, 2, 3, ... in the order of their dates, and are listed in that order.

    Parameters
    ----------
    scans : int
        Number of scans in the archive. Four or more scans include at least one of each type.
    seed : int
        Seed of the random numbers that the scans are made from; at least 0.
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 selects a free one, which stays the same if the sandbox is stopped and
        started again.
    max_limit : int, optional
        Maximum number of scans per page, even if a request asks for more.
    ignore_filters : bool
        Whether listings ignore ``source``, ``scan_name``, ``date_from`` and ``date_to``.
    ignore_offset : bool
        Whether listings ignore ``offset``, so that they repeat their first page endlessly.
    latency : float
        Delay before each response, in seconds.
    failure_rate : float
        Fraction of the requests, from 0 to 1, that are answered with status 503.
    token_lifetime : float
        Time until a token expires, in seconds.
    broken : bool
        Whether one file in ten is broken, in one of the ways in which files of the telescope are.
        The other scans and files are the same as without.

    Attributes
    ----------
    user, password : str
        The account to log in with. Each sandbox has a new password.
    app : fastapi.FastAPI
        The application. `httpx.ASGITransport` can call it in process, without `start`.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or has the wrong type.

    Examples
    --------
    >>> import httpx
    >>> from grad300_sdk.sandbox import Sandbox
    >>> with Sandbox(scans=20, seed=1) as sandbox:
    ...     httpx.get(f"{sandbox.url}/api/v1/utils/health-check/").json()
    True
    """

    @_suggesting_keywords
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
        broken: bool = False,
    ) -> None:
        _check_integer("scans", scans, 0)
        _check_integer("seed", seed, 0)
        _check_integer("port", port, 0, 65535)
        if max_limit is not None:
            _check_integer("max_limit", max_limit, 1)
        _check_number("latency", latency)
        _check_number("failure_rate", failure_rate, 1.0)
        _check_number("token_lifetime", token_lifetime)
        if not isinstance(host, str):
            raise TypeError(f"host must be a str, not {host!r}")
        for name, flag in (
            ("ignore_filters", ignore_filters),
            ("ignore_offset", ignore_offset),
            ("broken", broken),
        ):
            if not isinstance(flag, bool):
                raise TypeError(f"{name} must be True or False, not {flag!r}")

        self._host = host
        self._port = port
        self._running: _ServerThread | None = None
        self._archive = Archive(scans, seed, broken=broken)
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
                FaultInjection, latency=latency, failure_rate=failure_rate, seed=seed
            )

    @property
    def url(self) -> str:
        """The server's base URL, without the API prefix.

        Raises
        ------
        RuntimeError
            If the sandbox is not running.
        """
        if self._running is None:
            raise RuntimeError("the sandbox is not running: call start() or use a with block")
        return self._running.url

    def start(self) -> Self:
        """Start the server in a thread, unless it is running.

        Returns
        -------
        Sandbox
            The sandbox itself.

        Raises
        ------
        OSError
            If the server cannot listen on the address, for example because the port is in use.
        """
        if self._running is None:
            try:
                self._archive.open()
                listener = _open_named_listener(self._host, self._port)
                self._port = listener.getsockname()[1]  # clients find it there after a restart
                self._running = _ServerThread(self.app, listener)
            except BaseException:
                self._archive.close()
                raise
        return self

    def stop(self) -> None:
        """Close every connection, stop the server and remove the archive, if it is running."""
        running, self._running = self._running, None
        if running is None or running.stop():  # pragma: no branch - except in a forked process
            self._archive.close()

    def __enter__(self) -> Self:
        """Start the server."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()

    def __repr__(self) -> str:
        """Return the address, but not the password."""
        return f"<Sandbox {self._running.url if self._running else 'not running'}>"


class _ServerThread:
    """A server running in a thread."""

    def __init__(self, app: Any, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._process = os.getpid()
        self._listener = listener
        self._server = _ImmediateShutdownServer(
            uvicorn.Config(
                _suppress_cancellation(app),
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,  # leave the caller's logging alone
                log_level="warning",
                access_log=False,
            )
        )
        # There is no need to wait for the thread: connections queue at the listener until then.
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="grad300-sandbox", daemon=True
        )
        self._thread.start()
        _running_servers.add(self)

    def stop(self) -> bool:
        """Stop the thread, and return whether this process owns it: a forked one does not."""
        if os.getpid() != self._process:  # pragma: no cover - runs in forked processes only
            return False
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()  # a server that is stopped while it starts leaves it open
        _running_servers.discard(self)
        return True

    def release_sockets(self) -> None:  # pragma: no cover - runs in forked processes only
        """Release the sockets that a forked process inherits, so that its parent can close them.

        The file descriptors stay open on the null device, since objects still refer to them.
        """
        null = os.open(os.devnull, os.O_RDWR)
        sockets = [self._listener.fileno()]
        for connection in self._server.server_state.connections:
            sockets.append(connection.transport.get_extra_info("socket").fileno())
        for descriptor in sockets:
            if descriptor >= 0:
                os.dup2(null, descriptor)
        os.close(null)


class _ImmediateShutdownServer(uvicorn.Server):
    """A uvicorn server that shuts down without waiting for its clients."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        # A connection that is being accepted appears after a few iterations of the event loop.
        for _ in range(5):
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_running_servers: set[_ServerThread] = set()


def _release_after_fork() -> None:  # pragma: no cover - runs in forked processes only
    for running in list(_running_servers):
        running.release_sockets()
    _running_servers.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_release_after_fork)


def _suppress_cancellation(app: Any) -> Any:
    """Wrap an application so that uvicorn does not log the cancellation of a request."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            return

    return wrapped


def _open_named_listener(host: str, port: int) -> socket.socket:
    """Open a listener; an error names the address."""
    try:
        return _open_listener(host, port)
    except OSError as error:
        reason = f"cannot listen on {host} port {port}: {error.strerror}"
        raise OSError(error.errno, reason) from None


def _open_listener(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # asyncio disables Nagle's algorithm, which would delay each response by 40 ms, only if the
    # socket has its protocol set.
    listener = socket.socket(family, kind, protocol)
    try:
        # On Windows, this option would let two servers share the port.
        if os.name == "posix":  # pragma: no branch
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener


def _check_integer(name: str, value: object, lowest: int, highest: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < lowest or (highest is not None and value > highest):
        bounds = f"at least {lowest}" if highest is None else f"from {lowest} to {highest}"
        raise ValueError(f"{name} must be {bounds}, not {value!r}")


def _check_number(name: str, value: object, highest: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not (0.0 <= value <= highest and math.isfinite(value)):
        is_open = highest == math.inf
        bounds = "a finite number of at least 0" if is_open else f"from 0 to {highest:g}"
        raise ValueError(f"{name} must be {bounds}, not {value!r}")

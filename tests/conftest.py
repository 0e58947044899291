"""What all tests share: a clean environment, a sandbox, and both clients behind one harness."""

from __future__ import annotations

import inspect
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import anyio.from_thread
import pytest

from grad300_sdk import AsyncClient, Client
from grad300_sdk.sandbox import Sandbox
from tests.support.wire import Answerer, Step, Wire

VARIABLES = (
    "ALL_PROXY",
    "ASTROPY_CACHE_DIR",
    "ASTROPY_CONFIG_DIR",
    "BEARER_TOKEN_FILE",
    "COLUMNS",  # the width of a terminal; pytest-xdist sets it in its workers
    "FORCE_COLOR",
    "GRAD300_BASE_URL",
    "GRAD300_TOKEN_FILE",
    "GRAD300_USER",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NETRC",
    "NO_COLOR",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
)


@pytest.fixture(scope="session", autouse=True)
def _hear_interrupts() -> None:
    """Take Ctrl-C, and have children take it: a shell's background jobs begin without."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> None:
    """Keep whoever runs the tests, and their configuration, out of them."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """An archive of 200 scans on a socket; tests do not change it."""
    with Sandbox(scans=200, seed=1) as running:
        yield running


def no_jitter() -> float:
    """Send again at once."""
    return 0.0


class Harness:
    """One of the two clients, so that a test reads the same for both.

    ``harness.client(...)`` makes the client, ``harness.run(call(...))`` gives what the call
    gives (awaited where it must be), ``harness.list(...)`` what an iterator gives.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self._stack = ExitStack()
        self._portal: Any = None
        if mode != "blocking":
            portal = anyio.from_thread.start_blocking_portal(mode)
            self._portal = self._stack.enter_context(portal)

    def client(self, *args: Any, make: Any = None, **kwargs: Any) -> Any:
        """Make a client that is closed after the test; `make` is the pair of classes to use."""
        blocking, awaiting = make or (Client, AsyncClient)
        client = (blocking if self._portal is None else awaiting)(*args, **kwargs)
        client.session.jitter = no_jitter
        self._stack.callback(lambda: self.run(self.close_client(client)))
        return client

    def close_client(self, client: Any) -> Any:
        """Close a client before the test ends; what this gives may have to be awaited."""
        return client.close() if self._portal is None else client.aclose()

    def run(self, result: Any) -> Any:
        """Give a call's result, awaited where the call gave something to await."""
        if not inspect.isawaitable(result):
            return result

        async def wait() -> Any:
            return await result

        return self._portal.call(wait)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call, and give the result as `run` does."""
        return self.run(function(*args, **kwargs))

    def list(self, items: Iterator[Any] | AsyncIterator[Any]) -> list[Any]:
        """Give all that an iterator gives."""
        if isinstance(items, Iterator):
            return list(items)

        async def collect() -> Any:
            return [item async for item in items]

        return list(self._portal.call(collect))

    def next(self, items: Any) -> Any:
        """Give the next of an iterator's items."""
        return next(items) if isinstance(items, Iterator) else self.run(anext(items))

    def stop(self, items: Any) -> None:
        """Stop iterating early."""
        self.run(items.close() if isinstance(items, Iterator) else items.aclose())

    def close(self) -> None:
        """Close the clients, then the event loop."""
        self._stack.close()


@pytest.fixture(params=["blocking", "asyncio", "trio"])
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """Both clients, the awaiting one on asyncio and on trio."""
    running = Harness(request.param)
    yield running
    running.close()


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    """Start servers that end with the test."""
    with ExitStack() as stack:

        def start(*script: Step, answerer: Answerer | None = None) -> Wire:
            return stack.enter_context(Wire(*script, answerer=answerer))

        yield start


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have clients that a test does not make itself send again at once."""
    monkeypatch.setattr(random.SystemRandom, "random", lambda self: 0.0)


@pytest.fixture
def client(harness: Harness, sandbox: Sandbox) -> Any:
    """A client of either kind that is logged in to the sandbox."""
    return harness.client(sandbox.url, user=sandbox.user, password=sandbox.password)

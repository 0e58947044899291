"""Transports of other packages send the requests of a client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_aiohttp import AiohttpTransport
from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport, SyncHttpxTransport

from grad300_sdk import NotFoundError, TransportError
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness
from tests.support.wire import RESET, Wire, answer


def async_pyreqwest() -> HttpxTransport:
    return HttpxTransport(ClientBuilder().follow_redirects(False).no_proxy().build())


def sync_pyreqwest() -> SyncHttpxTransport:
    return SyncHttpxTransport(SyncClientBuilder().follow_redirects(False).no_proxy().build())


async def made(make: Callable[[], Any]) -> Any:
    """Make a transport in an event loop, which that of aiohttp needs."""
    return make()


@pytest.fixture(params=["aiohttp", "pyreqwest", "pyreqwest-sync"])
def other(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Make a client with another transport; both have the harness's calls."""
    running = Harness("blocking" if request.param == "pyreqwest-sync" else "asyncio")
    make = {
        "aiohttp": AiohttpTransport,
        "pyreqwest": async_pyreqwest,
        "pyreqwest-sync": sync_pyreqwest,
    }[request.param]

    def client(url: str, **options: Any) -> tuple[Harness, Any]:
        is_sync = request.param == "pyreqwest-sync"
        transport = make() if is_sync else running.run(made(make))
        return running, running.client(url, transport=transport, **options)

    yield client
    running.close()


def test_listings_and_files(other: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    harness, client = other(sandbox.url, user=sandbox.user, password=sandbox.password)
    assert len(harness.run(client.scans["TPI"].records(page_size=10))) > 20
    file = client.scans["TPI"][1].file
    whole = harness.run(file.get())
    assert b"".join(harness.list(file.stream())) == whole
    assert harness.run(file.save(tmp_path)).read_bytes() == whole
    with pytest.raises(NotFoundError, match="Scan not found"):
        harness.run(client.scans["TPI"][987654321].get())


def test_failures_are_retried(other: Any) -> None:
    with Wire([RESET], answer(b"[]", Content_Type="application/json")) as wire:
        harness, client = other(wire.url, token="s3cret-token", retries=1)
        assert harness.run(client.scans["TPI"].get()) == []
        assert len(wire.requests) == 2


def test_a_refused_connection(other: Any) -> None:
    harness, client = other("http://127.0.0.1:9", token="s3cret-token", retries=0)
    with pytest.raises(TransportError) as raised:
        harness.run(client.scans["TPI"].get())
    assert isinstance(raised.value.__cause__, httpx.TransportError)
    assert "s3cret" not in str(raised.value)


def test_a_redirect_takes_no_credentials_along(other: Any) -> None:
    with Wire(answerer=lambda request: answer(b"[]")) as elsewhere:
        step = answer(b"", "302 Found", Location=f"{elsewhere.url}/other")
        with Wire(answerer=lambda request: step) as wire:
            harness, client = other(wire.url, token="s3cret-token")
            assert harness.run(client.scans["TPI"].get()) == []
            assert "s3cret-token" in wire.requests[0].headers["authorization"]
        [request] = elsewhere.requests
        assert "s3cret" not in str(request.headers)

"""Proxies: that of the client, and those that the environment names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from grad300_sdk.engine.errors import TransportError
from grad300_sdk.engine.network.base import NetworkOptions
from grad300_sdk.engine.network.proxies import EnvironmentProxies, describe_proxy
from tests.support.wire import Received, Step, Wire, answer


@pytest.fixture
def proxy(wire: Callable[..., Wire]) -> Wire:
    """A proxy that answers itself, and connects to no server."""

    def answerer(request: Received) -> Step:
        status = "502 Nothing there" if request.method == "CONNECT" else "200 OK"
        return answer(b"{}", status)

    return wire(answerer=answerer)


def test_no_password_of_a_proxy_is_shown() -> None:
    proxy = httpx.Proxy("http://ann:s3cret@proxy.test")
    options = NetworkOptions(max_connections=1, proxy=proxy)
    assert "s3cret" not in repr(options)
    assert describe_proxy(proxy) == "http://proxy.test"


def test_a_proxy_is_used(harness: Any, library: Any, proxy: Wire) -> None:
    client = library("http://library.test/v1", proxy=proxy.url)
    for number in ("1", "2"):
        assert harness.call(client.books[number].get) == {}
    assert proxy.requests[0].target == "http://library.test/v1/books/1"
    assert proxy.requests[0].headers["host"] == "library.test"
    assert proxy.connections == 1


def test_a_user_of_a_proxy_is_said_to_it_alone(harness: Any, library: Any, proxy: Wire) -> None:
    url = proxy.url.replace("http://", "http://ann:s3cret@")
    client = library("http://library.test/v1", proxy=url)
    harness.call(client.books["1"].get)
    assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_the_environments_proxy(
    harness: Any, library: Any, proxy: Wire, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, proxy.url)
    client = library("http://library.test/v1")
    assert harness.call(client.books["1"].get) == {}
    assert proxy.requests[0].target == "http://library.test/v1/books/1"


def test_a_proxy_without_a_scheme(
    harness: Any, library: Any, proxy: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url.removeprefix("http://"))
    assert harness.call(library("http://library.test/v1").books["1"].get) == {}
    assert len(proxy.requests) == 1


def test_a_tunnel_through_the_environments_proxy(
    harness: Any, library: Any, proxy: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    with pytest.raises(TransportError, match="502") as caught:
        harness.call(library("https://library.test").books["1"].get)
    assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", "library.test:443")
    route = f"through the proxy {proxy.url} (the environment variable HTTPS_PROXY)"
    assert str(caught.value).endswith(route)


def test_the_clients_proxy_goes_before_the_environments(
    harness: Any, library: Any, proxy: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    client = library("http://library.test/v1", proxy=proxy.url)
    assert harness.call(client.books["1"].get) == {}


def test_an_untrusted_environment(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "http://proxy.test:3128")
    url = httpx.URL("http://library.test")
    assert library(trust_env=True).driver.network.proxy(url) is not None
    assert library(trust_env=False).driver.network.proxy(url) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_not_reached_through_the_environments_proxy(
    harness: Any,
    library: Any,
    wire: Any,
    proxy: Wire,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
) -> None:
    monkeypatch.setenv("all_proxy", proxy.url)
    server = wire(answer(b"{}"))
    client = library(f"http://{host}:{server.port}")
    assert harness.call(client.books["1"].get) == {}
    assert len(server.requests) == 1
    assert proxy.connections == 0


def test_the_environment_is_read_when_a_client_is_made(
    harness: Any, library: Any, proxy: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    client = library("http://library.test/v1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert harness.call(client.books["1"].get) == {}


def found(url: str) -> httpx.URL | None:
    """Return the URL of the environment's proxy for a URL."""
    proxy = EnvironmentProxies().proxy(httpx.URL(url))
    return None if proxy is None else proxy.url


@pytest.mark.parametrize(
    ("excluded", "url", "is_proxied"),
    [
        ("", "http://library.test", True),
        ("library.test", "http://library.test", False),
        ("library.test", "http://sub.library.test", False),
        (".library.test", "http://sub.library.test", False),
        ("library.test", "http://other-library.test", True),
        ("other.test, library.test", "https://library.test/x", False),
        ("library.test:81", "http://library.test:81", False),
        ("library.test:81", "http://library.test", True),
        ("*", "http://library.test", False),
        ("*", "http://10.0.0.1", False),
        ("10.0.0.0/8", "http://10.20.30.40", False),
        ("10.0.0.0/8", "http://11.0.0.1", True),
        ("10.1.2.3", "http://10.1.2.3:8000", False),
        ("fd00::/8", "http://[fd12::1]", False),
        ("[fd12::1]", "http://[fd12::1]:8000", False),
        ("fd00::/8", "http://[fe80::1]", True),
        ("", "http://[::1]", False),
        ("", "http://127.8.9.10:81", False),
        ("", "http://x.localhost", False),
    ],
)
def test_servers_that_no_proxy_is_for(
    monkeypatch: pytest.MonkeyPatch, excluded: str, url: str, is_proxied: bool
) -> None:
    monkeypatch.setenv("all_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", excluded)
    assert found(url) == (httpx.URL("http://proxy.test:3128") if is_proxied else None)


def test_each_scheme_has_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://all.test:1080")
    monkeypatch.setenv("http_proxy", "http://plain.test:3128")
    assert found("http://library.test") == "http://plain.test:3128"
    assert found("https://library.test") == "socks5://all.test:1080"
    monkeypatch.setenv("https_proxy", "https://secure.test")
    assert found("https://library.test") == "https://secure.test"
    proxies = EnvironmentProxies()
    source = proxies.source(httpx.URL("https://library.test"))
    assert source == "the environment variable https_proxy"


@pytest.mark.parametrize("value", ["ftp://proxy.test", "http://", "http://ann:s3/cret@proxy.test"])
def test_what_is_no_proxy_is_said_to_be_none(
    harness: Any, library: Any, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("http_proxy", value)
    with pytest.raises(TransportError, match="the environment variable http_proxy") as caught:
        harness.call(library("http://library.test").books["1"].get)
    assert "s3" not in str(caught.value)

"""Proxies: that of the client, and those that the environment names."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import checks
from grad300_sdk.engine.errors import AuthenticationError, TransportError
from grad300_sdk.engine.network.base import NetworkOptions
from grad300_sdk.engine.network.proxies import EnvironmentProxies, describe_proxy
from tests.support.tls import SecureWire
from tests.support.wire import Received, Wire, answer

LIBRARY = "http://library.test/v1"
OK = answer(b"{}")


class TunnelWire(SecureWire):
    """A proxy that answers CONNECT, and is then itself the server that was asked for."""

    def __init__(self, certificate: Path) -> None:
        super().__init__(certificate, lambda request: OK)
        self.tunnels: list[tuple[str, dict[str, str]]] = []

    def _serve(self, connection: socket.socket, number: int) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)  # no byte of what follows
        first, *fields = head.decode().strip().split("\r\n")
        headers = dict(field.lower().split(": ", 1) for field in fields)
        self.tunnels.append((first, headers))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        super()._serve(connection, number)


@pytest.fixture
def proxy(wire: Callable[..., Wire]) -> Wire:
    """Answer in place of each server that is asked for."""
    return wire(answerer=lambda request: OK)


@pytest.fixture
def refused() -> str:
    """Return the address of a proxy that does not run."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


# The client's


def test_no_password_of_a_proxy_is_shown() -> None:
    proxy = httpx.Proxy("http://ann:s3cret@proxy.test")
    options = NetworkOptions(max_connections=1, proxy=proxy)
    assert "s3cret" not in repr(options)
    assert "s3cret" not in describe_proxy(proxy)


def test_a_proxy_is_used(harness: Any, library: Any, proxy: Wire) -> None:
    client = library(LIBRARY, proxy=proxy.url)
    assert harness.call(client.books["1"].get) == {}
    assert proxy.requests[0].target == "http://library.test/v1/books/1"


def test_a_proxy_of_the_client_comes_before_the_environment_s(
    harness: Any, library: Any, proxy: Wire, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{refused}")
    monkeypatch.setenv("NO_PROXY", "*")
    assert harness.call(library(LIBRARY, proxy=proxy.url).books["1"].get) == {}


# The environment's


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_http_goes_through_a_proxy_by_its_absolute_url(
    harness: Any,
    library: Any,
    proxy: Wire,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    scheme: str,
) -> None:
    monkeypatch.setenv(variable, f"{scheme}127.0.0.1:{proxy.port}")
    client = library(LIBRARY)
    assert harness.call(client.books["1"].get) == {}
    assert harness.call(client.books["2"].get) == {}
    assert [(request.method, request.target) for request in proxy.requests] == [
        ("GET", "http://library.test/v1/books/1"),
        ("GET", "http://library.test/v1/books/2"),
    ]
    assert proxy.requests[0].headers["host"] == "library.test"
    assert proxy.connections == 1


def test_https_goes_through_a_tunnel(
    harness: Any,
    library: Any,
    certificate: Path,
    context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with TunnelWire(certificate) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:s3cret@127.0.0.1:{proxy.port}")
        client = library("https://library.test/v1", verify=context)
        assert harness.call(client.books["1"].get) == {}
        assert harness.call(client.books["2"].get) == {}
        ((first, headers),) = proxy.tunnels
        assert first == "CONNECT library.test:443 HTTP/1.1"
        assert headers["proxy-authorization"].startswith("basic ")
        assert [request.target for request in proxy.requests] == ["/v1/books/1", "/v1/books/2"]
        assert "proxy-authorization" not in proxy.requests[0].headers


def test_a_certificate_is_verified_through_a_tunnel(
    harness: Any,
    library: Any,
    certificate: Path,
    context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with TunnelWire(certificate) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        client = library("https://other.test/v1", verify=context, retries=3)
        with pytest.raises(TransportError, match="certificate") as caught:
            harness.call(client.books["1"].get)
        assert not caught.value.transient
        assert len(proxy.tunnels) == 1
        assert proxy.requests == []


def is_proxied(url: str) -> bool:
    """Return whether the environment has a proxy for a URL."""
    return EnvironmentProxies().proxy(httpx.URL(url)) is not None


@pytest.mark.parametrize(
    ("no_proxy", "host", "proxied"),
    [
        ("", "library.test", True),
        ("library.test", "library.test", False),
        ("LIBRARY.test", "library.TEST", False),
        ("library.test", "www.library.test", False),
        (".library.test", "www.library.test", False),
        ("library.test", "mylibrary.test", True),
        ("other.test, library.test", "library.test", False),
        ("other.test", "library.test", True),
        ("library.test:8080", "library.test:8080", False),
        ("library.test:8080", "library.test", True),
        ("*", "library.test", False),
        ("*", "192.0.2.7", False),
        ("*", "[2001:db8::7]", False),
        ("192.0.2.7", "192.0.2.7", False),
        ("192.0.2.7", "192.0.2.70", True),
        ("192.0.2.0/24", "192.0.2.7", False),
        ("192.0.2.7/24", "192.0.2.9", False),
        ("192.0.2.0/24", "192.0.3.7", True),
        ("10.0.0.0/8, 192.0.2.0/24", "192.0.2.7", False),
        ("192.0.2.0/24", "library.test", True),
        ("2001:db8::7", "[2001:db8::7]", False),
        ("[2001:db8::7]", "[2001:db8::7]", False),
        ("2001:DB8:0::7", "[2001:db8::7]", False),
        ("2001:db8::/32", "[2001:db8::7]", False),
        ("2001:db8::/32", "[2001:db9::7]", True),
        ("fd00::/8", "192.0.2.7", True),
        ("", "localhost", False),
        ("", "archive.localhost", False),
        ("", "127.0.0.1:8000", False),
        ("", "127.9.9.9", False),
        ("", "[::1]:8000", False),
        ("", "128.0.0.1", True),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_a_proxy_is_not_for(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, host: str, proxied: bool, scheme: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert is_proxied(f"{scheme}://{host}/v1") is proxied


def test_a_server_on_loopback_is_not_reached_through_a_proxy(
    harness: Any, library: Any, wire: Any, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://{refused}")
    server = wire(OK)
    assert harness.call(library(server.url).books["1"].get) == {}
    assert server.requests[0].target == "/books/1"


def test_an_environment_that_is_not_trusted(
    harness: Any, library: Any, proxy: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    client = library("http://library.invalid", trust_env=False)
    assert client.driver.network.proxy(httpx.URL("http://library.invalid")) is None
    assert proxy.requests == []


def test_a_proxy_for_one_scheme_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    assert is_proxied("https://library.test")
    assert not is_proxied("http://library.test")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("socks://proxy.test:1080", "must be a URL such as 'http://host:3128' (one of http,"),
        ("ftp://proxy.test", "must be a URL such as 'http://host:3128'"),
        ("http://", "must be a URL such as"),
        ("http://proxy.test:port", "must be a URL such as"),
        ("socks://ann:s3cret@proxy.test", "must be a URL such as"),
        ("http://ann:s3/cret@proxy.test:3128", "has a '/', '?' or '#' in its user or password"),
        ("http://ann:s3#cret@proxy.test:3128", "has a '/', '?' or '#' in its user or password"),
        ("http://ann:s3?cret@proxy.test:3128", "has a '/', '?' or '#' in its user or password"),
        ("ann:s3/cret@proxy.test:3128", "has a '/', '?' or '#' in its user or password"),
        ("http://ann:12/s3cret@proxy.test:3128", "has a '/', '?' or '#' in its user or password"),
    ],
)
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_of_the_environment_that_is_not_one(
    harness: Any,
    library: Any,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    message: str,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, address)
    client = library(LIBRARY, retries=3)
    with pytest.raises(TransportError) as caught:
        harness.call(client.books["1"].get)
    assert f"the environment variable {variable} " in str(caught.value)
    assert message in str(caught.value)
    assert "s3" not in str(caught.value)
    assert "cret" not in str(caught.value)
    assert not caught.value.transient
    assert caught.value.request is not None


@pytest.mark.parametrize(
    "address", ["socks://proxy.test", "http://ann:s3/cret@proxy.test", "http://ann:s3#cret@p.test"]
)
def test_a_proxy_of_the_client_that_is_not_one(library: Any, address: str) -> None:
    with pytest.raises(ValueError, match=r"^proxy (has|must)") as caught:
        library(LIBRARY, proxy=address)
    assert "cret" not in str(caught.value)


def test_a_proxy_that_needs_another_package(
    harness: Any, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    address = "socks5://ann:s3cret@proxy.test:1080"
    needs = r"is a SOCKS proxy, which needs: pip install 'httpx\[socks\]'$"
    for given in (address, httpx.Proxy(address)):
        with pytest.raises(ValueError, match=f"^proxy {needs}"):
            library(LIBRARY, proxy=given)
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(TransportError, match=f"^the environment variable ALL_PROXY {needs}"):
        harness.call(library(LIBRARY).books["1"].get)


def test_a_proxy_that_is_not_there(
    harness: Any, library: Any, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://ann:s3cret@{refused}")
    with pytest.raises(TransportError) as caught:
        harness.call(library(LIBRARY).books["1"].get)
    route = f"through the proxy http://{refused} (the environment variable HTTP_PROXY)"
    assert str(caught.value).endswith(route)
    assert caught.value.transient
    assert caught.value.unsent
    with pytest.raises(TransportError) as caught:
        harness.call(library(LIBRARY, proxy=f"http://ann:s3cret@{refused}").books["1"].get)
    assert str(caught.value).endswith(f"through the proxy http://{refused} (proxy=)")


def test_a_proxy_that_asks_for_a_password(
    harness: Any, library: Any, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answerer(request: Received) -> Any:
        return answer(b"", "407 Proxy Authentication Required")

    proxy = wire(answerer=answerer)
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:s3cret@127.0.0.1:{proxy.port}")
    with pytest.raises(TransportError) as caught:
        harness.call(library("https://library.test", retries=3).books["1"].get)
    assert "407 Proxy Authentication Required" in str(caught.value)
    route = f"the proxy http://127.0.0.1:{proxy.port} (the environment variable HTTPS_PROXY)"
    assert route in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert not caught.value.transient
    assert [request.method for request in proxy.requests] == ["CONNECT"]
    assert not isinstance(caught.value, AuthenticationError)


def test_a_user_of_a_proxy_is_said_to_it_alone(harness: Any, library: Any, proxy: Wire) -> None:
    url = proxy.url.replace("http://", "http://ann:s3cret@")
    client = library("http://library.test/v1", proxy=url)
    harness.call(client.books["1"].get)
    assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")


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


def test_each_scheme_has_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "http://all.test:1080")
    monkeypatch.setenv("http_proxy", "http://plain.test:3128")
    assert found("http://library.test") == "http://plain.test:3128"
    assert found("https://library.test") == "http://all.test:1080"
    monkeypatch.setenv("https_proxy", "https://secure.test")
    assert found("https://library.test") == "https://secure.test"
    proxies = EnvironmentProxies()
    source = proxies.source(httpx.URL("https://library.test"))
    assert source == "the environment variable https_proxy"

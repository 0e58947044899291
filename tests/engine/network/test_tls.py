"""Servers with certificates: those that are trusted, and those that are not."""

from __future__ import annotations

import pickle
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from grad300_sdk.engine.errors import TransportError
from tests.support.connections import held_connection
from tests.support.echo import echo, is_right
from tests.support.forks import answers_in_a_child, exit_status, needs_fork
from tests.support.library import AwaitingLibrary, BlockingLibrary
from tests.support.tls import SecureWire


@pytest.fixture
def server(certificate: Path) -> Iterator[SecureWire]:
    """Echo what is asked."""
    with SecureWire(certificate) as server:
        yield server


@pytest.mark.parametrize("way", ["context", "environment", "unverified"])
def test_a_server_that_is_trusted(
    harness: Any,
    library: Any,
    server: SecureWire,
    certificate: Path,
    context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    if way == "environment":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    verify = {"context": context, "environment": True, "unverified": False}[way]
    client = library(server.url, verify=verify)
    for number in range(3):
        assert is_right(harness.call(client.books[str(number)].get), number)
    assert server.connections == 1


def test_certificates_are_loaded_once(
    server: SecureWire, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with BlockingLibrary(server.url, max_connections=2) as client:
        client.books["1"].get()
        monkeypatch.delenv("SSL_CERT_FILE")
        with held_connection(client):
            assert is_right(client.books["2"].get(), 2)
    assert server.connections == 2


def test_a_server_that_is_not(harness: Any, library: Any, server: SecureWire) -> None:
    client = library(server.url, retries=3)
    with pytest.raises(TransportError, match="certificate") as caught:
        harness.call(client.books["1"].get)
    assert not caught.value.transient
    assert server.connections == 1
    assert server.requests == []


def test_a_server_without_tls(harness: Any, library: Any, wire: Any) -> None:
    plain = wire(answerer=echo)
    client = library(plain.url.replace("http:", "https:"))
    with pytest.raises(TransportError):
        harness.call(client.books["1"].get)


def test_a_context_does_not_travel(library: Any, context: ssl.SSLContext) -> None:
    client = library(verify=context)
    with pytest.raises(TypeError, match="SSLContext"):
        pickle.dumps(client)


@needs_fork
def test_threads_and_forks_under_tls(server: SecureWire, context: ssl.SSLContext) -> None:
    with BlockingLibrary(server.url, verify=context, max_connections=4) as client:
        client.books["1"].get()
        stop = threading.Event()

        def go_on(first: int) -> bool:
            number = first
            while not stop.is_set():
                number += 1
                if not is_right(client.books[str(number % 90)].get(), number % 90):
                    return False
            return True

        with ThreadPoolExecutor(4) as pool:
            working = [pool.submit(go_on, 100 * n) for n in range(4)]
            children = [answers_in_a_child(client, 100 + 20 * n) for n in range(2)]
            ends = [exit_status(child) for child in children]
            stop.set()
            assert all(future.result() for future in working)
        assert ends == [0, 0]


def test_one_context_serves_a_process(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def context(client: Any) -> ssl.SSLContext:
        """Return the context of the next connection of a client."""
        options = client.driver.network.connect_options(httpx.URL("https://library.test"))
        assert isinstance(options["verify"], ssl.SSLContext)
        return options["verify"]

    clients = [BlockingLibrary(), BlockingLibrary(), AwaitingLibrary()]
    assert len({id(context(client)) for client in clients for _ in range(2)}) == 1
    unverified = [BlockingLibrary(verify=False), AwaitingLibrary(verify=False)]
    assert len({id(context(client)) for client in unverified}) == 1
    assert context(unverified[0]).verify_mode is ssl.CERT_NONE
    assert context(clients[0]).verify_mode is ssl.CERT_REQUIRED
    own = [BlockingLibrary(verify=certificate), AwaitingLibrary(verify=str(certificate))]
    assert len({id(context(client)) for client in own}) == 1
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    named = [BlockingLibrary(), AwaitingLibrary()]
    assert len({id(context(client)) for client in named}) == 1
    assert context(BlockingLibrary(trust_env=False)) is context(BlockingLibrary(trust_env=False))
    kinds = {id(context(one)) for one in (clients[0], unverified[0], own[0])}
    assert len(kinds) == 3


def test_a_plain_connection_loads_no_certificates() -> None:
    options = BlockingLibrary().driver.network.connect_options(httpx.URL("http://library.test"))
    assert options["verify"].cert_store_stats()["x509_ca"] == 0


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_can_not_be_loaded(
    harness: Any, library: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any
) -> None:
    path = tmp_path / "certificates.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    message = rf"{path} \(the environment variable SSL_CERT_FILE\) can't be loaded: "
    message += "it holds no certificate" if content else "No such file"
    with pytest.raises(TransportError, match=message):
        harness.call(library("https://library.test", trust_env=True).books["1"].get)


def test_a_key_log_that_can_not_be_written(
    harness: Any, library: Any, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "certificates.pem"  # whose context is not made yet
    copy.write_bytes(certificate.read_bytes())
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "nowhere" / "keys"))
    with pytest.raises(TransportError, match=r"SSLKEYLOGFILE names .*, which can't be written"):
        harness.call(library("https://library.test", verify=copy).books["1"].get)

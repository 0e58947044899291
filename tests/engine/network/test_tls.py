"""Servers with certificates: those that are trusted, and those that are not."""

from __future__ import annotations

import pickle
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from grad300_sdk.engine.errors import TransportError
from tests.support.connections import held_connection
from tests.support.echo import echo, is_right
from tests.support.forks import answers_in_a_child, exit_status, needs_fork
from tests.support.library import BlockingLibrary
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

"""Servers with certificates: those that are trusted, and those that are not."""

from __future__ import annotations

import datetime
import ipaddress
import os
import pickle
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from grad300_sdk.engine.errors import TransportError
from tests.support.connections import held_connection
from tests.support.library import BlockingLibrary
from tests.support.wire import Answerer, Wire

from .test_connections import answers_in_a_child, echo, is_right, needs_fork


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "library.test")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


class SecureWire(Wire):
    """A wire under TLS."""

    def __init__(self, certificate: Path, answerer: Answerer = echo) -> None:
        super().__init__(answerer=answerer)
        self.url = self.url.replace("http:", "https:")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.refused = 0

    def _serve(self, connection: Any, number: int) -> None:
        try:
            secure = self.context.wrap_socket(connection, server_side=True)
        except OSError:
            self.refused += 1
            self._open.discard(connection)
            connection.close()
            return
        with self._lock:
            self._open.discard(connection)
            self._open.add(secure)
        super()._serve(secure, number)


@pytest.fixture
def server(certificate: Path) -> Iterator[SecureWire]:
    """Echo what is asked."""
    with SecureWire(certificate) as server:
        yield server


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    """What trusts the certificate."""
    return ssl.create_default_context(cafile=certificate)


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
            ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            stop.set()
            assert all(future.result() for future in working)
        assert ends == [0, 0]

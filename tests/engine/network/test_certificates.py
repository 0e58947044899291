"""Certificates that can't be loaded: what names them is named; and one TLS context a process."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from grad300_sdk.engine.errors import TransportError
from tests.support.echo import is_right
from tests.support.forks import exit_status, needs_fork
from tests.support.library import BlockingLibrary
from tests.support.tls import SecureWire

URL = httpx.URL("https://library.test")


@pytest.fixture
def server(certificate: Path) -> Iterator[SecureWire]:
    """Echo what is asked."""
    with SecureWire(certificate) as server:
        yield server


def error_of(harness: Any, client: Any) -> TransportError:
    """Return the error of a request for which no certificates can be loaded."""
    with pytest.raises(TransportError) as caught:
        harness.call(client.books["1"].get)
    assert not caught.value.transient
    assert caught.value.request is not None
    return caught.value


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_of_the_environment_that_are_not_there(
    harness: Any, library: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    path = str(tmp_path / "missing")
    monkeypatch.setenv(variable, path)
    error = error_of(harness, library("https://library.test", retries=3))
    assert str(error) == (
        f"the certificates in {path} (the environment variable {variable}) can't be loaded: "
        "No such file or directory"
    )


@pytest.mark.parametrize("content", ["", "not a certificate"])
def test_a_file_without_certificates(
    harness: Any, library: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "empty.pem"
    path.write_text(content)
    reason = "can't be loaded: it holds no certificate"
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    error = error_of(harness, library("https://library.test"))
    place = f"{path} (the environment variable SSL_CERT_FILE)"
    assert str(error) == f"the certificates in {place} {reason}"
    error = error_of(harness, library("https://library.test", verify=path))
    assert str(error) == f"the certificates in {path} (verify=) {reason}"


def test_a_path_that_is_not_there(library: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "missing", str(tmp_path / "missing")):
        with pytest.raises(ValueError, match="no such CA file or folder") as caught:
            library("https://library.test", verify=path)
        assert repr(str(path)) in str(caught.value)


@pytest.mark.parametrize("verify", [None, 1, b"ca.pem", object()])
def test_what_is_not_a_path(library: Any, verify: object) -> None:
    with pytest.raises(TypeError, match="verify must be a bool, the path of a CA file or folder"):
        library("https://library.test", verify=verify)


def test_a_log_of_keys_that_can_not_be_written(
    harness: Any, library: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificate: Path
) -> None:
    path = str(tmp_path / "missing" / "keys")
    monkeypatch.setenv("SSLKEYLOGFILE", path)
    copies = [tmp_path / "a.pem", tmp_path / "b.pem"]  # which no other test has loaded
    for copy in copies:
        copy.write_bytes(certificate.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(copies[0]))
    for verify in (True, copies[1]):
        error = error_of(harness, library("https://library.test", verify=verify))
        assert str(error) == (
            f"the environment variable SSLKEYLOGFILE names {path}, which can't be written: "
            "No such file or directory"
        )


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"])
def test_http_needs_no_certificates(
    harness: Any,
    library: Any,
    wire: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "missing" / "x"))
    server = wire(answerer=lambda request: [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
    assert harness.call(library(server.url).books["1"].get) == {}


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_of_a_file(
    harness: Any, library: Any, server: SecureWire, certificate: Path, kind: Any
) -> None:
    client = library(server.url, verify=kind(certificate))
    assert is_right(harness.call(client.books["1"].get), 1)


def test_a_path_below_home(
    harness: Any,
    library: Any,
    server: SecureWire,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(certificate.parent))
    client = library(server.url, verify=f"~/{certificate.name}")
    assert is_right(harness.call(client.books["1"].get), 1)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl")
@pytest.mark.parametrize("way", ["verify", "environment"])
def test_a_folder(
    harness: Any,
    library: Any,
    server: SecureWire,
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / subject_hash(certificate)).write_bytes(certificate.read_bytes())
    if way == "environment":
        monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    client = library(server.url, verify=folder if way == "verify" else True)
    assert is_right(harness.call(client.books["1"].get), 1)


def subject_hash(certificate: Path) -> str:
    """Return the name by which OpenSSL finds a certificate in a folder."""
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(certificate)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return f"{found.stdout.strip()}.0"


def test_an_environment_that_is_not_trusted(
    library: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    client = library("https://library.test", trust_env=False)
    options = client.driver.network.connect_options(URL)
    assert options["verify"].get_ca_certs()


def test_a_client_with_a_path_pickles(server: SecureWire, certificate: Path) -> None:
    with BlockingLibrary(server.url, verify=certificate) as client:
        with pickle.loads(pickle.dumps(client)) as copy:
            assert is_right(copy.books["1"].get(), 1)
        assert is_right(client.books["2"].get(), 2)


def test_one_context_serves_a_process(library: Any, certificate: Path) -> None:
    def context(**options: Any) -> Any:
        return library("https://library.test", **options).driver.network.connect_options(URL)[
            "verify"
        ]

    assert context() is context()
    assert context(trust_env=False) is context()
    assert context(verify=certificate) is context(verify=str(certificate))
    assert context(verify=False) is context(verify=False)
    assert len({context(), context(verify=False), context(verify=certificate)}) == 3


@needs_fork
def test_a_child_has_a_context_of_its_own(library: Any) -> None:
    network = library("https://library.test").driver.network
    before = network.connect_options(URL)["verify"]
    child = os.fork()
    if not child:
        os._exit(int(network.connect_options(URL)["verify"] is before))
    assert exit_status(child) == 0
    assert network.connect_options(URL)["verify"] is before


def test_the_file_comes_before_the_folder(
    monkeypatch: pytest.MonkeyPatch, certificate: Path, library: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("SSL_CERT_DIR", os.fspath(tmp_path / "missing"))
    options = library("https://library.test").driver.network.connect_options(URL)
    assert len(options["verify"].get_ca_certs()) == 1

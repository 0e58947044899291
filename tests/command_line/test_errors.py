"""Servers that are not what they should be: what an error says, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import piped
from tests.support.tls import SecureWire, write_certificate
from tests.support.wire import Wire, answer

PAGE = b"<!doctype html><html><title>Portal</title></html>"
NO_ARCHIVE = "; this may not be a GRAD300 archive: check --base-url"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    write_certificate(path)
    return path


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "405 No", "501 No"])
def test_a_server_that_is_no_archive(here, status):
    with Wire(answer(PAGE, status, Content_Type="text/html")) as wire:
        done = here("--base-url", wire.url, "scans", "TPI")
    assert done.status == 1
    assert done.error.endswith(NO_ARCHIVE)
    assert ".;" not in done.error


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"detail": "Scan not found"}', "application/json", "404 Not Found"),
        (PAGE, "text/html", "500 Broken"),
        (b"[", "application/json", "200 OK"),
    ],
)
def test_an_archive_that_fails_is_one(here, no_backoff, body, kind, status):
    with Wire(*[answer(body, status, Content_Type=kind)] * 4) as wire:
        done = here("--base-url", wire.url, "scans", "TPI")
    assert done.status == 1
    assert NO_ARCHIVE not in done.error


def test_a_certificate_that_is_refused(here, certificate):
    with SecureWire(certificate, lambda request: answer()) as wire:
        done = here("--base-url", wire.url, "get", "/x")
        assert done.status == 1
        assert "CERTIFICATE_VERIFY_FAILED" in done.error
        assert done.error.endswith("name the file in the environment variable SSL_CERT_FILE")
        arguments = ("--base-url", wire.url, "get", "/x")
        assert piped(*arguments, SSL_CERT_FILE=str(certificate)).status == 0


def test_https_to_an_http_server(here, no_backoff):
    with Wire(answerer=lambda request: answer()) as wire:
        done = here("--base-url", wire.url.replace("http:", "https:"), "get", "/x")
    assert done.status == 1
    assert done.error.endswith("; the server may not know https: try http:// in --base-url")

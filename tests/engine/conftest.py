"""What the engine's tests share: clients of the small trees, and a certificate."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import library as small_library
from tests.support import shelf as small_shelf


@pytest.fixture
def library(harness: Any) -> Callable[..., Any]:
    """Make clients of the lending library, of either kind."""

    def make(*args: Any, **kwargs: Any) -> Any:
        return harness.client(*args, make=small_library.CLIENTS, **kwargs)

    return make


@pytest.fixture
def shelf(harness: Any) -> Callable[..., Any]:
    """Make clients of the shelf, of either kind."""

    def make(*args: Any, **kwargs: Any) -> Any:
        return harness.client(*args, make=small_shelf.CLIENTS, **kwargs)

    return make


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, with its key."""
    from tests.support.tls import write_certificate

    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    write_certificate(path)
    return path


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    """A context that trusts the certificate."""
    return ssl.create_default_context(cafile=certificate)

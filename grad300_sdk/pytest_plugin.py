"""A pytest plugin: fixtures for the tests of code that uses this package.

pytest loads it wherever the package is installed, so it imports nothing until a fixture is used.
The fixtures need the extra ``testing``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from grad300_sdk.client import AsyncClient, Client
    from grad300_sdk.sandbox import Sandbox

__all__ = [
    "grad300_async_client",
    "grad300_client",
    "grad300_environment",
    "grad300_sandbox",
    "grad300_sandbox_options",
]


@pytest.fixture(scope="session")
def grad300_sandbox_options() -> dict[str, Any]:
    """Return the options of `grad300_sandbox`; override this fixture to change them."""
    return {}


@pytest.fixture(scope="session")
def grad300_sandbox(
    request: pytest.FixtureRequest, grad300_sandbox_options: dict[str, Any]
) -> Iterator[Sandbox]:
    """Yield a running sandbox, the same one for all tests.

    Parametrize it indirectly to change its options for some tests.
    """
    from grad300_sdk.sandbox import Sandbox

    with Sandbox(**{**grad300_sandbox_options, **getattr(request, "param", {})}) as sandbox:
        yield sandbox


@pytest.fixture
def grad300_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return an empty folder that replaces the user's credentials, settings and cache."""
    folder = tmp_path_factory.mktemp("grad300")
    for name in list(os.environ):
        if name.startswith("GRAD300_") or name in ("ASTROPY_CACHE_DIR", "BEARER_TOKEN_FILE"):
            monkeypatch.delenv(name)
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("NETRC", str(folder / "netrc"))
    (folder / "astropy").mkdir()  # without it, astropy 7 would look in the user's home
    monkeypatch.setenv("ASTROPY_CONFIG_DIR", str(folder / "astropy"))
    return folder


@pytest.fixture
def grad300_client(grad300_sandbox: Sandbox, grad300_environment: Path) -> Iterator[Client]:
    """Yield a client of the sandbox that logs in at its first request."""
    from grad300_sdk.client import Client

    with Client(**_options(grad300_sandbox)) as client:
        yield client


@pytest.fixture
def grad300_async_client(grad300_sandbox: Sandbox, grad300_environment: Path) -> AsyncClient:
    """Return an asynchronous client, whose connections close with the test's event loop."""
    from grad300_sdk.client import AsyncClient

    return AsyncClient(**_options(grad300_sandbox))


def _options(sandbox: Sandbox) -> dict[str, Any]:
    """Return the options of a client that takes nothing from the user's environment."""
    return {
        "base_url": sandbox.url,
        "api_prefix": "/api/v1",
        "user": sandbox.user,
        "password": sandbox.password,
        "trust_env": False,
    }

from collections.abc import Iterator

import httpx
import pytest

from grad300_sdk.sandbox import Sandbox


def log_in(sandbox: Sandbox) -> httpx.Client:
    """Return a client of a running sandbox that sends a token."""
    url = f"{sandbox.url}/api/v1"
    form = {"username": sandbox.user, "password": sandbox.password}
    token = httpx.post(f"{url}/login/access-token", data=form).json()["access_token"]
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(scans=300, seed=0) as running:
        yield running


@pytest.fixture(scope="package")
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with log_in(sandbox) as logged_in:
        yield logged_in

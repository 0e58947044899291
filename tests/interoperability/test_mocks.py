"""Tools that replace httpx's transports, or record them, work unchanged with both clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import vcr

from grad300_sdk import NotFoundError, TransportError
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness

URL = "https://archive.test"
LISTING = f"{URL}/api/v1/scans/TPI/"
ROW = {"id": 1, "file_name": "a.fits"}


@respx.mock
def test_respx(harness: Harness) -> None:
    route = respx.get(LISTING, params={"limit": "5"}).respond(json=[ROW])
    respx.get(f"{LISTING}7").respond(404, json={"detail": "Scan not found"})
    client = harness.client(URL, token="s3cret-token")
    assert harness.run(client.scans["TPI"].get(limit=5)) == [ROW]
    assert route.calls.last.request.headers["Authorization"] == "Bearer s3cret-token"
    with pytest.raises(NotFoundError, match="Scan not found"):
        harness.run(client.scans["TPI"][7].get())


def test_pytest_httpx(harness: Harness, httpx_mock: Any) -> None:
    httpx_mock.add_response(url=f"{LISTING}?offset=0&limit=5", json=[ROW])
    httpx_mock.add_exception(httpx.ConnectError("no route"), url=f"{LISTING}7")
    client = harness.client(URL, token="s3cret-token", retries=0)
    assert harness.run(client.scans["TPI"].get(limit=5)) == [ROW]
    assert httpx_mock.get_request().headers["Authorization"] == "Bearer s3cret-token"
    with pytest.raises(TransportError, match="no route"):
        harness.run(client.scans["TPI"][7].get())


def test_vcrpy(harness: Harness, sandbox: Sandbox, tmp_path: Path) -> None:
    recorder = vcr.VCR(
        cassette_library_dir=str(tmp_path),
        filter_headers=["authorization"],
        before_record_request=without_login,
    )
    client = harness.client(sandbox.url, user=sandbox.user, password=sandbox.password)
    with recorder.use_cassette("listing.yaml"):
        rows = harness.run(client.scans["TPI"].get(limit=2))
    recorded = (tmp_path / "listing.yaml").read_text()
    assert sandbox.password not in recorded
    assert "Bearer" not in recorded
    offline = harness.client(sandbox.url, force_noauth=True)
    with recorder.use_cassette("listing.yaml", record_mode="none") as cassette:
        assert harness.run(offline.scans["TPI"].get(limit=2)) == rows
    assert cassette.play_count == 1


def without_login(request: Any) -> Any:
    """Leave the log-in out of a cassette."""
    return None if request.path.endswith("/login/access-token") else request

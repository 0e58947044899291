"""The server's description of itself, on both clients."""

from __future__ import annotations

from typing import Any

from tests.conftest import Harness


def test_openapi(harness: Harness, client: Any) -> None:
    document = harness.run(client.openapi.get())
    templates = {line.template for line in client.tree() if line.method == "GET"}
    assert {f"/api/v1{template}" for template in templates} - set(document["paths"]) == {
        "/api/v1/openapi.json"
    }

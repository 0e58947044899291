"""A client whose requests are written down, and never reach a network."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from grad300_sdk.engine import Token


@pytest.fixture
def requests() -> list[httpx.Request]:
    """What was sent."""
    return []


@pytest.fixture
def client(library: Any, requests: list[httpx.Request]) -> Any:
    """A client of either kind whose requests are written down."""

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"path": request.url.path})

    return library(transport=httpx.MockTransport(handle), credentials=Token("t0k"))

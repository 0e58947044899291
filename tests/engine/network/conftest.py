"""What the tests of the networks share: a server, and a driver of either kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.wire import Received, Wire, answer


@pytest.fixture
def server(wire: Callable[..., Wire]) -> Wire:
    """Answer with the number at the end of the path; there is no number 404."""

    def answerer(request: Received) -> Any:
        number = request.target.rpartition("/")[2]
        return answer(number.encode(), "404 Not Found" if number == "404" else "200 OK")

    return wire(answerer=answerer)


@pytest.fixture
def driver(library: Any, server: Wire) -> Any:
    """A driver of either kind."""
    return library(server.url).driver

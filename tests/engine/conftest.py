"""What the engine's tests share: wires that are closed, and clients of the small tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from grad300_sdk.engine import session

from .library import CLIENTS
from .wire import Answerer, Step, Wire


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    """Start servers that end with the test."""
    with ExitStack() as stack:

        def start(*script: Step, answerer: Answerer | None = None) -> Wire:
            return stack.enter_context(Wire(*script, answerer=answerer))

        yield start


@pytest.fixture
def library(harness: Any) -> Callable[..., Any]:
    """Make clients of the small tree, of either kind."""

    def make(*args: Any, **kwargs: Any) -> Any:
        return harness.client(*args, make=CLIENTS, **kwargs)

    return make


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send again at once."""
    monkeypatch.setattr(session, "_jitter", lambda: 0.0)

"""What the engine's tests share: clients of the small tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.library import CLIENTS


@pytest.fixture
def library(harness: Any) -> Callable[..., Any]:
    """Make clients of the small tree, of either kind."""

    def make(*args: Any, **kwargs: Any) -> Any:
        return harness.client(*args, make=CLIENTS, **kwargs)

    return make

"""What the tests of downloads share: nothing waits before it is sent again."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _at_once(no_backoff: None) -> None:
    """Send again at once."""

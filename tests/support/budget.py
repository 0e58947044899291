"""How many inputs a property-based test tries."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# So many times as many inputs, at random; without it a test tries the same few every time.
VARIABLE = "GRAD300_TEST_EFFORT"


def budget(examples: int) -> settings:
    """Return the settings of a test that tries so many inputs, or more if it is asked to."""
    effort = int(os.environ.get(VARIABLE, "0"))
    return settings(
        max_examples=examples * max(effort, 1),
        derandomize=not effort,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

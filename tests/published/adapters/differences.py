"""A plugin of pytest's: what the example does otherwise on purpose, as docs/gracedb.rst says."""

from __future__ import annotations

import pytest

OPEN_FILE = "a file's get() returns its bytes, not an open file"
DIFFERENCES = {
    "test_events_files_file_get": OPEN_FILE,
    "test_superevents_files_file_get": OPEN_FILE,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the tests of a difference to fail."""
    for item in items:
        if reason := DIFFERENCES.get(item.name):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))

"""Checks of arguments."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from grad300_sdk.engine.client import check_base_url, check_integer, check_method, check_timeout


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://a.test", "http://a.test"),
        (" https://A.test:443/v1// ", "https://a.test/v1"),
        (httpx.URL("http://a.test/"), "http://a.test"),
        ("http://[::1]:80/x", "http://[::1]/x"),
        ("http://bücher.test/é", "http://xn--bcher-kva.test/%C3%A9"),
        ("http://a.test/@ann", "http://a.test/@ann"),
        ("http://a.test.:65535", "http://a.test.:65535"),
    ],
)
def test_base_urls(given: Any, url: str) -> None:
    assert check_base_url(given) == url


def seconds(timeout: Any) -> float | None:
    """Return the seconds that a time-out allows for a read."""
    return check_timeout(timeout)["read"]


def test_numbers() -> None:
    assert seconds(np.float64(0.5)) == 0.5
    assert seconds(10**400) == seconds(1e9) < 2**31 / 1000
    assert check_integer("n", np.int16(3), 0) == 3
    assert check_method("get") == "GET"

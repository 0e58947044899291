"""Checks of arguments."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from grad300_sdk.engine.checks import (
    check_base_url,
    check_headers,
    check_integer,
    check_method,
    check_positive,
    check_proxy,
    check_timeout,
)


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


@pytest.mark.parametrize("value", [True, np.bool_(True), 1.0, "1", None, 1j, [1]])
def test_what_is_not_an_integer(value: object) -> None:
    with pytest.raises(TypeError, match="n must be an integer, not"):
        check_integer("n", value, 0)


def test_an_integer_that_is_too_small() -> None:
    assert check_integer("n", 2, 2) == 2
    with pytest.raises(ValueError, match=r"^n must be at least 2, not 1$"):
        check_integer("n", 1, 2)


def test_numbers_above_0() -> None:
    assert check_positive("n", None) is None
    assert check_positive("n", 2) == 2.0
    for value in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="n must be a finite number above 0, not"):
            check_positive("n", value)
    for wrong in (True, "1"):
        with pytest.raises(TypeError, match="n must be a number, not"):
            check_positive("n", wrong)


def test_headers() -> None:
    assert check_headers(None) == check_headers({}) == {}
    headers = httpx.Headers({"X-Key": "a b", "Empty": ""})
    assert check_headers(headers) == {"x-key": "a b", "empty": ""}


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ([("X", "s3cret")], TypeError),
        ({"X": b"s3cret"}, TypeError),
        ({5: "s3cret"}, TypeError),
        ({"X": "s3cret\n"}, ValueError),
        ({"X": " s3cret"}, ValueError),
        ({"X": "s3cr\x00et"}, ValueError),
        ({"X": "s3crét"}, ValueError),
        ({"X:": "s3cret"}, ValueError),
        ({"X Y": "s3cret"}, ValueError),
        ({"": "s3cret"}, ValueError),
    ],
)
def test_headers_that_can_not_be_sent(headers: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="headers") as caught:
        check_headers(headers)
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize("method", ["GET /", "", "GÉT", "GET\n", "X-Y"])
def test_what_is_no_method(method: str) -> None:
    with pytest.raises(ValueError, match="method must be an HTTP method such as 'GET'"):
        check_method(method)
    with pytest.raises(TypeError, match="method must be a str"):
        check_method(method.encode())


def test_proxies() -> None:
    assert check_proxy(None) is None
    proxy = httpx.Proxy("http://proxy.test")
    assert check_proxy(proxy) is proxy
    found = check_proxy("https://ann:pw@proxy.test:1080")
    assert found is not None
    assert (str(found.url), found.raw_auth) == ("https://proxy.test:1080", (b"ann", b"pw"))
    with pytest.raises(TypeError, match=r"proxy must be a str or an httpx\.Proxy, not int"):
        check_proxy(5)

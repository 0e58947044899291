"""Proxies: that of the client, and those that the environment names."""

from __future__ import annotations

from typing import Any

import httpx

from grad300_sdk.engine.network.base import NetworkOptions
from tests.support.wire import answer


def test_no_password_of_a_proxy_is_shown() -> None:
    proxy = httpx.Proxy("http://ann:s3cret@proxy.test")
    options = NetworkOptions(max_connections=1, proxy=proxy)
    assert "s3cret" not in repr(options)


def test_a_proxy_is_used(harness: Any, library: Any, wire: Any) -> None:
    proxy = wire(answer(b"{}"))
    client = library("http://library.test/v1", proxy=proxy.url)
    assert harness.call(client.books["1"].get) == {}
    assert proxy.requests[0].target == "http://library.test/v1/books/1"

"""Connections of a blocking client that a test holds, so that no request gets them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from grad300_sdk.engine.flow import Exchange, Send
from grad300_sdk.engine.network.sync import run_to_end
from grad300_sdk.engine.sending.redact import Redactor
from grad300_sdk.engine.sending.response import RateGuard


@contextmanager
def held_connection(client: Any) -> Iterator[httpx.Response]:
    """Hold one connection of a client, on which something was answered, and is not read."""
    send = Send(method="GET", path="/books/1")
    session, network = client.session, client.driver.network
    request = session.requests.build(send, session.requests.url(send))
    guard = RateGuard(Exchange(send, request, Redactor()), time.monotonic)
    response, lease = run_to_end(network.open(request, guard))
    try:
        yield response
    finally:
        run_to_end(network.close(response, network.pieces(response)))
        run_to_end(lease.release(None))

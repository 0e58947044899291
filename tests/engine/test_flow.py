"""Effects, and flows under way."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from grad300_sdk.engine import Flow, Gather, Send
from grad300_sdk.engine.flow import Exchange, RunningFlow, Sleep
from grad300_sdk.engine.sending.redact import Redactor
from tests.support.flows import get


def test_no_secret_of_a_send_is_in_its_repr() -> None:
    secret = "s3cret"
    send = Send(
        method="POST",
        path="/",
        json=secret,
        data={"password": secret},
        files={"f": secret},
        content=secret,
        headers={"Authorization": secret},
    )
    assert secret not in repr(send)
    request = httpx.Request("POST", "http://library.test", headers={"Authorization": secret})
    exchange = Exchange(send, request, Redactor((secret,)))
    assert secret not in repr(exchange)
    assert repr(exchange) == "Exchange(Send(method='POST', path='/', params=None))"


@pytest.mark.parametrize(
    ("options", "has_body"),
    [
        ({}, False),
        ({"params": {"a": 1}, "headers": {"X": "y"}}, False),
        ({"json": 0}, True),
        ({"json": None}, False),
        ({"data": {}}, True),
        ({"files": {}}, True),
        ({"content": b""}, True),
    ],
)
def test_what_has_a_body(options: dict[str, Any], has_body: bool) -> None:
    assert Send(method="POST", path="/", **options).has_body is has_body


@pytest.mark.parametrize("limit", [0, -1])
def test_no_flows_at_once_are_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=f"limit must be at least 1, not {limit}"):
        Gather([], limit)


def test_a_flow_runs_from_effect_to_effect() -> None:
    running = RunningFlow(get("/1"))
    assert running.effect == Send(method="GET", path="/1")
    assert running.result is None
    running.answer(httpx.Response(200, json=[1]))
    assert running.effect is None
    assert running.result == [1]


def test_a_flow_may_handle_the_failure_of_its_effect() -> None:
    def flow() -> Flow[str]:
        try:
            yield Sleep(1.0)
        except LookupError as error:
            yield Sleep(2.0)
            return str(error)
        return ""

    running = RunningFlow(flow())
    running.fail(LookupError("mine"))
    assert running.effect == Sleep(2.0)
    running.answer(None)
    assert (running.effect, running.result) == (None, "mine")


def test_a_failure_that_a_flow_does_not_handle_is_raised() -> None:
    running = RunningFlow(get("/1"))
    with pytest.raises(LookupError, match="mine"):
        running.fail(LookupError("mine"))


def test_a_flow_that_is_closed_ends_where_it_is() -> None:
    ended: list[bool] = []

    def flow() -> Flow[None]:
        try:
            yield Sleep(1.0)
        finally:
            ended.append(True)

    running = RunningFlow(flow())
    assert ended == []
    running.close()
    assert ended == [True]
    assert running.effect is None


def test_a_flow_that_fails_at_once_is_not_made() -> None:
    def flow() -> Flow[None]:
        raise LookupError("mine")
        yield Sleep(1.0)

    with pytest.raises(LookupError, match="mine"):
        RunningFlow(flow())

"""What a call sends first, where it sends several requests or sends them in odd ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import (
    Exclusive,
    Flow,
    Gather,
    Items,
    ItemsFlow,
    M,
    Node,
    Sender,
    endpoint,
    iterator,
)
from grad300_sdk.engine.errors import Error, NotFoundError
from grad300_sdk.engine.exploring.preview import first_response
from grad300_sdk.engine.flow import Sleep
from tests.support.flows import get, pieces
from tests.support.wire import Received, Wire, answer


class Odd(Node[M], template="{+parent}/odd"):
    """Calls whose first effect is no request."""

    @endpoint("GET")
    def together(self, send: Sender, names: list[str]) -> Flow[list[Any]]:
        """Get several at once."""
        yield Gather([], 1)
        flows = [send.json(object, params={"name": name}) for name in names]
        answers: list[Any] = yield Gather(flows, 2)
        return answers

    @endpoint("GET")
    def in_the_end(self, send: Sender) -> Flow[Any]:
        """Ask for one thing after nothing."""
        yield Gather([], 1)
        return (yield from send.json(object, params={"last": True}))

    @endpoint("GET")
    def alone(self, send: Sender) -> Flow[Any]:
        """Ask while nothing else of the kind does."""
        return (yield Exclusive(send.json(object, params={"alone": True})))

    @iterator("GET")
    def items(self, send: Sender) -> ItemsFlow[Any]:
        """Return something before the first request."""
        yield Items([1])
        yield Items((yield from send.json(list[Any], params={"page": 1})))

    @endpoint("GET")
    def forgiving(self, send: Sender, path: str) -> Flow[str]:
        """Take no harm."""
        try:
            yield from send.content(path=path)
        except Error as error:
            return str(error)
        return ""

    @endpoint("GET")
    def forgiving_together(self, send: Sender, path: str) -> Flow[Any]:
        """Take no harm, several at once."""
        return (yield Gather([self.forgiving.flow(path)], 1))


@pytest.fixture
def sent() -> list[str]:
    """The queries that were sent."""
    return []


@pytest.fixture
def odd(library: Callable[..., Any], sent: list[str]) -> Any:
    """The node, on either client."""

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.query.decode())
        return httpx.Response(404 if "lost" in request.url.path else 200, json=[])

    return Odd(library(transport=httpx.MockTransport(handle)))


@pytest.mark.parametrize(
    ("name", "arguments", "query"),
    [
        ("together", [["a", "b"]], "name=a"),
        ("in_the_end", [], "last=true"),
        ("alone", [], "alone=true"),
        ("items", [], "page=1"),
    ],
)
def test_the_first_request_is_shown_and_sent_alone(
    harness: Any, odd: Any, sent: list[str], name: str, arguments: list[Any], query: str
) -> None:
    call = getattr(odd, name)
    assert call.request(*arguments).url.query.decode() == query
    assert call.curl(*arguments) == f"curl 'http://library.test/v1/odd?{query}'"
    assert sent == []
    response = harness.call(call.response, *arguments)
    assert (response.status_code, sent) == (200, [query])


@pytest.mark.parametrize("way", ["request", "curl", "response"])
def test_a_call_that_sends_nothing_says_so(
    harness: Any, odd: Any, sent: list[str], way: str
) -> None:
    with pytest.raises(ValueError, match="with these arguments the call sends nothing"):
        harness.call(getattr(odd.together, way), [])
    assert sent == []


@pytest.mark.parametrize("name", ["forgiving", "forgiving_together"])
def test_a_failure_that_the_call_takes_no_harm_of_is_raised(
    harness: Any, odd: Any, name: str
) -> None:
    assert "404" in str(harness.call(getattr(odd, name), "/lost"))
    with pytest.raises(NotFoundError):
        harness.call(getattr(odd, name).response, "/lost")


def test_the_first_response(harness: Any, library: Any, wire: Callable[..., Wire]) -> None:
    def answerer(request: Received) -> Any:
        number = request.target[1:]
        return answer(number.encode(), "404 Not Found" if number == "404" else "200 OK")

    driver = library(wire(answerer=answerer).url).driver

    def sleeping() -> Flow[Any]:
        yield Sleep(0.0)
        try:
            yield from get("/404")
        except NotFoundError:
            yield from get("/7")
        raise AssertionError("this is after the first response")

    response = harness.run(driver.run(first_response(sleeping())))
    assert response.json() == 7
    response = harness.run(driver.run(first_response(pieces("/8"))))
    assert response.content == b"8"
    with pytest.raises(NotFoundError):
        harness.run(driver.run(first_response(get("/404"))))

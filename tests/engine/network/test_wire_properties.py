"""Servers of every kind: an answer is the one to its request, or an error of the engine's."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from grad300_sdk.engine import Flow, Gather
from grad300_sdk.engine.errors import APIError, Error
from tests.conftest import Harness
from tests.support.budget import budget
from tests.support.flows import pieces
from tests.support.library import CLIENTS
from tests.support.wire import CLOSE, RESET, Act, Received, Step, Wire

CODINGS = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "x-gzip": gzip.compress,
    "identity": bytes,
}
OTHER = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"id": "wrong"}'
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
EXTRAS = {
    "": b"",
    "line break": b"\r\n",
    "byte": b"x",
    "answer": OTHER,
    "part of an answer": OTHER[:20],
    "zeros": b"\x00" * 5000,
}
CALLS = ("get", "text", "stream", "head", "lend")


@dataclass
class Plan:
    """How a server answers one request."""

    status: int = 200
    framing: Literal["length", "chunked", "close"] = "length"
    coding: str = ""
    hints: bool = False
    version: str = "1.1"
    closes: bool = False
    size: int = 0
    cuts: list[float] = field(default_factory=list)
    extra: str = ""
    broken_at: float | None = None  # a part of what would be sent
    end: Act = CLOSE

    @property
    def is_sound(self) -> bool:
        """Whether the answer arrives as it should."""
        return self.broken_at is None

    def step(self, request: Received) -> Step:
        """Return what is sent to a request."""
        name = request.target.split("/")[2]
        body = json.dumps({"id": name, "method": request.method, "pad": "x" * self.size}).encode()
        whole, ends = self._message(request.method, body)
        if self.broken_at is not None:
            return [whole[: int(self.broken_at * len(whole))], self.end]
        places = sorted({int(cut * len(whole)) for cut in self.cuts} | {0, len(whole)})
        pieces: list[bytes | Act] = [whole[one:other] for one, other in pairwise(places)]
        if self.framing != "close":  # where it would be a part of the body
            pieces[-1] = bytes(pieces[-1]) + EXTRAS[self.extra]  # at once: it is there in time
        return [*pieces, CLOSE] if ends else pieces

    def _message(self, method: str, body: bytes) -> tuple[bytes, bool]:
        """Return the whole message, and whether the connection ends with it."""
        body = CODINGS[self.coding](body)
        head = [f"HTTP/{self.version} {self.status} Reason", "Content-Type: application/json"]
        if self.coding:
            head.append(f"Content-Encoding: {self.coding}")
        ends = self.closes or self.framing == "close" or self.version == "1.0"
        if ends:
            head.append("Connection: close")
        if self.framing == "length" or (self.framing == "chunked" and self.version == "1.0"):
            head.append(f"Content-Length: {len(body)}")
        elif self.framing == "chunked":
            head.append("Transfer-Encoding: chunked")
            half = len(body) // 2
            chunks = [body[:half], body[half:], b""]
            body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)
            body += b"0\r\n\r\n"
        if method == "HEAD" or self.status in (204, 304):
            body = b""
        text = "\r\n".join([*head, "", ""]).encode()
        return HINTS * self.hints + text + body, ends


PARTS = st.floats(0, 1, exclude_max=True)
PLANS = st.builds(
    Plan,
    status=st.sampled_from([200, 200, 200, 201, 204, 304, 404, 500]),
    framing=st.sampled_from(["length", "length", "chunked", "close"]),
    coding=st.sampled_from([*CODINGS, ""]),
    hints=st.booleans(),
    version=st.sampled_from(["1.1", "1.1", "1.1", "1.0"]),
    closes=st.sampled_from([False, False, False, True]),
    size=st.sampled_from([0, 1, 1000, 70_000]),
    cuts=st.lists(PARTS, max_size=4),
    extra=st.sampled_from([*EXTRAS, ""]),
    broken_at=st.one_of(st.none(), st.none(), st.none(), PARTS),
    end=st.sampled_from([CLOSE, RESET]),
)
ASKED = st.lists(st.tuples(st.sampled_from(CALLS), PLANS), min_size=1, max_size=8)


@pytest.fixture
def server(wire: Any) -> Any:
    """A server that answers the request for each book by the plan of that name."""
    plans: dict[str, Plan] = {}

    def answerer(request: Received) -> Step:
        return plans[request.target.split("/")[2]].step(request)

    started: Wire = wire(answerer=answerer)
    return started, plans


def ask(harness: Harness, client: Any, call: str, name: str) -> Any:
    """Return what a call gives for a book."""
    book = client.books[name]
    if call == "head":
        return harness.call(client.request, "HEAD", f"/books/{name}")
    if call == "stream":
        return b"".join(harness.list(client.driver.iterate(pieces(f"/books/{name}"))))
    return harness.call({"get": book.get, "text": book.text.get, "lend": book.lend}[call])


def check(call: str, plan: Plan, name: str, result: Any) -> None:
    """Check that a result, or an error, is that of the request for this book."""
    event(type(result).__name__)
    if isinstance(result, APIError):
        assert result.status_code == plan.status >= 300
        return
    if isinstance(result, Error):
        assert not plan.is_sound or plan.status == 204
        return
    if not plan.is_sound:  # the end of such a body can't be told from a cut
        assert (plan.framing, call) in {("close", "text"), ("close", "stream")}
        return
    if call == "head":
        assert result.content == b""
        assert result.request.url.path == f"/books/{name}"
        return
    if isinstance(result, bytes) and not result:
        return  # as of a 204
    found = json.loads(result) if isinstance(result, bytes) else result
    assert found["id"] == name
    assert found["method"] == ("POST" if call == "lend" else "GET")


@budget(60)
@given(asked=ASKED, max_connections=st.integers(1, 2))
def test_each_answer_is_that_to_its_request(
    harness: Harness, server: Any, asked: list[tuple[str, Plan]], max_connections: int
) -> None:
    wire, plans = server
    blocking, awaiting = CLIENTS
    kind = blocking if harness.mode == "blocking" else awaiting
    client = kind(wire.url, max_connections=max_connections, retries=0, timeout=20.0)
    try:
        for number, (call, plan) in enumerate(asked):
            name = f"{number}"
            plans[name] = plan
            try:
                result = ask(harness, client, call, name)
            except Error as error:
                result = error
            check(call, plan, name, result)
    finally:
        harness.run(harness.close_client(client))


@budget(30)
@given(plans=st.lists(PLANS, min_size=2, max_size=12), limit=st.integers(1, 6))
def test_each_answer_is_that_to_its_request_at_once(
    harness: Harness, server: Any, plans: list[Plan], limit: int
) -> None:
    wire, by_name = server
    by_name.update({f"{number}": plan for number, plan in enumerate(plans)})
    blocking, awaiting = CLIENTS
    kind = blocking if harness.mode == "blocking" else awaiting
    client = kind(wire.url, max_connections=3, retries=0, timeout=20.0)

    def one(name: str) -> Flow[Any]:
        try:
            return (yield from client.books[name].get.flow())
        except Error as error:
            return error

    def all_at_once() -> Flow[Any]:
        return (yield Gather([one(name) for name in list(by_name)[: len(plans)]], limit))

    try:
        results = harness.run(client.driver.run(all_at_once()))
    finally:
        harness.run(harness.close_client(client))
    for number, (plan, result) in enumerate(zip(plans, results, strict=True)):
        check("get", plan, f"{number}", result)

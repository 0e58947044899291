"""What a sender makes of answers: envelopes, and pages that link to the next."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypedDict

import httpx
import pytest

from grad300_sdk.engine import (
    ClientOptions,
    Flow,
    ItemsFlow,
    M,
    Node,
    Root,
    Send,
    Sender,
    Token,
    drop_none,
    endpoint,
    iterator,
)
from grad300_sdk.engine.declaring.send import SendOptions
from grad300_sdk.engine.errors import DecodeError
from grad300_sdk.engine.sending.response import next_link
from tests.support.shelf import Mark
from tests.support.wire import Received, Wire, answer


def test_given() -> None:
    assert drop_none() == {}
    assert drop_none(a=None, b=0, c="", d=[], e=False) == {"b": 0, "c": "", "d": [], "e": False}


def test_what_may_be_said_is_what_is_taken() -> None:
    assert set(ClientOptions.__annotations__) <= set(inspect.signature(Root).parameters)
    assert set(SendOptions.__annotations__) == set(Send.__struct_fields__)


@pytest.mark.parametrize(
    ("content", "tags"),
    [(b'{"tags": []}', []), (b'{"n": 1, "tags": ["a"], "links": {}}', ["a"])],
)
def test_an_envelope(
    harness: Any, shelf: Any, wire: Callable[..., Wire], content: bytes, tags: list[str]
) -> None:
    assert harness.call(shelf(wire(answer(content)).url).tags.get) == tags


def test_an_envelope_in_an_envelope(harness: Any, shelf: Any, wire: Callable[..., Wire]) -> None:
    class Deep(Node[M], template="{+parent}/deep"):
        @endpoint("GET")
        def get(self, send: Sender) -> Flow[list[int]]:
            """Get them."""
            return (yield from send.json(list[int], key="data.items"))

        @iterator("GET")
        def search(self, send: Sender) -> ItemsFlow[int]:
            """Iterate over them."""
            yield from send.pages(int, key="data.items", link="data.next")

    content = b'{"data": {"items": [1, 2], "next": null}}'
    deep = Deep(shelf(wire(*[answer(content)] * 2, answer(b'{"data": []}')).url))
    assert harness.call(deep.get) == [1, 2]
    assert harness.list(deep.search()) == [1, 2]
    with pytest.raises(DecodeError, match=r"\$\.data"):
        harness.call(deep.get)


def test_json_is_written_as_it_is_read(
    harness: Any, shelf: Any, wire: Callable[..., Wire]
) -> None:
    class Loan(TypedDict):
        since: datetime
        mark: Mark

    class Loans(Node[M], template="{+parent}/loans"):
        @endpoint("PUT")
        def put(self, send: Sender, loan: Loan) -> Flow[Loan]:
            """Replace it."""
            return (yield from send.json(Loan, json=loan))

    server = wire(answerer=lambda request: answer(request.body))
    loan = Loan(since=datetime(2025, 2, 4, 9, 30, tzinfo=UTC), mark=Mark.GOOD)
    assert harness.call(Loans(shelf(server.url)).put, loan) == loan
    assert server.requests[0].body == b'{"since":"2025-02-04T09:30:00Z","mark":"good"}'
    assert server.requests[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b"null", b'{"tags": null}', b'{"tags": [1]}', b"<html>", b""]
)
def test_what_is_no_such_envelope(
    harness: Any, shelf: Any, wire: Callable[..., Wire], content: bytes
) -> None:
    with pytest.raises(DecodeError, match="answered 200 with a body that is not the expected"):
        harness.call(shelf(wire(answer(content)).url).tags.get)


def page(items: list[Any], link: Any = None) -> list[Any]:
    """Write an answer."""
    return answer(json.dumps({"items": items, "links": {"next": link}}).encode())


def test_pages_are_fetched_as_they_are_asked_for(
    harness: Any, shelf: Any, wire: Callable[..., Wire]
) -> None:
    server = wire(
        page([0, 1], "?page=2&q=a%20b"), page([], "/other?x#fragment"), page([2], ""), page([3])
    )
    client = shelf(f"{server.url}/v1", credentials=Token("t0k"))
    items = client.tags.search(reader="me", page=0)
    assert [harness.next(items) for _ in range(2)] == [0, 1]
    assert len(server.requests) == 1
    assert harness.list(items) == [2]
    assert [request.target for request in server.requests] == [
        "/v1/tags/by/me?page=0",
        "/v1/tags/by/me?page=2&q=a%20b",
        "/other?x",
    ]
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer t0k"}
    assert {request.headers["accept"] for request in server.requests} == {"application/json"}


@pytest.mark.parametrize(
    "content",
    [
        b'{"items": [1]}',
        b'{"items": [1], "links": null}',
        b'{"items": [1], "links": []}',
        b'{"items": [1], "links": {}}',
        b'{"items": [1], "links": {"next": null}}',
        b'{"items": [1], "links": {"next": ""}}',
    ],
)
def test_a_page_without_a_link_is_the_last_one(
    harness: Any, shelf: Any, wire: Callable[..., Wire], content: bytes
) -> None:
    client = shelf(wire(answer(content)).url)
    assert harness.list(client.tags.search(reader="me")) == [1]


@pytest.mark.parametrize(
    "link",
    [
        "http://evil.test/v1?page=2",
        "//evil.test/v1",
        "https://shelf.test/v1",
        "http://shelf.test:81/v1",
        "http://me:secret@shelf.test/v1",
        "http://shelf.test/%2e%2e/admin",
        "http://[::1",
        "http://shelf.test:x/",
        "ftp://shelf.test/",
        "javascript:alert(1)",
        7,
        ["a"],
        {"href": "/v1"},
        True,
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(
    harness: Any, shelf: Any, link: object
) -> None:
    sent: list[httpx.URL] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.url)
        return httpx.Response(200, json={"items": [1], "links": {"next": link}})

    client = shelf(transport=httpx.MockTransport(handle), credentials=Token("t0k"))
    items = client.tags.search(reader="me")
    assert harness.next(items) == 1
    with pytest.raises(DecodeError, match="a link that does not lead to this server") as caught:
        harness.next(items)
    assert len(sent) == 1
    assert caught.value.response is not None


@pytest.mark.parametrize("loop", [("?page=1",), ("?page=2", "?page=3", "?page=2")])
def test_links_that_go_round_end_with_an_error(
    harness: Any, shelf: Any, wire: Callable[..., Wire], loop: tuple[str, ...]
) -> None:
    links = iter(loop)

    def next_page(request: Received) -> Any:
        return page([1], next(links))

    server = wire(answerer=next_page)
    items = shelf(server.url).tags.search(reader="me", page=1)
    assert [harness.next(items) for _ in loop] == [1] * len(loop)
    with pytest.raises(DecodeError, match="a link to an earlier page"):
        harness.next(items)
    assert len(server.requests) == len(loop)


@pytest.mark.parametrize(
    "content", [b"[]", b'{"links": {}}', b'{"items": ["a"]}', b"<html></html>"]
)
def test_what_is_no_page(
    harness: Any, shelf: Any, wire: Callable[..., Wire], content: bytes
) -> None:
    client = shelf(wire(answer(content)).url)
    with pytest.raises(DecodeError):
        harness.list(client.tags.search(reader="me"))


# Pages that are linked in a header.


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        (['<?page=2>; rel="next"'], "?page=2"),
        (["<?page=2>;rel=next"], "?page=2"),
        (["<?page=2>; REL = Next"], "?page=2"),
        (['<?page=2>; rel="prev next"'], "?page=2"),
        (['<a>; rel="prev", <b>; rel="next", <c>; rel="last"'], "b"),
        (['<a>; rel="prev"', '<b>; rel="next"'], "b"),
        (['<?a=1,2;b=3>; rel="next"'], "?a=1,2;b=3"),
        (['<b>; title="a=b; \\"c\\", <d>; rel=last"; rel="next"'], "b"),
        (['<a>; title="<b>; rel=next"; rel="last"'], None),
        (['<a>; rel="last"; rel="next"'], None),
        (['<a>; rel="next"; anchor="/other"', '<b>; rel="next"'], "b"),
        (["<a>; title*=UTF-8''b; rel=next"], "a"),
        (['<>; rel="next"'], ""),
        (['<a>; rel="next"; title="open'], "a"),
        (['<a; rel="next"', "junk", "", ";,<,>"], None),
        (["<a>"], None),
        (["<a>; b=" + " " * 50_000 + '"'], None),
        ([], None),
    ],
)
def test_a_link_header(headers: list[str], target: str | None) -> None:
    assert next_link(httpx.Headers([("Link", header) for header in headers])) == target


class Linked(Node[M], template="{+parent}/linked/{name}"):
    """Numbers, on pages that are linked in their headers."""

    name: str

    @iterator("GET")
    def search(self, send: Sender) -> ItemsFlow[int]:
        """Iterate over them."""
        return send.pages(int)


def linked(items: list[Any], link: str | None = None) -> Any:
    """Write an answer."""
    headers = {} if link is None else {"Link": f'<?page=0>; rel="first", <{link}>; rel="next"'}
    return answer(json.dumps(items).encode(), **headers)


def test_pages_that_are_linked_in_their_headers(
    harness: Any, shelf: Any, wire: Callable[..., Wire]
) -> None:
    server = wire(linked([0, 1], "?page=2&q=a,b"), linked([], "/other?x"), linked([2]))
    items = Linked(shelf(f"{server.url}/v1", credentials=Token("t0k")), name="me").search()
    assert [harness.next(items) for _ in range(2)] == [0, 1]
    assert len(server.requests) == 1
    assert harness.list(items) == [2]
    targets = ["/v1/linked/me", "/v1/linked/me?page=2&q=a,b", "/other?x"]
    assert [request.target for request in server.requests] == targets
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer t0k"}


@pytest.mark.parametrize("link", ["http://evil.test/", "//evil.test/", "http://a:b@shelf.test/"])
def test_a_header_that_leads_elsewhere_is_not_followed(
    harness: Any, shelf: Any, link: str
) -> None:
    headers = {"Link": f'<{link}>; rel="next"'}
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=[1], headers=headers)

    items = Linked(shelf(transport=httpx.MockTransport(handle)), name="me").search()
    assert harness.next(items) == 1
    with pytest.raises(DecodeError, match="a link that does not lead to this server"):
        harness.next(items)
    assert len(sent) == 1


def test_headers_that_link_to_an_earlier_page_end_with_an_error(
    harness: Any, shelf: Any, wire: Callable[..., Wire]
) -> None:
    server = wire(linked([1], "?page=2"), linked([2], "me"))
    items = Linked(shelf(server.url), name="me").search()
    assert [harness.next(items) for _ in range(2)] == [1, 2]
    with pytest.raises(DecodeError, match="a link to an earlier page"):
        harness.next(items)


@pytest.mark.parametrize("is_in_header", [False, True])
def test_a_hundred_empty_pages_in_a_row_end_with_an_error(
    harness: Any, shelf: Any, is_in_header: bool
) -> None:
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        link = f"?page={len(sent)}"
        items = [7] if len(sent) == 100 else []
        if is_in_header:
            return httpx.Response(200, json=items, headers={"Link": f"<{link}>; rel=next"})
        return httpx.Response(200, json={"items": items, "links": {"next": link}})

    client = shelf(transport=httpx.MockTransport(handle))
    linked = Linked(client, name="me")
    items = linked.search() if is_in_header else client.tags.search(reader="me")
    assert harness.next(items) == 7
    assert len(sent) == 100
    with pytest.raises(DecodeError, match="an empty page, like the 99 before it"):
        harness.next(items)
    assert len(sent) == 200


SECRET = "s3cret-token-of-the-reader"


@pytest.mark.parametrize("link", [f"http://evil.test/?token={SECRET}", f"?token={SECRET}"])
@pytest.mark.parametrize("is_in_header", [False, True])
def test_no_error_shows_the_secret_in_a_link(
    harness: Any, shelf: Any, link: str, is_in_header: bool
) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if is_in_header:
            return httpx.Response(200, json=[1], headers={"Link": f"<{link}>; rel=next"})
        return httpx.Response(200, json={"items": [1], "links": {"next": link}})

    client = shelf(transport=httpx.MockTransport(handle), credentials=Token(SECRET))
    linked = Linked(client, name="me")
    with pytest.raises(DecodeError, match="a link that repeats a secret") as caught:
        harness.list(linked.search() if is_in_header else client.tags.search(reader="me"))
    assert SECRET[:8] not in str(caught.value)

"""What an API's tree can declare: variables in suffixes, envelopes, pages with links, and more."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypedDict, Unpack

import httpx
import pytest

from grad300_sdk.engine import (
    Async,
    ClientOptions,
    Flow,
    ItemsFlow,
    M,
    Node,
    Root,
    Send,
    Sender,
    Sync,
    Token,
    child,
    drop_none,
    endpoint,
    iterator,
)
from grad300_sdk.engine.declaring.send import SendOptions
from grad300_sdk.engine.errors import DecodeError
from tests.support.wire import Received, Wire, answer


class Mark(Enum):
    """What a reader thinks of a book."""

    GOOD = "good"


class Title(TypedDict):
    """What must be said of a book."""

    title: str


class Marks(Title, total=False):
    """What can be said of a book."""

    pages: int | None


class Tag(Node[M], template="{+parent}{name}"):
    """A tag."""

    name: str


class Tags(Node[M], template="{+parent}/tags/"):
    """Tags."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[list[str]]:
        """Get them."""
        return (yield from send.json(list[str], key="tags"))

    @endpoint("PUT", "{tag}{?strict}")
    def create(self, send: Sender, tag: object, *, strict: bool | None = None) -> Flow[None]:
        """Add one."""
        yield from send()

    @endpoint("DELETE", "{tag}")
    def delete(self, send: Sender, tag: object = None) -> Flow[None]:
        """Take one away."""
        yield from send()

    @iterator("GET", "by/{reader}")
    def search(self, send: Sender, *, reader: str, page: int | None = None) -> ItemsFlow[int]:
        """Iterate over them."""
        yield from send.pages(int, key="items", link="links.next", params={"page": page})


class Shelf(Root[M]):
    """A tree."""

    def __init__(self, url: str = "http://shelf.test/v1", **options: Any) -> None:
        super().__init__(url, user_agent="shelf/1", retries=0, **options)

    tags = child(Tags[M])

    @endpoint("POST", "/books")
    def add(self, send: Sender, shelf: int, /, **marks: Unpack[Marks]) -> Flow[Any]:
        """Add a book."""
        return (yield from send.json(object, json={"shelf": shelf, **drop_none(**marks)}))

    @endpoint("POST", "/any")
    def anything(self, send: Sender, **fields: int) -> Flow[Any]:
        """Add anything."""
        return (yield from send.json(object, json=fields))


class BlockingShelf(Shelf[Sync]):
    """The blocking client."""


class AwaitingShelf(Shelf[Async]):
    """The awaiting client."""


@pytest.fixture
def shelf(harness: Any) -> Callable[..., Any]:
    """Make clients of either kind."""

    def make(*args: Any, **options: Any) -> Any:
        return harness.client(*args, make=(BlockingShelf, AwaitingShelf), **options)

    return make


# Variables of a suffix


@pytest.mark.parametrize(
    ("tag", "path"),
    [("a", "a"), ("a/b?é#%", "a%2Fb%3F%C3%A9%23%25"), (3, "3"), (True, "true"), ("...", "...")],
)
def test_an_argument_is_part_of_the_path(
    harness: Any, shelf: Any, wire: Callable[..., Wire], tag: object, path: str
) -> None:
    server = wire(answer(b""), answer(b"whatever"))
    tags = shelf(f"{server.url}/v1").tags
    assert harness.call(tags.delete, tag) is None
    assert harness.call(tags.create, strict=False, tag=tag) is None
    assert [(r.method, r.target) for r in server.requests] == [
        ("DELETE", f"/v1/tags/{path}"),
        ("PUT", f"/v1/tags/{path}?strict=false"),
    ]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("",), ValueError, "tag is ''"),
        ((".",), ValueError, r"tag is '\.'"),
        (("..",), ValueError, r"tag is '\.\.'"),
        (("\ud800",), ValueError, "UTF-8"),
        ((b"a",), TypeError, "tag is b'a'"),
        ((), TypeError, "needs a value for 'tag'"),
        (("a", "b"), TypeError, "too many"),
    ],
)
@pytest.mark.parametrize("way", ["__call__", "request", "response", "curl", "flow"])
def test_a_bad_argument_of_the_path(
    harness: Any, shelf: Any, arguments: Any, error: type[Exception], message: str, way: str
) -> None:
    with pytest.raises(error, match=message):
        harness.call(getattr(shelf().tags.delete, way), *arguments)


def test_what_is_shown_of_a_call_with_a_variable(shelf: Any) -> None:
    delete = shelf().tags.delete
    assert (delete.path, delete.template) == ("/tags/{tag}", "/tags/{tag}")
    assert "/tags/{tag}" in repr(delete)
    assert delete.request("a b").url == "http://shelf.test/v1/tags/a%20b"
    assert delete.curl("a b") == "curl --request DELETE http://shelf.test/v1/tags/a%20b"
    assert pickle.loads(pickle.dumps(delete)).request("x").method == "DELETE"
    assert "/tags/{tag}{?strict}" in str(shelf().tree())


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        ("/{tga}", "do: suffix '/{tga}' has the unknown variable 'tga'.*did you mean 'tag'"),
        ("/{send}", "unknown variable 'send'"),
        ("/{self}", "unknown variable 'self'"),
        ("/{tag", "braces"),
        ("#{tag}", "%23"),
    ],
)
@pytest.mark.parametrize("declare", [endpoint, iterator])
def test_a_class_with_a_wrong_suffix_is_not_made(declare: Any, suffix: str, message: str) -> None:
    with pytest.raises(TypeError, match=message):

        class Thing(Node[M], template="{+parent}/thing"):
            @declare("GET", suffix)
            def do(self, send: Sender, tag: str) -> Any:
                """Do it."""
                yield from send()


def test_a_suffix_may_stand_for_many_requests(harness: Any, shelf: Any) -> None:
    class All(Node[M], template="{+parent}/all"):
        @endpoint("GET", "/{kind}", for_each=("kind",))
        def get(self, send: Sender) -> Flow[str]:
            """Get all kinds."""
            yield from ()
            return "all"

    call = All(shelf()).get
    assert call.path == call.template == "/all/{kind}"
    assert harness.call(call) == "all"


class Kind(Node[M], template="{+parent}/kinds"):
    """Books by their kind."""

    @endpoint("GET", "/{kind}")
    def get(self, send: Sender, kind: str = "all") -> Flow[dict[str, Any]]:
        """Get those of a kind."""
        return (yield from send.json(dict[str, Any]))


def test_a_default_stands_in_the_path() -> None:
    call = Kind(BlockingShelf()).get
    assert [call.request().url.path, call.request("new").url.path] == [
        "/v1/kinds/all",
        "/v1/kinds/new",
    ]


def test_a_method_has_to_be_named() -> None:
    with pytest.raises(TypeError, match=r"as in @endpoint\('GET'\); got <function"):
        endpoint(lambda node, send: None)


# Nodes below a node


def test_a_child() -> None:
    shelf = BlockingShelf()
    assert shelf.tags == Tags(shelf)
    assert shelf.tags.parent is shelf
    assert "tags" in dir(shelf)
    assert inspect.getdoc(Shelf.tags) == "Tags."
    with pytest.raises(AttributeError, match=r"'tags' of <BlockingShelf .*> can't be set"):
        shelf.tags = None
    with pytest.raises(TypeError, match="Tag needs name"):
        child(Tag)


@pytest.mark.parametrize("name", ["client", "parent", "path", "template"])
def test_what_each_node_has_is_no_name_for_something_below(name: str) -> None:
    @endpoint("GET")
    def get(self: Any, send: Sender) -> Flow[None]:
        yield from send()

    for below in (child(Tags[M]), get):
        with pytest.raises(TypeError, match=f"Odd: no call and no node .* called '{name}'"):
            type(Node)("Odd", (Node,), {name: below})


def test_a_node_is_no_list(shelf: Any) -> None:
    tags = shelf().tags
    for look in (list, lambda node: "a" in node):
        with pytest.raises(TypeError, match=r"<Tags /tags/> is on the server; use its search\(\)"):
            look(tags)
        with pytest.raises(TypeError, match="is not a list"):
            look(Tag(tags, name="a"))


# Parameters that calls share


def test_shared_parameters(harness: Any, shelf: Any, wire: Callable[..., Wire]) -> None:
    server = wire(answerer=lambda request: answer(request.body))
    client = shelf(server.url)
    assert harness.call(client.add, 1, title="Dune") == {"shelf": 1, "title": "Dune"}
    assert harness.call(client.add, 1, title="", pages=0) == {"shelf": 1, "title": "", "pages": 0}
    assert harness.call(client.add, 1, title="x", pages=None) == {"shelf": 1, "title": "x"}
    assert harness.call(client.anything, a=1, b=2) == {"a": 1, "b": 2}


def test_shared_parameters_are_checked_and_shown(shelf: Any) -> None:
    client = shelf()
    with pytest.raises(TypeError, match="'pagse'"):
        client.add.request(1, title="Dune", pagse=1)
    with pytest.raises(TypeError, match="'title'"):
        client.add.request(1)
    parameters = inspect.signature(client.add).parameters
    assert list(parameters) == ["shelf", "title", "pages"]
    assert parameters["title"].default is inspect.Parameter.empty
    assert parameters["pages"].default is None
    assert "client.add(shelf, title, pages=)" in str(client.tree())
    assert list(inspect.signature(client.anything).parameters) == ["fields"]


def test_given() -> None:
    assert drop_none() == {}
    assert drop_none(a=None, b=0, c="", d=[], e=False) == {"b": 0, "c": "", "d": [], "e": False}


def test_what_may_be_said_is_what_is_taken() -> None:
    assert set(ClientOptions.__annotations__) <= set(inspect.signature(Root).parameters)
    assert set(SendOptions.__annotations__) == set(Send.__struct_fields__)


# Envelopes


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


# Pages that have links


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

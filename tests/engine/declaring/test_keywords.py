"""The arguments of calls: what is missing or misspelt is named, and the call as users know it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypedDict, Unpack

import httpx
import pytest

from grad300_sdk.engine import (
    Async,
    Flow,
    ItemsFlow,
    M,
    Node,
    Root,
    Sender,
    Sync,
    child,
    endpoint,
    iterator,
)

WAYS = ["__call__", "request", "response", "curl", "flow"]


class Wanted(TypedDict, total=False):
    """What books can be asked for by."""

    title: str
    author: str


class Required(TypedDict):
    """What must be said of a book."""

    title: str


class Book(Node[M], template="{+parent}/{book_id}"):
    """One book."""

    book_id: str

    @endpoint("PUT", "/marks/{mark}")
    def mark(self, send: Sender, mark: str, *, strict: bool = False) -> Flow[None]:
        """Mark it."""
        return send()


class Books(Node[M], template="{+parent}/books"):
    """All books."""

    @endpoint("GET", synonyms={"rows": "limit", "start": "offset"})
    def get(self, send: Sender, *, limit: int = 10, offset: int = 0) -> Flow[Any]:
        """Get one page."""
        return send.json(object, params={"limit": limit, "offset": offset})

    @iterator("GET", synonyms={"name": "title"})
    def search(self, send: Sender, **wanted: Unpack[Wanted]) -> ItemsFlow[Any]:
        """Iterate over those that are wanted."""
        return send.pages(object, key="items", link="next", params=wanted)

    @endpoint("POST")
    def add(self, send: Sender, shelf: int, /, **fields: Unpack[Required]) -> Flow[Any]:
        """Add one."""
        return send.json(object, json={"shelf": shelf, **fields})

    @endpoint("POST", "/any")
    def anything(self, send: Sender, shelf: int, **fields: Any) -> Flow[Any]:
        """Add anything."""
        return send.json(object, json={"shelf": shelf, **fields})

    def __getitem__(self, book_id: str) -> Book[M]:
        return Book(self, book_id=book_id)


class Shelf(Root[M]):
    """A tree."""

    books = child(Books[M])

    def __init__(self, **options: Any) -> None:
        super().__init__("http://shelf.test", user_agent="shelf/1", **options)


class BlockingShelf(Shelf[Sync]):
    """The blocking client."""


class AwaitingShelf(Shelf[Async]):
    """The awaiting client."""


@pytest.fixture
def sent() -> list[httpx.Request]:
    """List what is sent."""
    return []


@pytest.fixture
def client(harness: Any, sent: list[httpx.Request]) -> Any:
    """Make a client of either kind."""

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"items": []})

    transport = httpx.MockTransport(handle)
    return harness.client(make=(BlockingShelf, AwaitingShelf), transport=transport)


Case = tuple[Callable[[Any], Any], tuple[Any, ...], dict[str, Any], str]
CASES: list[Case] = [
    (
        lambda client: client.books.get,
        (),
        {"limt": 1},
        "client.books.get() has no parameter 'limt'; did you mean 'limit'?",
    ),
    (
        lambda client: client.books.get,
        (),
        {"limit": 1, "zzz": 1},
        "client.books.get() has no parameter 'zzz'",
    ),
    (
        lambda client: client.books.get,
        (),
        {"rows": 5},
        "client.books.get() has no parameter 'rows'; did you mean 'limit'?",
    ),
    (
        lambda client: client.books.get,
        (1,),
        {},
        "client.books.get() got too many positional arguments",
    ),
    (
        lambda client: client.books.search,
        (),
        {"titel": "Dune"},
        "client.books.search() has no parameter 'titel'; did you mean 'title'?",
    ),
    (
        lambda client: client.books.search,
        (),
        {"name": "Dune"},
        "client.books.search() has no parameter 'name'; did you mean 'title'?",
    ),
    (
        lambda client: client.books.add,
        (1,),
        {},
        "client.books.add() missing a required argument: 'title'",
    ),
    (
        lambda client: client.books.add,
        (),
        {"title": "Dune"},
        "client.books.add() missing a required argument: 'shelf'",
    ),
    (
        lambda client: client.books.add,
        (1,),
        {"title": "Dune", "titel": "Dune"},
        "client.books.add() has no parameter 'titel'; did you mean 'title'?",
    ),
    (
        lambda client: client.books.anything,
        (),
        {"size": 1},
        "client.books.anything() missing a required argument: 'shelf'",
    ),
    (
        lambda client: client.books["a/b"].mark,
        ("good",),
        {"strct": True},
        "client.books['a/b'].mark() has no parameter 'strct'; did you mean 'strict'?",
    ),
    (
        lambda client: client.books["1"].mark,
        (),
        {},
        "client.books['1'].mark() missing a required argument: 'mark'",
    ),
    (
        lambda client: client.request,
        ("GET",),
        {},
        "client.request() missing a required argument: 'path'",
    ),
    (
        lambda client: client.get_json,
        ("/",),
        {"parms": {}},
        "client.get_json() has no parameter 'parms'; did you mean 'params'?",
    ),
    (
        lambda client: client.resource("/x").get,
        (),
        {"jsn": 1},
        "client.resource('/x').get() has no parameter 'jsn'; did you mean 'json'?",
    ),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("call", "args", "kwargs", "message"), CASES)
def test_wrong_arguments(
    harness: Any,
    client: Any,
    sent: list[httpx.Request],
    call: Callable[[Any], Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    message: str,
    way: str,
) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        harness.call(getattr(call(client), way), *args, **kwargs)
    assert sent == []


def test_right_arguments(harness: Any, client: Any, sent: list[httpx.Request]) -> None:
    harness.call(client.books.get, offset=2)
    assert harness.list(client.books.search(author="Herbert")) == []
    harness.call(client.books.add, 1, title="Dune")
    harness.call(client.books["1"].mark, "good", strict=True)
    assert [str(request.url).removeprefix("http://shelf.test") for request in sent] == [
        "/books?limit=10&offset=2",
        "/books?author=Herbert",
        "/books",
        "/books/1/marks/good",
    ]


def test_any_keyword_is_sent_where_all_are_taken(
    harness: Any, client: Any, sent: list[httpx.Request]
) -> None:
    harness.call(client.books.anything, 1, titel="Dune", node=2)
    assert sent[0].content == b'{"shelf":1,"titel":"Dune","node":2}'


def test_an_error_of_the_endpoint_s_own_is_not_taken_for_another(
    harness: Any, client: Any
) -> None:
    class Wrong(Node[M], template="{+parent}/wrong"):
        @endpoint("GET")
        def get(self, send: Sender, *, limit: int = 1) -> Flow[Any]:
            """Get it, after a mistake."""
            return send.json(object, params={"limit": limit + "1"})

    with pytest.raises(TypeError, match="unsupported operand"):
        harness.call(Wrong(client).get, limit=1)

"""Nodes and their calls: what they know of themselves, without anything being sent."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import Flow, M, Node, Sender, endpoint, iterator
from grad300_sdk.engine.credentials import Token
from grad300_sdk.engine.declaring.endpoints import Endpoint
from grad300_sdk.engine.flow import Chunks, ItemsFlow
from tests.support.library import BlockingLibrary, Book, Books, Library, Text


@pytest.fixture
def requests() -> list[httpx.Request]:
    """What was sent."""
    return []


@pytest.fixture
def client(library: Any, requests: list[httpx.Request]) -> Any:
    """A client of either kind whose requests are written down."""

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"path": request.url.path})

    return library(transport=httpx.MockTransport(handle), credentials=Token("t0k"))


def test_a_node_knows_where_it_is(client: Any) -> None:
    book = client.books["a/b"]
    assert (book.path, book.template) == ("/books/a%2Fb", "/books/{book_id}")
    assert (book.text.path, book.text.template) == (
        "/books/a%2Fb/text",
        "/books/{book_id}/text",
    )
    assert book.text.parent == book
    assert book.parent.parent is client
    assert book.text.client is client
    assert client.client is client
    assert (client.path, client.template, client.parent) == ("", "", None)
    assert book.book_id == "a/b"
    assert str(book) == "<Book /books/a%2Fb>"


@pytest.mark.parametrize("book_id", ["", ".", "..", "\ud800"])
def test_a_node_with_a_bad_variable_is_not_made(client: Any, book_id: str) -> None:
    with pytest.raises(ValueError, match="book_id is"):
        client.books[book_id]


def test_a_node_with_wrong_variables_is_not_made(client: Any) -> None:
    with pytest.raises(TypeError, match=r"'book'; did you mean 'book_id'\?"):
        Book(client.books, book="1")
    with pytest.raises(TypeError, match="needs a value for 'book_id'"):
        Book(client.books)


def test_nodes_are_equal_when_server_and_path_are(client: Any, library: Any) -> None:
    same, other = library(), library("https://library.test/v1")
    assert client.books["1"] == same.books["1"] == client.books[1]
    assert hash(client.books["1"]) == hash(same.books["1"])
    assert client.books["1"] != client.books["2"]
    assert client.books["1"] != other.books["1"]
    assert client.books["1"] != client.books
    assert client.books["1"] == client.resource("/books/{n}", n=1)
    assert client.books["1"] != "/books/1"
    assert len({client.books["1"], same.books["1"], other.books["1"]}) == 2
    assert client == client
    assert client != same
    assert len({client, same}) == 2


def test_nodes_complete(client: Any) -> None:
    assert {"books", "log_in", "request", "get_json", "set_token", "tree"} <= set(dir(client))
    names = dir(client.books["1"])
    assert {"get", "lend", "text", "book_id", "path", "template", "parent", "client"} <= set(names)
    assert not [name for name in names if name.startswith("_")]


def test_a_misspelt_name_is_told(client: Any) -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'boks'; did you mean 'books'\?"):
        _ = client.boks
    with pytest.raises(AttributeError, match=r"'Book' has no attribute 'txt'.* 'text'\?"):
        _ = client.books["1"].txt
    with pytest.raises(AttributeError, match=r"has no attribute '_nothing'$"):
        _ = client._nothing
    assert not hasattr(client.books, "zzz")


def test_a_property_that_fails_says_why() -> None:
    with pytest.raises(AttributeError, match="stands alone"):
        _ = Books(None).client
    with pytest.raises(AttributeError, match="stands alone"):
        _ = Book(Books(None), book_id="1").get.client
    assert Book(Books(None), book_id="1").path == "/books/1"
    assert str(Books(None)) == "<Books /books>"
    assert Books(None) == Books(None)


def test_nothing_is_sent_by_looking(client: Any, requests: list[httpx.Request]) -> None:
    for thing in (client, client.books, client.books["1"], client.books["1"].get):
        repr(thing)
        str(thing)
        dir(thing)
        hash(thing)
        assert thing == thing
        inspect.getdoc(thing)
    call = client.books["1"].get
    _ = call.method, call.path, call.template, call.client, call.request(), call.curl()
    assert requests == []


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("/users", "must begin with"),
        ("", "must begin with"),
        ("{parent}/users", "must begin with"),
        ("{+parent}/{nmae}", "unknown variable 'nmae'.*did you mean 'name'"),
        ("{+parent}/{client}", "'client'"),
        ("{+parent}/{path}", "'path'"),
        ("{+parent}/{parent}", "'parent'"),
        ("{+parent}/{+parent}", "'parent'"),
        ("{+parent}/{name", "braces"),
        ("{+parent}/#", "%23"),
    ],
)
def test_a_class_with_a_wrong_template_is_not_made(template: str, message: str) -> None:
    with pytest.raises(TypeError, match=message) as caught:

        class User(Node[M], template=template):
            name: str
            path: str
            client: Any

    assert str(caught.value).startswith("User: ")


def test_a_class_inherits_its_template_and_its_variables(client: Any) -> None:
    class Tale(Book[M]):
        pass

    class Line(Book[M], template="{+parent}/{book_id}/{line}"):
        line: int

    assert Tale(client.books, book_id="1").path == "/books/1"
    assert Line(client.books, book_id="1", line=2).path == "/books/1/2"


# Calls


def test_a_call_knows_what_it_sends(client: Any) -> None:
    lend = client.books["1"].lend
    assert (lend.method, lend.path, lend.template) == (
        "POST",
        "/books/1/loan",
        "/books/{book_id}/loan",
    )
    assert lend.client is client
    assert lend.node == client.books["1"]
    assert str(lend) == "<call POST /books/1/loan>"
    assert lend.__name__ == "lend"
    assert lend.__doc__.startswith("Lend the book to a reader.")
    result = inspect.signature(lend).return_annotation
    assert result.removeprefix("Awaitable[").startswith("dict[str, Any]")
    assert str(inspect.signature(Book.lend)).startswith("(self, *, reader: str = 'me') -> dict")
    assert lend == client.books["1"].lend
    assert hash(lend) == hash(client.books["1"].lend)
    assert lend != client.books["1"].get
    assert lend != client.books["2"].lend
    assert lend != "lend"


def test_the_request_of_a_call_is_unsent_and_anonymous(
    client: Any, requests: list[httpx.Request]
) -> None:
    request = client.books["1"].lend.request(reader="ann")
    assert (request.method, str(request.url)) == (
        "POST",
        "http://library.test/v1/books/1/loan",
    )
    assert request.content == b'{"reader":"ann"}'
    assert "Authorization" not in request.headers
    request = client.log_in.request("ann", "s3cret")
    assert request.content == b"user=ann&password=%24PASSWORD"
    assert requests == []


def test_the_request_of_a_call_of_items(client: Any) -> None:
    assert client.books.search.request(pages=3).url == "http://library.test/v1/books?page=0"

    class Streamed(Node[M], template="{+parent}/streamed"):
        @iterator("GET")
        def pieces(self, send: Sender) -> ItemsFlow[bytes]:
            """Get the pieces."""
            yield send.chunks()

    pieces = Streamed(client).pieces
    assert pieces.request().url == "http://library.test/v1/streamed"
    assert isinstance(next(pieces.flow()), Chunks)


def test_the_response_of_a_call(harness: Any, client: Any, requests: list[httpx.Request]) -> None:
    response = harness.call(client.books["1"].get.response)
    assert isinstance(response, httpx.Response)
    assert response.json() == {"path": "/v1/books/1"}
    assert "Authorization" not in response.request.headers
    response = harness.call(client.books.search.response, pages=3)
    assert response.json() == {"path": "/v1/books"}
    assert len(requests) == 2


@pytest.mark.parametrize("way", ["__call__", "request", "response", "curl", "flow"])
def test_arguments_are_checked_in_every_way(
    harness: Any, client: Any, requests: list[httpx.Request], way: str
) -> None:
    with pytest.raises(TypeError, match="has no parameter 'pgae'; did you mean 'page'"):
        getattr(client.books.get, way)(pgae=1)
    with pytest.raises(TypeError):
        getattr(client.books.get, way)(1, 2)
    if way != "flow":
        with pytest.raises(ValueError, match="at least 1"):
            harness.call(getattr(client.books.search, way), pages=0)
    assert requests == []


def test_endpoints_describe_themselves() -> None:
    assert isinstance(Book.get, Endpoint)
    assert isinstance(Books.search, Endpoint)
    assert Books.search.yields_items
    assert not Book.get.yields_items
    assert Book.get.name == "get"
    assert Book.get.__doc__ == "Get what is known of the book."
    assert list(Book.lend.__signature__.parameters) == ["self", "reader"]
    assert Library.log_in.method == "POST"


def test_five_lines_are_an_endpoint(harness: Any, client: Any) -> None:
    class Me(Node[M], template="{+parent}/me"):
        @endpoint("GET")
        def get(self, send: Sender) -> Flow[dict[str, Any]]:
            """Get the user."""
            return (yield from send.json(dict[str, Any]))

    assert harness.call(Me(client).get) == {"path": "/v1/me"}


# Pickling


def test_nodes_and_calls_pickle(harness: Any, library: Any) -> None:
    client = library(credentials=Token("t0k"))
    for thing in (
        client.books,
        client.books["a/b"].text,
        client.books["1"].lend,
        client.resource("/x/{y}", y=1).get,
        client.log_in,
        client.request,
    ):
        there = pickle.loads(pickle.dumps(thing))
        assert type(there) is type(thing)
        assert repr(there) == repr(thing)
        assert there.client is not client
        assert there.client.session.credentials == client.session.credentials
        if thing.client is not getattr(thing, "node", None):  # a client is equal to itself alone
            assert there == thing
            assert hash(there) == hash(thing)
    assert Text(client.books["1"]) == copy.deepcopy(Text(client.books["1"]))


def test_what_a_client_class_adds_is_pickled_too() -> None:
    client = Branch(shelf="top")
    there = pickle.loads(pickle.dumps(client))
    assert there.shelf == "top"
    assert type(there) is Branch
    twin = copy.copy(client)
    twin.set_token("t0k")
    assert client.session.credentials != twin.session.credentials


class Branch(BlockingLibrary):
    """A client with an attribute of its own."""

    def __init__(self, shelf: str) -> None:
        super().__init__()
        self.shelf = shelf

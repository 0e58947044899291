"""Calls: what they know of themselves, without anything being sent."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import Flow, M, Node, Sender, endpoint, iterator
from grad300_sdk.engine.declaring.endpoints import Endpoint
from grad300_sdk.engine.flow import Chunks, ItemsFlow
from tests.support.library import Book, Books, Library


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

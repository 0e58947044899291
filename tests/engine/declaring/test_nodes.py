"""Nodes: what they know of themselves, and what their classes may declare."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import (
    Flow,
    M,
    Node,
    Sender,
    Token,
    child,
    endpoint,
)
from tests.support.library import Book, Books, Text
from tests.support.shelf import BlockingShelf, Shelf, Tag, Tags


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
    with pytest.raises(AttributeError, match="does not belong to a client"):
        _ = Books(None).client
    with pytest.raises(AttributeError, match="does not belong to a client"):
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

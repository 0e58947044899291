"""The tree that a client prints."""

from __future__ import annotations

from typing import Any

from grad300_sdk.engine import Flow, M, Node, Sender, endpoint
from grad300_sdk.engine.tree import Tree

from .library import BlockingLibrary

LIBRARY = """\
client.log_in(user, password)            POST  /login                 Log in, and use the token \
from now on.
client.books.get(page=, title=)          GET   /books                 Get one page of the list.
client.books.search(pages=, at_once=)    GET   /books                 Iterate over the first pages.
client.books[book_id].get()              GET   /books/{book_id}       Get what is known of the \
book.
client.books[book_id].lend(reader=)      POST  /books/{book_id}/loan  Lend the book to a reader.
client.books[book_id].text.get()         GET   /books/{book_id}/text  Get the whole text.
client.books[book_id].text.write_to(sink)  GET   /books/{book_id}/text  Write the text into an \
open file, and give the status.
"""


def words(text: str) -> list[list[str]]:
    """Give the words of each line."""
    return [line.split() for line in text.splitlines()]


def test_the_tree_is_drawn_from_the_descriptions(library: Any) -> None:
    tree = library().tree()
    assert words(str(tree)) == words(LIBRARY)
    assert repr(tree) == str(tree)
    assert len(tree) == 7
    lines = str(tree).splitlines()
    assert len({line.index("  /") for line in lines}) == 1
    assert [line.method for line in tree] == ["POST", "GET", "GET", "GET", "POST", "GET", "GET"]


def test_the_tree_in_a_notebook(library: Any) -> None:
    html = library().tree()._repr_html_()
    assert html.count("<tr>") == 8
    assert "<code>client.books[book_id].lend(reader=)</code></td><td>POST</td>" in html


class Folder(Node[M], template="{+parent}/{name}"):
    """A folder in a folder."""

    name: str

    def __getitem__(self, name: str) -> Folder[M]:
        return Folder(self, name=name)

    @property
    def size(self) -> int:
        """No node."""
        return 0

    @property
    def odd(self) -> Nowhere:  # noqa: F821
        """No node: its class is not known here."""
        raise NotImplementedError

    @endpoint("GET")
    def __call__(self, send: Sender) -> Flow[Any]:
        """Get <all> that is in it.

        More.
        """
        return (yield from send.json(object))

    @endpoint("DELETE")
    def undocumented(self, send: Sender) -> Flow[Any]:
        return (yield from send.json(object))


def test_a_tree_that_leads_back_to_itself_ends() -> None:
    tree = Tree(Folder(BlockingLibrary(), name="x"), "folder")
    assert [line.call for line in tree] == ["folder()", "folder.undocumented()"]
    assert [line.summary for line in tree] == ["Get <all> that is in it.", ""]
    assert "Get &lt;all&gt; that" in tree._repr_html_()


def test_an_empty_tree() -> None:
    assert str(Tree(Node(None), "nothing")) == ""

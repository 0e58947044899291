"""The tree that a client prints."""

from __future__ import annotations

from typing import Any

from grad300_sdk.engine import Flow, M, Node, Sender, child, endpoint
from grad300_sdk.engine.declaring.nodes import branch
from grad300_sdk.engine.exploring.tree import Tree
from tests.support.library import BlockingLibrary, Book, Text

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
    """Return the words of each line."""
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
    assert html.count("<tr>") == 7
    assert html.count("<details") == html.count("</details>") == 4
    assert html.count("<details open>") == 2  # the root, and what is below it
    assert "<code>.lend(reader=)</code>" in html
    assert "<code>client.books[book_id].text</code>" in html


def test_the_tree_of_a_node(library: Any) -> None:
    tree = library().books["a'b"].tree()
    assert [line.call for line in tree] == [
        """client.books["a'b"].get()""",
        """client.books["a'b"].lend(reader=)""",
        """client.books["a'b"].text.get()""",
        """client.books["a'b"].text.write_to(sink)""",
    ]
    assert [line.template for line in tree][-1] == "/books/{book_id}/text"


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


def test_a_node_that_no_other_names_is_written_as_it_is_made(library: Any) -> None:
    root = library()
    inner = Folder(root, name="x")["y"]
    assert [line.call for line in inner.tree()] == [
        "Folder(client, name='x')['y']()",
        "Folder(client, name='x')['y'].undocumented()",
    ]
    assert repr(inner) == "<Folder /x/y: [name] () .undocumented()>"


class Shelf(Node[M], template="{+parent}/shelf"):
    """A shelf, reached in all ways there are."""

    text = child(Text[M])

    @branch
    def folder(self) -> Folder[M]:
        """A folder."""
        return Folder(self, name="f")

    def at(self, name: str, *rest: str, **more: Unknown) -> Folder[M]:  # noqa: F821
        """Return a folder."""
        return Folder(self, name=name)

    def __getitem__(self, key: str) -> Folder[M] | Book[M]:
        return Folder(self, name=key)

    @staticmethod
    def other() -> int:
        return 1

    def _hidden(self) -> Folder[M]:
        return Folder(self, name="h")


def test_nodes_are_found_however_they_are_reached(library: Any) -> None:
    shelf = Shelf(library())
    calls = [line.call for line in Tree(shelf, "shelf")]
    assert calls == [
        "shelf.text.get()",
        "shelf.text.write_to(sink)",
        "shelf.folder()",
        "shelf.folder.undocumented()",
        "shelf.at(name, *rest, **more)()",
        "shelf.at(name, *rest, **more).undocumented()",
        "shelf[key]()",
        "shelf[key].undocumented()",
        "shelf[key].get()",
        "shelf[key].lend(reader=)",
        "shelf[key].text.get()",
        "shelf[key].text.write_to(sink)",
    ]
    assert repr(shelf) == "<Shelf /shelf: .text .folder .at(name, *rest, **more) [key]>"
    assert repr(shelf.text) == "<Text /shelf/text: .get() .write_to()>"
    assert "Shelf(client).text.get()" in str(shelf.tree())


class Grown(Book[M]):
    """A book with a call of its own that is called as what any node has."""

    @endpoint("GET", "/tree")
    def tree(self, send: Sender) -> Flow[Any]:
        """Get the tree that the paper is of."""
        return (yield from send.json(object))


def test_an_api_may_have_a_tree_of_its_own(library: Any) -> None:
    grown = Grown(library().books, book_id="1")
    assert grown.tree.request().url == "http://library.test/v1/books/1/tree"
    assert "/books/{book_id}/tree" in [line.template for line in Tree(grown)]
    assert "(client.books, book_id=&#x27;1&#x27;)" in grown._repr_html_()


def test_a_subclass_may_take_a_call_away(library: Any) -> None:
    class Lent(Book[M]):
        lend: Any = None

    assert "lend" not in str(Tree(Lent(library().books, book_id="1")))


def test_an_empty_tree() -> None:
    assert str(Tree(Node(None), "nothing")) == ""
    assert len(Tree(Node(None))) == 0

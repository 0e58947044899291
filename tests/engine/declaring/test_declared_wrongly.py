"""Trees that are declared wrongly: each mistake is named when it is made, or at the first call."""

from __future__ import annotations

import re
from typing import Any

import pytest

from grad300_sdk.engine import (
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
from tests.support.wire import answer


class Labels(Node[M], template="{+parent}/labels"):
    """Labels."""


@pytest.mark.parametrize(
    ("method", "hint"),
    [
        ("GETT", "; did you mean 'GET'?"),
        ("get", "; did you mean 'GET'?"),
        ("POTS", "; did you mean 'POST'?"),
        ("", ""),
        ("NOTHING LIKE IT", ""),
    ],
)
@pytest.mark.parametrize("declare", [endpoint, iterator])
def test_a_method_of_http_that_is_not_one(declare: Any, method: str, hint: str) -> None:
    with pytest.raises(TypeError) as caught:

        class Notes(Node[M], template="{+parent}/notes"):
            @declare(method)
            def get(self, send: Sender) -> Any:
                """Get them."""

    message = f"Notes.get: {method!r} is not an HTTP method{hint}"
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize("returned", [None, [1, 2], {"a": 1}, "text"])
@pytest.mark.parametrize("declare", [endpoint, iterator])
@pytest.mark.parametrize("way", ["__call__", "request", "response", "curl", "flow"])
def test_a_method_that_returns_no_flow(
    harness: Any, library: Any, declare: Any, returned: object, way: str
) -> None:
    class Notes(Node[M], template="{+parent}/notes"):
        @declare("GET")
        def get(self, send: Sender) -> Any:
            """Get them, without the ``return`` of a flow."""
            send.json(dict)
            return returned

    message = f"Notes.get returned {returned!r}, but must return a flow, as in 'return send."
    with pytest.raises(TypeError, match=re.escape(message)):
        harness.call(getattr(Notes(library()).get, way))


def test_a_flow_that_is_yielded_and_not_continued(harness: Any, library: Any) -> None:
    class Notes(Node[M], template="{+parent}/notes"):
        @endpoint("GET")
        def get(self, send: Sender) -> Any:
            """Get them, without the ``from``."""
            yield send.json(dict)

    with pytest.raises(TypeError, match="must yield effects; other flows need 'yield from'"):
        harness.call(Notes(library()).get)


@pytest.mark.parametrize("way", ["returned", "after a request"])
def test_an_iterator_whose_flow_returns_a_list(
    harness: Any, library: Any, wire: Any, way: str
) -> None:
    class Notes(Node[M], template="{+parent}/notes"):
        @iterator("GET")
        def search(self, send: Sender) -> Any:
            """Return them."""
            if way == "returned":
                return send.json(list[int])
            return self._search(send)

        def _search(self, send: Sender) -> Flow[list[int]]:
            return (yield from send.json(list[int]))

    notes = Notes(library(wire(answer(b"[1, 2]")).url))
    items = notes.search()
    with pytest.raises(TypeError) as caught:
        harness.list(items)
    assert str(caught.value) == "an iterator's flow returned [1, 2], but must yield Items"


def test_a_flow_of_one_result_that_yields_items(harness: Any, library: Any, wire: Any) -> None:
    class Notes(Node[M], template="{+parent}/notes"):
        @endpoint("GET")
        def get(self, send: Sender) -> Any:
            """Get them, by what an iterator would do."""
            return send.pages(int, key="items", link="next")

    notes = Notes(library(wire(answer(b'{"items": [1]}')).url))
    with pytest.raises(TypeError, match="Items need an @iterator"):
        harness.call(notes.get)


@pytest.mark.parametrize("value", [Labels, Labels[M]])
def test_a_class_of_nodes_in_place_of_a_node(value: Any) -> None:
    message = "Notes.labels: write labels = child(Labels[M])"
    with pytest.raises(TypeError, match=re.escape(message)):

        class Notes(Node[M], template="{+parent}/notes"):
            labels = value


def test_a_class_of_nodes_in_place_of_a_node_of_a_client() -> None:
    with pytest.raises(TypeError, match=r"Logbook\.labels: write labels = child\(Labels\[M\]\)"):

        class Logbook(Root[M]):
            labels = Labels


def test_a_class_may_be_nested_in_another() -> None:
    class Notes(Node[M], template="{+parent}/notes"):
        class Below(Node[M], template="{+parent}/below"):
            """One that is defined here."""

        below = child(Below[M])

    assert Notes(None).below.path == "/notes/below"


@pytest.mark.parametrize("declare", [endpoint, iterator])
def test_for_each_with_a_variable_that_it_lacks(declare: Any) -> None:
    with pytest.raises(TypeError) as caught:

        class Notes(Node[M], template="{+parent}/notes"):
            @declare("GET", "/{kind}/{page}", for_each=("kind",))
            def all(self, send: Sender) -> Any:
                """Get all kinds."""

    assert str(caught.value).endswith(
        "Notes.all: 'page' is not in for_each, which must name all variables of the suffix "
        "'/{kind}/{page}' or none"
    )


@pytest.mark.parametrize("below", ["client", "parent", "path", "template"])
def test_a_name_that_nodes_have_already(below: str) -> None:
    with pytest.raises(TypeError, match=f"Odd: no call and no node .* called '{below}'"):
        type(Node)("Odd", (Node,), {below: child(Labels[M])})


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("/notes", "template '/notes' must begin with '{+parent}'"),
        ("{+parent}/{nmae}", "unknown variable 'nmae'; annotate it in the class; did you mean"),
        ("{+parent}/{path}", "a variable can't be called 'path'"),
        ("{+parent}/{name", "braces do not match"),
    ],
)
def test_a_template_that_is_wrong(template: str, message: str) -> None:
    with pytest.raises(TypeError, match=f"Note: .*{re.escape(message)}"):

        class Note(Node[M], template=template):
            name: str


def test_a_tree_that_is_not_a_client() -> None:
    class Logbook(Root[M]):
        labels = child(Labels[M])

    class Client(Logbook[Sync]):
        """A client."""

    with pytest.raises(
        TypeError, match=re.escape("Logbook is not a client; declare one as class Client(")
    ):
        Logbook("http://logbook.test", user_agent="logbook/1")
    with Client("http://logbook.test", user_agent="logbook/1") as client:
        assert client.labels.path == "/labels"


def test_a_node_that_stands_alone() -> None:
    labels: Any = Labels(None)
    with pytest.raises(AttributeError, match="does not belong to a client"):
        _ = labels.client


def test_a_wrong_yield_of_an_iterator(harness: Any, library: Any) -> None:
    class Notes(Node[M], template="{+parent}/notes"):
        @iterator("GET")
        def search(self, send: Sender) -> ItemsFlow[Any]:
            """Yield an item as it is."""
            yield 1

    with pytest.raises(TypeError, match="a flow yielded 1, but must yield effects"):
        harness.list(Notes(library()).search())

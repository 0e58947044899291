"""What an endpoint declares: variables of its suffix, and parameters that calls share."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from grad300_sdk.engine import (
    Flow,
    M,
    Node,
    Sender,
    endpoint,
    iterator,
)
from tests.support.shelf import BlockingShelf
from tests.support.wire import Wire, answer

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


# Wrong declarations


def test_all_http_methods_can_be_declared() -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "*"):

        class Thing(Node[M], template="{+parent}/thing"):
            @endpoint(method)
            def do(self, send: Sender) -> Any:
                """Do it."""
                return send()

        assert Thing(None).do.method == method


# Wrong arguments

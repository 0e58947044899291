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


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("GETT", r"Thing\.do: 'GETT' is not an HTTP method; did you mean 'GET'\?$"),
        ("get", r"Thing\.do: 'get' is not an HTTP method; did you mean 'GET'\?$"),
        ("", r"Thing\.do: '' is not an HTTP method$"),
        ("/things", r"Thing\.do: '/things' is not an HTTP method$"),
    ],
)
@pytest.mark.parametrize("declare", [endpoint, iterator])
def test_what_is_no_http_method(declare: Any, method: str, message: str) -> None:
    with pytest.raises(TypeError, match=message):

        class Thing(Node[M], template="{+parent}/thing"):
            @declare(method)
            def do(self, send: Sender) -> Any:
                """Do it."""
                return send()


def test_all_http_methods_can_be_declared() -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "*"):

        class Thing(Node[M], template="{+parent}/thing"):
            @endpoint(method)
            def do(self, send: Sender) -> Any:
                """Do it."""
                return send()

        assert Thing(None).do.method == method


@pytest.mark.parametrize(
    ("suffix", "for_each", "message"),
    [
        ("/{kind}/{tag}", ("kind",), r"Thing\.do: 'tag' is not in for_each, which must name all"),
        ("/{tag}", ("kind",), r"Thing\.do: 'tag' is not in for_each"),
    ],
)
def test_a_suffix_whose_variables_are_partly_parameters(
    suffix: str, for_each: tuple[str, ...], message: str
) -> None:
    with pytest.raises(TypeError, match=message):

        class Thing(Node[M], template="{+parent}/thing"):
            @endpoint("GET", suffix, for_each=for_each)
            def do(self, send: Sender, tag: str) -> Any:
                """Do it."""
                return send()


class Careless(Node[M], template="{+parent}/careless"):
    """Calls whose functions are wrong."""

    @endpoint("GET")
    def forgotten(self, send: Sender) -> Any:
        """Send nothing."""
        send.json(dict)

    @endpoint("GET")
    def value(self, send: Sender) -> Any:
        """Return no flow."""
        return {"a": 1}

    @iterator("GET")
    def listing(self, send: Sender) -> Any:
        """Return a list."""
        return [1, 2]

    @endpoint("GET")
    def wrong(self, send: Sender, size: int = 0) -> Any:
        """Raise an error of its own."""
        raise TypeError("mine")


@pytest.mark.parametrize("way", ["__call__", "request", "response", "curl", "flow"])
@pytest.mark.parametrize(
    ("name", "returned"), [("forgotten", "None"), ("value", "{'a': 1}"), ("listing", r"\[1, 2\]")]
)
def test_a_function_that_returns_no_flow(
    harness: Any, shelf: Any, name: str, returned: str, way: str
) -> None:
    call = getattr(Careless(shelf()), name)
    message = (
        rf"Careless\.{name} returned {returned}, but must return a flow, as in 'return send\."
    )
    with pytest.raises(TypeError, match=message):
        harness.call(getattr(call, way))


def test_a_type_error_of_the_functions_own_is_left_alone(harness: Any, shelf: Any) -> None:
    call = Careless(shelf()).wrong
    with pytest.raises(TypeError, match=r"^mine$"):
        harness.call(call)
    with pytest.raises(TypeError, match=r"wrong\(\) has no parameter 'sise'; did you mean 'size'"):
        harness.call(call, sise=1)


# Wrong arguments


class Search(Node[M], template="{+parent}/search"):
    """Calls with parameters of every kind."""

    @endpoint("GET", synonyms={"count": "limit", "size": "limit"})
    def get(self, send: Sender, *, limit: int = 10, offset: int = 0) -> Flow[Any]:
        """Get some."""
        return send.json(object)

    @endpoint("PUT", synonyms={"name": "title"})
    def put(self, send: Sender, **marks: Unpack[Marks]) -> Flow[Any]:
        """Replace one."""
        return send.json(object)

    @endpoint("POST")
    def post(self, send: Sender, title: str, /) -> Flow[Any]:
        """Add one."""
        return send.json(object)


@pytest.mark.parametrize("way", ["__call__", "request", "response", "curl", "flow"])
@pytest.mark.parametrize(
    ("name", "arguments", "options", "problem"),
    [
        ("get", [], {"limt": 1}, r"has no parameter 'limt'; did you mean 'limit'\?"),
        ("get", [], {"count": 1}, r"has no parameter 'count'; did you mean 'limit'\?"),
        ("get", [], {"xyz": 1}, r"has no parameter 'xyz'$"),
        ("get", [], {"limit": 1, "ofset": 1}, r"has no parameter 'ofset'; did you mean 'offset'"),
        ("get", [1], {}, "too many positional arguments"),
        ("put", [], {"titel": "a"}, r"has no parameter 'titel'; did you mean 'title'\?"),
        ("put", [], {"name": "a"}, r"has no parameter 'name'; did you mean 'title'\?"),
        ("put", [], {"title": "a", "pags": 1}, r"has no parameter 'pags'; did you mean 'pages'"),
        ("put", [], {}, "missing a required .*argument: 'title'"),
        ("put", ["a"], {}, "too many positional arguments"),
        ("post", [], {}, "missing a required .*argument: 'title'"),
        ("post", ["a", "b"], {}, "too many positional arguments"),
    ],
)
def test_wrong_arguments_name_the_public_call(
    harness: Any,
    shelf: Any,
    name: str,
    arguments: list[Any],
    options: dict[str, Any],
    problem: str,
    way: str,
) -> None:
    call = getattr(Search(shelf()), name)
    with pytest.raises(TypeError, match=rf"^Search\(client\)\.{name}\(\) {problem}"):
        harness.call(getattr(call, way), *arguments, **options)


def test_a_call_of_the_tree_is_named_as_it_is_written(harness: Any, shelf: Any) -> None:
    client = shelf()
    with pytest.raises(TypeError, match=r"^client\.tags\.create\(\) missing .*: 'tag'$"):
        harness.call(client.tags.create)
    with pytest.raises(TypeError, match=r"^client\.add\(\) missing .*: 'title'$"):
        harness.call(client.add, 1)
    with pytest.raises(TypeError, match=r"^client\.add\(\) missing .*: 'shelf'$"):
        harness.call(client.add, title="Dune")

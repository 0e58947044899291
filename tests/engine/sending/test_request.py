"""The request that a call becomes: its URL, its headers and its body."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.library import BlockingLibrary


@pytest.mark.parametrize(
    ("path", "params", "url"),
    [
        ("/books", None, "/v1/books"),
        ("books", {}, "/v1/books"),
        ("", None, "/v1"),
        ("/", None, "/v1/"),
        ("?a=b", None, "/v1?a=b"),
        ("/books?a=b", {"c": "d"}, "/v1/books?a=b&c=d"),
        ("/books", {"n": 0, "f": False, "t": True, "none": None}, "/v1/books?n=0&f=false&t=true"),
        ("/books", {"e": "", "l": ["a", 1, None], "p": ()}, "/v1/books?e=&l=a&l=1"),
        ("/books", {"q": "a b+c&d=é/#?%"}, "/v1/books?q=a%20b%2Bc%26d%3D%C3%A9%2F%23%3F%25"),
        ("/books", {"é&": 1.5}, "/v1/books?%C3%A9%26=1.5"),
        ("/a b/é/%20", None, "/v1/a%20b/%C3%A9/%20"),
        ("/100%", None, "/v1/100%25"),
        ("/a\\b\n", None, "/v1/a%5Cb%0A"),
        ("http:/x", None, "/v1/http:/x"),
    ],
)
def test_paths_and_queries(path: str, params: Any, url: str) -> None:
    request = BlockingLibrary().request.request("GET", path, params=params)
    assert request.url == f"http://library.test{url}"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"path": "/a#b"}, ValueError, "%23"),
        ({"path": "/a/../b"}, ValueError, "'..'"),
        ({"path": "/a/%2E%2e/b"}, ValueError, "'..'"),
        ({"path": "./b"}, ValueError, "'.'"),
        ({"path": "/\ud800"}, ValueError, "which can't be encoded as UTF-8"),
        ({"path": "/" + "a" * 100_000}, ValueError, "does not make"),
        ({"path": "http://[::1"}, ValueError, "does not make"),
        ({"path": "http://ann:pw@library.test/"}, ValueError, "password"),
        ({"path": "http://"}, ValueError, ""),
        ({"path": "http://library.test:99999/"}, ValueError, ""),
        ({"path": "http://" + "a" * 64 + ".test"}, ValueError, ""),
        ({"path": "http://a..test"}, ValueError, ""),
        ({"path": 5}, TypeError, "path"),
        ({"path": b"/a"}, TypeError, "path"),
        ({"path": None}, TypeError, "path"),
        ({"params": {"a": "\ud800"}}, ValueError, "a is"),
        ({"params": {"a": b"b"}}, TypeError, "a is"),
        ({"params": {"a": {"b": 1}}}, TypeError, "a is"),
        ({"params": {5: "b"}}, TypeError, "params"),
        ({"params": [("a", "b")]}, TypeError, "params"),
        ({"params": "a=b"}, TypeError, "params"),
        ({"method": "GET /"}, ValueError, "method"),
        ({"method": ""}, ValueError, "method"),
        ({"method": None}, TypeError, "method"),
        ({"timeout": 0}, ValueError, "timeout"),
        ({"timeout": float("nan")}, ValueError, "timeout"),
        ({"timeout": "1"}, TypeError, "timeout"),
        ({"timeout": True}, TypeError, "timeout"),
        ({"headers": {"X": "a\r\nEvil: b"}}, ValueError, "X"),
        ({"headers": {"X": "pw\x00"}}, ValueError, "X"),
        ({"headers": {"X": "pwé"}}, ValueError, "headers"),
        ({"headers": {"X Y": "a"}}, ValueError, "X Y"),
        ({"headers": {"": "a"}}, ValueError, "headers"),
        ({"headers": {"X": 5}}, TypeError, "headers"),
        ({"headers": 5}, TypeError, "headers"),
        ({"json": {"book": object()}}, TypeError, "object"),
        ({"json": float("nan")}, ValueError, ""),
        ({"parms": {}}, TypeError, "parms"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    harness: Any, library: Any, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    sent: list[httpx.Request] = []
    client = library(transport=httpx.MockTransport(sent.append))
    arguments = {"method": "GET", "path": "/books", **arguments}
    for call in (client.request, client.request.request, client.request.response):
        with pytest.raises(error) as caught:
            harness.call(call, **arguments)
        assert message in str(caught.value)
        assert "pw" not in str(caught.value)
    assert sent == []


def test_the_headers_of_a_request() -> None:
    client = BlockingLibrary(headers={"x-key": "1", "ACCEPT": "text/plain"})
    headers = client.request.request("GET", "/", headers={"X-KEY": "2"}).headers
    assert headers["X-Key"] == "2"
    assert headers.get_list("X-Key") == ["2"]
    assert headers["Accept"] == "text/plain"
    headers = BlockingLibrary().books["1"].get.request().headers
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"] == "library/1"
    assert headers.get_list("Host") == ["library.test"]

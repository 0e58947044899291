"""URI templates: their variables, and what values make of them."""

from __future__ import annotations

import enum
import pickle
from typing import Any

import numpy as np
import pytest

from grad300_sdk.engine.template import Template, check_path, encode_query


class Kind(enum.Enum):
    """A kind with a value."""

    NOVEL = "no/vel"


class Text(enum.StrEnum):
    """A kind that is text."""

    TALE = "tale"


@pytest.mark.parametrize(
    ("text", "values", "path"),
    [
        ("/books", {}, "/books"),
        ("", {}, ""),
        ("/a b/é", {}, "/a%20b/%C3%A9"),
        ("/a%2Fb", {}, "/a%2Fb"),
        ("/x/{v}", {"v": "a/b?c#d"}, "/x/a%2Fb%3Fc%23d"),
        ("/x/{v}", {"v": "é\U0001f52d"}, "/x/%C3%A9%F0%9F%94%AD"),
        ("/x/{v}", {"v": "100%"}, "/x/100%25"),
        ("/x/{v}", {"v": "%2e%2e"}, "/x/%252e%252e"),
        ("/x/{v}", {"v": "%2F"}, "/x/%252F"),
        ("/x/{v}", {"v": " \t\n\x00\\"}, "/x/%20%09%0A%00%5C"),
        ("/x/{v}", {"v": "..."}, "/x/..."),
        ("/x/{v}", {"v": ".a"}, "/x/.a"),
        ("/x/{v}", {"v": "../.."}, "/x/..%2F.."),
        ("/x/{v}", {"v": "{v}"}, "/x/%7Bv%7D"),
        ("/x/{v}", {"v": 0}, "/x/0"),
        ("/x/{v}", {"v": False}, "/x/false"),
        ("/x/{v}", {"v": True}, "/x/true"),
        ("/x/{v}", {"v": 1.5}, "/x/1.5"),
        ("/x/{v}", {"v": -(10**30)}, f"/x/-{10**30}"),
        ("/x/{v}", {"v": np.int64(7)}, "/x/7"),
        ("/x/{v}", {"v": np.str_("7")}, "/x/7"),
        ("/x/{v}", {"v": Kind.NOVEL}, "/x/no%2Fvel"),
        ("/x/{v}", {"v": Text.TALE}, "/x/tale"),
        ("/x/{v}", {"v": ["a", "b/c"]}, "/x/a,b%2Fc"),
        ("/x{/v*}", {"v": ["a", "b/c"]}, "/x/a/b%2Fc"),
        ("/x/{+v}", {"v": "a/b c?d#e"}, "/x/a/b%20c?d%23e"),
        ("/x/{a}/{b}", {"a": 1, "b": 2}, "/x/1/2"),
        ("/x/{a,b}", {"a": 1, "b": 2}, "/x/1,2"),
        ("/x/{v:3}", {"v": "abcdef"}, "/x/abc"),
        ("/x{.v}", {"v": "json"}, "/x.json"),
        ("/x{;v}", {"v": 5}, "/x;v=5"),
        ("/x{?q}", {"q": 0}, "/x?q=0"),
        ("/x{?q}", {"q": False}, "/x?q=false"),
        ("/x{?q}", {"q": None}, "/x"),
        ("/x{?q}", {}, "/x"),
        ("/x{?q}", {"q": ""}, "/x?q="),
        ("/x{?q}", {"q": ".."}, "/x?q=.."),
        ("/x{?q}", {"q": "a&b=é"}, "/x?q=a%26b%3D%C3%A9"),
        ("/x{?q*}", {"q": ["a", 0]}, "/x?q=a&q=0"),
        ("/x{?q}", {"q": []}, "/x"),
        ("/x?a=1{&q,r}", {"r": 2}, "/x?a=1&r=2"),
    ],
)
def test_values_are_filled_in(text: str, values: dict[str, Any], path: str) -> None:
    assert Template(text).expand(values) == path


@pytest.mark.parametrize(
    ("text", "values", "error", "message"),
    [
        ("/x/{v}", {"v": ""}, ValueError, "v is ''"),
        ("/x/{v}", {"v": "."}, ValueError, "v is '.'"),
        ("/x/{v}", {"v": ".."}, ValueError, "v is '..'"),
        ("/x/{+v}", {"v": ".."}, ValueError, "v is '..'"),
        ("/x/{+v}", {"v": "a/../b"}, ValueError, "'..'"),
        ("/x/{+v}", {"v": "a/%2e%2E"}, ValueError, "'..'"),
        ("/x/{+v}", {"v": "%2e"}, ValueError, "'..'"),
        ("/x/.{v}", {"v": "a", "w": 1}, TypeError, "no variable 'w'"),
        ("/x/{v:2}", {"v": "..a"}, ValueError, "'..'"),
        ("/x/{v}{w}", {"v": ".", "w": "."}, ValueError, "v is '.'"),
        ("/x/{v}", {"v": []}, ValueError, "v is []"),
        ("/x/{v}", {"v": ["a", ".."]}, ValueError, "v is"),
        ("/x/{v}", {"v": None}, TypeError, "needs a value for 'v'"),
        ("/x/{v}", {}, TypeError, "needs a value for 'v'"),
        ("/x/{user}", {"usre": 1}, TypeError, "no variable 'usre'; did you mean 'user'?"),
        ("/x", {"v": 1}, TypeError, "no variable 'v'"),
        ("/x/{v}", {"v": b"a"}, TypeError, "v is b'a'"),
        ("/x/{v}", {"v": {"a": 1}}, TypeError, "v is {'a': 1}"),
        ("/x/{v}", {"v": {1}}, TypeError, "v is {1}"),
        ("/x/{v}", {"v": [None]}, TypeError, "v is None"),
        ("/x/{v}", {"v": [["a"]]}, TypeError, "v is ['a']"),
        ("/x/{v}", {"v": "\ud800"}, ValueError, "v is '\\ud800'"),
        ("/x{?q}", {"q": "\udfff"}, ValueError, "q is"),
        ("/x{?q}", {"q": b""}, TypeError, "q is"),
    ],
)
def test_values_that_would_ask_for_something_else_are_refused(
    text: str, values: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        Template(text).expand(values)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/{a", "braces"),
        ("/a}", "braces"),
        ("/{}", "braces"),
        ("/{a}}", "braces"),
        ("/a#b", "%23"),
        ("/a{#b}", "%23"),
        ("/{a-b}", "not a name"),
        ("/{1a}", "not a name"),
        ("/{a b}", "not a name"),
        ("/{é}", "not a name"),
    ],
)
def test_broken_templates_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Template(text)
    assert repr(text) in str(caught.value)


def test_a_template_says_what_it_is() -> None:
    template = Template("/a/{b}{?c}")
    assert template.names == ("b", "c")
    assert repr(template) == "Template('/a/{b}{?c}')"
    assert pickle.loads(pickle.dumps(template)).expand({"b": 1}) == "/a/1"


@pytest.mark.parametrize("path", ["/a/./b", "/..", "..", "/%2E./b", "/a/.%2e", "/.?q", "/../#"])
def test_segments_of_dots_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="segment"):
        check_path(path)


@pytest.mark.parametrize("path", ["", "/", "/...", "/a.", "/.a", "/a..b", "/?q=/../", "/%252e"])
def test_other_dots_are_not(path: str) -> None:
    check_path(path)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({}, ""),
        ({"a": None}, ""),
        ({"a": 0, "b": False, "c": True}, "a=0&b=false&c=true"),
        ({"a": [1, None, "x"], "b": ("y", ["z"])}, "a=1&a=x&b=y&b=z"),
        ({"a b": "c d+/?:@"}, "a%20b=c%20d%2B%2F%3F%3A%40"),
        ({"k": Kind.NOVEL, "t": Text.TALE, "n": np.float64(0.5)}, "k=no%2Fvel&t=tale&n=0.5"),
        ({"a": ""}, "a="),
    ],
)
def test_queries(params: dict[str, Any], query: str) -> None:
    assert encode_query(params) == query

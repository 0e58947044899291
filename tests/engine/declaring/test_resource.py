"""A node for any path."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from grad300_sdk.engine.credentials import Token
from grad300_sdk.engine.errors import NotFoundError
from tests.support.library import BlockingLibrary
from tests.support.wire import answer


def test_its_path_and_its_template(library: Any) -> None:
    client = library()
    user = client.resource("/users/{user_id}{?full}", user_id="a/b", full=False)
    assert (user.path, user.template) == ("/users/a%2Fb?full=false", "/users/{user_id}{?full}")
    assert user.parent is client
    assert user.get.request().url == "http://library.test/v1/users/a%2Fb?full=false"
    assert str(user) == "<Resource /users/a%2Fb?full=false>"
    assert client.resource("users").path == "/users"
    assert (
        client.resource("/{self}/{template}/{path}", self=1, template=2, path=3).path == "/1/2/3"
    )
    assert client.resource("http://evil.test/").get.request().url.host == "library.test"
    evil = client.resource("/{+path}", path="/evil.test/x")
    assert evil.get.request().url == "http://library.test/v1//evil.test/x"


@pytest.mark.parametrize(
    ("template", "variables", "error"),
    [
        ("/users/{user_id}", {}, TypeError),
        ("/users/{user_id}", {"user": 1}, TypeError),
        ("/users/{user_id}", {"user_id": ".."}, ValueError),
        ("/users/{user_id}", {"user_id": ""}, ValueError),
        ("/users/{user_id", {"user_id": 1}, ValueError),
        ("/users/../x", {}, ValueError),
        ("/users#me", {}, ValueError),
        (5, {}, TypeError),
        (None, {}, TypeError),
    ],
)
def test_it_is_not_made_of_wrong_arguments(
    library: Any, template: Any, variables: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        library().resource(template, **variables).get.request()


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize(
    ("options", "body", "kind"),
    [
        ({}, b"", None),
        ({"json": {"a": [1, None]}}, b'{"a":[1,null]}', "application/json"),
        ({"data": {"a": "b c"}}, b"a=b+c", "application/x-www-form-urlencoded"),
        ({"content": b"\x00\xff"}, b"\x00\xff", None),
        ({"content": "é"}, "é".encode(), None),
        ({"params": {"a": 0}, "headers": {"Content-Type": "x/y"}}, b"", "x/y"),
    ],
)
def test_its_calls(
    harness: Any, library: Any, wire: Any, method: str, options: Any, body: bytes, kind: str | None
) -> None:
    server = wire(answer(b'{"ok": true}'))
    resource = library(server.url).resource("/things")
    call = getattr(resource, method)
    assert call.method == method.upper()
    assert call.__doc__
    assert harness.call(call, **options) == {"ok": True}
    (request,) = server.requests
    assert (request.method, request.body) == (method.upper(), body)
    assert request.headers.get("content-type") == kind
    assert request.target == ("/things?a=0" if "params" in options else "/things")


@pytest.mark.parametrize("files", [{"f": b"text"}, {"f": ("name.txt", b"text", "text/plain")}])
def test_an_upload(harness: Any, library: Any, wire: Any, files: Any) -> None:
    server = wire(answer(b"{}"))
    client = library(server.url, credentials=Token("t0k"))
    response = harness.call(client.resource("/things").post.response, files=files, data={"n": 1})
    (request,) = server.requests
    assert request.headers["authorization"] == "Bearer t0k"
    assert "Authorization" not in response.request.headers
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b"text" in request.body
    assert b'name="n"\r\n\r\n1\r\n' in request.body


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n", b"plain text", b"{broken"])
def test_what_is_no_json_comes_as_bytes(
    harness: Any, library: Any, wire: Any, content: bytes
) -> None:
    server = wire(answer(content), answer(content, "404 Not Found"))
    resource = library(server.url).resource("/things")
    assert harness.call(resource.get) == content
    with pytest.raises(NotFoundError):
        harness.call(resource.get)


def test_what_comes_without_content(harness: Any, library: Any, wire: Any) -> None:
    server = wire([b"HTTP/1.1 204 No Content\r\n\r\n"], answer(json.dumps([1]).encode()))
    resource = library(server.url, max_connections=1).resource("/things")
    assert harness.call(resource.delete) == b""
    assert harness.call(resource.get) == [1]


def test_a_file_that_is_open(tmp_path: Any) -> None:
    bodies: list[bytes] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return httpx.Response(200, json=None)

    path = tmp_path / "cover"
    path.write_bytes(b"jpeg")
    with (
        BlockingLibrary(transport=httpx.MockTransport(handle)) as client,
        path.open("rb") as cover,
    ):
        client.resource("/covers").post(files={"cover": cover})
    assert b"jpeg" in bodies[0]

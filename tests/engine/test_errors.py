"""The errors that answers become."""

from __future__ import annotations

import pickle
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import errors
from grad300_sdk.engine.errors import (
    APIError,
    AuthenticationError,
    DecodeError,
    DownloadError,
    Error,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    ValidationError,
)
from tests.support.wire import answer


def test_the_tree_of_errors() -> None:
    assert issubclass(APIError, Error)
    assert all(
        issubclass(kind, APIError)
        for kind in (
            AuthenticationError,
            NotFoundError,
            ValidationError,
            RateLimitError,
            ServerError,
        )
    )
    assert issubclass(RequestTimeoutError, TransportError)
    assert issubclass(RequestTimeoutError, TimeoutError)
    assert issubclass(DownloadError, DecodeError)
    assert issubclass(TransportError, Error)
    assert not issubclass(DecodeError, APIError | TransportError)
    assert set(errors.__all__) <= set(vars(errors))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (300, APIError),
        (304, APIError),
        (400, APIError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, NotFoundError),
        (405, APIError),
        (409, APIError),
        (422, ValidationError),
        (429, RateLimitError),
        (500, ServerError),
        (503, ServerError),
        (599, ServerError),
        (799, ServerError),
    ],
)
def test_each_status_has_its_error(
    harness: Any, library: Any, wire: Any, status: int, kind: type[APIError]
) -> None:
    server = wire(answer(b"" if status == 304 else b'{"detail": "why"}', f"{status} What"))
    with pytest.raises(APIError) as caught:
        harness.call(library(server.url).books["1"].get)
    error = caught.value
    assert type(error) is kind
    assert error.status_code == status == error.response.status_code
    assert error.request.url == f"{server.url}/books/1"
    assert error.retry_after is None
    assert f"GET {server.url}/books/1 answered {status}." in error.__notes__
    if status != 304:
        assert str(error) == error.message == "why"
        assert error.response_body == {"detail": "why"}


PROBLEM = {"type": "int", "loc": ["query", "limit"], "msg": "must be above 0", "input": "s3cret"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"detail": "Scan not found"}, "Scan not found"),
        ({"detail": [PROBLEM]}, "query.limit: must be above 0"),
        (
            {"detail": [PROBLEM, {"loc": ["body", 0], "msg": "x"}]},
            "query.limit: must be above 0; ",
        ),
        ({"detail": [PROBLEM, {"loc": ["body", 0], "msg": "x"}]}, "; body.0: x"),
        ({"detail": [{"msg": "only that"}]}, "only that"),
        ({"detail": [{"loc": "odd", "msg": "only that"}]}, "only that"),
        ({"detail": [{"loc": ["path"]}]}, "path"),
        ({"detail": [{"input": "s3cret", "type": "odd"}]}, "odd"),
        ({"detail": ["a", 5]}, "a; 5"),
        ({"detail": {"code": 5}}, "{'code': 5}"),
        ({"detail": 5}, "5"),
        ({"detail": []}, "the server answered 422 Unprocessable Entity: "),
        ({"detail": None}, "the server answered 422 Unprocessable Entity: "),
        ({"message": "other"}, "other"),
        ({"error": {"code": 5, "message": "other"}}, "other"),
        ({"title": "RFC 9457", "status": 422}, "RFC 9457"),
        ({"title": "less", "detail": "more"}, "more"),
        ({"odd": "other"}, 'the server answered 422 Unprocessable Entity: {"odd":"other"}'),
        (["list"], 'the server answered 422 Unprocessable Entity: ["list"]'),
    ],
)
def test_what_the_server_says_is_the_message(
    harness: Any, library: Any, body: Any, message: str
) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(422, json=body))
    with pytest.raises(ValidationError) as caught:
        harness.call(library(transport=transport).books["1"].get)
    assert message in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.response_body == body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"reason": "closed", "detail": "not this one"}, "closed"),
        ({"reason": {"code": 5, "message": "closed"}}, "closed"),
        ({"reason": 5}, "5"),
        ({"reason": None}, "the server answered 409 Conflict: "),
        ({"reason": "red: \x1b[31m"}, "red: \\x1b[31m"),
    ],
)
def test_an_api_says_where_its_message_is(
    harness: Any, library: Any, body: Any, message: str
) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(409, json=body))
    client = library(transport=transport, error_message=lambda body: body["reason"])
    for each in (client, client.with_options(timeout=1)):
        with pytest.raises(APIError) as caught:
            harness.call(each.books["1"].get)
        assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("content", "headers", "message"),
    [
        (b"<html>\n\n<h1>Bad gateway</h1>", {}, "answered 502 Bad Gateway: <html> <h1>Bad gat"),
        ("É".encode("latin-1"), {"Content-Type": "text/plain; charset=latin-1"}, "Gateway: É"),
        (b"\xff\x00\x1b[31m", {}, "answered 502 Bad Gateway: "),
        (b"x" * 10_000, {}, "x" * 80 + "…"),
        (b"", {}, "the server answered 502 Bad Gateway"),
        (b"", {"Location": "/other"}, "the server answered 502 Bad Gateway"),
    ],
)
def test_other_bodies_are_shown_in_short(
    harness: Any, library: Any, content: bytes, headers: dict[str, str], message: str
) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, content=content, headers=headers)

    with pytest.raises(ServerError) as caught:
        harness.call(library(transport=httpx.MockTransport(handle)).books["1"].get)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200
    assert isinstance(caught.value.response_body, str)


def test_no_depth_of_an_error_body_gives_another_error(harness: Any, library: Any) -> None:
    contents = [b"[" * n + b"]" * n for n in range(1, 1100, 13)]
    contents += [b'{"detail":' * n + b"1" + b"}" * n for n in range(1, 1100, 13)]
    left = list(contents)
    client = library(
        transport=httpx.MockTransport(lambda request: httpx.Response(500, content=left.pop()))
    )
    for _ in contents:
        with pytest.raises(ServerError):
            harness.call(client.books["1"].get)


def test_what_is_too_deep_to_be_written_is_not() -> None:
    detail: list[Any] = []
    for _ in range(100_000):
        detail = [detail]
    request = httpx.Request("GET", "http://library.test/")
    response = httpx.Response(500, request=request)
    error = errors.from_status(response, {"detail": {"deep": detail}}, {})
    assert str(error) == "nested too deeply"
    error.response_body = None
    while detail:  # or the interpreter ends in freeing it
        detail = detail.pop()


@pytest.mark.parametrize(
    "error",
    [
        APIError(400, "why", response_body={"a": 1}),
        NotFoundError(404, "not there"),
        TransportError("cut"),
        RequestTimeoutError("late"),
        DecodeError("odd"),
        DownloadError("short"),
    ],
)
def test_errors_pickle_with_what_they_carry(error: Error) -> None:
    request = httpx.Request("GET", "http://library.test/", headers={"X": "1"})
    error.request = request
    error.response = httpx.Response(400, json={"a": 1}, request=request)
    error.add_note("a note")
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is type(error)
    assert (str(there), there.args) == (str(error), error.args)
    assert there.request.headers["X"] == "1"
    assert there.response.json() == {"a": 1}
    assert there.__notes__ == ["a note"]
    if isinstance(error, APIError):
        assert (there.status_code, there.message) == (error.status_code, error.message)
        assert there.response_body == error.response_body


def test_an_error_of_a_class_that_a_call_gave(harness: Any, library: Any) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(400, json={"detail": "no"}))
    with pytest.raises(AuthenticationError, match="no"):
        harness.call(library(transport=transport).log_in, "ann", "s3cret")

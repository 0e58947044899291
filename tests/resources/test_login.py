"""Logging in, on both clients."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from grad300_sdk import AuthenticationError, DecodeError, Grad300APIError, ServerError
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness

TOKEN = "token-that-nobody-may-see"
PASSWORD = "password-that-nobody-may-see"


def test_login_is_used_from_then_on(harness: Harness, sandbox: Sandbox) -> None:
    client = harness.client(sandbox.url)
    with pytest.raises(AuthenticationError, match="Not authenticated"):
        harness.run(client.login.test_token())
    token = harness.run(client.login(sandbox.user, sandbox.password))
    assert harness.run(client.login.test_token())["email"] == sandbox.user
    other = harness.client(sandbox.url, token=token)
    assert harness.run(other.login.test_token())["email"] == sandbox.user


def test_access_token_leaves_the_client_as_it_is(harness: Harness, sandbox: Sandbox) -> None:
    client = harness.client(sandbox.url)
    answer = harness.run(client.login.access_token(sandbox.user, sandbox.password))
    assert answer["token_type"] == "bearer"
    with pytest.raises(AuthenticationError):
        harness.run(client.login.test_token())
    harness.call(client.set_token, answer["access_token"])
    assert harness.run(client.login.test_token())["email"] == sandbox.user
    client.clear_token()
    with pytest.raises(AuthenticationError, match="Not authenticated"):
        harness.run(client.login.test_token())


def test_user_and_password_log_in_once_at_the_first_request(
    harness: Harness, sandbox: Sandbox
) -> None:
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        headers = {"Authorization": request.headers.get("Authorization", "")}
        if request.method == "POST":
            headers["Content-Type"] = request.headers["Content-Type"]
        answer = httpx.request(
            request.method, request.url, headers=headers, content=request.content
        )
        return httpx.Response(answer.status_code, content=answer.content)

    client = harness.client(
        sandbox.url,
        user=sandbox.user,
        password=sandbox.password,
        transport=httpx.MockTransport(handle),
    )
    assert asked == []
    harness.run(client.login.test_token())
    harness.run(client.login.test_token())
    assert [path.rpartition("/")[2] for path in asked] == [
        "access-token",
        "test-token",
        "test-token",
    ]


def test_wrong_password(harness: Harness, sandbox: Sandbox) -> None:
    client = harness.client(sandbox.url)
    for call in (client.login, client.login.access_token):
        with pytest.raises(AuthenticationError, match="Incorrect email or password") as caught:
            harness.run(call(sandbox.user, PASSWORD))
        assert caught.value.status_code == 400
        assert PASSWORD not in repr(caught.value)
        assert PASSWORD.encode() not in caught.value.request.content
    lazy = harness.client(sandbox.url, user=sandbox.user, password=PASSWORD)
    with pytest.raises(AuthenticationError, match="Incorrect email or password"):
        harness.run(lazy.scans["TPI"].get())


def test_a_bad_token(harness: Harness, sandbox: Sandbox) -> None:
    client = harness.client(sandbox.url, token=TOKEN)
    with pytest.raises(AuthenticationError, match="Could not validate credentials") as caught:
        harness.run(client.login.test_token())
    assert caught.value.status_code == 403
    assert TOKEN not in f"{caught.value!r} {caught.value.request.headers}"


@pytest.mark.parametrize(
    ("email", "password", "error"),
    [
        ("", "x", ValueError),
        ("x", "", ValueError),
        (None, "x", TypeError),
        ("x", 3, TypeError),
    ],
)
def test_wrong_arguments(
    harness: Harness, email: Any, password: Any, error: type[Exception]
) -> None:
    client = harness.client("https://archive", transport=httpx.MockTransport(pytest.fail))
    for call in (client.login, client.login.access_token):
        with pytest.raises(error):
            harness.call(call, email, password)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"access_token": null}',
        b'{"access_token": ""}',
        b'{"access_token": "two\\nlines"}',
        b'{"token": "' + TOKEN.encode() + b'"}',
    ],
)
def test_an_answer_without_a_token(harness: Harness, body: bytes) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=body))
    client = harness.client("https://archive", transport=transport)
    with pytest.raises(DecodeError) as caught:
        harness.run(client.login("me@example.org", PASSWORD))
    assert TOKEN not in str(caught.value)
    assert caught.value.response.status_code == 200


def server(*answers: httpx.Response) -> tuple[httpx.MockTransport, list[str]]:
    """Give these answers, and list the methods that were asked with."""
    remaining, methods = iter(answers), list[str]()

    def handle(request: httpx.Request) -> httpx.Response:
        methods.append(request.method)
        return next(remaining)

    return httpx.MockTransport(handle), methods


@pytest.mark.parametrize("use", ["__call__", "response"])
def test_test_token_is_posted_where_the_server_takes_only_that(harness: Harness, use: str) -> None:
    transport, methods = server(
        httpx.Response(405, headers={"Allow": "POST"}), httpx.Response(200, json={"id": 1})
    )
    client = harness.client("https://archive", transport=transport)
    answer = harness.run(getattr(client.login.test_token, use)())
    assert (answer if use == "__call__" else answer.json()) == {"id": 1}
    assert methods == ["GET", "POST"]


def test_test_token_is_not_posted_otherwise(harness: Harness) -> None:
    for answer, error in (
        (httpx.Response(405, headers={"Allow": "PUT"}), Grad300APIError),
        (httpx.Response(405), Grad300APIError),
        (httpx.Response(500), ServerError),
    ):
        transport, methods = server(answer)
        client = harness.client("https://archive", transport=transport, retries=0)
        with pytest.raises(error):
            harness.run(client.login.test_token())
        assert methods == ["GET"]


def test_curl_and_request_show_no_password() -> None:
    from grad300_sdk import Client

    call = Client("https://archive", token=TOKEN).login.access_token
    assert call.curl("me@example.org", PASSWORD) == (
        "curl --request POST https://archive/api/v1/login/access-token "
        '--data-urlencode username=me@example.org --data-urlencode "password=$PASSWORD"'
    )
    assert PASSWORD.encode() not in call.request("me@example.org", PASSWORD).content

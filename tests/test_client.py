"""What a client is made of: arguments, defaults, configuration, copies."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import httpx
import pytest

import grad300_sdk
from grad300_sdk import AsyncClient, Client, Grad300Client, conf
from grad300_sdk.engine import checks
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness


@pytest.mark.parametrize(
    ("base_url", "api_prefix", "expected"),
    [
        (None, None, "https://grad300.lam.fr/api/v1"),
        ("https://grad300.lam.fr/", None, "https://grad300.lam.fr/api/v1"),
        ("https://grad300.lam.fr/api/v1", None, "https://grad300.lam.fr/api/v1"),
        ("https://grad300.lam.fr/api/v1/", None, "https://grad300.lam.fr/api/v1"),
        ("  http://localhost:8000 ", None, "http://localhost:8000/api/v1"),
        ("http://localhost/proxy", "api/v2/", "http://localhost/proxy/api/v2"),
        ("http://localhost", "", "http://localhost"),
        ("http://localhost", "/", "http://localhost"),
        ("http://localhost/myapi/v1", None, "http://localhost/myapi/v1/api/v1"),
        ("http://[::1]:8000", None, "http://[::1]:8000/api/v1"),
        ("http://api", "/api", "http://api/api"),
        ("HTTPS://Grad300.LAM.fr", None, "https://grad300.lam.fr/api/v1"),
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_base_api_url(
    kind: Any, base_url: str | None, api_prefix: str | None, expected: str
) -> None:
    assert kind(base_url, api_prefix=api_prefix).base_api_url == expected


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"base_url": "grad300.lam.fr"}, ValueError, "base_url must be an http or https URL"),
        ({"base_url": ""}, ValueError, "base_url must be an http or https URL"),
        ({"base_url": "ftp://archive"}, ValueError, "base_url must be an http or https URL"),
        ({"base_url": "http://"}, ValueError, "base_url must be an http or https URL"),
        ({"base_url": "http://archive:port"}, ValueError, "base_url is not a URL"),
        ({"base_url": "http://archive?x=1"}, ValueError, "fragment"),
        ({"base_url": "http://archive/#x"}, ValueError, "fragment"),
        ({"base_url": 3}, TypeError, "base_url must be a str, not int"),
        (
            {"api_prefix": "/api?x"},
            ValueError,
            "must be a path without a query.*'/api\\?x'",
        ),
        ({"api_prefix": 1}, TypeError, "api_prefix must be a str"),
        ({"api_prefix": "/a/../b"}, ValueError, "segment '.' or '..'"),
        (
            {"verify": 3},
            TypeError,
            "verify must be a bool, the path .*, or an ssl.SSLContext, not 3",
        ),
        ({"verify": "certificates.pem"}, ValueError, "no such CA file or folder"),
        ({"proxy": 3}, TypeError, "proxy must be a str or an httpx.Proxy, not int"),
        ({"proxy": "user:secret@host:3128"}, ValueError, "proxy must be a URL such as"),
        ({"proxy": "http://:secret"}, ValueError, "proxy must be a URL such as"),
        ({"timeout": 0}, ValueError, "timeout must be .*, not 0"),
        ({"timeout": -1.0}, ValueError, "timeout must be .*, not -1.0"),
        ({"timeout": float("nan")}, ValueError, "timeout must be .*, not nan"),
        ({"timeout": float("inf")}, ValueError, "timeout must be .*, not inf"),
        (
            {"timeout": "30"},
            TypeError,
            "timeout must be a number of seconds or an httpx.Timeout, not '30'",
        ),
        ({"timeout": True}, TypeError, "timeout must be a number"),
        ({"retries": -1}, ValueError, "retries must be at least 0, not -1"),
        ({"retries": 1.5}, TypeError, "retries must be an integer, not 1.5"),
        ({"max_connections": 0}, ValueError, "max_connections must be at least 1, not 0"),
        ({"max_connections": "8"}, TypeError, "max_connections must be an integer"),
        ({"token": ""}, ValueError, "the token is empty"),
        ({"token": 3}, TypeError, "a token must be a str, not int"),
        ({"user": "me"}, ValueError, "must be provided together"),
        ({"password": "secret"}, ValueError, "must be provided together"),
        ({"token": "x", "user": "me", "password": "secret"}, ValueError, "Use either 'token'"),
        ({"force_noauth": True, "fail_if_noauth": True}, ValueError, "contradict"),
        ({"fail_if_noauth": True}, ValueError, "no credentials were passed"),
        ({"tokn": "x"}, TypeError, r"Client\(\) has no .* 'tokn'; did you mean 'token'\?"),
        ({"transport": object()}, TypeError, "transport of .* must be an httpx.*, not <object"),
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_wrong_arguments(
    kind: Any, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        kind(**arguments)
    assert "secret" not in str(caught.value)


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: "the package is there")
    for proxy in ("http://host:3128", httpx.Proxy("https://host:3128"), httpx.URL("socks5://x")):
        Client(proxy=proxy).close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"json": 1, "data": {"a": 1}}, ValueError, "one body: pass json or data"),
        ({"json": 1, "content": b""}, ValueError, "one body: pass json or content"),
        ({"data": "a=1"}, TypeError, "data must be a mapping, not str"),
        ({"headers": "abc"}, TypeError, "headers must be a mapping"),
        ({"content": iter([b"a"])}, TypeError, "content must be bytes or str"),
        (
            {"files": {"a": 3}},
            TypeError,
            r"files\['a'\] must be bytes, str, a path or an open file, not int",
        ),
        ({"files": [("a", ("name", 3))]}, TypeError, r"files\['a'\]"),
    ],
)
def test_wrong_bodies(
    harness: Harness, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    client = harness.client("https://archive", transport=httpx.MockTransport(pytest.fail))
    for use in ("__call__", "request", "curl", "response"):
        with pytest.raises(error, match=message):
            harness.call(getattr(client.resource("/x").post, use), **arguments)


def test_uploads(harness: Harness) -> None:
    seen: list[bytes] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.read())
        return httpx.Response(200, json={})

    client = harness.client("https://archive", transport=httpx.MockTransport(handle))
    harness.run(client.resource("/x").post(data={"a": 1}, files={"f": ("name", b"content")}))
    assert b'name="a"' in seen[0]
    assert b'filename="name"' in seen[0]


def test_a_header_of_the_call_goes_before_the_token(harness: Harness) -> None:
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(200, json={})

    client = harness.client("https://archive", token="x", transport=httpx.MockTransport(handle))
    own = {"authorization": "Basic abc"}
    harness.run(client.resource("/x").get(headers=own))
    assert seen == ["Basic abc"]
    assert client.resource("/x").get.curl(headers=own).count("uthorization:") == 1


def test_a_bomb_is_refused_by_request_too(harness: Harness) -> None:
    headers = {"Content-Type": "application/json"}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, headers=headers, content=b" " * 2000)
    )
    with conf.set_temp("max_json_bytes", 1000):
        client = harness.client("https://archive", transport=transport)
    with pytest.raises(grad300_sdk.DecodeError, match="more than the 1000 bytes"):
        harness.run(client.request("GET", "/x"))


@pytest.mark.parametrize("kind", [Client, AsyncClient, Grad300Client])
def test_misspelt_options(kind: Any) -> None:
    name = kind.__name__
    with pytest.raises(TypeError) as caught:
        kind(timout=3)
    assert str(caught.value) == f"{name}() has no parameter 'timout'; did you mean 'timeout'?"
    with pytest.raises(TypeError) as caught:
        kind().with_options(retires=1)
    expected = f"{name}.with_options() has no parameter 'retires'; did you mean 'retries'?"
    assert str(caught.value) == expected


def test_misspelt_parameters_of_the_flat_methods() -> None:
    with pytest.raises(TypeError) as caught:
        Grad300Client().query_source("sun", max_result=1)
    expected = "Grad300Client.query_source() has no parameter 'max_result'"
    assert str(caught.value) == f"{expected}; did you mean 'max_results'?"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_token_is_not_an_attribute(kind: Any) -> None:
    with pytest.raises(AttributeError, match=r"use client\.set_token"):
        kind().token = "t0k"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    "attempt",
    [
        lambda kind: kind(timeout=-1),
        lambda kind: kind().with_options(timeout=-1),
        lambda kind: kind().set_token(""),
        lambda kind: kind().resource("/users/{user_id}", user="me"),
    ],
)
def test_the_traceback_of_a_wrong_argument_is_short(kind: Any, attempt: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        attempt(kind)
    assert len(caught.traceback) == 3  # this test's two, and the call


def test_a_misspelt_part_of_a_call() -> None:
    with pytest.raises(AttributeError, match="did you mean 'curl'"):
        Client().openapi.get.crul()


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="user name or password") as caught:
        Client("https://me:secret@archive")
    assert "secret" not in str(caught.value)


def test_both_clients_take_the_same_arguments() -> None:
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
    with pytest.raises(TypeError, match="AsyncBaseTransport"):
        AsyncClient(transport=httpx.HTTPTransport())


def test_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    with conf.set_temp("base_url", "https://other"), conf.set_temp("timeout", 7.0):
        client = Client()
        assert client.base_api_url == "https://other/api/v1"
        assert client.login.test_token.request().extensions["timeout"]["read"] == 7.0
        assert Client("https://given", timeout=2).base_api_url == "https://given/api/v1"
    assert client.base_api_url == "https://other/api/v1"
    assert Client().base_api_url == "https://grad300.lam.fr/api/v1"
    assert type(conf) is grad300_sdk.Conf


def test_user_agent(harness: Harness, sandbox: Sandbox) -> None:
    expected = f"grad300_sdk/{grad300_sdk.__version__}"
    client = harness.client(sandbox.url, headers={"X-RunningFlow": "radio"})
    response = harness.run(client.request("get", "utils/health-check/"))
    assert response.request.headers["User-Agent"] == expected
    assert response.request.headers["X-RunningFlow"] == "radio"


def test_request_and_get_json(harness: Harness, client: Any) -> None:
    assert harness.run(client.get_json("/utils/health-check/")) is True
    page = harness.run(client.get_json("/scans/TPI/", params={"limit": 2, "offset": 0}))
    assert [row["id"] for row in page] == [1, 2]
    assert harness.run(client.resource("/users/{who}", who="me").get())["is_active"] is True
    with pytest.raises(grad300_sdk.NotFoundError, match="Not Found"):
        harness.run(client.request("GET", "/nowhere"))
    with pytest.raises(grad300_sdk.ValidationError, match=r"query\.limit: .*greater"):
        harness.run(client.get_json("/scans/TPI/", params={"limit": -1}))
    with pytest.raises(grad300_sdk.Grad300APIError, match=r"redirect to .*/scans/TPI/"):
        harness.run(client.request("POST", "/scans/TPI"))
    assert harness.run(client.request("GET", "/scans/TPI")).status_code == 200


def test_a_closed_client_says_so(harness: Harness, sandbox: Sandbox) -> None:
    client = harness.client(sandbox.url)
    harness.run(client.get_json("/utils/health-check/"))
    harness.run((client.close if harness.mode == "blocking" else client.aclose)())
    with pytest.raises(RuntimeError, match="this client is closed"):
        harness.run(client.get_json("/utils/health-check/"))


def test_clients_travel_with_the_credentials_that_were_given(
    harness: Harness, sandbox: Sandbox
) -> None:
    client = harness.client(sandbox.url, user=sandbox.user, password=sandbox.password)
    copy = pickle.loads(pickle.dumps(client))
    assert copy.base_api_url == client.base_api_url
    assert harness.run(copy.login.test_token())["email"] == sandbox.user
    node = pickle.loads(pickle.dumps(client.scans["TPI"][1]))
    assert node == client.scans["TPI"][1]
    assert harness.run(node.get())["id"] == 1
    harness.run((copy.close if harness.mode == "blocking" else copy.aclose)())
    assert harness.run(client.login.test_token())["email"] == sandbox.user


def test_reprs_fit_a_line_and_show_no_secret(client: Any, sandbox: Sandbox) -> None:
    for thing in (client, client.scans, client.scans["TPI"][42], client.scans["TPI"][42].get):
        assert len(repr(thing)) < 80
        assert sandbox.password not in repr(thing) + repr(vars(thing))


def test_the_tree_of_a_client(client: Any) -> None:
    lines = {line.call: (line.method, line.template) for line in client.tree()}
    assert lines["client.scans[scan_type][scan_id].file.get()"] == (
        "GET",
        "/scans/{scan_type}/{scan_id}/download",
    )
    assert lines["client.login(email, password)"] == ("POST", "/login/access-token")
    assert all(line.summary.endswith(".") for line in client.tree())
    assert str(client.tree()).count("\n") == len(lines) - 1


def test_configuration_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "astropy").mkdir()
    (tmp_path / "astropy" / "grad300_sdk.cfg").write_text('base_url = "http://from-the-file"\n')
    code = "from grad300_sdk import Client; print(Client().base_api_url)"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert output.stdout == "http://from-the-file/api/v1\n", output.stderr


def test_a_wrong_base_url_of_the_settings_is_named_as_one() -> None:
    with conf.set_temp("base_url", "archive"):
        with pytest.raises(ValueError, match=r"^conf\.base_url must be an http or https URL"):
            Client()
        with pytest.raises(ValueError, match=r"^base_url must be an http or https URL"):
            Client("archive")

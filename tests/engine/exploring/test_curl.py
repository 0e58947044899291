"""Commands for a shell: they send the same, without a secret in them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grad300_sdk.engine.credentials import Token
from tests.support.library import BlockingLibrary
from tests.support.multipart import parts
from tests.support.wire import Received, Wire, answer

needs_curl = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")), reason="curl and bash are not here"
)


SAME = ("authorization", "content-type", "cookie", "x-key", "x-mine")


@pytest.fixture
def server(wire: Callable[..., Wire]) -> Wire:
    """A server that accepts all requests."""
    return wire(answerer=lambda request: answer(b"" if request.method == "HEAD" else b"{}"))


def run(command: str, tmp_path: Any, **variables: str) -> None:
    """Paste a command into a shell."""
    environment = {**os.environ, **variables}
    subprocess.run(
        ["bash", "-euc", command],
        env=environment,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=30,
    )


def without_boundary(request: Received) -> tuple[str, str, dict[str, str], Any]:
    """Return what must be the same in both requests."""
    headers = {name: request.headers[name] for name in SAME if name in request.headers}
    if "multipart" not in headers.get("content-type", ""):
        return request.method, request.target, headers, request.body
    kind, _, boundary = headers.pop("content-type").partition("; boundary=")
    parts = [part.partition(b"\r\n\r\n")[2] for part in request.body.split(boundary.encode())]
    return request.method, request.target, headers, (kind, [p.strip(b"\r\n-") for p in parts])


ODD = 'it\'s a "test" & $HOME `id` \\ é %41 + = #\n@/etc/passwd'


@needs_curl
@pytest.mark.parametrize(
    ("method", "path", "arguments"),
    [
        ("GET", "/books", {}),
        ("GET", "/books", {"params": {"q": ODD, "n": 0, "l": ["[1-3]", "{a,b}"]}}),
        ("GET", "/it's/[1-3]/{a,b}/$HOME/é", {}),
        ("GET", "/books", {"json": {"q": 1}}),
        ("GET", "/books", {"headers": {"X-Mine": 'a "b" $c `d` \\e'}}),
        ("GET", "/books", {"headers": {"X-Mine": ""}}),
        ("GET", "/books", {"headers": {"COOKIE": "mine"}}),
        ("HEAD", "/books", {}),
        ("POST", "/books", {}),
        ("POST", "/books", {"json": {"title": ODD}}),
        ("POST", "/books", {"json": ODD}),
        ("POST", "/books", {"json": 0}),
        ("POST", "/books", {"data": {"title": ODD.replace("\n", ""), "n": [1, "b"]}}),
        ("POST", "/books", {"data": {"t": True, "f": False, "none": None, "x": 1.5}}),
        ("POST", "/books", {"data": {"a=b": "c", "@d": "@e", "é f": "<f"}}),
        ("POST", "/books", {"content": ODD}),
        ("POST", "/books", {"content": "@file"}),
        ("PUT", "/books", {"content": b"plain"}),
        ("PUT", "/books", {"content": b"{}", "headers": {"content-type": "application/x"}}),
        ("PATCH", "/books", {"json": {}, "headers": {"Content-Type": "application/y"}}),
        ("DELETE", "/books/1", {}),
    ],
)
def test_a_pasted_command_sends_the_same(
    server: Wire, tmp_path: Any, method: str, path: str, arguments: dict[str, Any]
) -> None:
    headers = {"X-Key": "s3cret-key"}
    with BlockingLibrary(server.url, credentials=Token("s3cret-t0k"), headers=headers) as client:
        command = client.request.curl(method, path, **arguments)
        client.request(method, path, **arguments)
    assert "s3cret" not in command
    assert "mine" not in command
    run(command, tmp_path, TOKEN="s3cret-t0k", X_KEY="s3cret-key", COOKIE="mine")
    ours, theirs = map(without_boundary, server.requests)
    assert theirs == ours


@needs_curl
@pytest.mark.parametrize("name", ["x-$home", "x-`id`", "x-!1", "x-'a"])
def test_a_header_has_its_name_whatever_a_shell_makes_of_it(
    server: Wire, tmp_path: Any, name: str
) -> None:
    with BlockingLibrary(server.url, headers={name: "s3cret"}) as client:
        command = client.books.get.curl()
    variable = "X_" + "".join(c if c.isalnum() else "_" for c in name[2:].upper())
    # As at a prompt, where "!1" is a command of its history.
    history = f"set -o history -H; history -s echo\n{command}"
    run(history, tmp_path, **{variable: "s3cret", "home": "elsewhere"})
    assert server.requests[0].headers[name] == "s3cret"


@needs_curl
def test_a_log_in_and_an_upload(server: Wire, tmp_path: Any) -> None:
    (tmp_path / "cover").write_bytes(b"jpeg")
    with BlockingLibrary(server.url) as client:
        commands = [
            client.log_in.curl("an'n", "s3cret"),
            client.request.curl(
                "POST", "/covers", files={"cover": b"jpeg"}, data={"title": "a 'b'", "n": 1}
            ),
        ]
        with pytest.raises(KeyError):
            client.log_in("an'n", "s3cret")
        client.request(
            "POST", "/covers", files={"cover": b"jpeg"}, data={"title": "a 'b'", "n": 1}
        )
    assert "s3cret" not in "".join(commands)
    for command in commands:
        run(command, tmp_path, PASSWORD="s3cret")
    ours, theirs = server.requests[:2], server.requests[2:]
    assert without_boundary(ours[0]) == without_boundary(theirs[0])
    one, other = without_boundary(ours[1]), without_boundary(theirs[1])
    assert one[:3] == other[:3]
    assert sorted(one[3][1]) == sorted(other[3][1])


def test_what_is_written(library: Any) -> None:
    client = library()
    assert client.books["1"].get.curl() == "curl http://library.test/v1/books/1"
    client.set_token("s3cret")
    assert shlex.split(client.books["a b"].lend.curl(reader="it's me")) == [
        "curl",
        "--request",
        "POST",
        "http://library.test/v1/books/a%20b/loan",
        "--header",
        "Authorization: Bearer $TOKEN",
        "--header",
        "Content-Type: application/json",
        "--data-raw",
        '{"reader":"it\'s me"}',
    ]
    other = client.request.curl("GET", "http://other.test/", headers={"X": "1"})
    assert other == "curl http://other.test/ --header 'X: 1'"


def test_no_secret_of_a_call_is_written(library: Any) -> None:
    client = library(headers={"X-1st-Key": "s3cret"})
    command = client.request.curl(
        "GET", "/", headers={"AUTHORIZATION": "Bearer s3cret", "cookie": "s3cret"}
    )
    assert "s3cret" not in command
    assert '"x-1st-key: $X_1ST_KEY"' in command
    assert '"AUTHORIZATION: $AUTHORIZATION"' in command


def test_a_command_names_the_files(library: Any, tmp_path: Path) -> None:
    odd = tmp_path / "a;b,'c\".txt"
    odd.write_bytes(b"x")
    post = library().resource("/covers").post
    command = post.curl(files={"a": b"", "b": ("name.txt", b""), "c": ("other.txt", odd)})
    assert "--form a=@a " in f"{command} "
    assert "--form b=@name.txt " in command
    assert ";filename=other.txt" in command


@needs_curl
def test_a_pasted_command_uploads_the_same(wire: Callable[..., Wire], tmp_path: Path) -> None:
    server = wire(answerer=lambda request: answer(b"{}"))
    odd = tmp_path / "a;b,'c\"\\ é.fits,0"
    content = os.urandom(300_000)
    odd.write_bytes(content)
    (tmp_path / "name.txt").write_bytes(b"named")
    arguments: dict[str, Any] = {
        "files": {"a": odd, "b": ("name.txt", b"named"), "c": ("other;1.txt", odd)},
        "data": {"tag": ["x;type=text/html", "@file", "<file"], "n": 0},
    }
    with BlockingLibrary(server.url) as client:
        client.request("PUT", "/covers", **arguments)
        command = client.request.curl("PUT", "/covers", **arguments)
    subprocess.run(["bash", "-euc", command], cwd=tmp_path, check=True, capture_output=True)
    ours, theirs = server.requests
    assert (ours.method, ours.target) == (theirs.method, theirs.target)
    assert [content for _, content in parts(ours)] == [content for _, content in parts(theirs)]
    for name in ("name.txt", "other;1.txt"):
        for request in server.requests:
            assert any(f'filename="{name}"' in head for head, _ in parts(request))

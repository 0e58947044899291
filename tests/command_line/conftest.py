"""Commands in this process, with access to the sandbox or to a hostile server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grad300_sdk import Client
from grad300_sdk.command_line import run
from grad300_sdk.sandbox import Sandbox
from tests.support.commands import HOSTILE, Done
from tests.support.wire import Received, Wire, answer


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Return a function that runs a command in this process."""

    def call(*arguments: object) -> Done:
        capfd.readouterr()
        status = run([str(argument) for argument in arguments])
        output, errors = capfd.readouterr()
        return Done(status, output, errors)

    return call


@pytest.fixture(scope="session")
def token_file(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with Client(sandbox.url) as client:
        token = client.login(sandbox.user, sandbox.password)
    path = tmp_path_factory.mktemp("token") / "token"
    path.write_text(token)
    return path


@pytest.fixture
def access(sandbox: Sandbox, token_file: Path) -> tuple[str, ...]:
    """Return the options that give a command access to the sandbox."""
    return "--base-url", sandbox.url, "--token-file", str(token_file)


@pytest.fixture
def by_password(sandbox: Sandbox) -> tuple[str, ...]:
    return "--base-url", sandbox.url, "--user", sandbox.user


def hostile_answers(request: Received) -> Any:
    """Answer like an archive with one scan, all of whose texts are hostile."""
    row = {"id": 1, "file_name": HOSTILE, "object": "[red]sun", "comment": HOSTILE, "size": 3}
    if request.target.endswith("/download"):
        return answer(b"\x1b[31mno FITS file\n")
    if request.target.startswith("/api/v1/broken"):
        body = json.dumps({"detail": HOSTILE}).encode()
        return answer(body, "500 Oh", Content_Type="application/json")
    is_listing = "/scans/TPI/?" in request.target
    rows: Any = [row] if is_listing and "offset=0" in request.target else []
    return answer(json.dumps(rows if is_listing else row).encode())


@pytest.fixture
def hostile() -> Iterator[tuple[str, ...]]:
    with Wire(answerer=hostile_answers) as wire:
        yield "--base-url", wire.url

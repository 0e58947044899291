"""The fault bench: answers that go wrong, byte by byte, and what must hold after each of them."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.secrets import assert_harmless
from tests.support.wire import Act, Step, Wire, answer

FILE = b"SIMPLE  =                    T".ljust(2880) + bytes(range(256)) * 40
OTHER = FILE[:2880] + bytes(reversed(range(256))) * 40
SIZE = len(FILE)
ETAG = '"state 1"'.replace(" ", "-")
TOKEN = "a-token-of-the-user"
HTML = b"<html><body>Bad gateway</body></html>"
Asked = tuple[str | None, str | None]  # the Range and the If-Range of a request
ALL: Asked = (None, None)


def whole(body: bytes = FILE, etag: str | None = ETAG, **headers: Any) -> list[bytes | Act]:
    """Answer with a whole file."""
    tag: dict[str, Any] = {"ETag": etag} if etag else {}
    return answer(body, **tag, **headers)


def cut(count: int, end: Act, etag: str | None = ETAG) -> list[bytes | Act]:
    """Answer with the beginning of a file of which more is announced."""
    headers = {"ETag": etag} if etag else {}
    return [*answer(FILE[:count], length=SIZE, **headers), end]


def part(
    start: int,
    body: bytes | None = None,
    *,
    etag: str | None = ETAG,
    content_range: str | None = None,
    end: Act | None = None,
    count: int | None = None,
) -> list[bytes | Act]:
    """Answer with what a file has from a byte on."""
    rest = FILE[start:] if body is None else body
    headers = {"Content_Range": content_range or f"bytes {start}-{SIZE - 1}/{SIZE}"}
    if etag:
        headers["ETag"] = etag
    step = answer(rest[:count], "206 Partial Content", length=len(rest), **headers)
    return step if end is None else [*step, end]


def refusal(size: int | str = SIZE, **headers: Any) -> list[bytes | Act]:
    """Answer that the file does not have such a part."""
    return answer(b"", "416 Range Not Satisfiable", Content_Range=f"bytes */{size}", **headers)


def after(count: int, etag: str = ETAG) -> Asked:
    """Ask for what a file has after so many bytes."""
    return f"bytes={count}-", etag


@dataclass
class Fault:
    """A script, what must be asked meanwhile, and what comes of it: the file, or an error.

    `left` says how many bytes must be left for the next call.
    """

    name: str
    script: list[Step]
    asked: list[Asked]
    outcome: bytes | type[Exception] = FILE
    left: int = 0
    says: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def asked(wire: Wire) -> list[Asked]:
    """Return what was requested, each time with the user's token."""
    for request in wire.requests:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["accept-encoding"] == "identity"
    return [(r.headers.get("range"), r.headers.get("if-range")) for r in wire.requests]


def hidden(folder: Path) -> dict[str, int]:
    """Return the sizes of the hidden files in a folder, without their states."""
    return {
        path.name: path.stat().st_size
        for path in folder.iterdir()
        if path.name.startswith(".") and path.suffix == ".part"
    }


def seen(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder that a user sees."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}


def assert_nothing_hidden(folder: Path) -> None:
    """Assert that nothing is left in a folder besides what a user sees."""
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def assert_no_secret(error: BaseException | None, logged: str) -> None:
    """Assert that no token is in an error, nor in what was logged."""
    assert TOKEN not in logged
    if error is not None:
        assert TOKEN not in "".join(traceback.format_exception(error))
        assert_harmless(error, TOKEN)


def assert_all_closed(wires: Iterable[Wire]) -> None:
    """Assert that a client that was closed has left no connection open."""
    for wire in wires:
        assert wire.wait_until_closed()

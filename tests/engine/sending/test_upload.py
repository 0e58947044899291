"""Files to upload: on the wire whole, each time; and closed afterwards."""

from __future__ import annotations

import gc
import gzip
import io
import os
import socket
import struct
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grad300_sdk.engine.credentials import TokenFile
from grad300_sdk.engine.errors import APIError, TransportError
from grad300_sdk.engine.sending.upload import prepare_files
from tests.support.multipart import parts
from tests.support.wire import RESET, Wire, answer

LARGE = b"\r\n" + os.urandom(300_000) + b"\r\n"  # ends of lines must stay


def open_files() -> set[str]:
    """Return the files that this process has open."""
    links = [Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd")]
    return {os.readlink(link) for link in links if link.is_symlink()}


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of more than a few pieces."""
    path = tmp_path / "large.bin"
    path.write_bytes(LARGE)
    return path


def test_files_of_every_kind(
    harness: Any, library: Any, wire: Callable[..., Wire], large: Path
) -> None:
    packed = large.with_name("packed.gz")
    packed.write_bytes(gzip.compress(b"zeros" * 1000))
    server = wire(answer(b"{}"))
    with (
        large.open("rb") as open_file,
        gzip.open(packed) as unpacked,
        tempfile.SpooledTemporaryFile() as spooled,
        os.fdopen(os.dup(open_file.fileno()), "rb") as numbered,
    ):
        open_file.seek(1000)
        spooled.write(b"spooled")
        files = {
            "bytes": b"\x00\xff",
            "text": "é",
            "path": large,
            "open": open_file,
            "memory": io.BytesIO(b"memory"),
            "numbered": numbered,
            "nameless": spooled,
            "unpacked": unpacked,
            "spooled": ("name,;\"'.txt", spooled),
            "kind": ("k.fits", b"kind", "application/fits"),
        }
        harness.call(library(server.url).request, "POST", "/books", files=files, data={"n": 0})
        assert not open_file.closed
    (request,) = server.requests
    assert "chunked" not in request.headers.get("transfer-encoding", "")
    heads, contents = zip(*parts(request), strict=True)
    assert list(contents) == [
        b"0",
        b"\x00\xff",
        "é".encode(),
        LARGE,
        LARGE,
        b"memory",
        LARGE,
        b"spooled",
        b"zeros" * 1000,
        b"spooled",
        b"kind",
    ]
    for head, name in zip(
        heads[1:],
        ("bytes", "text", "large.bin", "large.bin", "memory", "numbered", "nameless", "packed.gz"),
        strict=False,
    ):
        assert f'filename="{name}"' in head
    assert "Content-Type: application/fits" in heads[-1]


def test_fields_that_repeat(harness: Any, library: Any, wire: Callable[..., Wire]) -> None:
    server = wire(answer(b"{}"))
    files = [("page", b"1"), ("page", ("2.txt", b"2"))]
    harness.call(
        library(server.url).request, "PUT", "/x", files=files, data={"tag": ["a", "b"], "no": []}
    )
    found = parts(server.requests[0])
    assert [content for _, content in found] == [b"a", b"b", b"1", b"2"]


@pytest.mark.parametrize("how", ["path", "open", "memory"])
def test_an_upload_is_sent_whole_again_with_a_new_token(
    harness: Any, library: Any, wire: Callable[..., Wire], large: Path, tmp_path: Path, how: str
) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    server = wire(answer(b"{}", "401 Unauthorized"), answer(b"{}"))
    client = library(server.url, credentials=TokenFile(path=token))
    token.write_text("second")
    with large.open("rb") as open_file:
        content = {"path": large, "open": open_file, "memory": io.BytesIO(LARGE)}[how]
        harness.call(client.resource("/covers").post, files={"cover": content})
    assert [parts(request)[0][1] == LARGE for request in server.requests] == [True, True]
    assert [r.headers["authorization"] for r in server.requests] == [
        "Bearer first",
        "Bearer second",
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_an_upload_is_not_tried_again(
    harness: Any, library: Any, wire: Callable[..., Wire], method: str
) -> None:
    server = wire(answer(b"{}", "503 Service Unavailable"))
    with pytest.raises(APIError):
        harness.call(library(server.url, retries=3).request, method, "/x", files={"f": b"x"})
    assert len(server.requests) == 1


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it can't be seen here")
@pytest.mark.parametrize("step", [answer(b"{}"), [RESET]], ids=["taken", "reset"])
def test_a_file_given_by_its_path_is_closed(
    harness: Any, library: Any, wire: Callable[..., Wire], large: Path, step: Any
) -> None:
    server = wire(step)
    post = library(server.url).resource("/covers").post
    assert b"cover" in post.request(files={"cover": large}).read()
    post.curl(files={"cover": large})
    try:
        harness.call(post, files={"cover": large})
    except TransportError:
        assert step == [RESET]
    gc.collect()
    assert str(large) not in open_files()


@pytest.mark.parametrize("how", ["content", "path", "open"])
def test_a_server_that_hangs_up_during_an_upload(
    harness: Any, library: Any, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "cover"
    path.write_bytes(b"x" * 20_000_000)  # more than what sockets hold
    with socket.create_server(("127.0.0.1", 0)) as listener, path.open("rb") as open_file:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(1000)
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        body: dict[str, Any] = {
            "content": {"content": path.read_bytes()},
            "path": {"files": {"f": path}},
            "open": {"files": {"f": open_file}},
        }[how]
        client = library(f"http://127.0.0.1:{listener.getsockname()[1]}", retries=3)
        with pytest.raises(TransportError):
            harness.call(client.request, "POST", "/x", **body)
        thread.join()
    gc.collect()  # where something was left open, it warns now


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        (b"bytes", TypeError, "mapping of fields to files"),
        (5, TypeError, "mapping of fields to files"),
        ({"f": 5}, TypeError, r"files\['f'\] must be bytes, str, a path or an open file, not int"),
        ({"f": ("n", None)}, TypeError, "not NoneType"),
        ({"f": [b"x"]}, TypeError, "not list"),
        ({"f": io.StringIO("x")}, TypeError, "binary mode"),
        ({"f": Path("is-not-there")}, FileNotFoundError, "is-not-there"),
        ({"f": Path("/")}, IsADirectoryError, "/"),
    ],
)
def test_what_can_not_be_sent_is_refused_before_anything_is(
    harness: Any,
    library: Any,
    wire: Callable[..., Wire],
    files: Any,
    error: type[Exception],
    message: str,
) -> None:
    server = wire()
    client = library(server.url)
    for way in ("__call__", "request", "curl", "response"):
        with pytest.raises(error, match=message):
            harness.call(getattr(client.resource("/covers").post, way), files=files)
    assert server.connections == 0


def test_a_pipe_and_a_closed_file_are_refused(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with open(reading, "rb") as pipe, pytest.raises(ValueError, match="give its bytes"):
        prepare_files({"f": pipe})
    with pytest.raises(ValueError, match="closed file"):
        prepare_files({"f": pipe})

    class OnlyRead:
        def read(self, size: int = -1) -> bytes:
            return b""

    with pytest.raises(ValueError, match="give its bytes"):
        prepare_files({"f": OnlyRead()})

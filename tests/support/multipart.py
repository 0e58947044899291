"""The parts of a multipart body."""

from __future__ import annotations

from tests.support.wire import Received


def parts(request: Received) -> list[tuple[str, bytes]]:
    """Return the headers and the content of each part of a multipart body."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    split = request.body.split(b"--" + boundary)
    pairs = [part.strip(b"\r\n").partition(b"\r\n\r\n") for part in split[1:-1]]
    return [(head.decode(), content) for head, _, content in pairs]

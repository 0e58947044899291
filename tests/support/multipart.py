"""The parts of a multipart body."""

from __future__ import annotations

from tests.support.wire import Received


def parts(request: Received) -> list[tuple[str, bytes]]:
    """Return the headers and the content of each part of a multipart body."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    # Only what the format adds is removed: a file may itself begin or end with a line's end.
    split = request.body.split(b"\r\n--" + boundary)
    bare = [split[0].removeprefix(b"--" + boundary), *split[1:-1]]
    pairs = [part.removeprefix(b"\r\n").partition(b"\r\n\r\n") for part in bare]
    return [(head.decode(), content) for head, _, content in pairs]

"""An answer from which a test can tell that it is the one to its request."""

from __future__ import annotations

from typing import Any

from tests.support.wire import Received, Step, answer


def echo(request: Received) -> Step:
    """Answer with what was asked, in a body of a size that depends on it."""
    number = int(request.target.rpartition("/")[2])
    return answer(b'{"target": "%s", "pad": "%s"}' % (request.target.encode(), b"x" * number * 7))


def is_right(book: Any, number: int) -> bool:
    """Return whether an answer is that to the request of this number."""
    return bool(book["target"] == f"/books/{number}" and len(book["pad"]) == 7 * number)

"""A check that an error, and all that comes with it, shows no secret."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator

SECRET = "s3cret-token"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that led to it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]


def assert_harmless(error: BaseException, secret: str = SECRET) -> None:
    """Check that no secret is in an error, or in what comes with it."""
    assert secret not in "".join(traceback.format_exception(error))
    for one in causes(error):
        assert secret not in str(one) + repr(one) + repr(one.args) + repr(vars(one))
        request = getattr(one, "_request", getattr(one, "request", None))
        if request is not None:
            assert secret not in str(request.headers.raw)
            assert secret not in repr(request.content)
        response = getattr(one, "response", None)
        if response is not None:
            assert secret not in str(response.request.headers.raw)
            assert response.next_request is None
    assert secret.encode() not in pickle.dumps(error)

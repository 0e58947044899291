"""The errors that the engine raises for a server or for the network.

::

    Error
    ├── APIError                  an error status, or a redirect that is not followed
    │   ├── AuthenticationError   401, 403 (and what a log-in says with another status)
    │   ├── NotFoundError         404
    │   ├── ValidationError       422
    │   ├── RateLimitError        429
    │   └── ServerError           5xx
    ├── TransportError            the network; too many redirects
    │   └── RequestTimeoutError   a time-out; also a TimeoutError
    └── DecodeError               a body that is not what it should be
        └── DownloadError         a file that is not whole, or is not what it should be

Wrong arguments are not among them: they are a `ValueError` or a `TypeError`, raised before
anything is sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

__all__ = [
    "APIError",
    "AuthenticationError",
    "DecodeError",
    "DownloadError",
    "EngineWarning",
    "Error",
    "NotFoundError",
    "RateLimitError",
    "RequestTimeoutError",
    "ServerError",
    "TransportError",
    "ValidationError",
    "excerpt",
    "harmless",
]


class Error(Exception):
    """The root of all that is raised for the server or the network.

    Attributes
    ----------
    request : httpx.Request or None
        The request that failed, its credentials taken out.
    response : httpx.Response or None
        What the server answered, where it did.
    """

    request: httpx.Request | None = None
    response: httpx.Response | None = None


class EngineWarning(UserWarning):
    """Something that the user should know, while the call goes on."""


class TransportError(Error):
    """The network failed: no connection, a connection that was cut, too many redirects.

    Attributes
    ----------
    transient : bool
        Whether the same request may succeed when it is sent again.
    unsent : bool
        Whether the request surely never reached the server.
    """

    transient: bool = False
    unsent: bool = False


class RequestTimeoutError(TransportError, TimeoutError):
    """The server, or a free connection, was waited for in vain."""


class DecodeError(Error):
    """The server sent a body that is not what it should be."""


class DownloadError(DecodeError):
    """A file did not arrive whole, or is not what it should be."""


class APIError(Error):
    """The server answered with an error status, or with a redirect that is not followed.

    Parameters
    ----------
    status_code : int
        The HTTP status.
    message : str
        What the server said of it; the text of the exception.
    response_body : object, optional
        The answer's body: decoded where it is JSON, text otherwise.

    Attributes
    ----------
    retry_after : float or None
        The seconds that the server asked to wait for, where it did.

    Examples
    --------
    >>> error = APIError(404, "Scan not found")
    >>> str(error), error.status_code
    ('Scan not found', 404)
    """

    retry_after: float | None = None

    def __init__(
        self, status_code: int, message: str, *, response_body: object | None = None
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.message = message
        self.response_body = response_body

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status_code, self.message), self.__dict__


class AuthenticationError(APIError):
    """The credentials are missing, wrong, expired, or not enough."""


class NotFoundError(APIError):
    """There is no such thing on the server."""


class ValidationError(APIError):
    """The server found a parameter to be wrong."""


class RateLimitError(APIError):
    """The server asks for fewer requests."""


class ServerError(APIError):
    """The server, or a proxy in front of it, failed."""


_CLASSES: dict[int, type[APIError]] = {
    401: AuthenticationError,
    403: AuthenticationError,
    404: NotFoundError,
    422: ValidationError,
    429: RateLimitError,
}


def from_status(
    response: httpx.Response, body: object, classes: Mapping[int, type[APIError]]
) -> APIError:
    """Make the error that fits a response, whose decoded `body` may say what went wrong.

    `classes` holds what a call says of single statuses, over what they mean everywhere.
    """
    status = response.status_code
    general = _CLASSES.get(status, ServerError if status >= 500 else APIError)
    said = None if response.has_redirect_location else _message(body)
    message = harmless(said or _status_line(response, body))
    error = classes.get(status, general)(status, message, response_body=body)
    error.request, error.response = response.request, response
    error.add_note(f"{response.request.method} {response.request.url} answered {status}.")
    return error


def _status_line(response: httpx.Response, body: object) -> str:
    line = f"the server answered {response.status_code} {response.reason_phrase}".rstrip()
    if response.has_redirect_location:
        return f"{line}, a redirect to {response.headers['Location']} that is not followed"
    said = body if isinstance(body, str) else response.content.decode(errors="replace")
    return f"{line}: {excerpt(said)}" if body else line


def _message(body: object) -> str | None:
    """Read what the server itself says of the error: FastAPI's ``detail``."""
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, list):
        return "; ".join(_problem(item) for item in detail) or None
    return _text(detail) if detail else None


def _problem(item: object) -> str:
    if not isinstance(item, dict):
        return _text(item)
    # The input that FastAPI repeats here is left out: it may be a password.
    said = {name: value for name, value in item.items() if name != "input"}
    where = said.get("loc")
    place = ".".join(map(_text, where)) if isinstance(where, list) else ""
    return ": ".join(part for part in (place, _text(said.get("msg", ""))) if part) or _text(said)


def _text(value: object) -> str:
    try:
        return str(value)
    except RecursionError:
        return "nested too deeply"


def excerpt(text: str, length: int = 80) -> str:
    """Shorten text from a server to one harmless line for a message."""
    line = re.sub(r"[^\x20-\x7e\xa1-\u1fff\u3000-\ud7ff]+", " ", text[: 4 * length]).strip()
    return f"{line[:length]}…" if len(line) > length or len(text) > 4 * length else line


def harmless(text: str) -> str:
    """Write what a terminal would not print as Python does: line breaks, escape sequences."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)

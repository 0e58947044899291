"""The errors that the engine raises for the server or the network.

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

from typing import TYPE_CHECKING, Any

from .text import excerpt, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    "error_message",
    "from_status",
]


class Error(Exception):
    """The root of all errors that the server or the network causes.

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
    """Something that the user should know, although the call succeeds."""


class TransportError(Error):
    """The network failed: no connection, a connection that was cut, too many redirects.

    Attributes
    ----------
    transient : bool
        Whether the same request may succeed when it is sent again.
    unsent : bool
        Whether the request certainly never reached the server.
    """

    transient: bool = False
    unsent: bool = False


class RequestTimeoutError(TransportError, TimeoutError):
    """The server did not answer in time, or no connection became free."""


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
    """The server does not have what was asked for."""


class ValidationError(APIError):
    """The server refused a parameter."""


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


# Where APIs put what they say of an error: FastAPI, many others, and RFC 9457.
_MESSAGE_KEYS = ("detail", "message", "error", "title")


def error_message(body: object) -> str | None:
    """Return what a server says of an error, read from the decoded body of its answer.

    Parameters
    ----------
    body : object
        The body: JSON, or text where it is not JSON.

    Returns
    -------
    str or None
        The first of ``detail``, ``message``, ``error`` and ``title`` (problem details, RFC 9457)
        that says something; a list of problems, as FastAPI sends it with a 422, is joined.

    Examples
    --------
    >>> error_message({"detail": [{"loc": ["query", "limit"], "msg": "not a number"}]})
    'query.limit: not a number'
    """
    if not isinstance(body, dict):
        return None
    value = next((body[key] for key in _MESSAGE_KEYS if body.get(key)), None)
    if isinstance(value, list):
        return "; ".join(map(_problem, value))
    return _problem(value) if value else None


def from_status(
    response: httpx.Response,
    body: object,
    classes: Mapping[int, type[APIError]],
    read_message: Callable[[object], str | None] = error_message,
) -> APIError:
    """Return the error for a response with an error status, or with a redirect.

    Parameters
    ----------
    response : httpx.Response
        The response.
    body : object
        Its decoded body.
    classes : Mapping
        The error classes of statuses that have a meaning of their own for this call.
    read_message : callable
        Reads the server's message from the body; returns None where there is none.
    """
    status = response.status_code
    general = _CLASSES.get(status, ServerError if status >= 500 else APIError)
    message = None if response.has_redirect_location else read_message(body)
    message = printable(message or _status_line(response, body))
    error = classes.get(status, general)(status, message, response_body=body)
    error.request, error.response = response.request, response
    error.add_note(f"{response.request.method} {response.request.url} answered {status}.")
    return error


def _status_line(response: httpx.Response, body: object) -> str:
    line = f"the server answered {response.status_code} {response.reason_phrase}".rstrip()
    if response.has_redirect_location:
        return f"{line}, a redirect to {response.headers['Location']} that is not followed"
    text = body if isinstance(body, str) else response.content.decode(errors="replace")
    return f"{line}: {excerpt(text)}" if body else line


def _problem(item: object) -> str:
    if not isinstance(item, dict):
        return _text(item)
    # The input that FastAPI repeats here is left out: it may be a password.
    said = {name: value for name, value in item.items() if name != "input"}
    location = said.get("loc")
    place = ".".join(map(_text, location)) if isinstance(location, list) else ""
    parts = (place, _text(said.get("msg") or said.get("message") or ""))
    return ": ".join(filter(None, parts)) or _text(said)


def _text(value: object) -> str:
    try:
        return str(value)
    except RecursionError:
        return "nested too deeply"

"""The errors that the engine raises for the server or the network.

::

    Error
    ├── APIError                  an error status, or a redirect that is not followed
    │   ├── AuthenticationError   401, 403 (and a failed login, whatever its status)
    │   ├── NotFoundError         404
    │   ├── ValidationError       422
    │   ├── RateLimitError        429
    │   └── ServerError           5xx
    ├── TransportError            a failure of the network; too many redirects
    │   └── RequestTimeoutError   a time-out; also a TimeoutError
    └── DecodeError               a body that is not as expected
        └── DownloadError         a file that is incomplete, or not as expected

Invalid arguments raise a `ValueError` or a `TypeError` instead, before anything is sent.
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
        The request that failed, without its credentials.
    response : httpx.Response or None
        The response of the server, if there was one.
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
    """The server sent a body that is not as expected."""


class DownloadError(DecodeError):
    """A file is incomplete, or not as expected."""


class APIError(Error):
    """The server answered with an error status, or with a redirect that is not followed.

    Parameters
    ----------
    status_code : int
        The HTTP status.
    message : str
        The server's message; the text of the exception.
    response_body : object, optional
        The body of the response: decoded if it is JSON, otherwise text.

    Attributes
    ----------
    retry_after : float or None
        The time that the server asked to wait, in seconds, if it did.

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
    """The credentials are missing, wrong, expired, or insufficient."""


class NotFoundError(APIError):
    """The server does not have the requested resource."""


class ValidationError(APIError):
    """The server rejected a parameter."""


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


# The keys of an error's message: FastAPI's, those of many others, and RFC 9457's.
_MESSAGE_KEYS = ("detail", "message", "error", "title")


def error_message(body: object) -> str | None:
    """Return the message in the decoded body of an error response.

    Parameters
    ----------
    body : object
        The body: JSON, or text if it is not JSON.

    Returns
    -------
    str or None
        The first of ``detail``, ``message``, ``error`` and ``title`` (problem details, RFC 9457)
        that is not empty; a list of problems, as in FastAPI's 422 responses, is joined.

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
        The error classes of statuses that have a special meaning for this call.
    read_message : callable
        Function that returns the server's message in the body, or None if there is none.
    """
    status = response.status_code
    general = _CLASSES.get(status, ServerError if status >= 500 else APIError)
    message = None if response.has_redirect_location else read_message(body)
    message = printable(_problem(message) if message else _status_line(response, body))
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
    # FastAPI repeats the input here, which may be a password.
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

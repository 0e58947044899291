"""httpx's errors, raised as the engine's and without credentials."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from types import TracebackType

import httpx

from ..errors import DecodeError, Error, RequestTimeoutError, TransportError
from ..flow import Exchange
from ..sending.redact import redacted_request, without_body

__all__ = ["map_httpx_errors"]

# Errors of httpx's that are not an `httpx.HTTPError`.
_OTHERS = (httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)
# httpx's errors after which the same request may succeed, and those from before anything was sent.
_TRANSIENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.RemoteProtocolError,
    httpx.WriteError,
    httpx.WriteTimeout,
)
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout)
_CONNECTING = (*_UNSENT, httpx.ProxyError)


class map_httpx_errors:
    """Raises the engine's errors instead of httpx's, without the request's credentials.

    Parameters
    ----------
    exchange : Exchange
        The exchange that raises them.
    is_closed : callable
        Function that returns whether the client was closed.
    describe_route : callable
        Function that returns a note on the proxy for a URL.
    """

    def __init__(
        self,
        exchange: Exchange,
        is_closed: Callable[[], bool],
        describe_route: Callable[[httpx.URL], str],
    ) -> None:
        self._exchange = exchange
        self._is_closed = is_closed
        self._describe_route = describe_route

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return
        if isinstance(error, DecodeError | TransportError):
            error.request = redacted_request(self._exchange)
            if error.response is not None:  # an incomplete body is of no use
                response = without_body(error.response, error.request)
                error.response = self._exchange.redactor.response(response)
        elif isinstance(error, (httpx.HTTPError, *_OTHERS)):
            raise self._mapped(error) from self._redacted(error)

    def _mapped(self, error: Exception) -> Error:
        """Return the engine's error for one of httpx's."""
        request = redacted_request(self._exchange)
        kind: type[Error] = TransportError
        what = _message(error)
        is_closed = self._is_closed()
        if is_closed:
            what = "the client was closed before the answer arrived"
        elif isinstance(error, httpx.TimeoutException):
            kind, what = (
                RequestTimeoutError,
                what if "timed out" in what else f"timed out ({what})",
            )
        elif isinstance(error, httpx.DecodingError):
            kind = DecodeError
        if isinstance(error, _CONNECTING):
            if route := self._describe_route(request.url):
                what = f"{what}, {route}"
            elif isinstance(error, _UNSENT) and not _is_refused_certificate(error):
                what = f"{what}; check the address of the server, and your network"
        new = kind(self._exchange.redactor.text(f"{request.method} {request.url}: {what}"))
        new.request = request
        if isinstance(new, TransportError) and not is_closed:
            new.transient = isinstance(error, _TRANSIENT) and not _is_refused_certificate(error)
            new.unsent = isinstance(error, _UNSENT)
        return new

    def _redacted(self, error: Exception) -> Exception:
        """Return httpx's error without credentials, and without the errors that led to it."""
        error.args = (self._exchange.redactor.text(_message(error)),)
        error.__cause__ = error.__context__ = None
        if isinstance(error, httpx.HTTPError):
            error.request = redacted_request(self._exchange)
        if isinstance(error, httpx.HTTPStatusError):
            error.response.request = redacted_request(self._exchange)
        return error


def _message(error: BaseException) -> str:
    """Return the text of an error, or of the one that caused it: trio's errors have none."""
    if isinstance(error, httpx.LocalProtocolError):  # its text may show a header's value
        return "this request is not valid HTTP"
    cause: BaseException | None = error
    while cause is not None:
        if text := str(cause):
            return text
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _is_refused_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False

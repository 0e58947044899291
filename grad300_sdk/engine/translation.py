"""httpx's errors as the engine's, and its bodies as the engine reads them."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from grad300_sdk.engine.body import Body, Pace
from grad300_sdk.engine.errors import DecodeError, Error, RequestTimeoutError, TransportError
from grad300_sdk.engine.flow import Exchange
from grad300_sdk.engine.session import Session, bare, emptied, shown

__all__ = ["Guarded", "decoded", "hide_location", "outgoing", "translated"]

# Errors of httpx's that are no `httpx.HTTPError`.
_OTHERS = (httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)
# Of the errors of httpx, those after which the same request may succeed, and those that came
# before anything was sent.
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
# Headers that tell of a body as it came, and nothing of what it decodes to.
_OF_ENCODED = (b"content-encoding", b"content-length", b"etag")

_HIDDEN = "grad300_sdk.headers"  # where a response keeps them


@contextmanager
def translated(exchange: Exchange, is_closed: Callable[[], bool]) -> Iterator[None]:
    """Raise the engine's errors in place of httpx's, without the request's credentials."""
    try:
        yield
    except DecodeError as error:
        error.request = shown(exchange)
        if error.response is not None:  # what came of its body is of no use
            error.response = emptied(error.response, error.request)
        raise
    except TransportError as error:
        error.request = shown(exchange)
        raise
    except (httpx.HTTPError, *_OTHERS) as error:
        new = _closed(exchange) if is_closed() else _translate(error, exchange)
        raise new from _harmless(error, exchange)


def _translate(error: Exception, exchange: Exchange) -> Error:
    request = shown(exchange)
    what = _said(error)
    new: Error
    if isinstance(error, httpx.TimeoutException):
        new = RequestTimeoutError(f"{request.method} {request.url}: timed out ({what})")
    elif isinstance(error, httpx.DecodingError):
        new = DecodeError(f"{request.method} {request.url}: {what}")
    elif isinstance(error, httpx.LocalProtocolError):  # its text may show a header's value
        new = TransportError(f"{request.method} {request.url}: this request is no valid HTTP")
    else:
        new = TransportError(f"{request.method} {request.url}: {what}")
    new.request = request
    if isinstance(new, TransportError):
        new.transient = isinstance(error, _TRANSIENT) and not _is_refused_certificate(error)
        new.unsent = isinstance(error, _UNSENT)
    return new


def _closed(exchange: Exchange) -> TransportError:
    request = shown(exchange)
    error = TransportError(
        f"{request.method} {request.url}: the client was closed before the answer came"
    )
    error.request = request
    return error


def _said(error: BaseException) -> str:
    """Give the text of an error, or else of what led to it: trio's own have none."""
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


def _harmless(error: Exception, exchange: Exchange) -> Exception:
    """Take the credentials out of an error of httpx's, and out of those that led to it."""
    if isinstance(error, httpx.HTTPError):
        error.request = shown(exchange)
    if isinstance(error, httpx.HTTPStatusError):
        bare(error.response, exchange)
    cause: BaseException | None = error
    while isinstance(error, httpx.LocalProtocolError) and cause is not None:
        cause.args = ("this request is no valid HTTP",)
        cause = cause.__cause__ or cause.__context__
    return error


class _Outgoing(httpx.AsyncByteStream):
    """A request's body, in the pieces that its own stream gives to blocking clients."""

    def __init__(self, stream: Any) -> None:
        self._pieces = iter(stream)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return bytes(piece)
        raise StopAsyncIteration


@contextmanager
def outgoing(request: httpx.Request) -> Iterator[None]:
    """Have a body sent without httpx's asynchronous generator: trio warns of one that is cut."""
    stream = request.stream
    request.stream = _Outgoing(stream)
    try:
        yield
    finally:
        request.stream = stream


class Guarded(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A response's stream, judged and decompressed by a `Body` on its way.

    The stream of a transport that was given has nobody below it who judges its pace.
    """

    def __init__(self, stream: Any, body: Body, pace: Pace) -> None:
        self._stream = stream
        self._body = body
        self._pace = pace

    def __iter__(self) -> Iterator[bytes]:
        asked = time.monotonic()
        for piece in self._stream:
            yield from self._feed(piece, asked)
            if self._body.enough:
                return
            asked = time.monotonic()
        self._body.finish()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        pieces = aiter(self._stream)
        asked = time.monotonic()
        try:
            async for piece in pieces:
                for part in self._feed(piece, asked):
                    yield part
                if self._body.enough:
                    await self._stop(pieces)
                    return
                asked = time.monotonic()
        except BaseException:
            await self._stop(pieces)
            raise
        self._body.finish()

    def _feed(self, piece: bytes, asked: float) -> Iterator[bytes]:
        if not self._pace.is_watched:
            self._pace.came(len(piece), time.monotonic() - asked)
        return self._body.feed(piece)

    async def _stop(self, pieces: AsyncIterator[bytes]) -> None:
        """End httpx's generators, one in the other: trio warns of those that are abandoned."""
        await self.aclose()
        with suppress(Exception):
            async for _ in pieces:
                pass

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()


def hide_location(response: httpx.Response) -> None:
    """Keep httpx from making the next request of a redirect: it fails at what is no URL."""
    if response.has_redirect_location:
        headers = response.extensions[_HIDDEN] = response.headers
        rest = [(name, value) for name, value in headers.raw if name.lower() != b"location"]
        response.headers = httpx.Headers(rest)


@contextmanager
def decoded(
    response: httpx.Response, exchange: Exchange, session: Session, pace: Pace
) -> Iterator[Guarded]:
    """Have a response read through a `Body`, in place of httpx's unbounded decompression."""
    response.headers = response.extensions.pop(_HIDDEN, response.headers)
    is_json = "json" in response.headers.get("Content-Type", "")
    limit = session.max_json_bytes if exchange.send.expects_json or is_json else None
    if limit is None:
        pace.may_be_long()
    body = Body(response, limit)
    guarded = Guarded(response.stream, body, pace)
    if response.is_closed:  # a transport of the caller's handed it over whole
        body.check_size(len(response.content))
        yield guarded
        return
    headers = response.headers
    response.stream = guarded
    if "Content-Encoding" in headers:
        kept = [(name, value) for name, value in headers.raw if name.lower() not in _OF_ENCODED]
        response.headers = httpx.Headers(kept)
    try:
        yield guarded
    finally:
        response.headers = headers

"""Responses: their bodies, read within limits and decoded, and the errors they lead to."""

from __future__ import annotations

import codecs
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

import httpx
import msgspec

from ..checks import has_address
from ..errors import APIError, DecodeError, RequestTimeoutError, from_status
from ..flow import Exchange
from ..template import check_path
from ..text import excerpt
from .redact import Redactor, redacted_request, without_body
from .request import origin
from .retry import retry_after

__all__ = [
    "REDACTOR",
    "BodyDecoder",
    "RateGuard",
    "api_error",
    "decode_error",
    "decode_json",
    "decoded_headers",
    "describe",
    "describe_bytes",
    "next_link",
    "redact",
    "redirect_target",
    "resolve_link",
    "whole_response",
]

# zlib's window bits that read a gzip header, and a zlib header.
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_PIECE = 64 * 1024
_DRIP_BYTES = 1024
_ERROR_BYTES = 256 * 1024
# Headers that do not apply to the decoded body.
_ENCODED_HEADERS = {b"content-encoding", b"content-length", b"etag"}
# The other content codings that are registered. Servers also name what is none, such as "utf-8".
_UNSUPPORTED = {"aes128gcm", "br", "compress", "dcb", "dcz", "exi", "x-compress", "zstd"}
# A link in a Link header, and its parameters (RFC 8288, section 3). httpx's own parser takes the
# commas and semicolons within a URL or a quoted string for separators.
_PARAMETER = r';\s*([^\s;,="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?\s*'
_LINK = re.compile(rf"<([^>]*)>\s*((?:{_PARAMETER})*)")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_UNREADABLE = object()
REDACTOR = "redactor"  # where a response keeps it


class RateGuard:
    """Raises an error if a response arrives too slowly, by the time spent waiting for it.

    A response must be complete within ten time-outs. If its body may be long, at least 1 kB of it
    must arrive within each such time instead.

    Parameters
    ----------
    exchange : Exchange
        The exchange of the response.
    clock : callable
        Returns the time in seconds, with an arbitrary origin.

    Attributes
    ----------
    is_watched : bool
        Whether the stream below httpx reports what arrives; if not, the reader of the body must.
    """

    def __init__(self, exchange: Exchange, clock: Callable[[], float]) -> None:
        self.is_watched = False
        self._exchange = exchange
        self._clock = clock
        timeout = exchange.request.extensions["timeout"]["read"]
        self._patience = math.inf if timeout is None else 10 * timeout
        self._may_be_long = False
        self._received = self._counted = 0
        self._waited = self._counted_at = self._asked = 0.0

    def allow_long_body(self) -> None:
        """Check only the rate of the rest of the response, however long it takes."""
        self._may_be_long = True
        self._counted, self._counted_at = self._received, self._waited

    def wait(self) -> None:
        """Start waiting for the next piece."""
        self._asked = self._clock()

    def received(self, size: int) -> None:
        """Count a piece of `size` bytes, and raise an error if it came too late."""
        self._received += size
        self._waited += self._clock() - self._asked
        if self._may_be_long and self._received - self._counted >= _DRIP_BYTES:
            self._counted, self._counted_at = self._received, self._waited
        if self._waited - self._counted_at > self._patience:
            request = self._exchange.request
            error = RequestTimeoutError(
                f"{request.method} {request.url}: the answer arrived too slowly: "
                f"{self._received} bytes in {self._waited:.0f} s"
            )
            error.transient = True
            raise error


class BodyDecoder:
    """Decompresses a body piece by piece, and limits its size.

    httpx would decompress whatever arrives; here, a body of more than `limit` bytes is rejected
    before it fills the memory.

    Parameters
    ----------
    response : httpx.Response
        The response, with its ``Content-Encoding``.
    limit : int or None
        Maximum size of the decoded body, in bytes. Of an error, only the beginning is read.

    Attributes
    ----------
    is_done : bool
        Whether the rest of the body is not needed.
    """

    def __init__(self, response: httpx.Response, limit: int | None) -> None:
        self.response = response
        self.is_done = False
        self._limit = limit
        self._size = 0
        self._is_empty = True
        self._inflate: Any = None
        self._window_bits = 0
        self._begin = b""
        encodings = _content_encodings(response.headers)
        if len(encodings) == 1 and encodings[0] in _WINDOW_BITS:
            self._window_bits = _WINDOW_BITS[encodings[0]]
            self._inflate = zlib.decompressobj(self._window_bits)
        elif encodings:
            header = excerpt(response.headers["Content-Encoding"])
            self._refuse(f"a body with the encoding {header!r}, not asked for")

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Decode a piece of the body, and yield the result in parts."""
        self._is_empty = self._is_empty and not piece
        if self._inflate is None:
            yield self._checked(piece)
            return
        try:
            while piece and not self.is_done:
                if self._inflate.eof:  # a gzip file may have several members, padded with zeros
                    piece = piece.lstrip(b"\0")
                    if not piece:
                        return
                    self._inflate = zlib.decompressobj(self._window_bits)
                yield self._checked(self._decompress(piece))
                piece = self._inflate.unconsumed_tail or self._inflate.unused_data
        except zlib.error:
            self._refuse("a compressed body that can't be decompressed")

    def _decompress(self, piece: bytes) -> bytes:
        try:
            data = self._inflate.decompress(piece, _PIECE)
        except zlib.error:
            if self._size or self._window_bits != _WINDOW_BITS["deflate"]:
                raise
            # Some servers send "deflate" without zlib's header (RFC 9110, section 8.4.1.2).
            self._window_bits = -zlib.MAX_WBITS
            self._inflate = zlib.decompressobj(self._window_bits)
            data = self._inflate.decompress(self._begin + piece, _PIECE)
        self._begin = piece[:1]  # zlib's header has two bytes, which may come one by one
        return cast("bytes", data)

    def finish(self) -> None:
        """Check that a compressed body is complete."""
        if self._inflate is not None and not self._is_empty and not self._inflate.eof:
            self._refuse("a compressed body that was cut")

    def _checked(self, data: bytes) -> bytes:
        self._size += len(data)
        if not self.response.is_success:
            self.is_done = self._size > _ERROR_BYTES
        elif self._limit is not None and self._size > self._limit:
            self._refuse(f"more than the {self._limit} bytes of JSON that are allowed")
        return data

    def _refuse(self, what: str) -> None:
        """Raise a `DecodeError`, or skip the rest if the response is an error itself."""
        if self.response.is_success:
            raise decode_error(self.response, what)
        self.is_done = True


def decode_json(response: httpx.Response, kind: Any = Any, *, secret: bool = False) -> Any:
    """Return the JSON of a response.

    Parameters
    ----------
    response : httpx.Response
        The response, read.
    kind : type
        The type of the JSON, as msgspec understands it, such as ``list[Any]``.
    secret : bool
        Whether the body may hold a secret, so that no error shows it.

    Returns
    -------
    object
        The JSON; ``NaN``, ``Infinity`` and numbers that are too large are None. A byte order mark
        and control characters in text are accepted.

    Raises
    ------
    DecodeError
        If the body is not JSON, or is JSON of another type.
    """
    content = response.content.removeprefix(codecs.BOM_UTF8)
    try:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeError):
            value = _UNREADABLE if _is_json(content) else _decode_leniently(response)
            if value is _UNREADABLE:
                raise
            return msgspec.convert(value, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        kind = excerpt(response.headers.get("Content-Type", "no content type"))
        hidden = f"{kind}, {len(content)} bytes that may hold a secret"
        body = hidden if secret else describe(response)
        what = f"a body that is not the expected JSON ({reason}): {body}"
        raise decode_error(response, what) from None


def _is_json(content: bytes) -> bool:
    """Return whether the content is JSON, of whatever type."""
    try:
        msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError):
        return False
    return True


def _decode_leniently(response: httpx.Response) -> Any:
    """Return JSON whose encoder wrote what is not quite JSON, or not UTF-8.

    ``NaN``, ``Infinity`` and numbers that are too large become None, and a lone surrogate U+FFFD.
    Return `_UNREADABLE` for all else.
    """
    try:
        text = _decode_characters(response)
        value = json.loads(
            text,
            strict=False,
            parse_constant=lambda name: None,
            parse_float=_finite,
            parse_int=_integer,
        )
    except (LookupError, ValueError):  # it holds the body, and must not be the context of ours
        return _UNREADABLE
    if "\\u" not in text:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(_LONE_SURROGATE.sub("\ufffd", text))


def _decode_characters(response: httpx.Response) -> str:
    """Return a body as text: by its byte order mark, or else its charset, or else as UTF-8."""
    content = response.content
    encoding: str = json.detect_encoding(content)
    if encoding == "utf-8" and response.charset_encoding:
        encoding = response.charset_encoding
    return content.decode(encoding)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:  # more digits than Python converts
        return None


def _text(response: httpx.Response) -> str:
    """Return a body as text, as UTF-8 if its charset is unknown or not for text."""
    content = response.content
    try:
        return content.decode(response.charset_encoding or "utf-8", "replace")
    except (LookupError, UnicodeError):
        return content.decode(errors="replace")


def describe(response: httpx.Response) -> str:
    """Return a line that describes a response's body: its content type and its beginning."""
    return describe_bytes(response, response.content)


def describe_bytes(response: httpx.Response, content: bytes) -> str:
    """Return a line that describes these bytes of a response's body."""
    kind = excerpt(response.headers.get("Content-Type", "no content type"))
    if not content:
        return f"{kind}, an empty body"
    return f"{kind}, {excerpt(content[:400].decode(errors='replace'))!r}"


def redact(response: httpx.Response, text: str) -> str:
    """Return a text that quotes a response, with secrets masked.

    Parameters
    ----------
    response : httpx.Response
        The response, which knows the secrets that were sent.
    text : str
        A text for a message, such as a warning.

    Returns
    -------
    str
        The text, with ``***`` in place of each secret.
    """
    return _redactor(response).text(text)


def decode_error(response: httpx.Response, what: str) -> DecodeError:
    """Return the error for a response that is not as expected, with secrets masked."""
    request = response.request
    answered = f"{request.method} {request.url} answered {response.status_code}"
    error = DecodeError(redact(response, f"{answered} with {what}"))
    error.request = request
    error.response = _redactor(response).response(response) if response.is_closed else response
    return error


def _redactor(response: httpx.Response) -> Redactor:
    return response.extensions.get(REDACTOR) or Redactor()


def api_error(
    response: httpx.Response,
    classes: Mapping[int, type[APIError]],
    read_message: Callable[[object], str | None],
    now: datetime,
) -> APIError:
    """Return the error for a response with an error status, with secrets masked."""
    redactor: Redactor = response.extensions[REDACTOR]
    response = redactor.response(response)
    body: Any
    try:
        body = decode_json(response)
    except DecodeError:
        body = _text(response)
    error = from_status(response, body, classes, read_message)
    error.retry_after = retry_after(response.headers, now)
    return error


def whole_response(
    response: httpx.Response, content: bytes | None, exchange: Exchange
) -> httpx.Response:
    """Return a response with its decoded body, for users to see.

    Parameters
    ----------
    response : httpx.Response
        The response, as a transport returned it.
    content : bytes or None
        Its body; None if it was passed to a sink.
    exchange : Exchange
        The exchange of the response.
    """
    request = redacted_request(exchange)
    response.extensions[REDACTOR] = exchange.redactor
    if content is None:
        whole = without_body(response, request)
        whole.extensions = response.extensions
        return whole
    headers = decoded_headers(response.headers)
    whole = httpx.Response(
        response.status_code,
        headers=headers,
        stream=httpx.ByteStream(content),
        request=request,
        extensions=response.extensions,
    )
    whole.read()
    if headers is not response.headers:
        whole.headers = response.headers
    return whole


def decoded_headers(headers: httpx.Headers) -> httpx.Headers:
    """Return the headers that also apply to the decoded body."""
    if not _content_encodings(headers):
        return headers
    return httpx.Headers([(n, v) for n, v in headers.raw if n.lower() not in _ENCODED_HEADERS])


def _content_encodings(headers: httpx.Headers) -> list[str]:
    """Return the content codings of a body, without what servers send that is none."""
    if "Content-Encoding" not in headers:
        return []
    names = map(str.strip, headers["Content-Encoding"].lower().split(","))
    return [name for name in names if name in _WINDOW_BITS or name in _UNSUPPORTED]


def redirect_target(response: httpx.Response) -> httpx.URL | None:
    """Return the URL that a response redirects to, or None if it can't be followed.

    One that repeats a secret can't: logs and messages name URLs, and another server would get it.
    """
    if not response.has_redirect_location:
        return None
    location = response.headers["Location"]
    if _redactor(response).is_repeated(location):
        return None
    try:
        url = response.url.join(location)
    except (httpx.InvalidURL, ValueError):
        return None
    if url.scheme not in ("http", "https") or not has_address(url):
        return None
    return url.copy_with(userinfo=b"", fragment=None)


def next_link(headers: httpx.Headers) -> str | None:
    """Return the target of the link to the next page in the ``Link`` headers (RFC 8288)."""
    for link in _LINK.finditer(headers.get("Link", "")):
        values: dict[str, str] = {}
        for name, quoted, plain in re.findall(_PARAMETER, link[2]):
            values.setdefault(name.lower(), quoted or plain)
        # A link with an anchor is one of another document.
        if "next" in values.get("rel", "").lower().split() and "anchor" not in values:
            return link[1]
    return None


def resolve_link(response: httpx.Response, link: object) -> str:
    """Return the URL of a link in a response, which must lead to the same server."""
    if _redactor(response).is_repeated(str(link)):  # logs and messages name URLs
        raise decode_error(response, "a link that repeats a secret")
    url = httpx.URL()
    with suppress(httpx.InvalidURL, TypeError, ValueError):
        joined = response.url.join(cast("str", link))
        check_path(joined.path)
        url = joined
    if url.userinfo or origin(url) != origin(response.url):
        raise decode_error(response, f"a link that does not lead to this server: {link!r:.200}")
    return str(url.copy_with(fragment=None))

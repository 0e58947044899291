"""The body of an answer: read within bounds, and decoded from JSON."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from grad300_sdk.engine.errors import DecodeError, RequestTimeoutError, excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

__all__ = ["Body", "Pace", "decode_error", "decode_json", "describe", "describe_bytes", "text"]

# zlib's window bits that read a gzip header, and a zlib header.
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_PIECE = 64 * 1024
_DRIP_BYTES = 1024
_ERROR_BYTES = 256 * 1024
# NaN and Infinity are no JSON, but Python's own encoder writes them; a string is skipped whole,
# also one that never ends, and nothing is looked at twice.
_NOT_JSON = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|-?\b(?:NaN|Infinity)\b', re.DOTALL)


class Pace:
    """Judge how fast an answer comes; the time is told, and is that of waiting alone.

    An answer must be whole within ten time-outs. One that may be long need not be, once its head
    is there: of its body at least 1 kB must come within that time.

    Parameters
    ----------
    request : httpx.Request
        The request that is answered.
    timeout : float
        Seconds.

    Attributes
    ----------
    is_watched : bool
        Whether the stream of the answer is judged; if not, its body has to be.
    """

    def __init__(self, request: httpx.Request, timeout: float) -> None:
        self.is_watched = False
        self._request = request
        self._patience = 10 * timeout
        self._may_be_long = False
        self._received = self._counted = 0
        self._waited = self._counted_at = 0.0

    def may_be_long(self) -> None:
        """Say that the head came, and that the body may take as long as its size does."""
        self._may_be_long = True
        self._counted, self._counted_at = self._received, self._waited

    def came(self, size: int, seconds: float) -> None:
        """Judge a piece of so many bytes that was waited for so long."""
        self._received += size
        self._waited += seconds
        if self._may_be_long and self._received - self._counted >= _DRIP_BYTES:
            self._counted, self._counted_at = self._received, self._waited
        if self._waited - self._counted_at > self._patience:
            error = RequestTimeoutError(
                f"{self._request.method} {self._request.url}: the answer only dripped: "
                f"{self._received} bytes in {self._waited:.0f} s; given up"
            )
            error.transient = True
            raise error


class Body:
    """Judge a body while it comes in, piece by piece, and undo its compression.

    httpx would decompress whatever comes: here a body that grows above `limit` bytes is given
    up before it is held in memory.

    Parameters
    ----------
    response : httpx.Response
        The response whose body it is; its ``Content-Encoding`` is undone.
    limit : int or None
        The most bytes that the decoded body may have. Of the body of an error, only the
        beginning is read.
    """

    def __init__(self, response: httpx.Response, limit: int | None) -> None:
        self.response = response
        self.enough = False
        self._limit = limit
        self._size = 0
        self._is_empty = True
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        self._inflate: Any = None
        self._window_bits = _WINDOW_BITS.get(encoding, 0)
        if self._window_bits:
            self._inflate = zlib.decompressobj(self._window_bits)
        elif encoding not in ("", "identity"):
            self._refuse(f"a body with the encoding {excerpt(encoding)!r}, not asked for")

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take a piece as it came, and give what it decodes to."""
        self._is_empty = self._is_empty and not piece
        if self._inflate is None:
            yield self._counted_in(piece)
            return
        try:
            while piece and not self.enough:
                if self._inflate.eof:  # gzip's are one after the other
                    self._inflate = zlib.decompressobj(self._window_bits)
                yield self._counted_in(self._inflate.decompress(piece, _PIECE))
                piece = self._inflate.unconsumed_tail or self._inflate.unused_data
        except zlib.error:
            self._refuse("a compressed body that can't be decompressed")

    def finish(self) -> None:
        """Say that the body ended."""
        if self._inflate is not None and not self._is_empty and not self._inflate.eof:
            self._refuse("a compressed body that was cut")

    def _counted_in(self, data: bytes) -> bytes:
        self._size += len(data)
        if self.response.is_success:
            self.check_size(self._size)
        else:
            self.enough = self._size > _ERROR_BYTES
        return data

    def check_size(self, size: int) -> None:
        """Judge a body that a transport handed over whole."""
        if self._limit is not None and size > self._limit:
            self._refuse(f"more than the {self._limit} bytes of JSON that are allowed")

    def _refuse(self, what: str) -> None:
        """Give the body up; that of an error is of less interest than the error."""
        if self.response.is_success:
            raise decode_error(self.response, what)
        self.enough = True


def decode_json(response: httpx.Response, kind: Any = Any, *, secret: bool = False) -> Any:
    """Decode a response's JSON.

    Parameters
    ----------
    response : httpx.Response
        The response, read.
    kind : type
        What the JSON must be, as msgspec understands types: ``list[Any]``, for one.
    secret : bool
        Whether the body may hold a secret, so that no error may show it.

    Returns
    -------
    object
        The JSON; ``NaN`` and ``Infinity`` in it are None.

    Raises
    ------
    DecodeError
        If the body is no JSON, or JSON of another kind.
    """
    content = response.content
    try:
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.DecodeError:
            if b"NaN" not in content and b"Infinity" not in content:
                raise
            nulls = _NOT_JSON.sub(lambda m: m[0] if m[0][:1] == b'"' else b"null", content)
            return msgspec.json.decode(nulls, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        kind = excerpt(response.headers.get("Content-Type", "no content type"))
        hidden = f"{kind}, {len(content)} bytes that may hold a secret"
        came = f": {hidden if secret else describe(response)}"
        raise decode_error(response, f"what is not the JSON expected ({reason}){came}") from None


def text(response: httpx.Response) -> str:
    """Read a body as text; where its charset is none of text's, as UTF-8."""
    content = response.content
    try:
        return content.decode(response.charset_encoding or "utf-8", "replace")
    except (LookupError, UnicodeError):
        return content.decode(errors="replace")


def describe(response: httpx.Response) -> str:
    """Say in a line what a response's body is: its content type and its first characters."""
    return describe_bytes(response, response.content)


def describe_bytes(response: httpx.Response, content: bytes) -> str:
    """Say in a line what these bytes of a response's body are."""
    kind = excerpt(response.headers.get("Content-Type", "no content type"))
    if not content:
        return f"{kind}, an empty body"
    return f"{kind}, {excerpt(content[:400].decode(errors='replace'))!r}"


def decode_error(response: httpx.Response, what: str) -> DecodeError:
    """Make the error of an answer that is not what was asked for."""
    request = response.request
    error = DecodeError(
        f"{request.method} {request.url} answered {response.status_code} with {what}"
    )
    error.request, error.response = request, response
    return error

"""Bodies: whole, cut, compressed, too large, and JSON of every kind."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from grad300_sdk.engine.errors import DecodeError, ServerError, TransportError
from grad300_sdk.engine.sending.response import (
    BodyDecoder,
    decode_json,
    decoded_headers,
    describe,
)
from tests.support.wire import CLOSE, RESET, Act, Wire, answer, chunked

GZIPPED = gzip.compress(b'{"a": [1, 2, 3]}', mtime=0)
RAW = zlib.compress(b'{"a": [1, 2, 3]}', wbits=-zlib.MAX_WBITS)


def got(harness: Any, library: Callable[..., Any], wire: Wire, **options: Any) -> Any:
    """Ask for a book."""
    return harness.call(library(wire.url, **options).books["1"].get)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (GZIPPED, "gzip"),
        (GZIPPED, " GZip "),
        (GZIPPED, "x-gzip"),
        (gzip.compress(b'{"a": [1,', mtime=0) + gzip.compress(b" 2, 3]}", mtime=0), "gzip"),
        (zlib.compress(b'{"a": [1, 2, 3]}'), "deflate"),
        (RAW, "deflate"),
        (GZIPPED + bytes(20), "gzip"),
        (GZIPPED, "identity, gzip"),
        (b'{"a": [1, 2, 3]}', "identity"),
        (b'{"a": [1, 2, 3]}', "utf-8"),
        (b'{"a": [1, 2, 3]}', "json"),
    ],
)
def test_compressed_bodies_are_read(
    harness: Any, library: Any, wire: Any, content: bytes, encoding: str
) -> None:
    server = wire(answer(content, Content_Encoding=encoding))
    assert got(harness, library, server) == {"a": [1, 2, 3]}
    pieces = chunked(*(content[i : i + 1] for i in range(len(content))), Content_Encoding=encoding)
    server = wire([*pieces, b"0\r\n\r\n"])
    assert got(harness, library, server) == {"a": [1, 2, 3]}


BAD_BODIES = {
    "gzip cut": answer(GZIPPED[:-9], Content_Encoding="gzip"),
    "gzip in name only": answer(b'{"a": 1}', Content_Encoding="gzip"),
    "gzip, then rubbish": answer(GZIPPED + b"rubbish", Content_Encoding="gzip"),
    "an encoding not asked for": answer(b"{}", Content_Encoding="br"),
    "two encodings": answer(gzip.compress(GZIPPED, mtime=0), Content_Encoding="gzip, gzip"),
    "raw deflate cut": answer(RAW[:-1], Content_Encoding="deflate"),
    "deflate in name only": answer(b'{"a": 1}', Content_Encoding="deflate"),
    "HTML": answer(b"<html><h1>Maintenance</h1>", Content_Type="text/html"),
    "empty": answer(b""),
    "blank": answer(b" \r\n"),
    "no UTF-8": answer(b'{"a": "\xff\xfe"}'),
    "Latin-1": answer('{"a": "é"}'.encode("latin-1")),
    "cut": answer(b'{"a": [1, 2'),
    "two values": answer(b"{} {}"),
    "of another shape": answer(b"[1, 2]"),
    "null": answer(b"null"),
    "200 000 levels": answer(b"[" * 200_000 + b"]" * 200_000),
    "200 000 objects": answer(b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
    "an open string after NaN": answer(b'[NaN, "' + b'\\"' * 400_000),
}


@pytest.mark.parametrize("step", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_is_no_such_json_is_a_decode_error(
    harness: Any, library: Any, wire: Any, step: Any
) -> None:
    server = wire(step, answer(b"{}"))
    client = library(server.url, retries=3)
    with pytest.raises(DecodeError) as caught:
        harness.call(client.books["1"].get)
    assert caught.value.request.url == f"{server.url}/books/1"
    assert len(str(caught.value)) < 500
    assert harness.call(client.books["2"].get) == {}
    assert [request.target for request in server.requests] == ["/books/1", "/books/2"]


def test_the_error_says_what_came(harness: Any, library: Any, wire: Any) -> None:
    page = b"<html>\n<h1>Down \x1b[31m for\tmaintenance</h1>" + b"x" * 1000
    server = wire(answer(page, Content_Type="text/html; charset=utf-8"))
    with pytest.raises(DecodeError) as caught:
        got(harness, library, server)
    assert "GET" in str(caught.value)
    assert "text/html; charset=utf-8, '<html> <h1>Down [31m for maintenance</h1>xxx" in str(
        caught.value
    )
    assert caught.value.response.content == page


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"[NaN, -Infinity, Infinity, 1]", [None, None, None, 1]),
        (b'{"NaN": NaN, "a": "NaN, \\" Infinity"}', {"NaN": None, "a": 'NaN, " Infinity'}),
        (b'["Infinity"]', ["Infinity"]),
        (b'[{"\\\\": NaN}]', [{"\\": None}]),
        (b"[1e400, -1e400, 1e-400, 2]", [None, None, 0.0, 2]),
        (b"[" + b"1" * 5000 + b", 2]", [None, 2]),
    ],
)
def test_nan_and_infinity_are_read_as_null(content: bytes, value: Any) -> None:
    assert decode_json(response(content)) == value


@pytest.mark.parametrize("content", [b"[XNaN]", b"NaN Infinity", b"[NaN"])
def test_what_is_not_json_even_so_is_refused(content: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_json(response(content))


@pytest.mark.parametrize("digits", [18, 20, 310, 4301, 100_000])
def test_numbers_that_are_too_long_are_read_as_null(digits: int) -> None:
    (value,) = decode_json(response(b"[" + b"1" * digits + b"]"))
    assert value == (None if digits > 4300 else (10**digits - 1) // 9)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32-be", "latin-1"])
def test_json_is_read_by_its_byte_order_mark_or_its_charset(encoding: str) -> None:
    content = '[{"a": "\u00e9\\u00e9", "b": NaN}]'.encode(encoding)
    headers = {"Content-Type": f"application/json; charset={encoding}"}
    assert decode_json(response(content, headers)) == [{"a": "\u00e9\u00e9", "b": None}]


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "klingon", "hex", "undefined"])
def test_utf8_is_read_whatever_its_charset_says(charset: str) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    assert decode_json(response(b'["\xc3\xa9"]', headers)) == ["\u00e9"]


@pytest.mark.parametrize("charset", ["klingon", "hex", "undefined", "utf-8"])
def test_what_is_not_utf8_needs_a_charset(charset: str) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    with pytest.raises(DecodeError):
        decode_json(response(b'["\xe9"]', headers))


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'["a\x01\n\tb"]', ["a\x01\n\tb"]),
        (b'["\\ud800", "\\udc00\\ud83d", 1]', ["\ufffd", "\ufffd\ufffd", 1]),
        (b'["\\ud83d\\ude00", NaN]', ["\U0001f600", None]),
    ],
)
def test_text_is_read_whatever_is_in_it(content: bytes, value: Any) -> None:
    assert decode_json(response(content), list[Any]) == value


def test_what_is_read_leniently_is_of_the_wanted_type() -> None:
    assert decode_json(response(b'{"a": NaN}'), dict[str, float | None]) == {"a": None}
    with pytest.raises(DecodeError, match=r"Expected `float`, got `null` - at `\$\[\.\.\.\]`"):
        decode_json(response(b'{"a": NaN}'), dict[str, float])


def test_no_depth_of_nesting_gives_another_error() -> None:
    for depth in range(1, 1200, 7):
        for open_, close in ((b"[", b"]"), (b'{"a":', b"}")):
            try:
                decode_json(response(open_ * depth + b"1" + close * depth))
            except DecodeError as error:
                assert "nested too deeply" in str(error)  # noqa: PT017


CUT: dict[str, list[bytes | Act]] = {
    "with a length": [*answer(b'{"a"', length=100), CLOSE],
    "with a length, nothing": [*answer(b"", length=100), CLOSE],
    "with a length, reset": [*answer(b'{"a"', length=100), RESET],
    "chunked": [*chunked(b'{"a"', b": 1"), CLOSE],
    "chunked, reset": [*chunked(b'{"a"', b": 1"), RESET],
    "within a chunk": [*chunked(b'{"a"'), b"10\r\n123", CLOSE],
    "no chunk": [*chunked(b'{"a"'), b"what?\r\n", CLOSE],
}


@pytest.mark.parametrize("step", CUT.values(), ids=CUT)
def test_a_body_that_is_cut_is_asked_for_again(
    harness: Any, library: Any, wire: Any, step: Any
) -> None:
    server = wire(step, step, answer(b'{"a": 2}'))
    client = library(server.url, retries=2, max_connections=1)
    assert harness.call(client.books["1"].get) == {"a": 2}
    server = wire(step, step, answer(b'{"a": 2}'))
    client = library(server.url, retries=1, max_connections=1)
    with pytest.raises(TransportError) as caught:
        harness.call(client.books["1"].get)
    assert caught.value.request.url.path == "/books/1"
    assert harness.call(client.books["1"].get) == {"a": 2}
    assert len(server.requests) == 3


def test_a_body_without_a_length_ends_with_the_connection(
    harness: Any, library: Any, wire: Any
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    server = wire([head, b'{"a": ', b"1}", CLOSE], [head, b'{"a": ', CLOSE])
    client = library(server.url)
    assert harness.call(client.books["1"].get) == {"a": 1}
    with pytest.raises(DecodeError):
        harness.call(client.books["1"].get)


@pytest.mark.parametrize("bomb", [True, False])
def test_json_above_the_limit_is_refused_before_it_is_held(bomb: bool) -> None:
    content = b"[" + b" " * 50_000_000 + b"]"
    sent = gzip.compress(content, 1, mtime=0) if bomb else content
    headers = {"Content-Encoding": "gzip"} if bomb else {}
    decoder = BodyDecoder(response(b"", headers), limit=1_000_000)
    sizes: list[int] = []

    def decode() -> None:
        for begin in range(0, len(sent), 65536):
            for part in decoder.feed(sent[begin : begin + 65536]):
                sizes.append(len(part))

    with pytest.raises(DecodeError, match="more than the 1000000 bytes"):
        decode()
    assert sum(sizes) <= 1_000_000
    assert max(sizes) <= 65536


@pytest.mark.parametrize("bomb", [True, False])
def test_a_server_that_sends_json_above_the_limit(
    harness: Any, library: Any, wire: Callable[..., Wire], bomb: bool
) -> None:
    content = b"[" + b" " * 2_000_000 + b"]"
    zipped = answer(gzip.compress(content, 9, mtime=0), Content_Encoding="gzip")
    server = wire(zipped if bomb else answer(content), answer(b"{}"))
    client = library(server.url, max_json_bytes=1_000_000, max_connections=1, retries=3)
    with pytest.raises(DecodeError, match="more than the 1000000 bytes"):
        harness.call(client.books["1"].get)
    assert harness.call(client.books["1"].get) == {}
    assert len(server.requests) == 2


class Endless(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that never ends, not even when it is closed."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        while self.taken < 50_000_000:  # so that a fault fails, rather than hangs
            self.taken += 1000
            yield b" " * 1000

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def test_the_rest_of_a_body_above_the_limit_is_not_read(harness: Any, library: Any) -> None:
    body = Endless()
    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=body))
    client = library(transport=transport, max_json_bytes=1_000_000)
    with pytest.raises(DecodeError):
        harness.call(client.books["1"].get)
    assert body.taken < 1_200_000


def test_the_limit_is_of_json_alone(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answer(b"1" * 10), answer(b"1" * 11), answer(b"1" * 11), answer(b"1" * 11))
    client = library(server.url, max_json_bytes=10)
    assert harness.call(client.get_json, "/number") == 1_111_111_111
    with pytest.raises(DecodeError):
        harness.call(client.get_json, "/number")
    assert harness.call(client.books["1"].text.get) == b"1" * 11
    assert harness.call(client.request, "GET", "/number").content == b"1" * 11


def test_a_file_comes_as_it_is(harness: Any, library: Any, wire: Any) -> None:
    content = bytes(range(256)) * 1000
    server = wire(answer(content))
    assert harness.call(library(server.url).books["1"].text.get) == content
    assert server.requests[0].headers["accept-encoding"] == "identity"


ERROR_BODIES = {
    "an encoding not asked for": answer(b"\x01", "503 Busy", Content_Encoding="br"),
    "gzip cut": answer(GZIPPED[:-9], "503 Busy", Content_Encoding="gzip"),
    "gzip in name only": answer(b"oh no", "503 Busy", Content_Encoding="gzip"),
    "endless": answer(b"x" * 3_000_000, "503 Busy"),
    "a bomb": answer(
        gzip.compress(b"x" * 30_000_000, mtime=0), "503 Busy", Content_Encoding="gzip"
    ),
    "a charset that is none": answer(b"oh no", "503 Busy", Content_Type="text/html; charset=hex"),
    "an unknown charset": answer(b"oh no", "503 Busy", Content_Type="text/html; charset=klingon"),
    "an undefined charset": answer(b"no", "503 Busy", Content_Type="text/html; charset=undefined"),
    "deep": answer(b"[" * 100_000, "503 Busy"),
}


@pytest.mark.parametrize("step", ERROR_BODIES.values(), ids=ERROR_BODIES)
def test_whatever_its_body_an_error_status_is_an_error_status(
    harness: Any, library: Any, wire: Any, step: Any
) -> None:
    server = wire(step, step, answer(b"{}"))
    client = library(server.url, retries=1, max_connections=1)
    with pytest.raises(ServerError) as caught:
        harness.call(client.books["1"].get)
    assert caught.value.status_code == 503
    assert len(caught.value.response.content) < 400_000
    assert len(str(caught.value)) < 500
    assert harness.call(client.books["1"].get) == {}


def test_a_described_body_is_short_and_on_one_line() -> None:
    assert describe(response(b"")) == "no content type, an empty body"
    odd = response(b"a\n\x00b" + b"\xff" * 10_000, {"Content-Type": "x" * 1000})
    assert len(describe(odd)) < 200
    assert describe(odd).isprintable()


def response(content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    """Return a response; one that has a body was read."""
    request = httpx.Request("GET", "http://library.test/")
    return httpx.Response(200, content=content or None, headers=headers, request=request)


def test_json_is_what_python_reads() -> None:
    value = {"é": [1, 2.5, None, True, "\U0001f52d"], "": {"big": 2**63}}
    assert decode_json(response(json.dumps(value).encode())) == value


@pytest.mark.parametrize("encoding", ["utf-8", "", "identity", "binary"])
def test_what_is_no_encoding_leaves_the_length_and_the_etag(encoding: str) -> None:
    headers = httpx.Headers({"Content-Encoding": encoding, "Content-Length": "9", "ETag": '"1"'})
    assert decoded_headers(headers) is headers
    headers["Content-Encoding"] += ", gzip"
    assert dict(decoded_headers(headers)) == {}

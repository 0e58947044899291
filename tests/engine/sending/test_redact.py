"""No error, log record or repr shows a secret, not even where a server repeats it."""

from __future__ import annotations

import gzip
import json
import pickle
import traceback
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest

from grad300_sdk.engine import Send, excerpt
from grad300_sdk.engine.credentials import (
    Basic,
    Token,
)
from grad300_sdk.engine.errors import (
    APIError,
    DecodeError,
    Error,
    TransportError,
)
from grad300_sdk.engine.flow import Exchange
from grad300_sdk.engine.sending.redact import Redactor, redacted_request, without_body
from grad300_sdk.engine.sending.response import decode_json
from tests.support.flows import pieces
from tests.support.library import account
from tests.support.secrets import SECRET, assert_harmless
from tests.support.wire import CLOSE, answer


def test_nothing_shows_a_secret(library: Any) -> None:
    for credentials in (Token(SECRET), account(), Basic(user="ann", password=SECRET)):
        client = library(credentials=credentials, headers={"X-Key": SECRET})
        for thing in (
            credentials,
            client,
            client.session,
            client.books,
            client.driver,
            vars(client),
        ):
            assert SECRET not in repr(thing)
        assert SECRET not in credentials.curl_option


def test_a_token_is_on_what_is_sent_and_in_no_record(
    harness: Any, library: Any, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(0)
    sent: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(200, json={})

    client = library(transport=httpx.MockTransport(handle), credentials=Token(SECRET))
    harness.call(client.books["1"].get)
    assert sent == [f"Bearer {SECRET}"]
    assert SECRET not in caplog.text
    assert "".join(capfd.readouterr()) == ""


def test_no_record_on_the_wire_holds_a_token(
    harness: Any, library: Any, wire: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    server = wire(answer(b"{}"), answer(b'{"token": "s3cret-too"}'))
    client = library(server.url, credentials=Token(SECRET))
    harness.call(client.books["1"].get)
    harness.call(client.log_in, "ann", SECRET)
    assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert caplog.records
    assert SECRET not in caplog.text


TOKEN = "eyJhbGciOiJIUzI1NiJ9." + "s3cret" * 30


@pytest.mark.parametrize(
    "body",
    [
        TOKEN.encode(),
        b"<html>Bearer " + TOKEN.encode(),
        b'{"token": "' + TOKEN.encode(),
        b'["' + TOKEN.encode() + b'"]',
        b"x" * 60 + TOKEN.encode(),
    ],
)
def test_a_token_that_a_server_repeats_is_not_shown(
    harness: Any, library: Any, wire: Any, body: bytes
) -> None:
    server = wire(answer(body, X_Token=TOKEN))
    with pytest.raises(DecodeError) as caught:
        harness.call(library(server.url, credentials=Token(TOKEN)).books["1"].get)
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "***" in str(caught.value)
    assert_harmless(caught.value, "s3cret")
    assert_harmless(caught.value, TOKEN[:8])
    assert b"***" in caught.value.response.content


def test_a_secret_body_is_not_shown() -> None:
    request = httpx.Request("GET", "http://library.test/")
    response = httpx.Response(200, content=b'{"token": "s3cret"', request=request)
    with pytest.raises(DecodeError) as caught:
        decode_json(response, secret=True)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "422 Odd", "500 Oh", "307 Elsewhere"])
def test_no_password_and_no_token_is_in_what_a_login_raises(
    harness: Any, library: Any, wire: Any, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    body = b'{"detail": [{"loc": ["body"], "msg": "odd", "input": "s3cret-password"}]}'
    server = wire(answer(body, status, Location="/elsewhere"))
    client = library(server.url, credentials=account())
    with pytest.raises(Error) as caught:
        harness.call(client.books["1"].get)
    assert b"s3cret-password" in server.requests[0].body
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    request = caught.value.request
    assert request is not None
    assert request.content == b"user=ann&password=%24PASSWORD"
    assert int(request.headers["Content-Length"]) == len(request.content)
    assert request.headers["User-Agent"] == "library/1"
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    "body",
    [b'{"detail": "wrong password: s3cret-password"}', b"<html>password=s3cret-password</html>"],
)
def test_a_server_that_repeats_a_password_is_not_quoted(
    harness: Any, library: Any, wire: Any, body: bytes
) -> None:
    server = wire(answer(body, "400 Bad Request"))
    with pytest.raises(Error) as caught:
        harness.call(library(server.url).log_in, "ann", "s3cret-password")
    assert "***" in str(caught.value)
    assert b"s3cret" not in pickle.dumps(caught.value)


@pytest.mark.parametrize(
    "step",
    [
        [b"HTTP/1.1 200 OK\r\nBearer %s\r\n\r\n", CLOSE],
        [b"HTTP/1.1 Bearer %s\r\n\r\n", CLOSE],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nBearer %s\r\n", CLOSE],
        [b"HTTP/1.1 200 OK\r\nContent-Encoding: br, %s\r\nContent-Length: 0\r\n\r\n"],
    ],
    ids=["header", "status", "chunk", "encoding"],
)
def test_a_token_that_a_server_repeats_is_not_quoted(
    harness: Any, library: Any, wire: Any, step: Any
) -> None:
    pieces = [piece % SECRET.encode() if isinstance(piece, bytes) else piece for piece in step]
    client = library(wire(pieces).url, credentials=Token(SECRET), retries=0)
    with pytest.raises(Error, match=r"\*\*\*") as caught:
        harness.call(client.books["1"].get)
    assert_harmless(caught.value)


def test_no_token_is_in_what_a_refused_redirect_raises(
    harness: Any, library: Any, wire: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    server = wire(answer(b"", "307 Elsewhere", Location="/elsewhere"))
    client = library(server.url, credentials=Token(SECRET))
    with pytest.raises(Error) as caught:
        harness.call(client.books["1"].lend)
    assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert_harmless(caught.value)
    assert SECRET not in caplog.text
    assert SECRET not in repr(client) + repr(client.session) + repr(vars(client))


def test_what_a_given_transport_saw_is_left_as_it_was(harness: Any, library: Any) -> None:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={})

    client = library(transport=httpx.MockTransport(handle), credentials=Token(SECRET))
    response = harness.call(client.request, "POST", "/books", files={"f": b"text"})
    assert requests[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert "Authorization" not in response.request.headers
    del requests[:]
    response = harness.call(client.request, "POST", "/books", content=b"text")
    assert requests[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert "Authorization" not in response.request.headers
    assert response.request.content == b"text"
    assert pickle.loads(pickle.dumps(response)).request.content == b"text"


@pytest.mark.parametrize("status", ["404 Not Found", "307 Elsewhere", "200 OK"])
def test_no_token_is_in_an_error_of_a_body_in_pieces(
    harness: Any, library: Any, wire: Any, status: str
) -> None:
    cut = [*answer(b"text", status, length=100, Location="file:///"), CLOSE]
    whole = answer(b"no", status, Location="file:///")
    client = library(wire(cut, whole).url, credentials=Token("s3cret-token"))
    for expected in (TransportError, APIError):
        if status == "200 OK" and expected is APIError:
            continue
        with pytest.raises(expected) as caught:
            harness.list(client.driver.iterate(pieces()))
        assert_harmless(caught.value)


# What a server repeats

PASSWORD = 's3cret/pass "wörd"&<1>'


@pytest.mark.parametrize("status", ["400 Bad Request", "200 OK"])
def test_a_compressed_answer_that_repeats_a_token(
    harness: Any, library: Any, wire: Any, status: str
) -> None:
    body = gzip.compress(b'["%s"]' % SECRET.encode())
    server = wire(answer(body, status, Content_Encoding="gzip"))
    client = library(server.url, credentials=Token(SECRET))
    with pytest.raises(APIError if status[0] == "4" else DecodeError) as caught:
        harness.call(client.books["1"].get)
    assert "***" in str(caught.value)
    assert caught.value.response.text == '["***"]'
    assert_harmless(caught.value)


def test_a_server_that_repeats_the_form(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answerer=lambda request: answer(request.body, "400 Bad Request"))
    with pytest.raises(APIError) as caught:
        harness.call(library(server.url).log_in, "ann", PASSWORD)
    assert b"s3cret%2Fpass+%22w" in server.requests[0].body
    assert "user=ann&password=***" in str(caught.value)
    assert caught.value.response.text == "user=ann&password=***"
    assert b"s3cret" not in pickle.dumps(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        PASSWORD,
        json.dumps(PASSWORD)[1:-1],
        json.dumps(PASSWORD, ensure_ascii=False)[1:-1],
        quote(PASSWORD),
        quote(PASSWORD, safe=""),
        quote_plus(PASSWORD),
        escape(PASSWORD),
        PASSWORD[:8],
        PASSWORD[:15],
        quote_plus(PASSWORD)[:12],
    ],
)
def test_each_way_to_write_a_secret(written: str) -> None:
    redactor = Redactor((PASSWORD, "another secret"))
    assert redactor.text(f"before {written} after another secret") == "before *** after ***"


def test_a_text_without_a_secret_stays() -> None:
    for secrets in ((), ("",), ("abc",), ("another",)):
        assert Redactor(secrets).text("abc before") == "abc before"
    assert repr(Redactor((PASSWORD,))) == "Redactor()"


def test_a_response_without_a_secret_is_the_same() -> None:
    request = httpx.Request("GET", "http://library.test/")
    response = httpx.Response(200, headers={"X": "y"}, content=b"text", request=request)
    assert Redactor((PASSWORD,)).response(response) is response


def test_a_response_without_its_body() -> None:
    request = httpx.Request("GET", "http://library.test/")
    headers = {"Content-Encoding": "gzip", "transfer-encoding": "chunked", "ETag": '"1"'}
    stream = httpx.ByteStream(b"no gzip")
    empty = without_body(httpx.Response(200, headers=headers, stream=stream), request)
    assert (empty.status_code, empty.content, empty.request) == (200, b"", request)
    assert dict(empty.headers) == {"etag": '"1"'}


def test_a_request_without_a_secret_is_the_same() -> None:
    send = Send(method="GET", path="/")
    request = httpx.Request("GET", "http://library.test/", headers={"X": "y"})
    assert redacted_request(Exchange(send, request, Redactor())) is request
    secret = httpx.Request("GET", "http://library.test/", headers={"COOKIE": "a=b", "X": "y"})
    redacted = redacted_request(Exchange(send, secret, Redactor()))
    assert "Cookie" not in redacted.headers
    assert redacted.headers["X"] == "y"
    assert secret.headers["Cookie"] == "a=b"


@pytest.mark.parametrize(
    "secret",
    ["plain-secret", 'it\'s "quoted"', "back\\slash", "two  blanks\t", "Zo\u00eb-\u00df\x1b"],
)
@pytest.mark.parametrize("write", [str, repr, json.dumps, quote, escape])
@pytest.mark.parametrize("shorten", [str, excerpt])
def test_a_secret_is_masked_however_it_is_quoted(secret: str, write: Any, shorten: Any) -> None:
    text = Redactor((secret,)).text(shorten(f"the row {write(secret)} is wrong"))
    assert "***" in text
    assert not any(part in text for part in ("secret", "quoted", "slash", "blanks", "Zo"))


def test_what_is_no_secret_is_not_masked() -> None:
    assert Redactor(("a    ", "abc")).text("a b c abc") == "a b c abc"

"""What one request becomes: its URL, its headers, its redirects and its repetitions."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import Flow, Gather, Send
from grad300_sdk.engine.credentials import Token
from grad300_sdk.engine.errors import (
    APIError,
    AuthenticationError,
    DecodeError,
    RateLimitError,
    ServerError,
    TransportError,
)
from grad300_sdk.engine.network import aio, sync
from tests.support.library import account
from tests.support.wire import RESET, Received, answer

OK = answer(b"{}")


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Write down how long is slept, without sleeping."""
    seconds: list[float] = []

    async def sleep(wait: float) -> None:
        seconds.append(wait)

    monkeypatch.setattr(sync, "sleep", seconds.append)
    monkeypatch.setattr(aio.anyio, "sleep", sleep)
    return seconds


# Repetitions


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_statuses_that_may_pass_are_tried_again(
    harness: Any, library: Any, wire: Any, status: int
) -> None:
    step = answer(b"busy", f"{status} Busy")
    server = wire(step, step, OK, step, step, step)
    book = library(server.url, retries=2, max_connections=1).books["1"]
    assert harness.call(book.get) == {}
    with pytest.raises(APIError) as caught:
        harness.call(book.get)
    assert caught.value.status_code == status
    assert len(server.requests) == 6
    assert server.connections == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 425, 501, 505, 599])
def test_other_statuses_are_not(harness: Any, library: Any, wire: Any, status: int) -> None:
    server = wire(answer(b"", f"{status} No"))
    with pytest.raises(APIError):
        harness.call(library(server.url, retries=2).books["1"].get)
    assert len(server.requests) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("step", [[RESET], answer(b"", "503 Busy", Retry_After="0")])
def test_what_may_change_something_is_sent_once(
    harness: Any, library: Any, wire: Any, method: str, step: Any
) -> None:
    server = wire(step)
    with pytest.raises((TransportError, ServerError)):
        harness.call(library(server.url, retries=2).request, method, "/books")
    assert len(server.requests) == 1


def test_no_retries(harness: Any, library: Any, wire: Any) -> None:
    server = wire([RESET], answer(b"", "503 Busy", Retry_After="7"))
    book = library(server.url, retries=0).books["1"]
    with pytest.raises(TransportError):
        harness.call(book.get)
    with pytest.raises(ServerError) as caught:
        harness.call(book.get)
    assert caught.value.retry_after == 7
    assert len(server.requests) == 2


def test_a_head_is_tried_again(harness: Any, library: Any, wire: Any) -> None:
    head = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]
    server = wire([RESET], head)
    response = harness.call(library(server.url, retries=1).request, "HEAD", "/books")
    assert response.headers["Content-Length"] == "5"
    assert [request.method for request in server.requests] == ["HEAD", "HEAD"]


NOW = datetime(2025, 2, 4, 9, 35, 21, tzinfo=UTC)


def http_date(seconds: float) -> str:
    """Give the date so many seconds after the server's, as HTTP writes it."""
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", 0.0),
        ("3", 3.0),
        ("120", 120.0),
        (http_date(9), 9.0),
        (http_date(-1000), 0.0),
        ("-1", 0.0),
        ("soon", 0.0),
        ("1.5", 0.0),
        ("Tue, 99 Feb 2025 09:35:21 GMT", 0.0),
        ("Tue, 04 Feb 2025 09:35:21 +99999999999999999999", 0.0),
        ("Tue, 04 Feb 9999 23:59:59 -2359", None),
        ("121", None),
        (http_date(121), None),
        ("9" * 400, None),
    ],
)
def test_the_wait_that_a_server_asks_for(
    harness: Any, library: Any, wire: Any, sleeps: list[float], value: str, wait: float | None
) -> None:
    server = wire(answer(b"", "429 Slow", Retry_After=value, Date=http_date(0)), OK)
    book = library(server.url, retries=1).books["1"]
    if wait is None:
        with pytest.raises(RateLimitError) as caught:
            harness.call(book.get)
        assert caught.value.retry_after is not None
        assert caught.value.retry_after > 120
        assert sleeps == []
    else:
        assert harness.call(book.get) == {}
        assert sleeps == [wait]


def test_each_wait_is_longer_and_has_its_bound(
    harness: Any, library: Any, wire: Any, sleeps: list[float]
) -> None:
    server = wire(answerer=lambda request: answer(b"", "503 Busy"))
    client = library(server.url, retries=9)
    client.session.jitter = lambda: 1.0
    with pytest.raises(ServerError):
        harness.call(client.books["1"].get)
    assert sleeps == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_connection_that_is_refused_is_tried_again(
    harness: Any, library: Any, sleeps: list[float]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = library(f"http://127.0.0.1:{port}", retries=3)
    client.session.jitter = lambda: 1.0
    with pytest.raises(TransportError):
        harness.call(client.books["1"].get)
    assert sleeps == [0.5, 1, 2]


def test_eight_at_once_back_off_each_for_itself_and_none_is_lost(
    harness: Any, library: Any, wire: Any, sleeps: list[float]
) -> None:
    asked: Counter[str] = Counter()

    def answerer(request: Received) -> Any:
        asked[request.target] += 1
        busy = answer(b"", "503 Busy")
        return busy if asked[request.target] < 3 else answer(request.target[1:].encode())

    def get(number: int) -> Flow[int]:
        response = yield Send(method="GET", path=f"/{number}")
        return int(response.content)

    def burst() -> Flow[list[int]]:
        return (yield Gather(map(get, range(40)), 8))

    server = wire(answerer=answerer)
    client = library(server.url, retries=2, max_connections=8)
    client.session.jitter = lambda: 1.0
    assert harness.run(client.driver.run(burst())) == list(range(40))
    assert set(asked.values()) == {3}
    assert sorted(sleeps) == [0.5] * 40 + [1.0] * 40
    assert server.connections <= 8


def test_why_it_is_sent_again_is_logged(
    harness: Any, library: Any, wire: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "grad300_sdk")
    server = wire([RESET], answer(b"", "503 Busy"), OK, answer(b"", "404 No"))
    client = library(server.url, retries=2, credentials=Token("s3cret-token"))
    harness.call(client.books["1"].get)
    with pytest.raises(APIError):
        harness.call(client.books["2"].get)
    assert [message for name, _, message in caplog.record_tuples if "session" in name] == [
        "GET /books/1 is sent again in 0.0 s (retry 1): the network failed",
        "GET /books/1 is sent again in 0.0 s (retry 2): 503 may pass",
        "GET /books/2 failed: 404 is final",
    ]
    assert "s3cret" not in caplog.text


def test_a_log_in_is_tried_again_where_it_did_not_arrive(harness: Any, library: Any) -> None:
    failures: list[type[Exception]] = [httpx.ConnectError, httpx.ConnectTimeout]
    paths: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        if failures:
            raise failures.pop()("no")
        return httpx.Response(200, json={"token": "t"})

    client = library(transport=httpx.MockTransport(handle), credentials=account(), retries=2)
    assert harness.call(client.books["1"].get) == {"token": "t"}
    assert paths == ["/v1/login"] * 3 + ["/v1/books/1"]


@pytest.mark.parametrize("kind", [httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.WriteError])
def test_a_log_in_that_may_have_arrived_is_not(
    harness: Any, library: Any, kind: type[Exception]
) -> None:
    paths: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        raise kind("cut")

    client = library(transport=httpx.MockTransport(handle), credentials=account(), retries=2)
    with pytest.raises(TransportError):
        harness.call(client.books["1"].get)
    assert paths == ["/v1/login"]


# Redirects


def redirecting(*locations: str, status: int = 307) -> Any:
    """Give a transport that redirects to one location after the other, and then says yes."""
    left = list(locations)
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if left:
            return httpx.Response(status, headers={"Location": left.pop(0)})
        return httpx.Response(200, json={"url": str(request.url)})

    transport = httpx.MockTransport(handle)
    transport.requests = requests
    return transport


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/v1/books/1/", "http://library.test/v1/books/1/"),
        ("2?x=1#there", "http://library.test/v1/books/2?x=1"),
        ("//other.test/a%20b", "http://other.test/a%20b"),
        ("https://ann:pw@other.test/", "https://other.test/"),
        ("?again", "http://library.test/v1/books/1?again"),
    ],
)
def test_redirects_are_followed(
    harness: Any, library: Any, status: int, location: str, url: str
) -> None:
    client = library(transport=redirecting(location, status=status))
    assert harness.call(client.books["1"].get) == {"url": url}


def test_five_redirects_are_followed_and_no_more(harness: Any, library: Any) -> None:
    client = library(transport=redirecting(*"abcde"))
    assert harness.call(client.books["1"].get)["url"] == "http://library.test/v1/books/e"
    transport = redirecting(*["1"] * 100)
    with pytest.raises(TransportError, match="more than 5 redirects") as caught:
        harness.call(library(transport=transport, retries=3).books["1"].get)
    assert caught.value.request is not None
    assert len(transport.requests) == 6


def test_redirects_in_a_circle(harness: Any, library: Any, wire: Any) -> None:
    def answerer(request: Received) -> Any:
        other = "/books/2" if request.target == "/books/1" else "/books/1"
        return answer(b"", "302 There", Location=other)

    server = wire(answerer=answerer)
    client = library(server.url, retries=3, max_connections=1)
    with pytest.raises(TransportError, match="/books/1: more than 5 redirects") as caught:
        harness.call(client.books["1"].get)
    assert not caught.value.transient
    assert [request.target[-1] for request in server.requests] == list("121212")
    assert server.connections == 1


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://library.test/",
        "http://library.test:99999/",
        "http://" + "a" * 64 + ".test/",
        "http://a..test/",
    ],
)
def test_a_redirect_to_what_is_no_server_is_not_followed(
    harness: Any, library: Any, location: str
) -> None:
    transport = redirecting(location)
    with pytest.raises(APIError) as caught:
        harness.call(library(transport=transport).books["1"].get)
    assert f"a redirect to {location} that is not followed" in str(caught.value)
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    "location",
    ["http://[::1", "http://a:b:c/", "http://a.test:port/", "http://\xe9 .test/"],
)
@pytest.mark.parametrize("status", ["301 There", "302 There", "303 There", "307 There"])
def test_a_redirect_to_what_is_no_url(
    harness: Any, library: Any, wire: Any, location: str, status: str
) -> None:
    server = wire(answer(b"there", status, Location=location), OK)
    client = library(server.url, retries=3, max_connections=1)
    with pytest.raises(APIError, match=f"the server answered {status}, a redirect to") as caught:
        harness.call(client.books["1"].get)
    assert f"a redirect to {location} that is not followed" in str(caught.value)
    assert caught.value.response.headers["Location"] == location
    assert caught.value.response.text == "there"
    assert harness.call(client.books["1"].get) == {}
    assert len(server.requests) == 2


def test_a_location_without_a_redirect_is_a_header(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answer(b"{}", "201 Made", Location="http://[", Content_Location="here"))
    response = harness.call(library(server.url).request, "POST", "/books")
    assert response.headers["Location"] == "http://["


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_may_change_something_is_not_redirected(
    harness: Any, library: Any, method: str
) -> None:
    transport = redirecting("/elsewhere")
    with pytest.raises(APIError, match="a redirect to /elsewhere that is not followed") as caught:
        harness.call(library(transport=transport).request, method, "/books", json=[])
    assert caught.value.status_code == 307
    assert len(transport.requests) == 1


def test_a_redirect_without_a_location_is_an_error(harness: Any, library: Any) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(302))
    with pytest.raises(APIError, match="the server answered 302 Found"):
        harness.call(library(transport=transport).books["1"].get)


def test_a_redirect_is_tried_again_too(harness: Any, library: Any, wire: Any) -> None:
    there = answer(b"", "302 Found", Location="/books/2")
    server = wire([RESET], there, [RESET], OK)
    client = library(server.url, retries=1, max_connections=1)
    assert harness.call(client.books["1"].get) == {}
    assert [r.target for r in server.requests] == ["/books/1", "/books/1", "/books/2", "/books/2"]


@pytest.mark.parametrize(
    ("location", "is_own"),
    [
        ("http://LIBRARY.test:80/elsewhere", True),
        ("https://library.test/", False),
        ("http://library.test:81/", False),
        ("http://library.test.evil.test/", False),
        ("//evil.test/", False),
    ],
)
def test_what_identifies_the_user_goes_to_the_servers_own_origin_alone(
    harness: Any, library: Any, location: str, is_own: bool
) -> None:
    transport = redirecting(location)
    client = library(
        transport=transport, credentials=Token("token"), headers={"X-Key": "key", "Cookie": "a=b"}
    )
    mine = {"COOKIE": "c=d", "Proxy-Authorization": "mine", "Range": "bytes=0-"}
    harness.call(client.request, "GET", "/books", headers=mine)
    harness.call(client.request, "GET", f"http:{location}" if location[:2] == "//" else location)
    first, redirected, direct = transport.requests
    names = {"Authorization": "Bearer token", "X-Key": "key", "Cookie": "c=d"}
    assert names.items() <= {name: first.headers.get(name) for name in names}.items()
    for request in (redirected, direct):
        assert ("Authorization" in request.headers) is is_own
        assert ("X-Key" in request.headers) is is_own
        assert ("Cookie" in request.headers) is is_own
        assert request.headers["User-Agent"] == "library/1"
        assert request.headers["Host"] == request.url.netloc.decode()
    assert ("Proxy-Authorization" in redirected.headers) is is_own
    assert redirected.headers["Range"] == "bytes=0-"


def test_an_authorization_of_ones_own_is_not_redirected_either(harness: Any, library: Any) -> None:
    transport = redirecting("/there", "http://evil.test/", "http://library.test/back")
    client = library(transport=transport)
    harness.call(client.request, "GET", "/books", headers={"authorization": "mine", "Host": "me"})
    sent = [request.headers.get("Authorization") for request in transport.requests]
    assert sent == ["mine", "mine", None, None]
    assert transport.requests[2].headers["Host"] == "evil.test"


# Logging in


def test_one_log_in_serves_all(harness: Any, library: Any, wire: Any) -> None:
    def answerer(request: Received) -> Any:
        return answer(b'{"token": "t0k"}') if request.target == "/login" else OK

    server = wire(answerer=answerer)
    client = library(server.url, credentials=account())
    assert server.requests == []
    harness.call(client.books["1"].get)
    harness.call(client.books["2"].get)
    assert [request.target for request in server.requests] == ["/login", "/books/1", "/books/2"]
    log_in, *others = server.requests
    assert log_in.body == b"user=ann&password=s3cret-password"
    assert "authorization" not in log_in.headers
    assert all(request.headers["authorization"] == "Bearer t0k" for request in others)


def test_a_log_in_that_is_refused(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answer(b'{"detail": "wrong"}', "400 Bad"), answer(b'{"token": "t"}'), OK)
    client = library(server.url, credentials=account(), retries=3)
    with pytest.raises(AuthenticationError, match="wrong"):
        harness.call(client.books["1"].get)
    assert harness.call(client.books["1"].get) == {}


def test_a_log_in_with_an_odd_answer(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answer(b'["s3cret-token"]'))
    with pytest.raises(DecodeError) as caught:
        harness.call(library(server.url, credentials=account()).books["1"].get)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "to\nken", "tokén", 5])
def test_a_log_in_that_gives_no_token(
    harness: Any, library: Any, wire: Any, token: object
) -> None:
    def log_in(user: str, password: str) -> Any:
        yield from ()
        return token

    client = library(wire().url, credentials=account(log_in))
    for _ in range(2):
        with pytest.raises(DecodeError, match="did not return a token"):
            harness.call(client.books["1"].get)


def test_a_token_that_is_set_replaces_all_others(harness: Any, library: Any, wire: Any) -> None:
    server = wire(OK, OK, answer(b'{"token": "new"}'), OK)
    client = library(server.url, credentials=account())
    client.set_token("  first\n")
    harness.call(client.books["1"].get)
    client.clear_token()
    harness.call(client.books["1"].get)
    assert harness.call(client.log_in, "ann", "password") == "new"
    harness.call(client.books["1"].get)
    sent = [request.headers.get("authorization") for request in server.requests]
    assert sent == ["Bearer first", None, None, "Bearer new"]


# URLs


@pytest.mark.parametrize(
    ("path", "params", "url"),
    [
        ("/books", None, "/v1/books"),
        ("books", {}, "/v1/books"),
        ("", None, "/v1"),
        ("/", None, "/v1/"),
        ("?a=b", None, "/v1?a=b"),
        ("/books?a=b", {"c": "d"}, "/v1/books?a=b&c=d"),
        ("/books", {"n": 0, "f": False, "t": True, "none": None}, "/v1/books?n=0&f=false&t=true"),
        ("/books", {"e": "", "l": ["a", 1, None], "p": ()}, "/v1/books?e=&l=a&l=1"),
        ("/books", {"q": "a b+c&d=é/#?%"}, "/v1/books?q=a%20b%2Bc%26d%3D%C3%A9%2F%23%3F%25"),
        ("/books", {"é&": 1.5}, "/v1/books?%C3%A9%26=1.5"),
        ("/a b/é/%20", None, "/v1/a%20b/%C3%A9/%20"),
        ("/100%", None, "/v1/100%25"),
        ("/a\\b\n", None, "/v1/a%5Cb%0A"),
        ("http:/x", None, "/v1/http:/x"),
    ],
)
def test_paths_and_queries(library: Any, path: str, params: Any, url: str) -> None:
    request = library().request.request("GET", path, params=params)
    assert request.url == f"http://library.test{url}"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"path": "/a#b"}, ValueError, "%23"),
        ({"path": "/a/../b"}, ValueError, "'..'"),
        ({"path": "/a/%2E%2e/b"}, ValueError, "'..'"),
        ({"path": "./b"}, ValueError, "'.'"),
        ({"path": "/\ud800"}, ValueError, "which can't be encoded as UTF-8"),
        ({"path": "/" + "a" * 100_000}, ValueError, "does not make"),
        ({"path": "http://[::1"}, ValueError, "does not make"),
        ({"path": "http://ann:pw@library.test/"}, ValueError, "password"),
        ({"path": "http://"}, ValueError, ""),
        ({"path": "http://library.test:99999/"}, ValueError, ""),
        ({"path": "http://" + "a" * 64 + ".test"}, ValueError, ""),
        ({"path": "http://a..test"}, ValueError, ""),
        ({"path": 5}, TypeError, "path"),
        ({"path": b"/a"}, TypeError, "path"),
        ({"path": None}, TypeError, "path"),
        ({"params": {"a": "\ud800"}}, ValueError, "a is"),
        ({"params": {"a": b"b"}}, TypeError, "a is"),
        ({"params": {"a": {"b": 1}}}, TypeError, "a is"),
        ({"params": {5: "b"}}, TypeError, "params"),
        ({"params": [("a", "b")]}, TypeError, "params"),
        ({"params": "a=b"}, TypeError, "params"),
        ({"method": "GET /"}, ValueError, "method"),
        ({"method": ""}, ValueError, "method"),
        ({"method": None}, TypeError, "method"),
        ({"timeout": 0}, ValueError, "timeout"),
        ({"timeout": float("nan")}, ValueError, "timeout"),
        ({"timeout": "1"}, TypeError, "timeout"),
        ({"timeout": True}, TypeError, "timeout"),
        ({"headers": {"X": "a\r\nEvil: b"}}, ValueError, "X"),
        ({"headers": {"X": "pw\x00"}}, ValueError, "X"),
        ({"headers": {"X": "pwé"}}, ValueError, "headers"),
        ({"headers": {"X Y": "a"}}, ValueError, "X Y"),
        ({"headers": {"": "a"}}, ValueError, "headers"),
        ({"headers": {"X": 5}}, TypeError, "headers"),
        ({"headers": 5}, TypeError, "headers"),
        ({"json": {"book": object()}}, TypeError, "object"),
        ({"json": float("nan")}, ValueError, ""),
        ({"parms": {}}, TypeError, "parms"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    harness: Any, library: Any, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    transport = redirecting()
    client = library(transport=transport)
    arguments = {"method": "GET", "path": "/books", **arguments}
    for call in (client.request, client.request.request, client.request.response):
        with pytest.raises(error) as caught:
            harness.call(call, **arguments)
        assert message in str(caught.value)
        assert "pw" not in str(caught.value)
    assert transport.requests == []


def test_the_headers_of_a_request(library: Any) -> None:
    client = library(headers={"x-key": "1", "ACCEPT": "text/plain"})
    headers = client.request.request("GET", "/", headers={"X-KEY": "2"}).headers
    assert headers["X-Key"] == "2"
    assert headers.get_list("X-Key") == ["2"]
    assert headers["Accept"] == "text/plain"
    headers = library().books["1"].get.request().headers
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"] == "library/1"
    assert headers.get_list("Host") == ["library.test"]


# Renewing what was refused


class Doorman:
    """Lets in whoever has the newest token; each log-in makes a newer one."""

    def __init__(self) -> None:
        self.log_ins = 0
        self.refused = 0
        self.lock = threading.Lock()

    def __call__(self, request: Received) -> Any:
        with self.lock:
            if request.target == "/login":
                self.log_ins += 1
                return answer(b'{"token": "t%d"}' % self.log_ins)
            if request.headers.get("authorization") == f"Bearer t{self.log_ins}":
                return OK
            self.refused += 1
            return answer(b'{"detail": "no"}', "401 No")

    def change(self) -> None:
        """Refuse all tokens so far."""
        with self.lock:
            self.log_ins += 1


def test_a_token_that_is_refused_is_renewed_once(harness: Any, library: Any, wire: Any) -> None:
    doorman = Doorman()
    client = library(wire(answerer=doorman).url, credentials=account())
    assert harness.call(client.books["1"].get) == {}
    doorman.change()
    assert harness.call(client.books["1"].lend) == {}
    assert (doorman.log_ins, doorman.refused) == (3, 1)

    def many() -> Any:
        flows = [client.books[str(n)].get.flow() for n in range(40)]
        return (yield Gather(flows, 8))

    doorman.change()
    assert harness.run(client.driver.run(many())) == [{}] * 40
    assert doorman.log_ins == 5
    assert doorman.refused <= 9


def test_a_server_that_refuses_every_token(harness: Any, library: Any, wire: Any) -> None:
    def answerer(request: Received) -> Any:
        return answer(b'{"token": "t"}') if request.target == "/login" else answer(b"", "401 No")

    server = wire(answerer=answerer)
    client = library(server.url, credentials=account(), retries=3)
    for _ in range(2):
        with pytest.raises(AuthenticationError):
            harness.call(client.books["1"].get)
    assert len(server.requests) <= 6


def test_a_token_that_was_given_is_not_renewed(harness: Any, library: Any, wire: Any) -> None:
    server = wire(answerer=lambda request: answer(b"", "401 No"))
    with pytest.raises(AuthenticationError):
        harness.call(library(server.url, credentials=Token("t")).books["1"].get)
    assert len(server.requests) == 1

"""What one request becomes: its repetitions, its redirects and its credentials."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
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
from tests.support.flows import Script, cut, json_response, refused
from tests.support.library import BlockingLibrary, account
from tests.support.wire import RESET, Received, Wire, answer

OK = answer(b"{}")
NOW = datetime(2025, 2, 4, 9, 35, 21, tzinfo=UTC)


def library(**options: Any) -> BlockingLibrary:
    """Make a client whose flows are performed by a script."""
    return BlockingLibrary(**{"retries": 2, **options})


def busy(status: int = 503, **headers: str) -> httpx.Response:
    """Return an answer after which a request may be sent again."""
    return json_response("busy", status, **headers)


# Repetitions


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_statuses_that_may_pass_are_tried_again(status: int) -> None:
    book = library().books["1"]
    steps = [busy(status), busy(status), json_response(), *(busy(status) for _ in range(3))]
    script = Script(book.client.session, *steps)
    assert script.run(book.get.flow()) == {}
    with pytest.raises(APIError) as caught:
        script.run(book.get.flow())
    assert caught.value.status_code == status
    assert len(script.requests) == 6


def test_all_attempts_use_one_connection(
    harness: Any, library: Any, wire: Callable[..., Wire]
) -> None:
    step = answer(b"busy", "503 Busy")
    server = wire(step, step, OK, step, step, step)
    book = library(server.url, retries=2, max_connections=1).books["1"]
    assert harness.call(book.get) == {}
    with pytest.raises(ServerError) as caught:
        harness.call(book.get)
    assert caught.value.status_code == 503
    assert len(server.requests) == 6
    assert server.connections == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 425, 501, 505, 599])
def test_other_statuses_are_not(status: int) -> None:
    client = library()
    script = Script(client.session, busy(status))
    with pytest.raises(APIError):
        script.run(client.books["1"].get.flow())
    assert len(script.requests) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("outcome", [cut, refused, lambda: busy(Retry_After="0")])
def test_what_may_change_something_is_sent_once(method: str, outcome: Callable[[], Any]) -> None:
    client = library()
    script = Script(client.session, outcome())
    with pytest.raises((TransportError, ServerError)):
        script.run(client.request.flow(method, "/books"))
    assert len(script.requests) == 1


@pytest.mark.parametrize("step", [[RESET], answer(b"", "503 Busy", Retry_After="0")])
def test_what_may_change_something_is_sent_once_on_the_wire(
    harness: Any, library: Any, wire: Callable[..., Wire], step: Any
) -> None:
    server = wire(step)
    with pytest.raises((TransportError, ServerError)):
        harness.call(library(server.url, retries=2).request, "POST", "/books")
    assert len(server.requests) == 1


def test_no_retries() -> None:
    client = library(retries=0)
    script = Script(client.session, cut(), busy(Retry_After="7"))
    with pytest.raises(TransportError):
        script.run(client.books["1"].get.flow())
    with pytest.raises(ServerError) as caught:
        script.run(client.books["1"].get.flow())
    assert caught.value.retry_after == 7
    assert len(script.requests) == 2
    assert script.waits == []


def test_a_head_is_tried_again(harness: Any, library: Any, wire: Any) -> None:
    head = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]
    server = wire([RESET], head)
    response = harness.call(library(server.url, retries=1).request, "HEAD", "/books")
    assert response.headers["Content-Length"] == "5"
    assert [request.method for request in server.requests] == ["HEAD", "HEAD"]


def http_date(seconds: float) -> str:
    """Return the date so many seconds after the server's, as HTTP writes it."""
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", 0.0),
        ("3", 3.0),
        ("120", 120.0),
        (http_date(9), 9.0),
        (http_date(-1000), 0.0),
        ("-1", 0.5),
        ("soon", 0.5),
        ("1.5", 0.5),
        ("Tue, 99 Feb 2025 09:35:21 GMT", 0.5),
        ("Tue, 04 Feb 2025 09:35:21 +99999999999999999999", 0.5),
        ("Tue, 04 Feb 9999 23:59:59 -2359", None),
        ("121", None),
        (http_date(121), None),
        ("9" * 400, None),
    ],
)
@pytest.mark.parametrize("has_date", [True, False])
def test_the_wait_that_a_server_asks_for(value: str, wait: float | None, has_date: bool) -> None:
    client = library(retries=1)
    client.session.now = lambda: NOW
    date = {"Date": http_date(0)} if has_date else {}
    script = Script(client.session, busy(429, Retry_After=value, **date), json_response())
    if wait is None:
        with pytest.raises(RateLimitError) as caught:
            script.run(client.books["1"].get.flow())
        assert caught.value.retry_after is not None
        assert caught.value.retry_after > 120
        assert script.waits == []
    else:
        assert script.run(client.books["1"].get.flow()) == {}
        assert script.waits == [wait]


def test_each_wait_is_longer_and_has_its_bound() -> None:
    client = library(retries=9)
    script = Script(client.session, answerer=lambda request: busy())
    with pytest.raises(ServerError) as caught:
        script.run(client.books["1"].get.flow())
    assert script.waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    note = "Gave up after 10 attempts and 121.5 s of waiting."
    assert caught.value.__notes__[-1] == note


def test_a_connection_that_is_refused_is_tried_again() -> None:
    client = library(retries=3)
    script = Script(client.session, answerer=lambda request: refused())
    with pytest.raises(TransportError) as caught:
        script.run(client.books["1"].get.flow())
    assert script.waits == [0.5, 1, 2]
    assert caught.value.__notes__ == ["Gave up after 4 attempts and 3.5 s of waiting."]


def test_an_error_after_one_attempt_says_nothing_of_attempts() -> None:
    client = library(retries=0)
    script = Script(client.session, refused(), busy())
    for _ in range(2):
        with pytest.raises((TransportError, ServerError)) as caught:
            script.run(client.books["1"].get.flow())
        assert "Gave up" not in "".join(getattr(caught.value, "__notes__", []))


def test_eight_at_once_back_off_each_for_itself_and_none_is_lost(
    harness: Any, library: Any, wire: Callable[..., Wire]
) -> None:
    asked: Counter[str] = Counter()
    told: list[tuple[str, int, float]] = []

    def answerer(request: Received) -> Any:
        asked[request.target] += 1
        step = answer(b"", "503 Busy")
        return step if asked[request.target] < 3 else answer(request.target[1:].encode())

    def on_retry(request: httpx.Request, number: int, wait: float, reason: str) -> None:
        told.append((request.url.path, number, wait))

    def get(number: int) -> Flow[int]:
        response = yield Send(method="GET", path=f"/{number}")
        return int(response.content)

    def burst() -> Flow[list[int]]:
        return (yield Gather(map(get, range(40)), 8))

    server = wire(answerer=answerer)
    client = library(server.url, retries=2, max_connections=8, on_retry=on_retry)
    client.session.jitter = lambda: 0.001
    assert harness.run(client.driver.run(burst())) == list(range(40))
    assert set(asked.values()) == {3}
    waits = [(f"/{n}", number, 0.0005 * number) for n in range(40) for number in (1, 2)]
    assert sorted(told) == sorted(waits)
    assert server.connections <= 8


def test_why_it_is_sent_again_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "grad300_sdk")
    client = library(credentials=Token("s3cret-token"))
    script = Script(client.session, cut(), busy(), json_response(), busy(404))
    client.session.jitter = lambda: 0.0
    script.run(client.books["1"].get.flow())
    with pytest.raises(APIError):
        script.run(client.books["2"].get.flow())
    assert [message for name, _, message in caplog.record_tuples if "session" in name] == [
        "GET /books/1 is retried in 0.0 s (retry 1): the network failed",
        "GET /books/1 is retried in 0.0 s (retry 2): the server answered 503",
        "GET /books/2 failed: 404 is not retried",
    ]
    assert "s3cret" not in caplog.text


def test_a_log_in_is_tried_again_where_it_did_not_arrive() -> None:
    client = library(credentials=account())
    token = json_response({"token": "t"})
    script = Script(client.session, refused(), refused(), token, json_response())
    assert script.run(client.books["1"].get.flow()) == {}
    assert script.paths == ["/v1/login"] * 3 + ["/v1/books/1"]


def test_a_log_in_that_may_have_arrived_is_not() -> None:
    client = library(credentials=account())
    script = Script(client.session, cut())
    with pytest.raises(TransportError):
        script.run(client.books["1"].get.flow())
    assert script.paths == ["/v1/login"]


# The rate of requests


# Redirects


def redirect(location: str, status: int = 307) -> httpx.Response:
    """Return an answer that redirects to a location."""
    return httpx.Response(status, headers=[(b"Location", location.encode())], content=b"there")


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
def test_redirects_are_followed(status: int, location: str, url: str) -> None:
    client = library()
    script = Script(client.session, redirect(location, status), json_response())
    response = script.run(client.books["1"].get.flow())
    assert response == {}
    assert script.requests[1].url == url
    assert script.requests[1].method == "GET"


def test_five_redirects_are_followed_and_no_more() -> None:
    client = library(retries=3)
    script = Script(client.session, *map(redirect, "abcde"), json_response())
    script.run(client.books["1"].get.flow())
    assert script.requests[-1].url == "http://library.test/v1/books/e"
    script = Script(client.session, answerer=lambda request: redirect("1"))
    with pytest.raises(TransportError, match="more than 5 redirects") as caught:
        script.run(client.books["1"].get.flow())
    assert caught.value.request is not None
    assert not caught.value.transient
    assert len(script.requests) == 6


def test_redirects_in_a_circle(harness: Any, library: Any, wire: Callable[..., Wire]) -> None:
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
def test_a_redirect_to_what_is_no_server_is_not_followed(location: str) -> None:
    client = library()
    script = Script(client.session, redirect(location))
    with pytest.raises(APIError) as caught:
        script.run(client.books["1"].get.flow())
    assert f"a redirect to {location} that is not followed" in str(caught.value)
    assert len(script.requests) == 1


NO_URLS = ["http://[::1", "http://a:b:c/", "http://a.test:port/", "http://\xe9 .test/"]


@pytest.mark.parametrize("location", NO_URLS)
@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_a_redirect_to_what_is_no_url(location: str, status: int) -> None:
    client = library(retries=3)
    script = Script(client.session, redirect(location, status))
    with pytest.raises(
        APIError, match=f"the server answered {status} .*, a redirect to"
    ) as caught:
        script.run(client.books["1"].get.flow())
    assert f"a redirect to {location} that is not followed" in str(caught.value)
    assert caught.value.response.headers["Location"] == location
    assert caught.value.response.text == "there"
    assert len(script.requests) == 1


@pytest.mark.parametrize("location", NO_URLS)
def test_a_redirect_to_what_is_no_url_on_the_wire(
    harness: Any, library: Any, wire: Callable[..., Wire], location: str
) -> None:
    server = wire(answer(b"there", "302 There", Location=location), OK)
    client = library(server.url, retries=3, max_connections=1)
    with pytest.raises(APIError, match="the server answered 302 There, a redirect to") as caught:
        harness.call(client.books["1"].get)
    assert f"a redirect to {location} that is not followed" in str(caught.value)
    assert caught.value.response.headers["Location"] == location
    assert caught.value.response.text == "there"
    assert harness.call(client.books["1"].get) == {}
    assert len(server.requests) == 2


def test_a_location_without_a_redirect_is_a_header() -> None:
    client = library()
    made = json_response(status=201, Location="http://[", Content_Location="here")
    response = Script(client.session, made).run(client.request.flow("POST", "/books"))
    assert response.headers["Location"] == "http://["


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_may_change_something_is_not_redirected(method: str) -> None:
    client = library()
    script = Script(client.session, redirect("/elsewhere"))
    with pytest.raises(APIError, match="a redirect to /elsewhere that is not followed") as caught:
        script.run(client.request.flow(method, "/books", json=[]))
    assert caught.value.status_code == 307
    assert len(script.requests) == 1


def test_a_redirect_without_a_location_is_an_error() -> None:
    client = library()
    with pytest.raises(APIError, match="the server answered 302 Found"):
        Script(client.session, httpx.Response(302)).run(client.books["1"].get.flow())


def test_a_redirect_is_tried_again_too() -> None:
    client = library(retries=1)
    there = redirect("/v1/books/2", 302)
    script = Script(client.session, cut(), there, cut(), json_response())
    assert script.run(client.books["1"].get.flow()) == {}
    assert script.paths == ["/v1/books/1"] * 2 + ["/v1/books/2"] * 2


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
    location: str, is_own: bool
) -> None:
    client = library(credentials=Token("token"), headers={"X-Key": "key", "Cookie": "a=b"})
    script = Script(client.session, redirect(location), json_response(), json_response())
    mine = {"COOKIE": "c=d", "Proxy-Authorization": "mine", "Range": "bytes=0-"}
    script.run(client.request.flow("GET", "/books", headers=mine))
    script.run(client.request.flow("GET", location))
    first, redirected, direct = script.requests
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


def test_an_authorization_of_ones_own_is_not_redirected_either() -> None:
    client = library()
    locations = ("/there", "http://evil.test/", "http://library.test/back")
    script = Script(client.session, *map(redirect, locations), json_response())
    own = {"authorization": "mine", "Host": "me"}
    script.run(client.request.flow("GET", "/books", headers=own))
    assert script.sent("Authorization") == ["mine", "mine", None, None]
    assert script.requests[2].headers["Host"] == "evil.test"


# Logging in


def test_one_log_in_serves_all() -> None:
    client = library(credentials=account())
    token = json_response({"token": "t0k"})
    script = Script(client.session, token, json_response(), json_response())
    assert script.requests == []
    script.run(client.books["1"].get.flow())
    script.run(client.books["2"].get.flow())
    assert script.paths == ["/v1/login", "/v1/books/1", "/v1/books/2"]
    assert script.requests[0].content == b"user=ann&password=s3cret-password"
    assert script.sent("Authorization") == [None, "Bearer t0k", "Bearer t0k"]


def test_a_log_in_that_is_refused() -> None:
    client = library(credentials=account(), retries=3)
    wrong = json_response({"detail": "wrong"}, 400)
    script = Script(client.session, wrong, json_response({"token": "t"}), json_response())
    with pytest.raises(AuthenticationError, match="wrong"):
        script.run(client.books["1"].get.flow())
    assert script.run(client.books["1"].get.flow()) == {}


def test_a_log_in_with_an_odd_answer() -> None:
    client = library(credentials=account())
    with pytest.raises(DecodeError) as caught:
        Script(client.session, json_response(["s3cret-token"])).run(client.books["1"].get.flow())
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "to\nken", "tokén", 5])
def test_a_log_in_that_gives_no_token(token: object) -> None:
    def log_in(user: str, password: str) -> Any:
        yield from ()
        return token

    client = library(credentials=account(log_in))
    script = Script(client.session)
    for _ in range(2):
        with pytest.raises(DecodeError, match="did not return a token"):
            script.run(client.books["1"].get.flow())


def test_a_token_that_is_set_replaces_all_others() -> None:
    client = library(credentials=account())
    token = json_response({"token": "new"})
    script = Script(client.session, json_response(), json_response(), token, json_response())
    client.set_token("  first\n")
    script.run(client.books["1"].get.flow())
    client.clear_token()
    script.run(client.books["1"].get.flow())
    assert script.run(client.log_in.flow("ann", "password")) == "new"
    script.run(client.books["1"].get.flow())
    assert script.sent("Authorization") == ["Bearer first", None, None, "Bearer new"]


# Renewing what was refused


def test_a_request_is_sent_again_with_the_renewed_token() -> None:
    client = library(credentials=account())
    tokens = [json_response({"token": name}) for name in ("t1", "t2")]
    refusal = json_response({"detail": "no"}, 401)
    script = Script(client.session, tokens[0], refusal, tokens[1], json_response())
    assert script.run(client.books["1"].lend.flow()) == {}
    assert script.paths == ["/v1/login", "/v1/books/1/loan"] * 2
    assert script.sent("Authorization") == [None, "Bearer t1", None, "Bearer t2"]
    assert script.waits == []


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


def test_a_server_that_refuses_every_token() -> None:
    def answerer(request: httpx.Request) -> httpx.Response:
        is_login = request.url.path.endswith("/login")
        return json_response({"token": "t"}) if is_login else json_response(status=401)

    client = library(credentials=account(), retries=3)
    script = Script(client.session, answerer=answerer)
    for _ in range(2):
        with pytest.raises(AuthenticationError):
            script.run(client.books["1"].get.flow())
    assert len(script.requests) <= 6


def test_a_token_that_was_given_is_not_renewed() -> None:
    client = library(credentials=Token("t"))
    script = Script(client.session, answerer=lambda request: json_response(status=401))
    with pytest.raises(AuthenticationError):
        script.run(client.books["1"].get.flow())
    assert len(script.requests) == 1


def test_too_many_redirects_carry_the_last_response(harness: Any, library: Any) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(302, headers={"Location": "/"}))
    with pytest.raises(TransportError, match="more than 5 redirects") as caught:
        harness.run(library(transport=transport).request("GET", "/"))
    assert caught.value.response.status_code == 302

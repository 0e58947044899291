"""How a client as a whole holds its requests back, and what a user is told of each wait."""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import Send
from grad300_sdk.engine.credentials import Token
from grad300_sdk.engine.errors import APIError, RateLimitError, ServerError, TransportError
from grad300_sdk.engine.flow import Exchange, RunningFlow, Sleep
from grad300_sdk.engine.sending.pacing import Pacer
from tests.support.flows import Script, answered, cut, json_response, refused
from tests.support.library import AwaitingLibrary, BlockingLibrary, account

COPIES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda client: client,
    "pickled": lambda client: pickle.loads(pickle.dumps(client)),
    "with other options": lambda client: client.with_options(headers={"X": "y"}),
}


class Time:
    """A clock for all copies of a client, which a test sets."""

    now = 100.0

    def of(self, client: Any) -> Any:
        """Return a client that goes by this clock."""
        client.session.clock = lambda: self.now
        client.session.jitter = lambda: 1.0
        return client


@pytest.fixture
def time() -> Time:
    """A clock that stands still."""
    return Time()


def busy(status: int = 503, **headers: str) -> httpx.Response:
    """Return an answer after which a request may be sent again."""
    return json_response("busy", status, **headers)


def ask(client: Any, path: str = "/1") -> RunningFlow[Any]:
    """Begin a request, up to its first effect."""
    return RunningFlow(client.session.send(Send(method="GET", path=path)))


def answer(running: RunningFlow[Any], response: httpx.Response) -> Any:
    """Answer the request that a flow has sent, and return its next effect."""
    assert isinstance(running.effect, Exchange)
    running.answer(answered(running.effect, response))
    return running.effect


# What a server asks for


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("status", [429, 503])
def test_copies_are_held_back_too(time: Time, copy: str, status: int) -> None:
    client = BlockingLibrary(retries=2)
    other = COPIES[copy](client)
    for one in (client, other):
        time.of(one)
    assert other.session.pacer is client.session.pacer
    first = ask(client)
    assert answer(first, busy(status, Retry_After="7")) == Sleep(7.0)
    time.now += 3
    second = ask(other)
    assert second.effect == Sleep(4.0)
    time.now += 4
    for running in (first, second):
        running.answer(None)
        assert isinstance(running.effect, Exchange)
    assert answer(second, json_response()) is None


def test_another_client_is_not_held_back(time: Time) -> None:
    client, other = (time.of(BlockingLibrary(retries=1)) for _ in range(2))
    assert answer(ask(client), busy(429, Retry_After="7")) == Sleep(7.0)
    assert isinstance(ask(other).effect, Exchange)


def test_a_copy_with_connections_of_its_own_is_held_back_too(time: Time) -> None:
    client = time.of(BlockingLibrary(retries=1))
    other = time.of(client.with_options(max_connections=1))
    assert answer(ask(client), busy(429, Retry_After="7")) == Sleep(7.0)
    assert ask(other).effect == Sleep(7.0)


def test_who_waits_waits_on_when_the_server_asks_for_more(time: Time) -> None:
    client = time.of(BlockingLibrary(retries=1))
    first, second = ask(client), ask(client)
    assert answer(first, busy(429, Retry_After="2")) == Sleep(2.0)
    third = ask(client)
    assert third.effect == Sleep(2.0)
    time.now += 1
    assert answer(second, busy(429, Retry_After="9")) == Sleep(9.0)
    time.now += 1
    third.answer(None)
    assert third.effect == Sleep(8.0)
    first.answer(None)
    assert first.effect == Sleep(8.0)
    time.now += 8
    for running in (first, second, third):
        running.answer(None)
        assert isinstance(running.effect, Exchange)


@pytest.mark.parametrize(
    "outcome", [{"status": 429, "Retry_After": "1"}, {"status": 500}, {"status": 503}]
)
def test_a_shorter_wait_of_one_s_own_does_not_end_that_of_all(
    time: Time, outcome: dict[str, Any]
) -> None:
    client = time.of(BlockingLibrary(retries=2))
    first, second = ask(client), ask(client)
    assert answer(first, busy(429, Retry_After="60")) == Sleep(60.0)
    own = answer(second, busy(**outcome))
    assert own.seconds <= 1
    time.now += own.seconds
    second.answer(None)
    assert second.effect == Sleep(60.0 - own.seconds)
    time.now += second.effect.seconds
    second.answer(None)
    assert isinstance(second.effect, Exchange)


def test_a_wait_is_over_however_the_clock_rounds(time: Time) -> None:
    client = time.of(BlockingLibrary(retries=1))
    first = ask(client)
    assert answer(first, busy(429, Retry_After="7")) == Sleep(7.0)
    time.now += 6.999
    first.answer(None)
    assert isinstance(first.effect, Exchange)


def test_a_wait_that_is_too_long_holds_nobody_back(time: Time) -> None:
    client = time.of(BlockingLibrary(retries=2))
    with pytest.raises(RateLimitError) as caught:
        answer(ask(client), busy(429, Retry_After="121"))
    assert caught.value.retry_after == 121
    assert isinstance(ask(client).effect, Exchange)


def test_a_log_in_is_held_back_too(time: Time) -> None:
    client = time.of(BlockingLibrary(retries=1))
    assert answer(ask(client), busy(429, Retry_After="7")) == Sleep(7.0)
    running = RunningFlow(client.log_in.flow("ann", "s3cret"))
    inner = RunningFlow(client.session.send(running.effect))
    assert inner.effect == Sleep(7.0)


# The rate of requests


@pytest.mark.parametrize("copy", COPIES)
def test_copies_share_the_rate(time: Time, copy: str) -> None:
    client = BlockingLibrary(max_requests_per_second=4)
    other = COPIES[copy](client)
    for one in (client, other):
        time.of(one)
    assert isinstance(ask(client).effect, Exchange)
    assert ask(other).effect == Sleep(0.25)
    assert ask(client).effect == Sleep(0.5)
    time.now += 10
    assert isinstance(ask(other).effect, Exchange)
    assert ask(client).effect == Sleep(0.25)


def test_retries_count_as_requests(time: Time) -> None:
    client = time.of(BlockingLibrary(max_requests_per_second=0.5, retries=1))
    first = ask(client)
    assert answer(first, busy()) == Sleep(0.5)
    time.now += 0.5
    first.answer(None)
    assert first.effect == Sleep(1.5)
    time.now += 1.5
    first.answer(None)
    assert isinstance(first.effect, Exchange)


def test_threads_share_the_rate() -> None:
    pacer = Pacer(2.0)
    waits: list[float] = []

    def reserve() -> None:
        for _ in range(100):
            waits.append(pacer.reserve(0.0))

    threads = [threading.Thread(target=reserve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [n / 2 for n in range(400)]


def test_a_pacer_pickles_with_its_rate_alone() -> None:
    pacer = Pacer(2.0)
    pacer.reserve(0.0)
    pacer.pause(0.0, 60.0)
    there = pickle.loads(pickle.dumps(pacer))
    assert there.resume < 0
    assert [there.reserve(0.0) for _ in range(2)] == [0.0, 0.5]
    assert pickle.loads(pickle.dumps(Pacer())).reserve(0.0) == 0.0


@pytest.mark.parametrize("option", ["max_requests_per_second", "patience"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (float("inf"), ValueError),
        (float("nan"), ValueError),
        (True, TypeError),
        ("1", TypeError),
    ],
)
def test_wrong_numbers(option: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=option):
        BlockingLibrary(**{option: value})


def test_a_callback_that_is_not_one() -> None:
    with pytest.raises(TypeError, match="on_retry must be a regular function, not str"):
        BlockingLibrary(on_retry="print")


def test_a_callback_that_would_have_to_be_awaited() -> None:
    async def told(*retry: object) -> None: ...

    with pytest.raises(TypeError, match="on_retry must be a regular function, not an async one"):
        AwaitingLibrary(on_retry=told)


# Patience


@pytest.mark.parametrize("outcome", [busy, cut, refused])
def test_patience_bounds_the_waiting(outcome: Callable[[], Any]) -> None:
    client = BlockingLibrary(retries=0, patience=20.0)
    script = Script(client.session, answerer=lambda request: outcome())
    with pytest.raises((ServerError, TransportError)) as caught:
        script.run(client.books["1"].get.flow())
    assert script.waits == [0.5, 1, 2, 4, 8]
    assert "Gave up after 6 attempts and 15.5 s of waiting." in caught.value.__notes__


def test_patience_counts_what_the_server_asks_for() -> None:
    client = BlockingLibrary(patience=20.0)
    script = Script(client.session, answerer=lambda request: busy(429, Retry_After="8"))
    with pytest.raises(RateLimitError) as caught:
        script.run(client.books["1"].get.flow())
    assert script.waits == [8, 8]
    assert "Gave up after 3 attempts and 16.0 s of waiting." in caught.value.__notes__


def test_patience_counts_the_pauses_that_others_cause(time: Time) -> None:
    client = time.of(BlockingLibrary(patience=20.0))
    other, running = ask(client), ask(client)
    assert answer(running, busy()) == Sleep(0.5)
    assert answer(other, busy(429, Retry_After="15")) == Sleep(15.0)
    time.now += 0.5
    running.answer(None)
    assert running.effect == Sleep(14.5)
    time.now += 14.5
    running.answer(None)
    with pytest.raises(RateLimitError) as caught:
        answer(running, busy(429, Retry_After="6"))
    assert "Gave up after 2 attempts and 15.0 s of waiting." in caught.value.__notes__


def test_patience_counts_a_pause_before_the_first_attempt(time: Time) -> None:
    client = time.of(BlockingLibrary(patience=20.0))
    assert answer(ask(client), busy(429, Retry_After="20")) == Sleep(20.0)
    running = ask(client)
    assert running.effect == Sleep(20.0)
    time.now += 20
    running.answer(None)
    with pytest.raises(ServerError) as caught:
        answer(running, busy())
    assert "Gave up after 1 attempt and 20.0 s of waiting." in caught.value.__notes__


def test_a_pause_that_another_request_caused_is_logged(
    time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "grad300_sdk")
    client = time.of(BlockingLibrary(retries=1))
    assert answer(ask(client), busy(429, Retry_After="7")) == Sleep(7.0)
    ask(client, "/2")
    assert caplog.messages[1:] == ["GET /2 waits 7.0 s: the server asked for a pause"]


def test_patience_does_not_count_the_rate_of_requests(time: Time) -> None:
    client = time.of(BlockingLibrary(patience=2.0, max_requests_per_second=0.1))
    ask(client)
    running = ask(client)
    assert running.effect == Sleep(10.0)
    time.now += 10
    running.answer(None)
    assert answer(running, busy()) == Sleep(0.5)


def test_patience_allows_more_attempts_than_retries() -> None:
    client = BlockingLibrary(retries=1, patience=60.0)
    script = Script(client.session, *(busy() for _ in range(6)), json_response())
    assert script.run(client.books["1"].get.flow()) == {}
    assert len(script.waits) == 6


# What is told of each wait


class Told:
    """Keeps what `on_retry` is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[httpx.Request, int, float, str]] = []

    def __call__(self, request: httpx.Request, number: int, wait: float, reason: str) -> None:
        self.calls.append((request, number, wait, reason))


def test_each_wait_is_told_before_it() -> None:
    told = Told()
    client = BlockingLibrary(
        retries=3,
        on_retry=told,
        credentials=Token("s3cret-token"),
        headers={"Cookie": "s3cret=1", "X-Key": "key"},
    )
    steps = [busy(), busy(429, Retry_After="7"), cut(), json_response([])]
    script = Script(client.session, *steps)
    script.run(client.books.get.flow(title="Dune"))
    assert [rest for _, *rest in told.calls] == [
        [1, 0.5, "the server answered 503"],
        [2, 7.0, "the server answered 429; Retry-After asks for 7 s"],
        [3, 2.0, "the network failed"],
    ]
    for request, *_ in told.calls:
        assert type(request) is httpx.Request
        assert (request.method, request.url) == (
            "GET",
            "http://library.test/v1/books?page=0&title=Dune",
        )
        assert request.headers["X-Key"] == "key"
        assert "s3cret" not in repr(request.headers.raw)
    assert script.sent("Authorization") == ["Bearer s3cret-token"] * 4


def test_no_password_is_told() -> None:
    told = Told()
    client = BlockingLibrary(retries=1, on_retry=told, credentials=account())
    token = json_response({"token": "t0k"})
    script = Script(client.session, refused(), token, json_response())
    script.run(client.books["1"].get.flow())
    ((request, number, wait, reason),) = told.calls
    assert (request.method, request.url.path) == ("POST", "/v1/login")
    assert b"s3cret" not in request.content
    assert (number, wait, reason) == (1, 0.5, "the network failed")
    assert b"s3cret-password" in script.requests[0].content


def test_what_is_not_sent_again_is_not_told() -> None:
    told = Told()
    client = BlockingLibrary(retries=1, on_retry=told)
    script = Script(client.session, busy(500), busy(500), busy(404), busy(429, Retry_After="999"))
    for _ in range(3):
        with pytest.raises(APIError):
            script.run(client.books["1"].get.flow())
    assert [number for _, number, *_ in told.calls] == [1]


def test_each_wait_is_logged_at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "grad300_sdk")
    client = BlockingLibrary(retries=2, credentials=Token("s3cret-token"))
    script = Script(client.session, busy(429, Retry_After="7"), cut(), json_response())
    script.run(client.books["1"].get.flow())
    assert [(level, text) for _, level, text in caplog.record_tuples] == [
        (
            logging.INFO,
            "GET /books/1 is retried in 7.0 s (retry 1): "
            "the server answered 429; Retry-After asks for 7 s",
        ),
        (logging.INFO, "GET /books/1 is retried in 1.0 s (retry 2): the network failed"),
    ]
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("outcome", [{"status": 503}, {"status": 500, "Retry_After": "7"}])
def test_a_server_that_fails_by_itself_holds_nobody_else_back(
    time: Time, outcome: dict[str, Any]
) -> None:
    client = time.of(BlockingLibrary(retries=1))
    wait = answer(ask(client), busy(**outcome))
    assert isinstance(wait, Sleep)
    assert isinstance(ask(client).effect, Exchange)


def test_without_a_rate_nothing_is_waited_for() -> None:
    client = BlockingLibrary()
    script = Script(client.session, *(json_response() for _ in range(3)))
    for number in range(3):
        script.run(client.books[str(number)].get.flow())
    assert script.waits == []

"""The kinds of credentials: which can be sent, and how they are renewed."""

from __future__ import annotations

import pickle
from base64 import b64decode
from contextlib import suppress
from typing import Any

import httpx
import jwt
import pytest

from grad300_sdk.engine.credentials import (
    Anonymous,
    Basic,
    Login,
    Token,
)
from grad300_sdk.engine.credentials.kinds import check_token
from grad300_sdk.engine.errors import AuthenticationError, Error, TransportError
from grad300_sdk.engine.flow import Exclusive, Flow, Sleep
from tests.support.library import account

SECRET = "s3cret"


@pytest.mark.parametrize(
    "token", [SECRET, f"  {SECRET}\n", f"\t{SECRET}\r\n", "a b", "ey.J~-_/+=="]
)
def test_a_token_is_trimmed(token: str) -> None:
    assert check_token(token) == token.strip()
    assert Token(token).token == token.strip()


@pytest.mark.parametrize(
    ("token", "error", "message"),
    [
        ("", ValueError, "empty"),
        (" \n", ValueError, "empty"),
        (f"{SECRET}\nx", ValueError, "line break"),
        (f"{SECRET}\rx", ValueError, "line break"),
        (f"{SECRET}\x00", ValueError, "line break"),
        (f"{SECRET}\x7f", ValueError, "line break"),
        (f"{SECRET}é", ValueError, "line break"),
        (f"{SECRET}\u2028x", ValueError, "line break"),
        (f"{SECRET}\ud800", ValueError, "line break"),
        (SECRET.encode(), TypeError, "not bytes"),
        (None, TypeError, "not NoneType"),
        (5, TypeError, "not int"),
    ],
)
def test_a_token_that_can_not_be_sent_is_refused(
    library: Any, token: Any, error: type[Exception], message: str
) -> None:
    client = library()
    for use in (check_token, Token, client.set_token):
        with pytest.raises(error, match=message) as caught:
            use(token)
        assert SECRET not in repr(caught.value) + str(caught.value)
    assert client.session.credentials == Anonymous()


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("", SECRET),
        ("an:n", SECRET),
        ("a\nn", SECRET),
        ("ann", f"{SECRET}\r\nX: y"),
        ("ann", f"{SECRET}\x00"),
        ("ann", f"{SECRET}\ud800"),
    ],
)
def test_an_account_that_can_not_be_sent_is_refused(user: str, password: str) -> None:
    with pytest.raises(ValueError, match=r"user name|password") as caught:
        Basic(user=user, password=password)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("user", "password"), [("ann", ""), ("ann", ":ü "), ("zoë", "日本")])
def test_an_account_goes_with_each_request(
    harness: Any, library: Any, user: str, password: str
) -> None:
    sent: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(200, json={})

    credentials = Basic(user=user, password=password)
    client = library(transport=httpx.MockTransport(handle), credentials=credentials)
    harness.call(client.books["1"].get)
    scheme, _, account = sent[0].partition(" ")
    assert (scheme, b64decode(account).decode()) == ("Basic", f"{user}:{password}")
    assert account in credentials.secrets


def test_credentials_pickle() -> None:
    basic = Basic(user="ann", password=SECRET)
    for credentials in (Anonymous(), Token(SECRET), account(), basic):
        assert pickle.loads(pickle.dumps(credentials)) == credentials


# Those who wait for a log-in under way


class Waiting:
    """Flows that want a log-in at the same time; the test says what comes of it, and when."""

    def __init__(self, token: str | None = None, **options: Any) -> None:
        self.log_ins = 0
        self.credentials = Login(user="ann", password=SECRET, log_in=self.log_in, **options)
        self.credentials.token = token or ""

    def log_in(self, user: str, password: str) -> Flow[str]:
        self.log_ins += 1
        token: str = yield Sleep(0)
        return token

    def begin(self, refused: str | None = None) -> Flow[Any]:
        """Begin a flow, which waits for its turn to log in."""
        asked: Flow[Any] = self.credentials.authorize()
        if refused is not None:
            asked = self.credentials.renew(f"Bearer {refused}")
        exclusive = next(asked)
        assert isinstance(exclusive, Exclusive)
        return exclusive.flow


def give(flow: Flow[Any], token: str) -> None:
    """Return the token for which a flow has asked."""
    with suppress(StopIteration):
        flow.send(token)


@pytest.mark.parametrize(
    ("failure", "refused"),
    [
        (AuthenticationError(400, "wrong password"), None),
        (TransportError("gone"), None),
        (TransportError("gone"), "old"),
    ],
)
def test_they_share_its_failure(failure: Error, refused: str | None) -> None:
    waiting = Waiting(token=refused)
    first = waiting.begin(refused)
    next(first)
    others = [waiting.begin(refused) for _ in range(7)]
    with pytest.raises(type(failure)):
        first.throw(failure)
    for flow in others:
        with pytest.raises(type(failure)) as caught:
            next(flow)
        assert str(caught.value) == str(failure)
    assert waiting.log_ins == 1


@pytest.mark.parametrize("refused", [None, "old"])
def test_a_later_one_tries_again(refused: str | None) -> None:
    waiting = Waiting(token=refused)
    for _ in range(2):
        first = waiting.begin(refused)
        next(first)
        with pytest.raises(TransportError):
            first.throw(TransportError("gone"))
    again = waiting.begin(refused)
    next(again)
    give(again, "new")
    assert (waiting.log_ins, waiting.credentials.token) == (3, "new")


def test_they_share_its_token() -> None:
    waiting = Waiting()
    first, second = waiting.begin(), waiting.begin()
    next(first)
    give(first, "new")
    assert next(second, None) is None
    assert (waiting.log_ins, waiting.credentials.token) == (1, "new")


def test_a_new_token_that_is_due_at_once_is_left_to_the_server() -> None:
    waiting = Waiting(reload_before=60)
    first = waiting.begin()
    next(first)
    give(first, jwt.encode({"exp": 1}, "k" * 32))
    with pytest.raises(StopIteration) as stop:  # it asks for no further log-in
        next(waiting.credentials.authorize())
    assert stop.value.value == f"Bearer {waiting.credentials.token}"
    assert waiting.log_ins == 1


def test_a_renewal_in_advance_that_fails_is_not_tried_by_each() -> None:
    waiting = Waiting(reload_before=60)
    logged_in = waiting.begin()
    next(logged_in)
    give(logged_in, token := jwt.encode({"exp": 4e9}, "k" * 32))
    waiting.credentials.now = lambda: 4e9
    first, second = waiting.begin(), waiting.begin()
    next(first)
    with pytest.raises(StopIteration):
        first.throw(TransportError("gone"))
    assert next(second, None) is None
    assert (waiting.log_ins, waiting.credentials.token) == (2, token)

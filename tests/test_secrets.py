"""Secrets that users pass in the wrong place, and those that a server repeats."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

from grad300_sdk import Client, Grad300APIError, Grad300Error, Grad300Warning
from tests.conftest import Harness
from tests.support.wire import answer

URL = "https://archive"
SECRET = "token-that-nobody-may-see"
BEARER = f"Bearer {SECRET}"
JWT = jwt.encode({"sub": "me"}, "a-key-of-more-than-thirty-two-bytes")

HEADERS = [
    f"Authorization: {BEARER}",
    [("Authorization", BEARER)],
    {"Authorization": BEARER.encode()},
    {b"Authorization": BEARER},
    {f"Authorization: {BEARER}": ""},
    {f"Authorization: {BEARER}".encode(): ""},
    {"Authorization": f"{BEARER}\n"},
    {"Authorization": f"{BEARER}\u20ac"},
    {"Authorization": [BEARER]},
]
WRONG: list[Callable[[], Any]] = [
    *(lambda headers=headers: Client(URL, headers=headers) for headers in HEADERS),
    *(lambda headers=headers: Client(URL).with_options(headers=headers) for headers in HEADERS),
    *(
        lambda headers=headers: Client(URL).resource("/x").get(headers=headers)
        for headers in HEADERS
    ),
    *(
        lambda headers=headers: Client(URL).resource("/x").get.curl(headers=headers)
        for headers in HEADERS
    ),
    lambda: Client(URL).resource("/x").get(params=f"token={SECRET}"),
    lambda: Client(URL).resource("/x").get(params=[SECRET]),
    lambda: Client(URL).resource("/x").post(data=f"password={SECRET}"),
    lambda: Client(URL).resource("/x").post(data=[SECRET]),
    lambda: Client(URL).resource("/x").post(files=SECRET),
    lambda: Client(f"https://me:{SECRET}@archive"),
    lambda: Client(f"https://archive?token={SECRET}"),
    lambda: Client(f"https://me:{SECRET}"),
    lambda: Client(URL, token_file=BEARER),
    lambda: Client(URL, proxy=f"me:{SECRET}@proxy"),
    lambda: Client(URL, proxy=f"http://me:{SECRET}/@proxy"),
    lambda: Client(URL, token=f"{SECRET}\nx"),
    lambda: Client(URL, token=SECRET.encode()),
    lambda: Client(URL, user="me", password=SECRET.encode()),
    lambda: Client(URL, user="me", password=f"{SECRET}\ud800"),
    lambda: Client(URL).set_token(SECRET.encode()),
    lambda: Client(URL).login("me", SECRET.encode()),
    lambda: Client(URL).login("me", f"{SECRET}\ud800"),
]


@pytest.mark.parametrize("call", WRONG)
def test_a_wrong_argument_is_not_quoted_where_it_may_be_a_secret(call: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__context__)


def test_a_token_in_place_of_its_file_is_not_quoted() -> None:
    with pytest.raises(ValueError, match="a token was passed where the path") as caught:
        Client(URL, token_file=JWT)
    assert JWT not in str(caught.value)
    with pytest.raises(ValueError, match=r"token file x\.y\.z can't be read: No such file"):
        Client(URL, token_file="x.y.z")


def test_a_token_in_place_of_a_variable_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEARER_TOKEN_FILE", JWT)
    with pytest.warns(Grad300Warning, match="holds a token in place of the path") as caught:
        Client(URL)
    assert JWT not in str(caught[0].message)


SECRET_NAMES = ["Authorization", "X-Api-Key", "X-Auth-Token", "Cookie", "apikey", "X-Secret"]
PUBLIC_NAMES = ["Author", "X-Request-Id", "Accept", "Idempotency-Key"]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_header_with_a_secret_name_is_not_shown(harness: Harness, name: str) -> None:
    def repeat(request: httpx.Request) -> httpx.Response:
        return httpx.Response(422, json={"detail": f"wrong: {request.headers[name]}"})

    for own, passed in (({name: BEARER}, {}), ({}, {name: BEARER})):
        client = harness.client(URL, transport=httpx.MockTransport(repeat), headers=own)
        call = client.resource("/x").get
        assert SECRET not in call.curl(headers=passed)
        assert SECRET not in repr(call.request(headers=passed).headers.raw)
        with pytest.raises(Grad300APIError, match="wrong: ") as caught:
            harness.run(call(headers=passed))
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(caught.value.request.headers.raw)


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_another_header_is_shown(name: str) -> None:
    call = Client(URL).resource("/x").get
    assert f"{name}: plain" in call.curl(headers={name: "plain"})
    assert call.request(headers={name: "plain"}).headers[name] == "plain"


@pytest.mark.parametrize("target", ["https://other/{}", "/x/{}", "/x?token={}"])
def test_a_redirect_that_repeats_a_token_is_not_followed(
    harness: Harness, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    requests: list[httpx.Request] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(302, headers={"Location": target.format(SECRET)})

    client = harness.client(URL, transport=httpx.MockTransport(redirect), token=SECRET)
    with caplog.at_level(logging.INFO), pytest.raises(Grad300APIError) as caught:
        harness.run(client.get_json("/x"))
    shown = "".join(traceback.format_exception(caught.value))
    assert target.format("***") in shown
    assert SECRET not in shown + caplog.text
    assert len(requests) == 1


@pytest.mark.parametrize("status", [200, 301, 404, 422, 500])
def test_a_reason_phrase_is_shown_without_secrets(
    harness: Harness, wire: Any, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    server = wire(answerer=lambda request: answer(b"{}", f"{status} not with {SECRET}, me"))
    client = harness.client(server.url, token=SECRET, retries=0)
    with caplog.at_level(logging.INFO):
        try:
            response = harness.run(client.request("GET", "/x"))
            shown = repr(response)
        except Grad300APIError as error:
            assert status != 200
            response = error.response
            shown = "".join(traceback.format_exception(error)) + repr(error)
        else:
            assert status == 200
    assert "not with" in response.reason_phrase
    assert SECRET not in shown + response.reason_phrase + str(response.extensions) + caplog.text
    assert "not with ***, me" in caplog.text


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.scans["TPI"][1].file.open(),
        lambda client: client.scans["Images"][1].file.fits(),
        lambda client: client.scans["TPI"][1].file.table(),
        lambda client: client.scans["TPI"][1].file.local_path(),
        lambda client: client.scans["TPI"][1].record(),
        lambda client: client.scans["TPI"].table(),
        lambda client: client.openapi.get(),
    ],
)
def test_no_traceback_quotes_a_page_that_repeats_the_token(harness: Harness, call: Any) -> None:
    page = f"<html>{SECRET} is your token</html>"
    transport = httpx.MockTransport(lambda request: httpx.Response(200, html=page))
    client = harness.client(URL, token=SECRET, transport=transport)
    with pytest.raises(Grad300Error) as caught:
        harness.run(call(client))
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(caught.value.__context__)


def test_a_token_that_was_replaced_meanwhile_is_masked(harness: Harness) -> None:
    statuses = iter([503, 400])

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(next(statuses), text=f"bad: {request.headers['Authorization']}")

    def forget(*retry: object) -> None:
        client.clear_token()

    transport = httpx.MockTransport(handle)
    client = harness.client(URL, token=SECRET, transport=transport, on_retry=forget)
    with pytest.raises(Grad300APIError) as caught:
        harness.run(client.request("GET", "/x"))
    assert SECRET not in str(caught.value)
    assert SECRET not in caught.value.response.text
    assert caught.value.response.elapsed.total_seconds() >= 0

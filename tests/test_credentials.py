"""Credentials: found in their order, kept to their origin, renewed, and never shown."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from grad300_sdk import AuthenticationError, Client, Grad300Error, Grad300Warning
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness

KEY = "a-key-of-more-than-thirty-two-bytes"
HOST = "archive"
URL = f"https://{HOST}"
TOKEN = "token-that-nobody-may-see"
PASSWORD = "password-that-nobody-may-see"
GRAD300_DENIAL = {"detail": "Could not validate credentials"}


def token_of(subject: str, lifetime: float = 3600, **claims: Any) -> str:
    """A token like the archive's."""
    return jwt.encode({"sub": subject, "exp": time.time() + lifetime, **claims}, KEY)


@dataclass
class FakeServer:
    """A server that takes the tokens in `accepted`, and gives others for user and password."""

    accepted: set[str] = field(default_factory=set)
    lifetime: float = 3600
    denial: int = 403
    can_log_in: bool = True
    log_ins: list[bytes] = field(default_factory=list)
    seen: list[str | None] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/login/access-token"):
            self.log_ins.append(request.read())
            if not self.can_log_in:
                return httpx.Response(400, json={"detail": "Incorrect email or password"})
            token = token_of(f"log-in {len(self.log_ins)}", self.lifetime)
            self.accepted.add(token)
            return httpx.Response(200, json={"access_token": token, "token_type": "bearer"})
        header = request.headers.get("Authorization")
        self.seen.append(header)
        if header is None:
            return httpx.Response(401, json={"detail": "Not authenticated"})
        if header.removeprefix("Bearer ") in self.accepted:
            return httpx.Response(200, json={"header": header})
        return httpx.Response(self.denial, json=GRAD300_DENIAL)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


class Places:
    """All the places where credentials can be."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._set = monkeypatch.setenv
        self.tokens = {name: token_of(name) for name in ("token", "file", "named", "runtime")}

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def named(self, token: str | None = None) -> None:
        path = self.file("named", f" {token or self.tokens['named']}\n")
        self._set("BEARER_TOKEN_FILE", str(path))

    def runtime(self) -> None:
        self.file(f"bt_u{os.getuid()}", self.tokens["runtime"])
        self._set("XDG_RUNTIME_DIR", str(self.folder))

    def netrc(self, mode: int = 0o600, host: str = HOST) -> Path:
        path = self.file("netrc", f"machine {host} login me password {PASSWORD}\n", mode)
        self._set("NETRC", str(path))
        return path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    return Places(tmp_path, monkeypatch)


def drop_none(places: Places) -> list[tuple[str, dict[str, Any], Callable[[], Any]]]:
    """Each source in the order of the chain: its name, its arguments, how to set it up."""
    path = places.file("token_file", places.tokens["file"])
    return [
        ("none", {"force_noauth": True}, lambda: None),
        ("token", {"token": places.tokens["token"]}, lambda: None),
        ("token file", {"token_file": path}, lambda: None),
        ("user and password", {"user": "me", "password": PASSWORD}, lambda: None),
        ("BEARER_TOKEN_FILE", {}, places.named),
        ("XDG_RUNTIME_DIR", {}, places.runtime),
        ("netrc", {}, places.netrc),
    ]


@pytest.mark.parametrize("index", range(7))
@pytest.mark.parametrize("others", [False, True])
def test_the_chain(
    harness: Harness, server: FakeServer, places: Places, index: int, others: bool
) -> None:
    sources = drop_none(places)
    name, arguments, _ = sources[index]
    for position, (_, _, set_up) in enumerate(sources):
        if position == index or (others and position > index):
            set_up()
    server.accepted |= set(places.tokens.values())
    client = harness.client(URL, transport=server.transport, **arguments)
    assert client.auth_source == name
    assert server.seen == server.log_ins == []
    if name == "none":
        with pytest.raises(AuthenticationError, match="Not authenticated"):
            harness.run(client.login.test_token())
    else:
        harness.run(client.login.test_token())
        assert (len(server.log_ins) == 1) == (name in ("user and password", "netrc"))
        assert server.seen[-1] is not None
    if server.log_ins:
        assert server.log_ins[0].startswith(b"username=me&password=password-that")


def test_nothing_at_all(harness: Harness, server: FakeServer) -> None:
    assert harness.client(URL, transport=server.transport).auth_source == "none"
    with pytest.raises(ValueError, match="no credentials were passed, and none were found"):
        harness.client(URL, transport=server.transport, fail_if_noauth=True)


@pytest.mark.parametrize(
    "arguments",
    [
        {"token": "x", "token_file": "y"},
        {"token": "x", "user": "me", "password": PASSWORD},
        {"token": "x", "password": PASSWORD},
        {"user": "me"},
        {"password": PASSWORD},
        {"force_noauth": True, "fail_if_noauth": True},
        {"token_file": "/no/such/file"},
        {"auth_reload_timeout": -1},
    ],
)
def test_contradictions(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Client(URL, **arguments)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"auth_reload_timeout": "soon"},
        {"auth_reload_timeout": True},
        {"user": 3, "password": PASSWORD},
        {"user": "me", "password": 3},
        {"token": 3},
    ],
)
def test_wrong_types(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="must be a"):
        Client(URL, **arguments)


def test_what_replaces_credentials(harness: Harness, server: FakeServer, places: Places) -> None:
    client = harness.client(
        URL, transport=server.transport, user="me", password=PASSWORD, auth_reload=True
    )
    client.set_token(places.tokens["token"])
    assert client.auth_source == "token"
    with pytest.raises(AuthenticationError):
        harness.run(client.login.test_token())
    assert server.log_ins == []
    harness.run(client.login("me", PASSWORD))
    assert client.auth_source == "login"
    server.accepted.clear()
    with pytest.raises(AuthenticationError):
        harness.run(client.login.test_token())
    client.clear_token()
    assert client.auth_source == "none"
    assert len(server.log_ins) == 1


def test_a_token_file_goes_before_an_account(places: Places) -> None:
    path = places.file("x", places.tokens["file"])
    client = Client(URL, token_file=path, user="me", password=PASSWORD)
    assert client.auth_source == "token file"


def test_files_that_are_not_there(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(places.folder / "missing"))
    with pytest.warns(Grad300Warning, match="missing, which does not exist"):
        assert Client(URL).auth_source == "none"
    assert Client(URL, force_noauth=True).auth_source == "none"
    monkeypatch.setenv("BEARER_TOKEN_FILE", "")
    monkeypatch.setenv("NETRC", str(places.folder / "missing"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(places.folder / "missing"))
    assert Client(URL).auth_source == "none"


@pytest.mark.parametrize("text", ["", " \n", "two\nlines", "clé"])
def test_files_without_a_token(places: Places, text: str) -> None:
    with pytest.raises(ValueError, match=r"token file .*x"):
        Client(URL, token_file=places.file("x", text))
    (places.folder / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="binary: the token has"):
        Client(URL, token_file=str(places.folder / "binary"))


def test_a_token_for_another_service_is_passed_over(places: Places) -> None:
    places.named(token_of("me", iss="https://issuer.example.org"))
    places.netrc()
    assert Client(URL).auth_source == "netrc"
    path = places.file("given", token_of("me", iss="https://issuer.example.org"))
    assert Client(URL, token_file=path).auth_source == "token file"


def test_a_token_that_says_nothing_of_itself_is_taken(places: Places) -> None:
    places.named("opaque")
    assert Client(URL, auth_reload=True).auth_source == "BEARER_TOKEN_FILE"


def test_netrc_is_for_the_host_alone(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    places.netrc(host="elsewhere")
    assert Client(URL).auth_source == "none"
    path = places.file("default", f"default login me password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(path))
    assert Client(URL).auth_source == "none"
    monkeypatch.delenv("NETRC")
    path.write_text(f"machine {HOST} login me password {PASSWORD}\n")
    path.rename(Path.home() / ".netrc")
    assert Client(URL).auth_source == "netrc"


def test_a_netrc_that_others_can_read_is_refused(places: Places) -> None:
    path = places.netrc(mode=0o644)
    with pytest.raises(ValueError, match=f"chmod 600 {path}") as caught:
        Client(URL)
    assert PASSWORD not in str(caught.value)
    places.netrc(mode=0o644, host="elsewhere")
    assert Client(URL).auth_source == "none"


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_netrc_that_is_no_text(
    places: Places, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    path = places.folder / "odd"
    path.write_bytes(f"machine {HOST} login me password {PASSWORD}".encode() + b"\xff\n")
    path.chmod(mode)
    monkeypatch.setenv("NETRC", str(path))
    with pytest.raises(ValueError, match="chmod 600" if mode == 0o644 else "odd, line") as caught:
        Client(URL)
    assert caught.value.__context__ is None


def test_a_netrc_that_is_broken(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    path = places.file("broken", f"machine {HOST} password {PASSWORD} {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(path))
    with pytest.raises(ValueError, match="broken, line") as caught:
        Client(URL)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    path.chmod(0o644)
    with pytest.raises(ValueError, match="chmod 600") as caught:
        Client(URL)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


# A server that asks for them


def test_without_credentials_the_error_says_how_to_pass_them(
    harness: Harness, server: FakeServer
) -> None:
    client = harness.client(URL, transport=server.transport)
    with pytest.raises(AuthenticationError, match="Not authenticated") as caught:
        harness.run(client.resource("/x").get())
    assert str(caught.value) == "Not authenticated"
    assert caught.value.__notes__ == [
        f"GET {URL}/api/v1/x answered 401.",
        "No credentials were sent. Pass user= and password=, token=, or token_file=, "
        "add the server to your netrc file, or log in once with 'grad300 login'.",
    ]


def test_credentials_of_a_machine_that_stayed_there_are_mentioned(
    harness: Harness, server: FakeServer, places: Places
) -> None:
    places.netrc()
    client = harness.client(f"http://{HOST}", transport=server.transport)
    with pytest.raises(AuthenticationError) as caught:
        harness.run(client.resource("/x").get())
    assert (
        "sent; those on this machine are not sent over plain http. " in caught.value.__notes__[1]
    )


def test_no_advice_where_credentials_were_sent(harness: Harness, server: FakeServer) -> None:
    server.denial = 401
    client = harness.client(URL, transport=server.transport, token=TOKEN)
    denial = httpx.MockTransport(lambda request: httpx.Response(401, json={"detail": "no"}))
    anonymous = harness.client(URL, transport=denial)
    own = {"Authorization": "Bearer of-my-own"}
    for call in (
        lambda: client.resource("/x").get(),
        lambda: anonymous.resource("/x").get(headers=own),
        lambda: anonymous.login("me", PASSWORD),
    ):
        with pytest.raises(AuthenticationError) as caught:
            harness.run(call())
        assert len(caught.value.__notes__) == 1


# Renewal


def test_a_refused_token_of_a_log_in_is_renewed_once(harness: Harness, server: FakeServer) -> None:
    client = harness.client(URL, transport=server.transport, user="me", password=PASSWORD)
    harness.run(client.login.test_token())
    for denial in (401, 403):
        server.denial = denial
        server.accepted.clear()
        harness.run(client.resource("/x").post(json={}))
    assert len(server.log_ins) == 3


def test_a_second_refusal_is_an_error(harness: Harness, server: FakeServer) -> None:
    client = harness.client(URL, transport=server.transport, user="me", password=PASSWORD)
    harness.run(client.login.test_token())
    refusing = server.accepted = set()
    server.accepted = type("Never", (set,), {"add": lambda self, item: None})()
    with pytest.raises(AuthenticationError, match="Could not validate credentials"):
        harness.run(client.login.test_token())
    assert len(server.log_ins) == 2
    assert refusing == set()


def test_a_log_in_that_fails_is_not_repeated(harness: Harness, server: FakeServer) -> None:
    client = harness.client(URL, transport=server.transport, user="me", password=PASSWORD)
    harness.run(client.login.test_token())
    server.accepted.clear()
    server.can_log_in = False
    with pytest.raises(AuthenticationError, match="Incorrect email or password"):
        harness.run(client.login.test_token())
    with pytest.raises(AuthenticationError, match="Could not validate credentials"):
        harness.run(client.login.test_token())
    assert len(server.log_ins) == 2


def test_another_403_is_no_refusal(harness: Harness, server: FakeServer) -> None:
    client = harness.client(URL, transport=server.transport, user="me", password=PASSWORD)
    harness.run(client.login.test_token())
    answer = httpx.Response(403, json={"detail": "Not enough privileges"})
    refusing = harness.client(
        URL,
        transport=httpx.MockTransport(
            lambda request: server(request) if "access-token" in request.url.path else answer
        ),
        user="me",
        password=PASSWORD,
    )
    with pytest.raises(AuthenticationError, match="Not enough privileges"):
        harness.run(refusing.login.test_token())
    assert len(server.log_ins) == 2


def test_a_token_that_was_given_is_never_replaced(harness: Harness, server: FakeServer) -> None:
    client = harness.client(URL, transport=server.transport, token=TOKEN)
    with pytest.raises(AuthenticationError, match="Could not validate credentials"):
        harness.run(client.login.test_token())
    assert server.seen == [f"Bearer {TOKEN}"]


@pytest.mark.parametrize("auth_reload", [False, True])
def test_a_token_file_that_is_replaced_is_picked_up(
    harness: Harness, server: FakeServer, places: Places, auth_reload: bool
) -> None:
    old, new = token_of("old", 60), token_of("new")
    path = places.file("x", old)
    server.accepted = {old, new}
    client = harness.client(
        URL, transport=server.transport, token_file=path, auth_reload=auth_reload
    )
    harness.run(client.login.test_token())
    path.write_text(new)
    harness.run(client.login.test_token())
    assert server.seen == [f"Bearer {old}", f"Bearer {new if auth_reload else old}"]
    server.accepted = {new}
    harness.run(client.login.test_token())
    assert server.seen[-1] == f"Bearer {new}"
    assert server.seen.count(f"Bearer {old}") == (1 if auth_reload else 3)


def test_a_token_file_that_stays_refused(
    harness: Harness, server: FakeServer, places: Places
) -> None:
    path = places.file("x", token_of("old"))
    client = harness.client(URL, transport=server.transport, token_file=path)
    with pytest.raises(AuthenticationError):
        harness.run(client.login.test_token())
    path.unlink()
    with pytest.raises(AuthenticationError):
        harness.run(client.login.test_token())
    new = token_of("new")
    server.accepted = {new}
    path.write_text(new)
    harness.run(client.login.test_token())


class Clock:
    """A clock that tests can set."""

    def __init__(self) -> None:
        self.time = time.time()

    def __call__(self) -> float:
        return self.time


def test_renewal_before_the_token_expires(harness: Harness, server: FakeServer) -> None:
    client = harness.client(
        URL,
        transport=server.transport,
        user="me",
        password=PASSWORD,
        auth_reload=True,
        auth_reload_timeout=600,
    )
    clock = client.session.credentials.now = Clock()
    for wait, log_ins in ((0, 1), (2900, 1), (200, 2), (0, 2)):
        clock.time += wait
        server.lifetime = clock.time - time.time() + 3600
        harness.run(client.login.test_token())
        assert len(server.log_ins) == log_ins


def test_renewal_that_fails_before_the_token_expires(harness: Harness, server: FakeServer) -> None:
    client = harness.client(
        URL, transport=server.transport, user="me", password=PASSWORD, auth_reload=True
    )
    clock = client.session.credentials.now = Clock()
    harness.run(client.login.test_token())
    clock.time += 3500
    server.can_log_in = False
    harness.run(client.login.test_token())
    harness.run(client.login.test_token())
    assert len(server.log_ins) == 2


@pytest.mark.parametrize("wrong", [-86400, 86400])
def test_a_clock_that_is_off_does_no_harm(
    harness: Harness, server: FakeServer, wrong: float
) -> None:
    client = harness.client(
        URL, transport=server.transport, user="me", password=PASSWORD, auth_reload=True
    )
    clock = client.session.credentials.now = Clock()
    clock.time += wrong
    for _ in range(5):
        harness.run(client.login.test_token())
    assert len(server.log_ins) == 1
    server.accepted.clear()
    harness.run(client.login.test_token())
    assert len(server.log_ins) == 2


@pytest.mark.parametrize("expired", [False, True])
def test_twelve_at_once_log_in_once(harness: Harness, sandbox: Sandbox, expired: bool) -> None:
    client = harness.client(sandbox.url, user=sandbox.user, password=sandbox.password)
    if expired:
        harness.run(client.login.test_token())
        client.session.credentials.token = TOKEN
    log_ins: list[str] = []
    ask = client.session.credentials.log_in
    client.session.credentials.log_in = lambda *account: log_ins.append("log in") or ask(*account)
    if harness.mode == "blocking":
        failures: list[BaseException] = []
        ready = threading.Barrier(12)

        def work() -> None:
            ready.wait()
            try:
                client.login.test_token()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
    else:
        harness.run(at_once([client.login.test_token for _ in range(12)]))
    assert log_ins == ["log in"]


def test_twelve_threads_with_a_wrong_password_fail_once(server: FakeServer) -> None:
    server.can_log_in = False
    is_waiting, is_asked = threading.Semaphore(0), threading.Event()
    all_wait = threading.Event()

    def handle(request: httpx.Request) -> httpx.Response:
        is_asked.set()
        all_wait.wait(10)
        return server(request)

    client = Client(URL, transport=httpx.MockTransport(handle), user="me", password=PASSWORD)
    errors: list[Exception] = []

    def work() -> None:
        is_waiting.release()
        try:
            client.login.test_token()
        except AuthenticationError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for _ in threads:
        is_waiting.acquire()
    is_asked.wait(10)
    all_wait.set()
    for thread in threads:
        thread.join()
    assert len(errors) == 12
    assert len(set(map(id, errors))) == 12
    assert len(server.log_ins) < 12
    client.close()


async def at_once(calls: list[Callable[[], Any]]) -> None:
    import anyio

    async with anyio.create_task_group() as tasks:
        for call in calls:
            tasks.start_soon(call)


# To the origin alone


@pytest.mark.parametrize("to", ["http://archive/", "https://other/", "https://archive:444/"])
def test_redirects_to_other_origins(harness: Harness, to: str) -> None:
    seen: list[httpx.Headers] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        if len(seen) == 1:
            cookie = {"Location": to, "Set-Cookie": "session=secret"}
            return httpx.Response(302, headers=cookie)
        return httpx.Response(200, json={})

    client = harness.client(
        URL, token=TOKEN, headers={"X-Key": "key"}, transport=httpx.MockTransport(handle)
    )
    harness.run(client.get_json("/x"))
    assert seen[0]["Authorization"] == f"Bearer {TOKEN}"
    assert not {"authorization", "cookie", "x-key"} & set(seen[1])


@pytest.mark.parametrize("path", ["https://other/x", "http://archive/x", "//other/x"])
def test_absolute_urls(harness: Harness, path: str) -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    client = harness.client(URL, token=TOKEN, transport=httpx.MockTransport(handle))
    harness.run(client.request("GET", path))
    harness.run(client.get_json(f"{URL}/api/v1/x"))
    assert str(seen[0].url) == (path if "http" in path else f"https:{path}")
    assert "Authorization" not in seen[0].headers
    assert seen[1].headers["Authorization"] == f"Bearer {TOKEN}"


def test_no_token_reaches_a_second_server(harness: Harness, sandbox: Sandbox) -> None:
    with Sandbox(scans=4) as other:
        client = harness.client(sandbox.url, user=sandbox.user, password=sandbox.password)
        harness.run(client.login.test_token())
        with pytest.raises(AuthenticationError, match="Not authenticated"):
            harness.run(client.request("GET", f"{other.url}/api/v1/users/me"))


# Plain http


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "[::1]", "x.localhost"])
def test_loopback_is_no_network(places: Places, host: str) -> None:
    places.named()
    assert Client(f"http://{host}:8000").auth_source == "BEARER_TOKEN_FILE"
    assert Client(f"http://{host}:8000", token="x").auth_source == "token"


@pytest.mark.parametrize("set_up", ["named", "runtime", "netrc"])
def test_found_credentials_do_not_go_over_plain_http(places: Places, set_up: str) -> None:
    getattr(places, set_up)()
    assert Client(f"http://{HOST}").auth_source == "none"
    assert Client(f"http://{HOST}", allow_http=True).auth_source != "none"
    with pytest.raises(ValueError, match="not sent over plain http"):
        Client(f"http://{HOST}", fail_if_noauth=True)


def test_given_credentials_over_plain_http_earn_a_warning(
    harness: Harness, server: FakeServer, places: Places
) -> None:
    path = places.file("x", places.tokens["file"])
    for arguments in ({"token": TOKEN}, {"token_file": path}, {"user": "me", "password": "x"}):
        with pytest.warns(Grad300Warning, match="plain http, where others can read them"):
            harness.client(f"http://{HOST}", transport=server.transport, **arguments)
        harness.client(f"http://{HOST}", transport=server.transport, allow_http=True, **arguments)
    with pytest.warns(Grad300Warning, match="plain http"):
        client = harness.client(
            f"http://{HOST}", transport=server.transport, user="me", password=PASSWORD
        )
    harness.run(client.login.test_token())  # logs in, and does not warn again
    client = harness.client(f"http://{HOST}", transport=server.transport)
    with pytest.warns(Grad300Warning, match="plain http"):
        client.set_token(TOKEN)
    with pytest.warns(Grad300Warning, match="plain http"):
        harness.run(client.login("me", PASSWORD))


# Copies


def test_found_credentials_stay_where_they_are(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.named()
    data = pickle.dumps(Client(URL))
    assert places.tokens["named"].encode() not in data
    assert pickle.loads(data).auth_source == "BEARER_TOKEN_FILE"
    monkeypatch.delenv("BEARER_TOKEN_FILE")
    assert pickle.loads(data).auth_source == "none"
    given_data = pickle.dumps(Client(URL, token=TOKEN))
    assert pickle.loads(given_data).auth_source == "token"


def test_a_machine_without_credentials_on_the_way_of_a_pickle(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask's scheduler unpickles what it passes on to a worker."""
    places.named()
    client = Client(URL)
    cleared = Client(URL)
    cleared.clear_token()
    pickles = [pickle.dumps(client), pickle.dumps(cleared)]
    path = os.environ["BEARER_TOKEN_FILE"]
    monkeypatch.delenv("BEARER_TOKEN_FILE")
    pickles = [pickle.dumps(pickle.loads(data)) for data in pickles]
    pickles.append(pickle.dumps(Client(URL, force_noauth=True)))
    monkeypatch.setenv("BEARER_TOKEN_FILE", path)
    arrived = [pickle.loads(data).auth_source for data in pickles]
    assert arrived == ["BEARER_TOKEN_FILE", "none", "none"]


# Nothing leaks


def test_nothing_leaks(
    harness: Harness, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    def provoke(client: Any) -> None:
        for call in (
            client.login.test_token,
            lambda: client.login(sandbox.user, PASSWORD),
            lambda: client.login.access_token(sandbox.user, PASSWORD),
            client.scans["TPI"].get,
            lambda: client.get_json("/nowhere"),
            lambda: client.request("POST", "/scans/TPI"),
            lambda: client.scans["TPI"][1].file.save("/nowhere/at/all"),
        ):
            try:
                shown.append(repr(harness.call(call)))
            except (Grad300Error, OSError) as error:
                text = "".join(traceback.format_exception(error))
                request = getattr(error, "request", None)
                details = (request.headers, request.content) if request else ()
                shown.append(f"{text} {error!r} {vars(error)} {details}")
                pickle.loads(pickle.dumps(error))
        call = client.login.access_token
        shown.append(f"{client!r} {vars(client)} {client.session!r} {call!r}")
        shown.append(call.curl(sandbox.user, PASSWORD))
        shown.append(client.scans["TPI"].get.curl())
        request = call.request(sandbox.user, PASSWORD)
        shown.append(f"{request.headers} {request.content!r}")

    provoke(harness.client(sandbox.url, token=TOKEN))
    provoke(harness.client(sandbox.url, user=sandbox.user, password=PASSWORD, retries=0))
    provoke(harness.client("http://127.0.0.1:1", user="x", password=PASSWORD, retries=0))
    everything = "\n".join(shown) + caplog.text
    assert TOKEN not in everything
    assert PASSWORD not in everything
    gc.collect()

"""`grad300 login`, `logout` and `whoami`, and the login that later commands use."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from pathlib import Path

import pytest

from grad300_sdk import Client
from grad300_sdk.logins import load_login, save_login
from grad300_sdk.sandbox import Sandbox
from tests.support.commands import Done, piped, posix, shown
from tests.support.wire import Wire, answer


@pytest.fixture
def server(sandbox: Sandbox) -> tuple[str, ...]:
    return "--base-url", sandbox.url


@pytest.fixture
def logged_in(here, by_password, sandbox, monkeypatch) -> tuple[str, ...]:
    """Log in, and return the option that names the server."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(sandbox.password))
    assert here("login", *by_password, "--password-stdin").status == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return by_password[:2]


def test_a_login_is_used_by_later_commands(sandbox, by_password, server):
    done = piped("login", *by_password, "--password-stdin", given=sandbox.password)
    assert (done.status, done.output) == (0, "")
    address = sandbox.url.removeprefix("http://")
    said = f"grad300: logged in to {address} as {sandbox.user} until "
    assert re.fullmatch(re.escape(said) + r"\d{4}-\d\d-\d\d\n", done.errors)
    assert json.loads(piped(*server, "get", "/users/me").output)["email"] == sandbox.user
    [path] = (Path.home() / ".config" / "grad300").iterdir()
    assert sandbox.password not in path.read_text()
    with Client(sandbox.url) as client:
        assert client.auth_source == "login"
        assert client.login.test_token()["email"] == sandbox.user


def test_who_am_i(here, sandbox, logged_in):
    done = here("whoami", *logged_in)
    assert (done.status, done.errors) == (0, "")
    account, address, source, expires = done.output.splitlines()
    assert account == f"account  {sandbox.user}"
    assert address == f"server   {sandbox.url}/api/v1"
    assert source == "source   login"
    assert re.fullmatch(r"expires  \d{4}-\d\d-\d\d \d\d:\d\d UTC", expires)


def test_who_am_i_with_other_credentials(here, access):
    assert "\nsource   token file\n" in here("whoami", *access).output


def test_who_am_i_without_any(here, server, sandbox):
    done = here("whoami", *server)
    assert done.status == 1
    assert done.error.startswith(f"not logged in to {sandbox.url}/api/v1: use 'grad300 login'")


def test_logging_out_forgets_it(here, sandbox, logged_in):
    url = f"{sandbox.url}/api/v1"
    assert here("logout", *logged_in) == Done(0, "", f"grad300: logged out of {url}\n")
    assert load_login(url) is None
    again = here("logout", *logged_in)
    assert again == Done(0, "", f"grad300: there is no login to forget for {url}\n")
    assert here("logout", "--quiet", *logged_in) == Done(0, "", "")


def test_the_user_of_a_login_is_not_asked_again(here, sandbox, logged_in):
    assert here(*logged_in, "--user", sandbox.user, "get", "/users/me").status == 0
    done = here(*logged_in, "--user", "another@example.com", "get", "/users/me")
    assert (done.status, "no terminal to enter the password" in done.error) == (2, True)


def test_an_expired_login_asks_again(here, sandbox, by_password):
    url = f"{sandbox.url}/api/v1"
    save_login(url, user=sandbox.user, token="old", expires=time.time() - 1)
    assert here(*by_password, "get", "/users/me").status == 2
    done = here(*by_password[:2], "get", "/users/me")
    assert done.status == 1
    assert "has expired: log in again with 'grad300 login --base-url" in done.error


def test_a_wrong_password_keeps_nothing(here, sandbox, by_password, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("wrong"))
    done = here("login", *by_password, "--password-stdin")
    assert done.status == 1
    assert done.error.startswith("Incorrect email or password")
    assert load_login(f"{sandbox.url}/api/v1") is None


def test_logging_in_replaces_a_login_that_others_can_read(here, logged_in, sandbox, monkeypatch):
    [path] = (Path.home() / ".config" / "grad300").iterdir()
    path.chmod(0o644)
    assert here("get", "/users/me", *logged_in).status == 2
    monkeypatch.setattr(sys, "stdin", io.StringIO(sandbox.password))
    assert here("login", *logged_in, "--user", sandbox.user, "--password-stdin").status == 0
    assert here("get", "/users/me", *logged_in).status == 0


def test_an_account_is_needed(here, server):
    done = here("login", *server)
    assert (done.status, done.error) == (2, "which account? use --user EMAIL")
    done = here("login", *server, "--token-file", "x")
    said = "login needs an account, not --token-file or GRAD300_TOKEN_FILE"
    assert (done.status, done.error) == (2, said)


@posix
def test_on_a_terminal_it_asks_for_both(sandbox, server):
    answers = (
        ("account: ", f"{sandbox.user}\n"),
        (f"Password of {sandbox.user}: ", f"{sandbox.password}\n"),
    )
    status, seen = shown("login", *server, answers=answers)
    assert status == 0
    assert sandbox.password not in seen
    assert f"as {sandbox.user} until" in seen


@posix
def test_the_end_of_input_is_a_line(server):
    status, seen = shown("login", *server, answers=(("account: ", "\x04"),))
    assert (status, seen.splitlines()[-1]) == (2, "grad300: no account was entered")
    answers = (("account: ", "me\n"), ("Password of me: ", "\x04"))
    status, seen = shown("login", *server, answers=answers)
    assert (status, seen.splitlines()[-1]) == (2, "grad300: the password is empty")


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("allowed", [(), ("--allow-http",)])
def test_plain_http_is_warned_of_unless_it_is_intended(here, tmp_path, monkeypatch, allowed):
    (tmp_path / "token").write_text("opaque")
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret"))
    with Wire(answer(b'{"id": 7}'), answer(b'{"access_token": "opaque"}')) as wire:
        monkeypatch.setenv("http_proxy", wire.url)
        server = ("--base-url", "http://archive.example.org")
        whoami = here("whoami", *server, "--token-file", tmp_path / "token", *allowed)
        login = here("login", *server, "--user", "ann", "--password-stdin", *allowed)
    assert (whoami.status, login.status) == (0, 0)
    for done in (whoami, login):
        assert ("use --allow-http if that is intended" in done.errors) == (not allowed)
        assert ("plain http" in done.errors) == (not allowed)


def test_a_token_without_an_expiry(here, monkeypatch):
    token = answer(b'{"access_token": "opaque"}')
    user = answer(b'{"id": 7}')
    with Wire(token, user) as wire:
        monkeypatch.setattr(sys, "stdin", io.StringIO("secret"))
        url = ("--base-url", wire.url)
        done = here("login", *url, "--user", "ann", "--password-stdin")
        assert done.errors == f"grad300: logged in to 127.0.0.1:{wire.port} as ann\n"
        done = here("whoami", *url)
    assert done.output.splitlines()[0] == "account  7"
    assert done.output.splitlines()[-1] == "expires  unknown"

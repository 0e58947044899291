"""Where a client finds its credentials: the order of the places, and what goes where."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest

from grad300_sdk.engine import CredentialChain, KeptLogin, is_loopback
from grad300_sdk.engine.credentials import Anonymous, Basic, Login, Token, TokenFile
from grad300_sdk.engine.errors import EngineWarning
from tests.support.library import BlockingLibrary, log_in

HOST = "library.test"
URL = f"https://{HOST}/v1"
SECRET = "s3cret"


@dataclass
class Places:
    """The places in which credentials may be found, each with its own."""

    home: Path
    monkeypatch: pytest.MonkeyPatch

    def named(self, token: str = "named-token") -> None:
        """Write a token into the file that the environment names."""
        path = self.home / "named"
        path.write_text(token)
        self.monkeypatch.setenv("BEARER_TOKEN_FILE", str(path))

    def runtime(self, token: str = "runtime-token") -> None:
        """Write a token into the file of the user's run-time directory."""
        (self.home / f"bt_u{os.getuid()}").write_text(token)
        self.monkeypatch.setenv("XDG_RUNTIME_DIR", str(self.home))

    def netrc(self, host: str = HOST, mode: int = 0o600) -> None:
        """Write an account into the netrc file."""
        path = self.home / ".netrc"
        path.write_text(f"machine {host} login ann password {SECRET}\n")
        path.chmod(mode)

    def all(self) -> None:
        """Fill all places."""
        self.named()
        self.runtime()
        self.netrc()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """Places that are empty."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return Places(tmp_path, monkeypatch)


def resolve(**options: Any) -> Any:
    """Return the credentials of a chain."""
    return CredentialChain(**{"base_url": URL, **options}).resolve()


def test_the_order_of_the_places(places: Places, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("file-token\n")
    places.all()
    assert isinstance(resolve(force_noauth=True), Anonymous)
    assert resolve(token="t") == Token("t")
    assert resolve(token_file=own) == TokenFile(path=own)
    assert resolve(user="ann", password=SECRET) == Basic(user="ann", password=SECRET)
    assert resolve().source == "BEARER_TOKEN_FILE"
    assert resolve().token == "named-token"
    places.monkeypatch.delenv("BEARER_TOKEN_FILE")
    assert resolve().source == "XDG_RUNTIME_DIR"
    places.monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert resolve() == Basic(user="ann", password=SECRET, source="netrc")
    (tmp_path / ".netrc").unlink()
    assert isinstance(resolve(), Anonymous)


def test_a_kept_login_comes_after_what_was_passed(places: Places) -> None:
    places.all()
    kept = KeptLogin("kept-token", "Log in again.")
    assert resolve(find_kept=lambda: kept).token == "kept-token"
    assert resolve(find_kept=lambda: kept).source == "login"
    assert resolve(find_kept=lambda: kept, token="t") == Token("t")
    assert isinstance(resolve(find_kept=lambda: kept, force_noauth=True), Anonymous)
    assert resolve(find_kept=lambda: None).source == "BEARER_TOKEN_FILE"
    assert "kept-token" not in repr(kept)


def test_an_expired_login_is_the_last_resort(places: Places) -> None:
    places.netrc()
    expired = KeptLogin("kept-token", "Log in again.", is_expired=True)
    assert resolve(find_kept=lambda: expired).source == "netrc"
    (places.home / ".netrc").unlink()
    assert resolve(find_kept=lambda: expired).source == "login"
    with pytest.raises(ValueError, match=r"none were found\. Log in again\.$"):
        resolve(find_kept=lambda: expired, fail_if_noauth=True)


def test_an_account_logs_in_where_a_server_has_a_log_in(places: Places) -> None:
    places.netrc()
    found = resolve(log_in=log_in, auth_reload=True, auth_reload_timeout=60)
    assert isinstance(found, Login)
    assert (found.user, found.password, found.source) == ("ann", SECRET, "netrc")
    assert found.reload_before == 60
    passed = resolve(log_in=log_in, user="bob", password="pw")
    assert (passed.user, passed.source, passed.reload_before) == ("bob", "user and password", None)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"force_noauth": True, "fail_if_noauth": True}, ValueError, "contradict"),
        ({"user": "ann"}, ValueError, "together"),
        ({"password": SECRET}, ValueError, "together"),
        ({"token": SECRET, "token_file": "f"}, ValueError, "not both"),
        ({"token": SECRET, "user": "ann", "password": SECRET}, ValueError, "not both"),
        ({"auth_reload_timeout": -1}, ValueError, "at least 0"),
        ({"auth_reload_timeout": float("inf")}, ValueError, "at least 0"),
        ({"auth_reload_timeout": True}, TypeError, "number of seconds"),
        ({"auth_reload_timeout": "60"}, TypeError, "number of seconds"),
    ],
)
def test_contradictions(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        CredentialChain(**options)
    assert SECRET not in str(caught.value)


def test_no_credentials_at_all(places: Places) -> None:
    with pytest.raises(ValueError, match=r"no credentials were passed, and none were found$"):
        resolve(fail_if_noauth=True)
    places.all()
    with pytest.raises(ValueError, match="are not sent over plain http"):
        resolve(base_url=f"http://{HOST}", fail_if_noauth=True)


def test_a_token_that_names_another_issuer_is_passed_over(places: Places) -> None:
    places.named(jwt.encode({"iss": "another service"}, "k" * 32))
    places.runtime(jwt.encode({"sub": "ann"}, "k" * 32))
    assert resolve(accept_issued=False).source == "XDG_RUNTIME_DIR"
    assert resolve(accept_issued=True).source == "BEARER_TOKEN_FILE"


# What goes where


def test_found_credentials_do_not_cross_a_network_in_plain_text(places: Places) -> None:
    places.all()
    assert isinstance(resolve(base_url=f"http://{HOST}"), Anonymous)
    assert resolve(base_url=f"http://{HOST}", allow_http=True).source == "BEARER_TOKEN_FILE"
    assert resolve(base_url="http://127.0.0.1:8000").source == "BEARER_TOKEN_FILE"
    assert isinstance(resolve(base_url="http://127.0.0.1:8000", is_proxied=True), Anonymous)


@pytest.mark.parametrize("options", [{"token": SECRET}, {"user": "ann", "password": SECRET}])
def test_passed_credentials_in_plain_text_earn_a_warning(options: dict[str, str]) -> None:
    with pytest.warns(EngineWarning, match=f"credentials go to {HOST} over plain http") as caught:
        resolve(base_url=f"http://{HOST}", **options)
    assert SECRET not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve(base_url=f"http://{HOST}", allow_http=True, **options)
        resolve(base_url="http://localhost:1", **options)
        resolve(**options)


def test_a_proxy_of_a_client_counts(places: Places) -> None:
    places.named()
    chain = CredentialChain(base_url="http://127.0.0.1:8000")
    options: dict[str, Any] = {"credential_chain": chain, "base_url": "http://127.0.0.1:8000"}
    assert BlockingLibrary(**options).auth_source == "BEARER_TOKEN_FILE"
    assert BlockingLibrary(**options, proxy="http://proxy.test").auth_source == "none"
    assert BlockingLibrary(**options, proxy="http://[::1]").auth_source == "BEARER_TOKEN_FILE"


def test_what_was_found(places: Places) -> None:
    places.all()
    chain = CredentialChain(base_url=URL)
    assert chain.is_found(chain.resolve())
    assert not chain.is_found(Token("t"))
    assert not chain.is_found(Anonymous())
    assert SECRET not in repr(CredentialChain(base_url=URL, token=SECRET))


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("x.localhost", True),
        ("localhost.example.org", False),
        ("mylocalhost", False),
        ("128.0.0.1", False),
        ("127.0.0.1.example.org", False),
        ("0.0.0.0", False),
        ("", False),
    ],
)
def test_loopback(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here

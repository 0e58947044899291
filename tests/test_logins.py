"""Logins that `grad300 login` keeps: who finds them, and who must not."""

from __future__ import annotations

import os
import pickle
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from grad300_sdk import AuthenticationError, Client
from grad300_sdk.logins import delete_login, load_login, login_path, save_login
from tests.conftest import Harness

URL = "https://archive.test"
API = f"{URL}/api/v1"
TOKEN = "token-of-the-login"

posix = pytest.mark.skipif(os.name != "posix", reason="permissions need POSIX")


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def keep(configuration: Path) -> Callable[..., Path]:
    """Return a function that keeps a login and returns its file."""

    def save(url: str = API, *, token: str = TOKEN, expires: float | None = None) -> Path:
        save_login(url, user="ann@example.com", token=token, expires=expires)
        path = login_path(url)
        assert path is not None
        return path

    return save


def netrc(host: str = "archive.test") -> None:
    """Put an account into the netrc file."""
    path = Path.home() / ".netrc"
    path.touch(0o600)
    path.write_text(f"machine {host} login bob password pw\n")


def test_a_client_uses_it(keep: Any, harness: Harness) -> None:
    keep()
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(200, json=[])

    client = harness.client(URL, transport=httpx.MockTransport(answer))
    assert client.auth_source == "login"
    harness.run(client.scans["TPI"].get())
    assert seen == [f"Bearer {TOKEN}"]
    assert TOKEN not in repr(client.session.credentials)


def test_its_place_in_the_order(keep, tmp_path, monkeypatch) -> None:
    keep()
    (tmp_path / "token").write_text("another")
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(tmp_path / "token"))
    netrc()
    assert Client(URL).auth_source == "login"
    assert Client(URL, token="given").auth_source == "token"
    assert Client(URL, token_file=tmp_path / "token").auth_source == "token file"
    assert Client(URL, user="a", password="b").auth_source == "user and password"
    assert Client(URL, force_noauth=True).auth_source == "none"
    assert delete_login(API)
    assert Client(URL).auth_source == "BEARER_TOKEN_FILE"
    assert not delete_login(API)


@pytest.mark.parametrize(
    "url",
    [
        "https://archive.test/",
        "https://ARCHIVE.test",
        "https://archive.test:443",
        "https://archive.test./api/v1",
    ],
)
def test_the_same_server_may_be_written_in_several_ways(keep, url: str) -> None:
    keep()
    assert Client(url).auth_source == "login"


@pytest.mark.parametrize(
    "url",
    [
        "https://archive.test:8443",
        "https://archive2.test",
        "https://sub.archive.test",
        "https://archive.test/other",
        "http://archive.test",
    ],
)
def test_no_other_server_gets_it(keep, url: str) -> None:
    path = keep()
    assert Client(url).auth_source == "none"
    other = login_path(Client(url, force_noauth=True).base_api_url)
    path.rename(other)  # not even under the name of the other server's file
    assert Client(url).auth_source == "none"


@posix
def test_only_the_user_can_read_the_file(keep) -> None:
    path = keep()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    with pytest.raises(ValueError, match=f"can be read by others: run 'chmod 600 {path}'") as seen:
        Client(URL)
    assert TOKEN not in str(seen.value)
    assert Client(URL, token="given").auth_source == "token"
    keep()  # logging in again replaces it
    assert Client(URL).auth_source == "login"


@posix
def test_a_file_of_another_user_is_refused(keep, monkeypatch) -> None:
    keep()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(ValueError, match="belongs to another user"):
        Client(URL)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"server": 1}'])
def test_a_file_that_is_damaged_is_passed_over(keep, content: bytes) -> None:
    keep().write_bytes(content)
    netrc()
    assert Client(URL).auth_source == "netrc"


def test_it_is_written_whole_or_not_at_all(keep, monkeypatch) -> None:
    path = keep()

    def fail(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        keep(token="new")
    assert load_login(API).token == TOKEN
    assert list(path.parent.iterdir()) == [path]


def test_an_expired_one_gives_way_to_other_credentials(keep) -> None:
    keep(expires=time.time() - 1)
    netrc()
    assert Client(URL).auth_source == "netrc"


def test_an_expired_one_alone_says_how_to_log_in_again(keep, harness: Harness) -> None:
    keep(expires=time.time() - 1)
    advice = f"ann@example.com has expired: log in again with 'grad300 login --base-url {API}'"
    with pytest.raises(ValueError, match=advice):
        Client(URL, fail_if_noauth=True)
    denial = httpx.Response(403, json={"detail": "Could not validate credentials"})
    client = harness.client(URL, transport=httpx.MockTransport(lambda request: denial))
    with pytest.raises(AuthenticationError, match="Could not validate credentials") as caught:
        harness.run(client.scans["TPI"].get())
    assert advice in caught.value.__notes__[-1]


def test_one_that_the_server_refuses_says_so_too(keep, harness: Harness) -> None:
    keep(expires=time.time() + 3600)
    denial = httpx.Response(401, json={"detail": "no"})
    client = harness.client(URL, transport=httpx.MockTransport(lambda request: denial))
    with pytest.raises(AuthenticationError) as caught:
        harness.run(client.scans["TPI"].get())
    assert "is not accepted any more: log in again" in caught.value.__notes__[-1]


def test_a_login_meanwhile_is_used(keep, harness: Harness) -> None:
    keep()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["Authorization"] == f"Bearer {TOKEN}":
            keep(token="new")
            return httpx.Response(401, json={"detail": "expired"})
        return httpx.Response(200, json=[])

    client = harness.client(URL, transport=httpx.MockTransport(answer))
    assert harness.run(client.scans["TPI"].get()) == []


def test_it_stays_on_this_machine(keep) -> None:
    keep()
    data = pickle.dumps(Client(URL))
    assert TOKEN.encode() not in data
    assert pickle.loads(data).auth_source == "login"
    delete_login(API)
    assert pickle.loads(data).auth_source == "none"


@pytest.mark.filterwarnings("default")
def test_over_plain_http_it_earns_a_warning(keep) -> None:
    keep("http://archive.test/api/v1")
    with pytest.warns(UserWarning, match="over plain http"):
        assert Client("http://archive.test").auth_source == "login"
    assert Client("http://archive.test", allow_http=True).auth_source == "login"


def test_where_the_file_is(monkeypatch) -> None:
    assert login_path(API).parent == Path.home() / ".config" / "grad300"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")  # the specification says to ignore it
    assert login_path(API).parent == Path.home() / ".config" / "grad300"
    monkeypatch.setenv("XDG_CONFIG_HOME", os.path.abspath("/etc/xdg"))
    assert login_path(API).parent == Path("/etc/xdg/grad300")


def test_without_a_home_there_is_none(monkeypatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert load_login(API) is None
    assert not delete_login(API)
    with pytest.raises(OSError, match="XDG_CONFIG_HOME"):
        save_login(API, user="ann", token=TOKEN, expires=None)

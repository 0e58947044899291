import importlib
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import warnings

import anyio
import httpx
import pytest

from grad300_sdk import Client
from grad300_sdk.sandbox import Sandbox

HEALTH = "/api/v1/utils/health-check/"


def connect(sandbox):
    url = httpx.URL(sandbox.url)
    return socket.create_connection((url.host, url.port), timeout=10)


def ask(connection):
    """Send a request and return the whole response."""
    connection.sendall(f"GET {HEALTH} HTTP/1.1\r\nHost: sandbox\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\ntrue"):
        answer += connection.recv(65536)
    return answer


def test_it_runs_inside_its_block_alone():
    with Sandbox(scans=4) as sandbox:
        url = sandbox.url
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(url + HEALTH).json() is True
    with pytest.raises(httpx.ConnectError):
        httpx.get(url + HEALTH)
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.url


def test_starting_and_stopping_twice_changes_nothing():
    sandbox = Sandbox(scans=4)
    sandbox.stop()
    assert sandbox.start() is sandbox.start()
    url = sandbox.url
    assert sandbox.start().url == url
    sandbox.stop()
    sandbox.stop()
    with sandbox:
        assert httpx.get(sandbox.url + HEALTH).status_code == 200


def test_a_client_goes_on_after_a_restart():
    sandbox = Sandbox(scans=4)
    with sandbox, Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        rows = client.scans["TPI"].get()
        sandbox.stop()
        sandbox.start()
        assert client.scans["TPI"].get() == rows


def test_many_run_at_once_and_one_after_the_other(capfd, caplog):
    caplog.set_level(logging.INFO)
    before = threading.active_count()
    for _ in range(3):
        with Sandbox(scans=4) as one, Sandbox(scans=4) as other:
            assert one.url != other.url
            assert one.password != other.password
            assert httpx.get(one.url + HEALTH).status_code == 200
            assert httpx.get(other.url + HEALTH).status_code == 200
    assert threading.active_count() == before
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


def test_signals_are_left_alone():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Sandbox(scans=4) as sandbox:
        httpx.get(sandbox.url + HEALTH)
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_connections_that_are_kept_alive_are_closed_at_once():
    with Sandbox(scans=4) as sandbox:
        connection = connect(sandbox)
        assert ask(connection).startswith(b"HTTP/1.1 200 OK")
        began = time.monotonic()
    assert time.monotonic() - began < 1
    assert connection.recv(1) == b""
    connection.close()


def test_requests_under_way_are_given_up_quietly(capfd, caplog, monkeypatch):
    under_way, forever = threading.Event(), anyio.sleep_forever

    async def sleep(seconds):
        under_way.set()
        await forever()

    monkeypatch.setattr(anyio, "sleep", sleep)
    sandbox = Sandbox(scans=4, latency=3600).start()
    connection = connect(sandbox)
    connection.sendall(f"GET {HEALTH} HTTP/1.1\r\nHost: sandbox\r\n\r\n".encode())
    assert under_way.wait(10)
    began = time.monotonic()
    sandbox.stop()
    assert time.monotonic() - began < 1
    assert connection.recv(1) == b""
    connection.close()
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_answers_do_not_wait_for_acknowledgements():
    # With Nagle's algorithm, each response on a persistent connection would take 40 ms.
    with Sandbox(scans=4) as sandbox, connect(sandbox) as connection:
        ask(connection)
        (served,) = sandbox._running._server.server_state.connections
        server_side = served.transport.get_extra_info("socket")
        assert server_side.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_archive_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Sandbox(scans=4):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_port_can_be_chosen_and_taken_again():
    with Sandbox(scans=4) as sandbox:
        port = httpx.URL(sandbox.url).port
        connection = connect(sandbox)
        ask(connection)
    connection.close()
    with Sandbox(scans=4, port=port) as sandbox:
        assert sandbox.url == f"http://127.0.0.1:{port}"


def test_a_port_in_use_is_an_error_that_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Sandbox(scans=4) as sandbox:
        second = Sandbox(scans=4, port=httpx.URL(sandbox.url).port)
        with pytest.raises(OSError, match="in use"):
            second.start()
        assert len(list(tmp_path.iterdir())) == 1


def test_an_address_of_version_six_stands_in_brackets():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("IPv6 is not available")
    with Sandbox(scans=4, host="::1") as sandbox:
        assert sandbox.url.startswith("http://[::1]:")
        assert httpx.get(sandbox.url + HEALTH).json() is True


def test_its_repr_tells_the_address_and_no_password():
    sandbox = Sandbox(scans=4)
    assert repr(sandbox) == "<Sandbox not running>"
    with sandbox:
        assert repr(sandbox) == f"<Sandbox {sandbox.url}>"


@pytest.mark.parametrize(
    ("name", "value", "error", "expected"),
    [
        ("scans", -1, ValueError, "at least 0"),
        ("scans", "many", TypeError, "an integer"),
        ("scans", True, TypeError, "an integer"),
        ("scans", 2.0, TypeError, "an integer"),
        ("seed", -1, ValueError, "at least 0"),
        ("port", 65536, ValueError, "from 0 to 65535"),
        ("max_limit", 0, ValueError, "at least 1"),
        ("latency", -0.1, ValueError, "a finite number of at least 0"),
        ("latency", float("nan"), ValueError, "a finite number of at least 0"),
        ("latency", "long", TypeError, "a number"),
        ("failure_rate", 1.1, ValueError, "from 0 to 1"),
        ("failure_rate", False, TypeError, "a number"),
        ("token_lifetime", float("inf"), ValueError, "a finite number of at least 0"),
        ("host", 127, TypeError, "a str"),
        ("ignore_filters", 1, TypeError, "True or False"),
        ("ignore_offset", None, TypeError, "True or False"),
    ],
)
def test_a_wrong_argument_is_named(name, value, error, expected):
    with pytest.raises(error) as raised:
        Sandbox(**{name: value})
    assert str(raised.value) == f"{name} must be {expected}, not {value!r}"


@pytest.mark.parametrize(("name", "hint"), [("scan", "; did you mean 'scans'?"), ("colour", "")])
def test_a_misspelt_keyword_suggests_the_nearest(name, hint):
    with pytest.raises(TypeError) as raised:
        Sandbox(**{name: 3})
    assert str(raised.value) == f"Sandbox() got an unexpected keyword argument {name!r}{hint}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is not available")
def test_a_forked_process_keeps_nothing_open_and_takes_nothing_away():
    sandbox = Sandbox(scans=4).start()
    connection = connect(sandbox)
    ask(connection)
    alive_reader, alive = os.pipe()
    ready, ready_writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about forking while threads run
        child = os.fork()
    if child == 0:  # pragma: no cover
        signal.alarm(60)
        os.close(alive)
        sandbox.stop()
        os.write(ready_writer, b"!")
        os.read(alive_reader, 1)
        os._exit(0)
    os.close(alive_reader)
    try:
        assert os.read(ready, 1) == b"!"
        assert ask(connection).startswith(b"HTTP/1.1 200 OK")
        form = {"username": sandbox.user, "password": sandbox.password}
        url = f"{sandbox.url}/api/v1"
        token = httpx.post(f"{url}/login/access-token", data=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{url}/scans/TPI/1", headers=headers).status_code == 200
        sandbox.stop()
        assert connection.recv(1) == b""
        with pytest.raises(httpx.ConnectError):
            httpx.get(url + "/utils/health-check/")
    finally:
        os.close(alive)
        os.waitpid(child, 0)
        for number in (ready, ready_writer):
            os.close(number)
        connection.close()


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "jwt", "python_multipart"])
def test_without_the_extra_the_import_says_what_to_install(monkeypatch, missing):
    for name in list(sys.modules):
        if name.startswith("grad300_sdk.sandbox"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r'pip install "grad300-sdk\[sandbox\]"') as raised:
        importlib.import_module("grad300_sdk.sandbox")
    assert missing in str(raised.value)
    assert "\n" not in str(raised.value)

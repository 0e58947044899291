import contextlib
import signal
import subprocess
import sys
import time

import httpx
import pytest

from grad300_sdk.sandbox import Sandbox
from grad300_sdk.sandbox.__main__ import main

COMMAND = [sys.executable, "-W", "error", "-m", "grad300_sdk.sandbox"]


@pytest.fixture
def interrupted(monkeypatch):
    """Simulate Ctrl-C as soon as the sandbox waits."""

    def sleep(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_ends_it_quietly(number):
    process = subprocess.Popen(
        [*COMMAND, "--scans", "8", "--seed", "3", "--max-limit", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        lines = [process.stdout.readline().split() for _ in range(3)]
        assert [label for label, _ in lines] == ["address", "user", "password"]
        url, user, password = (value for _, value in lines)
        form = {"username": user, "password": password}
        token = httpx.post(f"{url}/api/v1/login/access-token", data=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert len(httpx.get(f"{url}/api/v1/scans/TPI/", headers=headers).json()) == 2
        process.send_signal(number)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert (output, errors) == ("", "")


@pytest.mark.usefixtures("interrupted")
def test_all_options_reach_the_sandbox(monkeypatch, capsys):
    given = {}

    def record(**options):
        given.update(options)
        return Sandbox(scans=4)

    monkeypatch.setattr("grad300_sdk.sandbox.__main__.Sandbox", record)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    arguments = (
        "--host localhost --port 1234 --scans 9 --seed 5 --token-lifetime 60 --max-limit 7 "
        "--ignore-filters --ignore-offset --latency 0.5 --failure-rate 0.25 --broken"
    )
    assert main(arguments.split()) == 0
    assert given == {
        "host": "localhost",
        "port": 1234,
        "scans": 9,
        "seed": 5,
        "token_lifetime": 60.0,
        "max_limit": 7,
        "ignore_filters": True,
        "ignore_offset": True,
        "latency": 0.5,
        "failure_rate": 0.25,
        "broken": True,
    }
    assert capsys.readouterr().out.startswith("address   http://127.0.0.1:")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert main([]) == 0
    assert set(given) >= {"host", "port"}


def test_a_port_in_use_is_one_line(capsys):
    with Sandbox(scans=4) as sandbox:
        port = str(httpx.URL(sandbox.url).port)
        assert main(["--port", port, "--scans", "4"]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
    assert f"127.0.0.1 port {port}" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--scans -1", "--scans must be at least 0, not -1"),
        ("--scans 1.5", "--scans must be an integer, not '1.5'"),
        ("--latency long", "--latency must be a number, not 'long'"),
        ("--failure-rate 2", "--failure-rate must be from 0 to 1, not 2.0"),
        (
            "--token-lifetime inf",
            "--token-lifetime must be a finite number of at least 0, not inf",
        ),
        ("--port", "--port expected one argument"),
        ("--what", "unrecognized arguments: --what"),
    ],
)
def test_a_wrong_option_is_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments.split())
    assert raised.value.code == 2
    program = "python -m grad300_sdk.sandbox"
    line = f"{program}: {message}; see '{program} --help'\n"
    assert capsys.readouterr().err == line


@pytest.mark.usefixtures("interrupted")
def test_it_runs_although_nobody_reads_its_output(monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["--scans", "4"]) == 0
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
    assert capsys.readouterr().err == ""

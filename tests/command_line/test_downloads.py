"""`grad300 download`: layouts, dry runs, bars and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from typing import Any

import pytest

from grad300_sdk import Client
from tests.support.commands import COMMAND, Done, posix, shown
from tests.support.wire import STALL, Received, Wire, answer


@pytest.mark.parametrize("layout", ["archive", "{file_path}/{file_name}"])
def test_the_layout_of_the_archive(here, access, sandbox, token_file, tmp_path, layout):
    done = here(*access, "download", "Images", "1", "--dir", tmp_path, "--layout", layout)
    with Client(sandbox.url, token_file=token_file) as client:
        record = client.scans["Images"][1].record()
    assert done.output == f"{tmp_path / record.file_path / record.file_name}\n"
    assert (tmp_path / record.file_path / record.file_name).is_file()


def test_a_layout_of_your_own(here, access, tmp_path):
    filters = ("--source", "sun", "--max-results", "2")
    arguments = (*filters, "--layout", "{source}/{date:%Y}/{file_name}", "--dir", tmp_path)
    done = here(*access, "download", "Images", *arguments)
    assert done.status == 0
    assert all("/sun/20" in line for line in done.output.splitlines())


def test_a_dry_run_saves_nothing(here, access, tmp_path):
    arguments = (*access, "download", "Images", "1", "2", "--dir", tmp_path)
    assert here(*access, "download", "Images", "1", "--dir", tmp_path).status == 0
    done = here(*arguments, "--dry-run")
    skipped, saved = done.output.splitlines()
    assert skipped.startswith(f"skipped     {tmp_path}")
    assert saved.startswith(f"would save  {tmp_path}")
    assert (done.status, done.errors) == (0, "grad300: 1 would be saved, 1 skipped, 0 failed\n")
    assert len(list(tmp_path.iterdir())) == 1


@posix
@pytest.mark.parametrize("columns", [60, 80])
def test_a_bar_says_files_bytes_speed_and_what_is_left(access, tmp_path, columns):
    arguments = ("download", "Images", "1", "2", "3", "--dir", tmp_path)
    status, seen = shown(*access, *arguments, columns=columns)
    assert status == 0
    pieces = re.split(r"[\r\n]", seen)
    bars = [piece for piece in pieces if "/3 files" in piece]
    assert re.search(r"100%\|.*k/.*k \[\d\d:\d\d<\d\d:\d\d, .*B/s, 3/3 files\]", bars[-1])
    assert max(map(len, bars)) <= columns
    assert pieces[-2] == "grad300: 3 saved, 0 skipped, 0 failed" or pieces[-2].endswith(".fits")


@posix
def test_a_dumb_terminal_gets_no_bar(access, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    status, seen = shown(*access, "download", "Images", "1", "--dir", tmp_path)
    assert status == 0
    assert "%" not in seen


def stalled(request: Received) -> Any:
    """Answer with a scan, and never with its file."""
    if request.target.endswith("/download"):
        return [STALL]
    return answer(json.dumps({"id": 1, "file_name": "a.fits", "size": 3}).encode())


@posix
@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_ctrl_c_says_how_to_go_on(tmp_path, quiet):
    with Wire(answerer=stalled) as wire:
        arguments = ("--base-url", wire.url, "download", "TPI", "1", "--dir", tmp_path, *quiet)
        # Without -W error: interrupting the creation of a socket causes a ResourceWarning.
        command = [*(part for part in COMMAND if part not in ("-W", "error")), *arguments]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
        ) as process:
            while len(wire.requests) < 2:
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
    expected = (
        "" if quiet else "grad300: interrupted; the same command downloads what is missing\n"
    )
    assert Done(process.returncode, output, errors) == Done(130, "", expected)

"""httpx is imported without its command line, which still works."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(program: str) -> str:
    """Return what a program prints in a process of its own."""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_the_command_line_is_not_imported() -> None:
    for name in ("click", "pygments", "rich"):
        pytest.importorskip(name)
    program = """
import sys
import grad300_sdk.engine
print({"click", "pygments", "rich"} & set(sys.modules), "httpx._main" in sys.modules)
"""
    assert run(program).split() == ["set()", "False"]
    assert "rich" in run("import sys, httpx; print(*sys.modules)").split()  # of itself


def test_the_command_line_still_works() -> None:
    for name in ("click", "pygments", "rich"):
        pytest.importorskip(name)
    program = """
import sys
import grad300_sdk.engine, httpx
sys.argv = ["httpx", "--help"]
try:
    httpx.main()
except SystemExit as end:
    assert end.code == 0
"""
    assert "Usage: httpx <URL>" in run(program)


def test_an_httpx_that_is_there_is_left_as_it_is() -> None:
    program = """
import httpx
main = httpx.main
import grad300_sdk.engine
print(httpx.main is main)
"""
    assert run(program).strip() == "True"

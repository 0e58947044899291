"""The published tests of GraceDB's own clients, run against docs/examples/gracedb.py.

They come from PyPI when these tests run, which need a network and are not collected by default::

    tox -e published
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
UNREACHABLE = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError")


@pytest.fixture(scope="module")
def sdists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the unpacked source distributions."""
    folder = tmp_path_factory.mktemp("sdists")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=:all:"]
    command += ["--require-hashes", f"--requirement={HERE / 'sdists.txt'}", f"--dest={folder}"]
    command += ["--retries=1"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and any(name in done.stdout + done.stderr for name in UNREACHABLE):
        pytest.skip("there is no network, or PyPI can't be reached")
    assert done.returncode == 0, done.stderr
    for path in folder.glob("*.tar.gz"):
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    return folder


def run_suite(folder: Path, *files: str) -> str:
    """Run files of a suite in a process of its own, and return the last line of its report."""
    places = [
        HERE / "adapters",
        ROOT / "docs/examples",
        *filter(None, [os.environ.get("PYTHONPATH")]),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
    options = ["-p", "differences", "-p", "no:cacheprovider", "--quiet", "--strict-markers"]
    command = [sys.executable, "-m", "pytest", *options, *files]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def test_the_tests_of_gracedb_sdk(sdists: Path) -> None:
    (folder,) = sdists.glob("gracedb_sdk-*/")
    report = run_suite(folder, "tests/test_api.py")
    assert report.startswith("67 passed, 2 xfailed")


def test_the_tests_of_credentials_of_httpx_gracedb(sdists: Path) -> None:
    (folder,) = sdists.glob("httpx_gracedb-*/")
    report = run_suite(folder, "tests/test_auth.py", "tests/test_scitoken_reload.py")
    assert report.startswith("13 passed")

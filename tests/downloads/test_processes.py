"""Real processes that are killed, interrupted, forked, refused space, or many."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from grad300_sdk.downloads.partial import Partial
from tests.conftest import Harness
from tests.support.wire import STALL, Received, Step, Wire, answer

from .bench import (
    ALL,
    ETAG,
    TOKEN,
    after,
    asked,
    assert_nothing_hidden,
    hidden,
    seen,
    whole,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, forks and limits")

# Larger than what is written at once, so that something is on disk when a process is killed.
BIG = b"SIMPLE  =                    T".ljust(2880) + bytes(range(256)) * 4000
HALF = 500_000
MODES = ["blocking", "asyncio", "trio"]


class Process:
    """A child process, whose output is read as it comes."""

    def __init__(self, *arguments: object, **options: Any) -> None:
        command = [sys.executable, str(Path(__file__).with_name("child.py")), *map(str, arguments)]
        self.running = subprocess.Popen(
            [*command, json.dumps(options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def wait_for(self, done: int) -> None:
        """Wait until it has so many bytes."""
        assert self.running.stdout is not None
        for line in self.running.stdout:
            if int(line) == done:
                return
        raise AssertionError(self.running.communicate())

    def stop(self, number: signal.Signals) -> Any:
        """Send it a signal, and return what came of it."""
        self.running.send_signal(number)
        return self.result()

    def result(self) -> Any:
        """Return what came of it, None if it was killed."""
        output, complaint = self.running.communicate(timeout=60)
        if self.running.returncode == -signal.SIGKILL:
            return None
        assert self.running.returncode == 0, complaint
        return json.loads(output.splitlines()[-1])


@pytest.fixture
def process() -> Iterator[Callable[..., Process]]:
    """Start child processes, which end with the test."""
    with ExitStack() as stack:

        def start(*arguments: object, **options: Any) -> Process:
            child = Process(*arguments, **options)
            stack.enter_context(child.running)
            stack.callback(child.running.kill)
            return child

        yield start


def in_part(content: bytes, range_: str | None) -> Step:
    """Answer with the part of a file that is requested."""
    if range_ is None:
        return whole(content)
    start = int(range_.removeprefix("bytes=").removesuffix("-"))
    said = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return answer(content[start:], "206 Partial Content", ETag=ETAG, Content_Range=said)


def half(content: bytes, count: int = HALF) -> Step:
    """Answer with the beginning of a file, and then with nothing more."""
    return [*answer(content[:count], length=len(content), ETag=ETAG), STALL]


def stalled_first(request: Received, before: list[Received]) -> Step:
    """Stall in the first answer, and send what is requested in the next."""
    return in_part(BIG, request.headers.get("range")) if before else half(BIG)


@pytest.fixture
def stalling(wire: Callable[..., Wire]) -> Wire:
    """A server whose first answer stops half way."""
    server: Wire = wire(answerer=lambda request: stalled_first(request, server.requests[1:]))
    return server


@pytest.mark.parametrize("mode", MODES)
def test_what_a_killed_process_left_is_resumed(
    mode: str, stalling: Wire, process: Callable[..., Process], tmp_path: Path
) -> None:
    child = process(mode, "save", stalling.url, tmp_path)
    child.wait_for(HALF)
    assert child.stop(signal.SIGKILL) is None
    assert seen(tmp_path) == {}
    (left,) = hidden(tmp_path).values()
    assert 0 < left <= HALF
    process(mode, "save", stalling.url, tmp_path).result()
    assert asked(stalling) == [ALL, after(left)]
    assert seen(tmp_path) == {"TPI_42.fits": BIG}
    assert_nothing_hidden(tmp_path)


@pytest.mark.parametrize("mode", MODES)
def test_an_interrupted_save_is_resumed(
    mode: str, stalling: Wire, process: Callable[..., Process], tmp_path: Path
) -> None:
    child = process(mode, "save", stalling.url, tmp_path)
    child.wait_for(HALF)
    interrupted = time.monotonic()  # of the whole machine, as the child's
    result = child.stop(signal.SIGINT)
    assert result["interrupted"] - interrupted < 5  # of the 60 s of the time-out
    assert result["threads"] == 1
    assert seen(tmp_path) == {}
    assert list(hidden(tmp_path).values()) == [HALF]
    process(mode, "save", stalling.url, tmp_path).result()
    assert asked(stalling) == [ALL, after(HALF)]
    assert seen(tmp_path) == {"TPI_42.fits": BIG}
    assert_nothing_hidden(tmp_path)


def one_of_ten(number: int) -> bytes:
    return BIG[:2880] + bytes([number]) * (len(BIG) - 2880)


def two_of_ten(request: Received) -> Step:
    """Answer with two files of ten; stall in the others, unless the rest is requested."""
    content = one_of_ten(number := int(request.target.split("/")[-2]))
    if number < 2 or "range" in request.headers:
        return in_part(content, request.headers.get("range"))
    return half(content)


@pytest.mark.parametrize("mode", MODES)
def test_interrupted_downloads_are_resumed(
    mode: str, wire: Callable[..., Wire], process: Callable[..., Process], tmp_path: Path
) -> None:
    server = wire(answerer=two_of_ten)
    child = process(mode, "download", server.url, tmp_path, size=len(BIG))
    child.wait_for(2 * len(BIG) + 8 * HALF)
    interrupted = time.monotonic()
    result = child.stop(signal.SIGINT)
    assert result["interrupted"] - interrupted < 5
    assert result["threads"] == 1
    first_two = {f"TPI_{number}.fits": one_of_ten(number) for number in range(2)}
    assert seen(tmp_path) == first_two
    assert list(hidden(tmp_path).values()) == [HALF] * 8
    server.requests.clear()
    result = process(mode, "download", server.url, tmp_path, size=len(BIG)).result()
    assert result == {"result": ["skipped"] * 2 + ["saved"] * 8}
    assert asked(server) == [after(HALF)] * 8
    assert seen(tmp_path) == {f"TPI_{number}.fits": one_of_ten(number) for number in range(10)}
    assert_nothing_hidden(tmp_path)


def all_at_once(number: int, content: bytes = BIG) -> Callable[[Received], Step]:
    """Answer once so many requests are there."""
    barrier = threading.Barrier(number)

    def step(request: Received) -> Step:
        first, rest = whole(content)[0][:HALF], whole(content)[0][HALF:]
        barrier.wait(30)
        yield first
        barrier.wait(30)
        yield rest

    return step


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_two_processes_save_one_file(
    mode: str,
    overwrite: bool,
    wire: Callable[..., Wire],
    process: Callable[..., Process],
    tmp_path: Path,
) -> None:
    if overwrite:
        (tmp_path / "TPI_42.fits").write_bytes(b"old")
    server = wire(answerer=all_at_once(2))
    both = [process(mode, "save", server.url, tmp_path, overwrite=overwrite) for _ in range(2)]
    paths = [child.result()["result"] for child in both]
    assert paths == [str(tmp_path / "TPI_42.fits")] * 2
    assert asked(server) == [ALL, ALL]
    assert seen(tmp_path) == {"TPI_42.fits": BIG}
    assert_nothing_hidden(tmp_path)


@pytest.mark.parametrize("overwrite", [False, True])
def test_eight_processes_save_one_file(
    overwrite: bool, wire: Callable[..., Wire], process: Callable[..., Process], tmp_path: Path
) -> None:
    server = wire(answerer=all_at_once(8))
    options = {"processes": 8, "overwrite": overwrite}
    result = process("blocking", "save_many", server.url, tmp_path, **options).result()
    assert result == {"result": 0}
    assert asked(server) == [ALL] * 8
    assert seen(tmp_path) == {"TPI_42.fits": BIG}
    assert_nothing_hidden(tmp_path)


def test_fifty_processes_share_the_cache(
    wire: Callable[..., Wire],
    process: Callable[..., Process],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    server = wire(answerer=all_at_once(50))
    child = process("blocking", "local_path_many", server.url, tmp_path, processes=50)
    assert child.result() == {"result": 0}
    assert asked(server) == [ALL] * 50
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == ["42.json", "TPI_42.fits"]
    assert BIG in [path.read_bytes() for path in files]


def test_a_fork_in_the_middle(
    wire: Callable[..., Wire], process: Callable[..., Process], tmp_path: Path
) -> None:
    forked = threading.Event()

    def step(request: Received) -> Iterator[bytes]:
        if len(server.requests) > 1:
            forked.set()
            yield from whole(BIG)
            return
        (content,) = whole(BIG)
        yield content[:HALF]
        assert forked.wait(30)
        yield content[HALF:]

    server: Wire = wire(answerer=step)
    result = process("blocking", "save_around_a_fork", server.url, tmp_path).result()
    assert result == {"result": 0}
    assert asked(server) == [ALL, ALL]
    assert seen(tmp_path) == {"parent.fits": BIG, "child.fits": BIG}
    assert_nothing_hidden(tmp_path)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_no_room_for_the_file(
    mode: str,
    overwrite: bool,
    wire: Callable[..., Wire],
    process: Callable[..., Process],
    tmp_path: Path,
) -> None:
    before = {"TPI_42.fits": b"old"} if overwrite else {}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    server = wire(whole(BIG))
    options = {"limit": HALF, "overwrite": overwrite}
    result = process(mode, "save_on_a_full_disk", server.url, tmp_path, **options).result()
    assert result["errno"] == errno.EFBIG
    assert asked(server) == [ALL]
    assert seen(tmp_path) == before
    assert_nothing_hidden(tmp_path)


@pytest.mark.parametrize("mode", MODES)
def test_a_folder_that_cannot_be_written(
    mode: str, wire: Callable[..., Wire], process: Callable[..., Process], tmp_path: Path
) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    server = wire(whole(BIG))
    action = "save_where_nothing_can_be_written"
    result = process(mode, action, server.url, folder).result()
    assert (result["error"], result["errno"]) == ("PermissionError", errno.EACCES)
    assert asked(server) == [ALL]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("when", ["write", "move"])
def test_a_full_disk(
    when: str,
    harness: Harness,
    wire: Callable[..., Wire],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Partial, when, fail)
    server = wire(whole(BIG))
    client = harness.client(server.url, token=TOKEN)
    with pytest.raises(OSError, match="No space left") as caught:
        harness.run(client.scans["TPI"][42].file.save(tmp_path))
    assert caught.value.errno == errno.ENOSPC
    assert asked(server) == [ALL]
    assert list(tmp_path.iterdir()) == []

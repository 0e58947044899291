"""Files that are kept on this machine, on both clients."""

from __future__ import annotations

import errno
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from grad300_sdk import (
    AuthenticationError,
    DecodeError,
    DownloadError,
    NotFoundError,
    TransportError,
    cache,
)
from grad300_sdk.downloads.partial import Partial
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness
from tests.downloads.bench import (
    ETAG,
    FILE,
    OTHER,
    SIZE,
    TOKEN,
    after,
    asked,
    assert_no_secret,
    cut,
    part,
    whole,
)
from tests.support.fits_files import assert_same, telescope_files
from tests.support.wire import RESET, Received, Step, Wire, answer

Wires = Callable[..., Wire]
NOT_MODIFIED: Step = [b"HTTP/1.1 304 Not Modified\r\n\r\n"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep the cache in a folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    begin_another_process()
    yield tmp_path / "grad300_sdk"
    begin_another_process()


def local_path(
    harness: Harness, server: Any, scan_type: str = "TPI", scan_id: int = 42, **options: Any
) -> Path:
    """Return the path of a file, asked for with a client of its own."""
    client = harness.client(server.url, token=TOKEN, **{"retries": 0, **options})
    path: Path = harness.run(client.scans[scan_type][scan_id].file.local_path())
    return path


def begin_another_process() -> None:
    """Forget what this process knows; what is on disk stays."""
    with TemporaryDirectory() as empty, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", empty)
        cache.clear()


def entry(home: Path) -> Path:
    """Return the place where the cache says which file is the latest."""
    (path,) = home.rglob("42.json")
    return path


def conditions(server: Wire) -> list[str | None]:
    """Return what each request said that it had already."""
    return [request.headers.get("if-none-match") for request in server.requests]


def test_the_first_use_downloads(harness: Harness, wire: Wires, home: Path) -> None:
    named: Any = {"Content_Disposition": 'inline; filename="20250204-093521_TPI-X_01#_01#.fits"'}
    server = wire(whole(**named))
    path = local_path(harness, server)
    assert path.read_bytes() == FILE
    assert path.name == "20250204-093521_TPI-X_01#_01#.fits"
    assert path.is_relative_to(home)
    assert local_path(harness, server) == path
    assert len(server.requests) == 1
    assert list(home.rglob(".*")) == []


def test_the_sandbox(harness: Harness, sandbox: Sandbox, client: Any) -> None:
    file = client.scans["Images"][1].file
    path = harness.run(file.local_path())
    assert path.read_bytes() == harness.run(file.get())
    assert path.name == harness.run(client.scans["Images"][1].record()).file_name
    begin_another_process()
    assert harness.run(file.local_path()) == path


def test_without_a_place_of_its_own_the_cache_is_in_the_home(
    harness: Harness, wire: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    from astropy.config import get_cache_dir

    monkeypatch.delenv("XDG_CACHE_HOME")
    path = local_path(harness, wire(whole()))
    assert path.is_relative_to(get_cache_dir("grad300_sdk"))
    assert path.is_relative_to(Path.home())


REVALIDATED: dict[str, tuple[Step, bytes]] = {
    "not modified": (NOT_MODIFIED, FILE),
    "the same tag": ([*whole()[:1], RESET], FILE),
    "another file": (whole(OTHER, '"2"'), OTHER),
    "no tag any more": (whole(OTHER, None), OTHER),
}


@pytest.mark.parametrize("what", REVALIDATED)
def test_another_process_asks_whether_it_has_changed(
    harness: Harness, wire: Wires, what: str
) -> None:
    step, content = REVALIDATED[what]
    server = wire(whole(), step)
    old = local_path(harness, server)
    begin_another_process()
    path = local_path(harness, server)
    assert path.read_bytes() == content
    assert (path == old) == (content == FILE)
    assert old.read_bytes() == FILE  # nothing changes under those who read it
    assert conditions(server) == [None, ETAG]
    assert local_path(harness, server) == path
    assert len(server.requests) == 2


@pytest.mark.parametrize("etag", [None, "no-tag", '"\u00e9"'])
def test_a_server_without_tags_is_asked_once_a_process(
    harness: Harness, wire: Wires, etag: str | None
) -> None:
    server = wire(whole(FILE, etag), whole(OTHER, etag))
    assert local_path(harness, server).read_bytes() == FILE
    assert local_path(harness, server).read_bytes() == FILE
    begin_another_process()
    assert local_path(harness, server).read_bytes() == OTHER
    assert conditions(server) == [None, None]


def test_a_weak_tag_says_as_well_that_nothing_has_changed(harness: Harness, wire: Wires) -> None:
    server = wire(whole(FILE, 'W/"1"'), NOT_MODIFIED)
    path = local_path(harness, server)
    begin_another_process()
    assert local_path(harness, server) == path
    assert conditions(server) == [None, 'W/"1"']


@pytest.mark.parametrize(
    "step",
    [[RESET], answer(b"", "503 Busy"), cut(99, RESET, '"2"'), whole(b"<html>", None)],
)
def test_a_server_that_fails_is_not_needed(
    harness: Harness, wire: Wires, step: Step, caplog: pytest.LogCaptureFixture
) -> None:
    server = wire(whole(), whole(), step)
    path = local_path(harness, server)
    local_path(harness, server, scan_id=43)
    begin_another_process()
    assert local_path(harness, server) == path
    assert path.read_bytes() == FILE
    local_path(harness, server)
    local_path(harness, server, scan_id=43)  # of the same server
    assert len(server.requests) == 3
    assert f"{path} is taken from the cache" in caplog.text


def test_a_server_that_repeats_a_secret_is_not_logged_with_it(
    harness: Harness, wire: Wires, caplog: pytest.LogCaptureFixture
) -> None:
    page = b"<html>Bearer %s" % TOKEN.encode()
    server = wire(whole(), answer(page))
    path = local_path(harness, server)
    begin_another_process()
    assert local_path(harness, server) == path
    assert "<html>Bearer ***" in caplog.text
    assert_no_secret(None, caplog.text)


def test_no_server_at_all(harness: Harness, wire: Wires) -> None:
    with Wire(whole()) as server:
        path = local_path(harness, server)
    begin_another_process()
    assert local_path(harness, server) == path
    with pytest.raises(TransportError):
        local_path(harness, server, scan_id=43)


@pytest.mark.parametrize("call", ["open", "table", "fits"])
@pytest.mark.parametrize("scan_type", ["TPI", "Spectrum", "Images", "OnOff"])
def test_files_are_read_through_the_cache(
    harness: Harness, wire: Wires, scan_type: str, call: str
) -> None:
    content = telescope_files()[scan_type]
    if scan_type == "Images" and call == "table":
        call = "open"
    with Wire(whole(content), whole(content)) as server:
        file = harness.client(server.url, token=TOKEN, retries=0).scans[scan_type][42].file
        sent = harness.run(getattr(file, call)())
        for _ in range(2):
            cached = harness.run(getattr(file, call)(cached=True))
            assert_same(cached, sent)
        assert len(server.requests) == 2
        assert str(getattr(file, call).request(cached=False).url).endswith("/42/download")
    begin_another_process()
    assert_same(harness.run(getattr(file, call)(cached=True)), sent)
    with pytest.raises(TransportError):
        harness.run(getattr(file, call)())


@pytest.mark.parametrize("call", ["open", "table", "fits"])
def test_what_reading_through_the_cache_would_send(
    harness: Harness, wire: Wires, call: str
) -> None:
    server = wire(whole(telescope_files()["TPI"]))
    call_ = getattr(harness.client(server.url, token=TOKEN).scans["TPI"][42].file, call)
    assert call_.request(cached=True).url == call_.request().url
    assert call_.curl(cached=True).startswith("curl ")
    assert server.requests == []
    harness.run(call_(cached=True))
    with pytest.raises(ValueError, match="sends nothing"):
        call_.request(cached=True)


def test_a_file_in_the_cache_that_cannot_be_read_is_named(harness: Harness, wire: Wires) -> None:
    server = wire(whole())
    path = local_path(harness, server)
    file = harness.client(server.url, token=TOKEN).scans["TPI"][42].file
    for call in (file.open, file.table, file.fits):
        with pytest.raises(DecodeError, match=re.escape(f"{path}: expected")):
            harness.run(call(cached=True))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [("401 Unauthorized", AuthenticationError), ("404 Not Found", NotFoundError)],
)
def test_a_refusal_is_raised(
    harness: Harness, wire: Wires, status: str, error: type[Exception]
) -> None:
    server = wire(whole(), answer(b"", status))
    local_path(harness, server)
    begin_another_process()
    with pytest.raises(error) as caught:
        local_path(harness, server)
    assert_no_secret(caught.value, "")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\xff", b'{"path": 3}', b'{"path": "x", "size": 3, "etag": 3}'],
)
def test_a_damaged_entry(harness: Harness, wire: Wires, home: Path, content: bytes) -> None:
    server = wire(whole(), whole(OTHER, '"2"'))
    local_path(harness, server)
    entry(home).write_bytes(content)
    assert local_path(harness, server).read_bytes() == OTHER
    assert conditions(server) == [None, None]


@pytest.mark.parametrize("etag", [3, "no tag", '"1"\r\nX: y', ["x"]])
def test_a_damaged_tag(harness: Harness, wire: Wires, home: Path, etag: object) -> None:
    server = wire(whole(), whole())
    local_path(harness, server)
    damaged = {**json.loads(entry(home).read_text()), "etag": etag}
    entry(home).write_text(json.dumps(damaged))
    begin_another_process()
    assert local_path(harness, server).read_bytes() == FILE
    assert conditions(server) == [None, None]


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(b"x"), lambda p: p.unlink()])
def test_a_damaged_file(harness: Harness, wire: Wires, damage: Callable[[Path], object]) -> None:
    server = wire(whole(), whole())
    path = local_path(harness, server)
    damage(path)
    assert local_path(harness, server) == path
    assert path.read_bytes() == FILE


def test_servers_types_and_ids_are_kept_apart(harness: Harness, wire: Wires) -> None:
    servers = [wire(answerer=lambda _: whole()), wire(answerer=lambda _: whole())]
    paths = {
        local_path(harness, server, scan_type, scan_id)
        for server in servers
        for scan_type in ("TPI", "Images")
        for scan_id in (1, 2)
    }
    assert len(paths) == 8
    client = harness.client(servers[0].url, api_prefix="/api/v2", token=TOKEN)
    paths.add(harness.run(client.scans["TPI"][1].file.local_path()))
    assert len(paths) == 9


@pytest.mark.parametrize("step", [whole(b"<html>"), cut(5000, RESET, None)])
def test_what_is_not_a_file_is_not_kept(
    harness: Harness, wire: Wires, home: Path, step: Step
) -> None:
    with pytest.raises(DownloadError):
        local_path(harness, wire(step))
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_cut_download_is_resumed(harness: Harness, wire: Wires, home: Path) -> None:
    server = wire(cut(5000, RESET), part(5000), NOT_MODIFIED)
    with pytest.raises(DownloadError):
        local_path(harness, server)
    path = local_path(harness, server)
    assert path.read_bytes() == FILE
    assert asked(server)[1] == after(5000)
    begin_another_process()
    assert local_path(harness, server) == path
    assert conditions(server)[2] == ETAG


def test_a_change_that_was_cut_is_resumed(harness: Harness, wire: Wires) -> None:
    rest = part(5000, OTHER[5000:], etag='"2"')
    server = wire(whole(), [*answer(OTHER[:5000], length=SIZE, ETag='"2"'), RESET], rest)
    old = local_path(harness, server)
    begin_another_process()
    assert local_path(harness, server) == old
    begin_another_process()
    assert local_path(harness, server).read_bytes() == OTHER
    assert conditions(server) == [None, ETAG, ETAG]
    assert asked(server)[2] == after(5000, '"2"')


def test_a_whole_file_that_was_not_moved(harness: Harness, wire: Wires) -> None:
    said = answer(b"", "416 Range Not Satisfiable", Content_Range="bytes */5000")
    server = wire(cut(5000, RESET), said, NOT_MODIFIED)
    with pytest.raises(DownloadError):
        local_path(harness, server)
    path = local_path(harness, server)
    assert path.read_bytes() == FILE[:5000]
    begin_another_process()
    assert local_path(harness, server) == path
    assert conditions(server) == [None, None, ETAG]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_cache_that_cannot_be_written(
    harness: Harness,
    wire: Wires,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    server = wire(whole(), NOT_MODIFIED, whole())
    path = local_path(harness, server)
    monkeypatch.setattr(Partial, "write", fail)
    begin_another_process()
    assert local_path(harness, server) == path  # what is there can still be read
    with pytest.raises(OSError, match=r"the cache can't be written .*XDG_CACHE_HOME") as caught:
        local_path(harness, server, scan_id=43)
    assert caught.value.errno == code


def test_a_file_in_the_place_of_the_cache(harness: Harness, wire: Wires, home: Path) -> None:
    home.write_bytes(b"")
    server = wire()
    with pytest.raises(OSError, match=r"the cache can't be written .*XDG_CACHE_HOME"):
        local_path(harness, server)
    assert server.requests == []


def test_a_home_in_which_no_cache_can_be_made(harness: Harness, wire: Wires) -> None:
    def refuse(name: str) -> str:
        raise OSError("the cache directory is actually a file")

    server = wire()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("astropy.config.get_cache_dir", refuse)
        with pytest.raises(OSError, match=r"^the cache can't be written \(the cache directory is"):
            local_path(harness, server)
    assert server.requests == []


def test_a_timeout_is_not_an_error_of_the_cache(harness: Harness, wire: Wires) -> None:
    from tests.support.wire import STALL

    with pytest.raises(TransportError, match="timed out"):
        local_path(harness, wire([STALL]), timeout=0.1)


def test_a_forked_process_asks_by_itself(
    harness: Harness, wire: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = wire(whole(), NOT_MODIFIED)
    path = local_path(harness, server)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert local_path(harness, server) == path
    assert conditions(server) == [None, ETAG]


def test_size_and_clear(harness: Harness, wire: Wires, home: Path) -> None:
    assert cache.size() == 0
    assert cache.folder() == home
    server = wire(whole(), whole(), cut(5000, RESET), whole())
    path = local_path(harness, server)
    local_path(harness, server, scan_id=43)
    with pytest.raises(DownloadError):
        local_path(harness, server, scan_id=44)
    assert 2 * SIZE + 5000 < cache.size() < 2 * SIZE + 6000
    cache.clear()
    assert cache.size() == 0
    assert list(home.iterdir()) == []
    assert local_path(harness, server) == path
    assert len(server.requests) == 4


@pytest.mark.parametrize("when", ["in the body", "before it is moved", "before it is entered"])
def test_clear_while_a_file_is_downloaded(
    harness: Harness, wire: Wires, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    (content,) = whole()

    def step(request: Received) -> Iterator[bytes]:
        yield content[:5000]
        if when == "in the body":
            come.wait(30)
            cache.clear()
        yield content[5000:]

    come = threading.Event()
    write, move, replace = Partial.write, Partial.move, os.replace
    cleared: list[bool] = []

    def write_and_tell(self: Partial, data: bytes) -> None:
        write(self, data)
        come.set()

    def clear_and_move(self: Partial, *arguments: Any, **options: Any) -> None:
        if when == "before it is moved" and not cleared:
            cleared.append(True)
            cache.clear()
        move(self, *arguments, **options)

    def clear_and_replace(source: Any, target: Any) -> None:
        if when == "before it is entered" and not cleared and str(target).endswith(".json"):
            cleared.append(True)
            cache.clear()
        replace(source, target)

    monkeypatch.setattr(Partial, "write", write_and_tell)
    monkeypatch.setattr(Partial, "move", clear_and_move)
    monkeypatch.setattr(os, "replace", clear_and_replace)
    server = wire(answerer=step)
    path = local_path(harness, server)
    assert path.read_bytes() == FILE
    cache.clear()
    assert cache.size() == 0

"""Hidden files: who has them, what is left of them, and how they become the file."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest

from grad300_sdk import Client
from grad300_sdk.downloads.partial import Partial, write_atomically
from tests.conftest import Harness
from tests.downloads.bench import (
    ALL,
    ETAG,
    FILE,
    OTHER,
    SIZE,
    TOKEN,
    after,
    asked,
    cut,
    hidden,
    part,
    seen,
    whole,
)
from tests.support.wire import RESET, STALL, Act, Received, Wire

fcntl = pytest.importorskip("fcntl", reason="locks, and open files removed")

LONG = bytes(300_000)  # after which the state is worth writing
WHOLE = {"ETag": ETAG, "Content-Length": str(SIZE)}


def answer(status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named or WHOLE)


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Callable[..., Partial]]:
    """Make hidden files with something in them, as one download after the other does."""
    made = []

    def begin(size: int = 5000, **headers: Any) -> Partial:
        made.append(new := Partial(tmp_path, "x"))
        new.headers()
        new.begin(answer(**headers), None)
        new.write(FILE[:size])
        return new

    yield begin
    for one in made:
        one.close(keep=False)


@pytest.fixture
def _no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "this file system has no locks")

    monkeypatch.setattr("fcntl.flock", refuse)


@pytest.fixture
def _no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "this file system has no links")

    monkeypatch.setattr(os, "link", refuse)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_left_is_resumed(begun: Callable[..., Partial], tmp_path: Path) -> None:
    begun().close(keep=True)
    assert hidden(tmp_path) == {".x.part": 5000}
    again = Partial(tmp_path, "x")
    assert again.headers() == {"Range": "bytes=5000-", "If-Range": ETAG}
    again.begin(answer(206, ETag=ETAG, Content_Range=f"bytes 5000-{SIZE - 1}/{SIZE}"), None)
    assert (again.size, again.total, again.is_truncated) == (5000, SIZE, True)
    again.write(FILE[5000:])
    assert not again.is_truncated
    again.move(tmp_path / "file", overwrite=False)
    assert seen(tmp_path) == {"file": FILE}
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("size", "headers"),
    [
        (0, WHOLE),
        (5000, {"ETag": 'W/"1"'}),
        (5000, {"Content-Length": "9"}),
        (5000, {"ETag": "9"}),
    ],
)
def test_nothing_is_left_that_cannot_be_resumed(
    begun: Callable[..., Partial], tmp_path: Path, size: int, headers: dict[str, str]
) -> None:
    begun(size, **{name.replace("-", "_"): value for name, value in headers.items()}).close(
        keep=True
    )
    assert names(tmp_path) == []


def test_nothing_is_left_of_what_is_not_to_be_kept(
    begun: Callable[..., Partial], tmp_path: Path
) -> None:
    begun().close(keep=False)
    assert names(tmp_path) == []


def test_nothing_is_left_without_a_state(begun: Callable[..., Partial], tmp_path: Path) -> None:
    new = begun()
    (tmp_path / ".x.state").mkdir()  # in its place, so that it can't be written
    new.close(keep=True)
    assert names(tmp_path) == [".x.state"]


def test_what_has_no_state_is_not_resumed(tmp_path: Path) -> None:
    (tmp_path / ".x.part").write_bytes(FILE[:5000])  # a process was killed before it wrote one
    new = Partial(tmp_path, "x")
    assert new.headers() == {}
    new.begin(answer(), None)
    new.write(OTHER)
    new.move(tmp_path / "file", overwrite=False)
    assert seen(tmp_path) == {"file": OTHER}
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("pieces", "total", "has_state"),
    [
        ([FILE], SIZE, False),
        ([FILE], 2 * SIZE, False),
        ([LONG], len(LONG), False),
        ([LONG], 2 * len(LONG), True),
        ([LONG, LONG], 2 * len(LONG), True),
        ([LONG], None, True),
    ],
)
def test_the_state_is_written_once_it_is_worth_it(
    tmp_path: Path, pieces: list[bytes], total: int | None, has_state: bool
) -> None:
    new = Partial(tmp_path, "x")
    assert new.headers() == {}
    new.begin(answer(ETag=ETAG, **({} if total is None else {"Content_Length": str(total)})), None)
    for piece in pieces:
        new.write(piece)
    assert names(tmp_path) == [".x.part", *([".x.state"] if has_state else [])]
    new.move(tmp_path / "file", overwrite=False)
    assert seen(tmp_path) == {"file": b"".join(pieces)}
    assert names(tmp_path) == ["file"]


def test_a_stale_state_is_not_that_of_a_new_file(
    begun: Callable[..., Partial], tmp_path: Path
) -> None:
    (tmp_path / ".x.state").write_text(json.dumps({"etag": ETAG, "file_name": None}))
    begun(5000, ETag='W/"2"', Content_Length="9000")
    assert names(tmp_path) == [".x.part"]


def test_each_download_has_a_file_of_its_own(
    begun: Callable[..., Partial], tmp_path: Path
) -> None:
    several = [begun(size) for size in range(1, 11)]
    for one in several:
        one.close(keep=True)
    first = [".x.part", *(f".x.{number}.part" for number in range(1, 10))]
    assert sorted(hidden(tmp_path)) == sorted(first)
    # Only the first of them is resumed, and the others are removed except for the last two:
    # eight paths are searched, and no more.
    one = begun(0)
    one.close(keep=False)
    assert sorted(hidden(tmp_path)) == [".x.8.part", ".x.9.part"]


def test_the_files_of_downloads_under_way_are_left_alone(
    begun: Callable[..., Partial], tmp_path: Path
) -> None:
    one, two, three = begun(1), begun(2), begun(3)
    two.close(keep=True)
    four = Partial(tmp_path, "x")
    assert four.headers() == {"Range": "bytes=2-", "If-Range": ETAG}
    four.close(keep=True)
    one.close(keep=True)
    three.close(keep=True)
    assert hidden(tmp_path) == {".x.part": 1, ".x.2.part": 3, ".x.3.part": 2}
    last = Partial(tmp_path, "x")
    assert last.headers() == {"Range": "bytes=1-", "If-Range": ETAG}
    assert names(tmp_path) == [".x.1.part", ".x.1.state"]
    last.close(keep=False)
    last.close(keep=False)


def test_a_file_that_was_moved_while_it_was_opened(
    begun: Callable[..., Partial], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, lock = begun(), fcntl.flock

    def lock_late(file: Any, operation: int) -> None:
        if not first_moved:
            first_moved.append(True)
            first.move(tmp_path / "file", overwrite=False)
        lock(file, operation)

    first_moved: list[bool] = []
    monkeypatch.setattr(fcntl, "flock", lock_late)
    second = Partial(tmp_path, "x")
    assert second.headers() == {}
    assert second.size == 0
    second.begin(answer(), None)
    second.write(OTHER)
    second.move(tmp_path / "other", overwrite=False)
    assert seen(tmp_path) == {"file": FILE[:5000], "other": OTHER}


def test_a_file_that_another_has_made_anew(
    begun: Callable[..., Partial], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun().close(keep=True)
    lock = fcntl.flock

    def lock_late(file: Any, operation: int) -> None:
        if not anew:
            (tmp_path / ".x.part").unlink()
            anew.append(open(tmp_path / ".x.part", "wb"))  # noqa: SIM115
            lock(anew[0], operation)
        lock(file, operation)

    anew: list[Any] = []
    monkeypatch.setattr(fcntl, "flock", lock_late)
    second = Partial(tmp_path, "x")
    assert second.headers() == {}
    second.begin(answer(Content_Length="1000000", ETag=ETAG), None)
    second.write(LONG)
    assert names(tmp_path) == [".x.1.part", ".x.1.state", ".x.part", ".x.state"]
    second.close(keep=False)
    anew[0].close()


@pytest.mark.usefixtures("_no_locks")
def test_without_locks_nothing_is_taken_and_nothing_is_left(
    begun: Callable[..., Partial], tmp_path: Path
) -> None:
    (tmp_path / ".x.part").write_bytes(b"another's, perhaps")
    new = begun(0, Content_Length="1000000", ETag=ETAG)
    new.write(LONG)
    assert names(tmp_path) == [".x.1.part", ".x.1.state", ".x.part"]
    new.close(keep=True)
    assert names(tmp_path) == [".x.part"]


@pytest.mark.usefixtures("_no_locks")
def test_without_locks_a_cut_body_is_resumed_in_one_call(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path
) -> None:
    server = wire(cut(5000, RESET), part(5000))
    client = harness.client(server.url, token=TOKEN)
    harness.run(client.scans["TPI"][42].file.save(tmp_path))
    assert asked(server) == [ALL, after(5000)]
    assert names(tmp_path) == ["TPI_42.fits"]


@pytest.mark.usefixtures("_no_links")
def test_without_links(begun: Callable[..., Partial], tmp_path: Path) -> None:
    begun().move(tmp_path / "file", overwrite=False)
    assert seen(tmp_path) == {"file": FILE[:5000]}
    second = begun(100)
    with pytest.raises(FileExistsError):
        second.move(tmp_path / "file", overwrite=False)
    assert seen(tmp_path) == {"file": FILE[:5000]}
    second.move(tmp_path / "file", overwrite=True)
    assert seen(tmp_path) == {"file": FILE[:100]}
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("file_name", [None, "x.fits"])
@pytest.mark.parametrize("content", [FILE, OTHER, FILE[:-1]])
def test_a_file_that_appears_meanwhile(
    harness: Harness,
    wire: Callable[..., Wire],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    content: bytes,
    file_name: str | None,
    links: bool,
) -> None:
    if not links:
        request.getfixturevalue("_no_links")
    path = tmp_path / (file_name or "TPI_42.fits")

    def step(received: Received) -> Iterator[bytes]:
        path.write_bytes(content)
        yield from whole()

    os.utime(tmp_path, (0, 0))  # on older kernels, changes within 4 ms have the same time
    server = wire(answerer=step)
    client = harness.client(server.url, token=TOKEN)
    save = client.scans["TPI"][42].file.save
    if content == FILE:
        assert harness.run(save(tmp_path, file_name=file_name)) == path
    else:
        with pytest.raises(FileExistsError, match="overwrite=True"):
            harness.run(save(tmp_path, file_name=file_name))
    assert path.read_bytes() == content
    assert names(tmp_path) == [path.name]


def test_a_state_is_not_written_through_a_link(
    begun: Callable[..., Partial], tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / ".x.state").symlink_to(victim)
    begun().close(keep=True)
    assert victim.read_bytes() == b"precious"
    assert json.loads((tmp_path / ".x.state").read_text())["etag"] == ETAG


def test_a_folder_whose_names_are_hidden(
    harness: Harness,
    wire: Callable[..., Wire],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError

    (tmp_path / "TPI_42.fits").write_bytes(OTHER)
    monkeypatch.setattr(os, "listdir", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    server = wire(whole(), whole())
    client = harness.client(server.url, token=TOKEN)
    with pytest.raises(FileExistsError):
        harness.run(client.scans["TPI"][42].file.save(tmp_path))
    harness.run(client.scans["TPI"][43].file.save(tmp_path))  # nor is it listed
    monkeypatch.undo()
    assert names(tmp_path) == ["TPI_42.fits", "TPI_43.fits"]


@pytest.mark.parametrize("others", [False, True])
def test_a_file_that_was_there_is_refused_before_its_body_comes(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path, others: bool
) -> None:
    (tmp_path / "TPI_42.fits").write_bytes(FILE)
    os.utime(tmp_path, (2**32, 2**32))  # later than any change of the file

    def step(received: Received) -> Iterator[bytes | Act]:
        if others:  # change the folder meanwhile
            (tmp_path / "other.fits").write_bytes(OTHER)
        yield from cut(0, STALL)

    client = harness.client(wire(answerer=step).url, token=TOKEN)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        harness.run(client.scans["TPI"][42].file.save(tmp_path))
    assert names(tmp_path) == ["TPI_42.fits", *(["other.fits"] if others else [])]


def test_what_cannot_be_written_atomically_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    write_atomically(path, b"old")

    def fail(*arguments: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no room"):
        write_atomically(path, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("x.json", b"old")]


@pytest.fixture
def lying_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grant every lock to everyone, as some cluster file systems do."""
    monkeypatch.setattr(fcntl, "flock", lambda file, operation: None)


@pytest.mark.usefixtures("lying_locks")
def test_a_download_under_way_is_not_written_to_by_another(
    begun: Callable[..., Partial], tmp_path: Path
) -> None:
    one = begun(0)
    one.write(LONG)  # its state is on disk now
    two = Partial(tmp_path, "x")
    size = two.size
    assert two.headers() == {} or size <= len(LONG)
    two.begin(answer(), None)
    two.write(OTHER)
    one.write(FILE)
    for partial, target in ((one, "one"), (two, "two")):
        partial.move(tmp_path / target, overwrite=False)
    assert (tmp_path / "one").read_bytes() == LONG + FILE
    assert (tmp_path / "two").read_bytes() == OTHER
    assert names(tmp_path) == ["one", "two"]


@pytest.mark.usefixtures("lying_locks")
def test_two_downloads_resume_what_one_left(begun: Callable[..., Partial], tmp_path: Path) -> None:
    begun(5000).close(keep=True)
    both = [Partial(tmp_path, "x"), Partial(tmp_path, "x")]
    asked = [partial.headers() for partial in both]
    assert asked[0] == {"Range": "bytes=5000-", "If-Range": ETAG}
    for number, partial in enumerate(both):
        partial.begin(answer(206, **part_of(5000)) if asked[number] else answer(), None)
        partial.write(FILE[partial.size :])
        partial.move(tmp_path / str(number), overwrite=False)
    assert [(tmp_path / str(n)).read_bytes() for n in range(2)] == [FILE, FILE]


@pytest.mark.usefixtures("lying_locks")
def test_what_starts_over_while_it_is_copied_is_not_resumed(
    begun: Callable[..., Partial], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = begun(0)
    one.write(LONG)
    copy = shutil.copyfileobj

    def copy_slowly(*arguments: Any) -> None:
        copy(*arguments)
        one.restart()

    monkeypatch.setattr(shutil, "copyfileobj", copy_slowly)
    two = Partial(tmp_path, "x")
    assert two.headers() == {}
    assert (two.size, two.etag) == (0, None)
    two.close(keep=False)


@pytest.mark.usefixtures("lying_locks")
def test_eight_threads_save_one_file_without_locks(
    wire: Callable[..., Wire], tmp_path: Path
) -> None:
    arrived = Barrier(8)

    def answer_all() -> Iterator[bytes | Act]:
        arrived.wait(30)
        yield from whole()

    server = wire(answerer=lambda request: answer_all())
    with (
        Client(server.url, token=TOKEN, max_connections=8) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        file = client.scans["TPI"][42].file
        paths = [pool.submit(file.save, tmp_path) for _ in range(8)]
        assert {path.result() for path in paths} == {tmp_path / "TPI_42.fits"}
    assert seen(tmp_path) == {"TPI_42.fits": FILE}


def part_of(start: int) -> dict[str, str]:
    """Return the headers of an answer with the rest of the file."""
    return {"ETag": ETAG, "Content_Range": f"bytes {start}-{SIZE - 1}/{SIZE}"}

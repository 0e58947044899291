"""The mirror of an archive: what it saves, and what it outlives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import mirror
import pytest

from grad300_sdk import Client
from grad300_sdk.sandbox import Sandbox
from tests.resources.archive import Row, scan


@pytest.fixture(scope="module")
def small() -> Iterator[Sandbox]:
    """An archive of twelve scans."""
    with Sandbox(scans=12, seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def run(
    small: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int | None]:
    """Run the program on a folder below the test's, and return its exit status."""
    token = tmp_path / "token"
    with Client(small.url) as client:
        token.write_text(client.login(small.user, small.password))

    def run(*arguments: str) -> int | None:
        options = ["--base-url", small.url, "--token-file", str(token), *arguments]
        monkeypatch.setattr(sys, "argv", ["mirror.py", str(tmp_path / "a/b"), *options])
        return mirror.main()

    return run


def files(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder by their paths, hidden ones aside."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_folder_becomes_a_copy_of_the_archive(
    run: Any, small: Sandbox, tmp_path: Path, capsys: Any
) -> None:
    assert run("--once") == 0
    with Client(small.url, user=small.user, password=small.password) as client:
        wanted = {
            f"{row['file_path']}/{row['file_name']}": client.scans[row["scan_type"]][
                row["id"]
            ].file.get()
            for row in client.scans.search()
        }
    assert files(tmp_path / "a/b") == wanted
    assert len(wanted) == 12
    assert sorted(capsys.readouterr().out.split()[1::2]) == sorted(wanted)


def test_the_next_run_saves_only_what_is_missing(
    run: Any, tmp_path: Path, capsys: Any, small: Sandbox
) -> None:
    assert run("--once") == 0
    before = files(tmp_path / "a/b")
    gone, cut, *_ = before
    (tmp_path / "a/b" / gone).unlink()
    (tmp_path / "a/b" / cut).write_bytes(b"x")
    capsys.readouterr()
    assert run("--once") == 0
    assert sorted(capsys.readouterr().out.split()[1::2]) == sorted([gone, cut])
    assert files(tmp_path / "a/b") == before
    assert run("--once") == 0
    assert capsys.readouterr().out == ""


def test_another_run_on_the_same_folder_ends_at_once(
    run: Any, tmp_path: Path, capsys: Any
) -> None:
    with mirror.locked(tmp_path / "a/b"):
        assert run("--once") == 0
    assert capsys.readouterr().out == f"Another run is at work on {tmp_path / 'a/b'}.\n"
    assert files(tmp_path / "a/b") == {}
    assert run("--once") == 0
    assert len(files(tmp_path / "a/b")) == 12


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    program = (
        "import mirror, pathlib, sys\n"
        "with mirror.locked(pathlib.Path(sys.argv[1])):\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        cwd=Path(mirror.__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(BlockingIOError), mirror.locked(tmp_path):
            pass
        process.kill()
    with mirror.locked(tmp_path):
        pass


def test_a_refused_token_is_one_line(run: Any, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "token").write_text("wrong")
    assert run("--once") == 1
    error = capsys.readouterr().err
    assert error.startswith("AuthenticationError: Could not validate credentials")
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("--once", "--every", "3"), ("--every", "soon")])
def test_wrong_usage(run: Any, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as raised:
        run(*arguments)
    assert raised.value.code == 2


class Archive:
    """An archive of TPI scans, some of whose files fail."""

    def __init__(self, *rows: Row) -> None:
        self.rows = [*rows]
        self.failing: set[int] = set()
        self.downloads: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        *_, number, last = request.url.path.split("/")
        if last == "download":
            self.downloads.append(int(number))
            if int(number) in self.failing:
                return httpx.Response(404, json={"detail": "it is not there"})
            return httpx.Response(200, content=b"SIMPLE  =".ljust(2880))
        offset = int(request.url.params["offset"])
        is_wanted = request.url.path.endswith("/TPI/")
        return httpx.Response(200, json=self.rows[offset:] if is_wanted else [])


def row(number: int, **changes: Any) -> Row:
    """Return a row of a listing."""
    return scan(number, file_path="20250204/FITS", size=2880, **changes)


def follow(archive: Archive, folder: Path, *events: Callable[[], object]) -> None:
    """Mirror an archive while these events happen, one between two looks; then interrupt it."""
    waiting = iter(events)

    async def sleep(seconds: float) -> None:
        assert seconds == 60.0
        event = next(waiting, None)
        if event is None:
            raise KeyboardInterrupt
        event()

    with (
        Client("https://archive", transport=httpx.MockTransport(archive), retries=0) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(client.driver.network, "sleep", sleep)
        with pytest.raises(KeyboardInterrupt):
            mirror.mirror(client, folder, every=60.0)


def test_new_scans_are_saved_as_they_appear(tmp_path: Path) -> None:
    archive = Archive(row(1), row(2))
    follow(archive, tmp_path, lambda: archive.rows.append(row(3)), lambda: None)
    assert sorted(files(tmp_path)) == [
        f"20250204/FITS/20250204-{number:06}_TPI-GRAD300-SUN_01#_01#.fits" for number in (1, 2, 3)
    ]
    assert sorted(archive.downloads) == [1, 2, 3]


def test_files_that_failed_are_asked_for_with_the_next_scan(tmp_path: Path, capsys: Any) -> None:
    archive = Archive(row(1), row(2))
    archive.failing = {1, 2}

    def repair() -> None:
        archive.failing = {2}
        archive.rows.append(row(3))

    follow(archive, tmp_path, lambda: None, repair, lambda: archive.rows.append(row(4)))
    assert archive.downloads.count(1) == 2
    assert archive.downloads.count(2) == 3
    assert len(files(tmp_path)) == 3
    assert "it is not there" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*left out")
def test_a_bad_row_does_not_end_it(tmp_path: Path) -> None:
    archive = Archive(row(1), {**row(2), "id": "two"})
    follow(archive, tmp_path, lambda: archive.rows.append(row(3)))
    assert sorted(archive.downloads) == [1, 3]


def test_a_wrong_interval_is_said_before_anything_is_saved(
    run: Any, tmp_path: Path, capsys: Any
) -> None:
    assert run("--every", "0") == 1
    assert "every must be a finite number above 0" in capsys.readouterr().err
    assert files(tmp_path / "a/b") == {}


def test_ctrl_c_says_that_the_next_run_resumes(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mirror, "mirror", interrupt)
    assert run("--every", "60") == 130
    assert capsys.readouterr().err == "Interrupted; the next run resumes.\n"

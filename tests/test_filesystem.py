"""The archive as a file system of fsspec, used as dask, pandas, pyarrow and others use it."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import logging
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from operator import methodcaller
from pathlib import Path
from typing import Any

import fsspec
import httpx
import pandas
import pyarrow.fs
import pytest
import upath
import upath.registry
from astropy.io import fits
from fsspec.core import get_fs_token_paths
from fsspec.exceptions import FSTimeoutError
from fsspec.utils import infer_storage_options

from grad300_sdk import (
    AuthenticationError,
    Client,
    DownloadError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    read,
)
from grad300_sdk.filesystem import Grad300File, Grad300FileSystem
from grad300_sdk.sandbox import Sandbox
from tests.support.forks import exit_status, needs_fork
from tests.support.wire import STALL, Received, Wire, answer

fsspec.register_implementation("grad300", Grad300FileSystem, clobber=True)
upath.registry.register_implementation("grad300", upath.UPath, clobber=True)

Options = dict[str, Any]


@pytest.fixture(autouse=True)
def no_instances() -> Iterator[None]:
    """Have fsspec forget the file systems of a test."""
    yield
    Grad300FileSystem.clear_instance_cache()


@pytest.fixture
def options(sandbox: Sandbox) -> Options:
    return {"base_url": sandbox.url, "user": sandbox.user, "password": sandbox.password}


@pytest.fixture
def fs(options: Options) -> Any:
    return fsspec.filesystem("grad300", **options)


@pytest.fixture
def content(client_here: Client) -> bytes:
    """The file of a scan."""
    return client_here.scans["TPI"][1].file.get()


@pytest.fixture
def client_here(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        yield client


class FakeArchive:
    """An archive of one file, on a server that gets wrong what it is told to."""

    def __init__(
        self, wire: Any, content: bytes, *, ranges: bool = True, size: int | None = None
    ) -> None:
        self.content, self.ranges, self.size = content, ranges, size
        self.etag = '"1"'
        self.answers: dict[str, Any] = {}
        self.server: Wire = wire(answerer=self)

    @property
    def fs(self) -> Any:
        return fsspec.filesystem("grad300", base_url=self.server.url, force_noauth=True, retries=0)

    @property
    def asked(self) -> list[str]:
        """What was requested, and the range of it."""
        return [
            " ".join([request.target.removeprefix("/api/v1/scans/"), *filter(None, [part])])
            for request in self.server.requests
            for part in [request.headers.get("range")]
        ]

    def __call__(self, request: Received) -> Any:
        path = request.target.removeprefix("/api/v1/scans/")
        if path in self.answers:
            return self.answers[path]
        row = {"id": 1, "file_name": "sun_01#.fits", "size": self.size, "mtime": "2025-02-04"}
        if path == "TPI/1":
            return answer(json.dumps(row).encode())
        if path.startswith("TPI/?"):
            return answer(json.dumps([row] if "offset=0" in path else []).encode())
        if path != "TPI/1/download":
            return answer(b'{"detail": "Scan not found"}', "404 Not Found")
        part = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
        if not self.ranges or part is None:
            return answer(self.content, ETag=self.etag)
        total = len(self.content)
        start, stop = int(part[1] or 0), int(part[2] or total) + 1
        if not part[1]:
            start, stop = max(total - int(part[2]), 0), total
        if start >= total:
            refusal = {"Content_Range": f"bytes */{total}"}
            return answer(b"", "416 Range Not Satisfiable", **refusal)
        body = self.content[start:stop]
        sent = {"Content_Range": f"bytes {start}-{start + len(body) - 1}/{total}"}
        return answer(body, "206 Partial Content", ETag=self.etag, **sent)


@pytest.fixture
def fake(wire: Any) -> Callable[..., FakeArchive]:
    def make(content: bytes = b"SIMPLE" + bytes(range(94)), **options: Any) -> FakeArchive:
        return FakeArchive(wire, content, **options)

    return make


@pytest.mark.parametrize(
    "name",
    [
        *("TPI/42.fits", "TPI/42", "/TPI/42", "tpi/42.fits", "grad300://TPI/42"),
        *("grad300:///TPI/42.fits", "grad300://TPI/42/"),
    ],
)
def test_a_file_has_one_name(name: str) -> None:
    assert Grad300FileSystem._strip_protocol(name) == "TPI/42.fits"


@pytest.mark.parametrize(
    ("name", "folder"),
    [("", ""), ("grad300://", ""), ("/", ""), ("images/", "Images"), ("on_off", "OnOff")],
)
def test_a_folder_has_one_name(fs: Any, name: str, folder: str) -> None:
    assert fs.info(name) == {"name": folder, "size": 0, "type": "directory"}
    assert fs.isdir(name)
    assert fs.exists(name)


def test_patterns_stay_as_they_are() -> None:
    for pattern in ("*", "TPI/*", "TPI/4?.fits", "TPI/**"):
        assert Grad300FileSystem._strip_protocol(pattern) == pattern


@pytest.mark.parametrize(
    "name",
    ["TPI/99999", "TPI/042", "TPI/-1", "TPI/x", "TPI/1/2", "Other", "Other/1", "TPI/1.txt"],
)
def test_what_is_not_there(fs: Any, name: str, tmp_path: Path) -> None:
    for call in (fs.info, fs.cat_file, fs.open, fs.ls, lambda n: fs.get(n, str(tmp_path))):
        with pytest.raises(FileNotFoundError):
            call(name)
    assert not fs.exists(name)
    assert not fs.isfile(name)
    assert not fs.isdir(name)
    assert fs.find(name) == fs.glob(name) == []


def test_a_folder_is_not_read(fs: Any) -> None:
    for call in (fs.open, fs.cat_file):
        with pytest.raises(IsADirectoryError):
            call("TPI")


def test_fsspec_cuts_nothing_off_a_url() -> None:
    assert infer_storage_options("grad300://TPI/42.fits") == {
        **{"protocol": "grad300", "host": "TPI", "path": "/42.fits"},
    }


def test_a_listing_has_two_levels(fs: Any) -> None:
    assert fs.ls("grad300://", detail=False) == ["TPI", "Images", "Spectrum", "OnOff"]
    names = fs.ls("grad300://TPI", detail=False)
    assert names[0] == "TPI/1.fits"
    assert fs.ls(names[0], detail=False) == names[:1]
    walked = {path: files for path, _, files in fs.walk("")}
    assert next(fs.walk("", topdown=False))[0] == "TPI"
    assert [f"TPI/{name}" for name in walked["TPI"]] == names


def test_info(fs: Any, client_here: Client) -> None:
    record = client_here.scans["TPI"][1].record()
    info = fs.info("TPI/1")
    assert (info["name"], info["type"], info["size"]) == ("TPI/1.fits", "file", record.size)
    assert (info["file_name"], info["date"]) == (record.file_name, record.date)
    assert info["source"] == record.source
    assert fs.created("TPI/1") == record.date
    assert fs.modified("TPI/1").tzinfo is UTC
    assert info in fs.ls("TPI")
    assert fs.sizes(["TPI/1", "TPI/1.fits"]) == [record.size, record.size]


def test_find_and_glob(fs: Any) -> None:
    everything = fs.find("")
    assert everything == sorted(everything)
    assert everything == fs.glob("*/*") == fs.glob("**/*.fits")
    assert fs.find("TPI") == fs.glob("TPI/*.fits")
    assert fs.glob("TPI/[12].fits") == ["TPI/1.fits", "TPI/2.fits"]
    assert set(fs.glob("*")) == {"TPI", "Images", "Spectrum", "OnOff"}
    assert fs.find("TPI/1") == ["TPI/1.fits"]
    assert fs.du("OnOff") == sum(info["size"] for info in fs.ls("OnOff"))


def test_a_listing_is_used_again_for_a_while(fake: Any) -> None:
    archive = fake()
    archive.fs.ls("TPI")
    listings = len(archive.asked)
    archive.fs.find("TPI")
    archive.fs.info("TPI/1")
    assert len(archive.asked) == listings
    archive.fs.ls("TPI", refresh=True)
    archive.fs.invalidate_cache()
    archive.fs.ls("TPI")
    assert len(archive.asked) == 3 * listings


def test_what_a_caller_changes_is_not_what_is_used_again(fs: Any) -> None:
    info = fs.ls("TPI", refresh=True)[0]
    size, info["size"] = info["size"], 0
    fs.ls("TPI")[0]["size"] = 0
    assert fs.info("TPI/1")["size"] == size


def test_a_server_without_single_scans(fake: Any) -> None:
    archive = fake()
    archive.answers["TPI/1"] = answer(b'{"detail": "Not Found"}', "404 Not Found")
    archive.answers["TPI/2"] = archive.answers["TPI/1"]
    assert archive.fs.info("TPI/1")["file_name"] == "sun_01#.fits"
    archive.fs.invalidate_cache()
    assert not archive.fs.exists("TPI/2")


SLICES = [
    *((0, 10), (5, 10), (90, 200), (100, 110), (0, None), (7, None), (None, 7), (None, None)),
    *(
        (-10, None),
        (-10, -2),
        (5, -2),
        (None, -5),
        (-5, 100),
        (-200, None),
        (-200, -95),
        (99, 100),
    ),
    *((5, 5), (0, 0), (-5, 0), (9, 5), (200, 300)),
]


@pytest.mark.parametrize("ranges", [True, False])
def test_slices_of_a_file(fake: Any, ranges: bool) -> None:
    archive = fake(ranges=ranges)
    for start, end in SLICES:
        assert archive.fs.cat_file("TPI/1", start, end) == archive.content[start:end]
    starts, ends = zip(*SLICES, strict=True)
    read = archive.fs.cat_ranges(["TPI/1"] * len(SLICES), list(starts), list(ends))
    assert read == [archive.content[start:end] for start, end in SLICES]


def test_slices_of_the_sandbox(fs: Any, content: bytes) -> None:
    for start, end in SLICES:
        assert fs.cat_file("TPI/1", start, end) == content[start:end]
    assert fs.cat_file("TPI/1", len(content), len(content) + 1) == b""


def test_only_what_is_asked_for_is_sent(fake: Any) -> None:
    archive = fake()
    archive.fs.cat_file("TPI/1", 10, 20)
    archive.fs.cat_file("TPI/1", -7)
    archive.fs.cat_file("TPI/1")
    assert archive.asked == [
        *("TPI/1/download bytes=10-19", "TPI/1/download bytes=-7", "TPI/1/download"),
    ]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("cache_type", ["readahead", "bytes", "blockcache", "none", "all"])
@pytest.mark.parametrize("size", [None, 3, 100, 1000])
def test_an_open_file(fake: Any, ranges: bool, cache_type: str, size: int | None) -> None:
    archive = fake(ranges=ranges, size=size)  # the listing may say what it likes
    with archive.fs.open("TPI/1", block_size=16, cache_type=cache_type) as file:
        assert isinstance(file, Grad300File)
        assert file.size == file.seek(0, 2) == 100
        assert file.read() == b""
        assert file.seek(40) == 40
        assert file.read(5) == archive.content[40:45]
        assert file.seek(0) == 0
        assert file.read() == archive.content
    if not ranges:
        assert archive.asked == ["TPI/1/download bytes=0-15"]  # whole, and once


def test_a_small_file_takes_one_request(fake: Any) -> None:
    archive = fake()
    with fsspec.open("grad300://TPI/1", **archive.fs.storage_options) as file:
        assert file.read() == archive.content
    assert archive.asked == ["TPI/1/download bytes=0-5242879"]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_empty_file(fake: Any, ranges: bool) -> None:
    archive = fake(b"", ranges=ranges)
    with archive.fs.open("TPI/1") as file:
        assert (file.size, file.read()) == (0, b"")


def test_a_file_opened_as_text(fs: Any) -> None:
    with fs.open("TPI/1", "r", encoding="latin-1", newline="\n") as file:
        assert file.read(9) == "SIMPLE  ="


@pytest.mark.parametrize(
    ("part", "length"),
    [
        (None, 10),
        ("bytes 1-10/100", 10),
        ("bytes 0-9/*", 10),
        ("pages 0-9/100", 10),
        ("bytes 0-8/100", 9),
        ("bytes 0-9/100", 9),
    ],
)
def test_a_part_that_is_not_the_one_asked_for(fake: Any, part: str | None, length: int) -> None:
    class Odd(FakeArchive):
        def __call__(self, request: Received) -> Any:
            if "range" in request.headers:
                headers = {} if part is None else {"Content_Range": part}
                return answer(bytes(length), "206 Partial Content", **headers)
            return super().__call__(request)

    archive = fake()
    archive.__class__ = Odd
    assert archive.fs.cat_file("TPI/1", 0, 10) == archive.content[:10]
    with archive.fs.open("TPI/1", block_size=10) as file:
        assert file.read() == archive.content


def test_a_part_beyond_the_end_is_empty(fake: Any) -> None:
    archive = fake()
    assert archive.fs.cat_file("TPI/1", 100) == archive.fs.cat_file("TPI/1", 200, 300) == b""
    assert archive.asked == ["TPI/1/download bytes=100-", "TPI/1/download bytes=200-299"]


def test_an_open_file_from_another_process_is_read_whole_once(fake: Any) -> None:
    archive = fake(ranges=False)
    with archive.fs.open("TPI/1", block_size=16, cache_type="bytes") as file:
        pickled = pickle.dumps(file)
    with pickle.loads(pickled) as copy:
        assert [copy.read(40), copy.read(40), copy.read()] == [
            *(archive.content[:40], archive.content[40:80], archive.content[80:]),
        ]
    assert len(archive.asked) == 2


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("change", ["etag", "size"])
def test_a_file_that_changes_meanwhile(fake: Any, ranges: bool, change: str) -> None:
    archive = fake()
    with archive.fs.open("TPI/1", block_size=16) as file:
        file.read(8)
        archive.etag = '"2"' if change == "etag" else archive.etag
        archive.content += b"" if change == "etag" else b"more"
        archive.ranges = ranges
        file.seek(50)
        with pytest.raises(OSError, match="has changed since it was opened") as caught:
            file.read(8)
    assert caught.value.errno == errno.ESTALE


def test_many_at_once(fs: Any, client_here: Client) -> None:
    names = fs.glob("Images/*")[:30]
    read = fs.cat(names)
    for name in names[:3]:
        scan_id = int(name[len("Images/") : -len(".fits")])
        assert read[name] == client_here.scans["Images"][scan_id].file.get()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fs.cat_file, names)) == [read[name] for name in names]


def test_no_more_at_once_than_there_are_connections(options: Options) -> None:
    few = fsspec.filesystem("grad300", **options, max_connections=3)
    assert few.batch_size == 3


def test_get_one_file(fs: Any, content: bytes, tmp_path: Path) -> None:
    fs.get("grad300://TPI/1", f"{tmp_path}/folder/")
    fs.get_file("TPI/1", tmp_path / "sun#1.fits")
    assert (tmp_path / "folder/1.fits").read_bytes() == content
    assert (tmp_path / "sun#1.fits").read_bytes() == content
    fs.get_file("TPI/1", tmp_path / "sun#1.fits")  # again
    assert sorted(os.listdir(tmp_path)) == ["folder", "sun#1.fits"]
    with (tmp_path / "open").open("wb") as file:
        fs.get_file("TPI/1", file)
    assert (tmp_path / "open").read_bytes() == content


def test_get_a_folder(fs: Any, tmp_path: Path) -> None:
    fs.get("OnOff", str(tmp_path / "copy"), recursive=True)
    names = {path.name for path in (tmp_path / "copy").iterdir()}
    assert names == {name.removeprefix("OnOff/") for name in fs.find("OnOff")}


def test_get_says_how_far_it_is(fs: Any, content: bytes, tmp_path: Path) -> None:
    callback = fsspec.callbacks.Callback()
    fs.get_file("TPI/1", str(tmp_path / "file"), callback=callback)
    assert callback.size == callback.value == len(content)


def test_what_is_no_file_of_the_telescope(fake: Any, tmp_path: Path) -> None:
    archive = fake(b"<html>Log in first")
    with pytest.raises(DownloadError, match="not a FITS file"):
        archive.fs.get("TPI/1", str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_nothing_can_be_written(fs: Any, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_text("x")
    arrow = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(fs))
    calls: list[Callable[[], Any]] = [
        *(lambda mode=mode: fs.open("TPI/1", mode) for mode in ("wb", "ab", "xb", "r+b", "w")),
        *(lambda: fs.pipe_file("TPI/1", b""), lambda: fs.pipe({"TPI/1": b""})),
        *(lambda: fs.write_text("TPI/1", ""), lambda: fs.write_bytes("TPI/1", b"")),
        *(lambda: fs.touch("TPI/1"), lambda: fs.touch("TPI/1", truncate=False)),
        *(lambda: fs.put(str(local), "TPI/1"),),
        *(lambda: fs.put(str(tmp_path), "TPI", recursive=True),),
        *(lambda: fs.put_file(str(local), "TPI/1"), lambda: fs.mkdir("TPI")),
        *(lambda: fs.makedirs("new/folder"), lambda: fs.rmdir("TPI")),
        *(lambda: fs.rm("TPI/1"), lambda: fs.rm("TPI", recursive=True)),
        *(lambda: fs.rm_file("TPI/1"), lambda: fs.cp("TPI/1", "TPI/2")),
        *(lambda: fs.cp_file("TPI/1", "TPI/2"), lambda: fs.mv("TPI/1", "TPI/2")),
        *(lambda: arrow.create_dir("new"), lambda: arrow.delete_file("TPI/1")),
        *(lambda: arrow.open_output_stream("TPI/1"), lambda: arrow.move("TPI/1", "TPI/2")),
    ]
    for call in calls:
        with pytest.raises(OSError, match="the archive can only be read") as caught:
            call()
        assert caught.value.errno == errno.EROFS


@pytest.mark.parametrize("wrong", [{"token": "wrong"}, {"force_noauth": True}])
def test_refused_credentials(sandbox: Sandbox, wrong: Options, tmp_path: Path) -> None:
    fs = fsspec.filesystem("grad300", base_url=sandbox.url, **wrong)
    for call in (
        *(lambda: fs.ls("TPI"), lambda: fs.info("TPI/1"), lambda: fs.open("TPI/1")),
        *(lambda: fs.cat_file("TPI/1", 0, 9), lambda: fs.find(""), lambda: fs.glob("TPI/*")),
        *(lambda: fs.exists("TPI/1"), lambda: fs.isfile("TPI/1"), lambda: list(fs.walk("TPI"))),
        *(lambda: fs.get("TPI/1", str(tmp_path)), lambda: fs.get_file("TPI/1", "x")),
    ):
        with pytest.raises(PermissionError) as caught:
            call()
        assert isinstance(caught.value.__cause__, AuthenticationError)
        assert caught.value.filename


def test_a_wrong_password(options: Options) -> None:
    fs = fsspec.filesystem("grad300", **{**options, "password": "wrong"})
    with pytest.raises(PermissionError, match="Incorrect email or password"):
        fs.ls("TPI")


def test_other_errors_are_those_of_the_sdk(fake: Any, tmp_path: Path) -> None:
    archive = fake()
    refusal = answer(b"no", "500 Internal Server Error")
    archive.answers = dict.fromkeys(["TPI/1", "TPI/1/download"], refusal)
    archive.answers["TPI/?offset=0&limit=100"] = refusal
    fs = archive.fs
    calls = [fs.info, fs.exists, fs.isfile, fs.open, fs.cat_file]
    for call in (*calls, lambda name: fs.get(name, str(tmp_path))):
        with pytest.raises(ServerError):
            call("TPI/1")
    for call in (fs.ls, fs.find, lambda name: fs.glob(f"{name}/*")):
        with pytest.raises(ServerError):  # and no shorter listing
            call("TPI")


def test_no_server_is_an_error() -> None:
    fs = fsspec.filesystem("grad300", base_url="http://127.0.0.1:9", retries=0)
    with pytest.raises(TransportError):
        fs.find("")


def test_a_time_out_leaves_nothing_out(wire: Any) -> None:
    server = wire(answerer=lambda request: [STALL])
    options = {"base_url": server.url, "retries": 0, "timeout": 0.1, "force_noauth": True}
    with pytest.raises(FSTimeoutError) as caught:
        fsspec.filesystem("grad300", **options).find("TPI")
    assert isinstance(caught.value.__cause__, RequestTimeoutError)


def test_walk_leaves_out_what_it_is_told_to(sandbox: Sandbox) -> None:
    fs = fsspec.filesystem("grad300", base_url=sandbox.url, force_noauth=True)
    assert list(fs.walk("TPI", on_error="omit")) == []
    with pytest.raises(PermissionError):
        list(fs.walk("TPI", on_error="raise"))


def test_an_unknown_option() -> None:
    with pytest.raises(TypeError, match="pasword"):
        fsspec.filesystem("grad300", pasword="x")


SECRET = "s3cret-that-nobody-may-see"
SECRETS: list[Options] = [
    {"token": SECRET},
    {"user": "me", "password": SECRET},
    {"headers": {"X-Api-Key": SECRET}},
    {"proxy": f"http://me:{SECRET}@proxy"},
    {"proxy": httpx.Proxy(f"http://me:{SECRET}@proxy")},
]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_shown(secret: Options) -> None:
    fs = fsspec.filesystem("grad300", base_url="https://archive", **secret)
    text = fs.to_json()
    shown = [repr(fs), str(fs), text, repr(fs.to_dict()), repr(fs.storage_options)]
    shown += [fs._fs_token, repr(fs.__dask_tokenize__()), fs.fsid, repr(vars(fs))]
    assert SECRET not in "".join(shown)
    copy = fsspec.AbstractFileSystem.from_json(text)
    assert copy.client.base_api_url == fs.client.base_api_url
    assert copy.client.auth_source == "none"


def test_the_key_of_an_instance_is_another_in_each_process() -> None:
    """A hash that anyone can compute would let anyone find a password by trying."""
    code = """
import fsspec, os, pickle, sys
from grad300_sdk.filesystem import Grad300FileSystem
os.getpid = lambda: 1
for options in pickle.loads(sys.stdin.buffer.read()):
    print(Grad300FileSystem("https://archive", **options)._fs_token)
"""
    command = [sys.executable, "-c", code]
    given = {"input": pickle.dumps(SECRETS), "capture_output": True, "timeout": 60}
    runs = [subprocess.run(command, check=True, **given) for _ in range(2)]
    tokens = {token for run in runs for token in run.stdout.split()}
    assert len(tokens) == 2 * len(SECRETS)


def test_two_users_share_nothing() -> None:
    def file_system(**options: Any) -> Any:
        return fsspec.filesystem("grad300", base_url="https://archive", **options)

    made = [
        *(file_system(), file_system(token="1"), file_system(token="2")),
        *(file_system(user="me", password=password) for password in "12"),
        *(file_system(headers={"X-Api-Key": key}) for key in "12"),
        file_system(proxy="http://proxy"),
    ]
    assert len(set(map(id, made))) == len(made)
    assert len(set(made)) == len(made)
    assert file_system(token="1") is made[1]
    assert file_system(headers={"X-Api-Key": "1"}) == made[5]


@pytest.mark.parametrize("chain", ["simplecache", "filecache", "blockcache", "dir"])
def test_a_cache_of_a_file_system(chain: str) -> None:
    caches = []
    for token in (SECRET, "of another"):
        fs = fsspec.filesystem("grad300", base_url="https://archive", token=token)
        options = {"path": "TPI"} if chain == "dir" else {}
        caches.append(fsspec.filesystem(chain, fs=fs, **options))
        assert caches[-1].fs is fs
        assert SECRET not in caches[-1].to_json() + repr(caches[-1].storage_options)
    assert caches[0] is not caches[1]


def test_a_secret_in_the_settings_of_fsspec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fsspec.config.conf, "grad300", {"token": SECRET})
    fs = fsspec.filesystem("grad300", base_url="https://archive")
    assert fs.client.auth_source == "token"
    assert SECRET not in repr(fs.storage_options) + fs.to_json()


def test_no_secret_is_logged(options: Options, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        fs = fsspec.filesystem("grad300", **options)
        with fs.open("TPI/1") as file:
            file.read()
            fs.find("TPI")
        assert options["password"] not in caplog.text

    def test_credentials_travel_along(self, fs: Any, options: Options) -> None:
        assert pickle.loads(pickle.dumps(fs)) is fs
        Grad300FileSystem.clear_instance_cache()
        copy = pickle.loads(pickle.dumps(fs))
        assert copy is not fs
        assert copy.cat_file("TPI/1", 0, 9) == b"SIMPLE  ="


CHAINS = ["simplecache", "filecache", "blockcache"]


# fsspec leaves the file of a blockcache open, to the garbage collector.
UNCLOSED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@UNCLOSED
@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("ranges", [True, False])
def test_a_cache_in_front(fake: Any, chain: str, ranges: bool, tmp_path: Path) -> None:
    archive = fake(ranges=ranges, size=3)
    options = {
        "grad300": {**archive.fs.storage_options, "block_size": 16},
        chain: {"cache_storage": str(tmp_path)},
    }
    for name in ("TPI/1", "TPI/1.fits"):
        with fsspec.open(f"{chain}::grad300://{name}", **options) as file:
            assert file.read() == archive.content
    asked = len(archive.asked)
    with fsspec.open(f"{chain}::grad300://TPI/1", **options) as file:
        assert file.read() == archive.content
    assert len(archive.asked) == asked
    gc.collect()


@UNCLOSED
@pytest.mark.parametrize("chain", CHAINS)
def test_no_secret_is_in_the_files_of_a_cache(
    options: Options, chain: str, tmp_path: Path
) -> None:
    cache = {"cache_storage": str(tmp_path)}
    with fsspec.open(f"{chain}::grad300://TPI/1", grad300=options, **{chain: cache}) as file:
        file.read(10)
    names = list(tmp_path.rglob("*"))
    assert names
    for path in names:
        assert options["password"] not in path.name
        assert options["password"].encode() not in path.read_bytes()
    gc.collect()


def test_astropy(options: Options, client_here: Client) -> None:
    image = client_here.scans["Images"][1].file.fits()[0].data
    for extra in ({}, {"block_size": 4096, "cache_type": "bytes"}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the telescope's cards, which are not repaired
            with fits.open(
                "grad300://Images/1", use_fsspec=True, fsspec_kwargs={**options, **extra}
            ) as hdus:
                assert (hdus[0].data == image).all()


def test_read_of_the_sdk(fs: Any, client_here: Client) -> None:
    with fs.open("Images/1") as file:
        image = read(file)[0].data
    assert (image == client_here.scans["Images"][1].file.fits()[0].data).all()


def test_universal_pathlib(options: Options, content: bytes) -> None:
    path = upath.UPath("grad300://TPI/1.fits", **options)
    assert path.read_bytes() == content
    assert path.exists()
    assert path.is_file()
    assert path.stat().st_size == len(content)
    assert (path.name, path.suffix, path.parent.name) == ("1.fits", ".fits", "TPI")
    assert path in list(path.parent.iterdir())
    assert path in list(path.parent.glob("?.fits"))
    assert {folder.name for folder in upath.UPath("grad300://", **options).iterdir()} == {
        *("TPI", "Images", "Spectrum", "OnOff"),
    }
    with path.open("rb") as file:
        assert file.read(9) == b"SIMPLE  ="
    with pytest.raises(OSError, match="can only be read"):
        path.write_bytes(b"")
    with pytest.raises(OSError, match="can only be read"):
        path.touch()
    assert pickle.loads(pickle.dumps(path)).read_bytes() == content
    assert options["password"] not in repr(path)


def test_dask_bytes(options: Options, content: bytes) -> None:
    from dask import compute
    from dask.bytes import read_bytes

    _, blocks = read_bytes("grad300://TPI/1", blocksize=100_000, sample=False, **options)
    assert b"".join(compute(*blocks[0], scheduler="threads")) == content
    _, blocks, paths = read_bytes(
        "grad300://OnOff/*.fits", blocksize=None, include_path=True, sample=False, **options
    )
    assert len(blocks) == len(paths) > 1
    assert all(compute(*(block for [block] in blocks), scheduler="threads"))
    for [block] in blocks:
        assert options["password"] not in f"{block.key}{block!r}"


def test_pyarrow(fs: Any, content: bytes) -> None:
    arrow = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(fs))
    file, folder, missing = arrow.get_file_info(["TPI/1", "TPI", "TPI/99999"])
    assert (file.type.name, folder.type.name) == ("File", "Directory")
    assert missing.type.name == "NotFound"
    assert (file.size, file.mtime) == (len(content), fs.modified("TPI/1"))
    found = arrow.get_file_info(pyarrow.fs.FileSelector("", recursive=True))
    assert {info.path for info in found} == {*fs.find(""), *fs.ls("", detail=False)}
    with arrow.open_input_file("TPI/1") as opened:
        assert opened.size() == len(content)
        assert opened.read_at(10, 100) == content[100:110]


def test_pandas(fs: Any, options: Options) -> None:
    listing = pandas.DataFrame(fs.ls("TPI"))
    assert listing["size"].dtype.kind == "i"
    assert listing["date"].dtype.kind == "M"
    cards = pandas.read_fwf(
        "grad300://Images/1",
        storage_options=options,
        widths=[80],
        header=None,
        nrows=1,
        encoding="latin-1",
    )
    assert cards[0][0].startswith("SIMPLE  =")


def test_urls_with_patterns(options: Options) -> None:
    fs, _, paths = get_fs_token_paths("grad300://OnOff/*", storage_options=options)
    assert paths == fs.find("OnOff")
    files = fsspec.open_files("grad300://OnOff/*", **options)
    assert [file.path for file in files] == paths


nine_bytes = methodcaller("cat_file", "TPI/1", 0, 9)


@needs_fork
def test_a_fork(fs: Any, options: Options) -> None:
    assert nine_bytes(fs) == b"SIMPLE  ="
    file = fs.open("TPI/1", block_size=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads run: that is the point
        child = os.fork()
    if not child:
        status = 1
        signal.alarm(30)  # whatever happens, the test ends
        try:  # nothing of pytest's may run here
            again = fsspec.filesystem("grad300", **options)
            file.seek(200)
            if nine_bytes(fs) == nine_bytes(again) == b"SIMPLE  =" and len(file.read(9)) == 9:
                status = 0
        finally:
            os._exit(status)
    assert exit_status(child) == 0
    assert nine_bytes(fs) == b"SIMPLE  ="
    file.close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes(fs: Any, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork on this system")
    nine_bytes(fs)
    context = multiprocessing.get_context(method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            assert set(pool.map(nine_bytes, [fs] * 4)) == {b"SIMPLE  ="}


def test_an_open_file_pickles(fs: Any, content: bytes) -> None:
    with fs.open("TPI/1", block_size=1000) as file:
        file.seek(5000)
        with pickle.loads(pickle.dumps(file)) as copy:
            assert copy.read() == file.read() == content[5000:]


def test_dask_knows_it_again(fs: Any, options: Options) -> None:
    from dask.base import tokenize

    other = fsspec.filesystem("grad300", **options, retries=1)
    assert tokenize(fs) == tokenize(other)


def test_in_an_event_loop_of_the_user(options: Options, content: bytes) -> None:
    async def main() -> tuple[bytes, list[str]]:
        fs = fsspec.filesystem("grad300", **options, asynchronous=True)
        try:
            return await fs._cat_file("TPI/1"), await fs._find("TPI")
        finally:
            await fs.client.aclose()

    read, found = asyncio.run(main())
    assert read == content
    assert "TPI/1.fits" in found


def test_in_a_notebook(fs: Any) -> None:
    async def cell() -> Any:
        return nine_bytes(fs)

    assert asyncio.run(cell()) == b"SIMPLE  ="


def test_connections_are_closed_with_the_file_system(fake: Any) -> None:
    archive = fake()
    options = archive.fs.storage_options
    fs = Grad300FileSystem(**options, skip_instance_cache=True)
    fs.info("TPI/1")
    assert archive.server.open_connections == 1
    del fs
    gc.collect()
    assert archive.server.all_closed()


def test_dates_of_a_row_that_has_none(fake: Any) -> None:
    archive = fake()
    assert archive.fs.created("TPI/1") is None
    assert archive.fs.modified("TPI/1") == datetime(2025, 2, 4, tzinfo=UTC)
    archive.answers["TPI/1"] = answer(b'{"id": 1, "file_name": "sun_01#.fits"}')
    assert archive.fs.modified("TPI/1") is None
    options = {"base_url": archive.server.url, "force_noauth": True}
    assert upath.UPath("grad300://TPI/1", **options).stat().st_mtime == 0

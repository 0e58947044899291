"""Names from a server, which must not leave the folder, and files that appear meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from grad300_sdk import DownloadError, saving
from grad300_sdk.saving import disposition_name, safe_name, write_whole
from tests.conftest import Harness

FITS = b"SIMPLE  =                    T".ljust(2880) * 3


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("20250204-093521_TPI-GRAD300-AZEL_04#_01#.fits",) * 2,
        ("20250212-170737_TPI-PROJ01-_01#_01#.fits",) * 2,
        ("../../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\Windows\\x.fits", "x.fits"),
        ("C:x.fits", "x.fits"),
        ("a/..", None),
        ("..", None),
        (".", None),
        ("", None),
        ("   ", None),
        ("///", None),
        (".bashrc", "bashrc"),
        ("x.fits. ", "x.fits"),
        ("a\x00b\n\x1b[31mc.fits", "ab[31mc.fits"),
        ("evil\u202estif.exe", "evilstif.exe"),
        ("\u2066x\u2069\ufeff.fits", "x.fits"),
        ('a<b>c:d"e|f?g*.fits', "a_b_c_d_e_f_g_.fits"),
        ("CON", "_CON"),
        ("nul.fits", "_nul.fits"),
        ("com1.fits", "_com1.fits"),
        ("console.fits", "console.fits"),
        ("con .fits", "_con .fits"),
        ("COM¹.fits", "_COM¹.fits"),
        ("CONIN$", "_CONIN$"),
        ("été.fits", "été.fits"),
        ("x\ud800.fits", "x_.fits"),
        ("n" * 500 + ".fits", "n" * 195 + ".fits"),
        ("é" * 500 + ".fits", "é" * 97 + ".fits"),
        ("." + "n" * 500, "n" * 179 + "n" * 20),
    ],
)
def test_safe_name(name: str, safe: str | None) -> None:
    result = safe_name(name)
    if len(name) > 300:
        assert result is not None
        assert len(result.encode()) <= 200
        assert result.endswith(name[-5:])
    else:
        assert result == safe


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", None),
        ("attachment", None),
        ("attachment; filename=x.fits", "x.fits"),
        ('attachment; filename="x y.fits"', "x y.fits"),
        ("attachment; filename*=UTF-8''%C3%A9t%C3%A9.fits", "été.fits"),
        ("attachment; filename*=iso-8859-1'en'%E9.fits", "é.fits"),
        ("attachment; filename=plain.fits; filename*=utf-8''encoded.fits", "encoded.fits"),
        ("attachment; filename*=utf-8''encoded.fits; filename=plain.fits", "encoded.fits"),
        ("attachment; filename*=utf-8''..%2F..%2Fx.fits", "x.fits"),
        ("attachment; filename*=no-such-charset''x.fits", "x.fits"),
        ("attachment; filename*=nonsense", "nonsense"),
        ("attachment; filename*=%00x''y", None),
        ("attachment; filename*1*=a; filename*=x", None),
        ("attachment; filename*=utf-8''%ff%fe", "\ufffd\ufffd"),
        ('attachment; filename="', "_"),
        ("attachment; filename", None),
        ("attachment; filename=a\r\nSet-Cookie: x", "aSet-Cookie_ x"),
    ],
)
def test_disposition_name(header: str, name: str | None) -> None:
    assert disposition_name(header) == name


def content(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=FITS)


def save(harness: Harness, folder: Path, **options: Any) -> Path:
    client = harness.client("https://archive", transport=httpx.MockTransport(content), retries=0)
    path: Path = harness.run(client.scans["TPI"][42].file.save(folder, **options))
    return path


@pytest.mark.parametrize("progress", [True, False, None])
@pytest.mark.parametrize("where", ["a file", "a terminal", "a notebook", "nowhere"])
def test_a_bar_is_drawn_where_it_is_seen(
    harness: Harness,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    progress: bool | None,
    where: str,
) -> None:
    if where == "a terminal":
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    elif where == "a notebook":
        monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    elif where == "nowhere" and not progress:
        monkeypatch.setattr(sys, "stderr", None)
    save(harness, tmp_path, progress=progress)
    output, drawn = capsys.readouterr()
    assert output == ""
    if progress or (progress is None and where in ("a terminal", "a notebook")):
        last = drawn.split("\r")[-1]
        assert "100%" in last
        assert "8.64k/8.64k" in last
        assert last.endswith("\n")
    else:
        assert drawn == ""


def test_a_bar_needs_tqdm(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "find_spec", lambda name: None)
    monkeypatch.setattr(saving, "_is_seen", lambda: True)
    assert save(harness, tmp_path).read_bytes() == FITS
    with pytest.raises(ImportError, match=r'pip install "grad300-sdk\[progress\]"'):
        save(harness, tmp_path, overwrite=True, progress=True)


def test_a_bar_ends_with_what_fails(
    harness: Harness, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = harness.client(
        "https://archive",
        transport=httpx.MockTransport(lambda request: httpx.Response(200, content=b"<html>")),
    )
    with pytest.raises(DownloadError):
        harness.run(client.scans["TPI"][42].file.save(tmp_path, progress=True))
    assert capsys.readouterr().err.endswith("\n")


def test_what_cannot_be_written_whole_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    write_whole(path, b"old")

    def fail(*arguments: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no room"):
        write_whole(path, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("x.json", b"old")]

"""Names from a server, which must not leave the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grad300_sdk.downloads.names import check_folder, content_disposition_filename, safe_name


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
        ('attachment; filename="', None),
        ("attachment; filename", None),
        ("attachment; filename=a\r\nSet-Cookie: x", "aSet-Cookie_ x"),
    ],
)
def test_content_disposition_filename(header: str, name: str | None) -> None:
    assert content_disposition_filename(header) == name


@pytest.mark.parametrize(
    "header",
    [
        'attachment; filename="a.fits"; x"y',
        'attachment; filename="a.fits"junk',
        'attachment; filename="a.fits", inline',
        'attachment; filename="a.fits',
        'attachment; filename=a.fits; filename="b.fits"',
        'attachment; filename = "a.fits" ;',
    ],
)
def test_a_name_with_junk_after_it_is_read(header: str) -> None:
    assert content_disposition_filename(header) == "a.fits"


def test_a_folder_that_is_made_meanwhile_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def isdir(path: Path) -> bool:
        is_dir = Path(path).is_dir()
        Path(path).mkdir(exist_ok=True)  # as another thread may do
        return is_dir

    monkeypatch.setattr(os.path, "isdir", isdir)
    assert check_folder(tmp_path / "new") == tmp_path / "new"

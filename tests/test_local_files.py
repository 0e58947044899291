"""Files that are on disk already: what is read is what the archive's file gives."""

from __future__ import annotations

import errno
import gzip
import io
import os
import shutil
import subprocess
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import grad300_sdk
from grad300_sdk import Client, DecodeError, Grad300Warning
from tests.support.fits_files import assert_same, other_files, telescope_files
from tests.test_fits import change


@cache
def files() -> dict[str, bytes]:
    """Return a file of every kind, the broken ones too, and what is not a file."""
    tpi, image = telescope_files()["TPI"], telescope_files()["Images"]
    pointing = np.array([1e307, -1e307, np.nan, 90.01, 2.9e-310, np.inf, 0.0], ">f8").tobytes()
    return {
        **telescope_files(),
        "TPI with senseless positions": tpi[:14_400] + pointing + tpi[14_400 + len(pointing) :],
        "TPI of no rows": change(tpi[:14_400], "NAXIS2", f"NAXIS2  = {0:20}"),
        "Spectrum without a count": change(
            telescope_files()["Spectrum"], "NAXIS2", f"NAXIS2  = {0:20}"
        ),
        "Spectrum with fewer rows": telescope_files()["Spectrum"][:-1],
        "TPI of a first header alone": tpi[:2880],
        "image of no pixels": change(image[:5760], "NAXIS1", "NAXIS1  = 0"),
        "TPI of a page": b"<html>Bad gateway</html>",
        "image of a page": b"<html>Bad gateway</html>",
        "TPI of nothing": b"",
    }


def scan_type_of(kind: str) -> Any:
    """Return the type of the scan whose file is of a kind."""
    kinds = {"TPI": "TPI", "Spectrum": "Spectrum", "OnOff": "OnOff"}
    return next((value for name, value in kinds.items() if name in kind), "Images")


def outcome(call: Callable[[], Any]) -> tuple[Any, list[tuple[Any, str]], str]:
    """Return what a call returns, what it warns of, and its error."""
    result, error = None, ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except DecodeError as raised:
            error = str(raised)
    return result, [(warning.category, str(warning.message)) for warning in caught], error


@pytest.mark.parametrize("kind", files())
@pytest.mark.parametrize(
    ("call", "function"),
    [
        ("open", grad300_sdk.read),
        ("table", grad300_sdk.read_table),
        ("fits", grad300_sdk.read_fits),
    ],
)
def test_a_file_on_disk_is_read_like_one_of_the_archive(
    tmp_path: Path, kind: str, call: str, function: Callable[[Any], Any]
) -> None:
    content, path = files()[kind], tmp_path / "any name"
    path.write_bytes(content)
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=content))
    with Client("https://archive", transport=transport) as client:
        file = client.scans[scan_type_of(kind)][42].file
        expected, expected_warnings, refusal = outcome(getattr(file, call))
    read, found_warnings, error = outcome(lambda: function(path))
    assert_same(read, expected)
    assert found_warnings == expected_warnings
    assert bool(error) == bool(refusal)
    if error:
        assert error.startswith(f"{path}: ")
        if call != "open":
            assert error.removeprefix(f"{path}: ") in refusal
    assert path.read_bytes() == content


@pytest.mark.parametrize("kind", ["TPI", "wide TPI", "Images", "Spectrum", "OnOff"])
def test_healthy_files_are_read_without_a_warning(kind: str) -> None:
    read = grad300_sdk.read(files()[kind])
    assert isinstance(read, Table if "TPI" in kind else fits.HDUList)


def in_memory_of_fsspec(path: Path) -> Any:
    """Open a file on a file system that is no disk."""
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe("/folder/scan.fits", path.read_bytes())
    return memory.open("/folder/scan.fits")


FORMS: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "str": str,
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "array": lambda path: np.frombuffer(path.read_bytes(), "u1"),
    "open file": lambda path: path.open("rb"),
    "unbuffered file": lambda path: path.open("rb", buffering=0),
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "gzip": lambda path: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(path.read_bytes()))),
    "fsspec": in_memory_of_fsspec,
    "local fsspec": lambda path: pytest.importorskip("fsspec").open(str(path)).open(),
}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image on disk."""
    path = tmp_path / "scan.fits"
    path.write_bytes(files()["Images"])
    return path


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_sources(image: Path, form: str) -> None:
    for take in (
        grad300_sdk.read,
        lambda source: grad300_sdk.read(grad300_sdk.repair(source, image.with_name("copy.fits"))),
    ):
        with ExitStack() as stack:
            source = FORMS[form](image)
            if hasattr(source, "read"):
                stack.enter_context(source)
            taken = take(source)
            assert not getattr(source, "closed", False)
        assert_same(taken, grad300_sdk.read(image))


def test_an_open_file_is_read_from_where_it_stands(image: Path) -> None:
    image.write_bytes(b"before" + image.read_bytes())
    with image.open("rb") as file:
        file.seek(6)
        assert grad300_sdk.read(file)[0].header["CTYPE1"] == "RA"


@pytest.mark.parametrize("function", [grad300_sdk.read, grad300_sdk.read_table])
def test_a_warning_names_the_line_of_the_user(tmp_path: Path, function: Any) -> None:
    path = tmp_path / "scan.fits"
    path.write_bytes(files()["TPI without a count"])
    with pytest.warns(Grad300Warning, match="NAXIS2 = 0") as caught:
        function(path)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("form", ["path", "str", "open file", "fsspec", "local fsspec"])
@pytest.mark.parametrize(
    "function", [grad300_sdk.read, grad300_sdk.read_table, grad300_sdk.read_fits]
)
def test_the_error_names_the_file(tmp_path: Path, form: str, function: Any) -> None:
    path = tmp_path / "scan.fits"
    path.write_bytes(b"<html>")
    source = FORMS[form](path)
    with pytest.raises(DecodeError, match=r"scan\.fits: expected a FITS file.*<html>"):
        function(source)
    getattr(source, "close", str)()


def test_the_error_says_that_a_file_is_compressed(image: Path) -> None:
    image.write_bytes(gzip.compress(image.read_bytes()))
    with pytest.raises(DecodeError, match=r"scan.fits: .* compressed by gzip; decompress them"):
        grad300_sdk.read(image)


def test_files_that_cannot_be_opened(image: Path) -> None:
    missing = image.with_name("missing.fits")
    for function in (grad300_sdk.read, grad300_sdk.read_table, grad300_sdk.read_fits):
        for source in (missing, str(missing), "https://archive/TPI/42.fits"):
            with pytest.raises(FileNotFoundError):
                function(source)
        with pytest.raises(IsADirectoryError):
            function(image.parent)
    with pytest.raises(FileNotFoundError):
        grad300_sdk.repair(missing)
    assert list(image.parent.iterdir()) == [image]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (3, "source must be a path, bytes, or an open binary file, not 3"),
        (None, "not None"),
        (io.StringIO("SIMPLE"), 'source must be open in binary mode, as by open\\(path, "rb"\\)'),
    ],
)
def test_what_is_not_a_source(source: Any, says: str) -> None:
    for function in (grad300_sdk.read, grad300_sdk.read_table, grad300_sdk.read_fits):
        with pytest.raises(TypeError, match=says):
            function(source)
    with pytest.raises(TypeError, match=says):
        grad300_sdk.repair(source, "copy.fits")


def test_a_file_whose_read_gives_no_bytes() -> None:
    class Text:
        def read(self) -> str:
            return "SIMPLE"

    with pytest.raises(TypeError, match=r"a binary file, but its read\(\) returns str"):
        grad300_sdk.read(Text())  # type: ignore[arg-type]


def test_a_tilde_is_the_home(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(image.parent))
    assert len(grad300_sdk.read("~/scan.fits")) == 1
    assert grad300_sdk.repair("~/scan.fits") == image.with_name("scan_repaired.fits")
    assert grad300_sdk.repair(image, "~/copy.fits") == image.with_name("copy.fits")


# ---- repair


@pytest.mark.parametrize("kind", files())
def test_a_repaired_file_is_standard(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "20250204-093521_TPI-GRAD300-AZEL_04#_01#.fits"
    path.write_bytes(files()[kind])
    expected, _, refusal = outcome(lambda: grad300_sdk.read_fits(path))
    copy, found_warnings, error = outcome(lambda: grad300_sdk.repair(path))
    assert path.read_bytes() == files()[kind]
    assert error == refusal
    if error:
        assert list(tmp_path.iterdir()) == [path]
        return
    assert copy == tmp_path / "20250204-093521_TPI-GRAD300-AZEL_04#_01#_repaired.fits"
    assert sorted(tmp_path.iterdir()) == sorted([path, copy])
    assert bool(found_warnings) == ("count" in kind or "fewer" in kind)
    with fits.open(copy) as hdus:  # without a warning
        hdus.verify("exception")
        assert [card.verify("exception") for hdu in hdus for card in hdu.header.cards]
        for hdu, other in zip(hdus, expected, strict=True):
            assert np.asarray(hdu.data).tobytes() == np.asarray(other.data).tobytes()
    assert_same(grad300_sdk.read(copy), outcome(lambda: grad300_sdk.read(path))[0])


@pytest.mark.skipif(not shutil.which("fitsverify"), reason="fitsverify (Debian) is not installed")
@pytest.mark.parametrize("kind", [*files(), *other_files()])
def test_fitsverify_finds_no_error_in_a_repaired_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "copy.fits"
    content = {**files(), **other_files()}[kind]
    if outcome(lambda: grad300_sdk.repair(content, path))[2]:
        return  # nothing was written
    done = subprocess.run(["fitsverify", path], capture_output=True, text=True, timeout=30)
    assert " 0 error(s)" in done.stdout, done.stdout
    if kind in files():
        assert " 0 warning(s)" in done.stdout, done.stdout
        assert done.returncode == 0


def test_checksums_are_those_of_the_repaired_file(tmp_path: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("d", "1D", "m", array=[1.0])])
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(buffer, checksum=True)
    content = buffer.getvalue().replace(b"'m       '", b"'Degree  '")
    copy = grad300_sdk.repair(content, tmp_path / "copy.fits")
    with fits.open(copy, checksum=True) as hdus:  # without a warning
        assert hdus[1].columns["d"].unit == "deg"


def test_an_existing_file_is_only_overwritten_on_demand(image: Path) -> None:
    copy = grad300_sdk.repair(image)
    content = copy.read_bytes()
    copy.write_bytes(b"old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        grad300_sdk.repair(image)
    assert copy.read_bytes() == b"old"
    assert grad300_sdk.repair(image, overwrite=True) == copy
    assert copy.read_bytes() == content
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match="is a folder"):
            grad300_sdk.repair(image, image.parent, overwrite=overwrite)
    assert sorted(image.parent.iterdir()) == [image, copy]


def test_a_file_that_appears_meanwhile_is_kept(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = image.with_name("scan_repaired.fits")

    def late(content: bytes) -> bytes:
        copy.write_bytes(b"another's")
        return content

    monkeypatch.setattr("grad300_sdk.fits.standardise", late)
    with pytest.raises(FileExistsError):
        grad300_sdk.repair(image)
    assert copy.read_bytes() == b"another's"
    assert sorted(image.parent.iterdir()) == [image, copy]


def test_a_full_disk_leaves_nothing(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        grad300_sdk.repair(image)
    assert list(image.parent.iterdir()) == [image]


@pytest.mark.parametrize("form", ["path", "str", "open file", "local fsspec"])
@pytest.mark.parametrize("name", ["scan.fits", "link.fits", "hard.fits", "./x/../scan.fits"])
def test_a_file_is_never_written_onto_itself(image: Path, form: str, name: str) -> None:
    content = image.read_bytes()
    (image.parent / "x").mkdir()
    image.with_name("link.fits").symlink_to(image)
    os.link(image, image.with_name("hard.fits"))
    source = FORMS[form](image)
    with pytest.raises(ValueError, match="destination must not be the source"):
        grad300_sdk.repair(source, f"{image.parent}/{name}", overwrite=True)
    getattr(source, "close", str)()
    assert image.read_bytes() == content


@pytest.mark.parametrize("form", ["bytes", "open file", "BytesIO"])
def test_a_source_without_a_folder_needs_a_destination(image: Path, form: str) -> None:
    source = FORMS[form](image)
    with pytest.raises(ValueError, match="pass a destination"):
        grad300_sdk.repair(source)
    getattr(source, "close", str)()

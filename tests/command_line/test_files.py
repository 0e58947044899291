"""`grad300 show` and `repair`: files on disk, and those of scans."""

from __future__ import annotations

import re
import sys
import warnings

import pytest
from astropy.io import fits

from grad300_sdk import Client, read_table
from tests.support.commands import Done, is_harmless, posix, shown


@pytest.fixture
def files(sandbox, token_file, tmp_path):
    """A file of each type, by type."""
    with Client(sandbox.url, token_file=token_file) as client:
        return {
            scan_type: client.scans[scan_type][1].file.save(tmp_path)
            for scan_type in ("TPI", "Images", "Spectrum", "OnOff")
        }


class TestShow:
    def test_what_a_table_has(self, here, files):
        done = here("show", files["TPI"])
        assert (done.status, done.errors) == (0, "")
        lines = done.output.splitlines()
        assert lines[0] == f"file      {files['TPI'].name}"
        assert "source    sun" in lines
        assert "start     2025-01-30 09:30:00 UTC" in lines
        assert "place     latitude 43.933 deg, longitude 5.7153 deg, 654.8 m" in lines
        assert "HDU 0: a header without data" in lines
        head = next(line for line in lines if line.startswith("column"))
        assert head.split() == ["column", "unit", "row", "1", "row", "2", "row", "3"]
        names = read_table(files["TPI"]).colnames
        assert [line.split()[0] for line in lines[lines.index(head) + 1 :]] == names
        assert any(line.split()[:2] == ["Azimuth", "deg"] for line in lines)

    def test_what_an_image_has(self, here, files):
        lines = here("show", files["Images"]).output.splitlines()
        assert any(line.startswith("HDU 0: an image of ") for line in lines)
        for name in ("values", "range", "centre", "pixel"):
            assert any(line.startswith(f"{name} ") for line in lines)

    @pytest.mark.parametrize("scan_type", ["Spectrum", "OnOff"])
    def test_long_cells_are_their_ends(self, here, files, scan_type):
        done = here("show", files[scan_type])
        assert done.status == 0
        row = next(line for line in done.output.splitlines() if line.startswith("RIGHT_POL"))
        assert row.count(" ... ") == 3

    def test_a_scan_of_the_archive(self, here, access, files):
        expected = here("show", files["TPI"])
        assert here(*access, "show", "TPI/1") == expected
        assert here(*access, "show", "tpi/1") == expected

    @posix
    @pytest.mark.parametrize("columns", [60, 80])
    def test_lines_fit_on_a_terminal(self, files, columns):
        status, seen = shown("show", files["TPI"], columns=columns)
        assert status == 0
        assert max(map(len, seen.splitlines())) <= columns
        assert is_harmless(seen)

    @pytest.mark.parametrize(
        ("source", "status", "said"),
        [
            ("missing.fits", 1, "there is no file 'missing.fits'; a scan of the archive is"),
            ("42", 1, "there is no file '42'; a scan of the archive is written as in TPI/42"),
            ("moon/1", 2, "'moon' is not a scan type"),
            ("TPI/987654321", 1, "not found"),
        ],
    )
    def test_what_is_not_there(self, here, access, source, status, said):
        done = here(*access, "show", source)
        assert done.status == status
        assert said in done.error

    def test_what_is_no_fits_file(self, here, tmp_path):
        (tmp_path / "x").write_text("<html>")
        done = here("show", tmp_path / "x")
        assert done.status == 1
        assert f"{tmp_path / 'x'}" in done.error

    def test_hostile_headers_do_no_harm(self, here, tmp_path):
        hdu = fits.PrimaryHDU()
        hdu.writeto(tmp_path / "a.fits")
        content = bytearray((tmp_path / "a.fits").read_bytes())
        content[240:320] = b"OBJECT  = '\x1b[31mred'".ljust(80)
        (tmp_path / "b.fits").write_bytes(bytes(content))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = here("show", tmp_path / "b.fits")
        assert is_harmless(done.output + done.errors)


class TestRepair:
    def test_each_copy_is_beside_its_file(self, here, files, tmp_path):
        image, table = files["Images"], files["TPI"]
        before = image.read_bytes()
        done = here("repair", image, table)
        copies = [path.with_name(f"{path.stem}_repaired.fits") for path in (image, table)]
        assert done == Done(0, "".join(f"{copy}\n" for copy in copies), "")
        assert fits.getheader(copies[0])["CTYPE1"] == "RA"
        assert image.read_bytes() == before

    def test_or_in_a_folder(self, here, files, tmp_path):
        done = here("repair", files["Images"], "--dir", tmp_path / "a" / "b")
        [copy] = (tmp_path / "a" / "b").iterdir()
        assert done.output == f"{copy}\n"

    def test_a_warning_names_its_file(self, here, files, tmp_path):
        content = files["TPI"].read_bytes()
        rows = re.search(rb"NAXIS2  =\s+(\d+)", content)
        assert rows is not None
        broken = tmp_path / "broken.fits"
        broken.write_bytes(
            content.replace(rows[0], b"NAXIS2  =".ljust(len(rows[0]) - 1) + b"0", 1)
        )
        done = here("repair", files["Images"], broken)
        assert (done.status, done.output.count("\n")) == (0, 2)
        assert done.errors.startswith(f"grad300: warning: {broken}: the header counts no rows")
        assert here("repair", broken, "--overwrite", "--quiet").errors == ""

    def test_one_failure_leaves_the_others(self, here, files, tmp_path):
        done = here("repair", tmp_path / "missing.fits", files["Images"])
        assert (done.status, done.output.count("\n"), done.errors.count("\n")) == (1, 1, 1)
        assert "missing.fits" in done.errors
        again = here("repair", files["Images"])
        assert (again.status, "already exists; --overwrite replaces it" in again.error) == (
            1,
            True,
        )
        assert here("repair", files["Images"], "--overwrite").status == 0


class TestPlot:
    @pytest.mark.parametrize(
        ("name", "start"), [("x.png", b"\x89PNG"), ("x.svg", b"<?xml"), ("x.PDF", b"%PDF")]
    )
    def test_a_picture_in_each_format(self, here, files, tmp_path, name, start):
        done = here("plot", files["Images"], "--output", tmp_path / name)
        assert done == Done(0, f"{tmp_path / name}\n", "")
        assert (tmp_path / name).read_bytes().startswith(start)

    def test_by_default_it_is_beside_the_file(self, here, files):
        picture = files["TPI"].with_suffix(".png")
        assert here("plot", files["TPI"]) == Done(0, f"{picture}\n", "")
        assert picture.is_file()

    def test_or_here_for_a_scan(self, here, access, tmp_path, monkeypatch, files):
        monkeypatch.chdir(tmp_path)
        done = here(*access, "plot", "Spectrum/1")
        assert done == Done(0, f"{files['Spectrum'].stem}.png\n", "")
        assert (tmp_path / f"{files['Spectrum'].stem}.png").is_file()

    def test_an_ending_that_means_no_picture(self, here, files):
        done = here("plot", files["Images"], "--output", "x.jpg")
        assert (done.status, done.error) == (
            2,
            "--output 'x.jpg' must end with one of .png, .svg, .pdf",
        )

    def test_what_is_broken_leaves_no_picture(self, here, tmp_path):
        (tmp_path / "x").write_text("<html>")
        assert here("plot", tmp_path / "x", "--output", tmp_path / "x.png").status == 1
        assert not (tmp_path / "x.png").exists()

    def test_without_matplotlib_a_line_says_what_to_install(self, here, files, monkeypatch):
        for name in list(sys.modules):
            if name.startswith(("matplotlib", "grad300_sdk.quicklook")):
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr("grad300_sdk.quicklook", raising=False)
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        done = here("plot", files["Images"])
        assert done.status == 1
        assert 'pip install "grad300-sdk[plot]"' in done.error

"""The FITS adapters: every kind of file that the telescope writes, the broken ones too."""

from __future__ import annotations

import doctest
import io
import pickle
import random
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.table import Table, hstack, join, vstack
from astropy.time import Time
from astropy.wcs import WCS

import grad300_sdk.fits
from grad300_sdk.errors import DecodeError, Grad300Warning
from grad300_sdk.fits import open_file, read_fits, read_table
from grad300_sdk.records import ScanType
from grad300_sdk.sandbox.files import DENORMAL, file_size, synthesise
from grad300_sdk.sandbox.observing import observe
from tests.support.versions import ASTROPY_7

SCANS = [(scan_type, scan) for scan_type, _, scan in observe(400, 0)]


def find(scan_type, condition=lambda scan: True):
    scans = (scan for kind, scan in SCANS if kind == scan_type and condition(scan))
    return min(scans, key=lambda scan: scan["size"])


def is_wide(scan):
    return scan["size"] != file_size("TPI", scan["nsamples"])


TPI = synthesise("TPI", find("TPI", lambda scan: not is_wide(scan)), 0)
WIDE = synthesise("TPI", find("TPI", is_wide), 0)
SPECTRUM = synthesise("Spectrum", find("Spectrum"), 0)
ON_OFF = synthesise("OnOff", find("OnOff"), 0)
IMAGE = synthesise("Images", find("Images", lambda scan: scan["object"] == "sun"), 0)
FILES = {"tpi": TPI, "wide": WIDE, "spectrum": SPECTRUM, "on-off": ON_OFF, "image": IMAGE}
TABLES = {
    "tpi": (TPI, 14_400, 124),
    "wide": (WIDE, 14_400, 128),
    "spectrum": (SPECTRUM, 11_520, 16_460),
}
ROWS = (len(TPI) - 14_400) // 124

each_file = pytest.mark.parametrize("content", FILES.values(), ids=FILES)
each_table = pytest.mark.parametrize(("content", "start", "length"), TABLES.values(), ids=TABLES)


def change(content, keyword, card):
    """Put a card in the place of the (last) one with that keyword, or of a blank one."""
    wanted = keyword.ljust(8).encode()
    for place in range(0, len(content), 80):
        if content[place : place + 8] == wanted:
            found = place
        if content[place : place + 8].rstrip() == b"END" and place > 2880:
            break
    return content[:found] + card.encode("latin-1").ljust(80)[:80] + content[found + 80 :]


def written(hdus):
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


def standard(*hdus):
    """A file that astropy wrote."""
    return written(fits.HDUList([fits.PrimaryHDU(), *hdus]))


def table_hdu(**columns):
    """A table HDU of columns, each given as its format and its array."""
    made = [fits.Column(name, form, array=array) for name, (form, array) in columns.items()]
    return fits.BinTableHDU.from_columns(made)


class TestHealthyFiles:
    @each_file
    def test_they_open_and_the_bytes_stay_as_they_are(self, content):
        before = bytes(bytearray(content))
        hdus = read_fits(content)
        assert content == before
        header = hdus[-1].header
        assert header["DIAMETER"] == (3 if content in (SPECTRUM, ON_OFF) else 0)
        assert header["Scan Tag"].isdecimal()
        assert isinstance(header["Project_Name"], str)
        assert header["OBJECT"] == header["OBJECT"].strip()
        assert all(value is not None for value in header.values())

    @each_file
    def test_what_is_written_is_standard_and_reads_back_the_same(self, content, tmp_path):
        hdus = read_fits(content)
        hdus.verify("exception")
        hdus.writeto(tmp_path / "scan.fits", output_verify="exception")
        assert (tmp_path / "scan.fits").stat().st_size % 2880 == 0
        with fits.open(tmp_path / "scan.fits") as again:
            again.verify("exception")
            assert len(again) == len(hdus)
            for one, other in zip(hdus, again, strict=True):
                assert list(one.header.items()) == list(other.header.items())
                assert (one.data is None) == (other.data is None)
                if one.data is not None:
                    assert one.data.tobytes() == other.data.tobytes()
        assert written(read_fits((tmp_path / "scan.fits").read_bytes())) == written(hdus)

    @each_file
    def test_no_hdu_belongs_to_a_file(self, content):
        foreign = b"XTENSION= 'FOREIGN '".ljust(80) + standard(fits.ImageHDU())[2960:]
        for hdu in read_fits(content + bytes(-len(content) % 2880) + foreign):
            assert hdu.fileinfo() is None

    def test_an_image_is_reprojected(self):
        reproject = pytest.importorskip("reproject")
        (image,) = read_fits(IMAGE)
        assert WCS(image.header).has_celestial
        target = WCS(naxis=2)
        target.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        target.wcs.crval = image.header["CRVAL1"], image.header["CRVAL2"]
        target.wcs.crpix = 6, 6
        target.wcs.cdelt = -0.4, 0.4
        pixels, footprint = reproject.reproject_interp(image, target, shape_out=(11, 11))
        assert footprint[5, 5] == 1
        middle = round(image.header["CRPIX1"] - 1)
        assert pixels[5, 5] == pytest.approx(image.data[middle, middle], rel=0.01)

    def test_the_data_can_be_changed(self):
        (image,) = read_fits(IMAGE)
        image.data[0, 0] = 7
        assert image.data[0, 0] == 7
        table = read_table(TPI)
        table["JD"][0] = 0
        table["CAL"][0] = "ON"
        assert table["CAL"][0] == "ON"

    def test_a_type_says_what_a_file_opens_as(self):
        assert isinstance(open_file(TPI, ScanType.TPI), Table)
        assert isinstance(open_file(SPECTRUM, ScanType.SPECTRUM), fits.HDUList)
        assert isinstance(open_file(ON_OFF, ScanType.ONOFF), fits.HDUList)
        assert isinstance(open_file(IMAGE, ScanType.IMAGES), fits.HDUList)

    def test_nothing_warns_in_a_fresh_process(self, tmp_path):
        for name, content in FILES.items():
            (tmp_path / name).write_bytes(content)
        program = (
            "import pathlib, sys, grad300_sdk.fits as f\n"
            "for path in pathlib.Path(sys.argv[1]).iterdir():\n"
            "    f.read_fits(path.read_bytes())\n"
            "    if path.name != 'image': f.read_table(path.read_bytes())\n"
        )
        command = [sys.executable, "-W", "error", "-c", program, str(tmp_path)]
        subprocess.run(command, check=True, timeout=60)

    def test_the_examples_run(self):
        results = doctest.testmod(grad300_sdk.fits)
        assert results.attempted > 10
        assert results.failed == 0


class TestTables:
    @pytest.mark.parametrize(("content", "count"), [(TPI, 21), (WIDE, 22)])
    def test_total_power(self, content, count):
        table = read_table(content)
        assert len(table.columns) == count
        assert len(table) == (len(content) - 14_400) // (124 if count == 21 else 128)
        assert {table[name].unit for name in table.colnames[:1]} == {units.day}
        assert {table[name].unit for name in table.colnames[1:7]} == {units.deg}
        assert {table[name].unit for name in table.colnames[7:-2]} == {units.ct}
        assert [table[name].unit for name in table.colnames[-2:]] == [None, None]
        assert [str(table[name].unit) for name in ("JD", "Azimuth", "LEFT_POL")] == [
            "d",
            "deg",
            "ct",
        ]
        kinds = [table[name].dtype.str for name in table.colnames]
        assert kinds == ["<f8"] * 7 + ["<i4"] * (count - 9) + ["<U4", "<U16"]
        assert all(table[name].dtype.isnative for name in table.colnames)
        assert set(table["CAL"]) == {"OFF"}
        assert table["MARKER"][0] == "TPI 000"
        assert not table.has_masked_columns
        assert Time(table["JD"][0], format="jd").isot[:10] == table.meta["DATE-OBS"][:10]

    @pytest.mark.parametrize("content", [SPECTRUM, ON_OFF])
    def test_spectra(self, content):
        table = read_table(content)
        for name in ("LEFT_POL", "RIGHT_POL"):
            assert table[name].shape == (len(table), 1024)
            assert table[name].dtype == np.dtype("int64")
            assert table[name].unit == units.ct
        assert list(table["STATUS"][:2]) == ["on", "off"]
        assert table["MARKER"][1] == "SPC 001"
        assert table.meta["BASEFREQ"] == 1_398_000_000
        hdu = read_fits(content)[1]
        assert list(hdu.data["STATUS"]) == list(table["STATUS"])
        assert hdu.data["MARKER"][1] == "SPC 001"
        assert hdu.columns["JD"].unit == "d"
        assert np.array_equal(hdu.data["LEFT_POL"], table["LEFT_POL"])

    def test_the_header_is_in_meta_without_what_says_how_the_table_lies(self):
        meta = read_table(SPECTRUM).meta
        assert {"OBJECT", "RA", "Scan Tag", "Project_Name", "BNDRES"} <= set(meta)
        assert not {"NAXIS1", "TTYPE1", "TFORM1", "TUNIT1", "XTENSION", "TFIELDS", ""} & set(meta)
        assert (meta["DIAMETER"], meta["ORIGIN"]) == (3, "RADIOUNIVERSE_PRO")

    def test_azimuths_that_are_not_there_survive(self):
        content = TPI[:14_408] + np.array([np.nan], ">f8").tobytes() + TPI[14_416:]
        content = content[:14_532] + np.array([DENORMAL], ">f8").tobytes() + content[14_540:]
        table = read_table(content)
        assert np.isnan(table["Azimuth"][0])
        assert table["Azimuth"][1] == DENORMAL
        assert not table.has_masked_columns
        assert np.isnan(read_fits(content)[1].data["Azimuth"][0])

    def test_astropy_reads_the_same(self):
        ours, theirs = (
            read_table(TPI),
            Table.read(io.BytesIO(written(read_fits(TPI))), format="fits"),
        )
        assert ours.colnames == theirs.colnames
        for name in ours.colnames[:19]:
            assert np.array_equal(ours[name], theirs[name], equal_nan=True)
            assert ours[name].unit == theirs[name].unit

    @each_table
    def test_a_table_is_written_as_fits_and_read_back(self, content, start, length):
        table = read_table(content)
        buffer = io.BytesIO()
        table.write(buffer, format="fits")
        again = read_table(buffer.getvalue())
        assert again.colnames == table.colnames
        for name in table.colnames:
            assert np.array_equal(
                again[name], table[name], equal_nan=table[name].dtype.kind == "f"
            )
            assert again[name].unit == table[name].unit
        assert {key: again.meta[key] for key in table.meta} == table.meta

    def test_channels_reach_both_ends_of_the_band(self):
        meta = read_table(SPECTRUM).meta
        last = meta["BASEFREQ"] + 1023 * meta["BNDRES"]
        assert last == pytest.approx(meta["BASEFREQ"] + meta["BANDWID"], abs=1e-3)

    @each_table
    @pytest.mark.parametrize("form", ["ascii.ecsv", "votable"])
    def test_a_table_is_written_in_other_formats(self, content, start, length, form, tmp_path):
        read_table(content).write(tmp_path / "table", format=form)
        again = Table.read(tmp_path / "table", format=form)
        assert np.array_equal(again["RIGHT_POL"], read_table(content)["RIGHT_POL"])

    def test_tables_of_several_files_are_stacked(self):
        tables = [read_table(content) for content in (TPI, WIDE, TPI)]
        tables[0].meta["OBJECT"] = "moon"
        stacked = vstack(tables)
        assert len(stacked) == sum(map(len, tables))
        assert isinstance(stacked, Table)
        assert stacked.meta["OBJECT"] is None
        assert stacked.meta["ORIGIN"] == "RADIOUNIVERSE_PRO"
        assert len(hstack(tables[::2])) == ROWS
        assert len(join(*tables[::2], keys="JD")) == ROWS
        assert pickle.loads(pickle.dumps(tables[1])).meta == tables[1].meta
        assert len(tables[0].group_by("MARKER").groups) >= 1

    def test_text_is_cut_at_its_first_nul_and_made_ascii(self):
        cells = [b"", b"\0\0\0\0", b"  a ", b"b\0cd", b"\0cde", b"\xe9\xff x", b"    "]
        data = np.array(cells, "S4")
        content = standard(table_hdu(T=("4A", None)))
        content = change(content, "NAXIS2", "NAXIS2  = 7") + data.tobytes()
        expected = ["", "", "a", "b", "", "?? x", ""]
        assert list(read_table(content)["T"]) == expected
        assert list(read_fits(content)[1].data["T"]) == expected

    def test_an_empty_table(self):
        content = change(TPI[:14_400], "NAXIS2", "NAXIS2  = 0")
        table = read_table(content)
        assert len(table) == 0
        assert len(table.columns) == 21
        assert table["MARKER"].dtype.kind == "U"
        assert len(read_fits(content)[1].data) == 0
        assert len(read_table(content + bytes(2000))) == 0


class TestImages:
    def test_the_header(self):
        (image,) = read_fits(IMAGE)
        header = image.header
        assert (header["CTYPE1"], header["CTYPE2"]) == ("RA", "DEC")
        assert (header["CUNIT1"], header["CUNIT2"]) == ("deg", "deg")
        assert header["OBJECT"] == "sun"
        assert header.comments["CTYPE1"] == "type of X Axis"
        assert "BUNIT" not in header
        assert image.data.shape == (header["NAXIS2"], header["NAXIS1"])
        expected = np.frombuffer(IMAGE[5760:], ">i2")
        assert np.array_equal(image.data.ravel(), expected)

    def test_its_coordinates_are_linear_and_warn_of_nothing(self):
        header = read_fits(IMAGE)[0].header
        wcs = WCS(header)
        corner = wcs.pixel_to_world_values(0, 0)
        middle = header["CRPIX1"] - 1
        assert np.allclose(
            wcs.pixel_to_world_values(middle, middle), (header["CRVAL1"], header["CRVAL2"])
        )
        assert corner[0] - header["CRVAL1"] == pytest.approx(-middle * header["BMAJ"] / 10)
        assert corner[1] - header["CRVAL2"] == pytest.approx(middle * header["BMAJ"] / 10)

    @pytest.mark.parametrize(
        ("text", "date"),
        [
            ("2025-02-04T09:35:21", "2025-02-04T09:35:21"),
            ("2025-02-04 09:35:21.5", "2025-02-04T09:35:21.500000"),
            ("2025-02-04T10:35:21+01:00", "2025-02-04T09:35:21"),
            ("2025-02-04T09:35:21Z", "2025-02-04T09:35:21"),
            ("2025-02-04", "2025-02-04T00:00:00"),
        ],
    )
    def test_dates_are_also_days(self, text, date):
        content = change(IMAGE, "DATE-OBS", f"DATE-OBS= '{text}' / start")
        header = read_fits(content)[0].header
        assert header["DATE-OBS"] == date
        assert header["MJD-OBS"] == pytest.approx(Time(date).mjd, abs=1e-9)
        WCS(header)

    def test_days_that_are_there_stay_as_does_a_date_that_is_none(self):
        content = change(IMAGE, "DATE-OBS", "MJD-OBS = 60000.0")
        content = change(content, "DATE-END", "DATE-OBS= '2023-02-25'")
        header = read_fits(content)[0].header
        assert (header["DATE-OBS"], header["MJD-OBS"]) == ("2023-02-25", 60000.0)
        for text in ("yesterday", "0001-01-01T00:00:00+10:00"):
            header = read_fits(change(IMAGE, "DATE-OBS", f"DATE-OBS= '{text}'"))[0].header
            assert header["DATE-OBS"] == text
            assert "MJD-OBS" not in header


class TestCards:
    @pytest.mark.parametrize(
        ("card", "keyword", "value", "comment"),
        [
            ("DIAMETER =                    3  / [m] dish", "DIAMETER", 3, "[m] dish"),
            ("DIAMETER =4/ [m]", "DIAMETER", 4, "[m]"),
            ("SITE = 3", "SITE", 3, ""),
            ("SITE=3", "SITE", 3, ""),
            ("SITE    = m / s / unit", "SITE", "m", "s / unit"),
            ("SITE    = a/b  / x", "SITE", "a/b", "x"),
            ("SITE    = O'Brien", "SITE", "O'Brien", ""),
            ("SITE    = 'O''Brien' / x", "SITE", "O'Brien", "x"),
            ("SITE    = 'open", "SITE", "open", ""),
            ("SITE    = '   left' / x", "SITE", "left", "x"),
            ("SITE    = '' / x", "SITE", "", "x"),
            ("SITE    = '        '", "SITE", "", ""),
            ("SITE    = nan", "SITE", "nan", ""),
            ("SITE    = 1.5e3", "SITE", 1500.0, ""),
            ("SITE    = -.5D-1 / x", "SITE", -0.05, "x"),
            ("SITE    = (1, -2.5)", "SITE", 1 - 2.5j, ""),
            ("SITE    = F", "SITE", False, ""),
            ("site    = 2025-02-04", "SITE", "2025-02-04", ""),
            ("SITE    = caf\xe9\n", "SITE", "caf?", ""),
            ("TUNIT1  = Degree", "TUNIT1", "deg", ""),
            ("TUNIT1  = 7 / x", "TUNIT1", "7", "x"),
            ("EXTNAME = 12", "EXTNAME", "12", ""),
            ("TUNIT1  = 'furlong' / x", "TUNIT1", "furlong", "x"),
            ("HIERARCH Scan Name = abc / x", "Scan Name", "abc", "x"),
            ("HIERARCH Scan Name= '  abc'", "Scan Name", "abc", ""),
            ("HIERARCH Scan Name=7", "Scan Name", 7, ""),
            ("COMMENT = 'x'", "COMMENT", "= 'x'", ""),
            ("HISTORY", "HISTORY", "", ""),
            ("no card", "COMMENT", "no card", ""),
            ("HIERARCH no value", "COMMENT", "HIERARCH no value", ""),
            ("CONTINUE  'x'", "COMMENT", "CONTINUE  'x'", ""),
            ("CONTINUE= 5", "COMMENT", "CONTINUE= 5", ""),
            ("A = " + "x" * 76, "COMMENT", "A = " + "x" * 68, ""),
        ],
    )
    def test_a_card_is_repaired(self, card, keyword, value, comment):
        place = keyword if f"{keyword:<8}".encode() in SPECTRUM else "SITELAT"
        hdus = read_fits(change(SPECTRUM, place, card))
        header = hdus[1].header
        found = header[keyword]
        assert str(found) == value if keyword in ("COMMENT", "HISTORY") else found == value
        assert type(found) is type(value) or keyword in ("COMMENT", "HISTORY")
        if comment:
            assert header.comments[keyword] == comment
        hdus.verify("exception")

    def test_a_long_comment_is_cut_and_the_value_kept(self):
        header = read_fits(change(SPECTRUM, "SITELAT", "SITE    = here / " + "x" * 80))[1].header
        assert header["SITE"] == "here"
        assert set(header.comments["SITE"]) == {"x"}

    def test_the_comments_of_cards_that_are_set_are_kept(self):
        content = change(IMAGE, "DATE-OBS", "DATE-OBS= '2025-02-04 09:35:21' / start / UTC")
        header = read_fits(content)[0].header
        assert header["DATE-OBS"] == "2025-02-04T09:35:21"
        assert header.comments["DATE-OBS"] == "start / UTC"
        content = change(TPI, "NAXIS2", "NAXIS2  = 0 / number of rows")
        with pytest.warns(Grad300Warning, match="NAXIS2 = 0"):
            assert read_fits(content)[1].header.comments["NAXIS2"] == "number of rows"

    def test_strings_that_go_on_and_cards_without_a_value(self):
        content = change(SPECTRUM, "SITELAT", "SITE    = 'one &' / first")
        content = change(content, "SITELONG", "CONTINUE  'two' / second")
        content = change(content, "SITEELEV", "SITEELEV=")
        content = change(content, "ORIGIN", "COMMENT here")
        table = read_table(content)
        assert table.meta["SITE"] == "one two"
        assert table.meta["SITEELEV"] is None
        assert table.meta["comments"] == ["here"]


class TestRescuedTables:
    @each_table
    def test_no_rows_counted(self, content, start, length):
        rows = (len(content) - start) // length
        broken = change(content, "NAXIS2", "NAXIS2  =                    0")
        with pytest.warns(Grad300Warning, match=rf"NAXIS2 = 0.* {rows} ") as caught:
            table = read_table(broken)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        healthy = read_table(content)
        assert table.meta == healthy.meta
        for name in healthy.colnames:
            assert table[name].tobytes() == healthy[name].tobytes()
        with pytest.warns(Grad300Warning, match=f" {rows} ") as caught:
            hdus = read_fits(broken)
        assert len(caught) == 1
        assert hdus[1].header["NAXIS2"] == rows
        whole = read_fits(content)[1]
        assert dict(hdus[1].header) == dict(whole.header)
        assert hdus[1].data.tobytes() == whole.data.tobytes()

    def test_no_rows_counted_and_the_file_padded(self):
        broken = change(TPI, "NAXIS2", "NAXIS2  = 0")
        for padding in (b"\0", b" "):
            with pytest.warns(Grad300Warning, match=f" {ROWS} are there$"):
                assert len(read_table(broken + padding * (-len(broken) % 2880))) == ROWS

    @each_table
    @pytest.mark.parametrize("lost", [1, 60, "row", "most"])
    def test_fewer_rows_than_counted(self, content, start, length, lost):
        rows = (len(content) - start) // length
        size = len(content) - {"row": length, "most": (rows - 1) * length}.get(lost, lost)
        there = (size - start) // length
        with pytest.warns(Grad300Warning, match=rf"{rows} rows.* {there} are there") as caught:
            table = read_table(content[:size])
        assert len(caught) == 1
        assert len(table) == there
        assert list(table["JD"]) == list(read_table(content)["JD"][:there])
        with pytest.warns(Grad300Warning) as caught:
            hdus = read_fits(content[:size])
        assert len(caught) == 1
        assert len(hdus[1].data) == there
        written(hdus)

    def test_a_row_in_part_after_those_that_are_not_counted(self):
        broken = change(TPI, "NAXIS2", "NAXIS2  = 0")[:-30]
        with pytest.warns(Grad300Warning, match="94 bytes after the data") as caught:
            assert len(read_table(broken)) == ROWS - 1
        assert len(caught) == 1

    def test_what_follows_the_rows_that_are_counted_is_left_out(self):
        with pytest.warns(Grad300Warning, match=f"{len(TPI) - 14_400 - 248} bytes after the data"):
            assert len(read_table(change(TPI, "NAXIS2", "NAXIS2  = 2")[:])) == 2
        with pytest.warns(Grad300Warning, match="4 bytes after the data"):
            assert len(read_table(TPI + b"junk")) == ROWS
        assert len(read_table(TPI + bytes(-len(TPI) % 2880))) == ROWS
        assert len(read_table(TPI + bytes(10_000))) == ROWS

    def test_rows_with_bytes_in_no_column(self):
        rows = np.frombuffer(TPI[14_400:], "S124")
        wide = np.zeros(ROWS, [("row", "S124"), ("junk", "S7")])
        wide["row"], wide["junk"] = rows, b"junkjun"
        content = change(TPI, "NAXIS1", "NAXIS1  = 131")[:14_400] + wide.tobytes()
        for read in (read_table, read_fits):
            with pytest.warns(Grad300Warning, match="7 bytes at the end of each row"):
                data = read(content)
            table = data if read is read_table else data[1].data
            assert list(table["MARKER"]) == list(read_table(TPI)["MARKER"])
            assert np.array_equal(table["JD"], read_table(TPI)["JD"])

    def test_no_whole_row_is_nothing_to_rescue(self):
        for size in (14_400, 14_401, 14_523):
            with pytest.raises(
                DecodeError, match=rf"expected {124 * ROWS} bytes.* {size - 14_400} follow"
            ):
                read_table(TPI[:size])

    def test_columns_without_a_name_or_with_the_same_one(self):
        content = change(TPI, "TTYPE1", "TTYPE1  = ''")
        content = change(content, "TTYPE3", "TTYPE3  = 'Azimuth'")
        names = ["col1", "Azimuth", "Azimuth_3"]
        assert read_table(content).colnames[:3] == names
        hdus = read_fits(content)
        assert hdus[1].columns.names[1:3] == names[1:]
        written(hdus)
        content = change(content, "TTYPE1", "TTYPE1  = 'Azimuth_3'")
        assert read_table(content).colnames[:3] == ["Azimuth_3", "Azimuth", "Azimuth_3_3"]


class TestRefused:
    def refuse(self, content, match, reads=(read_table, read_fits)):
        for read in reads:
            with pytest.raises(DecodeError, match=match):
                read(content)

    def test_what_is_not_fits(self):
        self.refuse(b"", "expected a FITS file.* got nothing")
        self.refuse(
            b"<!doctype html>\n<h1>Log in</h1>", "31 bytes that start with '<!doctype html> <h1>"
        )
        self.refuse(b"\xff\x00\x1b[31m" * 1000, "7000 bytes that start with")
        self.refuse(b"SIMPLE", "expected the END of a header")
        self.refuse(
            b"SIMPLE".ljust(80) + b"END".ljust(2800), "header of an HDU, but it starts with"
        )

    @pytest.mark.parametrize("content", [TPI, WIDE, SPECTRUM, ON_OFF])
    def test_files_cut_at_4096_bytes(self, content):
        self.refuse(content[:4096], "END of a header, but the file is over after 4096 bytes")

    def test_images_without_data_or_with_too_little(self):
        side = read_fits(IMAGE)[0].data.shape[0]
        size = 2 * side * side
        self.refuse(IMAGE[:5760], rf"expected {size} bytes.*{side} x {side}.* only 0 follow")
        self.refuse(IMAGE[:-1], rf"expected {size} bytes.* only {size - 1} follow")
        self.refuse(TPI[:2880], "ends without data", [read_fits])
        self.refuse(
            change(IMAGE[:5760], "NAXIS1", "NAXIS1  = 0"), "ends without data", [read_fits]
        )

    def test_the_table_of_an_image(self):
        self.refuse(IMAGE, r"expected a table, but .* none \(PRIMARY, \d+ x \d+\)", [read_table])

    @pytest.mark.parametrize(
        "card",
        [
            "NAXIS1  = -124",
            "NAXIS1  = 0",
            "NAXIS1  = 120",
            "NAXIS1  = 99999999999999999999999999",
            "NAXIS2  = -1",
            "NAXIS2  = abc",
            "NAXIS   = 1000",
            "NAXIS   = 3",
            "NAXIS   = 1",
            "NAXIS   = 0",
            "BITPIX  = 7",
            "BITPIX  = 16",
            "PCOUNT  = -1",
            "PCOUNT  = 200000000",
            "GCOUNT  = 0",
            "GCOUNT  = 200000000",
            "TFIELDS = 1000",
            "TFIELDS = 999",
            "TFIELDS = 'many'",
            "TFORM1  = '9999999999D'",
            "TFORM1  = '999999999D'",
            "TFORM1  = 'Z'",
            "TFORM1  =",
            "XTENSION=",
        ],
    )
    def test_headers_that_make_no_sense(self, card):
        started = time.perf_counter()
        self.refuse(change(TPI, card[:8].rstrip(), card), "expected")
        assert time.perf_counter() - started < 1

    def test_claims_of_200_megabytes_take_no_memory(self):
        content = change(IMAGE, "NAXIS1", "NAXIS1  = 10000")
        self.refuse(change(content, "NAXIS2", "NAXIS2  = 10000"), "expected 200000000 bytes")

    def test_what_astropy_stumbles_over_is_no_error_of_its_own(self):
        column = fits.Column("Y", "I5", array=np.array([12345]))
        content = standard(fits.TableHDU.from_columns([column])).replace(b"12345", b"1x345")
        for read in (read_fits, read_table):
            with pytest.raises(DecodeError, match="can be read, but") as caught:
                read(content)
            assert caught.value.__cause__ is not None


class TestFilesFromElsewhere:
    def test_several_hdus_are_kept(self):
        image = np.arange(12, dtype="f4").reshape(3, 4)
        content = standard(
            fits.ImageHDU(image, name="A"),
            table_hdu(X=("1E", np.arange(3.0))),
            fits.TableHDU.from_columns([fits.Column("Y", "I5", array=np.array([1, -2]))]),
            fits.ImageHDU(np.arange(4, dtype="u2"), name="B"),
        )
        hdus = read_fits(content)
        assert [type(hdu).__name__ for hdu in hdus] == [
            "PrimaryHDU",
            "ImageHDU",
            "BinTableHDU",
            "TableHDU",
            "ImageHDU",
        ]
        assert np.array_equal(hdus["A"].data, image)
        assert np.array_equal(hdus["B"].data, np.arange(4))
        assert list(hdus[3].data["Y"]) == [1, -2]
        assert list(read_table(content)["X"]) == [0, 1, 2]
        assert written(hdus) == content

    def test_data_without_padding_before_another_hdu(self):
        extension = fits.ImageHDU(np.arange(3, dtype="i2"))
        more = standard(extension)[2880:]
        hdus = read_fits(TPI + more)
        assert len(hdus) == 3
        assert len(hdus[1].data) == ROWS
        assert list(hdus[2].data) == [0, 1, 2]
        empty = read_fits(change(TPI, "NAXIS2", "NAXIS2  = 0")[:14_400] + more)
        assert len(empty) == 3
        assert len(empty[1].data) == 0

    def test_columns_that_want_more_than_their_bytes(self):
        values = np.array([1, 2, 3])
        columns = [
            fits.Column("scaled", "1E", bscale=0.5, bzero=10.0, array=values * 0.5 + 10.0),
            fits.Column("null", "1J", null=2, array=values),
            fits.Column("flag", "1L", array=values == 2),
            fits.Column("bits", "3X", array=np.eye(3, dtype=bool)),
            fits.Column("complex", "1C", array=values * 1j, unit="furlong"),
            fits.Column(
                "variable", "PJ()", array=np.array([values, values[:1], values[:0]], object)
            ),
            fits.Column("grid", "4E", dim="(2,2)", array=np.ones((3, 2, 2), "f4")),
            fits.Column("texts", "6A", dim="(3,2)", array=np.array([["ab", " c"]] * 3)),
            fits.Column("text", "5A", array=np.array(["a", " b", ""])),
            fits.Column("double", "1D", array=np.array([1.0, np.nan, 3.0])),
        ]
        content = standard(fits.BinTableHDU.from_columns(columns))
        table = read_table(content)
        assert list(table["scaled"]) == [10.5, 11.0, 11.5]
        assert list(table["null"].mask) == [False, True, False]
        assert list(table["flag"]) == [False, True, False]
        assert table["complex"][1] == 2j
        assert table["complex"].unit.to_string() == "furlong"
        assert list(table["variable"][0]) == [1, 2, 3]
        assert table["grid"].shape == (3, 2, 2)
        assert table["texts"].tolist()[0] == ["ab", "c"]
        assert table["text"].tolist() == ["a", "b", ""]
        assert np.isnan(table["double"][1])
        for name in table.colnames:
            assert table[name].dtype.isnative
            assert table[name].dtype.kind != "S"
        hdus = read_fits(content)
        assert list(hdus[1].data["variable"][0]) == [1, 2, 3]
        assert hdus[1].data["text"].tolist() == ["a", "b", ""]
        fits.open(io.BytesIO(written(hdus))).verify("exception")
        with pytest.raises(DecodeError):
            read_table(content[: len(content) - 2880])

    def test_a_table_of_text_and_one_without_columns(self):
        column = fits.Column("Y", "I5", array=np.array([1, -2]))
        content = standard(fits.TableHDU.from_columns([column]))
        assert read_table(content)["Y"].tolist() == [1, -2]
        with pytest.warns(Grad300Warning, match="2 rows.* 1 are there"):
            assert read_table(content[: 5760 + 8])["Y"].tolist() == [1]
        assert read_table(standard(fits.BinTableHDU())).colnames == []

    def test_a_table_with_times(self):
        buffer = io.BytesIO()
        times = Time(["2025-02-04T09:35:21", "2025-02-05"], scale="utc")
        table = Table({"q": np.ones(2) * units.m, "s": ["a", "b"]})
        table["s"].description = "what"
        table.meta["comments"] = ["here"]
        table.write(buffer, format="fits")
        again = read_table(buffer.getvalue())
        assert again["q"].unit == units.m
        assert again["s"].tolist() == ["a", "b"]
        assert again["s"].description == "what"
        assert times.size == 2

    @pytest.mark.parametrize("method", ["RICE_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"])
    def test_a_compressed_image_is_left_compressed(self, method):
        image = np.arange(100, dtype="i2").reshape(10, 10)
        content = standard(fits.CompImageHDU(image, name="C", compression_type=method))
        with pytest.warns(
            Grad300Warning, match=r"left compressed.* astropy\.io\.fits\.open"
        ) as one:
            hdus = read_fits(content)
        assert len(one) == 1
        assert type(hdus["C"]) is fits.BinTableHDU
        with fits.open(io.BytesIO(written(hdus))) as again:
            assert np.array_equal(again["C"].data, image)
        with pytest.raises(DecodeError, match="compressed image"):
            read_table(content)

    def test_a_crafted_image_does_not_end_the_process(self, tmp_path):
        image = np.arange(4096, dtype="i2").reshape(64, 64)
        hdu = fits.CompImageHDU(image, compression_type="HCOMPRESS_1", tile_shape=(64, 64))
        content = standard(hdu)
        side = (64).to_bytes(4, "big")
        # The tile itself says how large it is, and astropy's decoder writes that much.
        assert content.count(side + side) == 1
        larger = (4000).to_bytes(4, "big")
        (tmp_path / "crafted.fits").write_bytes(content.replace(side + side, larger + larger))
        program = (
            "import sys, warnings; from grad300_sdk.fits import read_fits\n"
            "warnings.simplefilter('ignore')\n"
            "hdus = read_fits(open(sys.argv[1], 'rb').read())\n"
            "print(hdus[1].data['COMPRESSED_DATA'][0].size > 100)\n"
        )
        command = [sys.executable, "-c", program, str(tmp_path / "crafted.fits")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "True\n")

    @pytest.mark.parametrize(
        ("fault", "match"),
        [
            ("many rows share the heap", "expected arrays of 80 bytes"),
            ("an array behind the heap", r"arrays in a heap of 80 bytes \(X\)"),
            ("an array before the heap", r"arrays in a heap of 80 bytes \(X\)"),
            ("fewer than none", r"arrays in a heap of 80 bytes \(X\)"),
        ],
    )
    def test_arrays_that_are_not_in_the_heap(self, fault, match):
        arrays = np.array([np.arange(5.0), np.arange(5.0)], object)
        content = standard(table_hdu(X=("PD()", arrays)))
        found = {
            "many rows share the heap": (5, 0, 6, 0),
            "an array behind the heap": (5, 0, 6, 40),
            "an array before the heap": (5, -8, 5, 40),
            "fewer than none": (5, 0, -1, 40),
        }
        descriptors = np.array([5, 0, 5, 40], ">i4").tobytes()
        assert descriptors in content
        crafted = content.replace(descriptors, np.array(found[fault], ">i4").tobytes())
        for read in (read_table, read_fits):
            assert len(read(content)) == 2
            with pytest.raises(DecodeError, match=match):
                read(crafted)

    @pytest.mark.parametrize("card", ["THEAP   = 1", "THEAP   = 99999999999"])
    def test_a_heap_that_is_elsewhere(self, card):
        arrays = np.array([np.arange(5.0), np.arange(5.0)], object)
        content = standard(table_hdu(X=("PD()", arrays)))
        with pytest.raises(DecodeError, match=r"a heap behind the rows .*THEAP"):
            read_fits(change(content, "TTYPE1", card))
        hdus = read_fits(change(TPI, "SITELAT", card))  # without a heap, it means nothing
        assert len(written(hdus)) < len(TPI) + 2880

    def test_more_columns_than_there_can_be(self):
        column = fits.Column("Y", "I5", array=np.array([1, -2]))
        content = standard(fits.TableHDU.from_columns([column]))
        with pytest.raises(DecodeError, match="TFIELDS = 2000000000"):
            read_fits(change(content, "TFIELDS", "TFIELDS = 2000000000"))

    @pytest.mark.parametrize("card", ["NAXIS1  = 4", "TBCOL1  = 3", "TFORM1  = 'I7'", "TBCOL1  ="])
    def test_columns_of_text_that_go_beyond_their_row(self, card):
        column = fits.Column("Y", "I5", array=np.array([1, -2]))
        content = standard(fits.TableHDU.from_columns([column]))
        for read in (read_table, read_fits):
            assert len(read(content)) == 2
            with pytest.raises(DecodeError, match="expected"):
                read(change(content, card[:8].rstrip(), card))

    def test_the_old_name_of_a_table(self):
        content = change(TPI, "XTENSION", "XTENSION= 'A3DTABLE'")
        hdus = read_fits(content)
        assert np.array_equal(hdus[1].data["JD"], read_table(content)["JD"])
        hdus.verify("exception")

    @pytest.mark.skipif(ASTROPY_7, reason="astropy 7 does not warn of it")
    def test_what_astropy_warns_of_is_one_warning(self):
        logicals = table_hdu(a=("1L", np.array([True, False])), b=("1L", np.array([True, False])))
        content = standard(logicals)
        rows = content.index(b"TTFF")
        content = content[:rows] + bytes(4) + content[rows + 4 :]
        for read in (read_table, read_fits):
            with pytest.warns(Grad300Warning, match="'a' contains NULL.*'b' contains NULL") as one:
                read(content)
            assert len(one) == 1
            assert one[0].filename == __file__

    def test_no_more_than_three_remarks_are_told(self):
        content = TPI
        for number in range(1, 8):
            content = change(content, f"TUNIT{number}", f"TNULL{number}  = 'x'")
        with pytest.warns(Grad300Warning, match="and 4 more$") as one:
            read_fits(content)
        assert len(one) == 1

    def test_threads_leave_the_filters_of_warnings_as_they_are(self):
        before = warnings.filters[:]
        content = standard(table_hdu(a=("1L", np.array([True, False]))))
        with ThreadPoolExecutor(8) as pool:
            for hdus in pool.map(read_fits, [content] * 100):
                assert len(hdus) == 2
        assert warnings.filters == before

    def test_a_warning_of_another_thread_is_left_to_it(self, monkeypatch):
        make = grad300_sdk.fits._make_hdu

        def make_meanwhile(part):
            with ThreadPoolExecutor(1) as pool:
                pool.submit(warnings.warn, "of another thread", stacklevel=1).result()
            return make(part)

        monkeypatch.setattr(grad300_sdk.fits, "_make_hdu", make_meanwhile)
        with pytest.warns(UserWarning, match="^of another thread$") as caught:
            read_fits(IMAGE)
        assert not any(issubclass(one.category, Grad300Warning) for one in caught)

    def test_cards_in_another_order_or_twice(self):
        content = change(change(TPI, "GCOUNT", "TFIELDS = 21"), "TFIELDS", "GCOUNT  = 1")
        content = change(content, "SITELAT", "TTYPE2  = 'Azimuth ' / once more")
        content = change(content, "SITELONG", "NAXIS3  = 1")
        hdus = read_fits(content)
        hdus.verify("exception")
        names = read_fits(TPI)[1].columns.names
        assert hdus[1].columns.names == names
        assert str(hdus[1].header["COMMENT"]).startswith("TTYPE2")
        content = change(content, "TTYPE2", "TTYPE2  = 'another'")
        with pytest.warns(Grad300Warning, match="two cards TTYPE2 that differ") as one:
            assert read_fits(content)[1].columns.names == names
        assert len(one) == 1
        no_extend = change(TPI[:2880], "EXTEND", "EXTEND  = 3") + TPI[2880:]
        read_fits(no_extend).verify("exception")

    def test_numbers_and_logicals_in_quotes(self):
        content = change(TPI[:2880], "EXTEND", "EXTEND  = T '") + TPI[2880:]
        content = change(content, "GCOUNT", "GCOUNT  = '1'")
        content = change(content, "PCOUNT", "PCOUNT  = '0' / none")
        hdus = read_fits(change(content, "NAXIS2", f"NAXIS2  = ' {ROWS}'"))
        hdus.verify("exception")
        assert hdus[0].header["EXTEND"] is True
        assert hdus[1].header["NAXIS2"] == ROWS
        assert hdus[1].header.comments["PCOUNT"] == "none"
        with pytest.raises(DecodeError, match="NAXIS2 = many"):
            read_fits(change(content, "NAXIS2", "NAXIS2  = 'many'"))

    @pytest.mark.parametrize("card", ["PCOUNT  = 1", "GCOUNT  = 2"])
    def test_an_image_with_parameters_that_are_not_those_of_groups(self, card):
        with pytest.raises(DecodeError, match=r"expected one image .*PCOUNT or GCOUNT"):
            read_fits(change(IMAGE, "SITELAT", card) + bytes(20_000))

    def test_random_groups_and_a_header_without_end_after_a_good_one(self, tmp_path):
        groups = fits.GroupData(
            np.arange(8, dtype="f4").reshape(2, 2, 2),
            bitpix=-32,
            parnames=["a"],
            pardata=[np.arange(2)],
        )
        fits.GroupsHDU(groups).writeto(tmp_path / "groups.fits")
        content = (tmp_path / "groups.fits").read_bytes()
        (hdu,) = read_fits(content)
        assert len(hdu.data) == 2
        with pytest.raises(DecodeError, match="END"):
            read_fits(content + b"XTENSION= 'IMAGE   '".ljust(2880))


class TestAnyBytes:
    """Whatever comes: a result or a DecodeError, and quickly."""

    def read(self, content):
        for read in (read_table, read_fits):
            started = time.perf_counter()
            try:
                result = read(content)
            except DecodeError as error:
                assert "\n" not in str(error)  # noqa: PT017
            else:
                if read is read_fits:
                    for hdu in result:
                        _ = dict(hdu.header), hdu.data
            assert time.perf_counter() - started < 5

    @each_file
    @pytest.mark.filterwarnings("ignore")
    def test_files_cut_anywhere(self, content):
        for size in [*range(0, len(content), 1000), *range(80, len(content), 2880)][:60]:
            self.read(content[:size])

    @pytest.mark.parametrize("name", ["tpi", "spectrum", "image"])
    @pytest.mark.filterwarnings("ignore")
    def test_bytes_changed_in_headers(self, name):
        source = random.Random(name)
        content = FILES[name]
        for count in (1, 3, 10, 100, 1000) * 8:
            changed = bytearray(content)
            for _ in range(count):
                byte = source.choice([source.randrange(256), *b"0123456789'=/ TFED.-&\0"])
                changed[source.randrange(min(len(content), 11_520))] = byte
            self.read(bytes(changed))

    @pytest.mark.filterwarnings("ignore")
    def test_cards_changed_in_headers(self):
        source = random.Random(0)
        keywords = (
            "NAXIS NAXIS1 NAXIS2 BITPIX PCOUNT GCOUNT TFIELDS TFORM1 TFORM20 TTYPE1 EXTNAME "
            "XTENSION SITELAT SITEELEV"
        )
        values = (
            "-1 0 1 2 999 99999999 1E9 '1PE(9)' '3X' '1L' '2C' '0A' '16A8' 'JD' 'IMAGE' 'TABLE' "
            "T abc nan 'a&'"
        )
        extra = "TSCAL1 TZERO8 TNULL9 TDIM8 TDIM20 TDISP1 ZIMAGE GROUPS THEAP CONTINUE END"
        for _ in range(150):
            content = TPI
            for _ in range(source.randrange(1, 4)):
                keyword, value = source.choice(keywords.split()), source.choice(values.split())
                named = keyword if source.random() < 0.7 else source.choice(extra.split())
                try:
                    content = change(content, keyword, f"{named:<8}= {value}")
                except UnboundLocalError:
                    continue  # that card was replaced before
            self.read(content)

    def test_random_bytes(self):
        source = random.Random(0)
        for size in (1, 79, 80, 81, 2880, 5760, 50_000):
            self.read(source.randbytes(size))
            self.read(b"SIMPLE  =                    T".ljust(80) + source.randbytes(size))

    def test_twenty_megabytes_without_an_end(self):
        self.read(b"SIMPLE  =                    T".ljust(80) + b"ENDING".ljust(80) * 250_000)


def test_reading_takes_no_longer_than_astropy_alone():
    # Generous: the machine may be busy. The ratios are about 0.2 for tables, 1 for the rest.
    def best(read):
        times = []
        for _ in range(7):
            started = time.perf_counter()
            read()
            times.append(time.perf_counter() - started)
        return min(times)

    scan = find("TPI", lambda scan: scan["size"] > 900_000)
    content = synthesise("TPI", scan, 0)
    clean = written(read_fits(content))
    ours = best(lambda: read_table(content))
    assert ours < 0.9 * best(lambda: Table.read(io.BytesIO(clean), format="fits"))


def test_the_package_does_not_bring_it_along():
    program = "import sys, grad300_sdk; print('grad300_sdk.fits' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False"


def test_the_columns_of_a_table_are_defined_once(monkeypatch):
    # What keeps astropy from doing it twice is private to it.
    defined = []
    define = fits.Column.__init__

    def count(column, *args, **kwargs):
        defined.append(column)
        define(column, *args, **kwargs)

    monkeypatch.setattr(fits.Column, "__init__", count)
    hdu = read_fits(SPECTRUM)[1]
    assert len(defined) == len(hdu.columns)
    assert type(hdu.data) is fits.FITS_rec
    assert type(hdu.data[1:3]) is fits.FITS_rec
    assert hdu.data.columns is hdu.columns
    again = pickle.loads(pickle.dumps(hdu.data))
    assert again.tobytes() == hdu.data.tobytes()
    assert list(again["STATUS"]) == list(hdu.data["STATUS"])

import io
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from grad300_sdk.sandbox.files import file_size, synthesise
from grad300_sdk.sandbox.observing import observe
from grad300_sdk.sandbox.scans import SCAN_TYPES

SCANS = [(scan_type, scan) for scan_type, _, scan in observe(400, 0)]
# The warnings that astropy issues for intact files of the telescope.
healthy = [
    pytest.mark.filterwarnings("ignore:File may have been truncated"),
    pytest.mark.filterwarnings("ignore:The following header keyword is invalid(.|\n)*DIAMETER"),
]


def find(scan_type, **wanted):
    for kind, scan in SCANS:
        if kind == scan_type and all(scan[key] == value for key, value in wanted.items()):
            return scan
    raise LookupError(wanted)


def find_pattern(pattern):
    return next(s for kind, s in SCANS if kind == "TPI" and s["plan"]["pattern"] == pattern)


def is_wide(scan):
    return scan["size"] != file_size("TPI", scan["nsamples"])


def cards(content, start, stop):
    text = content[start:stop].decode("ascii")
    return [text[index : index + 80].rstrip() for index in range(0, len(text), 80)]


def open_file(scan_type, scan):
    return fits.open(io.BytesIO(synthesise(scan_type, scan, 0)))


@pytest.mark.parametrize(("scan_type", "scan"), SCANS[:100], ids=lambda item: str(item)[:12])
def test_every_file_is_as_long_as_its_row_says(scan_type, scan):
    assert len(synthesise(scan_type, scan, 0)) == scan["size"]


def test_sizes_follow_the_formulas():
    assert file_size("TPI", 7884) == 992_016
    assert file_size("TPI", 10, ninth_converter=True) == 14_400 + 128 * 10
    assert file_size("Spectrum", 3) == 60_900
    assert file_size("Images", 39 * 39) == 8_802


@pytest.mark.parametrize("scan_type", SCAN_TYPES)
def test_a_file_is_the_same_again_and_another_one_for_another_seed_or_id(scan_type):
    scan = find(scan_type)
    content = synthesise(scan_type, scan, 0)
    assert synthesise(scan_type, scan, 0) == content
    assert synthesise(scan_type, scan, 1) != content
    assert synthesise(scan_type, {**scan, "id": 12345}, 0) != content


@pytest.mark.parametrize(
    ("scan_type", "header"), [("TPI", 11_520), ("Spectrum", 8_640), ("OnOff", 8_640)]
)
def test_headers_of_tables_are_padded_to_their_size(scan_type, header):
    content = synthesise(scan_type, find(scan_type), 0)
    assert cards(content, 0, 2880)[4] == "END"
    lines = cards(content, 2880, 2880 + header)
    assert "END" in lines[-36:]
    assert content[2880 + header - 1 : 2880 + header] == b" "
    assert content[2880 : 2880 + 20] == b"XTENSION= 'BINTABLE'"


def test_odd_cards_are_written_as_the_telescope_writes_them():
    scan = find("Images", object="sun")
    content = synthesise("Images", scan, 0)
    lines = cards(content, 0, 5760)
    assert "END" in lines[-36:]
    assert "DIAMETER =                     0  / TELESCOPE diameter" in lines
    assert "CTYPE1  = RA  / type of X Axis" in lines
    assert "CTYPE2  = DEC  / type of Y Axis" in lines
    assert "CUNIT1  = deg  / units of X Axis" in lines
    assert "CUNIT2  = deg  / units of Y Axis" in lines
    assert "HIERARCH Scan Tag= '1'" in lines
    assert any(line.startswith("HIERARCH Project_Name= '") for line in lines)
    assert any(line.startswith(f"OBJECT  = '{'sun':>19}'") for line in lines)


# As a real image has them, in this order.
IMAGE_CARDS = """
SIMPLE BITPIX NAXIS NAXIS1 NAXIS2 EXTEND ORIGIN DATE-OBS DATE-END Project_Name Scan_Tag SubScanID
ScheduleName MJD LST SITELAT SITELONG SITEELEV RA DEC CRPIX1 CRPIX2 CRVAL1 CRVAL2 CDELT1 CDELT2
CTYPE1 CTYPE2 CUNIT1 CUNIT2 SUNANGLE TELAPSE AIRMASS AUTHOR OBSERVER OBJECT EQUINOX DIAMETER
FRONTEND BACKEND BMAJ BMIN OBSFREQ TCAL RESTFRQ SPECSYS BNDRES BASEFREQ BANDWID POLARIZ VLSR
"""


def test_an_image_has_the_cards_of_a_real_one():
    lines = cards(synthesise("Images", find("Images"), 0), 0, 5760)
    lines = [line for line in lines if line not in ("", "END")]
    names = [line.removeprefix("HIERARCH ").partition("=")[0].strip() for line in lines]
    assert [name.replace(" ", "_") for name in names[:-9]] == IMAGE_CARDS.split()
    assert lines[-9:] == ["COMMENT *"] * 9
    # Most numbers end a column to the right of where the standard has them.
    assert "CRPIX1  =                    14  / X coordinate of reference pixel" in cards(
        synthesise("Images", find("Images", nsamples=27 * 27), 0), 0, 5760
    )
    assert "BNDRES  =      61094.8191593353  / Spectral resolution (Hz)" in lines


def test_the_project_and_the_tag_come_from_the_name():
    scan = {**find("TPI"), "file_name": "20250204-093521_TPI-CSCAN_LON-SUN_04#_02#.fits"}
    lines = cards(synthesise("TPI", scan, 0), 2880, 14_400)
    assert "HIERARCH Project_Name= 'CSCAN_LON'" in lines
    assert "HIERARCH Scan Tag= '4'" in lines
    assert "HIERARCH SubScanID= '2'" in lines


@pytest.mark.parametrize("scan_type", SCAN_TYPES)
def test_astropy_warns_of_nothing_but_what_is_known(scan_type):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with open_file(scan_type, find(scan_type)) as hdus:
            for hdu in hdus:
                _ = hdu.data
    messages = {str(warning.message) for warning in caught}
    assert len(messages) == 2, messages
    assert any("truncated" in message for message in messages)
    assert any("DIAMETER" in message for message in messages)


class TestTotalPower:
    pytestmark = healthy

    def test_columns(self):
        scan = find("TPI")
        with open_file("TPI", scan) as hdus:
            columns, data = hdus[1].columns, hdus[1].data
            assert hdus[0].data is None
            assert len(data) == scan["nsamples"]
            assert columns.formats == ["1D"] * 7 + ["1J"] * 12 + ["4A", "16A"]
            assert columns.units == ["d"] + ["deg"] * 6 + ["ct"] * 12 + ["", ""]
            assert columns.names[7:12] == [
                "LEFT_POL",
                "RIGHT_POL",
                "LEFT_FILT",
                "RIGHT_FILT",
                "BBC09u",
            ]
            assert columns.names[18:] == ["BBC16u", "CAL", "MARKER"]
            assert set(data["CAL"]) == {" OFF"}
            assert list(data["MARKER"]) == [f"TPI {number:03d}" for number in range(len(data))]

    def test_a_few_files_have_a_ninth_converter(self):
        wide = [scan for kind, scan in SCANS if kind == "TPI" and is_wide(scan)]
        narrow = [scan for kind, scan in SCANS if kind == "TPI" and not is_wide(scan)]
        assert 0 < len(wide) < len(narrow) / 5
        with open_file("TPI", wide[0]) as hdus:
            assert len(hdus[1].columns) == 22
            assert hdus[1].header["NAXIS1"] == 128

    def test_times_run_from_the_start_to_the_end(self):
        scan = find("TPI", object="sun")
        with open_file("TPI", scan) as hdus:
            jd = hdus[1].data["JD"]
        start, end = (
            np.array([scan["date"], scan["date_end"]], "M8[s]").astype(int) / 86400 + 2440587.5
        )
        assert jd[0] == pytest.approx(start, abs=1e-8)
        assert end - jd[-1] == pytest.approx(np.diff(jd).mean(), rel=0.01)

    def test_a_drift_scan_stands_still_while_the_sun_goes_by(self):
        scans = (s for kind, s in SCANS if kind == "TPI" and s["plan"]["pattern"] == "drift")
        scan = max(scans, key=lambda scan: scan["nsamples"])
        with open_file("TPI", scan) as hdus:
            data = hdus[1].data
            assert np.ptp(data["Azimuth"][2:]) < 1e-3
            assert np.ptp(data["Elevation"]) < 1e-3
            offset = np.hypot(data["Az_Offset"], data["El_Offset"])
        assert offset.argmin() / len(data) == pytest.approx(0.5, abs=0.05)
        assert offset[0] > offset.min()

    @pytest.mark.parametrize(
        ("pattern", "moves", "stays"),
        [("azimuth", "Az_Offset", "El_Offset"), ("elevation", "El_Offset", "Az_Offset")],
    )
    def test_a_scan_along_one_axis_leaves_the_other_alone(self, pattern, moves, stays):
        scan = find_pattern(pattern)
        assert f"-CSCAN_{'LON' if pattern == 'azimuth' else 'LAT'}-" in scan["file_name"]
        with open_file("TPI", scan) as hdus:
            data = hdus[1].data
            assert np.ptp(data[moves]) > 15
            assert np.abs(data[stays]).max() < 0.02

    def test_a_tracking_scan_goes_to_its_source_and_stays(self):
        with open_file("TPI", find_pattern("track")) as hdus:
            offset = np.hypot(hdus[1].data["Az_Offset"], hdus[1].data["El_Offset"])
        assert offset[0] > 5
        assert offset[10:].max() < 0.02

    def test_some_azimuths_are_odd(self):
        columns = []
        for kind, scan in SCANS:
            if kind == "TPI" and scan["nsamples"] < 1000:
                with open_file("TPI", scan) as hdus:
                    columns.append(np.array(hdus[1].data["Azimuth"]))
        azimuths = np.concatenate(columns)
        assert np.isnan(azimuths).any()
        assert ((azimuths > 0) & (azimuths < np.finfo(float).tiny)).any()
        assert (azimuths < 0).any()


class TestSpectra:
    pytestmark = healthy

    def test_columns(self):
        scan = find("Spectrum", nsamples=15)
        with open_file("Spectrum", scan) as hdus:
            columns, data, header = hdus[1].columns, hdus[1].data, hdus[1].header
            assert columns.formats == ["1D"] * 7 + ["1024K", "1024K", "4A", "16A"]
            assert list(data["STATUS"][:4]) == ["on", "off", "cal", "on"]
            assert all(len(marker) == 16 for marker in data["MARKER"])
            assert header["BASEFREQ"] == 1_398_000_000
            assert header["BANDWID"] == 62_500_000
            assert header["BNDRES"] == 61094.8191593353
            assert "EXTNAME" not in header

    def test_the_band_is_that_of_the_printed_spectra(self):
        scan = find("Spectrum", object="sun")
        with open_file("Spectrum", scan) as hdus:
            data = hdus[1].data
            assert data["MARKER"][1] == "SPC 001".rjust(16)
            on, off = (data["RIGHT_POL"][data["STATUS"] == status] for status in ("on", "off"))
        means = [spectra.mean(axis=0).reshape(8, 128).mean(axis=1) for spectra in (on, off)]
        # Means of 128 channels each, of a spectrum of 12 February 2025.
        assert means[0] == pytest.approx(
            [4.31e9, 5.24e9, 4.15e9, 2.64e9, 1.87e9, 2.04e9, 1.43e9, 1.53e8], rel=0.15
        )
        assert means[1] == pytest.approx(
            [3.05e8, 3.89e8, 3.40e8, 2.33e8, 1.75e8, 1.88e8, 1.44e8, 4.68e7], rel=0.1
        )

    def test_the_last_channel_is_0_and_single_ones_are_negative(self):
        negative = []
        for scan in (scan for kind, scan in SCANS if kind == "Spectrum"):
            with open_file("Spectrum", scan) as hdus:
                power = hdus[1].data["RIGHT_POL"]
                assert (power[:, -1] == 0).all()
                negative.append((power < 0).sum(axis=1).max())
        assert 0 < max(negative) < 5

    def test_the_left_polarisation_is_dead_in_many_but_not_all(self):
        peaks = []
        for scan in (scan for kind, scan in SCANS if kind == "Spectrum"):
            with open_file("Spectrum", scan) as hdus:
                peaks.append(np.median(hdus[1].data["LEFT_POL"]))
        dead = np.array(peaks) < 1e6
        assert 0.4 < dead.mean() < 0.95
        assert (np.array(peaks)[~dead] > 1e8).all()

    def test_the_off_is_beside_the_source(self):
        with open_file("Spectrum", find("Spectrum", object="casa")) as hdus:
            data = hdus[1].data
            offset = np.hypot(data["Az_Offset"], data["El_Offset"])
        assert offset[data["STATUS"] == "on"].max() < 0.02
        assert offset[data["STATUS"] != "on"] == pytest.approx(12.1, abs=0.02)


class TestImages:
    pytestmark = healthy

    def test_the_map_shows_the_source_in_its_middle(self):
        scan = find("Images", object="sun", nsamples=39 * 39)
        with open_file("Images", scan) as hdus:
            (hdu,) = hdus
            pixels = hdu.data
            assert pixels.dtype == ">i2"
            assert pixels.shape == (39, 39)
            assert (pixels >= 0).all()
            assert 1450 < pixels[pixels > 0].min() < 1650
            assert 18_000 < pixels.max() < 19_300
            row, column = np.unravel_index(pixels.argmax(), pixels.shape)
            assert (row, column) == (pytest.approx(19, abs=2), pytest.approx(19, abs=2))

    def test_pixels_that_the_raster_has_not_visited_are_0(self):
        stopped, complete = 0, 0
        for scan in (scan for kind, scan in SCANS if kind == "Images"):
            with open_file("Images", scan) as hdus:
                pixels = hdus[0].data.ravel()
            visited = np.flatnonzero(pixels)
            assert (visited == np.arange(len(visited))).all()
            stopped += len(visited) < len(pixels)
            complete += len(visited) == len(pixels)
        assert 0.3 < complete / (stopped + complete) < 0.8

    @pytest.mark.filterwarnings("ignore")
    def test_the_strings_without_quotes_can_be_fixed_and_then_place_it_on_the_sky(self):
        scan = find("Images", object="casa")
        with open_file("Images", scan) as hdus:
            header = hdus[0].header
            with pytest.raises(fits.VerifyError):
                header["CTYPE1"]
            hdus[0].verify("fix")
            assert header["CDELT1"] == -header["CDELT2"] == pytest.approx(0.40338, abs=1e-5)
            middle = (header["NAXIS1"] - 1) / 2
            ra, dec = WCS(header).wcs_pix2world(middle, middle, 0)
        assert float(ra) == pytest.approx(scan["ra"] * 15)
        assert float(dec) == pytest.approx(scan["dec"])

"""The pictures: what they show, in any state of the data, and that they change nothing else."""

from __future__ import annotations

import io
import subprocess
import sys
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.table import QTable, Table
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Ellipse
from matplotlib.text import Text
from PIL import Image

from grad300_sdk import quicklook, spectra
from grad300_sdk.errors import DecodeError
from grad300_sdk.fits import read_fits, read_table
from grad300_sdk.quicklook.scales import (
    extremes,
    find_dead,
    scale_of,
    scale_of_bands,
    thin,
    to_floats,
)
from grad300_sdk.records import ScanType
from grad300_sdk.tables import make_table
from tests.support.fits_files import telescope_files

BEGIN = 2_460_718.85  # 2025-02-12 08:24
BEAM = 4.03376144265431
BASELINES = Path(__file__).parent / "baselines"


def tpi(rows: int = 500, **changed: Any) -> Table:
    """Return the table of a TPI: a source that passes once, and a dead left polarisation."""
    along = np.linspace(0, 1, rows)
    power = 1600 + 16_000 * np.exp(-(((along - 0.5) / 0.1) ** 2))
    columns = {
        "JD": BEGIN + along / 24,
        "Azimuth": 170 + 10 * np.sin(40 * along),
        "Elevation": 30 + 10 * along,
        "LEFT_POL": np.full(rows, 9),
        "RIGHT_POL": power.astype(int),
        **{f"BBC{number:02d}u": (power * number / 10).astype(int) for number in range(9, 17)},
    }
    meta = {"OBJECT": "sun", "DATE-OBS": "2025-02-12T08:24:00", "Project_Name": "GRAD300"}
    meta |= {"Scan Tag": "4", "SubScanID": "1"}
    return Table({**columns, **changed}, meta=meta)


def spectrum(statuses: Any = ("on", "off", "cal"), channels: int = 1024) -> Table:
    """Return the table of a spectrum, with a hydrogen line where it is on."""
    random = np.random.default_rng(1)
    position = np.linspace(-1, 1, channels)
    line = 0.5 * np.exp(-(((position + 0.283) / 0.005) ** 2))
    levels = {"on": 1.2 + line, "cal": 1.5}
    band = 1e6 * (1 - position**8) * (1 + 0.01 * random.standard_normal((3, channels)))
    power = np.array([band[n % 3] * levels.get(name, 1.0) for n, name in enumerate(statuses)])
    power = power.reshape(-1, channels).astype(int)
    count = len(statuses)
    columns = {
        "JD": BEGIN + np.arange(count) / 86_400,
        "Azimuth": np.full(count, 170.0),
        "Elevation": np.full(count, 30.0),
        "LEFT_POL": power // 1000,
        "RIGHT_POL": power,
        "STATUS": np.array(statuses, dtype="U4"),
    }
    meta = {"BASEFREQ": 1_398_000_000, "BANDWID": 62_500_000.0, "OBJECT": "casa"}
    return Table(columns, meta=meta)


def sun(side: int = 27) -> npt.NDArray[np.int16]:
    """Return the pixels of an image of the Sun, some of which were not visited."""
    y, x = np.mgrid[:side, :side] - side // 2
    pixels = 1500 + 17_000 * np.exp(-(x**2 + (y - 4) ** 2) / 36)
    pixels[y == side // 2] = 0
    return pixels.astype(np.int16)


def image(pixels: Any, **cards: Any) -> fits.HDUList:
    """Return an image of the telescope; a card that is None is missing."""
    hdu = fits.PrimaryHDU(np.asarray(pixels))
    header = {"CTYPE1": "RA", "CTYPE2": "DEC", "CUNIT1": "deg", "CUNIT2": "deg"}
    header |= {"CRVAL1": 326.2122, "CRVAL2": -13.5593, "CRPIX1": 14, "CRPIX2": 14}
    header |= {"CDELT1": BEAM / 10, "CDELT2": -BEAM / 10, "BMAJ": BEAM, "BMIN": BEAM}
    header |= {"OBJECT": "sun", "DATE-OBS": "2025-02-12T08:32:16", **cards}
    hdu.header.update({key: value for key, value in header.items() if value is not None})
    return fits.HDUList([hdu])


def listing(count: int = 40) -> Table:
    """Return a listing of scans of all types and of more sources than there are colours."""
    rows = [
        {
            "id": number,
            "scan_type": list(ScanType)[number % 4].value,
            "file_name": f"{number}.fits",
            "object": f"source{number % 10}" if number % 10 else "",
            "ra": number * 24 / count if number % 7 else None,
            "dec": 60.0 - number,
            "date": f"2025-{1 + number % 12:02d}-04T09:35:21",
        }
        for number in range(count)
    ]
    return make_table(rows, None, {})


def texts(figure: Figure) -> str:
    """Return all that a figure says, but for the numbers of its axes."""
    labels = [text.get_text() for text in figure.findobj(Text)]
    labels += [name for axes in figure.axes for name in (axes.get_xlabel(), axes.get_ylabel())]
    return "\n".join(labels)


def drawn(data: Any) -> Figure:
    """Return a picture of data that was rendered."""
    figure = quicklook.plot(data)
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    return figure


EVERY = np.arange(500)
MASKED = Table(tpi(), masked=True)
MASKED["RIGHT_POL"].mask[:100] = True
MASKED["JD"].mask[50:60] = True
ODD = tpi()
ODD.meta = {"OBJECT": "$\\frac{\n é ☃" * 20, "DATE-OBS": None}
BAD_DATES = spectrum()
BAD_DATES["JD"] = 1e307
HALF_BAD = np.where(EVERY % 40 == 0, 1e307, 30.0)

LOST = spectra.on_off(spectrum())
LOST["velocity"] *= np.nan

DATA: dict[str, Any] = {
    "a TPI": tpi(),
    "one row": tpi(1),
    "two rows": tpi(2),
    "no rows": tpi()[:0],
    "a TPI without columns": tpi()["RIGHT_POL", "BBC09u"],
    "a TPI without sub-bands": tpi()["JD", "LEFT_POL", "RIGHT_POL"],
    "sub-bands alone": tpi()["JD", "BBC09u"],
    "impossible pointings": tpi(JD=np.where(EVERY % 50, tpi()["JD"], 1e307), Elevation=HALF_BAD),
    "only impossible pointings": tpi(JD=np.full(500, -1e307), Azimuth=np.full(500, 1e307)),
    "above the zenith": tpi(Elevation=np.full(500, 90.01)),
    "a pointing that was not set": tpi(Azimuth=np.where(EVERY < 2, 0.0, 170 + EVERY / 50)),
    "the whole sky": tpi(Azimuth=EVERY * 0.72, Elevation=5 + EVERY * 0.16),
    "impossible powers": tpi(RIGHT_POL=np.where(EVERY % 50, 1600.0, 1e307)),
    "powers that are nan": tpi(RIGHT_POL=np.full(500, np.nan), LEFT_POL=np.full(500, np.nan)),
    "no power": tpi(RIGHT_POL=np.zeros(500), LEFT_POL=np.zeros(500))["JD", "RIGHT_POL"],
    "masked cells": MASKED,
    "one moment": tpi(JD=np.full(500, BEGIN)),
    "power where the pointing is missing": tpi(
        Azimuth=np.where(EVERY < 250, 170, np.nan), RIGHT_POL=np.where(EVERY < 250, np.nan, 1600)
    ),
    "odd texts": ODD,
    "a spectrum": spectrum(),
    "a spectrum without off": spectrum(("on", "cal")),
    "a spectrum without rows": spectrum()[:0],
    "a spectrum of one row": spectrum(("off",)),
    "many statuses": spectrum(tuple("abcdefghijkl")),
    "a spectrum without a header": Table(spectrum(), meta={}),
    "a spectrum without a status": spectrum()["JD", "LEFT_POL", "RIGHT_POL"],
    "a spectrum without a pointing": spectrum()["STATUS", "RIGHT_POL", "LEFT_POL"],
    "a spectrum of another century": BAD_DATES,
    "a spectrum of four channels": spectrum(channels=4),
    "a spectrum of one channel": spectrum(channels=1),
    "a line without velocities": LOST,
    "a line": spectra.on_off(spectrum()),
    "a line without rows": spectra.on_off(spectrum())[:0],
    "an image": image(sun()),
    "an image of zeros": image(0 * sun()),
    "an image of nan": image(np.full((27, 27), np.nan)),
    "an image with 1e307": image(np.where(np.eye(27), 1e307, sun())),
    "an image of nine pixels": image(sun()[12:15, 12:15]),
    "an image of one pixel": image(sun()[:1, :1]),
    "an image of a row": image(sun()[:1]),
    "an image without cards": fits.HDUList([fits.PrimaryHDU(sun())]),
    "an image without coordinates": image(sun(), CTYPE1=None, CTYPE2=None),
    "an image with a step of 0": image(sun(), CDELT1=0.0),
    "a tangential image": image(sun(), CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CDELT1=-0.4),
    "a galactic image": image(sun(), CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN", CDELT1=-0.4),
    "a listing": listing(),
    "a listing of one scan": listing(1),
    "a listing of none": listing(0),
    "a listing without columns": listing()["id", "file_name", "source"],
}


@cache
def picture(name: str) -> Figure:
    """Return the picture of one of these data, to be looked at and not to be changed."""
    return drawn(DATA[name])


class TestAnything:
    @pytest.mark.parametrize("name", DATA)
    def test_it_is_drawn(self, name: str) -> None:
        figure = picture(name)
        assert figure.get_suptitle()
        for axes in figure.axes:
            assert axes.has_data() or axes.get_label() == "<colorbar>", "empty axes"

    @pytest.mark.parametrize("name", telescope_files())
    def test_every_file_of_the_telescope(self, name: str, recwarn: Any) -> None:
        try:
            data = (read_table if "TPI" in name else read_fits)(telescope_files()[name])
        except DecodeError:
            pytest.skip("can't be read")
        recwarn.clear()
        drawn(data)
        assert not recwarn.list

    @pytest.mark.parametrize("size", [(8.0, 6.0), (13.3, 7.5)], ids=["notebook", "slide"])
    @pytest.mark.parametrize(
        "name", ["a TPI", "one row", "a spectrum", "a line", "an image", "a listing", "no power"]
    )
    def test_no_text_lies_on_another_or_is_cut(
        self, name: str, size: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = []
        draw = Text.draw

        def draw_and_note(text: Text, renderer: Any) -> None:
            # Those of maps are drawn several times, first at wrong places.
            is_plain = type(text) is Text
            if is_plain and text.get_visible() and text.get_text().strip():
                found.append((text.get_text(), Text.get_window_extent(text, renderer)))
            draw(text, renderer)

        monkeypatch.setattr(Text, "draw", draw_and_note)
        figure = quicklook.plot(DATA[name], figure=Figure(figsize=size))
        FigureCanvasAgg(figure).draw()
        assert found
        for text, box in found:
            assert figure.bbox.padded(2).containsx(box.x0), text
            assert figure.bbox.padded(2).containsx(box.x1), text
        for (text, box), (other, other_box) in combinations(found, 2):
            assert not box.padded(-1).overlaps(other_box.padded(-1)), (text, other)

    @pytest.mark.parametrize(
        ("data", "found"),
        [
            ("file.fits", "an object of the type str"),
            (None, "an object of the type NoneType"),
            (np.zeros((3, 3)), "an object of the type ndarray"),
            (Table({"a": [1]}), "a table with the columns a"),
            (fits.HDUList(), "found none"),
            (fits.HDUList([fits.PrimaryHDU()]), "found PRIMARY"),
            (fits.HDUList([fits.PrimaryHDU(np.zeros((2, 3, 3)))]), "found PRIMARY"),
        ],
    )
    def test_what_can_not_be_drawn_is_a_type_error(self, data: Any, found: str) -> None:
        with pytest.raises(TypeError, match=rf"expected .*{found}"):
            quicklook.plot(data)

    def test_what_is_not_a_figure_is_a_type_error(self) -> None:
        axes: Any = Figure().add_subplot()
        with pytest.raises(TypeError, match="figure must be a Figure or a SubFigure, not Axes"):
            quicklook.plot(tpi(), figure=axes)

    def test_a_figure_that_is_given_is_drawn_in(self) -> None:
        figure = Figure(figsize=(12, 5), layout="constrained")
        left, right = figure.subfigures(1, 2)
        assert quicklook.plot(tpi(), figure=left) is left
        assert quicklook.plot(image(sun()), figure=right) is right
        assert left.axes
        assert right.axes
        figure.savefig(io.BytesIO(), format="svg")
        [part] = Figure().subfigures(1, 1, squeeze=False).flat
        assert quicklook.plot(listing(), figure=part) is part

    def test_a_notebook_shows_it(self) -> None:
        content = quicklook.plot(tpi())._repr_png_()  # type: ignore[attr-defined]
        assert Image.open(io.BytesIO(content)).size == (800, 600)

    def test_the_colours_of_the_user_are_used(self) -> None:
        dark = {"figure.facecolor": "black", "axes.facecolor": "black", "axes.labelcolor": "white"}
        with rc_context(dark):
            figure = drawn(image(sun()))
        assert to_rgb(figure.get_facecolor()) == (0, 0, 0)
        assert to_rgb(figure.axes[0].yaxis.label.get_color()) == (1, 1, 1)

    def test_no_global_style_and_no_pyplot(self) -> None:
        code = """
import io, sys
import matplotlib
before = matplotlib.rcParams.copy()
from tests.test_quicklook import DATA, quicklook
for name in ("a TPI", "a spectrum", "a line", "an image", "a listing"):
    quicklook.plot(DATA[name]).savefig(io.BytesIO())
assert "matplotlib.pyplot" not in sys.modules
assert {name for name in before if before[name] != matplotlib.rcParams[name]} <= {"backend"}
"""
        subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

    def test_without_matplotlib(self) -> None:
        code = "import sys; sys.modules['matplotlib'] = None; from grad300_sdk import quicklook"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stderr.splitlines()[-1] == (
            'ImportError: a picture needs matplotlib: python -m pip install "grad300-sdk[plot]"'
        )


class TestPower:
    def test_what_it_says(self) -> None:
        said = texts(picture("a TPI"))
        for part in (
            "sun · TPI · 2025-02-12 08:24:00 UTC\nproject GRAD300, scan 4, sub-scan 1",
            "Power (ct)",
            "Time (UTC), 2025-02-12",
            "Sub-bands (% of their medians)",
            "BBC16u",
            "RIGHT_POL (ct)",
            "beam (4.03° FWHM)",
            "Dead, and left out: LEFT_POL (median 9).",
        ):
            assert part in said

    def test_the_power_and_its_polarisations(self) -> None:
        table = tpi(LEFT_POL=np.full(500, 1000))
        lines = drawn(table).axes[0].get_lines()
        assert [line.get_label() for line in lines] == ["LEFT_POL", "RIGHT_POL"]
        assert np.array_equal(lines[1].get_ydata(), table["RIGHT_POL"])
        assert lines[0].get_color() != lines[1].get_color()

    def test_the_sub_bands_are_per_cent_of_their_medians(self) -> None:
        [mesh] = picture("a TPI").axes[1].collections
        values = np.asarray(mesh.get_array())
        assert values.shape == (8, 500)
        assert np.median(values, axis=1) == pytest.approx(100)

    def test_the_source_is_not_cut_off_and_a_burst_is(self) -> None:
        table = tpi()
        table["RIGHT_POL"][100] = 2_000_000_000
        figure = drawn(table)
        low, high = figure.axes[0].get_ylim()
        assert low < 1600
        assert 17_600 < high < 20_000
        assert "Power: 1 value lies beyond the scale, as far as 2e+09." in texts(figure)

    def test_east_is_left_and_the_beam_to_scale(self) -> None:
        figure = picture("a TPI")
        axes: Any = next(axes for axes in figure.axes if hasattr(axes, "wcs"))
        x, y = np.array(axes.get_xlim()), np.array(axes.get_ylim())
        east, west = axes.wcs.pixel_to_world(x, [y.mean()] * 2).ra.wrap_at("180d").deg
        assert east > west
        [beam] = [patch for patch in axes.patches if isinstance(patch, Ellipse)]
        ends = axes.wcs.pixel_to_world([0, beam.width], [0, 0])
        assert ends[0].separation(ends[1]).deg == pytest.approx(BEAM, rel=1e-3)
        assert axes.get_aspect() == 1
        [track] = axes.collections
        assert len(track.get_offsets()) == 500

    def test_a_position_that_is_far_out_does_not_shrink_the_track(self) -> None:
        figure = picture("a pointing that was not set")
        axes: Any = next(axes for axes in figure.axes if hasattr(axes, "wcs"))
        assert np.ptp(axes.get_xlim()) < 20
        assert "Track: positions far from the others are not shown (2)." in texts(figure)

    def test_a_long_scan_is_thinned(self) -> None:
        table = tpi(50_000)
        table["RIGHT_POL"][777] = 30_000
        figure = drawn(table)
        [line] = figure.axes[0].get_lines()
        assert len(line.get_xdata()) <= 4000
        assert 30_000 in line.get_ydata()
        [mesh] = figure.axes[1].collections
        assert np.asarray(mesh.get_array()).shape == (8, 1000)

    def test_rows_are_put_in_order_of_time(self) -> None:
        table = tpi()[::-1]
        [line] = drawn(table).axes[0].get_lines()
        assert (np.diff(line.get_xdata()) > 0).all()


class TestSpectrum:
    def test_what_it_says(self) -> None:
        said = texts(picture("a spectrum"))
        for part in (
            "casa · Spectrum",
            "Frequency (MHz)",
            "RIGHT_POL (ct)",
            "21 cm line",
            "LSRK velocity (km/s)",
            "(on - off) / off",
            "on\noff\ncal",
            "Dead, and left out: LEFT_POL",
        ):
            assert part in said

    def test_the_medians_of_each_status(self) -> None:
        table = spectrum(("on", "off", "cal", "on", "off", "on"))
        on, off, cal, line = drawn(table).axes[0].get_lines()
        is_on = table["STATUS"] == "on"
        assert np.allclose(on.get_ydata(), np.median(table["RIGHT_POL"][is_on], axis=0))
        assert np.array_equal(cal.get_ydata(), table["RIGHT_POL"][2])
        assert on.get_xdata()[[0, -1]] == pytest.approx([1398, 1460.5])
        assert line.get_xdata()[0] == pytest.approx(1420.405751)
        assert len({each.get_linestyle() for each in (on, off, cal)}) == 3

    def test_the_ratio_against_velocity(self) -> None:
        table = spectrum()
        figure = drawn(table)
        wide, near = figure.axes[1:]
        expected = spectra.on_off(table)
        assert np.allclose(wide.get_lines()[0].get_xdata(), expected["velocity"].value)
        assert np.ptp(near.get_xlim()) < 800 < np.ptp(wide.get_xlim())
        peak = np.argmax(near.get_lines()[0].get_ydata())
        assert abs(near.get_lines()[0].get_xdata()[peak]) < 60

    def test_both_polarisations(self) -> None:
        table = spectrum()
        table["LEFT_POL"] = 2 * table["RIGHT_POL"]
        figure = drawn(table)
        assert [axes.get_ylabel() for axes in figure.axes[:2]] == [
            "LEFT_POL (ct)",
            "RIGHT_POL (ct)",
        ]
        assert len(figure.axes) == 4

    def test_on_and_off_alone(self) -> None:
        assert "casa · On-off spectrum" in texts(drawn(spectrum(("on", "off"))))

    def test_why_there_is_no_ratio(self) -> None:
        said = texts(picture("a spectrum without off")).replace("\n", " ")
        assert "no rows with the status 'off'" in said

    def test_the_line_without_a_dead_polarisation(self) -> None:
        line = spectra.on_off(spectrum())
        file = io.StringIO()
        line.write(file, format="ascii.ecsv")
        for data in (line, QTable.read(file.getvalue(), format="ascii.ecsv")):
            figure = drawn(data)
            assert "Dead, and left out: LEFT_POL (median 988)." in texts(figure)
            assert [label.get_text() for label in figure.axes[0].get_legend().texts] == [
                "RIGHT_POL"
            ]

    def test_the_line_alone(self) -> None:
        line = spectra.on_off(spectrum())
        line["LEFT_POL"].mask[:600] = True
        figure = drawn(QTable(line))
        assert "casa · (on - off) / off" in texts(figure)
        assert "Dead, and left out: LEFT_POL (no power in most channels)." in texts(figure)
        assert len(figure.axes) == 2


class TestImage:
    def test_what_it_says(self) -> None:
        said = texts(picture("an image"))
        for part in (
            "sun · Image · 2025-02-12 08:32:16 UTC",
            "Right ascension (hours)",
            "Declination (degrees)",
            "Power (ct)",
            "half maximum (",
            "beam (4.03° FWHM)",
            "not visited",
        ):
            assert part in said

    @pytest.mark.parametrize("step", [0.4, -0.4])
    @pytest.mark.parametrize("rise", [0.4, -0.4])
    def test_east_is_left_and_north_up(self, step: float, rise: float) -> None:
        axes: Any = drawn(image(sun(), CDELT1=step, CDELT2=rise)).axes[0]
        # On the screen, from the lower left corner to the upper right one.
        corners = axes.transData.inverted().transform(axes.transAxes.transform([(0, 0), (1, 1)]))
        east, west = axes.wcs.wcs_pix2world(corners, 0)
        assert east[0] > west[0]
        assert east[1] < west[1]

    def test_the_beam_is_to_scale(self) -> None:
        axes = drawn(image(sun(), BMAJ=4.0, CDELT1=0.5, BMIN=2.0, CDELT2=0.25)).axes[0]
        [beam] = [patch for patch in axes.patches if isinstance(patch, Ellipse)]
        assert (beam.width, beam.height) == pytest.approx((4, 16))

    def test_a_map_that_is_smaller_than_the_beam_shows_it_whole(self) -> None:
        axes = picture("an image of nine pixels").axes[0]
        [beam] = [patch for patch in axes.patches if isinstance(patch, Ellipse)]
        x, y = beam.get_center()
        assert abs(axes.get_xlim()[0] - x) > beam.width / 2
        assert abs(axes.get_ylim()[0] - y) > beam.height / 2

    def test_unvisited_pixels_are_masked(self) -> None:
        [shown] = picture("an image").axes[0].get_images()
        assert isinstance(shown, AxesImage)
        assert np.array_equal(np.ma.getmaskarray(shown.get_array()), sun() == 0)

    def test_the_contour_is_half_way_from_the_sky_to_the_peak(self) -> None:
        axes = picture("an image").axes[0]
        [contour] = axes.collections
        [level] = contour.levels  # type: ignore[attr-defined]
        assert level == pytest.approx(1500 + 17_000 / 2, rel=0.05)

    def test_noise_has_no_contour(self) -> None:
        noise = np.random.default_rng(1).normal(12_000, 50, (27, 27)).astype(int)
        figure = drawn(image(noise))
        assert not figure.axes[0].collections
        assert "No contour at half maximum: no peak stands out." in texts(figure)

    def test_a_hot_pixel_does_not_flatten_the_source(self) -> None:
        pixels = sun().astype(int)
        pixels[2, 2] = 2_000_000
        figure = drawn(image(pixels))
        assert figure.axes[0].get_images()[0].get_clim()[1] < 20_000
        assert "Pixels: 1 value lies beyond the scale, as far as 2e+06." in texts(figure)

    def test_nothing_was_visited(self) -> None:
        figure = picture("an image of zeros")
        assert not figure.axes
        assert "The telescope visited no pixel." in texts(figure)


class TestListing:
    def test_what_it_says(self) -> None:
        said = texts(picture("a listing"))
        for part in (
            "40 scans · 10 TPI, 10 Images, 10 Spectrum, 10 OnOff\n2025-01-04 to 2025-12-04",
            "Time (UTC), 2025-01-04 to 2025-12-04",
            "Right ascension (hours)",
            "Declination (degrees)",
            "no source",
            "source1",
            "other sources",
            "Without a position: 6 of 40 scans.",
        ):
            assert part in said

    def test_every_scan_is_there_once(self) -> None:
        over_time, on_the_sky = picture("a listing").axes
        assert sum(len(line.get_xdata()) for line in over_time.get_lines()) == 40
        placed = [line.get_xdata() for line in on_the_sky.get_lines()]
        assert np.isfinite(np.concatenate(placed)).sum() == 34
        assert on_the_sky.get_xlim() == (24, 0)  # east left

    @pytest.mark.parametrize("file_format", ["ascii.ecsv", "csv", "fits"])
    def test_a_listing_that_was_read_from_a_file(self, tmp_path: Path, file_format: str) -> None:
        file = tmp_path / "listing"
        listing().write(file, format=file_format)
        said = texts(drawn(Table.read(file, format=file_format)))
        assert "40 scans" in said
        assert "Time (UTC), 2025-01-04 to 2025-12-04" in said
        assert "Without a date" not in said

    def test_nothing_was_found(self) -> None:
        figure = picture("a listing of none")
        assert not figure.axes
        assert "There are none." in texts(figure)


class TestScales:
    def test_what_is_no_possible_value_is_nan(self) -> None:
        values = np.ma.masked_array([1.0, 2.0, 1e307, -1e307, np.inf], [0, 1, 0, 0, 0])
        assert np.isnan(to_floats(values)).tolist() == [False, True, True, True, True]

    def test_noise_is_not_beyond_the_scale(self) -> None:
        for seed in range(20):
            noise = np.random.default_rng(seed).standard_normal(60)
            assert scale_of(noise)[2:4] == (0, 0)

    def test_bursts_are(self) -> None:
        values = np.sin(np.linspace(0, 6, 500))
        values[[100, 101, 102, 300]] = 500, 400, 300, -9
        scale = scale_of(values)
        assert scale[2:] == (1, 3, 500)
        assert scale.extend == "both"
        assert -1.2 < scale.low < -1 < 1 < scale.high < 1.2

    def test_a_source_is_in_all_sub_bands_and_a_burst_is_not(self) -> None:
        source = 100 + 500 * np.exp(-(((np.arange(500) - 250) / 40) ** 2))
        bands = source + np.random.default_rng(1).standard_normal((8, 500))
        bands[2] = 100 + 2.5 * (bands[2] - 100)
        bands[3, 20:60] = 5000
        scale = scale_of_bands(bands)
        assert scale[2:] == (0, 40, 5000)
        assert 1350 < scale.high < 1500
        assert scale_of_bands(bands[:2]).above == 0

    def test_a_line_of_two_channels_is_none(self) -> None:
        values = np.random.default_rng(1).standard_normal(60) / 100
        values[[30, 31]] = 1.0
        assert scale_of(values).above == 2
        assert scale_of(values, window=3).above == 0

    def test_few_values_are_all_shown(self) -> None:
        assert scale_of(np.array([0.0, 1.0, 1000.0])).high > 1000

    def test_a_series_without_power_is_dead(self) -> None:
        powers = {"LEFT_POL": np.array([9.0]), "RIGHT_POL": np.array([1600.0])}
        assert find_dead(powers) == {"LEFT_POL": 9.0}
        assert find_dead({"LEFT_POL": np.zeros(3)}) == {"LEFT_POL": 0.0}
        assert list(find_dead({"LEFT_POL": np.full(3, np.nan)})) == ["LEFT_POL"]
        assert find_dead({}) == {}

    def test_thinning_keeps_the_extremes(self) -> None:
        values = np.random.default_rng(1).standard_normal(100_000)
        x, y = thin(np.arange(100_000.0), values, 500)
        assert len(x) <= 1000
        assert (y.min(), y.max()) == (values.min(), values.max())
        assert (values[x.astype(int)] == y).all()

    def test_blocks_keep_bursts(self) -> None:
        rows = np.full((2, 10_000), 100.0)
        rows[1, 4321], rows[0, 17] = 300, 20
        rows[0, 5000:6000] = np.nan
        blocks, starts = extremes(rows, 100)
        assert blocks.shape == (2, 100)
        assert (blocks[1].max(), np.nanmin(blocks[0])) == (300, 20)
        assert np.isnan(blocks[0]).sum() == 10
        assert starts[-1] == 9900


def strip(figure: Figure) -> Image.Image:
    """Return what is in the axes of a figure, side by side, without their texts.

    Fonts, and with them the places of axes, differ between versions of matplotlib.
    """
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=60)
    picture = Image.open(file).convert("RGB")
    boxes = []
    for axes in figure.axes:
        box = axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
        left, bottom, right, top = np.array(box.extents) * 60
        cut = (left + 2, picture.height - top + 2, right - 2, picture.height - bottom - 2)
        boxes.append(picture.crop(tuple(map(round, cut))).resize((64, 64), Image.Resampling.BOX))
    result = Image.new("RGB", (64 * len(boxes), 64))
    for place, box in enumerate(boxes):
        result.paste(box, (64 * place, 0))
    return result


@pytest.mark.parametrize("name", ["a TPI", "a spectrum", "an image", "a listing"])
def test_the_picture_is_that_of_the_baseline(name: str) -> None:
    """Compare pixels; ``python -m tests.test_quicklook`` writes the baselines anew."""
    baseline = np.asarray(Image.open(BASELINES / f"{name[2:].strip()}.png"), float)
    found = np.asarray(strip(quicklook.plot(DATA[name])), float)
    assert found.shape == baseline.shape
    # What is moved by a pixel differs by up to 15; a map that is mirrored, by 50 and more.
    assert np.sqrt(((found - baseline) ** 2).mean()) < 20


if __name__ == "__main__":
    for name in ("a TPI", "a spectrum", "an image", "a listing"):
        strip(quicklook.plot(DATA[name])).save(BASELINES / f"{name[2:].strip()}.png")

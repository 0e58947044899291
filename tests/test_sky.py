"""Where the telescope stands and pointed, and which image belongs to a TPI scan."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS, AltAz, SkyCoord
from astropy.coordinates.erfa_astrom import erfa_astrom
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from astropy.time import Time
from astropy.utils import iers

from grad300_sdk import Client, sky
from grad300_sdk.sandbox import Sandbox

DATES = {"in 2025": 2_460_718.5, "in 2030": 2_462_867.5}


@pytest.fixture(scope="module")
def listing(sandbox: Sandbox) -> Any:
    """The scans of all types."""
    with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        return client.scans.table()


@pytest.fixture(autouse=True)
def _without_downloads() -> Iterator[None]:
    """Keep what the tests themselves ask of astropy from the network."""
    with iers.conf.set_temp("auto_download", False):
        yield


def pointing(begin: float, rows: int) -> Table:
    """Return a table of a telescope that moves slowly, two rows a second."""
    return Table(
        {
            "JD": begin + np.arange(rows) * 0.5 / 86_400,
            "Azimuth": np.linspace(120, 260, rows),
            "Elevation": np.linspace(15, 70, rows),
        }
    )


def no_network(*args: object) -> None:
    raise AssertionError("something would have been sent")


def test_the_site() -> None:
    longitude, latitude, height = sky.SITE.to_geodetic()
    assert longitude.to_value("deg") == pytest.approx(5.7153)
    assert latitude.to_value("deg") == pytest.approx(43.933)
    assert height.to_value("m") == pytest.approx(654.8)


class TestTrack:
    @pytest.mark.parametrize("begin", DATES.values(), ids=DATES)
    def test_it_is_the_exact_transformation(
        self, begin: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket.socket, "connect", no_network)
        table = pointing(begin, 2000)
        path = sky.track(table)
        some = table[::100]
        with sky.earth_rotation():
            exact = SkyCoord(
                AltAz(
                    some["Azimuth"] * u.deg,
                    some["Elevation"] * u.deg,
                    obstime=Time(some["JD"], format="jd", scale="utc"),
                    location=sky.SITE,
                )
            ).transform_to(ICRS())
        assert path[::100].separation(exact).max() < 0.01 * u.arcsec

    def test_a_star_stays_where_it_is(self) -> None:
        star = SkyCoord(350.85 * u.deg, 58.815 * u.deg)
        moments = Time("2025-02-12T08:00:00") + np.arange(0, 3600, 300) * u.s
        with sky.earth_rotation():
            seen = star.transform_to(AltAz(obstime=moments, location=sky.SITE))
        table = Table({"JD": moments.jd, "Azimuth": seen.az.deg, "Elevation": seen.alt.deg})
        assert sky.track(table).separation(star).max() < 0.1 * u.arcsec

    def test_where_the_pointing_is_impossible(self) -> None:
        table = pointing(2_460_718.5, 7)
        table["Elevation"][0] = 90.01
        table["Azimuth"][1] = 1e307
        table["Elevation"][2] = np.nan
        table["JD"] = MaskedColumn(table["JD"], mask=[0, 0, 0, 1, 0, 0, 0])
        table["Azimuth"][4] = 2.9e-310
        table["Azimuth"][5] = 0.0
        assert np.isnan(sky.track(table).ra).tolist() == [True] * 5 + [False] * 2

    def test_a_table_without_rows(self) -> None:
        assert sky.track(pointing(2_460_718.5, 1)[:0]).shape == (0,)

    def test_it_leaves_astropy_as_it_was(self) -> None:
        before = erfa_astrom.get(), iers.earth_orientation_table.get()
        with ThreadPoolExecutor(4) as pool:
            paths = list(pool.map(sky.track, [pointing(2_460_718.5, 50)] * 8))
        assert (erfa_astrom.get(), iers.earth_orientation_table.get()) == before
        assert all(np.array_equal(path.ra, paths[0].ra) for path in paths)

    def test_another_table(self, listing: Table) -> None:
        with pytest.raises(ValueError, match="no column 'JD'; its columns are id, scan_type"):
            sky.track(listing)


class TestTimes:
    def test_each_row(self) -> None:
        found = sky.times(pointing(2_460_718.5, 3))
        assert found.scale == "utc"
        assert found.isot.tolist() == [
            "2025-02-12T00:00:00.000",
            "2025-02-12T00:00:00.500",
            "2025-02-12T00:00:01.000",
        ]


class TestCoordinates:
    def test_each_row(self, listing: Table) -> None:
        found = sky.coordinates(listing)
        assert found.frame.name == "icrs"
        row = int(np.argmax(~np.isnan(found.ra)))
        assert found[row].ra.hour == pytest.approx(float(listing["ra"][row]))
        assert found[row].dec.deg == pytest.approx(float(listing["dec"][row]))

    def test_a_missing_position_is_nan(self, listing: Table) -> None:
        some = listing[:3].copy()
        some["ra"].mask[1] = True
        assert np.isnan(sky.coordinates(some).ra).tolist() == [False, True, False]

    @pytest.mark.parametrize(("name", "value"), [("dec", 90.01), ("ra", 1e307), ("ra", np.inf)])
    def test_an_impossible_position_is_nan(self, listing: Table, name: str, value: float) -> None:
        some = listing[:3].copy()
        some[name][1] = value
        found = sky.coordinates(some)
        assert np.isnan(found.ra).tolist() == np.isnan(found.dec).tolist() == [False, True, False]

    def test_numbers_may_be_hours_or_degrees(self) -> None:
        numbers = Table({"ra": [12.5], "dec": [-13.0]})
        with pytest.raises(ValueError, match="'ra' has no unit; set it"):
            sky.coordinates(numbers)
        numbers["ra"].unit = "hourangle"
        assert sky.coordinates(numbers).ra.deg == pytest.approx([187.5])

    def test_an_empty_listing(self, listing: Table) -> None:
        assert sky.coordinates(listing[:0]).shape == (0,)


@pytest.mark.parametrize("file_format", ["csv", "ascii.ecsv", "fits", "votable"])
def test_a_listing_from_a_file_means_the_same(
    listing: Table, tmp_path: Path, file_format: str
) -> None:
    file = tmp_path / "listing"
    listing = listing.copy()
    listing.remove_columns(["azimuth", "elevation"])  # astropy warns of what is denormal
    listing.write(file, format=file_format)
    read = Table.read(file, format=file_format)
    if file_format == "csv":
        read["ra"].unit = "hourangle"
    assert sky.pair(read).tolist() == sky.pair(listing).tolist()
    assert sky.coordinates(read).separation(sky.coordinates(listing)).max() < 0.01 * u.arcsec


@pytest.mark.parametrize("function", [sky.coordinates, sky.times, sky.track, sky.pair])
def test_what_is_not_a_table(function: Any) -> None:
    with pytest.raises(TypeError, match=r"not HDUList; file.table\(\) and grad300_sdk.read_table"):
        function(fits.HDUList())
    with pytest.raises(TypeError, match=r"^expected a table, not list$"):
        function([])


def scans(*rows: tuple[str, str, float | None]) -> Table:
    """Return a listing of scans: type, source, and the second in which they start."""
    types, sources, seconds = zip(*rows, strict=True)
    begin = Time("2025-02-12T08:00:00", scale="utc")
    dates = begin + np.array([second or 0.0 for second in seconds]) * u.s
    listing = Table({"scan_type": types, "source": sources, "date": dates})
    if None in seconds:
        listing["date"][[second is None for second in seconds]] = np.ma.masked
    return listing


class TestPair:
    def test_the_nearest_image_of_the_same_source(self) -> None:
        listing = scans(
            ("TPI", "sun", 0.0),
            ("Images", "moon", 0.0),
            ("Images", "sun", 20.0),
            ("Images", "Sun", -10.0),
            ("TPI", "moon", 31.0),
            ("TPI", "casa", 0.0),
            ("Spectrum", "sun", 0.0),
        )
        assert sky.pair(listing).tolist() == [3, -1, -1]
        assert sky.pair(listing, within=1 * u.min).tolist() == [3, 1, -1]
        assert sky.pair(listing, within=5).tolist() == [-1, -1, -1]
        assert sky.pair(listing, within=timedelta(minutes=1)).tolist() == [3, 1, -1]

    def test_a_scan_without_a_date_has_no_image(self) -> None:
        listing = scans(("TPI", "sun", None), ("Images", "sun", 0.0), ("TPI", "sun", 1.0))
        assert sky.pair(listing).tolist() == [-1, 1]
        listing = scans(("TPI", "sun", 0.0), ("Images", "sun", None))
        assert sky.pair(listing).tolist() == [-1]

    def test_an_archive(self, listing: Table) -> None:
        rows = sky.pair(listing)
        scans_of_tpi = listing[listing["scan_type"] == "TPI"]
        assert len(rows) == len(scans_of_tpi)
        found = rows >= 0
        images = listing[rows[found]]
        assert set(images["scan_type"]) == {"Images"}
        assert list(images["source"]) == list(scans_of_tpi["source"][found])
        assert np.abs((images["date"] - scans_of_tpi["date"][found]).sec).max() <= 30

    def test_an_empty_listing(self, listing: Table) -> None:
        assert sky.pair(listing[:0]).tolist() == []

    @pytest.mark.parametrize("within", [-1, np.nan, -1 * u.s])
    def test_a_time_below_zero(self, listing: Table, within: Any) -> None:
        with pytest.raises(ValueError, match="within must be a time of at least 0 s"):
            sky.pair(listing, within=within)

    @pytest.mark.parametrize("within", ["soon", 3 * u.deg, [1, 2] * u.s, None])
    def test_what_is_not_a_time(self, listing: Table, within: Any) -> None:
        with pytest.raises(TypeError, match="within must be a time such as 30 "):
            sky.pair(listing, within=within)


def test_no_warning_filter_is_left() -> None:
    before = list(warnings.filters)
    sky.track(pointing(2_462_867.5, 3))
    assert list(warnings.filters) == before

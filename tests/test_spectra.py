"""The channels of a spectrum: frequency, velocity, and (on - off) / off."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.coordinates import AltAz, SkyCoord, get_body_barycentric_posvel
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.time import Time
from astropy.utils import iers

from grad300_sdk import Client, sky, spectra
from grad300_sdk.sandbox import Sandbox

HEADER = {"BASEFREQ": 1_398_000_000, "BANDWID": 62_500_000.0, "OBJECT": "casa"}
CASSIOPEIA_A = SkyCoord(350.85 * u.deg, 58.815 * u.deg)
BEGIN = Time("2025-02-12T08:00:00", scale="utc")


@pytest.fixture(autouse=True)
def _without_downloads() -> Iterator[None]:
    """Keep what the tests themselves ask of astropy from the network."""
    with iers.conf.set_temp("auto_download", False):
        yield


def spectrum(statuses: Any = ("on", "off", "cal"), channels: int = 1024) -> Table:
    """Return the table of a spectrum that follows a source, a row a second."""
    moments = BEGIN + np.arange(len(statuses)) * u.s
    with sky.earth_rotation():
        seen = CASSIOPEIA_A.transform_to(AltAz(obstime=moments, location=sky.SITE))
    power = np.full((len(statuses), channels), 1000)
    return Table(
        {
            "JD": moments.jd,
            "Azimuth": seen.az.deg,
            "Elevation": seen.alt.deg,
            "LEFT_POL": power,
            "RIGHT_POL": 2 * power,
            "STATUS": np.array(statuses, dtype="U4"),
        },
        meta=dict(HEADER),
    )


class TestFrequency:
    def test_the_channels_reach_both_ends_of_the_band(self) -> None:
        found = spectra.frequency(spectrum())
        assert found.unit == u.Hz
        assert found[[0, -1]].value.tolist() == [1_398_000_000, 1_460_500_000]
        assert np.diff(found.value) == pytest.approx(61_094.819, abs=1e-3)

    @pytest.mark.parametrize("value", [None, "wide", True])
    def test_a_header_without_the_band(self, value: Any) -> None:
        table = spectrum()
        table.meta["BANDWID"] = value
        with pytest.raises(ValueError, match="must have a number as BANDWID, not"):
            spectra.frequency(table)

    def test_another_table(self) -> None:
        with pytest.raises(ValueError, match="no column 'LEFT_POL' of channels"):
            spectra.frequency(Table({"JD": [1.0]}))
        with pytest.raises(ValueError, match="not that of a spectrum"):
            spectra.frequency(Table({"LEFT_POL": [1.0]}))


@pytest.mark.parametrize("function", [spectra.frequency, spectra.velocity, spectra.on_off])
def test_what_is_not_a_table(function: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a table, not HDUList; file.table\(\)"):
        function(fits.HDUList())


class TestVelocity:
    def test_of_the_telescope_itself(self) -> None:
        found = spectra.velocity(spectrum(), frame=None)
        assert found.unit == u.km / u.s
        # In the radio convention, c (f0 - f) / f0.
        expected = 299_792.458 * (1_420_405_751.7667 - 1_398_000_000) / 1_420_405_751.7667
        assert found[0].value == pytest.approx(expected, abs=1e-6)
        assert (np.diff(found.value) < 0).all()

    @pytest.mark.parametrize("frame", ["icrs", "lsrk"])
    def test_by_hand(self, frame: str) -> None:
        table = spectrum()
        middle = BEGIN + 1 * u.s
        towards = CASSIOPEIA_A.cartesian.xyz.value
        # The Earth around the barycentre of the solar system ...
        _, orbit = get_body_barycentric_posvel("earth", middle)
        motion = orbit.xyz.to_value("km/s")
        # ... the telescope around the Earth's axis, once in a sidereal day ...
        angle = middle.sidereal_time("mean", longitude=sky.SITE.lon).rad
        radius = np.hypot(sky.SITE.x, sky.SITE.y).to_value("km")
        speed = 7.292115e-5 * radius
        motion = motion + speed * np.array([-np.sin(angle), np.cos(angle), 0.0])
        # ... and the Sun at 20 km/s towards 18h +30 deg of 1900, by the definition of the LSRK.
        if frame == "lsrk":
            apex = SkyCoord(270 * u.deg, 30 * u.deg, frame="fk4", equinox="B1900").icrs
            motion = motion + 20.0 * apex.cartesian.xyz.value
        own = spectra.velocity(table, frame=None)[512].value
        found = spectra.velocity(table, frame=frame)[512].value
        # Towards the source, the telescope sees a frequency that is higher by v / c.
        shift = float(motion @ towards) * (1 - own / 299_792.458)
        assert found - own == pytest.approx(shift, abs=0.01)

    def test_another_line(self) -> None:
        table = spectrum()
        rest = 1_420 * u.MHz
        by_frequency = spectra.velocity(table, rest, frame=None)
        by_wavelength = spectra.velocity(table, constants.c / rest, frame=None)
        assert by_frequency.value == pytest.approx(by_wavelength.value)

    @pytest.mark.parametrize("rest", [1.42e9, "hydrogen", 3 * u.deg, None])
    def test_what_is_not_a_line(self, rest: Any) -> None:
        with pytest.raises(ValueError, match="rest must be a frequency or a wavelength"):
            spectra.velocity(spectrum(), rest)

    def test_the_name_of_a_frame(self) -> None:
        table = spectrum()
        as_in_fits = spectra.velocity(table, frame="LSRK")
        assert (as_in_fits == spectra.velocity(table)).all()
        with pytest.raises(ValueError, match=r"frame must be the name .* not 'topocentric'"):
            spectra.velocity(table, frame="topocentric")

    def test_without_a_network_and_in_the_future(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def connect(*args: object) -> None:
            raise AssertionError("something would have been sent")

        monkeypatch.setattr(socket.socket, "connect", connect)
        table = spectrum()
        table["JD"] += 5 * 365.25
        assert np.isfinite(spectra.velocity(table).value).all()

    def test_a_scan_that_does_not_say_where_it_points(self) -> None:
        table = spectrum()
        table["Elevation"] = 1e307
        with pytest.raises(ValueError, match="no row of the spectrum says when and where"):
            spectra.velocity(table)
        with pytest.raises(ValueError, match="no row of the spectrum says when and where"):
            spectra.velocity(spectrum()[:0])

    def test_rows_without_a_pointing_do_not_count(self) -> None:
        table = spectrum()
        expected = spectra.velocity(table)
        table["Azimuth"][1] = np.nan
        assert spectra.velocity(table).value == pytest.approx(expected.value, abs=1e-3)

    def test_the_direction_is_that_of_the_source_and_not_of_the_reference(self) -> None:
        table = spectrum()
        expected = spectra.velocity(table)
        table["Azimuth"][1:] += 20.0
        assert spectra.velocity(table).value == pytest.approx(expected.value, abs=1e-3)
        # It matters: without the rows on the source, it is another direction.
        other = spectra.velocity(table[1:])
        assert abs(other[512] - expected[512]) > 1 * u.km / u.s

    def test_without_a_status_all_rows_count(self) -> None:
        table = spectrum(["cal", "cal"])
        expected = spectra.velocity(table)
        table.remove_column("STATUS")
        assert spectra.velocity(table).value == pytest.approx(expected.value)


class TestOnOff:
    def test_the_medians_of_the_rows(self) -> None:
        table = spectrum(["on", "off", "cal", "on", "off", "on"])
        table["LEFT_POL"][:, 5] = [1300, 1000, 9, 1200, 1000, 7000]
        found = spectra.on_off(table)
        assert isinstance(found, QTable)
        assert found.colnames == ["frequency", "velocity", "LEFT_POL", "RIGHT_POL"]
        assert len(found) == 1024
        assert found["LEFT_POL"][5] == pytest.approx(0.3)
        assert found["LEFT_POL"][4] == found["RIGHT_POL"][5] == 0.0
        assert (found["velocity"] == spectra.velocity(table)).all()
        assert (found["frequency"] == spectra.frequency(table)).all()
        assert found.meta["OBJECT"] == "casa"

    def test_a_channel_without_power_is_masked(self) -> None:
        table = spectrum()
        table["RIGHT_POL"][0, 1023] = 0
        table["RIGHT_POL"][1, 7] = -3
        masked = spectra.on_off(table)["RIGHT_POL"].mask
        assert np.flatnonzero(masked).tolist() == [7, 1023]

    @pytest.mark.parametrize(
        ("statuses", "message"),
        [
            (["on", "cal"], "no rows with the status 'off'; it has 'cal', 'on'"),
            (["off"], "no rows with the status 'on'; it has 'off'"),
            ([], "no rows with the status 'on'; it has no rows"),
        ],
    )
    def test_a_spectrum_that_lacks_one(self, statuses: list[str], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            spectra.on_off(spectrum(statuses))

    def test_a_table_without_statuses(self) -> None:
        table = spectrum()
        table.remove_column("STATUS")
        with pytest.raises(ValueError, match="no column 'STATUS'; its columns are JD,"):
            spectra.on_off(table)

    def test_a_file_of_the_archive(self, sandbox: Sandbox) -> None:
        with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
            table = client.scans["Spectrum"][1].file.table()
        found = spectra.on_off(table)
        assert len(found) == 1024
        assert not found["RIGHT_POL"].mask[:1000].any()

    @pytest.mark.parametrize("file_format", ["ascii.ecsv", "csv", "fits", "votable"])
    def test_it_is_written_without_a_warning(
        self, sandbox: Sandbox, tmp_path: Path, file_format: str
    ) -> None:
        with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
            line = spectra.on_off(client.scans["Spectrum"][1].file.table())
        line.write(tmp_path / "line", format=file_format)
        read = QTable.read(tmp_path / "line", format=file_format)
        assert np.allclose(u.Quantity(read["velocity"]).value, line["velocity"].value)
        assert np.ma.allequal(read["RIGHT_POL"], line["RIGHT_POL"])
        if file_format != "csv":
            assert read["velocity"].unit == u.km / u.s

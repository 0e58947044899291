import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, PrecessedGeocentric, SkyCoord, get_body
from astropy.time import Time
from astropy.utils import iers

from grad300_sdk.sandbox import sky

TIMES = Time("2025-01-30T09:30:00") + np.linspace(0, 400, 50) * u.day


@pytest.fixture(autouse=True)
def _no_download():
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        yield


@pytest.mark.parametrize(("name", "tolerance"), [("sun", 0.02), ("moon", 0.5)])
def test_sun_and_moon_are_where_astropy_has_them(name, tolerance):
    ra, dec = sky.position(name, TIMES.jd)
    for time, *place in zip(TIMES, ra, dec, strict=True):
        frame = PrecessedGeocentric(equinox=time, obstime=time)
        expected = get_body(name, time).transform_to(frame)
        assert SkyCoord(*place, unit="deg", frame=frame).separation(expected).deg < tolerance


def test_the_sun_is_where_the_archive_has_it():
    # From a public scan: 20250212-083216_IMAGE-GRAD300-SUN_01#_01#.fits
    ra, dec = sky.position("azel", Time(["2025-02-12T08:32:16"]).jd)
    assert ra[0] / 15 == pytest.approx(21.74748, abs=0.002)
    assert dec[0] == pytest.approx(-13.55932, abs=0.01)


def test_galactic_coordinates_are_astropys():
    ra, dec = np.array([350.85, 83.63, 192.86]), np.array([58.815, 22.01, -27.13])
    expected = SkyCoord(ra, dec, unit="deg").galactic
    longitude, latitude = sky.galactic(ra, dec)
    assert longitude == pytest.approx(expected.l.deg, abs=1e-3)
    assert latitude == pytest.approx(expected.b.deg, abs=1e-5)


def test_azimuth_and_elevation_are_astropys():
    site = EarthLocation(lat=sky.LATITUDE, lon=sky.LONGITUDE, height=sky.HEIGHT)
    ra, dec = sky.position("casa", TIMES.jd)
    horizon = AltAz(obstime=TIMES, location=site)
    expected = SkyCoord(ra, dec, unit="deg").transform_to(horizon)
    azimuth, elevation = sky.azimuth_elevation(ra, dec, TIMES.jd)
    ours = SkyCoord(azimuth, elevation, unit="deg", frame=horizon)
    # They differ by 25 years of precession.
    assert ours.separation(expected).deg.max() < 0.4

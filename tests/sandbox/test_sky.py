import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import (
    AltAz,
    EarthLocation,
    PrecessedGeocentric,
    SkyCoord,
    SpectralCoord,
    get_body,
)
from astropy.time import Time
from astropy.utils import iers

from grad300_sdk.sandbox import sky

SITE = EarthLocation(lat=sky.LATITUDE, lon=sky.LONGITUDE, height=654.8)
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


@pytest.mark.parametrize("name", sky.FIXED_SOURCES)
def test_azimuth_and_elevation_are_astropys(name):
    ra, dec = sky.position(name, TIMES.jd)
    for time, *place in zip(TIMES, ra, dec, strict=True):
        jd = np.array([time.jd])
        of_date = sky.of_date(name, *np.array(place)[:, np.newaxis], jd)
        azimuth, elevation = sky.azimuth_elevation(*of_date, jd)
        horizon = AltAz(obstime=time, location=SITE)
        ours = SkyCoord(azimuth[0], elevation[0], unit="deg", frame=horizon)
        # Without aberration, nutation and refraction.
        expected = SkyCoord(*place, unit="deg").transform_to(horizon)
        assert ours.separation(expected).deg < 0.01


def test_what_points_somewhere_points_there():
    jd = TIMES.jd
    ra, dec = np.linspace(0, 350, len(jd)), np.linspace(-20, 85, len(jd))
    again = sky.equatorial(*sky.azimuth_elevation(ra, dec, jd), jd)
    assert sky.separation(ra, dec, *again).max() < 1e-6
    precessed = sky.of_date("casa", ra, dec, jd)
    assert sky.separation(ra, dec, *precessed).max() > 0.3
    assert sky.separation(ra, dec, *sky.j2000(*precessed, jd)).max() < 1e-6


@pytest.mark.filterwarnings("ignore:No velocity defined on frame")
@pytest.mark.parametrize("name", sky.FIXED_SOURCES)
def test_the_motion_in_the_local_standard_of_rest_is_astropys(name):
    place = sky.FIXED_SOURCES[name]
    target = SkyCoord(*(place * u.deg), distance=1 * u.Mpc)
    line = 1420 * u.MHz
    for time in TIMES[::5]:
        jd = np.array([time.jd])
        (ours,) = sky.observer_velocity(
            *sky.of_date(name, *np.array(place)[:, np.newaxis], jd), time.jd
        )
        seen = SpectralCoord(line, observer=SITE.get_itrs(obstime=time), target=target)
        at_rest = u.Quantity(seen.with_observer_stationary_relative_to("lsrk"))
        expected = at_rest.to_value(u.km / u.s, equivalencies=u.doppler_radio(line))
        assert ours == pytest.approx(expected, abs=0.1)

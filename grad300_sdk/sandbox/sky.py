"""Positions of the observatory and its sources, accurate enough for plausible scans."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# The Observatoire de Haute-Provence, as the users of the telescope give its position.
LATITUDE = 43.933
LONGITUDE = 5.7153
HEIGHT = 654.8

JD_J2000 = 2451545.0
JD_UNIX_EPOCH = 2440587.5
SECONDS_PER_DAY = 86400.0
SIDEREAL_RATE = 360.98564736629 / SECONDS_PER_DAY  # degrees per second, IAU 1982

# Right ascension and declination in degrees (ICRS), from SIMBAD.
FIXED_SOURCES = {
    "casa": (350.8500, 58.8150),  # Cassiopeia A
    "cyga": (299.8682, 40.7339),  # Cygnus A
    "taua": (83.6331, 22.0145),  # Taurus A, the Crab nebula
    "3c48": (24.4221, 33.1598),
}

# Rotation from ICRS to galactic axes: The Hipparcos Catalogue, ESA SP-1200, eq. 1.5.11.
_TO_GALACTIC = np.array(
    [
        [-0.0548755604, -0.8734370902, -0.4838350155],
        [+0.4941094279, -0.4448296300, +0.7469822445],
        [-0.8676661490, -0.1980763734, +0.4559837762],
    ]
)


def julian_date(unix_seconds: Floats | Integers) -> Floats:
    """Return the Julian dates (UTC) of Unix times."""
    return np.asarray(JD_UNIX_EPOCH + unix_seconds / SECONDS_PER_DAY)


def position(source: str, jd: Floats) -> tuple[Floats, Floats]:
    """Return the right ascension and declination of a source, in degrees.

    A scan that has no celestial source (in azimuth and elevation, or without a name) follows the
    Sun, like most scans of the telescope.
    """
    if source in FIXED_SOURCES:
        ra, dec = FIXED_SOURCES[source]
        return np.full_like(jd, ra), np.full_like(jd, dec)
    return moon(jd) if source == "moon" else sun(jd)


def sun(jd: Floats) -> tuple[Floats, Floats]:
    """Return the right ascension and declination of the Sun, in degrees.

    Uses the low-precision formulas of The Astronomical Almanac, section C: good to 0.01 degree.
    """
    days = jd - JD_J2000
    anomaly = np.deg2rad(357.528 + 0.9856003 * days)
    longitude = 280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)
    return _ecliptic_to_equatorial(longitude, np.zeros_like(longitude), days)


def moon(jd: Floats) -> tuple[Floats, Floats]:
    """Return the geocentric right ascension and declination of the Moon, in degrees.

    Uses the low-precision formulas of The Astronomical Almanac, section D: good to 0.3 degree.
    """
    days = jd - JD_J2000
    centuries = days / 36525.0

    def term(amplitude: float, phase: float, rate: float) -> Floats:
        return amplitude * np.sin(np.deg2rad(phase + rate * centuries))

    longitude = (
        218.32
        + 481267.881 * centuries
        + term(6.29, 135.0, 477198.87)
        + term(-1.27, 259.3, -413335.36)
        + term(0.66, 235.7, 890534.22)
        + term(0.21, 269.9, 954397.74)
        + term(-0.19, 357.5, 35999.05)
        + term(-0.11, 186.5, 966404.03)
    )
    latitude = (
        term(5.13, 93.3, 483202.02)
        + term(0.28, 228.2, 960400.89)
        + term(-0.28, 318.3, 6003.15)
        + term(-0.17, 217.6, -407332.21)
    )
    return _ecliptic_to_equatorial(longitude, latitude, days)


def azimuth_elevation(ra: Floats, dec: Floats, jd: Floats) -> tuple[Floats, Floats]:
    """Return azimuth (from north through east) and elevation at the observatory, in degrees."""
    # Local mean sidereal time: the linear part of IAU 1982, with UT1 taken as UTC.
    sidereal = 280.46061837 + SIDEREAL_RATE * SECONDS_PER_DAY * (jd - JD_J2000) + LONGITUDE
    hour_angle, delta, phi = np.deg2rad(sidereal - ra), np.deg2rad(dec), np.deg2rad(LATITUDE)
    elevation = np.arcsin(
        np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(hour_angle)
    )
    azimuth = np.arctan2(
        -np.cos(delta) * np.sin(hour_angle),
        np.cos(phi) * np.sin(delta) - np.sin(phi) * np.cos(delta) * np.cos(hour_angle),
    )
    return np.rad2deg(azimuth) % 360.0, np.rad2deg(elevation)


def galactic(ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
    """Return galactic longitude and latitude, in degrees."""
    alpha, delta = np.deg2rad(ra), np.deg2rad(dec)
    x, y, z = _TO_GALACTIC @ np.array(
        [np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)]
    )
    return np.rad2deg(np.arctan2(y, x)) % 360.0, np.rad2deg(np.arcsin(np.clip(z, -1.0, 1.0)))


def _ecliptic_to_equatorial(
    longitude: Floats, latitude: Floats, days: Floats
) -> tuple[Floats, Floats]:
    """Return the right ascension and declination of ecliptic coordinates, all in degrees."""
    obliquity = np.deg2rad(23.439 - 0.0000004 * days)
    lam, beta = np.deg2rad(longitude), np.deg2rad(latitude)
    ra = np.arctan2(
        np.cos(beta) * np.sin(lam) * np.cos(obliquity) - np.sin(beta) * np.sin(obliquity),
        np.cos(beta) * np.cos(lam),
    )
    dec = np.arcsin(
        np.sin(beta) * np.cos(obliquity) + np.cos(beta) * np.sin(obliquity) * np.sin(lam)
    )
    return np.rad2deg(ra) % 360.0, np.rad2deg(dec)

"""The observatory and its sources: positions good to 0.02 degree, motions to 0.1 km/s.

Positions are of date, as a telescope needs them, unless they are said to be of J2000.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# The Observatoire de Haute-Provence, as the users of the telescope give its position.
LATITUDE = 43.933
LONGITUDE = 5.7153

JD_J2000 = 2451545.0
JD_UNIX_EPOCH = 2440587.5
SECONDS_PER_DAY = 86400.0
SIDEREAL_RATE = 360.98564736629 / SECONDS_PER_DAY  # degrees per second, IAU 1982

SPEED_OF_LIGHT = 299_792.458  # km/s, exactly
_ASTRONOMICAL_UNIT = 149_597_870.7  # km, IAU 2012, resolution B2
_EARTH_RADIUS = 6378.137  # km, at the equator, WGS 84
# Motion of the Sun in the local standard of rest, by convention: km/s, and towards where (J2000),
# in degrees. That is 18h, +30 deg (1900); Gordon 1976, Methods of Experimental Physics 12C, 277.
_SOLAR_MOTION = 20.0
_SOLAR_APEX = (270.9595, 30.0047)

# Right ascension and declination in degrees (J2000), from SIMBAD.
FIXED_SOURCES = {
    "casa": (350.8500, 58.8150),  # Cassiopeia A
    "cyga": (299.8682, 40.7339),  # Cygnus A
    "taua": (83.6331, 22.0145),  # Taurus A, the Crab nebula
    "3c48": (24.4221, 33.1598),
}

# Rotation from J2000 to galactic axes: The Hipparcos Catalogue, ESA SP-1200, eq. 1.5.11.
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
    """Return the position of a source as the archive lists it, in degrees.

    That is the position of J2000 for a source with a catalogued position, else that of date. A
    scan that has no celestial source (in azimuth and elevation, or without a name) follows the
    Sun, like most scans of the telescope.
    """
    if source in FIXED_SOURCES:
        ra, dec = FIXED_SOURCES[source]
        return np.full_like(jd, ra), np.full_like(jd, dec)
    return moon(jd) if source == "moon" else sun(jd)


def of_date(source: str, ra: Floats, dec: Floats, jd: Floats) -> tuple[Floats, Floats]:
    """Return a position near a source, as the archive lists it, in degrees of date."""
    if source in FIXED_SOURCES:
        return angles(_precession(jd.mean()) @ vectors(ra, dec))
    return ra, dec


def j2000(ra: Floats, dec: Floats, jd: Floats) -> tuple[Floats, Floats]:
    """Return positions of date in degrees of J2000."""
    return angles(_precession(jd.mean()).T @ vectors(ra, dec))


def separation(ra: Floats, dec: Floats, other_ra: Floats, other_dec: Floats) -> Floats:
    """Return the angles between directions, all in degrees."""
    chord = np.linalg.norm(vectors(ra, dec) - vectors(other_ra, other_dec), axis=0)
    return np.asarray(np.rad2deg(2.0 * np.arcsin(np.minimum(chord / 2.0, 1.0))))


def observer_velocity(ra: Floats, dec: Floats, jd: float) -> Floats:
    """Return the velocity of the observatory towards directions, in km/s.

    It is measured in the local standard of rest (LSRK); adding it to a velocity that the telescope
    measures gives the velocity in that frame.
    """
    day = np.array([-0.5, 0.5])
    before, after = (_sun_vector(jd + day) * _ASTRONOMICAL_UNIT).T
    orbit = (before - after) / SECONDS_PER_DAY
    turn = np.deg2rad(SIDEREAL_RATE) * _EARTH_RADIUS * np.cos(np.deg2rad(LATITUDE))
    sidereal = np.deg2rad(_sidereal_time(np.array(jd)))
    spin = turn * np.array([-np.sin(sidereal), np.cos(sidereal), 0.0])
    apex = _SOLAR_MOTION * _precession(jd) @ vectors(*np.array(_SOLAR_APEX))
    return np.asarray((orbit + spin + apex) @ vectors(ra, dec))


def sun(jd: Floats) -> tuple[Floats, Floats]:
    """Return the right ascension and declination of the Sun, in degrees.

    Uses the low-precision formulas of The Astronomical Almanac, section C: good to 0.01 degree.
    """
    return angles(_sun_vector(jd))


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
    return _turn_about_the_pole(_sidereal_time(jd) - ra, dec)


def equatorial(azimuth: Floats, elevation: Floats, jd: Floats) -> tuple[Floats, Floats]:
    """Return the right ascension and declination of a direction at the observatory, in degrees."""
    hour_angle, dec = _turn_about_the_pole(azimuth, elevation)
    return (_sidereal_time(jd) - hour_angle) % 360.0, dec


def galactic(ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
    """Return the galactic longitude and latitude of a position of J2000, in degrees."""
    return angles(_TO_GALACTIC @ vectors(ra, dec))


def _turn_about_the_pole(angle: Floats, height: Floats) -> tuple[Floats, Floats]:
    """Turn hour angle and declination into azimuth and elevation, or these into those."""
    turn, rise, phi = np.deg2rad(angle), np.deg2rad(height), np.deg2rad(LATITUDE)
    other_rise = np.arcsin(np.sin(phi) * np.sin(rise) + np.cos(phi) * np.cos(rise) * np.cos(turn))
    other_turn = np.arctan2(
        -np.cos(rise) * np.sin(turn),
        np.cos(phi) * np.sin(rise) - np.sin(phi) * np.cos(rise) * np.cos(turn),
    )
    return np.rad2deg(other_turn) % 360.0, np.rad2deg(other_rise)


def _sidereal_time(jd: Floats) -> Floats:
    """Return the local mean sidereal time in degrees.

    This is the linear part of IAU 1982, with UT1 taken as UTC.
    """
    days = jd - JD_J2000
    return np.asarray(280.46061837 + SIDEREAL_RATE * SECONDS_PER_DAY * days + LONGITUDE)


def _precession(jd: float) -> Floats:
    """Return the rotation from J2000 to the axes of a date: Lieske et al. 1977, A&A 58, 1."""
    centuries = (jd - JD_J2000) / 36525.0
    zeta, z, theta = np.deg2rad(
        centuries / 3600.0 * np.array([2306.2181, 2306.2181, 2004.3109])
        + centuries**2 / 3600.0 * np.array([0.30188, 1.09468, -0.42665])
    )
    about_z = [
        np.array([[np.cos(a), -np.sin(a), 0.0], [np.sin(a), np.cos(a), 0.0], [0.0, 0.0, 1.0]])
        for a in (zeta, z)
    ]
    c, s = np.cos(theta), np.sin(theta)
    about_y = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
    return np.asarray(about_z[1] @ about_y @ about_z[0])


def vectors(longitude: Floats, latitude: Floats) -> Floats:
    """Return unit vectors, one per column."""
    lam, beta = np.deg2rad(longitude), np.deg2rad(latitude)
    return np.array(
        [np.cos(beta) * np.cos(lam), np.cos(beta) * np.sin(lam), np.sin(beta) + 0.0 * lam]
    )


def angles(vectors: Floats) -> tuple[Floats, Floats]:
    """Return the longitudes and latitudes of vectors of any length, in degrees."""
    x, y, z = vectors
    return np.rad2deg(np.arctan2(y, x)) % 360.0, np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def _sun_vector(jd: Floats) -> Floats:
    """Return where the Sun is, seen from the Earth, in astronomical units."""
    days = jd - JD_J2000
    anomaly = np.deg2rad(357.528 + 0.9856003 * days)
    longitude = 280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)
    distance = 1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly)
    direction = vectors(*_ecliptic_to_equatorial(longitude, 0.0 * longitude, days))
    return np.asarray(distance * direction)


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

"""Where the telescope stands and where it pointed, and which scans belong together.

astropy does the work, with the data on the Earth's rotation that are installed with it: nothing
here needs a network, and dates in the future are transformed without a warning.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy import units as u
from astropy.coordinates import ICRS, AltAz, EarthLocation, SkyCoord
from astropy.coordinates.erfa_astrom import ErfaAstromInterpolator, erfa_astrom
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from astropy.utils import iers
from astropy.utils.exceptions import AstropyWarning

from grad300_sdk.engine import excerpt
from grad300_sdk.filters import parse_date

__all__ = ["SITE", "coordinates", "pair", "times", "track"]

# The Observatoire de Haute-Provence: the position that the users of the telescope use.
SITE: EarthLocation = EarthLocation.from_geodetic(5.7153 * u.deg, 43.933 * u.deg, 654.8 * u.m)

# Between the moments that are this far apart, astropy interpolates what it knows of the Earth.
_INTERVAL = 300 * u.s
_lock = threading.RLock()


def coordinates(listing: Table) -> SkyCoord:
    """Return the position of each scan of a listing.

    Parameters
    ----------
    listing : Table
        What ``table()`` of a collection of scans returns.

    Returns
    -------
    SkyCoord
        The positions (ICRS), one per row; nan where the position is missing or impossible.

    Raises
    ------
    TypeError
        If the listing is not a table.
    ValueError
        If the table has no columns ``ra`` and ``dec``, or ``ra`` has no unit, as after reading
        CSV: it may be in hours or in degrees.

    Examples
    --------
    >>> from grad300_sdk import sky
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     positions = sky.coordinates(client.scans["TPI"].table(source="sun", max_results=3))
    >>> positions.shape
    (3,)
    """
    check_columns(listing, "ra", "dec")
    if listing["ra"].unit is None:
        raise ValueError(
            "the column 'ra' has no unit; set it: listing['ra'].unit = 'hourangle', or 'deg'"
        )
    right_ascension, declination = (_degrees(listing[name]) for name in ("ra", "dec"))
    is_possible = (np.abs(right_ascension) <= 360) & (np.abs(declination) <= 90)
    positions = np.where(is_possible, [right_ascension, declination], np.nan)
    return SkyCoord(*positions, unit=u.deg, frame="icrs")


def times(table: Table) -> Time:
    """Return the time of each row of a TPI or a spectrum.

    Parameters
    ----------
    table : Table
        What ``file.table()`` returns.

    Returns
    -------
    Time
        The times (UTC), one per row.

    Raises
    ------
    TypeError
        If the argument is not a table.
    ValueError
        If the table has no column ``JD``.

    Examples
    --------
    >>> from grad300_sdk import sky
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     table = client.scans["TPI"][1].file.table()
    >>> len(sky.times(table)) == len(table)
    True
    """
    check_columns(table, "JD")
    return Time(np.ma.filled(table["JD"], np.nan), format="jd", scale="utc")


def track(table: Table) -> SkyCoord:
    """Return where the telescope pointed at each row of a TPI or a spectrum.

    astropy interpolates the motion of the Earth between moments that are five minutes apart,
    which changes a position by less than 0.01 arcseconds. For dates beyond the data on the Earth's
    rotation that are installed, which reach about a year ahead, it takes UT1 to be UTC: a few
    arcseconds. The first call in a process reads these data, which takes half a second.

    Parameters
    ----------
    table : Table
        What ``file.table()`` returns.

    Returns
    -------
    SkyCoord
        The positions (ICRS), one per row; nan where the pointing is missing or impossible.

    Raises
    ------
    TypeError
        If the argument is not a table.
    ValueError
        If the table has no columns ``JD``, ``Azimuth`` and ``Elevation``.

    Examples
    --------
    >>> from grad300_sdk import sky
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     path = sky.track(client.scans["TPI"][1].file.table())
    >>> path.name
    'icrs'
    """
    check_columns(table, "JD", "Azimuth", "Elevation")
    moments = np.ma.filled(table["JD"], np.nan)
    azimuth, elevation = (_degrees(table[name]) for name in ("Azimuth", "Elevation"))
    is_possible = np.isfinite(moments) & (np.abs(azimuth) <= 360) & (np.abs(elevation) <= 90)
    for angle in (azimuth, elevation):  # 2.9e-310, as files hold, is not what a drive reports
        is_possible &= (angle == 0) | (np.abs(angle) >= np.finfo(float).tiny)
    positions = np.full((2, len(table)), np.nan)
    if is_possible.any():
        with earth_rotation():
            pointed = AltAz(
                azimuth[is_possible] * u.deg,
                elevation[is_possible] * u.deg,
                obstime=Time(moments[is_possible], format="jd", scale="utc"),
                location=SITE,
            )
            with erfa_astrom.set(ErfaAstromInterpolator(_INTERVAL)):
                found = pointed.transform_to(ICRS())
        positions[:, is_possible] = found.ra.deg, found.dec.deg
    return SkyCoord(*positions, unit=u.deg, frame="icrs")


def pair(listing: Table, within: Any = 30 * u.s) -> npt.NDArray[np.intp]:
    """Return the image that belongs to each TPI scan of a listing.

    Parameters
    ----------
    listing : Table
        What ``client.scans.table()`` returns: scans of all types.
    within : Quantity, timedelta or float
        Maximum time between the starts of the two scans; a number is in seconds.

    Returns
    -------
    ndarray of int, shape (number of TPI scans,)
        For each TPI scan, in the order of the listing, the row of the image of the same source
        that starts nearest to it; -1 if there is none.

    Raises
    ------
    TypeError
        If the listing is not a table, or `within` is not a time.
    ValueError
        If the table has no columns ``scan_type``, ``source`` and ``date``, or `within` is
        negative.

    Examples
    --------
    >>> from grad300_sdk import sky
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     scans = client.scans.table()
    >>> images = scans[[row for row in sky.pair(scans) if row >= 0]]
    >>> all(images["scan_type"] == "Images")
    True
    """
    check_columns(listing, "scan_type", "source", "date")
    limit = _seconds(within)
    starts = unix_seconds(listing["date"])
    types, sources = _texts(listing["scan_type"]), np.char.lower(_texts(listing["source"]))
    is_image = types == "Images"
    images = {name: np.flatnonzero(is_image & (sources == name)) for name in set(sources.tolist())}
    pairs = []
    for row in np.flatnonzero(types == "TPI"):
        candidates = images[sources[row]]
        gaps = np.abs(starts[candidates] - starts[row])
        pairs.append(candidates[np.nanargmin(gaps)] if (gaps <= limit).any() else -1)
    return np.array(pairs, dtype=np.intp)


@contextmanager
def earth_rotation() -> Iterator[None]:
    """Use the data on the Earth's rotation that are installed, and do not warn where they end."""
    # What astropy sets here holds for all threads.
    with _lock, iers.earth_orientation_table.set(_installed_table()), warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        warnings.filterwarnings("ignore", "ERFA function")
        yield


@cache
def _installed_table() -> iers.IERS_A:
    return iers.IERS_A.open(iers.IERS_A_FILE)


def unix_seconds(column: Any) -> npt.NDArray[np.float64]:
    """Return dates as Unix times, nan where they are missing.

    In formats that have no dates, such as FITS and CSV, they are text.
    """
    if isinstance(column, Time):
        return np.asarray(np.ma.filled(np.ma.masked_array(column.utc.unix), np.nan))
    dates = [parse_date(text) for text in _texts(column)]
    return np.array([np.nan if date is None else date.timestamp() for date in dates])


def check_columns(table: Any, *names: str) -> None:
    """Raise an error for what is not a table with such columns."""
    if not isinstance(table, Table):
        hint = ""
        if isinstance(table, fits.HDUList):
            hint = "; file.table() and grad300_sdk.read_table return the table of a file"
        raise TypeError(f"expected a table, not {type(table).__name__}{hint}")
    missing = [name for name in names if name not in table.colnames]
    if missing:
        raise ValueError(
            f"the table has no column {missing[0]!r}; its columns are {', '.join(table.colnames)}"
        )


def _texts(column: Any) -> npt.NDArray[np.str_]:
    """Return a column of text, empty where it is masked."""
    return np.asarray(np.ma.filled(column.astype(str), ""))


def _seconds(within: Any) -> float:
    if isinstance(within, timedelta):
        within = within.total_seconds()
    try:
        seconds = float(u.Quantity(within, u.s).value)
    except (TypeError, u.UnitsError):
        given = excerpt(repr(within))
        raise TypeError(
            f"within must be a time such as 30 * u.s, or a number of seconds, not {given}"
        ) from None
    if not seconds >= 0:
        raise ValueError(f"within must be a time of at least 0 s, not {within}")
    return seconds


def _degrees(column: Any) -> npt.NDArray[np.float64]:
    """Return a column in degrees, nan where it is masked."""
    values = np.ma.filled(np.ma.asarray(column).astype(float), np.nan)
    return np.asarray(u.Quantity(values, column.unit or u.deg).to_value(u.deg))

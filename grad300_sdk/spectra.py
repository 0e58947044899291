"""What the channels of a spectrum mean: frequency, velocity, and the line in (on - off) / off."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from astropy import units as u
from astropy.coordinates import ICRS, SkyCoord, SpectralCoord, frame_transform_graph
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time

from grad300_sdk.engine import excerpt
from grad300_sdk.sky import SITE, check_columns, earth_rotation, times, track
from grad300_sdk.tables import PortableQTable

__all__ = ["HYDROGEN_LINE", "POLARISATIONS", "frequency", "on_off", "velocity"]

# The hyperfine line of neutral hydrogen at 21 cm; Hellwig et al. 1970, IEEE Trans. Instrum.
# Meas. 19, 200.
HYDROGEN_LINE: u.Quantity = 1_420_405_751.7667 * u.Hz
POLARISATIONS = ("LEFT_POL", "RIGHT_POL")


def frequency(table: Table) -> u.Quantity:
    """Return the frequency of each channel of a spectrum.

    The channels begin at ``BASEFREQ`` and reach the other end of the band, which is ``BANDWID``
    wide, so that they are ``BNDRES`` apart.

    Parameters
    ----------
    table : Table
        What ``file.table()`` of a spectrum returns.

    Returns
    -------
    Quantity, shape (number of channels,)
        The frequencies, in Hz.

    Raises
    ------
    TypeError
        If the argument is not a table.
    ValueError
        If the table is not that of a spectrum, or its header does not describe the band.

    Examples
    --------
    >>> from grad300_sdk import spectra
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     table = client.scans["Spectrum"][1].file.table()
    >>> spectra.frequency(table)[[0, -1]].to("MHz")
    <Quantity [1398. , 1460.5] MHz>
    """
    channels = np.arange(_polarisation(table, POLARISATIONS[0]).shape[1])
    base, band = (_number(table, keyword) for keyword in ("BASEFREQ", "BANDWID"))
    return (base + channels * band / (len(channels) - 1)) * u.Hz


def velocity(
    table: Table, rest: u.Quantity = HYDROGEN_LINE, frame: str | None = "lsrk"
) -> u.Quantity:
    """Return the velocity of each channel of a spectrum, in the radio convention.

    The motion of the telescope, with the Earth, is that in the middle of the rows with the status
    ``on``, along the direction in which it pointed in these on average; the other rows may be
    from beside the source. Without such rows, all rows count.

    Parameters
    ----------
    table : Table
        What ``file.table()`` of a spectrum returns.
    rest : Quantity
        Frequency, or wavelength, of the line at rest; by default, that of hydrogen at 21 cm.
    frame : str or None
        Frame in which the velocity is measured, by astropy's name of it, such as ``lsrk``,
        ``lsrd`` or ``icrs`` (the barycentre), in any case; None for the telescope's own.

    Returns
    -------
    Quantity, shape (number of channels,)
        The velocities, in km/s; positive for what moves away.

    Raises
    ------
    TypeError
        If the first argument is not a table.
    ValueError
        If the table is not that of a spectrum, `rest` or `frame` is not what it should be, or
        nothing says where the telescope pointed.

    Examples
    --------
    >>> from grad300_sdk import spectra
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     table = client.scans["Spectrum"][1].file.table()
    >>> spectra.velocity(table).unit
    Unit("km / s")
    """
    frequencies = frequency(table)
    at_rest = _rest_frequency(rest)
    if frame is not None:
        frame = _check_frame(frame)
        statuses = _statuses(table) if "STATUS" in table.colnames else np.array([])
        table = table[statuses == "on"] if "on" in statuses else table
        path = track(table)
        is_known = np.isfinite(path.ra)
        if not is_known.any():
            raise ValueError("no row of the spectrum says when and where the telescope pointed")
        moments = times(table)[is_known].jd
        middle = Time((moments.min() + moments.max()) / 2, format="jd", scale="utc")
        direction = path[is_known].cartesian.mean()
        # A velocity does not depend on the distance, but astropy wants to know one.
        target = SkyCoord(ICRS(direction / direction.norm() * u.Mpc))
        with earth_rotation():
            observed = SpectralCoord(
                frequencies, observer=SITE.get_itrs(obstime=middle), target=target
            )
            frequencies = observed.with_observer_stationary_relative_to(frame)
    return u.Quantity(frequencies).to(u.km / u.s, equivalencies=u.doppler_radio(at_rest))


def on_off(table: Table) -> QTable:
    """Return the line in a spectrum: (on - off) / off, by channel.

    On and off are the medians of the rows with that status.

    Parameters
    ----------
    table : Table
        What ``file.table()`` of a spectrum returns.

    Returns
    -------
    QTable
        One row per channel, with the columns ``frequency`` (Hz), ``velocity`` (km/s, LSRK), and
        ``LEFT_POL`` and ``RIGHT_POL`` without a unit. A channel that is 0 or below is masked. The
        header is in ``meta``; that of a polarisation's column has the median of its power, as
        ``off``, by which a dead one is known.

    Raises
    ------
    TypeError
        If the argument is not a table.
    ValueError
        If the table is not that of a spectrum, has no rows with the status ``on``, or none with
        ``off``; or as `velocity` raises it.

    Examples
    --------
    >>> from grad300_sdk import spectra
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     line = spectra.on_off(client.scans["Spectrum"][1].file.table())
    >>> line.colnames
    ['frequency', 'velocity', 'LEFT_POL', 'RIGHT_POL']
    """
    powers = {name: _polarisation(table, name) for name in POLARISATIONS}
    statuses = _statuses(table)
    for wanted in ("on", "off"):
        if wanted not in statuses:
            found = ", ".join(map(repr, sorted(set(statuses.tolist())))) or "no rows"
            raise ValueError(
                f"the spectrum has no rows with the status {wanted!r}; it has {found}"
            )
    columns: dict[str, Any] = {"frequency": frequency(table), "velocity": velocity(table)}
    for name, power in powers.items():
        on, off = (np.median(power[statuses == status], axis=0) for status in ("on", "off"))
        is_bad = (on <= 0) | (off <= 0)
        ratio = np.divide(on - off, off, where=~is_bad, out=np.zeros(len(off)))
        columns[name] = MaskedColumn(ratio, mask=is_bad, meta={"off": float(np.median(off))})
    return PortableQTable(columns, meta=dict(table.meta))


def _rest_frequency(rest: Any) -> u.Quantity:
    try:
        return u.Quantity(rest).to(u.Hz, equivalencies=u.spectral())
    except (TypeError, u.UnitsError):
        raise ValueError(
            "rest must be a frequency or a wavelength, such as 1420.4 * u.MHz, "
            f"not {excerpt(repr(rest))}"
        ) from None


def _check_frame(frame: str) -> str:
    name = str(frame).lower()  # FITS writes LSRK
    if frame_transform_graph.lookup_name(name) is None:
        raise ValueError(
            "frame must be the name of a frame that astropy knows, such as 'lsrk' or 'icrs', or "
            f"None for the telescope's own, not {excerpt(repr(frame))}"
        )
    return name


def _polarisation(table: Table, name: str) -> npt.NDArray[Any]:
    """Return a polarisation: one row per row, one column per channel."""
    check_columns(table)
    if name not in table.colnames or np.ndim(table[name]) != 2:
        raise ValueError(
            f"the table is not that of a spectrum: it has no column {name!r} of channels; its "
            f"columns are {', '.join(table.colnames)}"
        )
    return np.asarray(table[name])


def _statuses(table: Table) -> npt.NDArray[np.str_]:
    """Return the status of each row, without blanks."""
    check_columns(table, "STATUS")
    return np.char.strip(np.ma.filled(table["STATUS"], "").astype(str))


def _number(table: Table, keyword: str) -> float:
    value = table.meta.get(keyword)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(  # noqa: TRY004 - of the file, not of an argument
            f"the header must have a number as {keyword}, not {value!r}"
        )
    return float(value)

"""Pictures of what is in files and listings: a quick look, before any reduction.

They are drawn by matplotlib, which the extra ``plot`` installs. ``pyplot`` is not imported, and
no style is changed.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload

from astropy.io import fits
from astropy.table import Table

try:
    from matplotlib.figure import Figure, FigureBase
except ImportError as _error:
    raise ImportError(
        'a picture needs matplotlib: python -m pip install "grad300-sdk[plot]"'
    ) from _error

from grad300_sdk.quicklook.drawing import NotebookFigure
from grad300_sdk.quicklook.listings import draw_listing
from grad300_sdk.quicklook.maps import draw_image
from grad300_sdk.quicklook.tables import draw_line, draw_power, draw_spectrum
from grad300_sdk.spectra import POLARISATIONS
from grad300_sdk.tables import ScanTable

__all__ = ["plot"]

F = TypeVar("F", bound=FigureBase)

_SIZE = 8.0, 6.0  # inches


@overload
def plot(data: Any, *, figure: None = None) -> Figure: ...
@overload
def plot(data: Any, *, figure: F) -> F: ...
def plot(data: Any, *, figure: FigureBase | None = None) -> FigureBase:
    """Draw a picture of a file or a listing.

    What is drawn depends on the data:

    - a TPI: the power of both polarisations, and of the sub-bands as per cent of their medians,
      against time; the track of the telescope on the sky, coloured by power, with its beam
    - a spectrum: the medians of on, off and cal against frequency, and (on - off) / off against
      velocity
    - an image: the map on the sky, with the beam and the contour at half maximum
    - a listing: scans over time and on the sky, by source and type

    East is left. A polarisation without power is left out, and named. A scale holds all values
    except for short bursts that would flatten the rest; the picture says how many lie beyond it.

    Parameters
    ----------
    data : Table or HDUList
        What ``file.open()``, `grad300_sdk.read`, `grad300_sdk.spectra.on_off`, or ``table()`` of
        a collection of scans returns.
    figure : matplotlib.figure.Figure or matplotlib.figure.SubFigure, optional
        The figure to draw in; by default, a new one. Titles and axes are added to what it has.

    Returns
    -------
    matplotlib.figure.Figure
        The figure. A notebook shows a new one by itself; ``savefig`` writes it to a file.

    Raises
    ------
    TypeError
        If the data are of any other kind, or `figure` is not a figure.

    Examples
    --------
    >>> from grad300_sdk import quicklook
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     figure = quicklook.plot(client.scans["Images"][1].file.open())
    >>> [axes.get_xlabel() for axes in figure.axes][0]
    'Right ascension (hours)'
    """
    check_figure(figure)
    draw, *arguments = _choose(data)
    if figure is None:
        figure = NotebookFigure(figsize=_SIZE)
    root: Any = figure.get_figure(root=True)
    if root.get_layout_engine() is None:
        root.set_layout_engine("constrained")
    draw(figure, *arguments)
    return figure


def check_figure(figure: object) -> None:
    """Raise an error for what can't be drawn in."""
    if not isinstance(figure, FigureBase | None):
        raise TypeError(f"figure must be a Figure or a SubFigure, not {type(figure).__name__}")


def _choose(data: Any) -> tuple[Any, ...]:
    """Return how to draw data, and what of them."""
    if isinstance(data, fits.HDUList):
        return _choose_hdu(data)
    if isinstance(data, Table):
        dimensions = {name: data[name].ndim for name in POLARISATIONS if name in data.colnames}
        if isinstance(data, ScanTable) or {"id", "file_name"} <= set(data.colnames):
            return draw_listing, data
        if {"frequency", "velocity"} <= set(data.colnames) and dimensions:
            return draw_line, data
        if 2 in dimensions.values():
            return draw_spectrum, data
        if dimensions or any(name.startswith("BBC") for name in data.colnames):
            return draw_power, data
        found = f"a table with the columns {', '.join(data.colnames)}"
    else:
        found = f"an object of the type {type(data).__name__}"
    raise TypeError(
        f"expected the table of a TPI or a spectrum, an HDUList, what spectra.on_off returns, or "
        f"a table of scans, not {found}"
    )


def _choose_hdu(hdus: fits.HDUList) -> tuple[Any, ...]:
    """Return how to draw the first HDU that holds an image or a table."""
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU):
            return _choose(Table.read(hdu, format="fits", mask_invalid=False))
        if hdu.is_image and hdu.data is not None and hdu.data.ndim == 2:
            return draw_image, hdu.data, hdu.header
    held = ", ".join(f"{hdu.name or 'unnamed'} ({type(hdu).__name__})" for hdu in hdus) or "none"
    raise TypeError(f"expected an image of two axes or a table among the HDUs, but found {held}")

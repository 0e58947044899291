"""What the pictures have in common: colours, titles, notes, the time axis, the beam."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.wcs import WCS
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num, num2date
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import EngFormatter, MaxNLocator

from grad300_sdk.engine import excerpt
from grad300_sdk.quicklook.scales import Floats, Scale, thin, to_floats

__all__ = [
    "BEAM_WIDTH",
    "COLOURS",
    "COLOUR_MAP",
    "NotebookFigure",
    "add_beam",
    "add_colour_bar",
    "add_legend",
    "add_message",
    "add_notes",
    "add_sky_axes",
    "add_title",
    "date_range",
    "draw_curve",
    "label_power",
    "note_beyond",
    "plain",
    "set_time_axis",
    "title_of",
    "to_days",
    "unit_of",
]

# Okabe and Ito 2008, "Color Universal Design": told apart by everyone. The order alternates dark
# and light ones, so that neighbours differ in print as well.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
COLOUR_MAP = "cividis"  # grows from dark to light, also in print and for the colour blind
BEAM_WIDTH = 4.0338  # degrees: BMAJ in the telescope's images; tables do not have it

_CENTURIES = 2415020.5, 2488069.5  # Julian dates of 1900 and 2100
_UNIX_EPOCH = 2440587.5  # the Julian date of 1970
_CHARACTERS_PER_INCH = 14  # of a note
# Of the axes of a map, by what FITS calls the first of them.
_LABELS = {
    "RA": ("Right ascension (hours)", "Declination (degrees)"),
    "GLON": ("Galactic longitude (degrees)", "Galactic latitude (degrees)"),
}
# Light around dark: what is drawn so can be seen on every colour.
_HALO = (Stroke(linewidth=3.5, foreground="white"), Normal())


class NotebookFigure(Figure):
    """A figure that a notebook shows by itself, without pyplot."""

    def _repr_png_(self) -> bytes:
        """Return the figure as a notebook shows it."""
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


def plain(text: Any, length: int = 40) -> str:
    """Return text of a file or a server so that matplotlib shows it as it is."""
    characters = str(text).encode("latin-1", "replace").decode("latin-1")
    return excerpt(characters, length).replace("$", r"\$")


def title_of(header: Mapping[str, Any], kind: str) -> str:
    """Return the source, type, date and scan of a file."""
    source = plain(header.get("OBJECT") or "").strip() or "no source"
    first = [source, kind]
    if date := header.get("DATE-OBS"):
        first.append(f"{plain(date).replace('T', ' ')[:19]} UTC")
    names = {"Project_Name": "project", "Scan Tag": "scan", "SubScanID": "sub-scan"}
    second = [f"{names[key]} {plain(header[key])}" for key in names if header.get(key)]
    return "\n".join(filter(None, [" · ".join(first), ", ".join(second)]))


def add_title(figure: FigureBase, title: str) -> None:
    """Add the title of a figure."""
    lines = [fill(line, _width(figure) * 2 // 3) for line in title.splitlines()]
    figure.suptitle("\n".join(lines), fontsize="large")


def add_notes(figure: FigureBase, notes: Sequence[str]) -> None:
    """Add remarks below everything else."""
    if notes:
        text = "\n".join(fill(note, _width(figure)) for note in notes)
        figure.supxlabel(text, x=0.01, ha="left", fontsize="small")


def add_message(figure: FigureBase, message: str) -> None:
    """Say why there is nothing to see."""
    figure.text(0.5, 0.5, fill(message, _width(figure) // 2), ha="center", va="center")


def _width(figure: Any) -> int:
    """Return how many small characters fit next to each other."""
    inches = figure.bbox.width / figure.get_figure(root=True).dpi
    return max(20, int(inches * _CHARACTERS_PER_INCH))


def unit_of(column: Any, default: str = "ct") -> str:
    """Return the unit of a column in parentheses, as an axis has it."""
    unit = getattr(column, "unit", None)
    return f"({default if unit is None or unit == u.dimensionless_unscaled else unit})"


def label_power(axes: Axes, name: str, column: Any) -> None:
    """Label a y axis of power; large numbers have prefixes, as those of units."""
    axes.set_ylabel(f"{name} {unit_of(column)}")
    if max(map(abs, axes.get_ylim())) >= 1e5:
        axes.yaxis.set_major_formatter(EngFormatter(sep=" "))


def note_beyond(scale: Scale, what: str) -> list[str]:
    """Say how many values are beyond a scale."""
    count = scale.below + scale.above
    if not count:
        return []
    values = "value lies" if count == 1 else "values lie"
    return [f"{what}: {count} {values} beyond the scale, as far as {scale.furthest:.3g}."]


def draw_curve(axes: Axes, x: Floats, y: Floats, scale: Scale, **style: Any) -> None:
    """Draw a curve, with arrow heads where it leaves the scale."""
    marker = {} if np.isfinite(y).sum() > 3 else {"marker": "o"}
    (line,) = axes.plot(*thin(x, y), **{"linewidth": 1.0, **marker, **style})
    for is_beyond, edge, head in (
        (y > scale.high, 1.0, "^"),
        (y < scale.low, 0.0, "v"),
    ):
        places = x[is_beyond & np.isfinite(x)]
        if places.size:
            axes.plot(
                *thin(places, np.full(len(places), edge)),
                transform=axes.get_xaxis_transform(),
                linestyle="none",
                marker=head,
                color=line.get_color(),
                clip_on=False,
            )


def to_days(julian_dates: Any) -> Floats:
    """Return Julian dates as days of matplotlib, nan where they can't be right."""
    dates = to_floats(julian_dates)
    dates[~((dates > _CENTURIES[0]) & (dates < _CENTURIES[1]))] = np.nan
    return np.asarray(dates - _UNIX_EPOCH + date2num(np.datetime64("1970-01-01")))


def set_time_axis(axes: Axes, days: Floats) -> None:
    """Make an x axis one of dates (UTC)."""
    locator = AutoDateLocator(minticks=2, maxticks=6)
    formatter = ConciseDateFormatter(
        locator,
        formats=["%Y", "%b", "%d", "%H:%M", "%H:%M", "%H:%M:%S.%f"],
        zero_formats=["", "%Y", "%b", "%b-%d", "%H:%M", "%H:%M"],
        show_offset=False,  # it would stand on the label, which has the date
    )
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
    first, last = np.nanmin(days), np.nanmax(days)
    margin = 0.02 * (last - first) or 0.5 / 24
    axes.set_xlim(first - margin, last + margin)
    axes.set_xlabel(f"Time (UTC), {date_range(days)}")


def date_range(days: Floats) -> str:
    """Return the first and the last date."""
    dates = [num2date(pick(days)).date().isoformat() for pick in (np.nanmin, np.nanmax)]
    return " to ".join(dict.fromkeys(dates))


def add_legend(axes: Axes, columns: int, handles: Sequence[Any] | None = None) -> None:
    """Add a legend above an axes, where it covers nothing."""
    options: dict[str, Any] = {} if handles is None else {"handles": handles}
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        frameon=False,
        fontsize="small",
        borderaxespad=0.2,
        borderpad=0.2,
        handlelength=1.6,
        handletextpad=0.4,
        columnspacing=1.0,
        **options,
    )


def add_colour_bar(
    figure: FigureBase,
    drawn: Any,
    axes: Axes,
    scale: Scale,
    label: str,
    place: Literal["right", "bottom"] = "right",
) -> None:
    """Add a colour bar that shows whether values lie beyond it."""
    ticks = MaxNLocator(4 if place == "bottom" else 8)
    bar = figure.colorbar(
        drawn, ax=axes, location=place, extend=scale.extend, shrink=0.9, ticks=ticks
    )
    bar.set_label(label)


def add_sky_axes(figure: FigureBase, cell: Any, wcs: WCS) -> Any:
    """Add axes of right ascension and declination, or what else the coordinates are."""
    axes: Any = figure.add_subplot(cell, projection=wcs)
    axes.grid(color="grey", alpha=0.4, linestyle=":")
    longitude, latitude = axes.coords[wcs.wcs.lng], axes.coords[wcs.wcs.lat]
    labels = _LABELS.get(wcs.wcs.ctype[wcs.wcs.lng][:4].rstrip("-"))
    if labels is not None:
        longitude.set_axislabel(labels[0])
        latitude.set_axislabel(labels[1])
    for coordinate, side in ((longitude, "b"), (latitude, "l")):
        coordinate.set_ticklabel(exclude_overlapping=True, fontsize="small")
        coordinate.set_ticks_position(side)
        coordinate.set_ticklabel_position(side)
        coordinate.set_axislabel_position(side)
    return axes


def add_beam(axes: Any, width: float, height: float) -> Line2D:
    """Draw the beam, of a width and height in pixels, in the lower left corner of a map.

    If it is large compared with the map, it stands in the middle, and the axes show it whole.
    What is returned stands for it in a legend.
    """
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    if width > 0.45 * abs(right - left) or height > 0.45 * abs(top - bottom):
        x, y = (left + right) / 2, (bottom + top) / 2
        across, up = (
            max(1.1 * size, abs(b - a)) / 2
            for size, a, b in ((width, left, right), (height, bottom, top))
        )
        axes.set_xlim(x - np.copysign(across, right - left), x + np.copysign(across, right - left))
        axes.set_ylim(y - np.copysign(up, top - bottom), y + np.copysign(up, top - bottom))
    else:
        x = left + np.copysign(0.6 * width, right - left)
        y = bottom + np.copysign(0.6 * height, top - bottom)
    style: dict[str, Any] = {"linestyle": "--", "linewidth": 1.2, "path_effects": _HALO}
    axes.add_patch(
        Ellipse((x, y), width, height, fill=False, edgecolor="black", zorder=5, **style)
    )
    return Line2D([], [], color="black", **style)

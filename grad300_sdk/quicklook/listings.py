"""Pictures of listings: which scans there are, over time and on the sky."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from astropy.time import Time
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D

from grad300_sdk import sky
from grad300_sdk.quicklook.drawing import (
    COLOURS,
    add_message,
    add_notes,
    add_title,
    date_range,
    plain,
    set_time_axis,
    to_days,
)
from grad300_sdk.quicklook.scales import Floats

__all__ = ["draw_listing"]

_MARKERS = {"TPI": "o", "Images": "s", "Spectrum": "^", "OnOff": "D"}
_OTHER_MARKER = "X"
_NO_SOURCE = "no source"
_OTHERS = "other sources"


def draw_listing(figure: FigureBase, listing: Table) -> None:
    """Draw a listing: scans over time and on the sky, by source and type."""
    sources, types = _sources(listing), _texts(listing, "scan_type", "scan")
    days, (right_ascension, declination) = _days(listing), _positions(listing)
    add_title(figure, _title(listing, types, days))
    is_dated = np.isfinite(days)
    is_placed = np.isfinite(right_ascension) & np.isfinite(declination)
    rows = int(is_dated.any()) + int(is_placed.any())
    if not rows:
        what = "have neither a date nor a position" if len(listing) else "are none"
        add_message(figure, f"There {what}." if not len(listing) else f"The scans {what}.")
        return
    grid = figure.add_gridspec(rows, 1)
    names = [name for name, _ in Counter(sources.tolist()).most_common() if name != _OTHERS]
    names += [_OTHERS] * bool((sources == _OTHERS).any())
    kinds = sorted(set(types.tolist()), key=lambda kind: ([*_MARKERS, kind].index(kind), kind))
    if is_dated.any():
        axes = figure.add_subplot(grid[0])
        lanes = np.linspace(-0.27, 0.27, len(kinds)) if len(kinds) > 1 else [0.0]
        height = np.array([names.index(source) for source in sources], dtype=float)
        height += np.array([lanes[kinds.index(kind)] for kind in types])
        _draw_groups(axes, days, height, sources, types, names)
        axes.set_yticks(range(len(names)), labels=names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_ylabel("Source")
        axes.grid(axis="x", color="grey", alpha=0.3, linestyle=":")
        set_time_axis(axes, days)
    if is_placed.any():
        axes = figure.add_subplot(grid[-1])
        _draw_groups(axes, right_ascension, declination, sources, types, names)
        axes.set(xlim=(24, 0), ylim=(-90, 90), xticks=range(0, 25, 3), yticks=range(-90, 91, 30))
        axes.set(xlabel="Right ascension (hours)", ylabel="Declination (degrees)")
        axes.grid(color="grey", alpha=0.3, linestyle=":")
    handles = [_handle(kind, _MARKERS.get(kind, _OTHER_MARKER), "none") for kind in kinds]
    handles += [_handle(name, "o", _colour(place)) for place, name in enumerate(names)]
    figure.legend(handles=handles, loc="outside right center", frameon=False, fontsize="small")
    missing = [("date", (~is_dated).sum()), ("position", (~is_placed).sum())]
    add_notes(
        figure,
        [
            f"Without a {what}: {count} of {len(listing)} scans."
            for what, count in missing
            if count
        ],
    )


def _draw_groups(
    axes: Axes,
    x: Floats,
    y: Floats,
    sources: npt.NDArray[np.str_],
    types: npt.NDArray[np.str_],
    names: list[str],
) -> None:
    """Draw the scans of each source and type: colour by source, marker by type."""
    for place, name in enumerate(names):
        for kind in sorted(set(types[sources == name].tolist())):
            is_shown = (sources == name) & (types == kind)
            axes.plot(
                x[is_shown],
                y[is_shown],
                linestyle="none",
                marker=_MARKERS.get(kind, _OTHER_MARKER),
                markersize=5,
                markerfacecolor=_colour(place),
                markeredgecolor="black",
                markeredgewidth=0.4,
                alpha=0.8,
                rasterized=bool(is_shown.sum() > 1000),
            )


def _handle(label: str, marker: str, colour: str) -> Line2D:
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=marker,
        markerfacecolor=colour,
        markeredgecolor="grey" if colour == "none" else "black",
        markeredgewidth=0.8,
        label=label,
    )


def _colour(place: int) -> str:
    return COLOURS[place] if place < len(COLOURS) else "black"


def _title(listing: Table, types: npt.NDArray[np.str_], days: Floats) -> str:
    """Return how many scans there are, of which types, and when."""
    count = len(listing)
    first = [f"{count} scan{'' if count == 1 else 's'}"]
    if count:
        kinds = Counter(types.tolist()).most_common()
        first.append(", ".join(f"{number} {kind}" for kind, number in kinds))
    second = date_range(days) if np.isfinite(days).any() else ""
    return "\n".join(filter(None, [" · ".join(first), second]))


def _sources(listing: Table) -> npt.NDArray[np.str_]:
    """Return the source of each scan; those that are too many have no name of their own."""
    sources = _texts(listing, "source", _NO_SOURCE)
    common = [name for name, _ in Counter(sources.tolist()).most_common(len(COLOURS))]
    return np.where(np.isin(sources, common), sources, _OTHERS)


def _texts(listing: Table, name: str, missing: str) -> npt.NDArray[np.str_]:
    """Return a column of text, fit to be shown."""
    if name not in listing.colnames:
        return np.full(len(listing), missing)
    texts = np.ma.filled(listing[name].astype(str), "")
    shown: dict[str, str] = {text: plain(text, 20) or missing for text in set(texts.tolist())}
    return np.array([shown[text] for text in texts.tolist()], dtype=np.str_)


def _days(listing: Table) -> Floats:
    """Return the date of each scan, as days of matplotlib."""
    if "date" not in listing.colnames:
        return np.full(len(listing), np.nan)
    return to_days(Time(sky.unix_seconds(listing["date"]), format="unix").jd)


def _positions(listing: Table) -> tuple[Floats, Floats]:
    """Return the right ascension, in hours, and the declination, in degrees, of each scan."""
    try:
        positions: Any = sky.coordinates(listing)
    except ValueError:
        return np.full(len(listing), np.nan), np.full(len(listing), np.nan)
    return positions.ra.hour, positions.dec.deg

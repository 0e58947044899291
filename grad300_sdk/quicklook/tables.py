"""Pictures of tables: a TPI, a spectrum, and the line in a spectrum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from grad300_sdk import sky, spectra
from grad300_sdk.quicklook.drawing import (
    COLOUR_MAP,
    COLOURS,
    add_colour_bar,
    add_legend,
    add_message,
    add_notes,
    add_title,
    draw_curve,
    label_power,
    note_beyond,
    plain,
    set_time_axis,
    title_of,
    to_days,
    unit_of,
)
from grad300_sdk.quicklook.maps import draw_track
from grad300_sdk.quicklook.scales import (
    Floats,
    extremes,
    find_dead,
    remove_bursts,
    scale_of,
    scale_of_bands,
    to_floats,
)

__all__ = ["draw_line", "draw_power", "draw_spectrum"]

_COLOURS = {"LEFT_POL": COLOURS[1], "RIGHT_POL": COLOURS[0]}
_STATUSES: dict[str, dict[str, Any]] = {
    "on": {"color": COLOURS[0], "linestyle": "-"},
    "off": {"color": COLOURS[1], "linestyle": "--"},
    "cal": {"color": COLOURS[2], "linestyle": ":", "linewidth": 1.6},
}
_MOST_STATUSES = 8
_FASTEST = 400.0  # km/s; the hydrogen of the Galaxy is slower
_LINE_WINDOW = 3  # channels; a cold cloud of hydrogen fills hardly more
_FEWEST_CHANNELS = 5  # that are worth a panel


def draw_power(figure: FigureBase, table: Table) -> None:
    """Draw a TPI: power and sub-bands against time, and the track on the sky."""
    add_title(figure, title_of(table.meta, "TPI"))
    table, days = _in_order(table)
    powers, notes = _find_alive(table, spectra.POLARISATIONS)
    bands, more_notes = _find_alive(table, [name for name in table.colnames if name[:3] == "BBC"])
    notes += more_notes
    if not len(table) or not (powers or bands):
        add_message(figure, "There is no power to draw." if len(table) else "There are no rows.")
        add_notes(figure, notes)
        return
    brightest = max(powers, key=lambda name: float(np.nanmedian(powers[name])), default=None)
    track = None if brightest is None else _find_track(table, powers[brightest])
    times = np.arange(len(table), dtype=float) if days is None else days
    columns = 1 if track is None else 2
    grid = figure.add_gridspec(
        bool(powers) + bool(bands), columns, width_ratios=[1.25, 1.0][:columns]
    )
    axes = []
    if powers:
        axes.append(figure.add_subplot(grid[0, 0]))
        scale = scale_of(*powers.values())
        for name, power in powers.items():
            draw_curve(axes[0], times, power, scale, color=_COLOURS[name], label=name)
        axes[0].set_ylim(scale[:2])
        label_power(axes[0], "Power", table[next(iter(powers))])
        add_legend(axes[0], 2)
        notes += note_beyond(scale, "Power")
    if bands:
        axes.append(figure.add_subplot(grid[-1, 0]))
        notes += _draw_bands(figure, axes[-1], times, bands)
    for each in axes:
        if days is None:
            each.set_xlabel("Row")
        else:
            set_time_axis(each, days)
        if each is not axes[-1]:
            each.set_xlabel("")
            each.tick_params(labelbottom=False)
    if days is None:
        notes.append("The table does not say when it was measured.")
    if brightest is None or track is None:
        notes.append("The table does not say where the telescope pointed.")
    else:
        label = f"{brightest} {unit_of(table[brightest])}"
        notes += draw_track(figure, grid[:, 1], track, powers[brightest], label)
    add_notes(figure, notes)


def _draw_bands(
    figure: FigureBase, axes: Axes, times: Floats, bands: Mapping[str, Floats]
) -> list[str]:
    """Draw the sub-bands, a row each, as per cent of their medians; return remarks."""
    blocks, starts = extremes(
        np.array([100 * band / np.nanmedian(band) for band in bands.values()])
    )
    scale = scale_of_bands(blocks)
    step = (float(np.median(np.diff(times))) if len(times) > 1 else 0.0) or 1 / 24
    edges = np.append(times[starts], times[-1] + step) - step / 2
    drawn = axes.pcolormesh(
        edges,
        np.arange(len(bands) + 1) - 0.5,
        np.ma.masked_invalid(blocks),
        cmap=COLOUR_MAP,
        vmin=scale.low,
        vmax=scale.high,
        rasterized=True,
    )
    axes.set_yticks(range(len(bands)), labels=[plain(name) for name in bands], fontsize="small")
    axes.set_ylabel("Sub-band")
    add_colour_bar(figure, drawn, axes, scale, "Sub-bands (% of their medians)", "bottom")
    return note_beyond(scale, "Sub-bands (%)")


def draw_spectrum(figure: FigureBase, table: Table) -> None:
    """Draw a spectrum: on, off and cal against frequency, and (on - off) / off below."""
    statuses = _group(table)
    kind = "On-off spectrum" if set(statuses) == {"on", "off"} else "Spectrum"
    add_title(figure, title_of(table.meta, kind))
    if not len(table):
        add_message(figure, "There are no rows.")
        return
    powers, notes = _find_alive(table, spectra.POLARISATIONS)
    if not powers:
        add_message(figure, "There is no power to draw.")
        add_notes(figure, notes)
        return
    try:
        line = spectra.on_off(_with_sound_dates(table)) if "STATUS" in table.colnames else None
        reason = "the table has no column 'STATUS'"
    except (ValueError, ArithmeticError) as error:  # a single channel has no width
        line, reason = None, str(error)
    if line is None:
        notes.append(f"There is no (on - off) / off: {plain(reason, 200)}.")
    try:
        x, label = spectra.frequency(table).to_value(u.MHz), "Frequency (MHz)"
    except (ValueError, ArithmeticError) as error:
        x, label = np.arange(next(iter(powers.values())).shape[1], dtype=float), "Channel"
        notes.append(f"There are no frequencies: {plain(error, 200)}.")
    grid = figure.add_gridspec(1 if line is None else 2, 2)
    cells = [grid[0, :]] if len(powers) == 1 else [grid[0, 0], grid[0, 1]]
    for cell, (name, power) in zip(cells, powers.items(), strict=False):
        axes = figure.add_subplot(cell)
        medians = {status: _median(power[rows]) for status, rows in statuses.items()}
        scale = scale_of(*medians.values(), window=_LINE_WINDOW)
        for number, (status, values) in enumerate(medians.items()):
            style = _STATUSES.get(status, {"color": COLOURS[3 + number % 4], "linestyle": "-."})
            draw_curve(axes, x, values, scale, label=plain(status) or "no status", **style)
        if label != "Channel":
            rest = spectra.HYDROGEN_LINE.to_value(u.MHz)
            axes.axvline(rest, color="grey", linewidth=1.0, linestyle="-.", label="21 cm line")
        axes.margins(x=0)
        axes.set(ylim=scale[:2], xlabel=label)
        label_power(axes, name, table[name])
        add_legend(axes, 4)
        notes += note_beyond(scale, name)
    if line is not None:
        notes += _draw_ratio(figure, [grid[1, 0], grid[1, 1]], line, list(powers))
    add_notes(figure, notes)


def draw_line(figure: FigureBase, line: Table) -> None:
    """Draw what `spectra.on_off` returns, against velocity: the band, and what is near 21 cm."""
    add_title(figure, title_of(line.meta, "(on - off) / off"))
    names = [name for name in spectra.POLARISATIONS if name in line.colnames]
    medians = {name: (line[name].info.meta or {}).get("off") for name in names}
    dead = {
        name: f"median {median:.3g}"
        for name, median in find_dead(
            {name: np.array([power]) for name, power in medians.items() if power is not None}
        ).items()
    }
    for name in names:
        if np.isfinite(to_floats(line[name])).sum() <= len(line) / 2:
            dead[name] = "no power in most channels"
    names = [name for name in names if name not in dead]
    notes = [f"Dead, and left out: {name} ({why})." for name, why in dead.items() if len(line)]
    if names and np.isfinite(_values(line, "velocity", u.km / u.s)).any():
        grid = figure.add_gridspec(2, 1)
        notes += _draw_ratio(figure, [grid[0], grid[1]], line, names)
    else:
        add_message(figure, "There is nothing to draw." if len(line) else "There are no rows.")
    add_notes(figure, notes)


def _draw_ratio(figure: FigureBase, cells: list[Any], line: Table, names: list[str]) -> list[str]:
    """Draw (on - off) / off: the whole band, and the velocities of hydrogen; return remarks."""
    x = _values(line, "velocity", u.km / u.s)
    ratios = {name: to_floats(line[name]) for name in names}
    is_slow = np.abs(x) <= _FASTEST
    slow = [remove_bursts(ratio[is_slow], _LINE_WINDOW)[0] for ratio in ratios.values()]
    scale = scale_of(*ratios.values(), known=slow)
    panels = [("whole band", np.isfinite(x), scale, "default")]
    if is_slow.sum() >= _FEWEST_CHANNELS:
        scale = scale_of(*(ratio[is_slow] for ratio in ratios.values()), window=_LINE_WINDOW)
        panels.append(("around 21 cm", is_slow, scale, "steps-mid"))
    notes = []
    for cell, (title, is_shown, scale, style) in zip(cells, panels, strict=False):
        axes = figure.add_subplot(cell)
        shown = {name: ratio[is_shown] for name, ratio in ratios.items()}
        for name, ratio in shown.items():
            draw_curve(
                axes, x[is_shown], ratio, scale, color=_COLOURS[name], label=name, drawstyle=style
            )
        axes.axvline(0.0, color="grey", linewidth=1.0, linestyle="-.")
        axes.margins(x=0)
        axes.set(ylim=scale[:2], xlabel="LSRK velocity (km/s)", ylabel="(on - off) / off")
        axes.locator_params("x", nbins=5)
        add_legend(axes, 2)
        notes += note_beyond(scale, f"(on - off) / off, {title}")
    return notes


def _find_alive(table: Table, names: Iterable[str]) -> tuple[dict[str, Floats], list[str]]:
    """Return the columns that have power, and remarks on those that do not."""
    powers = {}
    for name in names:
        if name in table.colnames and np.asarray(table[name]).dtype.kind in "biuf":
            powers[name] = to_floats(table[name])
    dead = find_dead(powers) if len(table) else {}
    named = ", ".join(
        f"{name} ({'no values' if np.isnan(median) else f'median {median:.3g}'})"
        for name, median in dead.items()
    )
    alive = {name: power for name, power in powers.items() if name not in dead}
    return alive, [f"Dead, and left out: {named}."] if dead else []


def _in_order(table: Table) -> tuple[Table, Floats | None]:
    """Return the rows whose time is known, in order, and their times; all if none is known."""
    if "JD" not in table.colnames:
        return table, None
    days = to_days(table["JD"])
    order = np.argsort(days, kind="stable")[: np.isfinite(days).sum()]
    return (table[order], days[order]) if len(order) else (table, None)


def _with_sound_dates(table: Table) -> Table:
    """Return a table whose impossible dates are nan."""
    if "JD" not in table.colnames:
        return table
    copy = Table(table, copy=False)
    copy["JD"] = np.where(np.isfinite(to_days(table["JD"])), to_floats(table["JD"]), np.nan)
    return copy


def _find_track(table: Table, power: Floats) -> SkyCoord | None:
    """Return where the telescope pointed; None if that is not known where there is power."""
    try:
        track = sky.track(_with_sound_dates(table))
    except ValueError:
        return None
    return track if np.isfinite(track.ra.deg + power).any() else None


def _group(table: Table) -> dict[str, Any]:
    """Return which rows have which status."""
    if "STATUS" not in table.colnames:
        return {"all rows": slice(None)}
    statuses = np.char.strip(np.ma.filled(table["STATUS"], "").astype(str))
    order = list(_STATUSES)
    found = sorted(set(statuses.tolist()), key=lambda name: ([*order, name].index(name), name))
    return {status: statuses == status for status in found[:_MOST_STATUSES]}


def _median(rows: Floats) -> Floats:
    """Return the median of rows, nan ones not counted."""
    if np.isfinite(rows).all():
        return np.asarray(np.median(rows, axis=0))
    return np.asarray(np.ma.median(np.ma.masked_invalid(rows), axis=0).filled(np.nan))


def _values(table: Table, name: str, unit: u.UnitBase) -> Floats:
    values = to_floats(table[name])
    return np.asarray((getattr(table[name], "unit", None) or unit).to(unit, values))

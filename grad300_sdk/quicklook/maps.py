"""Pictures of what is on the sky: images, and the track of the telescope."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord, UnitSphericalRepresentation
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_scales
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import Normal, Stroke

from grad300_sdk.quicklook.drawing import (
    BEAM_WIDTH,
    COLOUR_MAP,
    add_beam,
    add_colour_bar,
    add_legend,
    add_message,
    add_notes,
    add_sky_axes,
    add_title,
    note_beyond,
    plain,
    title_of,
)
from grad300_sdk.quicklook.scales import (
    FEWEST_PIXELS,
    Floats,
    remove_bursts,
    scale_of,
    smooth_image,
    to_floats,
)

__all__ = ["draw_image", "draw_track"]

_UNVISITED = "#b0b0b0"
_HATCH = "////"  # in print, grey alone would be one of the colours
_SIGNIFICANT = 8.0  # times the noise
_MOST_POINTS = 10_000
# A position that is so much further out than nearly all the others, and further than the telescope
# turns on its way to a source, is a fault of the drive.
_FAR = 3.0
_FAR_AWAY = 20.0  # degrees


def draw_image(figure: FigureBase, data: Any, header: Mapping[str, Any]) -> None:
    """Draw an image: its pixels on the sky, the beam, and the contour at half maximum."""
    add_title(figure, title_of(header, "Image"))
    pixels = to_floats(data)
    pixels[pixels == 0] = np.nan
    if not np.isfinite(pixels).any():
        add_message(figure, "The telescope visited no pixel.")
        return
    scale = scale_of(pixels)
    wcs = _celestial(header, pixels.shape)
    if wcs is None:
        axes: Any = figure.add_subplot(111, xlabel="x (pixel)", ylabel="y (pixel)")
    else:
        axes = add_sky_axes(figure, 111, wcs)
    hatched: dict[str, Any] = {"facecolor": _UNVISITED, "edgecolor": "white", "hatch": _HATCH}
    unvisited = Rectangle((-0.5, -0.5), *pixels.shape[::-1], linewidth=0.0, zorder=-1, **hatched)
    axes.add_patch(unvisited)
    drawn = axes.imshow(
        np.ma.masked_invalid(pixels),
        origin="lower",
        cmap=COLOUR_MAP,
        vmin=scale.low,
        vmax=scale.high,
        interpolation="nearest",
    )
    unit = plain(header.get("BUNIT") or "ct")  # the telescope's images do not say it
    add_colour_bar(figure, drawn, axes, scale, f"Power ({unit})")
    notes = note_beyond(scale, "Pixels")
    handles: list[Any] = []
    if (level := _half_maximum(pixels)) is None:
        notes.append("No contour at half maximum: no peak stands out.")
    else:
        style: dict[str, Any] = {"color": "white", "linewidth": 1.5}
        halo = [Stroke(linewidth=3.5, foreground="black"), Normal()]
        contour = axes.contour(np.ma.masked_invalid(smooth_image(pixels)), [level], colors="white")
        contour.set(linewidth=1.5, path_effects=halo)
        label = f"half maximum ({level:.5g} {unit})"
        handles.append(Line2D([], [], path_effects=halo, label=label, **style))
    if wcs is not None:
        eastwards, northwards = np.diag(wcs.pixel_scale_matrix)
        if eastwards > 0:
            axes.invert_xaxis()  # east left
        if northwards < 0:
            axes.invert_yaxis()  # north up
        widths = [_number(header, key, BEAM_WIDTH) for key in ("BMIN", "BMAJ")]
        beam = add_beam(axes, *(widths / proj_plane_pixel_scales(wcs)))
        beam.set_label(f"beam ({max(widths):.2f}° FWHM)")
        handles.append(beam)
    if np.isnan(pixels).any():
        handles.append(Patch(label="not visited", **hatched))
    if handles:
        add_legend(axes, 3, handles)
    add_notes(figure, notes)


def draw_track(
    figure: FigureBase, cell: Any, track: SkyCoord, power: Floats, label: str
) -> list[str]:
    """Draw where the telescope pointed, coloured by power, and its beam; return remarks."""
    is_known = np.isfinite(track.ra.deg) & np.isfinite(power)
    track, power = track[is_known], power[is_known]
    middle = SkyCoord(
        track.cartesian.mean().represent_as(UnitSphericalRepresentation), frame=track.frame
    )
    distance = track.separation(middle).deg
    is_near = distance <= max(_FAR * np.percentile(distance, 95), _FAR_AWAY)
    track, power = track[is_near], power[is_near]
    step = -(-len(power) // _MOST_POINTS)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---ARC", "DEC--ARC"]  # distances from the middle are true
    wcs.wcs.crval = [middle.ra.deg, middle.dec.deg]
    wcs.wcs.cdelt = [-1.0, 1.0]  # east left; a pixel is a degree
    axes = add_sky_axes(figure, cell, wcs)
    scale = scale_of(power)
    x, y = wcs.world_to_pixel(track)
    drawn = axes.scatter(
        x[::step],
        y[::step],
        c=power[::step],
        cmap=COLOUR_MAP,
        vmin=scale.low,
        vmax=scale.high,
        s=9 if len(power) > 200 else 25,
        linewidths=0,
        rasterized=True,
    )
    half = max(np.ptp(x), np.ptp(y), BEAM_WIDTH / 2) * 0.54
    axes.set(
        xlim=(x.min() + np.ptp(x) / 2 - half, x.min() + np.ptp(x) / 2 + half),
        ylim=(y.min() + np.ptp(y) / 2 - half, y.min() + np.ptp(y) / 2 + half),
        aspect="equal",
    )
    beam = add_beam(axes, BEAM_WIDTH, BEAM_WIDTH)
    beam.set_label(f"beam ({BEAM_WIDTH:.2f}° FWHM)")
    add_legend(axes, 1, [beam])
    add_colour_bar(figure, drawn, axes, scale, label, "bottom")
    far = int((~is_near).sum())
    return [f"Track: positions far from the others are not shown ({far})."] if far else []


def _celestial(header: Mapping[str, Any], shape: tuple[int, ...]) -> WCS | None:
    """Return the coordinates of an image; None if its header does not describe the sky."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(header, naxis=2)
        corners = wcs.pixel_to_world_values([0, shape[1] - 1], [0, shape[0] - 1])
    except Exception:  # astropy promises no type for what it can't use
        return None
    return wcs if wcs.has_celestial and np.isfinite(corners).all() else None


def _half_maximum(pixels: Floats) -> float | None:
    """Return the level half way from the sky to the peak; None if there is no clear peak."""
    if min(pixels.shape) < FEWEST_PIXELS:  # a map of less than the beam holds no sky
        return None
    visited, noise = remove_bursts(pixels)
    sky, peak = np.median(visited[visited <= np.median(visited)]), visited.max()
    return float((sky + peak) / 2) if peak - sky > max(_SIGNIFICANT * noise, sky / 1000) else None


def _number(header: Mapping[str, Any], keyword: str, default: float) -> float:
    value = header.get(keyword)
    return float(value) if isinstance(value, int | float) and value > 0 else default

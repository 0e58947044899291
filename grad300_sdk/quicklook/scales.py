"""Numbers fit to be drawn: without what can't be, on a scale that one burst does not stretch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "FEWEST_PIXELS",
    "Floats",
    "Scale",
    "extremes",
    "find_dead",
    "remove_bursts",
    "scale_of",
    "scale_of_bands",
    "smooth_image",
    "thin",
    "to_floats",
]

Floats = npt.NDArray[np.float64]

_IMPOSSIBLE = 1e30  # files hold values of ±1e307
_SERIES_WINDOW = 9  # a burst of at most four samples is no signal
_FEWEST = 20  # samples that are worth a window
_FEWEST_BANDS = 3
_IMAGE_WINDOW = 3
FEWEST_PIXELS = 9  # on a side; in smaller images, a pixel may be the source
_MOST_PIXELS = 500  # on a side, to find the scale of an image
_CERTAIN = 6.0  # times the noise
# A polarisation with less than this share of the other's power is dead.
_DEAD = 0.01


def to_floats(values: Any) -> Floats:
    """Return a column as floats, nan where it is masked or no possible value."""
    mask = np.asarray(getattr(values, "mask", False))
    floats = np.array(getattr(values, "unmasked", values), dtype=np.float64)
    floats[mask | ~(np.abs(floats) < _IMPOSSIBLE)] = np.nan
    return floats


class Scale(NamedTuple):
    """The limits of an axis or of a colour scale, and what lies beyond them."""

    low: float
    high: float
    below: int = 0
    above: int = 0
    furthest: float = 0.0  # of the values that lie beyond

    @property
    def extend(self) -> Literal["neither", "both", "min", "max"]:
        """The ends of a colour bar that have values beyond them, as matplotlib names them."""
        if self.below:
            return "both" if self.above else "min"
        return "max" if self.above else "neither"


def scale_of(*series: Floats, window: int = _SERIES_WINDOW, known: Sequence[Floats] = ()) -> Scale:
    """Return the scale of some series, or of one image.

    It holds all values, except for bursts that would flatten the rest: those that a running median
    removes, and that are further beyond what is left than that, and its noise, is wide.

    Parameters
    ----------
    *series : ndarray
        The series, or the image.
    window : int
        The number of values in a median; a burst has less than half as many.
    known : sequence of ndarray
        Values that are no bursts.
    """
    found = [remove_bursts(values, window) for values in series]
    usual = np.concatenate([*(values for values, _ in found), *known])
    every = np.concatenate([values[np.isfinite(values)] for values in series])
    if not usual.size:
        return Scale(0.0, 1.0)
    low, high = usual.min(), usual.max()
    noise = max(noise for _, noise in found)
    reach = high - low + _CERTAIN * noise or abs(high) / 10 or 1.0
    return _make_scale(every, every[(every >= low - reach) & (every <= high + reach)])


def scale_of_bands(bands: Floats) -> Scale:
    """Return the scale of sub-bands, a row each, in which a burst is what the others do not have.

    A source is in all of them, though not as bright in each.
    """
    if len(bands) < _FEWEST_BANDS:
        return scale_of(*bands)
    common = np.array([_median(moment) for moment in bands.T])
    distance = np.abs(bands - common)
    noise = 1.4826 * _median(distance)
    source = np.abs(common - _median(common))
    is_usual = distance <= 2 * source + _CERTAIN * noise
    return _make_scale(bands[np.isfinite(bands)], bands[is_usual])


def _make_scale(every: Floats, usual: Floats) -> Scale:
    """Make a scale that holds the usual values, and say which are beyond it."""
    if not usual.size:
        return Scale(0.0, 1.0)
    low, high = float(usual.min()), float(usual.max())
    is_below, is_above = every < low, every > high
    beyond = every[is_below | is_above]
    furthest = float(beyond[np.argmax(np.abs(beyond))]) if beyond.size else 0.0
    margin = 0.05 * ((high - low) or abs(high) or 1.0)
    return Scale(low - margin, high + margin, int(is_below.sum()), int(is_above.sum()), furthest)


def remove_bursts(values: Floats, window: int = _SERIES_WINDOW) -> tuple[Floats, float]:
    """Return the values of a series or an image without nan and bursts, and their noise."""
    finite = smooth = values[np.isfinite(values)]
    if values.ndim == 1 and len(finite) >= _FEWEST:
        smooth = _running_median(finite, (window,))
    elif values.ndim == 2 and min(values.shape) >= FEWEST_PIXELS:
        step = -(-max(values.shape) // _MOST_PIXELS)
        values = values[::step, ::step]
        is_finite = np.isfinite(values)
        finite, smooth = values[is_finite], smooth_image(values)[is_finite]
    noise = 1.4826 * np.median(np.abs(finite - smooth)) if finite.size else 0.0
    return smooth, float(noise)


def smooth_image(pixels: Floats) -> Floats:
    """Return the median around each pixel; a single missing pixel gets that of its neighbours."""
    if max(pixels.shape) > _MOST_PIXELS:
        return pixels
    return _running_median(pixels, (_IMAGE_WINDOW, _IMAGE_WINDOW))


def find_dead(powers: Mapping[str, Floats]) -> dict[str, float]:
    """Return the median of each series that is dead: without power, or nearly so."""
    medians = {name: _median(values) for name, values in powers.items()}
    least = _DEAD * max([0.0, *(median for median in medians.values() if median > 0)])
    return {name: median for name, median in medians.items() if not median > least}


def thin(x: Floats, y: Floats, most: int = 2000) -> tuple[Floats, Floats]:
    """Return at most `2 * most` points of a curve, which look the same: its extremes."""
    is_finite = np.isfinite(x) & np.isfinite(y)
    if is_finite.sum() <= 2 * most:
        return x, y
    x, y = x[is_finite], y[is_finite]
    starts = np.linspace(0, len(y), most, endpoint=False).astype(int)
    blocks = np.split(np.arange(len(y)), starts[1:])
    kept = sorted({int(b[pick(y[b])]) for b in blocks for pick in (np.argmin, np.argmax)})
    return x[kept], y[kept]


def extremes(rows: Floats, most: int = 1000) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return each row in at most `most` blocks, and where those begin.

    A block has its value that is furthest from the row's median, so that a burst of one sample
    stays visible.
    """
    count = rows.shape[1]
    starts = np.unique(np.linspace(0, count, min(most, count), endpoint=False).astype(int))
    centre = np.array([[_median(row)] for row in rows])
    distance = rows - centre
    distance[~np.isfinite(distance)] = 0.0
    lowest, highest = (
        picked.reduceat(distance, starts, axis=1) for picked in (np.minimum, np.maximum)
    )
    blocks = centre + np.where(-lowest > highest, lowest, highest)
    has_values = np.logical_or.reduceat(np.isfinite(rows), starts, axis=1)
    return np.where(has_values, blocks, np.nan), starts


def _median(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else np.nan


def _running_median(values: Floats, window: tuple[int, ...]) -> Floats:
    """Return the median of the values around each value, nan ones not counted."""
    padded = np.pad(values, [(size // 2,) for size in window], constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, window)
    ordered = np.sort(around.reshape(*values.shape, -1), axis=-1)  # nan comes last
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    medians = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), axis=-1)[..., 0]
    # Where most are missing, so is what is in the middle.
    is_missing = np.isnan(values) & (count[..., 0] <= ordered.shape[-1] // 2)
    return np.asarray(np.where(is_missing, np.nan, medians))

"""How the telescope moves during a scan."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from grad300_sdk.sandbox import sky
from grad300_sdk.sandbox.scans import PIXEL_WIDTH, Plan, Scan
from grad300_sdk.sandbox.sky import Floats, Integers

# A raster begins and ends on the source.
_ROWS_ON_SOURCE = 8
_FLY_BACK = 1.5  # degrees per row, to the beginning of the next line
_STEP_ROWS = 0.4  # rows that a step to the next pixel takes
_SWEEP_ROWS = 600  # rows of one sweep of a cross scan
_SWEEP_HALF_WIDTH = 10.0  # degrees
_APPROACH_ROWS = 10  # rows that a tracking scan takes to reach its source
_APPROACH = 6.0  # degrees
# From the source to the reference beside it, in degrees: three times BMAJ.
_REFERENCE_OFFSET = 12.1


@dataclass(frozen=True)
class Track:
    """Where the telescope pointed, and the source, in each row; all in degrees, of date."""

    azimuth: Floats
    elevation: Floats
    source_azimuth: Floats
    source_elevation: Floats

    def read_encoders(self) -> Track:
        """Return the track as it is recorded, in hundredths of a degree."""
        return replace(
            self, azimuth=np.round(self.azimuth, 2), elevation=np.round(self.elevation, 2)
        )

    def offsets(self) -> tuple[Floats, Floats]:
        """Return the offsets from the source in azimuth and elevation, as angles on the sky."""
        source, east, up = _axes(self.source_azimuth, self.source_elevation)
        pointing = sky.vectors(self.azimuth, self.elevation)
        along, across, ahead = ((axis * pointing).sum(axis=0) for axis in (east, up, source))
        aside = np.hypot(along, across)
        scale = np.rad2deg(np.arctan2(aside, ahead)) / np.where(aside == 0.0, 1.0, aside)
        return along * scale, across * scale

    def galactic(self, jd: Floats) -> tuple[Floats, Floats]:
        """Return the galactic longitude and latitude of where the telescope pointed."""
        return sky.galactic(*sky.j2000(*sky.equatorial(self.azimuth, self.elevation, jd), jd))


def raster_rows(side: int, pixels: int, dwell: float) -> int:
    """Return the number of rows of a raster that stays on each pixel for `dwell` rows."""
    returns = -(-pixels // side) - 1
    return 2 * _ROWS_ON_SOURCE + round(pixels * dwell) + returns * _fly_back_rows(side)


def source_position(scan: Scan, jd: Floats) -> tuple[Floats, Floats]:
    """Return where the source of a scan is, in degrees of date."""
    return sky.of_date(scan["object"], *sky.position(scan["object"], jd), jd)


def follow(scan: Scan, plan: Plan, jd: Floats) -> Track:
    """Return the track of a TPI scan; `jd` is the time of each row."""
    source = sky.azimuth_elevation(*source_position(scan, jd), jd)
    if plan["pattern"] == "raster":
        return _raster(scan, plan, jd, source)
    count, pattern = len(jd), plan["pattern"]
    if pattern == "drift":
        # The source passes through the fixed beam at half time.
        azimuth, elevation = (np.full(count, angle[count // 2]) for angle in source)
        return Track(azimuth, elevation, *source)
    if pattern == "track":
        to_go = np.clip(1.0 - np.arange(count) / _APPROACH_ROWS, 0.0, 1.0)
        return _beside(source, -_APPROACH * to_go, np.zeros(count))
    progress = np.arange(count) / min(_SWEEP_ROWS, count)
    sweep = np.floor(progress).astype(np.int64)
    offset = _SWEEP_HALF_WIDTH * (2.0 * (progress - sweep) - 1.0)
    # A cross alternates between the axes.
    in_azimuth = sweep % 2 == 0 if pattern == "cross" else np.full(count, pattern == "azimuth")
    # Every other sweep along an axis goes back.
    goes_back = (sweep // 2 if pattern == "cross" else sweep) % 2 == 1
    offset = np.where(goes_back, -offset, offset)
    return _beside(source, np.where(in_azimuth, offset, 0.0), np.where(in_azimuth, 0.0, offset))


def switch(scan: Scan, jd: Floats, on_source: npt.NDArray[np.bool_]) -> Track:
    """Return the track of a spectrum: on the source, or on the reference beside it in azimuth."""
    source = sky.azimuth_elevation(*source_position(scan, jd), jd)
    return _beside(source, np.where(on_source, 0.0, _REFERENCE_OFFSET), np.zeros(len(jd)))


def visits(plan: Plan) -> tuple[Integers, Integers]:
    """Return the column and the row of each pixel of a raster, in the order of the visits."""
    row, column = np.divmod(np.arange(plan["pixels"]), plan["side"])
    return column, row


def pixel_position(
    scan: Scan, plan: Plan, column: Floats | Integers, row: Floats | Integers
) -> tuple[Floats, Floats]:
    """Return where the pixels of a raster are, in degrees, as the archive lists positions.

    A raster is square in right ascension and declination, not on the sky; its first line is the
    northern one.
    """
    middle = (plan["side"] - 1) / 2
    ra = scan["ra"] * 15.0 + PIXEL_WIDTH * (column.astype(np.float64) - middle)
    return ra, scan["dec"] - PIXEL_WIDTH * (row.astype(np.float64) - middle)


def _raster(scan: Scan, plan: Plan, jd: Floats, source: tuple[Floats, Floats]) -> Track:
    """Return the track of a raster, which goes to each pixel and stays there for some rows."""
    side, pixels, count = plan["side"], plan["pixels"], len(jd)
    fly_back = _fly_back_rows(side)
    dwell = (count - raster_rows(side, pixels, 0.0)) / pixels
    row = np.arange(count, dtype=np.float64) - _ROWS_ON_SOURCE
    is_mapping = (row >= 0.0) & (row < count - 2 * _ROWS_ON_SOURCE)
    line, since = np.divmod(np.where(is_mapping, row, 0.0), side * dwell + fly_back)
    column, stay = np.divmod(since, dwell)
    column = np.where(column > 0.0, column - np.clip(1.0 - stay / _STEP_ROWS, 0.0, 1.0), 0.0)
    back = np.clip((since - side * dwell) / fly_back, 0.0, 1.0)
    column = np.where(back > 0.0, (side - 1) * (1.0 - back), column)
    position = pixel_position(scan, plan, column, line + back)
    mapping = sky.azimuth_elevation(*sky.of_date(scan["object"], *position, jd), jd)
    azimuth, elevation = np.where(is_mapping, mapping, source)
    return Track(azimuth, elevation, *source)


def _fly_back_rows(side: int) -> int:
    """Return the number of rows that the telescope needs from a line to the next."""
    return math.ceil(side * PIXEL_WIDTH / _FLY_BACK)


def _beside(source: tuple[Floats, Floats], along: Floats, across: Floats) -> Track:
    """Return a track at offsets from a source in azimuth and elevation, as angles on the sky."""
    middle, east, up = _axes(*source)
    distance = np.deg2rad(np.hypot(along, across))
    # The sine divided by the angle, which is 1 in the middle.
    scale = np.deg2rad(np.sinc(distance / np.pi))
    pointing = np.cos(distance) * middle + scale * (along * east + across * up)
    return Track(*sky.angles(pointing), *source)


def _axes(azimuth: Floats, elevation: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the unit vectors to a direction, towards larger azimuth, and upwards."""
    return (
        sky.vectors(azimuth, elevation),
        sky.vectors(azimuth + 90.0, np.zeros_like(elevation)),
        sky.vectors(azimuth + 180.0, 90.0 - elevation),
    )

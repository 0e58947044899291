"""Random observations whose times, types and sources resemble those of the telescope."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grad300_sdk.sandbox import faults, sky, tracks
from grad300_sdk.sandbox.files import file_size
from grad300_sdk.sandbox.scans import (
    DENORMAL,
    IMAGE_SIDES,
    PIXEL_WIDTH,
    SCAN_TYPES,
    TYPE_IN_FILE_NAME,
    Fault,
    Pattern,
    Scan,
    ScanType,
)

# Counts of the 81 public scans of ten days in 2025, by type. No on-off scan is public.
_TYPE_WEIGHTS = (35, 40, 6, 3)  # in the order of SCAN_TYPES
_TPI, _IMAGES, _SPECTRUM, _ON_OFF = range(len(SCAN_TYPES))
# Scans are made in blocks: a single scan, or a TPI scan and an image that start together.
_PAIR, _LONE_TPI, _LONE_IMAGE, _LONE_SPECTRUM, _LONE_ON_OFF = range(5)
_FIRST_OF_BLOCK = np.array([_TPI, _TPI, _IMAGES, _SPECTRUM, _ON_OFF])
_PAIRED_FRACTION = 2 / 3  # of the TPI scans

# Counts of the same scans by source. The Sun has more weight, since it is often below the horizon.
_SOURCE_WEIGHTS = {
    "sun": 90,
    "casa": 15,
    "azel": 8,
    "cyga": 7,
    "moon": 5,
    "3c48": 2,
    "taua": 1,
    "": 1,
}
_SOURCES = tuple(_SOURCE_WEIGHTS)
# The few public spectra are of many sources, most of them with hydrogen around.
_SPECTRUM_SOURCE_WEIGHTS = (3, 4, 1, 3, 1, 1, 3, 0)  # in the order of _SOURCES
_MIN_ELEVATION = 8.0  # degrees, of all that a scan points at

# Quantiles of the number of rows in the public TPI files without an image.
_ROWS_QUANTILES = (0.0, 0.35, 0.7, 0.8, 1.0)
_ROWS = (30.0, 110.0, 210.0, 600.0, 3200.0)
_WIDE_FRACTION = 0.05  # TPI files with a ninth converter
# Weights in the order of IMAGE_SIDES: counts of the public images with a TPI scan, and without.
_PAIRED_SIDE_WEIGHTS = (0, 0, 7, 2, 1, 6, 7, 1, 1)
_LONE_SIDE_WEIGHTS = (1, 2, 4, 1, 1, 4, 2, 1, 0)
# Rows per pixel of a raster: most are as short as can be, some are not.
_DWELLS = np.array([5.0, 10.0, 18.0])
_DWELL_WEIGHTS = (8, 6, 1)
_MOST_ROWS = 48_000  # larger rasters are not made with a long dwell
_COMPLETE, _LINE_MISSING = 0.55, 0.75  # shares of the rasters that are complete, or nearly so
_SPECTRUM_ROWS = np.array([3, 6, 15])
_SPECTRUM_SECONDS = np.array([20, 78, 203])
_SPECTRUM_WEIGHTS = (1, 3, 2)

# Observing days are spread between these; an archive that needs more days starts earlier.
_FIRST_DAY, _LAST_DAY = np.array(["2025-01-30", "2026-06-30"], "datetime64[D]").astype(np.int64)
_MORNING, _FIRST_START, _EVENING = 7 * 3600, 9 * 3600 + 1800, 17 * 3600  # seconds of a day, UTC
_FEWEST_CROSS_ROWS = 400  # shorter scans only track their source
_BROKEN_FRACTION = 0.1
_COMMENTS = ("clear sky", "gusts of wind", "rain", "students' run")


@dataclass(frozen=True)
class _Rasters:
    """The raster of each block."""

    side: sky.Integers
    pixels: sky.Integers
    dwell: sky.Floats
    blocks: sky.Integers

    @property
    def is_used(self) -> npt.NDArray[np.bool_]:
        """Whether the block has an image."""
        return np.isin(self.blocks, [_PAIR, _LONE_IMAGE])

    @property
    def rows(self) -> sky.Integers:
        """The number of rows of the TPI scan."""
        rasters = zip(self.side.tolist(), self.pixels.tolist(), self.dwell.tolist(), strict=True)
        return np.array([tracks.raster_rows(*raster) for raster in rasters])

    @property
    def half_width(self) -> sky.Floats:
        """The distance in degrees from the middle to the edge, 0 without a raster."""
        return np.where(self.is_used, PIXEL_WIDTH * (self.side - 1) / 2, 0.0)


def observe(
    scans: int, seed: int, *, broken: bool = False
) -> Iterator[tuple[ScanType, int, Scan]]:
    """Yield the type, the start (as a Unix time) and the row of each scan, in order of time.

    With `broken`, one file in ten has a fault; the others are the same.
    """
    random = np.random.default_rng([seed, len(SCAN_TYPES)])
    blocks = _draw_blocks(scans, random)
    count = len(blocks)
    if not count:
        return

    rasters = _draw_rasters(blocks, random)
    samples, seconds = _draw_lengths(blocks, rasters, random)
    start = _schedule(seconds, random)
    source = _choose_sources(blocks, start, seconds, rasters.half_width, random)

    # From blocks to scans: the images of pairs are appended, and the loop below sorts them in.
    paired = np.flatnonzero(blocks == _PAIR)
    block = np.concatenate([np.arange(count), paired])
    kind = np.concatenate([_FIRST_OF_BLOCK[blocks], np.full(len(paired), _IMAGES)])
    samples = np.where(kind == _IMAGES, rasters.side[block] ** 2, samples[block])
    start = start[block]
    end = start + seconds[block]
    start[count:] += random.integers(-5, 7, len(paired))
    end[count:] = np.maximum(
        end[count:] + random.integers(-10, 11, len(paired)), start[count:] + 6
    )

    jd = sky.julian_date(start)
    ra, dec = _positions(source[block], jd)
    azimuth, elevation = _horizontal(source[block], ra, dec, jd)
    ra = np.round((ra / 15.0 + 0.001 * (random.random(len(block)) - 0.5)) % 24.0, 10)
    dec = np.round(dec + 0.01 * (random.random(len(block)) - 0.5), 10)
    azimuth, elevation = np.round(azimuth, 2), np.round(elevation, 2)
    project, fault, remark, gain, wide = random.random((5, len(block)))
    start_text, end_text = _isoformat(start), _isoformat(end)
    faulty = _draw_faults(kind, seed) if broken else {}

    numbers: Counter[str] = Counter()
    tags: Counter[str] = Counter()
    for index in np.lexsort((kind, start)).tolist():
        scan_type = SCAN_TYPES[kind[index]]
        name = TYPE_IN_FILE_NAME[scan_type]
        begin, finish = str(start_text[index]), str(end_text[index])
        day = begin[:10].replace("-", "")
        numbers[name] += 1
        tags[day + name] += 1
        lone_tpi = blocks[block[index]] == _LONE_TPI
        ninth = scan_type == "TPI" and bool(wide[index] < _WIDE_FRACTION)
        target = _SOURCES[source[block[index]]]
        name_of_project = _project(project[block[index]], lone_tpi)
        size = file_size(scan_type, int(samples[index]), ninth_converter=ninth)
        broken_how, share = (None, 0.0) if ninth else faulty.get(index, (None, 0.0))
        pointing = _pointing(
            scan_type, float(azimuth[index]), float(elevation[index]), fault[index]
        )
        yield (
            scan_type,
            int(start[index]),
            {
                "id": numbers[name],
                "file_name": (
                    f"{day}-{begin[11:].replace(':', '')}_{name}-"
                    f"{name_of_project}-{target.upper()}_"
                    # The tag of an image is always 01.
                    f"{1 if scan_type == 'Images' else tags[day + name]:02d}#_01#.fits"
                ),
                "file_path": f"{day}/FITS",
                "size": faults.damaged_size(
                    broken_how, size, size - file_size(scan_type, 0), share
                ),
                "object": target,
                "ra": float(ra[index]),
                "dec": float(dec[index]),
                "date": begin,
                "date_obs": begin,
                "date_end": finish,
                "gain": int(20 + 20 * gain[index]) if gain[index] < 0.9 else None,
                "comment": _COMMENTS[int(40 * remark[index])] if remark[index] < 0.1 else None,
                "ctime": begin,
                "mtime": finish,
                "azimuth": pointing[0],
                "elevation": pointing[1],
                "nsamples": int(samples[index]),
                "plan": {
                    "block": int(block[index]),
                    "pattern": _pattern(lone_tpi, target, name_of_project, int(samples[index])),
                    "side": int(rasters.side[block[index]]),
                    "pixels": int(rasters.pixels[block[index]]),
                    "fault": broken_how,
                },
            },
        )


def _draw_blocks(scans: int, random: np.random.Generator) -> sky.Integers:
    """Return random blocks that hold `scans` scans in all; the first one has a TPI scan."""
    shares = scans * np.array(_TYPE_WEIGHTS) / sum(_TYPE_WEIGHTS)
    types = np.floor(shares).astype(np.int64)
    # Types without a scan come first, then those with the largest remainders.
    order = np.lexsort((types - shares, types > 0))
    types[order[: scans - types.sum()]] += 1
    for missing in np.flatnonzero(types == 0)[: max(scans - 3, 0)]:
        types[types.argmax()] -= 1
        types[missing] = 1

    pairs = min(round(_PAIRED_FRACTION * int(types[_TPI])), int(types[_IMAGES]))
    counts = [pairs, types[_TPI] - pairs, types[_IMAGES] - pairs, types[_SPECTRUM], types[_ON_OFF]]
    blocks: sky.Integers = random.permutation(np.repeat(np.arange(len(counts)), counts))
    if len(blocks):
        first = int(np.argmax(_FIRST_OF_BLOCK[blocks] == _TPI))
        blocks[[0, first]] = blocks[[first, 0]]
    return blocks


def _draw_rasters(blocks: sky.Integers, random: np.random.Generator) -> _Rasters:
    """Return a random raster for each block; only those of images are used."""
    count = len(blocks)
    weights = {True: _PAIRED_SIDE_WEIGHTS, False: _LONE_SIDE_WEIGHTS}
    paired, lone = (_weighted_choice(random, weights[pair], count) for pair in (True, False))
    side = np.array(IMAGE_SIDES)[np.where(blocks == _PAIR, paired, lone)]
    dwell = _DWELLS[_weighted_choice(random, _DWELL_WEIGHTS, count)]
    dwell = np.where(side**2 * dwell > _MOST_ROWS, _DWELLS[0], dwell)
    dwell = dwell * random.uniform(1.0, 1.07, count)
    share, end, rest = random.random((3, count))
    # A raster that is stopped early has its middle, and the lines after it, all the same.
    lines = np.where(share < _COMPLETE, side, side - 1)
    lines = np.where(share > _LINE_MISSING, np.ceil(side * (0.8 + 0.2 * end)), lines)
    pixels = np.where(lines < side, np.maximum(side * lines - np.floor(side * rest), 1), side**2)
    return _Rasters(side, pixels.astype(np.int64), dwell, blocks)


def _draw_lengths(
    blocks: sky.Integers, rasters: _Rasters, random: np.random.Generator
) -> tuple[sky.Integers, sky.Integers]:
    """Return a random number of table rows and a duration in seconds for each block."""
    share = random.random(len(blocks))
    rows = np.rint(np.exp(np.interp(share, _ROWS_QUANTILES, np.log(_ROWS)))).astype(np.int64)
    rows = np.where(rasters.is_used, rasters.rows, rows)
    # About two rows per second.
    seconds = np.ceil(rows / (1.9 + 0.3 * random.random(len(blocks)))).astype(np.int64)
    spectra = _weighted_choice(random, _SPECTRUM_WEIGHTS, len(blocks))
    is_spectrum = blocks >= _LONE_SPECTRUM
    return (
        np.where(is_spectrum, _SPECTRUM_ROWS[spectra], rows),
        np.where(is_spectrum, _SPECTRUM_SECONDS[spectra], np.maximum(seconds, 6)),
    )


def _schedule(seconds: sky.Integers, random: np.random.Generator) -> sky.Integers:
    """Return the start of each block as a Unix time, one after the other on observing days."""
    pauses = random.integers(20, 900, len(seconds)).tolist()
    mornings = random.integers(_MORNING, _MORNING + 7200, len(seconds)).tolist()
    day, clock = 0, _FIRST_START
    starts = []
    for duration, pause, morning in zip(seconds.tolist(), pauses, mornings, strict=True):
        if clock > _EVENING:
            # A scan that lasts all night ends on the morning of the next observing day.
            day, clock = day + 1, max(clock - 86400, morning)
        starts.append((day, clock))
        clock += duration + pause
    days, clocks = np.array(starts, np.int64).T
    stride = max((_LAST_DAY - _FIRST_DAY) // (day + 1), 1)
    first = min(_FIRST_DAY, _LAST_DAY - day)
    return np.asarray(86400 * (first + stride * days) + clocks)


def _choose_sources(
    blocks: sky.Integers,
    start: sky.Integers,
    seconds: sky.Integers,
    margin: sky.Floats,
    random: np.random.Generator,
) -> sky.Integers:
    """Return a random source above the horizon for each block; the first one is the Sun.

    A raster reaches `margin` degrees from its source. None crosses 0 h of right ascension, which
    the scripts that are used at the telescope do not expect.
    """
    elevations, is_whole = [], []
    for index, _ in enumerate(_SOURCES):
        during = []
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            jd = sky.julian_date(start + share * seconds)
            chosen = np.full(len(start), index)
            ra, dec = _positions(chosen, jd)
            during.append(_horizontal(chosen, ra, dec, jd)[1])
        elevations.append(np.min(during, axis=0) - margin)
        is_whole.append((ra - margin > 1.0) & (ra + margin < 359.0))
    # The smallest of exponential waiting times selects each source in proportion to its weight.
    weights = np.where(
        blocks >= _LONE_SPECTRUM,
        np.array(_SPECTRUM_SOURCE_WEIGHTS)[:, np.newaxis],
        np.array(list(_SOURCE_WEIGHTS.values()))[:, np.newaxis],
    )
    waits = -np.log1p(-random.random((len(_SOURCES), len(start)))) / np.maximum(weights, 1e-9)
    lowest = np.array(elevations)
    is_good = (lowest > _MIN_ELEVATION) & np.array(is_whole)
    waits = np.where(is_good, waits, np.inf)
    chosen = np.where(is_good.any(axis=0), waits.argmin(axis=0), lowest.argmax(axis=0))
    chosen[0] = _SOURCES.index("sun")
    return np.asarray(chosen)


def _horizontal(
    source: sky.Integers, ra: sky.Floats, dec: sky.Floats, jd: sky.Floats
) -> tuple[sky.Floats, sky.Floats]:
    """Return the azimuth and elevation of each scan's source, in degrees."""
    for index, name in enumerate(_SOURCES):
        there = source == index
        if there.any():
            ra, dec = ra.copy(), dec.copy()
            ra[there], dec[there] = sky.of_date(name, ra[there], dec[there], jd[there])
    return sky.azimuth_elevation(ra, dec, jd)


def _positions(source: sky.Integers, jd: sky.Floats) -> tuple[sky.Floats, sky.Floats]:
    """Return the right ascension and declination of each scan's source, in degrees."""
    positions = np.array([sky.position(name, jd) for name in _SOURCES])
    ra, dec = positions[source, :, np.arange(len(jd))].T
    return ra, dec


def _pointing(
    scan_type: ScanType, azimuth: float, elevation: float, fault: float
) -> tuple[float | None, float | None]:
    """Return azimuth and elevation as the archive has them: some missing, some invalid."""
    if scan_type in ("Images", "Spectrum") or fault < 0.05:
        return None, None
    if fault < 0.08:
        return DENORMAL, DENORMAL
    if fault < 0.15 and azimuth > 180.0:
        return round(azimuth - 360.0, 2), elevation
    return azimuth, elevation


def _project(share: float, lone_tpi: bool) -> str:
    """Return the name of a project; only a TPI scan without an image is a scan along one axis."""
    if lone_tpi and share > 0.8:
        return "CSCAN_LON" if share > 0.9 else "CSCAN_LAT"
    return "PROJ01" if share < 0.6 else "GRAD300"


def _pattern(lone_tpi: bool, source: str, project: str, rows: int) -> Pattern:
    """Return how the telescope moves; only what has an image is a raster."""
    if not lone_tpi:
        return "raster"
    if project.startswith("CSCAN"):
        return "azimuth" if project == "CSCAN_LON" else "elevation"
    if source in ("azel", ""):
        return "drift"
    return "track" if rows < _FEWEST_CROSS_ROWS else "cross"


def _draw_faults(kind: sky.Integers, seed: int) -> dict[int, tuple[Fault, float]]:
    """Return a fault for one scan in ten; each type has its kinds in turn."""
    random = np.random.default_rng([seed, len(SCAN_TYPES) + 2])
    found: dict[int, tuple[Fault, float]] = {}
    turns: Counter[ScanType] = Counter()
    for index in random.permutation(len(kind))[: round(_BROKEN_FRACTION * len(kind))].tolist():
        scan_type = SCAN_TYPES[kind[index]]
        kinds = faults.FAULTS[scan_type]
        found[index] = kinds[turns[scan_type] % len(kinds)], float(random.random())
        turns[scan_type] += 1
    return found


def _weighted_choice(
    random: np.random.Generator, weights: tuple[int, ...], count: int
) -> sky.Integers:
    """Return random indices, each in proportion to its weight."""
    cumulative = np.cumsum(weights)
    return np.asarray(
        np.searchsorted(cumulative, random.integers(0, cumulative[-1], count), "right")
    )


def _isoformat(seconds: sky.Integers) -> npt.NDArray[np.str_]:
    """Return Unix times in ISO 8601 (UTC) without an offset, as the archive writes dates."""
    return np.datetime_as_string(seconds.astype("datetime64[s]"))

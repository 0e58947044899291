"""Which scans were made, when and of what: drawn so that they resemble the telescope's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from . import sky
from .files import DENORMAL, IMAGE_SIDES, SCAN_TYPES, TYPE_IN_FILE_NAME, Scan, ScanType, file_size

# How the 81 public scans of ten days in 2025 fall on the types; of on-off scans none is public.
_TYPE_WEIGHTS = (35, 40, 6, 3)  # in the order of SCAN_TYPES
_TPI, _IMAGES, _SPECTRUM, _ON_OFF = range(len(SCAN_TYPES))
# Scans come in blocks: of one scan, or of a TPI scan and an image that starts within seconds.
_PAIR, _LONE_TPI, _LONE_IMAGE, _LONE_SPECTRUM, _LONE_ON_OFF = range(5)
_FIRST_OF_BLOCK = np.array([_TPI, _TPI, _IMAGES, _SPECTRUM, _ON_OFF])
_PAIRED_SHARE = 2 / 3  # of the TPI scans

# The same scans by source; the Sun weighs more, since it is not up at every start drawn here.
_SOURCE_WEIGHTS = {
    "sun": 60,
    "casa": 15,
    "azel": 8,
    "cyga": 7,
    "moon": 5,
    "3c48": 2,
    "taua": 1,
    "": 1,
}
_SOURCES = tuple(_SOURCE_WEIGHTS)
_LOWEST = 8.0  # degrees above the horizon

# Rows of a TPI file at these shares of the 35 public ones, empty files left out.
_ROWS_SHARE = (0.0, 0.25, 0.30, 0.5, 0.75, 0.9, 1.0)
_ROWS = (30.0, 155.0, 2400.0, 7900.0, 15500.0, 28000.0, 49700.0)
_WIDE_SHARE = 0.05  # of the TPI files, with a ninth converter
_SIDE_WEIGHTS = (1, 2, 11, 3, 2, 9, 9, 2, 1)  # of the images' sides, in their order
_SPECTRUM_ROWS = np.array([3, 6, 15])
_SPECTRUM_SECONDS = np.array([20, 78, 203])
_SPECTRUM_WEIGHTS = (1, 3, 2)

# Observing days are spread over these; an archive that needs more of them began earlier.
_FIRST_DAY, _LAST_DAY = np.array(["2025-01-30", "2026-06-30"], "datetime64[D]").astype(np.int64)
_MORNING, _FIRST_START, _EVENING = 7 * 3600, 9 * 3600 + 1800, 19 * 3600  # seconds of a day, UTC
_COMMENTS = ("clear sky", "gusts of wind", "rain", "students' run")


def observe(scans: int, seed: int) -> Iterator[tuple[ScanType, int, Scan]]:
    """
    Yield the type, the start (seconds since 1970) and the row of each scan, in order of time.

    Parameters
    ----------
    scans : int
        How many scans; with four and more there is one of each type.
    seed : int
        What they are drawn from.
    """
    random = np.random.default_rng([seed, len(SCAN_TYPES)])
    blocks = _blocks(scans, random)
    count = len(blocks)
    if not count:
        return

    samples, seconds = _lengths(blocks, random)
    start = _starts(seconds, random)
    source = _choose_sources(start, random)

    # From blocks to scans: the images of the pairs follow at the end, then all are sorted.
    paired = np.flatnonzero(blocks == _PAIR)
    block = np.concatenate([np.arange(count), paired])
    kind = np.concatenate([_FIRST_OF_BLOCK[blocks], np.full(len(paired), _IMAGES)])
    sides = _weighted(random, _SIDE_WEIGHTS, len(block))
    samples = np.where(kind == _IMAGES, np.array(IMAGE_SIDES)[sides] ** 2, samples[block])
    start = start[block]
    end = start + seconds[block]
    start[count:] += random.integers(-5, 7, len(paired))
    end[count:] = np.maximum(
        end[count:] + random.integers(-10, 11, len(paired)), start[count:] + 6
    )

    jd = sky.julian_date(start)
    ra, dec = _positions(source[block], jd)
    azimuth, elevation = sky.azimuth_elevation(ra, dec, jd)
    ra = np.round((ra / 15.0 + 0.001 * (random.random(len(block)) - 0.5)) % 24.0, 10)
    dec = np.round(dec + 0.01 * (random.random(len(block)) - 0.5), 10)
    azimuth, elevation = np.round(azimuth, 2), np.round(elevation, 2)
    project, oddity, remark, gain, wide = random.random((5, len(block)))
    start_text, end_text = _iso(start), _iso(end)

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
        ninth = scan_type == "TPI" and bool(wide[index] < _WIDE_SHARE)
        target = _SOURCES[source[block[index]]]
        pointing = _pointing(
            scan_type, float(azimuth[index]), float(elevation[index]), oddity[index]
        )
        yield (
            scan_type,
            int(start[index]),
            {
                "id": numbers[name],
                "file_name": (
                    f"{day}-{begin[11:].replace(':', '')}_{name}-"
                    f"{_project(project[block[index]], lone_tpi)}-{target.upper()}_"
                    # Images always bear the tag 01.
                    f"{1 if scan_type == 'Images' else tags[day + name]:02d}#_01#.fits"
                ),
                "file_path": f"{day}/FITS",
                "size": file_size(scan_type, int(samples[index]), ninth_converter=ninth),
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
            },
        )


def _blocks(scans: int, random: np.random.Generator) -> sky.Integers:
    """Draw the order of the blocks, with so many scans in all; the first one holds a TPI scan."""
    shares = scans * np.array(_TYPE_WEIGHTS) / sum(_TYPE_WEIGHTS)
    types = np.floor(shares).astype(np.int64)
    # The largest remainders take what is left over, after those that have nothing.
    order = np.lexsort((types - shares, types > 0))
    types[order[: scans - types.sum()]] += 1
    for poor in np.flatnonzero(types == 0)[: max(scans - 3, 0)]:
        types[types.argmax()] -= 1
        types[poor] = 1

    pairs = min(round(_PAIRED_SHARE * int(types[_TPI])), int(types[_IMAGES]))
    counts = [pairs, types[_TPI] - pairs, types[_IMAGES] - pairs, types[_SPECTRUM], types[_ON_OFF]]
    blocks: sky.Integers = random.permutation(np.repeat(np.arange(len(counts)), counts))
    if len(blocks):
        first = int(np.argmax(_FIRST_OF_BLOCK[blocks] == _TPI))
        blocks[[0, first]] = blocks[[first, 0]]
    return blocks


def _lengths(
    blocks: sky.Integers, random: np.random.Generator
) -> tuple[sky.Integers, sky.Integers]:
    """Draw the rows of each block's table, and how many seconds the block lasted."""
    share = random.random(len(blocks))
    rows = np.rint(np.exp(np.interp(share, _ROWS_SHARE, np.log(_ROWS)))).astype(np.int64)
    # About one row a second.
    seconds = np.ceil(rows / (0.8 + 1.2 * random.random(len(blocks)))).astype(np.int64)
    spectra = _weighted(random, _SPECTRUM_WEIGHTS, len(blocks))
    is_spectrum = blocks >= _LONE_SPECTRUM
    return (
        np.where(is_spectrum, _SPECTRUM_ROWS[spectra], rows),
        np.where(is_spectrum, _SPECTRUM_SECONDS[spectra], seconds),
    )


def _starts(seconds: sky.Integers, random: np.random.Generator) -> sky.Integers:
    """Place the blocks one after the other on observing days; seconds since 1970."""
    pauses = random.integers(20, 900, len(seconds)).tolist()
    mornings = random.integers(_MORNING, _MORNING + 7200, len(seconds)).tolist()
    day, clock = 0, _FIRST_START
    places = []
    for duration, pause, morning in zip(seconds.tolist(), pauses, mornings, strict=True):
        if clock > _EVENING:
            # A scan of a whole night ends in the morning of the next observing day.
            day, clock = day + 1, max(clock - 86400, morning)
        places.append((day, clock))
        clock += duration + pause
    days, clocks = np.array(places, np.int64).T
    stride = max((_LAST_DAY - _FIRST_DAY) // (day + 1), 1)
    first = min(_FIRST_DAY, _LAST_DAY - day)
    return np.asarray(86400 * (first + stride * days) + clocks)


def _choose_sources(start: sky.Integers, random: np.random.Generator) -> sky.Integers:
    """Choose for each block among the sources that are up, by their weights; first the Sun."""
    jd = sky.julian_date(start)
    elevations = [sky.azimuth_elevation(*sky.position(name, jd), jd)[1] for name in _SOURCES]
    # Of exponential waiting times the shortest one falls on each source as often as it weighs.
    waits = -np.log1p(-random.random((len(_SOURCES), len(start))))
    waits /= np.array(list(_SOURCE_WEIGHTS.values()))[:, np.newaxis]
    chosen: sky.Integers = np.where(np.array(elevations) > _LOWEST, waits, np.inf).argmin(axis=0)
    chosen[0] = _SOURCES.index("sun")
    return chosen


def _positions(source: sky.Integers, jd: sky.Floats) -> tuple[sky.Floats, sky.Floats]:
    """Right ascension and declination of the sources of all scans, in degrees."""
    places = np.array([sky.position(name, jd) for name in _SOURCES])
    ra, dec = places[source, :, np.arange(len(jd))].T
    return ra, dec


def _pointing(
    scan_type: ScanType, azimuth: float, elevation: float, oddity: float
) -> tuple[float | None, float | None]:
    """Give azimuth and elevation as the archive has them: not of all scans, and some odd."""
    if scan_type in ("Images", "Spectrum") or oddity < 0.05:
        return None, None
    if oddity < 0.08:
        return DENORMAL, DENORMAL
    if oddity < 0.15 and azimuth > 180.0:
        return round(azimuth - 360.0, 2), elevation
    return azimuth, elevation


def _project(share: float, lone_tpi: bool) -> str:
    """Name of a project; cross-scans along one axis have no image."""
    if lone_tpi and share > 0.8:
        return "CSCAN_LON" if share > 0.9 else "CSCAN_LAT"
    return "PROJ01" if share < 0.6 else "GRAD300"


def _weighted(random: np.random.Generator, weights: tuple[int, ...], count: int) -> sky.Integers:
    """Draw so many indices, each as often as it weighs."""
    cumulated = np.cumsum(weights)
    return np.asarray(
        np.searchsorted(cumulated, random.integers(0, cumulated[-1], count), "right")
    )


def _iso(seconds: sky.Integers) -> npt.NDArray[np.str_]:
    """ISO 8601 of seconds since 1970, UTC, without an offset as the archive writes it."""
    return np.datetime_as_string(seconds.astype("datetime64[s]"))

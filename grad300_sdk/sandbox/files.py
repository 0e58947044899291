"""
The bytes of a scan's FITS file, as the telescope's software writes them.

It writes big-endian data without padding after headers that are padded, and it has its own idea
of some cards. Nothing of that is repaired here: readers have to cope with it.
"""

from __future__ import annotations

from typing import Literal, TypedDict

import numpy as np
import numpy.typing as npt

from . import sky

ScanType = Literal["TPI", "Images", "Spectrum", "OnOff"]
SCAN_TYPES: tuple[ScanType, ...] = ("TPI", "Images", "Spectrum", "OnOff")
TYPE_IN_FILE_NAME: dict[ScanType, str] = {
    "TPI": "TPI",
    "Images": "IMAGE",
    "Spectrum": "SPECTRUM",
    "OnOff": "ONOFF",
}


class Scan(TypedDict):
    """One scan, with the keys of the archive's JSON object."""

    id: int
    file_name: str
    file_path: str
    size: int
    object: str
    ra: float
    dec: float
    date: str
    date_obs: str | None
    date_end: str | None
    gain: int | None
    comment: str | None
    ctime: str
    mtime: str
    azimuth: float | None
    elevation: float | None
    nsamples: int


BEAM_WIDTH = 4.0338  # full width at half maximum in degrees, the images' BMAJ
PIXEL_WIDTH = BEAM_WIDTH / 10
IMAGE_SIDES = (3, 13, 27, 31, 37, 39, 51, 63, 75)

BASE_FREQUENCY = 1_398_000_000.0  # Hz, the spectra's BASEFREQ
BANDWIDTH = 62_500_000.0  # Hz, the spectra's BANDWID
CHANNELS = 1024
# The hyperfine line of hydrogen in Hz: Hellwig et al. 1970, IEEE Trans. Instrum. Meas. 19, 200.
HYDROGEN_LINE = 1_420_405_751.7667

BLOCK = 2880  # bytes, FITS standard 4.0, section 3.1
CARD = 80
_TABLE_HEADER = 4 * BLOCK
_SPECTRUM_HEADER = 3 * BLOCK
_IMAGE_HEADER = 2 * BLOCK

_POINTING = (
    ("JD", "Days"),
    ("Azimuth", "Degree"),
    ("Elevation", "Degree"),
    ("Az_Offset", "Degree"),
    ("El_Offset", "Degree"),
    ("Gal_Long", "Degree"),
    ("Gal_Lat", "Degree"),
)
_POWERS = ("LEFT_POL", "RIGHT_POL", "LEFT_FILT", "RIGHT_FILT")
_CONVERTERS = tuple(f"BBC{number:02d}u" for number in range(9, 17))
_NINTH_CONVERTER = "BBC17u"  # a few files have nine; the ninth one's name is a guess

_POINTING_FIELDS = [(name, ">f8") for name, _ in _POINTING]
_TEXT_FIELDS = [("CAL", "S4"), ("MARKER", "S16")]
_TPI_ROW = np.dtype(
    _POINTING_FIELDS + [(name, ">i4") for name in _POWERS + _CONVERTERS] + _TEXT_FIELDS
)
_WIDE_TPI_ROW = np.dtype(
    _POINTING_FIELDS
    + [(name, ">i4") for name in (*_POWERS, *_CONVERTERS, _NINTH_CONVERTER)]
    + _TEXT_FIELDS
)
_SPECTRUM_ROW = np.dtype(
    [
        *_POINTING_FIELDS,
        ("LEFT_POL", ">i8", (CHANNELS,)),
        ("RIGHT_POL", ">i8", (CHANNELS,)),
        ("STATUS", "S4"),
        ("MARKER", "S16"),
    ]
)

# How high each source rises above the background at the beam's centre. The Sun fills a telescope
# of 3 m; the others are as faint as they are there, a little brighter than in truth.
_BRIGHTNESS = {
    "sun": 1.0,
    "azel": 1.0,
    "casa": 0.06,
    "cyga": 0.05,
    "taua": 0.04,
    "moon": 0.03,
    "3c48": 0.002,
}
_BACKGROUND = 12_000.0  # counts
_CROSSING_SECONDS = 300.0  # one sweep of a cross-scan
_CROSSING_HALF_WIDTH = 10.0  # degrees
# A number below the normal range of doubles, as an uninitialised azimuth has been seen to be.
DENORMAL = 2.9419349645948e-310


def file_size(scan_type: ScanType, samples: int, *, ninth_converter: bool = False) -> int:
    """
    Length of a scan's file in bytes.

    Parameters
    ----------
    scan_type : str
        The scan's type.
    samples : int
        Rows of a table, pixels of an image.
    ninth_converter : bool
        Whether a TPI's table has a ninth column for a baseband converter.
    """
    if scan_type == "Images":
        return _IMAGE_HEADER + 2 * samples
    if scan_type == "TPI":
        row = _WIDE_TPI_ROW if ninth_converter else _TPI_ROW
        return BLOCK + _TABLE_HEADER + row.itemsize * samples
    return BLOCK + _SPECTRUM_HEADER + _SPECTRUM_ROW.itemsize * samples


def synthesise(scan_type: ScanType, scan: Scan, seed: int) -> bytes:
    """
    Make the FITS file of a scan; the same arguments give the same bytes on every machine.

    Parameters
    ----------
    scan_type : str
        The scan's type.
    scan : Scan
        The scan's row in the archive.
    seed : int
        The archive's seed.

    Returns
    -------
    bytes
        The file, `scan["size"]` bytes long.
    """
    random = np.random.default_rng([seed, SCAN_TYPES.index(scan_type), scan["id"]])
    if scan_type == "TPI":
        return _total_power(scan, random)
    if scan_type == "Images":
        return _image(scan, random)
    return _spectra(
        scan, random, ("on", "off", "cal") if scan_type == "Spectrum" else ("on", "off")
    )


def _total_power(scan: Scan, random: np.random.Generator) -> bytes:
    """Power against time while the beam crosses the source."""
    count = scan["nsamples"]
    wide = scan["size"] != file_size("TPI", count)
    rows = np.zeros(count, _WIDE_TPI_ROW if wide else _TPI_ROW)
    seconds, duration = _clock(scan, count)
    jd = _julian_dates(scan, seconds)
    along, across, crossing = np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
    if scan["object"] in ("azel", ""):
        # The telescope stands still where the source passes when half of the time is over.
        turned = sky.SIDEREAL_RATE * (seconds - duration / 2)
        ra, dec = sky.position(scan["object"], np.full(count, jd[0] + (jd[-1] - jd[0]) / 2))
        source = _beam(turned * np.cos(np.deg2rad(dec)), across)
        ra = ra + turned
    else:
        # One sweep along the azimuth, one along the elevation, and so on.
        sweep = seconds / min(_CROSSING_SECONDS, duration)
        crossing = np.floor(sweep).astype(np.int64)
        offset = _CROSSING_HALF_WIDTH * (2.0 * (sweep - crossing) - 1.0)
        along = np.where(crossing % 2 == 0, offset, 0.0)
        across = np.where(crossing % 2 == 0, 0.0, offset)
        ra, dec = sky.position(scan["object"], jd)
        source = _beam(along, across)
    elevation = _point(rows, jd, ra, dec, along, across)
    if random.random() < 0.1:
        # Where the dish turned past north, its software counts azimuths below zero.
        rows["Azimuth"] = np.where(
            rows["Azimuth"] > 180.0, rows["Azimuth"] - 360.0, rows["Azimuth"]
        )
    if random.random() < 0.1:
        rows["Azimuth"][:2] = np.nan, DENORMAL  # the drive had not answered yet

    source = _BRIGHTNESS.get(scan["object"], 0.0) * source
    air = 0.03 / np.sin(np.deg2rad(np.clip(elevation, 5.0, 90.0)))
    names = rows.dtype.names or ()
    counts = [name for name in names if name in _POWERS or name.startswith("BBC")]
    gains = 0.8 + 0.4 * random.random(len(counts))
    noise = random.standard_normal((len(counts), count))
    for name, gain, jitter in zip(counts, gains, noise, strict=True):
        sigma = 0.001 if name.endswith("FILT") else 0.004
        level = gain * _BACKGROUND * (1.0 + source + air)
        rows[name] = np.rint(level * (1.0 + sigma * jitter))
    rows["CAL"] = b" OFF"
    markers = np.array(
        [f"TPI {number:03d}".ljust(16) for number in range(crossing.max() + 1)], "S16"
    )
    rows["MARKER"] = markers[crossing]

    units = dict(_POINTING) | dict.fromkeys(counts, "count")
    cards = _table_cards("TPI", rows.dtype, count, units) + _scan_cards(scan)
    return _primary() + _header(cards, _TABLE_HEADER) + rows.tobytes()


def _spectra(scan: Scan, random: np.random.Generator, statuses: tuple[str, ...]) -> bytes:
    """Spectra towards the source, beside it, and with the noise diode lit, in turn."""
    count = scan["nsamples"]
    rows = np.zeros(count, _SPECTRUM_ROW)
    seconds, _ = _clock(scan, count)
    status = np.array([statuses[index % len(statuses)] for index in range(count)])
    on_source = status == "on"
    jd = _julian_dates(scan, seconds)
    beside = np.where(status == "off", _CROSSING_HALF_WIDTH, 0.0)
    _point(rows, jd, *sky.position(scan["object"], jd), beside, np.zeros(count))

    channel = np.arange(CHANNELS, dtype=np.float64)
    frequency = BASE_FREQUENCY + BANDWIDTH / CHANNELS * channel
    position = 2.0 * (channel + 0.5) / CHANNELS - 1.0
    bandpass = 2.0e6 * (1.0 - position**8) * (1.0 + 0.1 * position)
    line = 0.08 * _gaussian(frequency - HYDROGEN_LINE, 300e3)
    continuum = 0.3 * _BRIGHTNESS.get(scan["object"], 0.0)
    level = 1.0 + np.outer(on_source, continuum + line) + 0.25 * (status == "cal")[:, np.newaxis]
    for name in ("LEFT_POL", "RIGHT_POL"):
        gain = 0.9 + 0.2 * random.random()
        noise = 1.0 + 0.002 * random.standard_normal((count, CHANNELS))
        rows[name] = np.rint(gain * bandpass * level * noise)
    rows["STATUS"] = np.char.ljust(status, 4).astype("S4")
    rows["MARKER"] = [f"SPECTRUM {index:03d}".rjust(16) for index in range(count)]

    units = dict(_POINTING) | {"LEFT_POL": "count", "RIGHT_POL": "count"}
    cards = _table_cards("SPECTRUM", rows.dtype, count, units) + _scan_cards(scan)
    cards += [
        _card("BASEFREQ", BASE_FREQUENCY, "[Hz] frequency of the first channel"),
        _card("BANDWID", BANDWIDTH, "[Hz] width of the band"),
        _card("NCHAN", CHANNELS, "number of channels"),
    ]
    return _primary() + _header(cards, _SPECTRUM_HEADER) + rows.tobytes()


def _image(scan: Scan, random: np.random.Generator) -> bytes:
    """Map of the source, row by row from below, until the time was over."""
    side = round(scan["nsamples"] ** 0.5)
    offset = PIXEL_WIDTH * (np.arange(side) - (side - 1) / 2)
    source = _BRIGHTNESS.get(scan["object"], 0.0) * _beam(offset, offset[:, np.newaxis])
    noise = random.standard_normal((side, side))
    counts = np.rint(_BACKGROUND * (1.0 + source) * (1.0 + 0.004 * noise))
    visited = random.random((side, side)) > 0.05
    visited[side - random.integers(0, side // 4 + 1) :] = False
    visited[side // 2, side // 2] = True
    pixels = np.where(visited, counts, 0.0).astype(">i2")

    cards = [
        _card("SIMPLE", True, "conforms to FITS standard"),
        _card("BITPIX", 16, "array data type"),
        _card("NAXIS", 2, "number of array dimensions"),
        _card("NAXIS1", side),
        _card("NAXIS2", side),
        *_scan_cards(scan),
        _card("BUNIT", "count", "unit of the pixels"),
        _card("BMAJ", BEAM_WIDTH, "[deg] width of the beam"),
        _card("BMIN", BEAM_WIDTH, "[deg] width of the beam"),
        _card("BPA", 0.0, "[deg] position angle of the beam"),
        # The telescope's software writes these four strings without quotes.
        "CTYPE1  = RA  / type of X Axis",
        "CTYPE2  = DEC  / type of Y Axis",
        "CUNIT1  = deg  / unit of X Axis",
        "CUNIT2  = deg  / unit of Y Axis",
        _card("CRVAL1", round(scan["ra"] * 15.0, 8), "value at the reference pixel"),
        _card("CRVAL2", scan["dec"], "value at the reference pixel"),
        _card("CRPIX1", (side + 1) / 2, "reference pixel"),
        _card("CRPIX2", (side + 1) / 2, "reference pixel"),
        _card("CDELT1", -PIXEL_WIDTH, "width of a pixel"),
        _card("CDELT2", PIXEL_WIDTH, "height of a pixel"),
    ]
    return _header(cards, _IMAGE_HEADER) + pixels.tobytes()


def _clock(scan: Scan, count: int) -> tuple[sky.Floats, float]:
    """Seconds since the scan's start of each of its rows, and how long it lasted."""
    start, end = np.array([scan["date"], scan["date_end"] or scan["date"]], "datetime64[s]")
    duration = max(float((end - start).astype(np.int64)), 1.0)
    return duration / count * np.arange(count, dtype=np.float64), duration


def _julian_dates(scan: Scan, seconds: sky.Floats) -> sky.Floats:
    """Julian dates (UTC) of seconds since the scan's start."""
    return sky.julian_date(float(np.datetime64(scan["date"], "s").astype(np.int64)) + seconds)


def _point(
    rows: npt.NDArray[np.void],
    jd: sky.Floats,
    ra: sky.Floats,
    dec: sky.Floats,
    along: sky.Floats,
    across: sky.Floats,
) -> sky.Floats:
    """Fill in where the telescope pointed, so many degrees beside a place; give elevations."""
    azimuth, elevation = sky.azimuth_elevation(ra, dec, jd)
    elevation = np.clip(elevation + across, -90.0, 90.0)
    azimuth = (azimuth + along / np.cos(np.deg2rad(np.clip(elevation, -85.0, 85.0)))) % 360.0
    rows["JD"] = jd
    columns = (azimuth, elevation, along, across, *sky.galactic(ra, dec))
    for (name, _), values in zip(_POINTING[1:], columns, strict=True):
        # Rounded, since processors differ in the last bits of a sine.
        rows[name] = np.round(values, 6)
    return elevation


def _beam(along: sky.Floats, across: sky.Floats) -> sky.Floats:
    """Response of the beam at an offset in degrees, 1 at its centre."""
    return _gaussian(np.hypot(along, across), BEAM_WIDTH)


def _gaussian(offset: sky.Floats, width: float) -> sky.Floats:
    """Gaussian of height 1 and the given full width at half maximum."""
    return np.asarray(np.exp(-4.0 * np.log(2.0) * (offset / width) ** 2))


def _primary() -> bytes:
    """Header of an empty primary HDU."""
    cards = [
        _card("SIMPLE", True, "conforms to FITS standard"),
        _card("BITPIX", 8, "array data type"),
        _card("NAXIS", 0, "number of array dimensions"),
        _card("EXTEND", True),
    ]
    return _header(cards, BLOCK)


def _table_cards(
    name: str, row: np.dtype[np.void], count: int, units: dict[str, str]
) -> list[str]:
    """Cards that say what a binary table holds."""
    codes = {"f8": "1D", "i4": "1J", "S4": "4A", "S16": "16A"}
    cards = [
        _card("XTENSION", "BINTABLE", "binary table extension"),
        _card("BITPIX", 8, "array data type"),
        _card("NAXIS", 2, "number of array dimensions"),
        _card("NAXIS1", row.itemsize, "length of a row in bytes"),
        _card("NAXIS2", count, "number of rows"),
        _card("PCOUNT", 0, "number of group parameters"),
        _card("GCOUNT", 1, "number of groups"),
        _card("TFIELDS", len(row.names or ()), "number of columns"),
        _card("EXTNAME", name, "name of the table"),
    ]
    for index, column in enumerate(row.names or (), start=1):
        code = codes.get(row[column].str.lstrip(">|"), f"{CHANNELS}K")
        cards += [_card(f"TTYPE{index}", column), _card(f"TFORM{index}", code)]
        if column in units:
            cards.append(_card(f"TUNIT{index}", units[column]))
    return cards


def _scan_cards(scan: Scan) -> list[str]:
    """Cards about the telescope and the scan, as odd as the telescope's software writes them."""
    # 20250204-093521_TPI-CSCAN_LON-SUN_04#_01#.fits: a project may hold an underscore.
    project, _, rest = scan["file_name"].split("-", 2)[2].rpartition("-")
    tag, sub_scan = (part.rstrip("#") for part in rest.removesuffix(".fits").split("_")[-2:])
    return [
        _card("ORIGIN", "OHP", "Observatoire de Haute-Provence"),
        _card("TELESCOP", "GRAD300", "name of the telescope"),
        # The equals sign stands in column 10, where FITS wants it in column 9.
        f"DIAMETER ={3:>21}  / [m] diameter of the dish",
        _card("SITELAT", sky.LATITUDE, "[deg] latitude"),
        _card("SITELONG", sky.LONGITUDE, "[deg] longitude, east"),
        _card("SITEELEV", sky.HEIGHT, "[m] height"),
        f"HIERARCH Project_Name= '{project}'",
        f"HIERARCH Scan Tag= '{int(tag)}'",
        f"HIERARCH Sub Scan= '{int(sub_scan)}'",
        f"OBJECT  = '{scan['object']:>8}'           / name of the source",
        _card("RA", scan["ra"], "[h] right ascension"),
        _card("DEC", scan["dec"], "[deg] declination"),
        _card("DATE-OBS", scan["date_obs"] or scan["date"], "start, UTC"),
        _card("DATE-END", scan["date_end"] or scan["date"], "end, UTC"),
    ]


def _card(keyword: str, value: bool | int | float | str, comment: str = "") -> str:
    """One card in FITS' fixed format."""
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = f"'{value:<8}'".ljust(20)
    else:
        text = f"{value!r:>20}"
    return f"{keyword:<8}= {text}" + (f" / {comment}" if comment else "")


def _header(cards: list[str], size: int) -> bytes:
    """
    Lay out a header of exactly so many bytes.

    It ends in its last block: blank cards stand before `END` where there are too few others.
    """
    blanks = (size - BLOCK) // CARD - len(cards)
    lines = [*cards, *[""] * max(blanks, 0), "END"]
    header = "".join(line.ljust(CARD) for line in lines).ljust(size).encode("ascii")
    assert len(header) == size, "too many cards, or one of them too long"
    return header

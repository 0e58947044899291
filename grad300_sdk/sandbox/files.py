"""FITS files as the telescope's software writes them, byte for byte.

The software pads headers but not data, and writes some header cards that violate the FITS
standard. The sandbox reproduces these faults, so that readers are tested against them.
"""

from __future__ import annotations

from typing import Literal, TypedDict

import numpy as np
import numpy.typing as npt

from grad300_sdk.sandbox import sky

ScanType = Literal["TPI", "Images", "Spectrum", "OnOff"]
SCAN_TYPES: tuple[ScanType, ...] = ("TPI", "Images", "Spectrum", "OnOff")
TYPE_IN_FILE_NAME: dict[ScanType, str] = {
    "TPI": "TPI",
    "Images": "IMAGE",
    "Spectrum": "SPECTRUM",
    "OnOff": "ONOFF",
}


class Scan(TypedDict):
    """A scan, with the keys of the archive's JSON object."""

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


BEAM_WIDTH = 4.03376144265431  # full width at half maximum in degrees: BMAJ in the images
PIXEL_WIDTH = BEAM_WIDTH / 10
IMAGE_SIDES = (3, 13, 27, 31, 37, 39, 51, 63, 75)

BASE_FREQUENCY = 1_398_000_000.0  # Hz: BASEFREQ in the spectra
BANDWIDTH = 62_500_000.0  # Hz: BANDWID in the spectra
CHANNELS = 1024
CHANNEL_WIDTH = float(f"{BANDWIDTH / (CHANNELS - 1):.15g}")  # Hz: BNDRES in the spectra
# Hz; Hellwig et al. 1970, IEEE Trans. Instrum. Meas. 19, 200.
HYDROGEN_LINE = 1_420_405_751.7667

BLOCK = 2880  # bytes, FITS standard 4.0, section 3.1
CARD = 80
_TABLE_HEADER = 4 * BLOCK
_SPECTRUM_HEADER = 3 * BLOCK
_IMAGE_HEADER = 2 * BLOCK

_POINTING = (
    ("JD", "d"),
    ("Azimuth", "deg"),
    ("Elevation", "deg"),
    ("Az_Offset", "deg"),
    ("El_Offset", "deg"),
    ("Gal_Long", "deg"),
    ("Gal_Lat", "deg"),
)
_POWERS = ("LEFT_POL", "RIGHT_POL", "LEFT_FILT", "RIGHT_FILT")
_CONVERTERS = tuple(f"BBC{number:02d}u" for number in range(9, 17))
_NINTH_CONVERTER = "BBC17u"  # only a few files have it, and its name is a guess

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

# Signal of each source at the centre of the beam, relative to the background. The faint sources
# are a little brighter than in reality.
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
_SWEEP_SECONDS = 300.0  # duration of one sweep of a cross-scan
_SWEEP_HALF_WIDTH = 10.0  # degrees
# A subnormal number: real files hold such values where the azimuth was not initialised.
DENORMAL = 2.9419349645948e-310


def file_size(scan_type: ScanType, samples: int, *, ninth_converter: bool = False) -> int:
    """Return the size in bytes of a file with a number of table rows or of image pixels."""
    if scan_type == "Images":
        return _IMAGE_HEADER + 2 * samples
    if scan_type == "TPI":
        row = _WIDE_TPI_ROW if ninth_converter else _TPI_ROW
        return BLOCK + _TABLE_HEADER + row.itemsize * samples
    return BLOCK + _SPECTRUM_HEADER + _SPECTRUM_ROW.itemsize * samples


def synthesise(scan_type: ScanType, scan: Scan, seed: int) -> bytes:
    """Return the FITS file of a scan; equal arguments give equal bytes on every machine."""
    random = np.random.default_rng([seed, SCAN_TYPES.index(scan_type), scan["id"]])
    if scan_type == "TPI":
        return _tpi_file(scan, random)
    if scan_type == "Images":
        return _image_file(scan, random)
    return _spectrum_file(
        scan, random, ("on", "off", "cal") if scan_type == "Spectrum" else ("on", "off")
    )


def _tpi_file(scan: Scan, random: np.random.Generator) -> bytes:
    """Return a TPI file: power against time while the beam crosses the source."""
    count = scan["nsamples"]
    wide = scan["size"] != file_size("TPI", count)
    rows = np.zeros(count, _WIDE_TPI_ROW if wide else _TPI_ROW)
    seconds, duration = _row_times(scan, count)
    jd = _julian_dates(scan, seconds)
    along, across, sweep = np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
    if scan["object"] in ("azel", ""):
        # A drift scan: the source passes through the fixed beam at half time.
        drift = sky.SIDEREAL_RATE * (seconds - duration / 2)
        ra, dec = sky.position(scan["object"], np.full(count, jd[0] + (jd[-1] - jd[0]) / 2))
        source = _beam(drift * np.cos(np.deg2rad(dec)), across)
        ra = ra + drift
    else:
        # A cross-scan: sweeps alternate between azimuth and elevation.
        progress = seconds / min(_SWEEP_SECONDS, duration)
        sweep = np.floor(progress).astype(np.int64)
        offset = _SWEEP_HALF_WIDTH * (2.0 * (progress - sweep) - 1.0)
        along = np.where(sweep % 2 == 0, offset, 0.0)
        across = np.where(sweep % 2 == 0, 0.0, offset)
        ra, dec = sky.position(scan["object"], jd)
        source = _beam(along, across)
    elevation = _fill_pointing(rows, jd, ra, dec, along, across)
    if random.random() < 0.1:
        # The software records negative azimuths after the dish has turned past north.
        rows["Azimuth"] = np.where(
            rows["Azimuth"] > 180.0, rows["Azimuth"] - 360.0, rows["Azimuth"]
        )
    if random.random() < 0.1:
        rows["Azimuth"][:2] = np.nan, DENORMAL  # the drive had not reported its position yet

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
    markers = np.array([f"TPI {number:03d}".ljust(16) for number in range(sweep.max() + 1)], "S16")
    rows["MARKER"] = markers[sweep]

    units = dict(_POINTING) | dict.fromkeys(counts, "ct")
    cards = _table_cards(rows.dtype, count, units) + _scan_cards(scan, diameter=0)
    return _empty_primary() + _header(cards, _TABLE_HEADER) + rows.tobytes()


def _spectrum_file(scan: Scan, random: np.random.Generator, statuses: tuple[str, ...]) -> bytes:
    """Return a file of spectra that cycle through the statuses on, off and cal."""
    count = scan["nsamples"]
    rows = np.zeros(count, _SPECTRUM_ROW)
    seconds, _ = _row_times(scan, count)
    status = np.array([statuses[index % len(statuses)] for index in range(count)])
    on_source = status == "on"
    jd = _julian_dates(scan, seconds)
    beside = np.where(status == "off", _SWEEP_HALF_WIDTH, 0.0)
    _fill_pointing(rows, jd, *sky.position(scan["object"], jd), beside, np.zeros(count))

    channel = np.arange(CHANNELS, dtype=np.float64)
    frequency = BASE_FREQUENCY + CHANNEL_WIDTH * channel
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

    units = dict(_POINTING) | {"LEFT_POL": "ct", "RIGHT_POL": "ct"}
    cards = _table_cards(rows.dtype, count, units) + _scan_cards(scan, diameter=3)
    cards += _frequency_cards()
    return _empty_primary() + _header(cards, _SPECTRUM_HEADER) + rows.tobytes()


def _image_file(scan: Scan, random: np.random.Generator) -> bytes:
    """Return an image file: a map of the source, whose last rows may be missing."""
    side = round(scan["nsamples"] ** 0.5)
    offset = PIXEL_WIDTH * (np.arange(side) - (side - 1) / 2)
    source = _BRIGHTNESS.get(scan["object"], 0.0) * _beam(offset, offset[:, np.newaxis])
    noise = random.standard_normal((side, side))
    counts = np.rint(_BACKGROUND * (1.0 + source) * (1.0 + 0.004 * noise))
    visited = random.random((side, side)) > 0.05
    visited[side - random.integers(0, side // 4 + 1) :] = False
    visited[side // 2, side // 2] = True
    pixels = np.where(visited, counts, 0.0).astype(">i2")

    middle = (side + 1) // 2
    cards = [
        _card("SIMPLE", True, "Standard FITS Format"),
        _card("BITPIX", 16, "16 bits ASCII"),
        _card("NAXIS", 2, "No image data"),
        _card("NAXIS1", side, "Bytes per row"),
        _card("NAXIS2", side, "NAXIS2 is ydimension of table array"),
        _card("EXTEND", False, "Extensions are not present"),
        *_scan_cards(scan, diameter=0),
        _card("CRPIX1", middle, "X coordinate of reference pixel"),
        _card("CRPIX2", middle, "Y coordinate of reference pixel"),
        _card("CRVAL1", round(scan["ra"] * 15.0, 8), "R.A. of reference pixel in DEGREES"),
        _card("CRVAL2", scan["dec"], "Dec of reference pixel in DEGREES"),
        _card("CDELT1", PIXEL_WIDTH, "R.A. physical increment in DEGREES"),
        _card("CDELT2", -PIXEL_WIDTH, "Dec physical increment in DEGREES"),
        # The telescope's software omits the quotes around these four strings.
        "CTYPE1  = RA  / type of X Axis",
        "CTYPE2  = DEC  / type of Y Axis",
        "CUNIT1  = deg  / units of X Axis",
        "CUNIT2  = deg  / units of Y Axis",
        # In free format, as are those of _frequency_cards.
        f"BMAJ    = {BEAM_WIDTH!r}       / Main beam major axis size",
        f"BMIN    = {BEAM_WIDTH!r}       / Main beam minor axis size",
        *_frequency_cards(),
        *["COMMENT *"] * 9,
    ]
    return _header(cards, _IMAGE_HEADER) + pixels.tobytes()


def _row_times(scan: Scan, count: int) -> tuple[sky.Floats, float]:
    """Return the time of each row in seconds since the scan's start, and the scan's duration."""
    start, end = np.array([scan["date"], scan["date_end"] or scan["date"]], "datetime64[s]")
    duration = max(float((end - start).astype(np.int64)), 1.0)
    return duration / count * np.arange(count, dtype=np.float64), duration


def _julian_dates(scan: Scan, seconds: sky.Floats) -> sky.Floats:
    """Return the Julian dates (UTC) of times in seconds since the scan's start."""
    return sky.julian_date(float(np.datetime64(scan["date"], "s").astype(np.int64)) + seconds)


def _fill_pointing(
    rows: npt.NDArray[np.void],
    jd: sky.Floats,
    ra: sky.Floats,
    dec: sky.Floats,
    along: sky.Floats,
    across: sky.Floats,
) -> sky.Floats:
    """Fill in the pointing at an offset in degrees from a position; return the elevations."""
    azimuth, elevation = sky.azimuth_elevation(ra, dec, jd)
    elevation = np.clip(elevation + across, -90.0, 90.0)
    azimuth = (azimuth + along / np.cos(np.deg2rad(np.clip(elevation, -85.0, 85.0)))) % 360.0
    rows["JD"] = jd
    columns = (azimuth, elevation, along, across, *sky.galactic(ra, dec))
    for (name, _), values in zip(_POINTING[1:], columns, strict=True):
        # Rounded, because the last bits of a sine depend on the processor.
        rows[name] = np.round(values, 6)
    return elevation


def _beam(along: sky.Floats, across: sky.Floats) -> sky.Floats:
    """Return the response of the beam at an offset in degrees; it is 1 at the centre."""
    return _gaussian(np.hypot(along, across), BEAM_WIDTH)


def _gaussian(offset: sky.Floats, width: float) -> sky.Floats:
    """Return a Gaussian of height 1 with a full width at half maximum of `width`."""
    return np.asarray(np.exp(-4.0 * np.log(2.0) * (offset / width) ** 2))


def _empty_primary() -> bytes:
    """Return the header of an empty primary HDU."""
    cards = [
        _card("SIMPLE", True, "conforms to FITS standard"),
        _card("BITPIX", 8, "array data type"),
        _card("NAXIS", 0, "number of array dimensions"),
        _card("EXTEND", True),
    ]
    return _header(cards, BLOCK)


def _table_cards(row: np.dtype[np.void], count: int, units: dict[str, str]) -> list[str]:
    """Return the cards that describe a binary table."""
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
    ]
    for index, column in enumerate(row.names or (), start=1):
        code = codes.get(row[column].str.lstrip(">|"), f"{CHANNELS}K")
        cards += [_card(f"TTYPE{index}", column), _card(f"TFORM{index}", code)]
        if column in units:
            cards.append(_card(f"TUNIT{index}", units[column]))
    return cards


def _scan_cards(scan: Scan, diameter: int) -> list[str]:
    """Return the cards about the telescope and the scan, with the faults of the real ones."""
    # A project may contain an underscore: 20250204-093521_TPI-CSCAN_LON-SUN_04#_01#.fits.
    project, _, rest = scan["file_name"].split("-", 2)[2].rpartition("-")
    tag, sub_scan = (part.rstrip("#") for part in rest.removesuffix(".fits").split("_")[-2:])
    start, end = scan["date_obs"] or scan["date"], scan["date_end"] or scan["date"]
    return [
        "ORIGIN  = 'RADIOUNIVERSE_PRO'  / Origin of data",
        f"DATE-OBS= '{start}'         / UTC of start observ",
        f"DATE-END= '{end}'         / UTC of end observ",
        f"HIERARCH Project_Name= '{project}'",
        f"HIERARCH Scan Tag= '{int(tag)}'",
        f"HIERARCH SubScanID= '{int(sub_scan)}'",
        "HIERARCH ScheduleName= ''",
        _card("MJD", 0, "MJD"),
        _card("LST", 0, "LST"),
        # The telescope's software leaves these, and several of those that follow, at 0.
        _card("SITELAT", 0, "The Site Latitude"),
        _card("SITELONG", 0, "The Site Longitude"),
        _card("SITEELEV", 0, "The Site Elevation"),
        _card("RA", scan["ra"], "RA at t=0"),
        _card("DEC", scan["dec"], "DEC at t=0"),
        _card("SUNANGLE", 0, "Angle between the sun and the target"),
        _card("TELAPSE", 0, "Time elapsed"),
        _card("AIRMASS", 0, "Airmass"),
        f"AUTHOR  = '{'':19}' / Author name",
        f"OBSERVER= '{'':19}' / Observer name",
        f"OBJECT  = '{scan['object']:>19}' / Object observed",
        _card("EQUINOX", 2000.0, "In years for the celestial coordinate system"),
        # The equals sign is in column 10; the FITS standard requires column 9.
        f"DIAMETER ={diameter:>21}  / TELESCOPE diameter",
        f"FRONTEND= '{'':19}' / Description of frontend device",
        f"BACKEND = '{'':19}' / Description of backend device",
        _card("TCAL", 0, "Constant radio calibration factor (Jy)"),
    ]


def _frequency_cards() -> list[str]:
    """Return the cards about frequencies."""
    return [
        "OBSFREQ = 1429250000             / Observed frequency (Hz)",
        f"RESTFRQ = {HYDROGEN_LINE!r}        / Rest Frequency (Hz)",
        f"SPECSYS = '{'LSRK':19}' / Spectral reference frame",
        _card("BNDRES", CHANNEL_WIDTH, "Spectral resolution (Hz)"),
        _card("BASEFREQ", round(BASE_FREQUENCY), "Baseband frequency (Hz)"),
        _card("BANDWID", round(BANDWIDTH), "The bandwidth (Hz)"),
        f"POLARIZ = '{'L,R':19}' / POLARIZATION H,V,RC,LC",
        "VLSR    = 0                      / The VLSR",
    ]


def _card(keyword: str, value: bool | int | float | str, comment: str = "") -> str:
    """Return a card in the FITS fixed format."""
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = f"'{value:<8}'".ljust(20)
    else:
        text = f"{value!r:>20}"
    return f"{keyword:<8}= {text}" + (f" / {comment}" if comment else "")


def _header(cards: list[str], size: int) -> bytes:
    """Return a header of `size` bytes, with blank cards before `END` to fill all but its end."""
    blanks = (size - BLOCK) // CARD - len(cards)
    lines = [*cards, *[""] * max(blanks, 0), "END"]
    header = "".join(line.ljust(CARD) for line in lines).ljust(size).encode("ascii")
    if len(header) != size:
        raise ValueError("too many cards, or one of them too long")
    return header

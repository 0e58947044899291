"""FITS files as the telescope's software writes them, byte for byte.

The software pads headers but not data, and writes some header cards that violate the FITS
standard. The sandbox reproduces these faults, so that readers are tested against them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from grad300_sdk.sandbox import faults, receiver, sky, tracks
from grad300_sdk.sandbox.receiver import (
    BANDWIDTH,
    BASE_FREQUENCY,
    CHANNEL_WIDTH,
    CHANNELS,
    CONVERTERS,
    HYDROGEN_LINE,
    NINTH_CONVERTER,
    POWERS,
)
from grad300_sdk.sandbox.scans import (
    BEAM_SIZE,
    DENORMAL,
    PIXEL_WIDTH,
    SCAN_TYPES,
    Plan,
    Scan,
    ScanType,
)

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
_POINTING_FIELDS = [(name, ">f8") for name, _ in _POINTING]
_TEXT_FIELDS = [("CAL", "S4"), ("MARKER", "S16")]
_TPI_ROW = np.dtype(
    _POINTING_FIELDS + [(name, ">i4") for name in POWERS + CONVERTERS] + _TEXT_FIELDS
)
_WIDE_TPI_ROW = np.dtype(
    _POINTING_FIELDS
    + [(name, ">i4") for name in (*POWERS, *CONVERTERS, NINTH_CONVERTER)]
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

_ROWS_PER_PIXEL = 5.0  # that the software averages into a pixel


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
    plan = scan["plan"]
    setup = receiver.draw_setup(plan["block"], seed)
    if scan_type == "TPI":
        file = _tpi_file(scan, plan, setup, random)
    elif scan_type == "Images":
        file = _image_file(scan, plan, setup, random)
    else:
        statuses = ("on", "off", "cal") if scan_type == "Spectrum" else ("on", "off")
        file = _spectrum_file(scan, setup, random, statuses)
    return faults.damage(file, plan["fault"], scan["size"])


def _tpi_file(scan: Scan, plan: Plan, setup: receiver.Setup, random: np.random.Generator) -> bytes:
    """Return a TPI file: power against time while the telescope moves over the source."""
    count = scan["nsamples"]
    wide = scan["size"] == file_size("TPI", count, ninth_converter=True)
    rows = np.zeros(count, _WIDE_TPI_ROW if wide else _TPI_ROW)
    seconds = _row_times(scan, count)
    seconds[1:-1] += (seconds[-1] / count) * random.uniform(-0.2, 0.2, max(count - 2, 0))
    jd = _julian_dates(scan, seconds)
    track = tracks.follow(scan, plan, jd)
    _fill_pointing(rows, jd, track)
    if random.random() < 0.1:
        # The software records negative azimuths after the dish has turned past north.
        rows["Azimuth"] = np.where(
            rows["Azimuth"] > 180.0, rows["Azimuth"] - 360.0, rows["Azimuth"]
        )
    if random.random() < 0.1:
        rows["Azimuth"][:2] = np.nan, DENORMAL  # the drive had not reported its position yet
    if plan["fault"] == "wild":
        faults.spoil_pointing(rows, random)

    where = track.source_azimuth, track.source_elevation
    raster_times = jd if plan["pattern"] == "raster" else None
    distance = receiver.off_axis(setup, track.azimuth, track.elevation, where, raster_times)
    signal = receiver.source_signal(scan["object"], distance)
    names = rows.dtype.names or ()
    counts = [name for name in names if name in POWERS or name.startswith("BBC")]
    for name in counts:
        power = receiver.total_power(name, setup, signal, track.elevation, 1.0, random)
        rows[name] = np.rint(power)
    sub_bands = tuple(name for name in counts if name.startswith("BBC"))
    for name, burst in receiver.interference(seconds, sub_bands, random).items():
        rows[name] += np.rint(burst).astype(np.int32)
    rows["CAL"] = b" OFF"
    rows["MARKER"] = [f"TPI {number:03d}".ljust(16) for number in range(count)]

    units = dict(_POINTING) | dict.fromkeys(counts, "ct")
    cards = _table_cards(rows.dtype, count, units) + _scan_cards(scan, 0) + _receiver_cards()
    return _empty_primary() + _header(cards, _TABLE_HEADER) + rows.tobytes()


def _spectrum_file(
    scan: Scan, setup: receiver.Setup, random: np.random.Generator, statuses: tuple[str, ...]
) -> bytes:
    """Return a file of spectra that cycle through the statuses on, off and cal."""
    count = scan["nsamples"]
    rows = np.zeros(count, _SPECTRUM_ROW)
    jd = _julian_dates(scan, _row_times(scan, count))
    status = np.array([statuses[index % len(statuses)] for index in range(count)])
    on_source = status == "on"
    track = tracks.switch(scan, jd, on_source)
    _fill_pointing(rows, jd, track)
    if scan["plan"]["fault"] == "wild":
        faults.spoil_pointing(rows, random)

    where = track.source_azimuth, track.source_elevation
    distance = receiver.off_axis(setup, track.azimuth, track.elevation, where)
    signal = receiver.source_signal(scan["object"], distance)
    # The reference is without hydrogen, as if it were far from the plane of the Galaxy.
    temperature = np.outer(on_source, _line(track, jd))
    temperature += (
        receiver.SUN_TEMPERATURE * signal + receiver.CALIBRATION_TEMPERATURE * (status == "cal")
    )[:, np.newaxis]
    for name in ("LEFT_POL", "RIGHT_POL"):
        rows[name] = np.rint(receiver.spectrum(name, setup, temperature, random))
        rows[name][:, -1] = 0
    rows["STATUS"] = np.char.ljust(status, 4).astype("S4")
    rows["MARKER"] = [f"SPC {index:03d}".rjust(16) for index in range(count)]

    units = dict(_POINTING) | {"LEFT_POL": "ct", "RIGHT_POL": "ct"}
    cards = _table_cards(rows.dtype, count, units) + _scan_cards(scan, 3)
    cards += _receiver_cards(frequencies=_frequency_cards())
    return _empty_primary() + _header(cards, _SPECTRUM_HEADER) + rows.tobytes()


def _line(track: tracks.Track, jd: sky.Floats) -> sky.Floats:
    """Return the temperature of hydrogen in each channel, where the first row points, in K."""
    ra, dec = sky.equatorial(track.azimuth, track.elevation, jd)
    recession = sky.observer_velocity(ra, dec, float(jd.mean()))
    longitude, latitude = track.galactic(jd)
    return receiver.line_temperature(float(longitude[0]), float(latitude[0]), float(recession[0]))


def _image_file(
    scan: Scan, plan: Plan, setup: receiver.Setup, random: np.random.Generator
) -> bytes:
    """Return an image file: what a raster shows; pixels that it has not visited are 0."""
    side = plan["side"]
    columns, lines = tracks.visits(plan)
    jd = _julian_dates(scan, _row_times(scan, plan["pixels"]))
    ra, dec = tracks.pixel_position(scan, plan, columns, lines)
    azimuth, elevation = sky.azimuth_elevation(*sky.of_date(scan["object"], ra, dec, jd), jd)
    where = sky.azimuth_elevation(*tracks.source_position(scan, jd), jd)
    distance = receiver.off_axis(setup, azimuth, elevation, where, raster_times=jd)
    signal = receiver.source_signal(scan["object"], distance)
    pixels = np.zeros((side, side), ">i2")
    pixels[lines, columns] = np.rint(
        receiver.total_power("RIGHT_POL", setup, signal, elevation, _ROWS_PER_PIXEL, random)
    )

    middle = (side + 1) // 2
    axes = [
        _scan_card("CRPIX1", middle, "X coordinate of reference pixel"),
        _scan_card("CRPIX2", middle, "Y coordinate of reference pixel"),
        _scan_card("CRVAL1", round(scan["ra"] * 15.0, 8), "R.A. of reference pixel in DEGREES"),
        _scan_card("CRVAL2", scan["dec"], "Dec of reference pixel in DEGREES"),
        _scan_card("CDELT1", PIXEL_WIDTH, "R.A. physical increment in DEGREES"),
        _scan_card("CDELT2", -PIXEL_WIDTH, "Dec physical increment in DEGREES"),
        # The telescope's software omits the quotes around these four strings.
        "CTYPE1  = RA  / type of X Axis",
        "CTYPE2  = DEC  / type of Y Axis",
        "CUNIT1  = deg  / units of X Axis",
        "CUNIT2  = deg  / units of Y Axis",
    ]
    beam = [
        f"BMAJ    = {BEAM_SIZE!r}       / Main beam major axis size",
        f"BMIN    = {BEAM_SIZE!r}       / Main beam minor axis size",
    ]
    cards = [
        _card("SIMPLE", True, "Standard FITS Format"),
        _card("BITPIX", 16, "16 bits ASCII"),
        _card("NAXIS", 2, "No image data"),
        _card("NAXIS1", side, "Bytes per row"),
        _card("NAXIS2", side, "NAXIS2 is ydimension of table array"),
        _card("EXTEND", False, "Extensions are not present"),
        *_scan_cards(scan, 0, axes),
        *_receiver_cards(beam, _frequency_cards()),
        *["COMMENT *"] * 9,
    ]
    return _header(cards, _IMAGE_HEADER) + pixels.tobytes()


def _row_times(scan: Scan, count: int) -> sky.Floats:
    """Return the time of each row in seconds since the scan's start."""
    start, end = np.array([scan["date"], scan["date_end"] or scan["date"]], "datetime64[s]")
    duration = max(float((end - start).astype(np.int64)), 1.0)
    return duration / count * np.arange(count, dtype=np.float64)


def _julian_dates(scan: Scan, seconds: sky.Floats) -> sky.Floats:
    """Return the Julian dates (UTC) of times in seconds since the scan's start."""
    return sky.julian_date(float(np.datetime64(scan["date"], "s").astype(np.int64)) + seconds)


def _fill_pointing(rows: npt.NDArray[np.void], jd: sky.Floats, track: tracks.Track) -> None:
    """Fill in the pointing."""
    recorded = track.read_encoders()
    rows["JD"] = jd
    rows["Azimuth"] = recorded.azimuth
    rows["Elevation"] = recorded.elevation
    names = ("Az_Offset", "El_Offset", "Gal_Long", "Gal_Lat")
    for name, values in zip(names, (*recorded.offsets(), *recorded.galactic(jd)), strict=True):
        # Rounded, because the last bits of a sine depend on the processor.
        rows[name] = np.round(values, 6)


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


def _scan_cards(scan: Scan, diameter: int, axes: Sequence[str] = ()) -> list[str]:
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
        _scan_card("MJD", 0, "MJD"),
        _scan_card("LST", 0, "LST"),
        # The telescope's software leaves these, and several of those that follow, at 0.
        _scan_card("SITELAT", 0, "The Site Latitude"),
        _scan_card("SITELONG", 0, "The Site Longitude"),
        _scan_card("SITEELEV", 0, "The Site Elevation"),
        _scan_card("RA", scan["ra"], "RA at t=0"),
        _scan_card("DEC", scan["dec"], "DEC at t=0"),
        *axes,
        _scan_card("SUNANGLE", 0, "Angle between the sun and the target"),
        _scan_card("TELAPSE", 0, " Time elapsed"),
        _scan_card("AIRMASS", 0, "Airmass"),
        f"AUTHOR  = '{'':19}' / Author name",
        f"OBSERVER= '{'':19}' / Observer name",
        f"OBJECT  = '{scan['object']:>19}' / Object observed",
        _card("EQUINOX", 2000.0, "In years for the celestial coordinate system"),
        # The equals sign is in column 10; the FITS standard requires column 9.
        f"DIAMETER ={diameter:>{22 if axes else 21}}  / TELESCOPE diameter",
    ]


def _receiver_cards(beam: Sequence[str] = (), frequencies: Sequence[str] = ()) -> list[str]:
    """Return the cards about the receiver; those of frequencies stand around that of `TCAL`."""
    return [
        f"FRONTEND= '{'':19}' / Description of frontend device",
        f"BACKEND = '{'':19}' / Description of backend device",
        *beam,
        *frequencies[:1],
        _scan_card("TCAL", 0, "Constant radio calibration factor (Jy)"),
        *frequencies[1:],
    ]


def _frequency_cards() -> list[str]:
    """Return the cards about frequencies."""
    return [
        "OBSFREQ = 1429250000             / Observed frequency (Hz)",
        f"RESTFRQ = {HYDROGEN_LINE!r}        / Rest Frequency (Hz)",
        f"SPECSYS = '{'LSRK':19}' / Spectral reference frame",
        _scan_card("BNDRES", CHANNEL_WIDTH, "Spectral resolution (Hz)"),
        _scan_card("BASEFREQ", round(BASE_FREQUENCY), "Baseband frequency (Hz)"),
        _scan_card("BANDWID", round(BANDWIDTH), "The bandwidth (Hz)"),
        f"POLARIZ = '{'L,R':19}' / POLARIZATION H,V,RC,LC",
        "VLSR    = 0                      / The VLSR",
    ]


def _scan_card(keyword: str, value: float, comment: str) -> str:
    """Return a number's card as the telescope writes it, a column to the right of the standard."""
    return f"{keyword:<8}={value!r:>22}  / {comment}"


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

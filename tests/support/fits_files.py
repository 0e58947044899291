"""FITS files of every kind, whole and mutated, and what must hold when one is read."""

from __future__ import annotations

import io
import pickle
import time
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from hypothesis import strategies as st

from grad300_sdk.errors import DecodeError, Grad300Warning
from grad300_sdk.fits import read_fits, read_table
from grad300_sdk.sandbox.files import file_size, synthesise
from grad300_sdk.sandbox.observing import observe

BLOCK, CARD = 2880, 80
MOST_SECONDS = 5.0  # of CPU, to read one file


@cache
def telescope_files() -> dict[str, bytes]:
    """Return a small file of every kind that the telescope writes, the broken ones too."""
    smallest: dict[str, Any] = {}
    for scan_type, _, scan in observe(400, 0):
        is_wide = scan_type == "TPI" and scan["size"] != file_size("TPI", scan["nsamples"])
        kind = "wide TPI" if is_wide else scan_type
        if kind not in smallest or scan["size"] < smallest[kind]["size"]:
            smallest[kind] = scan
    files = {kind: synthesise(kind.split()[-1], scan, 0) for kind, scan in smallest.items()}
    tpi, image = files["TPI"], files["Images"]
    counted = tpi.index(b"NAXIS2  =")
    uncounted = f"{'NAXIS2  =':10}{0:>20}".encode()
    return {
        **files,
        "TPI without a count": tpi[:counted] + uncounted + tpi[counted + len(uncounted) :],
        "TPI with fewer rows": tpi[:-200],
        "TPI without rows": tpi[:14_400],
        "TPI without an END": tpi[:4096],
        "image without data": image[:5760],
        "image with too little": image[:-1],
    }


@cache
def other_files() -> dict[str, bytes]:
    """Return files as astropy writes them, of the kinds that the telescope does not write."""
    numbers = np.arange(4)
    lists = np.array([numbers[:n].astype("i4") for n in (3, 0, 4, 1)], object)
    columns = [
        fits.Column("scaled", "1E", bscale=0.5, bzero=10.0, array=numbers * 0.5 + 10.0),
        fits.Column("unsigned", "1J", bzero=2**31, array=numbers.astype("u4")),
        fits.Column("null", "1J", null=2, array=numbers),
        fits.Column("flag", "1L", array=numbers == 2),
        fits.Column("bits", "11X", array=np.ones((4, 11), bool)),
        fits.Column("complex", "1M", array=numbers * 1j),
        fits.Column("lists", "PJ()", array=lists),
        fits.Column("long lists", "QD()", array=np.array([a.astype("f8") for a in lists], object)),
        fits.Column("grid", "6E", dim="(3,2)", array=np.ones((4, 2, 3), "f4")),
        fits.Column("texts", "6A", dim="(3,2)", array=np.array([["ab", " c"]] * 4)),
    ]
    lines = [
        fits.Column("number", "I6", array=numbers, null="----"),
        fits.Column("real", "E15.7", array=numbers / 3),
        fits.Column("text", "A5", array=np.array(["a", " b", "", "abcde"])),
    ]
    pixels = np.arange(96, dtype="i2").reshape(12, 8)
    groups = fits.GroupData(
        pixels[:, :6].astype("f4"), bitpix=-32, parnames=["a"], pardata=[pixels[:, 0]]
    )
    scaled = fits.ImageHDU(pixels.copy())
    scaled.header["BLANK"] = 7
    scaled.scale("int16", bscale=0.25, bzero=3)
    first = fits.PrimaryHDU
    files = {
        "columns": [first(), fits.BinTableHDU.from_columns(columns)],
        "ASCII table": [first(), fits.TableHDU.from_columns(lines)],
        "random groups": [fits.GroupsHDU(groups)],
        "images": [
            first(pixels),
            scaled,
            fits.ImageHDU(pixels / 3.0),
            fits.ImageHDU(pixels.astype("u2")),
        ],
    }
    for method in ("RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1", "NOCOMPRESS"):
        image = fits.CompImageHDU(pixels, compression_type=method, tile_shape=(12, 8))
        files[method] = [first(), image]
    files["quantized"] = [first(), fits.CompImageHDU(pixels / 3.0, quantize_method=1)]
    return {name: written(fits.HDUList(hdus)) for name, hdus in files.items()}


def written(hdus: fits.HDUList, **options: Any) -> bytes:
    """Return the file that HDUs are written to."""
    with TemporaryDirectory() as folder:  # astropy can't write random groups to memory
        hdus.writeto(Path(folder, "hdus.fits"), **options)
        return Path(folder, "hdus.fits").read_bytes()


def assert_same(one: Any, other: Any) -> None:
    """Check that two readings of a file are the same, tables or HDUs."""
    assert type(one) is type(other)
    if isinstance(one, Table):
        assert pickle.dumps(one.meta) == pickle.dumps(other.meta)
        assert one.colnames == other.colnames
        for name in one.colnames:
            assert one[name].unit == other[name].unit
            assert one[name].tobytes() == other[name].tobytes()
    elif one is not None:
        for first, second in zip(one, other, strict=True):
            assert str(first.header) == str(second.header)
            assert np.asarray(first.data).tobytes() == np.asarray(second.data).tobytes()
            assert first.fileinfo() is None


# Mutations of headers and bodies.

_NUMBERED = (
    "NAXIS ZNAXIS ZTILE TFORM TTYPE TUNIT TDIM TNULL TSCAL TZERO TDISP TBCOL ZNAME ZVAL CTYPE "
    "CUNIT CRVAL CDELT PTYPE PSCAL PZERO TCTYP TRPOS"
)
_SINGLE = (
    "SIMPLE XTENSION BITPIX NAXIS PCOUNT GCOUNT GROUPS EXTEND TFIELDS THEAP BSCALE BZERO BLANK "
    "BUNIT DATE-OBS MJD-OBS DATE-END EXTNAME EXTVER EXTLEVEL INHERIT CHECKSUM DATASUM ZIMAGE "
    "ZBITPIX ZNAXIS ZCMPTYPE ZQUANTIZ ZDITHER0 ZBLANK ZSCALE ZZERO ZTENSION ZPCOUNT ZGCOUNT "
    "ZSIMPLE ZTABLE OBJECT DIAMETER CONTINUE COMMENT HISTORY LONGSTRN END JUNK"
)
_VALUES = (
    "-1 0 1 2 3 7 8 16 -32 64 80 124 128 999 1000 1024 65536 2147483647 2147483648 4294967296 "
    "9223372036854775807 9223372036854775808 -9223372036854775808 99999999999999999999 +5 007 "
    "1.5 -0.0 1E9 1D3 1E308 1E400 -1E-310 NaN inf (1,2) T F t abc '' 'a' 'é' 'a&' '&' '''' "
    "'IMAGE' 'BINTABLE' 'TABLE' 'A3DTABLE' 'FOREIGN' '1D' '1J' '4A' '0J' '0A' '1L' '3X' '1C' '2M' "
    "'1K' '999999999D' '9999999999D' '2147483648A' '1PJ(9)' '2PJ' '0PJ' '1PA(4)' '1PX(9)' '1PP' "
    "'1PB(999999)' '1QD(99999999)' '16A8' '-1D' 'D' 'rJ' 'I6' 'E15.7' 'A5' 'F9.2' 'I0' 'I99' 'A0' "
    "'D25.17' 'E1.9' '(2,2)' '(0)' '()' '(-1,4)' '(999999999,999999999)' '(1,2,3)' '(2' 'F8.3' "
    "'I5.3' 'B8' 'O9' 'Z4' 'A4' 'EN12.3' 'X' 'RICE_1' 'GZIP_1' 'GZIP_2' 'HCOMPRESS_1' 'PLIO_1' "
    "'NOCOMPRESS' 'BLOCKSIZE' 'BYTEPIX' 'SUBTRACTIVE_DITHER_2' 'COMPRESSED_DATA' 'JD' 'deg' "
    "'Degree' 'm/s/s/' '10**-9_Jy' '2025-02-04' '2025-02-04T09:35:21+99:00' '9999-12-31T23:59:60'"
)

_keywords = st.one_of(
    st.sampled_from(_SINGLE.split()),
    st.builds(
        "{}{}".format,
        st.sampled_from(_NUMBERED.split()),
        st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21, 99, 0, 999, 1000]),
    ),
)
_values = st.one_of(
    st.sampled_from(_VALUES.split()),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
    st.text(max_size=70).map(lambda text: "'" + text + "'"),
)
_cards = st.one_of(
    st.builds("{:<8}= {:>20}".format, _keywords, _values),
    st.builds("{:<8}= {} / {}".format, _keywords, _values, st.text(max_size=20)),
    st.builds("HIERARCH {}= {}".format, st.text(max_size=20), _values),
    st.builds("CONTINUE  {}".format, _values),
    st.text(max_size=80),
)


def headers(content: bytes) -> list[tuple[int, int]]:
    """Return where the headers of a file start, and how many cards they have before their END."""
    found = []
    for start in range(0, len(content), BLOCK):
        if content.startswith((b"SIMPLE  =", b"XTENSION="), start):
            end = start
            while content[end : end + CARD].rstrip() not in (b"END", b""):
                end += CARD
            found.append((start, (end - start) // CARD))
    return found


@st.composite
def mutated_files(draw: Any) -> bytes:
    """Draw a file with faults."""
    content = draw(st.sampled_from([*telescope_files().values(), *other_files().values()]))
    for _ in range(draw(st.integers(1, 4))):
        mutate = draw(st.sampled_from(_MUTATIONS))
        content = mutate(draw, content)
    return content


def _card_of(draw: Any) -> bytes:
    return draw(_cards).encode("utf-8", "replace")[:CARD].ljust(CARD)


def _place_of(draw: Any, content: bytes) -> int:
    start, count = draw(st.sampled_from(headers(content) or [(0, 1)]))
    return start + CARD * draw(st.integers(0, max(count - 1, 0)))


def _set_value(draw: Any, content: bytes) -> bytes:
    place = _place_of(draw, content)
    keyword = content[place : place + 8].decode("latin-1")
    card = f"{keyword}= {draw(_values):>20}".encode("utf-8", "replace")[:CARD].ljust(CARD)
    return content[:place] + card + content[place + CARD :]


def _replace_card(draw: Any, content: bytes) -> bytes:
    place = _place_of(draw, content)
    return content[:place] + _card_of(draw) + content[place + CARD :]


def _insert_card(draw: Any, content: bytes) -> bytes:
    """Insert a card in the place of a blank one at the header's end, or of its padding."""
    place = _place_of(draw, content)
    start = max(start for start, _ in [*headers(content), (0, 0)] if start <= place)
    end = start + (place - start) // BLOCK * BLOCK + BLOCK
    while content[place:end][-CARD:].strip() and end < len(content):
        end += BLOCK
    return content[:place] + _card_of(draw) + content[place : end - CARD] + content[end:]


def _repeat_card(draw: Any, content: bytes) -> bytes:
    source, place = _place_of(draw, content), _place_of(draw, content)
    return content[:place] + content[source : source + CARD] + content[place + CARD :]


def _delete_card(draw: Any, content: bytes) -> bytes:
    place = _place_of(draw, content)
    return content[:place] + b" " * CARD + content[place + CARD :]


def _change_bytes(draw: Any, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw(st.sampled_from([1, 3, 30]))):
        place = draw(st.integers(0, len(content) - 1)) if content else 0
        changed[place : place + 1] = bytes([draw(st.integers(0, 255))])
    return bytes(changed)


def _change_body(draw: Any, content: bytes) -> bytes:
    """Change bytes behind a header: descriptors and heaps, numbers and texts."""
    start, count = draw(st.sampled_from(headers(content) or [(0, 0)]))
    body = start + (count * CARD // BLOCK + 1) * BLOCK
    place = body + draw(st.integers(0, 400))
    value = draw(
        st.one_of(
            st.binary(max_size=16),
            st.sampled_from([b"\xff" * 8, b"\x7f" + b"\xff" * 7, bytes(16)]),
        )
    )
    return content[:place] + value + content[place + len(value) :]


def _cut(draw: Any, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _append(draw: Any, content: bytes) -> bytes:
    tail = draw(
        st.one_of(
            st.binary(max_size=200),
            st.sampled_from([b"\0" * BLOCK, b" " * BLOCK]),
            st.sampled_from(list(other_files().values())).map(lambda other: other[BLOCK:]),
        )
    )
    return content + draw(st.sampled_from([b"", bytes(-len(content) % BLOCK)])) + tail


_MUTATIONS = [
    _set_value, _set_value, _set_value, _set_value, _replace_card, _insert_card, _insert_card,
    _repeat_card, _delete_card, _change_bytes, _change_body, _cut, _append,
]  # fmt: skip


# What must hold.


def check_reading(content: bytes) -> None:
    """Check that a file gives a result, with one warning at most, or a `DecodeError`."""
    started = time.process_time()
    (table, _), (hdus, remark) = (_read(read, content) for read in (read_table, read_fits))
    assert time.process_time() - started < MOST_SECONDS
    if hdus is not None:
        _check_hdus(hdus, content, remark)
    if table is not None:
        assert all(column.dtype.isnative for column in table.itercols())


def _read(read: Any, content: bytes) -> tuple[Any, str]:
    """Return what a file gives, None if it is refused, and what is warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result, error = None, None
        try:
            result = read(content)
        except DecodeError as raised:
            error = raised
    messages = [str(warning.message) for warning in caught]
    if error is not None:
        assert not messages
        assert "\n" not in str(error)
        assert not isinstance(error.__cause__, MemoryError | RecursionError), error
    assert len(messages) <= 1, messages
    assert all(issubclass(warning.category, Grad300Warning) for warning in caught), messages
    return result, "".join(messages)


def _check_hdus(hdus: fits.HDUList, content: bytes, remark: str) -> None:
    """Check that all of a file's HDUs are in memory, can be written, and read back the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        can_be_written = not remark and not any(_is_beyond_astropy(hdu) for hdu in hdus)
        again = read_fits(written(hdus, output_verify="exception")) if can_be_written else hdus
        for hdu, other in zip(hdus, again, strict=True):
            for card in hdu.header.cards:
                _ = card.keyword, card.value, card.comment
            _check_same(hdu.data, other.data)
    if not remark:
        _check_numbers(hdus, content)


def _is_beyond_astropy(hdu: Any) -> bool:
    """Return whether astropy reads an HDU that it can't write."""
    if isinstance(hdu, fits.BinTableHDU):
        has_logicals = any("L" in form for form in hdu.columns.formats)  # any byte is read
        return has_logicals or not len(hdu.data)  # and then a heap is lost
    is_scaled = hdu.is_image and hdu.data is not None and hdu.data.dtype.kind == "f"
    return type(hdu) not in (fits.PrimaryHDU, fits.ImageHDU) or is_scaled


def _check_numbers(hdus: fits.HDUList, content: bytes) -> None:
    """Check that numbers are those that astropy reads, where it reads them."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            theirs = fits.open(io.BytesIO(content), disable_image_compression=True, memmap=False)
            data = [hdu.data for hdu in theirs]
            for hdu in theirs:
                for place in range(len(getattr(hdu, "columns", ()))):
                    hdu.data.field(place)
        except Exception:  # astropy promises no type of error for what it can't read
            return
        if len(hdus) != len(data):  # an odd END misleads astropy
            return
        for one, other in zip(hdus, data, strict=True):
            if one.data is not None and other is not None and one.data.shape == other.shape:
                _check_same(one.data, other)


def _check_same(one: Any, other: Any) -> None:
    assert (one is None) == (other is None)
    if one is None:
        return
    assert one.shape == other.shape
    fields = range(len(one.dtype.names)) if isinstance(one, fits.FITS_rec) else [None]
    for place in fields:
        first, second = (one, other) if place is None else (one.field(place), other.field(place))
        if first.dtype.kind in "iufcb":
            assert np.array_equal(first, second, equal_nan=first.dtype.kind in "fc"), place

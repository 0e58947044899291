"""FITS files: bytes in, an astropy Table or HDUList out.

GRAD300's files deviate from the FITS Standard, and astropy warns of them or fails on them. They
are repaired here, in memory, before astropy reads them. These are the deviations, as seen in files
of 2025, each with the section of the FITS Standard 4.0 that it violates:

- ``DIAMETER =``: the equals sign stands in column 10, not 9 (4.1.2.2). `_repair` moves it.
- ``CTYPE1  = RA``: strings in images have no quotes (4.2.1.1). `_repair` adds them.
- ``OBJECT  = '     sun'``: leading blanks would be significant (4.2.1.1). `_repair` drops them.
- ``HIERARCH Scan Tag= '1'``: a keyword has at most 8 characters (4.1.2.1). Kept, since astropy
  knows this convention.
- ``Days``, ``Degree``, ``count``: units are ``d``, ``deg``, ``ct`` (4.3). `_UNITS` renames them.
- ``DATE-OBS`` without ``MJD-OBS`` is allowed (9.5), but astropy's WCS warns of it. `_add_mjd`
  adds it to images.
- Text in cells is padded on both sides, where blanks are significant (7.3.3.1). `_strip_texts`
  drops them.
- The last block of data is not filled up to 2880 bytes (3.3.2, 7.3.3). `_Part.content` pads it.
- ``NAXIS2`` is 0 although rows follow, or larger than their number (7.3.1). `_rescue_rows` counts
  them, and the caller is warned.
- Images have no data, and files are cut at 4096 bytes, before ``END`` (4.4.1). `_split` and
  `_read_cards` refuse them.

Cards and cells are repaired by their form, not by their names, so that future columns and cards,
and files from elsewhere, are read in the same way.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.io.fits.hdu.base import NonstandardExtHDU
from astropy.table import Column, Table

from grad300_sdk.columns import to_unicode
from grad300_sdk.engine import excerpt, warn
from grad300_sdk.errors import DecodeError, Grad300Warning
from grad300_sdk.records import ScanType
from grad300_sdk.tables import PortableTable, mergeable

__all__ = ["open_file", "read_fits", "read_table", "standardise"]

T = TypeVar("T")

# How the telescope spells units, in lower case, and how FITS does (4.3).
_UNITS = {
    "days": "d",
    "day": "d",
    "degree": "deg",
    "degrees": "deg",
    "count": "ct",
    "counts": "ct",
}

# Where the warnings of a reading come from.
_PACKAGE = Path(__file__).parent
_ASTROPY = re.compile(r"[\\/](astropy|numpy)[\\/]")

_BLOCK = 2880  # bytes: 3.1
_CARD = 80  # characters: 3.2
_GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1
_MOST_REMARKS = 3  # in a warning
_MOST = 999  # axes, and columns: 4.4.1.1, 7.3.1

# What has text as its value, with quotes or without: 4.4, 7.2, 7.3.
_TEXT = re.compile(
    r"(?:XTENSION|EXTNAME|BUNIT|(?:TTYPE|TFORM|TUNIT|TDISP|TDIM|TCTYP|TCUNI|CTYPE|CUNIT)\d+)"
)
# What has a number or a logical as its value, without quotes: 4.4.1, 4.4.2, 7.3.
_UNQUOTED = re.compile(r"(?:SIMPLE|BITPIX|NAXIS\d*|EXTEND|GROUPS|PCOUNT|GCOUNT|TFIELDS|THEAP)")
_NUMBER = r"[+-]?(?:\.\d+|\d+(?:\.\d*)?)(?:[ED][+-]?\d+)?"
_PLAIN = rf"(?:[TF]|{_NUMBER}|\( *{_NUMBER} *, *{_NUMBER} *\))?"
_GOOD_CARD = re.compile(
    rf"(?![BCT]UNIT|SIMPLE|XTENSION|{_TEXT.pattern} *= *[^' ]|{_UNQUOTED.pattern} *= *')"
    r"(?:(?=.{8}= )[A-Z0-9_-]+ *=|HIERARCH [ -<>-~]*[!-<>-~] *=)"
    rf" *(?:'(?! )[^']*(?:''[^']*)*'|{_PLAIN}) *(?:/.*)?"
    r"|(?:COMMENT |HISTORY | {8}).*|CONTINUE  '[^']*(?:''[^']*)*' *(?:/.*)?"
)
_KEYWORD = re.compile(r"(HIERARCH [^=]*[^= ]|[A-Za-z0-9_-]{1,8}) *= *")
_QUOTED_FIELD = re.compile(r"'([^']*(?:''[^']*)*)' *(?:/(.*))?")
_PLAIN_FIELD = re.compile(rf"({_PLAIN.replace('[ED]', '[EDed]')}) *(?:/(.*))?")
_COMMENT = re.compile(r".{8}= *(?:'(?:[^']|'')*'|[^'/]*) *(/.*\S)")
_VALUE = re.compile(r" *(?:'([^']*(?:''[^']*)*)'|([^ /]*))")
_CONTINUED = re.compile("[^/]*'[^']*(?:''[^']*)*&' *(?:/.*)?$")  # 4.2.1.2
# Control characters become blanks, and what is not ASCII a question mark, as in astropy (4.1.2.3).
_PRINTABLE = bytes(code if 32 <= code < 127 else 32 if code < 128 else 63 for code in range(256))

_COLUMN_FORMAT = re.compile(r"(\d{0,9})([LXBIJKAEDCM])(.*)|([01]?)([PQ])([LXBIJKAEDCM].*)")
_BYTES = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16}
_BYTES |= {"P": 8, "Q": 16}  # 7.3.1, table 18
_NUMPY = {"A": "S", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_CONVERTED = ("TSCAL", "TZERO", "TNULL", "TDISP", "TDIM")  # what is left to astropy
_SERIALIZED = "COMMENT --BEGIN-ASTROPY-SERIALIZED-COLUMNS--".ljust(_CARD)
_CLASSES = {
    "PRIMARY": fits.PrimaryHDU,
    "IMAGE": fits.ImageHDU,
    "BINTABLE": fits.BinTableHDU,
    "TABLE": fits.TableHDU,
}
_SUB_BAND = re.compile(r"BBC\d\d")  # a column that only a TPI has
# Of these, there is one in a header; the first one counts.
_STRUCTURAL = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|GROUPS|EXTEND|TFIELDS|THEAP|T[A-Z]{3,4}\d+"
)
_OF_THE_TABLE = re.compile(
    r"XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|THEAP|T(?:TYPE|FORM|UNIT)\d+"
)

_lock = Lock()


def _reset_after_fork() -> None:
    """Replace a lock that a thread of the parent may have held."""
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)


def open_file(content: bytes, scan_type: ScanType | None = None) -> Table | fits.HDUList:
    """Open the file of a scan: a TPI as a Table, any other as an HDUList.

    Parameters
    ----------
    content : bytes
        The file.
    scan_type : ScanType, optional
        The type of the scan whose file it is. By default the content tells: the table of a TPI has
        columns for sub-bands (``BBC09u``).

    Returns
    -------
    astropy.table.Table or astropy.io.fits.HDUList
        As `read_table` or `read_fits` returns it; they also document errors and warnings.

    Examples
    --------
    >>> from grad300_sdk.fits import open_file
    >>> from grad300_sdk.records import ScanType
    >>> from grad300_sdk.sandbox.files import synthesise
    >>> from grad300_sdk.sandbox.observing import observe
    >>> scans = {scan_type: scan for scan_type, _, scan in observe(9, seed=1)}
    >>> content = synthesise("TPI", scans["TPI"], seed=1)
    >>> isinstance(open_file(content, ScanType.TPI), Table)
    True
    """
    if scan_type is None:
        return _read(content, _make_table_or_hdus)
    return read_table(content) if scan_type == ScanType.TPI else read_fits(content)


def read_table(content: bytes) -> Table:
    """Read the table of a TPI or of a spectrum, in whichever HDU it is.

    Parameters
    ----------
    content : bytes
        The file. It is not changed.

    Returns
    -------
    astropy.table.Table
        The first table of the file, in native byte order, with astropy's units, and text without
        padding. Its ``meta`` holds the cards of the header that do not describe columns. Missing
        numbers are nan; nothing is masked, unless a column has a ``TNULL``.

    Raises
    ------
    DecodeError
        If the content is not a FITS file, if it has no table, or if it is cut before the end of
        the first row.

    Warns
    -----
    Grad300Warning
        If the table does not match its header and was rescued: ``NAXIS2`` is 0 although rows
        follow, or there are fewer rows than ``NAXIS2``; the rows found are returned. A ``NAXIS2``
        above 0 is never exceeded: bytes after the last row, other than padding, are left out.

    Examples
    --------
    >>> from grad300_sdk.fits import read_table
    >>> from grad300_sdk.sandbox.files import synthesise
    >>> from grad300_sdk.sandbox.observing import observe
    >>> scans = {scan_type: scan for scan_type, _, scan in observe(9, seed=1)}
    >>> table = read_table(synthesise("TPI", scans["TPI"], seed=1))
    >>> table["JD"].unit, table["LEFT_POL"].unit, table["CAL"][0].item(), table.meta["SITELAT"]
    (Unit("d"), Unit("ct"), 'OFF', 0)
    """
    return _read(content, _make_first_table)


def read_fits(content: bytes) -> fits.HDUList:
    """Read a FITS file into memory.

    Parameters
    ----------
    content : bytes
        The file. It is not changed.

    Returns
    -------
    astropy.io.fits.HDUList
        All HDUs, with their data, repaired so that they can be written as standard FITS: units
        are those of FITS, and text has no padding. No file stays open.

    Raises
    ------
    DecodeError
        If the content is not a FITS file, if it has no data, or if it is cut: an image with too
        little data, a table without a whole row, a header without its end.

    Warns
    -----
    Grad300Warning
        As `read_table` does; if an image is compressed, and is left so, as a table: a crafted one
        would end the process; and for what astropy warns of in files from elsewhere. There is one
        warning at most, which names all that was found.

    Examples
    --------
    >>> from grad300_sdk.fits import read_fits
    >>> from grad300_sdk.sandbox.files import synthesise
    >>> from grad300_sdk.sandbox.observing import observe
    >>> scans = {scan_type: scan for scan_type, _, scan in observe(9, seed=1)}
    >>> image, = read_fits(synthesise("Images", scans["Images"], seed=1))
    >>> image.header["CTYPE1"], image.header["DIAMETER"], image.data.ndim
    ('RA', 0, 2)
    """
    return _read(content, _make_all_hdus)


def standardise(content: bytes) -> bytes:
    """Return a file as one that follows the FITS Standard.

    Parameters
    ----------
    content : bytes
        The file. It is not changed.

    Returns
    -------
    bytes
        What `read_fits` returns, written; it also documents errors and warnings.

    Examples
    --------
    >>> from grad300_sdk.fits import standardise
    >>> from grad300_sdk.sandbox.files import synthesise
    >>> from grad300_sdk.sandbox.observing import observe
    >>> scans = {scan_type: scan for scan_type, _, scan in observe(9, seed=1)}
    >>> content = synthesise("Images", scans["Images"], seed=1)
    >>> len(content) % 2880 == 0, len(standardise(content)) % 2880 == 0
    (False, True)
    """
    return _read(content, _make_standard)


def _read(content: bytes, make: Callable[[list[_Part], list[str]], T]) -> T:
    """Make something of a file's HDUs, and warn of what was found in them."""
    with _as_decode_errors():
        parts, remarks = _split(content)
        result = make(parts, remarks)
    _warn(remarks)
    return result


@contextmanager
def _as_decode_errors() -> Iterator[None]:
    """Convert what astropy and numpy raise for bytes that make no sense to a DecodeError."""
    try:
        yield
    except DecodeError:
        raise
    except Exception as error:  # astropy promises no type for what it can't read
        reason = excerpt(f"{type(error).__name__}: {error}", 200)
        raise DecodeError(f"expected a FITS file that can be read, but: {reason}") from error


@contextmanager
def _collect_warnings(remarks: list[str]) -> Iterator[None]:
    """Collect what astropy warns of as remarks."""
    # The filters belong to the process: two threads at once would restore each other's.
    with _lock, warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "It is strongly recommended that column names")
        yield
    found: dict[str, None] = {}
    for warning in caught:
        if Path(warning.filename).is_relative_to(_PACKAGE) or _ASTROPY.search(warning.filename):
            found[excerpt(str(warning.message), 200)] = None
        else:  # of another thread
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    remarks += found


def _warn(remarks: list[str]) -> None:
    if len(remarks) > _MOST_REMARKS:
        remarks = [*remarks[:_MOST_REMARKS], f"and {len(remarks) - _MOST_REMARKS} more"]
    if remarks:
        warn("; ".join(remarks), Grad300Warning)


class _Part:
    """A header and data unit (HDU): its cards, repaired, and its data as in the file."""

    def __init__(self, cards: list[str], data: memoryview) -> None:
        self.cards = cards
        self.data = data
        self.fields: list[_Field] = []
        self.remarks: list[str] = []
        self._places: dict[str, int] = {}
        for place, card in enumerate(cards):
            keyword = card[:8].rstrip()
            if self._places.setdefault(keyword, place) != place and _STRUCTURAL.fullmatch(keyword):
                cards[place] = _comment_out(card)
                if _read_text(card) != self.text(keyword):
                    self.remarks.append(
                        f"of two cards {keyword} that differ, the first one counts"
                    )
        axes = self.text("NAXIS")
        numbered = [key for key in self._places if key[:5] == "NAXIS" and key[5:].isdecimal()]
        for keyword in numbered if axes.isdecimal() else ():
            if not 1 <= int(keyword[5:]) <= int(axes):
                place = self._places[keyword]
                cards[place] = _comment_out(cards[place])
        if self.text("XTENSION") == "A3DTABLE":  # its name before the Standard had it
            self.set("XTENSION", "BINTABLE")
        self.kind = self.text("XTENSION") or "PRIMARY"
        self.is_table = self.kind in ("BINTABLE", "TABLE")

    def __str__(self) -> str:
        kind = "compressed image" if self.is_compressed else self.kind
        return f"{kind}, {' x '.join(map(str, self.shape)) or 'no data'}"

    @property
    def is_in_order(self) -> bool:
        """Whether the header starts with the mandatory cards: 4.4.1."""
        axes = (f"NAXIS{axis}" for axis in range(1, len(self.shape) + 1))
        if self.text("SIMPLE"):
            if self.text("EXTEND") not in ("T", "F", ""):
                return False
            extend = ["EXTEND"] if "EXTEND" in self else []
            expected = ["SIMPLE", "BITPIX", "NAXIS", *axes, *extend]
        else:
            expected = ["XTENSION", "BITPIX", "NAXIS", *axes, "PCOUNT", "GCOUNT"]
            expected += ["TFIELDS"] if self.is_table else []
        return all(self._places.get(keyword) == place for place, keyword in enumerate(expected))

    @property
    def is_grouped(self) -> bool:
        """Whether the header counts parameters, or several groups of data."""
        return self.number("PCOUNT", 0) != 0 or self.number("GCOUNT", 1) != 1

    @property
    def is_compressed(self) -> bool:
        """Whether the table holds an image that is compressed: 10.1."""
        return self.is_table and self.text("ZIMAGE") == "T"

    def __contains__(self, keyword: str) -> bool:
        return keyword in self._places

    def text(self, keyword: str) -> str:
        """Return the value of a card as text, empty if there is no such card."""
        place = self._places.get(keyword)
        return "" if place is None else _read_text(self.cards[place])

    def number(self, keyword: str, default: int | None = None, most: int = 2**63) -> int:
        """Return the value of a card that holds a number from 0 on."""
        text = self.text(keyword).removeprefix("+")
        if not text and default is not None:
            return default
        if not text.isdecimal() or int(text) > most:
            raise DecodeError(
                f"expected a number from 0 to {most}, but got {keyword} = {excerpt(text)}"
            )
        return int(text)

    def set(self, keyword: str, value: int | float | str) -> None:
        """Change the value of a card, or add a card."""
        text = f"'{value:<8}'" if isinstance(value, str) else f"{value!r:>20}"
        place = self._places.setdefault(keyword, len(self.cards))
        old = _COMMENT.match("".join(self.cards[place : place + 1]))
        comment = f" {old[1]}" if old else ""
        self.cards[place : place + 1] = [f"{keyword:<8}= {text}{comment}"[:_CARD].ljust(_CARD)]

    @property
    def shape(self) -> list[int]:
        """The lengths of the axes, the fastest one first."""
        axes = self.number("NAXIS", most=_MOST)
        return [self.number(f"NAXIS{axis}") for axis in range(1, axes + 1)]

    @property
    def size(self) -> int:
        """The number of bytes of data that the header claims: 4.4.1, 6.2."""
        shape, bits = self.shape, self.text("BITPIX").lstrip("-")
        if bits not in ("8", "16", "32", "64"):
            raise DecodeError(
                f"expected 8, 16, 32 or 64 bits a number, but got BITPIX = {excerpt(bits)}"
            )
        if self.text("GROUPS") == "T" and shape[:1] == [0]:
            shape = shape[1:]
        values = math.prod(shape) if shape else 0
        return int(bits) // 8 * self.number("GCOUNT", 1) * (self.number("PCOUNT", 0) + values)

    @property
    def content(self) -> _Buffer:
        """The HDU, repaired and padded to whole blocks."""
        header = "".join([*self.cards, "END"]).encode("ascii")
        start = len(header) + -len(header) % _BLOCK
        end = start + len(self.data)
        padding = -end % _BLOCK
        content = _Buffer(end + padding)
        content[:start] = header.ljust(start)
        content[start:end] = self.data
        if self.kind == "TABLE":
            content[end:] = b" " * padding
        return content


def _read_text(card: str) -> str:
    """Return the value of a card as text."""
    match = _VALUE.match(card, 10)
    return (match[1] or match[2] or "").rstrip().replace("''", "'") if match else ""


class _Buffer(bytearray):
    """Mutable bytes, for arrays; slices are immutable, since astropy wants headers so."""

    def __getitem__(self, key: Any) -> Any:
        return bytes(super().__getitem__(key))


def _split(content: bytes) -> tuple[list[_Part], list[str]]:
    """Split a file into its HDUs; return them, and remarks on what was rescued."""
    if not content.startswith(b"SIMPLE"):
        first = excerpt(content[:400].decode("latin-1"))
        what = f"{len(content)} bytes that start with {first!r}" if content else "nothing"
        if content.startswith(_GZIP):
            what = f"{len(content)} bytes compressed by gzip; decompress them first"
        raise DecodeError(f"expected a FITS file, which starts with 'SIMPLE', but got {what}")
    parts: list[_Part] = []
    remarks: list[str] = []
    end = 0
    while not parts or content.startswith(b"XTENSION", end):
        cards, start = _read_cards(content, end)
        part = _Part(cards, memoryview(content)[start:])
        if not part.text("XTENSION" if parts else "SIMPLE"):
            raise DecodeError(
                f"expected the header of an HDU, but it starts with {excerpt(cards[0])!r}"
            )
        remarks += part.remarks
        if part.is_table:
            remarks += _rescue_rows(part)
        elif part.kind in ("PRIMARY", "IMAGE") and part.text("GROUPS") != "T" and part.is_grouped:
            raise DecodeError(f"expected one image ({part}), but PCOUNT or GCOUNT count more")
        size, rest = part.size, len(part.data)
        if size > rest:
            raise DecodeError(f"expected {size} bytes of data ({part}), but only {rest} follow")
        part.data = part.data[:size]
        parts.append(part)
        end = start + size
        if part.kind == "BINTABLE":
            part.fields = _read_fields(part)
            remarks += _remove_gaps(part)
            _check_arrays(part)
        elif part.kind == "TABLE":
            _check_text(part)
        if part.is_compressed:
            # Astropy's decoders write where the compressed bytes say: a crafted file ends the
            # process, and no check of its header can tell.
            remarks.append(
                "a compressed image was left compressed, as a table; if you trust the file, "
                "astropy.io.fits.open decompresses it"
            )
        padded = end + (start - end) % _BLOCK
        if padded == len(content) or content.startswith(b"XTENSION", padded):
            end = padded
    if content[end:].strip(b"\0 "):
        remarks.append(f"{len(content) - end} bytes after the data were left out")
    return parts, remarks


def _read_cards(content: bytes, start: int) -> tuple[list[str], int]:
    """Read the header at a place of a file; return its cards and where its data start."""
    end = _find_end(content, start)
    if end < 0:
        raise DecodeError(
            f"expected the END of a header, but the file is over after {len(content)} bytes"
        )
    text = content[start:end].translate(_PRINTABLE).rstrip().decode("ascii")
    cards = [_repair(text[place : place + _CARD]) for place in range(0, len(text), _CARD)]
    for place, card in enumerate(cards):
        if card.startswith("CONTINUE") and not _CONTINUED.match(cards[place - 1]):
            cards[place] = _comment_out(card)
    return cards, start + (end - start) // _BLOCK * _BLOCK + _BLOCK


def _find_end(content: bytes, start: int) -> int:
    """Return the place of the END card of the header at a place; -1 if there is none."""
    place = content.find(b"END", start)
    while place >= 0:
        is_card = (place - start) % _CARD == 0
        if is_card and not content[place + 3 : place + 8].strip(b" \0"):
            break
        place = content.find(b"END", place + 1)
    return place


@lru_cache(2048)  # most cards are those of the last file
def _repair(card: str) -> str:
    """Return a card as the Standard has it; one that makes no sense becomes a comment."""
    original = card = card.ljust(_CARD)
    if _GOOD_CARD.fullmatch(card):
        return card
    match = _KEYWORD.match(card)
    if not match or match[1] in ("COMMENT", "HISTORY", "CONTINUE"):
        return _comment_out(card)
    keyword, field = match[1], card[match.end() :].rstrip()
    if quoted := _QUOTED_FIELD.fullmatch(field):
        value, comment = _quote(keyword, quoted[1]), quoted[2]
    elif not _TEXT.fullmatch(keyword) and (plain := _PLAIN_FIELD.fullmatch(field)):
        value, comment = f"{plain[1].upper():>20}", plain[2]
    else:
        text, _, comment = field.partition(" /")
        value = _quote(keyword, text.strip("' ").replace("'", "''"))
    if _UNQUOTED.fullmatch(keyword) and re.fullmatch(_PLAIN, value.strip("' ")):
        value = value.strip("' ").rjust(20)
    if keyword.startswith("HIERARCH "):
        card = f"{keyword} = {value.strip()}"
    else:
        card = f"{keyword.upper():<8}= {value:<20}"
    if len(card) > _CARD:
        return _comment_out(original)
    return (f"{card} / {comment.strip()}" if comment else card)[:_CARD].ljust(_CARD)


def _comment_out(card: str) -> str:
    """Make a comment of a card."""
    return f"COMMENT {card}"[:_CARD]


def _quote(keyword: str, text: str) -> str:
    text = text.strip()
    if re.match("[BCT]UNIT", keyword):
        text = _UNITS.get(text.lower(), text)
    return f"'{text:<8}'"


def _rescue_rows(part: _Part) -> list[str]:
    """Make a table's header count the rows that are there; return a remark if it did not."""
    if len(part.shape) != 2 or part.text("BITPIX") != "8" or part.number("GCOUNT", 1) != 1:
        raise DecodeError(f"expected a table of bytes, in rows, but got {part}")
    part.number("TFIELDS", most=_MOST)
    length, rows = part.shape
    there = len(part.data) // length if length else 0
    if not there or part.number("PCOUNT", 0):  # nothing to rescue, or more than rows
        return []
    if rows > there:
        part.set("NAXIS2", there)
        return [f"the header counts {rows} rows (NAXIS2), but only {there} are there"]
    if rows == 0 and bytes(part.data[:8]) != b"XTENSION":
        # What pads the last block, where something does, is no row.
        tail = bytes(part.data[-_BLOCK:])
        filled = len(part.data) - len(tail) + len(tail.rstrip(b"\0 "))
        there = min(there, -(-filled // length))
        part.set("NAXIS2", there)
        if there:
            return [f"the header counts no rows (NAXIS2 = 0), but {there} are there"]
    return []


def _remove_gaps(part: _Part) -> list[str]:
    """Remove bytes at the end of each row that are in no column; return a remark if there are."""
    length, rows = part.shape
    width = sum(field.width for field in part.fields)
    if width == length:
        return []
    if width > length or part.number("PCOUNT", 0):
        raise DecodeError(f"expected rows of {width} bytes, as columns say, but got {length}")
    cells = np.ndarray((rows, length), "u1", part.data)
    part.data = memoryview(cells[:, :width].tobytes())
    part.set("NAXIS1", width)
    return [f"{length - width} bytes at the end of each row are in no column and were left out"]


class _Field(NamedTuple):
    """A column of a binary table, as its TFORM describes it."""

    name: str
    unit: str
    code: str
    repeat: int
    width: int
    is_simple: bool  # numbers or text to be taken as they are
    element: str  # what arrays of variable length are made of; empty in other columns

    @property
    def format(self) -> Any:
        """The numpy type of the column."""
        if self.code == "A":
            return f"S{self.repeat}"
        return _NUMPY[self.code] if self.repeat == 1 else (_NUMPY[self.code], (self.repeat,))


def _read_fields(part: _Part) -> list[_Field]:
    fields: dict[str, _Field] = {}
    for number in range(1, part.number("TFIELDS", most=_MOST) + 1):
        match = _COLUMN_FORMAT.fullmatch(form := part.text(f"TFORM{number}").upper())
        if match is None:
            raise DecodeError(
                f"expected the format of a column, but got TFORM{number} = {excerpt(form)}"
            )
        times, code, option = match.groups()[:3] if match[2] else match.groups()[3:]
        repeat = int(times or 1)
        width = (repeat + 7) // 8 if code == "X" else repeat * _BYTES[code]
        is_plain = repeat > 0 and code in _NUMPY and not option
        is_converted = any(f"{name}{number}" in part for name in _CONVERTED)
        given = part.text(f"TTYPE{number}")
        name = given or f"col{number}"
        while name in fields:
            name = f"{name[:50]}_{number}"
        if name != given:
            part.set(f"TTYPE{number}", name)
        unit = part.text(f"TUNIT{number}")
        element = option[0] if code in "PQ" else ""
        is_simple = is_plain and not is_converted
        fields[name] = _Field(name, unit, code, repeat, width, is_simple, element)
    return list(fields.values())


def _check_text(part: _Part) -> None:
    """Refuse a table of text whose columns go beyond its rows: 7.2.1."""
    length, _ = part.shape
    for number in range(1, part.number("TFIELDS") + 1):
        width = re.match(r"[AIFED](\d{1,9})", part.text(f"TFORM{number}"))
        end = part.number(f"TBCOL{number}") - 1 + int(width[1] if width else 1)
        if end > length:
            raise DecodeError(
                f"expected column {number} to end within a row, but got {end} of {length} bytes"
            )


def _check_arrays(part: _Part) -> None:
    """Refuse arrays of variable length that are not in the heap, or that share it: 7.3.5."""
    length, rows = part.shape
    if not part.number("PCOUNT", 0) and "THEAP" in part:
        part.set("THEAP", length * rows)
    start = part.number("THEAP", length * rows)
    heap = len(part.data) - start
    if heap < 0 or start < length * rows:
        raise DecodeError(f"expected a heap behind the rows ({part}), but got THEAP = {start}")
    place, taken = 0, 0.0
    for field in part.fields:
        if field.element and field.width:
            half = field.width // 2
            cells = np.ndarray((rows, 2), f">i{half}", part.data, place, (length, half))
            counts, starts = cells.T.astype(float)
            sizes = np.ceil(counts / 8) if field.element == "X" else counts * _BYTES[field.element]
            ends = np.where(counts == 0, 0, starts + sizes)
            if (counts < 0).any() or (starts < 0).any() or (ends > heap).any():
                raise DecodeError(f"expected arrays in a heap of {heap} bytes ({field.name})")
            taken += sizes.sum()
        place += field.width
    if taken > heap:  # what a small heap gives to many rows can fill the memory
        raise DecodeError(f"expected arrays of {heap} bytes, as the heap, but got {taken:.0f}")


def _strip_texts(cells: Any) -> Any:
    """Return text without padding, ended by its first NUL (7.3.3.1), and as ASCII."""
    is_new = np.ones(len(cells), bool)  # in some columns, most rows repeat the one before
    is_new[1:] = cells[1:] != cells[:-1]
    texts = cells[is_new]
    characters = texts[:, np.newaxis].view(np.uint8)
    characters[characters > 126] = ord("?")
    if not characters.all():
        characters[np.logical_or.accumulate(characters == 0, axis=1)] = 0
    texts = np.char.strip(texts)
    if is_new.all():
        return texts
    return np.repeat(texts, np.diff(np.flatnonzero(is_new), append=len(cells)))


def _first_table(parts: list[_Part]) -> _Part | None:
    return next((part for part in parts if part.is_table and not part.is_compressed), None)


def _make_table_or_hdus(parts: list[_Part], remarks: list[str]) -> Table | fits.HDUList:
    """Make a table of a TPI, and HDUs of any other file."""
    table = _first_table(parts)
    is_tpi = table is not None and any(_SUB_BAND.match(field.name) for field in table.fields)
    return (_make_first_table if is_tpi else _make_all_hdus)(parts, remarks)


def _make_first_table(parts: list[_Part], remarks: list[str]) -> Table:
    part = _first_table(parts)
    if part is None:
        held = "; ".join(map(str, parts))
        raise DecodeError(f"expected a table, but the FITS file holds none ({held})")
    return _make_table(part, remarks)


def _make_all_hdus(parts: list[_Part], remarks: list[str]) -> fits.HDUList:
    if not any(part.is_table or len(part.data) for part in parts):
        held = "; ".join(map(str, parts))
        raise DecodeError(f"the FITS file ends without data ({held})")
    return _make_hdus(parts, remarks)


def _make_standard(parts: list[_Part], remarks: list[str]) -> bytes:
    hdus = _make_all_hdus(parts, remarks)
    buffer = BytesIO()
    has_checksums = any("CHECKSUM" in hdu.header for hdu in hdus)
    with _collect_warnings(remarks):
        hdus.writeto(buffer, output_verify="exception", checksum=has_checksums)
    return buffer.getvalue()


def _make_table(part: _Part, remarks: list[str]) -> Table:
    fields = part.fields
    if not all(field.is_simple for field in fields) or not fields or _SERIALIZED in part.cards:
        return _read_with_astropy(part, remarks)
    row = np.dtype([(field.name, field.format) for field in fields])
    rows = np.ndarray((part.number("NAXIS2"),), row, part.data)
    columns = []
    for field in fields:
        cells = rows[field.name]
        cells = to_unicode(_strip_texts(cells)) if field.code == "A" else _to_native(cells)
        columns.append(Column(cells, name=field.name, unit=_parse_unit(field.unit), copy=False))
    return PortableTable(columns, copy=False, meta=mergeable(_read_meta(part)))


def _to_native(cells: Any) -> Any:
    return cells.astype(cells.dtype.newbyteorder("="))


@lru_cache(64)
def _parse_unit(text: str) -> Any:
    return units.Unit(text, format="fits", parse_strict="silent") if text else None


def _read_meta(part: _Part) -> dict[str, Any]:
    """Return the cards of a header that do not describe columns, as astropy's reader does."""
    cards = [card for card in part.cards if not (_OF_THE_TABLE.match(card) or card.isspace())]
    meta: dict[str, Any] = {}
    for card in fits.Header.fromstring("".join(cards)).cards:
        keyword, value = card.keyword, card.value
        if keyword in ("COMMENT", "HISTORY", ""):
            meta.setdefault("comments" if keyword == "COMMENT" else keyword, []).append(value)
        else:
            meta.setdefault(keyword, None if isinstance(value, fits.card.Undefined) else value)
    return meta


def _read_with_astropy(part: _Part, remarks: list[str]) -> Table:
    """Read a table that has columns to be converted: scaled, null, variable."""
    (hdu,) = _make_hdus([part], remarks)
    with _collect_warnings(remarks):
        table = Table.read(hdu, format="fits", unit_parse_strict="silent", mask_invalid=False)
    for column in list(table.itercols()):
        if isinstance(column, Column) and column.dtype.kind in "SU":
            column[...] = np.char.strip(column.data)
        elif isinstance(column, Column) and not column.dtype.isnative:
            table.replace_column(column.name, _to_native(column))
    table.convert_bytestring_to_unicode()
    return PortableTable(table, copy=False, meta=mergeable(table.meta))


def _make_hdus(parts: list[_Part], remarks: list[str]) -> fits.HDUList:
    """Read the repaired HDUs with astropy."""
    for part in parts:
        if part.text("CTYPE1"):
            _add_mjd(part)
    with _collect_warnings(remarks):
        hdus = fits.HDUList([_make_hdu(part) for part in parts])
        for hdu, part in zip(hdus, parts, strict=True):
            if part.kind == "BINTABLE" and hdu.data is not None:
                _convert_data(hdu.data, part.fields)
            elif isinstance(hdu.data, fits.FITS_rec):
                _convert_all(hdu.data)
        lacks_extend = len(parts) > 1 and parts[0].text("EXTEND") != "T"
        if lacks_extend or not all(part.is_in_order for part in parts):
            hdus.verify("silentfix+ignore")
    return hdus


def _make_hdu(part: _Part) -> Any:
    # From bytes, and not with fits.open: an HDU that belongs to a file in memory misleads those
    # who look for the file, as reproject does, and fits.open takes half as long again.
    hdu = _CLASSES.get(part.kind, NonstandardExtHDU).fromstring(part.content)  # copies nothing
    if part.kind == "BINTABLE":
        # Nothing public keeps astropy from defining the columns twice, which takes a third of
        # the time that it takes to read a spectrum.
        hdu._data_type = _Rows
        if isinstance(hdu.data, _Rows):
            hdu.data.__class__ = fits.FITS_rec
        del hdu._data_type
    return hdu


class _Rows(fits.FITS_rec):  # type: ignore[misc]  # astropy has no types
    """A table's rows while it is read: their columns are those that the HDU defines."""

    def __array_finalize__(self, obj: Any) -> None:
        if obj is None or isinstance(obj, fits.FITS_rec) or self.dtype.fields is None:
            super().__array_finalize__(obj)
            return
        self._init()
        self._nfields = len(self.dtype.fields)
        for name in ("_heapoffset", "_heapsize", "_tbsize", "_gap", "_uint"):
            setattr(self, name, getattr(obj, name))


def _convert_data(data: fits.FITS_rec, fields: list[_Field]) -> None:
    """Remove the padding of a table's text, and convert what astropy converts on demand."""
    rows = data.view(np.ndarray)
    for place, field in enumerate(fields):
        if not field.is_simple:
            data.field(place)
        elif field.code == "A":
            name = rows.dtype.names[place]
            rows[name] = _strip_texts(rows[name])


def _convert_all(data: fits.FITS_rec) -> None:
    """Convert what astropy converts on demand, and fails on."""
    for place in range(len(data.columns)):
        data.field(place)


def _add_mjd(part: _Part) -> None:
    """Add modified Julian dates to an image's header: 9.5; otherwise WCS adds them, and warns."""
    for name in ("OBS", "BEG", "AVG", "END"):
        try:
            date = datetime.fromisoformat(part.text(f"DATE-{name}"))
            if date.tzinfo:  # which FITS does not know: 9.1.1
                date = date.astimezone(UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):
            continue
        if not part.text(f"MJD-{name}"):
            part.set(f"DATE-{name}", date.isoformat())
            part.set(f"MJD-{name}", (date - datetime(1858, 11, 17)) / timedelta(days=1))

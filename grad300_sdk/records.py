"""The archive's rows: JSON in, records out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from grad300_sdk.engine import excerpt, warn
from grad300_sdk.errors import DecodeError, Grad300Warning
from grad300_sdk.filters import parse_date
from grad300_sdk.settings import setting

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["ScanRecord", "ScanType", "make_record", "make_records"]

Row: TypeAlias = dict[str, Any]
# Masks the secrets in a text that quotes what a server sent.
Redact: TypeAlias = Callable[[str], str]


class ScanType(StrEnum):
    """The types of scans in the archive.

    The value is accepted in any case, and so are the aliases ``image`` and ``on_off``:

    >>> ScanType("images"), ScanType("on_off")
    (<ScanType.IMAGES: 'Images'>, <ScanType.ONOFF: 'OnOff'>)

    Raises
    ------
    ValueError
        If there is no such type; the message lists the valid ones.
    """

    TPI = "TPI"
    IMAGES = "Images"
    SPECTRUM = "Spectrum"
    ONOFF = "OnOff"

    @classmethod
    def _missing_(cls, value: object) -> ScanType:
        if isinstance(value, str):
            name = value.strip().lower()
            for scan_type in cls:
                if name in (scan_type.value.lower(), *_ALIASES.get(scan_type.value, ())):
                    return scan_type
        valid = ", ".join(repr(scan_type.value) for scan_type in cls)
        raise ValueError(f"{value!r} is not a scan type; the scan types are {valid}")


_ALIASES = {"Images": ("image",), "OnOff": ("on_off",)}


# The start in UTC, the type, the project, the source, the tag of the scan, and the sub-scan:
# 20250204-093521_TPI-GRAD300-AZEL_04#_01#.fits
_FILE_NAME = re.compile(
    r"\d{8}-\d{6}_[A-Za-z]+-(?P<project>[^-]*)-.*_(?P<scan_tag>[^_#]*)#_(?P<sub_scan>[^_#]*)#"
)


class ScanRecord(msgspec.Struct, frozen=True):
    """A scan as the archive describes it.

    Records with the same values are equal; they can be dictionary keys and members of sets.

    Attributes
    ----------
    id : int
        The number of the scan, unique among the scans of its type.
    scan_type : ScanType
        The type of the scan.
    file_name : str
        The name of its FITS file.
    file_path : str or None
        The folder of the file in the archive.
    size : int or None
        The size of the file, in bytes.
    source : str or None
        The name of the observed source; it may be empty.
    ra : float or None
        Right ascension as the server sends it: in hours.
    dec : float or None
        Declination, in degrees.
    date, date_obs, date_end : datetime or None
        The date of the scan, its start and its end, in UTC.
    gain : int or None
        The gain of the receiver.
    comment : str or None
        The observer's comment.
    metadata : dict
        All other values that the server sends, by key.

    Examples
    --------
    >>> record = ScanRecord(42, ScanType.TPI, "20250204-093521_TPI-GRAD300-SUN_01#_01#.fits")
    >>> record.scan_type, record.date is None
    (<ScanType.TPI: 'TPI'>, True)
    >>> record.project, record.scan_tag, record.sub_scan
    ('GRAD300', '01', '01')
    """

    id: int
    scan_type: ScanType
    file_name: str
    file_path: str | None = None
    size: int | None = None
    source: str | None = None
    ra: float | None = None
    dec: float | None = None
    date: datetime | None = None
    date_obs: datetime | None = None
    date_end: datetime | None = None
    gain: int | None = None
    comment: str | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.id, self.scan_type, self.file_name))  # the metadata has no hash

    @property
    def coord(self) -> SkyCoord | None:
        """The position (ICRS); None if ``ra`` or ``dec`` is missing, or ``dec`` is impossible.

        ``ra`` is in the unit ``conf.ra_unit``.
        """
        if self.ra is None or self.dec is None or not abs(self.dec) <= 90:
            return None
        from astropy.coordinates import SkyCoord

        return SkyCoord(self.ra, self.dec, unit=(ra_unit(), "deg"), frame="icrs")

    @property
    def project(self) -> str | None:
        """The project in ``file_name``, such as ``GRAD300``; None if the name has another form."""
        return self._name_part("project")

    @property
    def scan_tag(self) -> str | None:
        """The tag of the scan in ``file_name``, such as ``04``; None if it has another form."""
        return self._name_part("scan_tag")

    @property
    def sub_scan(self) -> str | None:
        """The sub-scan in ``file_name``, such as ``01``; None if the name has another form."""
        return self._name_part("sub_scan")

    def _name_part(self, part: str) -> str | None:
        match = _FILE_NAME.match(self.file_name)
        return None if match is None else match[part]


def ra_unit() -> Any:
    """Return the unit of the right ascensions that the server sends, ``conf.ra_unit``."""
    from astropy import units

    name = setting("ra_unit")
    unit = units.Unit(name, parse_strict="silent")
    if not unit.is_equivalent(units.deg):
        raise ValueError(
            f"conf.ra_unit must be an angle such as 'hourangle' or 'deg', not {name!r}"
        )
    return unit


class Field(NamedTuple):
    """A value that the server sends for every scan.

    Attributes
    ----------
    name : str
        Its name in records and tables.
    kind : type
        Its type: int, float, str or datetime.
    is_required : bool
        Whether a row without it is a bad row.
    """

    name: str
    kind: type
    is_required: bool = False


# By key in the server's JSON, in the order of a table's columns.
FIELDS = {
    "id": Field("id", int, is_required=True),
    "file_name": Field("file_name", str, is_required=True),
    "file_path": Field("file_path", str),
    "size": Field("size", int),
    "object": Field("source", str),
    "ra": Field("ra", float),
    "dec": Field("dec", float),
    "date": Field("date", datetime),
    "date_obs": Field("date_obs", datetime),
    "date_end": Field("date_end", datetime),
    "gain": Field("gain", int),
    "comment": Field("comment", str),
}
# The integers that a column of a table can hold.
INTEGERS = range(-(2**63), 2**63)

_KIND_NAMES = {int: "an integer", float: "a number", str: "text", datetime: "a date"}


def make_record(row: object, scan_type: ScanType | None) -> ScanRecord:
    """Make a record of a row.

    Parameters
    ----------
    row : object
        The row's JSON, decoded.
    scan_type : ScanType or None
        The type of the scan; None if the row has it, as ``scan_type``.

    Returns
    -------
    ScanRecord
        The record.

    Raises
    ------
    DecodeError
        If the row lacks ``id`` or ``file_name``, or has a value of a wrong type.

    Examples
    --------
    >>> row = {"id": 42, "file_name": "a.fits", "object": "sun", "date": "2025-02-04T09:35:21"}
    >>> make_record(row, ScanType.TPI).date.isoformat()
    '2025-02-04T09:35:21+00:00'
    """
    if not isinstance(row, dict):
        raise DecodeError(f"{_excerpt(row)} is not a scan")
    values: Row = {}
    for key, field in FIELDS.items():
        value = row.get(key)
        if type(value) is not field.kind or field.kind is int:
            value = _convert(row, key, field)
        elif isinstance(value, str):
            value = value.rstrip("\0")  # as numpy does in a table
        values[field.name] = value
    if scan_type is None:
        scan_type = _parse_type(row)
    metadata = {key: row[key] for key in row if key not in FIELDS}
    if "scan_type" in row and repeats(row["scan_type"], scan_type):
        del metadata["scan_type"]
    return ScanRecord(scan_type=scan_type, metadata=metadata, **values)


def make_records(
    rows: Iterable[object], scan_type: ScanType | None, redact: Redact = str
) -> list[ScanRecord]:
    """Make records of rows.

    Parameters
    ----------
    rows : iterable
        The rows' JSON, decoded.
    scan_type : ScanType or None
        The type of the scans; None if each row has its own, as ``scan_type``.
    redact : callable
        Masks the secrets in the warning, which quotes a row.

    Returns
    -------
    list of ScanRecord
        The records, without those rows that no record can be made of.

    Warns
    -----
    Grad300Warning
        If rows were left out; the warning counts them and names the first.

    Examples
    --------
    >>> [record.file_name for record in make_records([{"id": 1, "file_name": "a"}], ScanType.TPI)]
    ['a']
    """
    records = [record_or_fault(row, scan_type, redact) for row in rows]
    return drop_faults(records)


def record_or_fault(row: object, scan_type: ScanType | None, redact: Redact) -> ScanRecord | str:
    """Return the record of a row or, for a bad row, what is wrong with it."""
    try:
        return make_record(row, scan_type)
    except DecodeError as error:
        return redact(str(error))


def drop_faults(records: Iterable[ScanRecord | str]) -> list[ScanRecord]:
    """Return the records, and warn of the bad rows among them."""
    good: list[ScanRecord] = []
    faults: list[str] = []
    for record in records:
        if isinstance(record, str):
            faults.append(record)
        else:
            good.append(record)
    warn_of_faults(faults)
    return good


def warn_of_faults(faults: Sequence[str]) -> None:
    """Warn of bad rows, if there are any."""
    if faults:
        what = f"{len(faults)} rows were" if len(faults) > 1 else "1 row was"
        first = "the first one: " if len(faults) > 1 else ""
        warn(f"{what} left out of the server's listing: {first}{faults[0]}", Grad300Warning)


def repeats(value: Any, scan_type: ScanType | None) -> bool:
    """Return whether a row's own scan type adds nothing to what is known."""
    try:
        return value is None or ScanType(value) is scan_type
    except ValueError:
        return False


def _convert(row: Row, key: str, field: Field) -> Any:
    """Return the row's value as the field's type, or None where it has none."""
    value = row.get(key)
    if value is None:
        if field.is_required:
            raise DecodeError(f"{_name(row)} has no {key}")
        return None
    if field.kind is datetime:
        date = parse_date(value)
        if date is not None:
            return date
    elif type(value) is int and field.kind in (int, float) and value in INTEGERS:
        return field.kind(value)
    what = f"the {key} {_excerpt(value)}, which is not {_KIND_NAMES[field.kind]}"
    raise DecodeError(f"{_name(row)} has {what}")


def _parse_type(row: Row) -> ScanType:
    try:
        return ScanType(row.get("scan_type", ""))
    except ValueError as error:
        raise DecodeError(f"{_name(row)} has a wrong scan_type: {error}") from None


def _name(row: Row) -> str:
    """Name a row as well as it can be named."""
    for key in ("id", "file_name"):
        if row.get(key) is not None:
            return f"the scan with the {key} {_excerpt(row[key])}"
    return f"the row {_excerpt(row)}"


def _excerpt(value: object) -> str:
    return excerpt(repr(value))

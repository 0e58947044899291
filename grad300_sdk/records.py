"""What the archive's JSON means: rows in, records out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from grad300_sdk.engine import excerpt
from grad300_sdk.errors import DecodeError, Grad300Warning
from grad300_sdk.filters import parse_date

__all__ = ["ScanRecord", "ScanType", "make_record", "make_records"]


class ScanType(StrEnum):
    """The kinds of scans in the archive.

    A value in any case names its type, as do ``image`` and ``on_off``:

    >>> ScanType("images"), ScanType("on_off")
    (<ScanType.IMAGES: 'Images'>, <ScanType.ONOFF: 'OnOff'>)

    Raises
    ------
    ValueError
        If there is no such type; the message lists those there are.
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
        raise ValueError(f"{value!r} is no scan type; the scan types are {valid}")


_ALIASES = {"Images": ("image",), "OnOff": ("on_off",)}


class ScanRecord(msgspec.Struct, frozen=True):
    """What the archive knows of a scan.

    Records with the same values are equal, and serve as keys and in sets.

    Attributes
    ----------
    id : int
        The number of the scan among those of its type.
    scan_type : ScanType
        Its type.
    file_name : str
        The name of its FITS file.
    file_path : str or None
        The folder of the file in the archive.
    size : int or None
        The size of the file, in bytes.
    source : str or None
        The name of what was observed; may be empty.
    ra : float or None
        Right ascension, as the server sends it: in hours.
    dec : float or None
        Declination, in degrees.
    date, date_obs, date_end : datetime or None
        The date of the scan, its start and its end, in UTC.
    gain : int or None
        The gain of the receiver.
    comment : str or None
        What the observer noted.
    metadata : dict
        Whatever else the server sends of the scan, by its key.

    Examples
    --------
    >>> record = ScanRecord(42, ScanType.TPI, "20250204-093521_TPI-GRAD300-SUN_01#_01#.fits")
    >>> record.scan_type, record.date is None
    (<ScanType.TPI: 'TPI'>, True)
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


class Field(NamedTuple):
    """What a row says of every scan.

    Attributes
    ----------
    name : str
        What a record, or a table, calls it.
    kind : type
        What it is: int, float, str or datetime.
    is_needed : bool
        Whether a row without it is a bad row.
    """

    name: str
    kind: type
    is_needed: bool = False


# By the key that the server's JSON has for it, in the order of a table's columns.
FIELDS = {
    "id": Field("id", int, is_needed=True),
    "file_name": Field("file_name", str, is_needed=True),
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
# What an integer column of a table can hold.
INTEGERS = range(-(2**63), 2**63)

_MEANINGS = {int: "a whole number", float: "a number", str: "text", datetime: "a date"}


def make_record(row: object, scan_type: ScanType | None) -> ScanRecord:
    """Make a record of a row of the server's.

    Parameters
    ----------
    row : object
        The row's JSON, decoded.
    scan_type : ScanType or None
        The type of the scan; None if the row says it, as ``scan_type``.

    Returns
    -------
    ScanRecord
        The record.

    Raises
    ------
    DecodeError
        If the row has no ``id`` or no ``file_name``, or something in it has a wrong type.

    Examples
    --------
    >>> row = {"id": 42, "file_name": "a.fits", "object": "sun", "date": "2025-02-04T09:35:21"}
    >>> make_record(row, ScanType.TPI).date.isoformat()
    '2025-02-04T09:35:21+00:00'
    """
    if not isinstance(row, dict):
        raise DecodeError(f"{_show(row)} is no scan")
    values: dict[str, Any] = {}
    for key, field in FIELDS.items():
        value = row.get(key)
        if type(value) is not field.kind or field.kind is int:
            value = _read(row, key, field)
        values[field.name] = value
    if scan_type is None:
        scan_type = _read_type(row)
    metadata = {key: row[key] for key in row if key not in FIELDS}
    if "scan_type" in row and repeats(row["scan_type"], scan_type):
        del metadata["scan_type"]
    return ScanRecord(scan_type=scan_type, metadata=metadata, **values)


def make_records(rows: Iterable[object], scan_type: ScanType | None) -> list[ScanRecord]:
    """Make records of the server's rows.

    Parameters
    ----------
    rows : iterable
        The rows' JSON, decoded.
    scan_type : ScanType or None
        The type of the scans; None if each row says it, as ``scan_type``.

    Returns
    -------
    list of ScanRecord
        The records, without those rows of which none can be made.

    Warns
    -----
    Grad300Warning
        If rows were left out; it counts them, and names the first.

    Examples
    --------
    >>> [record.file_name for record in make_records([{"id": 1, "file_name": "a"}], ScanType.TPI)]
    ['a']
    """
    return [record for _, record in read_rows(rows, scan_type)]


def read_rows(
    rows: Iterable[object], scan_type: ScanType | None
) -> list[tuple[dict[str, Any], ScanRecord]]:
    """Give the good rows with their records, and warn of those that are left out."""
    good: list[tuple[Any, ScanRecord]] = []
    faults = []
    for row in rows:
        try:
            good.append((row, make_record(row, scan_type)))
        except DecodeError as error:
            faults.append(str(error))
    if faults:
        what = f"{len(faults)} rows were" if len(faults) > 1 else "1 row was"
        first = "the first one: " if len(faults) > 1 else ""
        warnings.warn(
            f"{what} left out of the server's listing: {first}{faults[0]}",
            Grad300Warning,
            stacklevel=3,
        )
    return good


def repeats(value: Any, scan_type: ScanType) -> bool:
    """Say whether what a row says of its type is nothing new."""
    try:
        return value is None or ScanType(value) is scan_type
    except ValueError:
        return False


def _read(row: dict[str, Any], key: str, field: Field) -> Any:
    """Read what the row says of the field, unless that is a text or a float already."""
    value = row.get(key)
    if value is None:
        if field.is_needed:
            raise DecodeError(f"{_name(row)} has no {key}")
        return None
    if field.kind is datetime:
        date = parse_date(value)
        if date is not None:
            return date
    elif type(value) is int and field.kind in (int, float) and value in INTEGERS:
        return field.kind(value)
    what = f"the {key} {_show(value)}, which is not {_MEANINGS[field.kind]}"
    raise DecodeError(f"{_name(row)} has {what}")


def _read_type(row: dict[str, Any]) -> ScanType:
    try:
        return ScanType(row.get("scan_type", ""))
    except ValueError as error:
        raise DecodeError(f"{_name(row)} has a wrong scan_type: {error}") from None


def _name(row: dict[str, Any]) -> str:
    """Name a row as well as it can be named."""
    for key in ("id", "file_name"):
        if row.get(key) is not None:
            return f"the scan with the {key} {_show(row[key])}"
    return f"the row {_show(row)}"


def _show(value: object) -> str:
    return excerpt(repr(value))

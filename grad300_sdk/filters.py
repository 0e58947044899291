"""The filters of a listing: checked, sent in a query, and applied again to the answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from msgspec import Struct

if TYPE_CHECKING:
    from astropy.time import Time

__all__ = ["DateLike", "Filters", "parse_date", "to_utc"]

# A point in time, or a day of UTC: a datetime without an offset is UTC, a str is ISO 8601.
DateLike: TypeAlias = Union["datetime", "date", str, "Time"]


class Filters(Struct, frozen=True):
    """The filters of a listing.

    Attributes
    ----------
    source, scan_name : str or None
        A part of the name of the source, or of the file; upper and lower case are alike.
    date_from, date_to : datetime or None
        The earliest and the latest date, both included.
    """

    source: str | None = None
    scan_name: str | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None

    @classmethod
    def from_arguments(
        cls,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
    ) -> Filters:
        """Make filters of a call's arguments; raise an error that names a wrong one."""
        for name, value in (("source", source), ("scan_name", scan_name)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{name} must be a str, not {value!r}")
        start = None if date_from is None else to_utc("date_from", date_from)
        end = None if date_to is None else to_utc("date_to", date_to, end=True)
        if start is not None and end is not None and end < start:
            raise ValueError(f"date_to ({date_to}) is before date_from ({date_from})")
        return cls(source, scan_name, start, end)

    @property
    def params(self) -> dict[str, str | None]:
        """The filters as a query, in which dates have an offset."""
        return {
            "source": self.source,
            "scan_name": self.scan_name,
            "date_from": None if self.date_from is None else self.date_from.isoformat(),
            "date_to": None if self.date_to is None else self.date_to.isoformat(),
        }

    @property
    def is_empty(self) -> bool:
        """Whether every row matches."""
        return not any((self.source, self.scan_name, self.date_from, self.date_to))

    def match(self, row: Any) -> bool:
        """Return whether a row of a listing matches the filters."""
        if self.is_empty:
            return True
        return isinstance(row, dict) and self.match_values(
            row.get("object"), row.get("file_name"), row.get("date")
        )

    def match_values(self, source: object, file_name: object, date: object) -> bool:
        """Return whether these values of a row match the filters."""
        return (
            _contains(source, self.source)
            and _contains(file_name, self.scan_name)
            and self._is_in_range(date)
        )

    def _is_in_range(self, value: object) -> bool:
        if self.date_from is None and self.date_to is None:
            return True
        date = parse_date(value)
        return (
            date is not None
            and (self.date_from is None or self.date_from <= date)
            and (self.date_to is None or date <= self.date_to)
        )


def _contains(value: object, part: str | None) -> bool:
    return not part or (isinstance(value, str) and part.casefold() in value.casefold())


def parse_date(text: object) -> datetime | None:
    """Parse a date of the archive (UTC unless it has an offset); return None if it is not one."""
    try:
        return _as_utc(datetime.fromisoformat(text)) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def to_utc(name: str, value: DateLike, *, end: bool = False) -> datetime:
    """Convert an argument to a point in time.

    Parameters
    ----------
    name : str
        The name of the argument, for error messages.
    value : datetime, date, str or Time
        The argument.
    end : bool
        Whether a day without a time means its end.

    Returns
    -------
    datetime
        The point in time, in UTC.

    Raises
    ------
    TypeError
        If the argument has another type.
    ValueError
        If it can't be parsed, or is out of the range of a datetime.
    """
    if isinstance(value, str):
        value = _parse_argument(name, value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.max if end else time.min)
    elif hasattr(value, "to_datetime"):  # a Time; astropy.time need not be imported to know it
        value = _from_astropy(name, value)
    if not isinstance(value, datetime):
        raise TypeError(
            f"{name} must be a datetime, a date, an ISO 8601 str or an astropy Time, not {value!r}"
        )
    try:
        return _as_utc(value)
    except OverflowError:
        raise ValueError(f"{name} is {value!r}, which is out of range in UTC") from None


def _parse_argument(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{name} is {text!r}, but must be a valid date "
            "such as '2025-02-04' or '2025-02-04T09:35:21Z'"
        ) from None


def _from_astropy(name: str, value: Any) -> Any:
    if not getattr(value, "isscalar", True):
        raise ValueError(f"{name} is an array of times, but must be a single one")
    if isinstance(value, datetime):  # as a pandas Timestamp is, which has the method too
        return value
    if getattr(value, "mask", False):
        raise ValueError(f"{name} is masked, but must be a date")
    # One of a column in which others are masked gives an array of one datetime.
    value = getattr(value, "unmasked", value)
    try:
        return value.utc.to_datetime()
    except ValueError as error:  # a leap second, a time before the year 1
        raise ValueError(f"{name} is {value}, which is not a datetime: {error}") from None


def _as_utc(value: datetime) -> datetime:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC)

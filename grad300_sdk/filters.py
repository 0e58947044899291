"""What a listing is asked for: checked, put into a query, and applied again to the answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from astropy.time import Time

__all__ = ["DateLike", "Filters", "moment", "parse_date"]

# A point in time, or a day of UTC: a datetime without an offset is UTC, a str is ISO 8601.
DateLike: TypeAlias = Union["datetime", "date", str, "Time"]


@dataclass(frozen=True)
class Filters:
    """The filters of a listing.

    Attributes
    ----------
    source, scan_name : str or None
        What the name of the source, or of the file, has in it; upper and lower case are alike.
    date_from, date_to : datetime or None
        The earliest and the latest date, both included.
    """

    source: str | None = None
    scan_name: str | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None

    @classmethod
    def check(
        cls,
        source: str | None,
        scan_name: str | None,
        date_from: DateLike | None,
        date_to: DateLike | None,
    ) -> Filters:
        """Make filters of a call's arguments, or say which of them is wrong."""
        for name, value in (("source", source), ("scan_name", scan_name)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{name} must be a str, not {value!r}")
        start = None if date_from is None else moment("date_from", date_from)
        end = None if date_to is None else moment("date_to", date_to, end=True)
        if start is not None and end is not None and end < start:
            raise ValueError(f"date_to ({date_to}) is before date_from ({date_from})")
        return cls(source, scan_name, start, end)

    @property
    def params(self) -> dict[str, str | None]:
        """The query; dates have an offset."""
        return {
            "source": self.source,
            "scan_name": self.scan_name,
            "date_from": None if self.date_from is None else self.date_from.isoformat(),
            "date_to": None if self.date_to is None else self.date_to.isoformat(),
        }

    def match(self, row: Any) -> bool:
        """Say whether a row of a listing is among what was asked for."""
        if not any((self.source, self.scan_name, self.date_from, self.date_to)):
            return True
        return (
            isinstance(row, dict)
            and _holds(row.get("object"), self.source)
            and _holds(row.get("file_name"), self.scan_name)
            and self._is_in_time(row)
        )

    def _is_in_time(self, row: dict[str, Any]) -> bool:
        if self.date_from is None and self.date_to is None:
            return True
        date = parse_date(row.get("date"))
        return (
            date is not None
            and (self.date_from is None or self.date_from <= date)
            and (self.date_to is None or date <= self.date_to)
        )


def _holds(value: object, part: str | None) -> bool:
    return not part or (isinstance(value, str) and part.casefold() in value.casefold())


def parse_date(text: object) -> datetime | None:
    """Read a date of the archive's; one without an offset is UTC. None where it can't be read."""
    try:
        return _in_utc(datetime.fromisoformat(text)) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def moment(name: str, value: DateLike, *, end: bool = False) -> datetime:
    """Give the point in time that an argument means, in UTC.

    Parameters
    ----------
    name : str
        What the argument is called, for the message of an error.
    value : datetime, date, str or Time
        The argument.
    end : bool
        Whether a day without a time means its end.

    Returns
    -------
    datetime
        With an offset of zero.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If it can't be read.
    """
    if isinstance(value, str):
        value = _read(name, value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.max if end else time.min)
    elif hasattr(value, "to_datetime"):  # a Time; astropy.time need not be imported to know it
        value = _from_astropy(name, value)
    if not isinstance(value, datetime):
        raise TypeError(
            f"{name} must be a datetime, a date, an ISO 8601 str or an astropy Time, not {value!r}"
        )
    try:
        return _in_utc(value)
    except OverflowError:
        raise ValueError(f"{name} is {value!r}, which is out of range in UTC") from None


def _read(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{name} is {text!r}, where a date is needed, "
            "like '2025-02-04' or '2025-02-04T09:35:21Z'"
        ) from None


def _from_astropy(name: str, value: Any) -> Any:
    if not getattr(value, "isscalar", True):
        raise ValueError(f"{name} is an array of times, where a single one is needed")
    if isinstance(value, datetime):  # as a pandas Timestamp is, which has the method too
        return value
    try:
        return value.utc.to_datetime()
    except ValueError as error:  # a leap second, a time before the year 1
        raise ValueError(f"{name} is {value}, which is no datetime: {error}") from None


def _in_utc(value: datetime) -> datetime:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC)

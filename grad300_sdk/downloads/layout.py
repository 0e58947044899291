"""Where each file of a bulk download goes: a layout, whose fields are the values of a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import date, datetime
from string import Formatter
from typing import Any

from grad300_sdk.downloads.names import safe_name
from grad300_sdk.engine import excerpt
from grad300_sdk.filters import parse_date, to_utc

__all__ = ["Layout"]

_SLASH = re.compile(r"[/\\]")
_MISSING = "unknown"  # in place of a value that a row lacks
_DATE = "%Y%m%d-%H%M%S"  # as in the names of the archive's files


class Layout:
    """A path below a folder, with fields such as ``{file_name}`` and ``{date:%Y/%m}``.

    Parameters
    ----------
    text : str
        The path. A field names a column; what follows its colon is a format, a date's for
        `~datetime.datetime.strftime`.

    Attributes
    ----------
    columns : frozenset of str
        The columns that the fields name.

    Raises
    ------
    TypeError, ValueError
        If the text is not a path below a folder, or a field is not the name of a column.

    Examples
    --------
    >>> row = {"date": "2025-02-04T09:35:21", "file_name": "sun.fits"}
    >>> Layout("{date:%Y/%m}/{file_name}").fill(row.get)
    '2025/02/sun.fits'
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"layout must be a str, not {text!r}")
        self._text = text
        try:
            self._pieces = list(Formatter().parse(text))
        except ValueError as error:
            raise self._error(str(error)) from None
        for _, name, form, conversion in self._pieces:
            if name == "" or conversion or re.search(r"[.[]", name or "") or "{" in (form or ""):
                raise self._error("a field is the name of a column, and perhaps a format")
        self.columns = frozenset(name for _, name, *_ in self._pieces if name is not None)
        outline = "".join(literal + "x" * (name is not None) for literal, name, *_ in self._pieces)
        if outline.startswith("~") or re.match("[A-Za-z]:", outline):
            raise self._error("it must be a relative path")
        if not {"", ".", ".."}.isdisjoint(_SLASH.split(outline)):
            raise self._error("it must be a relative path without empty parts, '.' and '..'")

    def check(self, columns: Collection[str]) -> None:
        """Raise an error if a field names none of the columns that there are."""
        for name in sorted(self.columns.difference(columns)):
            raise self._error(f"there is no column {name!r}; the columns are {', '.join(columns)}")

    def fill(self, value_of: Callable[[str], Any]) -> str:
        """Return the path of a file, each part of it made safe.

        Parameters
        ----------
        value_of : callable
            Returns the value of a column, or None if it is missing.

        Raises
        ------
        ValueError
            If a value can't be formatted as the layout says.
        """
        text = ""
        for literal, name, form, _ in self._pieces:
            text += literal
            if name is not None:
                text += self._format(name, value_of(name), form or "")
        *folders, file_name = [safe_name(part) or _MISSING for part in _SLASH.split(text) if part]
        # A leading tilde would become a home directory where the path begins with it.
        return "/".join([*(re.sub("^~", "_", folder) for folder in folders), file_name])

    def _format(self, name: str, value: Any, form: str) -> str:
        if isinstance(value, str) and "%" in form:
            value = parse_date(value)
        elif isinstance(value, date) or hasattr(value, "to_datetime"):
            value, form = _to_datetime(value), form or _DATE
        try:
            text = "" if value is None else format(value, form)
        except (TypeError, ValueError) as error:
            problem = f"{{{name}:{form}}} does not fit {excerpt(repr(value))}: {error}"
            raise self._error(problem) from None
        if name != "file_path" and not isinstance(value, datetime):  # these may be several folders
            text = _SLASH.sub("_", text)
        return text if text.strip(" /\\") else _MISSING

    def _error(self, problem: str) -> ValueError:
        return ValueError(f"layout is {excerpt(self._text)!r}, but {problem}")


def _to_datetime(value: Any) -> datetime | None:
    """Return a date in UTC, or None if it is none that a datetime can hold."""
    try:
        return to_utc("layout", value)
    except ValueError:
        return None

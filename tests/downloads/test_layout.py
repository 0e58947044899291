"""Where files go: layouts, and the values that fill them."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from grad300_sdk.downloads.bulk import _value
from grad300_sdk.downloads.layout import Layout

ROW: dict[str, Any] = {
    "id": 42,
    "file_name": "sun.fits",
    "file_path": "20250204/FITS",
    "source": "sun",
    "ra": 1.25,
    "date": datetime(2025, 2, 4, 9, 35, 21, tzinfo=UTC),
    "text": "2025-02-04T23:35:21-05:00",
    "time": Time("2025-02-04T09:35:21"),
    "day": date(2025, 2, 4),
    "number": np.int64(7),
    "none": None,
    "empty": " ",
}


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        ("{file_name}", "sun.fits"),
        ("{file_path}/{file_name}", "20250204/FITS/sun.fits"),
        ("{file_path}\\{file_name}", "20250204/FITS/sun.fits"),
        ("{source}/{date:%Y/%m}/{file_name}", "sun/2025/02/sun.fits"),
        ("{time:%Y/%j}/{id:05}.fits", "2025/035/00042.fits"),
        ("{text:%Y-%m-%d}.fits", "2025-02-05.fits"),
        ("{date}_{number:03}.fits", "20250204-093521_007.fits"),
        ("{day:%Y/%m}/x", "2025/02/x"),
        ("{ra:.1f}{{x}}", "1.2{x}"),
        ("{ra:.0%}", "125%"),
        ("a b/{none}/{empty}/{none:%Y}/{file_name}", "a b/unknown/unknown/unknown/sun.fits"),
        ("{source:%Y}/{none:05}x", "unknown/unknownx"),
        ("con/{source}:x", "_con/sun_x"),
    ],
)
def test_what_a_layout_says(layout: str, path: str) -> None:
    assert Layout(layout).fill(ROW.get) == path


@pytest.mark.parametrize(
    ("value", "folder"),
    [
        ("..", "unknown"),
        (".", "unknown"),
        ("../../etc", "_.._etc"),
        ("a/b\\c", "a_b_c"),
        ("/etc", "_etc"),
        ("C:\\x", "_x"),
        ("~root", "_root"),
        ("a\0\nb", "ab"),
        ("x" * 300 + ".y", "x" * 198 + ".y"),
    ],
)
def test_a_value_is_one_part(value: str, folder: str) -> None:
    assert Layout("{source}/x").fill({"source": value}.get) == f"{folder}/x"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/20250204//FITS/", "20250204/FITS/x"),
        ("../../20250204", "unknown/unknown/20250204/x"),
        ("C:/~x/..", "unknown/_x/unknown/x"),
        ("/", "unknown/x"),
        ("", "unknown/x"),
        (None, "unknown/x"),
    ],
)
def test_the_folders_of_the_archive_stay_below(value: str | None, path: str) -> None:
    assert Layout("{file_path}/x").fill({"file_path": value}.get) == path


@given(st.sampled_from(["file_path", "source"]), st.text() | st.text("./\\~:C\0 "))
def test_nothing_leaves_the_folder(name: str, value: str) -> None:
    for layout in (f"{{{name}}}/x", f"x/{{{name}}}", f"{{{name}}}", f"{{{name}}}{{{name}}}/x"):
        filled = Layout(layout).fill({name: value}.get)
        parts = filled.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert not any(character in filled for character in '\0\n\\:"|?*<>')
        assert len(parts) == 1 or not filled.startswith("~")
        assert os.path.normpath(filled) == filled
        assert not os.path.isabs(filled)
        assert Path(filled).parts == tuple(parts)


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ("", "without empty parts"),
        ("/{id}", "without empty parts"),
        ("\\{id}", "without empty parts"),
        ("{id}/", "without empty parts"),
        ("a//{id}", "without empty parts"),
        ("../{id}", "without empty parts"),
        ("a/./{id}", "without empty parts"),
        ("{source}/..", "without empty parts"),
        ("C:{id}", "must be a relative path"),
        ("~/{id}", "must be a relative path"),
        ("{id", "expected '}'"),
        ("id}", "Single '}'"),
        ("{}", "a field is the name of a column"),
        ("{id.__class__}", "a field is the name of a column"),
        ("{id[0]}", "a field is the name of a column"),
        ("{id!r}", "a field is the name of a column"),
        ("{date:{source}}", "a field is the name of a column"),
    ],
)
def test_what_is_no_layout(layout: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        Layout(layout)
    assert str(caught.value).startswith("layout is ")


def test_a_layout_is_a_str() -> None:
    number: Any = 3
    with pytest.raises(TypeError, match="layout must be a str, not 3"):
        Layout(number)


def test_columns_that_there_are_not() -> None:
    layout = Layout("{sorce}/{id}/{file_name}")
    assert layout.columns == {"sorce", "id", "file_name"}
    with pytest.raises(ValueError, match="no column 'sorce'; the columns are id, source, file_n"):
        layout.check(["id", "source", "file_name"])
    layout.check(["id", "sorce", "file_name"])


def test_a_format_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"\{source:05d\} does not fit 'sun'"):
        Layout("{source:05d}").fill(ROW.get)


@pytest.mark.parametrize("kind", [Table, QTable])
def test_values_that_are_masked(kind: Any) -> None:
    dates = Time(["2025-02-04T09:35:21", "2025-02-05"])
    dates[1] = np.ma.masked
    table = kind({"date": dates, "ra": MaskedColumn([1.5, 2.0], mask=[True, False], unit="deg")})
    layout = Layout("{date:%Y}/{ra:.2f}")
    assert [layout.fill(partial(_value, row)) for row in table] == ["2025/unknown", "unknown/2.00"]


def test_dates_are_in_utc_and_may_be_beyond_a_datetime() -> None:
    east = datetime(2025, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert Layout("{date:%Y}").fill({"date": east}.get) == "2024"
    leap = Time("2016-12-31T23:59:60")
    assert Layout("{date:%Y}").fill({"date": leap}.get) in ("unknown", "2017")

"""What dates may be given as, besides what the listings' own tests give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from astropy.time import Time

from grad300_sdk.filters import to_utc


class Timestamp(datetime):
    """A datetime with the method of astropy's that pandas has, too."""

    def to_datetime(self) -> datetime:
        raise AssertionError("it is a datetime already")


# The dates of a listing, of which one is missing.
MASKED = Time(["2025-02-04T09:35:21", "2025-02-05"])
MASKED[1] = np.ma.masked


@pytest.mark.parametrize(
    "value",
    [
        Time("2025-02-04T09:35:21"),
        Time("2025-02-04T09:35:21", scale="utc").tai,
        Timestamp(2025, 2, 4, 9, 35, 21),
        MASKED[0],
    ],
)
def test_moments(value: Any) -> None:
    expected = datetime(2025, 2, 4, 9, 35, 21, tzinfo=UTC)
    assert abs(to_utc("date_from", value) - expected) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (Time(["2025-02-04", "2025-02-05"]), "date_from is an array of times"),
        (
            Time("2016-12-31T23:59:60"),
            "date_from is 2016-12-31T23:59:60.*, which is not a datetime",
        ),
        (MASKED[1], "date_from is masked"),
    ],
)
def test_times_that_are_no_moments(value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        to_utc("date_from", value)

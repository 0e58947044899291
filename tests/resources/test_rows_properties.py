"""Rows of every kind: `table`, `records` and `search` make the same of them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from grad300_sdk import Client, Grad300Warning, ScanRecord
from grad300_sdk.columns import as_text
from grad300_sdk.engine import Send, decode_json
from grad300_sdk.filters import Filters
from grad300_sdk.records import FIELDS, ScanType, make_records
from tests.support.budget import budget
from tests.support.interleaved import Interleaved

# What servers write that is not JSON, or that Python can't hold, as it is written.
RAW = [
    *["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" * 5000, "1e-400", "-0", "-0.0"],
    *[r'"\ud800"', r'"a\udc00b"', r'"\ud83d\ude00"', '"\x01\n"', r'"a\u0000"', r'"\u0000a"'],
]
ENDS = ["", "Z", "z", "+00:00", "+00", "-00:00", "+01:00", "+0130", "+00:00:00.5", "Z ", "\0"]
DATES = st.builds(
    lambda day, gap, time, end: f"{day}{gap}{time}{end}",
    st.sampled_from(
        [
            *["2025-02-04", "2025-02-04", "0001-01-01", "9999-12-31", "1959-12-31", "2016-12-31"],
            *["20250204", "2025-W06-2", "2025-02-30", "0000-01-01", "2025-035", "-001-01-01"],
        ]
    ),
    st.sampled_from(["T", "T", " ", "t", "", "\0", "é"]),
    st.sampled_from(
        [
            *["09:35:21", "09:35:21.5", "09:35:21.123456", "09:35:21.1234567", "09:35:21."],
            *["09:35:21,25", "09:35", "09", "093521", "24:00:00", "24:00:01", "23:59:60", ""],
            *["09:35:2", "09:35:21.5 ", "9:35:21", "09:35:٣٤"],
        ]
    ),
    st.sampled_from(ENDS),
)
NUMBERS = st.sampled_from(
    [0, 1, 7, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30]
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [1e300, 2.9e-310, -0.0]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(
    [
        "",
        "sun",
        "SUN",
        "\0",
        "a\0",
        "a\0b",
        "TPI",
        "images",
        "\x1b[31m",
        "é",
        "a" * 90,
        "\u202e",
        "None",
    ]
)
LEAVES = st.none() | st.booleans() | NUMBERS | FLOATS | TEXTS | DATES
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=3,
).map(json.dumps) | st.sampled_from(RAW)
KEYS = (
    st.sampled_from(
        [
            *FIELDS,
            *[
                "scan_type",
                "source",
                "source_",
                "metadata",
                "azimuth",
                "elevation",
                "ctime",
                "mtime",
            ],
            *[
                "nsamples",
                "meta",
                "columns",
                "colnames",
                "info",
                "mask",
                "",
                "a b",
                "é",
                "x\0",
                "Id",
            ],
        ]
    )
    | TEXTS
)
ODD_IDS = ["true", "false", "null", '"7"', "1.0", "1.5", "[1]", "{}", "1e400", f"{2**63}", "-1"]
GOOD = {
    "size": st.integers(0, 9) | NUMBERS,
    "object": TEXTS,
    "ra": st.integers(0, 23) | FLOATS,
    "date": DATES,
    "date_obs": st.just("2025-02-04T09:35:21"),
    "date_end": DATES,
    "gain": NUMBERS,
    "azimuth": FLOATS | NUMBERS,
    "ctime": DATES,
    "nsamples": NUMBERS | FLOATS,
    "flag": st.booleans() | st.none(),
    "tags": st.lists(st.integers(), max_size=2),
}
IDS = st.integers(1, 40).map(str) | st.integers(1, 3).map(str) | st.sampled_from(ODD_IDS)


@st.composite
def objects(draw: Any) -> str:
    """Write an object: mostly a scan, with a few odd values, and keys that may be repeated."""
    members = [("id", draw(IDS)), ("file_name", '"a.fits"')]
    for key in draw(st.lists(st.sampled_from(list(GOOD)), max_size=5)):
        members.append((key, json.dumps(draw(GOOD[key]))))
    if draw(st.integers(0, 3)) == 0:
        members += draw(st.lists(st.tuples(KEYS, VALUES), max_size=3))
    return "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in members) + "}"


ROWS = objects() | objects() | objects() | VALUES
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "source": st.sampled_from(["sun", "é", "\0"]),
        "scan_name": st.sampled_from(["a", "fits"]),
        "date_from": st.sampled_from(["2025-02-04", "2025-02-04T09:35:21.2Z"]),
        "date_to": st.just("2025-02-04T12:00:00+01:00"),
    },
)


def page(rows: list[str], query: Any) -> bytes:
    """Answer a request for rows."""
    offset, limit = int(query.get("offset", 0)), int(query["limit"])
    return f"[{', '.join(rows[offset : offset + limit])}]".encode()


def cells(column: Any) -> list[Any]:
    """Return the values of a column, None where they are masked."""
    values: list[Any]
    if isinstance(column, Time):
        mask = np.broadcast_to(column.mask, len(column)).tolist()
        values = [None if m else to_utc(column[index]) for index, m in enumerate(mask)]
    else:
        assert column.dtype.kind in "iufbU"
        values = column.tolist()
    return values


def to_utc(time: Time) -> datetime:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*dubious year")
        return time.unmasked.utc.to_datetime(UTC)


def assert_same(table: Any, records: list[ScanRecord]) -> None:
    """Check that a table holds what the records hold."""
    assert len(table) == len(records)
    names = [field.name for field in FIELDS.values()]
    names.insert(1, "scan_type")
    assert table.colnames[:13] == names
    for name in names:
        wanted = [getattr(record, name) for record in records]
        assert cells(table[name]) == wanted, name
    keys = sorted({key for record in records for key in record.metadata})
    assert len(table.colnames) == 13 + len(keys)
    for key in keys:
        name = key or "_"
        while name in names or (name != key and name in keys):
            name += "_"
        for cell, record in zip(cells(table[name]), records, strict=True):
            assert is_same(cell, record.metadata.get(key)), (key, cell, record.metadata.get(key))


def is_same(cell: Any, value: Any) -> bool:
    """Return whether a cell of a further column shows a value."""
    if value is None or isinstance(cell, bool) or cell is None:
        return cell is value
    if isinstance(cell, str):
        return cell == str(as_text(value)).rstrip("\0")
    if isinstance(cell, datetime):
        date = datetime.fromisoformat(value)
        return cell == (date if date.tzinfo else date.replace(tzinfo=UTC))
    return type(value) in (int, float) and cell in (value, float(value))


def unique(rows: Iterable[Any]) -> list[Any]:
    """Return rows without those of an id that came before."""
    seen: set[Any] = set()
    kept = []
    for row in rows:
        id_ = row.get("id") if isinstance(row, dict) else None
        if type(id_) not in (int, str):
            kept.append(row)
        elif id_ not in seen:
            seen.add(id_)
            kept.append(row)
    return kept


@budget(200)
@given(st.lists(ROWS, max_size=7), st.integers(1, 5), FILTERS, st.booleans())
def test_a_table_holds_what_the_records_hold(
    rows: list[str], page_size: int, filters: dict[str, str], all_types: bool
) -> None:
    asked = {"page_size": page_size, **filters}
    found: dict[str, Any] = {}
    faults: dict[str, list[str]] = {}
    with Client("https://archive", max_connections=1) as client:
        scans = client.scans if all_types else client.scans["TPI"]
        for call in ("search", "records", "table"):

            def answer(send: Send) -> httpx.Response:
                query = {key: value for key, value in (send.params or {}).items() if value}
                request = httpx.Request("GET", "https://archive/")
                return httpx.Response(200, content=page(rows, query), request=request)

            performer = Interleaved(answer, lambda count: 0)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = performer.run(getattr(scans, call).flow(**asked))
            found[call] = performer.items if call == "search" else result
            assert all(warning.category is Grad300Warning for warning in caught)
            faults[call] = [str(warning.message) for warning in caught]
    assert faults["records"] == faults["table"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        records = make_records(found["search"], None if all_types else ScanType.TPI)
    left_out = [str(warning.message) for warning in caught]
    assert [text for text in faults["table"] if text not in faults["search"]] == left_out
    assert found["records"] == records
    assert_same(found["table"], records)
    if not faults["search"]:
        response = httpx.Response(200, content=page(rows, {"limit": 99}))
        matches = Filters.from_arguments(**filters).match
        wanted = list(filter(matches, unique(decode_json(response))))
        assert found["search"] == [
            {**row, "scan_type": name} if isinstance(row, dict) and name else row
            for name in (list(ScanType) if all_types else [None])
            for row in wanted
        ]

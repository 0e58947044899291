from __future__ import annotations

import io
import json
import pickle
import random
import warnings
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from typing import Any

import msgspec
import numpy as np
import pytest
from astropy import units as u
from astropy import version
from astropy.coordinates import SkyCoord
from astropy.io import registry
from astropy.table import MaskedColumn, QTable, Table, hstack, join, vstack
from astropy.time import Time
from test_records import FAULTS, ROW

from grad300_sdk import conf
from grad300_sdk.columns import ColumnReader, make_columns
from grad300_sdk.errors import DecodeError, Grad300Warning
from grad300_sdk.filters import Filters
from grad300_sdk.records import ScanType, make_records
from grad300_sdk.tables import ScanTable, join_pages, make_table

KINDS = {
    "id": "i",
    "scan_type": "U",
    "file_name": "U",
    "file_path": "U",
    "size": "i",
    "source": "U",
    "ra": "f",
    "dec": "f",
    "date": "Time",
    "date_obs": "Time",
    "date_end": "Time",
    "gain": "i",
    "comment": "U",
}
UNITS = {"size": u.byte, "ra": u.hourangle, "dec": u.deg, "azimuth": u.deg, "elevation": u.deg}
META = {
    "server": "https://grad300.lam.fr/api/v1",
    "asked": {"source": "sun", "date_from": "2025-01-01T00:00:00+00:00"},
    "retrieved": "2026-06-30T12:00:00+00:00",
    "scan_name": None,
    "truncated": False,
    "noise": float("nan"),
    "remark": "météo: " + 200 * "x",
    "a name": 1,
}
# Rows in which most things are wanting somewhere.
ROWS: list[dict[str, Any]] = [
    {
        "id": number,
        "file_name": f"2025020{number}-093521_TPI-CSCAN_LON-SUN_04#_01#.fits",
        "file_path": "20250204/FITS",
        "size": 999999 if number % 2 else None,
        "object": ["sun", "", None][number % 3],
        "ra": None if number == 2 else 1.5 * number,
        "dec": None if number == 3 else -10.25,
        "date": f"2025-02-04T09:35:0{number}",
        "date_obs": None if number == 4 else f"2025-02-04T09:35:0{number}.12345{number}",
        "date_end": None,
        "gain": [20, None][number % 2],
        "comment": [None, "vent, météo\nbruine", "clear"][number % 3],
        "azimuth": [2.9e-310, None][number % 2],
        "mtime": None if number == 5 else f"2025-02-05T00:00:0{number}",
        "nsamples": number * 1000,
        "is_good": [True, None, False][number % 3],
        "tags": ["a", {"b": None}] if number else None,
        "serial": 2**70,
    }
    for number in range(6)
]


def table_of(*rows: Any, scan_type: ScanType | None = ScanType.TPI) -> ScanTable:
    return make_table(rows, scan_type, {})


def column_of(*values: Any, key: str = "x") -> Any:
    """Return the column that a further key's values make."""
    return table_of(*({"id": 1, "file_name": "a", key: value} for value in values))[key]


def kind_of(column: Any) -> str:
    return "Time" if isinstance(column, Time) else column.dtype.kind


def cells(column: Any) -> list[Any]:
    """Return what a column holds, None where it is masked."""
    if isinstance(column, Time):
        texts = column.unmasked.isot.tolist()
    else:
        texts = np.ma.getdata(column).tolist()
    mask = np.broadcast_to(getattr(column, "mask", False), len(texts))
    texts = [text.decode() if isinstance(text, bytes) else text for text in texts]
    return [None if masked else text for text, masked in zip(texts, mask, strict=True)]


def write(table: Table, form: str, **options: Any) -> bytes:
    file: Any = io.BytesIO() if form in ("fits", "votable") else io.StringIO()
    table.write(file, format=form, **options)
    value = file.getvalue()
    return value.encode() if isinstance(value, str) else value


def read(content: bytes, form: str) -> Table:
    file = content.decode() if form.startswith("ascii") else io.BytesIO(content)
    return Table.read(file, format=form)


@pytest.fixture
def table() -> ScanTable:
    return make_table(ROWS, ScanType.TPI, META)


# What a table is.


def test_the_columns(table):
    further = ["azimuth", "is_good", "mtime", "nsamples", "serial", "tags"]
    assert table.colnames == [*KINDS, *further]
    assert {name: kind_of(table[name]) for name in KINDS} == KINDS
    assert {
        name: table[name].unit for name in table.colnames if kind_of(table[name]) != "Time"
    } == {name: UNITS.get(name) for name in table.colnames if kind_of(table[name]) != "Time"}
    assert type(table) is ScanTable
    assert str(table.meta) == str(META)
    assert table.meta is not META


def test_the_cells(table):
    for name, key in {**dict(zip(KINDS, KINDS, strict=True)), "source": "object"}.items():
        if name == "scan_type":
            assert cells(table[name]) == ["TPI"] * 6
        elif KINDS[name] != "Time":
            assert cells(table[name]) == [row[key] for row in ROWS]
    assert cells(table["date"]) == [f"2025-02-04T09:35:0{n}.000" for n in range(6)]
    assert cells(table["date_obs"])[3:5] == ["2025-02-04T09:35:03.123453", None]
    assert cells(table["date_end"]) == [None] * 6
    assert cells(table["mtime"])[4:] == ["2025-02-05T00:00:04.000", None]
    assert cells(table["azimuth"]) == [2.9e-310, None] * 3
    assert table["nsamples"].dtype == "i8"
    assert cells(table["is_good"]) == [True, None, False] * 2
    assert [text and json.loads(text) for text in cells(table["tags"])] == [
        None,
        *[["a", {"b": None}]] * 5,
    ]
    assert [json.loads(text) for text in cells(table["serial"])] == [2**70] * 6


def test_no_column_is_of_objects(table):
    for column in table.columns.values():
        assert isinstance(column, Time | MaskedColumn)
        assert isinstance(column, Time) or column.dtype.kind in "ifbU"


NULLS = [{"id": 1, "file_name": "a", **dict.fromkeys(ROW.keys() - {"id", "file_name", "tags"})}]


@pytest.mark.parametrize("rows", [[], [{"id": 1, "file_name": "a"}], NULLS])
@pytest.mark.parametrize("scan_type", [ScanType.TPI, None])
def test_an_empty_table_has_the_columns_of_a_full_one(rows, scan_type):
    typed = [{**row, "scan_type": "TPI"} for row in rows]
    table = make_table(typed, scan_type, META)
    assert len(table) == len(rows)
    assert table.colnames[:13] == list(KINDS)
    assert {name: kind_of(table[name]) for name in KINDS} == KINDS
    assert {name: table[name].unit for name in ("size", "ra", "dec")} == {
        name: UNITS[name] for name in ("size", "ra", "dec")
    }
    assert all(table[name].scale == "utc" for name in ("date", "date_obs", "date_end"))
    for name in list(KINDS)[3:]:
        assert cells(table[name]) == [None] * len(rows)


def test_further_keys_that_are_always_null_keep_their_kind():
    assert column_of(None, key="azimuth").unit == u.deg
    assert isinstance(column_of(None, key="ctime"), Time)
    assert cells(column_of(None, None)) == [None, None]
    assert column_of(None).dtype == "f8"


def test_ra_is_in_the_unit_that_the_configuration_says():
    with conf.set_temp("ra_unit", "deg"):
        table = table_of({"id": 1, "file_name": "a", "ra": 12.5})
    assert table["ra"].unit == u.deg
    assert cells(table["ra"]) == [12.5]


def test_each_row_may_say_its_type():
    rows = [{**ROW, "scan_type": name} for name in ("TPI", "Spectrum", "images")]
    table = table_of(*rows, scan_type=None)
    assert cells(table["scan_type"]) == ["TPI", "Spectrum", "Images"]
    assert table.colnames.count("scan_type") == 1
    with pytest.warns(Grad300Warning, match="1 row .* wrong scan_type"):
        assert len(table_of(*rows, {**ROW, "scan_type": "radar"}, scan_type=None)) == 3
    with pytest.warns(Grad300Warning, match="1 row .* wrong scan_type"):
        assert len(table_of(ROW, scan_type=None)) == 0


def test_a_type_that_says_nothing_new_makes_no_column():
    assert table_of(*({**ROW, "scan_type": say} for say in ("TPI", "tpi", None))).colnames == (
        table_of(ROW).colnames
    )


def test_what_the_server_calls_like_another_column_gets_a_column_of_its_own():
    table = table_of({**ROW, "scan_type": "calibration", "source": "horn", "source_": 1})
    assert cells(table["scan_type"]) == ["TPI"]
    assert cells(table["scan_type_"]) == ["calibration"]
    assert cells(table["source"]) == ["sun"]
    assert cells(table["source__"]) == ["horn"]
    assert cells(table["source_"]) == [1]


def test_a_key_without_a_name_has_a_column_with_one():
    table = table_of({**ROW, "": 1, "_": 2})
    assert cells(table["__"]) == [1]
    assert cells(table["_"]) == [2]


# What the values of a further key become.


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, None, -3], "i8", [1, None, -3]),
        ([2**63 - 1, -(2**63)], "i8", [2**63 - 1, -(2**63)]),
        ([2**63, None, 1], "U", [str(2**63), None, "1"]),
        ([1.5, None], "f8", [1.5, None]),
        ([1, 2.5, None], "f8", [1.0, 2.5, None]),
        ([2**53 + 1, 0.5], "U", [str(2**53 + 1), "0.5"]),
        ([True, False, None], "?", [True, False, None]),
        (["a", "", None], "U", ["a", "", None]),
        (["a", 1, 1.5, True, None], "U", ["a", "1", "1.5", "true", None]),
        ([1, True], "U", ["1", "true"]),
        ([[1, "é"], {"a": None}, None], "U", ['[1, "é"]', '{"a": null}', None]),
        (["a", ["b"]], "U", ["a", '["b"]']),
        ([[], None], "U", ["[]", None]),
    ],
)
def test_the_kind_of_a_further_key(values, dtype, expected):
    column = column_of(*values)
    assert column.dtype.kind == np.dtype(dtype).kind
    assert cells(column) == expected


@pytest.mark.parametrize("key", ["azimuth", "elevation"])
def test_angles_in_whole_degrees(key):
    column = column_of(10, None, -5, key=key)
    assert cells(column) == [10.0, None, -5.0]
    assert column.unit == u.deg
    assert column.dtype == "f8"


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("azimuth", ["n/a", 1.5], ["n/a", "1.5"]),
        ("elevation", [True], [True]),
        ("ctime", ["then", "2025-02-04T09:35:21"], ["then", "2025-02-04T09:35:21"]),
        ("mtime", [1738661721.5, None], [1738661721.5, None]),
    ],
)
def test_what_is_not_what_its_key_says_is_kept_as_it_is(key, values, expected):
    column = column_of(*values, key=key)
    assert cells(column) == expected
    assert column.unit is None


def test_a_key_that_some_rows_lack():
    rows = [{**ROW, "b": 1}, {**ROW, "a": "x"}, ROW, {**ROW, "b": 2, "a": "y"}] * 200
    table = make_table(rows, ScanType.TPI, {})
    assert table.colnames[13:] == ["a", "azimuth", "b", "tags"]
    assert cells(table["a"]) == [None, "x", None, "y"] * 200
    assert cells(table["b"]) == [1, None, None, 2] * 200


# Dates.

DATES = [
    "2025-02-04T09:35:21",
    "2025-02-04T09:35:21Z",
    "2025-02-04T09:35:21+00:00",
    "2025-02-04T10:35:21+01:00",
    "2025-02-04 09:35:21",
    "2025-02-04T09:35:21.5",
    "2025-02-04T09:35:21.500",
    "2025-02-04T09:35:21.123456",
    "2025-02-04T09:35:21.123456Z",
    "2025-02-04T09:35:21.123456+00:00",
    "2025-02-04T05:35:21.123456-04:00",
    "2025-02-04T09:35:21.123456789",
    "2025-02-04T09:35:21,25",
    "2025-02-04Ü09:35:21",
    "2025-02-04T09:35",
    "2025-02-04",
    "20250204T093521",
    "2025-W06-2",
    "2016-12-31T23:59:59.999999",
    "1899-02-04T09:35:21",
    "2098-02-04T09:35:21Z",
    "0001-01-01T00:00:00",
    "9999-12-31T23:59:59Z",
]


def exact(column: Time) -> list[datetime | None]:
    """Return the dates of a column to the microsecond."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*dubious year")
        times = column.unmasked.copy()
        times.precision = 6
        texts = [text.zfill(26) for text in times.isot.tolist()]
    mask = np.broadcast_to(column.mask, len(texts))
    return [
        None if masked else datetime.fromisoformat(f"{text}+00:00")
        for text, masked in zip(texts, mask, strict=True)
    ]


@pytest.mark.parametrize(
    "dates",
    [
        *([date] for date in DATES),
        DATES,
        DATES[:3],
        [DATES[0], None, *DATES[5:10]],
        [*DATES, None],
    ],
)
def test_dates_are_those_of_the_records(dates):
    rows = [{**ROW, "date": date, "date_end": None, "ctime": date} for date in dates]
    table = make_table(rows, ScanType.TPI, {})
    records = make_records(rows, ScanType.TPI)
    assert exact(table["date"]) == [record.date for record in records]
    assert exact(table["ctime"]) == [record.date for record in records]
    assert table["date"].scale == "utc"
    assert table["date"].format == "isot"


def test_dates_that_are_the_same_are_no_views_of_each_other():
    table = table_of({**ROW, "date": "2025-02-04T09:35:21", "date_obs": "2025-02-04T09:35:21"})
    table["date"][0] = "2026-01-01T00:00:00"
    assert cells(table["date_obs"]) == ["2025-02-04T09:35:21.000"]


@pytest.mark.parametrize(
    ("date", "precision"),
    [
        ("2025-02-04T09:35:21", 3),
        ("2025-02-04T09:35:21.125", 3),
        ("2025-02-04T09:35:21.1256", 6),
        ("2025-02-04T10:35:21+01:00", 3),
        ("2025-02-04T10:35:21.5+01:00", 6),
    ],
)
def test_dates_show_as_much_as_they_have(date, precision):
    assert table_of({**ROW, "date": date})["date"].precision == precision


# Pages.


def pages_of(rows: list[Any], size: int, filters: Filters, *, is_labelled: bool) -> list[Any]:
    """Read rows as pages of so many, as they come over the network."""

    def decode(content: str, kind: Any) -> Any:
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.MsgspecError as error:
            raise DecodeError(str(error)) from None

    reader = ColumnReader(ScanType.TPI, filters, is_labelled=is_labelled)
    parts = [json.dumps(rows[start : start + size]) for start in range(0, len(rows), size)]
    return [reader.read(partial(decode, part)) for part in parts]


def outcome(make: Callable[[], Table]) -> Any:
    """Return all that can be told of a table, and the warnings that making it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = make()
    return (
        [
            (name, kind_of(column), getattr(column, "dtype", None), column.info.unit)
            for name, column in table.columns.items()
        ],
        [
            (column.precision, exact(column)) if isinstance(column, Time) else cells(column)
            for column in table.columns.values()
        ],
        [str(warning.message) for warning in caught],
    )


def odd_row(source: random.Random, number: int) -> Any:
    """Make up a row, in which things may be wrong."""
    if source.random() < 0.02:
        return source.choice([None, "junk", [], {}])
    row = {**source.choice([ROW, *ROWS]), "id": number}
    for key in ("date", "date_obs", "date_end", "ctime"):
        if source.random() < 0.3:
            row[key] = source.choice(DATES)
    for _ in range(source.randrange(3)):
        row[source.choice(ODD_KEYS)] = source.choice(ODD_VALUES)
    if source.random() < 0.1:
        key, value = source.choice(FAULTS)
        row[key] = value
    if source.random() < 0.1:
        del row[source.choice(list(row))]
    return row


ODD_KEYS = ["x", "azimuth", "ctime", "mtime", "scan_type", "source", "comment", "ra", 'a"b', "é"]
ODD_VALUES = [
    None,
    1,
    2**70,
    -1.5,
    True,
    "",
    "x",
    [],
    {"a": [None]},
    "é",
    "a\0",
    "TPI",
    *DATES[:2],
]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("is_labelled", [False, True])
@pytest.mark.parametrize("filters", [Filters(), Filters(source="sun")])
def test_pages_make_the_table_that_their_rows_make(seed, is_labelled, filters):
    source = random.Random(seed)
    rows = [odd_row(source, number) for number in range(source.choice([0, 1, 5, 30]))]
    wanted = [row for row in rows if filters.match(row)]
    if is_labelled:
        wanted = [{**r, "scan_type": "TPI"} if isinstance(r, dict) else r for r in wanted]
    scan_type = None if is_labelled else ScanType.TPI

    def paged(join: Callable[[list[Any]], list[Any]]) -> Table:
        pages = pages_of(rows, source.choice([1, 3, 7]), filters, is_labelled=is_labelled)
        parts = join([page.rows for page in pages]) or [make_columns([], scan_type)]
        return join_pages(parts, scan_type, {})

    whole = outcome(lambda: make_table(wanted, scan_type, {}))
    assert outcome(lambda: paged(list)) == whole
    assert (
        outcome(lambda: paged(lambda parts: [parts[0].join(parts[1:])] if parts else [])) == whole
    )


def test_rows_that_are_selected_make_the_table_that_they_make_by_themselves():
    rows = [*ROWS, {**ROW, "id": 42.5}, {**ROW, "x": 1}, *ROWS]
    [page] = pages_of(rows, 20, Filters(), is_labelled=False)
    for positions in ([], [0], [6], [0, 6, 7], [7, 13], list(range(14))):
        chosen = [rows[position] for position in positions]
        whole = outcome(lambda chosen=chosen: make_table(chosen, ScanType.TPI, {}))
        part = page.rows.select(positions)
        assert outcome(lambda part=part: join_pages([part], ScanType.TPI, {})) == whole


def test_pages_are_decoded_to_structs_as_long_as_they_can_be():
    kinds = []

    def decode(rows: list[Any], kind: Any) -> Any:
        kinds.append(kind)
        try:
            return msgspec.json.decode(json.dumps(rows), type=kind)
        except msgspec.MsgspecError as error:
            raise DecodeError(str(error)) from None

    reader = ColumnReader(ScanType.TPI, Filters())
    for rows in ([ROW], [ROW], [{**ROW, "new": 1}], [{**ROW, "new": 1}], [{"id": 1}], []):
        reader.read(partial(decode, rows))
    are_dicts = [kind == list[Any] for kind in kinds]
    assert are_dicts == [True, False, False, True, False, False, True, False]


# Bad rows.


@pytest.mark.parametrize(("key", "value"), FAULTS)
def test_a_bad_row_is_left_out_as_it_is_of_the_records(key, value):
    rows = [ROW, {**ROW, "id": 43}, {**ROW, key: value}]
    with pytest.warns(Grad300Warning) as of_table:
        table = make_table(rows, ScanType.TPI, {})
    with pytest.warns(Grad300Warning) as of_records:
        records = make_records(rows, ScanType.TPI)
    assert cells(table["id"]) == [record.id for record in records] == [42, 43]
    (first,), (second,) = of_table, of_records
    assert str(first.message) == str(second.message)
    assert first.filename == __file__
    assert {name: kind_of(table[name]) for name in KINDS} == KINDS


@pytest.mark.parametrize("rows", [["junk", ROW, None], [{}, ROW, []], [{"id": 1}, ROW, 7]])
def test_rows_that_are_none_are_left_out(rows):
    with pytest.warns(Grad300Warning, match="2 rows were left out") as caught:
        table = make_table(rows, ScanType.TPI, {})
    assert len(caught) == 1
    assert cells(table["id"]) == [42]


def test_a_further_key_never_costs_a_row():
    values = [None, 1, 2**70, -1.5, True, "", "x", [], {}, [[{"a": [None]}]]]
    for key in ("x", "azimuth", "ctime", "scan_type", "source"):
        rows = [{**ROW, key: value} for value in values]
        assert len(make_table(rows, ScanType.TPI, {})) == len(values)
        assert len(make_records(rows, ScanType.TPI)) == len(values)


# What one does with a table.


def test_it_stays_what_it_is(table):
    for other in (
        table[1:3],
        table[["id", "ra"]],
        table.copy(),
        pickle.loads(pickle.dumps(table)),
    ):
        assert type(other) is ScanTable
        assert str(dict(other.meta)) == str(META)
    again = pickle.loads(pickle.dumps(table))
    for name in table.colnames:
        assert cells(again[name]) == cells(table[name])
    assert "hourangle" in str(table["id", "ra"])


def test_choosing_and_sorting(table):
    assert cells(table[(table["ra"] > 3).filled(False)]["id"]) == [3, 4, 5]
    assert len(table[table["ra"] > 3]) >= 3
    assert cells(table[table["date"] > Time("2025-02-04T09:35:03")]["id"]) == [4, 5]
    table.sort("date", reverse=True)
    assert cells(table["id"]) == [5, 4, 3, 2, 1, 0]
    table.sort("ra")
    assert cells(table["id"])[:2] == [0, 1]
    assert cells(table["gain"])[:2] == [20, None]
    assert not table["date"].mask.any()
    assert table["date_end"].mask.all()
    assert table["date_obs"].unmasked.shape == (6,)
    table["wait"] = table["mtime"] - table["date"]
    assert table["wait"].unmasked.to_value("s")[0] == 51900
    assert pickle.loads(pickle.dumps(table))["wait"].mask.tolist() == table["wait"].mask.tolist()


OTHER_META = {
    **META,
    "asked": {"source": "moon"},
    "retrieved": "2026-07-01T12:00:00+00:00",
    "remark": None,
    "noise": 1.5,
    "a name": 2,
    "path": "/scans/Images/",
}


@pytest.mark.parametrize("combine", [vstack, hstack, partial(join, keys="id")])
def test_combining_tables_that_were_asked_for_differently(table, combine):
    others = make_table(ROWS, ScanType.IMAGES, OTHER_META)
    combined = combine([table, others]) if combine in (vstack, hstack) else combine(table, others)
    assert type(combined) is ScanTable
    meta = combined.meta
    assert meta["server"] == META["server"]
    assert (meta["retrieved"], meta["noise"], meta["a name"]) == (None, None, None)
    assert meta["asked"]["source"] is None
    assert meta["asked"]["date_from"] == META["asked"]["date_from"]
    assert meta["remark"] is None
    assert meta["path"] == "/scans/Images/"


def test_stacking_three_and_plain_tables(table):
    others = make_table(ROWS, ScanType.IMAGES, OTHER_META)
    assert vstack([table, others, table]).meta["retrieved"] is None
    assert vstack([Table(table), others]).meta["retrieved"] is None
    plain = Table({"id": [1]}, meta={"retrieved": "never"})
    assert vstack([plain, table]).meta["retrieved"] is None
    assert vstack([table, plain]).meta["retrieved"] is None


def test_meta_is_written_as_the_plain_values_that_it_holds(table):
    for kind in (ScanTable, Table, QTable):
        again = read(write(kind(table)["id", "ra"], "ascii.ecsv"), "ascii.ecsv")
        assert json.dumps(again.meta, sort_keys=True) == json.dumps(META, sort_keys=True)
    assert pickle.loads(pickle.dumps(table)).meta["asked"] == META["asked"]


def empty_or_full(rows: list[Any]) -> ScanTable:
    return make_table(rows, ScanType.TPI, META)


each_length = pytest.mark.parametrize("rows", [[], ROWS], ids=["empty", "full"])


@each_length
def test_filling(rows):
    filled = empty_or_full(rows).filled(-1)
    assert type(filled) is ScanTable
    assert filled.colnames == empty_or_full(rows).colnames
    assert not filled["size"].tolist().count(None)
    assert not isinstance(filled["size"], MaskedColumn)
    assert filled["dec"].unit == u.deg
    assert cells(filled["date_end"]) == cells(empty_or_full(rows)["date_end"])
    assert empty_or_full(rows).filled()["size"].tolist() == [
        999999 if row["size"] is None else row["size"] for row in rows
    ]


@each_length
def test_grouping_slicing_and_quantities(rows):
    table = empty_or_full(rows)
    assert sum(len(group) for group in table.group_by("source").groups) == len(rows)
    assert len(table[:0]) == 0
    assert cells(table[::-1]["id"]) == cells(table["id"])[::-1]
    assert QTable(table)["dec"].unit == u.deg
    assert len(table._repr_html_()) > 100


@each_length
def test_data_frames(rows):
    pytest.importorskip("pandas")
    frame = empty_or_full(rows).to_pandas()
    assert len(frame) == len(rows)
    assert list(frame.columns) == empty_or_full(rows).colnames
    assert frame["date"].dtype.kind == frame["date_end"].dtype.kind == "M"
    assert frame["size"].isna().tolist() == [row["size"] is None for row in rows]
    assert frame["date_end"].isna().all()
    assert frame["dec"].dtype.kind == "f"


@each_length
@pytest.mark.parametrize("form", ["ascii.ecsv", "fits", "votable", "ascii.csv", "ascii.html"])
def test_the_usual_formats(rows, form, tmp_path):
    empty_or_full(rows).write(tmp_path / "table", format=form)
    assert all(name in (tmp_path / "table").read_text("latin-1") for name in KINDS)
    if form in ("ascii.ecsv", "fits", "votable"):
        again = Table.read(tmp_path / "table", format=form)
        assert len(again) == len(rows)
        assert again.colnames == empty_or_full(rows).colnames


@pytest.mark.parametrize("others", [[], ROWS[:2], [{"id": 1, "file_name": "a"}]])
def test_stacking(table, others):
    other = make_table(others, ScanType.IMAGES, {})
    for both in (vstack([table, other]), vstack([other, table])):
        assert type(both) is ScanTable
        assert len(both) == 6 + len(others)
        assert both["ra"].unit == u.hourangle
        assert both["date"].scale == "utc"
        # Older ones forget the masks of times.
        known = (version.major, version.minor, version.bugfix) >= (8, 0, 2)
        assert both["date_end"].mask.all() or not known


# What is written.


def test_ecsv_keeps_all(table):
    again = read(write(table, "ascii.ecsv"), "ascii.ecsv")
    assert again.colnames == table.colnames
    for name in table.colnames:
        old, new = table[name], again[name]
        assert cells(new) == cells(old)
        assert kind_of(new) == kind_of(old)
        if isinstance(old, Time):
            assert (new.scale, new.precision) == (old.scale, old.precision)
            assert exact(new) == exact(old)
        else:
            assert new.unit == old.unit
            assert new.dtype.kind == old.dtype.kind
    assert json.dumps(dict(again.meta), sort_keys=True) == json.dumps(META, sort_keys=True)


def test_ecsv_of_empty_text_where_nothing_is_missing():
    again = read(write(table_of({**ROW, "comment": ""}), "ascii.ecsv"), "ascii.ecsv")
    assert cells(again["comment"]) == [""]


@pytest.mark.parametrize("form", ["fits", "votable"])
def test_fits_and_votable(table, form):
    again = read(write(table, form), form)
    assert again.colnames == table.colnames
    for name in table.colnames:
        old, new = cells(table[name]), cells(again[name])
        if name == "ra":
            old = [None if value is None else 15 * value for value in old]
        elif kind_of(table[name]) in ("U", "Time"):
            # Neither tells a text that is missing from an empty one.
            old, new = [value or "" for value in old], [value or "" for value in new]
        if name == "comment" and form == "fits":
            old = [text.replace("é", "\\xe9").replace("\n", "\\n") for text in old]
        assert new == old
        if name in UNITS:
            assert again[name].unit == (u.deg if name == "ra" else UNITS[name])
    dates = Time([text or "2000-01-01" for text in cells(again["date_obs"])], scale="utc")
    is_there = ~table["date_obs"].mask
    assert (dates[is_there] == table["date_obs"].unmasked[is_there]).all()


@pytest.mark.parametrize("form", ["fits", "votable", "ascii.ecsv"])
def test_an_empty_table_can_be_written(form):
    again = read(write(make_table([], ScanType.TPI, META), form), form)
    assert len(again) == 0
    assert again.colnames == list(KINDS)
    assert again["dec"].unit == u.deg


def test_the_meta_of_a_fits_file(table):
    meta = read(write(table, "fits"), "fits").meta
    assert meta["SERVER"] == META["server"]
    assert json.loads(meta["ASKED"]) == META["asked"]
    assert meta["RETRIEVED" if "RETRIEVED" in meta else "retrieved"] == META["retrieved"]
    assert meta["REMARK"] == META["remark"].replace("é", "\\xe9")
    assert meta["NOISE"] == "NaN"
    assert meta["A NAME" if "A NAME" in meta else "a name"] == 1
    assert "comments" not in meta
    assert "SCAN_NAME" not in {name.upper() for name in meta}


def test_long_values_of_long_names_are_comments_of_a_fits_file():
    table = make_table([ROW], ScanType.TPI, {"the_long_name": "x" * 60})
    meta = read(write(table, "fits"), "fits").meta
    assert "".join(meta["comments"]) == "the_long_name: " + "x" * 60


def test_the_meta_of_a_votable(table):
    meta = read(write(table, "votable"), "votable").meta
    text = " ".join(meta["description"].split())
    assert text.startswith(f"server: {META['server']} asked: {json.dumps(META['asked'])}")
    assert "météo" in text
    assert "scan_name" not in text
    assert "description" not in read(write(table_of(ROW), "votable"), "votable").meta


@pytest.mark.parametrize("encoding", ["binary", "binary2"])
def test_a_binary_votable(table, encoding):
    del table["is_good"]  # a bit can't be null there
    again = read(write(table, "votable", tabledata_format=encoding), "votable")
    assert cells(again["size"]) == cells(table["size"])


def test_a_null_is_a_number_that_is_not_there():
    sizes = [-(2**63), None, -(2**63) + 1]
    table = table_of(*({**ROW, "size": size} for size in sizes))
    for form in ("fits", "votable"):
        assert cells(read(write(table, form), form)["size"]) == sizes


def test_ra_is_in_degrees_whatever_its_unit(table):
    table["ra"].unit = u.deg
    assert cells(read(write(table, "fits"), "fits")["ra"]) == cells(table["ra"])
    table["ra"].unit = u.rad
    first = read(write(table, "fits"), "fits")["ra"]
    assert first[1] == pytest.approx(np.degrees(1.5))
    table["ra"].unit = None
    assert cells(read(write(table, "fits"), "fits")["ra"]) == cells(table["ra"])
    table["hours"] = MaskedColumn([1.0] * 6, unit=u.hourangle)
    assert read(write(table, "votable"), "votable")["hours"].unit == u.deg


def test_names_and_letters_that_a_format_can_not_hold():
    table = table_of({**ROW, "RA": 3, "énergie": 1, "comment": "a\x00\x07b"}, {**ROW, "id": 43})
    fits = read(write(table, "fits"), "fits")
    assert cells(fits["RA_"]) == [3, None]
    assert cells(fits["_nergie"]) == [1, None]
    assert cells(fits["comment"]) == ["a\\x00\\x07b", "clear sky"]
    votable = read(write(table, "votable"), "votable")
    assert cells(votable["comment"]) == ["a\\x00\\x07b", "clear sky"]


def test_escaping_keeps_masks():
    table = table_of({**ROW, "comment": "é"}, {**ROW, "comment": None})
    assert cells(read(write(table, "fits"), "fits")["comment"]) == ["\\xe9", None]


def test_dates_in_other_scales_are_written_in_utc(table):
    table["tai"] = table["date"].tai
    again = read(write(table, "fits"), "fits")
    assert cells(again["tai"]) == cells(again["date"])


def test_dates_of_which_the_leap_seconds_are_unknown_are_written_without_a_warning():
    table = table_of({**ROW, "date": "2098-01-01T00:00:00"})
    for form in ("fits", "votable", "ascii.ecsv", "ascii.csv"):
        assert b"2098-01-01T00:00:00" in write(table, form)


def test_columns_of_users_are_left_to_astropy(table):
    table["place"] = SkyCoord(table["ra"].filled(0), table["dec"].filled(0), unit="hourangle,deg")
    again = read(write(table, "ascii.ecsv"), "ascii.ecsv")
    assert again["place"][1].dec.deg == -10.25
    assert read(write(table, "fits"), "fits")["place"][1].dec.deg == -10.25


FORMATS = [
    row["Format"]
    for row in registry.get_formats(Table, "Write")
    if row["Format"].startswith("ascii") or row["Format"] == "jsviewer"
]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_of_text(table, form, tmp_path):
    table.write(tmp_path / "table", format=form)
    content = (tmp_path / "table").read_text(encoding="utf-8")
    assert "2025-02-04T09:35:05" in content
    assert "CSCAN_LON" in content


@pytest.mark.parametrize(
    ("name", "library", "options"),
    [("table.hdf5", "h5py", {"path": "scans"}), ("table.parquet", "pyarrow", {})],
)
def test_hdf5_and_parquet_keep_all(table, tmp_path, name, library, options):
    if find_spec(library) is None:
        with pytest.raises(ModuleNotFoundError, match=library):
            table.write(tmp_path / name, **options)
        return
    make_table([], ScanType.TPI, META).write(tmp_path / f"empty_{name}", **options)
    table.write(tmp_path / name, **options)
    again = Table.read(tmp_path / name)
    assert {name: cells(again[name]) for name in again.colnames} == {
        name: cells(table[name]) for name in table.colnames
    }
    assert again["ra"].unit == u.hourangle


@pytest.mark.parametrize("suffix", ["fits", "ecsv", "csv", "html", "tex"])
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_the_name_of_the_file_says_the_format(table, tmp_path, suffix, kind):
    target = tmp_path / f"table.{suffix}"
    table.write(kind(target))
    with pytest.raises(OSError, match="already exists"):
        table.write(kind(target))
    table.write(kind(target), overwrite=True)
    assert target.stat().st_size > 500


def test_a_format_that_there_is_not(table, tmp_path):
    with pytest.raises(registry.IORegistryError, match="Format could not be identified"):
        table.write(tmp_path / "table.xyz")
    with pytest.raises(registry.IORegistryError, match="No writer defined for format"):
        table.write(tmp_path / "table", format="xyz")


def test_writing_changes_nothing(table, tmp_path):
    before = pickle.dumps(table)
    for form in ("fits", "votable", "ascii.ecsv", "ascii.csv", "ascii.tdat"):
        if form in FORMATS or not form.startswith("ascii"):
            table.write(tmp_path / form, format=form)
    again = pickle.loads(before)
    for name in table.colnames:
        assert cells(table[name]) == cells(again[name])
        assert getattr(table[name], "unit", None) == getattr(again[name], "unit", None)
    assert table["size"].fill_value == again["size"].fill_value


def test_the_formats_are_listed(table):
    out = io.StringIO()
    table.write.list_formats(out)
    assert "votable" in out.getvalue()
    assert "ascii.csv" in out.getvalue()

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest

from grad300_sdk import conf
from grad300_sdk.errors import DecodeError, Grad300Warning
from grad300_sdk.records import ScanRecord, ScanType, make_record, make_records
from grad300_sdk.tables import make_table

ROW = {
    "id": 42,
    "file_name": "20250204-093521_TPI-GRAD300-SUN_01#_01#.fits",
    "file_path": "20250204/FITS",
    "size": 992016,
    "object": "sun",
    "ra": 21.25,
    "dec": -16.5,
    "date": "2025-02-04T09:35:21",
    "date_obs": "2025-02-04T09:35:21.5Z",
    "date_end": "2025-02-04T11:41:31+01:00",
    "gain": 30,
    "comment": "clear sky",
    "azimuth": None,
    "tags": ["a", {"b": 1}],
}
NULLABLE = [key for key in ROW if key not in ("id", "file_name", "azimuth", "tags")]
# What a row may say that makes it a bad row.
FAULTS = [
    ("id", None),
    ("id", "42"),
    ("id", 42.0),
    ("id", True),
    ("id", 2**63),
    ("file_name", None),
    ("file_name", 42),
    ("file_path", ["a"]),
    ("size", "992016"),
    ("size", 1.5),
    ("size", False),
    ("object", {}),
    ("ra", "21h15m"),
    ("ra", True),
    ("ra", 2**63),
    ("dec", [1.0]),
    ("date", "yesterday"),
    ("date", ""),
    ("date", 1738661721),
    ("date", "2025-02-30T00:00:00"),
    ("date", "2025-02-04T24:30:00"),
    ("date", "2025-02-04T09:35:21."),
    ("date", "2025-02-04T09:35:21+00:00Z"),
    ("date", "2025-02-04T09:35:2"),
    ("date", "2016-12-31T23:59:60"),
    ("date", "0000-02-04T09:35:21"),
    ("date", "0001-01-01T00:00:00+01:00"),
    ("date_obs", "2025-02-04T09:35:21 and a bit"),
    ("gain", "high"),
    ("comment", 0),
]


def test_a_record_says_what_the_row_says():
    record = make_record(ROW, ScanType.TPI)
    assert record == ScanRecord(
        id=42,
        scan_type=ScanType.TPI,
        file_name="20250204-093521_TPI-GRAD300-SUN_01#_01#.fits",
        file_path="20250204/FITS",
        size=992016,
        source="sun",
        ra=21.25,
        dec=-16.5,
        date=datetime(2025, 2, 4, 9, 35, 21, tzinfo=UTC),
        date_obs=datetime(2025, 2, 4, 9, 35, 21, 500_000, tzinfo=UTC),
        date_end=datetime(2025, 2, 4, 10, 41, 31, tzinfo=UTC),
        gain=30,
        comment="clear sky",
        metadata={"azimuth": None, "tags": ["a", {"b": 1}]},
    )
    assert record.date_end is not None
    assert record.date_end.tzinfo is UTC


@pytest.mark.parametrize("key", NULLABLE)
def test_what_is_null_or_missing_is_none(key):
    name = {"object": "source"}.get(key, key)
    without = {other: value for other, value in ROW.items() if other != key}
    record = make_record(without, ScanType.TPI)
    assert getattr(record, name) is None
    assert make_record({**ROW, key: None}, ScanType.TPI) == record


def test_the_least_that_a_row_needs():
    record = make_record({"id": 0, "file_name": ""}, ScanType.ONOFF)
    assert record == ScanRecord(0, ScanType.ONOFF, "")
    assert record.metadata == {}


def test_a_whole_number_does_for_a_float():
    ra = make_record({**ROW, "ra": 21}, ScanType.TPI).ra
    assert ra == 21
    assert isinstance(ra, float)


def test_zeros_at_the_end_of_a_text_are_left_out_as_a_table_leaves_them_out():
    row = {**ROW, "file_name": "a.fits\0\0", "object": "\0", "comment": "a\0b"}
    record = make_record(row, ScanType.TPI)
    assert (record.file_name, record.source, record.comment) == ("a.fits", "", "a\0b")


def test_the_type_is_in_the_row_where_there_are_several():
    row = {**ROW, "scan_type": "Images"}
    record = make_record(row, None)
    assert record.scan_type is ScanType.IMAGES
    assert "scan_type" not in record.metadata


@pytest.mark.parametrize("scan_type", [None, 1, "radar", ["TPI"]])
def test_a_wrong_type_in_the_row(scan_type):
    with pytest.raises(DecodeError, match="the scan with the id 42 has a wrong scan_type"):
        make_record({**ROW, "scan_type": scan_type}, None)


@pytest.mark.parametrize("scan_type", [None, "TPI", "tpi"])
def test_a_type_that_says_nothing_new_is_no_metadata(scan_type):
    record = make_record({**ROW, "scan_type": scan_type}, ScanType.TPI)
    assert record == make_record(ROW, ScanType.TPI)


def test_keys_of_the_server_that_mean_something_else_are_kept():
    row = {**ROW, "scan_type": "calibration", "source": "horn 2", "metadata": 1}
    record = make_record(row, ScanType.TPI)
    assert record.scan_type is ScanType.TPI
    assert record.source == "sun"
    kept = {key: record.metadata[key] for key in ("scan_type", "source", "metadata")}
    assert kept == {"scan_type": "calibration", "source": "horn 2", "metadata": 1}


@pytest.mark.parametrize(("key", "value"), FAULTS)
def test_a_bad_row(key, value):
    with pytest.raises(DecodeError, match=key):
        make_record({**ROW, key: value}, ScanType.TPI)


@pytest.mark.parametrize("row", [None, 1, "scan", [ROW], 1.5])
def test_a_row_that_is_none(row):
    with pytest.raises(DecodeError, match="is not a scan"):
        make_record(row, ScanType.TPI)


def message(row: Any) -> str:
    with pytest.raises(DecodeError) as caught:
        make_record(row, ScanType.TPI)
    return str(caught.value)


def test_an_error_names_the_row_as_well_as_it_can_be_named():
    assert message({**ROW, "size": "big"}) == (
        "the scan with the id 42 has the size 'big', which is not an integer"
    )
    assert message({"id": 42}) == "the scan with the id 42 has no file_name"
    assert message({"file_name": "a.fits"}) == "the scan with the file_name 'a.fits' has no id"
    assert message({"size": 1}) == "the row {'size': 1} has no id"
    assert len(message({"comment": "x" * 10_000})) < 200
    assert "\n" not in message({"comment": "x\ny"})


def test_bad_rows_are_left_out_with_one_warning():
    rows = [ROW, {**ROW, "id": None}, "junk", {**ROW, "id": 43}, {**ROW, "ra": "x"}]
    with pytest.warns(Grad300Warning) as caught:
        records = make_records(iter(rows), ScanType.TPI)
    assert [record.id for record in records] == [42, 43]
    assert [str(warning.message) for warning in caught] == [
        "3 rows were left out of the server's listing: the first one: "
        f"the scan with the file_name '{ROW['file_name']}' has no id"
    ]
    assert caught[0].filename == __file__


def test_one_bad_row():
    with pytest.warns(
        Grad300Warning, match="^1 row was left out .* listing: 'junk' is not a scan$"
    ):
        assert make_records(["junk"], ScanType.TPI) == []


def test_good_rows_earn_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(make_records([ROW] * 3, ScanType.TPI)) == 3
        assert make_records([], None) == []


@pytest.mark.parametrize(
    ("file_name", "parts"),
    [
        ("20250204-093521_TPI-GRAD300-AZEL_04#_01#.fits", ("GRAD300", "04", "01")),
        ("20250212-170737_TPI-PROJ01-_01#_01#.fits", ("PROJ01", "01", "01")),
        ("20250212-170737_TPI-CSCAN_LON-SUN_01#_02#.fits", ("CSCAN_LON", "01", "02")),
        ("20250212-083216_IMAGE-GRAD300-W3-OH_7#_12#.fits", ("GRAD300", "7", "12")),
        ("20250212-170737_SPECTRUM--_#_#.fits", ("", "", "")),
        ("20250212-170737_TPI-P-A_B_01#_02#_repaired.fits", ("P", "01", "02")),
        ("scan.fits", (None, None, None)),
        ("20250204-093521_TPI-GRAD300-AZEL.fits", (None, None, None)),
    ],
)
def test_what_the_files_name_says(file_name, parts):
    record = ScanRecord(1, ScanType.TPI, file_name)
    assert (record.project, record.scan_tag, record.sub_scan) == parts


def test_the_position():
    record = ScanRecord(1, ScanType.TPI, "a", ra=12.5, dec=-13.0)
    assert record.coord.frame.name == "icrs"
    assert (record.coord.ra.deg, record.coord.dec.deg) == pytest.approx((187.5, -13.0))
    with conf.set_temp("ra_unit", "deg"):
        assert record.coord.ra.deg == pytest.approx(12.5)
    assert ScanRecord(1, ScanType.TPI, "a", ra=12.5).coord is None
    assert ScanRecord(1, ScanType.TPI, "a", dec=12.5).coord is None
    assert ScanRecord(1, ScanType.TPI, "a", ra=12.5, dec=90.01).coord is None


def test_records_are_values():
    record, other = make_record(ROW, ScanType.TPI), make_record(ROW, ScanType.TPI)
    assert record == other
    assert hash(record) == hash(other)
    assert len({record, other, make_record(ROW, ScanType.IMAGES)}) == 2
    assert record != make_record({**ROW, "more": 1}, ScanType.TPI)
    with pytest.raises(AttributeError):
        record.id = 43  # type: ignore[misc]


@pytest.mark.parametrize("duplicate", [lambda it: pickle.loads(pickle.dumps(it)), copy.deepcopy])
def test_records_can_be_copied(duplicate):
    record = make_record(ROW, ScanType.TPI)
    assert duplicate(record) == record
    assert duplicate(record).scan_type is ScanType.TPI


def test_records_show_what_they_are():
    shown = repr(ScanRecord(1, ScanType.TPI, "a.fits", metadata={"x": 1}))
    assert shown.startswith("ScanRecord(id=1, scan_type=")
    assert "file_name='a.fits'" in shown
    assert "metadata={'x': 1}" in shown


def test_astropy_and_numpy_are_not_needed():
    code = "import sys, grad300_sdk.records; print({'astropy', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("value", "scan_type"),
    [
        ("TPI", "TPI"),
        (" tpi ", "TPI"),
        ("image", "Images"),
        ("IMAGES", "Images"),
        ("spectrum", "Spectrum"),
        ("on_off", "OnOff"),
        ("OnOff", "OnOff"),
    ],
)
def test_a_scan_type_in_any_case(value, scan_type):
    assert ScanType(value).value == scan_type


@pytest.mark.parametrize("value", ["", "radar", "TPI2", 3, None])
def test_no_scan_type(value):
    with pytest.raises(ValueError, match="'TPI', 'Images', 'Spectrum', 'OnOff'"):
        ScanType(value)


@pytest.mark.parametrize("unit", ["m", "hour", "hours of angle", ""])
def test_right_ascensions_are_angles(unit: str) -> None:
    with conf.set_temp("ra_unit", unit), pytest.raises(ValueError, match="must be an angle"):
        _ = ScanRecord(1, ScanType.TPI, "a.fits", ra=1.0, dec=1.0).coord
    with conf.set_temp("ra_unit", unit), pytest.raises(ValueError, match="must be an angle"):
        make_table([], ScanType.TPI, {})

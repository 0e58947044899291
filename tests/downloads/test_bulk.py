"""Many files at once, on both clients."""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table

from grad300_sdk import ScanType
from grad300_sdk.downloads.partial import Partial
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness
from tests.downloads.bench import ALL, FILE, SIZE, TOKEN, asked, assert_nothing_hidden, seen, whole
from tests.support.wire import CLOSE, Received, Step, Wire, answer

REFUSED = {
    401: "Not authenticated",
    403: "Could not validate credentials",
}


def detail(status: str, text: str) -> Step:
    """Answer with an error as FastAPI words it."""
    return answer(json.dumps({"detail": text}).encode(), status, Content_Type="application/json")


def rows(number: int, **values: object) -> list[dict[str, Any]]:
    """Return rows as `search` yields them."""
    return [
        {"scan_type": "TPI", "id": index, "file_name": f"{index}.fits", "size": SIZE, **values}
        for index in range(number)
    ]


def number_of(request: Received) -> int:
    return int(request.target.split("/")[5])


class Some:
    """A server that answers differently for some of the files."""

    def __init__(self, wire: Callable[..., Wire], steps: dict[int, Callable[[], Step]]) -> None:
        self.wire = wire(answerer=lambda request: steps.get(number_of(request), whole)())
        self.url = self.wire.url


@pytest.fixture
def download(harness: Harness, tmp_path: Path) -> Callable[..., Table]:
    """Download with a client of its own, and return the report."""

    def run(server: Any, what: Any, **options: Any) -> Table:
        client = harness.client(server.url, token=TOKEN, retries=0)
        report: Table = harness.run(client.scans.download(what, tmp_path, **options))
        return report

    return run


Download = Callable[..., Table]
Wires = Callable[..., Wire]


# ---- what is wanted

FORMS: dict[str, Callable[[Table], Any]] = {
    "a table": lambda table: table,
    "a table with units": QTable,
    "a plain table": lambda table: Table(table, copy=False),
    "three columns": lambda table: table["scan_type", "id", "size"],
    "rows of a table": lambda table: list(table),
    "a generator": lambda table: (row for row in table),
    "an array": lambda table: table["scan_type", "id", "size"].as_array(),
    "mappings": lambda table: [
        {"scan_type": str(row["scan_type"]), "id": int(row["id"]), "size": int(row["size"])}
        for row in table
    ],
    "types in any case": lambda table: [
        {"scan_type": row["scan_type"].upper(), "id": row["id"], "size": str(row["size"])}
        for row in table
    ],
    "without sizes": lambda table: table["scan_type", "id"],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_rows(harness: Harness, client: Any, tmp_path: Path, form: str) -> None:
    table = harness.run(client.scans["Images"].table(max_results=3))[::-1]
    report = harness.run(client.scans.download(FORMS[form](table), tmp_path))
    assert list(report["status"]) == ["saved"] * 3
    assert list(report["id"]) == list(table["id"])
    assert list(report["size"]) == list(table["size"])
    has_names = "file_name" in getattr(FORMS[form](table), "colnames", ())
    if has_names:
        assert list(report["file_name"]) == list(table["file_name"])
    assert sorted(seen(tmp_path)) == sorted(report["file_name"])
    for row in report:
        expected = harness.run(client.scans["Images"][row["id"]].file.get())
        assert Path(row["path"]).read_bytes() == expected


def test_raw_scans_records_and_nodes(harness: Harness, client: Any, tmp_path: Path) -> None:
    images = client.scans["Images"]
    raw = harness.list(client.scans.search(source="sun", max_results=2))
    records = harness.run(images.records(max_results=2))
    mixed = [*raw, *records, images[5], images[6]]
    report = harness.run(client.scans.download(mixed, tmp_path))
    assert list(report["status"]) == ["saved"] * 6
    names = [row["file_name"] for row in raw] + [record.file_name for record in records]
    assert list(report["file_name"][:4]) == names
    assert report["file_name"][4] == harness.run(images[5].record()).file_name
    again = harness.run(client.scans.download(mixed, tmp_path))
    assert list(again["status"]) == ["skipped"] * 6


def test_nothing_is_wanted(download: Download, wire: Wires, tmp_path: Path) -> None:
    report = download(wire(), [])
    assert len(report) == 0
    assert report.colnames == ["scan_type", "id", "file_name", "path", "size", "status", "error"]
    assert list(tmp_path.iterdir()) == []


async def unread() -> AsyncIterator[int]:
    """Yield what must be awaited."""
    yield 1


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ([{"id": 3}], TypeError, r"rows\[0\]: .*'scan_type'.*dict \{'id': 3\}"),
        ([{"id": 3}], TypeError, r"as rows from client\.scans\.search\(\) .* do"),
        ([{"id": 3, "x": "x" * 99}], TypeError, "xxx…$"),
        ({"id": "x" * 99}, TypeError, "xxx…$"),
        ([*rows(2), {"scan_type": "TPI"}], TypeError, r"rows\[2\]: .*'id'"),
        ([{"scan_type": "TPI", "id": None}], TypeError, r"rows\[0\]: .*'id'"),
        ([{"scan_type": "TPI", "id": True}], TypeError, r"rows\[0\]: id"),
        ([{"scan_type": "TPI", "id": "3"}], TypeError, r"rows\[0\]: id"),
        ([{"scan_type": "TPI", "id": -3}], ValueError, r"rows\[0\]: id"),
        ([{"scan_type": "TPI", "id": 2**63}], ValueError, r"rows\[0\]: id must be at most 92"),
        ([{"scan_type": "Fotos", "id": 3}], ValueError, r"rows\[0\]: .*Spectrum"),
        ([42], TypeError, r"rows\[0\]: .*int 42"),
        ([None], TypeError, r"rows\[0\]: .*NoneType"),
        (["TPI"], TypeError, r"rows\[0\]: .*str 'TPI'"),
        ([np.array([(3,)], [("id", int)])[0]], TypeError, r"rows\[0\]: .*'scan_type'"),
        (Table({"id": [3]}), TypeError, r"rows\[0\]: .*'scan_type'"),
        (Table(rows(1))[0], TypeError, "not <Row"),
        (rows(1)[0], TypeError, "rows must be"),
        ("TPI", TypeError, "rows must be"),
        (b"TPI", TypeError, "rows must be"),
        (None, TypeError, "rows must be"),
        (3, TypeError, "rows must be"),
        (unread(), TypeError, "asynchronous"),
        (ScanType, TypeError, r"rows\[0\]"),
    ],
)
def test_wrong_rows(
    download: Download, wire: Wires, wrong: Any, error: type[Exception], says: str
) -> None:
    server = wire()
    with pytest.raises(error, match=says):
        download(server, wrong)
    assert server.requests == []


def test_nodes_that_are_no_scans(harness: Harness, wire: Wires, tmp_path: Path) -> None:
    server = wire()
    client = harness.client(server.url, token=TOKEN)
    other = harness.client("https://other", token=TOKEN)
    for wrong, error, says in (
        (client.scans["TPI"][3], TypeError, "rows must be"),
        (client.scans["TPI"], TypeError, "rows must be"),
        (client.scans, TypeError, "rows must be"),
        ([client.scans["TPI"][3].file], TypeError, r"rows\[0\]: .* is not a scan's node"),
        ([client.scans["TPI"][3], client], TypeError, r"rows\[1\]: .* is not a scan's node"),
        ([other.scans["TPI"][3]], ValueError, r"rows\[0\]: .* is a scan of https://other"),
    ):
        with pytest.raises(error, match=says):
            harness.call(client.scans.download, wrong, tmp_path)
    assert server.requests == []


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"max_concurrency": 0}, ValueError, "max_concurrency"),
        ({"max_concurrency": 1.5}, TypeError, "max_concurrency"),
        ({"max_concurrency": True}, TypeError, "max_concurrency"),
        ({"progress": 3}, TypeError, "progress must be"),
        ({"parallel": 3}, TypeError, "parallel"),
    ],
)
def test_wrong_arguments(
    download: Download, wire: Wires, options: Any, error: type[Exception], says: str
) -> None:
    server = wire()
    with pytest.raises(error, match=says):
        download(server, rows(2), **options)
    assert server.requests == []


def test_a_file_in_place_of_the_folder(harness: Harness, wire: Wires, tmp_path: Path) -> None:
    server = wire()
    (tmp_path / "file").touch()
    client = harness.client(server.url, token=TOKEN)
    with pytest.raises(NotADirectoryError, match="is a file"):
        harness.call(client.scans.download, rows(1), tmp_path / "file")
    with pytest.raises(TypeError):
        harness.call(client.scans.download, rows(1), 3)
    assert server.requests == []


def test_masked_and_senseless_values(download: Download, wire: Wires, tmp_path: Path) -> None:
    table = Table(rows(3))
    table["file_name"] = MaskedColumn(table["file_name"], mask=[True, False, False])
    table["size"] = MaskedColumn(table["size"], mask=[False, True, False])
    junk = [
        {**row, "size": size} for row, size in zip(rows(6)[3:], ["?", np.nan, []], strict=True)
    ]
    report = download(Some(wire, {}), [*table, *junk])
    assert list(report["status"]) == ["saved"] * 6
    assert list(report["file_name"]) == ["TPI_0.fits", *(f"{n}.fits" for n in range(1, 6))]
    with pytest.raises(TypeError, match=r"rows\[0\]: .*'id'"):
        download(wire(), Table({"scan_type": ["TPI"], "id": MaskedColumn([3], mask=[True])}))


# ---- where files go


DATED = {"file_path": "20250204/FITS", "source": "sun", "date": "2025-02-04T09:35:21"}


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("{file_name}", ["0.fits", "1.fits"]),
        ("{file_path}/{file_name}", ["20250204/FITS/0.fits", "20250204/FITS/1.fits"]),
        (
            "{date:%Y/%m}/{scan_type}_{id:03}.fits",
            ["2025/02/TPI_000.fits", "2025/02/TPI_001.fits"],
        ),
        ("{source}.fits", ["sun_TPI_0.fits", "sun_TPI_1.fits"]),
        ("a/{scan_type}", ["a/TPI_TPI_0.fits", "a/TPI_TPI_1.fits"]),
    ],
)
def test_layouts(
    download: Download, wire: Wires, tmp_path: Path, layout: str, expected: list[str]
) -> None:
    server = Some(wire, {})
    planned = download(server, rows(2, **DATED), layout=layout, dry_run=True)
    assert server.wire.requests == []
    assert list(tmp_path.iterdir()) == []
    report = download(server, rows(2, **DATED), layout=layout)
    assert list(report["path"]) == [str(tmp_path / name) for name in expected]
    assert list(report["file_name"]) == [name.rpartition("/")[2] for name in expected]
    assert list(planned["path"]) == list(report["path"])
    assert list(planned["status"]) == ["would save"] * 2
    assert list(planned["size"]) == [SIZE] * 2
    for name in expected:
        assert (tmp_path / name).read_bytes() == FILE
    server.wire.requests.clear()
    for dry_run in (False, True):
        again = download(server, rows(2, **DATED), layout=layout, dry_run=dry_run)
        assert list(again["status"]) == ["skipped"] * 2
    assert server.wire.requests == []


ARCHIVE = "{file_path}/{source}/{date:%Y}/{gain}/{nsamples}/{file_name}"


def test_a_layout_of_rows_of_every_form(harness: Harness, client: Any, tmp_path: Path) -> None:
    images = client.scans["Images"]
    table = harness.run(images.table(max_results=3))
    raw = harness.list(images.search(max_results=3))
    forms = {
        "table": table,
        "QTable": QTable(table),
        "rows": list(table),
        "raw": [{"scan_type": "Images", **row} for row in raw],
        "records": harness.run(images.records(max_results=3)),
    }
    plans = {
        name: harness.run(client.scans.download(form, tmp_path, layout=ARCHIVE, dry_run=True))
        for name, form in forms.items()
    }
    raw = [{key: "unknown" if row[key] in (None, "") else row[key] for key in row} for row in raw]
    places = [
        f"{row['file_path']}/{row['object']}/{row['date'][:4]}/{row['gain']}/{row['nsamples']}"
        f"/{row['file_name']}"
        for row in raw
    ]
    for name, plan in plans.items():
        assert list(plan["path"]) == [str(tmp_path / place) for place in places], name
        assert list(plan["status"]) == ["would save"] * 3
    assert list(tmp_path.iterdir()) == []
    report = harness.run(client.scans.download(table, tmp_path, layout=ARCHIVE))
    assert list(report["status"]) == ["saved"] * 3
    assert all((tmp_path / place).is_file() for place in places)


def test_a_layout_of_nodes(harness: Harness, client: Any, tmp_path: Path) -> None:
    image = client.scans["Images"][5]
    record = harness.run(image.record())
    for dry_run, status in ((True, "would save"), (False, "saved"), (True, "skipped")):
        report = harness.run(
            client.scans.download(
                [image], tmp_path, layout="{file_path}/{file_name}", dry_run=dry_run
            )
        )
        assert list(report["status"]) == [status]
        assert list(report["path"]) == [str(tmp_path / record.file_path / record.file_name)]
    with pytest.raises(ValueError, match="'nsamples'"):  # it is not known before it is fetched
        harness.call(client.scans.download, [image], tmp_path, layout="{nsamples}")


@pytest.mark.parametrize(
    ("layout", "error", "says"),
    [
        ("{nothing}/{file_name}", ValueError, r"'nothing'; the columns are id, .*comment, extra$"),
        ("{metadata}", ValueError, "no column 'metadata'"),
        ("{id.__class__}", ValueError, "a field is the name of a column"),
        ("../{file_name}", ValueError, "layout is '../{file_name}', but it must be a relative"),
        ("{source:05d}", ValueError, r"rows\[0\]: layout is .* does not fit 'sun'"),
        (3, TypeError, "layout must be a str"),
    ],
)
def test_wrong_layouts(
    download: Download, wire: Wires, layout: Any, error: type[Exception], says: str
) -> None:
    server = wire()
    for dry_run in (False, True):
        with pytest.raises(error, match=says):
            download(server, rows(2, **DATED, extra=1), layout=layout, dry_run=dry_run)
    with pytest.raises(error):
        download(server, [], layout="{nothing}" if isinstance(layout, str) else layout)
    assert server.requests == []


def test_a_column_of_a_table_without_rows_is_known(download: Download, wire: Wires) -> None:
    table = Table(rows(1, extra=1))[:0]
    assert len(download(wire(), table, layout="{extra}/{file_name}")) == 0


@pytest.mark.parametrize("value", ["..", "../../x", "/etc", "C:\\x", "~root", "a\0b", "."])
def test_a_layout_of_hostile_values_stays_in_the_folder(
    harness: Harness, wire: Wires, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    client = harness.client(Some(wire, {}).url, token=TOKEN)
    wanted = rows(1, file_path=value, source=value)
    for layout in ("{source}/{file_name}", "{file_path}/{file_name}", "{file_path}/{source}"):
        report = harness.run(client.scans.download(wanted, ".", layout=layout))
        assert report["status"][0] in ("saved", "skipped")
        assert Path(report["path"][0]).resolve().is_relative_to(tmp_path / "inside")
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_paths_that_differ_in_case_alone_collide(
    download: Download, wire: Wires, tmp_path: Path
) -> None:
    wanted = [{**row, "source": name} for row, name in zip(rows(2), ["Sun", "sun"], strict=True)]
    report = download(Some(wire, {}), wanted, layout="{source}/x.fits")
    assert list(report["path"]) == [
        str(tmp_path / "Sun" / "x_TPI_0.fits"),
        str(tmp_path / "sun" / "x_TPI_1.fits"),
    ]


def test_a_dry_run_says_what_would_fail(download: Download, wire: Wires, tmp_path: Path) -> None:
    (tmp_path / "0.fits").write_bytes(b"old")
    (tmp_path / "1.fits").mkdir()
    (tmp_path / "2.fits").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    wanted = rows(4)
    for overwrite in (False, True):
        server = wire()
        plan = download(server, wanted, dry_run=True, overwrite=overwrite, progress=True)
        report = download(Some(wire, {}), wanted[:3], overwrite=overwrite, progress=False)
        expected = ["failed" if s == "failed" else "would save" for s in report["status"]]
        assert list(plan["status"]) == [*expected, "would save"]
        assert list(plan["error"][:3]) == list(report["error"])
        assert plan["path"].tolist()[1] is None
        assert server.requests == []
    layout = "{file_path}/{file_name}"
    below = download(wire(), rows(1, file_path="file/x"), dry_run=True, layout=layout)
    assert list(below["status"]) == ["failed"]
    assert "is a file" in below["error"][0]


# ---- the report


def test_the_report(download: Download, wire: Wires, tmp_path: Path) -> None:
    (tmp_path / "1.fits").write_bytes(FILE)
    server = Some(wire, {2: lambda: detail("404 Not Found", "Scan not found")})
    report = download(server, rows(3))
    assert list(report["status"]) == ["saved", "skipped", "failed"]
    assert list(report["id"]) == [0, 1, 2]
    assert list(report["file_name"]) == ["0.fits", "1.fits", "2.fits"]
    assert report["path"].tolist() == [str(tmp_path / "0.fits"), str(tmp_path / "1.fits"), None]
    assert report["size"].tolist() == [SIZE, SIZE, None]
    assert report["error"].tolist() == [None, None, "Scan not found"]
    assert str(report["size"].unit) == "byte"
    kinds = {name: report[name].dtype.kind for name in report.colnames}
    assert kinds == dict.fromkeys(kinds, "U") | {"id": "i", "size": "i"}
    assert kinds == {name: download(server, [])[name].dtype.kind for name in kinds}
    assert_nothing_hidden(tmp_path)


@pytest.mark.parametrize("asked_for", [1, 3, None, 99])
def test_no_more_at_once_than_allowed(
    download: Download, wire: Wires, asked_for: int | None
) -> None:
    expected = min(asked_for or 8, 8)  # the client's connections
    together, lock = threading.Barrier(expected), threading.Lock()
    now, most = 0, 0

    def step(request: Received) -> Iterator[bytes]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(30)  # so many do come
        with lock:
            now -= 1
        yield from whole()  # type: ignore[misc]

    server = wire(answerer=step)
    report = download(server, rows(3 * expected), max_concurrency=asked_for)
    assert list(report["status"]) == ["saved"] * 3 * expected
    assert most == expected


def test_what_is_there_is_skipped(download: Download, wire: Wires, tmp_path: Path) -> None:
    server = Some(wire, {})
    download(server, rows(3))
    server.wire.requests.clear()
    for overwrite in (False, True):
        report = download(server, rows(3), overwrite=overwrite)
        assert list(report["status"]) == ["skipped"] * 3
        assert list(report["path"]) == [str(tmp_path / f"{n}.fits") for n in range(3)]
    assert server.wire.requests == []


def test_a_file_of_another_size(download: Download, wire: Wires, tmp_path: Path) -> None:
    (tmp_path / "0.fits").write_bytes(b"old")
    server = Some(wire, {})
    for size, said in ((SIZE, f"{SIZE} bytes"), (None, "no size")):
        report = download(server, rows(1, size=size))
        assert list(report["status"]) == ["failed"]
        assert "with 3 bytes" in report["error"][0]
        assert said in report["error"][0]
        assert "overwrite=True" in report["error"][0]
    assert server.wire.requests == []
    assert seen(tmp_path) == {"0.fits": b"old"}
    assert list(download(server, rows(1), overwrite=True)["status"]) == ["saved"]
    assert seen(tmp_path) == {"0.fits": FILE}


def test_a_folder_in_the_place_of_a_file(download: Download, wire: Wires, tmp_path: Path) -> None:
    (tmp_path / "0.fits").mkdir()
    server = Some(wire, {})
    report = download(server, rows(2))
    assert list(report["status"]) == ["failed", "saved"]
    assert "is not a file" in report["error"][0]
    report = download(server, rows(2), overwrite=True)
    assert list(report["status"]) == ["failed", "skipped"]
    assert_nothing_hidden(tmp_path)


def test_a_link_that_leads_nowhere(download: Download, wire: Wires, tmp_path: Path) -> None:
    (tmp_path / "0.fits").symlink_to(tmp_path / "nowhere")
    server = Some(wire, {})
    assert "overwrite=True" in download(server, rows(1))["error"][0]
    assert list(download(server, rows(1), overwrite=True)["status"]) == ["saved"]
    assert seen(tmp_path) == {"0.fits": FILE}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x.fits", "x.fits"], ["x_TPI_0.fits", "x_TPI_1.fits"]),
        (["x.fits", "y.fits", "X.FITS"], ["x_TPI_0.fits", "y.fits", "X_TPI_2.fits"]),
        (["a/x.fits", "b\\x.fits"], ["x_TPI_0.fits", "x_TPI_1.fits"]),
        (["\u00e9.fits", "e\u0301.fits"], ["\u00e9_TPI_0.fits", "e\u0301_TPI_1.fits"]),
        (
            ["x.fits", "x.fits", "X_tpi_1.fits"],
            ["x_TPI_0.fits", "x_TPI_1_TPI_1.fits", "X_tpi_1_TPI_2.fits"],
        ),
        ([None, "tpi_0.fits"], ["TPI_0_TPI_0.fits", "tpi_0_TPI_1.fits"]),
    ],
)
def test_colliding_names(
    download: Download, wire: Wires, tmp_path: Path, names: list[str], expected: list[str]
) -> None:
    wanted = [{**row, "file_name": name} for row, name in zip(rows(9), names, strict=False)]
    contents = [FILE[:2880] + bytes([index]) * (SIZE - 2880) for index in range(len(names))]
    server = wire(answerer=lambda request: whole(contents[number_of(request)]))
    report = download(server, wanted)
    assert list(report["file_name"]) == expected
    assert seen(tmp_path) == dict(zip(expected, contents, strict=True))


@pytest.mark.parametrize(
    "name",
    ["../../x.fits", "/etc/x.fits", "..\\x.fits", "C:\\x.fits", "x\0.fits", "..", "", ".x.fits"],
)
def test_hostile_names_stay_in_the_folder(
    harness: Harness, wire: Wires, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "a" / "b"
    client = harness.client(Some(wire, {}).url, token=TOKEN)
    report = harness.run(client.scans.download(rows(1, file_name=name), folder))
    assert list(report["status"]) == ["saved"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [Path(report["path"][0])]
    assert Path(report["path"][0]).parent == folder


def test_the_same_scan_twice(download: Download, wire: Wires) -> None:
    server = Some(wire, {})
    report = download(server, [*rows(2), *rows(1)])
    assert list(report["id"]) == [0, 1, 0]
    assert list(report["file_name"]) == ["0.fits", "1.fits", "0.fits"]
    assert list(report["status"]) == ["saved"] * 3
    assert len(server.wire.requests) == 2


# ---- what fails

ALONE: dict[str, tuple[Callable[[], Step], str]] = {
    "not found": (lambda: detail("404 Not Found", "Scan not found"), "Scan not found"),
    "forbidden": (lambda: detail("403 Forbidden", "Not yours"), "Not yours"),
    "an error": (lambda: answer(b"", "500 Oops"), "500"),
    "HTML": (lambda: whole(b"<html>", Content_Type="text/html"), "not a FITS file"),
    "cut": (lambda: [*answer(FILE[:99], length=SIZE), CLOSE], f"99 bytes of a body of {SIZE}"),
    "gone": (lambda: [CLOSE], "download: "),
}


@pytest.mark.parametrize("what", ALONE)
def test_one_fails_alone(download: Download, wire: Wires, tmp_path: Path, what: str) -> None:
    step, says = ALONE[what]
    server = Some(wire, {0: step})
    report = download(server, rows(4), max_concurrency=1)
    assert list(report["status"]) == ["failed", *["saved"] * 3]
    assert says in report["error"][0]
    assert TOKEN not in report["error"][0]
    assert seen(tmp_path) == {f"{index}.fits": FILE for index in range(1, 4)}
    assert_nothing_hidden(tmp_path)


@pytest.mark.parametrize("status", REFUSED)
@pytest.mark.parametrize("at_once", [1, 8])
def test_refused_credentials_fail_all(
    download: Download, wire: Wires, tmp_path: Path, status: int, at_once: int
) -> None:
    def refuse() -> Step:
        return detail(f"{status} No", REFUSED[status])

    server = Some(wire, dict.fromkeys(range(2, 100), refuse))
    report = download(server, rows(100), max_concurrency=at_once)
    assert list(report["status"]) == ["saved"] * 2 + ["failed"] * 98
    assert all(REFUSED[status] in error for error in report["error"][2:])
    assert "not requested" in report["error"][99]
    assert len(server.wire.requests) <= 2 + at_once
    assert sorted(seen(tmp_path)) == ["0.fits", "1.fits"]


def test_a_refused_log_in_fails_all(harness: Harness, wire: Wires, tmp_path: Path) -> None:
    server = wire(answerer=lambda _: detail("400 Bad Request", "Incorrect email or password"))
    client = harness.client(server.url, user="me", password="my-own-password")
    report = harness.run(client.scans.download(rows(50), tmp_path))
    assert list(report["status"]) == ["failed"] * 50
    assert all("Incorrect email or password" in error for error in report["error"])
    assert not any("my-own-password" in error for error in report["error"])
    assert {request.target for request in server.requests} == {"/api/v1/login/access-token"}
    assert len(server.requests) <= 3  # who came just after the refusal may try again


@pytest.mark.parametrize("described", [False, True])
def test_a_server_that_repeats_a_secret_is_not_quoted_with_it(
    harness: Harness, wire: Wires, tmp_path: Path, described: bool
) -> None:
    server = wire(answerer=lambda request: answer(request.headers["authorization"].encode()))
    client = harness.client(server.url, token=TOKEN)
    what = rows(1) if described else [client.scans["TPI"][0]]
    (error,) = harness.run(client.scans.download(what, tmp_path))["error"]
    assert "Bearer ***" in error
    assert TOKEN not in error


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_fails_all(
    download: Download,
    wire: Wires,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Partial, "write", fail)
    server = Some(wire, {})
    report = download(server, rows(50), max_concurrency=2)
    assert list(report["status"]) == ["failed"] * 50
    assert all(os.strerror(code) in error for error in report["error"])
    assert len(server.wire.requests) <= 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("may_write", [True, False])
def test_what_may_not_be_written(
    download: Download,
    wire: Wires,
    monkeypatch: pytest.MonkeyPatch,
    may_write: bool,
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "not yours")

    monkeypatch.setattr(Partial, "move", fail)
    monkeypatch.setattr(os, "access", lambda *arguments: may_write)
    server = Some(wire, {})
    report = download(server, rows(10), max_concurrency=1)
    assert list(report["status"]) == ["failed"] * 10
    assert len(server.wire.requests) == (10 if may_write else 1)


def test_a_file_that_is_too_large_fails_alone(
    download: Download, wire: Wires, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = iter([OSError(errno.EFBIG, "too large"), OSError()])
    write = Partial.write

    def fail(self: Partial, data: bytes) -> None:
        for error in errors:
            raise error
        write(self, data)

    monkeypatch.setattr(Partial, "write", fail)
    report = download(Some(wire, {}), rows(4), max_concurrency=1)
    assert list(report["status"]) == ["failed", "failed", "saved", "saved"]
    assert list(report["error"][:2]) == ["[Errno 27] too large", "OSError"]


def test_the_records_of_nodes_come_first(harness: Harness, wire: Wires, tmp_path: Path) -> None:
    def step(request: Received) -> Step:
        if request.target.endswith("/download"):
            return whole()
        index = number_of(request)
        if index == 1:
            return detail("404 Not Found", "Scan not found")
        scan = {"id": index, "file_name": f"../{index}.fits", "size": SIZE}
        return answer(json.dumps(scan).encode(), Content_Type="application/json")

    server = wire(answerer=step)
    client = harness.client(server.url, token=TOKEN)
    nodes = [client.scans["TPI"][index] for index in range(3)]
    report = harness.run(client.scans.download([*nodes, *rows(4)[3:]], tmp_path))
    assert list(report["status"]) == ["saved", "failed", "saved", "saved"]
    assert report["error"][1] == "Scan not found"
    assert report["file_name"].tolist() == ["0.fits", None, "2.fits", "3.fits"]
    targets = [request.target.removeprefix("/api/v1/scans/TPI/") for request in server.requests]
    assert sorted(targets[:3]) == ["0", "1", "2"]
    assert sorted(targets[3:]) == ["0/download", "2/download", "3/download"]


def test_refused_credentials_for_a_record_fail_all(
    harness: Harness, wire: Wires, tmp_path: Path
) -> None:
    server = wire(answerer=lambda _: detail("401 Unauthorized", "Not authenticated"))
    client = harness.client(server.url, token=TOKEN)
    nodes = [client.scans["TPI"][index] for index in range(50)]
    report = harness.run(client.scans.download([*nodes, *rows(60)[50:]], tmp_path))
    assert list(report["status"]) == ["failed"] * 60
    assert all("Not authenticated" in error for error in report["error"])
    assert len(server.requests) <= 8


def test_a_token_that_expires_is_renewed_once(
    harness: Harness, wire: Wires, tmp_path: Path
) -> None:
    log_ins, downloads = 0, 0

    def step(request: Received) -> Step:  # the server calls it for one request after the other
        nonlocal log_ins, downloads
        if request.target.endswith("/login/access-token"):
            log_ins += 1
            token = {"access_token": f"token-{log_ins}", "token_type": "bearer"}
            return answer(json.dumps(token).encode(), Content_Type="application/json")
        downloads += 1
        if downloads > 5 and request.headers["authorization"] == "Bearer token-1":
            return detail("403 Forbidden", "Could not validate credentials")
        return whole()

    server = wire(answerer=step)
    client = harness.client(server.url, user="me", password="my-own-password")
    report = harness.run(client.scans.download(rows(40), tmp_path))
    assert list(report["status"]) == ["saved"] * 40
    assert log_ins == 2


def test_a_stale_size_is_logged(
    download: Download, wire: Wires, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report = download(Some(wire, {}), rows(1, size=3))
    assert list(report["status"]) == ["saved"]
    assert list(report["size"]) == [SIZE]
    (record,) = [r for r in caplog.records if r.name.startswith("grad300_sdk.")]
    assert record.levelno == logging.WARNING
    assert f"has {SIZE} bytes, where the listing says 3" in record.getMessage()


def test_many_stale_sizes_are_logged_once(
    download: Download, wire: Wires, caplog: pytest.LogCaptureFixture
) -> None:
    report = download(Some(wire, {}), [*rows(1), *rows(5, size=3)[1:]])
    assert list(report["status"]) == ["saved"] * 5
    (record,) = [r for r in caplog.records if r.name.startswith("grad300_sdk.")]
    message = record.getMessage()
    assert f"1.fits has {SIZE} bytes, where the listing says 3; " in message
    assert "the sizes of 3 more differ too" in message


# ---- the progress


@pytest.mark.parametrize(
    ("size", "totals"), [(SIZE, {3 * SIZE}), (None, {None, 3 * SIZE}), (3, {SIZE + 6, 3 * SIZE})]
)
def test_progress(download: Download, wire: Wires, size: int | None, totals: set[Any]) -> None:
    steps: list[tuple[int, int | None]] = []
    threads = threading.Lock()

    def tell(done: int, total: int | None) -> None:
        assert threads.acquire(blocking=False)  # never told twice at once
        steps.append((done, total))
        threads.release()

    report = download(Some(wire, {}), rows(3, size=size), progress=tell)
    assert list(report["status"]) == ["saved"] * 3
    assert steps[-1] == (3 * SIZE, 3 * SIZE)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert totals <= {total for _, total in steps}


def test_the_progress_leaves_out_what_is_there(
    download: Download, wire: Wires, tmp_path: Path
) -> None:
    (tmp_path / "0.fits").write_bytes(FILE)
    steps: list[tuple[int, int | None]] = []
    download(Some(wire, {}), rows(2), progress=lambda *step: steps.append(step))
    assert steps[-1] == (SIZE, SIZE)


def test_an_error_of_the_progress_is_raised(harness: Harness, wire: Wires, tmp_path: Path) -> None:
    def fail(done: int, total: int | None) -> None:
        raise ZeroDivisionError

    client = harness.client(Some(wire, {}).url, token=TOKEN)
    with pytest.raises(ZeroDivisionError):
        harness.run(client.scans.download(rows(3), tmp_path, progress=fail))
    assert seen(tmp_path) == {}


@pytest.mark.parametrize("progress", [True, False, None])
def test_the_bar(
    download: Download, wire: Wires, capsys: pytest.CaptureFixture[str], progress: bool | None
) -> None:
    download(Some(wire, {}), rows(3), progress=progress)
    output, drawn = capsys.readouterr()
    assert output == ""
    if progress:
        last = drawn.split("\r")[-1]
        assert "100%" in last
        assert "3/3 files" in last
        assert "39.4k/39.4k" in last
        assert last.endswith("\n")
    else:
        assert drawn == ""  # it is not a terminal


# ---- a whole archive


def test_an_archive(harness: Harness, sandbox: Sandbox, client: Any, tmp_path: Path) -> None:
    table = harness.run(client.scans.table(source="casa"))
    report = harness.run(client.scans.download(table, tmp_path))
    assert len(report) == len(table) > 8
    assert list(report["scan_type"]) == list(table["scan_type"])
    assert list(report["id"]) == list(table["id"])
    assert list(report["status"]) == ["saved"] * len(table)
    assert list(report["size"]) == list(table["size"])
    assert sorted(seen(tmp_path)) == sorted(report["file_name"])
    assert set(harness.run(client.scans.download(table, tmp_path))["status"]) == {"skipped"}


def test_all_is_asked_for_with_the_token(download: Download, wire: Wires) -> None:
    server = wire(answerer=lambda request: whole())
    download(server, rows(12))
    assert asked(server) == [ALL] * 12

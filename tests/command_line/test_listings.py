"""`grad300 scans`: what a terminal shows, and what its formats hold."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from typing import Any

import pandas
import pytest
from astropy.table import Table

from grad300_sdk import Client
from tests.support.commands import Done, is_harmless, posix, shown
from tests.support.wire import Received, Wire, answer

LISTING = ("scans", "TPI", "--source", "casa")
MAN, HEBREW, FAMILY = "太阳望远镜", "שמש", "e\N{COMBINING ACUTE ACCENT}"


def names(line: str) -> list[str]:
    return re.split(" {2,}", re.sub(r"\x1b\[\d*m", "", line).strip())


@pytest.fixture
def expected(sandbox, token_file) -> Any:
    with Client(sandbox.url, token_file=token_file) as client:
        return client.scans["TPI"].table(source="casa")


@pytest.fixture
def odd_names():
    """A server whose sources are not Latin."""

    def answer_it(request: Received) -> Any:
        rows = [
            {"id": number, "file_name": "a", "object": name, "size": 3}
            for number, name in enumerate((MAN, HEBREW, FAMILY, "sun"), 1)
        ]
        return answer(json.dumps(rows if "offset=0" in request.target else []).encode())

    with Wire(answerer=answer_it) as wire:
        yield "--base-url", wire.url


class TestTerminal:
    @posix
    @pytest.mark.parametrize(
        ("columns", "last"), [(60, "size [byte]"), (80, "size [byte]"), (200, "gain")]
    )
    def test_what_matters_comes_first(self, access, columns, last):
        status, seen = shown(*access, *LISTING, columns=columns)
        head, *rows, note = seen.splitlines()
        assert status == 0
        assert "columns fit; --columns chooses others, --format csv has all" in note
        assert names(head)[:4] == ["id", "scan_type", "date", "source"]
        assert names(head)[-1] == last
        assert all(len(row) <= columns for row in rows)
        assert re.match(r"\d+ +TPI +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +casa +\d+", rows[0])

    @posix
    def test_chosen_columns_are_all_there(self, access):
        arguments = (*access, *LISTING, "--columns", "file_name,file_path,date,id", "--quiet")
        status, seen = shown(*arguments, columns=60)
        assert status == 0
        assert names(seen.splitlines()[0]) == ["file_name", "file_path", "date", "id"]

    @posix
    def test_wide_and_joined_characters_are_aligned(self, odd_names, monkeypatch):
        monkeypatch.setenv("NO_COLOR", "1")
        _, seen = shown(*odd_names, "scans", "TPI", "--columns", "source,id,size")
        assert seen.splitlines() == [
            "source      id  size [byte]",
            f"{MAN}  1   3",
            f"{HEBREW}         2   3",
            f"{FAMILY}           3   3",
            "sun         4   3",
        ]

    @posix
    def test_without_utf_8_there_are_escapes(self, odd_names, monkeypatch):
        monkeypatch.setenv("PYTHONIOENCODING", "ascii")
        monkeypatch.setenv("TERM", "dumb")
        status, seen = shown(*odd_names, "scans", "TPI", "--columns", "source,id", columns=60)
        assert status == 0
        assert seen.isascii()
        assert is_harmless(seen)
        assert r"\u05e9\u05de\u05e9" in seen

    @posix
    def test_nothing_found_is_said(self, access):
        _, seen = shown(*access, "scans", "TPI", "--source", "nowhere")
        assert "grad300: no scan matches\n" in seen


class TestFormats:
    def test_csv_has_degrees(self, here, access, expected):
        done = here(*access, *LISTING, "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(done.output)))
        degrees = [pytest.approx(hours * 15, rel=1e-12) for hours in expected["ra"]]
        assert [float(row["ra"]) for row in rows] == degrees

    def test_parquet_is_for_pandas_and_astropy(self, here, access, expected, tmp_path):
        path = tmp_path / "x.parquet"
        assert here(*access, *LISTING, "--output", path) == Done(0, "", "")
        frame = pandas.read_parquet(path)
        assert list(frame["id"]) == list(expected["id"])
        assert list(frame["ra"]) == pytest.approx(list(expected["ra"] * 15))
        assert str(frame["date"].iloc[0]).replace(" ", "T") == expected["date"][0].isot[:19]
        assert list(frame["azimuth"].isna()) == list(expected["azimuth"].mask)
        table = Table.read(path)
        assert list(table["file_name"]) == list(expected["file_name"])

    def test_without_pyarrow_a_line_says_what_to_install(self, here, access, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        done = here(*access, *LISTING, "--format", "parquet")
        assert done.status == 1
        assert 'pip install "grad300-sdk[parquet]"' in done.error

    def test_a_hyphen_is_standard_output(self, here, access):
        arguments = (*access, *LISTING, "--format", "csv")
        assert here(*arguments, "--output", "-") == here(*arguments)

    @posix
    @pytest.mark.parametrize("form", ["fits", "parquet"])
    def test_bytes_are_not_for_a_terminal(self, access, form):
        status, seen = shown(*access, *LISTING, "--format", form)
        assert (status, seen) == (
            2,
            f"grad300: {form} is not written to a terminal; use --output FILE\n",
        )


@pytest.mark.parametrize("form", ["csv", "json"])
def test_no_more_rows_are_asked_for_than_needed(here, form):
    rows = [{"id": number, "file_name": "a"} for number in (1, 2)]
    with Wire(answer(json.dumps(rows).encode())) as wire:
        arguments = ("scans", "TPI", "--max-results", "2", "--format", form)
        assert here("--base-url", wire.url, *arguments).status == 0
    assert [request.target.partition("?")[2] for request in wire.requests] == ["offset=0&limit=2"]

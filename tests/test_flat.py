"""The flat client, as scripts use it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from astropy.io.fits import HDUList
from astropy.table import Table

from grad300_sdk import (
    AuthenticationError,
    Client,
    Grad300,
    Grad300Client,
    ScanRecord,
    ScanType,
    conf,
)
from grad300_sdk.sandbox import Sandbox


@pytest.fixture
def flat(sandbox: Sandbox) -> Iterator[Grad300]:
    with Grad300(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        yield client


def test_the_script_that_the_published_client_shows(sandbox: Sandbox, tmp_path: Path) -> None:
    with conf.set_temp("base_url", sandbox.url), conf.set_temp("default_page_size", 200):
        client = Grad300(user=sandbox.user, password=sandbox.password)
    tpi_scans = client.query_source("sun", scan_type="TPI")
    assert len(tpi_scans["id", "scan_type", "file_name", "source", "date"]) > 0
    named_scans = client.query_scan_name("2025062")
    assert all("2025062" in name for name in named_scans["file_name"])
    march_scans = client.query_date_range(
        date_from=datetime(2026, 3, 1), date_to=datetime(2026, 3, 31, 23, 59, 59)
    )
    assert all(str(date).startswith("2026-03") for date in march_scans["date"])
    tpi_data = client.download(tpi_scans[0])
    assert isinstance(tpi_data, Table)
    local_path = client.download(tpi_scans[0], destination_dir=tmp_path / "downloads")
    assert local_path == tmp_path / "downloads" / tpi_scans[0]["file_name"]
    image_hdul = client.download_by_id(scan_type="Images", scan_id=30)
    assert isinstance(image_hdul, HDUList)
    image_hdul.close()
    client.close()


def test_it_logs_in_when_it_is_made(sandbox: Sandbox) -> None:
    with pytest.raises(AuthenticationError, match="Incorrect email or password"):
        Grad300Client(sandbox.url, user=sandbox.user, password="wrong")
    with Grad300Client(sandbox.url) as client:
        token = client.login(email=sandbox.user, password=sandbox.password)
        assert client.test_token()["email"] == sandbox.user
    with Grad300Client(sandbox.url, token=token) as client:
        assert client.test_token()["email"] == sandbox.user


def test_it_is_a_client() -> None:
    assert issubclass(Grad300, Grad300Client)
    assert issubclass(Grad300Client, Client)
    assert inspect.signature(Grad300Client) == inspect.signature(Client)


@pytest.mark.parametrize("scan_type", ["TPI", "images", ScanType.SPECTRUM])
def test_one_page(flat: Grad300, scan_type: Any) -> None:
    table = flat.list(scan_type, offset=1, limit=2)
    records = flat.list_records(scan_type, offset=1, limit=2)
    assert list(table["id"]) == [record.id for record in records] == [2, 3]
    assert set(table["scan_type"]) == {ScanType(scan_type).value}
    assert table.meta["offset"] == 1


def test_query(flat: Grad300) -> None:
    everything = flat.query()
    assert len(everything) == len(flat.query_records(page_size=30)) == 200
    assert set(everything["scan_type"]) == {"TPI", "Images", "Spectrum", "OnOff"}
    assert len(flat.query(scan_type="tpi", source="SUN", max_results=3)) == 3
    assert len(flat.query_source("sun", max_results=4)) == 4
    assert len(flat.query_scan_name("SUN", scan_type="images", page_size=7, max_results=2)) == 2
    day = flat.query_date_range(date_from="2025-01-30", date_to="2025-01-30", scan_type="TPI")
    assert {str(date)[:10] for date in day["date"]} == {"2025-01-30"}


@pytest.mark.parametrize("kind", ["row", "record", "mapping", "bare mapping"])
def test_download(flat: Grad300, tmp_path: Path, kind: str) -> None:
    row = flat.list("TPI", limit=1)[0]
    record = flat.list_records("TPI", limit=1)[0]
    given: Any = {
        "row": row,
        "record": record,
        "mapping": dict(row),
        "bare mapping": {"scan_type": "TPI", "id": 1},
    }[kind]
    assert isinstance(flat.download(given), Table)
    path = flat.download(given, destination_dir=tmp_path)
    assert path == tmp_path / record.file_name
    assert path.stat().st_size == record.size
    with pytest.raises(FileExistsError):
        flat.download(given, destination_dir=tmp_path)
    assert flat.download(given, destination_dir=tmp_path, overwrite=True) == path


@pytest.mark.parametrize(
    "record", [{"id": 1}, {"scan_type": "TPI"}, {"scan_type": None, "id": 1}, 42, None]
)
def test_wrong_records(flat: Grad300, record: Any) -> None:
    with pytest.raises(TypeError, match=r"a record needs a '(scan_type|id)'"):
        flat.download(record)


def test_a_table_is_not_one_scan(flat: Grad300) -> None:
    with pytest.raises(TypeError, match=r"pass a row, or .*client\.scans\.download\(table"):
        flat.download(flat.list("TPI", limit=2))


def test_too_many_positional_arguments(flat: Grad300) -> None:
    with pytest.raises(TypeError, match=r"Client\(\) takes only base_url by position, not 2 "):
        Client("http://127.0.0.1:1", "/api/v1")  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"query\(\) takes no arguments by position, not 1 "):
        flat.query("TPI")  # type: ignore[misc]


def test_download_by_id(flat: Grad300, tmp_path: Path) -> None:
    assert isinstance(flat.download_by_id(scan_type="TPI", scan_id=1), Table)
    path = flat.download_by_id(
        scan_type="Spectrum", scan_id=1, destination_dir=tmp_path / "x", file_name="mine.fits"
    )
    assert path == tmp_path / "x" / "mine.fits"


def test_download_by_scan_name(flat: Grad300, tmp_path: Path) -> None:
    name = flat.list_records("TPI", limit=1)[0].file_name
    assert isinstance(flat.download_by_scan_name(name), Table)
    path = flat.download_by_scan_name(name, scan_type="TPI", destination_dir=tmp_path)
    assert path == tmp_path / name
    with pytest.raises(LookupError, match=r"no scan has the file name '2025'"):
        flat.download_by_scan_name("2025")


def test_two_files_of_one_name() -> None:
    rows = [{"id": number, "file_name": "x.fits"} for number in (1, 2)]
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, json=rows[int(request.url.params["offset"]) :])
    )
    client = Grad300Client("https://archive", transport=transport)
    with pytest.raises(LookupError, match=r"2 scans have the file name 'x.fits'"):
        client.download_by_scan_name("x.fits", scan_type="TPI")


def test_a_name_from_the_server_stays_in_the_folder(flat: Grad300, tmp_path: Path) -> None:
    record = flat.list_records("TPI", limit=1)[0]
    hostile = ScanRecord(id=record.id, scan_type=record.scan_type, file_name="../../etc/passwd")
    folder = tmp_path / "downloads"
    assert flat.download(hostile, destination_dir=folder) == folder / "passwd"


def test_an_account_that_is_found_logs_in_at_the_first_request_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine archive login me password s3cret")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"access_token": "t0k-of-the-reader"})

    client = Grad300Client("https://archive", transport=httpx.MockTransport(handle))
    assert client.auth_source == "netrc"
    assert asked == []

import gc
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from grad300_sdk.sandbox.archive import Archive
from grad300_sdk.sandbox.observing import observe


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_nothing_is_made_before_it_is_needed_and_nothing_is_left(folder):
    archive = Archive(20, 0)
    assert list(folder.iterdir()) == []
    archive.open()
    archive.open()
    (made,) = folder.iterdir()
    assert [path.name for path in made.iterdir()] == ["archive.sqlite"]
    archive.close()
    archive.close()
    assert list(folder.iterdir()) == []


def test_it_is_made_again_the_same_when_it_was_closed(folder):
    archive = Archive(20, 0)
    before = archive.page("TPI", offset=0, limit=9)
    archive.close()
    assert archive.page("TPI", offset=0, limit=9) == before
    archive.close()


def test_an_archive_that_nobody_closed_goes_away_with_its_last_user(folder):
    archive = Archive(20, 0)
    assert archive.file("TPI", 1) is not None
    del archive
    gc.collect()
    assert list(folder.iterdir()) == []


def test_its_rows_are_the_scans_as_json():
    archive = Archive(50, 3)
    for scan_type, _, scan in observe(50, 3):
        # How a scan is made is not for the listing.
        assert "plan" in scan
        del scan["plan"]
        assert json.loads(archive.scan(scan_type, scan["id"])) == scan
    archive.close()


def test_two_archives_of_a_seed_hold_the_same_bytes():
    one, other, different = Archive(20, 1), Archive(20, 1), Archive(20, 2)
    assert one.page("Images", offset=0, limit=99) == other.page("Images", offset=0, limit=99)
    assert one.page("Images", offset=0, limit=99) != different.page("Images", offset=0, limit=99)
    for scan_type in ("TPI", "Images", "Spectrum", "OnOff"):
        assert one.file(scan_type, 1) == other.file(scan_type, 1)
        assert one.file(scan_type, 1) != different.file(scan_type, 1)
    for archive in (one, other, different):
        archive.close()


def test_an_empty_archive_lists_nothing():
    archive = Archive(0, 0)
    assert archive.page("TPI", offset=0, limit=100) == "[]"
    assert archive.scan("TPI", 1) is None
    assert archive.file("TPI", 1) is None
    archive.close()


def test_many_threads_may_ask_at_once():
    archive = Archive(200, 0)
    with ThreadPoolExecutor(8) as pool:
        scans = list(pool.map(lambda number: archive.scan("TPI", number % 80 + 1), range(800)))
    assert [json.loads(scan)["id"] for scan in scans] == [number % 80 + 1 for number in range(800)]
    archive.close()

"""Broken files, as the archive has them."""

import io
import warnings
from collections import Counter

import httpx
import numpy as np
import pytest
from astropy.io import fits

from grad300_sdk.errors import DecodeError, Grad300Warning
from grad300_sdk.fits import read_table
from grad300_sdk.sandbox import Sandbox
from grad300_sdk.sandbox.faults import FAULTS
from grad300_sdk.sandbox.files import synthesise
from grad300_sdk.sandbox.observing import observe
from tests.sandbox.conftest import log_in

WHOLE = list(observe(400, 0))
BROKEN = [scan for scan in observe(400, 0, broken=True) if scan[2]["plan"]["fault"]]


def of_kind(fault, scan_type=None):
    return next(
        (kind, scan)
        for kind, _, scan in BROKEN
        if scan["plan"]["fault"] == fault and scan_type in (None, kind)
    )


def test_one_file_in_ten_is_broken_and_each_type_in_each_of_its_ways():
    assert 0.07 <= len(BROKEN) / 400 <= 0.1
    found = Counter((kind, scan["plan"]["fault"]) for kind, _, scan in BROKEN)
    for scan_type in ("TPI", "Images"):
        assert {fault for kind, fault in found if kind == scan_type} == set(FAULTS[scan_type])
    assert {fault for _, fault in found} == {"no_rows", "no_data", "no_end", "short", "wild"}


def test_the_other_scans_are_the_same_as_without():
    for (kind, start, scan), whole in zip(observe(400, 0, broken=True), WHOLE, strict=True):
        if not scan["plan"]["fault"]:
            assert (kind, start, scan) == whole
        else:
            same = {**scan, "size": 0, "plan": None}
            assert same == {**whole[2], "size": 0, "plan": None}
    assert not any(scan["plan"]["fault"] for _, _, scan in WHOLE)


@pytest.mark.parametrize(
    ("scan_type", "scan"),
    [(kind, scan) for kind, _, scan in BROKEN],
    ids=[f"{kind}-{scan['plan']['fault']}" for kind, _, scan in BROKEN],
)
def test_a_broken_file_is_as_long_as_its_row_says_and_the_beginning_of_the_whole_one(
    scan_type, scan
):
    whole = next(s for kind, _, s in WHOLE if (kind, s["id"]) == (scan_type, scan["id"]))
    content, healthy = synthesise(scan_type, scan, 0), synthesise(scan_type, whole, 0)
    assert len(content) == scan["size"]
    assert content != healthy
    if scan["plan"]["fault"] in ("no_end", "no_data", "short"):
        assert healthy.startswith(content)
    else:
        assert len(content) == len(healthy)


def test_a_file_that_was_cut_ends_before_its_header_does():
    for scan_type in ("TPI", "Images"):
        content = synthesise(scan_type, of_kind("no_end", scan_type)[1], 0)
        assert len(content) == 4096
        assert b"END     " not in content[2880 if scan_type == "TPI" else 0 :]
        with pytest.raises(DecodeError):
            read_table(content)


def test_a_file_may_have_more_rows_than_it_says():
    scan_type, scan = of_kind("no_rows")
    content = synthesise(scan_type, scan, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(io.BytesIO(content)) as hdus:
            assert hdus[1].header["NAXIS2"] == 0
    with pytest.warns(Grad300Warning):
        assert len(read_table(content)) == scan["nsamples"]


def test_an_image_may_be_without_data():
    scan_type, scan = of_kind("no_data")
    assert scan_type == "Images"
    assert len(synthesise(scan_type, scan, 0)) == scan["size"] == 5760


def test_a_file_may_have_less_data_than_it_says():
    _, scan = of_kind("short", "TPI")
    content = synthesise("TPI", scan, 0)
    with pytest.warns(Grad300Warning):
        rows = len(read_table(content))
    assert scan["nsamples"] / 2 - 1 <= rows < scan["nsamples"]


def test_pointings_may_be_impossible():
    _, scan = of_kind("wild", "TPI")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(io.BytesIO(synthesise("TPI", scan, 0))) as hdus:
            data = np.array(hdus[1].data)
    wild = np.abs(data["Azimuth"]) == 1e307
    assert 0 < wild.sum() < len(data) / 10
    assert (data["Elevation"][wild] == 90.01).all()
    assert (data["Elevation"][~wild] <= 90).all()
    assert set(np.abs(data["Az_Offset"][wild])) == {1e307}


def test_a_sandbox_serves_them_with_the_sizes_that_it_lists():
    with Sandbox(scans=100, broken=True) as sandbox, log_in(sandbox) as client:
        sizes = {}
        for scan_type in ("TPI", "Images"):
            rows = client.get(f"scans/{scan_type}/").json()
            assert all("plan" not in row for row in rows)
            for row in rows[:40]:
                answer: httpx.Response = client.get(f"scans/{scan_type}/{row['id']}/download")
                sizes[scan_type, row["id"]] = row["size"], len(answer.content)
    assert all(listed == served for listed, served in sizes.values())
    broken = {size for size, _ in sizes.values()}
    assert {4096, 5760} & broken


def test_whether_they_are_broken_is_true_or_false():
    with pytest.raises(TypeError, match="broken must be True or False, not 'yes'"):
        Sandbox(broken="yes")

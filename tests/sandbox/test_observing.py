import re
from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import pytest

from grad300_sdk.sandbox.observing import observe
from grad300_sdk.sandbox.scans import IMAGE_SIDES

ARCHIVE = list(observe(2000, 0))
NAME = re.compile(
    r"(\d{8}-\d{6})_(TPI|IMAGE|SPECTRUM|ONOFF)-(PROJ01|GRAD300|CSCAN_LON|CSCAN_LAT)-"
    r"([A-Z0-9]*)_(\d{2,})#_01#\.fits"
)


def of_type(scan_type):
    return [scan for kind, _, scan in ARCHIVE if kind == scan_type]


@pytest.mark.parametrize("scans", [0, 1, 3, 4, 5, 8, 83, 500])
def test_there_are_as_many_scans_as_asked_for_and_of_each_type_one(scans):
    types = Counter(kind for kind, _, _ in observe(scans, 7))
    assert types.total() == scans
    assert len(types) == min(scans, 4)


def test_the_shares_of_the_types_are_the_telescopes():
    types = Counter(kind for kind, _, _ in ARCHIVE)
    assert types["TPI"] / types["Images"] == pytest.approx(35 / 40, rel=0.01)
    assert types["Spectrum"] / types["TPI"] == pytest.approx(6 / 35, rel=0.01)
    assert 0 < types["OnOff"] < types["Spectrum"]


def test_the_sources_are_the_telescopes_the_sun_first():
    sources = Counter(scan["object"] for _, _, scan in ARCHIVE)
    assert set(sources) == {"sun", "casa", "azel", "cyga", "moon", "3c48", "taua", ""}
    assert 0.4 < sources["sun"] / len(ARCHIVE) < 0.6
    assert of_type("TPI")[0]["object"] == "sun"


def test_ids_count_each_type_in_the_order_of_time():
    for scan_type in ("TPI", "Images", "Spectrum", "OnOff"):
        scans = of_type(scan_type)
        assert [scan["id"] for scan in scans] == list(range(1, len(scans) + 1))
        assert scans == sorted(scans, key=lambda scan: scan["date"])


def test_names_and_folders_say_what_the_row_says():
    for kind, start, scan in ARCHIVE:
        stamp, name, _, source, _ = NAME.fullmatch(scan["file_name"]).groups()
        date = datetime.fromisoformat(scan["date"])
        assert f"{date:%Y%m%d-%H%M%S}" == stamp
        assert scan["file_path"] == f"{date:%Y%m%d}/FITS"
        assert source == scan["object"].upper()
        assert name.lower().startswith(kind.lower().rstrip("s"))
        assert date == datetime(1970, 1, 1) + timedelta(seconds=start)
    names = [scan["file_name"] for _, _, scan in ARCHIVE]
    assert len(set(names)) == len(names)
    assert any("-CSCAN_LON-" in name for name in names)
    assert any("-_0" in name for name in names)


def test_two_thirds_of_the_tpi_scans_have_an_image_within_seconds():
    images = [(datetime.fromisoformat(scan["date"]), scan["object"]) for scan in of_type("Images")]
    tpi = of_type("TPI")
    paired = 0
    for scan in tpi:
        date = datetime.fromisoformat(scan["date"])
        paired += any(
            abs((moment - date).total_seconds()) < 10 and source == scan["object"]
            for moment, source in images
        )
    assert paired / len(tpi) == pytest.approx(2 / 3, abs=0.02)


def test_sizes_lie_where_the_telescopes_do():
    tpi = [scan["size"] for scan in of_type("TPI")]
    assert 14_400 < min(tpi) < 30_000
    assert 700_000 < np.median(tpi) < 1_300_000
    assert 3_000_000 < max(tpi) <= 6_400_000
    assert {scan["nsamples"] for scan in of_type("Images")} == {side**2 for side in IMAGE_SIDES}
    assert 8_000 < np.median([scan["size"] for scan in of_type("Images")]) < 11_000
    assert {scan["size"] for scan in of_type("Spectrum")} == {60_900, 110_280, 258_420}


def test_scans_end_after_they_began_and_have_about_two_rows_a_second():
    for kind, _, scan in ARCHIVE:
        begin, end = (datetime.fromisoformat(scan[key]) for key in ("date_obs", "date_end"))
        seconds = (end - begin).total_seconds()
        assert seconds >= 6
        if kind == "TPI":
            assert 1.8 < scan["nsamples"] / seconds < 2.3


def test_some_pointings_are_missing_and_some_odd_and_none_is_nan():
    azimuths = [scan["azimuth"] for scan in of_type("TPI")]
    known = [azimuth for azimuth in azimuths if azimuth is not None]
    assert 0 < azimuths.count(None) < len(azimuths) / 5
    assert any(0 < azimuth < 1e-300 for azimuth in known)
    assert any(azimuth < 0 for azimuth in known)
    assert all(azimuth == azimuth for azimuth in known)
    assert all(scan["azimuth"] is None for scan in of_type("Images"))


def test_what_is_observed_is_up():
    elevations = [scan["elevation"] for scan in of_type("TPI") if scan["elevation"] is not None]
    assert all(elevation > 5 for elevation in elevations if elevation > 1e-300)


def test_the_same_arguments_give_the_same_scans_and_others_do_not():
    assert list(observe(50, 3)) == list(observe(50, 3))
    assert list(observe(50, 3)) != list(observe(50, 4))


def test_an_archive_with_more_days_began_earlier_and_ends_by_the_same_day():
    dates = [scan["date"] for _, _, scan in observe(20_000, 0)]
    assert min(dates) < "2025"
    assert max(dates) < "2026-07"
    assert min(scan["date"] for _, _, scan in ARCHIVE) >= "2025-01-30"

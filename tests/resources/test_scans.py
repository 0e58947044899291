"""The tree of scans against the sandbox, on both clients."""

from __future__ import annotations

import fractions
from typing import Any

import httpx
import numpy as np
import pytest

from grad300_sdk import Client, NotFoundError, ScanType
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness


@pytest.fixture
def offline() -> Any:
    """A client that fails the test where it sends anything."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"sent {request!r}")

    return Client("https://archive", transport=httpx.MockTransport(fail))


@pytest.mark.parametrize("scan_type", ["TPI", "Images", "Spectrum", "OnOff"])
def test_listing_scan_and_file(harness: Harness, client: Any, scan_type: Any) -> None:
    collection = client.scans[scan_type]
    row = harness.run(collection.get(limit=1))[0]
    scan = collection[row["id"]]
    assert harness.run(scan.get()) == row
    content = harness.run(scan.file.get())
    assert len(content) == row["size"]
    assert content.startswith(b"SIMPLE  =")


def test_one_page_is_the_servers_own(harness: Harness, client: Any, sandbox: Sandbox) -> None:
    page = harness.run(client.scans["TPI"].get(offset=2, limit=3, source="sun"))
    response = harness.run(client.scans["TPI"].get.response(offset=2, limit=3, source="sun"))
    assert len(page) == 3
    assert response.json() == page
    assert dict(response.url.params) == {"offset": "2", "limit": "3", "source": "sun"}


def test_the_default_page_size_is_read_at_the_call(client: Any) -> None:
    from grad300_sdk import conf

    assert client.scans["TPI"].get.request().url.params["limit"] == "100"
    with conf.set_temp("default_page_size", 7):
        assert client.scans["TPI"].get.request().url.params["limit"] == "7"
        assert client.scans["TPI"].search.request().url.params["limit"] == "7"


def test_search_over_all_types(harness: Harness, client: Any) -> None:
    found = harness.list(client.scans.search(page_size=30))
    assert len(found) == len({(row["scan_type"], row["id"]) for row in found}) == 200


def test_a_scan_that_is_not_there(harness: Harness, client: Any) -> None:
    with pytest.raises(NotFoundError, match="Scan file not found") as caught:
        harness.run(client.scans["TPI"][10**6].file.get())
    assert caught.value.status_code == 404


@pytest.mark.parametrize(
    ("given", "scan_type"),
    [
        ("TPI", ScanType.TPI),
        (" tpi ", ScanType.TPI),
        ("image", ScanType.IMAGES),
        ("IMAGES", ScanType.IMAGES),
        ("spectrum", ScanType.SPECTRUM),
        ("onoff", ScanType.ONOFF),
        ("on_off", ScanType.ONOFF),
        ("ON_OFF", ScanType.ONOFF),
        (ScanType.ONOFF, ScanType.ONOFF),
    ],
)
def test_scan_types(offline: Any, given: Any, scan_type: ScanType) -> None:
    assert offline.scans[given].path == f"/scans/{scan_type.value}/"
    assert offline.scans[given].scan_type is scan_type


@pytest.mark.parametrize("given", ["", "TPIs", "radar", None, 3, b"TPI", "../TPI"])
def test_wrong_scan_types(offline: Any, given: Any) -> None:
    with pytest.raises(ValueError, match="'TPI', 'Images', 'Spectrum', 'OnOff'"):
        offline.scans[given]


@pytest.mark.parametrize("given", [0, 42, np.int64(42), np.uint8(7), 10**30])
def test_scan_ids(offline: Any, given: Any) -> None:
    assert offline.scans["TPI"][given].path == f"/scans/TPI/{int(given)}"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (-1, ValueError),
        (np.int64(-1), ValueError),
        (True, TypeError),
        (np.True_, TypeError),
        ("42", TypeError),
        (42.0, TypeError),
        (fractions.Fraction(4), TypeError),
        (None, TypeError),
        (slice(3), TypeError),
    ],
)
def test_wrong_scan_ids(offline: Any, given: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        offline.scans["TPI"][given]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"offset": -1}, ValueError, "offset must be at least [01], not -1"),
        ({"offset": 1.0}, TypeError, "offset must be an integer, not 1.0"),
        ({"limit": 0}, ValueError, "limit must be at least [01], not 0"),
        ({"limit": -3}, ValueError, "limit must be at least [01], not -3"),
        ({"limit": True}, TypeError, "limit must be an integer, not True"),
        ({"limt": 3}, TypeError, "limt"),
    ],
)
@pytest.mark.parametrize("use", ["__call__", "request", "response", "curl"])
def test_wrong_arguments(
    offline: Any, arguments: dict[str, Any], error: type[Exception], message: str, use: str
) -> None:
    with pytest.raises(error, match=message):
        getattr(offline.scans["TPI"].get, use)(**arguments)


def test_collections_are_not_iterated_over(offline: Any) -> None:
    for look in (iter, list, lambda scans: 42 in scans):
        with pytest.raises(TypeError, match=r"search\(\)"):
            look(offline.scans["TPI"])


def test_the_scans_know_their_types(offline: Any) -> None:
    assert list(offline.scans) == list(ScanType)
    assert "TPI" in offline.scans


def test_paths_and_templates(offline: Any) -> None:
    file = offline.scans["TPI"][42].file
    assert (file.path, file.template) == (
        "/scans/TPI/42/download",
        "/scans/{scan_type}/{scan_id}/download",
    )
    assert (file.get.method, file.get.path) == ("GET", "/scans/TPI/42/download")
    assert file.parent == offline.scans["TPI"][42]
    assert file.client is offline
    assert offline.scans["TPI"][1] != offline.scans["TPI"][2] != offline.scans["OnOff"][2]
    assert offline.resource("/scans/TPI/{n}", n=1) == offline.scans["TPI"][1]


def test_misspelt_names(offline: Any) -> None:
    with pytest.raises(AttributeError, match="did you mean 'scans'"):
        offline.scan  # noqa: B018
    with pytest.raises(AttributeError, match="did you mean 'search'"):
        offline.scans["TPI"].serch()
    with pytest.raises(AttributeError, match=r"no attribute 'TPI'; did you mean \['TPI'\]\?"):
        offline.scans.TPI  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'download'$"):
        offline.scans["TPI"].download  # noqa: B018


def test_a_call_is_a_method_of_its_class(harness: Harness, client: Any) -> None:
    from grad300_sdk.resources.scans import ScanCollection

    collection = client.scans["TPI"]
    assert len(harness.run(ScanCollection.get(collection, limit=2))) == 2

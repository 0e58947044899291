import json
from functools import partial

import anyio
import httpx
import pytest

from grad300_sdk.sandbox import Sandbox

from .conftest import log_in

TYPES = ["TPI", "Images", "Spectrum", "OnOff"]


def every(client, scan_type="TPI", **parameters):
    return client.get(f"/scans/{scan_type}/", params={"limit": 100_000, **parameters}).json()


def ids(client, **parameters):
    return [scan["id"] for scan in every(client, **parameters)]


class TestLogIn:
    def test_a_log_in_gives_a_bearer_token(self, sandbox, client):
        form = {"username": sandbox.user, "password": sandbox.password}
        answer = client.post("/login/access-token", data=form).json()
        assert set(answer) == {"access_token", "token_type"}
        assert answer["token_type"] == "bearer"
        assert answer["access_token"].count(".") == 2

    @pytest.mark.parametrize("wrong", ["username", "password"])
    def test_bad_credentials_are_a_bad_request(self, sandbox, client, wrong):
        form = {
            "username": sandbox.user,
            "password": sandbox.password,
            wrong: "été\ud800".encode("utf-8", "replace"),
        }
        response = client.post("/login/access-token", data=form)
        assert response.status_code == 400
        assert response.json() == {"detail": "Incorrect email or password"}

    def test_a_form_without_a_password_is_not_valid(self, client):
        response = client.post("/login/access-token", data={"username": "somebody"})
        assert response.status_code == 422
        assert response.json()["detail"][0]["loc"] == ["body", "password"]

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("path", ["/login/test-token", "/users/me"])
    def test_the_token_tells_who_it_is(self, sandbox, client, method, path):
        response = client.request(method, path)
        if (method, path) == ("POST", "/users/me"):
            assert response.status_code == 405
        else:
            assert response.json()["email"] == sandbox.user

    @pytest.mark.parametrize(
        "path",
        ["/login/test-token", "/users/me", "/scans/TPI/", "/scans/TPI/1", "/scans/TPI/1/download"],
    )
    def test_without_a_token_nothing_is_told(self, sandbox, path):
        response = httpx.get(f"{sandbox.url}/api/v1{path}")
        assert response.status_code == 401
        assert response.json() == {"detail": "Not authenticated"}
        assert response.headers["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize(
        "token", ["nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."]
    )
    def test_a_bad_token_is_refused(self, client, token):
        response = client.get("/scans/TPI/", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 403
        assert response.json() == {"detail": "Could not validate credentials"}

    def test_the_token_of_another_server_is_refused(self, client):
        with Sandbox(scans=4) as other, log_in(other) as stranger:
            headers = {"Authorization": stranger.headers["Authorization"]}
        assert client.get("/users/me", headers=headers).status_code == 403

    def test_a_token_expires(self):
        with Sandbox(scans=4, token_lifetime=0) as sandbox, log_in(sandbox) as late:
            response = late.get("/users/me")
        assert response.status_code == 403
        assert response.json() == {"detail": "Could not validate credentials"}


class TestPaths:
    def test_the_health_check_and_the_description_need_no_token(self, sandbox):
        assert httpx.get(f"{sandbox.url}/api/v1/utils/health-check/").json() is True
        document = httpx.get(f"{sandbox.url}/api/v1/openapi.json").json()
        scan = document["components"]["schemas"]["ScanResponse"]["properties"]
        assert {"id", "file_name", "object", "ra", "gain"} <= set(scan)
        listing = document["paths"]["/api/v1/scans/{scan_type}/"]["get"]
        assert {"offset", "limit", "source", "scan_name", "date_from", "date_to"} < {
            parameter["name"] for parameter in listing["parameters"]
        }
        assert "application/fits" in str(
            document["paths"]["/api/v1/scans/{scan_type}/{scan_id}/download"]
        )

    def test_an_unknown_path_is_not_found(self, client):
        response = client.get("/nowhere")
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})

    def test_a_listing_without_its_slash_is_redirected(self, client):
        response = client.get("/scans/TPI", params={"limit": 1})
        assert response.status_code == 307
        assert response.headers["Location"].endswith("/scans/TPI/?limit=1")

    @pytest.mark.parametrize(
        ("path", "kind", "place"),
        [
            ("/scans/tpi/", "literal_error", ["path", "scan_type"]),
            ("/scans/IMAGE/1", "literal_error", ["path", "scan_type"]),
            ("/scans/TPI/x", "int_parsing", ["path", "scan_id"]),
            ("/scans/TPI/?limit=0", "greater_than_equal", ["query", "limit"]),
            ("/scans/TPI/?offset=-1", "greater_than_equal", ["query", "offset"]),
            ("/scans/TPI/?limit=many", "int_parsing", ["query", "limit"]),
            ("/scans/TPI/?date_from=soon", "datetime_from_date_parsing", ["query", "date_from"]),
        ],
    )
    def test_what_is_not_valid_is_explained(self, client, path, kind, place):
        response = client.get(path)
        assert response.status_code == 422
        (problem,) = response.json()["detail"]
        assert (problem["type"], problem["loc"]) == (kind, place)
        assert {"msg", "input"} <= set(problem)

    @pytest.mark.parametrize("scan_id", ["0", "-1", "100000", str(10**30)])
    @pytest.mark.parametrize("tail", ["", "/download"])
    def test_an_unknown_scan_is_not_found(self, client, scan_id, tail):
        response = client.get(f"/scans/TPI/{scan_id}{tail}")
        assert response.status_code == 404
        assert response.json()["detail"].startswith("Scan")


class TestListing:
    def test_a_page_has_a_hundred_scans_in_the_order_of_their_ids(self, client):
        scans = client.get("/scans/TPI/").json()
        assert [scan["id"] for scan in scans] == list(range(1, 101))
        assert client.get("/scans/TPI/7").json() == scans[6]

    @pytest.mark.parametrize("scan_type", TYPES)
    def test_pages_joined_are_the_listing(self, client, scan_type):
        whole = every(client, scan_type)
        joined, page = [], [None]
        while page:
            page = client.get(
                f"/scans/{scan_type}/", params={"offset": len(joined), "limit": 7}
            ).json()
            joined += page
        assert joined == whole

    def test_filtered_pages_joined_are_the_filtered_listing(self, client):
        whole = ids(client, source="casa")
        pages = (ids(client, source="casa", offset=offset, limit=5) for offset in range(0, 100, 5))
        assert [number for page in pages for number in page] == whole
        assert len(whole) > 10

    def test_numbers_of_any_size_are_taken(self, client):
        assert ids(client, offset=10**30) == []
        assert len(ids(client, limit=10**30)) == len(ids(client))
        assert ids(client, source="sun", offset=10**30) == []

    def test_the_source_matches_in_any_case_and_in_part(self, client):
        wanted = [scan["id"] for scan in every(client) if "as" in scan["object"]]
        assert ids(client, source="As") == ids(client, source="aS") == wanted != []
        assert ids(client, source="nothing such") == []

    def test_the_name_matches_in_any_case_and_in_part(self, client):
        wanted = [scan["id"] for scan in every(client) if "CSCAN_L" in scan["file_name"]]
        assert ids(client, scan_name="cscan_l") == wanted != []

    def test_an_exact_name_with_its_hashes_matches_one(self, client):
        scan = every(client)[3]
        assert ids(client, scan_name=scan["file_name"]) == [scan["id"]]

    @pytest.mark.parametrize("wildcard", ["%", "TPI_PROJ01", "*", "'"])
    def test_there_are_no_wildcards(self, client, wildcard):
        assert ids(client, scan_name=wildcard) == []

    def test_an_empty_filter_is_none(self, client):
        assert ids(client, source="", scan_name="") == ids(client)

    def test_both_ends_of_a_range_of_dates_belong_to_it(self, client):
        scans = every(client)
        first, last = scans[10], scans[20]
        dates = {"date_from": first["date"], "date_to": last["date"]}
        assert ids(client, **dates) == list(range(first["id"], last["id"] + 1))

    @pytest.mark.parametrize(
        "date",
        [
            "2025-01-30T09:30:00",
            "2025-01-30T09:30:00Z",
            "2025-01-30T10:30:00+01:00",
            "2025-01-29T23:30:00-10:00",
        ],
    )
    def test_dates_with_an_offset_are_converted_and_without_are_utc(self, client, date):
        assert ids(client, date_from=date, date_to=date) == [1]

    def test_fractions_of_a_second_count(self, client):
        assert ids(client, date_to="2025-01-30T09:29:59.999999") == []
        assert 1 not in ids(client, date_from="2025-01-30T09:30:00.000001")

    @pytest.mark.parametrize(
        "date", ["0001-01-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"]
    )
    def test_dates_at_the_ends_of_time_are_taken(self, client, date):
        assert len(ids(client, date_from=date)) in (0, len(ids(client)))

    def test_filters_can_be_joined(self, client):
        wanted = [
            scan["id"]
            for scan in every(client)
            if scan["object"] == "sun"
            and "PROJ01" in scan["file_name"]
            and scan["date"] >= "2025-09"
        ]
        filters = {"source": "sun", "scan_name": "proj01", "date_from": "2025-09-01"}
        assert ids(client, **filters) == wanted != []

    def test_rows_are_json_without_nan_and_some_azimuths_are_null(self, client):
        def refuse(constant):
            raise AssertionError(constant)

        for scan_type in TYPES:
            response = client.get(f"/scans/{scan_type}/", params={"limit": 1000})
            scans = json.loads(response.content, parse_constant=refuse)
            assert all(isinstance(scan[key], float) for scan in scans for key in ("ra", "dec"))
            assert not any(scan["date"].endswith(("Z", "+00:00")) for scan in scans)
        assert None in {scan["azimuth"] for scan in every(client)}


class TestDownload:
    @pytest.mark.parametrize("scan_type", TYPES)
    def test_a_file_has_the_size_of_the_listing_and_its_name(self, client, scan_type):
        scan = client.get(f"/scans/{scan_type}/2").json()
        response = client.get(f"/scans/{scan_type}/2/download")
        quoted = scan["file_name"].replace("#", "%23")
        assert response.headers["Content-Disposition"] == f"attachment; filename*=utf-8''{quoted}"
        assert response.headers["Content-Type"] == "application/fits"
        assert response.headers["Accept-Ranges"] == "bytes"
        assert "Content-Encoding" not in response.headers
        assert int(response.headers["Content-Length"]) == len(response.content) == scan["size"]
        assert response.content.startswith(b"SIMPLE  =")

    def test_a_file_is_the_same_for_every_server_of_its_seed(self, client):
        response = client.get("/scans/TPI/1/download")
        with Sandbox(scans=300, seed=0) as other, log_in(other) as again:
            copy = again.get("/scans/TPI/1/download")
        assert copy.content == response.content
        assert copy.headers["ETag"] == response.headers["ETag"]
        assert response.headers["ETag"].startswith('"')
        assert client.get("/scans/TPI/2/download").headers["ETag"] != response.headers["ETag"]

    @pytest.mark.parametrize(
        ("asked", "part"),
        [
            ("bytes=0-99", slice(0, 100)),
            ("bytes=100-", slice(100, None)),
            ("bytes=-50", slice(-50, None)),
            ("bytes=5-99999999", slice(5, None)),
            ("bytes=-99999999", slice(0, None)),
            ("bytes=7-7", slice(7, 8)),
        ],
    )
    def test_a_range_is_that_part(self, client, asked, part):
        whole = client.get("/scans/Images/1/download").content
        response = client.get("/scans/Images/1/download", headers={"Range": asked})
        start, stop, _ = part.indices(len(whole))
        assert response.status_code == 206
        assert response.content == whole[part]
        assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
        assert int(response.headers["Content-Length"]) == stop - start

    @pytest.mark.parametrize(
        "asked",
        [
            "bytes=9-5",
            "bytes=0-1,5-6",
            "lines=0-1",
            "bytes=-",
            "bytes=a-b",
            "0-5",
            f"bytes={'9' * 5000}-",
        ],
    )
    def test_a_range_that_means_nothing_is_the_whole(self, client, asked):
        whole = client.get("/scans/Images/1/download")
        response = client.get("/scans/Images/1/download", headers={"Range": asked})
        assert (response.status_code, response.content) == (200, whole.content)

    @pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
    def test_a_range_behind_the_end_can_not_be_given(self, client, asked):
        size = client.get("/scans/Images/1").json()["size"]
        response = client.get("/scans/Images/1/download", headers={"Range": asked})
        assert response.status_code == 416
        assert response.headers["Content-Range"] == f"bytes */{size}"

    def test_a_range_is_given_if_the_file_is_the_same_one(self, client):
        whole = client.get("/scans/Images/1/download")
        etag = whole.headers["ETag"]
        for condition, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200)):
            headers = {"Range": "bytes=10-", "If-Range": condition}
            response = client.get("/scans/Images/1/download", headers=headers)
            assert response.status_code == status
            assert response.content == whole.content[10 if status == 206 else 0 :]


class TestMisbehaviour:
    def test_pages_can_be_capped(self):
        with Sandbox(scans=50, max_limit=5) as sandbox, log_in(sandbox) as client:
            assert len(client.get("/scans/TPI/", params={"limit": 100}).json()) == 5
            assert len(client.get("/scans/TPI/", params={"limit": 3}).json()) == 3

    def test_filters_can_be_ignored(self):
        with Sandbox(scans=50, ignore_filters=True) as sandbox, log_in(sandbox) as client:
            filters = {"source": "x", "scan_name": "x", "date_from": "2030-01-01"}
            assert ids(client, **filters) == ids(client) != []

    def test_the_offset_can_be_ignored(self):
        with Sandbox(scans=50, ignore_offset=True) as sandbox, log_in(sandbox) as client:
            assert ids(client, offset=10, limit=4) == ids(client, limit=4) == [1, 2, 3, 4]

    def test_requests_fail_as_often_as_asked_and_the_same_ones_for_a_seed(self):
        def statuses(seed):
            with (
                Sandbox(scans=4, seed=seed, failure_rate=0.3) as sandbox,
                httpx.Client(base_url=sandbox.url) as client,
            ):
                path = "/api/v1/utils/health-check/"
                return [client.get(path).status_code for _ in range(100)]

        first = statuses(0)
        assert set(first) == {200, 503}
        assert 15 < first.count(503) < 45
        assert statuses(0) == first
        assert statuses(1) != first

    def test_a_failure_says_so_in_json(self):
        with Sandbox(scans=4, failure_rate=1) as sandbox:
            response = httpx.get(f"{sandbox.url}/api/v1/utils/health-check/")
        assert response.status_code == 503
        assert response.json() == {"detail": "The sandbox fails on purpose"}

    def test_answers_can_be_late(self, monkeypatch):
        waits = []

        async def sleep(seconds):
            waits.append(seconds)

        monkeypatch.setattr(anyio, "sleep", sleep)
        with Sandbox(scans=4, latency=3.5) as sandbox, log_in(sandbox) as client:
            assert client.get("/users/me").status_code == 200
        assert waits == [3.5, 3.5]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_application_answers_in_process_too(backend):
    sandbox = Sandbox(scans=8, latency=0.001)

    async def use():
        transport = httpx.ASGITransport(sandbox.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://sandbox/api/v1"
        ) as client:
            form = {"username": sandbox.user, "password": sandbox.password}
            answer = await client.post("/login/access-token", data=form)
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            scan = (await client.get("/scans/TPI/1", headers=headers)).json()
            file = await client.get("/scans/TPI/1/download", headers=headers)
            assert len(file.content) == scan["size"]

    anyio.run(partial(use), backend=backend)
    sandbox.stop()

"""The example that reduces an archive on a Dask cluster, on two processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask_archive
import httpx
import pytest
from distributed import Client as Cluster
from distributed import LocalCluster

from grad300_sdk import Client
from grad300_sdk.sandbox import Sandbox


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two processes with a thread each."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as processes,
        Cluster(processes) as connected,
    ):
        yield connected


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        yield client


def test_a_cluster_has_the_result_of_one_process(
    cluster: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_archive, "PER_TASK", 3)
    lines = dask_archive.reduce_on_cluster(client, cluster)
    assert list(lines["id"]) == list(client.scans["Spectrum"].table()["id"])
    here = dask_archive.reduce_here(client)
    assert dask_archive.is_same(lines, here)
    here["excess"][0] += 1
    assert not dask_archive.is_same(lines, here)


def test_a_file_that_is_not_there_is_a_row(client: Client) -> None:
    line = dask_archive.reduce_spectrum(client.scans["Spectrum"][99999])
    assert line.id == 99999
    assert line.error == "Scan file not found"


def test_a_scheduler_of_the_user(
    cluster: Any,
    sandbox: Sandbox,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    file = tmp_path / "token"
    file.write_text(client.login(sandbox.user, sandbox.password))
    address = cluster.scheduler.address
    arguments = ["--base-url", client.base_api_url, "--token-file", str(file), "--check"]
    monkeypatch.setattr(sys, "argv", ["dask_archive.py", *arguments, "--scheduler", address])
    dask_archive.main()
    assert "It has the same result." in capsys.readouterr().out


def test_a_scheduler_needs_a_server(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["dask_archive.py", "--scheduler", "tcp://cluster:8786"])
    with pytest.raises(SystemExit):
        dask_archive.main()
    assert "require --base-url" in capsys.readouterr().err


def fail(scan: Any) -> None:
    raise ValueError(f"nothing in {scan!r}")


def test_no_secret_is_shown_anywhere(
    cluster: Any, sandbox: Sandbox, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    token = client.login(sandbox.user, sandbox.password)
    scans = dask_archive.find_spectra(client)
    good = cluster.map(dask_archive.reduce_spectrum, scans[:2])
    [bad] = cluster.map(fail, scans[:1])
    cluster.gather(good)
    error = bad.exception()
    shown = [repr(error), repr(good), repr(bad), *(future.key for future in [*good, bad])]
    shown += [repr(cluster), repr(cluster.scheduler_info()), str(cluster.get_worker_logs())]
    shown += [str(cluster.get_scheduler_logs()), repr(cluster.get_task_stream())]
    shown += [repr(cluster.story(*good, bad)), repr(cluster.get_events()), caplog.text]
    dashboard = cluster.dashboard_link.removesuffix("/status")
    for page in ("info/main/workers.html", "info/main/logs.html", f"info/task/{bad.key}.html"):
        answer = httpx.get(f"{dashboard}/{page}", trust_env=False)
        assert answer.status_code == 200, page
        shown.append(answer.text)
    text = "\n".join(shown)
    assert "/scans/Spectrum/" in text
    assert token not in text
    assert sandbox.password not in text

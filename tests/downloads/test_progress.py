"""Progress bars: where they are drawn, and what they need."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from grad300_sdk import DownloadError
from tests.conftest import Harness

FITS = b"SIMPLE  =                    T".ljust(2880) * 3


def content(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=FITS)


def save(harness: Harness, folder: Path, **options: Any) -> Path:
    client = harness.client("https://archive", transport=httpx.MockTransport(content), retries=0)
    path: Path = harness.run(client.scans["TPI"][42].file.save(folder, **options))
    return path


@pytest.mark.parametrize("progress", [True, False, None])
@pytest.mark.parametrize("where", ["a file", "a terminal", "a notebook", "nowhere"])
def test_a_bar_is_drawn_where_it_is_seen(
    harness: Harness,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    progress: bool | None,
    where: str,
) -> None:
    if where == "a terminal":
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    elif where == "a notebook":
        monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    elif where == "nowhere" and not progress:
        monkeypatch.setattr(sys, "stderr", None)
    save(harness, tmp_path, progress=progress)
    output, drawn = capsys.readouterr()
    assert output == ""
    if progress or (progress is None and where in ("a terminal", "a notebook")):
        last = drawn.split("\r")[-1]
        assert "100%" in last
        assert "8.64k/8.64k" in last
        assert last.endswith("\n")
    else:
        assert drawn == ""


def test_a_bar_needs_tqdm(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert save(harness, tmp_path).read_bytes() == FITS
    with pytest.raises(ImportError, match=r'pip install "grad300-sdk\[progress\]"'):
        save(harness, tmp_path, overwrite=True, progress=True)


def test_a_bar_ends_with_what_fails(
    harness: Harness, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = harness.client(
        "https://archive",
        transport=httpx.MockTransport(lambda request: httpx.Response(200, content=b"<html>")),
    )
    with pytest.raises(DownloadError):
        harness.run(client.scans["TPI"][42].file.save(tmp_path, progress=True))
    assert capsys.readouterr().err.endswith("\n")

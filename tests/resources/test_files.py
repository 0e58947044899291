"""A scan's file, on both clients."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import httpx
import pytest
from astropy.io.fits import HDUList
from astropy.table import Table
from matplotlib.figure import Figure

from grad300_sdk import DecodeError, DownloadError, NotFoundError, ServerError, TransportError
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness
from tests.support.secrets import assert_harmless
from tests.support.wire import CLOSE, Wire

FITS = b"SIMPLE  =                    T".ljust(2880) * 3
HTML = b"<html><head><title>Bad gateway</title></head></html>"


def answer(content: bytes = FITS, status: int = 200, **headers: str) -> httpx.MockTransport:
    """Return a transport that answers every request alike."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.MockTransport(
        lambda request: httpx.Response(status, content=content, headers=named)
    )


def scan(harness: Harness, transport: Any, scan_type: str = "TPI") -> Any:
    client = harness.client("https://archive", transport=transport, retries=0)
    return client.scans[scan_type][42]


@pytest.mark.parametrize("scan_type", ["TPI", "Images", "Spectrum", "OnOff"])
def test_files_are_read_without_a_warning(harness: Harness, client: Any, scan_type: Any) -> None:
    file = client.scans[scan_type][1].file
    opened = harness.run(file.open())
    assert isinstance(opened, Table if scan_type == "TPI" else HDUList)
    hdulist = harness.run(file.fits())
    assert isinstance(hdulist, HDUList)
    if scan_type == "Images":
        with pytest.raises(DecodeError, match="table") as caught:
            harness.run(file.table())
        assert caught.value.response.status_code == 200
    else:
        table = harness.run(file.table())
        assert len(table) == harness.run(client.scans[scan_type][1].get())["nsamples"]
        assert str(table["Azimuth"].unit) == "deg"


def test_a_file_is_drawn(harness: Harness, client: Any) -> None:
    file = client.scans["Images"][1].file
    figure = harness.run(file.plot())
    assert isinstance(figure, Figure)
    assert "Image" in figure.get_suptitle()
    given = Figure()
    assert harness.run(file.plot(figure=given)) is given
    assert harness.run(file.plot(cached=True)).get_suptitle() == figure.get_suptitle()
    assert file.plot.path == file.get.path
    assert file.plot.request().method == "GET"
    assert harness.run(file.plot.response()).content == harness.run(file.get())


def test_what_is_not_a_figure_is_refused_before_anything_is_sent(harness: Harness) -> None:
    file = scan(harness, httpx.MockTransport(pytest.fail)).file
    with pytest.raises(TypeError, match="figure must be a Figure or a SubFigure, not str"):
        harness.run(file.plot(figure="map.png"))
    with pytest.raises(TypeError, match="figure must be a Figure"):
        file.plot.request(figure="map.png")


def test_what_can_not_be_read_can_not_be_drawn(harness: Harness) -> None:
    with pytest.raises(DecodeError) as caught:
        harness.run(scan(harness, answer(HTML)).file.plot())
    assert caught.value.response.status_code == 200


def test_stream(harness: Harness, client: Any) -> None:
    file = client.scans["TPI"][1].file
    content = harness.run(file.get())
    pieces = harness.list(file.stream())
    assert len(pieces) > 1
    assert b"".join(pieces) == content
    assert harness.run(file.stream.response()).content == content


def test_a_stream_that_is_left_gives_its_connection_back(
    harness: Harness, sandbox: Sandbox
) -> None:
    client = harness.client(
        sandbox.url, user=sandbox.user, password=sandbox.password, max_connections=1
    )
    for _ in range(3):
        pieces = client.scans["TPI"][1].file.stream()
        assert harness.next(pieces).startswith(b"SIMPLE")
        harness.stop(pieces)
    assert harness.run(client.get_json("/utils/health-check/")) is True


def test_a_stream_of_an_error(harness: Harness, client: Any) -> None:
    with pytest.raises(NotFoundError):
        harness.list(client.scans["TPI"][10**6].file.stream())


def test_a_stream_whose_server_repeats_a_token(harness: Harness) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Wire([head, b"1\r\nx\r\n", b"Bearer t0k-secret\r\n", CLOSE]) as server:
        client = harness.client(server.url, token="t0k-secret")
        with pytest.raises(TransportError, match=r"Bearer \*\*\*") as caught:
            harness.list(client.scans["TPI"][1].file.stream())
    assert_harmless(caught.value, "t0k-secret")


def test_a_stream_is_tried_again_before_its_first_piece(harness: Harness) -> None:
    answers = [
        httpx.Response(503, headers={"Retry-After": "0"}),
        httpx.Response(307, headers={"Location": "/elsewhere"}),
        httpx.Response(200, content=FITS),
    ]
    transport = httpx.MockTransport(lambda request: answers.pop(0))
    client = harness.client("https://archive", transport=transport)
    assert b"".join(harness.list(client.scans["TPI"][42].file.stream())) == FITS
    assert answers == []


def test_save(harness: Harness, client: Any, tmp_path: Path) -> None:
    file = client.scans["TPI"][1].file
    name = harness.run(client.scans["TPI"][1].get())["file_name"]
    steps: list[tuple[int, int | None]] = []
    path = harness.run(
        file.save(tmp_path / "a" / "b", progress=lambda done, total: steps.append((done, total)))
    )
    content = harness.run(file.get())
    assert path == tmp_path / "a" / "b" / name
    assert path.read_bytes() == content
    assert steps[-1] == (len(content), len(content))
    assert steps == sorted(steps)
    assert path.stat().st_mode & 0o777 == (tmp_path / "a").stat().st_mode & 0o666
    with pytest.raises(FileExistsError, match="overwrite=True"):
        harness.run(file.save(path.parent))
    path.write_bytes(b"old")
    assert harness.run(file.save(path.parent, overwrite=True)) == path
    assert path.read_bytes() == content
    assert [entry.name for entry in path.parent.iterdir()] == [name]


def test_save_looks_for_the_file_before_it_asks(harness: Harness, tmp_path: Path) -> None:
    file = scan(harness, httpx.MockTransport(pytest.fail)).file
    (tmp_path / "x.fits").touch()
    with pytest.raises(FileExistsError):
        harness.call(file.save, tmp_path, file_name="x.fits")


@pytest.mark.parametrize(
    ("file_name", "error"),
    [
        ("", ValueError),
        ("..", ValueError),
        ("a/b", ValueError),
        ("a\\b", ValueError),
        ("a\0b", ValueError),
        (3, TypeError),
    ],
)
def test_wrong_file_names(
    harness: Harness, tmp_path: Path, file_name: Any, error: type[Exception]
) -> None:
    file = scan(harness, httpx.MockTransport(pytest.fail)).file
    with pytest.raises(error, match="file_name"):
        harness.call(file.save, tmp_path, file_name=file_name)


def test_progress_must_be_callable(harness: Harness, tmp_path: Path) -> None:
    file = scan(harness, httpx.MockTransport(pytest.fail)).file
    with pytest.raises(TypeError, match="progress must be True, False, None or callable, not 3"):
        harness.call(file.save, tmp_path, progress=3)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (None, "TPI_42.fits"),
        ("inline", "TPI_42.fits"),
        ('attachment; filename="x#.fits"', "x#.fits"),
        ("attachment; filename*=utf-8''x%23.fits", "x#.fits"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename=""', "TPI_42.fits"),
        ('attachment; filename=".."', "TPI_42.fits"),
    ],
)
def test_the_server_names_the_file(
    harness: Harness, tmp_path: Path, disposition: str | None, name: str
) -> None:
    headers = {} if disposition is None else {"Content_Disposition": disposition}
    path = harness.run(scan(harness, answer(**headers)).file.save(tmp_path))
    assert path == tmp_path / name
    assert path.read_bytes() == FITS


@pytest.mark.parametrize(
    ("transport", "error"),
    [
        (answer(b""), DownloadError),
        (answer(HTML, Content_Type="text/html"), DownloadError),
        (answer(HTML, 502), ServerError),
        (answer(b"", 404), NotFoundError),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_not_a_file_never_becomes_one(
    harness: Harness, tmp_path: Path, transport: Any, error: type[Exception], overwrite: bool
) -> None:
    if overwrite:
        (tmp_path / "TPI_42.fits").write_bytes(b"old")
    with pytest.raises(error):
        harness.run(scan(harness, transport).file.save(tmp_path, overwrite=overwrite))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == (
        {"TPI_42.fits": b"old"} if overwrite else {}
    )


def test_the_error_says_what_came(harness: Harness, tmp_path: Path) -> None:
    file = scan(harness, answer(HTML, Content_Type="text/html")).file
    with pytest.raises(DownloadError, match="not a FITS file: text/html, '<html><head>"):
        harness.run(file.save(tmp_path))


class Cut(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that fails on its way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __iter__(self) -> Any:
        yield FITS[:100]
        raise self.error

    async def __aiter__(self) -> Any:
        yield FITS[:100]
        raise self.error


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (httpx.RemoteProtocolError("peer closed connection"), DownloadError),
        (httpx.ReadTimeout("timed out"), TimeoutError),
    ],
)
def test_a_cut_body_never_becomes_a_file(
    harness: Harness, tmp_path: Path, cause: Exception, error: type[Exception]
) -> None:
    headers = {"Content-Length": str(len(FITS))}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, headers=headers, stream=Cut(cause))
    )
    with pytest.raises(error):
        harness.run(scan(harness, transport).file.save(tmp_path))
    with pytest.raises(TransportError):
        harness.list(scan(harness, transport).file.stream())
    assert list(tmp_path.iterdir()) == []


def test_no_token_is_in_the_error_of_a_cut_body(harness: Harness, tmp_path: Path) -> None:
    stream = Cut(httpx.RemoteProtocolError("peer closed connection"))
    headers = {"Content-Length": str(len(FITS))}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, headers=headers, stream=stream)
    )
    client = harness.client("https://archive", token="secret", transport=transport, retries=0)
    with pytest.raises(DownloadError, match="100 bytes of a body of 8640") as caught:
        harness.run(client.scans["TPI"][42].file.save(tmp_path))
    assert "Authorization" not in caught.value.request.headers
    assert b"secret" not in pickle.dumps(caught.value)
    assert caught.value.response.status_code == 200


class Slow(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in pieces of a byte."""

    def __iter__(self) -> Any:
        yield from (FITS[index : index + 1] for index in range(100))

    async def __aiter__(self) -> Any:
        for piece in self:
            yield piece


def test_pieces_may_be_of_any_size(harness: Harness, tmp_path: Path) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Slow()))
    path = harness.run(scan(harness, transport).file.save(tmp_path))
    assert path.read_bytes() == FITS[:100]


def test_a_part_that_was_not_asked_for_is_not_a_file(harness: Harness, tmp_path: Path) -> None:
    with pytest.raises(
        DownloadError, match="answered 206 with something other than the whole file"
    ):
        harness.run(scan(harness, answer(FITS, 206)).file.save(tmp_path))


def test_headers_of_any_bytes(harness: Harness, sandbox: Sandbox, tmp_path: Path) -> None:
    headers = {"Content-Disposition": 'attachment; filename="é.fits"'.encode()}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, headers=headers, stream=Slow())
    )
    file = scan(harness, transport).file
    assert harness.run(file.save(tmp_path)).suffix == ".fits"
    assert harness.run(file.get()) == FITS[:100]


def test_a_long_name_of_the_users(harness: Harness, tmp_path: Path) -> None:
    name = "n" * 250 + ".fits"
    assert harness.run(scan(harness, answer()).file.save(tmp_path, file_name=name)).name == name


def test_a_folder_that_cannot_be_made(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        harness.run(scan(harness, answer()).file.save(tmp_path / "file"))


def test_errors_of_the_adapters_carry_the_answer(harness: Harness) -> None:
    file = scan(harness, answer(HTML, Content_Type="text/html")).file
    for call in (file.open, file.table, file.fits):
        with pytest.raises(DecodeError, match="<html>") as caught:
            harness.run(call())
        assert caught.value.request.url.path == "/api/v1/scans/TPI/42/download"
        assert caught.value.response.content == HTML
    assert harness.run(file.get()) == HTML
